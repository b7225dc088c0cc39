/*
 * Configuration of a real tunnel and real sockets, in a network namespace of the test's own: what
 * is set can be got, and the rules for peers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/host/control.h"
#include "lib/crypto/x25519.h"
#include "lib/util/cleanup.h"
#include "tests/unit/peer_at.h"

static struct loop *loop;
static struct packet_pool *pool;
static struct control control;
static bool has_netns;

static void on_received(void *ctx, struct packet_queue *batch)
{
	(void)ctx;
	(void)batch;
}

static void on_source_failed(void *ctx, const struct packet *packet)
{
	(void)ctx;
	(void)packet;
}

/* Not random, but different each time. */
static void counted(void *ctx, void *out, size_t len)
{
	static uint8_t n;

	(void)ctx;
	memset(out, ++n, len);
}

static int setup_namespace(void **state)
{
	(void)state;
	has_netns = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
	return has_netns ? system("ip link set lo up") : 0;
}

static int setup(void **state)
{
	const struct udp_handler handler = { on_received, on_source_failed, NULL };
	const struct features features = { 0 };
	struct tunnel_env env = { .random = counted, .mtu_bytes = 1420 };

	(void)state;
	if (!has_netns)
		skip();
	env.pool = pool = packet_pool_new(1024, 16);
	control.name = "wgt";
	control.tunnel = tunnel_new(&env);
	return loop_new(&loop, NULL) ||
	       udp_new(&control.udp, NULL, loop, pool, &features, &handler, NULL);
}

static int teardown(void **state)
{
	(void)state;
	if (!has_netns)
		return 0;
	tunnel_free(control.tunnel);
	udp_free(control.udp);
	loop_free(loop);
	packet_pool_free(pool);
	return 0;
}

/* Key number n: a private one, and the public one that belongs to it. */
static struct wg_key private_key(uint8_t n)
{
	struct wg_key key;

	memset(key.bytes, n, sizeof(key.bytes));
	wg_key_clamp(&key);
	return key;
}

static struct wg_key public_key(uint8_t n)
{
	struct wg_key private = private_key(n), public;
	AUTO(x25519_key_auto_free) struct x25519_key *key = x25519_key_new(private.bytes);

	x25519_public(public.bytes, key);
	return public;
}

static struct wg_peer *add_peer(struct wg_device *change, uint8_t n, uint32_t flags,
				const char *allowed_ip)
{
	struct wg_peer *peer = wg_device_add_peer(change);

	peer->public_key = public_key(n);
	peer->flags = flags | WG_PEER_HAS_PUBLIC_KEY;
	if (allowed_ip)
		assert_int_equal(
			cidr_parse_address(&wg_peer_add_allowed_ip(peer)->cidr, allowed_ip, NULL),
			0);
	return peer;
}

static int set(struct wg_device *change)
{
	struct instant now = clock_now();
	struct err err = { 0 };
	int r = control_set(&control, change, &now, &err);

	assert_int_equal(r, err.code);
	wg_device_free(change);
	return r;
}

/* Asserts which peers there are, and their allowed IPs: "1:10.0.0.0/8,fd00::/8 2:". */
static void expect_peers(const char *expected)
{
	AUTO(wg_device_auto_free) struct wg_device *device = control_get(&control);
	char text[1024] = "", cidr[CIDR_TEXT_MAX];

	for (size_t i = 0; i < device->n_peers; i++) {
		const struct wg_peer *peer = peer_at(device, i);
		uint8_t n = 1;
		struct wg_key key = public_key(n);

		while (!wg_key_equal(&key, &peer->public_key))
			key = public_key(++n);
		snprintf(text + strlen(text), 8, "%s%u:", i ? " " : "", n);
		for (uint32_t j = 0; j < peer->n_allowed_ips; j++) {
			cidr_format(cidr, &peer->allowed_ips[j].cidr);
			strcat(strcat(text, j ? "," : ""), cidr);
		}
	}
	assert_string_equal(text, expected);
}

static void fresh_device_has_a_port_and_nothing_else(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = control_get(&control);

	(void)state;
	assert_string_equal(device->name, "wgt");
	assert_int_equal(device->flags, WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK);
	assert_int_not_equal(device->listen_port, 0);
	assert_int_equal(device->fwmark, 0);
	assert_int_equal(device->n_peers, 0);
}

