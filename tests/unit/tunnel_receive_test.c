/* Datagrams that come in: sessions and their order, replays, roaming, what is inside. */
#include "engine_sim.h"

/* Alice seals a packet; the datagram is the caller's. */
static struct packet *seal_inner(struct sim *sim, struct packet *inner)
{
	sim_tun(sim, SIM_ALICE, inner);
	return sim_take_type(sim, SIM_ALICE, WIRE_DATA);
}

static struct packet *seal(struct sim *sim, uint64_t number)
{
	return seal_inner(sim, sim_inner(sim, SIM_ALICE, 100, number));
}

/* A new handshake by Alice, sooner than she would. */
static void rekey(struct sim *sim)
{
	struct sim_side *alice = &sim->side[SIM_ALICE];

	sim_pass(sim, SEC(6));
	tunnel_initiate(alice->tunnel, alice->peer, &sim->now);
	sim_run(sim, 0);
}

static void test_replay(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;
	uint64_t rx;

	(void)state;
	sim_connect(sim);
	packet = seal(sim, 1);
	sim_deliver(sim, SIM_BOB, sim_copy(sim, packet));
	sim_expect_received(sim, SIM_BOB, 1);
	rx = sim->side[SIM_BOB].peer->rx_bytes;
	sim_deliver(sim, SIM_BOB, sim_copy(sim, packet));
	assert_null(sim_received(sim, SIM_BOB));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED), 1);
	assert_int_equal(sim->side[SIM_BOB].peer->rx_bytes, rx);
	/* Both in one batch, too. */
	packet_free(packet);
	packet = seal(sim, 2);
	sim->side[SIM_BOB].cut = true;
	{
		struct packet_queue queue = { 0 };

		for (int i = 0; i < 3; i++) {
			packet_queue_push(&queue, sim_copy(sim, packet));
			queue.last->path.remote = sim->side[SIM_ALICE].address;
		}
		lane_from_udp(tunnel_lane(sim->side[SIM_BOB].tunnel, 0), &queue, &sim->now);
	}
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED), 3);
	assert_int_equal(lane_to_tun(tunnel_lane(sim->side[SIM_BOB].tunnel, 0))->n, 1);
	packet_free(packet);
	sim_free(sim);
}

/* Far behind the newest is too old, though never seen; a little behind is not. */
static void test_window(void **state)
{
	struct sim *sim = sim_new();
	struct packet *old, *older;

	(void)state;
	sim_connect(sim);
	older = seal(sim, 1);
	old = seal(sim, 2);
	sim->side[SIM_ALICE].peer->current->send_counter += REPLAY_WINDOW - 2;
	sim_deliver(sim, SIM_BOB, seal(sim, 3));
	sim_expect_received(sim, SIM_BOB, 3);
	sim_deliver(sim, SIM_BOB, old);
	sim_expect_received(sim, SIM_BOB, 2);
	sim_deliver(sim, SIM_BOB, seal(sim, 4));
	sim_expect_received(sim, SIM_BOB, 4);
	sim_deliver(sim, SIM_BOB, older);
	assert_null(sim_received(sim, SIM_BOB));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED), 1);
	sim_free(sim);
}

/* A packet out of order, and the same in one batch as in several. */
static void test_reordered(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet[100];
	struct packet_queue queue = { 0 };

	(void)state;
	sim_connect(sim);
	for (uint64_t i = 0; i < 100; i++)
		packet[i] = seal(sim, i);
	for (uint64_t i = 0; i < 100; i++) {
		packet_queue_push(&queue, packet[99 - i]);
		packet[99 - i]->path.remote = sim->side[SIM_ALICE].address;
	}
	lane_from_udp(tunnel_lane(sim->side[SIM_BOB].tunnel, 0), &queue, &sim->now);
	packet_queue_append(&sim->side[SIM_BOB].received,
			    lane_to_tun(tunnel_lane(sim->side[SIM_BOB].tunnel, 0)));
	for (uint64_t i = 0; i < 100; i++) {
		struct packet *received = sim_received(sim, SIM_BOB);

		assert_non_null(received);
		assert_int_equal(sim_check_inner(received), 99 - i);
		packet_free(received);
	}
	sim_free(sim);
}

