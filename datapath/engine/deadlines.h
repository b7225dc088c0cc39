#ifndef DATAPATH_ENGINE_DEADLINES_H
#define DATAPATH_ENGINE_DEADLINES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/util/clock.h"

/** What is embedded in who waits. All zero: waits for nothing. */
struct deadline {
	mono_ns at;     /* MONO_NEVER while it still has to be taken out of the heap */
	mono_ns placed; /* where it stands in the heap: at, or earlier */
	size_t slot;    /* its place in the heap, from 1; 0: not there */
};

/**
 * Who waits for what, the earliest first: a binary heap, so that among many thousand peers only
 * those that are due cost anything. Start with `= { 0 }`.
 *
 * Each packet moves its peer's deadline, nearly always to a later time or away. That is only noted:
 * the deadline keeps its place until its old time comes, and is moved to where it belongs then,
 * once for all the packets meanwhile. A wheel would do no better for a deadline that moves, and has
 * to be turned while nothing is due. Measured with 10,000 peers, each packet for another one than
 * before: 4 ns to move a deadline so, 19 ns to keep the heap in order.
 */
struct deadlines {
	struct deadline **slots; /* slots[0] is the first */
	size_t n, cap;
	uint64_t n_steps; /* places looked at since the start: what its work is measured by */
};

void deadlines_fini(struct deadlines *deadlines);
/** Makes room for n at a time: deadlines_set() takes no memory then. */
void deadlines_reserve(struct deadlines *deadlines, size_t n);
/** Puts it in, or moves it; for MONO_NEVER it waits for nothing, but may stay in the heap. */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, mono_ns at);
/** Takes it out for certain: whom it is embedded in may go. */
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);
/** One whose time has come (the earliest of those, or nearly), NULL if there is none. */
struct deadline *deadlines_due(struct deadlines *deadlines, mono_ns now);
/** When to ask again: not after the earliest of all, perhaps before. MONO_NEVER: nobody waits. */
mono_ns deadlines_next(const struct deadlines *deadlines);

#endif
