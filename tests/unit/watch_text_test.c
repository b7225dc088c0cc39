/* Text in a terminal's columns: what it takes, where it is cut, and what never gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg/watch_text.h"
#include "lib/util/cleanup.h"

static void assert_adds(const char *text, unsigned int columns, const char *wanted,
			unsigned int used)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	assert_int_equal(watch_text_add(&out, text, columns), used);
	assert_string_equal(strbuf_text(&out), wanted);
}

static void test_cut(void **state)
{
	(void)state;
	assert_adds("laptop", 6, "laptop", 6);
	assert_adds("laptop", 9, "laptop", 6);
	assert_adds("laptop", 5, "lapt…", 5);
	assert_adds("laptop", 1, "…", 1);
	assert_adds("laptop", 0, "", 0);
	assert_adds("", 5, "", 0);
}

static void test_wide(void **state)
{
	(void)state;
	assert_int_equal(watch_text_width("東京"), 4);
	assert_adds("東京", 4, "東京", 4);
	/* Half of a character is none. */
	assert_adds("東京", 3, "東…", 3);
	assert_adds("東京", 2, "…", 1);
	assert_adds("büro", 4, "büro", 4);
	/* An accent of its own is of no width, and stays with its letter. */
	assert_adds("e\xcc\x81t\xc3\xa9", 3, "e\xcc\x81té", 3);
}

static void test_hostile(void **state)
{
	(void)state;
	assert_adds("a\033[2Jb\n\x7f", 20, "a?[2Jb??", 8);
	/* C1 controls, as characters and as bytes. */
	assert_adds("a\xc2\x9b"
		    "b\x9b"
		    "c",
		    20, "a?b?c", 5);
	assert_adds("\xe6\x9d", 20, "??", 2);
	assert_adds("\xff\xfex", 20, "??x", 3);
	/* To the left, and joined. */
	assert_adds("a\xe2\x80\xae"
		    "b\xe2\x81\xa6"
		    "c\xef\xbb\xbf",
		    20, "a?b?c?", 6);
}

static void test_other_locale(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C");
	assert_adds("laptop", 5, "lapt~", 5);
	assert_adds("b\xc3\xbcro", 9, "b??ro", 5);
	setlocale(LC_CTYPE, "C.UTF-8");
}

static void test_line(void **state)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct watch_line line = { .out = &out, .width = 10, .colour = true };

	(void)state;
	watch_line_add(&line, WATCH_PLAIN, "abc", 2);
	watch_line_to(&line, 4);
	watch_line_add(&line, WATCH_RED, "x", 5);
	watch_line_add(&line, WATCH_RED, "", 5);
	watch_line_add(&line, WATCH_PLAIN, "123456789", 9);
	watch_line_add(&line, WATCH_GREEN, "no room", 9);
	watch_line_to(&line, 20);
	assert_string_equal(out.text, "a…  \033[31mx\033[0m1234…");
	assert_int_equal(line.used, 10);
}

static void assert_bytes(uint64_t bytes, const char *rate, const char *total)
{
	char text[WATCH_NUMBER_CAP];

	watch_text_rate(text, bytes);
	assert_string_equal(text, rate);
	watch_text_total(text, bytes);
	assert_string_equal(text, total);
}

static void test_bytes(void **state)
{
	(void)state;
	assert_bytes(0, "0 B", "0 B");
	assert_bytes(999, "999 B", "999 B");
	assert_bytes(1000, "1.0 KiB", "0.98 KiB");
	assert_bytes(1024, "1.0 KiB", "1.00 KiB");
	assert_bytes(10188, "9.9 KiB", "9.95 KiB");
	assert_bytes(10189, "10 KiB", "9.95 KiB");
	assert_bytes(10240, "10 KiB", "10.0 KiB");
	assert_bytes(102400, "100 KiB", "100 KiB");
	assert_bytes(UINT64_C(1) << 30, "1.0 GiB", "1.00 GiB");
	assert_bytes(UINT64_MAX, "16 EiB", "16.0 EiB");
}

/* Whatever the number: no wider than its column. */
static void test_widths(void **state)
{
	char text[WATCH_NUMBER_CAP];

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t number =
			((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand()) >>
			(rand() % 64);

		watch_text_rate(text, number);
		assert_true(strlen(text) <= WATCH_RATE_WIDTH);
		watch_text_total(text, number);
		assert_true(strlen(text) <= WATCH_TOTAL_WIDTH);
		watch_text_age(text, (int64_t)number);
		assert_true(strlen(text) <= WATCH_AGE_WIDTH);
	}
}

static void assert_age(int64_t age_s, const char *wanted)
{
	char text[WATCH_NUMBER_CAP];

	watch_text_age(text, age_s);
	assert_string_equal(text, wanted);
}

static void test_ages(void **state)
{
	(void)state;
	assert_age(0, "0s");
	assert_age(59, "59s");
	assert_age(60, "1m");
	assert_age(3599, "59m");
	assert_age(3600, "1h");
	assert_age(86399, "23h");
	assert_age(86400, "1d");
	assert_age(400 * 86400, "400d");
	assert_age(INT64_MAX, "9999999d");
	assert_age(-1, "0s");
	assert_age(-4, "in future");
	assert_age(INT64_MIN, "in future");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),     cmocka_unit_test(test_wide),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_other_locale),
		cmocka_unit_test(test_line),    cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_widths),  cmocka_unit_test(test_ages),
	};

	/* Debian always has it. */
	assert(setlocale(LC_CTYPE, "C.UTF-8"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