static void what_is_set_can_be_got(void **state)
{
	struct wg_device *change = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct wg_key public = public_key(1);
	const struct wg_peer *got;
	struct wg_peer *peer;

	(void)state;
	change->flags =
		WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	memset(change->private_key.bytes, 1, WG_KEY_LEN); /* not clamped */
	change->listen_port = 5555;
	change->fwmark = 0xffffffff;
	peer = add_peer(change, 2, WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE, "10.1.2.3/8");
	peer->preshared_key = private_key(7);
	peer->keepalive_s = 65535;
	assert_int_equal(endpoint_parse(&peer->endpoint, "[fd00::1]:99", NULL), 0);
	assert_int_equal(set(change), 0);

	device = control_get(&control);
	assert_int_equal(device->listen_port, 5555);
	assert_int_equal(device->fwmark, 0xffffffff);
	assert_memory_equal(&device->public_key, &public, WG_KEY_LEN);
	assert_int_equal(device->n_peers, 1);
	got = peer_at(device, 0);
	assert_int_equal(got->keepalive_s, 65535);
	assert_memory_equal(&got->preshared_key, &(struct wg_key[]){ private_key(7) }, WG_KEY_LEN);
	assert_int_equal(got->endpoint.addr.v6.sin6_port, htons(99));
	assert_int_equal(got->last_handshake_s, 0);
	expect_peers("2:10.0.0.0/8");

	/* What a change does not mention stays. */
	assert_int_equal(set(wg_device_new()), 0);
	wg_device_free(TAKE(device));
	device = control_get(&control);
	assert_int_equal(device->listen_port, 5555);
	assert_int_equal(device->fwmark, 0xffffffff);
	expect_peers("2:10.0.0.0/8");

	/* Zeros take things away. */
	change = wg_device_new();
	change->flags =
		WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_FWMARK | WG_DEVICE_HAS_LISTEN_PORT;
	add_peer(change, 2, WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE, NULL);
	assert_int_equal(set(change), 0);
	wg_device_free(TAKE(device));
	device = control_get(&control);
	assert_false(device->flags & WG_DEVICE_HAS_PRIVATE_KEY);
	assert_int_equal(device->fwmark, 0);
	assert_int_not_equal(device->listen_port, 5555);
	assert_int_equal(peer_at(device, 0)->keepalive_s, 0);
	assert_true(wg_key_is_zero(&peer_at(device, 0)->preshared_key));
	assert_int_equal(peer_at(device, 0)->endpoint.addr.sa.sa_family, AF_INET6);
}

static void busy_port_changes_nothing(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(6666) };
	struct wg_device *change = wg_device_new();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	change->flags =
		WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	change->private_key = private_key(1);
	change->listen_port = 6666;
	change->fwmark = 5;
	add_peer(change, 2, 0, "10.0.0.0/8");
	assert_int_equal(set(change), -EADDRINUSE);
	close(fd);
	fresh_device_has_a_port_and_nothing_else(NULL);
}

static void own_key_is_no_peer(void **state)
{
	struct wg_device *change = wg_device_new();

	(void)state;
	/* The key comes first... */
	change->flags = WG_DEVICE_HAS_PRIVATE_KEY;
	change->private_key = private_key(1);
	add_peer(change, 1, WG_PEER_HAS_KEEPALIVE, "10.0.0.0/8");
	add_peer(change, 2, 0, "10.0.0.0/16");
	assert_int_equal(set(change), 0);
	expect_peers("2:10.0.0.0/16");
	/* ...or later. */
	change = wg_device_new();
	change->flags = WG_DEVICE_HAS_PRIVATE_KEY;
	change->private_key = private_key(2);
	assert_int_equal(set(change), 0);
	expect_peers("");
}

