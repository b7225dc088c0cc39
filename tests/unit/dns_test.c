/* What an interface is called when resolvconf hears of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/wg-quick/dns.h"
#include "lib/util/cleanup.h"

static char dir[] = "/tmp/dns_test.XXXXXX";
static char order[64], program[64], linked[64];

static void write_file(const char *path, const char *text)
{
	AUTO(auto_fclose) FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
}

static int prepare(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(order, sizeof(order), "%s/order", dir);
	snprintf(program, sizeof(program), "%s/resolvconf", dir);
	snprintf(linked, sizeof(linked), "%s/linked", dir);
	write_file(program, "");
	assert_int_equal(symlink(program, linked), 0);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	unlink(order);
	unlink(program);
	unlink(linked);
	return rmdir(dir);
}

static void the_first_pattern_of_one_star(void **state)
{
	static const struct {
		const char *text, *prefix;
	} cases[] = {
		{ "", "" },
		{ "tun*\n", "tun." },
		{ "lo\nlo.inet6\n@(br)*([0-9])\n  wl-an0*\t\ntun*\n", "wl-an0." },
		{ "*\n#tun*\ntun**\ntun*x\ntun *\ntu_n*\n", "" },
		{ "tun*", "" }, /* as `read` has it */
		{ "lo*\ntun*\n", "lo." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(strbuf_fini) struct strbuf prefix = { 0 };

		write_file(order, cases[i].text);
		dns_add_prefix(&prefix, order, program);
		assert_string_equal(strbuf_text(&prefix), cases[i].prefix);
		/* Another resolvconf than the one whose file that is. */
		strbuf_clear(&prefix);
		dns_add_prefix(&prefix, order, linked);
		assert_string_equal(strbuf_text(&prefix), "");
	}
}

static void no_file_no_prefix(void **state)
{
	AUTO(strbuf_fini) struct strbuf prefix = { 0 };

	(void)state;
	unlink(order);
	dns_add_prefix(&prefix, order, program);
	dns_add_prefix(&prefix, dir, program);
	assert_string_equal(strbuf_text(&prefix), "");
}

static void the_policy_is_a_word(void **state)
{
	struct err err = { 0 };

	(void)state;
	unsetenv("WG_QUICK_DNS_FAILURE");
	assert_int_equal(dns_check_environment(&err), 0);
	setenv("WG_QUICK_DNS_FAILURE", "warn", 1);
	assert_int_equal(dns_check_environment(&err), 0);
	setenv("WG_QUICK_DNS_FAILURE", "abort", 1);
	assert_int_equal(dns_check_environment(&err), 0);
	setenv("WG_QUICK_DNS_FAILURE", "Warn", 1);
	assert_int_not_equal(dns_check_environment(&err), 0);
	assert_string_equal(err.text, "Unable to parse WG_QUICK_DNS_FAILURE: `Warn'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_pattern_of_one_star),
		cmocka_unit_test(no_file_no_prefix),
		cmocka_unit_test(the_policy_is_a_word),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
