#ifndef LIB_CRYPTO_OSSL_H
#define LIB_CRYPTO_OSSL_H

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "lib/util/err.h"

/*
 * What this room's files share of OpenSSL 3. Its functions are called as ossl.NAME(): the library
 * is loaded when it is first needed, see ossl.c. A call that fails is a mistake of ours, or there
 * is no memory left: OSSL_MUST(). Making contexts and looking up algorithms costs more than a hash,
 * so they are made once for each thread and used again.
 */

/* Always evaluates the call, whatever becomes of assert(). */
#define OSSL_MUST(call)           \
	do {                      \
		int ok_ = (call); \
		assert(ok_ == 1); \
		(void)ok_;        \
	} while (0)

/* The functions that are used; who needs another adds it here. */
#define OSSL_FUNCTIONS(X)                   \
	X(CRYPTO_memcmp)                    \
	X(ERR_clear_error)                  \
	X(EVP_CIPHER_CTX_ctrl)              \
	X(EVP_CIPHER_CTX_free)              \
	X(EVP_CIPHER_CTX_get0_cipher)       \
	X(EVP_CIPHER_CTX_new)               \
	X(EVP_CIPHER_fetch)                 \
	X(EVP_CIPHER_free)                  \
	X(EVP_CipherInit_ex2)               \
	X(EVP_DecryptFinal_ex)              \
	X(EVP_DecryptInit_ex2)              \
	X(EVP_DecryptUpdate)                \
	X(EVP_DigestFinal_ex)               \
	X(EVP_DigestInit_ex2)               \
	X(EVP_DigestUpdate)                 \
	X(EVP_EncryptFinal_ex)              \
	X(EVP_EncryptInit_ex2)              \
	X(EVP_EncryptUpdate)                \
	X(EVP_MAC_CTX_free)                 \
	X(EVP_MAC_CTX_new)                  \
	X(EVP_MAC_fetch)                    \
	X(EVP_MAC_final)                    \
	X(EVP_MAC_free)                     \
	X(EVP_MAC_init)                     \
	X(EVP_MAC_update)                   \
	X(EVP_MD_CTX_free)                  \
	X(EVP_MD_CTX_new)                   \
	X(EVP_MD_fetch)                     \
	X(EVP_MD_free)                      \
	X(EVP_PKEY_CTX_dup)                 \
	X(EVP_PKEY_CTX_free)                \
	X(EVP_PKEY_CTX_new_from_name)       \
	X(EVP_PKEY_CTX_new_from_pkey)       \
	X(EVP_PKEY_derive)                  \
	X(EVP_PKEY_derive_init)             \
	X(EVP_PKEY_derive_set_peer_ex)      \
	X(EVP_PKEY_free)                    \
	X(EVP_PKEY_fromdata)                \
	X(EVP_PKEY_fromdata_init)           \
	X(EVP_PKEY_set1_encoded_public_key) \
	X(OPENSSL_init_crypto)              \
	X(OpenSSL_version)

enum {
	OSSL_PAGE_LEN = 4096
};

/* Fills whole pages, so that it can be made read-only. */
struct ossl_functions {
#define OSSL_MEMBER(name) __typeof__(name) *name;
	OSSL_FUNCTIONS(OSSL_MEMBER)
#undef OSSL_MEMBER
} __attribute__((aligned(OSSL_PAGE_LEN)));

/**
 * Filled in by ossl_load(). Not const: a compiler might read it before that. For the same reason
 * ossl_thread() is never called among the arguments of one of these functions.
 */
extern struct ossl_functions ossl;

/**
 * Loads the library and starts it, the first time; any number of times, from any thread. Returns 0,
 * or -ELIBACC with *err filled in, by later calls too.
 */
int ossl_load(struct err *err);
/** The same, where a library that cannot be loaded ends the program, saying why. */
void ossl_init(void);

/**
 * One thread's contexts. The ciphers' users put a key of zeros in when they are done, and a hash is
 * wiped as it ends. The MAC keeps its last key: what it is used with here is either no secret
 * (hashes of public keys) or lives for two minutes anyway (cookies and what they are made with).
 */
struct ossl_thread {
	EVP_MD_CTX *blake2s;
	EVP_MAC_CTX *blake2s_mac;
	EVP_CIPHER_CTX *seal;   /* ChaCha20-Poly1305 */
	EVP_CIPHER_CTX *open;   /* ChaCha20-Poly1305 */
	EVP_CIPHER_CTX *stream; /* ChaCha20 */
	EVP_PKEY_CTX *x25519;   /* makes keys, keeps none; NULL until there is one */
	EVP_PKEY *x25519_peer;  /* a public key, the last one that was derived with */
};

/** The calling thread's; the thread's end frees it. */
struct ossl_thread *ossl_thread(void);

#endif
