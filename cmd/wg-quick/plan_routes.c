/*
 * Deciding about routes and rules. Pure.
 *
 * A full tunnel sends all packets into itself but its own. Those carry a mark; the rule
 *
 *	not fwmark MARK lookup MARK
 *
 * sends what does not carry it to a table of the same number, where the default route is. Before
 * that one is asked, the rule
 *
 *	lookup main suppress_prefixlength 0
 *
 * lets the main table's routes count, bar its default route: so local networks stay reachable.
 *
 * Each tunnel adds both, and they come before those that were there. When it goes, its rule for the
 * mark goes; and that for the main table which belongs to it, being the last one before it, unless
 * another tunnel has come to need it.
 */
#include "cmd/wg-quick/plan_routes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* Longest prefixes first; those of one length from the greatest text to the least, as the original
 * does it, so that IPv6 comes before IPv4 in "0.0.0.0/0, ::/0". */
static int compare_prefixes(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;
	char x_text[CIDR_TEXT_MAX], y_text[CIDR_TEXT_MAX];

	if (x->bits != y->bits)
		return x->bits < y->bits ? 1 : -1;
	cidr_format(x_text, x);
	cidr_format(y_text, y);
	return strcmp(y_text, x_text);
}

/* All allowed IPs, in the order of their routes; to be freed. */
static struct cidr *sort_allowed_ips(size_t *n, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	struct cidr *items = NULL;
	size_t cap = 0;

	*n = 0;
	while ((peer = wg_peers_next(&peers)))
		for (size_t i = 0; i < peer->n_allowed_ips; i++) {
			items = mem_grow(items, &cap, *n + 1, sizeof(*items));
			items[(*n)++] = peer->allowed_ips[i].cidr;
		}
	if (*n)
		qsort(items, *n, sizeof(*items), compare_prefixes);
	return items;
}

static struct rule mark_rule(uint8_t family, uint32_t mark)
{
	return (struct rule){ .family = family,
			      .table = mark,
			      .is_inverted = true,
			      .mark = mark,
			      .mark_mask = UINT32_MAX,
			      .suppress_prefixlen = -1 };
}

static struct rule main_rule(uint8_t family)
{
	return (struct rule){ .family = family, .table = ROUTE_TABLE_MAIN };
}

static void add_default(struct plan *out, const struct cidr *prefix, uint32_t mark,
			const struct plan_host *host)
{
	uint8_t family = prefix->family;
	struct step *step;

	plan_add_step(out, STEP_ADD_RULE)->rule = mark_rule(family, mark);
	plan_add_step(out, STEP_ADD_RULE)->rule = main_rule(family);
	step = plan_add_step(out, STEP_ADD_ROUTE);
	step->cidr = *prefix;
	step->table = mark;
	/* For IPv6 there is no check of return paths, so nothing to tell it. */
	if (family == AF_INET && !host->has_src_valid_mark)
		plan_add_step(out, STEP_SET_SRC_VALID_MARK)->mark = mark;
	step = plan_add_step(out, STEP_ADD_FIREWALL);
	step->family = family;
	step->mark = mark;
}

void plan_routes(struct plan *out, const struct wg_device *device, const struct plan_host *host)
{
	size_t n;
	AUTO(auto_free) struct cidr *prefixes = sort_allowed_ips(&n, device);
	bool is_auto = out->route_policy == ROUTE_POLICY_AUTO;
	uint32_t mark = device->fwmark;

	for (size_t i = 0; i < n; i++) {
		const struct cidr *prefix = &prefixes[i];

		if (prefix->family == AF_INET6 && !host->has_ipv6)
			continue;
		if (is_auto && !prefix->bits) {
			if (!mark) {
				mark = host->empty_table;
				plan_add_step(out, STEP_SET_MARK)->mark = mark;
			}
			add_default(out, prefix, mark, host);
		} else if (!is_auto || !route_list_covers(host->present, prefix)) {
			struct step *step = plan_add_step(out, STEP_ADD_ROUTE);

			step->cidr = *prefix;
			step->table = out->table;
		}
	}
}

