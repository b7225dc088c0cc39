/*
 * The handshake. Each message is worked out on copies of the chaining key and the hash, which go
 * into the handshake when all of it was right; so a message that is not genuine changes nothing.
 *
 * A handshake owns its ephemeral key, an identity its key; nothing else is allocated. Every secret
 * on the stack is wiped before it is left. One thread for each of the structs.
 */
#include "datapath/engine/noise.h"

#include <assert.h>
#include <string.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/ct.h"
#include "lib/crypto/hkdf.h"
#include "lib/util/cleanup.h"
#include "lib/util/endian.h"

/* [W] 5.4: Construction and Identifier, without a final NUL */
static const char construction[37] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[34] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* What both sides compute alike: [W] 5.4.2, C and H. [N] 5.2 calls it SymmetricState. */
struct symmetric {
	uint8_t chaining_key[32];
	uint8_t hash[32];
};

static void symmetric_wipe(struct symmetric *s)
{
	ct_wipe(s, sizeof(*s));
}

static void mix_hash(struct symmetric *s, const void *data, size_t len)
{
	const struct bytes parts[] = { { s->hash, sizeof(s->hash) }, { data, len } };

	blake2s(s->hash, parts, 2);
}

/* Both the first lines of a handshake: the names, and the responder's public key. */
static void symmetric_begin(struct symmetric *s, const struct wg_key *responder)
{
	const struct bytes name = { construction, sizeof(construction) };

	blake2s(s->chaining_key, &name, 1);
	memcpy(s->hash, s->chaining_key, sizeof(s->hash));
	mix_hash(s, identifier, sizeof(identifier));
	mix_hash(s, responder->bytes, sizeof(responder->bytes));
}

/* A message's ephemeral key goes into both: [N] 9.2, since there may be a preshared key. */
static void mix_ephemeral(struct symmetric *s, const uint8_t public_key[static X25519_LEN])
{
	mix_hash(s, public_key, X25519_LEN);
	hkdf(s->chaining_key, NULL, NULL, s->chaining_key, public_key, X25519_LEN);
}

/* A shared secret goes into the chaining key. `key`, if not NULL, is what to seal with next. */
static void mix_secret(struct symmetric *s, struct wg_key *key, const struct wg_key *secret)
{
	hkdf(s->chaining_key, key ? key->bytes : NULL, NULL, s->chaining_key, secret->bytes,
	     sizeof(secret->bytes));
}

/* Likewise for a Diffie-Hellman yet to be done. Returns false if it yields zero. */
static bool mix_dh(struct symmetric *s, struct wg_key *key, const struct x25519_key *ours,
		   const uint8_t theirs[static X25519_LEN])
{
	AUTO(wg_key_wipe) struct wg_key secret;

	if (!x25519_derive(secret.bytes, ours, theirs))
		return false;
	mix_secret(s, key, &secret);
	return true;
}

/* [N] 9.1: MixKeyAndHash; a peer without a preshared key has one of zeros. */
static void mix_preshared(struct symmetric *s, struct wg_key *key, const struct wg_key *preshared)
{
	AUTO(wg_key_wipe) struct wg_key tau;

	hkdf(s->chaining_key, tau.bytes, key->bytes, s->chaining_key, preshared->bytes,
	     sizeof(preshared->bytes));
	mix_hash(s, tau.bytes, sizeof(tau.bytes));
}

/* `out` gets len bytes and the tag; what went over the wire goes into the hash. */
static void seal_and_hash(uint8_t *out, struct symmetric *s, const struct wg_key *key,
			  const void *in, size_t len)
{
	aead_seal_once(out, key->bytes, 0, in, len, s->hash, sizeof(s->hash));
	mix_hash(s, out, len + AEAD_TAG_LEN);
}

/* The other way; `len` counts the tag. */
static bool open_and_hash(uint8_t *out, struct symmetric *s, const struct wg_key *key,
			  const void *in, size_t len)
{
	if (!aead_open_once(out, key->bytes, 0, in, len, s->hash, sizeof(s->hash)))
		return false;
	mix_hash(s, in, len);
	return true;
}

/* ---- who we are and whom we talk to ---------------------------------------------------------- */

void noise_identity_set(struct noise_identity *identity, const struct wg_key *private_key)
{
	noise_identity_fini(identity);
	if (wg_key_is_zero(private_key))
		return;
	identity->key = x25519_key_new(private_key->bytes);
	x25519_public(identity->public_key.bytes, identity->key);
}

void noise_identity_fini(struct noise_identity *identity)
{
	x25519_key_free(identity->key);
	*identity = (struct noise_identity){ 0 };
}

void noise_remote_reset(struct noise_remote *remote)
{
	wg_key_wipe(&remote->static_static);
	remote->usable = NOISE_NOT_TRIED;
}

