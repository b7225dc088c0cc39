/* mac1, mac2 and cookies: known answers, both sides, and when a cookie is too old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "datapath/engine/cookie.h"
#include "lib/util/endian.h"
#include "tests/unit/vectors.h"

enum {
	LEN = sizeof(struct wire_initiation)
};

static const uint8_t zero[16];
static const uint8_t nonce[24] = { 1, 2, 3 };

static union sockaddr_ip address_of(const char *text, uint16_t port)
{
	union sockaddr_ip address = { 0 };

	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
	}
	return address;
}

static void check_vector(const struct vectors *v)
{
	const struct vector_field *address = vector_get(v, "address");
	const uint8_t *port = vector_bytes(v, "port", 2);
	union sockaddr_ip from = { 0 };
	struct wg_key public_key, secret;
	struct cookie_checker checker;
	struct cookie_jar jar;
	struct wire_cookie reply;
	uint8_t message[LEN];

	if (address->len == 4) {
		from.v4.sin_family = AF_INET;
		memcpy(&from.v4.sin_addr, address->bytes, 4);
		memcpy(&from.v4.sin_port, port, 2);
	} else {
		assert_int_equal(address->len, 16);
		from.v6.sin6_family = AF_INET6;
		memcpy(&from.v6.sin6_addr, address->bytes, 16);
		memcpy(&from.v6.sin6_port, port, 2);
	}
	memcpy(&public_key, vector_bytes(v, "public", 32), 32);
	memcpy(&secret, vector_bytes(v, "secret", 32), 32);
	memcpy(message, vector_bytes(v, "message", LEN - 32), LEN - 32);
	cookie_checker_init(&checker, &public_key);
	cookie_jar_init(&jar, &public_key);

	cookie_sign(&jar, message, LEN, SEC(1));
	assert_memory_equal(message + LEN - 32, vector_bytes(v, "mac1", 16), 16);
	assert_memory_equal(message + LEN - 16, zero, 16);
	assert_int_equal(cookie_check(&checker, message, LEN, &from, SEC(1)), COOKIE_MAC1_GOOD);

	cookie_write_reply(&reply, &checker, message, LEN, 0x01020304, &from,
			   vector_bytes(v, "nonce", 24), &secret, SEC(1));
	assert_memory_equal(&reply, vector_bytes(v, "reply", sizeof(reply)), sizeof(reply));
	assert_true(cookie_read_reply(&jar, &reply, SEC(1)));
	assert_memory_equal(jar.cookie, vector_bytes(v, "cookie", 16), 16);

	cookie_sign(&jar, message, LEN, SEC(2));
	assert_memory_equal(message + LEN - 16, vector_bytes(v, "mac2", 16), 16);
	assert_int_equal(cookie_check(&checker, message, LEN, &from, SEC(2)), COOKIE_MAC2_GOOD);
}

static void test_vectors(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "cookie");
	for (; vectors_next(&v); n++)
		check_vector(&v);
	assert_int_equal(n, 2);
}

/* A responder that handed a cookie to an initiator at 1000 s; its message carries both macs. */
struct fixture {
	struct cookie_checker checker;
	struct cookie_jar jar;
	union sockaddr_ip from;
	struct wg_key secret;
	uint8_t message[LEN];
};

static void fixture_init(struct fixture *f)
{
	struct wg_key public_key;
	struct wire_cookie reply;

	memset(f, 0, sizeof(*f));
	memset(&public_key, 0x42, sizeof(public_key));
	memset(&f->secret, 0x99, sizeof(f->secret));
	memset(f->message, 7, sizeof(f->message));
	f->from = address_of("192.0.2.1", 1234);
	cookie_checker_init(&f->checker, &public_key);
	cookie_jar_init(&f->jar, &public_key);
	cookie_sign(&f->jar, f->message, LEN, SEC(999));
	cookie_write_reply(&reply, &f->checker, f->message, LEN, 5, &f->from, nonce, &f->secret,
			   SEC(1000));
	assert_true(cookie_read_reply(&f->jar, &reply, SEC(1000)));
	cookie_sign(&f->jar, f->message, LEN, SEC(1000));
	assert_int_equal(cookie_check(&f->checker, f->message, LEN, &f->from, SEC(1000)),
			 COOKIE_MAC2_GOOD);
}

/* Any bit of the message, and of either mac. */
static void test_tampered(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t bit = 0; bit < 8 * LEN; bit++) {
		f.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cookie_check(&f.checker, f.message, LEN, &f.from, SEC(1000)),
				 bit < 8 * (LEN - 16) ? COOKIE_MAC_BAD : COOKIE_MAC1_GOOD);
		f.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* A cookie is for one address and port. */
