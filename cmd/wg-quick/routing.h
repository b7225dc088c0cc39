#ifndef CMD_WG_QUICK_ROUTING_H
#define CMD_WG_QUICK_ROUTING_H

#include "cmd/wg-quick/work.h"

/*
 * Private to apply.c: the steps about routes, rules and what a full tunnel takes besides. Each
 * function does what the step of its name says. Returns 0, or the exit status with work->err filled
 * in.
 */

int routing_route_peers(struct work *work);
int routing_set_mark(struct work *work, const struct step *step);
int routing_reset_mark(struct work *work, const struct step *step);
/** step->rule learns its priority, by which it can be deleted. */
int routing_add_rule(struct work *work, struct step *step);
int routing_delete_rule(struct work *work, const struct step *step);
int routing_delete_rules(struct work *work);
int routing_add_route(struct work *work, const struct step *step);
int routing_set_src_valid_mark(struct work *work, struct step *step);
int routing_reset_src_valid_mark(struct work *work, const struct step *step);
int routing_add_firewall(struct work *work, const struct step *step);
int routing_delete_firewall(struct work *work, const struct step *step);

/**
 * Adds to *out the steps that routing_delete_rules() would do now, touching nothing. 0 or a
 * negative errno with *err filled in.
 */
int routing_foresee_delete_rules(struct plan *out, const char *interface, struct err *err);

/** Whether the device has IPv6. If not, that is told on stderr, the first time. */
bool routing_has_ipv6(struct work *work);

#endif
