/* Random bytes: all of them are written, none beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/crypto/random.h"

static void test_fills(void **state)
{
	static const size_t lens[] = { 1, 32, 256, 257, 4096 };
	uint8_t bytes[4096 + 1], seen[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(seen, 0, sizeof(seen));
		/* A byte that stays 0 in all of 40 rounds was never written. */
		for (int round = 0; round < 40; round++) {
			memset(bytes, 0, sizeof(bytes));
			assert_int_equal(random_bytes(bytes, lens[i]), 0);
			assert_int_equal(bytes[lens[i]], 0);
			for (size_t at = 0; at < lens[i]; at++)
				seen[at] |= bytes[at];
		}
		for (size_t at = 0; at < lens[i]; at++)
			assert_int_not_equal(seen[at], 0);
	}
	assert_int_equal(random_bytes(NULL, 0), 0);
}

static void test_differs(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	assert_int_equal(random_bytes(a, sizeof(a)), 0);
	assert_int_equal(random_bytes(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills),
		cmocka_unit_test(test_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
