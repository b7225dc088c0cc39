/*
 * Allowed IPs: for each family a binary trie whose nodes are prefixes; a node's children are longer
 * prefixes that begin with it, told apart by their next bit. Paths are compressed: a node without
 * an owner is there only because it has two children. So n prefixes take less than 2n nodes, and a
 * look-up meets at most as many nodes as there are different lengths of prefix on the way.
 *
 * Whole addresses, of which servers have by far the most, are in no trie but in a hash table, open
 * with linear probing and at most half full. There is none longer that could cover the same
 * address, so it is asked first. A look-up among a million touches two lines of memory then, where
 * the trie's way has twenty nodes: 60 ns instead of 790.
 *
 * Both families are kept as numbers of 128 bits, from the top: an IPv4 address is the first 32.
 *
 * Tries and tables own the nodes; those with an owner are in that owner's list, too. One thread.
 */
#include "datapath/engine/allowedips.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/util/endian.h"
#include "lib/util/mem.h"

enum {
	HOST_SLOTS_MIN = 16 /* a power of two, as every size is */
};

struct address {
	uint64_t high, low;
};

struct allowedips_node {
	/* What a look-up needs, close together. */
	struct address address; /* zero beyond its bits */
	struct allowedips_node *child[2];
	struct allowedips_owner *owner; /* NULL: a fork and nothing else */
	uint8_t bits;
	uint8_t family;

	struct allowedips_node *parent;      /* NULL: the root, or a host */
	struct allowedips_node *prev, *next; /* in the owner's list */
};

struct host_slot {
	uint32_t hash;
	struct allowedips_node *node; /* NULL: free */
};

/* The whole addresses of a family. All zero: none. */
struct hosts {
	struct host_slot *slots;
	uint32_t n_slots; /* 0 or a power of two */
	uint32_t n;
};

struct family {
	struct allowedips_node *root; /* of the trie */
	struct hosts hosts;
	uint8_t max_bits;
};

struct allowedips {
	struct family v4, v6;
};

static struct address address_v4(const uint8_t bytes[4])
{
	return (struct address){ (uint64_t)load_be32(bytes) << 32, 0 };
}

static struct address address_v6(const uint8_t bytes[16])
{
	return (struct address){ load_be64(bytes), load_be64(bytes + 8) };
}

static struct address address_of(const struct cidr *prefix)
{
	return prefix->family == AF_INET ? address_v4(prefix->addr.bytes)
					 : address_v6(prefix->addr.bytes);
}

/* The first bits of an address, the others zero. */
static struct address address_first(struct address address, unsigned int bits)
{
	if (bits <= 64) {
		address.low = 0;
		address.high = bits ? address.high >> (64 - bits) << (64 - bits) : 0;
	} else {
		address.low = address.low >> (128 - bits) << (128 - bits);
	}
	return address;
}

/* How many bits two addresses have in common, from the top. */
static unsigned int common_bits(struct address a, struct address b)
{
	if (a.high != b.high)
		return (unsigned int)__builtin_clzll(a.high ^ b.high);
	if (a.low != b.low)
		return 64 + (unsigned int)__builtin_clzll(a.low ^ b.low);
	return 128;
}

/* The bit behind the first `bits` (at most 127): which way to go at a node of that length. */
static unsigned int bit_behind(struct address address, unsigned int bits)
{
	return bits < 64 ? address.high >> (63 - bits) & 1 : address.low >> (127 - bits) & 1;
}

static bool covers(const struct allowedips_node *node, struct address address)
{
	return common_bits(node->address, address) >= node->bits;
}

static struct family *family_of(struct allowedips *ips, uint8_t family)
{
	assert(family == AF_INET || family == AF_INET6);
	return family == AF_INET ? &ips->v4 : &ips->v6;
}

/* ---- owners' lists --------------------------------------------------------------------------- */

static void disown(struct allowedips_node *node)
{
	struct allowedips_owner *owner = node->owner;

	if (node->prev)
		node->prev->next = node->next;
	else
		owner->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
	else
		owner->last = node->prev;
	node->prev = node->next = NULL;
	node->owner = NULL;
	owner->n--;
}

static void own(struct allowedips_owner *owner, struct allowedips_node *node)
{
	node->owner = owner;
	node->prev = owner->last;
	node->next = NULL;
	if (owner->last)
		owner->last->next = node;
	else
		owner->first = node;
	owner->last = node;
	owner->n++;
}

const struct allowedips_node *allowedips_next(const struct allowedips_owner *owner,
					      const struct allowedips_node *node)
{
	return node ? node->next : owner->first;
}

struct cidr allowedips_prefix(const struct allowedips_node *node)
{
	struct cidr prefix = { .family = node->family, .bits = node->bits };

