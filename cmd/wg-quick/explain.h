#ifndef CMD_WG_QUICK_EXPLAIN_H
#define CMD_WG_QUICK_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/explain_text.h"
#include "cmd/wg-quick/foresee.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/conf/places.h"
#include "lib/util/err.h"

/*
 * Telling on standard output what a plan would do, and why: --dry-run. Steps that look are worked
 * out from the file and the host (foresee.h). Nothing is touched.
 */

/** Start with explain_begin(). */
struct explain {
	struct explain_text text;
	const struct target *target; /* these two are borrowed */
	const struct conf *conf;
	struct conf_places places;
	const char *command;     /* "up"... */
	bool is_replacing;       /* see struct foresight */
	bool has_recorded_hooks; /* conf has them as they were at `up`: they stand on no line */
	size_t n_pre_up, n_post_up, n_pre_down, n_post_down; /* hooks told so far, by their keys */
};

/** Begins; `command` is what would be run ("up"), and must last. */
void explain_begin(struct explain *out, const char *command, const struct target *target,
		   const struct conf *conf);

/**
 * Tells a plan's steps, after those told before. Returns 0, or a negative errno with *err filled in
 * if the plan would come to nothing.
 */
int explain_plan(struct explain *explain, const struct plan *plan, struct err *err);

/** Tells what is no step. */
void explain_note(struct explain *explain, const char *what, const char *reason);

/** Writes all of it, ends it and gives it back. Returns the exit status. */
int explain_end(struct explain *explain);
/** For AUTO(): gives it back, written or not. */
void explain_fini(struct explain *explain);

/** All of that for one plan: returns the exit status, after telling what went wrong. */
int explain_one(const char *command, const struct plan *plan, const struct target *target,
		const struct conf *conf);

/** As JSON is wanted, tells that there is no plan: `reason` is the message on stderr. The target's
 * path may be NULL. */
void explain_refusal(const char *command, const struct target *target, const char *reason);

#endif
