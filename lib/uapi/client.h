#ifndef LIB_UAPI_CLIENT_H
#define LIB_UAPI_CLIENT_H

#include <stdbool.h>

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/** Where the sockets are: RUNSTATEDIR/wireguard/NAME.sock. */
#define UAPI_SOCKET_DIR RUNSTATEDIR "/wireguard"

/**
 * Adds the names of all userspace devices, in directory order, also of those whose daemon this user
 * may not speak to. Sockets that nobody listens on any more are removed. No directory is no error.
 */
int uapi_list(struct strlist *names, struct err *err);

/**
 * Connects to the daemon of `name` and says nothing yet. Returns the socket, to be closed, or a
 * negative errno; a socket that nobody listens on any more is removed (-ECONNREFUSED).
 */
int uapi_connect(const char *name);

/**
 * Whether `name` has a daemon's socket, which may still refuse this user; if nobody listens on it
 * any more, it is removed. A name with a slash never has one.
 */
bool uapi_exists(const char *name);

/** Reads a device. *out is a new device, to be freed; untouched on failure. 0 or a negative errno.
 */
int uapi_get(struct wg_device **out, const char *name, struct err *err);

/** Makes `change` to the device change->name. Endpoints must be addresses. 0 or a negative errno.
 */
int uapi_set(const struct wg_device *change, struct err *err);

#endif
