/* Strict integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/util/num.h"

static void test_decimal(void **state)
{
	uint64_t value = 1;

	(void)state;
	assert_int_equal(num_parse(&value, "0", 0), 0);
	assert_int_equal(value, 0);
	assert_int_equal(num_parse(&value, "65535", 65535), 0);
	assert_int_equal(value, 65535);
	assert_int_equal(num_parse(&value, "00000000000000000000000000017", 100), 0);
	assert_int_equal(value, 17);
	assert_int_equal(num_parse(&value, "18446744073709551615", UINT64_MAX), 0);
	assert_true(value == UINT64_MAX);
}

static void test_too_large(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_int_equal(num_parse(&value, "65536", 65535), -ERANGE);
	assert_int_equal(num_parse(&value, "1", 0), -ERANGE);
	assert_int_equal(num_parse(&value, "18446744073709551616", UINT64_MAX), -ERANGE);
	assert_int_equal(num_parse(&value, "99999999999999999999999999", UINT64_MAX), -ERANGE);
	/* No number at all, however large its beginning. */
	assert_int_equal(num_parse(&value, "99999999999999999999999999x", 5), -EINVAL);
	assert_int_equal(value, 7);
}

static void test_no_number(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "a", "1e3" };
	uint64_t value = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(num_parse(&value, bad[i], UINT64_MAX), -EINVAL);
	assert_int_equal(value, 7);
}

static void test_hexadecimal(void **state)
{
	static const char *const bad[] = { "", "0x", "0X1", "ff", "0xg", "x1", "0x-1", "0x 1" };
	uint64_t value = 1;

	(void)state;
	assert_int_equal(num_parse_hex(&value, "0xcA6c", UINT32_MAX), 0);
	assert_int_equal(value, 51820);
	assert_int_equal(num_parse_hex(&value, "010", UINT32_MAX), 0);
	assert_int_equal(value, 10);
	assert_int_equal(num_parse_hex(&value, "0xffffffff", UINT32_MAX), 0);
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(num_parse_hex(&value, "0x100000000", UINT32_MAX), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(num_parse_hex(&value, bad[i], UINT32_MAX), -EINVAL);
	assert_int_equal(value, UINT32_MAX);
}

static void test_formatting(void **state)
{
	static const struct {
		uint64_t value;
		const char *want;
	} cases[] = {
		{ 0, "0" },     { 9, "9" },         { 10, "10" },
		{ 100, "100" }, { 65535, "65535" }, { UINT64_MAX, "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[NUM_TEXT_MAX + 1];

		*num_format(text, cases[i].value) = '\0';
		assert_string_equal(text, cases[i].want);
	}
}

static uint64_t any_number(void)
{
	return ((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand()) >> rand() % 64;
}

/* Against printf. */
static void test_formatting_made_up_numbers(void **state)
{
	char ours[64], theirs[64];

	(void)state;
	srand(8);
	for (int i = 0; i < 300000; i++) {
		uint64_t value = any_number(), small = value >> 11 & NUM_HUNDREDTHS_MAX;
		unsigned int shift = (unsigned int)(rand() % 5) * 10;

		*num_format(ours, value) = '\0';
		snprintf(theirs, sizeof(theirs), "%llu", (unsigned long long)value);
		assert_string_equal(ours, theirs);
		if (i % 2 && shift) /* n.nn5, which is in the middle, for some n */
			small = (small >> shift % 50 << shift) + ((uint64_t)(i % 8) << (shift - 3));
		small &= (UINT64_C(1) << 53) - 1; /* what a double holds */
		*num_format_hundredths(ours, small, shift) = '\0';
		snprintf(theirs, sizeof(theirs), "%.2f",
			 (double)small / (double)(UINT64_C(1) << shift));
		assert_string_equal(ours, theirs);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_no_number),
		cmocka_unit_test(test_hexadecimal),
		cmocka_unit_test(test_formatting),
		cmocka_unit_test(test_formatting_made_up_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
