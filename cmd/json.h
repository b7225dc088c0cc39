#ifndef CMD_JSON_H
#define CMD_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/util/strbuf.h"

/* Writing JSON. Nothing is built in memory: each value is written where it stands. */

/** Start with `= { .out = ... }`. */
struct json {
	struct strbuf *out; /* borrowed */
	unsigned int depth; /* how many brackets are open, for the tabs of lines */
	bool lines;         /* one for each value, rather than one for all */
	bool any;           /* something stands before, at this depth */
};

/** Opens an object or an array, by its bracket, where a value may stand. */
void json_open(struct json *json, char bracket);
/** Closes it, by the other bracket. */
void json_close(struct json *json, char bracket);

/** Begins an array's next value, which the caller adds. */
void json_item(struct json *json);
/** Begins an object's next member, whose value the caller adds. `name` needs no escapes. */
void json_member(struct json *json, const char *name);

/** Adds text that needs no escapes, in quotes. */
void json_add_plain(struct json *json, const char *plain);

/* Members with their values. */
void json_string(struct json *json, const char *name, const char *text); /* any text; NULL: null */
void json_number(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);

#endif
