/* The table of keys, and the values that `wg set` takes as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/util/cleanup.h"

static void test_port(void **state)
{
	static const char *const bad[] = { "-1", "+5", "0x10", " 7", "7 ", "abc" };
	static const char *const large[] = { "65536", "99999999999999999999", "70000" };
	struct err err;
	uint16_t port = 1;

	(void)state;
	assert_int_equal(keys_parse_port(&port, "0", &err), 0);
	assert_int_equal(port, 0);
	assert_int_equal(keys_parse_port(&port, "65535", &err), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(keys_parse_port(&port, "010", &err), 0);
	assert_int_equal(port, 10);
	assert_int_equal(keys_parse_port(&port, "domain", &err), 0);
	assert_int_equal(port, 53);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(keys_parse_port(&port, bad[i], &err), -EINVAL);
		assert_int_equal(port, 53);
	}
	assert_string_equal(err.text, "Servname not supported for ai_socktype: `abc'");
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		assert_int_equal(keys_parse_port(&port, large[i], &err), -EINVAL);
		assert_int_equal(port, 53);
	}
	assert_string_equal(err.text, "Listen port is above 65535: `70000'");
	assert_int_equal(keys_parse_port(&port, "", &err), -EINVAL);
	assert_string_equal(err.text, "Unable to parse empty port");
}

static void test_fwmark(void **state)
{
	static const char *const bad[] = {
		"0xCA6CZ", "ff", "+1", "", " 1", "0x", "0x100000000", "4294967296", "0XCA6C",
	};
	struct err err;
	uint32_t mark = 1;

	(void)state;
	assert_int_equal(keys_parse_fwmark(&mark, "oFf", &err), 0);
	assert_int_equal(mark, 0);
	assert_int_equal(keys_parse_fwmark(&mark, "0xFFffFFff", &err), 0);
	assert_int_equal(mark, UINT32_MAX);
	assert_int_equal(keys_parse_fwmark(&mark, "51820", &err), 0);
	assert_int_equal(mark, 51820);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keys_parse_fwmark(&mark, bad[i], &err), -EINVAL);
	assert_string_equal(err.text, "Fwmark is neither 0/off nor 0-0xffffffff: `0XCA6C'");
	assert_int_equal(mark, 51820);
}

static void test_keepalive(void **state)
{
	static const char *const bad[] = { "0x19", "-1", "", "25 ", "65536" };
	struct err err;
	uint16_t seconds = 1;

	(void)state;
	assert_int_equal(keys_parse_keepalive(&seconds, "OFF", &err), 0);
	assert_int_equal(seconds, 0);
	assert_int_equal(keys_parse_keepalive(&seconds, "025", &err), 0);
	assert_int_equal(seconds, 25);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(keys_parse_keepalive(&seconds, bad[i], &err), -EINVAL);
	assert_string_equal(err.text,
			    "Persistent keepalive interval is neither 0/off nor 1-65535: `65536'");
	assert_int_equal(seconds, 25);
}

static int parse_ips(struct wg_peer *peer, struct strlist *warnings, size_t *bad_at,
		     const char *text, struct err *err)
{
	return keys_parse_allowed_ips(peer, warnings, bad_at, text, strlen(text), err);
}

static void test_allowed_ips(void **state)
{
	AUTO(strlist_fini) struct strlist warnings = { 0 };
	struct wg_peer peer = { 0 };
	struct err err;
	size_t bad_at;

	(void)state;
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, " 10.0.0.1/24 , fd00::1", &err), 0);
	assert_int_equal(peer.n_allowed_ips, 2);
	assert_int_equal(peer.allowed_ips[0].cidr.addr.bytes[3], 0);
	assert_int_equal(peer.allowed_ips[1].cidr.bits, 128);
	assert_true(peer.flags & WG_PEER_REPLACE_ALLOWED_IPS);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
			    "Warning: AllowedIP has nonzero host part: 10.0.0.1/24");

	/* The last statement decides about replacing; its items come to those that are there. */
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, "10.1.0.1,-10.1.0.2,+10.1.0.3", &err),
			 0);
	assert_int_equal(peer.n_allowed_ips, 5);
	assert_false(peer.flags & WG_PEER_REPLACE_ALLOWED_IPS);
	assert_false(peer.allowed_ips[2].remove);
	assert_true(peer.allowed_ips[3].remove);
	assert_false(peer.allowed_ips[4].remove);
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, "10.2.0.1", &err), 0);
	assert_true(peer.flags & WG_PEER_REPLACE_ALLOWED_IPS);
	wg_peer_clear_allowed_ips(&peer);

	/* Nothing at all empties the list; an empty item is an error. */
	peer.flags = 0;
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, " \t", &err), 0);
	assert_int_equal(peer.n_allowed_ips, 0);
	assert_true(peer.flags & WG_PEER_REPLACE_ALLOWED_IPS);
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, "10.0.0.1,", &err), -EINVAL);
	assert_string_equal(err.text, "Unable to parse IP address: `'");
	wg_peer_clear_allowed_ips(&peer);
}

