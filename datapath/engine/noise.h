#ifndef DATAPATH_ENGINE_NOISE_H
#define DATAPATH_ENGINE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/engine/wire.h"
#include "lib/crypto/x25519.h"
#include "lib/model/key.h"

/*
 * The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it. Pure computation on
 * values: no clock, no randomness, no peers table; macs are cookie.h's.
 * Source: [W] 5.4.2, 5.4.3, 5.4.5; [N] for the pattern.
 */

/** Who we are. */
struct noise_identity {
	struct x25519_key *key; /* NULL: no private key */
	struct wg_key public_key;
};

/** Sets the identity from a private key, or clears it if that is zero. */
void noise_identity_set(struct noise_identity *identity, const struct wg_key *private_key);
void noise_identity_fini(struct noise_identity *identity);

/** Whether there can be a handshake with a remote. */
enum noise_usable {
	NOISE_NOT_TRIED, /* static_static is zero; left by noise_remote_usable() */
	NOISE_USABLE,    /* static_static is there */
	NOISE_UNUSABLE,  /* static_static is zero: the public key is one of low order */
};

/** Whom we talk to: what stays the same from handshake to handshake. */
struct noise_remote {
	struct wg_key public_key;
	struct wg_key preshared_key; /* zero: none */
	struct wg_key static_static; /* DH(our static, theirs), computed when first needed */
	enum noise_usable usable;
};

/** Wipes what was computed; call it when either static key changes. */
void noise_remote_reset(struct noise_remote *remote);
/**
 * Whether there can be a handshake: not without an identity, nor with a public key of low order.
 * The first time it computes static_static, which costs as much as a third of a handshake: among
 * very many peers only those that talk shall pay for it. The handshake's functions call it.
 */
bool noise_remote_usable(struct noise_remote *remote, const struct noise_identity *identity);

enum handshake_state {
	HANDSHAKE_NONE,            /* nothing under way; all secrets are zero */
	HANDSHAKE_INITIATION_SENT, /* by noise_write_initiation(); left by noise_read_response() */
	HANDSHAKE_INITIATION_RECEIVED, /* by noise_accept_initiation(); left by
					  noise_write_response() */
	HANDSHAKE_COMPLETE,            /* keys can be derived; left by noise_derive_keys() */
};

/** One handshake under way. Start with `= { 0 }`; noise.c alone writes it, but for local_index. */
struct handshake {
	enum handshake_state state;
	bool initiator;
	uint32_t local_index;  /* of our choice: the other side names it as receiver */
	uint32_t remote_index; /* of theirs */
	struct x25519_key *ephemeral;
	uint8_t remote_ephemeral[X25519_LEN];
	uint8_t chaining_key[32];
	uint8_t hash[32];
};

/**
 * Wipes all secrets; state is HANDSHAKE_NONE afterwards. The two indices, which are no secrets,
 * stay: local_index may still have to be taken out of the index table.
 */
void handshake_wipe(struct handshake *handshake);

/**
 * Begins a handshake as initiator and writes the message, without macs. `ephemeral` is 32 fresh
 * random bytes, `timestamp` a TAI64N later than any sent before. Any handshake under way is given
 * up. Returns false if remote is not usable; nothing is written then.
 */
bool noise_write_initiation(struct wire_initiation *out, struct handshake *handshake,
			    const struct noise_identity *identity, struct noise_remote *remote,
			    const struct wg_key *ephemeral,
			    const uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			    uint32_t local_index);

/** An initiation read halfway: up to who sent it. */
struct noise_pending {
	struct wg_key sender; /* the sender's public key, not yet proven to be fresh */
	uint32_t sender_index;
	uint8_t remote_ephemeral[X25519_LEN];
	uint8_t chaining_key[32];
	uint8_t hash[32];
	uint8_t sealed_timestamp[WIRE_TIMESTAMP_LEN + WIRE_TAG_LEN];
};

/** First half, whoever sent it. Returns false if it was not made for our identity. */
bool noise_read_initiation(struct noise_pending *pending, const struct wire_initiation *message,
			   const struct noise_identity *identity);
/**
 * Second half, once the caller has found the remote called pending->sender. On success *handshake
 * is replaced (what was under way is wiped) and the timestamp handed out for the caller to check
 * against replay before it goes on: `handshake` should be a scratch one until then.
 */
bool noise_accept_initiation(struct handshake *handshake,
			     uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			     const struct noise_pending *pending,
			     const struct noise_identity *identity, struct noise_remote *remote);
void noise_pending_wipe(struct noise_pending *pending);

/**
 * Answers an accepted initiation, without macs. Returns false if a shared secret is zero. The state
 * is HANDSHAKE_COMPLETE afterwards.
 */
bool noise_write_response(struct wire_response *out, struct handshake *handshake,
			  const struct noise_remote *remote, const struct wg_key *ephemeral,
			  uint32_t local_index);
/**
 * Takes the answer to our initiation. Returns false, and leaves the handshake as it was, if it is
 * not genuine: the true answer may still come.
 */
bool noise_read_response(struct handshake *handshake, const struct wire_response *message,
			 const struct noise_identity *identity, const struct noise_remote *remote);

struct noise_keys {
	struct wg_key send;
	struct wg_key receive;
};

/** [W] 5.4.5: the transport keys of a complete handshake, which is wiped. */
void noise_derive_keys(struct noise_keys *out, struct handshake *handshake);

/** TAI64N of a unix time, rounded down to 2^24 ns so that it tells nothing about our clock. */
void noise_timestamp(uint8_t out[static WIRE_TIMESTAMP_LEN], int64_t unix_ns);

#endif
