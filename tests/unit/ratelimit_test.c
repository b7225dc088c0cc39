/* The rate limiter: a timed table, sources apart from each other, and the bound on their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "datapath/engine/ratelimit.h"
#include "lib/util/endian.h"

#define START SEC(5000)

static const struct wg_key hash_key = { { 1, 2, 3 } };

static union sockaddr_ip address_of(const char *text)
{
	union sockaddr_ip address = { 0 };

	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
		address.v6.sin6_family = AF_INET6;
	}
	return address;
}

static union sockaddr_ip address_number(uint32_t number)
{
	union sockaddr_ip address = { 0 };

	address.v4.sin_family = AF_INET;
	address.v4.sin_addr.s_addr = htonl(0x0a000000 + number);
	return address;
}

struct step {
	int64_t wait_ms; /* since the step before */
	bool ok;
	const char *what;
};

/* 20 a second is one each 50 ms; five at once. */
static const struct step steps[] = {
	{ 0, true, "burst 1" },
	{ 0, true, "burst 2" },
	{ 0, true, "burst 3" },
	{ 0, true, "burst 4" },
	{ 0, true, "burst 5" },
	{ 0, false, "the burst is over" },
	{ 0, false, "a refused one changes nothing" },
	{ 49, false, "not yet" },
	{ 1, true, "one is there again" },
	{ 0, false, "and only one" },
	{ 100, true, "two, the first" },
	{ 0, true, "two, the second" },
	{ 0, false, "no third" },
	{ 25, false, "half" },
	{ 25, true, "two halves" },
	{ 60, true, "what is left over counts" },
	{ 40, true, "10 + 40" },
	{ 0, false, "not more" },
	{ 5000, true, "full 1" },
	{ 0, true, "full 2" },
	{ 0, true, "full 3" },
	{ 0, true, "full 4" },
	{ 0, true, "full 5" },
	{ 0, false, "however long one waits" },
};

static void test_timed(void **state)
{
	static const char *const sources[] = {
		"192.0.2.1", "192.0.2.2", "127.0.0.1", "2001:db8:1::1", "2001:db8:2::1", "::1",
	};
	struct ratelimiter *limiter = ratelimiter_new(&hash_key);
	mono_ns now = START;

	(void)state;
	/* All of them together: none is in another's way. */
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		now += MSEC(steps[i].wait_ms);
		for (size_t k = 0; k < sizeof(sources) / sizeof(sources[0]); k++) {
			union sockaddr_ip from = address_of(sources[k]);

			if (ratelimit_allow(limiter, &from, now) != steps[i].ok)
				fail_msg("%s: step %zu: %s", sources[k], i, steps[i].what);
		}
	}
	assert_int_equal(ratelimit_sources(limiter), 6);
	ratelimiter_free(limiter);
	ratelimiter_free(NULL);
}

/* Neither the port nor the lower half of an IPv6 address makes a new source. */
static void test_source(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "192.0.2.1", "193.0.2.1", false },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "2001:db8:0:1::1", "3001:db8:0:1::1", false },
		/* The same bytes in another family. */
		{ "1.2.3.4", "102:304::", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ratelimiter *limiter = ratelimiter_new(&hash_key);
		union sockaddr_ip a = address_of(cases[i].a), b = address_of(cases[i].b);

		for (uint16_t k = 0; k < RATELIMIT_BURST; k++) {
			a.v4.sin_port = k; /* in both families it is there */
			assert_true(ratelimit_allow(limiter, &a, START));
		}
		assert_false(ratelimit_allow(limiter, &a, START));
		assert_int_equal(ratelimit_allow(limiter, &b, START), !cases[i].same);
		assert_int_equal(ratelimit_sources(limiter), cases[i].same ? 1 : 2);
		ratelimiter_free(limiter);
	}
}

