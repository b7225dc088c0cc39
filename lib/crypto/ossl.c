/*
 * The crypto library's start-up, and the contexts that each thread keeps.
 *
 * The system's openssl.cnf is not read: `wg` would pay for it on every start, and a policy in it
 * (FIPS, say) must not take the algorithms away that WireGuard is made of. The library's own
 * clean-up at exit is left out, since the process ends anyway and other threads may still run.
 *
 * A thread's contexts hang on a thread-specific key, whose destructor frees them; those of the
 * main thread stay reachable until exit.
 */
#include "lib/crypto/ossl.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <pthread.h>

#include "lib/util/mem.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
/* What at_thread_end holds, where it is found faster. */
static _Thread_local struct ossl_thread *current;

static void thread_free(void *pointer)
{
	struct ossl_thread *thread = pointer;

	EVP_MD_CTX_free(thread->blake2s);
	EVP_MAC_CTX_free(thread->blake2s_mac);
	EVP_CIPHER_CTX_free(thread->seal);
	EVP_CIPHER_CTX_free(thread->open);
	EVP_CIPHER_CTX_free(thread->stream);
	EVP_PKEY_CTX_free(thread->x25519);
	EVP_PKEY_free(thread->x25519_peer);
	free(thread);
	current = NULL;
}

static void init(void)
{
	int r = pthread_key_create(&at_thread_end, thread_free);

	assert(r == 0);
	(void)r;
	OSSL_MUST(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL));
}

void ossl_init(void)
{
	int r = pthread_once(&once, init);

	assert(r == 0);
	(void)r;
}

static EVP_CIPHER_CTX *cipher_ctx(const EVP_CIPHER *cipher, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	assert(ctx);
	OSSL_MUST(EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL));
	return ctx;
}

static struct ossl_thread *thread_new(void)
{
	struct ossl_thread *thread = mem_alloc(1, sizeof(*thread));
	EVP_MD *blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_BLAKE2SMAC, NULL);
	EVP_CIPHER *aead = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	EVP_CIPHER *stream = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);

	assert(blake2s && mac && aead && stream);
	thread->blake2s = EVP_MD_CTX_new();
	assert(thread->blake2s);
	OSSL_MUST(EVP_DigestInit_ex2(thread->blake2s, blake2s, NULL));
	thread->blake2s_mac = EVP_MAC_CTX_new(mac);
	assert(thread->blake2s_mac);
	thread->seal = cipher_ctx(aead, 1);
	thread->open = cipher_ctx(aead, 0);
	thread->stream = cipher_ctx(stream, 1);

	/* The contexts hold on to them. */
	EVP_CIPHER_free(stream);
	EVP_CIPHER_free(aead);
	EVP_MAC_free(mac);
	EVP_MD_free(blake2s);
	return thread;
}

struct ossl_thread *ossl_thread(void)
{
	int r;

	if (current)
		return current;
	ossl_init();
	current = thread_new();
	r = pthread_setspecific(at_thread_end, current);
	assert(r == 0);
	(void)r;
	return current;
}
