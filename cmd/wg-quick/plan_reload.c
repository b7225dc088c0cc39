/*
 * Deciding about a reload. Pure. The file's wishes are made steps as for `up`, and those that are
 * fulfilled are left out; what is ours and no step wants becomes a step that takes it back.
 *
 * The order: what is new comes first, so that whoever uses the tunnel always finds a way. Rules go
 * before what they lead to; the last thing is what could not be added while the old was there.
 *
 *	the device; addresses; MTU; name servers; rules, routes and firewall that are new
 *	rules, routes, addresses that go
 *	routes that took the place of an address's own; firewalls, which list the addresses; the
 *mark
 *
 * A step that takes something back, or stands in its place, has the number in the journal of the
 * step that did it (former_id). The result owns its texts.
 */
#include "cmd/wg-quick/plan_reload.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
	if (x->prefix.family != y->prefix.family)
		return x->prefix.family < y->prefix.family ? -1 : 1;
	if (x->prefix.bits != y->prefix.bits)
		return x->prefix.bits < y->prefix.bits ? -1 : 1;
	return memcmp(x->prefix.addr.bytes, y->prefix.addr.bytes,
		      cidr_max_bits(x->prefix.family) / 8);
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

/* ---- what is compared ------------------------------------------------------------------------ */

struct comparison {
	struct reload *out;
	const struct conf *conf;
	const struct wg_device *wanted;
	const struct plan *ours;
	const struct reload_host *host;
	struct plan news, goes, addresses_gone, last; /* the parts of the plan: see the top */
	struct cidr *going, *coming;                  /* addresses */
	size_t n_going, going_cap, n_coming, coming_cap;
	char *addresses; /* of the link in the end, in words */
	uint32_t mark;   /* of the device when it has been changed; 0: none, or one is chosen */
};

static void comparison_fini(struct comparison *comparison)
{
	plan_fini(&comparison->news);
	plan_fini(&comparison->goes);
	plan_fini(&comparison->addresses_gone);
	plan_fini(&comparison->last);
	free(comparison->going);
	free(comparison->coming);
	free(comparison->addresses);
}

/* The last step of ours of a kind, and of a family unless that is AF_UNSPEC; NULL: there is none.
 */
static const struct step *find_ours(const struct plan *ours, enum step_kind kind, uint8_t family)
{
	for (size_t n = ours->n_steps; n--;)
		if (ours->steps[n].kind == kind && (!family || ours->steps[n].family == family))
			return &ours->steps[n];
	return NULL;
}

static uint32_t id_of(const struct step *step)
{
	return step ? step->id : 0;
}

static bool is_listed(const struct cidr *list, size_t n, const struct cidr *address)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_equal(&list[i], address))
			return true;
	return false;
}

static void list_address(struct cidr **list, size_t *n, size_t *cap, const struct cidr *address)
{
	*list = mem_grow(*list, cap, *n + 1, sizeof(**list));
	(*list)[(*n)++] = *address;
}

static bool has_family(const struct cidr *list, size_t n, uint8_t family)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].family == family)
			return true;
	return false;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_wanted_address(const struct comparison *comparison, const struct cidr *address)
{
	const struct conf_quick *quick = &comparison->conf->quick;

	return is_listed(quick->addresses, quick->n_addresses, address) &&
	       (address->family != AF_INET6 || comparison->host->has_ipv6);
}

/* The kernel has an IPv6 address once, whatever its prefix: the old one has to go first. */
static bool is_in_the_way(const struct cidr *old, const struct comparison *comparison)
{
	for (size_t i = 0; old->family == AF_INET6 && i < comparison->n_coming; i++)
		if (comparison->coming[i].family == AF_INET6 &&
		    !memcmp(old->addr.bytes, comparison->coming[i].addr.bytes, 16))
			return true;
	return false;
}

