/* The tunnel as a whole: an hour over a bad link, and configuration. */
#include <malloc.h>

#include "engine_sim.h"

/* ---- an hour -------------------------------------------------------------------------------- */

enum {
	NUMBERS_MAX = 20000
};

struct direction {
	uint64_t n_sent, n_received;
	bool seen[NUMBERS_MAX];
};

/* Takes what came out: intact, and once. */
static void check_received(struct sim *sim, int side, struct direction *direction)
{
	struct packet *packet;

	while ((packet = sim_received(sim, side))) {
		uint64_t number = sim_check_inner(packet);

		assert_true(number < direction->n_sent);
		assert_false(direction->seen[number]);
		direction->seen[number] = true;
		direction->n_received++;
		packet_free(packet);
	}
}

static void say_some(struct sim *sim, int side, struct direction *direction)
{
	struct packet_queue queue = { 0 };

	for (uint64_t n = 1 + sim_below(sim, 3); n && direction->n_sent < NUMBERS_MAX; n--)
		packet_queue_push(&queue, sim_inner(sim, side, 28 + sim_below(sim, SIM_MTU - 28),
						    direction->n_sent++));
	lane_from_tun(tunnel_lane(sim->side[side].tunnel, 0), &queue, &sim->now);
	sim_tick(sim, side);
}

/* One event of the hour. Returns how long nothing more is begun. */
static span_ns live(struct sim *sim, struct direction *to_bob, struct direction *to_alice)
{
	uint64_t what = sim_below(sim, 1000);

	if (what < 500) {
		say_some(sim, SIM_ALICE, to_bob);
	} else if (what < 980) {
		say_some(sim, SIM_BOB, to_alice);
	} else if (what < 985) {
		return (span_ns)sim_below(sim, (uint64_t)SEC(300)); /* silence */
	} else if (what < 995) {
		/* Alice moves. */
		sim->side[SIM_ALICE].address.v4.sin_port =
			htons((uint16_t)(1024 + sim_below(sim, 60000)));
	} else if (what < 997) {
		sim->loss = (unsigned int)sim_below(sim, 30);
	} else if (what < 998) {
		tunnel_resumed(sim->side[sim_below(sim, 2)].tunnel, &sim->now);
	} else if (what < 999) {
		/* The link is down for a while, in one direction. */
		sim->side[sim_below(sim, 2)].cut = true;
	} else {
		/* The clock is set. */
		sim->now.unix_ns += (int64_t)sim_below(sim, (uint64_t)SEC(7200)) - SEC(3600);
	}
	if (what < 990)
		sim->side[SIM_ALICE].cut = sim->side[SIM_BOB].cut = false;
	return (span_ns)sim_below(sim, (uint64_t)SEC(1));
}

