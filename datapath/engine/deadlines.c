/* A binary heap of deadlines: see deadlines.h. It owns the array, not those who wait in it. */
#include "datapath/engine/deadlines.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/util/mem.h"

void deadlines_fini(struct deadlines *deadlines)
{
	free(deadlines->slots);
	*deadlines = (struct deadlines){ 0 };
}

void deadlines_reserve(struct deadlines *deadlines, size_t n)
{
	deadlines->slots =
		mem_grow(deadlines->slots, &deadlines->cap, n, sizeof(deadlines->slots[0]));
}

static void put(struct deadlines *deadlines, size_t slot, struct deadline *deadline)
{
	deadlines->slots[slot] = deadline;
	deadline->slot = slot + 1;
	deadlines->n_steps++;
}

/* Moves what is later than `deadline` down from the way up, beginning at an empty slot. */
static void sift_up(struct deadlines *deadlines, size_t slot, struct deadline *deadline)
{
	while (slot > 0) {
		size_t parent = (slot - 1) / 2;

		if (deadlines->slots[parent]->placed <= deadline->placed)
			break;
		put(deadlines, slot, deadlines->slots[parent]);
		slot = parent;
	}
	put(deadlines, slot, deadline);
}

static void sift_down(struct deadlines *deadlines, size_t slot, struct deadline *deadline)
{
	for (;;) {
		size_t child = 2 * slot + 1;

		if (child >= deadlines->n)
			break;
		if (child + 1 < deadlines->n &&
		    deadlines->slots[child + 1]->placed < deadlines->slots[child]->placed)
			child++;
		if (deadline->placed <= deadlines->slots[child]->placed)
			break;
		put(deadlines, slot, deadlines->slots[child]);
		slot = child;
	}
	put(deadlines, slot, deadline);
}

/* Puts it where it belongs, beginning at an empty slot. */
static void sift(struct deadlines *deadlines, size_t slot, struct deadline *deadline)
{
	if (slot > 0 && deadline->placed < deadlines->slots[(slot - 1) / 2]->placed)
		sift_up(deadlines, slot, deadline);
	else
		sift_down(deadlines, slot, deadline);
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, mono_ns at)
{
	deadline->at = at;
	if (deadline->slot) {
		if (at >= deadline->placed)
			return;
		deadline->placed = at;
		sift_up(deadlines, deadline->slot - 1, deadline);
	} else if (at != MONO_NEVER) {
		assert(deadlines->n < deadlines->cap);
		deadline->placed = at;
		sift_up(deadlines, deadlines->n++, deadline);
	}
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
	struct deadline *last;
	size_t slot;

	deadline->at = MONO_NEVER;
	if (!deadline->slot)
		return;
	slot = deadline->slot - 1;
	deadline->slot = 0;
	last = deadlines->slots[--deadlines->n];
	if (last != deadline)
		sift(deadlines, slot, last);
}

struct deadline *deadlines_due(struct deadlines *deadlines, mono_ns now)
{
	while (deadlines->n && deadlines->slots[0]->placed <= now) {
		struct deadline *first = deadlines->slots[0];

		if (first->at <= now)
			return first;
		if (first->at == MONO_NEVER) {
			deadlines_remove(deadlines, first);
		} else {
			first->placed = first->at;
			sift_down(deadlines, 0, first);
		}
	}
	return NULL;
}

mono_ns deadlines_next(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->slots[0]->placed : MONO_NEVER;
}
