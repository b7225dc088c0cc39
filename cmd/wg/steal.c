/*
 * Allowed IPs that change hands: see steal.h. Each peer is looked at alone first: would it have the
 * prefix if there were no others? Where several would, the later statement wins.
 *
 * Peers are numbered by a sorted list of all keys. Every statement "this peer has this prefix" is
 * an event; sorted by prefix, peer and time, the last one of a peer counts.
 */
#include "cmd/wg/steal.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "lib/conf/names.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

struct event {
	struct cidr cidr;
	uint32_t peer; /* index of its key */
	uint32_t time; /* number of the statement; 0: it was so before */
	bool remove;
};

/* What becomes of a peer as a whole. */
struct fate {
	bool exists;
	uint32_t fresh; /* number of the last entry that made it forget its allowed IPs; 0: none */
};

struct plot {
	struct wg_key *keys; /* sorted, each once */
	struct fate *fates;  /* of each key */
	size_t n_keys, keys_cap;
	struct event *events;
	size_t n_events, events_cap;
};

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

static void add_keys(struct plot *plot, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	plot->keys = mem_grow(plot->keys, &plot->keys_cap, plot->n_keys + device->n_peers,
			      sizeof(*plot->keys));
	while ((peer = wg_peers_next(&peers)))
		plot->keys[plot->n_keys++] = peer->public_key;
}

static void number_keys(struct plot *plot)
{
	size_t n = 0;

	if (plot->n_keys)
		qsort(plot->keys, plot->n_keys, sizeof(*plot->keys), compare_keys);
	for (size_t i = 0; i < plot->n_keys; i++)
		if (!n || compare_keys(&plot->keys[n - 1], &plot->keys[i]) != 0)
			plot->keys[n++] = plot->keys[i];
	plot->n_keys = n;
	plot->fates = mem_alloc(n, sizeof(*plot->fates));
}

static uint32_t number_of(const struct plot *plot, const struct wg_key *key)
{
	const struct wg_key *found =
		bsearch(key, plot->keys, plot->n_keys, sizeof(*plot->keys), compare_keys);

	return (uint32_t)(found - plot->keys);
}

static void add_event(struct plot *plot, struct cidr cidr, uint32_t peer, uint32_t time,
		      bool remove)
{
	plot->events = mem_grow(plot->events, &plot->events_cap, plot->n_events + 1,
				sizeof(*plot->events));
	cidr_mask(&cidr);
	plot->events[plot->n_events++] =
		(struct event){ .cidr = cidr, .peer = peer, .time = time, .remove = remove };
}

static void add_running(struct plot *plot, const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		uint32_t number = number_of(plot, &peer->public_key);

		plot->fates[number].exists = true;
		for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
			add_event(plot, peer->allowed_ips[i].cidr, number, 0, false);
	}
}

static void add_change(struct plot *plot, const struct wg_device *change)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;
	uint32_t time = 0;

	while ((peer = wg_peers_next(&peers))) {
		uint32_t number = number_of(plot, &peer->public_key);
		struct fate *fate = &plot->fates[number];

		time++;
		if (peer->flags & WG_PEER_REMOVE) {
			*fate = (struct fate){ .fresh = time };
			continue;
		}
		if (!fate->exists && peer->flags & WG_PEER_UPDATE_ONLY)
			continue;
		fate->exists = true;
		if (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS)
			fate->fresh = time;
		for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
			add_event(plot, peer->allowed_ips[i].cidr, number, ++time,
				  peer->allowed_ips[i].remove);
	}
}

static int compare_cidrs(const struct cidr *a, const struct cidr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return memcmp(&a->addr, &b->addr, cidr_max_bits(a->family) / 8);
}

static int compare_times(const void *a, const void *b)
{
	const struct event *left = a, *right = b;

	return (left->time > right->time) - (left->time < right->time);
}

static int compare_events(const void *a, const void *b)
{
	const struct event *left = a, *right = b;
	int order = compare_cidrs(&left->cidr, &right->cidr);

	if (order)
		return order;
	if (left->peer != right->peer)
		return left->peer < right->peer ? -1 : 1;
	return compare_times(a, b);
}

