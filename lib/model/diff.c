/*
 * Running + wanted -> the change: see diff.h. Both lists are sorted by public key and walked side
 * by side, so 100,000 peers take n log n.
 */
#include "lib/model/diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

/* Public keys: no need for constant time here. */
static int compare_keys(const struct wg_peer *a, const struct wg_peer *b)
{
	return memcmp(&a->public_key, &b->public_key, sizeof(a->public_key));
}

/* By key; the same peer twice in one file keeps its order. */
static int compare_peers(const void *a, const void *b)
{
	const struct wg_peer *const *left = a, *const *right = b;
	int order = compare_keys(*left, *right);

	return order ? order : (*left > *right) - (*left < *right);
}

static struct wg_peer **sorted_peers(const struct wg_device *device)
{
	struct wg_peer **sorted = mem_alloc(device->n_peers, sizeof(*sorted));

	for (size_t i = 0; i < device->n_peers; i++)
		sorted[i] = &device->peers[i];
	qsort(sorted, device->n_peers, sizeof(*sorted), compare_peers);
	return sorted;
}

/* What the file leaves out of a peer that stays goes back to its default. */
static void reset_what_is_missing(struct wg_peer *wanted, const struct wg_peer *running)
{
	if (!(wanted->flags & WG_PEER_HAS_PRESHARED_KEY) &&
	    !wg_key_is_zero(&running->preshared_key))
		wanted->flags |= WG_PEER_HAS_PRESHARED_KEY;
	if (!(wanted->flags & WG_PEER_HAS_KEEPALIVE) && running->keepalive_s)
		wanted->flags |= WG_PEER_HAS_KEEPALIVE;
}

static void prepend_removals(struct wg_device *device, struct wg_peer *const *gone, size_t n_gone)
{
	size_t n_kept = device->n_peers;

	for (size_t i = 0; i < n_gone; i++)
		wg_device_add_peer(device);
	memmove(device->peers + n_gone, device->peers, n_kept * sizeof(*device->peers));
	for (size_t i = 0; i < n_gone; i++)
		device->peers[i] = (struct wg_peer){
			.public_key = gone[i]->public_key,
			.flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REMOVE,
		};
}

void wg_device_sync(struct wg_device *wanted, const struct wg_device *running)
{
	struct wg_peer **want, **have;
	size_t w = 0, h, n_gone = 0;

	if (!wanted->n_peers || !running->n_peers)
		return;
	want = sorted_peers(wanted);
	have = sorted_peers(running);
	for (h = 0; h < running->n_peers; h++) {
		while (w < wanted->n_peers && compare_keys(want[w], have[h]) < 0)
			w++;
		if (w < wanted->n_peers && !compare_keys(want[w], have[h]))
			reset_what_is_missing(want[w], have[h]);
		else
			have[n_gone++] = have[h];
	}
	wanted->flags &= ~(uint32_t)WG_DEVICE_REPLACE_PEERS;
	prepend_removals(wanted, have, n_gone);
	free(want);
	free(have);
}
