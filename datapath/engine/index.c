/*
 * The table of indices: open addressing with linear probing, at most half full. The numbers are
 * random, so their low bits are the hash; whoever removes one moves up those behind it, so that no
 * tombstones gather.
 *
 * One thread at a time changes the table, any may look up meanwhile, without a lock: `version` is
 * odd while something is being moved, and who finds it odd, or changed, looks again. A table that
 * became too small stays until the end, for somebody may be looking into it; all of these together
 * are as large as the one in use. The table owns its slots; owners are only pointed to.
 */
#include "datapath/engine/index.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/util/mem.h"

enum {
	SLOTS_MIN = 64 /* a power of two, as every size is */
};

struct slot {
	_Atomic uint32_t number; /* 0: free */
	void *_Atomic owner;
};

struct slots {
	struct slots *outgrown; /* that these took the place of */
	uint32_t n;
	struct slot slot[];
};

struct index_table {
	_Atomic uint32_t version;
	struct slots *_Atomic slots;
	uint32_t n_used;
};

static struct slots *slots_new(uint32_t n)
{
	struct slots *slots = mem_alloc(1, sizeof(*slots) + n * sizeof(slots->slot[0]));

	slots->n = n;
	return slots;
}

static void slots_free(struct slots *slots)
{
	while (slots) {
		struct slots *outgrown = slots->outgrown;

		free(slots);
		slots = outgrown;
	}
}

struct index_table *index_table_new(void)
{
	struct index_table *table = mem_alloc(1, sizeof(*table));

	table->slots = slots_new(SLOTS_MIN);
	return table;
}

void index_table_free(struct index_table *table)
{
	if (!table)
		return;
	slots_free(table->slots);
	free(table);
}

static struct slots *slots_of(const struct index_table *table)
{
	return atomic_load_explicit(&table->slots, memory_order_acquire);
}

static uint32_t number_at(const struct slot *slot)
{
	return atomic_load_explicit(&slot->number, memory_order_acquire);
}

static void *owner_at(const struct slot *slot)
{
	return atomic_load_explicit(&slot->owner, memory_order_acquire);
}

/* Who sees this sees that the version is odd. */
static void put(struct slot *slot, uint32_t number, void *owner)
{
	atomic_store_explicit(&slot->number, number, memory_order_release);
	atomic_store_explicit(&slot->owner, owner, memory_order_release);
}

/*
 * Where the number is, or else the free slot where it would go. Who looks while others move may see
 * any mixture: then it ends after one round, at whatever slot that is.
 */
static struct slot *slot_of(struct slots *slots, uint32_t number)
{
	const uint32_t mask = slots->n - 1;
	uint32_t at = number & mask;

	for (uint32_t n = 0; n < slots->n; n++) {
		uint32_t found = number_at(&slots->slot[at]);

		if (!found || found == number)
			break;
		at = (at + 1) & mask;
	}
	return &slots->slot[at];
}

static void change_begin(struct index_table *table)
{
	atomic_fetch_add_explicit(&table->version, 1, memory_order_relaxed);
}

static void change_end(struct index_table *table)
{
	atomic_fetch_add_explicit(&table->version, 1, memory_order_release);
}

static void grow(struct index_table *table)
{
	struct slots *old = slots_of(table), *slots;

	assert(old->n <= UINT32_MAX / 2);
	slots = slots_new(2 * old->n);
	slots->outgrown = old;
	for (uint32_t i = 0; i < old->n; i++) {
		uint32_t number = number_at(&old->slot[i]);

		if (number)
			put(slot_of(slots, number), number, owner_at(&old->slot[i]));
	}
	atomic_store_explicit(&table->slots, slots, memory_order_release);
}

bool index_insert(struct index_table *table, uint32_t candidate, void *owner)
{
	assert(owner);
	if (!candidate || number_at(slot_of(slots_of(table), candidate)))
		return false;
	if (2 * (table->n_used + 1) > slots_of(table)->n)
		grow(table);
	change_begin(table);
	put(slot_of(slots_of(table), candidate), candidate, owner);
	change_end(table);
	table->n_used++;
	return true;
}

void *index_find(const struct index_table *table, uint32_t number)
{
	uint32_t version;
	void *owner;

	if (!number)
		return NULL;
	do {
		const struct slot *slot;

		version = atomic_load_explicit(&table->version, memory_order_acquire);
		slot = slot_of(slots_of(table), number);
		owner = number_at(slot) == number ? owner_at(slot) : NULL;
	} while (version & 1 ||
		 version != atomic_load_explicit(&table->version, memory_order_relaxed));
	return owner;
}

void index_remove(struct index_table *table, uint32_t number)
{
	struct slots *slots = slots_of(table);
	uint32_t mask = slots->n - 1, hole, at, moved;

	if (!number || !number_at(slot_of(slots, number)))
		return;
	hole = (uint32_t)(slot_of(slots, number) - slots->slot);
	change_begin(table);
	for (at = (hole + 1) & mask; (moved = number_at(&slots->slot[at])); at = (at + 1) & mask) {
		/* It may move to the hole if that is no further back than its home. */
		if (((at - moved) & mask) >= ((at - hole) & mask)) {
			put(&slots->slot[hole], moved, owner_at(&slots->slot[at]));
			hole = at;
		}
	}
	put(&slots->slot[hole], 0, NULL);
	change_end(table);
	table->n_used--;
}