/* previous still receives; what is two handshakes old does not. */
static void test_sessions(void **state)
{
	struct sim *sim = sim_new();
	struct packet *first[3], *second[2];

	(void)state;
	sim_connect(sim);
	for (uint64_t i = 0; i < 3; i++)
		first[i] = seal(sim, i);
	rekey(sim);
	second[0] = seal(sim, 10);
	second[1] = seal(sim, 11);
	sim_deliver(sim, SIM_BOB, second[0]);
	sim_expect_received(sim, SIM_BOB, 10);
	sim_deliver(sim, SIM_BOB, first[0]);
	sim_expect_received(sim, SIM_BOB, 0);
	rekey(sim);
	sim_deliver(sim, SIM_BOB, first[1]);
	assert_null(sim_received(sim, SIM_BOB));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NO_SESSION), 1);
	sim_deliver(sim, SIM_BOB, second[1]);
	sim_expect_received(sim, SIM_BOB, 11);
	packet_free(first[2]);
	sim_free(sim);
}

/* One batch with packets of two sessions by turns, and then an initiation that ends one of them. */
static void test_sessions_in_batch(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	struct packet *old[10];
	struct packet_queue queue = { 0 };

	(void)state;
	sim_connect(sim);
	for (uint64_t i = 0; i < 10; i++)
		old[i] = seal(sim, 2 * i);
	rekey(sim);
	for (uint64_t i = 0; i < 10; i++) {
		packet_queue_push(&queue, old[i]);
		packet_queue_push(&queue, seal(sim, 2 * i + 1));
	}
	sim_pass(sim, SEC(6));
	tunnel_initiate(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, &sim->now);
	packet_queue_push(&queue, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION));
	for (struct packet *packet = queue.first; packet; packet = packet->next)
		packet->path.remote = sim->side[SIM_ALICE].address;
	lane_from_udp(tunnel_lane(bob->tunnel, 0), &queue, &sim->now);
	assert_null(bob->peer->previous);
	assert_non_null(bob->peer->next);
	packet_queue_append(&bob->received, lane_to_tun(tunnel_lane(bob->tunnel, 0)));
	for (uint64_t i = 0; i < 20; i++) {
		struct packet *packet = sim_received(sim, SIM_BOB);

		assert_non_null(packet);
		assert_int_equal(sim_check_inner(packet), i);
		packet_free(packet);
	}
	sim_free(sim);
}

/* The responder goes on with the old session until the new one is confirmed. */
static void test_confirmation(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE], *bob = &sim->side[SIM_BOB];
	struct session *old;
	struct packet *packet;

	(void)state;
	sim_connect(sim);
	old = bob->peer->current;
	sim_pass(sim, SEC(6));
	tunnel_initiate(alice->tunnel, alice->peer, &sim->now);
	sim_deliver(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION));
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	assert_ptr_equal(bob->peer->current, old);
	assert_non_null(bob->peer->next);
	assert_null(bob->peer->previous);
	sim_say(sim, SIM_BOB, 1);
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_DATA));
	sim_expect_received(sim, SIM_ALICE, 1);
	sim_deliver(sim, SIM_ALICE, packet);
	/* Alice has changed over, and hears him on the old one still. */
	sim_say(sim, SIM_BOB, 2);
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_DATA));
	sim_expect_received(sim, SIM_ALICE, 2);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	/* A forgery confirms nothing. */
	{
		struct packet *forged = sim_copy(sim, packet);

		forged->data[20] ^= 1;
		sim_deliver(sim, SIM_BOB, forged);
		assert_ptr_equal(bob->peer->current, old);
		assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_TAG), 1);
	}
	sim_deliver(sim, SIM_BOB, packet);
	assert_ptr_equal(bob->peer->previous, old);
	assert_null(bob->peer->next);
	sim_free(sim);
}

