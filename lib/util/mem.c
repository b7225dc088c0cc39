/* Allocation that cannot fail, and wiping: see mem.h. */
#include "lib/util/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	assert(memory);
	return memory;
}

void *mem_grow(void *old, size_t *cap, size_t n, size_t size)
{
	size_t wanted = *cap;
	void *memory;

	if (n <= *cap)
		return old;
	if (wanted < 4)
		wanted = n < 4 ? n : 4; /* most lists hold one or two */
	while (wanted < n) {
		assert(wanted <= SIZE_MAX / 2);
		wanted *= 2;
	}
	memory = reallocarray(old, wanted, size);
	assert(memory);
	*cap = wanted;
	return memory;
}

char *mem_strndup(const char *text, size_t len)
{
	char *copy = mem_alloc(len + 1, 1);

	memcpy(copy, text, len);
	return copy;
}

char *mem_strdup(const char *text)
{
	return text ? mem_strndup(text, strlen(text)) : NULL;
}

void mem_wipe(void *secret, size_t len)
{
	if (len)
		explicit_bzero(secret, len);
}
