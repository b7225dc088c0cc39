/*
 * Packets, by each library that there is: the same bytes from both, forgeries, edges of buffers and
 * counters, threads, time that does not depend on secrets; and how the library is chosen.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/crypto/aead_backend.h"
#include "tests/unit/poison.h"

enum {
	LEN_MAX = 65519,
	BATCH_MAX = 70,
	ROOM = 2304, /* of a packet in a batch, with what must stay as it is around it */
	AROUND = 64,
	NO_FLIP = 1 << 30,
};

static const uint8_t key_bytes[AEAD_KEY_LEN] = { 3, 1, 4, 1, 5, 9, 2, 6 };

/* Reproducible: the same numbers in each run. */
static uint64_t random_below(uint64_t limit)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % limit;
}

/* NULL where it is missing: tests are skipped then, but not because its self-test has failed. */
static const struct aead_backend *ipsec_mb(void)
{
	struct err err = { 0 };
	const struct aead_backend *backend = aead_ipsec_mb_load(&err);

	assert(backend || err.code == -ENOENT || err.code == -ENOTSUP);
	return backend;
}

/* ---- both make the same ---- */

static uint8_t arena[BATCH_MAX][ROOM], before[BATCH_MAX][ROOM];

/* One batch of random packets there and back, against the library's own ChaCha20-Poly1305. */
static void check_batch(struct aead_key *seal, struct aead_key *open, size_t n)
{
	uint8_t expected[ROOM];
	struct aead_op ops[BATCH_MAX];

	for (size_t i = 0; i < n; i++) {
		/* Also around the length from which on packets are not copied. */
		size_t len = random_below(4) ? random_below(1500) : 1900 + random_below(200);

		ops[i] = (struct aead_op){ random_below(1000) << random_below(54),
					   arena[i] + AROUND - random_below(8), len, false };
		for (size_t j = 0; j < ROOM; j++)
			arena[i][j] = (uint8_t)random_below(256);
	}
	memcpy(before, arena, sizeof(before));
	aead_seal_batch(seal, ops, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *was = before[i] + (ops[i].data - arena[i]);

		aead_seal_once(expected, key_bytes, ops[i].counter, was, ops[i].len, NULL, 0);
		assert_memory_equal(ops[i].data, expected, ops[i].len + AEAD_TAG_LEN);
		memcpy(was + ops[i].len, expected + ops[i].len, AEAD_TAG_LEN);
	}
	aead_open_batch(open, ops, n);
	for (size_t i = 0; i < n; i++)
		assert_true(ops[i].ok);
	/* All is as it was, but for the tags; nothing around the packets was touched. */
	assert_memory_equal(arena, before, sizeof(arena));
}

static void check_equality(const struct aead_backend *backend)
{
	struct aead_key *seal = aead_key_new_for(backend, AEAD_SEAL, key_bytes);
	struct aead_key *open = aead_key_new_for(backend, AEAD_OPEN, key_bytes);

	for (size_t i = 0; i < 150; i++)
		check_batch(seal, open, i < 70 ? i : random_below(BATCH_MAX + 1));
	aead_key_free(seal);
	aead_key_free(open);
}

/* Between two pages that nobody may touch: the libraries' own code is beyond address checkers. */
struct fenced {
	uint8_t *first, *end, *map;
	size_t map_len;
};

static struct fenced fenced_new(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (len + page - 1) / page * page;
	struct fenced f = { .map_len = inner + 2 * page };

	f.map = mmap(NULL, f.map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f.map != MAP_FAILED);
	f.first = f.map + page;
	f.end = f.first + inner;
	assert_int_equal(mprotect(f.first, inner, PROT_READ | PROT_WRITE), 0);
	return f;
}

/* Each length up to where packets are not copied any more, and long ones: nothing is read or
 * written beyond them, and a batch of one is right. */
