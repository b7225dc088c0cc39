/* lib/conf/names: conventions in the wild, what must not become a name, and random texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/names.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

#define A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
#define PSK "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE="

static struct wg_key key_of(const char *text)
{
	struct wg_key key;

	assert_int_equal(wg_key_parse(&key, text, NULL), 0);
	return key;
}

/* "a:b": the names of A and B; "-" for none. */
static void expect(const char *text, const char *expected)
{
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	const struct wg_key a = key_of(A), b = key_of(B);
	char got[2 * CONF_NAME_MAX + 4];
	const char *name_a, *name_b;

	conf_names_add(&names, text, strlen(text));
	name_a = conf_names_of(&names, &a);
	name_b = conf_names_of(&names, &b);
	snprintf(got, sizeof(got), "%s:%s", name_a ? name_a : "-", name_b ? name_b : "-");
	if (strcmp(got, expected) != 0)
		print_message("# in: %s\n", text);
	assert_string_equal(got, expected);
}

#define PEER_A "[Peer]\nPublicKey = " A "\nAllowedIPs = 10.0.0.2/32\n"
#define PEER_B "[Peer]\nPublicKey = " B "\nAllowedIPs = 10.0.0.3/32\n"

static void test_keyed(void **state)
{
	(void)state;
	expect("# Name = laptop\n" PEER_A "\n# Name = phone\n" PEER_B, "laptop:phone");
	expect(PEER_A "# Name = laptop\n\n" PEER_B "# Name = phone\n", "laptop:phone");
	expect("[Peer]\n# friendly_name = the laptop\nPublicKey = " A "\n", "the laptop:-");
	expect("[Peer]\nPublicKey = " A "\n#friendly_name=laptop\nAllowedIPs =\n", "laptop:-");
	expect("[Peer]\n\n# friendly_name = laptop\n\nPublicKey = " A "\n", "laptop:-");
	expect("[Peer]\n# friendly_json = {\"id\": 4, \"name\" : \"laptop\"}\nPublicKey = " A "\n",
	       "laptop:-");
	expect("[Peer]\n# friendly_json = {\"a\":\"name\",\"name\":\"x\"}\nPublicKey=" A "\n",
	       "x:-");
	expect("[Peer]\n# friendly_json = {\"name\":\"a\\\"b\"}\nPublicKey=" A "\n", "-:-");
	expect("[Peer]\n# friendly_json = {\"name\":\"a\nPublicKey=" A "\n", "-:-");
	expect("[Peer]\n# friendly_json = {\"name\"\nPublicKey=" A "\n", "-:-");
	expect("[Peer]\n#Name# = laptop\nPublicKey = " A "\n", "laptop:-");
	expect("[Peer]\nPublicKey = " A "\n#+Alias = laptop\n", "laptop:-");
	expect("[peer] # Name = laptop\n publickey=" A "\n", "laptop:-");
	expect("# ID:           1\n# Name:         laptop\n# Email:        a@b\n"
	       "# Created at:   2024-01-01\n" PEER_A,
	       "laptop:-");
	expect("\xef\xbb\xbf# Name = laptop\r\n[Peer]\r\nPublicKey = " A "\r\n", "laptop:-");
	expect("[Peer]\nPublicKey = " A "\n# Name = first\n# Name = second\n", "first:-");
	expect("# Name = a\tb\n" PEER_A, "a b:-");
}

static void test_marked(void **state)
{
	(void)state;
	expect("### begin laptop ###\n" PEER_A "### end laptop ###\n### begin phone ###\n" PEER_B
	       "### end phone ###\n",
	       "laptop:phone");
	expect("### Client laptop\n" PEER_A "\n### Client phone\n" PEER_B, "laptop:phone");
	expect("# BEGIN_PEER laptop\n" PEER_A "# END_PEER laptop\n# BEGIN_PEER phone\n" PEER_B,
	       "laptop:phone");
	expect("# Client: laptop (d7e4ab0e-19a4-4d5a-8c5c-1f1c9a4b6b53)\n" PEER_A, "laptop:-");
	expect("# Client: laptop (old)\n" PEER_A, "laptop (old):-");
	expect("# BEGIN ANSIBLE MANAGED BLOCK\n" PEER_A "# END ANSIBLE MANAGED BLOCK\n", "-:-");
}

