#ifndef TESTS_UNIT_PEER_AT_H
#define TESTS_UNIT_PEER_AT_H

#include <assert.h>

#include "lib/model/device.h"

/*
 * Peer number i of a device, as tests ask for it. Valid until it has been asked for eight others,
 * and as long as the device.
 */
__attribute__((unused)) static const struct wg_peer *peer_at(const struct wg_device *device,
							     size_t i)
{
	static struct wg_peers walks[8];
	static size_t turn;
	struct wg_peers *walk = &walks[turn++ % 8];
	const struct wg_peer *peer;

	wg_peers_fini(walk);
	*walk = (struct wg_peers){ .device = device };
	do {
		peer = wg_peers_next(walk);
		assert(peer);
	} while (i--);
	return peer;
}

#endif