static void test_allowed_ips_say_where(void **state)
{
	AUTO(strlist_fini) struct strlist warnings = { 0 };
	struct wg_peer peer = { 0 };
	struct err err;
	size_t bad_at = 0;

	(void)state;
	assert_int_equal(parse_ips(&peer, &warnings, &bad_at, "10.0.0.1,  +10.0.0.0/3 3", &err),
			 -EINVAL);
	assert_int_equal(bad_at, 11);
	assert_string_equal(err.text, "AllowedIP is not in the correct format: `10.0.0.0/33'");
	wg_peer_clear_allowed_ips(&peer);
}

/* An item that is too long for its buffer must not be cut to a good one. */
static void test_allowed_ip_too_long(void **state)
{
	AUTO(strlist_fini) struct strlist warnings = { 0 };
	struct wg_peer peer = { 0 };
	struct err err;
	size_t bad_at;

	(void)state;
	for (size_t zeros = 90; zeros < 130; zeros++) {
		char text[200] = "10.0.0.0/";
		int r;

		memset(text + strlen(text), '0', zeros);
		strcat(text, "33");
		r = parse_ips(&peer, &warnings, &bad_at, text, &err);
		assert_int_equal(r, -EINVAL);
	}
	assert_int_equal(peer.n_allowed_ips, 0);
}

static void test_find(void **state)
{
	(void)state;
	assert_string_equal(keys_find("listenPORT")->name, "ListenPort");
	assert_int_equal(keys_find("PostUp")->owner, KEYS_OWNER_QUICK);
	assert_true(keys_find("PostUp")->is_shell);
	assert_int_equal(keys_find("Jc")->owner, KEYS_OWNER_AMNEZIA);
	assert_true(keys_find("PrivateKey")->is_secret);
	assert_true(keys_find("PresharedKey")->is_secret);
	assert_false(keys_find("PublicKey")->is_secret);
	assert_null(keys_find("Listen"));
	assert_null(keys_find(""));
}

static void test_find_near(void **state)
{
	static const char *const pairs[][2] = {
		{ "AllowedIP", "AllowedIPs" },
		{ "allowedipss", "AllowedIPs" },
		{ "EndPiont", "Endpoint" },
		{ "PersistantKeepAlive", "PersistentKeepalive" },
		{ "Adress", "Address" },
		{ "MTUs", "MTU" },
		{ "PreSharedKeys", "PresharedKey" },
		{ "PostUps", "PostUp" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct keys_key *key = keys_find_near(pairs[i][0]);

		assert_non_null(key);
		assert_string_equal(key->name, pairs[i][1]);
	}
	assert_null(keys_find_near("Colour"));
	assert_null(keys_find_near("x"));
	/* A relative's key is no suggestion. */
	assert_null(keys_find_near("Jc2"));
	assert_null(keys_find_near("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"));
}

/* What the readers of the table rely on. */
static void test_table_is_complete(void **state)
{
	size_t n;
	const struct keys_key *keys = keys_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct keys_key *key = &keys[i];

		assert_ptr_equal(keys_find(key->name), key);
		assert_true(strlen(key->name) <= 40);
		assert_non_null(key->hint_other_section);
		assert_non_null(strstr(key->hint_other_section, key->name));
		if (key->owner != KEYS_OWNER_AMNEZIA) {
			assert_non_null(key->parse);
			assert_non_null(strstr(key->hint_near, key->name));
		}
		if (key->owner != KEYS_OWNER_WG)
			assert_non_null(strstr(key->hint_other_owner, key->name));
		assert_int_equal(key->owner == KEYS_OWNER_WG, key->print != NULL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_fwmark),
		cmocka_unit_test(test_keepalive),
		cmocka_unit_test(test_allowed_ips),
		cmocka_unit_test(test_allowed_ips_say_where),
		cmocka_unit_test(test_allowed_ip_too_long),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_near),
		cmocka_unit_test(test_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
