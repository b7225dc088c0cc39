/* Foreign text in other formats: see escape.h. */
#include "cmd/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* The length of the UTF-8 character at the start of text; 0: there is none. RFC 3629 section 4. */
static size_t utf8_len(const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
		return 0;
	len = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	if (bytes[0] == 0xe0)
		low = 0xa0; /* no longer than it must be */
	if (bytes[0] == 0xf0)
		low = 0x90;
	if (bytes[0] == 0xed)
		high = 0x9f; /* no halves of UTF-16 pairs */
	if (bytes[0] == 0xf4)
		high = 0x8f; /* nothing above U+10FFFF */
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static void add_quoted(struct strbuf *out, const char *text,
		       bool (*add_special)(struct strbuf *out, char c))
{
	strbuf_add_char(out, '"');
	while (*text) {
		size_t len = utf8_len(text);

		if (!len)
			strbuf_add(out, REPLACEMENT);
		else if (len > 1 || !add_special(out, *text))
			strbuf_add_mem(out, text, len);
		text += len ? len : 1;
	}
	strbuf_add_char(out, '"');
}

static bool add_json_special(struct strbuf *out, char c)
{
	if (c == '"' || c == '\\')
		strbuf_addf(out, "\\%c", c);
	else if ((unsigned char)c < ' ' || c == 0x7f)
		strbuf_addf(out, "\\u%04x", (unsigned int)c);
	else
		return false;
	return true;
}

void escape_json(struct strbuf *out, const char *text)
{
	add_quoted(out, text, add_json_special);
}

static bool add_label_special(struct strbuf *out, char c)
{
	if (c == '"' || c == '\\')
		strbuf_addf(out, "\\%c", c);
	else if (c == '\n')
		strbuf_add(out, "\\n");
	else
		return false;
	return true;
}

void escape_label(struct strbuf *out, const char *text)
{
	add_quoted(out, text, add_label_special);
}