static void test_hour(void **state)
{
	struct direction *to_bob = mem_alloc(1, sizeof(*to_bob));
	struct direction *to_alice = mem_alloc(1, sizeof(*to_alice));
	struct sim *sim = sim_new();
	mono_ns end = sim->now.mono + SEC(3600), working;

	(void)state;
	printf("# SEED=%llu\n", (unsigned long long)sim->seed);
	sim->loss = 10;
	sim->doubling = 10;
	sim->delay = MSEC(300);
	while (sim->now.mono < end) {
		sim_run(sim, live(sim, to_bob, to_alice));
		check_received(sim, SIM_BOB, to_bob);
		check_received(sim, SIM_ALICE, to_alice);
	}
	printf("# %llu of %llu and %llu of %llu packets, %zu messages, %zu initiations\n",
	       (unsigned long long)to_bob->n_received, (unsigned long long)to_bob->n_sent,
	       (unsigned long long)to_alice->n_received, (unsigned long long)to_alice->n_sent,
	       sim->n_events,
	       sim_sent(sim, SIM_ALICE, WIRE_INITIATION, 0) +
		       sim_sent(sim, SIM_BOB, WIRE_INITIATION, 0));
	assert_true(to_bob->n_received > to_bob->n_sent / 2);
	assert_true(to_alice->n_received > to_alice->n_sent / 2);
	/* Nothing was taken for something else on the way. */
	for (int i = 0; i < SIM_SIDES; i++) {
		assert_int_equal(sim_count(sim, i, VERDICT_BAD_TAG), 0);
		assert_int_equal(sim_count(sim, i, VERDICT_BAD_MAC), 0);
		assert_int_equal(sim_count(sim, i, VERDICT_NOT_IP), 0);
		assert_int_equal(sim_count(sim, i, VERDICT_FORBIDDEN_SOURCE), 0);
		assert_int_equal(sim_count(sim, i, VERDICT_NO_MEMORY), 0);
		assert_true(sim_count(sim, i, VERDICT_REPLAYED) > 0);
	}
	/* On a good link all is well again soon, and nothing is lost any more. */
	sim->loss = sim->doubling = 0;
	sim->side[SIM_ALICE].cut = sim->side[SIM_BOB].cut = false;
	working = sim->now.mono + SEC(30);
	while (sim->now.mono < working) {
		say_some(sim, SIM_ALICE, to_bob);
		say_some(sim, SIM_BOB, to_alice);
		sim_run(sim, SEC(1));
	}
	check_received(sim, SIM_BOB, to_bob);
	check_received(sim, SIM_ALICE, to_alice);
	to_bob->n_received = to_alice->n_received = 0;
	to_bob->n_sent = to_alice->n_sent = 0;
	memset(to_bob->seen, 0, sizeof(to_bob->seen));
	memset(to_alice->seen, 0, sizeof(to_alice->seen));
	for (working = sim->now.mono + SEC(400); sim->now.mono < working;) {
		say_some(sim, SIM_ALICE, to_bob);
		say_some(sim, SIM_BOB, to_alice);
		sim_run(sim, SEC(1));
	}
	check_received(sim, SIM_BOB, to_bob);
	check_received(sim, SIM_ALICE, to_alice);
	assert_int_equal(to_bob->n_received, to_bob->n_sent);
	assert_int_equal(to_alice->n_received, to_alice->n_sent);
	assert_int_equal(sim->side[SIM_ALICE].peer->current->local_index,
			 sim->side[SIM_BOB].peer->current->remote_index);
	sim_free(sim);
	free(to_bob);
	free(to_alice);
}

/* ---- configuration -------------------------------------------------------------------------- */

static void test_keys(void **state)
{
	struct sim *sim = sim_new();
	struct tunnel_env env = { .pool = sim->pool, .random = sim_random, .random_ctx = sim };
	struct tunnel *tunnel = tunnel_new(&env);
	struct wg_key key, private_key, public_key;

	(void)state;
	tunnel_get_keys(tunnel, &private_key, &public_key);
	assert_true(wg_key_is_zero(&private_key));
	assert_true(wg_key_is_zero(&public_key));
	/* RFC 7748 section 6.1: Alice's keys, here with the bits that clamping sets turned over. */
	assert_int_equal(wg_key_parse_hex(&key,
					  "77076d0a7318a57d3c16c17251b26645"
					  "df4c2f92ebc099ac02217465b91afbaa",
					  NULL),
			 0);
	tunnel_set_private_key(tunnel, &key, &sim->now);
	tunnel_get_keys(tunnel, &private_key, &public_key);
	assert_int_equal(private_key.bytes[0], 0x70);
	assert_int_equal(private_key.bytes[31], 0x6a);
	tunnel_free(tunnel);
	tunnel_free(NULL);
	sim_free(sim);
}

