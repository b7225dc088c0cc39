#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Reads tests/vectors/NAME.txt: blocks of "name = hex" lines, with blank lines between the blocks
 * and comments from "#" to the end of a line. Include it after cmocka.h; tests run in the
 * repository's root.
 */

enum {
	VECTOR_FIELDS_MAX = 16
};

struct vector_field {
	char name[32];
	uint8_t *bytes;
	size_t len;
};

struct vectors {
	FILE *file;
	struct vector_field fields[VECTOR_FIELDS_MAX]; /* of the current block */
	size_t n;
};

static inline void vectors_open(struct vectors *v, const char *name)
{
	char path[128];

	memset(v, 0, sizeof(*v));
	snprintf(path, sizeof(path), "tests/vectors/%s.txt", name);
	v->file = fopen(path, "r");
	if (!v->file)
		fail_msg("%s: cannot open it (tests run in the repository's root)", path);
}

static inline void vectors_forget(struct vectors *v)
{
	while (v->n)
		free(v->fields[--v->n].bytes);
}

static inline void vector_add(struct vectors *v, char *line)
{
	struct vector_field *field = &v->fields[v->n];
	char *hex = strchr(line, '=') + 1;
	size_t len;

	assert_true(v->n < VECTOR_FIELDS_MAX);
	assert_int_equal(sscanf(line, "%31s", field->name), 1);
	hex += strspn(hex, " ");
	len = strcspn(hex, " #\n");
	assert_int_equal(len % 2, 0);
	field->len = len / 2;
	field->bytes = malloc(field->len ? field->len : 1);
	for (size_t i = 0; i < field->len; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &field->bytes[i]), 1);
	v->n++;
}

/* The next block. At the end of the file it returns false, and closes it. */
static inline bool vectors_next(struct vectors *v)
{
	char line[4096];

	vectors_forget(v);
	while (fgets(line, sizeof(line), v->file)) {
		if (line[0] == '#')
			continue;
		if (line[0] != '\n')
			vector_add(v, line);
		else if (v->n)
			return true;
	}
	if (v->n)
		return true;
	fclose(v->file);
	return false;
}

/* A field of the current block, or NULL. */
static inline const struct vector_field *vector_find(const struct vectors *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->fields[i].name, name) == 0)
			return &v->fields[i];
	return NULL;
}

/* A field that must be there. */
static inline const struct vector_field *vector_get(const struct vectors *v, const char *name)
{
	const struct vector_field *field = vector_find(v, name);

	if (!field)
		fail_msg("a block without \"%s\"", name);
	return field;
}

/* The bytes of a field that must be there and have this length. */
static inline const uint8_t *vector_bytes(const struct vectors *v, const char *name, size_t len)
{
	const struct vector_field *field = vector_get(v, name);

	assert_int_equal(field->len, len);
	return field->bytes;
}

#endif