bool noise_remote_usable(struct noise_remote *remote, const struct noise_identity *identity)
{
	if (!identity->key)
		return false;
	if (remote->usable == NOISE_NOT_TRIED)
		remote->usable = x25519_derive(remote->static_static.bytes, identity->key,
					       remote->public_key.bytes)
					 ? NOISE_USABLE
					 : NOISE_UNUSABLE;
	return remote->usable == NOISE_USABLE;
}

/* ---- the handshake's state ------------------------------------------------------------------- */

void handshake_wipe(struct handshake *handshake)
{
	x25519_key_free(handshake->ephemeral);
	handshake->ephemeral = NULL;
	ct_wipe(handshake->remote_ephemeral, sizeof(handshake->remote_ephemeral));
	ct_wipe(handshake->chaining_key, sizeof(handshake->chaining_key));
	ct_wipe(handshake->hash, sizeof(handshake->hash));
	handshake->state = HANDSHAKE_NONE;
}

/* A message was right: takes over what came of it, and enters `state`. */
static void handshake_advance(struct handshake *handshake, enum handshake_state state,
			      const struct symmetric *s)
{
	handshake->state = state;
	memcpy(handshake->chaining_key, s->chaining_key, sizeof(handshake->chaining_key));
	memcpy(handshake->hash, s->hash, sizeof(handshake->hash));
}

static struct symmetric handshake_symmetric(const struct handshake *handshake)
{
	struct symmetric s;

	memcpy(s.chaining_key, handshake->chaining_key, sizeof(s.chaining_key));
	memcpy(s.hash, handshake->hash, sizeof(s.hash));
	return s;
}

void noise_pending_wipe(struct noise_pending *pending)
{
	ct_wipe(pending, sizeof(*pending));
}

/* ---- initiation: [W] 5.4.2 ------------------------------------------------------------------- */

bool noise_write_initiation(struct wire_initiation *out, struct handshake *handshake,
			    const struct noise_identity *identity, struct noise_remote *remote,
			    const struct wg_key *ephemeral,
			    const uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			    uint32_t local_index)
{
	AUTO(symmetric_wipe) struct symmetric s;
	AUTO(wg_key_wipe) struct wg_key key;
	AUTO(x25519_key_auto_free) struct x25519_key *ours = NULL;
	struct wire_initiation message = { 0 };

	if (!noise_remote_usable(remote, identity))
		return false;
	ours = x25519_key_new(ephemeral->bytes);
	store_le32(message.type, WIRE_INITIATION);
	store_le32(message.sender, local_index);
	x25519_public(message.ephemeral, ours);

	symmetric_begin(&s, &remote->public_key);
	mix_ephemeral(&s, message.ephemeral);                  /* e */
	if (!mix_dh(&s, &key, ours, remote->public_key.bytes)) /* es */
		return false;
	seal_and_hash(message.sealed_static, &s, &key, identity->public_key.bytes, /* s */
		      sizeof(identity->public_key.bytes));
	mix_secret(&s, &key, &remote->static_static); /* ss */
	seal_and_hash(message.sealed_timestamp, &s, &key, timestamp, WIRE_TIMESTAMP_LEN);

	handshake_wipe(handshake);
	handshake->initiator = true;
	handshake->local_index = local_index;
	handshake->remote_index = 0;
	handshake->ephemeral = TAKE(ours);
	handshake_advance(handshake, HANDSHAKE_INITIATION_SENT, &s);
	*out = message;
	return true;
}

bool noise_read_initiation(struct noise_pending *pending, const struct wire_initiation *message,
			   const struct noise_identity *identity)
{
	AUTO(symmetric_wipe) struct symmetric s;
	AUTO(wg_key_wipe) struct wg_key key;
	struct wg_key sender;

	if (!identity->key)
		return false;
	symmetric_begin(&s, &identity->public_key);
	mix_ephemeral(&s, message->ephemeral);                    /* e */
	if (!mix_dh(&s, &key, identity->key, message->ephemeral)) /* es */
		return false;
	if (!open_and_hash(sender.bytes, &s, &key, message->sealed_static, /* s */
			   sizeof(message->sealed_static)))
		return false;

	pending->sender = sender;
	pending->sender_index = load_le32(message->sender);
	memcpy(pending->remote_ephemeral, message->ephemeral, sizeof(pending->remote_ephemeral));
	memcpy(pending->chaining_key, s.chaining_key, sizeof(pending->chaining_key));
	memcpy(pending->hash, s.hash, sizeof(pending->hash));
	memcpy(pending->sealed_timestamp, message->sealed_timestamp,
	       sizeof(pending->sealed_timestamp));
	return true;
}

