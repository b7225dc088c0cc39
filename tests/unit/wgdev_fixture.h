#ifndef TESTS_UNIT_WGDEV_FIXTURE_H
#define TESTS_UNIT_WGDEV_FIXTURE_H

/* Devices for the tests of wgdev's parts. Include it after cmocka.h. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/model/device.h"

static inline struct cidr cidr_of(const char *text)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(&cidr, NULL, text, NULL), 0);
	return cidr;
}

static inline struct wg_key key_of(unsigned int n)
{
	struct wg_key key = { .bytes = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), 1 } };

	return key;
}

static inline struct wg_peer *add_peer(struct wg_device *device, unsigned int n)
{
	struct wg_peer *peer = wg_device_add_peer(device);

	peer->public_key = key_of(n);
	peer->flags = WG_PEER_HAS_PUBLIC_KEY;
	return peer;
}

static inline void add_ip(struct wg_peer *peer, const char *text, bool remove)
{
	struct wg_allowed_ip *ip = wg_peer_add_allowed_ip(peer);

	ip->cidr = cidr_of(text);
	ip->remove = remove;
}

#endif
