/* Handshakes between two tunnels: who is believed, what is replayed, cookies, keys that change. */
#include "engine_sim.h"
#include "lib/crypto/x25519.h"

/* Alice's first initiation. */
static struct packet *begin(struct sim *sim, uint64_t number)
{
	sim_say(sim, SIM_ALICE, number);
	return sim_take_type(sim, SIM_ALICE, WIRE_INITIATION);
}

/* A minute later, when no side owes the other a word. */
static void calm_down(struct sim *sim)
{
	sim_run(sim, SEC(60));
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	packet_queue_drop(&sim->side[SIM_BOB].received);
}

static void test_messages(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;
	struct wg_peer description = { 0 };

	(void)state;
	packet = begin(sim, 7);
	assert_int_equal(packet->len, 148);
	assert_int_equal(packet->ds, WIRE_DS_HANDSHAKE);
	sim_expect_silence(sim, SIM_ALICE);
	sim_deliver(sim, SIM_BOB, packet);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_HANDSHAKE), 1);
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	assert_int_equal(packet->len, 92);
	assert_int_equal(packet->ds, WIRE_DS_HANDSHAKE);
	sim_expect_silence(sim, SIM_BOB);

	/* The responder must not send on `next` before the initiator did. */
	sim_say(sim, SIM_BOB, 8);
	sim_expect_silence(sim, SIM_BOB);
	assert_int_equal(sim->side[SIM_BOB].peer->staged.n, 1);
	assert_int_equal(sim->side[SIM_BOB].peer->last_handshake_unix, 0);

	sim_deliver(sim, SIM_ALICE, packet);
	assert_int_equal(sim->side[SIM_ALICE].peer->last_handshake_unix, sim->now.unix_ns);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	/* What waited confirms; no keepalive is needed besides. */
	sim_expect_silence(sim, SIM_ALICE);
	sim_deliver(sim, SIM_BOB, packet);
	sim_expect_received(sim, SIM_BOB, 7);
	assert_int_equal(sim->side[SIM_BOB].peer->last_handshake_unix, sim->now.unix_ns);
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_DATA));
	sim_expect_received(sim, SIM_ALICE, 8);

	/* 100 bytes are padded to 112: [W] 5.4.6. */
	tunnel_describe_peer(sim->side[SIM_BOB].tunnel, sim->side[SIM_BOB].peer, &description);
	assert_int_equal(description.rx_bytes, 148 + 112 + 32);
	assert_int_equal(description.tx_bytes, 92 + 112 + 32);
	assert_int_equal(description.last_handshake_s, 1700000000);
	free(description.allowed_ips);
	assert_int_equal(sim->side[SIM_ALICE].peer->tx_bytes, 148 + 112 + 32);
	assert_int_equal(sim->side[SIM_ALICE].peer->rx_bytes, 92 + 112 + 32);
	sim_free(sim);
}

/* An initiator with nothing to say confirms by a keepalive. */
static void test_confirming_keepalive(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	sim_deliver(sim, SIM_BOB, begin(sim, 1));
	packet_queue_drop(&sim->side[SIM_ALICE].peer->staged);
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_RESPONSE));
	packet = sim_take_type(sim, SIM_ALICE, WIRE_DATA);
	assert_int_equal(packet->len, WIRE_DATA_MIN_LEN);
	assert_int_equal(packet->ds, 0);
	sim_deliver(sim, SIM_BOB, packet);
	assert_non_null(sim->side[SIM_BOB].peer->current);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_KEEPALIVE), 1);
	sim_free(sim);
}

static void test_replayed_initiation(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet = begin(sim, 1);

	(void)state;
	for (int i = 0; i < 3; i++) {
		sim_deliver(sim, SIM_BOB, sim_copy(sim, packet));
		sim_pass(sim, SEC(10));
	}
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_HANDSHAKE), 1);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED_HANDSHAKE), 2);
	/* One answer. */
	packet_free(sim_take_type(sim, SIM_BOB, WIRE_RESPONSE));
	sim_expect_silence(sim, SIM_BOB);
	packet_free(packet);
	sim_free(sim);
}

