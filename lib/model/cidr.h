#ifndef LIB_MODEL_CIDR_H
#define LIB_MODEL_CIDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/** One IPv4 or IPv6 prefix. */
struct cidr {
	union {
		uint8_t bytes[16]; /* network order; IPv4 uses the first four */
		struct in_addr v4;
		struct in6_addr v6;
	} addr;
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t bits;   /* length of the prefix: at most 32 or 128 */
};

enum {
	CIDR_TEXT_MAX = INET6_ADDRSTRLEN + 4
}; /* with the final NUL */

/** 32 or 128. */
static inline unsigned int cidr_max_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

/**
 * Reads an address with an optional mask: "10.0.0.1/24", "2001:db8::/32", or a bare address
 * (/32 or /128). Bits beyond the prefix are kept: an interface's address needs them.
 * *out is written only on success. Returns 0, or -EINVAL with *err filled in.
 * Source: wg(8), AllowedIPs; RFC 4291 section 2.2 for the IPv6 text forms.
 */
int cidr_parse_address(struct cidr *out, const char *text, struct err *err);

/**
 * As cidr_parse_address(), but bits beyond the prefix are cleared, as for one "AllowedIPs" item.
 * *had_host_bits (may be NULL) says whether there were any.
 */
int cidr_parse(struct cidr *out, bool *had_host_bits, const char *text, struct err *err);

/**
 * As cidr_parse_address(), up to the first character that cannot go on with what was read, which is
 * returned: what may stand there is the caller's to say. Knows only the usual forms: NULL means
 * that cidr_parse_address() has to decide.
 */
const char *cidr_parse_start(struct cidr *out, const char *text);

/** Writes "address/bits" and a NUL; returns where that is. */
char *cidr_format(char out[static CIDR_TEXT_MAX], const struct cidr *cidr);

/** Adds what cidr_format() writes. */
void cidr_add(struct strbuf *out, const struct cidr *cidr);

/** Clears the bits beyond the prefix. Returns whether any was set. */
bool cidr_mask(struct cidr *cidr);

bool cidr_equal(const struct cidr *a, const struct cidr *b);
/** An order for qsort(3): by family, then by length of the prefix, then by address. */
int cidr_compare(const struct cidr *a, const struct cidr *b);
/** Whether every address of `inner` is one of `outer`. Host bits of either do not matter. */
bool cidr_contains(const struct cidr *outer, const struct cidr *inner);

#endif
