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
 * What `ip route get ADDRESS` finds. The port does not matter; a scope is the link to leave by.
 * Returns 0, -ENETUNREACH, -EHOSTUNREACH or another negative errno, with *err filled in.
 */
int route_lookup(struct route_path *out, const union sockaddr_ip *to, struct err *err);

/**
 * The IPv4 default route of the main table, that of the smallest metric if there are several.
 * Returns 0, -ENETUNREACH if there is none, or another negative errno, with *err filled in.
 */
int route_default(struct route_path *out, struct err *err);

#endif