/* A replay does not move the endpoint. */
static void test_replay_does_not_roam(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet = begin(sim, 1);
	union sockaddr_ip mallory;

	(void)state;
	sim_address(&mallory, "198.51.100.66", 6666);
	sim_deliver(sim, SIM_BOB, sim_copy(sim, packet));
	sim_deliver_from(sim, SIM_BOB, packet, &mallory);
	assert_true(sockaddr_ip_equal(&sim->side[SIM_BOB].peer->path.remote,
				      &sim->side[SIM_ALICE].address));
	sim_free(sim);
}

static void test_replayed_response(void **state)
{
	struct sim *sim = sim_new();
	struct session *session;
	struct packet *packet;

	(void)state;
	sim_deliver(sim, SIM_BOB, begin(sim, 1));
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	sim_deliver(sim, SIM_ALICE, sim_copy(sim, packet));
	session = sim->side[SIM_ALICE].peer->current;
	assert_non_null(session);
	sim_deliver(sim, SIM_ALICE, sim_copy(sim, packet));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_BAD_HANDSHAKE), 1);
	assert_ptr_equal(sim->side[SIM_ALICE].peer->current, session);
	/* The answer to an initiation that was given up comes too late. */
	sim_pass(sim, SEC(10));
	tunnel_resumed(sim->side[SIM_ALICE].tunnel, &sim->now);
	sim_say(sim, SIM_ALICE, 2);
	sim_deliver(sim, SIM_ALICE, packet);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_BAD_HANDSHAKE), 2);
	assert_null(sim->side[SIM_ALICE].peer->current);
	sim_free(sim);
}

/* Every bit of the three messages matters, and none that is wrong is answered or believed. */
static void test_flipped_bits(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet = begin(sim, 1), *copy;

	(void)state;
	for (size_t bit = 0; bit < (148 - 16) * 8; bit += 3) {
		copy = sim_copy(sim, packet);
		copy->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		sim_deliver(sim, SIM_BOB, copy);
	}
	sim_expect_silence(sim, SIM_BOB);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_HANDSHAKE), 0);
	sim_deliver(sim, SIM_BOB, packet);
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	for (size_t bit = 0; bit < (92 - 16) * 8; bit += 3) {
		copy = sim_copy(sim, packet);
		copy->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		sim_deliver(sim, SIM_ALICE, copy);
	}
	sim_expect_silence(sim, SIM_ALICE);
	assert_null(sim->side[SIM_ALICE].peer->current);
	/* The true one still counts. */
	sim_deliver(sim, SIM_ALICE, packet);
	assert_non_null(sim->side[SIM_ALICE].peer->current);
	sim_free(sim);
}

/* Reserved bytes, sizes and types that are not quite right. */
static void test_malformed(void **state)
{
	static const size_t lens[] = {
		0, 1, 3, 4, 31, 63, 64, 65, 91, 92, 93, 147, 148, 149, 1500
	};
	struct sim *sim = sim_new();

	(void)state;
	for (unsigned int type = 0; type < 8; type++) {
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			for (unsigned int reserved = 0; reserved < 2; reserved++) {
				struct packet *packet = packet_new(sim->pool, lens[i]);

				memset(packet->data, 0x5a, lens[i]);
				if (lens[i] >= 4)
					store_le32(packet->data, type | reserved << 8);
				sim_deliver(sim, SIM_BOB, packet);
			}
		}
	}
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_MAC), 2);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_COOKIE), 1);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_NO_SESSION), 10);
	/* Too short for a type; then wrong for types 1, 2, 3, 4. */
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_LENGTH), 8 * 2 * 3 + 11 * 3 + 2);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_UNKNOWN_TYPE), (4 + 8) * 12);
	sim_expect_silence(sim, SIM_BOB);
	sim_free(sim);
}