static void test_collect(void **state)
{
	struct ratelimiter *limiter = ratelimiter_new(&hash_key);
	const union sockaddr_ip a = address_of("192.0.2.1"), b = address_of("192.0.2.2");

	(void)state;
	ratelimit_collect(limiter, START);
	assert_int_equal(ratelimit_sources(limiter), 0);
	for (int i = 0; i < RATELIMIT_BURST; i++)
		assert_true(ratelimit_allow(limiter, &a, START));
	assert_true(ratelimit_allow(limiter, &b, START + MSEC(500)));
	ratelimit_collect(limiter, START + MSEC(999));
	assert_int_equal(ratelimit_sources(limiter), 2);
	ratelimit_collect(limiter, START + MSEC(1000));
	assert_int_equal(ratelimit_sources(limiter), 1);
	ratelimit_collect(limiter, START + MSEC(1499));
	assert_int_equal(ratelimit_sources(limiter), 1);
	ratelimit_collect(limiter, START + MSEC(1500));
	assert_int_equal(ratelimit_sources(limiter), 0);
	assert_true(ratelimit_allow(limiter, &a, START + MSEC(1500)));
	ratelimiter_free(limiter);
}

/* Collecting in the middle of a burst gives no one a new bucket. */
static void test_collect_keeps_buckets(void **state)
{
	struct ratelimiter *limiter = ratelimiter_new(&hash_key);
	const union sockaddr_ip a = address_of("192.0.2.1");
	int n = 0;

	(void)state;
	for (mono_ns now = START; now < START + SEC(10); now += MSEC(10)) {
		n += ratelimit_allow(limiter, &a, now);
		ratelimit_collect(limiter, now);
	}
	/* Five at once, then 20 a second. */
	assert_in_range(n, 10 * RATELIMIT_PER_SECOND, 10 * RATELIMIT_PER_SECOND + RATELIMIT_BURST);
	ratelimiter_free(limiter);
}

/* A flood from everywhere: the bound holds, who was there is served on, and it ends. */
static void test_many(void **state)
{
	struct ratelimiter *limiter = ratelimiter_new(&hash_key);
	const uint32_t n = RATELIMIT_MAX_SOURCES;

	(void)state;
	for (uint32_t i = 0; i < n + 1000; i++) {
		union sockaddr_ip from = address_number(i);

		assert_int_equal(ratelimit_allow(limiter, &from, START), i < n);
	}
	assert_int_equal(ratelimit_sources(limiter), n);
	/* Each has its own bucket still: four more, no fifth. */
	for (uint32_t i = 0; i < n; i += 97) {
		union sockaddr_ip from = address_number(i);

		for (int k = 0; k < RATELIMIT_BURST; k++)
			assert_int_equal(ratelimit_allow(limiter, &from, START + MSEC(1)),
					 k < RATELIMIT_BURST - 1);
	}
	/* Those of the first go, those of the second stay, and there is room again. */
	ratelimit_collect(limiter, START + SEC(1));
	assert_int_equal(ratelimit_sources(limiter), (n + 96) / 97);
	for (uint32_t i = n; i < n + 1000; i++) {
		union sockaddr_ip from = address_number(i);

		assert_true(ratelimit_allow(limiter, &from, START + SEC(1)));
	}
	for (uint32_t i = 0; i < n; i += 97) {
		union sockaddr_ip from = address_number(i);

		for (int k = 0; k < RATELIMIT_BURST + 1; k++)
			assert_int_equal(ratelimit_allow(limiter, &from, START + SEC(1)),
					 k < RATELIMIT_BURST);
	}
	assert_int_equal(ratelimit_sources(limiter), (n + 96) / 97 + 1000);
	ratelimit_collect(limiter, START + SEC(2));
	assert_int_equal(ratelimit_sources(limiter), 0);
	ratelimiter_free(limiter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timed),   cmocka_unit_test(test_source),
		cmocka_unit_test(test_collect), cmocka_unit_test(test_collect_keeps_buckets),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
