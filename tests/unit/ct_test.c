/* Comparing and wiping: right for all bytes, and blind to what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/crypto/ct.h"
#include "tests/unit/poison.h"

enum {
	LEN = 67 /* whole words, and a rest */
};

static void test_equal(void **state)
{
	uint8_t a[LEN], b[LEN];

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		a[i] = b[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= LEN; len++)
		assert_true(ct_equal(a, b, len));
	for (size_t bit = 0; bit < 8 * LEN; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(ct_equal(a, b, LEN));
		assert_true(ct_equal(a, b, bit / 8));
		assert_false(ct_equal(a, b, bit / 8 + 1));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_is_zero(void **state)
{
	uint8_t a[LEN] = { 0 };

	(void)state;
	for (size_t len = 0; len <= LEN; len++)
		assert_true(ct_is_zero(a, len));
	for (size_t i = 0; i < LEN; i++) {
		for (unsigned int value = 1; value < 256; value++) {
			a[i] = (uint8_t)value;
			assert_false(ct_is_zero(a, LEN));
		}
		assert_true(ct_is_zero(a, i));
		a[i] = 0;
	}
	memset(a, 0xff, LEN);
	assert_false(ct_is_zero(a, LEN));
}

static void test_wipe(void **state)
{
	uint8_t a[LEN];

	(void)state;
	memset(a, 0x5a, LEN);
	ct_wipe(a + 1, LEN - 2);
	assert_int_equal(a[0], 0x5a);
	assert_true(ct_is_zero(a + 1, LEN - 2));
	assert_int_equal(a[LEN - 1], 0x5a);
}

/* Under valgrind. */
static int poisoned(void)
{
	static const size_t lens[] = { 1, 16, 32, LEN };
	uint8_t a[LEN], b[LEN];
	unsigned int before;
	int right = 0;

	if (!poison_works())
		return 1;
	before = poison_errors();
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		bool equal, different, zero;

		memset(a, 3, LEN);
		memset(b, 3, LEN);
		poison(a, LEN);
		poison(b, LEN);
		equal = ct_equal(a, b, lens[i]);
		zero = ct_is_zero(a, lens[i]);
		b[lens[i] - 1] ^= 1;
		different = ct_equal(a, b, lens[i]);
		unpoison(&equal, sizeof(equal));
		unpoison(&different, sizeof(different));
		unpoison(&zero, sizeof(zero));
		right += equal && !different && !zero;
	}
	return right == 4 && poison_errors() == before ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_is_zero),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(poison_rerun),
	};

	if (poison_asked(argc, argv))
		return poisoned();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
