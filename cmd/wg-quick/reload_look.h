#ifndef CMD_WG_QUICK_RELOAD_LOOK_H
#define CMD_WG_QUICK_RELOAD_LOOK_H

#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/plan_reload.h"
#include "lib/util/clock.h"
#include "lib/util/err.h"

/* Looking at a running interface, and looking up the names that its file has anew. */

/** A peer whose endpoint is to be set, but is not found. */
struct reload_lost_peer {
	struct wg_key public_key;
	struct err err;    /* why */
	bool has_endpoint; /* another one, which it keeps */
};

/** What plan_reload() decides upon. Start with `= { 0 }`. */
struct reload_view {
	struct reload_host host; /* what it borrows is below */
	struct wg_device *running;
	struct wg_device *wanted; /* settled; endpoints only where they are to be set */
	struct wg_device *known;  /* as the file has it, but for endpoints that cannot be had */
	struct plan ours;
	struct cidr *addresses;
	struct routes routes;
	struct rule_list rules[2];
	struct strlist dns_servers, dns_search;
	struct reload_lost_peer *lost; /* whose names could not be looked up; in the file's order */
	size_t n_lost, lost_cap;
};

/**
 * Looks. `journal` is NULL if there is none: then what is there counts as wg-quick's if it looks
 * so. For names it waits as long as `patience`. Returns 0 or a negative errno with *err filled in.
 */
int reload_look(struct reload_view *out, const struct view *view, const struct journal *journal,
		span_ns patience, struct err *err);

void reload_view_fini(struct reload_view *view);

#endif
