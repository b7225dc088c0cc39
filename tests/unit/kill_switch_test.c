/* The kill switch's text, and which prefixes are the local network's. What it lets through is shown
 * by packets: tests/netns/wg_quick_kill_switch.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cmd/wg-quick/kill_switch.h"
#include "lib/util/cleanup.h"

static struct cidr cidr(const char *text)
{
	struct cidr out;

	assert_int_equal(cidr_parse_address(&out, text, NULL), 0);
	return out;
}

static void only_private_prefixes_are_local(void **state)
{
	static const char *const private[] = { "10.0.0.0/8",        "10.1.2.0/24",
					       "172.31.255.255/32", "192.168.0.0/16",
					       "169.254.1.0/24",    "fd00:1::/64",
					       "fc00::/7",          "fe80::/64" };
	static const char *const public[] = { "0.0.0.0/0",     "10.0.0.0/7",    "11.0.0.0/8",
					      "172.32.0.0/16", "172.16.0.0/11", "192.0.2.0/24",
					      "::/0",          "2001:db8::/64", "fec0::/64" };

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		struct cidr prefix = cidr(private[i]);

		assert_true(kill_switch_is_private(&prefix));
	}
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		struct cidr prefix = cidr(public[i]);

		assert_false(kill_switch_is_private(&prefix));
	}
}

static void assert_has(const struct strbuf *text, const char *part, bool is_there)
{
	if (!strstr(strbuf_text(text), part) == is_there)
		fail_msg("%s `%s' in:\n%s", is_there ? "no" : "there is", part, strbuf_text(text));
}

static void the_table_replaces_itself(void **state)
{
	const struct cidr lan[] = { cidr("192.168.7.0/24"), cidr("fd07::/64") };
	struct kill_switch on = { .interface = "wg0", .mark = 51820, .lan = lan, .n_lan = 2 };
	struct kill_switch with_lan = on;
	AUTO(strbuf_fini) struct strbuf text = { 0 }, lan_text = { 0 };
	static const char start[] = "table inet wg-kill-switch-wg0\n"
				    "delete table inet wg-kill-switch-wg0\n"
				    "table inet wg-kill-switch-wg0 {\n";

	(void)state;
	kill_switch_format(&text, &on);
	assert_memory_equal(text.text, start, sizeof(start) - 1);
	assert_has(&text, "oifname { \"lo\", \"wg0\" } accept\n", true);
	assert_has(&text, "meta mark 51820 accept\n", true);
	assert_has(&text, "192.168.7.0", false);
	assert_has(&text, "224.0.0.0", false);
	with_lan.lets_lan = true;
	kill_switch_format(&lan_text, &with_lan);
	assert_has(&lan_text, "ip daddr 192.168.7.0/24 accept\nip6 daddr fd07::/64 accept\n", true);
	assert_has(&lan_text, "224.0.0.0/24", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_private_prefixes_are_local),
		cmocka_unit_test(the_table_replaces_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
