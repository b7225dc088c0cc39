#ifndef LIB_MODEL_DIFF_H
#define LIB_MODEL_DIFF_H

#include "lib/model/device.h"

/**
 * Turns `wanted`, a device as a configuration file describes it (WG_DEVICE_REPLACE_PEERS set),
 * into the change that `wg syncconf` makes to `running`: peers that both have are kept with their
 * sessions, those only `running` has are removed (their REMOVE entries come first), and a
 * preshared key or keepalive that only `running` has is reset.
 * With no peer on either side `wanted` is left as it is: replacing is the same then.
 */
void wg_device_sync(struct wg_device *wanted, const struct wg_device *running);

/**
 * What an empty device would be after `change`, such as a configuration file describes: each peer
 * once, in the order of their first mention; each allowed IP with the peer that got it last. Flags
 * say which values were given. To be freed.
 */
struct wg_device *wg_device_settle(const struct wg_device *change);

/**
 * The smallest change that makes a running device the wanted one, which has each peer once
 * (wg_device_settle()). Peers that are as wanted are not in it; removals come first. A preshared
 * key or keepalive that only `running` has is reset. What is not given stays as it is: the private
 * key, the port (nor does a port of 0 change one), the mark, and endpoints that are empty; and a
 * name, being no address, counts as none. A wanted peer with the device's own public key, which
 * devices refuse, is left out.
 * To be freed: a device with the name of `running`, and without flags and peers if there is nothing
 * to change.
 */
struct wg_device *wg_device_diff(const struct wg_device *wanted, const struct wg_device *running);

#endif
