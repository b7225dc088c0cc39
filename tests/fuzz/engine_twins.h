#ifndef TESTS_FUZZ_ENGINE_TWINS_H
#define TESTS_FUZZ_ENGINE_TWINS_H

/*
 * What the fuzz targets of the engine share: a tunnel under test and its twin, who produces
 * genuine messages for it; and a reader of the script that an input is. All is the same in each
 * run: a finding can be had again from its input.
 */

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/engine/tunnel_internal.h"
#include "lib/util/endian.h"

#pragma GCC diagnostic ignored "-Wunused-function"

struct script {
	const uint8_t *at;
	size_t left;
};

static unsigned int script_byte(struct script *script)
{
	if (!script->left)
		return 0;
	script->left--;
	return *script->at++;
}

static unsigned int script_u16(struct script *script)
{
	unsigned int high = script_byte(script);

	return high << 8 | script_byte(script);
}

/* Up to len bytes of the script; the rest is zero. */
static void script_bytes(struct script *script, uint8_t *out, size_t len)
{
	size_t n = len < script->left ? len : script->left;

	memset(out, 0, len);
	memcpy(out, script->at, n);
	script->at += n;
	script->left -= n;
}

enum {
	TARGET,
	TWIN,
	TWINS_MTU = 1420,
};

struct twins {
	struct instant now;
	uint64_t chance;
	struct packet_pool *pool;
	struct tunnel *tunnel[2];
	struct peer *peer[2]; /* the other one; NULL: removed */
	struct wg_key public_key[2];
	union sockaddr_ip address[2];
};

/* xorshift: the tunnels' randomness must not change from run to run. */
static void twins_random(void *ctx, void *out, size_t len)
{
	struct twins *twins = ctx;

	for (uint8_t *at = out; len--; at++) {
		twins->chance ^= twins->chance << 13;
		twins->chance ^= twins->chance >> 7;
		twins->chance ^= twins->chance << 17;
		*at = (uint8_t)(twins->chance >> 24);
	}
}

static struct cidr twins_cidr(const char *text)
{
	struct cidr cidr;
	int r = cidr_parse(&cidr, NULL, text, NULL);

	assert(r == 0);
	return cidr;
}

static struct peer *twins_add_peer(struct twins *twins, int side, const struct wg_key *key,
				   const union sockaddr_ip *address, const char *v4, const char *v6)
{
	struct cidr cidr4 = twins_cidr(v4), cidr6 = twins_cidr(v6);
	struct peer *peer = tunnel_add_peer(twins->tunnel[side], key, &twins->now);

	if (!peer) /* its own key */
		return NULL;
	if (address)
		tunnel_set_endpoint(twins->tunnel[side], peer, address);
	tunnel_add_allowed_ip(twins->tunnel[side], peer, &cidr4);
	tunnel_add_allowed_ip(twins->tunnel[side], peer, &cidr6);
	return peer;
}

/* The target is 10.0.0.1 and fd00::1 inside, its twin the same with 2. */
static void twins_init(struct twins *twins)
{
	struct tunnel_env env = { .random = twins_random, .random_ctx = twins };
	struct wg_key key;

	*twins = (struct twins){
		.now = { .mono = SEC(1000), .unix_ns = SEC(1700000000) },
		.chance = 88172645463325252,
		.pool = packet_pool_new(1024, 4),
	};
	env.pool = twins->pool;
	env.mtu_bytes = TWINS_MTU;
	for (int i = 0; i < 2; i++) {
		twins->tunnel[i] = tunnel_new(&env);
		memset(key.bytes, 0x40 + i, sizeof(key.bytes));
		tunnel_set_private_key(twins->tunnel[i], &key, &twins->now);
		tunnel_get_keys(twins->tunnel[i], &key, &twins->public_key[i]);
		tunnel_set_up(twins->tunnel[i], true, &twins->now);
		twins->address[i].v4.sin_family = AF_INET;
		twins->address[i].v4.sin_port = htons(51820);
		twins->address[i].v4.sin_addr.s_addr = htonl(0xc0000201 + (uint32_t)i);
	}
	twins->peer[TARGET] = twins_add_peer(twins, TARGET, &twins->public_key[TWIN],
					     &twins->address[TWIN], "10.0.0.2/32", "fd00::2/128");
	twins->peer[TWIN] = twins_add_peer(twins, TWIN, &twins->public_key[TARGET],
					   &twins->address[TARGET], "10.0.0.1/32", "fd00::1/128");
}

/* The pool asserts that all packets have come back. */
static void twins_fini(struct twins *twins)
{
	for (int i = 0; i < 2; i++)
		tunnel_free(twins->tunnel[i]);
	packet_pool_free(twins->pool);
}

static void twins_pass(struct twins *twins, span_ns span)
{
	twins->now.mono += span;
	twins->now.unix_ns += span;
	for (int i = 0; i < 2; i++) {
		/* Few peers: all that is due is done in one go. */
		mono_ns next = tunnel_tick(twins->tunnel[i], &twins->now);

		assert(next > twins->now.mono);
	}
}

/* As it arrives: from the other side's address, say, to one of ours. */
static void twins_address(struct twins *twins, int to, struct packet *packet)
{
	packet->path = (struct path){ .remote = twins->address[!to], .source_ifindex = 3 };
	packet->path.source.v4 = twins->address[to].v4.sin_addr;
	packet->peer = NULL;
}

/* Delivers all that `from` has sent to the other side. */
static void twins_deliver(struct twins *twins, int from)
{
	struct packet_queue queue = { 0 };

	packet_queue_append(&queue, lane_to_udp(tunnel_lane(twins->tunnel[from], 0)));
	for (struct packet *packet = queue.first; packet; packet = packet->next)
		twins_address(twins, !from, packet);
	lane_from_udp(tunnel_lane(twins->tunnel[!from], 0), &queue, &twins->now);
	assert(!queue.n);
}

/* A packet of the twin's for the target, in its TUN. */
static void twins_speak(struct twins *twins, int from, size_t len)
{
	struct packet_queue queue = { 0 };
	struct packet *packet;

	if (len < IP_V4_HEADER_LEN)
		len = IP_V4_HEADER_LEN;
	packet = packet_new(twins->pool, len);
	if (!packet)
		return;
	memset(packet->data, 0, len);
	packet->data[0] = 0x45;
	store_be16(packet->data + 2, (uint16_t)len);
	store_be32(packet->data + 12, 0x0a000001 + (uint32_t)from);
	store_be32(packet->data + 16, 0x0a000001 + (uint32_t)!from);
	packet_queue_push(&queue, packet);
	lane_from_tun(tunnel_lane(twins->tunnel[from], 0), &queue, &twins->now);
}

/* A handshake, both ways, begun by `from`. */
static void twins_connect(struct twins *twins, int from)
{
	twins_speak(twins, from, 100);
	for (int i = 0; i < 4; i++) {
		twins_deliver(twins, from);
		twins_deliver(twins, !from);
	}
}

#endif
