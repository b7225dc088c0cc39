/* Prefixes: see cidr.h. Plain values, nothing allocated. */
#include "lib/model/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lib/model/ip_text.h"
#include "lib/util/num.h"

const char *cidr_parse_start(struct cidr *out, const char *text)
{
	struct cidr cidr = { .family = AF_INET };
	unsigned int bits, digit, n_digits = 0;
	const char *end = ip_text_parse4(cidr.addr.bytes, text);

	if (!end) {
		cidr.family = AF_INET6;
		end = ip_text_parse6(cidr.addr.bytes, text);
	}
	if (!end)
		return NULL;
	bits = cidr_max_bits(cidr.family);
	if (*end == '/') {
		for (bits = 0; (digit = (unsigned int)(*++end - '0')) <= 9; n_digits++)
			bits = bits * 10 + digit;
		if (!n_digits || n_digits > 3)
			return NULL;
		if (bits > cidr_max_bits(cidr.family))
			return NULL;
	}
	cidr.bits = (uint8_t)bits;
	*out = cidr;
	return end;
}

int cidr_parse_address(struct cidr *out, const char *text, struct err *err)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	struct cidr cidr, quick;
	const char *end = cidr_parse_start(&quick, text);
	uint64_t bits;

	if (end && !*end) {
		*out = quick;
		return 0;
	}
	cidr = (struct cidr){ .family = memchr(text, ':', len) ? AF_INET6 : AF_INET };
	bits = cidr_max_bits(cidr.family);
	if (len >= sizeof(address))
		goto bad_address;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(cidr.family, address, &cidr.addr) != 1)
		goto bad_address;
	if (slash && num_parse(&bits, slash + 1, bits))
		return err_expected(err, -EINVAL,
				    "a mask of 0 to 32 (IPv4) or 0 to 128 (IPv6) after the slash",
				    "AllowedIP is not in the correct format: `%.200s'", text);
	cidr.bits = (uint8_t)bits;
	*out = cidr;
	return 0;

bad_address:
	return err_expected(err, -EINVAL, "an IPv4 or IPv6 address, such as 10.0.0.1 or fd00::1/64",
			    "Unable to parse IP address: `%.*s'", len > 200 ? 200 : (int)len, text);
}

int cidr_parse(struct cidr *out, bool *had_host_bits, const char *text, struct err *err)
{
	int r = cidr_parse_address(out, text, err);
	bool had = !r && cidr_mask(out);

	if (!r && had_host_bits)
		*had_host_bits = had;
	return r;
}

char *cidr_format(char out[static CIDR_TEXT_MAX], const struct cidr *cidr)
{
	if (cidr->family == AF_INET)
		out = ip_text_format4(out, cidr->addr.bytes);
	else
		out = ip_text_format6(out, cidr->addr.bytes);
	*out++ = '/';
	out = num_format(out, cidr->bits);
	*out = '\0';
	return out;
}

void cidr_add(struct strbuf *out, const struct cidr *cidr)
{
	out->len = (size_t)(cidr_format(strbuf_reserve(out, CIDR_TEXT_MAX), cidr) - out->text);
}

/* The bits of byte number `byte` that a prefix of `bits` bits covers. */
static uint8_t byte_mask(unsigned int bits, unsigned int byte)
{
	unsigned int from = byte * 8;

	if (bits >= from + 8)
		return 0xff;
	return bits <= from ? 0 : (uint8_t)(0xff << (from + 8 - bits));
}

bool cidr_mask(struct cidr *cidr)
{
	unsigned int i, n = cidr_max_bits(cidr->family) / 8;
	bool had = false;

	for (i = 0; i < n; i++) {
		uint8_t mask = byte_mask(cidr->bits, i);

		had |= (cidr->addr.bytes[i] & ~mask) != 0;
		cidr->addr.bytes[i] &= mask;
	}
	return had;
}

bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->family == b->family && a->bits == b->bits &&
	       !memcmp(a->addr.bytes, b->addr.bytes, cidr_max_bits(a->family) / 8);
}

int cidr_compare(const struct cidr *a, const struct cidr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return memcmp(a->addr.bytes, b->addr.bytes, cidr_max_bits(a->family) / 8);
}

bool cidr_contains(const struct cidr *outer, const struct cidr *inner)
{
	unsigned int i, n = cidr_max_bits(outer->family) / 8;

	if (outer->family != inner->family || outer->bits > inner->bits)
		return false;
	for (i = 0; i < n; i++)
		if ((outer->addr.bytes[i] ^ inner->addr.bytes[i]) & byte_mask(outer->bits, i))
			return false;
	return true;
}