static void test_peers(void **state)
{
	enum {
		N = 1000
	};
	struct sim *sim = sim_new();
	struct wg_key key = sim_new_key(sim), keys[N];
	struct tunnel *tunnel = sim_new_tunnel(sim, &key);
	struct peer *peer = NULL;

	(void)state;
	for (int i = 0; i < N; i++) {
		keys[i] = sim_new_key(sim);
		assert_null(tunnel_find_peer(tunnel, &keys[i]));
		peer = tunnel_add_peer(tunnel, &keys[i], &sim->now);
		assert_non_null(peer);
		assert_ptr_equal(tunnel_find_peer(tunnel, &keys[i]), peer);
	}
	/* In the order they were added, also when some are gone. */
	for (int i = 0; i < N; i += 3)
		tunnel_remove_peer(tunnel, tunnel_find_peer(tunnel, &keys[i]));
	peer = NULL;
	for (int i = 0; i < N; i++) {
		if (i % 3 == 0) {
			assert_null(tunnel_find_peer(tunnel, &keys[i]));
			continue;
		}
		peer = tunnel_next_peer(tunnel, peer);
		assert_non_null(peer);
		assert_memory_equal(&peer->remote.public_key, &keys[i], sizeof(key));
	}
	assert_null(tunnel_next_peer(tunnel, peer));
	tunnel_remove_all_peers(tunnel);
	assert_null(tunnel_next_peer(tunnel, NULL));
	assert_null(tunnel_find_peer(tunnel, &keys[1]));
	peer = tunnel_add_peer(tunnel, &keys[0], &sim->now);
	assert_ptr_equal(tunnel_next_peer(tunnel, NULL), peer);
	tunnel_free(tunnel);
	sim_free(sim);
}

/* What a peer costs that is configured and nothing more: very many of them are to fit. */
static void test_idle_peer_memory(void **state)
{
	enum {
		N = 10000,
		BYTES_MAX = 1024,
	};
	struct sim *sim = sim_new();
	struct wg_key key = sim_new_key(sim);
	struct tunnel *tunnel = sim_new_tunnel(sim, &key);
	size_t before, spent;

	(void)state;
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < N; i++) {
		struct wg_key peer_key = sim_new_key(sim);
		struct peer *peer = tunnel_add_peer(tunnel, &peer_key, &sim->now);

		/* Nothing dear was done for it, either. */
		assert_int_equal(peer->remote.usable, NOISE_NOT_TRIED);
	}
	/* Under sanitizers, which count nothing, both are 0. */
	spent = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	print_message("# %zu bytes for each idle peer\n", spent / N);
	assert_in_range(spent, 0, N * BYTES_MAX);
	/* Nor is it done later, for so many. */
	assert_int_equal(tunnel_tick(tunnel, &sim->now), MONO_NEVER);
	tunnel_free(tunnel);
	sim_free(sim);
}

/* DH(static, static) comes with the first handshake, or earlier, and goes when a key does. */
static void test_static_static(void **state)
{
	struct sim *sim = sim_new();
	const struct peer *at_alice = sim->side[SIM_ALICE].peer, *at_bob = sim->side[SIM_BOB].peer;
	struct wg_key key = sim_new_key(sim), private_key, public_key;

	(void)state;
	assert_int_equal(at_alice->remote.usable, NOISE_NOT_TRIED);
	assert_int_equal(at_bob->remote.usable, NOISE_NOT_TRIED);
	sim_connect(sim);
	assert_int_equal(at_alice->remote.usable, NOISE_USABLE);
	assert_int_equal(at_bob->remote.usable, NOISE_USABLE);

	/* The same key again changes nothing; another one does, also when there is none. */
	tunnel_get_keys(sim->side[SIM_BOB].tunnel, &private_key, &public_key);
	tunnel_set_private_key(sim->side[SIM_BOB].tunnel, &private_key, &sim->now);
	assert_int_equal(at_bob->remote.usable, NOISE_USABLE);
	tunnel_set_private_key(sim->side[SIM_BOB].tunnel, &key, &sim->now);
	assert_int_equal(at_bob->remote.usable, NOISE_NOT_TRIED);
	assert_true(wg_key_is_zero(&at_bob->remote.static_static));
	sim_pass(sim, MSEC(1));
	sim_tick(sim, SIM_BOB);
	assert_int_equal(at_bob->remote.usable, NOISE_USABLE);
	sim_free(sim);
}

