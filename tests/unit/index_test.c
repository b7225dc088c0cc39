/* The table of indices, against a list walked from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "datapath/engine/index.h"

static void test_basics(void **state)
{
	struct index_table *table = index_table_new();
	int a, b;

	(void)state;
	assert_null(index_find(table, 0));
	assert_null(index_find(table, 7));
	assert_false(index_insert(table, 0, &a));
	assert_null(index_find(table, 0));
	assert_true(index_insert(table, 7, &a));
	assert_false(index_insert(table, 7, &b));
	assert_ptr_equal(index_find(table, 7), &a);
	assert_true(index_insert(table, UINT32_MAX, &b));
	assert_ptr_equal(index_find(table, UINT32_MAX), &b);
	index_remove(table, 7);
	index_remove(table, 7);
	index_remove(table, 0);
	assert_null(index_find(table, 7));
	assert_ptr_equal(index_find(table, UINT32_MAX), &b);
	assert_true(index_insert(table, 7, &b));
	assert_ptr_equal(index_find(table, 7), &b);
	index_table_free(table);
	index_table_free(NULL);
}

/* Numbers that want the same slot, across the table's end, removed in every order. */
static void test_collisions(void **state)
{
	enum {
		N = 6
	};
	uint32_t numbers[N];
	int owners[N];

	(void)state;
	for (int first = 0; first < N; first++) {
		for (int step = 1; step < N; step++) {
			struct index_table *table = index_table_new();

			for (uint32_t i = 0; i < N; i++) {
				/* The last two slots of 64, and those behind. */
				numbers[i] = 62 + i % 2 + 64 * (i + 1);
				assert_true(index_insert(table, numbers[i], &owners[i]));
			}
			for (int gone = 0; gone < N; gone++) {
				int out[N] = { 0 };

				for (int i = 0; i <= gone; i++) {
					int k = (first + i * step) % N;

					out[k] = 1;
					index_remove(table, numbers[k]);
				}
				for (int i = 0; i < N; i++)
					assert_ptr_equal(index_find(table, numbers[i]),
							 out[i] ? NULL : &owners[i]);
			}
			index_table_free(table);
		}
	}
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16);
}

/* Few different numbers, so that inserting meets those that are there, with long runs. */
static void test_against_list(void **state)
{
	enum {
		N = 4096
	};
	static void *owners[N];
	static int owner[16];
	struct index_table *table = index_table_new();

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint32_t which = next_random() % N;
		uint32_t number = (which % 64) + (which / 64) * 0x10000; /* 64 per home */
		void *who = &owner[next_random() % 16];

		/* First it fills up, then it empties. */
		if (next_random() % 100 < (round < 100000 ? 60 : 40)) {
			bool free = number && !owners[which];

			assert_int_equal(index_insert(table, number, who), free);
			if (free)
				owners[which] = who;
		} else {
			index_remove(table, number);
			owners[which] = NULL;
		}
		which = next_random() % N;
		assert_ptr_equal(index_find(table, (which % 64) + (which / 64) * 0x10000),
				 owners[which]);
	}
	for (uint32_t i = 0; i < N; i++)
		assert_ptr_equal(index_find(table, (i % 64) + (i / 64) * 0x10000), owners[i]);
	index_table_free(table);
}

/* ---- who looks up while others change the table ---- */

enum {
	STAYING = 200, /* numbers that are there all the time, */
	GOING = 200,   /* and others that come and go, all of them in one place of the table */
	ROUNDS = 2000,
};

struct watched {
	struct index_table *table;
	atomic_bool is_over;
	atomic_uint n_wrong;
};

static uint32_t going(uint32_t i)
{
	return 1 + i % 8 + (i / 8 << 16);
}

static uint32_t staying(uint32_t i)
{
	return going(i + GOING);
}

/* What is there is found, with its own owner, whatever is moved meanwhile. */
static void *look_up(void *pointer)
{
	struct watched *watched = pointer;
	uint32_t i = 0;

	while (!atomic_load(&watched->is_over)) {
		uint32_t number = staying(i++ % STAYING);

		if (index_find(watched->table, number) != (void *)(uintptr_t)number)
			atomic_fetch_add(&watched->n_wrong, 1);
	}
	return NULL;
}

static void test_looked_up_meanwhile(void **state)
{
	struct watched watched = { .table = index_table_new() };
	pthread_t thread;

	(void)state;
	/* So that what stays is moved when something goes. */
	for (uint32_t i = 0; i < GOING; i++)
		assert_true(index_insert(watched.table, going(i), &watched));
	for (uint32_t i = 0; i < STAYING; i++)
		assert_true(index_insert(watched.table, staying(i), (void *)(uintptr_t)staying(i)));
	assert_int_equal(pthread_create(&thread, NULL, look_up, &watched), 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t i = round * 7 % GOING;

		for (uint32_t n = 0; n < 20; n++)
			index_insert(watched.table, going((i + n) % GOING), &watched);
		for (uint32_t n = 0; n < 20; n++)
			index_remove(watched.table, going((i + n) % GOING));
	}
	atomic_store(&watched.is_over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(watched.n_wrong, 0);
	for (uint32_t i = 0; i < STAYING; i++)
		assert_ptr_equal(index_find(watched.table, staying(i)),
				 (void *)(uintptr_t)staying(i));
	index_table_free(watched.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looked_up_meanwhile),
		cmocka_unit_test(test_basics),
		cmocka_unit_test(test_collisions),
		cmocka_unit_test(test_against_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
