/*
 * mac1, mac2 and cookies. A cookie is a MAC of the sender's address under a secret that changes
 * every two minutes, so the responder need not remember whom it gave one. Pure computation on the
 * structs, which own all they hold. One thread for each of them.
 */
#include "datapath/engine/cookie.h"

#include <assert.h>
#include <string.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/blake2s.h"
#include "lib/crypto/ct.h"
#include "lib/util/endian.h"

_Static_assert((int)COOKIE_LEN == BLAKE2S_MAC_LEN, "a cookie is a MAC");

/* [W] 5.4.4: Label-Mac1, and 5.4.7: Label-Cookie */
static void label_key(struct wg_key *out, const char label[static 8],
		      const struct wg_key *public_key)
{
	const struct bytes parts[] = { { label, 8 },
				       { public_key->bytes, sizeof(public_key->bytes) } };

	blake2s(out->bytes, parts, 2);
}

/* Where mac1 is in a message, and so how many bytes it is about; mac2 is about those and mac1. */
static size_t mac1_at(size_t len)
{
	assert(len > sizeof(struct wire_macs));
	return len - sizeof(struct wire_macs);
}

static size_t mac2_at(size_t len)
{
	return mac1_at(len) + sizeof(((struct wire_macs *)0)->mac1);
}

/* [W] 5.4.7: tau, from the address and the port as they stand in a packet */
static void make_cookie(uint8_t out[static COOKIE_LEN], const struct wg_key *secret,
			const union sockaddr_ip *from)
{
	uint8_t address[16 + 2];
	size_t len;

	assert(from->sa.sa_family == AF_INET || from->sa.sa_family == AF_INET6);
	if (from->sa.sa_family == AF_INET) {
		len = sizeof(from->v4.sin_addr);
		memcpy(address, &from->v4.sin_addr, len);
		memcpy(address + len, &from->v4.sin_port, 2);
	} else {
		len = sizeof(from->v6.sin6_addr);
		memcpy(address, &from->v6.sin6_addr, len);
		memcpy(address + len, &from->v6.sin6_port, 2);
	}
	blake2s_mac(out, secret->bytes, sizeof(secret->bytes), address, len + 2);
}

/* ---- as responder ---------------------------------------------------------------------------- */

void cookie_checker_init(struct cookie_checker *checker, const struct wg_key *public_key)
{
	ct_wipe(checker, sizeof(*checker));
	label_key(&checker->mac1_key, "mac1----", public_key);
	label_key(&checker->cookie_key, "cookie--", public_key);
}

static bool secret_fresh(const struct cookie_checker *checker, mono_ns now)
{
	return checker->secret_born && now - checker->secret_born < COOKIE_SECRET_MAX_AGE;
}

enum cookie_macs cookie_check(const struct cookie_checker *checker, const void *message, size_t len,
			      const union sockaddr_ip *from, mono_ns now)
{
	const uint8_t *bytes = message;
	uint8_t mac[BLAKE2S_MAC_LEN], cookie[COOKIE_LEN];
	bool good;

	blake2s_mac(mac, checker->mac1_key.bytes, sizeof(checker->mac1_key.bytes), bytes,
		    mac1_at(len));
	if (!ct_equal(mac, bytes + mac1_at(len), sizeof(mac)))
		return COOKIE_MAC_BAD;
	if (!secret_fresh(checker, now))
		return COOKIE_MAC1_GOOD;

	make_cookie(cookie, &checker->secret, from);
	blake2s_mac(mac, cookie, sizeof(cookie), bytes, mac2_at(len));
	good = ct_equal(mac, bytes + mac2_at(len), sizeof(mac));
	ct_wipe(cookie, sizeof(cookie));
	ct_wipe(mac, sizeof(mac));
	return good ? COOKIE_MAC2_GOOD : COOKIE_MAC1_GOOD;
}

void cookie_write_reply(struct wire_cookie *out, struct cookie_checker *checker,
			const void *message, size_t len, uint32_t sender,
			const union sockaddr_ip *from, const uint8_t nonce[static 24],
			const struct wg_key *fresh_secret, mono_ns now)
{
	const uint8_t *mac1 = (const uint8_t *)message + mac1_at(len);
	uint8_t cookie[COOKIE_LEN];

	if (!secret_fresh(checker, now)) {
		checker->secret = *fresh_secret;
		checker->secret_born = now ? now : 1; /* 0 would be none */
	}
	make_cookie(cookie, &checker->secret, from);

	memset(out, 0, sizeof(*out));
	store_le32(out->type, WIRE_COOKIE);
	store_le32(out->receiver, sender);
	memcpy(out->nonce, nonce, sizeof(out->nonce));
	xaead_seal(out->sealed_cookie, checker->cookie_key.bytes, out->nonce, cookie,
		   sizeof(cookie), mac1, sizeof(((struct wire_macs *)0)->mac1));
	ct_wipe(cookie, sizeof(cookie));
}

/* ---- as initiator ---------------------------------------------------------------------------- */

void cookie_jar_init(struct cookie_jar *jar, const struct wg_key *remote_public_key)
{
	ct_wipe(jar, sizeof(*jar));
	label_key(&jar->mac1_key, "mac1----", remote_public_key);
	label_key(&jar->cookie_key, "cookie--", remote_public_key);
}

void cookie_sign(struct cookie_jar *jar, void *message, size_t len, mono_ns now)
{
	/* A little earlier than the responder's secret ages: the message has yet to get there. */
	const span_ns max_age = COOKIE_SECRET_MAX_AGE - COOKIE_SECRET_LATENCY;
	uint8_t *bytes = message, *mac1 = bytes + mac1_at(len), *mac2 = bytes + mac2_at(len);

	blake2s_mac(mac1, jar->mac1_key.bytes, sizeof(jar->mac1_key.bytes), bytes, mac1_at(len));
	memcpy(jar->last_mac1, mac1, sizeof(jar->last_mac1));
	jar->have_last_mac1 = true;
	if (jar->cookie_born && now - jar->cookie_born < max_age)
		blake2s_mac(mac2, jar->cookie, sizeof(jar->cookie), bytes, mac2_at(len));
	else
		memset(mac2, 0, BLAKE2S_MAC_LEN);
}

bool cookie_read_reply(struct cookie_jar *jar, const struct wire_cookie *message, mono_ns now)
{
	uint8_t cookie[COOKIE_LEN];

	if (!jar->have_last_mac1)
		return false;
	if (!xaead_open(cookie, jar->cookie_key.bytes, message->nonce, message->sealed_cookie,
			sizeof(message->sealed_cookie), jar->last_mac1, sizeof(jar->last_mac1)))
		return false;
	memcpy(jar->cookie, cookie, sizeof(jar->cookie));
	jar->cookie_born = now ? now : 1; /* 0 would be none */
	jar->have_last_mac1 = false;      /* one answer for each message */
	ct_wipe(cookie, sizeof(cookie));
	return true;
}
