/* All peers of a tunnel: see peers.h. A chained hash that doubles; it owns its buckets alone. */
#include "datapath/engine/peers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/blake2s.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

enum {
	FEWEST_BUCKETS = 16
};

static struct peer **bucket_of(const struct peers *peers, const struct wg_key *public_key)
{
	uint8_t mac[BLAKE2S_MAC_LEN];

	blake2s_mac(mac, peers->hash_key.bytes, WG_KEY_LEN, public_key->bytes, WG_KEY_LEN);
	return &peers->buckets[load_le64(mac) & (peers->n_buckets - 1)];
}

void peers_init(struct peers *peers, const struct wg_key *hash_key)
{
	*peers = (struct peers){ .hash_key = *hash_key, .n_buckets = FEWEST_BUCKETS };
	peers->buckets = mem_alloc(peers->n_buckets, sizeof(peers->buckets[0]));
}

void peers_fini(struct peers *peers)
{
	assert(!peers->n);
	free(peers->buckets);
	mem_wipe(peers, sizeof(*peers));
}

static void chain(struct peers *peers, struct peer *peer)
{
	struct peer **bucket = bucket_of(peers, &peer->remote.public_key);

	peer->hash_next = *bucket;
	*bucket = peer;
}

static void grow(struct peers *peers)
{
	free(peers->buckets);
	peers->n_buckets *= 2;
	peers->buckets = mem_alloc(peers->n_buckets, sizeof(peers->buckets[0]));
	for (struct peer *peer = peers->first; peer; peer = peer->after)
		chain(peers, peer);
}

void peers_add(struct peers *peers, struct peer *peer)
{
	assert(peers->n < PEERS_MAX && !peers_find(peers, &peer->remote.public_key));
	if (peers->n >= peers->n_buckets)
		grow(peers);
	chain(peers, peer);
	peer->before = peers->last;
	peer->after = NULL;
	if (peers->last)
		peers->last->after = peer;
	else
		peers->first = peer;
	peers->last = peer;
	peers->n++;
}

void peers_remove(struct peers *peers, struct peer *peer)
{
	struct peer **link = bucket_of(peers, &peer->remote.public_key);

	while (*link != peer)
		link = &(*link)->hash_next;
	*link = peer->hash_next;
	*(peer->before ? &peer->before->after : &peers->first) = peer->after;
	*(peer->after ? &peer->after->before : &peers->last) = peer->before;
	peers->n--;
}

struct peer *peers_find(const struct peers *peers, const struct wg_key *public_key)
{
	struct peer *peer = *bucket_of(peers, public_key);

	/* Public keys are no secrets. */
	while (peer && memcmp(&peer->remote.public_key, public_key, sizeof(*public_key)) != 0)
		peer = peer->hash_next;
	return peer;
}
