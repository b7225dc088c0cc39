#ifndef CMD_WG_QUICK_COMPARISON_H
#define CMD_WG_QUICK_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/plan_reload.h"

/* Private to plan_reload.c and comparison_routes.c: what is compared, and what comes of it. */

struct comparison {
	struct reload *out;
	const struct conf *conf;
	const struct wg_device *wanted;
	const struct plan *ours;
	const struct reload_host *host;
	struct plan news, goes, addresses_gone, last; /* parts of the plan: see plan_reload.c */
	struct cidr *going, *coming;                  /* addresses */
	size_t n_going, going_cap, n_coming, coming_cap;
	char *addresses; /* of the link in the end, in words */
	uint32_t mark;   /* of the device when it has been changed; 0: none, or one is chosen */
};

/** The last step of ours of a kind, and of a family unless that is AF_UNSPEC, or NULL. */
const struct step *comparison_find_ours(const struct plan *ours, enum step_kind kind,
					uint8_t family);
/** Its number in the journal; 0 if there is none. */
uint32_t comparison_id_of(const struct step *step);

/** Whether default routes of a family are wanted, in the way that takes rules. */
bool comparison_is_full(const struct comparison *comparison, uint8_t family);
/** The place of a family in arrays of both. */
size_t comparison_number_of(uint8_t family);

/** Lists of addresses: whether one is in it; adding one; whether any is of a family. */
bool comparison_lists(const struct cidr *list, size_t n, const struct cidr *address);
void comparison_list(struct cidr **list, size_t *n, size_t *cap, const struct cidr *address);
bool comparison_has_family(const struct cidr *list, size_t n, uint8_t family);

/** Decides about routes, rules and the firewall. The addresses and the mark have been decided. */
void comparison_add_routes(struct comparison *comparison);

#endif
