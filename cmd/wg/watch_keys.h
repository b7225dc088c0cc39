#ifndef CMD_WG_WATCH_KEYS_H
#define CMD_WG_WATCH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/wg/watch_page.h"

/**
 * Reads one key from what a terminal sent: a character, or an escape sequence of ECMA-48 as common
 * terminals have them. *key is WATCH_KEY_NONE for what means nothing here.
 * Returns the bytes used, or 0 if a sequence is not complete; with `is_all`, nothing more is to
 * come, so that an escape alone is the key of that name. `len` must not be 0.
 */
size_t watch_keys_parse(enum watch_key *key, const char *bytes, size_t len, bool is_all);

#endif
