#ifndef CMD_WG_QUICK_SAVE_H
#define CMD_WG_QUICK_SAVE_H

#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"

/**
 * Writes what is running into the configuration file, in the way that the file asks for (see
 * lib/conf/save.h); `conf` is what that file says, in whatever dialect wg-quick has read it. The
 * new file takes the old one's place in one step and only root can read it. Returns 0, or a
 * negative errno with *err filled in: the old file is untouched then, and nothing is beside it.
 */
int save(const struct target *target, const struct conf *conf, struct err *err);

#endif