static void test_roaming(void **state)
{
	struct sim *sim = sim_new();
	struct path *path = &sim->side[SIM_BOB].peer->path;
	union sockaddr_ip one, two, v6;
	struct packet *packet;

	(void)state;
	sim_address(&one, "198.51.100.1", 1);
	sim_address(&two, "198.51.100.1", 2);
	sim_address(&v6, "2001:db8::5", 3);
	sim_connect(sim);
	/* With data; the way it came by as a whole. */
	sim_deliver_from(sim, SIM_BOB, seal(sim, 1), &one);
	assert_true(sockaddr_ip_equal(&path->remote, &one));
	assert_int_equal(path->source_ifindex, 7);
	assert_int_equal(path->source.v4.s_addr, sim->side[SIM_BOB].address.v4.sin_addr.s_addr);
	sim_say(sim, SIM_BOB, 2);
	packet = sim_take_type(sim, SIM_BOB, WIRE_DATA);
	assert_memory_equal(&packet->path, path, sizeof(*path));
	packet_free(packet);
	/* From another port, from another family. */
	sim_deliver_from(sim, SIM_BOB, seal(sim, 3), &two);
	assert_true(sockaddr_ip_equal(&path->remote, &two));
	sim_deliver_from(sim, SIM_BOB, seal(sim, 4), &v6);
	assert_true(sockaddr_ip_equal(&path->remote, &v6));
	/* Not with what does not authenticate, nor with what was seen before. */
	packet = seal(sim, 5);
	packet->data[30] ^= 1;
	sim_deliver_from(sim, SIM_BOB, packet, &one);
	assert_true(sockaddr_ip_equal(&path->remote, &v6));
	packet = seal(sim, 6);
	sim_deliver_from(sim, SIM_BOB, sim_copy(sim, packet), &v6);
	sim_deliver_from(sim, SIM_BOB, packet, &one);
	assert_true(sockaddr_ip_equal(&path->remote, &v6));
	/* With a keepalive, with an initiation, with a response. */
	tunnel_send_keepalive(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, &sim->now);
	sim_deliver_from(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_DATA), &one);
	assert_true(sockaddr_ip_equal(&path->remote, &one));
	sim_pass(sim, SEC(6));
	tunnel_initiate(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, &sim->now);
	sim_deliver_from(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION), &two);
	assert_true(sockaddr_ip_equal(&path->remote, &two));
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	assert_true(sockaddr_ip_equal(&packet->path.remote, &two));
	sim_deliver_from(sim, SIM_ALICE, packet, &v6);
	assert_true(sockaddr_ip_equal(&sim->side[SIM_ALICE].peer->path.remote, &v6));
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