static void test_plain(void **state)
{
	(void)state;
	expect("# laptop\n" PEER_A "\n# phone\n" PEER_B, "laptop:phone");
	expect("[Peer]\n# laptop\nPublicKey = " A "\n", "laptop:-");
	expect("[Peer] # laptop\nPublicKey = " A "\n", "laptop:-");
	expect("# group\n[Peer] # laptop\n# note\nPublicKey = " A "\n", "laptop:-");
	expect("# above\n[Peer]\n# below\nPublicKey = " A "\n", "above:-");
	expect("# far\n# near\n" PEER_A, "near:-");
	expect("# laptop\n\n" PEER_A, "-:-");
	expect("[Peer]\n\n# laptop\nPublicKey = " A "\n", "-:-");
	expect("[Peer]\nPublicKey = " A " # laptop\n", "-:-");
	expect("[Peer]\nPublicKey = " A "\n# laptop\nAllowedIPs =\n", "-:-");
	expect("#### laptop ####\n" PEER_A, "laptop:-");
	expect("# ---- laptop ----\n" PEER_A, "laptop:-");
	expect("# J\xc3\xbcrgen\n" PEER_A, "J\xc3\xbcrgen:-");
	/* What joins is seen. */
	expect("# \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb\n" PEER_A,
	       "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb:-");
	expect("# J\xfcrgen\n" PEER_A, "J\xfcrgen:-");
	expect("# laptop\n[Interface]\nPrivateKey = " PSK "\n\n" PEER_A, "-:-");
	expect("[Interface]\n# server\nPrivateKey = " PSK "\n\n" PEER_A, "-:-");
}

