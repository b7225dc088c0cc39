#ifndef CMD_WG_QUICK_TARGET_H
#define CMD_WG_QUICK_TARGET_H

#include <net/if.h>
#include <stdbool.h>

#include "lib/util/err.h"

/** What the command line names: an interface and its configuration file. */
struct target {
	char interface[IFNAMSIZ];
	char *path; /* absolute, symbolic links followed */
};

/**
 * "wg0" (letters, digits and _=+.-, at most 15 of them) means CONFIG_DIR/wg0.conf; anything else is
 * the path of a file NAME.conf, the interface being called NAME. Returns 0, -ENOENT, or -EINVAL if
 * the file's name cannot be that of an interface, with *err filled in.
 */
int target_find(struct target *out, const char *argument, struct err *err);

/** Only the interface's name, whether there is a file or not. Returns whether it is one. */
bool target_name(struct target *out, const char *argument);

/** Whether both the file and its directory grant others one and the same permission. */
bool target_is_world_accessible(const struct target *target);

void target_fini(struct target *target);

#endif
