/* One peer's deadlines: every constant of the paper's section 6, at its edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/engine/timers.h"

#define START SEC(500)

static struct timers fresh(void)
{
	struct timers timers;

	timers_init(&timers, START);
	return timers;
}

static void expect(struct timers *timers, mono_ns at, enum timers_action action)
{
	assert_int_equal(timers_next(timers), at);
	assert_int_equal(timers_pop(timers, at - 1), TIMERS_NOTHING);
	assert_int_equal(timers_pop(timers, at), action);
}

static void test_nothing(void **state)
{
	struct timers timers = fresh();

	(void)state;
	assert_int_equal(timers_next(&timers), MONO_NEVER);
	assert_int_equal(timers_pop(&timers, START + SEC(100000)), TIMERS_NOTHING);
	assert_true(timers_want_handshake(&timers, START));
}

static void test_rekey_timeout(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_initiation_sent(&timers, START, MSEC(333));
	assert_false(timers_want_handshake(&timers, START));
	assert_false(timers_want_handshake(&timers, START + SEC(5) - 1));
	assert_true(timers_want_handshake(&timers, START + SEC(5)));
	expect(&timers, START + SEC(5) + MSEC(333), TIMERS_RETRY_HANDSHAKE);
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	timers_response_sent(&timers, START + SEC(100));
	assert_false(timers_want_handshake(&timers, START + SEC(105) - 1));
	assert_true(timers_want_handshake(&timers, START + SEC(105)));
}

/* 18 initiations in 90 s, then no more; what keys there are go 540 s later. */
static void test_give_up(void **state)
{
	struct timers timers = fresh();
	mono_ns now = START;

	(void)state;
	assert_true(timers_want_handshake(&timers, now));
	for (int attempt = 1; attempt <= 18; attempt++) {
		timers_initiation_sent(&timers, now, 0);
		now += SEC(5);
		expect(&timers, now, attempt < 18 ? TIMERS_RETRY_HANDSHAKE : TIMERS_GIVE_UP);
	}
	assert_int_equal(now, START + SEC(90));
	expect(&timers, now + SEC(540), TIMERS_ZERO_KEYS);
	assert_int_equal(timers_next(&timers), MONO_NEVER);
}

/* Giving up does not put off the erasure that a session had already set. */
static void test_give_up_keeps_zero_keys(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_session_derived(&timers, START);
	timers.attempts = 17;
	timers_initiation_sent(&timers, START + SEC(1), 0);
	expect(&timers, START + SEC(6), TIMERS_GIVE_UP);
	expect(&timers, START + SEC(540), TIMERS_ZERO_KEYS);
}

/* Someone who still wants to send starts the 90 s over. */
static void test_attempts_start_over(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers.attempts = 17;
	timers_initiation_sent(&timers, START, 0);
	assert_false(timers_want_handshake(&timers, START + SEC(1)));
	expect(&timers, START + SEC(5), TIMERS_RETRY_HANDSHAKE);
}

static void test_completed(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_initiation_sent(&timers, START, 0);
	timers.sent_last_minute = true;
	timers_handshake_completed(&timers);
	assert_int_equal(timers_next(&timers), MONO_NEVER);
	assert_int_equal(timers.attempts, 0);
	assert_false(timers.sent_last_minute);
}

static void test_zero_keys(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_session_derived(&timers, START);
	timers_session_derived(&timers, START + SEC(1));
	expect(&timers, START + SEC(541), TIMERS_ZERO_KEYS);
	assert_int_equal(timers_next(&timers), MONO_NEVER);
}

/* 15 s and jitter after the first data without an answer. */
static void test_new_handshake(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_data_sent(&timers, START, MSEC(7));
	timers_data_sent(&timers, START + SEC(3), MSEC(5));
	expect(&timers, START + SEC(15) + MSEC(7), TIMERS_NEW_HANDSHAKE);
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	timers_data_sent(&timers, START + SEC(20), 0);
	timers_authenticated_received(&timers, START + SEC(21));
	assert_int_equal(timers_next(&timers), MONO_NEVER);
}

/* 10 s after the first data, if nothing was sent. */
static void test_passive_keepalive(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_data_received(&timers, START);
	expect(&timers, START + SEC(10), TIMERS_SEND_KEEPALIVE);
	timers_authenticated_sent(&timers, START + SEC(10));
	timers_passive_keepalive_sent(&timers, START + SEC(10));
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	timers_data_received(&timers, START + SEC(20));
	timers_authenticated_sent(&timers, START + SEC(29));
	assert_int_equal(timers_next(&timers), MONO_NEVER);
}