static void test_unknown_peer(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	tunnel_remove_peer(sim->side[SIM_BOB].tunnel, sim->side[SIM_BOB].peer);
	sim_deliver(sim, SIM_BOB, begin(sim, 1));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_HANDSHAKE), 1);
	sim_expect_silence(sim, SIM_BOB);
	sim_free(sim);
}

/* Removed and added again, a peer starts from nothing; both begin anew without trouble. */
static void test_peer_added_again(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *bob = &sim->side[SIM_BOB];
	struct cidr cidr = sim_cidr("10.0.0.1/32");

	(void)state;
	sim_connect(sim);
	tunnel_remove_peer(bob->tunnel, bob->peer);
	assert_int_equal(tunnel_tick(bob->tunnel, &sim->now), MONO_NEVER);
	bob->peer = tunnel_add_peer(bob->tunnel, &sim->side[SIM_ALICE].public_key, &sim->now);
	tunnel_add_allowed_ip(bob->tunnel, bob->peer, &cidr);
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, SEC(20)); /* she hears nothing, and tries anew */
	sim_say(sim, SIM_ALICE, 2);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 2);
	sim_free(sim);
}

/* At most INITIATIONS_PER_SECOND of one peer are worked on, however new they are. */
static void test_initiation_flood(void **state)
{
	struct sim *sim = sim_new();
	uint64_t accepted;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct peer *peer = sim->side[SIM_ALICE].peer;

		timers_stop(&peer->timers, sim->now.mono);
		tunnel_send_keepalive(sim->side[SIM_ALICE].tunnel, peer, &sim->now);
		sim_deliver(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_INITIATION));
		sim_pass(sim, MSEC(5));
	}
	accepted = sim_count(sim, SIM_BOB, VERDICT_HANDSHAKE);
	assert_int_equal(accepted, 50);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED_HANDSHAKE), 150);
	sim_free(sim);
}

/* The clock of the initiator jumps back: its initiations still count as new. */
static void test_clock_set_back(void **state)
{
	struct sim *sim = sim_new();

	(void)state;
	sim_connect(sim);
	sim->now.unix_ns -= SEC(1000000);
	calm_down(sim);
	tunnel_resumed(sim->side[SIM_ALICE].tunnel, &sim->now);
	sim_say(sim, SIM_ALICE, 3);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 3);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_REPLAYED_HANDSHAKE), 0);
	sim_free(sim);
}

/* ---- simultaneous initiation ---------------------------------------------------------------- */

static void test_simultaneous(void **state)
{
	struct sim *sim = sim_new();
	struct packet *alice, *bob;
	mono_ns start = sim->now.mono;
	int winner;

	(void)state;
	sim_say(sim, SIM_ALICE, 1);
	sim_say(sim, SIM_BOB, 2);
	alice = sim_take_type(sim, SIM_ALICE, WIRE_INITIATION);
	bob = sim_take_type(sim, SIM_BOB, WIRE_INITIATION);
	sim_deliver(sim, SIM_ALICE, bob);
	sim_deliver(sim, SIM_BOB, alice);
	sim_run(sim, 0);
	/* At once, and both ways. */
	sim_expect_received(sim, SIM_ALICE, 2);
	sim_expect_received(sim, SIM_BOB, 1);
	for (uint64_t i = 10; i < 20; i++) {
		sim_say(sim, SIM_ALICE, i);
		sim_say(sim, SIM_BOB, i);
		sim_run(sim, MSEC(10));
		sim_expect_received(sim, SIM_ALICE, i);
		sim_expect_received(sim, SIM_BOB, i);
	}
	/* They agree on one session, of which one is the initiator. */
	winner = sim->side[SIM_ALICE].peer->current->initiator ? SIM_ALICE : SIM_BOB;
	assert_true(sim->side[winner].peer->current->initiator);
	assert_false(sim->side[!winner].peer->current->initiator);
	assert_int_equal(sim->side[SIM_ALICE].peer->current->local_index,
			 sim->side[SIM_BOB].peer->current->remote_index);
	calm_down(sim);
	sim_run(sim, SEC(61));
	sim_say(sim, SIM_ALICE, 30);
	sim_say(sim, SIM_BOB, 31);
	sim_run(sim, SEC(1));
	assert_int_equal(sim_sent(sim, winner, WIRE_INITIATION, start + 1), 1);
	assert_int_equal(sim_sent(sim, !winner, WIRE_INITIATION, start + 1), 0);
	packet_queue_drop(&sim->side[SIM_ALICE].received);
	packet_queue_drop(&sim->side[SIM_BOB].received);
	sim_free(sim);
}

