/* X25519 against published vectors, and the points that must be refused. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/x25519.h"
#include "lib/util/cleanup.h"
#include "tests/unit/vectors.h"

static void test_vectors(void **state)
{
	struct vectors v;
	int n_shared = 0, n_low = 0;

	(void)state;
	vectors_open(&v, "x25519");
	while (vectors_next(&v)) {
		AUTO(x25519_key_auto_free)
		struct x25519_key *key = x25519_key_new(vector_bytes(&v, "private", X25519_LEN));
		const uint8_t *public_key = vector_bytes(&v, "public", X25519_LEN);
		uint8_t out[X25519_LEN];

		memset(out, 0xaa, sizeof(out));
		if (vector_find(&v, "low_order")) {
			static const uint8_t zero[X25519_LEN];

			assert_false(x25519_derive(out, key, public_key));
			assert_memory_equal(out, zero, sizeof(out));
			n_low++;
			continue;
		}
		assert_true(x25519_derive(out, key, public_key));
		assert_memory_equal(out, vector_bytes(&v, "shared", X25519_LEN), sizeof(out));
		n_shared++;
		if (vector_find(&v, "own_public")) {
			x25519_public(out, key);
			assert_memory_equal(out, vector_bytes(&v, "own_public", X25519_LEN),
					    sizeof(out));
		}
	}
	assert_int_equal(n_shared, 10);
	assert_int_equal(n_low, 9);
}

/* RFC 7748 section 5.2: the result becomes the key, the key becomes the point. */
static void test_iterated(void **state)
{
	static const uint8_t after_1[] = {
		0x42, 0x2c, 0x8e, 0x7a, 0x62, 0x27, 0xd7, 0xbc, 0xa1, 0x35, 0x0b,
		0x3e, 0x2b, 0xb7, 0x27, 0x9f, 0x78, 0x97, 0xb8, 0x7b, 0xb6, 0x85,
		0x4b, 0x78, 0x3c, 0x60, 0xe8, 0x03, 0x11, 0xae, 0x30, 0x79,
	};
	static const uint8_t after_1000[] = {
		0x68, 0x4c, 0xf5, 0x9b, 0xa8, 0x33, 0x09, 0x55, 0x28, 0x00, 0xef,
		0x56, 0x6f, 0x2f, 0x4d, 0x3c, 0x1c, 0x38, 0x87, 0xc4, 0x93, 0x60,
		0xe3, 0x87, 0x5f, 0x2e, 0xb9, 0x4d, 0x99, 0x53, 0x2c, 0x51,
	};
	uint8_t k[X25519_LEN] = { 9 }, u[X25519_LEN] = { 9 }, out[X25519_LEN];

	(void)state;
	for (int i = 1; i <= 1000; i++) {
		AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(k);

		assert_true(x25519_derive(out, key, u));
		memcpy(u, k, sizeof(u));
		memcpy(k, out, sizeof(k));
		if (i == 1)
			assert_memory_equal(k, after_1, sizeof(k));
	}
	assert_memory_equal(k, after_1000, sizeof(k));
}

/* Deriving the public key is deriving with the point 9; clamping hides five bits. */
static void test_public_and_clamping(void **state)
{
	static const uint8_t nine[X25519_LEN] = { 9 };
	uint8_t private_key[X25519_LEN], a[X25519_LEN], b[X25519_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(private_key); i++)
		private_key[i] = (uint8_t)(3 * i + 1);
	AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(private_key);
	x25519_public(a, key);
	assert_true(x25519_derive(b, key, nine));
	assert_memory_equal(a, b, sizeof(a));

	private_key[0] ^= 7;
	private_key[31] ^= 0xc0;
	AUTO(x25519_key_auto_free) struct x25519_key *unclamped = x25519_key_new(private_key);
	x25519_public(b, unclamped);
	assert_memory_equal(a, b, sizeof(a));
}

/* One key serves many others, also after it has met a bad one. */
static void test_reuse(void **state)
{
	static const uint8_t zero[X25519_LEN];
	uint8_t bytes[X25519_LEN] = { 1, 2, 3 }, public_key[X25519_LEN];
	uint8_t ours[X25519_LEN], theirs[X25519_LEN], our_public[X25519_LEN];

	(void)state;
	AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(bytes);
	x25519_public(our_public, key);
	for (uint8_t i = 0; i < 50; i++) {
		bytes[7] = i;
		AUTO(x25519_key_auto_free) struct x25519_key *other = x25519_key_new(bytes);

		x25519_public(public_key, other);
		assert_false(x25519_derive(ours, key, zero));
		assert_true(x25519_derive(ours, key, public_key));
		assert_true(x25519_derive(theirs, other, our_public));
		assert_memory_equal(ours, theirs, sizeof(ours));
	}
	x25519_key_free(NULL);
}

/* What several threads derive at a time with one key. */
struct sharing {
	const struct x25519_key *key;
	uint8_t public_key[X25519_LEN], expected[X25519_LEN];
	unsigned int n_wrong;
};

static void *derive_often(void *pointer)
{
	struct sharing *sharing = pointer;
	uint8_t out[X25519_LEN];

	for (int i = 0; i < 4000; i++)
		if (!x25519_derive(out, sharing->key, sharing->public_key) ||
		    memcmp(out, sharing->expected, sizeof(out)) != 0)
			sharing->n_wrong++;
	return NULL;
}

/* Initiations are read by several threads, all with our one static key. */
static void test_threads(void **state)
{
	uint8_t bytes[X25519_LEN] = { 4, 5, 6 }, our_public[X25519_LEN];
	struct sharing sharing[3] = { 0 };
	pthread_t threads[3];

	(void)state;
	AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(bytes);
	x25519_public(our_public, key);
	for (uint8_t i = 0; i < 3; i++) {
		bytes[7] = i;
		AUTO(x25519_key_auto_free) struct x25519_key *other = x25519_key_new(bytes);

		sharing[i].key = key;
		x25519_public(sharing[i].public_key, other);
		assert_true(x25519_derive(sharing[i].expected, other, our_public));
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, derive_often, &sharing[i]), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sharing[i].n_wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_iterated),
		cmocka_unit_test(test_public_and_clamping),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