static void peers_need_no_private_key(void **state)
{
	struct wg_device *change = wg_device_new();

	(void)state;
	add_peer(change, 2, WG_PEER_HAS_KEEPALIVE, "10.0.0.0/16");
	assert_int_equal(set(change), 0);
	expect_peers("2:10.0.0.0/16");
	change = wg_device_new();
	change->flags = WG_DEVICE_HAS_PRIVATE_KEY;
	change->private_key = private_key(1);
	assert_int_equal(set(change), 0);
	expect_peers("2:10.0.0.0/16");
}

static void removal_and_update_only_create_nothing(void **state)
{
	struct wg_device *change = wg_device_new();

	(void)state;
	add_peer(change, 2, WG_PEER_REMOVE, NULL);
	add_peer(change, 3, WG_PEER_UPDATE_ONLY, "10.0.0.0/8");
	assert_int_equal(set(change), 0);
	expect_peers("");
	change = wg_device_new();
	add_peer(change, 2, 0, NULL);
	add_peer(change, 3, 0, NULL);
	add_peer(change, 2, WG_PEER_UPDATE_ONLY, "10.0.0.0/8");
	add_peer(change, 3, WG_PEER_REMOVE, NULL);
	assert_int_equal(set(change), 0);
	expect_peers("2:10.0.0.0/8");
}

static void one_peer_may_come_twice(void **state)
{
	struct wg_device *change = wg_device_new();

	(void)state;
	add_peer(change, 2, 0, "10.0.0.0/8");
	add_peer(change, 2, 0, "11.0.0.0/8");
	add_peer(change, 3, 0, "12.0.0.0/8");
	add_peer(change, 3, WG_PEER_REMOVE, NULL);
	add_peer(change, 3, 0, "13.0.0.0/8");
	assert_int_equal(set(change), 0);
	expect_peers("2:10.0.0.0/8,11.0.0.0/8 3:13.0.0.0/8");
}

static void allowed_ips_move_are_replaced_and_removed(void **state)
{
	struct wg_device *change = wg_device_new();
	struct wg_peer *peer;

	(void)state;
	add_peer(change, 2, 0, "10.0.0.0/8");
	add_peer(change, 3, 0, "10.0.0.1/8"); /* the same: host bits do not count */
	assert_int_equal(set(change), 0);
	expect_peers("2: 3:10.0.0.0/8");

	change = wg_device_new();
	add_peer(change, 3, 0, "fd00::/8");
	add_peer(change, 2, WG_PEER_REPLACE_ALLOWED_IPS, "11.0.0.0/8");
	assert_int_equal(set(change), 0);
	expect_peers("2:11.0.0.0/8 3:10.0.0.0/8,fd00::/8");

	/* To be removed from one who has it not: nothing happens. */
	change = wg_device_new();
	peer = add_peer(change, 2, 0, "10.0.0.0/8");
	peer->allowed_ips[0].remove = true;
	peer = add_peer(change, 3, 0, "fd00::1/8");
	peer->allowed_ips[0].remove = true;
	assert_int_equal(set(change), 0);
	expect_peers("2:11.0.0.0/8 3:10.0.0.0/8");

	change = wg_device_new();
	add_peer(change, 3, WG_PEER_REPLACE_ALLOWED_IPS, NULL);
	assert_int_equal(set(change), 0);
	expect_peers("2:11.0.0.0/8 3:");
}

static void replacing_peers_leaves_those_listed(void **state)
{
	struct wg_device *change = wg_device_new();

	(void)state;
	add_peer(change, 2, 0, "10.0.0.0/8");
	add_peer(change, 3, 0, "11.0.0.0/8");
	assert_int_equal(set(change), 0);
	change = wg_device_new();
	change->flags = WG_DEVICE_REPLACE_PEERS;
	add_peer(change, 4, 0, NULL);
	add_peer(change, 3, 0, NULL);
	assert_int_equal(set(change), 0);
	expect_peers("4: 3:");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(fresh_device_has_a_port_and_nothing_else),
		CASE(what_is_set_can_be_got),
		CASE(busy_port_changes_nothing),
		CASE(own_key_is_no_peer),
		CASE(peers_need_no_private_key),
		CASE(removal_and_update_only_create_nothing),
		CASE(one_peer_may_come_twice),
		CASE(allowed_ips_move_are_replaced_and_removed),
		CASE(replacing_peers_leaves_those_listed),
	};

	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
