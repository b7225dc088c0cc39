#ifndef DATAPATH_ENGINE_COOKIE_H
#define DATAPATH_ENGINE_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/wire.h"
#include "lib/model/endpoint.h"
#include "lib/model/key.h"
#include "lib/util/clock.h"

/*
 * mac1, mac2 and cookies: the protection of the handshake against floods.
 * Source: [W] 5.3, 5.4.4, 5.4.7. Messages are handed in whole; their macs are the last 32 bytes.
 */

enum {
	COOKIE_LEN = 16
};

/** Our side as responder: checks macs, hands out cookies. */
struct cookie_checker {
	struct wg_key mac1_key;   /* HASH("mac1----", our public key) */
	struct wg_key cookie_key; /* HASH("cookie--", our public key) */
	struct wg_key secret;     /* behind all cookies; replaced after COOKIE_SECRET_MAX_AGE */
	mono_ns secret_born;      /* 0: there is none yet */
};

/** After our public key changed. */
void cookie_checker_init(struct cookie_checker *checker, const struct wg_key *public_key);

enum cookie_macs {
	COOKIE_MAC_BAD,   /* mac1 is wrong */
	COOKIE_MAC1_GOOD, /* mac1 is right; mac2 is not, or its cookie is too old */
	COOKIE_MAC2_GOOD, /* both are: the sender really is at its address */
};

enum cookie_macs cookie_check(const struct cookie_checker *checker, const void *message, size_t len,
			      const union sockaddr_ip *from, mono_ns now);

/**
 * Writes the cookie for `from` in answer to a message whose sender index is `sender`. A new secret
 * is made of `fresh_secret` (32 random bytes) if the old one has aged; `nonce` is 24 random bytes.
 */
void cookie_write_reply(struct wire_cookie *out, struct cookie_checker *checker,
			const void *message, size_t len, uint32_t sender,
			const union sockaddr_ip *from, const uint8_t nonce[static 24],
			const struct wg_key *fresh_secret, mono_ns now);

/** Our side as initiator, one for each peer. */
struct cookie_jar {
	struct wg_key mac1_key;
	struct wg_key cookie_key;
	uint8_t cookie[COOKIE_LEN];
	mono_ns cookie_born;   /* 0: there is none */
	uint8_t last_mac1[16]; /* a reply counts only if it answers this */
	bool have_last_mac1;
};

void cookie_jar_init(struct cookie_jar *jar, const struct wg_key *remote_public_key);
/** Fills in both macs of a message; mac2 is zero without a fresh cookie. */
void cookie_sign(struct cookie_jar *jar, void *message, size_t len, mono_ns now);
/** Takes a cookie reply. Returns false if it does not answer our last message. */
bool cookie_read_reply(struct cookie_jar *jar, const struct wire_cookie *message, mono_ns now);

#endif
