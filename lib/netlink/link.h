#ifndef LIB_NETLINK_LINK_H
#define LIB_NETLINK_LINK_H

#include <net/if.h>

#include "lib/util/err.h"

/* The host's network links. Names are those of the caller's network namespace. */

struct link_info {
	char name[IFNAMSIZ];
	char kind[32]; /* "wireguard", "tun", "veth"...; empty for a plain one such as lo */
	unsigned int ifindex;
	unsigned int mtu_bytes;
	unsigned int flags; /* IFF_UP and so on, of <net/if.h> */
};

/**
 * Looks a link up. *out is written only on success. Returns 0, -ENODEV if there is none of that
 * name, or another negative errno, with *err filled in (why, not of which link).
 */
int link_get(struct link_info *out, const char *name, struct err *err);
/** As link_get(), by interface index. */
int link_get_by_index(struct link_info *out, unsigned int ifindex, struct err *err);

/**
 * Makes a link of kind "wireguard". Returns 0, -EEXIST if the name is taken, -EOPNOTSUPP if the
 * kernel has no WireGuard driver, -EPERM, or another negative errno, with *err filled in.
 */
int link_add_wireguard(const char *name, struct err *err);

/** Deletes a link, and with it its addresses and routes. As link_get(). */
int link_delete(const char *name, struct err *err);

/** Returns 0, -EINVAL if the link cannot have that MTU, or as link_get(). */
int link_set_mtu(const char *name, unsigned int mtu_bytes, struct err *err);
/** Moves the link to the network namespace that `netns` is an open file of. As link_get(). */
int link_move(const char *name, int netns, struct err *err);
/** Sets the link up. As link_get(). */
int link_set_up(const char *name, struct err *err);

#endif
