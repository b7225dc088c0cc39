/* JSON as it is written: brackets, commas, lines, and what needs escapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/json.h"
#include "lib/util/cleanup.h"

static void write_all(struct json *json)
{
	json_open(json, '{');
	json_string(json, "text", "a \"b\"\n");
	json_string(json, "nothing", NULL);
	json_number(json, "number", UINT64_MAX);
	json_bool(json, "yes", true);
	json_bool(json, "no", false);
	json_member(json, "list");
	json_open(json, '[');
	for (unsigned int i = 0; i < 2; i++) {
		json_item(json);
		json_add_plain(json, i ? "b" : "a");
	}
	json_close(json, ']');
	json_member(json, "empty");
	json_open(json, '{');
	json_close(json, '}');
	json_close(json, '}');
}

static void in_one_line(void **state)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct json json = { .out = &out };

	(void)state;
	write_all(&json);
	assert_string_equal(strbuf_text(&out),
			    "{\"text\":\"a \\\"b\\\"\\u000a\",\"nothing\":null,"
			    "\"number\":18446744073709551615,\"yes\":true,\"no\":false,"
			    "\"list\":[\"a\",\"b\"],\"empty\":{}}");
}

static void in_lines(void **state)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct json json = { .out = &out, .lines = true };

	(void)state;
	write_all(&json);
	assert_string_equal(
		strbuf_text(&out),
		"{\n\t\"text\": \"a \\\"b\\\"\\u000a\",\n\t\"nothing\": null,\n"
		"\t\"number\": 18446744073709551615,\n\t\"yes\": true,\n\t\"no\": false,\n"
		"\t\"list\": [\n\t\t\"a\",\n\t\t\"b\"\n\t],\n\t\"empty\": {}\n}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_one_line),
		cmocka_unit_test(in_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
