#ifndef LIB_UTIL_NUM_H
#define LIB_UTIL_NUM_H

#include <stdint.h>

/**
 * Decimal digits and nothing else (no sign, blank, "0x"; leading zeros are fine), 0 to max.
 * Returns 0, -EINVAL when it is no such number, -ERANGE when it is above max; *out is written
 * only on success.
 */
int num_parse(uint64_t *out, const char *text, uint64_t max);

/** As num_parse(), or "0x" (lower-case x) followed by hexadecimal digits of either case. */
int num_parse_hex(uint64_t *out, const char *text, uint64_t max);

enum {
	NUM_TEXT_MAX = 20, /* digits of UINT64_MAX */
};

/** Writes decimal digits, at most NUM_TEXT_MAX and no NUL; returns where they end. */
char *num_format(char *out, uint64_t value);

/** The largest value for num_format_hundredths(). */
#define NUM_HUNDREDTHS_MAX (UINT64_MAX / 100)

/**
 * Writes value / 2^shift with two decimals, as printf's "%.2f" rounds it, but in a tenth of the
 * time. At most NUM_TEXT_MAX + 1 characters, no NUL; returns where they end. shift is below 64.
 */
char *num_format_hundredths(char *out, uint64_t value, unsigned int shift);

#endif
