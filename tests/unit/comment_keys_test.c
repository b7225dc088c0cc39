/* Comment keys, "#wg: Key = value": what they set, what is refused and where, and who ignores them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/conf/conf.h"
#include "lib/conf/names.h"
#include "lib/conf/save.h"
#include "lib/util/cleanup.h"

#define KEY "oIeAPOTW3pGtSHgRUp3PASKnzzBzP/GFtl2LRk/lz2I="
#define PEER_A "[Peer]\nPublicKey = iO8OLwopDxMfpHBY+FkkHW0O6SVrdvsLKKqxwBSQmVo=\n"
#define PEER_B "[Peer]\nPublicKey = L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=\n"

static int parse(struct conf *out, const char *text, enum conf_dialect dialect, struct err *err)
{
	return conf_parse(out, text, strlen(text), dialect, err);
}

static void all_of_them_are_read(void **state)
{
	AUTO(conf_fini) struct conf conf;
	struct err err = { 0 };
	struct wg_key key;

	(void)state;
	assert_int_equal(parse(&conf,
			       "#wg: Save = keep\n[Interface]\n"
			       "#wg:KillSwitch=lan\n"
			       "  #  wg :  private key file =  keys/wg0.key # a remark\r\n"
			       "#WG: NAMESPACE = blue\n#wg: birthnamespace = /proc/1/ns/net\n"
			       "#wg: DNSFailure = Warn\n" PEER_B PEER_A
			       "#wg: PresharedKeyFile = credential:psk.a\n"
			       "#wg: EndpointSRV = vpn.example.org.\n",
			       CONF_QUICK, &err),
			 0);
	assert_true(conf.quick.is_text_kept);
	assert_int_equal(conf.quick.kill_switch, CONF_KILL_SWITCH_LAN);
	assert_string_equal(conf.quick.private_key_file, "keys/wg0.key");
	assert_string_equal(conf.quick.netns, "blue");
	assert_string_equal(conf.quick.birth_netns, "/proc/1/ns/net");
	assert_int_equal(conf.quick.dns_failure, CONF_DNS_FAILURE_WARN);
	assert_int_equal(conf.quick.n_peers, 1);
	assert_string_equal(conf.quick.peers[0].preshared_key_file, "credential:psk.a");
	assert_string_equal(conf.quick.peers[0].endpoint_srv, "vpn.example.org.");
	assert_int_equal(conf.quick.peers[0].line, 10);
	assert_int_equal(wg_key_parse(&key, strchr(PEER_A, '=') + 2, &err), -EINVAL);
	assert_int_equal(wg_key_parse_mem(&key, strchr(PEER_A, '=') + 2, WG_KEY_BASE64_LEN, &err),
			 0);
	assert_memory_equal(&conf.quick.peers[0].public_key, &key, sizeof(key));
}

static void none_is_the_default(void **state)
{
	static const char *const texts[] = {
		"",
		"[Interface]\n##wg: KillSwitch = on\n# wg: see below\n# wgx: KillSwitch = on\n",
		"[Interface]\nMTU = 1400 #wg: KillSwitch = on\n",
		"[Interface]\nPostUp = true #wg: KillSwitch = on\n#wg KillSwitch = on\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO(conf_fini) struct conf conf;

		assert_int_equal(parse(&conf, texts[i], CONF_QUICK, NULL), 0);
		assert_false(conf.quick.is_text_kept);
		assert_int_equal(conf.quick.kill_switch, CONF_KILL_SWITCH_OFF);
		assert_int_equal(conf.quick.dns_failure, CONF_DNS_FAILURE_UNSET);
		assert_null(conf.quick.private_key_file);
		assert_null(conf.quick.netns);
		assert_null(conf.quick.birth_netns);
		assert_int_equal(conf.quick.n_peers, 0);
	}
}

static void what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *text;
		unsigned int line, column;
		const char *message, *expected;
	} cases[] = {
		{ "[Interface]\n#wg: KilSwitch = on\n", 2, 6,
		  "Line unrecognized: `#wg:KilSwitch=on'",
		  "a key that a comment may have, perhaps `KillSwitch'" },
		{ "[Interface]\n#wg: Colour = on\n", 2, 6, "Line unrecognized: `#wg:Colour=on'",
		  "one of the keys that wg-quick(8) describes for comments" },
		{ "[Interface]\n#wg: KillSwitch on\n", 2, 6,
		  "Line unrecognized: `#wg:KillSwitchon'", "`#wg: Key = value'" },
		{ "[Interface]\n#wg:\n", 2, 5, "Line unrecognized: `#wg:'", "`#wg: Key = value'" },
		{ "[Interface]\n#wg: KillSwitch =\n", 2, 18, "Line unrecognized: `#wg:KillSwitch='",
		  "a value after `='" },
		{ "[Interface]\n#wg: KillSwitch = yes\n", 2, 19, "KillSwitch is not valid: `yes'",
		  "on, lan or off" },
		{ "[Interface]\n#wg: Save = all\n", 2, 13, "Save is not valid: `all'", "keep" },
		{ "[Interface]\n#wg: DNSFailure = ignore\n", 2, 19,
		  "DNSFailure is not valid: `ignore'", "abort or warn" },
		{ "[Interface]\n#wg: Namespace = ..\n", 2, 18, "Namespace is not valid: `..'",
		  "the name of a network namespace, or the path of its file" },
		{ PEER_A "#wg: EndpointSRV = a..b\n", 3, 20, "EndpointSRV is not valid: `a..b'",
		  "a domain, such as example.org" },
		{ PEER_A "#wg: EndpointSRV = a:5\n", 3, 20, "EndpointSRV is not valid: `a:5'",
		  "a domain, such as example.org" },
		{ PEER_A "#wg: KillSwitch = on\n", 3, 6, "Line unrecognized: `#wg:KillSwitch=on'",
		  "`KillSwitch' in the [Interface] section" },
		{ "#wg: EndpointSRV = a\n" PEER_A, 1, 6, "Line unrecognized: `#wg:EndpointSRV=a'",
		  "`EndpointSRV' in a [Peer] section" },
		{ PEER_A "#wg: EndpointSRV = a\n#wg: EndpointSRV = b\n" PEER_B, 4, 6,
		  "Line unrecognized: `#wg:EndpointSRV=b'",
		  "it once in a section, below the section's header" },
		{ "[Interface]\n#wg: KillSwitch = on\n#wg: KillSwitch = off\n", 3, 6,
		  "Line unrecognized: `#wg:KillSwitch=off'",
		  "it once in a section, below the section's header" },
		{ "[Interface]\nKillSwitch = on\n", 2, 1, "Line unrecognized: `KillSwitch=on'",
		  "a comment, `#wg: KillSwitch = ...'" },
		{ "[Interface]\n#wg: PrivateKeyFile = credential:a/b\n", 2, 23,
		  "This cannot be the name of a credential: `a/b'",
		  "the path of a file, or credential:NAME" },
		{ "[Interface]\n#wg: PrivateKeyFile = k\nPrivateKey = " KEY "\n", 2, 6,
		  "Both PrivateKey and PrivateKeyFile are given", "either of them" },
		{ PEER_A "PresharedKey = " KEY "\n#wg: PresharedKeyFile = k\n" PEER_B, 4, 6,
		  "Both PresharedKey and PresharedKeyFile are given", "either of them" },
		/* Keys are not told. */
		{ "[Interface]\n#wg: PrivateKeyFile = " KEY "\n", 2, 23,
		  "This is a key, not a file", "the path of a file, or credential:NAME" },
		{ "[Interface]\n#wg: PrivateKey = " KEY "\n", 2, 6,
		  "Line unrecognized: `#wg:PrivateKey=(hidden)'",
		  "one of the keys that wg-quick(8) describes for comments" },
		{ "[Interface]\n#wg: KillSwitch = " KEY "\n", 2, 19,
		  "KillSwitch is not valid: `(hidden)'", "on, lan or off" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(conf_fini) struct conf conf;
		struct err err = { 0 };

		assert_int_equal(parse(&conf, cases[i].text, CONF_QUICK, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].message);
		assert_string_equal(err.expected, cases[i].expected);
		assert_int_equal(err.line, cases[i].line);
		assert_int_equal(err.column, cases[i].column);
	}
}

