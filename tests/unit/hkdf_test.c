/* HMAC-BLAKE2s and HKDF against known answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/hkdf.h"
#include "tests/unit/vectors.h"

static void check_block(const struct vectors *v)
{
	const uint8_t *key = vector_bytes(v, "key", BLAKE2S_LEN);
	const struct vector_field *input = vector_get(v, "input");
	const uint8_t *t1 = vector_bytes(v, "t1", BLAKE2S_LEN);
	const uint8_t *t2 = vector_bytes(v, "t2", BLAKE2S_LEN);
	const uint8_t *t3 = vector_bytes(v, "t3", BLAKE2S_LEN);
	uint8_t a[BLAKE2S_LEN], b[BLAKE2S_LEN], c[BLAKE2S_LEN];
	const size_t half = input->len / 2;
	const struct bytes parts[] = { { input->bytes, half },
				       { input->bytes + half, input->len - half } };

	hkdf(a, b, c, key, input->bytes, input->len);
	assert_memory_equal(a, t1, BLAKE2S_LEN);
	assert_memory_equal(b, t2, BLAKE2S_LEN);
	assert_memory_equal(c, t3, BLAKE2S_LEN);

	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	hkdf(a, b, NULL, key, input->bytes, input->len);
	assert_memory_equal(a, t1, BLAKE2S_LEN);
	assert_memory_equal(b, t2, BLAKE2S_LEN);

	/* The chaining key, replaced where it stands. */
	memcpy(c, key, BLAKE2S_LEN);
	hkdf(c, NULL, NULL, c, input->bytes, input->len);
	assert_memory_equal(c, t1, BLAKE2S_LEN);
	memcpy(c, key, BLAKE2S_LEN);
	hkdf(a, b, c, c, input->bytes, input->len);
	assert_memory_equal(c, t3, BLAKE2S_LEN);

	hmac_blake2s(a, key, parts, 2);
	assert_memory_equal(a, vector_bytes(v, "hmac", BLAKE2S_LEN), BLAKE2S_LEN);
}

static void test_vectors(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "hkdf");
	for (; vectors_next(&v); n++)
		check_block(&v);
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
