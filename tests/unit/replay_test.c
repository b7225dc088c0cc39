/* The replay window: a table of cases with all limits, and a set of all counters as its twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/engine/replay.h"
#include "datapath/engine/wire.h"

#define LIMIT REJECT_AFTER_MESSAGES /* the first that is never accepted */
#define W REPLAY_WINDOW

struct step {
	uint64_t counter;
	bool ok;
};

static void walk(const struct step *steps, size_t n)
{
	struct replay replay = { 0 };

	for (size_t i = 0; i < n; i++)
		if (replay_accept(&replay, steps[i].counter) != steps[i].ok)
			fail_msg("step %zu: counter %llu should%s be accepted", i,
				 (unsigned long long)steps[i].counter, steps[i].ok ? "" : " not");
}

#define WALK(...)                                                    \
	do {                                                         \
		static const struct step steps_[] = { __VA_ARGS__ }; \
		walk(steps_, sizeof(steps_) / sizeof(steps_[0]));    \
	} while (0)

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(W, 8128);
	assert_true(LIMIT - 1 == UINT64_MAX - 8192 - 1); /* 2^64 - 2^13 - 2 is the last one */

	WALK({ 0, true }, { 0, false }, { 1, true }, { 1, false }, { 0, false }, { 9, true },
	     { 8, true }, { 7, true }, { 7, false }, { 9, false }, { 8, false }, { 2, true });
	/* The first need not be 0, which may come later. */
	WALK({ 63, true }, { 64, true }, { 0, true }, { 0, false }, { 63, false }, { 64, false });
	WALK({ W, true }, { 0, true }, { W, false }, { 0, false });
	WALK({ W + 1, true }, { 0, false }, { 1, true }, { 1, false });
	/* The oldest that is still in the window, and the one before it. */
	WALK({ 100000, true }, { 100000 - W, true }, { 100000 - W - 1, false },
	     { 100000 - W, false }, { 100001, true }, { 100000 - W, false }, { 100001 - W, true },
	     { 100000 - 2000, true }, { 100000 - 9000, false });
	/* About the ring's length: bits of an earlier round must not be seen in a later one. */
	WALK({ 0, true }, { 8192, true }, { 8191, true }, { 8192, false }, { 64, true },
	     { 63, false }, { 16384, true }, { 8256, true }, { 8255, false }, { 16383, true });
	WALK({ 5, true }, { 5 + 8192, true }, { 6 + 8192, true }, { 4 + 8192, true },
	     { 5 + 8192, false });
	/* Far jumps clear everything. */
	WALK({ 0, true }, { 1, true }, { 1 + 3 * 8192, true }, { 3 * 8192, true }, { 8192, false },
	     { UINT64_C(1) << 40, true }, { (UINT64_C(1) << 40) - 8192, false },
	     { (UINT64_C(1) << 40) - 8128, true }, { (UINT64_C(1) << 40) - 8127, true },
	     { (UINT64_C(1) << 40) - 1, true }, { (UINT64_C(1) << 40) - 1, false });
}

static void test_limit(void **state)
{
	(void)state;
	WALK({ LIMIT, false }, { LIMIT - 1, true }, { LIMIT, false }, { LIMIT - 1, false },
	     { LIMIT - 2, true }, { LIMIT - 2, false }, { LIMIT - 1 - W, true },
	     { LIMIT - 2 - W, false }, { UINT64_MAX, false }, { 0, false });
	/* Above the limit nothing moves the window. */
	WALK({ 10, true }, { LIMIT, false }, { LIMIT + 1, false }, { UINT64_MAX, false },
	     { UINT64_MAX - 1, false }, { 9, true }, { 10, false }, { 11, true });
	WALK({ LIMIT + 1, false }, { UINT64_MAX, false }, { 0, true }, { 0, false });
}

/* Forwards and backwards through everything, with a window's worth of gaps. */
static void test_sweeps(void **state)
{
	struct replay replay = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 3 * REPLAY_BITS; i++) {
		assert_true(replay_accept(&replay, i));
		assert_false(replay_accept(&replay, i));
		if (i >= W)
			assert_false(replay_accept(&replay, i - W));
	}
	memset(&replay, 0, sizeof(replay));
	assert_true(replay_accept(&replay, 2 * REPLAY_BITS));
	for (uint64_t i = 1; i <= W; i++)
		assert_true(replay_accept(&replay, 2 * REPLAY_BITS - i));
	for (uint64_t i = W + 1; i <= 2 * REPLAY_BITS; i++)
		assert_false(replay_accept(&replay, 2 * REPLAY_BITS - i));
	for (uint64_t i = 0; i <= W; i++)
		assert_false(replay_accept(&replay, 2 * REPLAY_BITS - i));
}

enum {
	COUNTERS = 200000
};

/* Random steps, mostly near the newest; the twin remembers every counter for good. */
static void test_against_set(void **state)
{
	bool *seen = calloc(COUNTERS, sizeof(*seen));
	uint64_t seed = 88172645463325252u, newest = 0;
	struct replay replay = { 0 };
	size_t n_accepted = 0, n_old = 0, n_twice = 0;

	(void)state;
	while (newest < COUNTERS - 20000) {
		uint64_t counter, r;
		bool expected;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		r = seed >> 20;
		if (r % 4096 == 0)
			counter = newest + r / 4096 % 10000;
		else if (r % 4 == 0)
			counter = newest + 1 + r / 4096 % 3;
		else
			counter = newest - (newest ? r / 4096 % (r % 4 == 1 ? 9000 : 50) : 0);
		if (counter > newest + 20000) /* below zero */
			counter = 0;
		expected = !seen[counter] && newest <= counter + W;
		n_old += newest > counter + W;
		n_twice += seen[counter];
		assert_int_equal(replay_accept(&replay, counter), expected);
		seen[counter] |= expected;
		n_accepted += expected;
		newest = counter > newest ? counter : newest;
	}
	assert_true(n_accepted > 10000 && n_old > 1000 && n_twice > 10000);
	free(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_sweeps),
		cmocka_unit_test(test_against_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
