/*
 * Removals computed: see wgdev_removals.h. A small model of the kernel's tables is set up from the
 * running device, and the change is played on it: one tree from public key to peer, one from
 * allowed IP to its owner. A peer remembers all that it was ever given; what another has taken
 * from it since is found out by asking the second tree, so that each step takes logarithmic time.
 * The trees live as long as the call.
 */
#include "lib/netlink/wgdev_removals.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* A peer of the model. */
struct holder {
	struct wg_key key;
	struct route **given; /* each of its routes is here at least once */
	size_t n_given, given_cap;
	bool exists; /* false once it is removed, or while nobody has created it */
};

/* An allowed IP of the model. Routes and holders stay where they are until the end. */
struct route {
	struct cidr cidr;     /* with its host bits cleared */
	struct holder *owner; /* NULL: nobody's any more */
};

struct table {
	void *holders; /* tsearch() trees */
	void *routes;
};

static int compare_holders(const void *a, const void *b)
{
	const struct holder *left = a, *right = b;

	return memcmp(&left->key, &right->key, sizeof(left->key));
}

static int compare_routes(const void *a, const void *b)
{
	const struct cidr *left = &((const struct route *)a)->cidr;
	const struct cidr *right = &((const struct route *)b)->cidr;

	if (left->family != right->family)
		return left->family - right->family;
	if (left->bits != right->bits)
		return left->bits - right->bits;
	return memcmp(&left->addr, &right->addr, cidr_max_bits(left->family) / 8);
}

static void holder_free(void *node)
{
	struct holder *holder = node;

	free(holder->given);
	free(holder);
}

static void table_fini(struct table *table)
{
	tdestroy(table->holders, holder_free);
	tdestroy(table->routes, free);
}

static struct holder *get_holder(struct table *table, const struct wg_key *key)
{
	struct holder wanted = { .key = *key }, *holder;
	void *node = tfind(&wanted, &table->holders, compare_holders);

	if (node)
		return *(struct holder **)node;
	holder = mem_alloc(1, sizeof(*holder));
	*holder = wanted;
	tsearch(holder, &table->holders, compare_holders);
	return holder;
}

static struct route *get_route(struct table *table, const struct cidr *cidr)
{
	struct route wanted = { .cidr = *cidr }, *route;
	void *node;

	cidr_mask(&wanted.cidr);
	node = tfind(&wanted, &table->routes, compare_routes);
	if (node)
		return *(struct route **)node;
	route = mem_alloc(1, sizeof(*route));
	*route = wanted;
	tsearch(route, &table->routes, compare_routes);
	return route;
}

static void give(struct table *table, struct holder *holder, const struct cidr *cidr)
{
	struct route *route = get_route(table, cidr);

	if (route->owner == holder)
		return;
	route->owner = holder;
	holder->given = mem_grow(holder->given, &holder->given_cap, holder->n_given + 1,
				 sizeof(*holder->given));
	holder->given[holder->n_given++] = route;
}

static void take_all(struct holder *holder)
{
	for (size_t i = 0; i < holder->n_given; i++)
		if (holder->given[i]->owner == holder)
			holder->given[i]->owner = NULL;
	holder->n_given = 0;
}

static void load(struct table *table, const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		struct holder *holder = get_holder(table, &peer->public_key);

		holder->exists = true;
		for (uint32_t j = 0; j < peer->n_allowed_ips; j++)
			give(table, holder, &peer->allowed_ips[j].cidr);
	}
}

/* What the kernel does with one peer of a change. */
static void play(struct table *table, struct holder *holder, const struct wg_peer *peer)
{
	if (peer->flags & WG_PEER_REMOVE) {
		take_all(holder);
		holder->exists = false;
		return;
	}
	if (peer->flags & WG_PEER_UPDATE_ONLY && !holder->exists)
		return;
	holder->exists = true;
	if (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS)
		take_all(holder);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		const struct wg_allowed_ip *ip = &peer->allowed_ips[i];
		struct route *route;

		if (!ip->remove) {
			give(table, holder, &ip->cidr);
			continue;
		}
		route = get_route(table, &ip->cidr);
		if (route->owner == holder)
			route->owner = NULL;
	}
}

static bool peer_has_removals(const struct wg_peer *peer)
{
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		if (peer->allowed_ips[i].remove)
			return true;
	return false;
}

bool wgdev_has_removals(const struct wg_device *change)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers)))
		if (peer_has_removals(peer))
			return true;
	return false;
}

/* The peer without its removals. */
static void add_what_is_added(struct wg_device *out, const struct wg_peer *peer)
{
	struct wg_peer *copy = wg_device_add_peer(out);

	copy->public_key = peer->public_key;
	copy->preshared_key = peer->preshared_key;
	copy->keepalive_s = peer->keepalive_s;
	copy->flags = peer->flags;
	endpoint_copy(&copy->endpoint, &peer->endpoint);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		if (!peer->allowed_ips[i].remove)
			wg_peer_add_allowed_ip(copy)->cidr = peer->allowed_ips[i].cidr;
}

/* One that was taken and given again is listed twice, which does no harm. */
static void add_what_is_held(struct wg_device *out, const struct holder *holder)
{
	struct wg_peer *peer = wg_device_add_peer(out);

	peer->public_key = holder->key;
	peer->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_UPDATE_ONLY | WG_PEER_REPLACE_ALLOWED_IPS;
	for (size_t i = 0; i < holder->n_given; i++)
		if (holder->given[i]->owner == holder)
			wg_peer_add_allowed_ip(peer)->cidr = holder->given[i]->cidr;
}

struct wg_device *wgdev_without_removals(const struct wg_device *change,
					 const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	AUTO(table_fini) struct table table = { 0 };
	struct wg_device *out = wg_device_new();
	const struct wg_peer *peer;

	memcpy(out->name, change->name, sizeof(out->name));
	out->flags = change->flags;
	out->private_key = change->private_key;
	out->fwmark = change->fwmark;
	out->listen_port = change->listen_port;
	if (!(change->flags & WG_DEVICE_REPLACE_PEERS))
		load(&table, running);
	while ((peer = wg_peers_next(&peers))) {
		struct holder *holder = get_holder(&table, &peer->public_key);

		add_what_is_added(out, peer);
		/* The kernel passes over a peer that is the device itself. */
		if (wg_key_equal(&peer->public_key, &running->public_key) &&
		    !(change->flags & WG_DEVICE_HAS_PRIVATE_KEY))
			continue;
		play(&table, holder, peer);
		if (peer_has_removals(peer))
			add_what_is_held(out, holder);
	}
	return out;
}
