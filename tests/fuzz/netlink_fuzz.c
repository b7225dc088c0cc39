/*
 * What the kernel answers, read: one datagram, whose first byte chooses the reader. A device that
 * could be read is written as a change and read again: nothing may be lost between.
 */
#include <assert.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/wgdev_codec.h"
#include "lib/netlink/wgdev_removals.h"
#include "lib/util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_peer(const struct wg_peer *a, const struct wg_peer *b)
{
	assert(wg_key_equal(&a->public_key, &b->public_key));
	assert(wg_key_equal(&a->preshared_key, &b->preshared_key));
	assert(a->flags == b->flags && a->keepalive_s == b->keepalive_s);
	assert(sockaddr_ip_equal(&a->endpoint.addr, &b->endpoint.addr));
	assert(a->n_allowed_ips == b->n_allowed_ips);
	for (uint32_t i = 0; i < a->n_allowed_ips; i++) {
		const struct cidr *cidr = &a->allowed_ips[i].cidr;

		assert(cidr->bits <= cidr_max_bits(cidr->family));
		assert(cidr_equal(cidr, &b->allowed_ips[i].cidr));
	}
}

static void check_round_trip(const struct wg_device *device)
{
	AUTO(wg_device_auto_free) struct wg_device *again = wg_device_new();
	const struct wgdev_reader reader = { .take = wgdev_decode_device, .ctx = again };
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = device, .peers.device = device };
	AUTO(wg_peers_fini) struct wg_peers a = { .device = device }, b = { .device = again };
	_Alignas(8) uint8_t buf[WGDEV_MESSAGE_MIN];
	bool done;

	while (wgdev_encode_next(&encoder, buf, sizeof(buf), NLMSG_MIN_TYPE, 1)) {
		uint32_t len = ((const struct nlmsghdr *)buf)->nlmsg_len;

		assert(len <= sizeof(buf));
		assert(wgdev_read_reply(&done, buf, len, 1, &reader, NULL) == 0);
	}
	assert(again->n_peers == device->n_peers && again->fwmark == device->fwmark);
	assert(again->listen_port == device->listen_port);
	assert(wg_key_equal(&again->private_key, &device->private_key));
	for (size_t i = 0; i < device->n_peers; i++)
		check_peer(wg_peers_next(&a), wg_peers_next(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(strlist_fini) struct strlist names = { 0 };
	uint16_t family = 0;
	const struct wgdev_reader readers[] = {
		{ .take = wgdev_decode_device, .ctx = device },
		{ .take = wgdev_decode_link, .ctx = &names },
		{ .take = wgdev_decode_family, .ctx = &family },
	};
	AUTO(auto_free) uint8_t *aligned = NULL;
	struct err err = { 0 };
	uint32_t seq = 0;
	bool done;
	int r;

	if (!len || data[0] > 2)
		return 0;
	/* Exactly as long, for the sanitizer to see a step beyond. */
	aligned = malloc(len > 1 ? len - 1 : 1);
	memcpy(aligned, data + 1, len - 1);
	if (len > sizeof(struct nlmsghdr))
		seq = ((const struct nlmsghdr *)aligned)->nlmsg_seq;
	r = wgdev_read_reply(&done, aligned, len - 1, seq, &readers[data[0]], &err);
	assert(r <= 0 && err.code == r);
	if (!r && data[0] == 0)
		check_round_trip(device);
	return 0;
}
