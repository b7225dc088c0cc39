#ifndef LIB_UTIL_MEM_H
#define LIB_UTIL_MEM_H

#include <stddef.h>

/*
 * Memory that is always there. Running out while configuring is not a case that anyone could
 * handle or test, so these stop the program by assert(). Code that works per packet takes from a
 * bounded pool instead (datapath/engine/packet.h).
 */

/** Zeroed memory for n elements of `size` bytes; free() it. */
void *mem_alloc(size_t n, size_t size);

/**
 * Makes room for at least `n` elements of `size` bytes in the array `old`, doubling *cap (counted
 * in elements) so that growing one by one stays linear. Returns the array, perhaps moved.
 * New elements are not zeroed. Not for secrets: what is left behind is not wiped.
 */
void *mem_grow(void *old, size_t *cap, size_t n, size_t size);

/** A copy of the first len bytes of text, terminated; free() it. */
char *mem_strndup(const char *text, size_t len);
/** A copy of text; NULL for NULL; free() it. */
char *mem_strdup(const char *text);

/** Overwrites secrets; the compiler does not leave it out. NULL is allowed when len is 0. */
void mem_wipe(void *secret, size_t len);

#endif
