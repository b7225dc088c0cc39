/* Addresses as text: see ip_text.h. Plain values; any thread. */
#include "lib/model/ip_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/util/endian.h"

/* One of the four numbers: no leading zero, at most 255. */
static const char *parse_octet(uint8_t *out, const char *text)
{
	unsigned int value = (unsigned int)(*text - '0'), digit;

	if (value > 9)
		return NULL;
	text++;
	digit = (unsigned int)(*text - '0');
	if (digit > 9 || !value)
		goto done;
	value = value * 10 + digit;
	text++;
	digit = (unsigned int)(*text - '0');
	if (digit > 9)
		goto done;
	value = value * 10 + digit;
	text++;
	if (value > 255)
		return NULL;
done:
	*out = (uint8_t)value;
	return text;
}

const char *ip_text_parse4(uint8_t out[static 4], const char *text)
{
	for (size_t i = 0; i < 4; i++) {
		if (i && *text++ != '.')
			return NULL;
		text = parse_octet(&out[i], text);
		if (!text)
			return NULL;
	}
	/* A fourth digit is not the start of something else. */
	return (unsigned int)(*text - '0') > 9 ? text : NULL;
}

/* 0 to 15, or 16 for what is no hexadecimal digit. */
static unsigned int hex_value(char c)
{
	unsigned int digit = (unsigned int)(c - '0'), letter = (unsigned int)((c | 0x20) - 'a');

	if (digit < 10)
		return digit;
	return letter < 6 ? letter + 10 : 16;
}

const char *ip_text_parse6(uint8_t out[static 16], const char *text)
{
	size_t n = 0, gap = SIZE_MAX; /* of groups: how many there are; how many before "::" */

	if (text[0] == ':' && text[1] != ':')
		return NULL;
	for (;;) {
		unsigned int value = hex_value(*text), digit;
		int n_digits = 1;

		if (*text == ':' && text[1] == ':' && gap == SIZE_MAX) {
			gap = n;
			text += 2;
			if (hex_value(*text) > 15)
				break;
			continue;
		}
		if (value > 15 || n == 8)
			return NULL;
		while ((digit = hex_value(*++text)) < 16) {
			if (++n_digits > 4)
				return NULL;
			value = value << 4 | digit;
		}
		if (*text == '.')
			return NULL;
		store_be16(out + 2 * n++, (uint16_t)value);
		if (*text != ':')
			break;
		if (text[1] != ':')
			text++;
	}
	if (gap == SIZE_MAX)
		return n == 8 ? text : NULL;
	if (n == 8 || *text == ':' || *text == '.')
		return NULL;
	memmove(out + 16 - 2 * (n - gap), out + 2 * gap, 2 * (n - gap));
	memset(out + 2 * gap, 0, 2 * (8 - n));
	return text;
}

static char *format_octet(char *out, unsigned int value)
{
	if (value >= 100) {
		*out++ = (char)('0' + value / 100);
		value %= 100;
		*out++ = (char)('0' + value / 10);
	} else if (value >= 10) {
		*out++ = (char)('0' + value / 10);
	}
	*out++ = (char)('0' + value % 10);
	return out;
}

char *ip_text_format4(char *out, const uint8_t in[static 4])
{
	out = format_octet(out, in[0]);
	for (size_t i = 1; i < 4; i++) {
		*out++ = '.';
		out = format_octet(out, in[i]);
	}
	return out;
}

static char *format_group(char *out, unsigned int value)
{
	static const char digits[] = "0123456789abcdef";

	if (value >= 0x1000)
		*out++ = digits[value >> 12];
	if (value >= 0x100)
		*out++ = digits[value >> 8 & 15];
	if (value >= 0x10)
		*out++ = digits[value >> 4 & 15];
	*out++ = digits[value & 15];
	return out;
}

/* The longest run of zero groups, the first of those that are as long; none of a single one. */
static size_t find_gap(size_t *len, const uint16_t group[8])
{
	size_t at = 0, best = 0, best_at = 8;

	for (size_t i = 0; i <= 8; i++) {
		if (i < 8 && !group[i])
			continue;
		if (i - at > best && i - at > 1) {
			best = i - at;
			best_at = at;
		}
		at = i + 1;
	}
	*len = best;
	return best_at;
}

char *ip_text_format6(char *out, const uint8_t in[static 16])
{
	uint16_t group[8];
	size_t gap, gap_len, n = 8;
	bool has_v4;

	for (size_t i = 0; i < 8; i++)
		group[i] = load_be16(in + 2 * i);
	gap = find_gap(&gap_len, group);
	/* "::ffff:1.2.3.4" and "::1.2.3.4"; but "::1" and "::" are not such. */
	has_v4 = gap == 0 && (gap_len == 6 || (gap_len == 5 && group[5] == 0xffff));
	if (has_v4)
		n = 6;
	for (size_t i = 0; i < n; i++) {
		if (i == gap) {
			*out++ = ':';
			i += gap_len - 1;
			if (i == 7)
				*out++ = ':';
			continue;
		}
		if (i)
			*out++ = ':';
		out = format_group(out, group[i]);
	}
	if (has_v4) {
		*out++ = ':';
		out = ip_text_format4(out, in + 12);
	}
	return out;
}
