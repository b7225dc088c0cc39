/*
 * Explaining a plan: see explain.h. Each kind of step has its reason here: a line of the file, or
 * what is so on the host. The commands are those that the run itself would tell, since the same
 * functions say them.
 */
#include "cmd/wg-quick/explain.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/firewall.h"
#include "cmd/wg-quick/kill_switch.h"
#include "cmd/wg-quick/names.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/plan_routes.h"
#include "cmd/wg-quick/routing.h"
#include "lib/util/cleanup.h"

/* ---- entries --------------------------------------------------------------------------------- */

static void add(struct explain *explain, const struct step *step, const char *command,
		unsigned int line, const char *reason)
{
	const struct explain_entry entry = {
		.act = plan_kind_name(step->kind),
		.command = command,
		.reason = reason,
		.line = line,
		.step = step,
	};

	explain_text_add(&explain->text, &entry);
}

/* A step that is told by the words of its command. */
static void add_plain(struct explain *explain, const struct plan *plan, const struct step *step,
		      unsigned int line, const char *reason)
{
	AUTO(strbuf_fini) struct strbuf command = { 0 };

	plan_format_step(&command, plan, step);
	add(explain, step, strbuf_text(&command), line, reason);
}

/* What is left out: no step comes of it. */
static void add_skipped(struct explain *explain, const char *act, const char *what,
			const struct cidr *cidr, unsigned int line, const char *reason)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	const struct step step = { .cidr = *cidr, .kind = STEP_ADD_ADDRESS };
	struct explain_entry entry = { .act = act, .reason = reason, .line = line, .step = &step };

	strbuf_addf(&text, "%s ", what);
	cidr_add(&text, cidr);
	entry.what = strbuf_text(&text);
	explain_text_add(&explain->text, &entry);
}

void explain_note(struct explain *explain, const char *what, const char *reason)
{
	const struct explain_entry entry = { .act = "note", .what = what, .reason = reason };

	explain_text_add(&explain->text, &entry);
}

#define COMMAND "[#] "
#define NOTICE "[!] "

/* Lines as they would be told on stderr: commands become entries, and what is said before one is
 * its reason. */
