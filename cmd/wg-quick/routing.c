/*
 * Doing the steps about routes. What there is to decide, plan_routes.c has decided or is asked.
 *
 * Between looking for an empty table and filling it nobody else may do the same, nor may rules go
 * that are being counted: the lock of the rules sees to that.
 */
#include "cmd/wg-quick/routing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/firewall.h"
#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/plan_routes.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/sysctl.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

bool routing_has_ipv6(struct work *work)
{
	const char *interface = work->plan->interface;

	if (sysctl_has_ipv6("/proc", interface))
		return true;
	if (!work->is_told_of_no_ipv6)
		cli_say("[!] no IPv6 on `%s': its IPv6 addresses and routes are left out",
			interface);
	work->is_told_of_no_ipv6 = true;
	return false;
}

static bool has_ipv6_routes(const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers)))
		for (size_t i = 0; i < peer->n_allowed_ips; i++)
			if (peer->allowed_ips[i].cidr.family == AF_INET6)
				return true;
	return false;
}

static int do_steps(struct work *work, const struct plan *steps)
{
	int status = 0;

	/* There may be thousands; who has sent a signal does not wait for all of them. */
	for (size_t i = 0; !status && i < steps->n_steps; i++) {
		if (work->plan->is_undone && process_is_interrupted())
			break;
		status = work_do(work, &steps->steps[i]);
	}
	return status;
}

int routing_route_peers(struct work *work)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(route_list_fini) struct route_list present = { 0 };
	AUTO(plan_fini)
	struct plan routes = { .route_policy = work->plan->route_policy,
			       .table = work->plan->table };
	AUTO(lock_release) struct lock lock = LOCK_NONE;
	struct plan_host host = { .present = &present };
	bool is_auto = routes.route_policy == ROUTE_POLICY_AUTO;

	if (work_get_device(&device, work))
		return STATUS_FAILED;
	host.has_ipv6 = !has_ipv6_routes(device) || routing_has_ipv6(work);
	/* Routes come longest prefix first, so none of them covers a later one: it is enough to
	 * look once. */
	if (is_auto && device->n_peers &&
	    route_list_device(&present, work->plan->interface, work->err))
		return STATUS_REFUSED;
	if (is_auto && plan_has_default_route(device, AF_UNSPEC)) {
		lock_rules(&lock);
		host.has_src_valid_mark = sysctl_read(SYSCTL_SRC_VALID_MARK) == 1;
		if (!device->fwmark &&
		    route_find_empty_table(&host.empty_table, PLAN_FIRST_TABLE, work->err))
			return STATUS_REFUSED;
	}
	plan_routes(&routes, device, &host);
	return do_steps(work, &routes);
}

static int set_mark(struct work *work, uint32_t mark)
{
	AUTO(wg_device_auto_free) struct wg_device *change = wg_device_new();

	strcpy(change->name, work->plan->interface);
	change->flags = WG_DEVICE_HAS_FWMARK;
	change->fwmark = mark;
	if (!ipc_set(change, work->err))
		return 0;
	err_prefix(work->err, "Unable to modify interface");
	return STATUS_FAILED;
}

int routing_set_mark(struct work *work, const struct step *step)
{
	work_echo(work, step);
	return set_mark(work, step->mark);
}

int routing_reset_mark(struct work *work, const struct step *step)
{
	work_echo(work, step);
	return set_mark(work, 0);
}

int routing_add_rule(struct work *work, struct step *step)
{
	work_echo(work, step);
	return rule_add(&step->rule, work->err) ? STATUS_REFUSED : 0;
}

int routing_delete_rule(struct work *work, const struct step *step)
{
	int r;

	work_echo(work, step);
	r = rule_delete(&step->rule, work->err);
	return r && r != -ENOENT ? STATUS_REFUSED : 0; /* perhaps somebody else was faster */
}

/* What decides about a tunnel's rules, when it goes. */
struct tunnel {
	char interface[IFNAMSIZ];
	uint32_t mark;
	bool has_default_v4, has_default_v6;
};

