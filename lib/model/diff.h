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

#endif
