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

/** Makes `change` to the device change->name. Endpoints must be addresses. As wgdev_get(). */
int wgdev_set(const struct wg_device *change, struct err *err);

#endif
