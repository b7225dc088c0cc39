/* ChaCha20-Poly1305 and XChaCha20-Poly1305: known answers, forgeries, batches, threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/aead.h"
#include "lib/crypto/blake2s.h"
#include "lib/util/endian.h"
#include "tests/unit/vectors.h"

enum {
	BUFFER_LEN = 9216
};

static const uint8_t zero[BUFFER_LEN];

/* Every bit of sealed text, nonce and additional data flipped, and every shorter text: refused. */
static void check_forgeries(const struct vectors *v)
{
	const uint8_t *key = vector_bytes(v, "key", AEAD_KEY_LEN);
	const struct vector_field *nonce = vector_get(v, "nonce");
	const struct vector_field *additional = vector_get(v, "additional");
	const struct vector_field *sealed = vector_get(v, "sealed");
	struct vector_field *const targets[] = { (struct vector_field *)nonce,
						 (struct vector_field *)additional,
						 (struct vector_field *)sealed };
	uint8_t out[BUFFER_LEN];

	for (size_t t = 0; t < 3; t++) {
		/* The first four bytes of the short nonce are not handed over. */
		size_t first = t == 0 && nonce->len == 12 ? 4 : 0;

		for (size_t bit = 8 * first; bit < 8 * targets[t]->len; bit++) {
			bool ok;

			targets[t]->bytes[bit / 8] ^= 1 << bit % 8;
			memset(out, 0xaa, sealed->len);
			ok = nonce->len == XAEAD_NONCE_LEN
				     ? xaead_open(out, key, nonce->bytes, sealed->bytes,
						  sealed->len, additional->bytes, additional->len)
				     : aead_open_once(out, key, load_le64(nonce->bytes + 4),
						      sealed->bytes, sealed->len, additional->bytes,
						      additional->len);
			assert_false(ok);
			assert_memory_equal(out, zero, sealed->len - AEAD_TAG_LEN);
			targets[t]->bytes[bit / 8] ^= 1 << bit % 8;
		}
	}
	for (size_t len = 0; len < sealed->len; len++) {
		if (nonce->len == XAEAD_NONCE_LEN)
			assert_false(xaead_open(out, key, nonce->bytes, sealed->bytes, len,
						additional->bytes, additional->len));
		else
			assert_false(aead_open_once(out, key, load_le64(nonce->bytes + 4),
						    sealed->bytes, len, additional->bytes,
						    additional->len));
	}
}

static void check_once(const struct vectors *v)
{
	const uint8_t *key = vector_bytes(v, "key", AEAD_KEY_LEN);
	uint64_t counter = load_le64(vector_bytes(v, "nonce", 12) + 4);
	const struct vector_field *additional = vector_get(v, "additional");
	const struct vector_field *plain = vector_get(v, "plain");
	const struct vector_field *sealed = vector_get(v, "sealed");
	uint8_t out[BUFFER_LEN], in_place[BUFFER_LEN];

	assert_int_equal(sealed->len, plain->len + AEAD_TAG_LEN);
	aead_seal_once(out, key, counter, plain->bytes, plain->len, additional->bytes,
		       additional->len);
	assert_memory_equal(out, sealed->bytes, sealed->len);
	memcpy(in_place, plain->bytes, plain->len);
	aead_seal_once(in_place, key, counter, in_place, plain->len, additional->bytes,
		       additional->len);
	assert_memory_equal(in_place, sealed->bytes, sealed->len);

	assert_true(aead_open_once(out, key, counter, sealed->bytes, sealed->len, additional->bytes,
				   additional->len));
	assert_memory_equal(out, plain->bytes, plain->len);
	assert_true(aead_open_once(in_place, key, counter, in_place, sealed->len, additional->bytes,
				   additional->len));
	assert_memory_equal(in_place, plain->bytes, plain->len);
}