static void wg_ignores_them(void **state)
{
	AUTO(conf_fini) struct conf conf;

	(void)state;
	assert_int_equal(parse(&conf,
			       "#wg: nonsense\n[Interface]\n#wg: KillSwitch = maybe\n#wg:\n" PEER_A
			       "#wg: PresharedKeyFile = k\nPresharedKey = " KEY "\n",
			       CONF_WG, NULL),
			 0);
	assert_int_equal(conf.device->n_peers, 1);
	assert_int_equal(conf.quick.n_peers, 0);
}

static void down_passes_over_mistakes(void **state)
{
	AUTO(conf_fini) struct conf conf;

	(void)state;
	assert_int_equal(parse(&conf,
			       "[Interface]\n#wg: KilSwitch = on\n#wg: DNSFailure = x\n#wg: x\n"
			       "#wg: BirthNamespace = .\n#wg: Namespace = red\n" PEER_A
			       "#wg: Namespace = blue\n#wg: EndpointSRV = -:\n"
			       "[Interface]\n#wg: Save = keep\n",
			       CONF_DOWN, NULL),
			 0);
	assert_string_equal(conf.quick.netns, "red");
	assert_null(conf.quick.birth_netns);
	assert_true(conf.quick.is_text_kept);
	assert_int_equal(conf.quick.kill_switch, CONF_KILL_SWITCH_OFF);
}

