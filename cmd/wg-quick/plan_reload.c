/*
 * Deciding about a reload. Pure. The file's wishes are made steps as for `up`, and those that are
 * fulfilled are left out; what is ours and no step wants becomes a step that takes it back.
 *
 * The order: what is new comes first, so that whoever uses the tunnel always finds a way. Rules go
 * before what they lead to; the last thing is what could not be added while the old was there.
 *
 *	the device; addresses; MTU; name servers; rules, routes and firewall that are new
 *	rules, routes, addresses that go
 *	routes in the place of an address's own; firewalls, which list the addresses; the mark
 *
 * A step that takes something back, or stands in its place, has the number in the journal of the
 * step that did it (former_id). The result owns its texts. Routes and what they take are in
 * comparison_routes.c.
 */
#include "cmd/wg-quick/plan_reload.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/comparison.h"
#include "cmd/wg-quick/plan_routes.h"
#include "lib/model/diff.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* ---- what is compared ------------------------------------------------------------------------ */

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

const struct step *comparison_find_ours(const struct plan *ours, enum step_kind kind,
					uint8_t family)
{
	for (size_t n = ours->n_steps; n--;)
		if (ours->steps[n].kind == kind && (!family || ours->steps[n].family == family))
			return &ours->steps[n];
	return NULL;
}

uint32_t comparison_id_of(const struct step *step)
{
	return step ? step->id : 0;
}

bool comparison_lists(const struct cidr *list, size_t n, const struct cidr *address)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_equal(&list[i], address))
			return true;
	return false;
}

void comparison_list(struct cidr **list, size_t *n, size_t *cap, const struct cidr *address)
{
	*list = mem_grow(*list, cap, *n + 1, sizeof(**list));
	(*list)[(*n)++] = *address;
}

bool comparison_has_family(const struct cidr *list, size_t n, uint8_t family)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].family == family)
			return true;
	return false;
}

size_t comparison_number_of(uint8_t family)
{
	return family == AF_INET6;
}

bool comparison_is_full(const struct comparison *comparison, uint8_t family)
{
	return comparison->out->plan.route_policy == ROUTE_POLICY_AUTO &&
	       (family != AF_INET6 || comparison->host->has_ipv6) &&
	       plan_has_default_route(comparison->wanted, family);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_wanted_address(const struct comparison *comparison, const struct cidr *address)
{
	const struct conf_quick *quick = &comparison->conf->quick;

	return comparison_lists(quick->addresses, quick->n_addresses, address) &&
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
		    !comparison_lists(host->addresses, host->n_addresses, address) &&
		    !comparison_lists(comparison->coming, comparison->n_coming, address))
			comparison_list(&comparison->coming, &comparison->n_coming,
					&comparison->coming_cap, address);
	}
	for (size_t i = 0; i < comparison->ours->n_steps; i++) {
		const struct step *step = &comparison->ours->steps[i];
		struct step *deletion;

		if (step->kind != STEP_ADD_ADDRESS || is_wanted_address(comparison, &step->cidr) ||
		    !comparison_lists(host->addresses, host->n_addresses, &step->cidr) ||
		    comparison_lists(comparison->going, comparison->n_going, &step->cidr))
			continue;
		comparison_list(&comparison->going, &comparison->n_going, &comparison->going_cap,
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
		if (comparison_lists(but, n_but, &list[i]))
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

/* The mark stays unless the file has one, or it was ours and nobody needs it any more. */
static void decide_mark(struct comparison *comparison)
{
	const struct wg_device *wanted = comparison->wanted;
	uint32_t running = comparison->host->running->fwmark;
	const struct step *chosen =
		comparison_find_ours(comparison->ours, STEP_SET_MARK, AF_UNSPEC);
	bool is_ours = chosen && chosen->mark == running;
	/* Default routes take one, and so does the kill switch. */
	bool is_needed = comparison_is_full(comparison, AF_INET) ||
			 comparison_is_full(comparison, AF_INET6) ||
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
	const struct step *chosen =
		comparison_find_ours(comparison->ours, STEP_SET_MARK, AF_UNSPEC);
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
			step->former_id = comparison_id_of(chosen);
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
	step->former_id = comparison_id_of(before);
}

static void compare_dns(struct comparison *comparison)
{
	const struct reload_host *host = comparison->host;
	const struct conf_quick *quick = &comparison->conf->quick;
	bool is_wanted = quick->dns_servers.n;
	struct step *step;

	if (!host->is_cut_off && !host->lacks_dns &&
	    strlist_equal(&quick->dns_servers, host->dns_servers) &&
	    (!is_wanted || strlist_equal(&quick->dns_search, host->dns_search)))
		return;
	step = plan_add_step(&comparison->news, is_wanted ? STEP_SET_DNS : STEP_UNSET_DNS);
	step->former_id =
		comparison_id_of(comparison_find_ours(comparison->ours, STEP_SET_DNS, AF_UNSPEC));
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
	out->lets_lan = host->state->lets_lan;
	strlist_copy(&out->dns_servers, host->dns_servers);
	strlist_copy(&out->dns_search, host->dns_search);
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
	comparison_add_routes(&comparison);
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
	size_t i = 0, family = comparison_number_of(done->family);
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
