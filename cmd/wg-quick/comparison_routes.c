/*
 * What a reload does about routes, rules and the firewall. Pure. All that `up` would do, were the
 * device as wanted, is compared with what is there; see plan_reload.c.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/comparison.h"
#include "cmd/wg-quick/plan_routes.h"
#include "lib/model/diff.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* ---- finding routes -------------------------------------------------------------------------- */

struct place {
	struct cidr prefix;
	uint32_t table; /* the main one by its number */
	size_t at;      /* where it is in the list that was indexed */
};

/* Routes in an order in which they are found. */
struct index {
	struct place *items;
	size_t n, cap;
};

static void index_fini(struct index *index)
{
	free(index->items);
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return cidr_compare(&x->prefix, &y->prefix);
}

static struct place place_of(const struct cidr *prefix, uint32_t table, size_t at)
{
	return (struct place){ *prefix, table ? table : (uint32_t)ROUTE_TABLE_MAIN, at };
}

static void index_add(struct index *index, const struct cidr *prefix, uint32_t table, size_t at)
{
	index->items = mem_grow(index->items, &index->cap, index->n + 1, sizeof(*index->items));
	index->items[index->n++] = place_of(prefix, table, at);
}

static void index_sort(struct index *index)
{
	if (index->n)
		qsort(index->items, index->n, sizeof(*index->items), compare_places);
}

static const struct place *index_find(const struct index *index, const struct cidr *prefix,
				      uint32_t table)
{
	struct place key = place_of(prefix, table, 0);

	return index->n ? bsearch(&key, index->items, index->n, sizeof(key), compare_places) : NULL;
}

/* The routes that steps add. */
static void index_steps(struct index *index, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == STEP_ADD_ROUTE)
			index_add(index, &plan->steps[i].cidr, plan->steps[i].table, i);
	index_sort(index);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* Finds the route that comes with an address; none comes with an IPv4 address alone. */
static bool find_own_route(struct cidr *out, const struct cidr *address)
{
	*out = *address;
	cidr_mask(out);
	return address->family == AF_INET6 || address->bits < 32;
}

static bool comes_with(const struct cidr *prefix, const struct cidr *addresses, size_t n,
		       const struct cidr *but, size_t n_but)
{
	struct cidr own;

	for (size_t i = 0; i < n; i++)
		if (!comparison_lists(but, n_but, &addresses[i]) &&
		    find_own_route(&own, &addresses[i]) && cidr_equal(&own, prefix))
			return true;
	return false;
}

/* Whether it is a route that the kernel takes away together with an address. */
static bool goes_with_address(const struct comparison *comparison, const struct route *route)
{
	const struct reload_host *host = comparison->host;

	return route->origin == ROUTE_ORIGIN_KERNEL &&
	       comes_with(&route->prefix, comparison->going, comparison->n_going, NULL, 0) &&
	       !comes_with(&route->prefix, host->addresses, host->n_addresses, comparison->going,
			   comparison->n_going) &&
	       !comes_with(&route->prefix, comparison->coming, comparison->n_coming, NULL, 0);
}

/* What the main table would route to the device if none of our routes were there. */
static void list_present(struct route_list *out, const struct comparison *comparison,
			 const struct index *ours)
{
	const struct routes *routes = comparison->host->routes;
	struct cidr own;

	for (size_t i = 0; i < routes->n; i++) {
		const struct route *route = &routes->items[i];
		bool is_ours = route->origin == ROUTE_ORIGIN_PLAIN &&
			       index_find(ours, &route->prefix, route->table);

		if (route->table == ROUTE_TABLE_MAIN && !is_ours &&
		    !goes_with_address(comparison, route))
			comparison_list(&out->items, &out->n, &out->cap, &route->prefix);
	}
	for (size_t i = 0; i < comparison->n_coming; i++)
		if (find_own_route(&own, &comparison->coming[i]))
			comparison_list(&out->items, &out->n, &out->cap, &own);
}

static void take_route(struct comparison *comparison, const struct step *step,
		       const struct index *there)
{
	const struct routes *routes = comparison->host->routes;
	const struct place *place = index_find(there, &step->cidr, step->table);
	bool is_late = place && goes_with_address(comparison, &routes->items[place->at]);

	if (!place || is_late)
		plan_copy_step(is_late ? &comparison->last : &comparison->news, step);
}

