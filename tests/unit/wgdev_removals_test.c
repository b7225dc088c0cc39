/* Removals of allowed IPs, computed: see wgdev_removals.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/wgdev_removals.h"
#include "lib/util/cleanup.h"
#include "tests/unit/peer_at.h"
#include "tests/unit/wgdev_fixture.h"

static struct wg_device *new_device(const char *name)
{
	struct wg_device *device = wg_device_new();

	snprintf(device->name, sizeof(device->name), "%s", name);
	return device;
}

static void test_removal_becomes_the_rest(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *out = NULL;
	const struct cidr kept = cidr_of("192.0.2.2/32"), added = cidr_of("2001:db8::/64");
	struct wg_peer *peer = add_peer(running, 1);
	const struct wg_peer *got;

	(void)state;
	add_ip(peer, "192.0.2.1/32", false);
	add_ip(peer, "192.0.2.2/32", false);
	add_ip(peer, "192.0.2.3/32", false);
	/* The first peer takes .3 away from the second; the host bits do not count. */
	peer = add_peer(change, 2);
	add_ip(peer, "192.0.2.3/32", false);
	peer = add_peer(change, 1);
	peer->flags |= WG_PEER_HAS_KEEPALIVE | WG_PEER_HAS_PRESHARED_KEY;
	peer->keepalive_s = 9;
	peer->preshared_key = key_of(3);
	assert_int_equal(endpoint_parse(&peer->endpoint, "192.0.2.9:9", NULL), 0);
	add_ip(peer, "192.0.2.1/32", true);
	add_ip(peer, "2001:db8::/64", false);
	peer->allowed_ips[1].cidr.addr.bytes[15] = 1;
	add_ip(peer, "192.0.2.77/32", true);
	out = wgdev_without_removals(change, running);
	assert_false(wgdev_has_removals(out));
	assert_int_equal(out->n_peers, 3);
	assert_int_equal(peer_at(out, 0)->flags, WG_PEER_HAS_PUBLIC_KEY);
	assert_int_equal(peer_at(out, 0)->n_allowed_ips, 1);
	got = peer_at(out, 1);
	assert_int_equal(got->flags, peer_at(change, 1)->flags);
	assert_int_equal(got->keepalive_s, 9);
	assert_true(wg_key_equal(&got->preshared_key, &peer_at(change, 1)->preshared_key));
	assert_true(sockaddr_ip_equal(&got->endpoint.addr, &peer_at(change, 1)->endpoint.addr));
	assert_int_equal(got->n_allowed_ips, 1);
	got = peer_at(out, 2);
	assert_int_equal(got->flags, WG_PEER_HAS_PUBLIC_KEY | WG_PEER_UPDATE_ONLY |
					     WG_PEER_REPLACE_ALLOWED_IPS);
	assert_true(wg_key_equal(&got->public_key, &peer_at(change, 1)->public_key));
	assert_int_equal(got->n_allowed_ips, 2);
	assert_true(cidr_equal(&got->allowed_ips[0].cidr, &kept));
	assert_true(cidr_equal(&got->allowed_ips[1].cidr, &added));
}

static void test_peer_that_is_the_device_takes_nothing(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *out = NULL;

	(void)state;
	running->public_key = key_of(5);
	add_ip(add_peer(running, 1), "192.0.2.1/32", false);
	add_ip(add_peer(change, 5), "192.0.2.1/32", false);
	add_ip(add_peer(change, 1), "192.0.2.9/32", true);
	out = wgdev_without_removals(change, running);
	assert_int_equal(out->n_peers, 3);
	assert_int_equal(peer_at(out, 2)->n_allowed_ips, 1);
}

/* The stupid twin: who owns each of 64 addresses, and which of 8 peers exist. */
enum {
	TWIN_IPS = 64,
	TWIN_PEERS = 8,
};

struct twin {
	int owner[TWIN_IPS]; /* 0: nobody */
	bool exists[TWIN_PEERS + 1];
};

static void twin_apply(struct twin *twin, const struct wg_device *change)
{
	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		*twin = (struct twin){ 0 };
	for (size_t i = 0; i < change->n_peers; i++) {
		const struct wg_peer *peer = peer_at(change, i);
		int id = peer->public_key.bytes[0];

		if (peer->flags & WG_PEER_UPDATE_ONLY && !twin->exists[id])
			continue;
		twin->exists[id] = !(peer->flags & WG_PEER_REMOVE);
		if (peer->flags & (WG_PEER_REMOVE | WG_PEER_REPLACE_ALLOWED_IPS))
			for (int j = 0; j < TWIN_IPS; j++)
				if (twin->owner[j] == id)
					twin->owner[j] = 0;
		for (uint32_t j = 0; twin->exists[id] && j < peer->n_allowed_ips; j++) {
			int *owner = &twin->owner[peer->allowed_ips[j].cidr.addr.bytes[0]];

			if (!peer->allowed_ips[j].remove)
				*owner = id;
			else if (*owner == id)
				*owner = 0;
		}
	}
}

static struct wg_device *twin_device(const struct twin *twin)
{
	struct wg_device *device = new_device("wg0");

	for (unsigned int id = 1; id <= TWIN_PEERS; id++) {
		struct wg_peer *peer;

		if (!twin->exists[id])
			continue;
		peer = add_peer(device, id);
		for (int j = 0; j < TWIN_IPS; j++)
			if (twin->owner[j] == (int)id) {
				struct cidr cidr = { .family = AF_INET, .bits = 32 };

				cidr.addr.bytes[0] = (uint8_t)j;
				wg_peer_add_allowed_ip(peer)->cidr = cidr;
			}
	}
	return device;
}

static struct wg_device *random_change(void)
{
	struct wg_device *change = new_device("wg0");

	if (rand() % 10 == 0)
		change->flags |= WG_DEVICE_REPLACE_PEERS;
	for (int n = rand() % 6; n > 0; n--) {
		struct wg_peer *peer = add_peer(change, 1 + (unsigned int)rand() % TWIN_PEERS);

		if (rand() % 8 == 0)
			peer->flags |= WG_PEER_REMOVE;
		if (rand() % 6 == 0)
			peer->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
		if (rand() % 6 == 0)
			peer->flags |= WG_PEER_UPDATE_ONLY;
		for (int m = rand() % 20; m > 0; m--) {
			struct wg_allowed_ip *ip = wg_peer_add_allowed_ip(peer);

			ip->cidr = (struct cidr){ .family = AF_INET, .bits = 32 };
			ip->cidr.addr.bytes[0] = (uint8_t)(rand() % TWIN_IPS);
			ip->remove = rand() % 3 == 0;
		}
	}
	return change;
}

static void test_removals_against_twin(void **state)
{
	struct twin native = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		AUTO(wg_device_auto_free) struct wg_device *running = twin_device(&native);
		AUTO(wg_device_auto_free) struct wg_device *change = random_change();
		AUTO(wg_device_auto_free)
		struct wg_device *out = wgdev_without_removals(change, running);
		struct twin computed = native;

		assert_false(wgdev_has_removals(out));
		twin_apply(&native, change);
		twin_apply(&computed, out);
		assert_memory_equal(&native, &computed, sizeof(native));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removal_becomes_the_rest),
		cmocka_unit_test(test_peer_that_is_the_device_takes_nothing),
		cmocka_unit_test(test_removals_against_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
