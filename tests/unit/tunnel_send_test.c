/* Packets from the TUN: staging, batches, what goes nowhere, what the outside may see. */
#include "engine_sim.h"

static void test_staged(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim->side[SIM_ALICE].cut = true;
	for (uint64_t i = 0; i < 200; i++)
		sim_say(sim, SIM_ALICE, i);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, MAX_STAGED_PACKETS);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_STAGED), 200);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_STAGED_OVERFLOW), 72);
	/* One initiation, however many wait. */
	sim_run(sim, SEC(1));
	assert_int_equal(sim_sent(sim, SIM_ALICE, WIRE_INITIATION, 0), 1);
	sim->side[SIM_ALICE].cut = false;
	sim_run(sim, SEC(6));
	/* The newest are there, in order, and none twice. */
	assert_int_equal(sim->side[SIM_BOB].received.n, MAX_STAGED_PACKETS);
	for (uint64_t i = 72; i < 200; i++) {
		struct packet *packet = sim_received(sim, SIM_BOB);

		assert_int_equal(sim_check_inner(packet), i);
		packet_free(packet);
	}
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_SENT), MAX_STAGED_PACKETS);
	sim_free(sim);
}

/* A batch longer than what may wait goes out whole when nothing has to wait. */
static void test_long_batch(void **state)
{
	struct sim *sim = sim_new();
	struct packet_queue queue = { 0 };

	(void)state;
	sim_connect(sim);
	for (uint64_t i = 0; i < 500; i++)
		packet_queue_push(&queue, sim_inner(sim, SIM_ALICE, 100, i));
	lane_from_tun(tunnel_lane(sim->side[SIM_ALICE].tunnel, 0), &queue, &sim->now);
	sim_run(sim, 0);
	assert_int_equal(sim->side[SIM_BOB].received.n, 500);
	for (uint64_t i = 0; i < 500; i++) {
		struct packet *packet = sim_received(sim, SIM_BOB);

		assert_int_equal(sim_check_inner(packet), i);
		packet_free(packet);
	}
	sim_free(sim);
}

/* Peers' packets come by turns and leave in runs; each peer's order is kept. */
static void test_runs(void **state)
{
	enum {
		PEERS = 3,
		EACH = 5
	};
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct packet_queue queue = { 0 };
	struct peer *peers[PEERS];
	const char *const to[] = { "10.2.0.0", "10.2.0.1", "10.2.0.2" };

	(void)state;
	for (int i = 0; i < PEERS; i++) {
		struct wg_key key = sim_new_key(sim);
		struct cidr cidr = sim_cidr(to[i]);
		struct noise_keys keys = { { { 1 } }, { { 2 } } };
		union sockaddr_ip address;

		peers[i] = tunnel_add_peer(alice->tunnel, &key, &sim->now);
		sim_address(&address, "198.51.100.1", (uint16_t)(1000 + i));
		tunnel_set_endpoint(alice->tunnel, peers[i], &address);
		tunnel_add_allowed_ip(alice->tunnel, peers[i], &cidr);
		peer_add_session(peers[i],
				 session_new(&keys, tunnel_new_index(alice->tunnel, peers[i]),
					     (uint32_t)i, true, sim->now.mono),
				 alice->tunnel->index);
	}
	for (uint64_t n = 0; n < EACH; n++) {
		for (int i = 0; i < PEERS; i++)
			packet_queue_push(&queue, sim_inner_v4(sim, "10.0.0.1", to[i], 60, n, 0));
	}
	lane_from_tun(tunnel_lane(alice->tunnel, 0), &queue, &sim->now);
	for (uint32_t i = 0; i < PEERS; i++) {
		for (uint64_t n = 0; n < EACH; n++) {
			struct packet *packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);

			assert_int_equal(ntohs(packet->path.remote.v4.sin_port), 1000 + i);
			assert_ptr_equal(packet->peer, peers[i]);
			assert_int_equal(load_le32(packet->data + 4), i);
			assert_int_equal(load_le64(packet->data + 8), n);
			packet_free(packet);
		}
	}
	sim_free(sim);
}

