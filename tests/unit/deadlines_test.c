/* The heap of deadlines, against a list walked from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/engine/deadlines.h"

enum {
	N = 200
};

static uint32_t chance(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void test_against_list(void **state)
{
	struct deadlines deadlines = { 0 };
	struct deadline who[N] = { 0 };
	mono_ns at[N];

	(void)state;
	deadlines_reserve(&deadlines, N);
	for (int i = 0; i < N; i++)
		at[i] = MONO_NEVER;
	assert_null(deadlines_due(&deadlines, 50));
	for (int round = 0; round < 100000; round++) {
		uint32_t i = chance() % N;
		mono_ns first = MONO_NEVER;

		/* Few values, so that many are equal. */
		at[i] = chance() % 4 ? (mono_ns)(chance() % 50) : MONO_NEVER;
		if (at[i] == MONO_NEVER && chance() % 2)
			deadlines_remove(&deadlines, &who[i]);
		else
			deadlines_set(&deadlines, &who[i], at[i]);
		for (int j = 0; j < N; j++) {
			if (at[j] < first)
				first = at[j];
		}
		assert_true(deadlines_next(&deadlines) <= first);
		/* Nobody before the first of them, and then one whose time it is. */
		if (first > 0)
			assert_null(
				deadlines_due(&deadlines, first == MONO_NEVER ? 50 : first - 1));
		if (first != MONO_NEVER) {
			assert_int_equal(deadlines_due(&deadlines, first)->at, first);
			assert_int_equal(deadlines_next(&deadlines), first);
		} else {
			assert_int_equal(deadlines_next(&deadlines), MONO_NEVER);
		}
	}
	/* In order, to the last. */
	for (mono_ns now = 0; now <= 50; now++) {
		struct deadline *due;

		while ((due = deadlines_due(&deadlines, now))) {
			assert_int_equal(due->at, now);
			assert_int_equal(at[due - who], now);
			deadlines_remove(&deadlines, due);
			assert_int_equal(due->slot, 0);
			at[due - who] = MONO_NEVER;
		}
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(at[i], MONO_NEVER);
	deadlines_fini(&deadlines);
}

/* Only what becomes earlier, or whose old time has come, makes work. */
static void test_later_costs_nothing(void **state)
{
	struct deadlines deadlines = { 0 };
	struct deadline who[N] = { 0 };
	uint64_t n_steps;

	(void)state;
	deadlines_reserve(&deadlines, N);
	for (int i = 0; i < N; i++)
		deadlines_set(&deadlines, &who[i], 1000 + i);
	n_steps = deadlines.n_steps;
	for (int round = 1; round <= 100; round++) {
		for (int i = 0; i < N; i++)
			deadlines_set(&deadlines, &who[i], i % 3 ? 2000 + round + i : MONO_NEVER);
	}
	assert_int_equal(deadlines.n_steps, n_steps);
	assert_null(deadlines_due(&deadlines, 999));
	assert_int_equal(deadlines.n_steps, n_steps);
	assert_int_equal(deadlines_next(&deadlines), 1000);
	/* Then each is moved once, down as far as it goes: 8 levels for 200. */
	assert_null(deadlines_due(&deadlines, 2100));
	assert_in_range(deadlines.n_steps - n_steps, 1, 9 * N);
	assert_ptr_equal(deadlines_due(&deadlines, 2101), &who[1]);
	deadlines_set(&deadlines, &who[0], 1);
	assert_ptr_equal(deadlines_due(&deadlines, 1), &who[0]);
	deadlines_fini(&deadlines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_list),
		cmocka_unit_test(test_later_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
