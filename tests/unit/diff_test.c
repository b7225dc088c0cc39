/* syncconf's change: by cases, and carried out on made-up devices by a stupid twin of a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/model/diff.h"
#include "lib/util/cleanup.h"
#include "lib/util/endian.h"
#include "tests/unit/peer_at.h"

static struct wg_peer *add_peer(struct wg_device *device, uint8_t name)
{
	struct wg_peer *peer = wg_device_add_peer(device);

	peer->public_key.bytes[0] = name;
	peer->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REPLACE_ALLOWED_IPS;
	return peer;
}

static struct wg_device *wanted_device(void)
{
	struct wg_device *device = wg_device_new();

	device->flags = WG_DEVICE_REPLACE_PEERS;
	return device;
}

static void test_peers_gone_are_removed_first(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *wanted = wanted_device();

	(void)state;
	add_peer(running, 3);
	add_peer(running, 1);
	add_peer(running, 2);
	add_peer(wanted, 2);
	add_peer(wanted, 4);
	wg_device_sync(wanted, running);

	assert_false(wanted->flags & WG_DEVICE_REPLACE_PEERS);
	assert_int_equal(wanted->n_peers, 4);
	assert_int_equal(peer_at(wanted, 0)->public_key.bytes[0], 3);
	assert_int_equal(peer_at(wanted, 0)->flags, WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REMOVE);
	assert_int_equal(peer_at(wanted, 1)->public_key.bytes[0], 1);
	assert_int_equal(peer_at(wanted, 1)->flags, WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REMOVE);
	assert_int_equal(peer_at(wanted, 2)->public_key.bytes[0], 2);
	assert_int_equal(peer_at(wanted, 3)->public_key.bytes[0], 4);
	assert_false(peer_at(wanted, 3)->flags & WG_PEER_REMOVE);
}

static void test_what_the_file_leaves_out_is_reset(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *wanted = wanted_device();
	const struct wg_peer *got;
	struct wg_peer *peer;

	(void)state;
	peer = add_peer(running, 1); /* has both, the file has none */
	peer->preshared_key.bytes[0] = 9;
	peer->keepalive_s = 25;
	add_peer(running, 2);        /* has none, nor has the file */
	peer = add_peer(running, 3); /* the file says otherwise */
	peer->preshared_key.bytes[0] = 9;
	peer->keepalive_s = 25;
	add_peer(wanted, 1);
	add_peer(wanted, 2);
	peer = add_peer(wanted, 3);
	peer->flags |= WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE;
	peer->preshared_key.bytes[0] = 8;
	peer->keepalive_s = 5;
	wg_device_sync(wanted, running);

	assert_int_equal(wanted->n_peers, 3);
	got = peer_at(wanted, 0);
	assert_true(got->flags & WG_PEER_HAS_PRESHARED_KEY);
	assert_true(wg_key_is_zero(&got->preshared_key));
	assert_true(got->flags & WG_PEER_HAS_KEEPALIVE);
	assert_int_equal(got->keepalive_s, 0);
	assert_int_equal(peer_at(wanted, 1)->flags,
			 WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REPLACE_ALLOWED_IPS);
	got = peer_at(wanted, 2);
	assert_int_equal(got->preshared_key.bytes[0], 8);
	assert_int_equal(got->keepalive_s, 5);
}

static void test_no_peers_on_a_side_is_plain_replacing(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *wanted = wanted_device();

	(void)state;
	add_peer(running, 1);
	wg_device_sync(wanted, running);
	assert_int_equal(wanted->flags, WG_DEVICE_REPLACE_PEERS);
	assert_int_equal(wanted->n_peers, 0);

	add_peer(wanted, 2);
	wg_device_free(TAKE(running));
	running = wg_device_new();
	wg_device_sync(wanted, running);
	assert_int_equal(wanted->flags, WG_DEVICE_REPLACE_PEERS);
	assert_int_equal(wanted->n_peers, 1);
}

/* ---- against a twin -------------------------------------------------------------------------- */

/* A device of at most 16 peers, by name: what a change leaves of it. */
struct twin {
	bool there[16];
	bool kept_session[16];
	uint8_t preshared[16];
	uint16_t keepalive_s[16];
};

