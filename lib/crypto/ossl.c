/*
 * Loading the crypto library, its start-up, and the contexts that each thread keeps.
 *
 * libcrypto is not linked but loaded by dlopen() when it is first needed: the 17000 relocations of
 * its tables take a millisecond and, with what is read for them, 1.4 MiB (400 KiB of it the
 * process's own), half of the time and nearly half of the memory that an interface needs until it
 * is given a key. As an archive in the program (make EMBED="... libcrypto") the tables take 0.4 ms
 * and 0.7 MiB, packed relocations or not, and the system's security updates pass it by.
 *
 * The table of its functions stands for what the loader's would be, and as that it is read-only
 * once it is filled in. Who runs with privileges (AT_SECURE) gets no other libcrypto by LD_* than
 * one that is linked would.
 *
 * The system's openssl.cnf is not read: `wg` would pay for it on every start, and a policy in it
 * (FIPS, say) must not take the algorithms away that WireGuard is made of. The library's own
 * clean-up at exit is left out, since the process ends anyway and other threads may still run.
 *
 * A thread's contexts hang on a thread-specific key, whose destructor frees them; those of the
 * main thread stay reachable until exit.
 */
#include "lib/crypto/ossl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/util/mem.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define LIBRARY "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

struct ossl_functions ossl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct err load_error;
static pthread_key_t at_thread_end;
/* What at_thread_end holds, where it is found faster. */
static _Thread_local struct ossl_thread *current;

static void thread_free(void *pointer)
{
	struct ossl_thread *thread = pointer;

	ossl.EVP_MD_CTX_free(thread->blake2s);
	ossl.EVP_MAC_CTX_free(thread->blake2s_mac);
	ossl.EVP_CIPHER_CTX_free(thread->seal);
	ossl.EVP_CIPHER_CTX_free(thread->open);
	ossl.EVP_CIPHER_CTX_free(thread->stream);
	ossl.EVP_PKEY_CTX_free(thread->x25519);
	ossl.EVP_PKEY_free(thread->x25519_peer);
	free(thread);
	current = NULL;
}

#ifdef OSSL_LINKED

static int find_functions(struct err *err)
{
	(void)err;
#define OSSL_TAKE(name) ossl.name = name;
	OSSL_FUNCTIONS(OSSL_TAKE)
#undef OSSL_TAKE
	return 0;
}

#else

static int find_functions(struct err *err)
{
	static const struct {
		const char *name;
		size_t at;
	} functions[] = {
#define OSSL_ROW(name) { #name, offsetof(struct ossl_functions, name) },
		OSSL_FUNCTIONS(OSSL_ROW)
#undef OSSL_ROW
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(err, -ELIBACC, "%s", dlerror());
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(library, functions[i].name);

		if (!function)
			return err_set(err, -ELIBACC, "%s", dlerror());
		memcpy((char *)&ossl + functions[i].at, &function, sizeof(function));
	}
	return 0;
}

#endif

static void load(void)
{
	int r = find_functions(&load_error);

	if (r)
		return;
	/* Where pages are larger, others stand beside it. */
	if (sysconf(_SC_PAGESIZE) == OSSL_PAGE_LEN)
		mprotect(&ossl, sizeof(ossl), PROT_READ);
	r = pthread_key_create(&at_thread_end, thread_free);
	assert(r == 0);
	OSSL_MUST(ossl.OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT,
					   NULL));
}

int ossl_load(struct err *err)
{
	int r = pthread_once(&once, load);

	assert(r == 0);
	if (load_error.code && err)
		*err = load_error;
	return load_error.code;
}

void ossl_init(void)
{
	struct err err;

	if (!ossl_load(&err))
		return;
	fprintf(stderr, "%s\n", err.text);
	abort();
}

static EVP_CIPHER_CTX *cipher_ctx(const EVP_CIPHER *cipher, int encrypt)
{
	EVP_CIPHER_CTX *ctx = ossl.EVP_CIPHER_CTX_new();

	assert(ctx);
	OSSL_MUST(ossl.EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL));
	return ctx;
}

static struct ossl_thread *thread_new(void)
{
	struct ossl_thread *thread = mem_alloc(1, sizeof(*thread));
	EVP_MD *blake2s = ossl.EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	EVP_MAC *mac = ossl.EVP_MAC_fetch(NULL, OSSL_MAC_NAME_BLAKE2SMAC, NULL);
	EVP_CIPHER *aead = ossl.EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	EVP_CIPHER *stream = ossl.EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);

	assert(blake2s && mac && aead && stream);
	thread->blake2s = ossl.EVP_MD_CTX_new();
	assert(thread->blake2s);
	OSSL_MUST(ossl.EVP_DigestInit_ex2(thread->blake2s, blake2s, NULL));
	thread->blake2s_mac = ossl.EVP_MAC_CTX_new(mac);
	assert(thread->blake2s_mac);
	thread->seal = cipher_ctx(aead, 1);
	thread->open = cipher_ctx(aead, 0);
	thread->stream = cipher_ctx(stream, 1);

	/* The contexts hold on to them. */
	ossl.EVP_CIPHER_free(stream);
	ossl.EVP_CIPHER_free(aead);
	ossl.EVP_MAC_free(mac);
	ossl.EVP_MD_free(blake2s);
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
