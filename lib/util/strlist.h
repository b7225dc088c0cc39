#ifndef LIB_UTIL_STRLIST_H
#define LIB_UTIL_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

/** A list of owned strings. Start with `= { 0 }`. */
struct strlist {
	char **items;
	size_t n;
	size_t cap;
};

/** Adds a copy of text. */
void strlist_add(struct strlist *list, const char *text);
/** Adds a copy of the first len bytes of text. */
void strlist_add_mem(struct strlist *list, const char *text, size_t len);
bool strlist_has(const struct strlist *list, const char *text);
bool strlist_equal(const struct strlist *a, const struct strlist *b);
/** Makes `out` a copy of another list; what it had is freed. */
void strlist_copy(struct strlist *out, const struct strlist *list);
void strlist_fini(struct strlist *list);

#endif
