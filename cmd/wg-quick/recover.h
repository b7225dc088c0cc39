#ifndef CMD_WG_QUICK_RECOVER_H
#define CMD_WG_QUICK_RECOVER_H

#include <stdbool.h>

#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/journal.h"
#include "lib/conf/conf.h"

/* What an earlier run has written down, beside what there is: before `up` or `down` decides. */

enum recover_finding {
	RECOVER_NOTHING, /* there is no journal, or none that counts */
	RECOVER_UP,      /* the interface is up, and the journal is its */
	RECOVER_GONE,    /* it was up, and has gone by other means */
	RECOVER_CUT_OFF, /* a run has not come to its end */
};

/**
 * Reads the journal into view->journal. One that does not count is removed, which is told on stderr
 * if it might have been of use. While a run has the lock that this one is a part of, there is
 * nothing to be found, since that is the other's; in a dry run nothing is removed or told.
 */
enum recover_finding recover_look(struct view *view);

/**
 * Undoes what there is to undo after RECOVER_GONE or RECOVER_CUT_OFF, telling so on stderr; the
 * journal is empty then. The interface is about to come `up` again, or else is taken down.
 * view->conf may have been read in whatever dialect.
 */
void recover(struct view *view, enum recover_finding finding, bool is_up);

/** Whether PreUp and PostUp are what they were when the interface came up. */
bool recover_has_same_hooks(const struct conf_quick *quick, const struct journal *journal);

/**
 * Makes a configuration say what was done when the interface came up: DNS, Table, and PreDown and
 * PostDown unless PreUp and PostUp are what they were then; if they are not, that is told on stderr
 * (where there is a file, and this is no dry run). Returns whether PreDown and PostDown are still
 * the file's.
 */
bool recover_adopt(struct conf *conf, const struct journal *journal, bool has_file);

#endif
