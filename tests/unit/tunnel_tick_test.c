/* The deadlines of two tunnels that talk: the paper's section 6, from outside. */
#include "engine_sim.h"

/* Data each 100 ms for `span`, from one side or both. */
static void chat(struct sim *sim, span_ns span, bool alice, bool bob)
{
	for (mono_ns end = sim->now.mono + span; sim->now.mono < end;) {
		if (alice)
			sim_say(sim, SIM_ALICE, 1);
		if (bob)
			sim_say(sim, SIM_BOB, 2);
		sim_run(sim, MSEC(100));
		packet_queue_drop(&sim->side[SIM_ALICE].received);
		packet_queue_drop(&sim->side[SIM_BOB].received);
	}
}

static void test_rekey_after_time(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start = sim->now.mono, first;

	(void)state;
	sim_connect(sim);
	chat(sim, SEC(130), true, true);
	/* REKEY_AFTER_TIME, by the initiator, with the next data it sends. */
	first = sim_first(sim, SIM_ALICE, WIRE_INITIATION, start + 1);
	assert_in_range(first - start, SEC(120), SEC(120) + MSEC(100));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 2);
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_INITIATION, start), 0);
	/* Again and again, always by her, and nothing is lost. */
	chat(sim, SEC(500), true, true);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 6);
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_INITIATION, start), 0);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NO_SESSION), 0);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_SESSION), 0);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_RECEIVED),
			 1 + sim_count(sim, SIM_ALICE, VERDICT_RECEIVED));
	sim_free(sim);
}

/* A responder that sends alone does not rekey; the initiator does on receiving, once, at 165 s. */
static void test_rekey_on_receive(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start = sim->now.mono;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(165) - 1);
	sim_say(sim, SIM_BOB, 1);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start + 1), 0);
	sim->side[SIM_ALICE].cut = true;
	sim_run(sim, 1);
	sim_say(sim, SIM_BOB, 2);
	sim_run(sim, 0);
	assert_int_equal(sim_first(sim, SIM_ALICE, WIRE_INITIATION, start + 1) - start, SEC(165));
	/* Once: what comes after does not start the attempts over. */
	sim_run(sim, SEC(6));
	assert_int_equal(sim->side[SIM_ALICE].peer->timers.attempts, 2);
	sim_say(sim, SIM_BOB, 3);
	sim_run(sim, 0);
	assert_int_equal(sim->side[SIM_ALICE].peer->timers.attempts, 2);
	/* Until the next session is there. */
	sim->side[SIM_ALICE].cut = false;
	sim_run(sim, SEC(6));
	assert_false(sim->side[SIM_ALICE].peer->timers.sent_last_minute);
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	sim_free(sim);
}

static void test_reject_after_time(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	sim->side[SIM_ALICE].cut = sim->side[SIM_BOB].cut = true;
	sim_say(sim, SIM_BOB, 1);
	packet = sim_take_type(sim, SIM_BOB, WIRE_DATA);
	sim_pass(sim, REJECT_AFTER_TIME - 1);
	sim_deliver(sim, SIM_ALICE, sim_copy(sim, packet));
	sim_expect_received(sim, SIM_ALICE, 1);
	sim_say(sim, SIM_BOB, 2);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_STAGED), 0);
	packet_free(packet);
	packet = sim_take_type(sim, SIM_BOB, WIRE_DATA);
	packet_queue_drop(lane_to_udp(tunnel_lane(sim->side[SIM_BOB].tunnel, 0)));
	sim_pass(sim, 1);
	sim_deliver(sim, SIM_ALICE, packet);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_SESSION), 1);
	/* And it is not sent with any more, either. */
	packet_queue_drop(lane_to_udp(tunnel_lane(sim->side[SIM_ALICE].tunnel, 0)));
	sim_say(sim, SIM_ALICE, 3);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_STAGED), 1 + 1);
	sim_free(sim);
}