	if (node->family == AF_INET) {
		store_be32(prefix.addr.bytes, (uint32_t)(node->address.high >> 32));
	} else {
		store_be64(prefix.addr.bytes, node->address.high);
		store_be64(prefix.addr.bytes + 8, node->address.low);
	}
	return prefix;
}

/* ---- whole addresses ------------------------------------------------------------------------- */

/* Who configures us chooses the addresses, so there is no need for a secret. */
static uint32_t hash_of(struct address address)
{
	uint64_t hash = address.high ^ address.low * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(hash >> 32);
}

/* The slot of the address, or else the free one where it would go; there is at least one. */
static struct host_slot *host_slot(const struct hosts *hosts, struct address address, uint32_t hash)
{
	uint32_t at = hash & (hosts->n_slots - 1);

	for (;; at = (at + 1) & (hosts->n_slots - 1)) {
		struct host_slot *slot = &hosts->slots[at];

		if (!slot->node ||
		    (slot->hash == hash && common_bits(slot->node->address, address) == 128))
			return slot;
	}
}

static struct allowedips_node *host_find(const struct hosts *hosts, struct address address)
{
	return hosts->n ? host_slot(hosts, address, hash_of(address))->node : NULL;
}

static void hosts_grow(struct hosts *hosts)
{
	struct host_slot *old = hosts->slots;
	uint32_t n_old = hosts->n_slots;

	assert(n_old <= UINT32_MAX / 2);
	hosts->n_slots = n_old ? 2 * n_old : HOST_SLOTS_MIN;
	hosts->slots = mem_alloc(hosts->n_slots, sizeof(*hosts->slots));
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].node)
			*host_slot(hosts, old[i].node->address, old[i].hash) = old[i];
	free(old);
}

/* It is not there yet. */
static void host_insert(struct hosts *hosts, struct allowedips_node *node)
{
	uint32_t hash = hash_of(node->address);

	if (2 * (hosts->n + 1) > hosts->n_slots)
		hosts_grow(hosts);
	*host_slot(hosts, node->address, hash) = (struct host_slot){ hash, node };
	hosts->n++;
}