/* The outer DS field: the inner ECN, and nothing of the DSCP. */
static void test_ds(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	/* Also for what had to wait. */
	for (unsigned int ds = 0; ds < 256; ds += 5)
		sim_tun(sim, SIM_ALICE,
			sim_inner_v4(sim, "10.0.0.1", "10.0.0.2", 40, ds, (uint8_t)ds));
	sim_deliver(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION));
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_RESPONSE));
	for (unsigned int ds = 0; ds < 256; ds += 5) {
		packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
		assert_int_equal(packet->ds, ds & 3);
		packet_free(packet);
	}
	for (unsigned int ds = 0; ds < 256; ds++) {
		sim_tun(sim, SIM_ALICE,
			sim_inner_v6(sim, "fd00::1", "fd00::2", 60, ds, (uint8_t)ds));
		packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
		assert_int_equal(packet->ds, ds & 3);
		packet_free(packet);
	}
	sim_free(sim);
}

static void test_not_ip(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	sim_tun(sim, SIM_ALICE, packet_new(sim->pool, 0));
	packet = sim_inner(sim, SIM_ALICE, 60, 1);
	packet->data[0] = 0x75;
	sim_tun(sim, SIM_ALICE, packet);
	packet = sim_inner(sim, SIM_ALICE, 60, 1);
	packet->len = 59;
	sim_tun(sim, SIM_ALICE, packet);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NOT_IP), 3);
	sim_expect_silence(sim, SIM_ALICE);
	/* What the header does not own stays at home. */
	packet = sim_inner(sim, SIM_ALICE, 60, 1);
	packet->len = 200;
	sim_tun(sim, SIM_ALICE, packet);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	assert_int_equal(packet->len, 64 + 32);
	packet_free(packet);
	sim_free(sim);
}

/* Nobody to send it to: the sender is told. */
static void test_unreachable(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	union sockaddr_ip none = { 0 };
	struct packet *packet;

	(void)state;
	sim_tun(sim, SIM_ALICE, sim_inner_v4(sim, "10.0.0.1", "10.77.0.1", 60, 1, 0));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_PEER), 1);
	packet = packet_queue_pop(lane_to_tun(tunnel_lane(alice->tunnel, 0)));
	assert_non_null(packet);
	assert_int_equal(packet->len, 28 + 60);
	assert_int_equal(packet->data[20], 3);
	assert_int_equal(packet->data[21], 1);
	packet_free(packet);

	tunnel_set_endpoint(alice->tunnel, alice->peer, &none);
	sim_tun(sim, SIM_ALICE, sim_inner_v6(sim, "fd00::1", "fd00::2", 60, 1, 0));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_ENDPOINT), 1);
	packet = packet_queue_pop(lane_to_tun(tunnel_lane(alice->tunnel, 0)));
	assert_non_null(packet);
	assert_int_equal(packet->len, 48 + 60);
	assert_int_equal(packet->data[40], 1);
	assert_int_equal(packet->data[41], 3);
	packet_free(packet);
	assert_int_equal(alice->peer->staged.n, 0);

	/* Not without end, and not to groups. */
	for (int i = 0; i < 1000; i++)
		sim_tun(sim, SIM_ALICE, sim_inner_v4(sim, "10.0.0.1", "10.77.0.1", 60, 1, 0));
	assert_int_equal(lane_to_tun(tunnel_lane(alice->tunnel, 0))->n, ICMP_ERRORS_BURST - 2);
	packet_queue_drop(lane_to_tun(tunnel_lane(alice->tunnel, 0)));
	sim_pass(sim, SEC(10));
	sim_tun(sim, SIM_ALICE, sim_inner_v4(sim, "10.0.0.1", "224.0.0.251", 60, 1, 0));
	assert_int_equal(lane_to_tun(tunnel_lane(alice->tunnel, 0))->n, 0);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_PEER), 1002);
	sim_free(sim);
}

/* A datagram of Alice's as the host would route it into the tunnel: from her port to Bob's. Takes
 * it. */
static struct packet *wrap(struct sim *sim, struct packet *datagram)
{
	const union sockaddr_ip *remote = &datagram->path.remote;
	bool v4 = remote->sa.sa_family == AF_INET;
	struct packet *packet =
		v4 ? sim_inner_v4(sim, "10.0.0.1", "192.0.2.2", 28 + datagram->len, 0, 0)
		   : sim_inner_v6(sim, "fd00::1", "2001:db8::2", 48 + datagram->len, 0, 0);
	uint8_t *udp = packet->data + (v4 ? 20 : 40);