/* REKEY_TIMEOUT and jitter between tries, REKEY_ATTEMPT_TIME in all. */
static void test_give_up(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start = sim->now.mono, last = start;
	size_t n = 0, jittered = 0;

	(void)state;
	sim->side[SIM_ALICE].cut = true;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(1000));
	for (size_t i = 0; i < sim->n_events; i++) {
		const struct sim_event *event = &sim->events[i];

		assert_int_equal(event->type, WIRE_INITIATION);
		if (n++) {
			assert_in_range(event->at - last, SEC(5), SEC(5) + MSEC(333));
			jittered += event->at - last != SEC(5);
		}
		last = event->at;
	}
	assert_int_equal(n, 18);
	assert_true(jittered > 10);
	/* The last try's time has run out by then, and what waited is gone. */
	assert_in_range(last + SEC(5) - start, SEC(90), SEC(96));
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 0);
	assert_int_equal(sim->side[SIM_ALICE].peer->handshake.state, HANDSHAKE_NONE);
	/* Someone who wants to send again gets his own 90 s. */
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(1000));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 36);
	sim_free(sim);
}

static void test_gives_up_at_90_s(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim->side[SIM_ALICE].cut = true;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(90) - 1);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 1);
	sim_run(sim, 18 * MSEC(333) + 1);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 0);
	sim_free(sim);
}

/* While someone goes on sending, tries go on, too. */
static void test_goes_on_while_wanted(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start = sim->now.mono;

	(void)state;
	sim->side[SIM_ALICE].cut = true;
	chat(sim, SEC(300), true, false);
	assert_in_range(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 300 / 5.34, 300 / 5);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, MAX_STAGED_PACKETS);
	sim_free(sim);
}

static void test_zero_keys(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(540) - 1);
	assert_non_null(sim->side[SIM_ALICE].peer->current);
	assert_non_null(sim->side[SIM_BOB].peer->current);
	sim_run(sim, 1);
	for (int i = 0; i < SIM_SIDES; i++) {
		const struct peer *peer = sim->side[i].peer;

		assert_null(peer->current);
		assert_null(peer->previous);
		assert_null(peer->next);
		assert_int_equal(peer->handshake.state, HANDSHAKE_NONE);
		assert_int_equal(tunnel_tick(sim->side[i].tunnel, &sim->now), MONO_NEVER);
	}
	/* It all begins anew when there is something to say. */
	sim_say(sim, SIM_BOB, 5);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_ALICE, 5);
	sim_free(sim);
}

/* A peer that sends but hears nothing tries a handshake after KEEPALIVE + REKEY_TIMEOUT. */
static void test_new_handshake(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start, first;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(30)); /* Bob's keepalive has come */
	start = sim->now.mono;
	sim->side[SIM_BOB].cut = true;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(3));
	sim_say(sim, SIM_ALICE, 2);
	sim_run(sim, SEC(20));
	first = sim_first(sim, SIM_ALICE, WIRE_INITIATION, start);
	assert_in_range(first - start, SEC(15), SEC(15) + MSEC(333));
	sim_free(sim);
}

/* So does one whose data waited for their handshake, and went out when that was confirmed. */
static void test_sent_on_confirmation(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	mono_ns start = sim->now.mono, first;

	(void)state;
	bob->cut = true;
	sim_say(sim, SIM_BOB, 1);
	sim_run(sim, 0);
	bob->cut = false;
	sim_say(sim, SIM_ALICE, 2);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_ALICE, 1);
	assert_true(timers_is_set(&bob->peer->timers, TIMER_NEW_HANDSHAKE));
	/* So if nothing more comes, he notices. */
	sim->side[SIM_ALICE].cut = true;
	sim_run(sim, SEC(16));
	first = sim_first(sim, SIM_BOB, WIRE_INITIATION, start + 1);
	assert_in_range(first - start, SEC(15), SEC(15) + MSEC(333));
	packet_queue_drop(&bob->received);
	sim_free(sim);
}

/* A handshake of theirs is a sign of life as good as data. */
static void test_handshake_is_heard(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	mono_ns start;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(30));
	start = sim->now.mono;
	bob->cut = true;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(14));
	bob->cut = false;
	sim->side[SIM_ALICE].cut = true;
	assert_true(timers_is_set(&sim->side[SIM_ALICE].peer->timers, TIMER_NEW_HANDSHAKE));
	tunnel_initiate(bob->tunnel, bob->peer, &sim->now);
	sim_run(sim, 0);
	assert_false(timers_is_set(&sim->side[SIM_ALICE].peer->timers, TIMER_NEW_HANDSHAKE));
	sim_run(sim, SEC(4));
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_INITIATION, start), 1);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 0);
	packet_queue_drop(&bob->received);
	sim_free(sim);
}

