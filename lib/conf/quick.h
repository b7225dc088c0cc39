#ifndef LIB_CONF_QUICK_H
#define LIB_CONF_QUICK_H

#include <stddef.h>

#include "lib/model/device.h"

/**
 * Private to this room: takes those lines at the start of `text`, within a [Peer] section, that are
 * written as nearly all of them are, in a fraction of the time that the table of keys needs and to
 * the same end. As conf_lines_taker: it stops at the first line that is anything else, bad or just
 * unusual, and leaves that to the others.
 */
size_t quick_peer_lines(struct wg_peer *peer, const char *text, size_t len, unsigned int *n_lines);

#endif