static void add_told(struct explain *explain, const struct step *step, const struct strlist *told,
		     unsigned int line, const char *reason)
{
	for (size_t i = 0; i < told->n; i++) {
		const char *text = told->items[i];

		if (!strncmp(text, NOTICE, strlen(NOTICE)))
			reason = text + strlen(NOTICE);
		else if (!strncmp(text, COMMAND, strlen(COMMAND)))
			add(explain, step, text + strlen(COMMAND), line, reason);
		else
			add(explain, step, text, line, reason);
	}
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void explain_hook(struct explain *explain, const struct plan *plan, const struct step *step)
{
	const struct conf_quick *quick = &explain->conf->quick;
	const struct {
		const char *key;
		const struct strlist *hooks;
		size_t *n;
	} all[] = { { "PreUp", &quick->pre_up, &explain->n_pre_up },
		    { "PostUp", &quick->post_up, &explain->n_post_up },
		    { "PreDown", &quick->pre_down, &explain->n_pre_down },
		    { "PostDown", &quick->post_down, &explain->n_post_down } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		AUTO(auto_free) char *text = NULL;
		size_t n = *all[i].n;

		if (strcmp(all[i].key, step->key) != 0)
			continue;
		++*all[i].n;
		if (n < all[i].hooks->n && !explain->has_recorded_hooks)
			text = plan_expand_hook(all[i].hooks->items[n], plan->interface);
		if (text && !strcmp(text, step->text)) {
			add_plain(explain, plan, step,
				  conf_places_line(&explain->places, step->key, n), step->key);
			return;
		}
	}
	/* It comes from what was written down at `up`. */
	AUTO(strbuf_fini) struct strbuf reason = { 0 };

	strbuf_addf(&reason, "%s, as the file had it at `up'", step->key);
	add_plain(explain, plan, step, 0, strbuf_text(&reason));
}

/* ---- the device ------------------------------------------------------------------------------ */

static const char *namespace_reason(const struct conf_quick *quick)
{
	if (quick->netns && quick->birth_netns)
		return "#wg: Namespace, BirthNamespace";
	return quick->netns ? "#wg: Namespace" : "#wg: BirthNamespace";
}

static int explain_add_device(struct explain *explain, const struct plan *plan,
			      const struct step *step, struct err *err)
{
	AUTO(strlist_fini) struct strlist told = { 0 };
	enum device_driver driver = device_find_driver();
	AUTO(strbuf_fini) struct strbuf move = { 0 };
	const char *reason = "the kernel has WireGuard";
	int r = device_foresee_add(&told, plan->interface, plan->implementation, err);

	if (r)
		return r;
	if (plan->implementation == DEVICE_IMPLEMENTATION_USERSPACE)
		reason = "WG_QUICK_IMPLEMENTATION=userspace";
	else if (driver == DEVICE_DRIVER_LOADABLE)
		reason = "the kernel has a module of WireGuard";
	else if (driver == DEVICE_DRIVER_NONE)
		reason = "tried first: no WireGuard in the kernel";
	/* The notice between the two commands says no more than their reasons. */
	for (size_t i = 0; i < told.n; i++)
		if (!strncmp(told.items[i], COMMAND, strlen(COMMAND)))
			add(explain, step, told.items[i] + strlen(COMMAND), 0,
			    i ? "instead: a userspace program" : reason);
	netns_foresee_move(&move, plan->interface);
	if (move.len)
		add(explain, step, strbuf_text(&move), 0, namespace_reason(&explain->conf->quick));
	return 0;
}

static void explain_set_device(struct explain *explain, const struct plan *plan,
			       const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf reason = { 0 };
	const struct wg_device *device = explain->conf->device;
	const char *separator = "";

	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY || explain->conf->quick.private_key_file) {
		strbuf_add(&reason, "the private key");
		separator = ", ";
	}
	if (device->flags & WG_DEVICE_HAS_LISTEN_PORT) {
		strbuf_addf(&reason, "%sport %u", separator, device->listen_port);
		separator = ", ";
	}
	if (device->flags & WG_DEVICE_HAS_FWMARK) {
		strbuf_addf(&reason, "%smark %u", separator, device->fwmark);
		separator = ", ";
	}
	strbuf_addf(&reason, "%s%zu peer%s", separator, device->n_peers,
		    device->n_peers == 1 ? "" : "s");
	add_plain(explain, plan, step, 0, strbuf_text(&reason));
	for (size_t i = 0; i < explain->conf->warnings.n; i++)
		explain_note(explain, explain->conf->warnings.items[i], NULL);
	if (explain->conf->quick.pre_up.n)
		explain_note(explain, "from here on by the file alone",
			     "what PreUp does is not known: it may set keys and peers");
}

/* ---- addresses, MTU, DNS --------------------------------------------------------------------- */

static unsigned int address_line(const struct explain *explain, const struct cidr *address)
{
	const struct conf_quick *quick = &explain->conf->quick;

	for (size_t i = 0; i < quick->n_addresses; i++)
		if (cidr_equal(&quick->addresses[i], address))
			return conf_places_line(&explain->places, "Address", i);
	return 0;
}

static void explain_add_address(struct explain *explain, const struct plan *plan,
				const struct step *step, const struct foresight *foresight)
{
	unsigned int line = address_line(explain, &step->cidr);

	if (step->cidr.family == AF_INET6 && !foresight->has_ipv6)
		add_skipped(explain, "skip-address", "left out:", &step->cidr, line,
			    "no IPv6 here; Address");
	else
		add_plain(explain, plan, step, line, "Address");
}