static int ask_device(void *ctx)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct tunnel *tunnel = ctx;

	if (ipc_get(&device, tunnel->interface, NULL))
		return 1;
	tunnel->mark = device->fwmark;
	tunnel->has_default_v4 = plan_has_default_route(device, AF_INET);
	tunnel->has_default_v6 = plan_has_default_route(device, AF_INET6);
	return 0;
}

/* Asks in a process of its own, since a daemon that hangs would take for ever. One that does not
 * answer cannot tell its mark, but its interface can be deleted. */
static struct tunnel look_at_tunnel(const char *interface)
{
	struct tunnel *asked = process_share(sizeof(*asked)), tunnel = { 0 };

	if (!asked)
		return tunnel;
	strcpy(asked->interface, interface);
	if (!process_call_in_time(ask_device, asked, NULL))
		tunnel = *asked;
	process_unshare(asked, sizeof(*asked));
	return tunnel;
}

/* The rules of one family; the mark is known to be this device's. */
static int look_at_rules(struct plan *out, const char *interface, uint32_t mark, uint8_t family,
			 bool has_default, struct err *err)
{
	AUTO(rule_list_fini) struct rule_list rules = { 0 };
	bool is_shared = false;
	int r = 0;

	/* A device may have lost its default route since, but then nobody else uses the table. */
	if (!has_default)
		r = route_table_is_shared(&is_shared, family, mark, interface, err);
	if (r || is_shared)
		return r;
	r = rule_list_read(&rules, family, err);
	if (!r)
		plan_rules_removal(out, &rules, mark);
	return r;
}

static int look_at_both(struct plan *out, const char *interface, const struct tunnel *tunnel,
			struct err *err)
{
	int r = look_at_rules(out, interface, tunnel->mark, AF_INET, tunnel->has_default_v4, err);

	return r ? r
		 : look_at_rules(out, interface, tunnel->mark, AF_INET6, tunnel->has_default_v6,
				 err);
}

static bool has_rules(const struct tunnel *tunnel)
{
	return tunnel->mark && (tunnel->has_default_v4 || tunnel->has_default_v6);
}

int routing_foresee_delete_rules(struct plan *out, const char *interface, struct err *err)
{
	const struct tunnel tunnel = look_at_tunnel(interface);

	return has_rules(&tunnel) ? look_at_both(out, interface, &tunnel, err) : 0;
}

/* The rules that the journal has, and no others. */
static int look_at_journal(struct plan *out, const struct journal *journal, struct err *err)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(families); i++) {
		AUTO(rule_list_fini) struct rule_list rules = { 0 };

		r = rule_list_read(&rules, families[i], err);
		if (!r)
			plan_known_rules_removal(out, &rules, &journal->done);
	}
	return r;
}

static int delete_known_rules(struct work *work)
{
	AUTO(lock_release) struct lock lock = LOCK_NONE;
	AUTO(plan_fini) struct plan removal = { 0 };

	lock_rules(&lock);
	if (look_at_journal(&removal, work->journal, work->err))
		return STATUS_REFUSED;
	return do_steps(work, &removal);
}

int routing_delete_rules(struct work *work)
{
	if (work->journal)
		return delete_known_rules(work);
	const char *interface = work->plan->interface;
	const struct tunnel tunnel = look_at_tunnel(interface);
	AUTO(lock_release) struct lock lock = LOCK_NONE;
	AUTO(plan_fini) struct plan removal = { 0 };

	if (!has_rules(&tunnel))
		return 0;
	lock_rules(&lock);
	if (look_at_both(&removal, interface, &tunnel, work->err))
		return STATUS_REFUSED;
	return do_steps(work, &removal);
}

