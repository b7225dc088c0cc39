#ifndef CMD_WG_QUICK_HOOKS_H
#define CMD_WG_QUICK_HOOKS_H

#include "cmd/wg-quick/target.h"
#include "lib/util/err.h"

/**
 * Runs one hook's text by bash, which tells on stderr what fails in it. Returns its exit status, or
 * a negative errno with *err filled in if there is no bash.
 */
int hooks_run(const char *text, const struct target *target, struct err *err);

#endif
