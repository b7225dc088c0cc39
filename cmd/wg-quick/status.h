#ifndef CMD_WG_QUICK_STATUS_H
#define CMD_WG_QUICK_STATUS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/wg-quick/status_problems.h"
#include "cmd/wg-quick/target.h"
#include "lib/util/strbuf.h"

/* What `wg-quick status` has found out, and how it is told. */

/** Values are exit statuses, as those of an init script's `status` (LSB, Core 22.2). */
enum status_state {
	STATUS_STATE_UP = 0,
	STATUS_STATE_DIFFERENT = 2,
	STATUS_STATE_DOWN = 3,
};

struct status {
	const struct target *target;
	enum status_state state;
	bool is_userspace;
	char program[64];    /* that provides it; empty: unknown */
	pid_t pid;           /* its; 0: unknown */
	int64_t since_s;     /* unix time; 0: unknown */
	const char *journal; /* what the journal says is going on: "none" if there is none */
	const char *up_from; /* another file that it was brought up from; NULL: this one */
	/* Whether the file has been written since it was read; only with a journal. */
	bool has_changed;
	struct status_problems problems;
};

/** Adds it for a person, or as JSON. */
void status_format(struct strbuf *out, const struct status *status, bool is_coloured);
void status_format_json(struct strbuf *out, const struct status *status);

#endif