/* Whichever of the four messages of a simultaneous initiation are lost, it works after all. */
static void test_simultaneous_with_loss(void **state)
{
	(void)state;
	for (unsigned int lost = 0; lost < 16; lost++) {
		struct sim *sim = sim_new();
		struct packet *message[2];

		for (int i = 0; i < SIM_SIDES; i++) {
			sim_say(sim, i, (uint64_t)i);
			message[i] = sim_take_type(sim, i, WIRE_INITIATION);
		}
		for (int i = 0; i < SIM_SIDES; i++) {
			if (lost & 1u << i)
				packet_free(message[i]);
			else
				sim_deliver(sim, !i, message[i]);
		}
		for (int i = 0; i < SIM_SIDES; i++)
			message[i] = sim_take(sim, i);
		for (int i = 0; i < SIM_SIDES; i++) {
			if (message[i] && !(lost & 4u << i))
				sim_deliver(sim, !i, message[i]);
			else
				packet_free(message[i]);
		}
		sim_run(sim, SEC(11));
		sim_expect_received(sim, SIM_ALICE, 1);
		sim_expect_received(sim, SIM_BOB, 0);
		for (uint64_t i = 10; i < 20; i++) {
			sim_say(sim, SIM_ALICE, i);
			sim_say(sim, SIM_BOB, i);
			sim_run(sim, MSEC(10));
			sim_expect_received(sim, SIM_ALICE, i);
			sim_expect_received(sim, SIM_BOB, i);
		}
		sim_free(sim);
	}
}

/* ---- cookies -------------------------------------------------------------------------------- */

/* Brings Bob under load, with messages that are not Alice's but know his public key. */
static void load_bob(struct sim *sim)
{
	struct cookie_jar jar = { 0 };
	uint8_t message[148] = { 0 };
	union sockaddr_ip from;

	sim_address(&from, "203.0.113.5", 5);
	cookie_jar_init(&jar, &sim->side[SIM_BOB].public_key);
	store_le32(message, WIRE_INITIATION);
	cookie_sign(&jar, message, sizeof(message), sim->now.mono);
	for (int i = 0; i < LOAD_QUEUE; i++) {
		struct packet *packet = packet_new(sim->pool, sizeof(message));

		memcpy(packet->data, message, sizeof(message));
		sim_deliver_from(sim, SIM_BOB, packet, &from);
		packet_queue_drop(lane_to_udp(tunnel_lane(sim->side[SIM_BOB].tunnel, 0)));
	}
}