static void test_forbidden_source(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	struct wg_key key = sim_new_key(sim);
	struct cidr wide = sim_cidr("10.1.0.0/16"), narrow = sim_cidr("10.1.2.0/24");
	union sockaddr_ip elsewhere;
	struct peer *other;
	uint64_t rx;

	(void)state;
	sim_connect(sim);
	sim_address(&elsewhere, "198.51.100.1", 1);
	rx = bob->peer->rx_bytes;
	/* It is authentic: it roams and counts, but goes no further. */
	sim_deliver_from(sim, SIM_BOB,
			 seal_inner(sim, sim_inner_v4(sim, "10.9.9.9", "10.0.0.2", 60, 1, 0)),
			 &elsewhere);
	assert_null(sim_received(sim, SIM_BOB));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_FORBIDDEN_SOURCE), 1);
	assert_int_equal(bob->peer->rx_bytes, rx + 64 + 32);
	assert_true(sockaddr_ip_equal(&bob->peer->path.remote, &elsewhere));
	sim_deliver(sim, SIM_BOB,
		    seal_inner(sim, sim_inner_v6(sim, "fd00::9", "fd00::2", 60, 1, 0)));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_FORBIDDEN_SOURCE), 2);
	/* The longest prefix decides whose the source is. */
	other = tunnel_add_peer(bob->tunnel, &key, &sim->now);
	tunnel_add_allowed_ip(bob->tunnel, bob->peer, &wide);
	tunnel_add_allowed_ip(bob->tunnel, other, &narrow);
	sim_deliver(sim, SIM_BOB,
		    seal_inner(sim, sim_inner_v4(sim, "10.1.1.1", "10.0.0.2", 60, 7, 0)));
	sim_expect_received(sim, SIM_BOB, 7);
	sim_deliver(sim, SIM_BOB,
		    seal_inner(sim, sim_inner_v4(sim, "10.1.2.1", "10.0.0.2", 60, 8, 0)));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_FORBIDDEN_SOURCE), 3);
	assert_null(sim_received(sim, SIM_BOB));
	sim_free(sim);
}

/* Seals bytes that no tunnel would, with Alice's session. */
static struct packet *seal_raw(struct sim *sim, const void *bytes, size_t len)
{
	struct packet_queue queue = { 0 };
	struct packet *packet = packet_new(sim->pool, len);

	if (len)
		memcpy(packet->data, bytes, len);
	packet_queue_push(&queue, packet);
	session_seal(sim->side[SIM_ALICE].peer->current, &queue,
		     session_reserve(sim->side[SIM_ALICE].peer->current, &queue.n), SIM_MTU);
	return packet_queue_pop(&queue);
}

static void test_inner(void **state)
{
	struct sim *sim = sim_new();
	struct packet *inner, *received;
	uint8_t bytes[200];

	(void)state;
	sim_connect(sim);
	/* The IP length cuts off padding and junk: v4, v6. */
	inner = sim_inner(sim, SIM_ALICE, 61, 5);
	memset(bytes, 0xee, sizeof(bytes));
	memcpy(bytes, inner->data, inner->len);
	packet_free(inner);
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 150));
	received = sim->side[SIM_BOB].received.first;
	assert_int_equal(received->len, 61);
	sim_expect_received(sim, SIM_BOB, 5);
	inner = sim_inner_v6(sim, "fd00::1", "fd00::2", 77, 5, 0);
	memcpy(bytes, inner->data, inner->len);
	packet_free(inner);
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 150));
	received = sim_received(sim, SIM_BOB);
	assert_int_equal(received->len, 77);
	assert_memory_equal(received->data, bytes, 77);
	packet_free(received);

	/* Lengths that lie, versions that are none, hardly anything. */
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NOT_IP), 0);
	store_be16(bytes + 4, 200);
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 150));
	bytes[0] = 0x55;
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 150));
	bytes[0] = 0x45;
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 1));
	memset(bytes, 0, sizeof(bytes));
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 150));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NOT_IP), 4);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_KEEPALIVE), 0);
	sim_deliver(sim, SIM_BOB, seal_raw(sim, bytes, 0));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_KEEPALIVE), 1);
	assert_null(sim_received(sim, SIM_BOB));
	sim_free(sim);
}

/* All lengths arrive as they were sent, padded to 16 but never beyond the MTU. */
static void test_lengths(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim_connect(sim);
	for (size_t len = 28; len <= SIM_MTU; len++) {
		size_t padded = (len + 15) / 16 * 16;
		struct packet *packet = seal_inner(sim, sim_inner(sim, SIM_ALICE, len, len));

		assert_int_equal(packet->len, (padded > SIM_MTU ? SIM_MTU : padded) + 32);
		sim_deliver(sim, SIM_BOB, packet);
		assert_int_equal(sim->side[SIM_BOB].received.first->len, len);
		sim_expect_received(sim, SIM_BOB, len);
	}
	sim_free(sim);
}