static void explain_mtu(struct explain *explain, const struct plan *plan, const struct step *step,
			const struct foresight *foresight)
{
	AUTO(strbuf_fini) struct strbuf why = { 0 };
	AUTO(strlist_fini) struct strlist unknown = { 0 };
	struct step known = *step;

	if (step->mtu_bytes) {
		unsigned int line = conf_places_last(&explain->places, "MTU");

		add_plain(explain, plan, step, line,
			  line ? "MTU" : "what the ways to the endpoints allow");
		return;
	}
	known.mtu_bytes = foresee_mtu(&why, &unknown, foresight, plan->interface);
	add_plain(explain, plan, &known, 0, strbuf_text(&why));
	for (size_t i = 0; i < unknown.n; i++)
		explain_note(explain, "an endpoint does not count", unknown.items[i]);
}

static void explain_dns(struct explain *explain, const struct plan *plan, const struct step *step)
{
	AUTO(strlist_fini) struct strlist told = { 0 };
	const struct conf_quick *quick = &explain->conf->quick;
	const struct dns dns = { .interface = plan->interface,
				 .servers = &quick->dns_servers,
				 .search = &quick->dns_search,
				 .foreseen = &told };
	struct err err = { 0 };
	bool is_set = step->kind == STEP_SET_DNS;

	if (is_set)
		dns_set(&dns, &err);
	else
		dns_unset(&dns);
	add_told(explain, step, &told, conf_places_last(&explain->places, "DNS"),
		 is_set ? "DNS; there is a resolvconf" : "DNS");
}

/* ---- routes, rules, firewall ----------------------------------------------------------------- */

/* The peer of a section of the file; *out is written only if there is such a section. */
static bool find_peer(struct wg_key *out, const struct conf *conf, uint32_t section)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = conf->device };
	const struct wg_peer *peer = NULL;

	for (uint32_t i = 0; i <= section && (peer = wg_peers_next(&peers)); i++)
		;
	if (peer)
		*out = peer->public_key;
	return peer;
}

static void explain_route(struct explain *explain, const struct plan *plan, const struct step *step)
{
	const struct conf_place_ip *ip = conf_places_ip(&explain->places, &step->cidr);
	AUTO(strbuf_fini) struct strbuf command = { 0 }, reason = { 0 };
	struct explain_entry entry = { .act = plan_kind_name(step->kind), .step = step };
	char text[NAMES_KEY_MAX];
	struct wg_key key;

	plan_format_step(&command, plan, step);
	strbuf_add(&reason, "AllowedIPs");
	if (ip && find_peer(&key, explain->conf, ip->peer)) {
		names_shorten_key(text, &key);
		strbuf_addf(&reason, " of %s", text);
		entry.peer = &key;
	}
	entry.command = strbuf_text(&command);
	entry.reason = strbuf_text(&reason);
	entry.line = ip ? ip->line : 0;
	explain_text_add(&explain->text, &entry);
}

/* Those allowed IPs for which there is no route. */
static void explain_covered(struct explain *explain, const struct foresight *foresight,
			    const struct route_list *present, bool is_auto)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = foresight->device };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers)))
		for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
			const struct cidr *cidr = &peer->allowed_ips[i].cidr;
			const struct conf_place_ip *ip = conf_places_ip(&explain->places, cidr);
			bool has_no_ipv6 = cidr->family == AF_INET6 && !foresight->has_ipv6;

			if (has_no_ipv6 ||
			    (is_auto && cidr->bits && route_list_covers(present, cidr)))
				add_skipped(explain, "skip-route", "no route to", cidr,
					    ip ? ip->line : 0,
					    has_no_ipv6 ? "no IPv6 here; AllowedIPs"
							: "an Address covers it; AllowedIPs");
		}
}

static const char *rule_reason(const struct rule *rule)
{
	return rule->suppress_prefixlen >= 0 ? "the main table counts, but for its default route"
					     : "what is not the tunnel's own goes into it";
}