/* Exactly one keepalive, 10 s after data, and none in answer to it. */
static void test_passive_keepalive(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(60));
	start = sim->now.mono;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(50));
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_DATA, start), 1);
	assert_int_equal(sim_first(sim, SIM_BOB, WIRE_DATA, start) - start, KEEPALIVE_TIMEOUT);
	assert_int_equal(sim->events[sim->n_events - 1].len, WIRE_DATA_MIN_LEN);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 1);
	assert_true(sim_count(sim, SIM_ALICE, VERDICT_KEEPALIVE) > 0);
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

/* More data came while the keepalive was due: one more follows it. */
static void test_another_keepalive(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(60));
	start = sim->now.mono;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(3));
	sim_say(sim, SIM_ALICE, 2);
	sim_run(sim, SEC(40));
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_DATA, start), 2);
	assert_int_equal(sim_first(sim, SIM_BOB, WIRE_DATA, start + SEC(11)) - start, SEC(20));
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

static void test_no_keepalive_if_answered(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(60));
	start = sim->now.mono;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(9));
	sim_say(sim, SIM_BOB, 2);
	sim_run(sim, SEC(50));
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_DATA, start), 1);
	/* Now it is Alice who owes one. */
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 2);
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

static void test_persistent_keepalive(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start = sim->now.mono;

	(void)state;
	/* Turned on: a handshake at once, and its confirming keepalive. */
	tunnel_set_keepalive(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, 25, &sim->now);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 1);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 1);
	sim_run(sim, SEC(25) - 1);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 1);
	sim_run(sim, 1);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 2);
	sim_run(sim, SEC(75));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 5);
	/* Bob never answers keepalives. */
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_DATA, start), 0);
	/* Anything authentic that crosses puts it off. */
	sim_run(sim, SEC(5));
	sim_say(sim, SIM_BOB, 1);
	sim_run(sim, SEC(9));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 5);
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	/* Off is off. */
	tunnel_set_keepalive(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, 0, &sim->now);
	start = sim->now.mono;
	sim_run(sim, SEC(400));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, start), 1); /* the passive one */
	sim_free(sim);
}

/* It keeps the session up for ever, and it keeps on trying when nobody is there. */
static void test_persistent_keepalive_for_long(void **state)
{
	struct sim *sim = sim_new();
	mono_ns start;

	(void)state;
	tunnel_set_keepalive(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, 25, &sim->now);
	sim_run(sim, SEC(3600));
	assert_in_range(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, 0), 3600 / 150, 3600 / 120);
	sim->side[SIM_ALICE].cut = true;
	start = sim->now.mono;
	sim_run(sim, SEC(3600));
	assert_true(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start + SEC(3500)) > 0);
	sim->side[SIM_ALICE].cut = false;
	sim_run(sim, SEC(130));
	start = sim->now.mono;
	sim_say(sim, SIM_BOB, 9);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_ALICE, 9);
	sim_free(sim);
}

/* One with no endpoint waits in vain, but quietly; the handshake comes with the endpoint. */
static void test_keepalive_without_endpoint(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	union sockaddr_ip none = { 0 };
	mono_ns start = sim->now.mono;

	(void)state;
	tunnel_set_endpoint(alice->tunnel, alice->peer, &none);
	tunnel_set_keepalive(alice->tunnel, alice->peer, 1, &sim->now);
	sim_run(sim, SEC(100));
	assert_int_equal(sim->n_events, 0);
	assert_int_equal(alice->peer->staged.n, 0);
	assert_true(timers_is_set(&alice->peer->timers, TIMER_PERSISTENT_KEEPALIVE));
	tunnel_set_up(alice->tunnel, false, &sim->now);
	assert_false(timers_is_set(&alice->peer->timers, TIMER_PERSISTENT_KEEPALIVE));
	tunnel_set_up(alice->tunnel, true, &sim->now);
	assert_true(timers_is_set(&alice->peer->timers, TIMER_PERSISTENT_KEEPALIVE));
	tunnel_set_endpoint(alice->tunnel, alice->peer, &sim->side[SIM_BOB].address);
	tunnel_poke_peer(alice->tunnel, alice->peer, &sim->now);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, start), 1);
	assert_non_null(alice->peer->current);
	sim_free(sim);
}

