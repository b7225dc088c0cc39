/* Prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/model/cidr.h"

static void assert_prints(const struct cidr *cidr, const char *want)
{
	char text[CIDR_TEXT_MAX];

	cidr_format(text, cidr);
	assert_string_equal(text, want);
}

static void test_prefixes(void **state)
{
	static const char *const pairs[][2] = {
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "192.0.2.1", "192.0.2.1/32" },
		{ "192.0.2.255/25", "192.0.2.128/25" },
		{ "192.0.2.255/31", "192.0.2.254/31" },
		{ "255.255.255.255/1", "128.0.0.0/1" },
		{ "255.255.255.255", "255.255.255.255/32" },
		{ "0.10.109.9", "0.10.109.9/32" },
		{ "10.0.0.0/008", "10.0.0.0/8" },
		{ "::/0", "::/0" },
		{ "2001:DB8::1", "2001:db8::1/128" },
		{ "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
		{ "ffff::1/0", "::/0" },
		{ "::ffff:192.0.2.1/128", "::ffff:192.0.2.1/128" },
		{ "1:2:3:4:5:6:7:8/127", "1:2:3:4:5:6:7:8/127" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct cidr cidr;

		assert_int_equal(cidr_parse(&cidr, NULL, pairs[i][0], NULL), 0);
		assert_prints(&cidr, pairs[i][1]);
	}
}

static void test_addresses_keep_host_bits(void **state)
{
	struct cidr cidr;

	(void)state;
	assert_int_equal(cidr_parse_address(&cidr, "192.0.2.1/24", NULL), 0);
	assert_prints(&cidr, "192.0.2.1/24");
	assert_int_equal(cidr_parse_address(&cidr, "2001:db8::1/64", NULL), 0);
	assert_prints(&cidr, "2001:db8::1/64");
}

static void test_host_bits_are_told(void **state)
{
	struct cidr cidr;
	bool had;

	(void)state;
	assert_int_equal(cidr_parse(&cidr, &had, "192.0.2.1/24", NULL), 0);
	assert_true(had);
	assert_int_equal(cidr_parse(&cidr, &had, "192.0.2.0/24", NULL), 0);
	assert_false(had);
	assert_int_equal(cidr_parse(&cidr, &had, "fe80::1/127", NULL), 0);
	assert_true(had);
	assert_true(cidr_parse(&cidr, &had, "fe80::1", NULL) == 0 && !had);
}

static void test_what_is_no_prefix(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/ 8",
		"10.0.0.0/8/8",
		"010.0.0.1",
		"10.0.0.256",
		"::/129",
		":::",
		"fe80::1%lo",
		"1.2.3.4.5",
		"0x7f000001",
		" 10.0.0.1",
		"10.0.0.1 ",
		"[::1]",
		"10.0.0.0/+8",
		"10.0.0.0/0x8",
		"1:2:3:4:5:6:7:8:9",
		"10.0.0.0/99999999999999999999",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff",
	};
	struct cidr cidr, untouched;

	(void)state;
	memset(&cidr, 0x5a, sizeof(cidr));
	untouched = cidr;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(cidr_parse(&cidr, NULL, bad[i], &err), -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		assert_non_null(err.expected);
		assert_memory_equal(&cidr, &untouched, sizeof(cidr));
	}
}

static void test_messages(void **state)
{
	struct cidr cidr;
	struct err err;

	(void)state;
	cidr_parse(&cidr, NULL, "10.0.0/8", &err);
	assert_string_equal(err.text, "Unable to parse IP address: `10.0.0'");
	cidr_parse(&cidr, NULL, "10.0.0.0/33", &err);
	assert_string_equal(err.text, "AllowedIP is not in the correct format: `10.0.0.0/33'");
}

static struct cidr prefix(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse_address(&cidr, text, NULL), 0);
	return cidr;
}

static bool contains(const char *outer, const char *inner)
{
	struct cidr o = prefix(outer), i = prefix(inner);

	return cidr_contains(&o, &i);
}

static void test_contains(void **state)
{
	(void)state;
	assert_true(contains("10.0.0.0/8", "10.255.0.0/16"));
	assert_true(contains("10.0.0.0/8", "10.0.0.0/8"));
	assert_false(contains("10.0.0.0/8", "10.0.0.0/7"));
	assert_false(contains("10.0.0.0/8", "11.0.0.0/16"));
	assert_true(contains("10.1.2.3/8", "10.200.2.3/32"));
	assert_true(contains("0.0.0.0/0", "255.255.255.255"));
	assert_false(contains("0.0.0.0/0", "::1"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::/48"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::/48"));
}

static void test_equal(void **state)
{
	struct cidr a = prefix("10.0.0.0/8"), b = a;

	(void)state;
	b.addr.bytes[15] = 1; /* no part of an IPv4 address */
	assert_true(cidr_equal(&a, &b));
	b.bits = 9;
	assert_false(cidr_equal(&a, &b));
	a = prefix("::/8");
	b = prefix("::/8");
	assert_true(cidr_equal(&a, &b));
	b.addr.bytes[15] = 1;
	assert_false(cidr_equal(&a, &b));
	b = prefix("0.0.0.0/8");
	assert_false(cidr_equal(&a, &b));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_addresses_keep_host_bits),
		cmocka_unit_test(test_host_bits_are_told),
		cmocka_unit_test(test_what_is_no_prefix),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
