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
	assert_null(deadlines_first(&deadlines));
	for (int round = 0; round < 100000; round++) {
		uint32_t i = chance() % N;
		mono_ns first = MONO_NEVER;

		/* Few values, so that many are equal. */
		at[i] = chance() % 4 ? (mono_ns)(chance() % 50) : MONO_NEVER;
		deadlines_set(&deadlines, &who[i], at[i]);
		for (int j = 0; j < N; j++) {
			if (at[j] < first)
				first = at[j];
		}
		if (first == MONO_NEVER)
			assert_null(deadlines_first(&deadlines));
		else
			assert_int_equal(deadlines_first(&deadlines)->at, first);
	}
	/* In order, to the last. */
	for (mono_ns last = 0; deadlines_first(&deadlines);) {
		struct deadline *first = deadlines_first(&deadlines);

		assert_true(first->at >= last);
		assert_int_equal(at[first - who], first->at);
		last = first->at;
		deadlines_set(&deadlines, first, MONO_NEVER);
		at[first - who] = MONO_NEVER;
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(at[i], MONO_NEVER);
	deadlines_fini(&deadlines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
