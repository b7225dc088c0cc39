#ifndef TESTS_UNIT_SPOIL_H
#define TESTS_UNIT_SPOIL_H

#include <stdlib.h>

#include "lib/util/strbuf.h"

/* Puts some letter of `letters` at some place of the text, in the place of what is there or beside
 * it, or takes something away. */
static inline void spoil(struct strbuf *text, const char *letters, size_t n_letters)
{
	size_t at = (size_t)rand() % text->len;

	switch (rand() % 3) {
	case 0:
		strbuf_add_char(text, '\0');
		memmove(text->text + at + 1, text->text + at, text->len - at - 1);
		/* fall through */
	case 1:
		text->text[at] = letters[(size_t)rand() % n_letters];
		break;
	case 2:
		memmove(text->text + at, text->text + at + 1, text->len - at);
		text->len--;
		break;
	}
}

#endif
