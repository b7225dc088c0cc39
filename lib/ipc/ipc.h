#ifndef LIB_IPC_IPC_H
#define LIB_IPC_IPC_H

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * "The device called wg0", wherever it lives: a userspace daemon where one has a socket of that
 * name, else the kernel.
 */

/** Adds all devices' names, the kernel's first. 0 or a negative errno. */
int ipc_list(struct strlist *names, struct err *err);

/** Reads a device. *out is a new device, to be freed; untouched on failure. 0 or a negative errno.
 */
int ipc_get(struct wg_device **out, const char *name, struct err *err);

/**
 * Makes `change` to the device change->name. Endpoints that are names must have been resolved
 * (lib/ipc/resolve.h). 0 or a negative errno.
 */
int ipc_set(const struct wg_device *change, struct err *err);

#endif
