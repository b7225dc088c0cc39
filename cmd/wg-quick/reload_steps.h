#ifndef CMD_WG_QUICK_RELOAD_STEPS_H
#define CMD_WG_QUICK_RELOAD_STEPS_H

#include "cmd/wg-quick/work.h"

/*
 * Private to apply.c: the steps that only a reload has, or does in its own way. Each function does
 * what the step of its name says. Returns 0, or the exit status with work->err filled in.
 */

int reload_change_device(struct work *work, const struct step *step);
int reload_delete_address(struct work *work, const struct step *step);
int reload_delete_route(struct work *work, const struct step *step);
/** Goes from what was set to what the file says now, or back. */
int reload_change_dns(struct work *work);

#endif