static void test_keepalive_when_up(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];

	(void)state;
	tunnel_set_up(alice->tunnel, false, &sim->now);
	tunnel_set_keepalive(alice->tunnel, alice->peer, 25, &sim->now);
	sim_run(sim, SEC(100));
	assert_int_equal(sim->n_events, 0);
	assert_int_equal(tunnel_tick(alice->tunnel, &sim->now), MONO_NEVER);
	tunnel_set_up(alice->tunnel, true, &sim->now);
	sim_run(sim, 0);
	assert_non_null(alice->peer->current);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_DATA, 0), 1);
	sim_free(sim);
}

/* Retrying means that the way may have changed: our own address is chosen anew. */
static void test_retry_clears_source(void **state)
{
	struct sim *sim = sim_new();
	struct path *path = &sim->side[SIM_ALICE].peer->path;

	(void)state;
	sim_connect(sim);
	assert_int_equal(path->source_ifindex, 7);
	sim->side[SIM_BOB].cut = true;
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(14));
	assert_int_equal(path->source_ifindex, 7);
	sim_run(sim, SEC(2));
	assert_int_equal(path->source_ifindex, 0);
	assert_int_equal(path->source.v4.s_addr, 0);
	assert_true(sockaddr_ip_equal(&path->remote, &sim->side[SIM_BOB].address));
	packet_queue_drop(&sim->side[SIM_BOB].received);

	path->source_ifindex = 8;
	sim_run(sim, SEC(6));
	assert_int_equal(path->source_ifindex, 0);
	sim_free(sim);
}

/* With 100,000 peers, a tick looks at those that are due and at a few on the way to them. */
static void test_many_peers(void **state)
{
	enum {
		N = 100000
	};
	struct sim *sim = sim_new();
	struct wg_key key = sim_new_key(sim);
	struct tunnel *tunnel = sim_new_tunnel(sim, &key);
	uint64_t n_steps;
	size_t n = 0;

	(void)state;
	/* Keepalives at different times; no key, so that no handshake costs anything. */
	tunnel_set_private_key(tunnel, &(struct wg_key){ 0 }, &sim->now);
	for (int i = 0; i < N; i++) {
		key = sim_new_key(sim);
		tunnel_set_keepalive(tunnel, tunnel_add_peer(tunnel, &key, &sim->now), 1000,
				     &sim->now);
		assert_true(tunnel_tick(tunnel, &sim->now) > sim->now.mono);
		sim_pass(sim, MSEC(1));
	}
	n_steps = tunnel->deadlines.n_steps;
	for (mono_ns end = sim->now.mono + SEC(950); sim->now.mono < end; n++) {
		mono_ns next = tunnel_tick(tunnel, &sim->now);

		assert_true(next > sim->now.mono);
		assert_true(next <= sim->now.mono + SEC(901));
		sim_pass(sim, next - sim->now.mono);
	}
	/* Some 50,000 came due, and moved down a heap of 17 levels; all others cost nothing. */
	assert_in_range(n, 40000, 60000);
	assert_true(tunnel->deadlines.n_steps - n_steps < 20 * n);

	/* When all are due at once, a call does a part of them: packets must not wait for it. */
	tunnel_set_up(tunnel, false, &sim->now);
	tunnel_set_up(tunnel, true, &sim->now);
	for (n = 1; tunnel_tick(tunnel, &sim->now) <= sim->now.mono; n++)
		;
	assert_in_range(n, N / 100, N / 10);
	tunnel_free(tunnel);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey_after_time),
		cmocka_unit_test(test_rekey_on_receive),
		cmocka_unit_test(test_reject_after_time),
		cmocka_unit_test(test_give_up),
		cmocka_unit_test(test_gives_up_at_90_s),
		cmocka_unit_test(test_goes_on_while_wanted),
		cmocka_unit_test(test_zero_keys),
		cmocka_unit_test(test_new_handshake),
		cmocka_unit_test(test_sent_on_confirmation),
		cmocka_unit_test(test_handshake_is_heard),
		cmocka_unit_test(test_passive_keepalive),
		cmocka_unit_test(test_another_keepalive),
		cmocka_unit_test(test_no_keepalive_if_answered),
		cmocka_unit_test(test_persistent_keepalive),
		cmocka_unit_test(test_persistent_keepalive_for_long),
		cmocka_unit_test(test_keepalive_without_endpoint),
		cmocka_unit_test(test_keepalive_when_up),
		cmocka_unit_test(test_retry_clears_source),
		cmocka_unit_test(test_many_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
