#ifndef CMD_WG_QUICK_DEVICE_H
#define CMD_WG_QUICK_DEVICE_H

#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

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

/** Whether the kernel can provide it, as far as can be told without trying. */
enum device_driver {
	DEVICE_DRIVER_THERE,
	DEVICE_DRIVER_LOADABLE, /* there is a module */
	DEVICE_DRIVER_NONE,
};
enum device_driver device_find_driver(void);

/**
 * Adds the lines that device_add() would tell on stderr, "[#] ..." and "[!] ...", touching nothing.
 * Returns 0, or a negative errno with *err filled in if it can be told now that it will fail.
 */
int device_foresee_add(struct strlist *told, const char *interface,
		       enum device_implementation implementation, struct err *err);
/** Adds what device_delete() would do now, as a command. */
void device_foresee_delete(struct strbuf *out, const char *interface);

#endif