/* A comment between two sections. */
static void test_whose(void **state)
{
	(void)state;
	expect(PEER_A "# Name = x\n" PEER_B, "-:x");
	expect(PEER_A "\n# Name = x\n" PEER_B, "-:x");
	expect(PEER_A "# Name = x\n\n" PEER_B, "x:-");
	expect(PEER_A "\n# Name = x\n\n" PEER_B, "-:-");
	expect(PEER_A "\n# Name = x\n\nEndpoint = 1.2.3.4:5\n" PEER_B, "x:-");
	expect(PEER_A "\n# Name = x\n", "x:-");
	expect(PEER_A "# friendly_name = x\n" PEER_B, "x:-");
	expect(PEER_A "\n# friendly_name = x\n" PEER_B, "-:x");
	expect(PEER_A "\n# friendly_name = x\n\n" PEER_B, "x:-");
	expect(PEER_A "# friendly_name = x\n" PEER_B "# friendly_name = y\n", "x:y");
	expect("# friendly_name = x\n" PEER_A "# friendly_name = y\n" PEER_B, "x:y");
	expect("[Interface]\nListenPort = 1\n# friendly_name = x\n" PEER_A, "x:-");
	expect(PEER_A "# x\n\n" PEER_B, "-:-");
	/* The better convention wins, and does not fall back on a name that is none. */
	expect("# plain\n[Peer]\n# Name = keyed\nPublicKey = " A "\n", "keyed:-");
	expect("### Client marked\n[Peer] # plain\n# Name = keyed\nPublicKey = " A "\n", "keyed:-");
	expect("### Client marked\n# plain\n" PEER_A, "marked:-");
	expect("# plain\n# Name =\n" PEER_A, "-:-");
	/* The same peer twice, or a key twice. */
	expect("# x\n" PEER_A "\n# y\n" PEER_A, "x:-");
	expect(PEER_A "\n# y\n" PEER_A, "y:-");
	expect("# x\n[Peer]\nPublicKey = " B "\nPublicKey = " A "\n", "x:-");
	/* No key, no name. */
	expect("# x\n[Peer]\nPublicKey = nonsense\n", "-:-");
	expect("# x\n[Peer]\n", "-:-");
	expect("# x\n[Peer]\nPublicKey = " A, "x:-");
	expect("# x\n[Peer]\nPublic Key = " A, "-:-");
	expect("# x\n[Peer]\nPublicKey = QUFBQUFB QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "x:-");
	expect("", "-:-");
	expect("\n\n", "-:-");
	expect("# x", "-:-");
}

static void test_no_names(void **state)
{
	static const char *const comments[] = {
		"#PresharedKey = " PSK,
		"# PresharedKey = " PSK,
		"# presharedkey=" PSK,
		"# Preshared Key: " PSK,
		"# old PresharedKey = short",
		"# PresharedKey secret",
		"# preshared-key = x",
		"# PrivateKey = x",
		"# AllowedIPs = 10.0.0.0/8",
		"#AllowedIPs=10.0.0.0/8",
		"#Endpoint = 1.2.3.4:5",
		"## Endpoint = 1.2.3.4:5",
		"# was Endpoint = 1.2.3.4:5",
		"# PersistentKeepalive = 25",
		"# PostUp = iptables -A FORWARD",
		"# Jc = 4",
		"# id = 7",
		"# " PSK,
		"# psk " PSK,
		"# psk FpCyhws9 cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=",
		"# " PSK " and more",
		"# FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE",
		"# 1690b2870b3d731c16a15e3110bb5f26f8c937ecd05513c84a59515a07a8a551",
		"# FpCyhws9cxwWoV4xELtfJvjJN-zQVRPISllRWgeopVE=",
		"# Name = " PSK,
		"# Name = PresharedKey=" PSK,
		"# friendly_name = " PSK,
		"### begin " PSK " ###",
		"### Client " PSK,
		"# friendly_json = {\"name\":\"" PSK "\"}",
		"#[Peer]",
		"# [Peer]",
		"#",
		"####",
		"# ----------",
		"# ===",
		"# Name =",
		"# Name = \x1b[31mred",
		"# Name = a\x7f",
		"# Name = \xc2\x9b"
		"31m",
		"# Name = \x9b"
		"31m",
		"# a\x01",
		"# a\xd8\x9c",
		"# Name = a\xe2\x80\x8b",
		"# a\xe2\x80\x8f",
		"# Name = \xe2\x80\xae"
		"evil",
		"# a\xe2\x81\xa6",
		"# \xef\xbb\xbf"
		"a",
		"# a\xf3\xa0\x81\xa1",
		"# password: hunter2",
		"# Passphrase = open sesame",
		"# my secret: hunter2",
		"# Name = token:hunter2",
		"# old psk: x",
		"# This is a comment of more than sixty-four bytes, which nobody would call a peer",
		"### end laptop ###",
		"# end of laptops",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]); i++) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		strbuf_addf(&text, "%s\n" PEER_A "\n[Peer] %s\n%s\nPublicKey = " B "\n%s\n",
			    comments[i], comments[i], comments[i], comments[i]);
		expect(text.text, "-:-");
	}
}

static void test_longest(void **state)
{
	char comment[256];

	(void)state;
	for (int len = 1; len < 70; len++) {
		char name[80] = "", expected[80];

		for (int i = 0; i < len; i++)
			name[i] = i % 8 ? 'x' : '.';
		name[len - 1] = 'y';
		snprintf(comment, sizeof(comment), "# Name = %s\n" PEER_A, name);
		snprintf(expected, sizeof(expected), "%s:-", len <= CONF_NAME_MAX ? name : "-");
		expect(comment, expected);
	}
}

