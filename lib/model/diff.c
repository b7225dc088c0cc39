/*
 * Running + wanted -> the change: see diff.h. The wanted peers go into a hash table of their places
 * and the running ones are looked up in it, so the time is linear, and a table of 100,000 takes a
 * megabyte. What is wanted twice is in it once, by its first mention.
 *
 * Peers choose their keys, and whoever knows how keys are hashed can choose thousands that collide.
 * So the hash has random factors, anew for each table.
 */
#include "lib/model/diff.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/util/cleanup.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

#define SLOT_EMPTY UINT32_MAX /* no place is that */

enum {
	N_FACTORS = WG_KEY_LEN / 4
};

struct table {
	struct wg_peers wanted; /* what a slot points at is read through this */
	uint32_t *slots;        /* places; a power of two, at most half of them in use */
	size_t mask;
	uint64_t factors[N_FACTORS]; /* of the hash */
};

static void table_fini(struct table *table)
{
	wg_peers_fini(&table->wanted);
	free(table->slots);
}

/* Public keys: no need for constant time here. */
static bool same_key(const struct wg_peer *a, const struct wg_peer *b)
{
	return !memcmp(&a->public_key, &b->public_key, sizeof(a->public_key));
}

static void choose_factors(struct table *table)
{
	/* Before the kernel has any, early at boot, those that everyone knows must do. */
	for (size_t i = 0; i < N_FACTORS; i++)
		table->factors[i] = (2 * i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	(void)!getrandom(table->factors, sizeof(table->factors), GRND_NONBLOCK);
}

/* The upper half of a sum of products: what two keys share there, they share by chance. */
static size_t hash(const struct table *table, const struct wg_peer *peer)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < N_FACTORS; i++)
		sum += table->factors[i] * load_le32(peer->public_key.bytes + 4 * i);
	return sum >> 32;
}

/* The wanted peer of that key, or NULL; *slot is where it is or belongs. */
static const struct wg_peer *look_up(struct table *table, size_t *slot, const struct wg_peer *peer)
{
	for (size_t at = hash(table, peer);; at++) {
		const struct wg_peer *found;

		*slot = at & table->mask;
		if (table->slots[*slot] == SLOT_EMPTY)
			return NULL;
		found = wg_peers_at(&table->wanted, table->slots[*slot]);
		if (same_key(found, peer))
			return found;
	}
}

static void table_init(struct table *table, const struct wg_device *wanted)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = wanted };
	const struct wg_peer *peer;
	size_t n = 4, slot;

	while (n < wanted->n_peers * 2)
		n *= 2;
	*table = (struct table){
		.wanted.device = wanted,
		.slots = mem_alloc(n, sizeof(*table->slots)),
		.mask = n - 1,
	};
	memset(table->slots, 0xff, n * sizeof(*table->slots));
	choose_factors(table);
	while ((peer = wg_peers_next(&peers)))
		if (!look_up(table, &slot, peer))
			table->slots[slot] = peers.place;
}

/* What the file leaves out of a peer that stays goes back to its default. */
static uint32_t reset_what_is_missing(const struct wg_peer *wanted, const struct wg_peer *running)
{
	uint32_t flags = wanted->flags;

	if (!wg_key_is_zero(&running->preshared_key))
		flags |= WG_PEER_HAS_PRESHARED_KEY;
	if (running->keepalive_s)
		flags |= WG_PEER_HAS_KEEPALIVE;
	return flags;
}

/* The greatest first: the original's order, which a daemon's log or a test may have kept. */
static int compare_keys(const void *a, const void *b)
{
	return memcmp(b, a, sizeof(struct wg_key));
}

static void prepend_removals(struct wg_device *device, struct wg_key *keys, size_t n)
{
	AUTO(wg_device_auto_free) struct wg_device *gone = wg_device_new();

	if (n)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < n; i++) {
		struct wg_peer *peer = wg_device_add_peer(gone);

		peer->public_key = keys[i];
		peer->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REMOVE;
	}
	wg_device_prepend_peers(device, gone);
}

void wg_device_sync(struct wg_device *wanted, const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	AUTO(table_fini) struct table table = { 0 };
	AUTO(auto_free) struct wg_key *gone = NULL;
	const struct wg_peer *have, *want;
	size_t n_gone = 0, gone_cap = 0, slot;

	if (!wanted->n_peers || !running->n_peers)
		return;
	table_init(&table, wanted);
	while ((have = wg_peers_next(&peers))) {
		want = look_up(&table, &slot, have);
		if (want) {
			wg_device_set_peer_flags(wanted, table.slots[slot],
						 reset_what_is_missing(want, have));
			continue;
		}
		gone = mem_grow(gone, &gone_cap, n_gone + 1, sizeof(*gone));
		gone[n_gone++] = have->public_key;
	}
	wanted->flags &= ~(uint32_t)WG_DEVICE_REPLACE_PEERS;
	prepend_removals(wanted, gone, n_gone);
}