static bool is_rule(const struct rule *rule, const struct rule *like)
{
	return rule->table == like->table && rule->is_inverted == like->is_inverted &&
	       rule->mark == like->mark && rule->mark_mask == like->mark_mask &&
	       rule->suppress_prefixlen == like->suppress_prefixlen;
}

static bool is_mark_rule(const struct rule *rule, uint32_t mark)
{
	struct rule like = mark_rule(rule->family, mark);

	return is_rule(rule, &like);
}

static bool is_main_rule(const struct rule *rule)
{
	struct rule like = main_rule(rule->family);

	return is_rule(rule, &like);
}

/* Other programs make tunnels of the same kind, some with a mask. */
static bool is_other_tunnel(const struct rule *rule, uint32_t mark)
{
	return rule->is_inverted && rule->mark_mask && rule->suppress_prefixlen < 0 &&
	       !is_mark_rule(rule, mark);
}

bool plan_has_other_tunnels(const struct rule_list *rules, uint32_t mark)
{
	for (size_t i = 0; i < rules->n; i++)
		if (is_other_tunnel(&rules->items[i], mark))
			return true;
	return false;
}

/* Whether a tunnel behind the rule for the main table at `at` has no other such rule before it. */
static bool is_needed(const struct rule_list *rules, const bool *is_going, size_t at, uint32_t mark)
{
	bool has_another = false;

	for (size_t i = 0; i < rules->n; i++) {
		if (i != at && !is_going[i] && is_main_rule(&rules->items[i]))
			has_another = true;
		if (i > at && !has_another && is_other_tunnel(&rules->items[i], mark))
			return true;
	}
	return false;
}

/* Marks the rule for the main table that belongs to the tunnel whose rule is at `end`. */
static void pick_main_rule(bool *is_going, const struct rule_list *rules, size_t end, uint32_t mark)
{
	for (size_t i = end; i-- > 0 && !is_other_tunnel(&rules->items[i], mark);)
		if (is_main_rule(&rules->items[i]) && !is_going[i]) {
			is_going[i] = !is_needed(rules, is_going, i, mark);
			return;
		}
}

void plan_rules_removal(struct plan *out, const struct rule_list *rules, uint32_t mark)
{
	AUTO(auto_free) bool *is_going = mem_alloc(rules->n + 1, sizeof(*is_going));

	for (size_t i = 0; i < rules->n; i++)
		if (is_mark_rule(&rules->items[i], mark)) {
			plan_add_step(out, STEP_DELETE_RULE)->rule = rules->items[i];
			pick_main_rule(is_going, rules, i, mark);
		}
	for (size_t i = 0; i < rules->n; i++)
		if (is_going[i])
			plan_add_step(out, STEP_DELETE_RULE)->rule = rules->items[i];
}

static bool is_added(const struct plan *done, const struct rule *rule)
{
	for (size_t i = 0; i < done->n_steps; i++) {
		const struct rule *added = &done->steps[i].rule;

		if (done->steps[i].kind == STEP_ADD_RULE && added->family == rule->family &&
		    added->priority == rule->priority && is_rule(rule, added))
			return true;
	}
	return false;
}

void plan_known_rules_removal(struct plan *out, const struct rule_list *rules,
			      const struct plan *done)
{
	AUTO(auto_free) bool *is_going = mem_alloc(rules->n + 1, sizeof(*is_going));
	uint32_t mark = 0;

	for (size_t i = 0; i < rules->n; i++)
		if (rules->items[i].is_inverted && is_added(done, &rules->items[i])) {
			mark = rules->items[i].mark;
			plan_add_step(out, STEP_DELETE_RULE)->rule = rules->items[i];
		}
	for (size_t i = 0; i < rules->n; i++)
		if (is_main_rule(&rules->items[i]) && is_added(done, &rules->items[i]))
			is_going[i] = !is_needed(rules, is_going, i, mark);
	for (size_t i = 0; i < rules->n; i++)
		if (is_going[i])
			plan_add_step(out, STEP_DELETE_RULE)->rule = rules->items[i];
}
