/* Saving without loss: a file and what is running (written down as another file) make a third. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/conf/conf.h"
#include "lib/conf/save.h"
#include "lib/util/cleanup.h"

#define A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define B "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="
#define C "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="
#define K1 "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
#define K2 "AAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="

static void parse(struct conf *out, const char *text)
{
	struct err err = { 0 };

	if (conf_parse(out, text, strlen(text), CONF_QUICK, &err))
		fail_msg("line %u: %s in %s", err.line, err.text, text);
}

static void assert_updated(const char *file, const char *host, const char *expected)
{
	AUTO(conf_fini) struct conf running = { 0 };
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct conf_running what;

	parse(&running, host);
	what = (struct conf_running){
		.device = running.device,
		.addresses = running.quick.addresses,
		.n_addresses = running.quick.n_addresses,
		.dns_servers = &running.quick.dns_servers,
		.dns_search = &running.quick.dns_search,
		.mtu_bytes = running.quick.mtu_bytes,
	};
	strbuf_add(&lines.text, file);
	conf_print_updated(&out, &lines, &what);
	assert_string_equal(strbuf_text(&out), expected);
}

/* Every way of writing things, as long as it says the same. */
static void what_is_the_same_stays(void **state)
{
	static const char *const files[] = {
		"[Interface]\n",
		"# top\n\n[interface] # mine\n\tprivatekey= " K1 " # secret\r\n  LISTENPORT=5182\n"
		"Address = 10.0.0.1,fd00::0:1/64  # two\nAddress=10.1.0.1/32\nFwMark = 0x10\n"
		"MTU = 1400\nDNS = 10.0.0.53 , example.org\nTable = off\nPostUp = a # b\n"
		"#PostUp = never\nSaveConfig = true\n\n# laptop\n[Peer]\nPublicKey = " A "\n"
		"PresharedKey = " K2 "\nAllowedIPs = 10.5.0.1/16 , fd05::/64 # here\n"
		"AllowedIPs = 10.6.0.0/16\nEndpoint = vpn.example.org:51820\n"
		"PersistentKeepalive = 25 # behind NAT\n\n\n[Peer]\nPublicKey = " B
		"\nEndpoint = [2001:DB8::1]:5\nPersistentKeepalive = off\n# tail",
	};
	static const char *const hosts[] = {
		"[Interface]\n",
		"[Interface]\nPrivateKey = " K1 "\nListenPort = 5182\nFwMark = 16\nMTU = 1400\n"
		"Address = 10.1.0.1/32, 10.0.0.1/32, fd00::1/64\nDNS = 10.0.0.53, example.org\n"
		"[Peer]\nPublicKey = " B "\nEndpoint = [2001:db8::1]:5\n"
		"[Peer]\nPublicKey = " A "\nPresharedKey = " K2
		"\nAllowedIPs = 10.6.0.0/16, 10.5.0.0/16, fd05::/64\nEndpoint = 192.0.2.9:7\n"
		"PersistentKeepalive = 25\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_updated(files[i], hosts[i], files[i]);
}

static void the_interface_changes_in_place(void **state)
{
	static const struct {
		const char *file, *host, *expected;
	} cases[] = {
		{ "[Interface]\nListenPort = 1 # c\nFwMark=2\nPrivateKey = " K1 "\nMTU = 9 # m\n",
		  "[Interface]\nListenPort = 7\nPrivateKey = " K2 "\nMTU = 1300\n",
		  "[Interface]\nListenPort = 7 # c\nPrivateKey = " K2 "\nMTU = 1300 # m\n" },
		/* Left to chance, left out, or wrong. */
		{ "[Interface]\nListenPort = 0\nMTU =\nFwMark = off\n",
		  "[Interface]\nListenPort = 43211\nMTU = 1420\nFwMark = 51820\n",
		  "[Interface]\nListenPort = 0\nMTU =\nFwMark = off\n" },
		{ "[Interface]\nTable = off\n",
		  "[Interface]\nListenPort = 43211\nMTU = 1420\nFwMark = 51820\n",
		  "[Interface]\nTable = off\n" },
		{ "[Interface]\nListenPort = x\nFoo = bar\n", "[Interface]\nListenPort = 5\n",
		  "[Interface]\nListenPort = 5\nFoo = bar\n" },
		/* A key that a command may have set is not written down; another is. */
		{ "[Interface]\nPreUp = x\n[Peer]\nPublicKey = " A "\n",
		  "[Interface]\nPrivateKey = " K1 "\n[Peer]\nPublicKey = " A "\nPresharedKey = " K2
		  "\n",
		  "[Interface]\nPreUp = x\n[Peer]\nPublicKey = " A "\n" },
		{ "[Interface]\n\n[Peer]\nPublicKey = " A,
		  "[Interface]\nPrivateKey = " K1 "\n[Peer]\nPublicKey = " A "\nPresharedKey = " K2
		  "\n",
		  "[Interface]\nPrivateKey = " K1 "\n\n[Peer]\nPublicKey = " A
		  "\nPresharedKey = " K2 "\n" },
		/* As the file has it, before the kernel makes a proper key of it. */
		{ "[Interface]\nPrivateKey = yQnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n",
		  "[Interface]\nPrivateKey = " K1 "\n",
		  "[Interface]\nPrivateKey = yQnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n" },
		/* Lists keep their lines. */
		{ "[Interface]\nAddress = 10.0.0.1/24, 10.1.0.1/24 # a\nAddress = 10.2.0.1/24 # "
		  "b\n",
		  "[Interface]\nAddress = 10.0.0.1/24, 10.9.0.1/24, fd00::1/64\n",
		  "[Interface]\nAddress = 10.0.0.1/24, 10.9.0.1/24, fd00::1/64 # a\n" },
		{ "[Interface]\nAddress = 10.0.0.1/24\nAddress = 10.2.0.1/24 # b\n",
		  "[Interface]\nAddress = 10.0.0.1/24, 10.2.0.1/24, 10.3.0.1/24\n",
		  "[Interface]\nAddress = 10.0.0.1/24\nAddress = 10.2.0.1/24, 10.3.0.1/24 # b\n" },
		{ "[Interface]\n# none\n\n[Peer]\nPublicKey = " A "\n",
		  "[Interface]\nAddress = 10.0.0.1/24\n[Peer]\nPublicKey = " A "\n",
		  "[Interface]\nAddress = 10.0.0.1/24\n# none\n\n[Peer]\nPublicKey = " A "\n" },
		{ "[Interface]\nAddress = 10.0.0.1/24\nDNS = 1.1.1.1, a.b\n",
		  "[Interface]\nDNS = 9.9.9.9, a.b\n", "[Interface]\nDNS = a.b, 9.9.9.9\n" },
		{ "[Interface]\nDNS = 1.1.1.1\n", "[Interface]\n", "[Interface]\nDNS = 1.1.1.1\n" },
		/* Nothing to keep. */
		{ "# nothing\n", "[Interface]\nListenPort = 5\n", "[Interface]\nListenPort = 5\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_updated(cases[i].file, cases[i].host, cases[i].expected);
}

static void peers_change_in_place(void **state)
{
#define I "[Interface]\n"
#define P(key) "[Peer]\nPublicKey = " key "\n"
	static const struct {
		const char *file, *host, *expected;
	} cases[] = {
		{ I P(A) "Endpoint = 192.0.2.1:5 # there\nPersistentKeepalive = 5 # k\n"
			 "AllowedIPs = 10.1.0.0/16, 10.2.0.0/16\n",
		  I P(A) "Endpoint = 192.0.2.2:6\nAllowedIPs = 10.2.0.0/16, 10.3.0.0/16\n",
		  I P(A) "Endpoint = 192.0.2.2:6 # there\nAllowedIPs = 10.2.0.0/16, "
			 "10.3.0.0/16\n" },
		/* It roams: that is no part of the file. */
		{ I P(A), I P(A) "Endpoint = 192.0.2.2:6\n", I P(A) },
		{ I P(A) "Endpoint = [fe80::1%eth0]:5\n", I P(A),
		  I P(A) "Endpoint = [fe80::1%eth0]:5\n" },
		{ I P(A) "PresharedKey = " K1 "\nAllowedIPs = 10.0.0.0/8\n", I P(A), I P(A) },
		{ I P(A) "PresharedKey = " K1 "\n", I P(A) "PresharedKey = " K2 "\n",
		  I P(A) "PresharedKey = " K2 "\n" },
		{ I P(A) "\n# b\n" P(B), I P(A) P(B) "PersistentKeepalive = 9\n",
		  I P(A) "\n# b\n" P(B) "PersistentKeepalive = 9\n" },
		/* One that was taken from the other. */
		{ I P(A) "AllowedIPs = 10.0.0.0/8\n" P(B) "AllowedIPs = 10.0.0.0/8\n",
		  I P(A) P(B) "AllowedIPs = 10.0.0.0/8\n",
		  I P(A) P(B) "AllowedIPs = 10.0.0.0/8\n" },
		/* Two sections about one. */
		{ I P(A) "AllowedIPs = 10.0.0.0/8\n" P(A) "AllowedIPs = 11.0.0.0/8\n",
		  I P(A) "AllowedIPs = 11.0.0.0/8\n", I P(A) "AllowedIPs = 11.0.0.0/8\n" },
		{ I P(A) "AllowedIPs = +10.0.0.0/8\n", I P(A) "AllowedIPs = 10.0.0.0/8\n",
		  I P(A) "AllowedIPs = +10.0.0.0/8\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_updated(cases[i].file, cases[i].host, cases[i].expected);
}

static void peers_come_and_go(void **state)
{
	static const struct {
		const char *file, *host, *expected;
	} cases[] = {
		{ I "\n# a\n" P(A) "# x\n\n# b\n# bb\n" P(B) "# in b\n\n# c\n" P(C), I P(A) P(C),
		  I "\n# a\n" P(A) "# x\n\n# c\n" P(C) },
		{ I "\n" P(A) "\n" P(B), I P(A), I "\n" P(A) },
		{ I "\n" P(A) "\n" P(B), I P(B), I "\n" P(B) },
		{ I "\n" P(A) "# of b\n" P(B), I P(B), I "\n# of b\n" P(B) },
		{ I "\n" P(A) "\n# at the end\n", I, I "\n# at the end\n" },
		{ I "# mine\n" P(A), I, I },
		{ I, I P(A) "AllowedIPs = 10.0.0.0/8\nEndpoint = 1.2.3.4:5\n",
		  I "\n" P(A) "AllowedIPs = 10.0.0.0/8\nEndpoint = 1.2.3.4:5\n" },
		{ I P(A) "# tail", I P(A) P(B) P(C), I P(A) "# tail\n\n" P(B) "\n" P(C) },
		{ I P(A) "\n\n", I P(A) P(B), I P(A) "\n\n" P(B) },
		{ I P(A), I P(B), I "\n" P(B) },
		/* What is not understood is nobody's. */
		{ I "[Peer]\nFoo = 1\n[Other]\nBar\n", I, I "[Peer]\nFoo = 1\n[Other]\nBar\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_updated(cases[i].file, cases[i].host, cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_same_stays),
		cmocka_unit_test(the_interface_changes_in_place),
		cmocka_unit_test(peers_change_in_place),
		cmocka_unit_test(peers_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