static size_t n_prepared(struct tunnel *tunnel)
{
	struct peer *peer = NULL;
	size_t n = 0;

	while ((peer = tunnel_next_peer(tunnel, peer)))
		n += peer->remote.usable == NOISE_USABLE;
	return n;
}

/* It is done in advance, in small parts, whatever comes and goes meanwhile. */
static void test_prepared(void **state)
{
	enum {
		N = 100,
		EACH = 8,
	};
	struct sim *sim = sim_new();
	struct wg_key key = sim_new_key(sim), keys[N];
	struct tunnel *tunnel = sim_new_tunnel(sim, &key);
	struct instant now = sim->now;
	mono_ns next;

	(void)state;
	for (int i = 0; i < N; i++) {
		keys[i] = sim_new_key(sim);
		tunnel_add_peer(tunnel, &keys[i], &now);
	}
	next = tunnel_tick(tunnel, &now);
	assert_int_equal(n_prepared(tunnel), EACH);
	assert_int_equal(next, now.mono + MSEC(1));
	assert_int_equal(tunnel_tick(tunnel, &now), next);
	assert_int_equal(n_prepared(tunnel), EACH);
	/* The next one goes, and so does one that was done. */
	tunnel_remove_peer(tunnel, tunnel_find_peer(tunnel, &keys[EACH]));
	tunnel_remove_peer(tunnel, tunnel_find_peer(tunnel, &keys[0]));
	for (int i = 0; next != MONO_NEVER; i++) {
		assert_in_range(i, 0, N / EACH);
		now.mono = next;
		next = tunnel_tick(tunnel, &now);
	}
	assert_int_equal(n_prepared(tunnel), N - 2);
	/* One more later on; and all of them once more for another key. */
	tunnel_add_peer(tunnel, &keys[0], &now);
	now.mono += MSEC(1);
	assert_int_equal(tunnel_tick(tunnel, &now), MONO_NEVER);
	assert_int_equal(n_prepared(tunnel), N - 1);
	key = sim_new_key(sim);
	tunnel_set_private_key(tunnel, &key, &now);
	assert_int_equal(n_prepared(tunnel), 0);
	for (next = now.mono + MSEC(1); next != MONO_NEVER; next = tunnel_tick(tunnel, &now))
		now.mono = next;
	assert_int_equal(n_prepared(tunnel), N - 1);
	tunnel_remove_all_peers(tunnel);
	now.mono += MSEC(1);
	assert_int_equal(tunnel_tick(tunnel, &now), MONO_NEVER);
	tunnel_free(tunnel);
	sim_free(sim);
}

static void test_describe(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct wg_device *device = wg_device_new();
	struct wg_peer *description = wg_device_add_peer(device);
	struct wg_key psk = sim_new_key(sim);
	struct cidr cidr;

	(void)state;
	tunnel_set_preshared_key(alice->tunnel, alice->peer, &psk);
	tunnel_set_keepalive(alice->tunnel, alice->peer, 77, &sim->now);
	alice->peer->last_handshake_unix = SEC(1700000000) + 5;
	alice->peer->rx_bytes = 8;
	alice->peer->tx_bytes = 9;
	cidr = sim_cidr("10.5.0.0/16");
	tunnel_add_allowed_ip(alice->tunnel, alice->peer, &cidr);
	cidr = sim_cidr("fd00::2/128");
	tunnel_remove_allowed_ip(alice->tunnel, alice->peer, &cidr);
	tunnel_describe_peer(alice->tunnel, alice->peer, description);
	assert_memory_equal(&description->public_key, &sim->side[SIM_BOB].public_key,
			    sizeof(struct wg_key));
	assert_memory_equal(&description->preshared_key, &psk, sizeof(psk));
	assert_int_equal(description->keepalive_s, 77);
	assert_int_equal(description->last_handshake_s, 1700000000);
	assert_int_equal(description->last_handshake_ns, 5);
	assert_int_equal(description->rx_bytes, 8);
	assert_int_equal(description->tx_bytes, 9);
	assert_true(sockaddr_ip_equal(&description->endpoint.addr, &sim->side[SIM_BOB].address));
	assert_int_equal(description->n_allowed_ips, 2);
	cidr = sim_cidr("10.0.0.2/32");
	assert_true(cidr_equal(&description->allowed_ips[0].cidr, &cidr));
	cidr = sim_cidr("10.5.0.0/16");
	assert_true(cidr_equal(&description->allowed_ips[1].cidr, &cidr));
	wg_device_free(device);
	sim_free(sim);
}

