#ifndef CMD_WG_QUICK_UNDO_H
#define CMD_WG_QUICK_UNDO_H

#include <stdbool.h>

#include "cmd/wg-quick/work.h"
#include "lib/util/strlist.h"

/** What is taken back besides the steps in the journal, and what of them is not. All borrowed. */
struct undo {
	const struct strlist *pre_down;  /* run before all else; NULL: none of them */
	const struct strlist *post_down; /* run after all else; NULL: none of them */
	bool saves;                      /* after PreDown: SaveConfig, not done yet */
	bool keeps_src_valid_mark;       /* as `down` does */
	bool keeps_kill_switch;          /* as long as there is less than a tunnel */
	bool deletes_kill_switch;        /* whichever run has made it */
};

/**
 * Takes back all that work->journal says, the last thing first, and then removes the journal.
 * Whatever is not there any more is no failure; what fails is told on stderr, and the rest is done
 * all the same. Hooks that the journal knows as done are not run again: so it can be cut off at any
 * point, and begun again.
 */
void undo_all(const struct work *work, const struct undo *undo);

#endif