static void test_another_keepalive(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_data_received(&timers, START);
	timers_data_received(&timers, START + SEC(3));
	expect(&timers, START + SEC(10), TIMERS_SEND_KEEPALIVE);
	timers_authenticated_sent(&timers, START + SEC(10));
	timers_passive_keepalive_sent(&timers, START + SEC(10));
	expect(&timers, START + SEC(20), TIMERS_SEND_KEEPALIVE);
	timers_authenticated_sent(&timers, START + SEC(20));
	timers_passive_keepalive_sent(&timers, START + SEC(20));
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	/* Data of our own in between answers for all that came before it. */
	timers_data_received(&timers, START + SEC(30));
	timers_data_received(&timers, START + SEC(31));
	timers_authenticated_sent(&timers, START + SEC(32));
	timers_data_received(&timers, START + SEC(33));
	expect(&timers, START + SEC(43), TIMERS_SEND_KEEPALIVE);
	timers_passive_keepalive_sent(&timers, START + SEC(43));
	assert_int_equal(timers_next(&timers), MONO_NEVER);
}

static void test_persistent_keepalive(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_authenticated_sent(&timers, START);
	assert_int_equal(timers_next(&timers), MONO_NEVER);
	timers_set_keepalive(&timers, 25, START);
	expect(&timers, START + SEC(25), TIMERS_PERSISTENT_KEEPALIVE);
	timers_persistent_keepalive_sent(&timers, START + SEC(25));
	assert_int_equal(timers_next(&timers), START + SEC(50));
	timers_authenticated_sent(&timers, START + SEC(30));
	assert_int_equal(timers_next(&timers), START + SEC(55));
	timers_authenticated_received(&timers, START + SEC(40));
	assert_int_equal(timers_next(&timers), START + SEC(65));

	/* A longer interval does not put off the one that is due, a shorter one hurries it. */
	timers_set_keepalive(&timers, 100, START + SEC(40));
	assert_int_equal(timers_next(&timers), START + SEC(65));
	timers_set_keepalive(&timers, 2, START + SEC(40));
	assert_int_equal(timers_next(&timers), START + SEC(42));
	timers_set_keepalive(&timers, 0, START + SEC(40));
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	timers_hurry_keepalive(&timers, START);
	assert_int_equal(timers_next(&timers), MONO_NEVER);

	timers_set_keepalive(&timers, 65535, START);
	timers_hurry_keepalive(&timers, START + SEC(7));
	expect(&timers, START + SEC(7), TIMERS_PERSISTENT_KEEPALIVE);
	timers_persistent_keepalive_sent(&timers, START);
	expect(&timers, START + SEC(65535), TIMERS_PERSISTENT_KEEPALIVE);
}

static void test_stop(void **state)
{
	struct timers timers = fresh();

	(void)state;
	timers_set_keepalive(&timers, 25, START);
	timers_initiation_sent(&timers, START, 0);
	timers_session_derived(&timers, START);
	timers_data_sent(&timers, START, 0);
	timers_data_received(&timers, START);
	timers_stop(&timers, START + 1);
	assert_int_equal(timers_next(&timers), MONO_NEVER);
	assert_int_equal(timers.keepalive_s, 25);
	assert_true(timers_want_handshake(&timers, START + 1));
}

/* All that is due at a moment is told, one after the other. */
static void test_all_due(void **state)
{
	struct timers timers = fresh();
	unsigned int seen = 0;
	enum timers_action action;

	(void)state;
	timers_set_keepalive(&timers, 25, START);
	timers_initiation_sent(&timers, START, 0);
	timers_session_derived(&timers, START);
	timers_data_sent(&timers, START, 0);
	timers_data_received(&timers, START);
	while ((action = timers_pop(&timers, START + SEC(1000))) != TIMERS_NOTHING)
		seen |= 1u << action;
	assert_int_equal(seen, 1u << TIMERS_RETRY_HANDSHAKE | 1u << TIMERS_SEND_KEEPALIVE |
				       1u << TIMERS_NEW_HANDSHAKE | 1u << TIMERS_ZERO_KEYS |
				       1u << TIMERS_PERSISTENT_KEEPALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_rekey_timeout),
		cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_give_up_keeps_zero_keys),
		cmocka_unit_test(test_attempts_start_over),
		cmocka_unit_test(test_completed),
		cmocka_unit_test(test_zero_keys),
		cmocka_unit_test(test_new_handshake),
		cmocka_unit_test(test_passive_keepalive),
		cmocka_unit_test(test_another_keepalive),
		cmocka_unit_test(test_persistent_keepalive),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_all_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
