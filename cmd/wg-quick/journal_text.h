#ifndef CMD_WG_QUICK_JOURNAL_TEXT_H
#define CMD_WG_QUICK_JOURNAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/plan.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/*
 * Private to journal.c, journal_text.c and journal_parse.c: the records of a journal, and what is
 * done to it by each of them.
 */

#define JOURNAL_MAGIC "wg-quick-journal"
#define JOURNAL_VERSION 1

/** These add one line each. `step` has its number. */
void journal_text_add_dns(struct strbuf *out, const struct journal *journal);
void journal_text_add_endpoints(struct strbuf *out, const struct journal *journal);
void journal_text_add_phase(struct strbuf *out, enum journal_phase phase);
void journal_text_add_step(struct strbuf *out, const char *word, const struct step *step);
/** What a later plan says about where routes go. */
void journal_text_add_routes(struct strbuf *out, const struct plan *plan);
/** "made" or "forget". */
void journal_text_add_id(struct strbuf *out, const char *word, uint32_t id);

/** Adds a copy of a step with that number. */
void journal_add_step(struct plan *plan, const struct step *step, uint32_t id);
/** Takes a step out. Returns whether it was there. */
bool journal_take_step(struct plan *plan, uint32_t id);

/** Adds an empty one, to be filled in before the next is added. */
struct journal_endpoint *journal_add_endpoint(struct journal *journal);
void journal_clear_endpoints(struct journal *journal);

enum {
	JOURNAL_N_HOOKS = 4, /* keys that hooks have: PreUp, PostUp, PreDown, PostDown */
};
extern const char *const journal_hook_keys[JOURNAL_N_HOOKS];
/** The hooks of journal_hook_keys[key]. */
struct strlist *journal_hooks(struct journal *journal, size_t key);

/** What a line ends in: it is there to find mishaps, not malice. */
uint32_t journal_checksum(const char *text, size_t len);

#endif