static void compare_addresses(struct comparison *comparison)
{
	const struct reload_host *host = comparison->host;
	const struct conf_quick *quick = &comparison->conf->quick;

	for (size_t i = 0; i < quick->n_addresses; i++) {
		const struct cidr *address = &quick->addresses[i];

		if (is_wanted_address(comparison, address) &&
		    !is_listed(host->addresses, host->n_addresses, address) &&
		    !is_listed(comparison->coming, comparison->n_coming, address))
			list_address(&comparison->coming, &comparison->n_coming,
				     &comparison->coming_cap, address);
	}
	for (size_t i = 0; i < comparison->ours->n_steps; i++) {
		const struct step *step = &comparison->ours->steps[i];
		struct step *deletion;

		if (step->kind != STEP_ADD_ADDRESS || is_wanted_address(comparison, &step->cidr) ||
		    !is_listed(host->addresses, host->n_addresses, &step->cidr) ||
		    is_listed(comparison->going, comparison->n_going, &step->cidr))
			continue;
		list_address(&comparison->going, &comparison->n_going, &comparison->going_cap,
			     &step->cidr);
		deletion = plan_add_step(is_in_the_way(&step->cidr, comparison)
						 ? &comparison->news
						 : &comparison->addresses_gone,
					 STEP_DELETE_ADDRESS);
		deletion->cidr = step->cidr;
		deletion->former_id = step->id;
	}
	for (size_t i = 0; i < comparison->n_coming; i++)
		plan_add_step(&comparison->news, STEP_ADD_ADDRESS)->cidr = comparison->coming[i];
}

/* In the words of STEP_ADD_FIREWALL. */
static void add_words(struct strbuf *out, const struct cidr *list, size_t n, const struct cidr *but,
		      size_t n_but)
{
	for (size_t i = 0; i < n; i++) {
		if (is_listed(but, n_but, &list[i]))
			continue;
		if (out->len)
			strbuf_add_char(out, ' ');
		cidr_add(out, &list[i]);
	}
}

static void describe_addresses(struct comparison *comparison)
{
	const struct reload_host *host = comparison->host;
	AUTO(strbuf_fini) struct strbuf before = { 0 }, after = { 0 };

	add_words(&before, host->addresses, host->n_addresses, NULL, 0);
	add_words(&after, host->addresses, host->n_addresses, comparison->going,
		  comparison->n_going);
	add_words(&after, comparison->coming, comparison->n_coming, NULL, 0);
	comparison->out->addresses = mem_strdup(strbuf_text(&before));
	comparison->addresses = mem_strdup(strbuf_text(&after));
}

/* ---- the device, its MTU and name servers ---------------------------------------------------- */

static bool is_full(const struct comparison *comparison, uint8_t family)
{
	return comparison->out->plan.route_policy == ROUTE_POLICY_AUTO &&
	       (family != AF_INET6 || comparison->host->has_ipv6) &&
	       plan_has_default_route(comparison->wanted, family);
}

/* The mark stays unless the file has one, or it was ours and nobody needs it any more. */
static void decide_mark(struct comparison *comparison)
{
	const struct wg_device *wanted = comparison->wanted;
	uint32_t running = comparison->host->running->fwmark;
	const struct step *chosen = find_ours(comparison->ours, STEP_SET_MARK, AF_UNSPEC);
	bool is_ours = chosen && chosen->mark == running;
	/* Default routes take one, and so does the kill switch. */
	bool is_needed = is_full(comparison, AF_INET) || is_full(comparison, AF_INET6) ||
			 comparison->host->state->has_kill_switch;
	struct step *reset;

	comparison->mark = running;
	if (wanted->flags & WG_DEVICE_HAS_FWMARK &&
	    (wanted->fwmark || !is_needed ||
	     (!is_ours && !comparison->host->state->has_kill_switch)))
		comparison->mark = wanted->fwmark;
	else if (is_ours && !is_needed)
		comparison->mark = 0;
	/* Others the device gets with the rest, or by SET_MARK. */
	if (!running || comparison->mark || is_needed)
		return;
	reset = plan_add_step(&comparison->last, STEP_RESET_MARK);
	reset->mark = running;
	reset->former_id = is_ours ? chosen->id : 0;
}

