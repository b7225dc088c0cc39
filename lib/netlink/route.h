#ifndef LIB_NETLINK_ROUTE_H
#define LIB_NETLINK_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/cidr.h"
#include "lib/model/endpoint.h"
#include "lib/util/err.h"

enum {
	ROUTE_TABLE_MAIN = 254
};

/**
 * Routes a prefix (without host bits) to the link called `name`, as `ip route add PREFIX dev NAME
 * table TABLE` does. Returns 0, -EEXIST if the table has a route for that prefix, -ENODEV without
 * such a link, -ENETDOWN if it is down, or another negative errno, with *err filled in.
 */
int route_add(const char *name, const struct cidr *prefix, uint32_t table, struct err *err);

/**
 * Takes a route away that route_add() has made, or one that looks like it. Returns 0, -ESRCH if
 * there is none, or as route_add().
 */
int route_delete(const char *name, const struct cidr *prefix, uint32_t table, struct err *err);

/** Prefixes. Start with `= { 0 }`. */
struct route_list {
	struct cidr *items;
	size_t n;
	size_t cap;
};
void route_list_fini(struct route_list *list);

/**
 * Adds the prefixes that the main table routes to the link called `name`. 0 or a negative errno,
 * and the list is then empty.
 */
int route_list_device(struct route_list *list, const char *name, struct err *err);

/** Who has made a route. */
enum route_origin {
	ROUTE_ORIGIN_KERNEL, /* it comes with an address, say */
	ROUTE_ORIGIN_PLAIN,  /* it is as route_add() makes it */
	ROUTE_ORIGIN_OTHER,
};

/** Any table's route to a link. */
struct route {
	struct cidr prefix;
	uint32_t table;
	enum route_origin origin;
};

/** Routes. Start with `= { 0 }`. */
struct routes {
	struct route *items;
	size_t n;
	size_t cap;
};
void routes_fini(struct routes *routes);

/**
 * Adds the routes of all tables to the link called `name`, but for those that the kernel needs for
 * the host's own addresses. 0 or a negative errno with *err filled in, and the list is then empty.
 */
int routes_read(struct routes *routes, const char *name, struct err *err);

/**
 * The first routing table from number `from` on that has no route, of either family. 0, -ENOSPC if
 * there is none, or another negative errno, with *err filled in.
 */
int route_find_empty_table(uint32_t *out, uint32_t from, struct err *err);

/**
 * Whether that table has a route of that family by another way than the link called `name`, if
 * there is one. 0 or a negative errno, with *err filled in.
 */
int route_table_is_shared(bool *out, uint8_t family, uint32_t table, const char *name,
			  struct err *err);

/** Whether one of the list covers the whole of `prefix`: `ip route show dev NAME match PREFIX`. */
bool route_list_covers(const struct route_list *list, const struct cidr *prefix);

/** Where packets go. */
struct route_path {
	unsigned int ifindex;   /* the link they leave by */
	unsigned int mtu_bytes; /* the route's own "mtu", or what path discovery learnt; 0: none */
};

/**
 * What `ip route get ADDRESS mark MARK` finds (0: packets without a mark). The port does not
 * matter; a scope is the link to leave by. Returns 0, -ENETUNREACH, -EHOSTUNREACH or another
 * negative errno, with *err filled in.
 */
int route_lookup_marked(struct route_path *out, const union sockaddr_ip *to, uint32_t mark,
			struct err *err);
/** As route_lookup_marked(), without a mark. */
int route_lookup(struct route_path *out, const union sockaddr_ip *to, struct err *err);

/**
 * The IPv4 default route of the main table, that of the smallest metric if there are several.
 * Returns 0, -ENETUNREACH if there is none, or another negative errno, with *err filled in.
 */
int route_default(struct route_path *out, struct err *err);

#endif
