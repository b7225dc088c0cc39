/* Which of a peer's sessions is which, its timestamps, and when it rekeys. */
#include "engine_sim.h"

#define NOW SEC(1000)

static struct index_table *table;
static struct peer *peer;

static int setup(void **state)
{
	struct wg_key key = { { 9 } };

	(void)state;
	table = index_table_new();
	peer = peer_new(&key, NOW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_zero_keys(peer, table);
	/* Nothing is left of any session. */
	for (uint32_t number = 1; number < 100; number++)
		assert_null(index_find(table, number));
	peer_free(peer);
	index_table_free(table);
	return 0;
}

static struct session *add(uint32_t number, bool initiator, mono_ns now)
{
	struct noise_keys keys = { { { 1 } }, { { 2 } } };
	struct session *session = session_new(&keys, number, 1000 + number, initiator, now);

	assert_true(index_insert(table, number, peer));
	peer_add_session(peer, session, table);
	return session;
}

static void expect(const struct session *previous, const struct session *current,
		   const struct session *next)
{
	assert_ptr_equal(peer->previous, previous);
	assert_ptr_equal(peer->current, current);
	assert_ptr_equal(peer->next, next);
}

static bool confirm(struct session *session, bool follow)
{
	return peer_confirm_session(peer, session, follow, table);
}

static void test_initiator(void **state)
{
	struct session *a, *b, *c;

	(void)state;
	a = add(1, true, NOW);
	expect(NULL, a, NULL);
	b = add(2, true, NOW);
	expect(a, b, NULL);
	c = add(3, true, NOW);
	expect(b, c, NULL);
	assert_null(index_find(table, 1));
	assert_null(peer_find_session(peer, 1));
	assert_ptr_equal(peer_find_session(peer, 2), b);
	assert_ptr_equal(peer_find_session(peer, 3), c);
	assert_false(confirm(b, false));
	expect(b, c, NULL);
}

static void test_responder(void **state)
{
	struct session *a, *b, *c, *d;

	(void)state;
	a = add(1, false, NOW);
	expect(NULL, NULL, a);
	assert_true(confirm(a, true));
	expect(NULL, a, NULL);
	assert_false(confirm(a, true));
	b = add(2, false, NOW);
	expect(NULL, a, b);
	assert_ptr_equal(peer_find_session(peer, 2), b);
	/* Another answer before the first was confirmed. */
	c = add(3, false, NOW);
	expect(NULL, a, c);
	assert_null(index_find(table, 2));
	assert_false(confirm(a, true));
	assert_true(confirm(c, true));
	expect(a, c, NULL);
	/* A new one on the way ends what is previous. */
	d = add(4, false, NOW);
	expect(NULL, c, d);
	assert_null(index_find(table, 1));
}

/* A confirmed session ends our own attempt. */
static void test_confirmation_ends_handshake(void **state)
{
	struct session *a;

	(void)state;
	peer->handshake.local_index = 50;
	peer->handshake.state = HANDSHAKE_INITIATION_SENT;
	assert_true(index_insert(table, 50, peer));
	a = add(1, false, NOW);
	assert_ptr_equal(index_find(table, 50), peer);
	assert_true(confirm(a, true));
	assert_null(index_find(table, 50));
	assert_int_equal(peer->handshake.state, HANDSHAKE_NONE);
}

/* Both began at once: theirs waits for its confirmation although ours is complete. */
static void test_crossed(void **state)
{
	struct session *old, *theirs, *ours;

	(void)state;
	old = add(1, true, NOW - SEC(120));
	theirs = add(2, false, NOW);
	ours = add(3, true, NOW + MSEC(100));
	expect(old, ours, theirs);
	assert_true(confirm(theirs, false));
	expect(ours, theirs, NULL);
	/* One side stays with what it has, whatever it hears... */
	assert_false(confirm(ours, false));
	expect(ours, theirs, NULL);
	/* ...the other one follows. */
	assert_false(confirm(ours, true));
	expect(theirs, ours, NULL);
	assert_false(confirm(ours, true));
	expect(theirs, ours, NULL);
	assert_false(confirm(theirs, true));
	expect(ours, theirs, NULL);
}

/* What comes late on the session before an ordinary rekey is not followed. */
static void test_not_crossed(void **state)
{
	struct session *a, *b;

	(void)state;
	a = add(1, false, NOW);
	assert_true(confirm(a, true));
	b = add(2, true, NOW + SEC(5));
	assert_false(confirm(a, true));
	expect(a, b, NULL);
	b = add(3, true, NOW + SEC(10) - 1);
	assert_false(confirm(peer->previous, true));
	expect(b, peer->current, NULL);
}

/* Our answer was lost: they go on with current, and so that one stays when we rekey. */
static void test_next_never_confirmed(void **state)
{
	struct session *current, *theirs, *ours;

	(void)state;
	current = add(1, true, NOW);
	theirs = add(2, false, NOW + SEC(10));
	ours = add(3, true, NOW + SEC(120));
	expect(current, ours, theirs);
	/* Should a packet of it come after all, it is received, but we do not go back to it. */
	assert_false(confirm(theirs, true));
	expect(current, ours, theirs);
	theirs = add(4, false, NOW + SEC(130));
	expect(NULL, ours, theirs);
	assert_null(index_find(table, 2));
	/* Its keys do not outlive their use, however often we rekey. */
	current = add(5, true, NOW + SEC(310) - 1);
	expect(ours, current, theirs);
	ours = add(6, true, NOW + SEC(430));
	expect(current, ours, NULL);
	assert_null(index_find(table, 4));
}

static void test_rekey(void **state)
{
	struct session *session;

	(void)state;
	assert_false(peer_rekey_on_send(peer, NOW));
	assert_false(peer_rekey_on_receive(peer, NOW));
	session = add(1, true, NOW);
	assert_false(peer_rekey_on_send(peer, NOW + SEC(120) - 1));
	assert_true(peer_rekey_on_send(peer, NOW + SEC(120)));
	assert_false(peer_rekey_on_receive(peer, NOW + SEC(165) - 1));
	assert_true(peer_rekey_on_receive(peer, NOW + SEC(165)));
	session->send_counter = REKEY_AFTER_MESSAGES;
	assert_false(peer_rekey_on_send(peer, NOW));
	session->send_counter++;
	assert_true(peer_rekey_on_send(peer, NOW));
	/* Age is the initiator's business. */
	session = add(2, false, NOW);
	assert_true(confirm(session, true));
	assert_false(peer_rekey_on_send(peer, NOW + SEC(179)));
	assert_false(peer_rekey_on_receive(peer, NOW + SEC(179)));
	session->send_counter = REKEY_AFTER_MESSAGES + 1;
	assert_true(peer_rekey_on_send(peer, NOW));
}

static void test_timestamps(void **state)
{
	uint8_t last[WIRE_TIMESTAMP_LEN] = { 0 }, stamp[WIRE_TIMESTAMP_LEN];
	int64_t unix_ns = SEC(1700000000) - MSEC(50);
	mono_ns now = NOW;

	(void)state;
	/* The clock stands still, goes on, is set back, is set forward: each is later than before.
	 */
	for (int i = 0; i < 1000; i++) {
		if (i == 500)
			unix_ns -= SEC(86400);
		if (i == 700)
			unix_ns += SEC(2 * 86400);
		if (i % 3)
			unix_ns += MSEC(i % 40);
		noise_timestamp(stamp, peer_next_timestamp(peer, unix_ns));
		assert_true(memcmp(stamp, last, sizeof(last)) > 0);
		now += SEC(1) / INITIATIONS_PER_SECOND;
		assert_true(peer_accept_timestamp(peer, stamp, now));
		memcpy(last, stamp, sizeof(last));
	}
	assert_false(peer_accept_timestamp(peer, last, now + SEC(1)));
	/* Newer, but too soon: it is not remembered, and may come again. */
	noise_timestamp(stamp, peer_next_timestamp(peer, unix_ns));
	assert_false(peer_accept_timestamp(peer, stamp, now + MSEC(20) - 1));
	assert_true(peer_accept_timestamp(peer, stamp, now + MSEC(20)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_initiator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_responder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirmation_ends_handshake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crossed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_crossed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_never_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekey, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timestamps, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
