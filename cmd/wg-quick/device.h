#ifndef CMD_WG_QUICK_DEVICE_H
#define CMD_WG_QUICK_DEVICE_H

#include "lib/util/err.h"

/* The device as such: the kernel's, or one that a userspace program provides. */

/**
 * Makes the device: in the kernel if it can, else by running $WG_QUICK_USERSPACE_IMPLEMENTATION or
 * wg-datapath, saying so on stderr. Returns 0 or a negative errno with *err filled in; there is no
 * device then.
 */
int device_add(const char *interface, struct err *err);

/**
 * Deletes the device, and waits until the program that provided it has ended and its socket is
 * gone. Returns 0 or a negative errno with *err filled in. -ETIMEDOUT: the device is gone, that
 * program is not.
 */
int device_delete(const char *interface, struct err *err);

#endif
