#ifndef DATAPATH_ENGINE_DEADLINES_H
#define DATAPATH_ENGINE_DEADLINES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/util/clock.h"

/** What is embedded in who waits. All zero: waits for nothing. */
struct deadline {
	mono_ns at;
	size_t slot; /* its place in the heap, from 1; 0: not there */
};

/**
 * Who waits for what, the earliest first: a binary heap, so that among many thousand peers only
 * those that are due cost anything. Start with `= { 0 }`.
 */
struct deadlines {
	struct deadline **slots; /* slots[0] is the first */
	size_t n, cap;
	uint64_t n_steps; /* places looked at since the start: what its work is measured by */
};

void deadlines_fini(struct deadlines *deadlines);
/** Makes room for n at a time: deadlines_set() takes no memory then. */
void deadlines_reserve(struct deadlines *deadlines, size_t n);
/** Puts it in, moves it, or for MONO_NEVER takes it out. */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, mono_ns at);
/** The earliest, NULL if nobody waits. */
struct deadline *deadlines_first(const struct deadlines *deadlines);

#endif
