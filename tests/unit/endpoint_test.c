/* Endpoints: addresses at once, names kept as names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "lib/model/endpoint.h"
#include "lib/util/cleanup.h"

static void test_addresses(void **state)
{
	static const char *const pairs[][2] = {
		{ "192.0.2.1:51820", "192.0.2.1:51820" },
		{ "192.0.2.1:0", "192.0.2.1:0" },
		{ "[192.0.2.1]:5", "192.0.2.1:5" },
		{ "[2001:DB8::1]:51820", "[2001:db8::1]:51820" },
		{ "2001:db8::1:51820", "[2001:db8::1]:51820" },
		{ "[fe80::1%lo]:5", "[fe80::1%lo]:5" },
		{ "[ff02::1%lo]:5", "[ff02::1%lo]:5" },
		{ "[::ffff:192.0.2.1]:65535", "[::ffff:192.0.2.1]:65535" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
		char text[ENDPOINT_TEXT_MAX];

		assert_int_equal(endpoint_parse(&endpoint, pairs[i][0], NULL), 0);
		assert_null(endpoint.host);
		assert_false(endpoint_is_empty(&endpoint));
		sockaddr_ip_format(text, &endpoint.addr);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void test_names(void **state)
{
	static const char *const triples[][3] = {
		{ "vpn.example.com:51820", "vpn.example.com", "51820" },
		{ "192.0.2.1:domain", "192.0.2.1", "domain" },
		{ "127.1:5", "127.1", "5" }, /* the resolver's business */
		{ "[fe80::1%no such]:5", "fe80::1%no such", "5" },
		{ "[2001:db8::1%lo]:5", "2001:db8::1%lo", "5" }, /* not link-local: has no scope */
		{ "[fe80::1%1]:5", "fe80::1%1", "5" },
		{ ":5", "", "5" },
		{ "a:b:c", "a:b", "c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(triples) / sizeof(triples[0]); i++) {
		AUTO(endpoint_fini) struct endpoint endpoint = { 0 };

		assert_int_equal(endpoint_parse(&endpoint, triples[i][0], NULL), 0);
		assert_int_equal(endpoint.addr.sa.sa_family, AF_UNSPEC);
		assert_string_equal(endpoint.host, triples[i][1]);
		assert_string_equal(endpoint.service, triples[i][2]);
		assert_false(endpoint_is_empty(&endpoint));
	}
}

static void test_messages(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "Unable to parse empty endpoint" },
		{ "192.0.2.1", "Unable to find port of endpoint: `192.0.2.1'" },
		{ "vpn.example.com:", "Unable to find port of endpoint: `vpn.example.com:'" },
		{ "[::1]", "Unable to find port of endpoint: `[::1]'" },
		{ "[::1]5", "Unable to find port of endpoint: `[::1]5'" },
		{ "[::1:5", "Unable to find matching brace of endpoint: `[::1:5'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
		struct err err = { 0 };

		assert_int_equal(endpoint_parse(&endpoint, "192.0.2.9:9", &err), 0);
		assert_int_equal(endpoint_parse(&endpoint, pairs[i][0], &err), -EINVAL);
		assert_string_equal(err.text, pairs[i][1]);
		assert_int_equal(ntohs(endpoint.addr.v4.sin_port), 9); /* as it was */
	}
}

static void test_parsing_again_replaces(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };

	(void)state;
	assert_int_equal(endpoint_parse(&endpoint, "vpn.example.com:1", NULL), 0);
	assert_int_equal(endpoint_parse(&endpoint, "192.0.2.1:2", NULL), 0);
	assert_null(endpoint.host);
	assert_int_equal(endpoint_parse(&endpoint, "vpn.example.com:3", NULL), 0);
	assert_int_equal(endpoint.addr.sa.sa_family, AF_UNSPEC);
	assert_string_equal(endpoint.service, "3");
}

static void test_copy(void **state)
{
	AUTO(endpoint_fini) struct endpoint a = { 0 };
	AUTO(endpoint_fini) struct endpoint b = { 0 };

	(void)state;
	assert_int_equal(endpoint_parse(&a, "vpn.example.com:1", NULL), 0);
	endpoint_copy(&b, &a);
	assert_string_equal(b.host, "vpn.example.com");
	assert_ptr_not_equal(b.host, a.host);
	endpoint_fini(&a);
	assert_true(endpoint_is_empty(&a));
	endpoint_copy(&b, &a);
	assert_true(endpoint_is_empty(&b));
}

static void test_sockaddr(void **state)
{
	AUTO(endpoint_fini) struct endpoint a = { 0 };
	AUTO(endpoint_fini) struct endpoint b = { 0 };
	union sockaddr_ip none = { 0 };
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(endpoint_parse(&a, "[fe80::1%lo]:5", NULL), 0);
	assert_int_equal(endpoint_parse(&b, "[fe80::1]:5", NULL), 0);
	assert_int_equal(sockaddr_ip_len(&a.addr), sizeof(struct sockaddr_in6));
	assert_true(sockaddr_ip_equal(&a.addr, &a.addr));
	assert_false(sockaddr_ip_equal(&a.addr, &b.addr)); /* another scope */
	assert_int_equal(endpoint_parse(&a, "[fe80::1]:6", NULL), 0);
	assert_false(sockaddr_ip_equal(&a.addr, &b.addr)); /* another port */
	assert_int_equal(endpoint_parse(&a, "10.0.0.1:5", NULL), 0);
	assert_false(sockaddr_ip_equal(&a.addr, &b.addr));
	assert_int_equal(sockaddr_ip_len(&a.addr), sizeof(struct sockaddr_in));
	assert_int_equal(endpoint_parse(&b, "10.0.0.1:5", NULL), 0);
	assert_true(sockaddr_ip_equal(&a.addr, &b.addr));
	b.addr.v4.sin_zero[0] = 1; /* means nothing */
	assert_true(sockaddr_ip_equal(&a.addr, &b.addr));
	assert_int_equal(sockaddr_ip_len(&none), 0);
	sockaddr_ip_format(text, &none);
	assert_string_equal(text, "(none)");
}

static void test_scopes_are_printed_as_getnameinfo_does(void **state)
{
	static const struct {
		const char *address;
		uint32_t scope;
		const char *want;
	} cases[] = {
		{ "fe80::1", 1, "[fe80::1%lo]:65535" },
		{ "fe80::1", 4294967295, "[fe80::1%4294967295]:65535" },
		{ "fe80::1", 0, "[fe80::1]:65535" },
		{ "ff02::1", 1, "[ff02::1%lo]:65535" },
		{ "2001:db8::1", 1, "[2001:db8::1%1]:65535" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 4294967295,
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union sockaddr_ip addr = { .v6.sin6_family = AF_INET6, .v6.sin6_port = 0xffff };
		char text[ENDPOINT_TEXT_MAX], host[128], want[192];

		assert_int_equal(inet_pton(AF_INET6, cases[i].address, &addr.v6.sin6_addr), 1);
		addr.v6.sin6_scope_id = cases[i].scope;
		sockaddr_ip_format(text, &addr);
		assert_string_equal(text, cases[i].want);
		assert_int_equal(getnameinfo(&addr.sa, sizeof(addr.v6), host, sizeof(host), NULL, 0,
					     NI_NUMERICHOST),
				 0);
		snprintf(want, sizeof(want), "[%s]:65535", host);
		assert_string_equal(text, want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_parsing_again_replaces),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_scopes_are_printed_as_getnameinfo_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
