/*
 * The host's routes: each function builds one rtnetlink request, asks, and translates the answer.
 * Stateless; the caller owns what is written.
 */
#include "lib/netlink/route.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/link.h"
#include "lib/netlink/rtnl.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	IPV6_USUAL_PRIORITY = 1024, /* what an IPv6 route gets that was given no priority */
};

static void auto_route_put(struct rtnl_route **route)
{
	rtnl_route_put(*route); /* NULL is allowed */
}

static void auto_nl_addr_put(struct nl_addr **addr)
{
	nl_addr_put(*addr); /* NULL is allowed */
}

static struct rtnl_route *build(const struct cidr *prefix, unsigned int ifindex, uint32_t table)
{
	struct rtnl_route *route = rtnl_route_alloc();
	AUTO(auto_nl_addr_put) struct nl_addr *dst = rtnl_addr_from_cidr(prefix);
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	int r;

	assert(route && hop);
	rtnl_route_nh_set_ifindex(hop, (int)ifindex);
	rtnl_route_add_nexthop(route, hop); /* the route owns it now */
	rtnl_route_set_family(route, prefix->family);
	rtnl_route_set_table(route, table);
	rtnl_route_set_protocol(route, RTPROT_BOOT); /* as ip(8) marks those set by hand */
	rtnl_route_set_scope(route, prefix->family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
	r = rtnl_route_set_dst(route, dst);
	assert(!r);
	return route;
}

static int add(const struct cidr *prefix, unsigned int ifindex, uint32_t table, struct err *err)
{
	AUTO(auto_route_put) struct rtnl_route *route = build(prefix, ifindex, table);
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	int r = rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &request);

	assert(!r);
	return rtnl_ask(request, NULL, NULL, err);
}

int route_add(const char *name, const struct cidr *prefix, uint32_t table, struct err *err)
{
	char text[CIDR_TEXT_MAX];
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r)
		r = add(prefix, link.ifindex, table, err);
	cidr_format(text, prefix);
	if (r)
		err_prefix(err, "cannot route %s to `%s'", text, name);
	return r;
}

int route_delete(const char *name, const struct cidr *prefix, uint32_t table, struct err *err)
{
	AUTO(auto_route_put) struct rtnl_route *route = NULL;
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	char text[CIDR_TEXT_MAX];
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r) {
		route = build(prefix, link.ifindex, table);
		r = rtnl_route_build_del_request(route, 0, &request);
		assert(!r);
		r = rtnl_ask(request, NULL, NULL, err);
	}
	cidr_format(text, prefix);
	if (r)
		err_prefix(err, "cannot delete the route %s to `%s'", text, name);
	return r;
}

void route_list_fini(struct route_list *list)
{
	free(list->items);
	*list = (struct route_list){ 0 };
}

/* The link that a route with just one way leads to; 0 if it has none or several. */
static unsigned int route_ifindex(struct rtnl_route *route)
{
	if (rtnl_route_get_nnexthops(route) != 1)
		return 0;
	return (unsigned int)rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0));
}

static int dump(int family, rtnl_answer *answer, void *ctx, struct err *err)
{
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg all = { .rtm_family = (unsigned char)family };
	int r;

	assert(request);
	r = nlmsg_append(request, &all, sizeof(all), NLMSG_ALIGNTO);
	assert(!r);
	return rtnl_ask(request, answer, ctx, err);
}

struct listing {
	struct route_list *list;
	unsigned int ifindex;
};

static void take_route(struct nl_object *object, void *ctx)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct listing *listing = ctx;
	struct route_list *list = listing->list;
	struct nl_addr *dst = rtnl_route_get_dst(route);
	struct cidr prefix;

	if (rtnl_route_get_table(route) != ROUTE_TABLE_MAIN || !dst ||
	    route_ifindex(route) != listing->ifindex || !rtnl_addr_to_cidr(&prefix, dst))
		return;
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = prefix;
}

int route_list_device(struct route_list *list, const char *name, struct err *err)
{
	size_t before = list->n;
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r) {
		struct listing listing = { .list = list, .ifindex = link.ifindex };

		r = -EINTR;
		for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
			list->n = before;
			r = dump(AF_UNSPEC, take_route, &listing, err);
		}
	}
	if (r) {
		err_prefix(err, "cannot list the routes of `%s'", name);
		route_list_fini(list);
	}
	return r;
}

