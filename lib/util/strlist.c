/* Lists of strings: see strlist.h. */
#include "lib/util/strlist.h"

#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

void strlist_add_mem(struct strlist *list, const char *text, size_t len)
{
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = mem_strndup(text, len);
}

void strlist_add(struct strlist *list, const char *text)
{
	strlist_add_mem(list, text, strlen(text));
}

bool strlist_has(const struct strlist *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i], text))
			return true;
	return false;
}

bool strlist_equal(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

void strlist_copy(struct strlist *out, const struct strlist *list)
{
	strlist_fini(out);
	for (size_t i = 0; i < list->n; i++)
		strlist_add(out, list->items[i]);
}

void strlist_fini(struct strlist *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct strlist){ 0 };
}
