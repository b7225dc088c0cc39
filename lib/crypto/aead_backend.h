#ifndef LIB_CRYPTO_AEAD_BACKEND_H
#define LIB_CRYPTO_AEAD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/ossl.h"
#include "lib/util/err.h"

/*
 * What the AEAD's own files share: what a backend is, and what it keeps for a key and for a thread.
 * Nothing outside lib/crypto (and its tests) includes this.
 */

/** One way of sealing and opening packets. Its functions may run in several threads at a time. */
struct aead_backend {
	const char *name; /* as aead_backend_select() takes it */
	/* What it keeps for a key beside its bytes; NULL: nothing. */
	void (*key_init)(struct aead_key *key);
	void (*key_fini)(struct aead_key *key);
	void (*seal)(struct aead_key *key, struct aead_op *ops, size_t n);
	void (*open)(struct aead_key *key, struct aead_op *ops, size_t n);
};

struct aead_key {
	const struct aead_backend *backend;
	enum aead_direction direction;
	/* As it is; ipsec-mb reads 48 bytes of it. */
	uint8_t bytes[2 * AEAD_KEY_LEN];
	/* libcrypto: ChaCha20 with this key, for each thread that has used it (AEAD_THREADS_MAX).
	 */
	EVP_CIPHER_CTX **streams;
};

/** As aead_key_new(), for a backend that need not be the one in use. */
struct aead_key *aead_key_new_for(const struct aead_backend *backend, enum aead_direction direction,
				  const uint8_t key[static AEAD_KEY_LEN]);

/** What a thread keeps for the backends; made when they first need it, freed as the thread ends. */
struct aead_thread {
	unsigned int number;   /* below AEAD_THREADS_MAX; no other thread has it now */
	EVP_MAC_CTX *poly1305; /* libcrypto; holds the last packet's one-time key */
	void *manager;         /* ipsec-mb's */
	void (*manager_free)(void *manager);
};

struct aead_thread *aead_thread(void);

extern const struct aead_backend aead_libcrypto;

/**
 * ipsec-mb, loaded and tested by the first call. NULL with *err filled in (-ENOENT: not there;
 * -ENOTSUP: another version than that of the header; -EIO: it computes wrongly), by later calls
 * too.
 */
const struct aead_backend *aead_ipsec_mb_load(struct err *err);
/** Whether ipsec-mb is known to be faster than libcrypto on this processor. */
bool aead_ipsec_mb_is_faster(void);
/** "1.3.0 (AVX512)"; only after it was loaded. */
const char *aead_ipsec_mb_version(void);

/**
 * Whether a backend does what libcrypto does, with batches of any size, and refuses wrong tags.
 * Takes about a millisecond.
 */
bool aead_backend_works(const struct aead_backend *backend);

#endif
