#ifndef TESTS_UNIT_ENGINE_SIM_H
#define TESTS_UNIT_ENGINE_SIM_H

/*
 * Two tunnels back to back, in virtual time: a made-up clock, a link that can lose, double, delay
 * and reorder, and a log of all that crossed it. All chance comes from one seed, which is printed
 * and can be given again as SEED in the environment.
 *
 * A test either drives the link by sim_run(), or takes datagrams off it by sim_take() and delivers
 * them by hand. Included by the engine's tests; what one of them does not use is not missed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/engine/tunnel_internal.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

#pragma GCC diagnostic ignored "-Wunused-function"

enum {
	SIM_ALICE,
	SIM_BOB,
	SIM_SIDES,
	SIM_PORT = 51820,
	SIM_MTU = 1420,
};

struct sim_side {
	struct tunnel *tunnel;
	struct peer *peer; /* the other side, as this one knows it */
	struct wg_key private_key, public_key;
	union sockaddr_ip address; /* where it is on the link */
	bool cut;                  /* what it sends is lost */
	struct packet_queue received;
};

/* A datagram on its way. */
struct sim_flight {
	mono_ns at;
	int to;
	struct packet *packet;
};

/* One that was sent, whatever became of it. */
struct sim_event {
	mono_ns at;
	int from;
	unsigned int type; /* enum wire_type */
	size_t len;
	uint8_t ds;
};

struct sim {
	struct instant now;
	uint64_t seed, chance;
	struct packet_pool *pool;
	struct sim_side side[SIM_SIDES];

	/* The link: chances in percent, delays up to `delay`, else it is at once and in order. */
	unsigned int loss, doubling;
	span_ns delay;
	struct sim_flight *flights;
	size_t n_flights, flights_cap;
	struct sim_event *events;
	size_t n_events, events_cap;
};

/* splitmix64 */
static uint64_t sim_chance(struct sim *sim)
{
	uint64_t z = sim->chance += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t sim_below(struct sim *sim, uint64_t bound)
{
	return sim_chance(sim) % bound;
}

static void sim_random(void *ctx, void *out, size_t len)
{
	struct sim *sim = ctx;

	for (uint8_t *at = out; len--; at++)
		*at = (uint8_t)(sim_chance(sim) >> 32);
}

static void sim_address(union sockaddr_ip *out, const char *text, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &out->v6.sin6_addr), 1);
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons(port);
	}
}

static struct cidr sim_cidr(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(&cidr, NULL, text, NULL), 0);
	return cidr;
}

static struct wg_key sim_new_key(struct sim *sim)
{
	struct wg_key key;

	sim_random(sim, key.bytes, sizeof(key.bytes));
	return key;
}

/* A bare tunnel that is up and has a key, without peers. */
static struct tunnel *sim_new_tunnel(struct sim *sim, const struct wg_key *private_key)
{
	struct tunnel_env env = {
		.pool = sim->pool, .random = sim_random, .random_ctx = sim, .mtu_bytes = SIM_MTU
	};
	struct tunnel *tunnel = tunnel_new(&env);

	tunnel_set_private_key(tunnel, private_key, &sim->now);
	tunnel_set_up(tunnel, true, &sim->now);
	return tunnel;
}

/* Alice is 192.0.2.1, 10.0.0.1 and fd00::1 inside; Bob the same with 2. Neither has spoken yet. */
static struct sim *sim_new(void)
{
	static const char *const address[] = { "192.0.2.1", "192.0.2.2" };
	static const char *const v4[] = { "10.0.0.1/32", "10.0.0.2/32" };
	static const char *const v6[] = { "fd00::1/128", "fd00::2/128" };
	const char *seed = getenv("SEED");
	struct sim *sim = mem_alloc(1, sizeof(*sim));

