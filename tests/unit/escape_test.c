/* cmd/wg/escape: what JSON and Prometheus cannot take as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/escape.h"
#include "lib/util/cleanup.h"

#define BAD "\xef\xbf\xbd"

static void expect(const char *text, const char *json, const char *label)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	escape_json(&out, text);
	assert_string_equal(out.text, json);
	strbuf_clear(&out);
	escape_label(&out, text);
	assert_string_equal(out.text, label);
}

static void test_special(void **state)
{
	(void)state;
	expect("", "\"\"", "\"\"");
	expect("laptop", "\"laptop\"", "\"laptop\"");
	expect("a\"b\\c/d", "\"a\\\"b\\\\c/d\"", "\"a\\\"b\\\\c/d\"");
	expect("a\nb\tc\x1f\x7f", "\"a\\u000ab\\u0009c\\u001f\\u007f\"", "\"a\\nb\tc\x1f\x7f\"");
}

static void test_utf8(void **state)
{
	static const char *const good[] = { "\xc2\x80",         "\xc3\xbc",
					    "\xdf\xbf",         "\xe0\xa0\x80",
					    "\xed\x9f\xbf",     "\xee\x80\x80",
					    "\xef\xbf\xbf",     "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf", "\xf0\x9f\x92\xbb" };
	static const struct {
		const char *text, *quoted;
	} bad[] = {
		{ "J\xfcr", "\"J" BAD "r\"" },
		{ "\x80", "\"" BAD "\"" },
		{ "\xc0\x80", "\"" BAD BAD "\"" },
		{ "\xc1\xbf", "\"" BAD BAD "\"" },
		{ "\xc3", "\"" BAD "\"" },
		{ "\xc3x", "\"" BAD "x\"" },
		{ "\xe0\x9f\xbf", "\"" BAD BAD BAD "\"" },
		{ "\xe2\x82", "\"" BAD BAD "\"" },
		{ "\xed\xa0\x80", "\"" BAD BAD BAD "\"" },
		{ "\xf0\x8f\xbf\xbf", "\"" BAD BAD BAD BAD "\"" },
		{ "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"" },
		{ "\xf5\x80\x80\x80", "\"" BAD BAD BAD BAD "\"" },
		{ "\xff", "\"" BAD "\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO(strbuf_fini) struct strbuf quoted = { 0 };

		strbuf_addf(&quoted, "\"%s\"", good[i]);
		expect(good[i], quoted.text, quoted.text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i].text, bad[i].quoted, bad[i].quoted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