static void test_list(void **state)
{
	static const char text[] = "# names\n" A " laptop\n  " B "\t:\tthe phone \r\n"
				   "\n" PSK "=server\nQUFB nobody\n" A "x\n" A "\n"
				   "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M= \0nobody\n";
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	const struct wg_key a = key_of(A), b = key_of(B), c = key_of(PSK);

	(void)state;
	conf_names_add_list(&names, text, sizeof(text) - 1);
	assert_int_equal(names.n_entries, 3);
	assert_string_equal(conf_names_of(&names, &a), "laptop");
	assert_string_equal(conf_names_of(&names, &b), "the phone");
	assert_string_equal(conf_names_of(&names, &c), "server");
	/* Names that are there stay. */
	conf_names_add_list(&names, A " other", strlen(A " other"));
	conf_names_add(&names, "# another\n" PEER_B, strlen("# another\n" PEER_B));
	assert_int_equal(names.n_entries, 3);
	assert_string_equal(conf_names_of(&names, &a), "laptop");
	assert_string_equal(conf_names_of(&names, &b), "the phone");
}

static void test_find(void **state)
{
	static const char text[] = A " laptop\n" B " phone\n" PSK " phone\n";
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	const struct wg_key a = key_of(A);
	struct wg_key found;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(conf_names_find(&found, &names, "laptop", &err), -ENOENT);
	assert_null(conf_names_of(&names, &a));
	conf_names_add_list(&names, text, sizeof(text) - 1);
	assert_int_equal(conf_names_find(&found, &names, "laptop", &err), 0);
	assert_memory_equal(&found, &a, sizeof(a));
	assert_int_equal(conf_names_find(&found, &names, "phone", &err), -EEXIST);
	assert_string_equal(err.text, "several peers are called `phone'");
	assert_int_equal(conf_names_find(&found, &names, "Laptop", &err), -ENOENT);
	assert_string_equal(err.text, "no peer is called `Laptop'");
	assert_int_equal(conf_names_find(&found, &names, "", &err), -ENOENT);
}

/* Whatever the interface is called, nothing but its own file may be read. */
static void test_read(void **state)
{
	static const char *const interfaces[] = {
		"", "/", "../x", "..", "no-such-interface-x", "no_such_x", "peers.names"
	};
	(void)state;
	for (size_t i = 0; i < sizeof(interfaces) / sizeof(interfaces[0]); i++) {
		AUTO(conf_names_fini) struct conf_names names = { 0 };

		conf_names_read(&names, interfaces[i]);
	}
}

/* Pieces of configurations in any order: names keep their promises. */
static void test_random(void **state)
{
	static const char *const pieces[] = {
		"[Peer]\n",
		"[Interface]\n",
		"\n",
		"# laptop\n",
		"# Name = phone\n",
		"# friendly_name = server\n",
		"### begin box ###\n",
		"### end box ###\n",
		"#PresharedKey = " PSK "\n",
		"PublicKey = " A "\n",
		"PublicKey = " B "\n",
		"PublicKey = x\n",
		"[Peer] # tail\n",
		"PresharedKey = " PSK "\n",
		"rubbish\n",
		"# \x1b[m\n",
		"#",
		"\t",
		" ",
	};
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		AUTO(conf_names_fini) struct conf_names names = { 0 };
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		for (int i = rand_r(&seed) % 16; i >= 0; i--)
			strbuf_add(&text, pieces[(size_t)rand_r(&seed) %
						 (sizeof(pieces) / sizeof(pieces[0]))]);
		conf_names_add(&names, text.text, text.len);
		assert_true(names.n_entries <= 2);
		for (size_t i = 0; i < names.n_entries; i++) {
			const char *name = names.entries[i].name;

			assert_true(*name && strlen(name) <= CONF_NAME_MAX);
			assert_null(strstr(name, "FpCy"));
			assert_null(strchr(name, '\x1b'));
			assert_non_null(strstr(text.text, name));
			assert_ptr_equal(conf_names_of(&names, &names.entries[i].key), name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyed),    cmocka_unit_test(test_marked),
		cmocka_unit_test(test_plain),    cmocka_unit_test(test_whose),
		cmocka_unit_test(test_no_names), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_list),     cmocka_unit_test(test_find),
		cmocka_unit_test(test_read),     cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