	sim->seed = seed ? strtoull(seed, NULL, 0) : 1;
	sim->chance = sim->seed;
	sim->now = (struct instant){ .mono = SEC(1000), .unix_ns = SEC(1700000000) };
	sim->pool = packet_pool_new(4096, 16);
	for (int i = 0; i < SIM_SIDES; i++) {
		struct sim_side *side = &sim->side[i];
		struct wg_key key = sim_new_key(sim);

		side->tunnel = sim_new_tunnel(sim, &key);
		tunnel_get_keys(side->tunnel, &side->private_key, &side->public_key);
		sim_address(&side->address, address[i], SIM_PORT);
	}
	for (int i = 0; i < SIM_SIDES; i++) {
		struct sim_side *side = &sim->side[i], *other = &sim->side[!i];
		struct cidr cidr4 = sim_cidr(v4[!i]), cidr6 = sim_cidr(v6[!i]);

		side->peer = tunnel_add_peer(side->tunnel, &other->public_key, &sim->now);
		tunnel_set_endpoint(side->tunnel, side->peer, &other->address);
		tunnel_add_allowed_ip(side->tunnel, side->peer, &cidr4);
		tunnel_add_allowed_ip(side->tunnel, side->peer, &cidr6);
	}
	return sim;
}

static void sim_free(struct sim *sim)
{
	for (int i = 0; i < SIM_SIDES; i++) {
		packet_queue_drop(&sim->side[i].received);
		tunnel_free(sim->side[i].tunnel);
	}
	for (size_t i = 0; i < sim->n_flights; i++)
		packet_free(sim->flights[i].packet);
	packet_pool_free(sim->pool); /* asserts that nothing leaked */
	free(sim->flights);
	free(sim->events);
	free(sim);
}

static void sim_pass(struct sim *sim, span_ns span)
{
	sim->now.mono += span;
	sim->now.unix_ns += span;
}

/* ---- inner packets ------------------------------------------------------------------------ */

/* An IPv4 packet of `len` bytes whose payload says which one it is; ds is its TOS byte. */
static struct packet *sim_inner_v4(struct sim *sim, const char *from, const char *to, size_t len,
				   uint64_t number, uint8_t ds)
{
	struct packet *packet = packet_new(sim->pool, len);
	uint8_t *data;

	assert_non_null(packet);
	data = packet->data;
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(number * 31 + i);
	memset(data, 0, 20);
	data[0] = 0x45;
	data[1] = ds;
	store_be16(data + 2, (uint16_t)len);
	data[8] = 64;
	data[9] = 17;
	assert_int_equal(inet_pton(AF_INET, from, data + 12), 1);
	assert_int_equal(inet_pton(AF_INET, to, data + 16), 1);
	store_be16(data + 10, ip_checksum_fold(ip_checksum_add(0, data, 20)));
	if (len >= 28)
		store_be64(data + 20, number);
	return packet;
}

static struct packet *sim_inner_v6(struct sim *sim, const char *from, const char *to, size_t len,
				   uint64_t number, uint8_t ds)
{
	struct packet *packet = packet_new(sim->pool, len);
	uint8_t *data;

	assert_non_null(packet);
	data = packet->data;
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(number * 31 + i);
	memset(data, 0, 40);
	store_be32(data, 6u << 28 | (uint32_t)ds << 20);
	store_be16(data + 4, (uint16_t)(len - 40));
	data[6] = 17;
	data[7] = 64;
	assert_int_equal(inet_pton(AF_INET6, from, data + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, to, data + 24), 1);
	if (len >= 48)
		store_be64(data + 40, number);
	return packet;
}

static struct packet *sim_inner(struct sim *sim, int from, size_t len, uint64_t number)
{
	return from == SIM_ALICE ? sim_inner_v4(sim, "10.0.0.1", "10.0.0.2", len, number, 0)
				 : sim_inner_v4(sim, "10.0.0.2", "10.0.0.1", len, number, 0);
}

/* Which packet of sim_inner_v4() it is; fails the test if it is not intact. */
static uint64_t sim_check_inner(const struct packet *packet)
{
	const uint8_t *data = packet->data;
	uint64_t number;

	assert_true(packet->len >= 28);
	assert_int_equal(data[0], 0x45);
	assert_int_equal(load_be16(data + 2), packet->len);
	assert_int_equal(ip_checksum_fold(ip_checksum_add(0, data, 20)), 0);
	number = load_be64(data + 20);
	for (size_t i = 28; i < packet->len; i++)
		assert_int_equal(data[i], (uint8_t)(number * 31 + i));
	return number;
}

