/*
 * Keys for packets, and by which library their packets are sealed and opened. That is chosen when
 * the first key is made, so that who never makes one (wg, an idle daemon) does not pay for loading
 * and testing a library. A key belongs to whoever had it made; any thread may use it.
 *
 * The choice is made once, under a lock. What the backends keep for each thread hangs on a
 * thread-specific key, whose destructor frees it; that of the main thread stays until exit.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/aead_backend.h"
#include "lib/crypto/ct.h"
#include "lib/util/mem.h"

/* ---- what a thread keeps ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
/* What at_thread_end holds, where it is found faster. */
static _Thread_local struct aead_thread *current;
static atomic_uint numbers; /* a bit for each that is in use */

static void thread_free(void *pointer)
{
	struct aead_thread *thread = pointer;

	if (thread->poly1305)
		ossl.EVP_MAC_CTX_free(thread->poly1305);
	if (thread->manager)
		thread->manager_free(thread->manager);
	atomic_fetch_and(&numbers, ~(1U << thread->number));
	free(thread);
	current = NULL;
}

static unsigned int take_number(void)
{
	unsigned int taken = atomic_load(&numbers), number;

	do {
		assert(taken != (1U << AEAD_THREADS_MAX) - 1);
		number = (unsigned int)__builtin_ctz(~taken);
	} while (!atomic_compare_exchange_weak(&numbers, &taken, taken | 1U << number));
	return number;
}

static void init(void)
{
	int r = pthread_key_create(&at_thread_end, thread_free);

	assert(r == 0);
	(void)r;
}

struct aead_thread *aead_thread(void)
{
	int r;

	if (current)
		return current;
	r = pthread_once(&once, init);
	assert(r == 0);
	current = mem_alloc(1, sizeof(*current));
	current->number = take_number();
	r = pthread_setspecific(at_thread_end, current);
	assert(r == 0);
	return current;
}

/* ---- the choice ---- */

enum wanted {
	WANTED_AUTO,
	WANTED_LIBCRYPTO,
	WANTED_IPSEC_MB,
};

static const char *const names[] = {
	[WANTED_AUTO] = "auto",
	[WANTED_LIBCRYPTO] = "libcrypto",
	[WANTED_IPSEC_MB] = "ipsec-mb",
};

static struct {
	pthread_mutex_t lock;
	enum wanted wanted;
	/* NULL until the first key is made. */
	_Atomic(const struct aead_backend *) in_use;
	void (*on_use)(void);
} choice = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What would be used, or is. Loads ipsec-mb if it may be that. */
static const struct aead_backend *choose(enum wanted wanted)
{
	const struct aead_backend *backend = NULL;

	if (wanted == WANTED_IPSEC_MB || (wanted == WANTED_AUTO && aead_ipsec_mb_is_faster()))
		backend = aead_ipsec_mb_load(NULL);
	return backend ? backend : &aead_libcrypto;
}

int aead_backend_select(const char *name, struct err *err)
{
	enum wanted wanted = WANTED_AUTO;
	struct err unusable = { 0 };

	while (wanted < sizeof(names) / sizeof(names[0]) && strcmp(name, names[wanted]))
		wanted++;
	if (wanted == sizeof(names) / sizeof(names[0]))
		return err_expected(err, -EINVAL, "auto, libcrypto or ipsec-mb",
				    "neither auto nor libcrypto nor ipsec-mb: `%s'", name);
	if (wanted == WANTED_IPSEC_MB && !aead_ipsec_mb_load(&unusable))
		return err_set(err, unusable.code, "%s", unusable.text);
	pthread_mutex_lock(&choice.lock);
	choice.wanted = wanted;
	atomic_store(&choice.in_use, NULL);
	pthread_mutex_unlock(&choice.lock);
	return 0;
}

const char *aead_backend_name(void)
{
	const struct aead_backend *backend;

	pthread_mutex_lock(&choice.lock);
	backend = choose(choice.wanted);
	pthread_mutex_unlock(&choice.lock);
	return backend->name;
}

void aead_backend_describe(char out[static AEAD_DESCRIPTION_LEN])
{
	const char *name = aead_backend_name(), *libcrypto;

	ossl_init();
	libcrypto = ossl.OpenSSL_version(OPENSSL_VERSION_STRING);
	if (!strcmp(name, aead_libcrypto.name))
		snprintf(out, AEAD_DESCRIPTION_LEN, "%s %s", name, libcrypto);
	else
		snprintf(out, AEAD_DESCRIPTION_LEN, "%s %s, %s %s", name, aead_ipsec_mb_version(),
			 aead_libcrypto.name, libcrypto);
}

void aead_backend_on_use(void (*on_use)(void))
{
	pthread_mutex_lock(&choice.lock);
	choice.on_use = on_use;
	pthread_mutex_unlock(&choice.lock);
}

static const struct aead_backend *backend_in_use(void)
{
	const struct aead_backend *backend = atomic_load(&choice.in_use);
	void (*on_use)(void) = NULL;

	if (backend)
		return backend;
	pthread_mutex_lock(&choice.lock);
	backend = atomic_load(&choice.in_use);
	if (!backend) {
		backend = choose(choice.wanted);
		on_use = choice.on_use;
		atomic_store(&choice.in_use, backend);
	}
	pthread_mutex_unlock(&choice.lock);
	if (on_use)
		on_use();
	return backend;
}

/* ---- keys ---- */

struct aead_key *aead_key_new_for(const struct aead_backend *backend, enum aead_direction direction,
				  const uint8_t key[static AEAD_KEY_LEN])
{
	struct aead_key *aead = mem_alloc(1, sizeof(*aead));

	aead->backend = backend;
	aead->direction = direction;
	memcpy(aead->bytes, key, AEAD_KEY_LEN);
	if (backend->key_init)
		backend->key_init(aead);
	return aead;
}

struct aead_key *aead_key_new(enum aead_direction direction, const uint8_t key[static AEAD_KEY_LEN])
{
	return aead_key_new_for(backend_in_use(), direction, key);
}

void aead_key_free(struct aead_key *key)
{
	if (!key)
		return;
	if (key->backend->key_fini)
		key->backend->key_fini(key);
	ct_wipe(key->bytes, sizeof(key->bytes));
	free(key);
}

void aead_seal_batch(struct aead_key *key, struct aead_op *ops, size_t n)
{
	assert(key->direction == AEAD_SEAL);
	key->backend->seal(key, ops, n);
}

void aead_open_batch(struct aead_key *key, struct aead_op *ops, size_t n)
{
	assert(key->direction == AEAD_OPEN);
	key->backend->open(key, ops, n);
}
