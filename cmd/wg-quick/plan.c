/*
 * Deciding what to do, and in what order. Pure: what is known of the host comes in as struct state,
 * what is to be done goes out as struct plan, which owns its texts.
 *
 * The order, in `up`: the device comes first, so that PreUp can already put it into a VRF or give
 * it a key; addresses come before routes, since a route that an address implies is not added again;
 * PostUp sees everything. What lives on the device (addresses, routes) goes when it goes, so that
 * only making the device needs undoing.
 */
#include "cmd/wg-quick/plan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	/* The outer IPv6 header 40, UDP 8, the message's own 32: what fits on every path. */
	TUNNEL_OVERHEAD_BYTES = 80,
	ETHERNET_MTU_BYTES = 1500,
};

struct step *plan_add_step(struct plan *plan, enum step_kind kind)
{
	struct step *step;

	plan->steps = mem_grow(plan->steps, &plan->steps_cap, plan->n_steps + 1, sizeof(*step));
	step = &plan->steps[plan->n_steps++];
	*step = (struct step){ .kind = kind };
	return step;
}

void plan_copy_step(struct plan *plan, const struct step *step)
{
	struct step *copy = plan_add_step(plan, step->kind);

	*copy = *step;
	copy->text = mem_strdup(step->text);
}

void plan_append(struct plan *plan, const struct plan *other)
{
	for (size_t i = 0; i < other->n_steps; i++)
		plan_copy_step(plan, &other->steps[i]);
}

char *plan_expand_hook(const char *text, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	const char *mark;

	for (; (mark = strstr(text, "%i")); text = mark + 2) {
		strbuf_add_mem(&out, text, (size_t)(mark - text));
		strbuf_add(&out, interface);
	}
	strbuf_add(&out, text);
	return mem_strdup(strbuf_text(&out));
}

static void add_hooks(struct plan *plan, const char *key, const struct strlist *hooks)
{
	for (size_t i = 0; i < hooks->n; i++) {
		struct step *step = plan_add_step(plan, STEP_RUN_HOOK);

		step->key = key;
		step->text = plan_expand_hook(hooks->items[i], plan->interface);
	}
}

static bool has_default_route(const struct wg_peer *peer, uint8_t family)
{
	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		const struct wg_allowed_ip *ip = &peer->allowed_ips[i];

		if (!ip->cidr.bits && !ip->remove && (!family || ip->cidr.family == family))
			return true;
	}
	return false;
}

bool plan_has_default_route(const struct wg_device *device, uint8_t family)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers)))
		if (has_default_route(peer, family))
			return true;
	return false;
}

/* Finds out in advance what would be found half-way. */
static int check_firewall(const struct plan *plan, const struct wg_device *device,
			  const struct state *state, struct err *err)
{
	if (plan->route_policy != ROUTE_POLICY_AUTO)
		return 0;
	if (!state->has_firewall_v4 && plan_has_default_route(device, AF_INET))
		return err_set(err, -ENOENT,
			       "AllowedIPs = 0.0.0.0/0 takes nft or iptables-restore, and neither "
			       "is installed");
	if (!state->has_firewall_v6 && plan_has_default_route(device, AF_INET6))
		return err_set(err, -ENOENT,
			       "AllowedIPs = ::/0 takes nft or ip6tables-restore, and neither is "
			       "installed");
	return 0;
}

static int check_kill_switch(const struct conf *conf, const struct state *state, struct err *err)
{
	if (conf->quick.kill_switch == CONF_KILL_SWITCH_OFF || state->has_nft)
		return 0;
	return err_set(err, -ENOENT, "KillSwitch takes nft, which is not installed");
}

/* What both directions start from: where routes go. */
static void begin(struct plan *plan, const char *interface, const struct conf *conf,
		  const struct state *state)
{
	const struct conf_quick *quick = &conf->quick;

	assert(strlen(interface) < sizeof(plan->interface));
	strcpy(plan->interface, interface);
	if (quick->table && !strcmp(quick->table, "off")) {
		plan->route_policy = ROUTE_POLICY_OFF;
	} else if (quick->table) {
		plan->route_policy = ROUTE_POLICY_TABLE;
		plan->table = state->table;
		plan->table_name = mem_strdup(quick->table);
	}
}

int plan_begin(struct plan *plan, const char *interface, const struct conf *conf,
	       const struct state *state, struct err *err)
{
	begin(plan, interface, conf, state);
	if (plan->route_policy == ROUTE_POLICY_TABLE && !plan->table)
		return err_set(err, -EINVAL,
			       "`%s' is neither the number nor the name of a routing table",
			       plan->table_name);
	return check_firewall(plan, conf->device, state, err);
}