static void check_lengths(const struct aead_backend *backend)
{
	static const size_t steps[] = { 4096, 9000, 16384, 65535 - 16, LEN_MAX };
	struct aead_key *seal = aead_key_new_for(backend, AEAD_SEAL, key_bytes);
	struct aead_key *open = aead_key_new_for(backend, AEAD_OPEN, key_bytes);
	uint8_t *plain = malloc(LEN_MAX), *expected = malloc(LEN_MAX + AEAD_TAG_LEN);
	struct fenced f = fenced_new(LEN_MAX + AEAD_TAG_LEN);

	for (size_t i = 0; i < LEN_MAX; i++)
		plain[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < 2 * (2100 + sizeof(steps) / sizeof(steps[0])); i++) {
		size_t len = i / 2 < 2100 ? i / 2 : steps[i / 2 - 2100];
		uint8_t *data = i % 2 ? f.first : f.end - len - AEAD_TAG_LEN;
		struct aead_op op = { i, data, len, false };

		memcpy(data, plain, len);
		aead_seal_batch(seal, &op, 1);
		aead_seal_once(expected, key_bytes, i, plain, len, NULL, 0);
		assert_memory_equal(data, expected, len + AEAD_TAG_LEN);
		aead_open_batch(open, &op, 1);
		assert_true(op.ok);
		assert_memory_equal(data, plain, len);
	}
	munmap(f.map, f.map_len);
	free(plain);
	free(expected);
	aead_key_free(seal);
	aead_key_free(open);
}

static void check_counters(const struct aead_backend *backend)
{
	static const uint64_t counters[] = { 0,          1,          0xff,           0xffffffff,
					     1ULL << 32, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX };
	struct aead_key *seal = aead_key_new_for(backend, AEAD_SEAL, key_bytes);
	struct aead_key *open = aead_key_new_for(backend, AEAD_OPEN, key_bytes);

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint8_t data[32 + AEAD_TAG_LEN] = { 0 }, expected[32 + AEAD_TAG_LEN] = { 0 };
		struct aead_op op = { counters[i], data, 32, false };

		aead_seal_batch(seal, &op, 1);
		aead_seal_once(expected, key_bytes, counters[i], expected, 32, NULL, 0);
		assert_memory_equal(data, expected, sizeof(data));
		op.counter ^= 1;
		aead_open_batch(open, &op, 1);
		assert_false(op.ok);
		memcpy(data, expected, sizeof(data));
		op.counter ^= 1;
		aead_open_batch(open, &op, 1);
		assert_true(op.ok);
	}
	aead_key_free(seal);
	aead_key_free(open);
}

/* ---- what is not genuine ---- */

static bool opens(struct aead_key *open, const uint8_t *sealed, size_t len, size_t flip_bit)
{
	uint8_t data[2200];
	struct aead_op op = { 9, data, len, true };

	memcpy(data, sealed, len + AEAD_TAG_LEN);
	if (flip_bit != NO_FLIP)
		data[flip_bit / 8] ^= 1 << flip_bit % 8;
	aead_open_batch(open, &op, 1);
	return op.ok;
}

static void check_forgeries(const struct aead_backend *backend)
{
	static const size_t lengths[] = { 0, 1, 16, 64, 1440, 2100 };
	struct aead_key *open = aead_key_new_for(backend, AEAD_OPEN, key_bytes);
	uint8_t sealed[2200] = { 0 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t len = lengths[i], n_bits = 8 * (len + AEAD_TAG_LEN);

		memset(sealed, 0, sizeof(sealed));
		aead_seal_once(sealed, key_bytes, 9, sealed, len, NULL, 0);
		assert_true(opens(open, sealed, len, NO_FLIP));
		/* All bits of the tag, and of the text some. */
		for (size_t bit = 0; bit < n_bits; bit += bit < 8 * len && len > 64 ? 61 : 1)
			assert_false(opens(open, sealed, len, bit));
		if (len)
			assert_false(opens(open, sealed, len - 1, NO_FLIP));
		assert_false(opens(open, sealed, len + 1, NO_FLIP));
	}
	aead_key_free(open);
}

/* ---- threads ---- */

static void *in_thread(void *backend)
{
	check_counters(backend);
	return backend;
}

