/*
 * Looking at the host: what plan.c decides upon. Nothing here changes anything. What is found
 * belongs to the caller.
 */
#include "cmd/wg-quick/state.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/firewall.h"
#include "cmd/wg-quick/kill_switch.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/sysctl.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"
#include "lib/util/strbuf.h"

/* Looks for `name` in one file of lines "NUMBER NAME"; 0 if it is not there. */
static uint32_t find_in_file(const char *name, const char *path)
{
	AUTO(auto_fclose) FILE *file = fopen(path, "re");
	AUTO(auto_free) char *line = NULL;
	size_t cap = 0;

	while (file && getline(&line, &cap, file) >= 0) {
		char *rest = NULL;
		const char *number = strtok_r(line, " \t\n", &rest);
		const char *word = number ? strtok_r(NULL, " \t\n#", &rest) : NULL;
		uint64_t value;

		if (word && number[0] != '#' && !strcmp(word, name) &&
		    !num_parse_hex(&value, number, UINT32_MAX))
			return (uint32_t)value;
	}
	return 0;
}

static uint32_t find_in_dir(const char *name, const char *dir)
{
	AUTO(globfree) glob_t found = { 0 };
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	uint32_t table;

	strbuf_addf(&path, "%s/rt_tables", dir);
	table = find_in_file(name, strbuf_text(&path));
	strbuf_add(&path, ".d/*.conf");
	if (!table && !glob(strbuf_text(&path), 0, NULL, &found))
		for (size_t i = 0; !table && i < found.gl_pathc; i++)
			table = find_in_file(name, found.gl_pathv[i]);
	return table;
}

uint32_t state_find_table(const char *name, const char *const dirs[])
{
	static const struct {
		const char *name;
		uint32_t number;
	} always[] = { { "0", ROUTE_TABLE_MAIN }, /* as the kernel sees it */
		       { "unspec", ROUTE_TABLE_MAIN },
		       { "default", 253 },
		       { "main", ROUTE_TABLE_MAIN },
		       { "local", 255 } };
	uint32_t table = 0;
	uint64_t number;

	if (!num_parse_hex(&number, name, UINT32_MAX) && number)
		return (uint32_t)number;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (!strcmp(always[i].name, name))
			return always[i].number;
	for (; !table && *dirs; dirs++)
		table = find_in_dir(name, *dirs);
	return table;
}

int state_look(struct state *out, const char *interface, const char *table, struct err *err)
{
	static const char *const dirs[] = { "/etc/iproute2", "/usr/share/iproute2",
					    "/usr/lib/iproute2", NULL };
	AUTO(strlist_fini) struct strlist devices = { 0 };
	struct state state = { 0 };
	struct link_info link;
	int r = link_get(&link, interface, err);

	if (r && r != -ENODEV) {
		err_prefix(err, "cannot look for `%s'", interface);
		return r;
	}
	state.link_exists = !r;
	r = ipc_list(&devices, err);
	if (r) {
		err_prefix(err, "Unable to list interfaces");
		return r;
	}
	state.is_wireguard = strlist_has(&devices, interface);
	state.has_dns_file = dns_is_in_file(interface);
	if (table)
		state.table = state_find_table(table, dirs);
	state.has_firewall_v4 = firewall_find(AF_INET) != FIREWALL_NONE;
	state.has_firewall_v6 =
		firewall_find(AF_INET6) != FIREWALL_NONE || !sysctl_has_ipv6("/proc", "default");
	state.has_nft = process_find(NULL, "nft");
	state.has_kill_switch = kill_switch_is_there(interface);
	state.lets_lan = state.has_kill_switch && kill_switch_lets_lan(interface);
	*out = state;
	return 0;
}

/* A route's own MTU, else that of the link it leaves by; 0 if that link has just gone. */
static unsigned int path_mtu(const struct route_path *path)
{
	struct link_info link;

	if (path->mtu_bytes)
		return path->mtu_bytes;
	return link_get_by_index(&link, path->ifindex, NULL) ? 0 : link.mtu_bytes;
}

void state_look_mtus(struct state_mtus *out, struct strlist *unreachable,
		     const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	struct route_path path;
	struct err err = { 0 };

	*out = (struct state_mtus){ 0 };
	out->endpoints = mem_alloc(device->n_peers + 1, sizeof(*out->endpoints));
	while ((peer = wg_peers_next(&peers))) {
		const union sockaddr_ip *to = &peer->endpoint.addr;
		unsigned int mtu;

		if (to->sa.sa_family == AF_UNSPEC)
			continue;
		if (route_lookup(&path, to, &err)) {
			strlist_add(unreachable, err.text);
			continue;
		}
		mtu = path_mtu(&path);
		if (mtu)
			out->endpoints[out->n_endpoints++] = mtu;
	}
	if (!route_default(&path, NULL))
		out->default_route = path_mtu(&path);
}

void state_look_mtus_beside(struct state_mtus *out, const struct wg_device *device,
			    unsigned int ifindex)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	struct route_path path;

	*out = (struct state_mtus){ 0 };
	out->endpoints = mem_alloc(device->n_peers + 1, sizeof(*out->endpoints));
	while ((peer = wg_peers_next(&peers))) {
		const union sockaddr_ip *to = &peer->endpoint.addr;
		unsigned int mtu = 0;

		if (to->sa.sa_family != AF_UNSPEC &&
		    !route_lookup_marked(&path, to, device->fwmark, NULL) &&
		    path.ifindex != ifindex)
			mtu = path_mtu(&path);
		if (mtu)
			out->endpoints[out->n_endpoints++] = mtu;
	}
	if (!route_default(&path, NULL) && path.ifindex != ifindex)
		out->default_route = path_mtu(&path);
}

void state_mtus_fini(struct state_mtus *mtus)
{
	free(mtus->endpoints);
	*mtus = (struct state_mtus){ 0 };
}
