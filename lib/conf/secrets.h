#ifndef LIB_CONF_SECRETS_H
#define LIB_CONF_SECRETS_H

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* Private to this room: what was not understood is quoted in messages, but keys are not. */

/**
 * Adds a line that has no white space. Hidden are the value of whatever calls itself a key
 * (misspelt, too, but not a public one), and anywhere else what looks like one.
 */
void secrets_add_line(struct strbuf *out, const char *line);

/** Hides what looks like a key in a message: a value may be a key in the wrong place. */
void secrets_hide(struct err *err);

#endif