/* The one that is there stands in the way of looking names up; and perhaps of all that is wanted.
 */
static void add_former_kill_switch(struct plan *plan, const struct conf *conf,
				   const struct state *state)
{
	if (!state->has_kill_switch)
		return;
	plan_add_step(plan, conf->quick.kill_switch == CONF_KILL_SWITCH_OFF
				    ? STEP_DELETE_KILL_SWITCH
				    : STEP_LET_NAMES_THROUGH);
}

int plan_up(struct plan *out, const char *interface, enum device_implementation implementation,
	    const struct conf *conf, const struct state *state, struct err *err)
{
	AUTO(plan_fini) struct plan plan = { .is_undone = true, .implementation = implementation };
	int r;

	if (state->link_exists)
		return err_set(err, -EEXIST, "`%s' already exists", interface);
	/* It would be configured in the new one's place. */
	if (state->is_wireguard)
		return err_set(
			err, -EEXIST,
			"`%s' already exists: a program answers for it, though its interface "
			"is not here",
			interface);
	r = plan_begin(&plan, interface, conf, state, err);
	if (!r)
		r = check_kill_switch(conf, state, err);
	if (r)
		return r;
	add_former_kill_switch(&plan, conf, state);
	plan_add_step(&plan, STEP_ADD_DEVICE);
	add_hooks(&plan, "PreUp", &conf->quick.pre_up);
	plan_add_step(&plan, STEP_SET_DEVICE);
	if (conf->quick.kill_switch != CONF_KILL_SWITCH_OFF)
		plan_add_step(&plan, STEP_CLOSE_BYPASSES);
	for (size_t i = 0; i < conf->quick.n_addresses; i++)
		plan_add_step(&plan, STEP_ADD_ADDRESS)->cidr = conf->quick.addresses[i];
	plan_add_step(&plan, STEP_SET_MTU_AND_UP)->mtu_bytes = conf->quick.mtu_bytes;
	if (conf->quick.dns_servers.n)
		plan_add_step(&plan, STEP_SET_DNS);
	if (plan.route_policy != ROUTE_POLICY_OFF)
		plan_add_step(&plan, STEP_ROUTE_PEERS);
	add_hooks(&plan, "PostUp", &conf->quick.post_up);
	*out = plan;
	plan = (struct plan){ 0 };
	return 0;
}

int plan_down(struct plan *out, const char *interface, const struct conf *conf,
	      const struct state *state, struct err *err)
{
	AUTO(plan_fini) struct plan plan = { 0 };

	if (!state->is_wireguard && !state->has_kill_switch)
		return err_set(err, -ENODEV, "`%s' is not a WireGuard interface", interface);
	begin(&plan, interface, conf, state);
	add_hooks(&plan, "PreDown", &conf->quick.pre_down);
	if (conf->quick.save_config && state->is_wireguard)
		plan_add_step(&plan, STEP_SAVE);
	if (plan.route_policy == ROUTE_POLICY_AUTO)
		plan_add_step(&plan, STEP_DELETE_RULES);
	plan_add_step(&plan, STEP_DELETE_DEVICE);
	if (conf->quick.dns_servers.n || state->has_dns_file)
		plan_add_step(&plan, STEP_UNSET_DNS);
	plan_add_step(&plan, STEP_DELETE_FIREWALL);
	/* Last, since until here there is less than a tunnel. But a failing PostDown does not keep
	 * the host shut off. */
	if (state->has_kill_switch)
		plan_add_step(&plan, STEP_DELETE_KILL_SWITCH);
	add_hooks(&plan, "PostDown", &conf->quick.post_down);
	*out = plan;
	plan = (struct plan){ 0 };
	return 0;
}

unsigned int plan_mtu(const struct state_mtus *mtus)
{
	unsigned int least = 0;

	for (size_t i = 0; i < mtus->n_endpoints; i++)
		if (!least || mtus->endpoints[i] < least)
			least = mtus->endpoints[i];
	if (!least)
		least = mtus->default_route;
	if (!least)
		least = ETHERNET_MTU_BYTES;
	return least > TUNNEL_OVERHEAD_BYTES ? least - TUNNEL_OVERHEAD_BYTES : least;
}