/* The last counters are refused: REJECT_AFTER_MESSAGES. */
static void test_counter_limit(void **state)
{
	struct sim *sim = sim_new();
	struct session *session;

	(void)state;
	sim_connect(sim);
	session = sim->side[SIM_ALICE].peer->current;
	session->send_counter = REJECT_AFTER_MESSAGES - 2;
	sim_deliver(sim, SIM_BOB, seal(sim, 1));
	sim_expect_received(sim, SIM_BOB, 1);
	sim_deliver(sim, SIM_BOB, seal(sim, 2));
	sim_expect_received(sim, SIM_BOB, 2);
	/* It is used up on both sides; a new one is asked for. */
	sim_say(sim, SIM_ALICE, 3);
	sim_expect_silence(sim, SIM_ALICE);
	assert_int_equal(sim->side[SIM_ALICE].peer->staged.n, 1);
	sim_pass(sim, SEC(5));
	sim_say(sim, SIM_ALICE, 4);
	sim_run(sim, 0);
	assert_ptr_not_equal(sim->side[SIM_ALICE].peer->current, session);
	assert_int_equal(sim_check_inner(sim->side[SIM_BOB].received.first), 3);
	assert_int_equal(sim_check_inner(sim->side[SIM_BOB].received.last), 4);
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

static void test_rekey_after_messages(void **state)
{
	struct sim *sim = sim_new();
	mono_ns now;

	(void)state;
	sim_connect(sim);
	sim_run(sim, SEC(30));
	/* The responder, too, asks for a new one then. */
	now = sim->now.mono;
	sim->side[SIM_BOB].peer->current->send_counter = REKEY_AFTER_MESSAGES - 1;
	sim_say(sim, SIM_BOB, 1);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_INITIATION, now), 0);
	sim_say(sim, SIM_BOB, 2);
	sim_run(sim, 0);
	assert_int_equal(sim_sent(sim, SIM_BOB, WIRE_INITIATION, now), 1);
	assert_int_equal(sim->side[SIM_ALICE].received.n, 2);
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	sim_free(sim);
}

/* One batch from two peers, with handshakes between: order holds within each. */
static void test_mixed_batch(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	struct wg_key key = sim_new_key(sim), public_key, private_key;
	struct tunnel *carol = sim_new_tunnel(sim, &key);
	struct cidr to_bob = sim_cidr("10.0.0.2/32"), to_carol = sim_cidr("10.0.0.3/32");
	struct packet_queue queue = { 0 }, inner = { 0 };
	struct peer *peer;
	union sockaddr_ip from;
	uint64_t next[2] = { 100, 200 };

	(void)state;
	sim_address(&from, "192.0.2.3", SIM_PORT);
	tunnel_get_keys(carol, &private_key, &public_key);
	peer = tunnel_add_peer(bob->tunnel, &public_key, &sim->now);
	tunnel_set_endpoint(bob->tunnel, peer, &from);
	tunnel_add_allowed_ip(bob->tunnel, peer, &to_carol);
	peer = tunnel_add_peer(carol, &bob->public_key, &sim->now);
	tunnel_set_endpoint(carol, peer, &bob->address);
	tunnel_add_allowed_ip(carol, peer, &to_bob);

	sim_connect(sim);
	packet_queue_push(&inner, sim_inner_v4(sim, "10.0.0.3", "10.0.0.2", 60, 200, 0));
	lane_from_tun(tunnel_lane(carol, 0), &inner, &sim->now);
	sim_deliver_from(sim, SIM_BOB, packet_queue_pop(lane_to_udp(tunnel_lane(carol, 0))), &from);
	packet_queue_append(&queue, lane_to_udp(tunnel_lane(bob->tunnel, 0)));
	queue.first->path.remote = bob->address;
	lane_from_udp(tunnel_lane(carol, 0), &queue, &sim->now);
	for (uint64_t i = 1; i < 150; i++) {
		packet_queue_push(&inner,
				  sim_inner_v4(sim, "10.0.0.3", "10.0.0.2", 60, 200 + i, 0));
		lane_from_tun(tunnel_lane(carol, 0), &inner, &sim->now);
	}
	/* Alice's and Carol's by turns, 150 each, and in the middle a new handshake of Alice's. */
	for (uint64_t i = 0; i < 150; i++) {
		if (i == 75) {
			sim_pass(sim, SEC(6));
			tunnel_initiate(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer,
					&sim->now);
			packet_queue_push(&queue, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION));
			queue.last->path.remote = sim->side[SIM_ALICE].address;
		}
		packet_queue_push(&queue, seal(sim, 100 + i));
		queue.last->path.remote = sim->side[SIM_ALICE].address;
		packet_queue_push(&queue, packet_queue_pop(lane_to_udp(tunnel_lane(carol, 0))));
		queue.last->path.remote = from;
	}
	lane_from_udp(tunnel_lane(bob->tunnel, 0), &queue, &sim->now);
	packet_queue_append(&bob->received, lane_to_tun(tunnel_lane(bob->tunnel, 0)));
	assert_int_equal(bob->received.n, 300);
	while (bob->received.n) {
		struct packet *packet = sim_received(sim, SIM_BOB);
		int who = packet->data[15] == 3;

		assert_int_equal(sim_check_inner(packet), next[who]++);
		packet_free(packet);
	}
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_RECEIVED), 301);
	tunnel_free(carol);
	sim_free(sim);
}

