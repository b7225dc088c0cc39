/* Devices as plain data: what is added stays, and what goes is wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/device.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "tests/unit/same_device.h"

/* Counts the memory that is overwritten. */
static size_t n_wiped_bytes;

void explicit_bzero(void *memory, size_t len)
{
	volatile char *bytes = memory;

	n_wiped_bytes += len;
	for (size_t i = 0; i < len; i++)
		bytes[i] = 0;
}

static void test_peers_stay_in_order(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };

	(void)state;
	assert_null(wg_peers_next(&peers));
	assert_null(wg_device_last_peer(device));
	for (uint16_t i = 0; i < 10000; i++)
		wg_device_add_peer(device)->keepalive_s = i;
	assert_int_equal(device->n_peers, 10000);
	assert_int_equal(wg_device_last_peer(device)->keepalive_s, 9999);
	for (uint16_t i = 0; i < 10000; i++)
		assert_int_equal(wg_peers_next(&peers)->keepalive_s, i);
	assert_null(wg_peers_next(&peers));
	assert_null(wg_peers_next(&peers));
}

static void test_new_peer_is_empty(void **state)
{
	static const struct wg_peer empty;
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct wg_peer *peer = wg_device_add_peer(device), copy;

	(void)state;
	memset(&peer->public_key, 1, WG_KEY_LEN);
	memset(&peer->preshared_key, 2, WG_KEY_LEN);
	peer->label = mem_strdup("x");
	peer->flags = 63;
	wg_peer_add_allowed_ip(peer);
	copy = *wg_device_add_peer(device);
	copy.allowed_ips = NULL;
	copy.allowed_ips_cap = 0;
	assert_memory_equal(&copy, &empty, sizeof(copy));
}

/* ---- against a twin that keeps each peer as it is -------------------------------------------- */

static uint64_t any_number(void)
{
	return ((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand()) >> rand() % 64;
}

static void fill_key(struct wg_key *key)
{
	for (size_t i = 0; i < WG_KEY_LEN; i++)
		key->bytes[i] = (uint8_t)rand();
}

static void fill_endpoint(struct endpoint *endpoint)
{
	static const char *const texts[] = {
		"1.2.3.4:5",      "255.0.255.0:65535", "[2001:db8::1]:51820",
		"[::]:0",         "vpn.example:51820", "a:http",
		"[fe80::1%lo]:7",
	};
	size_t i = (size_t)rand() % (sizeof(texts) / sizeof(*texts) + 1);

	if (i < sizeof(texts) / sizeof(*texts))
		assert_int_equal(endpoint_parse(endpoint, texts[i], NULL), 0);
	if (endpoint->addr.sa.sa_family == AF_INET6 && rand() % 4 == 0)
		endpoint->addr.v6.sin6_flowinfo = 5;
}

static void fill_allowed_ips(struct wg_peer *peer, int n)
{
	while (n--) {
		struct wg_allowed_ip *ip = wg_peer_add_allowed_ip(peer);
		bool v4 = rand() % 2;

		ip->cidr.family = v4 ? AF_INET : AF_INET6;
		ip->cidr.bits = (uint8_t)(rand() % (v4 ? 33 : 129));
		ip->remove = rand() % 3 == 0;
		for (int i = 0; i < (v4 ? 4 : 16); i++)
			ip->cidr.addr.bytes[i] = (uint8_t)rand();
	}
}

static void fill(struct wg_peer *peer)
{
	fill_key(&peer->public_key);
	peer->flags = (uint32_t)rand() % 64;
	if (rand() % 2)
		fill_key(&peer->preshared_key);
	fill_endpoint(&peer->endpoint);
	if (rand() % 2)
		peer->keepalive_s = (uint16_t)rand();
	if (rand() % 2)
		peer->last_handshake_s = (int64_t)any_number();
	if (rand() % 2)
		peer->last_handshake_ns = (uint32_t)rand() % 1000000000;
	if (rand() % 2)
		peer->rx_bytes = any_number();
	if (rand() % 2)
		peer->tx_bytes = any_number();
	if (rand() % 3 == 0)
		peer->label = mem_strdup(rand() % 2 ? "a label" : "");
	/* Some are longer than what a block holds, some just as long as one. */
	fill_allowed_ips(peer, rand() % 200 ? rand() % 4 : 1000 + rand() % 6000);
}

enum {
	N_TWINS = 3000,
};

/* The twin is a list of devices of one peer each, which none of them has packed. */
static void make_twins(struct wg_device *device, struct wg_device *twins[N_TWINS])
{
	for (size_t i = 0; i < N_TWINS; i++) {
		twins[i] = wg_device_new();
		fill(wg_device_add_peer(twins[i]));
		wg_peer_copy(wg_device_add_peer(device), wg_device_last_peer(twins[i]));
	}
}

static void free_twins(struct wg_device *twins[N_TWINS])
{
	for (size_t i = 0; i < N_TWINS; i++)
		wg_device_free(twins[i]);
}

static void test_packed_peers_are_the_same(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	static struct wg_device *twins[N_TWINS];
	static uint32_t places[N_TWINS];

	(void)state;
	srand(2);
	make_twins(device, twins);
	assert_int_equal(device->n_peers, N_TWINS);
	for (size_t i = 0; i < N_TWINS; i++) {
		assert_peer_equal(wg_peers_next(&peers), wg_device_last_peer(twins[i]));
		places[i] = peers.place;
		assert_true(!i || places[i] > places[i - 1]);
	}
	assert_null(wg_peers_next(&peers));
	for (size_t n = 0; n < N_TWINS; n++) { /* from anywhere, and on from there */
		size_t i = (size_t)rand() % N_TWINS;

		wg_device_last_peer(twins[i])->flags = (uint32_t)rand() % 64;
		wg_device_set_peer_flags(device, places[i], wg_device_last_peer(twins[i])->flags);
		assert_peer_equal(wg_peers_at(&peers, places[i]), wg_device_last_peer(twins[i]));
		assert_int_equal(peers.place, places[i]);
		if (i + 1 == N_TWINS)
			assert_null(wg_peers_next(&peers));
		else
			assert_peer_equal(wg_peers_next(&peers), wg_device_last_peer(twins[i + 1]));
	}
	free_twins(twins);
}

static void test_peers_can_be_moved(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *first = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *other = wg_device_new();
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = other };
	static struct wg_device *twins[N_TWINS], *first_twins[N_TWINS];

	(void)state;
	make_twins(device, twins);
	make_twins(first, first_twins);
	wg_device_prepend_peers(device, other); /* none */
	wg_device_prepend_peers(device, first);
	assert_int_equal(first->n_peers, 0);
	assert_int_equal(device->n_peers, 2 * N_TWINS);
	wg_device_add_peer(other)->keepalive_s = 1;
	wg_device_add_peer(other)->label = mem_strdup("goes");
	wg_device_take_peers(other, device);
	assert_int_equal(device->n_peers, 0);
	for (size_t i = 0; i < N_TWINS; i++)
		assert_peer_equal(wg_peers_next(&peers), wg_device_last_peer(first_twins[i]));
	for (size_t i = 0; i < N_TWINS; i++)
		assert_peer_equal(wg_peers_next(&peers), wg_device_last_peer(twins[i]));
	assert_null(wg_peers_next(&peers));
	wg_device_add_peer(device)->keepalive_s = 7; /* those that gave are usable again */
	wg_device_add_peer(first)->keepalive_s = 8;
	wg_device_prepend_peers(device, first);
	peers = (struct wg_peers){ .device = device, .peer = peers.peer };
	assert_int_equal(wg_peers_next(&peers)->keepalive_s, 8);
	assert_int_equal(wg_peers_next(&peers)->keepalive_s, 7);
	free_twins(twins);
	free_twins(first_twins);
}

