/*
 * Running + wanted -> the change: see diff.h. The wanted peers go into a hash table of their places
 * and the running ones are looked up in it, so the time is linear, and a table of 100,000 takes a
 * megabyte. What is wanted twice is in it once, by its first mention.
 *
 * Peers choose their keys, and whoever knows how keys are hashed can choose thousands that collide.
 * So the hash has random factors, anew for each table.
 *
 * The difference in full (settle, diff) looks peers up in the same way. Whose an allowed IP is in
 * the end is found by sorting all that is said of it.
 */
#include "lib/model/diff.h"

#include <stdbool.h>
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

/* The first peer of that key, or NULL; *slot is where it is or belongs. */
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

/* ---- what a change amounts to ---------------------------------------------------------------- */

/* Something said about an allowed IP: that a peer has it from now on, or has it no longer. */
struct claim {
	struct cidr cidr;
	size_t at; /* claims are numbered in their order */
	size_t peer;
	bool is_given_up;
};

/* A device in the making. */
struct settling {
	struct wg_peer *peers; /* their allowed IPs are not in there before the end */
	size_t *forgotten_at;  /* of each: what it claimed before that is forgotten */
	size_t n_peers;
	struct claim *claims;
	size_t n_claims, claims_cap;
};

static void settling_fini(struct settling *settling)
{
	for (size_t i = 0; i < settling->n_peers; i++) {
		struct wg_peer *peer = &settling->peers[i];

		endpoint_fini(&peer->endpoint);
		wg_key_wipe(&peer->preshared_key);
		free(peer->allowed_ips);
		free(peer->label);
	}
	free(settling->peers);
	free(settling->forgotten_at);
	free(settling->claims);
}

/* By prefix, and what was said first comes first. */
static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = cidr_compare(&x->cidr, &y->cidr);

	return r ? r : (x->at > y->at) - (x->at < y->at);
}

static int compare_times(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/* Takes what one mention of a peer says. */
static void mention(struct settling *settling, size_t place, const struct wg_peer *peer)
{
	struct wg_peer *known = &settling->peers[place];

	if (peer->flags & (WG_PEER_REPLACE_ALLOWED_IPS | WG_PEER_REMOVE))
		settling->forgotten_at[place] = settling->n_claims;
	known->flags |= peer->flags;
	if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
		known->preshared_key = peer->preshared_key;
	if (peer->flags & WG_PEER_HAS_KEEPALIVE)
		known->keepalive_s = peer->keepalive_s;
	if (!endpoint_is_empty(&peer->endpoint)) {
		endpoint_fini(&known->endpoint);
		endpoint_copy(&known->endpoint, &peer->endpoint);
	}
	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		settling->claims = mem_grow(settling->claims, &settling->claims_cap,
					    settling->n_claims + 1, sizeof(*settling->claims));
		settling->claims[settling->n_claims] = (struct claim){
			.cidr = peer->allowed_ips[i].cidr,
			.at = settling->n_claims,
			.peer = place,
			.is_given_up = peer->allowed_ips[i].remove,
		};
		settling->n_claims++;
	}
}

/* Keeps the claims that hold in the end, in the order in which they were made. */
static void decide_claims(struct settling *settling)
{
	struct claim *claims = settling->claims, held = { .is_given_up = true };
	size_t n = 0;

	if (!settling->n_claims)
		return;
	qsort(claims, settling->n_claims, sizeof(*claims), compare_claims);
	for (size_t i = 0; i < settling->n_claims; i++) {
		const struct claim *claim = &claims[i];

		if (i && cidr_compare(&claims[i - 1].cidr, &claim->cidr) != 0)
			held.is_given_up = true;
		if (!claim->is_given_up)
			held = *claim;
		else if (claim->peer == held.peer)
			held.is_given_up = true;
		if (i + 1 < settling->n_claims && !cidr_compare(&claim->cidr, &claims[i + 1].cidr))
			continue;
		if (!held.is_given_up && held.at >= settling->forgotten_at[held.peer])
			claims[n++] = held;
	}
	settling->n_claims = n;
	qsort(claims, n, sizeof(*claims), compare_times);
}