/* Ours, there, and not among the wanted. */
static void delete_routes(struct comparison *comparison, const struct index *wanted)
{
	const struct routes *routes = comparison->host->routes;
	AUTO(index_fini) struct index plain = { 0 };

	for (size_t i = 0; i < routes->n; i++)
		if (routes->items[i].origin == ROUTE_ORIGIN_PLAIN)
			index_add(&plain, &routes->items[i].prefix, routes->items[i].table, i);
	index_sort(&plain);
	for (size_t i = 0; i < comparison->ours->n_steps; i++) {
		const struct step *step = &comparison->ours->steps[i];
		struct step *deletion;

		if (step->kind != STEP_ADD_ROUTE || index_find(wanted, &step->cidr, step->table) ||
		    !index_find(&plain, &step->cidr, step->table))
			continue;
		deletion = plan_add_step(&comparison->goes, STEP_DELETE_ROUTE);
		deletion->cidr = step->cidr;
		deletion->table = step->table;
		deletion->former_id = step->id;
	}
}

/* ---- default routes -------------------------------------------------------------------------- */

static bool is_like(const struct rule *a, const struct rule *b)
{
	return a->family == b->family && a->table == b->table && a->is_inverted == b->is_inverted &&
	       a->mark == b->mark && a->mark_mask == b->mark_mask &&
	       a->suppress_prefixlen == b->suppress_prefixlen;
}

/* Our step that added the rule: not only one like it, but in the same place. NULL: there is none.
 */
static const struct step *find_our_rule(const struct plan *ours, const struct rule *rule)
{
	for (size_t n = ours->n_steps; n--;)
		if (ours->steps[n].kind == STEP_ADD_RULE && is_like(&ours->steps[n].rule, rule) &&
		    ours->steps[n].rule.priority == rule->priority)
			return &ours->steps[n];
	return NULL;
}

/* Where the rules of ours are that are to stay; the end of the list: nowhere. */
struct kept {
	size_t mark_at, main_at;
};

/* The rule for the main table counts if it is before that for the mark, and close to it. */
static struct kept find_kept(const struct comparison *comparison, uint8_t family, uint32_t mark)
{
	const struct rule_list *rules = comparison->host->rules[comparison_number_of(family)];
	struct kept kept = { rules->n, rules->n };

	if (!comparison_is_full(comparison, family))
		return kept;
	for (size_t n = rules->n; n--;) {
		const struct rule *rule = &rules->items[n];

		if (!find_our_rule(comparison->ours, rule))
			continue;
		if (rule->is_inverted && rule->mark == mark && kept.mark_at == rules->n)
			kept.mark_at = n;
		else if (!rule->is_inverted && kept.mark_at < rules->n && kept.main_at == rules->n)
			kept.main_at = n;
	}
	return kept;
}

static void take_rule(struct comparison *comparison, const struct step *step, uint32_t mark)
{
	uint8_t family = step->rule.family;
	const struct rule_list *rules = comparison->host->rules[comparison_number_of(family)];
	struct kept kept = find_kept(comparison, family, mark);

	if ((step->rule.is_inverted ? kept.mark_at : kept.main_at) == rules->n)
		plan_add_step(&comparison->news, STEP_ADD_RULE)->rule = step->rule;
}

/* Whether there are rules of a tunnel that is not this one. */
static bool has_other_tunnel(const struct comparison *comparison, const struct rule_list *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *rule = &rules->items[i];

		if (rule->is_inverted && rule->mark_mask && rule->suppress_prefixlen < 0 &&
		    !find_our_rule(comparison->ours, rule))
			return true;
	}
	return false;
}

/* Rules for the main table that other tunnels made by this program or the original can count on. */
static size_t count_main_rules(const struct rule_list *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++)
		n += !rules->items[i].mark_mask && !rules->items[i].suppress_prefixlen;
	return n;
}

