/* Strict integers: see num.h. */
#include "lib/util/num.h"

#include <errno.h>
#include <string.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static int parse(uint64_t *out, const char *text, unsigned int base, uint64_t max)
{
	uint64_t value = 0;
	int r = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)digit_value(*text);

		if (digit >= base)
			return -EINVAL;
		if (digit > max || value > (max - digit) / base)
			r = -ERANGE; /* keep looking: "99999x" is no number at all */
		else
			value = value * base + digit;
	}
	if (!r)
		*out = value;
	return r;
}

int num_parse(uint64_t *out, const char *text, uint64_t max)
{
	return parse(out, text, 10, max);
}

int num_parse_hex(uint64_t *out, const char *text, uint64_t max)
{
	if (text[0] == '0' && text[1] == 'x')
		return parse(out, text + 2, 16, max);
	return parse(out, text, 10, max);
}

char *num_format(char *out, uint64_t value)
{
	char digits[NUM_TEXT_MAX];
	size_t at = sizeof(digits);

	if (value < 10) {
		*out = (char)('0' + value);
		return out + 1;
	}

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(out, digits + at, sizeof(digits) - at);
	return out + (sizeof(digits) - at);
}
