/* Snapshots: rates between two, peers found again in any order, and the orders of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg/watch_snapshot.h"
#include "lib/util/cleanup.h"

static struct wg_peer *add_peer(struct wg_device *device, uint8_t key, uint64_t rx, uint64_t tx)
{
	struct wg_peer *peer = wg_device_add_peer(device);

	memset(peer->public_key.bytes, key, WG_KEY_LEN);
	peer->rx_bytes = rx;
	peer->tx_bytes = tx;
	return peer;
}

/* A device of one peer. */
static struct watch_snapshot *one(uint64_t rx, uint64_t tx, mono_ns taken)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();

	add_peer(device, 1, rx, tx);
	return watch_snapshot_new(device, taken);
}

static void test_rates(void **state)
{
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = one(1000, 50, SEC(10));
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *after = one(4000, 50, SEC(12));
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *later = one(4000, 51, SEC(13));

	(void)state;
	assert_false(before->has_rates);
	assert_false(before->peers[0].has_rates);
	assert_false(watch_snapshot_follow(after, before));
	assert_true(after->has_rates && after->peers[0].has_rates);
	assert_int_equal(after->peers[0].rx_rate, 1500);
	assert_int_equal(after->peers[0].tx_rate, 0);
	assert_int_equal(after->rx_rate, 1500);
	assert_int_equal(after->peers[0].sent, 0);
	watch_snapshot_follow(later, after);
	assert_int_equal(later->peers[0].tx_rate, 1);
	assert_int_equal(later->peers[0].sent, SEC(13));
}

static void test_counters_that_go_back(void **state)
{
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = one(1000, 500, SEC(10));
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *after = one(10, 700, SEC(12));
	AUTO(watch_snapshot_auto_free)
	struct watch_snapshot *wild = one(UINT64_MAX, 700, SEC(12) + 1);

	(void)state;
	watch_snapshot_follow(after, before);
	assert_false(after->peers[0].has_rates);
	assert_int_equal(after->rx_rate, 0);
	assert_int_equal(after->tx_rate, 0);
	watch_snapshot_follow(wild, after);
	assert_true(wild->peers[0].rx_rate >= UINT64_C(10000000000000000000));
}

static void test_no_time_between(void **state)
{
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = one(0, 0, SEC(10));
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *after = one(5, 5, SEC(10));

	(void)state;
	watch_snapshot_follow(after, before);
	assert_false(after->has_rates);
	assert_false(after->peers[0].has_rates);
}

enum {
	N_MANY = 300
};

/* Many peers in random order, some of which come and go: the stupid twin looks at all of them. */
static void test_twin(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 50; round++) {
		AUTO(wg_device_auto_free) struct wg_device *a = wg_device_new();
		AUTO(wg_device_auto_free) struct wg_device *b = wg_device_new();
		AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = NULL;
		AUTO(watch_snapshot_auto_free) struct watch_snapshot *after = NULL;
		bool any_new = false;

		/* 200 keys in 300 places: some are there twice. */
		for (int i = 0; i < N_MANY; i++) {
			add_peer(a, (uint8_t)(rand() % 200), (uint64_t)(rand() % 1000), 0);
			add_peer(b, (uint8_t)(rand() % 200), (uint64_t)(1000 + rand() % 1000), 0);
		}
		before = watch_snapshot_new(a, SEC(1));
		after = watch_snapshot_new(b, SEC(2));
		bool found_new = watch_snapshot_follow(after, before);

		for (int i = 0; i < N_MANY; i++) {
			const struct watch_peer *peer = &after->peers[i], *then = NULL;

			/* The same place goes first, then the first of that key. */
			if (wg_key_equal(&before->peers[i].key, &peer->key))
				then = &before->peers[i];
			for (int j = 0; j < N_MANY && !then; j++)
				if (wg_key_equal(&before->peers[j].key, &peer->key))
					then = &before->peers[j];
			any_new |= !then;
			assert_int_equal(peer->has_rates, then != NULL);
			if (then)
				assert_int_equal(peer->rx_rate, peer->rx_bytes - then->rx_bytes);
		}
		assert_int_equal(found_new, any_new);
	}
}

static void assert_order(struct watch_snapshot *snapshot, enum watch_sort sort, bool reverse,
			 bool names, const char *wanted)
{
	char found[32] = "";

	watch_snapshot_sort(snapshot, sort, reverse, names);
	for (size_t i = 0; i < snapshot->n_peers; i++)
		found[i] = (char)('0' + snapshot->peers[snapshot->order[i]].key.bytes[0]);
	assert_string_equal(found, wanted);
}

static void test_orders(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *old = wg_device_new();
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *snapshot = NULL;
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = NULL;
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	struct wg_peer *peer;

	(void)state;
	for (uint8_t key = 5; key > 0; key--)
		add_peer(old, key, 0, 0);
	add_peer(device, 5, 10, 0)->last_handshake_s = 100;
	add_peer(device, 4, 0, 0);
	add_peer(device, 3, 10, 10)->last_handshake_s = 300;
	peer = add_peer(device, 2, 0, 500);
	peer->last_handshake_s = 300;
	peer->last_handshake_ns = 1;
	add_peer(device, 1, 0, 0);
	before = watch_snapshot_new(old, SEC(1));
	snapshot = watch_snapshot_new(device, SEC(2));
	watch_snapshot_follow(snapshot, before);
	for (size_t i = 0; i < 3; i++) {
		static const char *const of[] = { "peer10", "peer2", "10" };
		char text[WG_KEY_BASE64_LEN + 32] = "";

		wg_key_format(text, &snapshot->peers[i].key);
		sprintf(text + WG_KEY_BASE64_LEN, " %s\n", of[i]);
		conf_names_add_list(&names, text, strlen(text));
	}
	watch_snapshot_name(snapshot, &names);
	assert_true(snapshot->any_named);
	assert_false(snapshot->all_named);
	assert_int_equal(snapshot->name_width, 6);
	assert_order(snapshot, WATCH_SORT_HANDSHAKE, false, true, "23514");
	assert_order(snapshot, WATCH_SORT_HANDSHAKE, true, true, "41532");
	assert_order(snapshot, WATCH_SORT_RATE, false, true, "23514");
	/* Numbers by their value, the nameless at the end. */
	assert_order(snapshot, WATCH_SORT_NAME, false, true, "34512");
	assert_order(snapshot, WATCH_SORT_NAME, false, false, "12345");
	assert_order(snapshot, WATCH_SORT_NAME, true, false, "54321");
}

static void test_allowed_ips(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *snapshot = NULL;
	struct wg_peer *peer = add_peer(device, 1, 0, 0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			cidr_parse(&wg_peer_add_allowed_ip(peer)->cidr, NULL, "10.1.2.0/24", NULL),
			0);
	snapshot = watch_snapshot_new(device, 0);
	assert_int_equal(snapshot->peers[0].n_allowed_ips, 1000);
	assert_true(snapshot->peers[0].n_kept < 100);
	assert_int_equal(snapshot->allowed_ip_width, strlen("10.1.2.0/24+"));
}

static void test_empty(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(watch_snapshot_auto_free)
	struct watch_snapshot *before = watch_snapshot_new(device, 1);
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *full = one(1, 1, SEC(1));
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *after = NULL;

	(void)state;
	assert_true(watch_snapshot_follow(full, before));
	after = watch_snapshot_new(device, SEC(2));
	assert_false(watch_snapshot_follow(after, full));
	watch_snapshot_sort(after, WATCH_SORT_RATE, true, true);
	watch_snapshot_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_counters_that_go_back),
		cmocka_unit_test(test_no_time_between),
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_allowed_ips),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