void routes_fini(struct routes *routes)
{
	free(routes->items);
	*routes = (struct routes){ 0 };
}

struct reading {
	struct routes *routes;
	unsigned int ifindex;
};

static bool is_plain(struct rtnl_route *route)
{
	bool v4 = rtnl_route_get_family(route) == AF_INET;
	uint32_t priority = rtnl_route_get_priority(route);

	return rtnl_route_get_protocol(route) == RTPROT_BOOT &&
	       priority == (v4 ? 0 : IPV6_USUAL_PRIORITY) &&
	       rtnl_route_get_scope(route) == (v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE) &&
	       !rtnl_route_get_pref_src(route) && !rtnl_route_get_tos(route) &&
	       !rtnl_route_get_src(route) &&
	       !rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(route, 0)) &&
	       !rtnl_route_nh_get_via(rtnl_route_nexthop_n(route, 0));
}

static void take_any_route(struct nl_object *object, void *ctx)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct reading *reading = ctx;
	struct routes *routes = reading->routes;
	struct nl_addr *dst = rtnl_route_get_dst(route);
	struct route found = { .table = rtnl_route_get_table(route), .origin = ROUTE_ORIGIN_OTHER };

	if (!dst || route_ifindex(route) != reading->ifindex ||
	    rtnl_route_get_type(route) != RTN_UNICAST || found.table == RT_TABLE_LOCAL ||
	    rtnl_route_get_flags(route) & RTM_F_CLONED || !rtnl_addr_to_cidr(&found.prefix, dst))
		return;
	if (rtnl_route_get_protocol(route) == RTPROT_KERNEL)
		found.origin = ROUTE_ORIGIN_KERNEL;
	else if (is_plain(route))
		found.origin = ROUTE_ORIGIN_PLAIN;
	routes->items = mem_grow(routes->items, &routes->cap, routes->n + 1, sizeof(found));
	routes->items[routes->n++] = found;
}

int routes_read(struct routes *routes, const char *name, struct err *err)
{
	size_t before = routes->n;
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r) {
		struct reading reading = { .routes = routes, .ifindex = link.ifindex };

		r = -EINTR;
		for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
			routes->n = before;
			r = dump(AF_UNSPEC, take_any_route, &reading, err);
		}
	}
	if (r) {
		err_prefix(err, "cannot list the routes of `%s'", name);
		routes_fini(routes);
	}
	return r;
}

bool route_list_covers(const struct route_list *list, const struct cidr *prefix)
{
	for (size_t i = 0; i < list->n; i++)
		if (cidr_contains(&list->items[i], prefix))
			return true;
	return false;
}

/* The tables that are in use, each perhaps more than once. */
struct tables {
	uint32_t from; /* those before do not count */
	uint32_t *items;
	size_t n;
	size_t cap;
};

static bool is_ip(struct rtnl_route *route)
{
	return rtnl_route_get_family(route) == AF_INET || rtnl_route_get_family(route) == AF_INET6;
}

static void take_table(struct nl_object *object, void *ctx)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	uint32_t table = rtnl_route_get_table(route);
	struct tables *tables = ctx;

	if (!is_ip(route) || table < tables->from)
		return;
	if (tables->n && tables->items[tables->n - 1] == table) /* most come in a row */
		return;
	tables->items =
		mem_grow(tables->items, &tables->cap, tables->n + 1, sizeof(*tables->items));
	tables->items[tables->n++] = table;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int route_find_empty_table(uint32_t *out, uint32_t from, struct err *err)
{
	AUTO(auto_free) uint32_t *items = NULL;
	struct tables tables = { .from = from };
	uint64_t table = from;
	int r = -EINTR;

	for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
		tables.n = 0;
		r = dump(AF_UNSPEC, take_table, &tables, err);
	}
	items = tables.items;
	if (r) {
		err_prefix(err, "cannot list the routes");
		return r;
	}
	if (tables.n)
		qsort(items, tables.n, sizeof(*items), compare_numbers);
	for (size_t i = 0; i < tables.n && items[i] <= table; i++)
		if (items[i] == table)
			table++;
	if (table > UINT32_MAX)
		return err_set(err, -ENOSPC, "no routing table is free");
	*out = (uint32_t)table;
	return 0;
}

struct sharers {
	uint32_t table;
	unsigned int ifindex; /* 0: the link is not there */
	uint8_t family;
	bool found;
};

