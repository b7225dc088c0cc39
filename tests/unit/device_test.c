/* Devices as plain data: what is added stays, and what goes is wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/model/device.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

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

	(void)state;
	for (uint16_t i = 0; i < 1000; i++)
		wg_device_add_peer(device)->keepalive_s = i;
	assert_int_equal(device->n_peers, 1000);
	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(device->peers[i].keepalive_s, i);
}

static void test_reserved_peers_do_not_move(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct wg_peer *first;

	(void)state;
	wg_device_add_peer(device)->keepalive_s = 7;
	wg_device_reserve_peers(device, 100);
	assert_int_equal(device->n_peers, 1);
	first = device->peers;
	assert_int_equal(first->keepalive_s, 7);
	while (device->n_peers < 100)
		wg_device_add_peer(device);
	assert_ptr_equal(device->peers, first);
	wg_device_reserve_peers(device, 5); /* less than there are: nothing happens */
	assert_ptr_equal(device->peers, first);
}

static void test_outgrown_peers_are_wiped(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();

	(void)state;
	do
		wg_device_add_peer(device);
	while (device->n_peers < device->peers_cap);
	n_wiped_bytes = 0;
	wg_device_add_peer(device);
	assert_int_equal(n_wiped_bytes, (device->n_peers - 1) * sizeof(struct wg_peer));
}

static void test_free_wipes(void **state)
{
	struct wg_device *device = wg_device_new();

	(void)state;
	wg_device_add_peer(device)->label = mem_strdup("x");
	wg_device_add_peer(device);
	n_wiped_bytes = 0;
	wg_device_free(device);
	assert_true(n_wiped_bytes >= sizeof(struct wg_device) + 2 * sizeof(struct wg_peer));
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
		cmocka_unit_test(test_reserved_peers_do_not_move),
		cmocka_unit_test(test_outgrown_peers_are_wiped),
		cmocka_unit_test(test_free_wipes),
		cmocka_unit_test(test_allowed_ips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
