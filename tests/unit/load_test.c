/* The load rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/engine/load.h"

static void test_burst(void **state)
{
	struct load load = { 0 };
	mono_ns now = SEC(10);

	(void)state;
	for (int i = 1; i < LOAD_QUEUE; i++)
		assert_false(load_add(&load, now, NULL, NULL));
	assert_true(load_add(&load, now, NULL, NULL));
	/* Sticky for a second after the last time that there was too much. */
	assert_true(load_add(&load, now + MSEC(10), NULL, NULL));
	assert_true(load_add(&load, now + MSEC(999), NULL, NULL));
	assert_false(load_add(&load, now + SEC(1) + MSEC(10), NULL, NULL));
}

/* What can be worked off does not add up, however long it goes on. */
static void test_steady(void **state)
{
	struct load load = { 0 };
	mono_ns now = SEC(10);

	(void)state;
	for (int i = 0; i < 10 * LOAD_PER_SECOND; i++, now += SEC(1) / LOAD_PER_SECOND)
		assert_false(load_add(&load, now, NULL, NULL));
	/* Twice as much does. */
	for (int i = 0; i < LOAD_PER_SECOND; i++, now += SEC(1) / LOAD_PER_SECOND / 2)
		load_add(&load, now, NULL, NULL);
	assert_true(load_add(&load, now, NULL, NULL));
}

/* A long flood is over as soon as a short one. */
static void test_forgets(void **state)
{
	struct load load = { 0 };

	(void)state;
	for (int i = 0; i < 1000000; i++)
		load_add(&load, SEC(10), NULL, NULL);
	assert_true(load_add(&load, SEC(10), NULL, NULL));
	assert_false(load_add(&load, SEC(12), NULL, NULL));
}

/* Much to do is no load while nothing piles up; when it does, that counts at once. */
static bool is_backlogged(void *ctx)
{
	int *n_waiting = ctx;

	return *n_waiting > 0;
}

static void test_backlog(void **state)
{
	struct load load = { 0 };
	mono_ns now = SEC(10);
	int n_waiting = 0;

	(void)state;
	for (int i = 0; i < 100000; i++, now += SEC(1) / 50000)
		assert_false(load_add(&load, now, is_backlogged, &n_waiting));
	n_waiting = 1;
	assert_true(load_add(&load, now, is_backlogged, &n_waiting));
	n_waiting = 0;
	assert_true(load_add(&load, now + MSEC(999), is_backlogged, &n_waiting));
	assert_false(load_add(&load, now + SEC(1), is_backlogged, &n_waiting));
	/* A backlog of something else is none of handshakes. */
	n_waiting = 1;
	assert_false(load_add(&load, now + SEC(3), is_backlogged, &n_waiting));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
