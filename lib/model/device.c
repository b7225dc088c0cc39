/*
 * Devices as plain data: see device.h. The device owns its peers. The one added last is a plain
 * struct, which its pointer's holder fills in; those before it are packed (packed.h), one after the
 * other, into blocks that never move, so that nothing is copied or left behind when more come.
 * A peer's place is the number of its block and where in the block it begins.
 */
#include "lib/model/device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/packed.h"
#include "lib/util/mem.h"

enum {
	BLOCK_BITS = 16,
	BLOCK_LEN = 1 << BLOCK_BITS, /* but a peer that is longer gets a block to itself */
	BLOCKS_MAX = 0xffff,         /* more do not fit a place: about 4 GiB */
};

#define PLACE_LAST UINT32_C(0xffff0000) /* the peer that is not packed; it is the last, too */
#define PLACE_END UINT32_C(0xffffffff)

struct wg_block {
	size_t len;
	uint8_t bytes[];
};

struct wg_device *wg_device_new(void)
{
	return mem_alloc(1, sizeof(struct wg_device));
}

/* Empties it but for the array, which is used again. */
static void peer_reset(struct wg_peer *peer)
{
	endpoint_fini(&peer->endpoint);
	free(peer->label);
	*peer = (struct wg_peer){
		.allowed_ips = peer->allowed_ips,
		.allowed_ips_cap = peer->allowed_ips_cap,
	};
}

static void peers_fini(struct wg_device *device)
{
	peer_reset(&device->last);
	free(device->last.allowed_ips);
	for (size_t i = 0; i < device->n_blocks; i++) {
		mem_wipe(device->blocks[i]->bytes, device->blocks[i]->len);
		free(device->blocks[i]);
	}
	free(device->blocks);
}

void wg_device_free(struct wg_device *device)
{
	if (!device)
		return;
	peers_fini(device);
	free(device->label);
	mem_wipe(device, sizeof(*device));
	free(device);
}

