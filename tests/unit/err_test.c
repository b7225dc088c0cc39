/* Errors as values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/util/err.h"

static void test_set(void **state)
{
	struct err err = { .line = 3, .column = 4, .expected = "x" };

	(void)state;
	assert_int_equal(err_set(&err, -ERANGE, "port %d is above %s", 70000, "65535"), -ERANGE);
	assert_int_equal(err.code, -ERANGE);
	assert_string_equal(err.text, "port 70000 is above 65535");
	/* Nothing is left of what was there. */
	assert_int_equal(err.line, 0);
	assert_int_equal(err.column, 0);
	assert_null(err.expected);
}

static void test_expected(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_expected(&err, -EINVAL, "a port", "no %s", "port"), -EINVAL);
	assert_string_equal(err.expected, "a port");
	assert_string_equal(err.text, "no port");
}

static void test_prefix(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_expected(&err, -EINVAL, "a port", "no port");
	err.line = 7;
	assert_int_equal(err_prefix(&err, "wg%d", 0), -EINVAL);
	assert_string_equal(err.text, "wg0: no port");
	assert_string_equal(err.expected, "a port");
	assert_int_equal(err.line, 7);
}

static void test_without_a_place_to_put_it(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_expected(NULL, -EIO, "y", "x"), -EIO);
	assert_int_equal(err_prefix(NULL, "x"), -EINVAL);
}

static void test_control_characters_are_visible(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_set(&err, -EINVAL, "a\nb\x1b[31m\x7f\t%s", "\r\xc3\xbc");
	assert_string_equal(err.text, "a?b?[31m???\xc3\xbc");
	err_prefix(&err, "c\n");
	assert_string_equal(err.text, "c?: a?b?[31m???\xc3\xbc");
}

static void test_long_text_is_cut(void **state)
{
	struct err err = { 0 };
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	err_prefix(&err, "y");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "y: xxx", 6);
	err_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_expected),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_without_a_place_to_put_it),
		cmocka_unit_test(test_control_characters_are_visible),
		cmocka_unit_test(test_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
