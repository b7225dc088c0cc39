/* BLAKE2s, plain and keyed, against known answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/blake2s.h"
#include "tests/unit/vectors.h"

static void test_vectors(void **state)
{
	struct vectors v;
	int n_hash = 0, n_mac = 0;

	(void)state;
	vectors_open(&v, "blake2s");
	while (vectors_next(&v)) {
		const struct vector_field *input = vector_get(&v, "input");
		uint8_t out[BLAKE2S_LEN];

		if (vector_find(&v, "mac")) {
			const struct vector_field *key = vector_get(&v, "key");

			blake2s_mac(out, key->bytes, key->len, input->bytes, input->len);
			assert_memory_equal(out, vector_bytes(&v, "mac", BLAKE2S_MAC_LEN),
					    BLAKE2S_MAC_LEN);
			n_mac++;
		} else {
			const struct bytes part = { input->bytes, input->len };

			blake2s(out, &part, 1);
			assert_memory_equal(out, vector_bytes(&v, "hash", BLAKE2S_LEN),
					    BLAKE2S_LEN);
			n_hash++;
		}
	}
	assert_int_equal(n_hash, 12);
	assert_int_equal(n_mac, 24);
}

/* Where the input is cut does not matter; neither does an empty part. */
static void test_parts(void **state)
{
	uint8_t input[200], whole[BLAKE2S_LEN], cut[BLAKE2S_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	blake2s(whole, (const struct bytes[]){ { input, sizeof(input) } }, 1);
	for (size_t i = 0; i <= sizeof(input); i++) {
		const struct bytes parts[] = {
			{ input, i },
			{ NULL, 0 },
			{ input + i, sizeof(input) - i },
		};

		blake2s(cut, parts, 3);
		assert_memory_equal(cut, whole, sizeof(whole));
	}
	blake2s(whole, NULL, 0);
	blake2s(cut, (const struct bytes[]){ { input, 0 } }, 1);
	assert_memory_equal(cut, whole, sizeof(whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