static void test_cookies(void **state)
{
	static const uint8_t zero[16];
	struct sim *sim = sim_new();
	struct path before = sim->side[SIM_ALICE].peer->path;
	struct packet *packet;
	uint64_t under_load;

	(void)state;
	load_bob(sim);
	under_load = sim_count(sim, SIM_BOB, VERDICT_UNDER_LOAD);
	packet = begin(sim, 1);
	assert_memory_equal(packet->data + 132, zero, 16);
	sim_deliver(sim, SIM_BOB, packet);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_UNDER_LOAD), under_load + 1);
	packet = sim_take_type(sim, SIM_BOB, WIRE_COOKIE);
	assert_int_equal(packet->len, 64);
	assert_true(sockaddr_ip_equal(&packet->path.remote, &sim->side[SIM_ALICE].address));
	assert_int_equal(packet->path.source_ifindex, 7);
	sim_deliver(sim, SIM_ALICE, sim_copy(sim, packet));
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_HANDSHAKE), 1);
	/* A cookie is no reason to roam, nor to hurry, nor does it count. */
	assert_memory_equal(&sim->side[SIM_ALICE].peer->path, &before, sizeof(before));
	assert_int_equal(sim->side[SIM_ALICE].peer->rx_bytes, 0);
	sim_expect_silence(sim, SIM_ALICE);
	/* It answers one message, once. */
	sim_deliver(sim, SIM_ALICE, packet);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_BAD_COOKIE), 1);

	sim_pass(sim, SEC(6));
	sim_tick(sim, SIM_ALICE);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_INITIATION);
	assert_memory_not_equal(packet->data + 132, zero, 16);
	load_bob(sim);
	sim_deliver(sim, SIM_BOB, packet);
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_RESPONSE));
	sim_deliver(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_DATA));
	sim_expect_received(sim, SIM_BOB, 1);
	sim_free(sim);
}

/* A cookie is bound to the address and port that it was given to. */
static void test_cookie_elsewhere(void **state)
{
	struct sim *sim = sim_new();
	union sockaddr_ip elsewhere = sim->side[SIM_ALICE].address;
	struct packet *packet;

	(void)state;
	load_bob(sim);
	sim_deliver(sim, SIM_BOB, begin(sim, 1));
	sim_deliver(sim, SIM_ALICE, sim_take_type(sim, SIM_BOB, WIRE_COOKIE));
	sim_pass(sim, SEC(6));
	sim_tick(sim, SIM_ALICE);
	packet = sim_take_type(sim, SIM_ALICE, WIRE_INITIATION);
	load_bob(sim);
	elsewhere.v4.sin_port++;
	sim_deliver_from(sim, SIM_BOB, sim_copy(sim, packet), &elsewhere);
	packet_free(sim_take_type(sim, SIM_BOB, WIRE_COOKIE));
	sim_deliver(sim, SIM_BOB, packet);
	packet_free(sim_take_type(sim, SIM_BOB, WIRE_RESPONSE));
	sim_free(sim);
}

/* The responder's answer can meet load, too; the cookie reply names a session's number then. */
static void test_cookie_for_response(void **state)
{
	struct sim *sim = sim_new();
	struct packet *packet;

	(void)state;
	packet = begin(sim, 1);
	sim_deliver(sim, SIM_BOB, packet);
	packet = sim_take_type(sim, SIM_BOB, WIRE_RESPONSE);
	sim->side[SIM_ALICE].tunnel->load.alert_until = sim->now.mono + SEC(1);
	sim_deliver(sim, SIM_ALICE, packet);
	sim_deliver(sim, SIM_BOB, sim_take_type(sim, SIM_ALICE, WIRE_COOKIE));
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_HANDSHAKE), 2);
	sim_run(sim, SEC(6));
	sim_expect_received(sim, SIM_BOB, 1);
	sim_free(sim);
}