static void explain_firewall(struct explain *explain, const struct plan *plan,
			     const struct step *step)
{
	AUTO(strlist_fini) struct strlist told = { 0 };
	const struct firewall firewall = { .interface = plan->interface,
					   .family = step->family,
					   .mark = step->mark };

	if (step->kind == STEP_ADD_FIREWALL)
		firewall_foresee_add(&told, &firewall);
	else
		firewall_foresee_remove(&told, plan->interface, step->family);
	add_told(explain, step, &told, 0,
		 step->kind == STEP_ADD_FIREWALL
			 ? "its addresses are reached by it alone; answers get its mark"
			 : "its rules are there");
}

static int explain_deleted_rules(struct explain *explain, const struct plan *plan, struct err *err)
{
	AUTO(plan_fini) struct plan rules = { 0 };
	int r = routing_foresee_delete_rules(&rules, plan->interface, err);

	for (size_t i = 0; !r && i < rules.n_steps; i++)
		add_plain(explain, plan, &rules.steps[i], 0,
			  rules.steps[i].rule.suppress_prefixlen >= 0
				  ? "no other tunnel needs it"
				  : "of the mark that it has now");
	return r;
}

static int explain_step(struct explain *explain, const struct plan *plan, const struct step *step,
			struct foresight *foresight, struct err *err);

static int explain_routes(struct explain *explain, const struct plan *plan,
			  struct foresight *foresight, struct err *err)
{
	AUTO(plan_fini)
	struct plan routes = { .route_policy = plan->route_policy, .table = plan->table };
	AUTO(route_list_fini) struct route_list present = { 0 };
	int r;

	foresee_present(&present, foresight, &explain->conf->quick);
	r = foresee_routes(&routes, foresight, &present, plan->interface, err);
	for (size_t i = 0; !r && i < routes.n_steps; i++)
		r = explain_step(explain, plan, &routes.steps[i], foresight, err);
	if (!r)
		explain_covered(explain, foresight, &present,
				plan->route_policy == ROUTE_POLICY_AUTO);
	return r;
}

/* Why, for steps that need no more than their own words and a reason. */
static const char *plain_reason(const struct step *step)
{
	switch (step->kind) {
	case STEP_SET_MARK:
		return "no FwMark: the first empty table's";
	case STEP_ADD_RULE:
		return rule_reason(&step->rule);
	case STEP_SET_SRC_VALID_MARK:
		return "it is not 1: answers would fail the check of their return path";
	case STEP_CHANGE_DEVICE:
		return "as far as it differs from the file";
	case STEP_DELETE_ADDRESS:
	case STEP_DELETE_ROUTE:
	case STEP_DELETE_RULE:
	case STEP_RESET_MARK:
	case STEP_RESET_SRC_VALID_MARK:
		return "not by the file any more";
	default:
		return NULL;
	}
}

/* ---- the kill switch ------------------------------------------------------------------------- */

static int explain_kill_switch(struct explain *explain, const struct plan *plan,
			       struct foresight *foresight, struct err *err)
{
	bool is_there = kill_switch_is_there(plan->interface);
	struct step step = { .kind = STEP_SET_MARK };
	int r = 0;

	if (!foresight->device->fwmark) {
		r = foresee_mark(foresight, plan->interface, err);
		if (r)
			return r;
		step.mark = foresight->device->fwmark;
		add_plain(explain, plan, &step, 0, plain_reason(&step));
	}
	step.kind = is_there ? STEP_REPLACE_KILL_SWITCH : STEP_ADD_KILL_SWITCH;
	step.mark = foresight->device->fwmark;
	add_plain(explain, plan, &step, 0, "#wg: KillSwitch");
	return 0;
}

/* What is done only if there is one. */
static void explain_present_kill_switch(struct explain *explain, const struct plan *plan,
					const struct step *step)
{
	if (kill_switch_is_there(plan->interface))
		add_plain(explain, plan, step, 0,
			  step->kind == STEP_LET_NAMES_THROUGH
				  ? "names can be asked for in spite of the kill switch"
				  : "there is a kill switch");
}