bool plan_undo(struct step *out, const struct step *done)
{
	switch (done->kind) {
	case STEP_ADD_DEVICE:
		*out = (struct step){ .kind = STEP_DELETE_DEVICE };
		return true;
	case STEP_SET_DNS:
		*out = (struct step){ .kind = STEP_UNSET_DNS };
		return true;
	case STEP_ADD_RULE:
		*out = *done;
		out->kind = STEP_DELETE_RULE;
		return true;
	case STEP_SET_SRC_VALID_MARK:
		*out = *done;
		out->kind = STEP_RESET_SRC_VALID_MARK;
		return true;
	case STEP_ADD_FIREWALL:
		*out = *done;
		out->kind = STEP_DELETE_FIREWALL;
		return true;
	case STEP_ADD_KILL_SWITCH:
		*out = (struct step){ .kind = STEP_DELETE_KILL_SWITCH };
		return true;
	case STEP_LET_NAMES_THROUGH:
		*out = (struct step){ .kind = STEP_KEEP_NAMES_IN };
		return true;
	case STEP_REPLACE_KILL_SWITCH: /* it was closed before */
		return false;
	case STEP_SET_DEVICE: /* these go with the device */
	case STEP_ADD_ADDRESS:
	case STEP_SET_MTU_AND_UP:
	case STEP_SET_MARK:
	case STEP_ADD_ROUTE:
		return false;
	case STEP_ROUTE_PEERS: /* these consist of others */
	case STEP_CLOSE_BYPASSES:
	case STEP_DELETE_RULES:
		return false;
	case STEP_CHANGE_DEVICE: /* a reload undoes its own: see plan_reload.h */
	case STEP_DELETE_ADDRESS:
	case STEP_DELETE_ROUTE:
	case STEP_RESET_MARK:
		return false;
	case STEP_RUN_HOOK: /* nobody but its author knows how */
	case STEP_DELETE_DEVICE:
	case STEP_DELETE_RULE:
	case STEP_RESET_SRC_VALID_MARK:
	case STEP_DELETE_FIREWALL:
	case STEP_DELETE_KILL_SWITCH:
	case STEP_KEEP_NAMES_IN:
	case STEP_UNSET_DNS:
	case STEP_SAVE:
		return false;
	}
	assert(!"a step of no kind");
	return false;
}

/* What is journalled leaves something to undo; what consists of others, or takes them back, is not.
 */
static const struct {
	const char *name;
	bool is_journalled;
} kinds[] = {
	[STEP_ADD_DEVICE] = { "add-device", true },
	[STEP_RUN_HOOK] = { "run-hook", true },
	[STEP_SET_DEVICE] = { "set-device", true },
	[STEP_ADD_ADDRESS] = { "add-address", true },
	[STEP_SET_MTU_AND_UP] = { "set-mtu-and-up", true },
	[STEP_SET_DNS] = { "set-dns", true },
	[STEP_ROUTE_PEERS] = { "route-peers", false },
	[STEP_SET_MARK] = { "set-mark", true },
	[STEP_ADD_RULE] = { "add-rule", true },
	[STEP_DELETE_RULE] = { "delete-rule", false },
	[STEP_DELETE_RULES] = { "delete-rules", false },
	[STEP_ADD_ROUTE] = { "add-route", true },
	[STEP_SET_SRC_VALID_MARK] = { "set-src-valid-mark", true },
	[STEP_RESET_SRC_VALID_MARK] = { "reset-src-valid-mark", false },
	[STEP_ADD_FIREWALL] = { "add-firewall", true },
	[STEP_DELETE_FIREWALL] = { "delete-firewall", false },
	[STEP_SAVE] = { "save", true },
	[STEP_DELETE_DEVICE] = { "delete-device", false },
	[STEP_UNSET_DNS] = { "unset-dns", false },
	[STEP_CLOSE_BYPASSES] = { "close-bypasses", false },
	[STEP_ADD_KILL_SWITCH] = { "add-kill-switch", true },
	[STEP_REPLACE_KILL_SWITCH] = { "replace-kill-switch", true },
	[STEP_DELETE_KILL_SWITCH] = { "delete-kill-switch", false },
	[STEP_LET_NAMES_THROUGH] = { "let-names-through", true },
	[STEP_KEEP_NAMES_IN] = { "keep-names-in", false },
	[STEP_CHANGE_DEVICE] = { "change-device", false },
	[STEP_DELETE_ADDRESS] = { "delete-address", false },
	[STEP_DELETE_ROUTE] = { "delete-route", false },
	[STEP_RESET_MARK] = { "reset-mark", false },
};

enum {
	N_KINDS = sizeof(kinds) / sizeof(kinds[0]),
};

const char *plan_kind_name(enum step_kind kind)
{
	return (size_t)kind < N_KINDS ? kinds[kind].name : NULL;
}

bool plan_is_journalled(enum step_kind kind)
{
	return kinds[kind].is_journalled;
}

/* In the words of the original: to delete a rule it names the table alone. */
static void format_rule(struct strbuf *out, const char *command, const struct rule *rule)
{
	strbuf_addf(out, "ip -%d rule %s ", rule->family == AF_INET6 ? 6 : 4, command);
	if (rule->suppress_prefixlen >= 0)
		strbuf_addf(out, "table main suppress_prefixlength %d", rule->suppress_prefixlen);
	else if (!strcmp(command, "add"))
		strbuf_addf(out, "not fwmark %u table %u", rule->mark, rule->table);
	else
		strbuf_addf(out, "table %u", rule->table);
}