static void test_little_memory_is_needed(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct wg_peer *peer = wg_device_add_peer(device);

		fill_key(&peer->public_key);
		peer->keepalive_s = 25;
		assert_int_equal(endpoint_parse(&peer->endpoint, "1.2.3.4:5", NULL), 0);
		wg_peer_add_allowed_ip(peer)->cidr = (struct cidr){ .family = AF_INET, .bits = 32 };
	}
	n_wiped_bytes = 0;
	wg_device_free(TAKE(device));
	assert_in_range(n_wiped_bytes, 10000 * 48, 10000 * 49);
}

static void test_secrets_are_wiped(void **state)
{
	struct wg_device *device = wg_device_new();
	struct wg_peers peers = { .device = device };

	(void)state;
	for (int i = 0; i < 2000; i++)
		fill_key(&wg_device_add_peer(device)->preshared_key);
	assert_non_null(wg_peers_next(&peers));
	assert_false(wg_key_is_zero(&peers.peer.preshared_key));
	wg_peers_fini(&peers);
	assert_true(wg_key_is_zero(&peers.peer.preshared_key));
	n_wiped_bytes = 0;
	wg_device_free(device);
	assert_true(n_wiped_bytes >= sizeof(struct wg_device) + 1999 * 2 * WG_KEY_LEN);
	wg_device_free(NULL);
}

static void test_allowed_ips(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct wg_peer *peer = wg_device_add_peer(device);

	(void)state;
	for (uint8_t i = 0; i < 200; i++)
		wg_peer_add_allowed_ip(peer)->cidr.bits = i;
	assert_int_equal(peer->n_allowed_ips, 200);
	for (uint8_t i = 0; i < 200; i++) {
		assert_int_equal(peer->allowed_ips[i].cidr.bits, i);
		assert_false(peer->allowed_ips[i].remove);
	}
	wg_peer_clear_allowed_ips(peer);
	assert_int_equal(peer->n_allowed_ips, 0);
	wg_peer_add_allowed_ip(peer)->cidr.bits = 9;
	assert_int_equal(peer->allowed_ips[0].cidr.bits, 9);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_stay_in_order),
		cmocka_unit_test(test_new_peer_is_empty),
		cmocka_unit_test(test_packed_peers_are_the_same),
		cmocka_unit_test(test_peers_can_be_moved),
		cmocka_unit_test(test_little_memory_is_needed),
		cmocka_unit_test(test_secrets_are_wiped),
		cmocka_unit_test(test_allowed_ips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
