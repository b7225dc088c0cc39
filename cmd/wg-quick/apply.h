#ifndef CMD_WG_QUICK_APPLY_H
#define CMD_WG_QUICK_APPLY_H

#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"

/**
 * Carries a plan out, step by step, each echoed on stderr as "[#] COMMAND". If one fails or a
 * signal arrives, that is told on stderr, and plan->is_undone decides whether what was done is
 * undone, in reverse. When the device has been deleted, signals come too late. The device of `conf`
 * gets its name.
 *
 * Returns the exit status: 0; a failed hook's own; 2 where ip(8) would have returned that, the
 * kernel having refused an address, MTU or route; else 1.
 */
int apply(const struct plan *plan, const struct target *target, struct conf *conf);

#endif