/* A prefix that another peer gets is taken from the first: packets follow. */
static void test_allowed_ip_moves(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct wg_key key = sim_new_key(sim);
	struct peer *other = tunnel_add_peer(alice->tunnel, &key, &sim->now);
	struct cidr cidr = sim_cidr("10.0.0.2/32");

	(void)state;
	sim_connect(sim);
	tunnel_add_allowed_ip(alice->tunnel, other, &cidr);
	sim_say(sim, SIM_ALICE, 1);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_ENDPOINT), 1);
	sim_say(sim, SIM_BOB, 2);
	sim_run(sim, 0);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_FORBIDDEN_SOURCE), 1);
	tunnel_remove_peer(alice->tunnel, other);
	sim_say(sim, SIM_ALICE, 1);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_PEER), 1);
	tunnel_add_allowed_ip(alice->tunnel, alice->peer, &cidr);
	sim_say(sim, SIM_ALICE, 3);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 3);
	tunnel_clear_allowed_ips(alice->tunnel, alice->peer);
	sim_say(sim, SIM_ALICE, 4);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_PEER), 2);
	packet_queue_drop(lane_to_tun(tunnel_lane(alice->tunnel, 0)));
	packet_queue_drop(&alice->received);
	sim_free(sim);
}

/* A peer goes while it has packets waiting, a session, and a handshake under way. */
static void test_remove_busy_peer(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	sim_pass(sim, SEC(200));
	sim_say(sim, SIM_ALICE, 1);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_INITIATION);
	sim_deliver(sim, SIM_BOB, packet);
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	tunnel_remove_peer(alice->tunnel, alice->peer);
	sim_deliver(sim, SIM_ALICE, packet);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_BAD_HANDSHAKE), 1);
	assert_int_equal(tunnel_tick(alice->tunnel, &sim->now), MONO_NEVER);
	sim_free(sim);
}

static void test_mtu(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	tunnel_set_mtu(sim->side[SIM_ALICE].tunnel, 100);
	sim_say(sim, SIM_ALICE, 1);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	assert_int_equal(packet->len, 100 + 32);
	packet_free(packet);
	sim_free(sim);
}

/* After a sleep nobody trusts the old keys; what has a keepalive speaks up at once. */
static void test_resumed(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	mono_ns woken;

	(void)state;
	sim_connect(sim);
	tunnel_set_keepalive(alice->tunnel, alice->peer, 25, &sim->now);
	sim_pass(sim, SEC(2));
	packet_queue_drop(lane_to_udp(tunnel_lane(alice->tunnel, 0)));
	woken = sim->now.mono;
	tunnel_resumed(alice->tunnel, &sim->now);
	assert_null(alice->peer->current);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, woken), 1);
	assert_non_null(alice->peer->current);
	sim_free(sim);
}

static void test_verdict_names(void **state)
{
	(void)state;
	for (enum verdict verdict = 0; verdict < VERDICT_N; verdict++)
		assert_non_null(verdict_name(verdict));
	assert_string_equal(verdict_name(VERDICT_BAD_TAG), "bad tag");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hour),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_idle_peer_memory),
		cmocka_unit_test(test_static_static),
		cmocka_unit_test(test_prepared),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_allowed_ip_moves),
		cmocka_unit_test(test_remove_busy_peer),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_verdict_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