/* ---- by hand ------------------------------------------------------------------------------ */

static mono_ns sim_tick(struct sim *sim, int side)
{
	return tunnel_tick(sim->side[side].tunnel, &sim->now);
}

/* Gives one packet to a side's TUN; takes it. */
static void sim_tun(struct sim *sim, int side, struct packet *packet)
{
	struct packet_queue queue = { 0 };

	packet_queue_push(&queue, packet);
	lane_from_tun(tunnel_lane(sim->side[side].tunnel, 0), &queue, &sim->now);
	assert_int_equal(queue.n, 0);
	sim_tick(sim, side);
}

/* A packet of 100 bytes for the other side. */
static void sim_say(struct sim *sim, int side, uint64_t number)
{
	sim_tun(sim, side, sim_inner(sim, side, 100, number));
}

static unsigned int sim_type(const struct packet *packet)
{
	return packet->len >= 4 ? load_le32(packet->data) : 0;
}

/* The next datagram that a side sends, now the caller's; NULL if there is none. */
static struct packet *sim_take(struct sim *sim, int side)
{
	struct packet *packet =
		packet_queue_pop(lane_to_udp(tunnel_lane(sim->side[side].tunnel, 0)));
	struct sim_event *event;

	if (!packet)
		return NULL;
	sim->events =
		mem_grow(sim->events, &sim->events_cap, sim->n_events + 1, sizeof(sim->events[0]));
	event = &sim->events[sim->n_events++];
	*event = (struct sim_event){
		.at = sim->now.mono,
		.from = side,
		.type = sim_type(packet),
		.len = packet->len,
		.ds = packet->ds,
	};
	return packet;
}

/* Takes one, which must be of this type. */
static struct packet *sim_take_type(struct sim *sim, int side, unsigned int type)
{
	struct packet *packet = sim_take(sim, side);

	assert_non_null(packet);
	assert_int_equal(sim_type(packet), type);
	return packet;
}

static void sim_expect_silence(struct sim *sim, int side)
{
	assert_int_equal(lane_to_udp(tunnel_lane(sim->side[side].tunnel, 0))->n, 0);
}

static struct packet *sim_copy(struct sim *sim, const struct packet *packet)
{
	struct packet *copy = packet_new(sim->pool, packet->len);

	assert_non_null(copy);
	memcpy(copy->data, packet->data, packet->len);
	copy->path = packet->path;
	copy->ds = packet->ds;
	return copy;
}

/* Delivers a datagram that came from `from`; takes it. */
static void sim_deliver_from(struct sim *sim, int to, struct packet *packet,
			     const union sockaddr_ip *from)
{
	struct sim_side *side = &sim->side[to];
	struct packet_queue queue = { 0 };

	packet->path = (struct path){ .remote = *from, .source_ifindex = 7 };
	packet->peer = NULL;
	if (from->sa.sa_family == AF_INET)
		packet->path.source.v4 = side->address.v4.sin_addr;
	else
		packet->path.source.v6 = side->address.v6.sin6_addr;
	packet_queue_push(&queue, packet);
	lane_from_udp(tunnel_lane(side->tunnel, 0), &queue, &sim->now);
	assert_int_equal(queue.n, 0);
	packet_queue_append(&side->received, lane_to_tun(tunnel_lane(side->tunnel, 0)));
	sim_tick(sim, to);
}

static void sim_deliver(struct sim *sim, int to, struct packet *packet)
{
	sim_deliver_from(sim, to, packet, &sim->side[!to].address);
}

/* The next packet that came out of a side's TUN. */
static struct packet *sim_received(struct sim *sim, int side)
{
	return packet_queue_pop(&sim->side[side].received);
}

/* One packet came out: this one, and nothing else. */
static void sim_expect_received(struct sim *sim, int side, uint64_t number)
{
	struct packet *packet = sim_received(sim, side);

	assert_non_null(packet);
	assert_int_equal(sim_check_inner(packet), number);
	packet_free(packet);
	assert_null(sim_received(sim, side));
}

static uint64_t sim_count(const struct sim *sim, int side, enum verdict verdict)
{
	return tunnel_count(sim->side[side].tunnel, verdict);
}

