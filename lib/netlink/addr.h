#ifndef LIB_NETLINK_ADDR_H
#define LIB_NETLINK_ADDR_H

#include <stddef.h>

#include "lib/model/cidr.h"
#include "lib/util/err.h"

/**
 * Gives the link called `name` an address with the length of its network's prefix. Returns 0,
 * -EEXIST if it has that address, -ENODEV without such a link, or another negative errno, with
 * *err filled in.
 */
int addr_add(const char *name, const struct cidr *address, struct err *err);

/**
 * Takes an address away from the link called `name`; its prefix must be the one it has. All else
 * that is on the link stays: the kernel would take IPv4 addresses of the same network along, and
 * with the last IPv4 address all IPv4 routes; what has gone that way is put back at once.
 * Returns 0, -EADDRNOTAVAIL if it does not have that address, or as addr_add().
 */
int addr_delete(const char *name, const struct cidr *address, struct err *err);

/**
 * Lists the addresses of the link called `name`, IPv4 first, in the kernel's order. *out is a new
 * array of *n elements, to be freed (NULL if there are none); untouched on failure. As addr_add().
 */
int addr_list(struct cidr **out, size_t *n, const char *name, struct err *err);

/**
 * As addr_list(), without the link-local addresses that the kernel has made by itself. Kernels
 * older than 5.18 do not tell which these are: there they are listed, too.
 */
int addr_list_given(struct cidr **out, size_t *n, const char *name, struct err *err);

#endif