/* A mark on the way reaches the inner header; one that cannot is a reason to drop. */
static void test_ecn(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet, *received;

	(void)state;
	sim_connect(sim);
	packet = seal_inner(sim, sim_inner_v4(sim, "10.0.0.1", "10.0.0.2", 60, 1, 0xb8 | 2));
	packet->ds = 0x50 | IP_ECN_CE;
	sim_deliver(sim, SIM_BOB, packet);
	received = sim_received(sim, SIM_BOB);
	assert_int_equal(sim_check_inner(received), 1);
	assert_int_equal(received->data[1], 0xb8 | IP_ECN_CE);
	packet_free(received);
	packet = seal_inner(sim, sim_inner_v6(sim, "fd00::1", "fd00::2", 60, 1, 0xb8 | 2));
	packet->ds = IP_ECN_CE;
	sim_deliver(sim, SIM_BOB, packet);
	received = sim_received(sim, SIM_BOB);
	assert_int_equal((load_be16(received->data) >> 4 & 0xff), 0xb8 | IP_ECN_CE);
	packet_free(received);
	/* What cannot say so passes all the same. */
	packet = seal_inner(sim, sim_inner_v4(sim, "10.0.0.1", "10.0.0.2", 60, 1, 0xb8));
	packet->ds = IP_ECN_CE;
	sim_deliver(sim, SIM_BOB, packet);
	received = sim_received(sim, SIM_BOB);
	assert_int_equal(sim_check_inner(received), 1);
	assert_int_equal(received->data[1], 0xb8);
	packet_free(received);
	sim_free(sim);
}

static void test_down(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim_connect(sim);
	tunnel_set_up(sim->side[SIM_BOB].tunnel, false, &sim->now);
	sim_deliver(sim, SIM_BOB, seal(sim, 1));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_DOWN), 1);
	tunnel_set_up(sim->side[SIM_BOB].tunnel, true, &sim->now);
	sim_deliver(sim, SIM_BOB, seal(sim, 2));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NO_SESSION), 1);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_reordered),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_sessions_in_batch),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_roaming),
		cmocka_unit_test(test_forbidden_source),
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_counter_limit),
		cmocka_unit_test(test_rekey_after_messages),
		cmocka_unit_test(test_mixed_batch),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
