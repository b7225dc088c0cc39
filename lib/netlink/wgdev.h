#ifndef LIB_NETLINK_WGDEV_H
#define LIB_NETLINK_WGDEV_H

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * The kernel's WireGuard devices, by the generic netlink family "wireguard".
 * Source: docs.kernel.org/netlink/specs/wireguard.html
 */

/** Adds the names of all links of kind "wireguard", in the kernel's order. 0 or a negative errno.
 */
int wgdev_list(struct strlist *names, struct err *err);

/**
 * Reads a device. *out is a new device, to be freed; untouched on failure. Returns 0 or a negative
 * errno: -EPROTONOSUPPORT without the kernel driver, -ENODEV, -EOPNOTSUPP for another kind of
 * link, -EPERM.
 */
int wgdev_get(struct wg_device **out, const char *name, struct err *err);

/**
 * Makes `change` to the device change->name. Endpoints must be addresses. As wgdev_get(), and what
 * else the kernel objects to: -EADDRINUSE when the port is taken.
 * A change that does not fit one message (32 KiB) is made in several, the first failure ending it.
 * What the kernel refuses for a reason that lies with the change, it refuses before anything is
 * done; later messages fail only where it lacks memory, and leave done what came before.
 * Single allowed IPs are taken away even by kernels that cannot (before Linux 6.16): the list that
 * remains replaces the one there, without regard to what others change in that moment.
 */
int wgdev_set(const struct wg_device *change, struct err *err);

#endif
