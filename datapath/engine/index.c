/*
 * The table of indices: open addressing with linear probing, at most half full. The numbers are
 * random, so their low bits are the hash; whoever removes one moves up those behind it, so that no
 * tombstones gather. The table owns its slots; owners are only pointed to. One thread.
 */
#include "datapath/engine/index.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/util/mem.h"

enum {
	SLOTS_MIN = 64 /* a power of two, as every size is */
};

struct slot {
	uint32_t number; /* 0: free */
	void *owner;
};

struct index_table {
	struct slot *slots;
	uint32_t n_slots;
	uint32_t n_used;
};

struct index_table *index_table_new(void)
{
	struct index_table *table = mem_alloc(1, sizeof(*table));

	table->n_slots = SLOTS_MIN;
	table->slots = mem_alloc(table->n_slots, sizeof(*table->slots));
	return table;
}

void index_table_free(struct index_table *table)
{
	if (!table)
		return;
	free(table->slots);
	free(table);
}

static uint32_t home_of(const struct index_table *table, uint32_t number)
{
	return number & (table->n_slots - 1);
}

/* Where the number is, or else the free slot where it would go. */
static struct slot *slot_of(const struct index_table *table, uint32_t number)
{
	uint32_t at = home_of(table, number);

	while (table->slots[at].number && table->slots[at].number != number)
		at = (at + 1) & (table->n_slots - 1);
	return &table->slots[at];
}

static void grow(struct index_table *table)
{
	struct slot *old = table->slots;
	uint32_t n_old = table->n_slots;

	assert(n_old <= UINT32_MAX / 2);
	table->n_slots = 2 * n_old;
	table->slots = mem_alloc(table->n_slots, sizeof(*table->slots));
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].number)
			*slot_of(table, old[i].number) = old[i];
	free(old);
}

bool index_insert(struct index_table *table, uint32_t candidate, void *owner)
{
	struct slot *slot;

	assert(owner);
	if (!candidate)
		return false;
	if (slot_of(table, candidate)->number)
		return false;
	if (2 * (table->n_used + 1) > table->n_slots)
		grow(table);
	slot = slot_of(table, candidate);
	slot->number = candidate;
	slot->owner = owner;
	table->n_used++;
	return true;
}

void *index_find(const struct index_table *table, uint32_t number)
{
	return number ? slot_of(table, number)->owner : NULL;
}

void index_remove(struct index_table *table, uint32_t number)
{
	uint32_t mask = table->n_slots - 1, hole, at;

	if (!number || !slot_of(table, number)->number)
		return;
	hole = (uint32_t)(slot_of(table, number) - table->slots);
	for (at = (hole + 1) & mask; table->slots[at].number; at = (at + 1) & mask) {
		uint32_t home = home_of(table, table->slots[at].number);

		/* It may move to the hole if that is no further back than its home. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole] = (struct slot){ 0, NULL };
	table->n_used--;
}