static void carry_out(struct twin *twin, const struct wg_device *change)
{
	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		*twin = (struct twin){ 0 };
	for (size_t i = 0; i < change->n_peers; i++) {
		const struct wg_peer *peer = peer_at(change, i);
		uint8_t name = peer->public_key.bytes[0];

		if (peer->flags & WG_PEER_REMOVE || !twin->there[name]) {
			twin->kept_session[name] = false;
			twin->preshared[name] = 0;
			twin->keepalive_s[name] = 0;
		}
		twin->there[name] = !(peer->flags & WG_PEER_REMOVE);
		if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
			twin->preshared[name] = peer->preshared_key.bytes[0];
		if (peer->flags & WG_PEER_HAS_KEEPALIVE)
			twin->keepalive_s[name] = peer->keepalive_s;
	}
}

/* Peers picked at random; with `again` a name may come twice, as it may in a file. */
static void fill(struct wg_device *device, bool again)
{
	for (uint8_t name = 0; name < 16; name++) {
		for (int times = rand() % (again ? 3 : 2); times > 0; times--) {
			struct wg_peer *peer = add_peer(device, name);

			if (rand() % 2) {
				peer->preshared_key.bytes[0] = (uint8_t)(1 + rand() % 3);
				peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
			}
			if (rand() % 2) {
				peer->keepalive_s = (uint16_t)(1 + rand() % 3);
				peer->flags |= WG_PEER_HAS_KEEPALIVE;
			}
		}
	}
}

static void test_same_result_as_replacing(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
		AUTO(wg_device_auto_free) struct wg_device *wanted = wanted_device();
		struct twin before = { 0 }, replaced, synced;

		fill(running, false);
		fill(wanted, true);
		carry_out(&before, running);
		for (size_t i = 0; i < running->n_peers; i++)
			before.kept_session[peer_at(running, i)->public_key.bytes[0]] = true;
		replaced = synced = before;
		carry_out(&replaced, wanted);
		wg_device_sync(wanted, running);
		carry_out(&synced, wanted);

		assert_memory_equal(synced.there, replaced.there, sizeof(synced.there));
		assert_memory_equal(synced.preshared, replaced.preshared, sizeof(synced.preshared));
		assert_memory_equal(synced.keepalive_s, replaced.keepalive_s,
				    sizeof(synced.keepalive_s));
		if (!wanted->n_peers || !running->n_peers)
			continue;
		for (size_t name = 0; name < 16; name++)
			assert_int_equal(synced.kept_session[name],
					 before.there[name] && synced.there[name]);
	}
}

/* ---- chosen keys ----------------------------------------------------------------------------- */

static void add_pair(struct wg_device *wanted, struct wg_device *running, const struct wg_key *key)
{
	wg_device_add_peer(wanted)->public_key = *key;
	wg_device_add_peer(running)->public_key = *key;
}

