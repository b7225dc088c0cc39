#ifndef CMD_WG_QUICK_PLAN_ROUTES_H
#define CMD_WG_QUICK_PLAN_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/wg-quick/plan.h"
#include "lib/model/device.h"
#include "lib/netlink/route.h"
#include "lib/netlink/rule.h"

/* Deciding about routes and rules, once the device is what it is going to be. Nothing here touches
 * the host. */

/** What has been looked at by then. */
struct plan_host {
	const struct route_list *present; /* what the main table routes to the device already */
	uint32_t empty_table;             /* where default routes go unless the device has a mark */
	bool has_ipv6;                    /* on this device */
	bool has_src_valid_mark;
};

/** The first table that default routes try. */
#define PLAN_FIRST_TABLE 51820

/**
 * The routes to a device's allowed IPs and what they take, onto the end of *out: longest prefixes
 * first. Without IPv6 those are left out.
 */
void plan_routes(struct plan *out, const struct wg_device *device, const struct plan_host *host);

/**
 * Taking away what a full tunnel of that mark has added to a family's rules: a STEP_DELETE_RULE for
 * each, onto the end of *out. `rules` are all of that family, in their order. Other tunnels keep
 * what they need.
 */
void plan_rules_removal(struct plan *out, const struct rule_list *rules, uint32_t mark);

/**
 * As plan_rules_removal(), but of those rules alone that are among the steps `done`, priority
 * included.
 */
void plan_known_rules_removal(struct plan *out, const struct rule_list *rules,
			      const struct plan *done);

/** Whether full tunnels other than that of `mark` have rules among these. */
bool plan_has_other_tunnels(const struct rule_list *rules, uint32_t mark);

#endif
