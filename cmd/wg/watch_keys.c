/* The keys of the live view: see watch_keys.h. Pure. */
#include "cmd/wg/watch_keys.h"

#include <stdlib.h>
#include <string.h>

#define ESCAPE '\033'
#define CTRL(letter) ((letter)&0x1f)

static enum watch_key of_char(char c)
{
	static const struct {
		char c;
		enum watch_key key;
	} keys[] = {
		{ 'q', WATCH_KEY_QUIT },
		{ 'Q', WATCH_KEY_QUIT },
		{ CTRL('c'), WATCH_KEY_QUIT },
		{ 'k', WATCH_KEY_UP },
		{ CTRL('p'), WATCH_KEY_UP },
		{ 'j', WATCH_KEY_DOWN },
		{ CTRL('n'), WATCH_KEY_DOWN },
		{ '\n', WATCH_KEY_DOWN },
		{ '\r', WATCH_KEY_DOWN },
		{ 'b', WATCH_KEY_PAGE_UP },
		{ CTRL('b'), WATCH_KEY_PAGE_UP },
		{ CTRL('u'), WATCH_KEY_PAGE_UP },
		{ 'f', WATCH_KEY_PAGE_DOWN },
		{ CTRL('f'), WATCH_KEY_PAGE_DOWN },
		{ CTRL('d'), WATCH_KEY_PAGE_DOWN },
		{ 'g', WATCH_KEY_HOME },
		{ 'G', WATCH_KEY_END },
		{ 's', WATCH_KEY_SORT },
		{ 'r', WATCH_KEY_REVERSE },
		{ 'n', WATCH_KEY_NAMES },
		{ 'p', WATCH_KEY_PAUSE },
		{ ' ', WATCH_KEY_PAUSE },
		{ '?', WATCH_KEY_HELP },
		{ 'h', WATCH_KEY_HELP },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].c == c)
			return keys[i].key;
	return WATCH_KEY_NONE;
}

/* The end of a sequence "ESC [ parameters final", or "ESC O final". */
static enum watch_key of_sequence(const char *parameters, char final)
{
	switch (final) {
	case 'A':
		return WATCH_KEY_UP;
	case 'B':
		return WATCH_KEY_DOWN;
	case 'H':
		return WATCH_KEY_HOME;
	case 'F':
		return WATCH_KEY_END;
	case '~':
		break;
	default:
		return WATCH_KEY_NONE;
	}
	switch (atoi(parameters)) {
	case 1:
	case 7:
		return WATCH_KEY_HOME;
	case 4:
	case 8:
		return WATCH_KEY_END;
	case 5:
		return WATCH_KEY_PAGE_UP;
	case 6:
		return WATCH_KEY_PAGE_DOWN;
	default:
		return WATCH_KEY_NONE;
	}
}

size_t watch_keys_parse(enum watch_key *key, const char *bytes, size_t len, bool is_all)
{
	size_t i = 2;

	*key = WATCH_KEY_NONE;
	if (*bytes != ESCAPE) {
		*key = of_char(*bytes);
		return 1;
	}
	if (len == 1) {
		*key = is_all ? WATCH_KEY_QUIT : WATCH_KEY_NONE;
		return is_all ? 1 : 0;
	}
	if (bytes[1] == ESCAPE) {
		*key = WATCH_KEY_QUIT;
		return 1;
	}
	if (bytes[1] != '[' && bytes[1] != 'O')
		return 2; /* a character typed with Alt */
	while (i < len && bytes[1] == '[' && bytes[i] >= ' ' && bytes[i] < '@')
		i++;
	if (i == len)
		return is_all ? len : 0;
	/* A mouse's report, asked for by a program that is no more: three bytes follow. */
	if (i == 2 && bytes[1] == '[' && bytes[2] == 'M')
		return len >= 6 ? 6 : is_all ? len : 0;
	/* A final byte ends the digits for atoi(), as it is none. */
	*key = of_sequence(bytes + 2, bytes[i]);
	return i + 1;
}