	store_be16(udp, SIM_PORT);
	memcpy(udp + 2, &remote->v4.sin_port, 2);
	store_be16(udp + 4, (uint16_t)(8 + datagram->len));
	memcpy(udp + 8, datagram->data, datagram->len);
	packet_free(datagram);
	return packet;
}

/* Alice's next datagram comes back into her tunnel, and goes no further. */
static void expect_loop(struct sim *sim, unsigned int type)
{
	uint64_t n = sim_count(sim, SIM_ALICE, VERDICT_LOOP);

	sim_tun(sim, SIM_ALICE, wrap(sim, sim_take_type(sim, SIM_ALICE, type)));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_LOOP), n + 1);
	sim_expect_silence(sim, SIM_ALICE);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 0);
}

/* The endpoint is routed into the tunnel: what is sent comes back, once. */
static void test_loop(void **state)
{
	static const char *const endpoints[] = { "192.0.2.2", "2001:db8::2" };
	static const char *const allowed[] = { "192.0.2.0/24", "2001:db8::/32" };
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct packet *packet;

	(void)state;
	for (int i = 0; i < 2; i++) {
		union sockaddr_ip endpoint;
		struct cidr cidr = sim_cidr(allowed[i]);

		sim_pass(sim, SEC(10));
		sim_connect(sim);
		sim_address(&endpoint, endpoints[i], SIM_PORT);
		tunnel_set_endpoint(alice->tunnel, alice->peer, &endpoint);
		tunnel_add_allowed_ip(alice->tunnel, alice->peer, &cidr);
		sim_say(sim, SIM_ALICE, 1);
		expect_loop(sim, WIRE_DATA);
		sim_pass(sim, SEC(6));
		tunnel_initiate(alice->tunnel, alice->peer, &sim->now);
		expect_loop(sim, WIRE_INITIATION);
		tunnel_set_endpoint(alice->tunnel, alice->peer, &sim->side[SIM_BOB].address);
		peer_zero_keys(alice->peer, alice->tunnel->index);
	}

	/* Another's tunnel to the same place may go through ours. */
	sim_pass(sim, SEC(10));
	sim_connect(sim);
	sim_say(sim, SIM_ALICE, 1);
	packet = wrap(sim, sim_take(sim, SIM_ALICE));
	packet->data[20 + 8 + 4] ^= 1;
	sim_tun(sim, SIM_ALICE, packet);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	/* So may what we send to another port, or to another address. */
	packet->path.remote.v4.sin_port ^= 1;
	sim_tun(sim, SIM_ALICE, wrap(sim, packet));
	packet = wrap(sim, sim_take_type(sim, SIM_ALICE, WIRE_DATA));
	packet->data[19] = 3;
	sim_tun(sim, SIM_ALICE, packet);
	packet_free(sim_take_type(sim, SIM_ALICE, WIRE_DATA));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_LOOP), 4);
	sim_free(sim);
}

static void test_down(void **state)
{
	struct sim *sim = sim_new();
	struct tunnel *tunnel = sim->side[SIM_ALICE].tunnel;

	(void)state;
	sim_say(sim, SIM_ALICE, 1);
	packet_queue_drop(lane_to_udp(tunnel_lane(tunnel, 0)));
	tunnel_set_up(tunnel, false, &sim->now);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 0);
	assert_int_equal(tunnel_tick(tunnel, &sim->now), MONO_NEVER);
	sim_say(sim, SIM_ALICE, 2);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_DOWN), 1);
	sim_expect_silence(sim, SIM_ALICE);
	/* Up again, the handshake begins at once. */
	tunnel_set_up(tunnel, true, &sim->now);
	sim_expect_silence(sim, SIM_ALICE);
	sim_say(sim, SIM_ALICE, 3);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 3);
	sim_free(sim);
}

static bool heard_on_interface(void *ctx, const struct path *path)
{
	return path->source_ifindex == *(const uint32_t *)ctx;
}

