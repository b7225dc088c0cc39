#ifndef CMD_WG_QUICK_STATUS_PROBLEMS_H
#define CMD_WG_QUICK_STATUS_PROBLEMS_H

#include <stddef.h>

#include "cmd/wg-quick/plan_reload.h"
#include "lib/conf/places.h"

/* In what a running interface is not as its file says: what a reload would do, told as what is
 * wrong. Pure. */

struct status_problem {
	const char *what; /* "missing-address"...: a word for programs */
	char *text;       /* for a person; owned */
	char *remedy;     /* a command; owned */
};

/** Start with `= { 0 }`. */
struct status_problems {
	struct status_problem *items;
	size_t n, cap;
};

void status_problems_add(struct status_problems *problems, const char *what, const char *remedy,
			 const char *format, ...) __attribute__((format(printf, 4, 5)));
void status_problems_fini(struct status_problems *problems);

/** Adds one for each difference that `reload` would do away with. No secret is in them. */
void status_problems_find(struct status_problems *problems, const struct reload *reload,
			  const struct reload_host *host, const struct conf_places *places,
			  const char *remedy);

#endif
