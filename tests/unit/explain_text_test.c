/* How an explained plan looks: columns, wrapping, and the members of the JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cmd/wg-quick/explain_text.h"
#include "lib/util/cleanup.h"

static const struct target target = { .interface = "wg0", .path = "/etc/wireguard/wg0.conf" };

static void reasons_stand_beside_or_below(void **state)
{
	AUTO(explain_text_fini) struct explain_text text = { 0 };
	const struct explain_entry entries[] = {
		{ .act = "x", .command = "short", .reason = "why", .line = 7 },
		{ .act = "x", .command = "no reason" },
		{ .act = "x", .command = "a line is enough", .line = 3 },
		/* Forty columns leave two blanks; the reason fills the rest. */
		{ .act = "x",
		  .command = "1234567890123456789012345678901234567890",
		  .reason = "12345678901234567890123456789012345678" },
		{ .act = "x",
		  .command = "12345678901234567890123456789012345678901",
		  .reason = "beside a longer one it would touch it" },
		{ .act = "x",
		  .what = "no command",
		  .reason = "123456789012345678901234567890 is "
			    "one more than there is room for" },
		{ .act = "x",
		  .command = "c",
		  .reason = "one two three four five six seven eight nine ten eleven twelve "
			    "thirteen fourteen" },
	};

	(void)state;
	explain_text_begin(&text, false, false, "up", &target);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		explain_text_add(&text, &entries[i]);
	explain_text_end(&text, NULL);
	assert_string_equal(
		strbuf_text(&text.out),
		"`wg-quick up wg0' would do this, by /etc/wireguard/wg0.conf:\n"
		"short                                     why, line 7\n"
		"no reason\n"
		"a line is enough                          line 3\n"
		"1234567890123456789012345678901234567890  12345678901234567890123456789012345678\n"
		"12345678901234567890123456789012345678901\n"
		"        beside a longer one it would touch it\n"
		"(no command)\n"
		"        123456789012345678901234567890 is one more than there is room for\n"
		"c\n"
		"        one two three four five six seven eight nine ten eleven twelve thirteen\n"
		"        fourteen\n");
}

static void nothing_to_do(void **state)
{
	AUTO(explain_text_fini) struct explain_text text = { 0 };

	(void)state;
	explain_text_begin(&text, false, true, "reload", &target);
	explain_text_end(&text, NULL);
	assert_string_equal(strbuf_text(&text.out),
			    "`wg-quick reload wg0' would do this, by /etc/wireguard/wg0.conf:\n"
			    "(nothing)\n");
}

static void members(void **state)
{
	AUTO(explain_text_fini) struct explain_text text = { 0 };
	static const struct wg_key key = { { 1 } };
	struct step route = { .kind = STEP_ADD_ROUTE, .table = 51820 };
	const struct step rule = {
		.kind = STEP_ADD_RULE,
		.rule = { .family = AF_INET6, .table = 254, .suppress_prefixlen = 0 }
	};
	const struct explain_entry entries[] = {
		{ .act = "add-route", .command = "r", .line = 9, .step = &route, .peer = &key },
		{ .act = "add-rule", .command = "\"", .reason = "w", .step = &rule },
		{ .act = "note", .what = "n" },
	};

	(void)state;
	assert_int_equal(cidr_parse(&route.cidr, NULL, "::/0", NULL), 0);
	explain_text_begin(&text, true, true, "up", &target);
	text.json.lines = false;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		explain_text_add(&text, &entries[i]);
	explain_text_end(&text, NULL);
	assert_non_null(
		strstr(strbuf_text(&text.out),
		       "{\"do\":\"add-route\",\"command\":\"r\",\"reason\":null,\"line\":9,"
		       "\"prefix\":\"::/0\",\"table\":51820,"
		       "\"peer\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},"
		       "{\"do\":\"add-rule\",\"command\":\"\\\"\",\"reason\":\"w\",\"family\":6,"
		       "\"table\":254,\"suppressPrefixLength\":0},"
		       "{\"do\":\"note\",\"command\":null,\"what\":\"n\",\"reason\":null}]"));
	assert_non_null(strstr(strbuf_text(&text.out), "\"refused\":null"));
}

static void refusals(void **state)
{
	AUTO(explain_text_fini) struct explain_text text = { 0 };
	static const struct target nobody = { .path = NULL };

	(void)state;
	explain_text_begin(&text, true, false, "up", &nobody);
	explain_text_end(&text, "`x' does not exist");
	assert_string_equal(strbuf_text(&text.out),
			    "{\n\t\"interface\": null,\n\t\"file\": null,\n\t\"command\": \"up\",\n"
			    "\t\"steps\": [],\n\t\"refused\": \"`x' does not exist\"\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_stand_beside_or_below),
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(members),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
