#ifndef CMD_WG_QUICK_APPLY_H
#define CMD_WG_QUICK_APPLY_H

#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"

/**
 * Carries a plan out, step by step, each echoed on stderr as "[#] COMMAND". If one fails or a
 * signal arrives, that is told on stderr, and plan->is_undone decides whether what was done is
 * undone, in reverse: hooks that were started have the file's PreDown and PostDown run as well.
 * When the device has been deleted, signals come too late. The device of `conf` gets its name.
 *
 * The journal, which has been begun for a plan that is undone, is told; it is removed when there is
 * nothing left to undo. It may be NULL for a plan that is not undone.
 *
 * Returns the exit status: 0; a failed hook's own; 2 where ip(8) would have returned that, the
 * kernel having refused an address, MTU or route; else 1.
 */
int apply(const struct plan *plan, const struct target *target, struct conf *conf,
	  struct journal *journal);

#endif
