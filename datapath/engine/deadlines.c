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

		if (deadlines->slots[parent]->at <= deadline->at)
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
		    deadlines->slots[child + 1]->at < deadlines->slots[child]->at)
			child++;
		if (deadline->at <= deadlines->slots[child]->at)
			break;
		put(deadlines, slot, deadlines->slots[child]);
		slot = child;
	}
	put(deadlines, slot, deadline);
}

/* Puts it where it belongs, beginning at an empty slot. */
static void sift(struct deadlines *deadlines, size_t slot, struct deadline *deadline)
{
	if (slot > 0 && deadline->at < deadlines->slots[(slot - 1) / 2]->at)
		sift_up(deadlines, slot, deadline);
	else
		sift_down(deadlines, slot, deadline);
}

void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, mono_ns at)
{
	struct deadline *last;
	size_t slot;

	if (deadline->slot && deadline->at == at)
		return;
	deadline->at = at;
	if (at != MONO_NEVER) {
		if (deadline->slot) {
			sift(deadlines, deadline->slot - 1, deadline);
		} else {
			assert(deadlines->n < deadlines->cap);
			sift_up(deadlines, deadlines->n++, deadline);
		}
		return;
	}
	if (!deadline->slot)
		return;
	slot = deadline->slot - 1;
	deadline->slot = 0;
	last = deadlines->slots[--deadlines->n];
	if (last != deadline)
		sift(deadlines, slot, last);
}

struct deadline *deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->slots[0] : NULL;
}
