#ifndef CMD_ESCAPE_H
#define CMD_ESCAPE_H

#include "lib/util/strbuf.h"

/*
 * Foreign text, such as a name from a file, in formats with rules of their own. Both want UTF-8: a
 * byte that is not comes out as U+FFFD.
 */

/** Adds a JSON string, with its quotes. Source: RFC 8259 section 7. */
void escape_json(struct strbuf *out, const char *text);

/** Adds a label's value of the Prometheus text format 0.0.4, with its quotes. */
void escape_label(struct strbuf *out, const char *text);

#endif
