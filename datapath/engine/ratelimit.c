/*
 * Token buckets in a hash table with chains. A bucket is told in time: it holds up to BUCKET_MAX
 * nanoseconds, fills by one in each, and a message takes PRICE of them.
 *
 * Entries stand in one array that doubles up to RATELIMIT_MAX_SOURCES and is given back when all
 * sources are forgotten; chains and the list of free entries link them by index plus one, so that
 * 0 is the end. So a flood costs a bounded number of allocations, and a quiet limiter next to no
 * memory. One thread.
 */
#include "datapath/engine/ratelimit.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/blake2s.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

#define PRICE (SEC(1) / RATELIMIT_PER_SECOND)
#define BUCKET_MAX (RATELIMIT_BURST * PRICE)
#define FORGET_AFTER SEC(1) /* without a message; the bucket is full much earlier */

enum {
	CAP_MIN = 256 /* a power of two, as RATELIMIT_MAX_SOURCES is */
};

/* An IPv4 address or the first half of an IPv6 address. */
struct source {
	uint8_t family;
	uint8_t address[8];
};

struct entry {
	struct source source;
	uint32_t hash;
	uint32_t next; /* in its chain, or among the free */
	span_ns tokens;
	mono_ns last;
};

struct ratelimiter {
	struct wg_key hash_key;
	struct entry *entries; /* NULL while there are no sources */
	uint32_t *chains;      /* as many as entries */
	uint32_t cap, n;
	uint32_t free; /* the first that is */
};

struct ratelimiter *ratelimiter_new(const struct wg_key *hash_key)
{
	struct ratelimiter *limiter = mem_alloc(1, sizeof(*limiter));

	limiter->hash_key = *hash_key;
	return limiter;
}

static void forget_all(struct ratelimiter *limiter)
{
	free(limiter->entries);
	free(limiter->chains);
	limiter->entries = NULL;
	limiter->chains = NULL;
	limiter->cap = limiter->n = 0;
	limiter->free = 0;
}

void ratelimiter_free(struct ratelimiter *limiter)
{
	if (!limiter)
		return;
	forget_all(limiter);
	wg_key_wipe(&limiter->hash_key);
	free(limiter);
}

size_t ratelimit_sources(const struct ratelimiter *limiter)
{
	return limiter->n;
}

static struct source source_of(const union sockaddr_ip *from)
{
	struct source source = { .family = (uint8_t)from->sa.sa_family };

	assert(from->sa.sa_family == AF_INET || from->sa.sa_family == AF_INET6);
	if (from->sa.sa_family == AF_INET)
		memcpy(source.address, &from->v4.sin_addr, sizeof(from->v4.sin_addr));
	else
		memcpy(source.address, &from->v6.sin6_addr, sizeof(source.address));
	return source;
}

static uint32_t hash_of(const struct ratelimiter *limiter, const struct source *source)
{
	uint8_t mac[BLAKE2S_MAC_LEN];

	blake2s_mac(mac, limiter->hash_key.bytes, sizeof(limiter->hash_key.bytes), source,
		    sizeof(*source));
	return load_le32(mac);
}

static uint32_t *chain_of(struct ratelimiter *limiter, uint32_t hash)
{
	return &limiter->chains[hash & (limiter->cap - 1)];
}

/* Doubles the room, and makes the chains anew. */
static void grow(struct ratelimiter *limiter)
{
	uint32_t old_cap = limiter->cap, cap = old_cap ? 2 * old_cap : CAP_MIN;
	struct entry *entries = mem_alloc(cap, sizeof(*entries));

	if (old_cap)
		memcpy(entries, limiter->entries, old_cap * sizeof(*entries));
	free(limiter->entries);
	free(limiter->chains);
	limiter->entries = entries;
	limiter->chains = mem_alloc(cap, sizeof(*limiter->chains));
	limiter->cap = cap;
	for (uint32_t i = 0; i < old_cap; i++) { /* none of them is free, or else why grow */
		uint32_t *chain = chain_of(limiter, entries[i].hash);

		entries[i].next = *chain;
		*chain = i + 1;
	}
	for (uint32_t i = old_cap; i < cap; i++) {
		entries[i].next = limiter->free;
		limiter->free = i + 1;
	}
}

static struct entry *find(struct ratelimiter *limiter, const struct source *source, uint32_t hash)
{
	if (!limiter->cap)
		return NULL;
	for (uint32_t at = *chain_of(limiter, hash); at; at = limiter->entries[at - 1].next) {
		struct entry *entry = &limiter->entries[at - 1];

		if (entry->hash == hash && memcmp(&entry->source, source, sizeof(*source)) == 0)
			return entry;
	}
	return NULL;
}

/* A new source with a full bucket, or NULL if there are too many. */
static struct entry *add(struct ratelimiter *limiter, const struct source *source, uint32_t hash,
			 mono_ns now)
{
	struct entry *entry;
	uint32_t *chain, at;

	if (limiter->n >= RATELIMIT_MAX_SOURCES)
		return NULL;
	if (!limiter->free)
		grow(limiter);
	at = limiter->free;
	entry = &limiter->entries[at - 1];
	limiter->free = entry->next;
	chain = chain_of(limiter, hash);
	*entry = (struct entry){ *source, hash, *chain, BUCKET_MAX, now };
	*chain = at;
	limiter->n++;
	return entry;
}

bool ratelimit_allow(struct ratelimiter *limiter, const union sockaddr_ip *from, mono_ns now)
{
	struct source source = source_of(from);
	uint32_t hash = hash_of(limiter, &source);
	struct entry *entry = find(limiter, &source, hash);

	if (!entry)
		entry = add(limiter, &source, hash, now);
	if (!entry)
		return false;
	/* Compared before it is added: who knows how long ago that was. */
	if (now - entry->last >= BUCKET_MAX - entry->tokens)
		entry->tokens = BUCKET_MAX;
	else
		entry->tokens += now - entry->last;
	entry->last = now;
	if (entry->tokens < PRICE)
		return false;
	entry->tokens -= PRICE;
	return true;
}

void ratelimit_collect(struct ratelimiter *limiter, mono_ns now)
{
	for (uint32_t i = 0; i < limiter->cap; i++) {
		uint32_t *at = &limiter->chains[i];

		while (*at) {
			struct entry *entry = &limiter->entries[*at - 1];
			uint32_t this = *at;

			if (now - entry->last < FORGET_AFTER) {
				at = &entry->next;
				continue;
			}
			*at = entry->next;
			entry->next = limiter->free;
			limiter->free = this;
			limiter->n--;
		}
	}
	if (!limiter->n)
		forget_all(limiter);
}