/* The same through a kept key, which has no additional data. */
static void check_kept(const struct vectors *v)
{
	const uint8_t *key = vector_bytes(v, "key", AEAD_KEY_LEN);
	struct aead_key *seal = aead_key_new(AEAD_SEAL, key);
	struct aead_key *open = aead_key_new(AEAD_OPEN, key);
	const struct vector_field *plain = vector_get(v, "plain");
	const struct vector_field *sealed = vector_get(v, "sealed");
	uint8_t data[BUFFER_LEN];
	struct aead_op op = { load_le64(vector_bytes(v, "nonce", 12) + 4), data, plain->len,
			      false };

	memcpy(data, plain->bytes, plain->len);
	aead_seal_batch(seal, &op, 1);
	assert_memory_equal(data, sealed->bytes, sealed->len);
	aead_open_batch(open, &op, 1);
	assert_true(op.ok);
	assert_memory_equal(data, plain->bytes, plain->len);
	aead_key_free(seal);
	aead_key_free(open);
}

static void check_sweep(const struct vectors *v)
{
	static const size_t big[] = { 1023, 1024, 1025, 1439, 1440, 1441, 2048, 8944 };
	struct aead_key *key = aead_key_new(AEAD_SEAL, vector_bytes(v, "sweep_key", AEAD_KEY_LEN));
	uint8_t *all = malloc(1 << 20), hash[BLAKE2S_LEN];
	size_t at = 0;

	for (size_t i = 0; i <= 600 + sizeof(big) / sizeof(big[0]); i++) {
		size_t len = i <= 600 ? i : big[i - 601];
		struct aead_op op = { len, all + at, len, false };

		for (size_t j = 0; j < len; j++)
			all[at + j] = (uint8_t)(len + 13 * j);
		aead_seal_batch(key, &op, 1);
		at += len + AEAD_TAG_LEN;
	}
	blake2s(hash, (const struct bytes[]){ { all, at } }, 1);
	assert_memory_equal(hash, vector_bytes(v, "sweep_hash", BLAKE2S_LEN), BLAKE2S_LEN);
	free(all);
	aead_key_free(key);
}

static void test_vectors(void **state)
{
	struct vectors v;
	int n = 0;

	assert_int_equal(aead_backend_select(*state, NULL), 0);
	vectors_open(&v, "aead");
	for (; vectors_next(&v); n++) {
		if (vector_find(&v, "sweep_key")) {
			check_sweep(&v);
			continue;
		}
		check_once(&v);
		if (vector_get(&v, "additional")->len == 0)
			check_kept(&v);
		check_forgeries(&v);
	}
	assert_int_equal(n, 9);
}

static void check_xaead(const struct vectors *v)
{
	const uint8_t *key = vector_bytes(v, "key", AEAD_KEY_LEN);
	const uint8_t *nonce = vector_bytes(v, "nonce", XAEAD_NONCE_LEN);
	const struct vector_field *additional = vector_get(v, "additional");
	const struct vector_field *plain = vector_get(v, "plain");
	const struct vector_field *sealed = vector_get(v, "sealed");
	uint8_t out[BUFFER_LEN];

	xaead_seal(out, key, nonce, plain->bytes, plain->len, additional->bytes, additional->len);
	assert_memory_equal(out, sealed->bytes, sealed->len);
	assert_true(
		xaead_open(out, key, nonce, out, sealed->len, additional->bytes, additional->len));
	assert_memory_equal(out, plain->bytes, plain->len);
	check_forgeries(v);
}

/* What XChaCha20 seals is what ChaCha20 seals with HChaCha20's subkey. */
static void check_hchacha(const struct vectors *v)
{
	uint8_t nonce[XAEAD_NONCE_LEN] = { 0 }, with_x[32 + AEAD_TAG_LEN], with[32 + AEAD_TAG_LEN];

	memcpy(nonce, vector_bytes(v, "hchacha_nonce", 16), 16);
	store_le64(nonce + 16, 0x1122334455667788);
	xaead_seal(with_x, vector_bytes(v, "key", AEAD_KEY_LEN), nonce, zero, 32, "ad", 2);
	aead_seal_once(with, vector_bytes(v, "subkey", AEAD_KEY_LEN), 0x1122334455667788, zero, 32,
		       "ad", 2);
	assert_memory_equal(with_x, with, sizeof(with));
}

static void test_xaead_vectors(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "xaead");
	for (; vectors_next(&v); n++) {
		if (vector_find(&v, "subkey"))
			check_hchacha(&v);
		else
			check_xaead(&v);
	}
	assert_int_equal(n, 6);
}