int routing_add_route(struct work *work, const struct step *step)
{
	const struct plan *plan = work->plan;
	uint32_t table = step->table ? step->table : (uint32_t)ROUTE_TABLE_MAIN;
	char cidr[CIDR_TEXT_MAX], number[16];
	const char *name = plan->table_name ? plan->table_name : "main";
	int r;

	work_echo(work, step);
	r = route_add(plan->interface, &step->cidr, table, work->err);
	if (r == -EEXIST) {
		if (step->table && !plan->table_name) {
			snprintf(number, sizeof(number), "%u", step->table);
			name = number;
		}
		cidr_format(cidr, &step->cidr);
		err_set(work->err, r,
			"cannot route %s to `%s': File exists: see `ip route show %s table %s'",
			cidr, plan->interface, cidr, name);
	}
	return r ? STATUS_REFUSED : 0;
}

int routing_set_src_valid_mark(struct work *work, struct step *step)
{
	const char *interface = work->plan->interface;
	int r;

	work_echo(work, step);
	r = sysctl_write(SYSCTL_SRC_VALID_MARK, 1);
	if (!r)
		return 0;
	step->mark = 0; /* there is nothing to reset */
	if (!sysctl_needs_src_valid_mark(SYSCTL_IPV4_CONF, interface)) {
		cli_say("[!] cannot set net.ipv4.conf.all.src_valid_mark: %s; it is not needed as "
			"long as no interface's rp_filter is 1",
			strerror(-r));
		return 0;
	}
	err_set(work->err, r,
		"cannot set net.ipv4.conf.all.src_valid_mark: %s: set it to 1 on the host, or "
		"start "
		"the container with --sysctl net.ipv4.conf.all.src_valid_mark=1",
		strerror(-r));
	return STATUS_FAILED;
}

int routing_reset_src_valid_mark(struct work *work, const struct step *step)
{
	AUTO(rule_list_fini) struct rule_list rules = { 0 };
	AUTO(lock_release) struct lock lock = LOCK_NONE;
	int r;

	if (!step->mark || !sysctl_read(SYSCTL_SRC_VALID_MARK))
		return 0;
	lock_rules(&lock);
	if (rule_list_read(&rules, AF_INET, work->err))
		return STATUS_REFUSED;
	if (plan_has_other_tunnels(&rules, step->mark))
		return 0;
	work_echo(work, step);
	r = sysctl_write(SYSCTL_SRC_VALID_MARK, 0);
	if (!r)
		return 0;
	err_set(work->err, r, "cannot set net.ipv4.conf.all.src_valid_mark: %s", strerror(-r));
	return STATUS_FAILED;
}

/* Addresses in words. *out is to be freed. */
static int read_addresses(struct cidr **out, size_t *n, const char *text, struct err *err)
{
	AUTO(auto_free) char *words = mem_strdup(text);
	char *rest = NULL;
	size_t cap = 0;
	int r = 0;

	for (char *word = strtok_r(words, " ", &rest); !r && word;
	     word = strtok_r(NULL, " ", &rest)) {
		*out = mem_grow(*out, &cap, *n + 1, sizeof(**out));
		r = cidr_parse_address(&(*out)[(*n)++], word, err);
	}
	return r;
}

int routing_add_firewall(struct work *work, const struct step *step)
{
	AUTO(auto_free) struct cidr *addresses = NULL;
	struct firewall firewall = { .interface = work->plan->interface,
				     .family = step->family,
				     .mark = step->mark };

	if (step->text
		    ? read_addresses(&addresses, &firewall.n_addresses, step->text, work->err)
		    : addr_list(&addresses, &firewall.n_addresses, firewall.interface, work->err))
		return STATUS_REFUSED;
	/* nft's table is exchanged as one; rules of iptables would be there twice. */
	if (step->text && firewall_find(step->family) == FIREWALL_IPTABLES &&
	    firewall_remove(firewall.interface, step->family, work->err))
		return STATUS_FAILED;
	firewall.addresses = addresses;
	return firewall_add(&firewall, work->err);
}

int routing_delete_firewall(struct work *work, const struct step *step)
{
	return firewall_remove(work->plan->interface, step->family, work->err);
}