/* Finds the peers that are mentioned, and takes what is said about them. */
static void read_mentions(struct settling *settling, const struct wg_device *change)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	AUTO(table_fini) struct table table = { 0 };
	AUTO(auto_free) size_t *places = NULL; /* of a slot's peer in settling->peers */
	const struct wg_peer *peer;
	size_t slot;

	table_init(&table, change);
	places = mem_alloc(table.mask + 1, sizeof(*places));
	settling->peers = mem_alloc(change->n_peers + 1, sizeof(*settling->peers));
	settling->forgotten_at = mem_alloc(change->n_peers + 1, sizeof(*settling->forgotten_at));
	while ((peer = wg_peers_next(&peers))) {
		look_up(&table, &slot, peer);
		if (table.slots[slot] == peers.place) { /* the first mention */
			struct wg_peer *first = &settling->peers[settling->n_peers];

			first->public_key = peer->public_key;
			first->label = mem_strdup(peer->label);
			places[slot] = settling->n_peers++;
		}
		mention(settling, places[slot], peer);
	}
}

struct wg_device *wg_device_settle(const struct wg_device *change)
{
	AUTO(settling_fini) struct settling settling = { 0 };
	struct wg_device *out = wg_device_new();

	strcpy(out->name, change->name);
	out->flags = change->flags;
	out->private_key = change->private_key;
	out->listen_port = change->listen_port;
	out->fwmark = change->fwmark;
	out->label = mem_strdup(change->label);
	read_mentions(&settling, change);
	decide_claims(&settling);
	for (size_t i = 0; i < settling.n_claims; i++)
		wg_peer_add_allowed_ip(&settling.peers[settling.claims[i].peer])->cidr =
			settling.claims[i].cidr;
	for (size_t i = 0; i < settling.n_peers; i++)
		wg_peer_copy(wg_device_add_peer(out), &settling.peers[i]);
	return out;
}

/* ---- the smallest change --------------------------------------------------------------------- */

static int compare_allowed_ips(const void *a, const void *b)
{
	const struct wg_allowed_ip *x = a, *y = b;

	return cidr_compare(&x->cidr, &y->cidr);
}

static struct wg_allowed_ip *sort_allowed_ips(const struct wg_peer *peer)
{
	struct wg_allowed_ip *items = mem_alloc(peer->n_allowed_ips + 1, sizeof(*items));

	if (peer->n_allowed_ips) {
		memcpy(items, peer->allowed_ips, peer->n_allowed_ips * sizeof(*items));
		qsort(items, peer->n_allowed_ips, sizeof(*items), compare_allowed_ips);
	}
	return items;
}

/* Puts the change of a peer's allowed IPs into `out`: those that are new, or all if any is gone. */
static void diff_allowed_ips(struct wg_peer *out, const struct wg_peer *wanted,
			     const struct wg_peer *running)
{
	AUTO(auto_free) struct wg_allowed_ip *want = sort_allowed_ips(wanted);
	AUTO(auto_free) struct wg_allowed_ip *have = sort_allowed_ips(running);
	size_t i = 0, j = 0;

	while (i < wanted->n_allowed_ips || j < running->n_allowed_ips) {
		int r = i == wanted->n_allowed_ips    ? 1
			: j == running->n_allowed_ips ? -1
						      : compare_allowed_ips(&want[i], &have[j]);

		if (r > 0) { /* it has one that is not wanted */
			wg_peer_clear_allowed_ips(out);
			out->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
			for (i = 0; i < wanted->n_allowed_ips; i++)
				wg_peer_add_allowed_ip(out)->cidr = wanted->allowed_ips[i].cidr;
			return;
		}
		if (r < 0)
			wg_peer_add_allowed_ip(out)->cidr = want[i].cidr;
		i++;
		j += r == 0;
	}
}