static void take_sharer(struct nl_object *object, void *ctx)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct sharers *sharers = ctx;

	sharers->found |= rtnl_route_get_family(route) == sharers->family &&
			  rtnl_route_get_table(route) == sharers->table &&
			  (!sharers->ifindex || route_ifindex(route) != sharers->ifindex);
}

int route_table_is_shared(bool *out, uint8_t family, uint32_t table, const char *name,
			  struct err *err)
{
	struct sharers sharers = { .table = table, .family = family };
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r)
		sharers.ifindex = link.ifindex;
	if (!r || r == -ENODEV) {
		r = -EINTR;
		for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
			sharers.found = false;
			r = dump(family, take_sharer, &sharers, err);
		}
	}
	if (r) {
		err_prefix(err, "cannot list the routes");
		return r;
	}
	*out = sharers.found;
	return 0;
}

struct search {
	struct route_path path;
	uint32_t metric; /* of the path found so far */
	bool found;
};

static struct route_path route_path_of(struct rtnl_route *route)
{
	struct route_path path = { .ifindex = route_ifindex(route) };
	uint32_t mtu;

	if (!rtnl_route_get_metric(route, RTAX_MTU, &mtu))
		path.mtu_bytes = mtu;
	return path;
}

static void take_path(struct nl_object *object, void *ctx)
{
	struct search *search = ctx;

	search->path = route_path_of((struct rtnl_route *)object);
	search->found = true;
}

int route_lookup_marked(struct route_path *out, const union sockaddr_ip *to, uint32_t mark,
			struct err *err)
{
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = nlmsg_alloc_simple(RTM_GETROUTE, 0);
	bool v4 = to->sa.sa_family == AF_INET;
	struct rtmsg rtm = { .rtm_family = v4 ? AF_INET : AF_INET6, .rtm_dst_len = v4 ? 32 : 128 };
	char text[INET6_ADDRSTRLEN];
	struct search search = { 0 };
	int r;

	assert(request && (v4 || to->sa.sa_family == AF_INET6));
	r = nlmsg_append(request, &rtm, sizeof(rtm), NLMSG_ALIGNTO);
	assert(!r);
	r = v4 ? nla_put(request, RTA_DST, 4, &to->v4.sin_addr)
	       : nla_put(request, RTA_DST, 16, &to->v6.sin6_addr);
	assert(!r);
	if (!v4 && to->v6.sin6_scope_id) {
		r = nla_put_u32(request, RTA_OIF, to->v6.sin6_scope_id);
		assert(!r);
	}
	if (mark) {
		r = nla_put_u32(request, RTA_MARK, mark);
		assert(!r);
	}
	r = rtnl_ask(request, take_path, &search, err);
	if (!r && !search.path.ifindex)
		r = err_set(err, -ENETUNREACH, "%s", strerror(ENETUNREACH));
	if (r) {
		inet_ntop(to->sa.sa_family,
			  v4 ? (const void *)&to->v4.sin_addr : (const void *)&to->v6.sin6_addr,
			  text, sizeof(text));
		err_prefix(err, "no route to %s", text);
		return r;
	}
	*out = search.path;
	return 0;
}

int route_lookup(struct route_path *out, const union sockaddr_ip *to, struct err *err)
{
	return route_lookup_marked(out, to, 0, err);
}

static void take_default(struct nl_object *object, void *ctx)
{
	struct rtnl_route *route = (struct rtnl_route *)object;
	struct search *search = ctx;
	struct nl_addr *dst = rtnl_route_get_dst(route);
	uint32_t metric = rtnl_route_get_priority(route);

	if (rtnl_route_get_table(route) != ROUTE_TABLE_MAIN || !dst ||
	    nl_addr_get_prefixlen(dst) != 0 || !route_ifindex(route))
		return;
	if (search->found && search->metric <= metric)
		return;
	search->path = route_path_of(route);
	search->metric = metric;
	search->found = true;
}

int route_default(struct route_path *out, struct err *err)
{
	struct search search;
	int r = -EINTR;

	for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
		search = (struct search){ 0 };
		r = dump(AF_INET, take_default, &search, err);
	}
	if (r) {
		err_prefix(err, "cannot list the routes");
		return r;
	}
	if (!search.found)
		return err_set(err, -ENETUNREACH, "no default route");
	*out = search.path;
	return 0;
}