/* What a thread keeps ends with it (leak checkers see to that). */
static void check_threads(const struct aead_backend *backend)
{
	pthread_t threads[3];
	void *result;

	for (int i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, in_thread, (void *)(uintptr_t)backend),
			0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, backend);
	}
}

static void check_all(const struct aead_backend *backend)
{
	check_equality(backend);
	check_lengths(backend);
	check_counters(backend);
	check_forgeries(backend);
	check_threads(backend);
}

static void test_libcrypto(void **state)
{
	(void)state;
	check_all(&aead_libcrypto);
}

static void test_ipsec_mb(void **state)
{
	(void)state;
	if (!ipsec_mb())
		skip();
	check_all(ipsec_mb());
}

/* What one has sealed the other opens, also while keys of both are at work. */
static void test_side_by_side(void **state)
{
	const struct aead_backend *backends[] = { &aead_libcrypto, ipsec_mb() };
	struct aead_key *seal[2], *open[2];

	(void)state;
	if (!ipsec_mb())
		skip();
	for (int i = 0; i < 2; i++) {
		seal[i] = aead_key_new_for(backends[i], AEAD_SEAL, key_bytes);
		open[i] = aead_key_new_for(backends[i], AEAD_OPEN, key_bytes);
	}
	for (int i = 0; i < 20; i++)
		check_batch(seal[i % 2], open[!(i % 2)], 40);
	for (int i = 0; i < 2; i++) {
		aead_key_free(seal[i]);
		aead_key_free(open[i]);
	}
}

/* ---- the choice ---- */

static int n_on_use;

static void count_use(void)
{
	n_on_use++;
}

static const struct aead_backend *backend_of_new_key(void)
{
	struct aead_key *key = aead_key_new(AEAD_SEAL, key_bytes);
	const struct aead_backend *backend = key->backend;

	aead_key_free(key);
	return backend;
}

