#ifndef LIB_MODEL_PACKED_H
#define LIB_MODEL_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "lib/model/device.h"

/*
 * Private to this room: a peer in as few bytes as it needs, for a device that holds 100,000 of
 * them. What a peer does not have takes no room.
 */

enum {
	PACKED_FLAGS_AT = 0, /* enum wg_peer_flags, one byte: may be changed in place */
};

/** The most bytes that packed_write() can need for this peer. */
size_t packed_max(const struct wg_peer *peer);

/** Writes a peer; returns the end of what was written. */
uint8_t *packed_write(uint8_t *out, const struct wg_peer *peer);

/**
 * Reads a peer that packed_write() wrote; returns the end of what was read. The peer's array of
 * allowed IPs, which is its own, is used again and grows as needed. Names, services and labels
 * point into the packed bytes: they are neither to be changed nor to be freed.
 */
const uint8_t *packed_read(struct wg_peer *out, const uint8_t *in);

#endif