bool noise_accept_initiation(struct handshake *handshake,
			     uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			     const struct noise_pending *pending,
			     const struct noise_identity *identity, struct noise_remote *remote)
{
	AUTO(symmetric_wipe) struct symmetric s;
	AUTO(wg_key_wipe) struct wg_key key;
	uint8_t opened[WIRE_TIMESTAMP_LEN];

	assert(wg_key_equal(&pending->sender, &remote->public_key));
	if (!noise_remote_usable(remote, identity))
		return false;
	memcpy(s.chaining_key, pending->chaining_key, sizeof(s.chaining_key));
	memcpy(s.hash, pending->hash, sizeof(s.hash));
	mix_secret(&s, &key, &remote->static_static); /* ss */
	if (!open_and_hash(opened, &s, &key, pending->sealed_timestamp,
			   sizeof(pending->sealed_timestamp)))
		return false;

	memcpy(timestamp, opened, sizeof(opened));
	handshake_wipe(handshake);
	handshake->initiator = false;
	handshake->local_index = 0;
	handshake->remote_index = pending->sender_index;
	memcpy(handshake->remote_ephemeral, pending->remote_ephemeral,
	       sizeof(handshake->remote_ephemeral));
	handshake_advance(handshake, HANDSHAKE_INITIATION_RECEIVED, &s);
	return true;
}

/* ---- response: [W] 5.4.3 --------------------------------------------------------------------- */

bool noise_write_response(struct wire_response *out, struct handshake *handshake,
			  const struct noise_remote *remote, const struct wg_key *ephemeral,
			  uint32_t local_index)
{
	AUTO(symmetric_wipe) struct symmetric s = handshake_symmetric(handshake);
	AUTO(wg_key_wipe) struct wg_key key;
	AUTO(x25519_key_auto_free) struct x25519_key *ours = x25519_key_new(ephemeral->bytes);
	struct wire_response message = { 0 };

	assert(handshake->state == HANDSHAKE_INITIATION_RECEIVED);
	store_le32(message.type, WIRE_RESPONSE);
	store_le32(message.sender, local_index);
	store_le32(message.receiver, handshake->remote_index);
	x25519_public(message.ephemeral, ours);

	mix_ephemeral(&s, message.ephemeral);                       /* e */
	if (!mix_dh(&s, NULL, ours, handshake->remote_ephemeral) || /* ee */
	    !mix_dh(&s, NULL, ours, remote->public_key.bytes))      /* se */
		return false;
	mix_preshared(&s, &key, &remote->preshared_key); /* psk */
	seal_and_hash(message.sealed_nothing, &s, &key, NULL, 0);

	handshake->local_index = local_index;
	handshake_advance(handshake, HANDSHAKE_COMPLETE, &s);
	*out = message;
	return true;
}

bool noise_read_response(struct handshake *handshake, const struct wire_response *message,
			 const struct noise_identity *identity, const struct noise_remote *remote)
{
	AUTO(symmetric_wipe) struct symmetric s = handshake_symmetric(handshake);
	AUTO(wg_key_wipe) struct wg_key key;
	uint8_t nothing[1];

	if (handshake->state != HANDSHAKE_INITIATION_SENT || !identity->key ||
	    load_le32(message->receiver) != handshake->local_index)
		return false;
	mix_ephemeral(&s, message->ephemeral);                             /* e */
	if (!mix_dh(&s, NULL, handshake->ephemeral, message->ephemeral) || /* ee */
	    !mix_dh(&s, NULL, identity->key, message->ephemeral))          /* se */
		return false;
	mix_preshared(&s, &key, &remote->preshared_key); /* psk */
	if (!open_and_hash(nothing, &s, &key, message->sealed_nothing,
			   sizeof(message->sealed_nothing)))
		return false;

	handshake->remote_index = load_le32(message->sender);
	memcpy(handshake->remote_ephemeral, message->ephemeral,
	       sizeof(handshake->remote_ephemeral));
	x25519_key_free(handshake->ephemeral);
	handshake->ephemeral = NULL;
	handshake_advance(handshake, HANDSHAKE_COMPLETE, &s);
	return true;
}

/* ---- what comes of it ------------------------------------------------------------------------ */

void noise_derive_keys(struct noise_keys *out, struct handshake *handshake)
{
	struct wg_key *first = handshake->initiator ? &out->send : &out->receive;
	struct wg_key *second = handshake->initiator ? &out->receive : &out->send;

	assert(handshake->state == HANDSHAKE_COMPLETE);
	/* [W] 5.4.5: the initiator sends with the first. */
	hkdf(first->bytes, second->bytes, NULL, handshake->chaining_key, NULL, 0);
	handshake_wipe(handshake);
}

void noise_timestamp(uint8_t out[static WIRE_TIMESTAMP_LEN], int64_t unix_ns)
{
	int64_t seconds = unix_ns / SEC(1), ns = unix_ns % SEC(1);

	if (ns < 0) { /* before 1970, where division rounds up */
		seconds--;
		ns += SEC(1);
	}
	/* TAI64N: 2^62 is 1970, 10 seconds ahead of UTC then. Leap seconds are not known here. */
	store_be64(out, (UINT64_C(1) << 62) + 10 + (uint64_t)seconds);
	store_be32(out + 8, (uint32_t)ns & ~UINT32_C(0xffffff));
}