/* It is there. Those behind it move up, so that no gaps need to be remembered. */
static void host_remove(struct hosts *hosts, const struct allowedips_node *node)
{
	uint32_t mask = hosts->n_slots - 1, hole, at;

	hole = (uint32_t)(host_slot(hosts, node->address, hash_of(node->address)) - hosts->slots);
	for (at = (hole + 1) & mask; hosts->slots[at].node; at = (at + 1) & mask) {
		uint32_t home = hosts->slots[at].hash & mask;

		/* It may move to the hole if that is no further back than its home. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			hosts->slots[hole] = hosts->slots[at];
			hole = at;
		}
	}
	hosts->slots[hole] = (struct host_slot){ 0, NULL };
	if (--hosts->n)
		return;
	free(hosts->slots);
	*hosts = (struct hosts){ 0 };
}

/* ---- the trie -------------------------------------------------------------------------------- */

struct allowedips *allowedips_new(void)
{
	struct allowedips *ips = mem_alloc(1, sizeof(*ips));

	ips->v4.max_bits = 32;
	ips->v6.max_bits = 128;
	return ips;
}

/* A path has at most 129 nodes: so deep it calls itself. */
static void free_below(struct allowedips_node *node)
{
	if (!node)
		return;
	free_below(node->child[0]);
	free_below(node->child[1]);
	free(node);
}

static void family_fini(struct family *family)
{
	free_below(family->root);
	for (uint32_t i = 0; i < family->hosts.n_slots; i++)
		free(family->hosts.slots[i].node);
	free(family->hosts.slots);
}

void allowedips_free(struct allowedips *ips)
{
	if (!ips)
		return;
	family_fini(&ips->v4);
	family_fini(&ips->v6);
	free(ips);
}

static struct allowedips_node *node_new(uint8_t family, struct address address, unsigned int bits)
{
	struct allowedips_node *node = mem_alloc(1, sizeof(*node));

	node->family = family;
	node->address = address_first(address, bits);
	node->bits = (uint8_t)bits;
	return node;
}

static void adopt(struct allowedips_node *parent, struct allowedips_node *child)
{
	parent->child[bit_behind(child->address, parent->bits)] = child;
	child->parent = parent;
}

/* What points to the node. */
static struct allowedips_node **link_to(struct allowedips *ips, const struct allowedips_node *node)
{
	struct allowedips_node *parent = node->parent;

	return parent ? &parent->child[parent->child[1] == node]
		      : &family_of(ips, node->family)->root;
}

/* The longest node that covers all of the prefix, perhaps the prefix itself; NULL if none does. */
static struct allowedips_node *node_covering(struct allowedips_node *root, struct address address,
					     unsigned int bits)
{
	struct allowedips_node *node = root, *found = NULL;

	while (node && node->bits <= bits && covers(node, address)) {
		found = node;
		if (node->bits == bits)
			break;
		node = node->child[bit_behind(address, node->bits)];
	}
	return found;
}

/* The node of exactly this prefix, made if need be. */
static struct allowedips_node *node_for(struct allowedips *ips, uint8_t family,
					struct address address, unsigned int bits)
{
	struct allowedips_node **root = &family_of(ips, family)->root, **link = root;
	struct allowedips_node *parent = node_covering(*root, address, bits), *below, *node, *fork;
	unsigned int common;

	if (parent && parent->bits == bits)
		return parent;
	if (parent)
		link = &parent->child[bit_behind(address, parent->bits)];
	below = *link;
	node = node_new(family, address, bits);
	node->parent = parent;
	*link = node;
	if (!below)
		return node;

	/* `below` stood here, and is not a part of what node covers, or else the other way round.
	 */
	common = common_bits(address, below->address);
	if (common >= bits) {
		adopt(node, below);
	} else {
		fork = node_new(family, address, common);
		fork->parent = parent;
		*link = fork;
		adopt(fork, node);
		adopt(fork, below);
	}
	return node;
}

/* Takes a node out that has one child at most, and the fork that is none any more then. */
static void node_drop(struct allowedips *ips, struct allowedips_node *node)
{
	while (node && !node->owner && !(node->child[0] && node->child[1])) {
		struct allowedips_node *only = node->child[0] ? node->child[0] : node->child[1];
		struct allowedips_node *parent = node->parent;

		*link_to(ips, node) = only;
		if (only)
			only->parent = parent;
		free(node);
		node = parent;
	}
}

/* The node of a whole address, made if need be. */
static struct allowedips_node *host_for(struct family *family, uint8_t af, struct address address)
{
	struct allowedips_node *node = host_find(&family->hosts, address);

	if (node)
		return node;
	node = node_new(af, address, family->max_bits);
	host_insert(&family->hosts, node);
	return node;
}

/* Takes a node from its owner, and out of where it is. */
static void take_away(struct allowedips *ips, struct allowedips_node *node)
{
	struct family *family = family_of(ips, node->family);

	disown(node);
	if (node->bits == family->max_bits) {
		host_remove(&family->hosts, node);
		free(node);
	} else {
		node_drop(ips, node);
	}
}

void allowedips_add(struct allowedips *ips, struct allowedips_owner *owner,
		    const struct cidr *prefix)
{
	struct address address = address_of(prefix);
	struct family *family = family_of(ips, prefix->family);
	struct allowedips_node *node;

	assert(prefix->bits <= cidr_max_bits(prefix->family));
	assert(common_bits(address, address_first(address, prefix->bits)) == 128);
	node = prefix->bits == family->max_bits
		       ? host_for(family, prefix->family, address)
		       : node_for(ips, prefix->family, address, prefix->bits);
	if (node->owner)
		disown(node);
	own(owner, node);
}

void allowedips_remove(struct allowedips *ips, struct allowedips_owner *owner,
		       const struct cidr *prefix)
{
	struct address address = address_of(prefix);
	struct family *family = family_of(ips, prefix->family);
	struct allowedips_node *node = prefix->bits == family->max_bits
					       ? host_find(&family->hosts, address)
					       : node_covering(family->root, address, prefix->bits);

	if (node && node->bits == prefix->bits && node->owner == owner)
		take_away(ips, node);
}

void allowedips_remove_all(struct allowedips *ips, struct allowedips_owner *owner)
{
	while (owner->first) {
		struct allowedips_node *node = owner->first;

		/* It still is: only what has no owner is dropped, and that is in no list. */
		assert(node->owner == owner); /* NOLINT(clang-analyzer-unix.Malloc) */
		take_away(ips, node);
	}
}

static struct allowedips_owner *find(const struct family *family, struct address address)
{
	const struct allowedips_node *node = host_find(&family->hosts, address);
	struct allowedips_owner *owner = NULL;

	if (node)
		return node->owner;
	for (node = family->root; node && covers(node, address);) {
		if (node->owner)
			owner = node->owner;
		node = node->child[bit_behind(address, node->bits)];
	}
	return owner;
}

struct allowedips_owner *allowedips_find_v4(const struct allowedips *ips, const uint8_t address[4])
{
	return find(&ips->v4, address_v4(address));
}

struct allowedips_owner *allowedips_find_v6(const struct allowedips *ips, const uint8_t address[16])
{
	return find(&ips->v6, address_v6(address));
}
