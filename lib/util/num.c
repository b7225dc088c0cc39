/* Strict integers: see num.h. */
#include "lib/util/num.h"

#include <assert.h>
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

static const char two_digits[] =
	"00010203040506070809101112131415161718192021222324252627282930313233"
	"34353637383940414243444546474849505152535455565758596061626364656667"
	"6869707172737475767778798081828384858687888990919293949596979899";

char *num_format(char *out, uint64_t value)
{
	char digits[NUM_TEXT_MAX];
	size_t at = sizeof(digits);

	for (; value >= 10; value /= 100) {
		at -= 2;
		memcpy(digits + at, two_digits + value % 100 * 2, 2);
	}
	if (value || at == sizeof(digits))
		digits[--at] = (char)('0' + value);
	memcpy(out, digits + at, sizeof(digits) - at);
	return out + (sizeof(digits) - at);
}

char *num_format_hundredths(char *out, uint64_t value, unsigned int shift)
{
	uint64_t scaled, half, n, rest;

	assert(value <= NUM_HUNDREDTHS_MAX && shift < 64);
	scaled = value * 100;
	half = UINT64_C(1) << shift >> 1;
	n = scaled >> shift;
	rest = scaled & ((UINT64_C(1) << shift) - 1);
	/* To the nearest; from the middle between two to the even one. */
	n += rest > half || (rest == half && rest && n & 1);
	out = num_format(out, n / 100);
	*out++ = '.';
	memcpy(out, two_digits + n % 100 * 2, 2);
	return out + 2;
}
