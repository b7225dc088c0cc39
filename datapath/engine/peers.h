#ifndef DATAPATH_ENGINE_PEERS_H
#define DATAPATH_ENGINE_PEERS_H

#include <stddef.h>

#include "datapath/engine/peer.h"
#include "lib/model/key.h"

enum {
	PEERS_MAX = 1 << 20
};

/**
 * All peers of a tunnel: by public key, and in the order they were added. The hash is keyed, for
 * public keys are chosen by strangers. Peers are linked in, not owned.
 */
struct peers {
	struct wg_key hash_key;
	struct peer **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;
	struct peer *first, *last;
};

/** hash_key: 32 random bytes. */
void peers_init(struct peers *peers, const struct wg_key *hash_key);
/** All must have been removed. */
void peers_fini(struct peers *peers);

/** The peer must not be there; there must be fewer than PEERS_MAX. */
void peers_add(struct peers *peers, struct peer *peer);
void peers_remove(struct peers *peers, struct peer *peer);
/** NULL if there is none with that public key. */
struct peer *peers_find(const struct peers *peers, const struct wg_key *public_key);

#endif