/* A label above or below is not cut off from its section, and no peer is called "wg: ...". */
static void they_name_nobody(void **state)
{
	static const char text[] = PEER_A "#wg: PresharedKeyFile = a\n\n" PEER_B
					  "#wg: EndpointSRV = example.org\n# Name = laptop\n";
	AUTO(conf_fini) struct conf conf;
	struct conf_names names = { 0 };

	(void)state;
	conf_names_add(&names, text, strlen(text));
	assert_int_equal(names.n_entries, 1);
	assert_string_equal(names.entries[0].name, "laptop");
	conf_names_fini(&names);
	assert_int_equal(parse(&conf, "[Interface]\n# Name = home\n#wg: KillSwitch = on\nMTU = 5\n",
			       CONF_QUICK, NULL),
			 0);
	assert_string_equal(conf.device->label, "home");
}

/* What saving makes of `file`, in both ways, when `host` is what is running. */
static void assert_saved(const char *file, const char *host, const char *expected,
			 const char *expected_kept)
{
	AUTO(conf_fini) struct conf running;
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 }, kept = { 0 };
	struct strlist none = { 0 };
	struct conf_running what = { .dns_servers = &none, .dns_search = &none };

	assert_int_equal(parse(&running, host, CONF_WG, NULL), 0);
	what.device = running.device;
	strbuf_add(&lines.text, file);
	conf_print_running(&out, &lines, &what);
	assert_string_equal(strbuf_text(&out), expected);
	conf_print_updated(&kept, &lines, &what);
	assert_string_equal(strbuf_text(&kept), expected_kept);
}

/* The kill switch stays on after a save, and no secret gets out of its file. */
static void saving_keeps_them(void **state)
{
	(void)state;
	assert_saved(
		"#wg: KillSwitch = on\n[Interface]\n# gone\n#WG:private key file=a b # c\n" PEER_B
		"#wg: EndpointSRV = example.org\n" PEER_A "#wg: PresharedKeyFile = k\n",
		"[Interface]\nPrivateKey = " KEY "\n" PEER_A "PresharedKey = " KEY "\n" PEER_B
		"PresharedKey = " KEY "\n",
		"[Interface]\n#wg: KillSwitch = on\n#wg: privatekeyfile = a b\n\n" PEER_A
		"#wg: PresharedKeyFile = k\n\n" PEER_B "PresharedKey = " KEY
		"\n#wg: EndpointSRV = example.org\n",
		"#wg: KillSwitch = on\n[Interface]\n# gone\n#WG:private key file=a b # c\n" PEER_B
		"PresharedKey = " KEY "\n#wg: EndpointSRV = example.org\n" PEER_A
		"#wg: PresharedKeyFile = k\n");
	/* They go with their peer, and with no other one. */
	assert_saved("[Interface]\n\n" PEER_A "#wg: PresharedKeyFile = a\n" PEER_B
		     "#wg: PresharedKeyFile = b\n",
		     "[Interface]\n" PEER_A, "[Interface]\n\n" PEER_A "#wg: PresharedKeyFile = a\n",
		     "[Interface]\n\n" PEER_A "#wg: PresharedKeyFile = a\n");
	assert_saved("[Interface]\n\n" PEER_A "#wg: PresharedKeyFile = a\n" PEER_B
		     "#wg: PresharedKeyFile = b\n",
		     "[Interface]\n" PEER_B, "[Interface]\n\n" PEER_B "#wg: PresharedKeyFile = b\n",
		     "[Interface]\n\n" PEER_B "#wg: PresharedKeyFile = b\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them_are_read),      cmocka_unit_test(none_is_the_default),
		cmocka_unit_test(what_is_wrong_is_told),     cmocka_unit_test(wg_ignores_them),
		cmocka_unit_test(down_passes_over_mistakes), cmocka_unit_test(they_name_nobody),
		cmocka_unit_test(saving_keeps_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
