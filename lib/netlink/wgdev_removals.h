#ifndef LIB_NETLINK_WGDEV_REMOVALS_H
#define LIB_NETLINK_WGDEV_REMOVALS_H

#include <stdbool.h>

#include "lib/model/device.h"

/*
 * Taking a single allowed IP away from a peer, for kernels that can only replace all of them
 * (before Linux 6.16). Pure.
 */

/** Whether a change takes single allowed IPs away. */
bool wgdev_has_removals(const struct wg_device *change);

/**
 * The same change to `running`, without removals: a peer that has some is followed by itself once
 * more, with what it is to have at that point in place of all that is there. (Two, because what
 * was first added and then removed has still been taken from its former owner.) A new device, to
 * be freed.
 *
 * It follows the change from peer to peer as the kernel does: an allowed IP has one owner, so
 * that adding it to one peer takes it from another. What others change between reading `running`
 * and making the change is lost.
 */
struct wg_device *wgdev_without_removals(const struct wg_device *change,
					 const struct wg_device *running);

#endif
