#ifndef CMD_WG_WATCH_PLAIN_H
#define CMD_WG_WATCH_PLAIN_H

#include "cmd/wg/show.h"

/**
 * show_watch() where there is no terminal for a screen: the ordinary output every watch_ms, with an
 * empty line and one with the time between two of them. Goes on until nobody reads it any more, or
 * SIGINT, SIGTERM or SIGHUP ends the program (with status 0, also while a daemon keeps silent).
 * Returns the exit status.
 */
int watch_plain(const char *interface, const struct show_options *options);

#endif
