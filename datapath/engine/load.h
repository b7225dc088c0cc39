#ifndef DATAPATH_ENGINE_LOAD_H
#define DATAPATH_ENGINE_LOAD_H

#include <stdbool.h>

#include "lib/util/clock.h"

/*
 * When are we under load, so that strangers must show a cookie? [W] 5.3 leaves it open. The kernel
 * asks whether LOAD_QUEUE handshake messages wait for a worker, and stays alert for a second. The
 * engine answers each at once and has no queue, so it imagines one that is worked off at
 * LOAD_PER_SECOND, about what a fifth of a core can do, and asks the same of that. That much may be
 * no load at all: many peers that come back at once are answered as fast as they ask. So the host
 * is asked, too, whether datagrams pile up where it gets them from.
 */
enum {
	LOAD_QUEUE = 4096 / 8,
	LOAD_PER_SECOND = 2000,
};

/** All zero: idle. */
struct load {
	mono_ns busy_until;  /* when the imagined queue would be empty */
	mono_ns alert_until; /* under load at least until then */
};

/**
 * One more handshake message came. Returns whether we are under load. is_backlogged() is called
 * only if the imagined queue is full; NULL stands for one that is always true.
 */
bool load_add(struct load *load, mono_ns now, bool (*is_backlogged)(void *ctx), void *ctx);

#endif
