#ifndef CMD_WG_WATCH_PAGE_H
#define CMD_WG_WATCH_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg/watch_snapshot.h"
#include "lib/util/strbuf.h"

/*
 * One screen of the live view, from what is known and how the reader wants it. Pure.
 *
 *	wg0  port 51820  3 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s          14:03:27
 *	peer          endpoint              handshake     rx/s     tx/s  allowed ips
 *	laptop        203.0.113.7:51820           12s  1.2 MiB   83 KiB  10.0.0.2/32
 *	...
 *	by handshake                                                    q quit   ? help
 *
 * The first line is about the interface that the row below the titles belongs to; the lines of the
 * interfaces after it stand among the rows, and scroll with them.
 */

/** How the reader wants it; changed by keys. */
struct watch_state {
	enum watch_sort sort;
	bool reverse, names, paused, help;
	bool quit;
	size_t top; /* rows that are scrolled out above */
};

enum watch_key {
	WATCH_KEY_NONE,
	WATCH_KEY_UP,
	WATCH_KEY_DOWN,
	WATCH_KEY_PAGE_UP,
	WATCH_KEY_PAGE_DOWN,
	WATCH_KEY_HOME,
	WATCH_KEY_END,
	WATCH_KEY_SORT,
	WATCH_KEY_REVERSE,
	WATCH_KEY_NAMES,
	WATCH_KEY_PAUSE,
	WATCH_KEY_HELP,
	WATCH_KEY_QUIT,
};

/** One interface. */
struct watch_part {
	const char *name;
	const struct watch_snapshot *snapshot; /* sorted; NULL: nothing is known of its peers */
	const char *problem;                   /* why it cannot be read; NULL: it can */
	int64_t silent_s; /* how long it owes an answer; 0: no longer than is usual */
};

struct watch_view {
	const struct watch_part *parts;
	size_t n_parts;
	const char *notice; /* what is to be known besides; NULL: nothing */
	const char *clock;  /* the time of day */
	int64_t now_s;      /* unix time */
	mono_ns now;
	unsigned int width, height; /* of the screen, at least 1 */
	bool colour;
	bool erase; /* end shorter lines by erasing what was there */
};

/**
 * Adds the screen: `height` lines of at most `width` columns, "\n" between them. Clamps state->top
 * to what there is.
 */
void watch_page(struct strbuf *out, struct watch_state *state, const struct watch_view *view);

/** What a key does. The view is that of the last screen. */
void watch_press(struct watch_state *state, enum watch_key key, const struct watch_view *view);

#endif
