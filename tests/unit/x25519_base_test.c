/* Public keys by the short way: published ones, and the same as by the long way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/random.h"
#include "lib/crypto/x25519_base.h"
#include "lib/util/cleanup.h"
#include "tests/unit/poison.h"
#include "tests/unit/vectors.h"

static void test_vectors(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "x25519");
	while (vectors_next(&v)) {
		uint8_t out[X25519_LEN];

		if (!vector_find(&v, "own_public"))
			continue;
		x25519_base(out, vector_bytes(&v, "private", X25519_LEN));
		assert_memory_equal(out, vector_bytes(&v, "own_public", X25519_LEN), sizeof(out));
		n++;
	}
	assert_int_equal(n, 2);
}

static void assert_same_as_libcrypto(const uint8_t private_key[static X25519_LEN])
{
	AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(private_key);
	uint8_t expected[X25519_LEN], out[X25519_LEN];

	x25519_public(expected, key);
	x25519_base(out, private_key);
	assert_memory_equal(out, expected, sizeof(out));
}

static void test_same_as_libcrypto(void **state)
{
	uint8_t private_key[X25519_LEN] = { 0 };

	(void)state;
	assert_same_as_libcrypto(private_key);
	memset(private_key, 0xff, sizeof(private_key));
	assert_same_as_libcrypto(private_key);
	/* Each bit alone: the clamped ones change nothing, each other gives another key. */
	for (size_t i = 0; i < 8 * sizeof(private_key); i++) {
		memset(private_key, 0, sizeof(private_key));
		private_key[i / 8] = (uint8_t)(1 << i % 8);
		assert_same_as_libcrypto(private_key);
	}
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(random_bytes(private_key, sizeof(private_key)), 0);
		assert_same_as_libcrypto(private_key);
	}
}

static void test_in_place(void **state)
{
	uint8_t key[X25519_LEN] = { 1, 2, 3 }, out[X25519_LEN];

	(void)state;
	x25519_base(out, key);
	x25519_base(key, key);
	assert_memory_equal(key, out, sizeof(out));
}

static int poisoned(void)
{
	uint8_t private_key[X25519_LEN] = { 0x55, 0xaa, 0x55 }, out[X25519_LEN];
	unsigned int before;

	if (!poison_works())
		return 1;
	before = poison_errors();
	poison(private_key, sizeof(private_key));
	x25519_base(out, private_key);
	return poison_errors() != before;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_same_as_libcrypto),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(poison_rerun),
	};

	if (poison_asked(argc, argv))
		return poisoned();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
