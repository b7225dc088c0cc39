#ifndef CMD_WG_QUICK_DEVICE_H
#define CMD_WG_QUICK_DEVICE_H

#include "lib/util/err.h"

/* The device as such: the kernel's, or one that a userspace program provides. */

/** Who provides it. */
enum device_implementation {
	DEVICE_IMPLEMENTATION_AUTO, /* the kernel if it can, else a program */
	DEVICE_IMPLEMENTATION_KERNEL,
	DEVICE_IMPLEMENTATION_USERSPACE,
};

/** Reads $WG_QUICK_IMPLEMENTATION. Returns 0, or -EINVAL with *err filled in. */
int device_choose(enum device_implementation *out, struct err *err);

/**
 * Makes the device: in the kernel, or by running $WG_QUICK_USERSPACE_IMPLEMENTATION or wg-datapath,
 * which it echoes on stderr. Returns 0 or a negative errno with *err filled in; there is no device
 * then.
 */
int device_add(const char *interface, enum device_implementation implementation, struct err *err);

/**
 * Deletes the device, if it is there, and waits until the program that provided it has ended and
 * its socket is gone. Returns 0 or a negative errno with *err filled in. -ETIMEDOUT: the device is
 * gone, that program is not.
 */
int device_delete(const char *interface, struct err *err);

#endif