static void compare_devices(struct comparison *comparison)
{
	const struct wg_device *running = comparison->host->running;
	const struct step *chosen = find_ours(comparison->ours, STEP_SET_MARK, AF_UNSPEC);
	struct reload *out = comparison->out;
	struct wg_device *change = wg_device_diff(comparison->wanted, running);

	change->flags &= ~(uint32_t)WG_DEVICE_HAS_FWMARK;
	change->fwmark = 0;
	if (comparison->mark && comparison->mark != running->fwmark) {
		change->flags |= WG_DEVICE_HAS_FWMARK;
		change->fwmark = comparison->mark;
	}
	out->change = change;
	if (change->flags || change->n_peers) {
		struct step *step = plan_add_step(&comparison->news, STEP_CHANGE_DEVICE);

		if (change->flags & WG_DEVICE_HAS_FWMARK)
			step->former_id = id_of(chosen);
	}
}

/* Our step that has set the link's MTU, if one has; a run that was cut off may have begun another.
 */
static const struct step *find_our_mtu(const struct plan *ours, unsigned int mtu_bytes)
{
	for (size_t n = ours->n_steps; n--;)
		if (ours->steps[n].kind == STEP_SET_MTU_AND_UP &&
		    ours->steps[n].mtu_bytes == mtu_bytes)
			return &ours->steps[n];
	return NULL;
}

static void compare_mtu(struct comparison *comparison)
{
	const struct reload_host *host = comparison->host;
	const struct step *before = find_our_mtu(comparison->ours, host->mtu_bytes);
	unsigned int wanted = comparison->conf->quick.mtu_bytes;
	struct step *step;

	/* What somebody else has set stays, as long as the file does not say anything. */
	if (!wanted && before)
		wanted = host->fitting_mtu_bytes;
	if (!wanted) /* there is none that fits, or it is not for us to say */
		wanted = host->mtu_bytes;
	if (wanted == host->mtu_bytes && host->is_up)
		return;
	step = plan_add_step(&comparison->news, STEP_SET_MTU_AND_UP);
	step->mtu_bytes = wanted;
	step->former_id = id_of(before);
}