/* ---- plans ----------------------------------------------------------------------------------- */

static int explain_step(struct explain *explain, const struct plan *plan, const struct step *step,
			struct foresight *foresight, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	switch (step->kind) {
	case STEP_ADD_DEVICE:
		return explain_add_device(explain, plan, step, err);
	case STEP_RUN_HOOK:
		explain_hook(explain, plan, step);
		return 0;
	case STEP_SET_DEVICE:
		explain_set_device(explain, plan, step);
		return 0;
	case STEP_ADD_ADDRESS:
		explain_add_address(explain, plan, step, foresight);
		return 0;
	case STEP_SET_MTU_AND_UP:
		explain_mtu(explain, plan, step, foresight);
		return 0;
	case STEP_SET_DNS:
	case STEP_UNSET_DNS:
		explain_dns(explain, plan, step);
		return 0;
	case STEP_ROUTE_PEERS:
		return explain_routes(explain, plan, foresight, err);
	case STEP_ADD_ROUTE:
		explain_route(explain, plan, step);
		return 0;
	case STEP_DELETE_RULES:
		return explain_deleted_rules(explain, plan, err);
	case STEP_ADD_FIREWALL:
	case STEP_DELETE_FIREWALL:
		explain_firewall(explain, plan, step);
		return 0;
	case STEP_CLOSE_BYPASSES:
		return explain_kill_switch(explain, plan, foresight, err);
	case STEP_DELETE_KILL_SWITCH:
	case STEP_LET_NAMES_THROUGH:
	case STEP_KEEP_NAMES_IN:
		explain_present_kill_switch(explain, plan, step);
		return 0;
	case STEP_SAVE:
		add_plain(explain, plan, step, conf_places_last(&explain->places, "SaveConfig"),
			  "SaveConfig");
		return 0;
	case STEP_DELETE_DEVICE:
		device_foresee_delete(&text, plan->interface);
		add(explain, step, strbuf_text(&text), 0, "its addresses and routes go with it");
		return 0;
	default:
		add_plain(explain, plan, step, 0, plain_reason(step));
		return 0;
	}
}

int explain_plan(struct explain *explain, const struct plan *plan, struct err *err)
{
	AUTO(foresight_fini) struct foresight foresight = { 0 };
	int r = 0;

	foresee(&foresight, plan->interface, plan->implementation, explain->conf,
		explain->is_replacing);
	for (size_t i = 0; !r && i < plan->n_steps; i++)
		r = explain_step(explain, plan, &plan->steps[i], &foresight, err);
	return r;
}

void explain_begin(struct explain *out, const char *command, const struct target *target,
		   const struct conf *conf)
{
	bool is_json = quick_options.is_json;

	*out = (struct explain){ .target = target, .conf = conf, .command = command };
	conf_places_find(&out->places, conf);
	explain_text_begin(&out->text, is_json, !is_json && cli_colour(), command, target);
}

int explain_end(struct explain *explain)
{
	int status;

	explain_text_end(&explain->text, NULL);
	status = cli_write(&explain->text.out);
	explain_fini(explain);
	return status;
}

void explain_fini(struct explain *explain)
{
	explain_text_fini(&explain->text);
	conf_places_fini(&explain->places);
}

int explain_one(const char *command, const struct plan *plan, const struct target *target,
		const struct conf *conf)
{
	AUTO(explain_fini) struct explain explain = { 0 };
	struct err err = { 0 };

	explain_begin(&explain, command, target, conf);
	return explain_plan(&explain, plan, &err) ? quick_fail(&err, NULL) : explain_end(&explain);
}

void explain_refusal(const char *command, const struct target *target, const char *reason)
{
	AUTO(explain_text_fini) struct explain_text text = { 0 };

	explain_text_begin(&text, true, false, command, target);
	explain_text_end(&text, reason);
	cli_write(&text.out);
}
