#ifndef DATAPATH_ENGINE_INDEX_H
#define DATAPATH_ENGINE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The 32-bit numbers by which the other side names our handshakes and sessions: number -> peer.
 * Numbers are random, so that they tell nothing and no one can choose colliding ones.
 * One thread at a time changes the table; index_find() may be called by any at any time.
 */
struct index_table;

struct index_table *index_table_new(void);
void index_table_free(struct index_table *table);

/**
 * Takes `candidate`, a random number, for `owner` (not NULL). Returns whether it was free: if not,
 * try another. 0 is never free.
 */
bool index_insert(struct index_table *table, uint32_t candidate, void *owner);
/** Who has the number; NULL if nobody. */
void *index_find(const struct index_table *table, uint32_t number);
/** A number that is not there is fine. */
void index_remove(struct index_table *table, uint32_t number);
#endif