/* The host could not send from the source address it was given. */
static void test_forget_source(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	struct path *path = &bob->peer->path;
	uint32_t usable = 9;
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	assert_int_equal(path->source_ifindex, 7);
	sim_say(sim, SIM_BOB, 1);
	packet = sim_take_type(sim, SIM_BOB, WIRE_DATA);
	assert_int_not_equal(packet->path.source.v4.s_addr, 0);
	tunnel_forget_source(bob->tunnel, packet);
	assert_int_equal(path->source.v4.s_addr, 0);
	assert_int_equal(path->source_ifindex, 0);
	assert_true(sockaddr_ip_equal(&path->remote, &sim->side[SIM_ALICE].address));
	/* It has been heard from on another way since: that stays. */
	path->source.v4.s_addr = htonl(0xc0000263);
	path->source_ifindex = 9;
	tunnel_forget_source(bob->tunnel, packet);
	assert_int_equal(path->source_ifindex, 9);
	packet_free(packet);
	tunnel_forget_sources(bob->tunnel);
	assert_int_equal(path->source.v4.s_addr, 0);
	/* After a change of routes some are usable, some are not, and some were never there. */
	tunnel_check_sources(bob->tunnel, heard_on_interface, NULL);
	path->source.v4.s_addr = htonl(0xc0000263);
	path->source_ifindex = usable;
	tunnel_check_sources(bob->tunnel, heard_on_interface, &usable);
	assert_int_equal(path->source_ifindex, usable);
	path->source_ifindex++;
	tunnel_check_sources(bob->tunnel, heard_on_interface, &usable);
	assert_int_equal(path->source.v4.s_addr, 0);
	assert_int_equal(path->source_ifindex, 0);
	/* An endpoint that is set has no source yet. */
	path->source_ifindex = 9;
	tunnel_set_endpoint(bob->tunnel, bob->peer, &sim->side[SIM_ALICE].address);
	assert_int_equal(path->source_ifindex, 0);
	/* A peer that is gone leaves nothing that could be followed. */
	sim_say(sim, SIM_BOB, 2);
	tunnel_remove_peer(bob->tunnel, bob->peer);
	packet = sim_take_type(sim, SIM_BOB, WIRE_DATA);
	assert_null(packet->peer);
	tunnel_forget_source(bob->tunnel, packet);
	packet_free(packet);
	sim_free(sim);
}

/* What waits for peers that do not answer leaves enough packets for all others. */
static void test_pool_runs_low(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct packet_queue all = { 0 };
	struct packet *packet;
	size_t n_left = 0;

	(void)state;
	sim_connect(sim);
	for (int i = 0; i < 100; i++) {
		struct wg_key key = sim_new_key(sim);
		char to[32];
		struct cidr cidr;
		struct peer *peer = tunnel_add_peer(alice->tunnel, &key, &sim->now);

		snprintf(to, sizeof(to), "10.3.0.%d", i);
		cidr = sim_cidr(to);
		tunnel_add_allowed_ip(alice->tunnel, peer, &cidr);
		tunnel_set_endpoint(alice->tunnel, peer, &sim->side[SIM_BOB].address);
		for (uint64_t n = 0; n < 100; n++)
			sim_tun(sim, SIM_ALICE, sim_inner_v4(sim, "10.0.0.1", to, 60, n, 0));
		sim_settle(sim);
	}
	assert_true(sim_count(sim, SIM_ALICE, VERDICT_NO_MEMORY) > 0);
	sim_say(sim, SIM_ALICE, 5);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 5);
	while ((packet = packet_new(sim->pool, 100))) {
		packet_queue_push(&all, packet);
		n_left++;
	}
	assert_true(n_left >= 4096 / 4);
	/* With none left at all, deadlines still pass, and all goes on when there are some. */
	sim->side[SIM_ALICE].cut = true;
	sim_pass(sim, SEC(6));
	for (int i = 0; i < SIM_SIDES; i++)
		sim_tick(sim, i);
	sim_expect_silence(sim, SIM_ALICE);
	packet_queue_drop(&all);
	sim_pass(sim, SEC(6));
	while (sim_tick(sim, SIM_ALICE) <= sim->now.mono)
		;
	assert_int_equal(lane_to_udp(tunnel_lane(alice->tunnel, 0))->n, 100);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_staged),        cmocka_unit_test(test_long_batch),
		cmocka_unit_test(test_runs),          cmocka_unit_test(test_ds),
		cmocka_unit_test(test_not_ip),        cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_loop),          cmocka_unit_test(test_down),
		cmocka_unit_test(test_forget_source), cmocka_unit_test(test_pool_runs_low),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