/* Under load a source with a cookie still has only so many a second; another's are its own. */
static void test_rate_limit(void **state)
{
	struct sim *sim = sim_new();
	struct cookie_jar jar = { 0 };
	uint8_t message[148] = { 0 };
	struct wire_cookie reply;
	struct packet *packet;
	mono_ns next;

	(void)state;
	load_bob(sim);
	cookie_jar_init(&jar, &sim->side[SIM_BOB].public_key);
	store_le32(message, WIRE_INITIATION);
	for (int i = 0; i < 10; i++) {
		cookie_sign(&jar, message, sizeof(message), sim->now.mono);
		packet = packet_new(sim->pool, sizeof(message));
		memcpy(packet->data, message, sizeof(message));
		sim_deliver(sim, SIM_BOB, packet);
		if (i)
			continue;
		packet = sim_take_type(sim, SIM_BOB, WIRE_COOKIE);
		memcpy(&reply, packet->data, sizeof(reply));
		assert_true(cookie_read_reply(&jar, &reply, sim->now.mono));
		packet_free(packet);
	}
	/* The first got a cookie, five were looked at (and were garbage), four were too many. */
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_BAD_HANDSHAKE),
			 RATELIMIT_BURST + LOAD_QUEUE - 1);
	assert_int_equal(sim_count(sim, SIM_BOB, VERDICT_UNDER_LOAD), 1 + 1 + 4);
	sim_expect_silence(sim, SIM_BOB);
	assert_int_equal(ratelimit_sources(sim->side[SIM_BOB].tunnel->limiter), 1);
	/* The limiter forgets by itself, and then there is nothing to wait for. */
	for (int i = 0; i < 100 && (next = sim_tick(sim, SIM_BOB)) != MONO_NEVER; i++)
		sim_pass(sim, next - sim->now.mono);
	assert_int_equal(ratelimit_sources(sim->side[SIM_BOB].tunnel->limiter), 0);
	assert_int_equal(sim_tick(sim, SIM_BOB), MONO_NEVER);
	sim_free(sim);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void test_preshared_key(void **state)
{
	struct sim *sim = sim_new();
	struct wg_key psk = sim_new_key(sim);
	struct session *session;

	(void)state;
	sim_connect(sim);
	session = sim->side[SIM_ALICE].peer->current;
	/* A change reaches the next session, not this one. */
	tunnel_set_preshared_key(sim->side[SIM_ALICE].tunnel, sim->side[SIM_ALICE].peer, &psk);
	sim_say(sim, SIM_ALICE, 1);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 1);
	assert_ptr_equal(sim->side[SIM_ALICE].peer->current, session);
	/* With one side alone having it there is no handshake. */
	tunnel_resumed(sim->side[SIM_ALICE].tunnel, &sim->now);
	sim_say(sim, SIM_ALICE, 2);
	sim_run(sim, SEC(6));
	assert_null(sim->side[SIM_ALICE].peer->current);
	assert_true(sim_count(sim, SIM_ALICE, VERDICT_BAD_HANDSHAKE) > 0);
	/* With both there is. */
	tunnel_set_preshared_key(sim->side[SIM_BOB].tunnel, sim->side[SIM_BOB].peer, &psk);
	sim_run(sim, SEC(6));
	sim_expect_received(sim, SIM_BOB, 2);
	sim_free(sim);
}

static void test_private_key_change(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE], *bob = &sim->side[SIM_BOB];
	struct wg_key key = sim_new_key(sim), got, public_key;
	struct cidr cidr = sim_cidr("10.0.0.1/32");
	struct peer *peer;

	(void)state;
	sim_connect(sim);
	/* The same key again changes nothing, clamped or not. */
	tunnel_set_private_key(alice->tunnel, &alice->private_key, &sim->now);
	assert_non_null(alice->peer->current);

	tunnel_set_private_key(alice->tunnel, &key, &sim->now);
	tunnel_get_keys(alice->tunnel, &got, &public_key);
	wg_key_clamp(&key);
	assert_memory_equal(&got, &key, sizeof(key));
	assert_null(alice->peer->current);
	peer = tunnel_add_peer(bob->tunnel, &public_key, &sim->now);
	tunnel_add_allowed_ip(bob->tunnel, peer, &cidr);
	/* The handshake begins at once, though the last one was just now. */
	sim_say(sim, SIM_ALICE, 5);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 5);
	assert_non_null(peer->current);

	/* Without a key there is nothing; what is asked to be sent waits for one. */
	tunnel_set_private_key(alice->tunnel, &(struct wg_key){ 0 }, &sim->now);
	tunnel_get_keys(alice->tunnel, &got, &public_key);
	assert_true(wg_key_is_zero(&got) && wg_key_is_zero(&public_key));
	sim_say(sim, SIM_ALICE, 6);
	sim_run(sim, SEC(10));
	assert_null(sim_received(sim, SIM_BOB));
	tunnel_set_private_key(alice->tunnel, &key, &sim->now);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 6);
	sim_free(sim);
}