static void test_address(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		enum cookie_macs expected;
	} cases[] = {
		{ "192.0.2.1", 1234, COOKIE_MAC2_GOOD },
		{ "192.0.2.1", 1235, COOKIE_MAC1_GOOD },
		{ "192.0.2.2", 1234, COOKIE_MAC1_GOOD },
		{ "::ffff:192.0.2.1", 1234, COOKIE_MAC1_GOOD },
		{ "2001:db8::1", 1234, COOKIE_MAC1_GOOD },
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		union sockaddr_ip from = address_of(cases[i].address, cases[i].port);

		assert_int_equal(cookie_check(&f.checker, f.message, LEN, &from, SEC(1000)),
				 cases[i].expected);
	}
}

static bool has_mac2(struct fixture *f, mono_ns now)
{
	cookie_sign(&f->jar, f->message, LEN, now);
	return memcmp(f->message + LEN - 16, zero, 16) != 0;
}

static void test_age(void **state)
{
	struct wg_key other;
	struct wire_cookie reply;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	/* The responder's secret: two minutes. */
	assert_int_equal(cookie_check(&f.checker, f.message, LEN, &f.from, SEC(1120) - 1),
			 COOKIE_MAC2_GOOD);
	assert_int_equal(cookie_check(&f.checker, f.message, LEN, &f.from, SEC(1120)),
			 COOKIE_MAC1_GOOD);
	/* The initiator leaves five seconds for the way. */
	assert_true(has_mac2(&f, SEC(1115) - 1));
	assert_false(has_mac2(&f, SEC(1115)));

	/* A reply before the secret has aged does not renew it, and later it does. */
	memset(&other, 0x55, sizeof(other));
	cookie_write_reply(&reply, &f.checker, f.message, LEN, 5, &f.from, nonce, &other,
			   SEC(1120) - 1);
	assert_true(wg_key_equal(&f.checker.secret, &f.secret));
	cookie_write_reply(&reply, &f.checker, f.message, LEN, 5, &f.from, nonce, &other,
			   SEC(1120));
	assert_true(wg_key_equal(&f.checker.secret, &other));
	assert_true(cookie_read_reply(&f.jar, &reply, SEC(1120)));
	cookie_sign(&f.jar, f.message, LEN, SEC(1121));
	assert_int_equal(cookie_check(&f.checker, f.message, LEN, &f.from, SEC(1121)),
			 COOKIE_MAC2_GOOD);
}

static void test_reply(void **state)
{
	struct wg_key public_key;
	struct wire_cookie reply, bad;
	struct cookie_jar stranger;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	cookie_write_reply(&reply, &f.checker, f.message, LEN, 0xa1b2c3d4, &f.from, nonce,
			   &f.secret, SEC(1001));
	assert_int_equal(load_le32(reply.type), 3);
	assert_int_equal(load_le32(reply.receiver), 0xa1b2c3d4);
	assert_memory_equal(reply.nonce, nonce, sizeof(nonce));

	for (size_t bit = 8 * offsetof(struct wire_cookie, nonce); bit < 8 * sizeof(reply); bit++) {
		struct cookie_jar before = f.jar;

		bad = reply;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(cookie_read_reply(&f.jar, &bad, SEC(1001)));
		assert_memory_equal(&f.jar, &before, sizeof(before));
	}
	/* Someone who talks to another responder cannot use it. */
	memset(&public_key, 0x43, sizeof(public_key));
	cookie_jar_init(&stranger, &public_key);
	assert_false(cookie_read_reply(&stranger, &reply, SEC(1001)));
	cookie_sign(&stranger, f.message, LEN, SEC(1001));
	assert_false(cookie_read_reply(&stranger, &reply, SEC(1001)));

	/* Once; and not for an older message than the last. */
	assert_true(cookie_read_reply(&f.jar, &reply, SEC(1001)));
	assert_false(cookie_read_reply(&f.jar, &reply, SEC(1001)));
	f.message[4] ^= 1;
	cookie_sign(&f.jar, f.message, LEN, SEC(1001));
	assert_false(cookie_read_reply(&f.jar, &reply, SEC(1001)));
}

/* A response is signed as an initiation is; a new key of ours makes all macs wrong. */
static void test_other_lengths(void **state)
{
	const size_t len = sizeof(struct wire_response);
	struct wg_key public_key;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	cookie_sign(&f.jar, f.message, len, SEC(1001));
	assert_int_equal(cookie_check(&f.checker, f.message, len, &f.from, SEC(1001)),
			 COOKIE_MAC2_GOOD);
	assert_int_equal(cookie_check(&f.checker, f.message, len - 1, &f.from, SEC(1001)),
			 COOKIE_MAC_BAD);
	memset(&public_key, 0x43, sizeof(public_key));
	cookie_checker_init(&f.checker, &public_key);
	assert_int_equal(cookie_check(&f.checker, f.message, len, &f.from, SEC(1001)),
			 COOKIE_MAC_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_address), cmocka_unit_test(test_age),
		cmocka_unit_test(test_reply),   cmocka_unit_test(test_other_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
