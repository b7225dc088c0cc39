/*
 * What will be found, before it is there: see foresee.h. The device is what the file makes of an
 * empty one; its routes are those that the kernel adds with addresses. Deciding is left to the
 * functions that decide when it is in earnest.
 */
#include "cmd/wg-quick/foresee.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/plan_routes.h"
#include "cmd/wg-quick/sysctl.h"
#include "lib/crypto/x25519_base.h"
#include "lib/ipc/ipc.h"
#include "lib/ipc/lookup.h"
#include "lib/model/diff.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/mem.h"

/* Who wants to see a plan does not wait long for a name server. */
#define PATIENCE SEC(3)

/* ---- the device ------------------------------------------------------------------------------ */

static bool find_public_key(struct wg_key *out, const struct wg_device *device)
{
	if (!(device->flags & WG_DEVICE_HAS_PRIVATE_KEY) || wg_key_is_zero(&device->private_key))
		return false;
	x25519_base(out->bytes, device->private_key.bytes);
	return true;
}

/* Devices refuse a peer that is themselves, as files have it that several hosts share. */
static void leave_itself_out(struct wg_device *device)
{
	AUTO(wg_device_auto_free) struct wg_device *rest = NULL;
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	struct wg_key own;

	if (!find_public_key(&own, device))
		return;
	rest = wg_device_new();
	while ((peer = wg_peers_next(&peers)))
		if (!wg_key_equal(&peer->public_key, &own))
			wg_peer_copy(wg_device_add_peer(rest), peer);
	if (rest->n_peers != device->n_peers)
		wg_device_take_peers(device, rest);
}

void foresee(struct foresight *out, const char *interface,
	     enum device_implementation implementation, const struct conf *conf, bool is_replacing)
{
	AUTO(wg_device_auto_free) struct wg_device *present = NULL;

	*out = (struct foresight){ .device = wg_device_settle(conf->device) };
	leave_itself_out(out->device);
	out->is_userspace = implementation == DEVICE_IMPLEMENTATION_USERSPACE ||
			    device_find_driver() == DEVICE_DRIVER_NONE;
	out->has_ipv6 = sysctl_has_ipv6("/proc", "default");
	out->is_replacing = is_replacing;
	if (is_replacing && !ipc_get(&present, interface, NULL))
		out->present_mark = present->fwmark;
}

void foresight_fini(struct foresight *foresight)
{
	wg_device_free(foresight->device);
	*foresight = (struct foresight){ 0 };
}

/* ---- the MTU --------------------------------------------------------------------------------- */

/* The narrowest way found so far. */
struct ways {
	struct state_mtus mtus; /* of which only the narrowest endpoint's is kept */
	unsigned int narrowest;
	char link[IFNAMSIZ];
	char address[INET6_ADDRSTRLEN];
};

/* Whether the way leads through the interface that will be gone by then. */
static bool leads_there(const struct route_path *path, const char *interface)
{
	struct link_info link;

	return !link_get(&link, interface, NULL) && link.ifindex == path->ifindex;
}

/* The MTU of a way, 0 if it has none; `name` gets the link's. */
static unsigned int mtu_of(char name[static IFNAMSIZ], const struct route_path *path)
{
	struct link_info link = { 0 };

	if (link_get_by_index(&link, path->ifindex, NULL))
		return 0;
	strcpy(name, link.name);
	return path->mtu_bytes ? path->mtu_bytes : link.mtu_bytes;
}

static void add_way(struct ways *ways, struct strlist *unknown, const struct foresight *foresight,
		    const union sockaddr_ip *to, const char *interface)
{
	struct route_path path;
	char name[IFNAMSIZ] = "";
	struct err err = { 0 };
	unsigned int mtu;

	/* As it will be without the interface that is there now: its own packets do not go into it,
	 * either. */
	if (route_lookup_marked(&path, to, foresight->present_mark, &err)) {
		strlist_add(unknown, err.text);
		return;
	}
	if (foresight->is_replacing && leads_there(&path, interface))
		return;
	mtu = mtu_of(name, &path);
	if (!mtu || (ways->narrowest && mtu >= ways->narrowest))
		return;
	ways->narrowest = mtu;
	strcpy(ways->link, name);
	inet_ntop(to->sa.sa_family,
		  to->sa.sa_family == AF_INET ? (const void *)&to->v4.sin_addr
					      : (const void *)&to->v6.sin6_addr,
		  ways->address, sizeof(ways->address));
}

/* Looks up the names of endpoints; *places has one for each peer. */
static struct lookups *look_names_up(size_t **places, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct lookup_policy policy = { .patience = PATIENCE };
	struct lookups *lookups = lookups_new();
	const struct wg_peer *peer;
	size_t i = 0;

	*places = mem_alloc(device->n_peers + 1, sizeof(**places));
	for (; (peer = wg_peers_next(&peers)); i++)
		if (peer->endpoint.host)
			(*places)[i] =
				lookups_add(lookups, peer->endpoint.host, peer->endpoint.service);
	lookups_run(lookups, &policy);
	return lookups;
}