static void test_own_key(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct wg_key bobs = sim->side[SIM_BOB].private_key;

	(void)state;
	assert_null(tunnel_add_peer(alice->tunnel, &alice->public_key, &sim->now));
	/* The other order: the key comes after the peer that has it. */
	sim_connect(sim);
	tunnel_set_private_key(alice->tunnel, &bobs, &sim->now);
	assert_null(tunnel_next_peer(alice->tunnel, NULL));
	sim_say(sim, SIM_ALICE, 1);
	assert_int_equal(sim_count(sim, SIM_ALICE, VERDICT_NO_PEER), 1);
	packet_queue_drop(lane_to_tun(tunnel_lane(alice->tunnel, 0)));
	sim_free(sim);
}

/* The points of low order, RFC 7748 section 6.1, and their forms that are not reduced. */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void test_low_order(void **state)
{
	struct sim *sim = sim_new();
	struct sim_side *alice = &sim->side[SIM_ALICE];
	struct cidr cidr = sim_cidr("10.0.0.2/32");

	(void)state;
	for (size_t i = 0; i < sizeof(low_order) / sizeof(low_order[0]); i++) {
		struct wg_key key;
		struct peer *peer;

		assert_int_equal(wg_key_parse_hex(&key, low_order[i], NULL), 0);
		peer = tunnel_add_peer(alice->tunnel, &key, &sim->now);
		assert_non_null(peer);
		tunnel_set_endpoint(alice->tunnel, peer, &sim->side[SIM_BOB].address);
		tunnel_add_allowed_ip(alice->tunnel, peer, &cidr);
		tunnel_set_keepalive(alice->tunnel, peer, 1, &sim->now);
		sim_say(sim, SIM_ALICE, i);
		sim_run(sim, SEC(30));
	}
	assert_int_equal(sim->n_events, 0);
	sim_free(sim);
}

/* Indices of handshakes and sessions all go back. */
static void test_indices(void **state)
{
	struct sim *sim = sim_new();
	struct tunnel *tunnel = sim->side[SIM_ALICE].tunnel;
	uint32_t seen[1000];
	size_t n = 0;

	(void)state;
	sim->loss = 30;
	for (int i = 0; i < 200; i++) {
		const struct peer *peer = sim->side[SIM_ALICE].peer;

		tunnel_resumed(tunnel, &sim->now);
		sim_say(sim, SIM_ALICE, 1);
		sim_run(sim, MSEC(500));
		packet_queue_drop(&sim->side[SIM_BOB].received);
		if (peer->handshake.local_index)
			seen[n++] = peer->handshake.local_index;
		if (peer->current)
			seen[n++] = peer->current->local_index;
		if (peer->next)
			seen[n++] = peer->next->local_index;
	}
	for (int i = 0; i < SIM_SIDES; i++) {
		peer_zero_keys(sim->side[i].peer, sim->side[i].tunnel->index);
		timers_stop(&sim->side[i].peer->timers, sim->now.mono);
	}
	assert_true(n > 100);
	while (n--)
		assert_null(index_find(tunnel->index, seen[n]));
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_confirming_keepalive),
		cmocka_unit_test(test_replayed_initiation),
		cmocka_unit_test(test_replay_does_not_roam),
		cmocka_unit_test(test_replayed_response),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unknown_peer),
		cmocka_unit_test(test_peer_added_again),
		cmocka_unit_test(test_initiation_flood),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_simultaneous_with_loss),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_cookie_elsewhere),
		cmocka_unit_test(test_cookie_for_response),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_preshared_key),
		cmocka_unit_test(test_private_key_change),
		cmocka_unit_test(test_own_key),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_indices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
