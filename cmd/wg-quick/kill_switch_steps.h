#ifndef CMD_WG_QUICK_KILL_SWITCH_STEPS_H
#define CMD_WG_QUICK_KILL_SWITCH_STEPS_H

#include "cmd/wg-quick/work.h"

/*
 * Private to apply.c: the steps about the kill switch. Each function does what the step of its name
 * says. Returns 0, or the exit status with work->err filled in.
 */

int kill_switch_close_bypasses(struct work *work);
int kill_switch_do_add(struct work *work, const struct step *step);
int kill_switch_do_delete(struct work *work);
int kill_switch_do_let_names_through(struct work *work, bool is_through);

#endif