static bool is_same_list(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static void compare_dns(struct comparison *comparison)
{
	const struct reload_host *host = comparison->host;
	const struct conf_quick *quick = &comparison->conf->quick;
	bool is_wanted = quick->dns_servers.n;
	struct step *step;

	if (!host->is_cut_off && is_same_list(&quick->dns_servers, host->dns_servers) &&
	    (!is_wanted || is_same_list(&quick->dns_search, host->dns_search)))
		return;
	step = plan_add_step(&comparison->news, is_wanted ? STEP_SET_DNS : STEP_UNSET_DNS);
	step->former_id = id_of(find_ours(comparison->ours, STEP_SET_DNS, AF_UNSPEC));
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
		if (!is_listed(but, n_but, &addresses[i]) && find_own_route(&own, &addresses[i]) &&
		    cidr_equal(&own, prefix))
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
			list_address(&out->items, &out->n, &out->cap, &route->prefix);
	}
	for (size_t i = 0; i < comparison->n_coming; i++)
		if (find_own_route(&own, &comparison->coming[i]))
			list_address(&out->items, &out->n, &out->cap, &own);
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

static size_t number_of(uint8_t family)
{
	return family == AF_INET6;
}

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
	const struct rule_list *rules = comparison->host->rules[number_of(family)];
	struct kept kept = { rules->n, rules->n };

	if (!is_full(comparison, family))
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
	const struct rule_list *rules = comparison->host->rules[number_of(family)];
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
	const struct rule_list *rules = comparison->host->rules[number_of(family)];
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

/* One that lists other addresses, or another mark, than it should is made anew. */
static void compare_firewalls(struct comparison *comparison, uint8_t family, uint32_t mark)
{
	const struct step *former = find_ours(comparison->ours, STEP_ADD_FIREWALL, family);
	bool is_wanted = is_full(comparison, family);
	bool has_changed = comparison->host->is_cut_off ||
			   has_family(comparison->going, comparison->n_going, family) ||
			   has_family(comparison->coming, comparison->n_coming, family);
	struct step *step;

	if (former) {
		comparison->out->has_firewall[number_of(family)] = true;
		comparison->out->firewall_mark[number_of(family)] = former->mark;
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
	step->former_id = id_of(former);
}

static void reset_src_valid_mark(struct comparison *comparison)
{
	const struct step *former = find_ours(comparison->ours, STEP_SET_SRC_VALID_MARK, AF_UNSPEC);
	struct step *step;

	if (!former || !former->mark || is_full(comparison, AF_INET))
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

static void compare_routes(struct comparison *comparison)
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
	if (comparison->host->state->has_kill_switch && mark != comparison->host->running->fwmark)
		plan_add_step(&comparison->news, STEP_REPLACE_KILL_SWITCH)->mark = mark;
	delete_rules(comparison, AF_INET, mark);
	delete_rules(comparison, AF_INET6, mark);
	reset_src_valid_mark(comparison);
	delete_routes(comparison, &wanted);
	compare_firewalls(comparison, AF_INET, mark);
	compare_firewalls(comparison, AF_INET6, mark);
}

/* ---- the front door -------------------------------------------------------------------------- */

/* What takes more than to be added or taken away. */
static int check(const char *interface, const struct conf *conf, const struct reload_host *host,
		 struct err *err)
{
	bool is_closed = conf->quick.kill_switch != CONF_KILL_SWITCH_OFF;

	if (is_closed == host->state->has_kill_switch)
		return 0;
	return err_set(err, -EOPNOTSUPP,
		       "KillSwitch is to be %s, which takes `wg-quick up --replace %s'",
		       is_closed ? "on" : "off", interface);
}

static void copy_list(struct strlist *out, const struct strlist *in)
{
	for (size_t i = 0; i < in->n; i++)
		strlist_add(out, in->items[i]);
}

int plan_reload(struct reload *out, const char *interface, const struct conf *conf,
		const struct wg_device *wanted, const struct plan *ours,
		const struct reload_host *host, struct err *err)
{
	AUTO(comparison_fini)
	struct comparison comparison = {
		.out = out, .conf = conf, .wanted = wanted, .ours = ours, .host = host
	};
	AUTO(plan_fini) struct plan marks = { 0 };
	int r = check(interface, conf, host, err);

	if (!r)
		r = plan_begin(&out->plan, interface, conf, host->state, err);
	if (r)
		return r;
	out->plan.is_undone = true;
	out->mtu_bytes = host->mtu_bytes;
	out->mark = host->running->fwmark;
	copy_list(&out->dns_servers, host->dns_servers);
	copy_list(&out->dns_search, host->dns_search);
	decide_mark(&comparison);
	marks = comparison.last; /* the very last */
	comparison.last = (struct plan){ 0 };
	compare_devices(&comparison);
	out->back = wg_device_settle(host->running);
	out->back->flags = out->change->flags;
	compare_addresses(&comparison);
	describe_addresses(&comparison);
	compare_mtu(&comparison);
	compare_dns(&comparison);
	compare_routes(&comparison);
	plan_append(&out->plan, &comparison.news);
	plan_append(&out->plan, &comparison.goes);
	plan_append(&out->plan, &comparison.addresses_gone);
	plan_append(&out->plan, &comparison.last);
	plan_append(&out->plan, &marks);
	return 0;
}

/* The step that takes one back. Its text is borrowed. */
static struct step undo(const struct step *done, const struct reload *reload)
{
	static const struct {
		enum step_kind kind, back;
	} pairs[] = {
		{ STEP_CHANGE_DEVICE, STEP_CHANGE_DEVICE },
		{ STEP_ADD_ADDRESS, STEP_DELETE_ADDRESS },
		{ STEP_DELETE_ADDRESS, STEP_ADD_ADDRESS },
		{ STEP_SET_MTU_AND_UP, STEP_SET_MTU_AND_UP },
		{ STEP_SET_DNS, STEP_SET_DNS },
		{ STEP_UNSET_DNS, STEP_SET_DNS },
		{ STEP_SET_MARK, STEP_RESET_MARK },
		{ STEP_RESET_MARK, STEP_SET_MARK },
		{ STEP_ADD_RULE, STEP_DELETE_RULE },
		{ STEP_DELETE_RULE, STEP_ADD_RULE },
		{ STEP_ADD_ROUTE, STEP_DELETE_ROUTE },
		{ STEP_DELETE_ROUTE, STEP_ADD_ROUTE },
		{ STEP_SET_SRC_VALID_MARK, STEP_RESET_SRC_VALID_MARK },
		{ STEP_RESET_SRC_VALID_MARK, STEP_SET_SRC_VALID_MARK },
		{ STEP_ADD_FIREWALL, STEP_DELETE_FIREWALL },
		{ STEP_DELETE_FIREWALL, STEP_ADD_FIREWALL },
		{ STEP_REPLACE_KILL_SWITCH, STEP_REPLACE_KILL_SWITCH },
	};
	size_t i = 0, family = number_of(done->family);
	struct step step = *done;

	while (i < sizeof(pairs) / sizeof(pairs[0]) && pairs[i].kind != done->kind)
		i++;
	assert(i < sizeof(pairs) / sizeof(pairs[0])); /* there are no others in a reload */
	step.kind = pairs[i].back;
	step.former_id = done->id;
	step.id = 0;
	if (step.kind == STEP_RESET_MARK && reload->mark) {
		step.kind = STEP_SET_MARK;
		step.mark = reload->mark;
	} else if (step.kind == STEP_REPLACE_KILL_SWITCH) {
		step.mark = reload->mark;
	} else if (step.kind == STEP_SET_MTU_AND_UP) {
		step.mtu_bytes = reload->mtu_bytes;
	} else if (step.kind == STEP_SET_DNS && !reload->dns_servers.n) {
		step.kind = STEP_UNSET_DNS;
	} else if (done->family && reload->has_firewall[family]) {
		step.kind = STEP_ADD_FIREWALL;
		step.mark = reload->firewall_mark[family];
		step.text = reload->addresses;
	}
	return step;
}

void plan_reload_undo(struct plan *out, const struct plan *done, const struct reload *reload)
{
	AUTO(plan_fini) struct plan routes = { 0 };

	/* Routes come back when nothing new is in their way any more. */
	for (size_t n = done->n_steps; n--;) {
		struct step step = undo(&done->steps[n], reload);

		plan_copy_step(step.kind == STEP_ADD_ROUTE ? &routes : out, &step);
	}
	plan_append(out, &routes);
}

static bool has_default_route_in(const struct routes *routes, uint8_t family, uint32_t table)
{
	for (size_t i = 0; i < routes->n; i++)
		if (!routes->items[i].prefix.bits && routes->items[i].prefix.family == family &&
		    routes->items[i].table == table)
			return true;
	return false;
}

void plan_reload_guess(struct plan *ours, const struct reload_host *host, const struct cidr *given,
		       size_t n_given)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint32_t mark = host->running->fwmark;

	for (size_t i = 0; i < n_given; i++)
		plan_add_step(ours, STEP_ADD_ADDRESS)->cidr = given[i];
	for (size_t i = 0; i < host->routes->n; i++) {
		const struct route *route = &host->routes->items[i];
		struct step *step;

		if (route->origin != ROUTE_ORIGIN_PLAIN)
			continue;
		step = plan_add_step(ours, STEP_ADD_ROUTE);
		step->cidr = route->prefix;
		step->table = route->table == ROUTE_TABLE_MAIN ? 0 : route->table;
	}
	for (size_t f = 0; mark && f < 2; f++) {
		AUTO(plan_fini) struct plan rules = { 0 };
		struct step *firewall;

		/* Another tunnel may have the same mark, and the rules of this family. */
		if (!has_default_route_in(host->routes, families[f], mark))
			continue;
		plan_rules_removal(&rules, host->rules[f], mark);
		if (!rules.n_steps)
			continue;
		for (size_t i = 0; i < rules.n_steps; i++)
			plan_add_step(ours, STEP_ADD_RULE)->rule = rules.steps[i].rule;
		firewall = plan_add_step(ours, STEP_ADD_FIREWALL);
		firewall->family = families[f];
		firewall->mark = mark;
	}
}

void reload_fini(struct reload *reload)
{
	plan_fini(&reload->plan);
	wg_device_free(reload->change);
	wg_device_free(reload->back);
	free(reload->addresses);
	strlist_fini(&reload->dns_servers);
	strlist_fini(&reload->dns_search);
	*reload = (struct reload){ 0 };
}
