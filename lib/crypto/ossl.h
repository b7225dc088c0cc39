#ifndef LIB_CRYPTO_OSSL_H
#define LIB_CRYPTO_OSSL_H

#include <assert.h>
#include <openssl/evp.h>

/*
 * What this room's files share of OpenSSL 3. A call that fails is a mistake of ours, or there is no
 * memory left: OSSL_MUST(). Making contexts and looking up algorithms costs more than a hash, so
 * they are made once for each thread and used again.
 */

/* Always evaluates the call, whatever becomes of assert(). */
#define OSSL_MUST(call)           \
	do {                      \
		int ok_ = (call); \
		assert(ok_ == 1); \
		(void)ok_;        \
	} while (0)

/** To be called before anything else of the library; any number of times, from any thread. */
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