/* In a batch each packet stands for itself: forged ones do not touch their neighbours. */
static void test_batch(void **state)
{
	static const uint8_t bytes[AEAD_KEY_LEN] = { 1, 2, 3 };
	struct aead_key *seal = aead_key_new(AEAD_SEAL, bytes);
	struct aead_key *open = aead_key_new(AEAD_OPEN, bytes);
	uint8_t data[64][128 + AEAD_TAG_LEN], plain[64][128];
	struct aead_op ops[64];

	assert_int_equal(aead_backend_select(*state, NULL), 0);
	for (size_t i = 0; i < 64; i++) {
		ops[i] = (struct aead_op){ 1000 - i, data[i], 2 * i, false };
		memset(data[i], (int)i, sizeof(data[i]));
		memcpy(plain[i], data[i], sizeof(plain[i]));
	}
	aead_seal_batch(seal, ops, 64);
	for (size_t i = 3; i < 64; i++)
		assert_memory_not_equal(data[i], plain[i], ops[i].len);
	for (size_t i = 0; i < 64; i += 5)
		data[i][i % (ops[i].len + AEAD_TAG_LEN)] ^= 0x10;
	ops[7].counter++;
	aead_open_batch(open, ops, 64);
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(ops[i].ok, i % 5 != 0 && i != 7);
		if (ops[i].ok)
			assert_memory_equal(data[i], plain[i], ops[i].len);
	}
	aead_seal_batch(seal, ops, 0);
	aead_open_batch(open, ops, 0);
	aead_key_free(seal);
	aead_key_free(open);
	aead_key_free(NULL);
}

/* Keys that live side by side, and one-off messages in between, keep apart. */
static void test_keys_apart(void **state)
{
	struct aead_key *keys[8];
	uint8_t bytes[AEAD_KEY_LEN] = { 0 }, first[8][32 + AEAD_TAG_LEN], data[32 + AEAD_TAG_LEN];
	struct aead_op op = { 5, data, 32, false };

	assert_int_equal(aead_backend_select(*state, NULL), 0);
	for (int round = 0; round < 2; round++) {
		for (uint8_t i = 0; i < 8; i++) {
			bytes[0] = i;
			if (round == 0)
				keys[i] = aead_key_new(AEAD_SEAL, bytes);
			memset(data, 0, sizeof(data));
			aead_seal_batch(keys[i], &op, 1);
			if (round == 0)
				memcpy(first[i], data, sizeof(data));
			assert_memory_equal(data, first[i], sizeof(data));
			aead_seal_once(data, bytes, 5, zero, 32, NULL, 0);
			assert_memory_equal(data, first[i], sizeof(data));
		}
	}
	for (uint8_t i = 0; i < 8; i++) {
		if (i)
			assert_memory_not_equal(first[i], first[i - 1], 32);
		aead_key_free(keys[i]);
	}
}

static void *in_thread(void *arg)
{
	uint8_t key[AEAD_KEY_LEN] = { *(uint8_t *)arg }, nonce[XAEAD_NONCE_LEN] = { 0 };
	uint8_t out[64 + AEAD_TAG_LEN];

	for (int i = 0; i < 200; i++) {
		xaead_seal(out, key, nonce, zero, 64, NULL, 0);
		if (!xaead_open(out, key, nonce, out, sizeof(out), NULL, 0))
			return arg;
		if (memcmp(out, zero, 64))
			return arg;
	}
	return NULL;
}

/* Each thread has contexts of its own, which end with it (leak checkers see to that). */
static void test_threads(void **state)
{
	pthread_t threads[4];
	uint8_t numbers[4] = { 0, 1, 2, 3 };

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, in_thread, &numbers[i]), 0);
	for (int i = 0; i < 4; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

int main(void)
{
	/* Packets by libcrypto, and by what is used where nothing else is asked for. */
	static char libcrypto[] = "libcrypto", chosen[] = "auto";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_vectors, libcrypto),
		cmocka_unit_test_prestate(test_vectors, chosen),
		cmocka_unit_test(test_xaead_vectors),
		cmocka_unit_test_prestate(test_batch, libcrypto),
		cmocka_unit_test_prestate(test_batch, chosen),
		cmocka_unit_test_prestate(test_keys_apart, libcrypto),
		cmocka_unit_test_prestate(test_keys_apart, chosen),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