/* ---- the link ----------------------------------------------------------------------------- */

static void sim_fly(struct sim *sim, int to, struct packet *packet)
{
	mono_ns at = sim->now.mono;

	if (sim->delay)
		at += 1 + (mono_ns)sim_below(sim, (uint64_t)sim->delay);
	sim->flights = mem_grow(sim->flights, &sim->flights_cap, sim->n_flights + 1,
				sizeof(sim->flights[0]));
	sim->flights[sim->n_flights++] = (struct sim_flight){ at, to, packet };
}

/* Puts on the link what a side wants to send. */
static void sim_collect(struct sim *sim, int from)
{
	struct sim_side *side = &sim->side[from], *other = &sim->side[!from];
	struct packet *packet;

	while ((packet = sim_take(sim, from))) {
		if (side->cut || !sockaddr_ip_equal(&packet->path.remote, &other->address) ||
		    sim_below(sim, 100) < sim->loss) {
			packet_free(packet);
			continue;
		}
		if (sim_below(sim, 100) < sim->doubling)
			sim_fly(sim, !from, sim_copy(sim, packet));
		sim_fly(sim, !from, packet);
	}
}

/* Delivers the first datagram that has arrived, if any. */
static bool sim_arrive(struct sim *sim)
{
	struct sim_flight flight;

	for (size_t i = 0; i < sim->n_flights; i++) {
		if (sim->flights[i].at > sim->now.mono)
			continue;
		flight = sim->flights[i];
		sim->n_flights--;
		memmove(&sim->flights[i], &sim->flights[i + 1],
			(sim->n_flights - i) * sizeof(sim->flights[0]));
		sim_deliver(sim, flight.to, flight.packet);
		return true;
	}
	return false;
}

/* Lets happen all that happens now. Returns when the next thing does. */
static mono_ns sim_settle(struct sim *sim)
{
	mono_ns next = MONO_NEVER, due;

	do {
		for (int i = 0; i < SIM_SIDES; i++)
			sim_collect(sim, i);
	} while (sim_arrive(sim));
	for (int i = 0; i < SIM_SIDES; i++) {
		due = sim_tick(sim, i);
		/* Ticking may have had something to send, and more to do. */
		if (due < sim->now.mono || lane_to_udp(tunnel_lane(sim->side[i].tunnel, 0))->n)
			due = sim->now.mono;
		if (due < next)
			next = due;
	}
	for (size_t i = 0; i < sim->n_flights; i++) {
		if (sim->flights[i].at < next)
			next = sim->flights[i].at;
	}
	return next;
}

/* Lets time pass, going from event to event. */
static void sim_run(struct sim *sim, span_ns span)
{
	mono_ns end = sim->now.mono + span, next;

	for (;;) {
		next = sim_settle(sim);
		if (next > end)
			break;
		sim_pass(sim, next - sim->now.mono);
	}
	sim_pass(sim, end - sim->now.mono);
	sim_settle(sim);
}

/* A session that Alice began, confirmed on both sides; nothing is on its way. */
static void sim_connect(struct sim *sim)
{
	sim_say(sim, SIM_ALICE, 0);
	sim_run(sim, 0);
	sim_expect_received(sim, SIM_BOB, 0);
	assert_non_null(sim->side[SIM_ALICE].peer->current);
	assert_non_null(sim->side[SIM_BOB].peer->current);
}

/* How many messages of a type a side has sent at `since` or later. */
static size_t sim_sent(const struct sim *sim, int from, unsigned int type, mono_ns since)
{
	size_t n = 0;

	for (size_t i = 0; i < sim->n_events; i++) {
		const struct sim_event *event = &sim->events[i];

		n += event->from == from && event->type == type && event->at >= since;
	}
	return n;
}

/* When it sent the first of them; MONO_NEVER if it did not. */
static mono_ns sim_first(const struct sim *sim, int from, unsigned int type, mono_ns since)
{
	for (size_t i = 0; i < sim->n_events; i++) {
		const struct sim_event *event = &sim->events[i];

		if (event->from == from && event->type == type && event->at >= since)
			return event->at;
	}
	return MONO_NEVER;
}

#endif