/* Seconds of the processor's time. */
static double time_to_sync(struct wg_device *wanted, const struct wg_device *running)
{
	clock_t start = clock();

	wg_device_sync(wanted, running);
	return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Peers choose their keys: however they do, a table of 20,000 is a matter of milliseconds. */
static void test_chosen_keys_cost_no_more(void **state)
{
	static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t inverse = odd;

	(void)state;
	srand(3);
	for (int i = 0; i < 6; i++) /* modulo 2^64; each step doubles the bits that are right */
		inverse *= 2 - odd * inverse;
	for (int way = 0; way < 3; way++) {
		AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
		AUTO(wg_device_auto_free) struct wg_device *wanted = wanted_device();

		for (uint64_t i = 0; i < 20000; i++) {
			struct wg_key key = { 0 };
			uint64_t state_before = 0;

			switch (way) {
			case 0: /* made to collide where words are multiplied in turn by a known
				   factor */
				for (size_t at = 0; at < 24; at += 8) {
					uint64_t word = (uint64_t)rand() << 32 ^ (uint64_t)rand();

					store_le64(key.bytes + at, word);
					state_before = (state_before ^ word) * odd;
					state_before ^= state_before >> 32;
				}
				store_le64(key.bytes + 24,
					   UINT64_C(0x12345678) * inverse ^ state_before);
				break;
			case 1: /* few bits apart */
				store_le64(key.bytes, i);
				break;
			case 2:
				store_le64(key.bytes + 24, i << 48);
				break;
			}
			add_pair(wanted, running, &key);
		}
		assert_true(time_to_sync(wanted, running) < 2);
		assert_int_equal(wanted->n_peers, 20000);
	}
}

/* ---- the smallest change --------------------------------------------------------------------- */

enum {
	N_NAMES = 8,
	N_PREFIXES = 6,
	NOBODY = 255,
};

/* Another twin: it knows allowed IPs and endpoints as well. */
struct full_twin {
	bool there[N_NAMES];
	uint8_t preshared[N_NAMES];
	uint16_t keepalive_s[N_NAMES], port[N_NAMES];
	uint8_t owner[N_PREFIXES]; /* of 10.N.0.0/16 */
};

static void leave(struct full_twin *twin, uint8_t name, bool is_peer_gone)
{
	for (size_t i = 0; i < N_PREFIXES; i++)
		if (twin->owner[i] == name)
			twin->owner[i] = NOBODY;
	if (!is_peer_gone)
		return;
	twin->there[name] = false;
	twin->preshared[name] = 0;
	twin->keepalive_s[name] = twin->port[name] = 0;
}

static void carry_out_fully(struct full_twin *twin, const struct wg_device *change)
{
	for (size_t i = 0; i < change->n_peers; i++) {
		const struct wg_peer *peer = peer_at(change, i);
		uint8_t name = peer->public_key.bytes[0];

		if (peer->flags & WG_PEER_REMOVE) {
			leave(twin, name, true);
			continue;
		}
		assert_true(twin->there[name] || !(peer->flags & WG_PEER_UPDATE_ONLY));
		twin->there[name] = true;
		if (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS)
			leave(twin, name, false);
		if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
			twin->preshared[name] = peer->preshared_key.bytes[0];
		if (peer->flags & WG_PEER_HAS_KEEPALIVE)
			twin->keepalive_s[name] = peer->keepalive_s;
		if (peer->endpoint.addr.sa.sa_family)
			twin->port[name] = peer->endpoint.addr.v4.sin_port;
		for (size_t j = 0; j < peer->n_allowed_ips; j++) {
			uint8_t *owner = &twin->owner[peer->allowed_ips[j].cidr.addr.bytes[1]];

			if (!peer->allowed_ips[j].remove)
				*owner = name;
			else if (*owner == name)
				*owner = NOBODY;
		}
	}
}

static const struct full_twin empty_twin = { .owner = { NOBODY, NOBODY, NOBODY, NOBODY, NOBODY,
							NOBODY } };

/* Peers that may come again, take each other's allowed IPs and give them up. */
static struct wg_device *made_up_change(void)
{
	struct wg_device *device = wg_device_new();

	for (int n = rand() % 9; n > 0; n--) {
		struct wg_peer *peer = add_peer(device, (uint8_t)(rand() % N_NAMES));

		if (rand() % 3 == 0)
			peer->flags &= ~(uint32_t)WG_PEER_REPLACE_ALLOWED_IPS;
		if (rand() % 3 == 0) {
			peer->preshared_key.bytes[0] = (uint8_t)(rand() % 3);
			peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
		}
		if (rand() % 3 == 0) {
			peer->keepalive_s = (uint16_t)(rand() % 3);
			peer->flags |= WG_PEER_HAS_KEEPALIVE;
		}
		if (rand() % 3 == 0)
			peer->endpoint.addr.v4 =
				(struct sockaddr_in){ .sin_family = AF_INET,
						      .sin_port = (in_port_t)(1 + rand() % 3) };
		for (int i = rand() % 4; i > 0; i--) {
			struct wg_allowed_ip *ip = wg_peer_add_allowed_ip(peer);

			ip->cidr = (struct cidr){ .family = AF_INET, .bits = 16 };
			ip->cidr.addr.bytes[0] = 10;
			ip->cidr.addr.bytes[1] = (uint8_t)(rand() % N_PREFIXES);
			ip->remove = rand() % 5 == 0;
		}
	}
	return device;
}

static bool is_same_peer(const struct full_twin *a, const struct full_twin *b, uint8_t name)
{
	for (size_t i = 0; i < N_PREFIXES; i++)
		if ((a->owner[i] == name) != (b->owner[i] == name))
			return false;
	return a->there[name] == b->there[name] && a->preshared[name] == b->preshared[name] &&
	       a->keepalive_s[name] == b->keepalive_s[name] &&
	       (!b->port[name] || a->port[name] == b->port[name]);
}

static void test_smallest_change(void **state)
{
	(void)state;
	srand(4);
	for (int round = 0; round < 5000; round++) {
		AUTO(wg_device_auto_free) struct wg_device *first = made_up_change();
		AUTO(wg_device_auto_free) struct wg_device *file = made_up_change();
		AUTO(wg_device_auto_free) struct wg_device *running = wg_device_settle(first);
		AUTO(wg_device_auto_free) struct wg_device *wanted = wg_device_settle(file);
		AUTO(wg_device_auto_free) struct wg_device *change = NULL, *nothing = NULL;
		struct full_twin before = empty_twin, after = empty_twin, is = empty_twin;
		bool is_mentioned[N_NAMES] = { 0 };

		carry_out_fully(&before, first);
		carry_out_fully(&is, running);
		assert_memory_equal(&before, &is, sizeof(is));
		carry_out_fully(&after, file);
		is = empty_twin;
		carry_out_fully(&is, wanted);
		assert_memory_equal(&after, &is, sizeof(is));

		change = wg_device_diff(wanted, running);
		is = before;
		carry_out_fully(&is, change);
		for (size_t i = 0; i < change->n_peers; i++) {
			uint8_t name = peer_at(change, i)->public_key.bytes[0];

			assert_false(is_mentioned[name]);
			is_mentioned[name] = true;
		}
		for (uint8_t name = 0; name < N_NAMES; name++) {
			assert_true(is_same_peer(&is, &after, name));
			if (before.there[name] && after.there[name] && !after.port[name])
				assert_int_equal(is.port[name], before.port[name]);
			/* What another peer takes it loses without being mentioned, or with. */
			if (is_same_peer(&before, &after, name))
				assert_false(is_mentioned[name]);
		}
		nothing = wg_device_diff(wanted, wanted);
		assert_int_equal(nothing->n_peers, 0);
		assert_int_equal(nothing->flags, 0);
	}
}

static void test_only_what_is_given_changes_the_interface(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *wanted = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *none = NULL, *same = NULL, *all = NULL;

	(void)state;
	strcpy(running->name, "wg0");
	running->private_key.bytes[5] = 7;
	wg_key_clamp(&running->private_key);
	running->listen_port = 1234;
	running->fwmark = 5;
	none = wg_device_diff(wanted, running);
	assert_string_equal(none->name, "wg0");
	assert_int_equal(none->flags, 0);

	/* A key before clamping, and a port that the device has chosen, are no difference. */
	wanted->flags =
		WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	wanted->private_key.bytes[5] = 7;
	wanted->fwmark = 5;
	same = wg_device_diff(wanted, running);
	assert_int_equal(same->flags, 0);

	wanted->private_key.bytes[5] = 8;
	wanted->listen_port = 99;
	wanted->fwmark = 0;
	all = wg_device_diff(wanted, running);
	assert_int_equal(all->flags, wanted->flags);
	assert_int_equal(all->private_key.bytes[5], 8);
	assert_int_equal(all->listen_port, 99);
	assert_int_equal(all->fwmark, 0);
}

static void test_the_own_key_is_no_peers(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *wanted = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *change = NULL;

	(void)state;
	running->private_key.bytes[5] = 7;
	running->public_key.bytes[0] = 3;
	add_peer(wanted, 3);
	add_peer(wanted, 4);
	change = wg_device_diff(wanted, running);
	assert_int_equal(change->n_peers, 1);
	assert_int_equal(peer_at(change, 0)->public_key.bytes[0], 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers_gone_are_removed_first),
		cmocka_unit_test(test_what_the_file_leaves_out_is_reset),
		cmocka_unit_test(test_no_peers_on_a_side_is_plain_replacing),
		cmocka_unit_test(test_same_result_as_replacing),
		cmocka_unit_test(test_chosen_keys_cost_no_more),
		cmocka_unit_test(test_smallest_change),
		cmocka_unit_test(test_only_what_is_given_changes_the_interface),
		cmocka_unit_test(test_the_own_key_is_no_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