/* "ip -4 address add 10.0.0.1/24 dev wg0", say. */
static void format_ip(struct strbuf *out, const struct plan *plan, const struct step *step,
		      const char *object, bool is_new)
{
	char cidr[CIDR_TEXT_MAX];

	cidr_format(cidr, &step->cidr);
	strbuf_addf(out, "ip -%d %s %s %s dev %s", step->cidr.family == AF_INET6 ? 6 : 4, object,
		    is_new ? "add" : "delete", cidr, plan->interface);
}

static void format_route(struct strbuf *out, const struct plan *plan, const struct step *step)
{
	const bool is_new = step->kind == STEP_ADD_ROUTE;

	format_ip(out, plan, step, "route", is_new);
	/* One that goes may be in a table that the file does not name any more. */
	if (is_new && plan->route_policy == ROUTE_POLICY_TABLE && step->table == plan->table)
		strbuf_addf(out, " table %s", plan->table_name);
	else if (step->table)
		strbuf_addf(out, " table %u", step->table);
}

void plan_format_step(struct strbuf *out, const struct plan *plan, const struct step *step)
{
	switch (step->kind) {
	case STEP_ADD_DEVICE: /* the kernel's way */
		strbuf_addf(out, "ip link add dev %s type wireguard", plan->interface);
		break;
	case STEP_RUN_HOOK:
		strbuf_add(out, step->text);
		break;
	case STEP_SET_DEVICE: /* the words of the original, which scripts look for */
		strbuf_addf(out, "wg addconf %s /dev/fd/63", plan->interface);
		break;
	case STEP_ADD_ADDRESS:
	case STEP_DELETE_ADDRESS:
		format_ip(out, plan, step, "address", step->kind == STEP_ADD_ADDRESS);
		break;
	case STEP_SET_MTU_AND_UP:
		strbuf_addf(out, "ip link set mtu %u up dev %s", step->mtu_bytes, plan->interface);
		break;
	case STEP_SET_DNS: /* the original's way */
		strbuf_addf(out, "resolvconf -a %s -m 0 -x", plan->interface);
		break;
	case STEP_UNSET_DNS:
		strbuf_addf(out, "resolvconf -d %s -f", plan->interface);
		break;
	case STEP_SAVE:
		strbuf_addf(out, "wg showconf %s", plan->interface);
		break;
	case STEP_ROUTE_PEERS:
		strbuf_addf(out, "wg show %s allowed-ips", plan->interface);
		break;
	case STEP_CHANGE_DEVICE: /* what of it changes, that command would find out */
		strbuf_addf(out, "wg syncconf %s /dev/fd/63", plan->interface);
		break;
	case STEP_ADD_ROUTE:
	case STEP_DELETE_ROUTE:
		format_route(out, plan, step);
		break;
	case STEP_SET_MARK:
	case STEP_RESET_MARK:
		strbuf_addf(out, "wg set %s fwmark %u", plan->interface,
			    step->kind == STEP_SET_MARK ? step->mark : 0);
		break;
	case STEP_ADD_RULE:
		format_rule(out, "add", &step->rule);
		break;
	case STEP_DELETE_RULE:
		format_rule(out, "delete", &step->rule);
		break;
	case STEP_DELETE_RULES:
		strbuf_add(out, "ip rule show");
		break;
	case STEP_SET_SRC_VALID_MARK:
	case STEP_RESET_SRC_VALID_MARK:
		strbuf_addf(out, "sysctl -q net.ipv4.conf.all.src_valid_mark=%d",
			    step->kind == STEP_SET_SRC_VALID_MARK);
		break;
	case STEP_CLOSE_BYPASSES:
		strbuf_addf(out, "wg show %s fwmark", plan->interface);
		break;
	case STEP_ADD_FIREWALL: /* the usual way */
	case STEP_DELETE_FIREWALL:
	case STEP_ADD_KILL_SWITCH:
	case STEP_REPLACE_KILL_SWITCH:
	case STEP_DELETE_KILL_SWITCH:
	case STEP_LET_NAMES_THROUGH:
	case STEP_KEEP_NAMES_IN:
		strbuf_add(out, "nft -f /dev/fd/63");
		break;
	case STEP_DELETE_DEVICE:
		strbuf_addf(out, "ip link delete dev %s", plan->interface);
		break;
	}
}

void plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		free(plan->steps[i].text);
	free(plan->steps);
	free(plan->table_name);
	*plan = (struct plan){ 0 };
}
