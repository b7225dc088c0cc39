/* The text that nft and iptables-restore are handed: what it brings about is tested on hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/firewall.h"
#include "lib/util/cleanup.h"

static struct cidr address(const char *text)
{
	struct cidr out;

	assert_int_equal(cidr_parse_address(&out, text, NULL), 0);
	return out;
}

static void nft_text(void **state)
{
	AUTO(strbuf_fini) struct strbuf v4 = { 0 }, v6 = { 0 };
	const struct cidr addresses[] = { address("10.0.0.1/24"), address("fd00::1/64"),
					  address("10.0.0.2/32") };
	struct firewall firewall = { .interface = "wg0",
				     .family = AF_INET,
				     .mark = 51820,
				     .addresses = addresses,
				     .n_addresses = 3 };

	(void)state;
	firewall_format_nft(&v4, &firewall);
	assert_string_equal(v4.text,
			    "table ip wg-quick-wg0 {\n"
			    "chain preraw {\n"
			    "type filter hook prerouting priority -300;\n"
			    "iifname != \"wg0\" ip daddr 10.0.0.1 fib saddr type != local drop\n"
			    "iifname != \"wg0\" ip daddr 10.0.0.2 fib saddr type != local drop\n"
			    "}\n"
			    "chain premangle {\n"
			    "type filter hook prerouting priority -150;\n"
			    "meta l4proto udp meta mark set ct mark\n"
			    "}\n"
			    "chain postmangle {\n"
			    "type filter hook postrouting priority -150;\n"
			    "meta l4proto udp meta mark 51820 ct mark set meta mark\n"
			    "}\n"
			    "}\n");
	firewall.family = AF_INET6;
	firewall_format_nft(&v6, &firewall);
	assert_non_null(strstr(v6.text, "table ip6 wg-quick-wg0 {\n"));
	assert_non_null(strstr(v6.text, "ip6 daddr fd00::1 fib"));
	assert_null(strstr(v6.text, "10.0.0"));
}

static void iptables_text(void **state)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	const struct cidr addresses[] = { address("10.0.0.1/24"), address("fd00::1/64") };
	const struct firewall firewall = { .interface = "wg0",
					   .family = AF_INET6,
					   .mark = 4294967295,
					   .addresses = addresses,
					   .n_addresses = 2 };

	(void)state;
	firewall_format_iptables(&text, &firewall);
	assert_string_equal(
		text.text,
		"*raw\n"
		"-I PREROUTING -d fd00::1 ! -i wg0 -m addrtype ! --src-type LOCAL "
		"-m comment --comment \"wg-quick(8) rule for wg0\" -j DROP\n"
		"COMMIT\n"
		"*mangle\n"
		"-I POSTROUTING -p udp -m mark --mark 4294967295 "
		"-m comment --comment \"wg-quick(8) rule for wg0\" -j CONNMARK --save-mark\n"
		"-I PREROUTING -p udp "
		"-m comment --comment \"wg-quick(8) rule for wg0\" -j CONNMARK --restore-mark\n"
		"COMMIT\n");
}

static void iptables_removal(void **state)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 }, none = { 0 };

	(void)state;
	assert_true(firewall_format_iptables_removal(
		&text,
		"# Generated\n*mangle\n:PREROUTING ACCEPT [0:0]\n"
		"-A PREROUTING -p udp -m comment --comment \"wg-quick(8) rule for wg0\" -j "
		"CONNMARK "
		"--restore-mark\n"
		"-A PREROUTING -m comment --comment \"wg-quick(8) rule for wg01\" -j DROP\n"
		"-A PREROUTING -m comment --comment \"mine\" -j DROP\n"
		"COMMIT\n# Completed\n*raw\n:wg-quick ACCEPT [0:0]\nCOMMIT",
		"wg0"));
	assert_string_equal(
		text.text, "*mangle\n"
			   "-D PREROUTING -p udp -m comment --comment \"wg-quick(8) rule for wg0\" "
			   "-j CONNMARK --restore-mark\n"
			   "COMMIT\n*raw\nCOMMIT\n");
	assert_false(firewall_format_iptables_removal(&none, "*raw\n-A x -j y\nCOMMIT\n", "wg0"));
	assert_false(firewall_format_iptables_removal(&none, "", "wg0"));
}

static void finds_the_tool(void **state)
{
	char dir[] = "/tmp/firewall_test.XXXXXX", command[300];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("PATH", dir, 1), 0);
	assert_int_equal(firewall_find(AF_INET), FIREWALL_NONE);
	assert_int_equal(firewall_find(AF_INET6), FIREWALL_NONE);
	snprintf(command, sizeof(command), "cd %s && /bin/cp /bin/true iptables-restore", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(firewall_find(AF_INET), FIREWALL_IPTABLES);
	assert_int_equal(firewall_find(AF_INET6), FIREWALL_NONE);
	snprintf(command, sizeof(command), "cd %s && /bin/mkdir nft", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(firewall_find(AF_INET), FIREWALL_IPTABLES);
	snprintf(command, sizeof(command), "cd %s && /bin/rmdir nft && /bin/cp /bin/true nft", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(firewall_find(AF_INET6), FIREWALL_NFT);
	snprintf(command, sizeof(command), "/bin/rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nft_text),
		cmocka_unit_test(iptables_text),
		cmocka_unit_test(iptables_removal),
		cmocka_unit_test(finds_the_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