/* Adds what makes the running peer the wanted one, if there is anything. */
static void diff_peer(struct wg_device *change, const struct wg_peer *wanted,
		      const struct wg_peer *running)
{
	struct wg_peer out = { .public_key = wanted->public_key, .flags = WG_PEER_HAS_PUBLIC_KEY };
	const struct endpoint *endpoint = &wanted->endpoint;

	if (!wg_key_equal(&wanted->preshared_key, &running->preshared_key)) {
		out.flags |= WG_PEER_HAS_PRESHARED_KEY;
		out.preshared_key = wanted->preshared_key;
	}
	if (wanted->keepalive_s != running->keepalive_s) {
		out.flags |= WG_PEER_HAS_KEEPALIVE;
		out.keepalive_s = wanted->keepalive_s;
	}
	if (endpoint->addr.sa.sa_family &&
	    !sockaddr_ip_equal(&endpoint->addr, &running->endpoint.addr))
		out.endpoint.addr = endpoint->addr;
	diff_allowed_ips(&out, wanted, running);
	if (out.flags != WG_PEER_HAS_PUBLIC_KEY || out.n_allowed_ips ||
	    out.endpoint.addr.sa.sa_family) {
		out.flags |= WG_PEER_UPDATE_ONLY;
		wg_peer_copy(wg_device_add_peer(change), &out);
	}
	wg_key_wipe(&out.preshared_key);
	free(out.allowed_ips);
}

static void add_new_peer(struct wg_device *change, const struct wg_peer *wanted)
{
	struct wg_peer *peer = wg_device_add_peer(change);

	wg_peer_copy(peer, wanted);
	if (peer->endpoint.host)
		endpoint_fini(&peer->endpoint);
	peer->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REPLACE_ALLOWED_IPS;
	if (!wg_key_is_zero(&wanted->preshared_key))
		peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
	if (wanted->keepalive_s)
		peer->flags |= WG_PEER_HAS_KEEPALIVE;
}

/* As devices keep it. */
static struct wg_key clamped(const struct wg_key *private_key)
{
	struct wg_key key = *private_key;

	if (!wg_key_is_zero(&key))
		wg_key_clamp(&key);
	return key;
}

static void diff_interface(struct wg_device *change, const struct wg_device *wanted,
			   const struct wg_device *running)
{
	AUTO(wg_key_wipe) struct wg_key want = clamped(&wanted->private_key);
	AUTO(wg_key_wipe) struct wg_key have = clamped(&running->private_key);

	if ((wanted->flags & WG_DEVICE_HAS_PRIVATE_KEY) && !wg_key_equal(&want, &have)) {
		change->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
		change->private_key = wanted->private_key;
	}
	if ((wanted->flags & WG_DEVICE_HAS_LISTEN_PORT) && wanted->listen_port &&
	    wanted->listen_port != running->listen_port) {
		change->flags |= WG_DEVICE_HAS_LISTEN_PORT;
		change->listen_port = wanted->listen_port;
	}
	if ((wanted->flags & WG_DEVICE_HAS_FWMARK) && wanted->fwmark != running->fwmark) {
		change->flags |= WG_DEVICE_HAS_FWMARK;
		change->fwmark = wanted->fwmark;
	}
}

/* Adds removals of those that only `running` has. */
static void remove_peers(struct wg_device *change, const struct wg_device *wanted,
			 const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	AUTO(table_fini) struct table table = { 0 };
	AUTO(auto_free) struct wg_key *gone = NULL;
	size_t n = 0, cap = 0, slot;
	const struct wg_peer *peer;

	table_init(&table, wanted);
	while ((peer = wg_peers_next(&peers)))
		if (!look_up(&table, &slot, peer)) {
			gone = mem_grow(gone, &cap, n + 1, sizeof(*gone));
			gone[n++] = peer->public_key;
		}
	if (n)
		prepend_removals(change, gone, n);
}

struct wg_device *wg_device_diff(const struct wg_device *wanted, const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = wanted };
	AUTO(table_fini) struct table table = { 0 };
	struct wg_device *change = wg_device_new();
	const struct wg_peer *peer, *have;
	bool has_own_key = !wg_key_is_zero(&running->private_key);
	size_t slot;

	strcpy(change->name, running->name);
	diff_interface(change, wanted, running);
	table_init(&table, running);
	while ((peer = wg_peers_next(&peers))) {
		have = look_up(&table, &slot, peer);
		if (have)
			diff_peer(change, peer, have);
		else if (!has_own_key || (change->flags & WG_DEVICE_HAS_PRIVATE_KEY) ||
			 !wg_key_equal(&peer->public_key, &running->public_key))
			add_new_peer(change, peer);
	}
	remove_peers(change, wanted, running);
	return change;
}