static void delete_rules(struct comparison *comparison, uint8_t family, uint32_t mark)
{
	const struct rule_list *rules = comparison->host->rules[comparison_number_of(family)];
	struct kept kept = find_kept(comparison, family, mark);
	size_t n_main = count_main_rules(rules);

	/* That for the mark first, which is nothing without the other, but not the other way
	 * round. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < rules->n; i++) {
			const struct rule *rule = &rules->items[i];
			const struct step *former = find_our_rule(comparison->ours, rule);
			struct step *step;

			if (!former || i == kept.mark_at || i == kept.main_at ||
			    rule->is_inverted != !pass)
				continue;
			if (pass && n_main-- == 1 && has_other_tunnel(comparison, rules))
				continue;
			step = plan_add_step(&comparison->goes, STEP_DELETE_RULE);
			step->rule = *rule;
			step->former_id = former->id;
		}
}

/* One that is not there any more, or lists other addresses or another mark than it should, is made
 * anew. */
static void compare_firewalls(struct comparison *comparison, uint8_t family, uint32_t mark)
{
	const struct step *former =
		comparison_find_ours(comparison->ours, STEP_ADD_FIREWALL, family);
	bool is_wanted = comparison_is_full(comparison, family);
	bool has_changed = comparison->host->is_cut_off ||
			   comparison->host->lacks_firewall[comparison_number_of(family)] ||
			   comparison_has_family(comparison->going, comparison->n_going, family) ||
			   comparison_has_family(comparison->coming, comparison->n_coming, family);
	struct step *step;

	if (former) {
		comparison->out->has_firewall[comparison_number_of(family)] = true;
		comparison->out->firewall_mark[comparison_number_of(family)] = former->mark;
	}
	if (is_wanted && (!former || former->mark != mark || has_changed)) {
		/* A new one does not wait until addresses are gone. */
		step = plan_add_step(former ? &comparison->last : &comparison->news,
				     STEP_ADD_FIREWALL);
		step->text = mem_strdup(comparison->addresses);
		step->mark = mark;
	} else if (!is_wanted && former) {
		step = plan_add_step(&comparison->last, STEP_DELETE_FIREWALL);
	} else {
		return;
	}
	step->family = family;
	step->former_id = comparison_id_of(former);
}

static void reset_src_valid_mark(struct comparison *comparison)
{
	const struct step *former =
		comparison_find_ours(comparison->ours, STEP_SET_SRC_VALID_MARK, AF_UNSPEC);
	struct step *step;

	if (!former || !former->mark || comparison_is_full(comparison, AF_INET))
		return;
	step = plan_add_step(&comparison->goes, STEP_RESET_SRC_VALID_MARK);
	step->mark = former->mark;
	step->former_id = former->id;
}

/* All that `up` would do about routes, once the device is as wanted. */
static void plan_fresh_routes(struct plan *out, struct comparison *comparison,
			      const struct index *ours)
{
	const struct reload_host *host = comparison->host;
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_settle(comparison->wanted);
	AUTO(route_list_fini) struct route_list present = { 0 };
	struct plan_host plan_host = { .present = &present,
				       .empty_table = host->empty_table,
				       .has_ipv6 = host->has_ipv6,
				       .has_src_valid_mark = host->has_src_valid_mark };

	out->route_policy = comparison->out->plan.route_policy;
	out->table = comparison->out->plan.table;
	if (out->route_policy == ROUTE_POLICY_OFF)
		return;
	list_present(&present, comparison, ours);
	device->fwmark = comparison->mark;
	plan_routes(out, device, &plan_host);
}

/* The file has one, and so has the host: plan_reload.c has looked. */
static bool is_kill_switch_different(const struct comparison *comparison, uint32_t mark)
{
	const struct state *state = comparison->host->state;
	bool lets_lan = comparison->conf->quick.kill_switch == CONF_KILL_SWITCH_LAN;

	return state->has_kill_switch &&
	       (mark != comparison->host->running->fwmark || lets_lan != state->lets_lan);
}

void comparison_add_routes(struct comparison *comparison)
{
	const struct routes *routes = comparison->host->routes;
	AUTO(index_fini) struct index ours = { 0 }, wanted = { 0 }, there = { 0 };
	AUTO(plan_fini) struct plan fresh = { 0 };
	uint32_t mark = comparison->mark ? comparison->mark : comparison->host->empty_table;

	index_steps(&ours, comparison->ours);
	/* In IPv6 those that the kernel makes have a priority of their own. */
	for (size_t i = 0; i < routes->n; i++)
		if (routes->items[i].prefix.family == AF_INET ||
		    routes->items[i].origin != ROUTE_ORIGIN_KERNEL)
			index_add(&there, &routes->items[i].prefix, routes->items[i].table, i);
	index_sort(&there);
	plan_fresh_routes(&fresh, comparison, &ours);
	index_steps(&wanted, &fresh);
	for (size_t i = 0; i < fresh.n_steps; i++) {
		const struct step *step = &fresh.steps[i];

		if (step->kind == STEP_ADD_ROUTE)
			take_route(comparison, step, &there);
		else if (step->kind == STEP_ADD_RULE)
			take_rule(comparison, step, mark);
		else if (step->kind != STEP_ADD_FIREWALL)
			plan_copy_step(&comparison->news, step);
	}
	if (is_kill_switch_different(comparison, mark))
		plan_add_step(&comparison->news, STEP_REPLACE_KILL_SWITCH)->mark = mark;
	delete_rules(comparison, AF_INET, mark);
	delete_rules(comparison, AF_INET6, mark);
	reset_src_valid_mark(comparison);
	delete_routes(comparison, &wanted);
	compare_firewalls(comparison, AF_INET, mark);
	compare_firewalls(comparison, AF_INET6, mark);
}
