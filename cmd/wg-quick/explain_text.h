#ifndef CMD_WG_QUICK_EXPLAIN_TEXT_H
#define CMD_WG_QUICK_EXPLAIN_TEXT_H

#include <stdbool.h>

#include "cmd/json.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/target.h"
#include "lib/model/key.h"
#include "lib/util/strbuf.h"

/* How an explained plan looks, as text of 80 columns and as JSON. */

struct explain_text {
	struct strbuf out;
	struct json json;
	bool is_json;
	bool is_coloured;
	bool any; /* step has been added */
};

/** One line of it. All is borrowed. */
struct explain_entry {
	const char *act;     /* what is done: the JSON's "do" */
	const char *command; /* as it is echoed when it is done; NULL: there is none */
	const char *what;    /* shown in its place */
	const char *reason;  /* NULL: none */
	unsigned int line;   /* of the file, that made it so; 0: none */
	/* For the members of the JSON; or NULL. */
	const struct step *step;
	const struct plan *plan;
	const struct wg_key *peer;
};

/** `out` must stay where it is. */
void explain_text_begin(struct explain_text *out, bool is_json, bool is_coloured,
			const char *command, const struct target *target);
void explain_text_add(struct explain_text *text, const struct explain_entry *entry);
/** `refused` is why there is no plan, or NULL. The text is then whole. */
void explain_text_end(struct explain_text *text, const char *refused);

void explain_text_fini(struct explain_text *text);

#endif