static void look_at_endpoints(struct ways *ways, struct strlist *unknown,
			      const struct foresight *foresight, const char *interface)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = foresight->device };
	AUTO(auto_free) size_t *places = NULL;
	AUTO(lookups_free) struct lookups *lookups = look_names_up(&places, foresight->device);
	const struct wg_peer *peer;

	for (size_t i = 0; (peer = wg_peers_next(&peers)); i++) {
		const struct lookup_answer *answer;

		if (!peer->endpoint.host) {
			if (peer->endpoint.addr.sa.sa_family != AF_UNSPEC)
				add_way(ways, unknown, foresight, &peer->endpoint.addr, interface);
			continue;
		}
		answer = lookups_answer(lookups, places[i]);
		if (answer->n_addrs)
			add_way(ways, unknown, foresight, &answer->addrs[0], interface);
		else
			strlist_add(unknown, answer->err.text);
	}
}

unsigned int foresee_mtu(struct strbuf *why, struct strlist *unknown,
			 const struct foresight *foresight, const char *interface)
{
	struct state_mtus mtus = { 0 };
	struct ways ways = { 0 };
	struct route_path path;
	unsigned int mtu;

	netns_go(NETNS_BIRTH); /* where encrypted packets leave */
	look_at_endpoints(&ways, unknown, foresight, interface);
	if (ways.narrowest) {
		mtus.endpoints = &ways.narrowest;
		mtus.n_endpoints = 1;
	} else if (!route_default(&path, NULL) &&
		   !(foresight->is_replacing && leads_there(&path, interface))) {
		mtus.default_route = mtu_of(ways.link, &path);
	}
	netns_go(NETNS_TARGET);
	mtu = plan_mtu(&mtus);
	if (ways.narrowest)
		strbuf_addf(why, "%u of the way to %s, by %s", ways.narrowest, ways.address,
			    ways.link);
	else if (mtus.default_route)
		strbuf_addf(why, "%u of the default route, by %s", mtus.default_route, ways.link);
	else
		strbuf_add(why, "no way to an endpoint, nor a default route: 1500");
	strbuf_add(why, ways.narrowest && mtu == ways.narrowest ? "" : ", less 80");
	return mtu;
}

/* ---- routes ---------------------------------------------------------------------------------- */

static void add_present(struct route_list *out, const struct cidr *prefix)
{
	out->items = mem_grow(out->items, &out->cap, out->n + 1, sizeof(*out->items));
	out->items[out->n++] = *prefix;
}

void foresee_present(struct route_list *out, const struct foresight *foresight,
		     const struct conf_quick *quick)
{
	struct cidr link_local;

	for (size_t i = 0; i < quick->n_addresses; i++) {
		struct cidr prefix = quick->addresses[i];

		cidr_mask(&prefix);
		/* An IPv4 address alone is routed by the table "local"; 0.0.0.0/8 is no network. */
		if (prefix.family == AF_INET ? prefix.bits < 32 && prefix.addr.bytes[0]
					     : foresight->has_ipv6)
			add_present(out, &prefix);
	}
	/* The kernel's own device has no such address. */
	if (foresight->is_userspace && foresight->has_ipv6 &&
	    !cidr_parse(&link_local, NULL, "fe80::/64", NULL))
		add_present(out, &link_local);
}

/* The first table without routes, but for those of an interface that will be gone. */
static int find_table(uint32_t *out, const struct foresight *foresight, const char *interface,
		      struct err *err)
{
	bool in_v4 = true, in_v6 = true;
	uint32_t table = PLAN_FIRST_TABLE - 1;
	int r = 0;

	if (!foresight->is_replacing)
		return route_find_empty_table(out, PLAN_FIRST_TABLE, err);
	while (!r && (in_v4 || in_v6)) {
		r = route_table_is_shared(&in_v4, AF_INET, ++table, interface, err);
		if (!r)
			r = route_table_is_shared(&in_v6, AF_INET6, table, interface, err);
	}
	*out = table;
	return r;
}

int foresee_mark(struct foresight *foresight, const char *interface, struct err *err)
{
	return find_table(&foresight->device->fwmark, foresight, interface, err);
}

int foresee_routes(struct plan *out, const struct foresight *foresight,
		   const struct route_list *present, const char *interface, struct err *err)
{
	struct plan_host host = { .present = present, .has_ipv6 = foresight->has_ipv6 };
	int r = 0;

	if (out->route_policy == ROUTE_POLICY_AUTO &&
	    plan_has_default_route(foresight->device, AF_UNSPEC)) {
		host.has_src_valid_mark = sysctl_read(SYSCTL_SRC_VALID_MARK) == 1;
		if (!foresight->device->fwmark)
			r = find_table(&host.empty_table, foresight, interface, err);
	}
	if (!r)
		plan_routes(out, foresight->device, &host);
	return r;
}