static void test_select(void **state)
{
	char description[AEAD_DESCRIPTION_LEN];
	struct err err = { 0 };

	(void)state;
	aead_backend_on_use(count_use);
	n_on_use = 0;
	assert_int_equal(aead_backend_select("libcrypto", &err), 0);
	assert_string_equal(aead_backend_name(), "libcrypto");
	aead_backend_describe(description);
	assert_ptr_equal(strstr(description, "libcrypto 3."), description);
	assert_null(strchr(description, ','));
	assert_int_equal(n_on_use, 0);
	assert_ptr_equal(backend_of_new_key(), &aead_libcrypto);
	assert_ptr_equal(backend_of_new_key(), &aead_libcrypto);
	assert_int_equal(n_on_use, 1);

	static const char *const wrong[] = { "", "openssl", "Auto", "ipsec_mb", "ipsec-mb\n" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err = (struct err){ 0 };
		assert_int_equal(aead_backend_select(wrong[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "neither auto nor libcrypto nor ipsec-mb"));
		assert_int_equal(aead_backend_select(wrong[i], NULL), -EINVAL);
	}
	assert_ptr_equal(backend_of_new_key(), &aead_libcrypto);
	assert_int_equal(n_on_use, 1);

	assert_int_equal(aead_backend_select("auto", &err), 0);
	assert_string_equal(aead_backend_name(),
			    ipsec_mb() && aead_ipsec_mb_is_faster() ? "ipsec-mb" : "libcrypto");
	assert_string_equal(backend_of_new_key()->name, aead_backend_name());
	assert_int_equal(n_on_use, 2);
	aead_backend_on_use(NULL);
}

static void test_select_ipsec_mb(void **state)
{
	char description[AEAD_DESCRIPTION_LEN];
	struct err err = { 0 };

	(void)state;
	if (!ipsec_mb())
		skip();
	assert_int_equal(aead_backend_select("ipsec-mb", &err), 0);
	assert_string_equal(aead_backend_name(), "ipsec-mb");
	assert_ptr_equal(backend_of_new_key(), ipsec_mb());
	aead_backend_describe(description);
	assert_ptr_equal(strstr(description, "ipsec-mb 1.3."), description);
	assert_non_null(strstr(description, "), libcrypto 3."));
	assert_int_equal(aead_backend_select("auto", &err), 0);
}

/* In a process of its own, which finds something else under the library's name. */
static int without_library(void)
{
	struct err err = { 0 };

	if (aead_backend_select("ipsec-mb", &err) != -ENOENT || err.code != -ENOENT)
		return 1;
	if (!strstr(err.text, "libIPSec_MB.so.1"))
		return 2;
	/* The same again; and what is left works. */
	if (aead_backend_select("ipsec-mb", NULL) != -ENOENT)
		return 3;
	if (strcmp(aead_backend_name(), "libcrypto") || backend_of_new_key() != &aead_libcrypto)
		return 4;
	return 0;
}

static void test_without_library(void **state)
{
	char dir[] = "/tmp/aead_test.XXXXXX", file[64], self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int status;
	pid_t pid;

	(void)state;
	if (!ipsec_mb())
		skip();
	assert_true(len > 0);
	self[len] = '\0';
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/libIPSec_MB.so.1", dir);
	assert_int_equal(mkdir(file, 0700), 0); /* found first, and no library */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("LD_LIBRARY_PATH", dir, 1);
		execl(self, self, "without-library", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	rmdir(file);
	rmdir(dir);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- under valgrind ---- */

/*
 * Opening with a secret key. Whether a packet is genuine is for all to see, and branched on at
 * most once; but not where its tag goes wrong. Returns the branches for a tag that is wrong in
 * byte `at`, none if `at` is beyond it.
 */
static unsigned int branches_of_open(const struct aead_backend *backend, size_t at, bool *ok)
{
	uint8_t key[AEAD_KEY_LEN], data[100 + AEAD_TAG_LEN] = { 0 };
	struct aead_op op = { 1, data, 100, false };
	struct aead_key *open;
	unsigned int errors;

	memcpy(key, key_bytes, sizeof(key));
	aead_seal_once(data, key, 1, data, 100, NULL, 0);
	if (at < AEAD_TAG_LEN)
		data[100 + at] ^= 1;
	poison(key, sizeof(key));
	open = aead_key_new_for(backend, AEAD_OPEN, key);
	errors = poison_errors();
	aead_open_batch(open, &op, 1);
	errors = poison_errors() - errors;
	unpoison(&op.ok, sizeof(op.ok));
	*ok = op.ok;
	aead_key_free(open);
	return errors;
}

static unsigned int branches_of_seal(const struct aead_backend *backend)
{
	uint8_t key[AEAD_KEY_LEN], data[100 + AEAD_TAG_LEN] = { 0 };
	struct aead_op op = { 1, data, 100, false };
	unsigned int errors = poison_errors();
	struct aead_key *seal;

	memcpy(key, key_bytes, sizeof(key));
	poison(key, sizeof(key));
	poison(data, 100);
	seal = aead_key_new_for(backend, AEAD_SEAL, key);
	aead_seal_batch(seal, &op, 1);
	aead_key_free(seal);
	return poison_errors() - errors;
}

/* Valgrind's processor has no AVX-512: what is looked at in ipsec-mb is its code for AVX2. */
static int poisoned(void)
{
	const struct aead_backend *backends[] = { &aead_libcrypto, ipsec_mb() };

	if (!poison_works())
		return 1;
	for (size_t i = 0; i < 2 && backends[i]; i++) {
		bool ok;

		if (branches_of_seal(backends[i]))
			return 2;
		if (branches_of_open(backends[i], AEAD_TAG_LEN, &ok) > 1 || !ok)
			return 3;
		for (size_t at = 0; at < AEAD_TAG_LEN; at++)
			if (branches_of_open(backends[i], at, &ok) > 1 || ok)
				return 4;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libcrypto),       cmocka_unit_test(test_ipsec_mb),
		cmocka_unit_test(test_side_by_side),    cmocka_unit_test(test_select),
		cmocka_unit_test(test_select_ipsec_mb), cmocka_unit_test(test_without_library),
		cmocka_unit_test(poison_rerun),
	};

	if (poison_asked(argc, argv))
		return poisoned();
	if (argc == 2 && !strcmp(argv[1], "without-library"))
		return without_library();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