/* Keeps the events of those who would have the prefix at the end, one for each. */
static void keep_holders(struct plot *plot)
{
	size_t n = 0;

	if (plot->n_events)
		qsort(plot->events, plot->n_events, sizeof(*plot->events), compare_events);
	for (size_t i = 0; i < plot->n_events; i++) {
		const struct event *event = &plot->events[i], *next = event + 1;

		if (i + 1 < plot->n_events && next->peer == event->peer &&
		    !compare_cidrs(&next->cidr, &event->cidr))
			continue;
		if (!event->remove && event->time >= plot->fates[event->peer].fresh)
			plot->events[n++] = *event;
	}
	plot->n_events = n;
}

/* A steal, and when. */
struct timed {
	struct steal steal;
	uint32_t time;
};

static int compare_timed(const void *a, const void *b)
{
	const struct timed *left = a, *right = b;

	return (left->time > right->time) - (left->time < right->time);
}

/* Of several who would have one prefix, each takes it from the one before. */
static void add_steals(struct steals *out, const struct plot *plot)
{
	AUTO(auto_free) struct timed *found = mem_alloc(plot->n_events, sizeof(*found));
	struct event *events = plot->events;
	size_t n = 0;

	for (size_t i = 0, end; i < plot->n_events; i = end) {
		for (end = i + 1; end < plot->n_events; end++)
			if (compare_cidrs(&events[i].cidr, &events[end].cidr) != 0)
				break;
		qsort(events + i, end - i, sizeof(*events), compare_times);
		for (size_t j = i + 1; j < end; j++)
			found[n++] = (struct timed){
				.steal = { .cidr = events[j].cidr,
					   .from = plot->keys[events[j - 1].peer],
					   .to = plot->keys[events[j].peer] },
				.time = events[j].time,
			};
	}
	if (!n)
		return;
	qsort(found, n, sizeof(*found), compare_timed);
	out->items = mem_grow(out->items, &out->cap, out->n + n, sizeof(*out->items));
	for (size_t i = 0; i < n; i++)
		out->items[out->n++] = found[i].steal;
}

void steals_find(struct steals *out, const struct wg_device *running,
		 const struct wg_device *change)
{
	struct plot plot = { 0 };

	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		running = NULL;
	if (running)
		add_keys(&plot, running);
	add_keys(&plot, change);
	number_keys(&plot);
	if (running)
		add_running(&plot, running);
	add_change(&plot, change);
	keep_holders(&plot);
	add_steals(out, &plot);
	free(plot.keys);
	free(plot.fates);
	free(plot.events);
}

void steals_fini(struct steals *steals)
{
	free(steals->items);
	*steals = (struct steals){ 0 };
}

/* ---- telling --------------------------------------------------------------------------------- */

static void add_peer(struct strbuf *out, const struct conf_names *names, const struct wg_key *key)
{
	const char *name = conf_names_of(names, key);

	if (name)
		strbuf_addf(out, "%s (", name);
	wg_key_add(out, key);
	if (name)
		strbuf_add_char(out, ')');
}

void steal_warn(const struct wg_device *change, const char *name, bool option)
{
	AUTO(wg_device_auto_free) struct wg_device *running = NULL;
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	AUTO(steals_fini) struct steals steals = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	const char *always = getenv("WG_WARN");

	if (!option && (!always || strcmp(always, "always") != 0))
		return;
	if (!(change->flags & WG_DEVICE_REPLACE_PEERS) && ipc_get(&running, name, NULL))
		return;
	steals_find(&steals, running, change);
	if (!steals.n)
		return;
	conf_names_read(&names, name);
	for (size_t i = 0; i < steals.n; i++) {
		strbuf_add(&text, i ? "\nWarning: " : "Warning: ");
		cidr_add(&text, &steals.items[i].cidr);
		strbuf_add(&text, " moves from peer ");
		add_peer(&text, &names, &steals.items[i].from);
		strbuf_add(&text, " to peer ");
		add_peer(&text, &names, &steals.items[i].to);
	}
	cli_say("%s", text.text);
}
