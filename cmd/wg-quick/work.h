#ifndef CMD_WG_QUICK_WORK_H
#define CMD_WG_QUICK_WORK_H

#include <stdbool.h>

#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/model/device.h"
#include "lib/util/err.h"

struct journal;
struct reload;

/* Private to apply.c and the files that do steps for it: what all steps work on. */

enum {
	STATUS_FAILED = 1,
	STATUS_REFUSED = 2, /* ip(8): the kernel said no */
};

struct work {
	const struct plan *plan;
	const struct target *target;
	struct conf *conf;
	struct journal *journal; /* has each step that is done or may be half done; or NULL */
	/* Gets each of them, as it was done and with its number in the journal; or NULL. */
	struct plan *done;
	const struct reload *reload; /* that it is part of; NULL: of none */
	bool is_going_back;          /* a reload is being undone */
	bool is_told_of_no_ipv6;
	bool has_missing_names; /* peers have no endpoint yet, since their names were not found */
	bool is_without_dns;    /* it could not be set, which is no failure */
	struct lock rules_lock; /* from CLOSE_BYPASSES to ROUTE_PEERS */
	struct err *err;
};

/**
 * Does one step and writes down that it is done. Steps that look do others by this function.
 * Returns 0, or the exit status with work->err filled in (empty: it has been told already).
 */
int work_do(struct work *work, const struct step *step);

/** Does one step, without writing anything down; it may learn more. Returns as work_do(). */
int work_carry_out(struct work *work, struct step *step);

/** Tells on stderr what failed, unless whoever did has told already: a hook's shell, say. */
void work_tell(const struct err *err);

/** Tells on stderr what is about to be done. */
void work_echo(const struct work *work, const struct step *step);

/** Reads the device. As ipc_get(); the error says that it was that. */
int work_get_device(struct wg_device **out, struct work *work);

#endif
