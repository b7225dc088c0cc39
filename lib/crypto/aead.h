#ifndef LIB_CRYPTO_AEAD_H
#define LIB_CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/err.h"

enum {
	AEAD_KEY_LEN = 32,
	AEAD_TAG_LEN = 16,
	XAEAD_NONCE_LEN = 24,
	/* Threads at a time that seal and open packets. */
	AEAD_THREADS_MAX = 16,
};

/**
 * A ChaCha20-Poly1305 key for one direction, with what the library keeps for it.
 * [W] 5.4: Aead(key, counter, text, additional); RFC 8439 with a 64-bit little-endian counter
 * behind 32 zero bits as nonce.
 */
struct aead_key;

enum aead_direction {
	AEAD_SEAL,
	AEAD_OPEN,
};

/** The bytes are copied; aead_key_free() wipes them. Never NULL. */
struct aead_key *aead_key_new(enum aead_direction direction,
			      const uint8_t key[static AEAD_KEY_LEN]);
void aead_key_free(struct aead_key *key);

/** One packet of a batch; no additional data. */
struct aead_op {
	uint64_t counter;
	uint8_t *data; /* sealed and opened in place */
	size_t len;    /* of the plaintext: the tag stands in the AEAD_TAG_LEN bytes behind it */
	bool ok;       /* opening: whether the tag was right. Else the data is garbage. */
};

/**
 * Seals a batch in place, all under one key, which several threads may do at a time:
 * data[0..len) is replaced, the tag put behind it.
 */
void aead_seal_batch(struct aead_key *key, struct aead_op *ops, size_t n);
/** Opens a batch in place, likewise, and says of each whether it was genuine. */
void aead_open_batch(struct aead_key *key, struct aead_op *ops, size_t n);

/**
 * Which library seals and opens packets: "libcrypto", "ipsec-mb" (intel-ipsec-mb, loaded now), or
 * "auto": ipsec-mb where it is there, passes a test and is the faster one, which is looked at when
 * the first key is made. For keys that are made from now on; before other threads make any.
 * Returns 0, or -EINVAL (another name), -ENOENT, -ENOTSUP or -EIO (ipsec-mb is not there, is not of
 * a known version, computes wrongly) with *err filled in and nothing changed.
 */
int aead_backend_select(const char *name, struct err *err);
/** "libcrypto" or "ipsec-mb": what keys are made for. Loads ipsec-mb if that is to be known. */
const char *aead_backend_name(void);
enum {
	AEAD_DESCRIPTION_LEN = 96
};
/** With versions, for a person: "ipsec-mb 1.3.0 (AVX512), libcrypto 3.0.22". The last is always in
 * use, for handshakes. */
void aead_backend_describe(char out[static AEAD_DESCRIPTION_LEN]);
/** Calls on_use, which may be NULL, when the choice is made for the first key. */
void aead_backend_on_use(void (*on_use)(void));

/**
 * For handshakes: one message under a key that is used once. `out` has len + AEAD_TAG_LEN bytes
 * and may be `in`.
 */
void aead_seal_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const void *in, size_t len, const void *additional, size_t additional_len);
/** `len` counts the tag. Returns false if it is not genuine; out is then zeroed. */
bool aead_open_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const void *in, size_t len, const void *additional, size_t additional_len);

/** XChaCha20-Poly1305, for cookies: draft-irtf-cfrg-xchacha section 2. As the two above. */
void xaead_seal(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN],
		const uint8_t nonce[static XAEAD_NONCE_LEN], const void *in, size_t len,
		const void *additional, size_t additional_len);
bool xaead_open(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN],
		const uint8_t nonce[static XAEAD_NONCE_LEN], const void *in, size_t len,
		const void *additional, size_t additional_len);

#endif
