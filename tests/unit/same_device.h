#ifndef TESTS_UNIT_SAME_DEVICE_H
#define TESTS_UNIT_SAME_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/model/device.h"

/* Devices and peers compared in all that they say. */

static inline void assert_text_equal(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static inline void assert_peer_equal(const struct wg_peer *a, const struct wg_peer *b)
{
	assert_memory_equal(&a->public_key, &b->public_key, WG_KEY_LEN);
	assert_memory_equal(&a->preshared_key, &b->preshared_key, WG_KEY_LEN);
	assert_memory_equal(&a->endpoint.addr, &b->endpoint.addr, sizeof(a->endpoint.addr));
	assert_text_equal(a->endpoint.host, b->endpoint.host);
	assert_text_equal(a->endpoint.service, b->endpoint.service);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->keepalive_s, b->keepalive_s);
	assert_int_equal(a->last_handshake_s, b->last_handshake_s);
	assert_int_equal(a->last_handshake_ns, b->last_handshake_ns);
	assert_true(a->rx_bytes == b->rx_bytes && a->tx_bytes == b->tx_bytes);
	assert_text_equal(a->label, b->label);
	assert_int_equal(a->n_allowed_ips, b->n_allowed_ips);
	for (uint32_t i = 0; i < a->n_allowed_ips; i++) {
		assert_true(cidr_equal(&a->allowed_ips[i].cidr, &b->allowed_ips[i].cidr));
		assert_int_equal(a->allowed_ips[i].remove, b->allowed_ips[i].remove);
	}
}

static inline void assert_same_device(const struct wg_device *a, const struct wg_device *b)
{
	struct wg_peers left = { .device = a }, right = { .device = b };

	assert_string_equal(a->name, b->name);
	assert_int_equal(a->flags, b->flags);
	assert_memory_equal(&a->private_key, &b->private_key, WG_KEY_LEN);
	assert_memory_equal(&a->public_key, &b->public_key, WG_KEY_LEN);
	assert_int_equal(a->fwmark, b->fwmark);
	assert_int_equal(a->listen_port, b->listen_port);
	assert_text_equal(a->label, b->label);
	assert_int_equal(a->n_peers, b->n_peers);
	for (size_t i = 0; i < a->n_peers; i++)
		assert_peer_equal(wg_peers_next(&left), wg_peers_next(&right));
	wg_peers_fini(&left);
	wg_peers_fini(&right);
}

#endif