void wg_device_auto_free(struct wg_device **device)
{
	wg_device_free(*device);
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* A block with room for `len` bytes at its end. */
static struct wg_block *block_for(struct wg_device *device, size_t len)
{
	struct wg_block *block = device->n_blocks ? device->blocks[device->n_blocks - 1] : NULL;

	if (block && block->len <= BLOCK_LEN && len <= BLOCK_LEN - block->len)
		return block;
	assert(device->n_blocks < BLOCKS_MAX);
	block = malloc(sizeof(*block) + (len < BLOCK_LEN ? BLOCK_LEN : len));
	assert(block);
	block->len = 0;
	device->blocks = mem_grow(device->blocks, &device->blocks_cap, device->n_blocks + 1,
				  sizeof(struct wg_block *));
	device->blocks[device->n_blocks++] = block;
	return block;
}

static void pack_last(struct wg_device *device)
{
	struct wg_block *block;

	if (!device->has_last)
		return;
	block = block_for(device, packed_max(&device->last));
	block->len =
		(size_t)(packed_write(block->bytes + block->len, &device->last) - block->bytes);
	peer_reset(&device->last);
	device->has_last = false;
}

struct wg_peer *wg_device_add_peer(struct wg_device *device)
{
	pack_last(device);
	device->has_last = true;
	device->n_peers++;
	return &device->last;
}

struct wg_peer *wg_device_last_peer(struct wg_device *device)
{
	return device->has_last ? &device->last : NULL;
}

void wg_device_prepend_peers(struct wg_device *device, struct wg_device *first)
{
	pack_last(first);
	assert(device->n_blocks + first->n_blocks <= BLOCKS_MAX);
	if (!first->n_blocks)
		return;
	device->blocks = mem_grow(device->blocks, &device->blocks_cap,
				  device->n_blocks + first->n_blocks, sizeof(struct wg_block *));
	memmove(device->blocks + first->n_blocks, device->blocks,
		device->n_blocks * sizeof(struct wg_block *));
	memcpy(device->blocks, first->blocks, first->n_blocks * sizeof(struct wg_block *));
	device->n_blocks += first->n_blocks;
	device->n_peers += first->n_peers;
	first->n_blocks = first->n_peers = 0;
}

void wg_device_take_peers(struct wg_device *device, struct wg_device *from)
{
	peers_fini(device);
	device->n_peers = from->n_peers;
	device->has_last = from->has_last;
	device->last = from->last;
	device->blocks = from->blocks;
	device->n_blocks = from->n_blocks;
	device->blocks_cap = from->blocks_cap;
	from->n_peers = from->n_blocks = from->blocks_cap = 0;
	from->blocks = NULL;
	from->has_last = false;
	from->last = (struct wg_peer){ 0 };
}

/* ---- walking --------------------------------------------------------------------------------- */

const struct wg_peer *wg_peers_at(struct wg_peers *peers, uint32_t place)
{
	const struct wg_device *device = peers->device;
	const struct wg_block *block;
	size_t number = place >> BLOCK_BITS, end;

	peers->place = place;
	if (place == PLACE_LAST) {
		assert(device->has_last);
		peers->next = PLACE_END;
		return &device->last;
	}
	assert(number < device->n_blocks);
	block = device->blocks[number];
	end = (size_t)(packed_read(&peers->peer, block->bytes + (place & (BLOCK_LEN - 1))) -
		       block->bytes);
	if (end < block->len)
		peers->next = (uint32_t)(number << BLOCK_BITS | end);
	else
		peers->next = (uint32_t)((number + 1) << BLOCK_BITS);
	return &peers->peer;
}

const struct wg_peer *wg_peers_next(struct wg_peers *peers)
{
	if (peers->next >> BLOCK_BITS < peers->device->n_blocks)
		return wg_peers_at(peers, peers->next);
	if (peers->device->has_last && peers->next != PLACE_END)
		return wg_peers_at(peers, PLACE_LAST);
	return NULL;
}

void wg_peers_fini(struct wg_peers *peers)
{
	free(peers->peer.allowed_ips);
	mem_wipe(&peers->peer, sizeof(peers->peer));
	peers->next = 0;
}

void wg_device_set_peer_flags(struct wg_device *device, uint32_t place, uint32_t flags)
{
	struct wg_block *block;

	if (place == PLACE_LAST) {
		device->last.flags = flags;
		return;
	}
	assert(flags <= UINT8_MAX && place >> BLOCK_BITS < device->n_blocks);
	block = device->blocks[place >> BLOCK_BITS];
	block->bytes[(place & (BLOCK_LEN - 1)) + PACKED_FLAGS_AT] = (uint8_t)flags;
}

/* ---- a peer's own ---------------------------------------------------------------------------- */

struct wg_allowed_ip *wg_peer_add_allowed_ip(struct wg_peer *peer)
{
	struct wg_allowed_ip *ip;

	assert(peer->n_allowed_ips < UINT32_MAX);
	peer->allowed_ips = mem_grow(peer->allowed_ips, &peer->allowed_ips_cap,
				     (size_t)peer->n_allowed_ips + 1, sizeof(*peer->allowed_ips));
	ip = &peer->allowed_ips[peer->n_allowed_ips++];
	*ip = (struct wg_allowed_ip){ 0 };
	return ip;
}

void wg_peer_clear_allowed_ips(struct wg_peer *peer)
{
	free(peer->allowed_ips);
	peer->allowed_ips = NULL;
	peer->n_allowed_ips = 0;
	peer->allowed_ips_cap = 0;
}

void wg_peer_copy(struct wg_peer *out, const struct wg_peer *in)
{
	struct wg_allowed_ip *ips = out->allowed_ips;
	size_t cap = out->allowed_ips_cap;

	ips = mem_grow(ips, &cap, in->n_allowed_ips, sizeof(*ips));
	if (in->n_allowed_ips)
		memcpy(ips, in->allowed_ips, in->n_allowed_ips * sizeof(*ips));
	endpoint_fini(&out->endpoint);
	free(out->label);
	*out = *in;
	out->endpoint = (struct endpoint){ 0 };
	endpoint_copy(&out->endpoint, &in->endpoint);
	out->label = mem_strdup(in->label);
	out->allowed_ips = ips;
	out->allowed_ips_cap = cap;
}
