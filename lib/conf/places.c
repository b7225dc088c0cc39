/*
 * Where things stand: see places.h. The text is walked once more, and the parsers of keys are run
 * on each value, so that a list's items are counted as they were when the file was read. What they
 * make of it is dropped again, private keys with it.
 */
#include "lib/conf/places.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf/keys.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

struct finder {
	struct conf_places *out;
	const struct conf_lines *lines;
	struct conf_quick quick;
	struct keys_target target;
	uint32_t n_peers;
};

static void add_item(struct conf_places *out, const char *key, unsigned int line)
{
	out->items = mem_grow(out->items, &out->items_cap, out->n_items + 1, sizeof(*out->items));
	out->items[out->n_items++] = (struct conf_place){ .key = key, .line = line };
}

static void add_ips(struct finder *finder, uint32_t from, unsigned int line)
{
	const struct wg_peer *peer = finder->target.peer;
	struct conf_places *out = finder->out;

	out->ips = mem_grow(out->ips, &out->ips_cap, out->n_ips + peer->n_allowed_ips,
			    sizeof(*out->ips));
	for (uint32_t i = from; i < peer->n_allowed_ips; i++)
		out->ips[out->n_ips++] = (struct conf_place_ip){
			.cidr = peer->allowed_ips[i].cidr,
			.remove = peer->allowed_ips[i].remove,
			.line = line,
			.peer = finder->n_peers - 1,
		};
}

static void find_value(struct finder *finder, const struct keys_key *key,
		       const struct conf_line *line)
{
	struct keys_target *target = &finder->target;
	struct conf_span value = key->is_shell ? line->full_value : line->value;
	uint32_t n_ips = target->peer ? target->peer->n_allowed_ips : 0;
	size_t n_addresses = finder->quick.n_addresses, n_items = 1;

	if (key->parse(target, strbuf_text(&finder->lines->text) + value.at, value.len, NULL))
		return;
	if (target->peer)
		add_ips(finder, n_ips, line->number);
	if (!strcmp(key->name, "Address"))
		n_items = finder->quick.n_addresses - n_addresses;
	for (size_t i = 0; !target->peer && i < n_items; i++)
		add_item(finder->out, key->name, line->number);
}

/* conf_lines_handler */
static int find_in_line(void *user, const char *section, const char *name,
			const struct conf_line *line)
{
	struct finder *finder = user;
	bool in_peer = !strcasecmp(section, "Peer");
	const struct keys_key *key;

	if (line->kind == CONF_LINE_SECTION) {
		finder->target.peer = NULL;
		if (in_peer) {
			wg_device_free(finder->target.device);
			finder->target.device = wg_device_new();
			finder->target.peer = wg_device_add_peer(finder->target.device);
			finder->n_peers++;
		}
		return 0;
	}
	if (line->kind != CONF_LINE_KEY || (!in_peer && strcasecmp(section, "Interface") != 0))
		return 0;
	key = keys_find(name);
	if (key && key->owner != KEYS_OWNER_AMNEZIA &&
	    (key->section == KEYS_SECTION_PEER) == in_peer)
		find_value(finder, key, line);
	return 0;
}

/* For qsort_r(). */
static int compare_ips(const void *a, const void *b, void *ctx)
{
	const struct conf_place_ip *ips = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = cidr_compare(&ips[x].cidr, &ips[y].cidr);

	return order ? order : (x > y) - (x < y);
}

static void sort_ips(struct conf_places *out)
{
	out->by_prefix = mem_alloc(out->n_ips + 1, sizeof(*out->by_prefix));
	for (size_t i = 0; i < out->n_ips; i++)
		out->by_prefix[i] = (uint32_t)i;
	if (out->n_ips)
		qsort_r(out->by_prefix, out->n_ips, sizeof(*out->by_prefix), compare_ips, out->ips);
}

void conf_places_find(struct conf_places *out, const struct conf *conf)
{
	AUTO(strlist_fini) struct strlist warnings = { 0 };
	AUTO(conf_fini) struct conf dropped = { 0 };
	struct finder finder = {
		.out = out,
		.lines = &conf->lines,
		.target = { .device = wg_device_new(), .warnings = &warnings },
	};

	finder.target.quick = &finder.quick;
	conf_lines_walk(&conf->lines, find_in_line, &finder);
	dropped.device = finder.target.device;
	dropped.quick = finder.quick;
	strbuf_fini(&finder.target.scratch);
	sort_ips(out);
}

unsigned int conf_places_line(const struct conf_places *places, const char *key, size_t n)
{
	for (size_t i = 0; i < places->n_items; i++)
		if (!strcmp(places->items[i].key, key) && !n--)
			return places->items[i].line;
	return 0;
}

unsigned int conf_places_last(const struct conf_places *places, const char *key)
{
	for (size_t i = places->n_items; i-- > 0;)
		if (!strcmp(places->items[i].key, key))
			return places->items[i].line;
	return 0;
}

const struct conf_place_ip *conf_places_ip(const struct conf_places *places,
					   const struct cidr *prefix)
{
	size_t low = 0, high = places->n_ips;

	/* The end of those that are not behind it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cidr_compare(&places->ips[places->by_prefix[middle]].cidr, prefix) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low > 0; low--) {
		const struct conf_place_ip *ip = &places->ips[places->by_prefix[low - 1]];

		if (cidr_compare(&ip->cidr, prefix) != 0)
			break;
		if (!ip->remove)
			return ip;
	}
	return NULL;
}

void conf_places_fini(struct conf_places *places)
{
	free(places->by_prefix);
	free(places->items);
	free(places->ips);
	*places = (struct conf_places){ 0 };
}
