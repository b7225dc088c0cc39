/*
 * ICMP errors for packets that came from the TUN and have nowhere to go: see icmp.h. Pure; works
 * on the caller's bytes.
 */
#include "datapath/engine/icmp.h"

#include <netinet/in.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "lib/util/endian.h"

enum {
	V4_ERROR_MAX_LEN = 576,
	ICMP_HEADER_LEN = 8,
	HOP_LIMIT = 64,
	V4_UNREACHABLE = 3, /* RFC 792: type, and code 1: host */
	V4_HOST = 1,
	V6_UNREACHABLE = 1, /* RFC 4443: type, and code 3: address */
	V6_ADDRESS = 3,
};

static bool v4_is_group(const uint8_t address[4])
{
	return address[0] >= 224; /* multicast, class E, broadcast */
}

static bool v4_may_be_answered(const struct ip *ip, const uint8_t *packet)
{
	size_t header_len = (size_t)(packet[0] & 15) * 4;

	if (header_len < IP_V4_HEADER_LEN || header_len > ip->len)
		return false;
	if (load_be16(packet + 6) & 0x1fff) /* a later fragment */
		return false;
	if (v4_is_group(ip->destination) || v4_is_group(ip->source) || ip->source[0] == 0 ||
	    ip->source[0] == 127)
		return false;
	if (packet[9] != IPPROTO_ICMP)
		return true;
	if (ip->len == header_len)
		return false;
	switch (packet[header_len]) {
	case 0:
	case 8:
	case 13:
	case 14: /* echo and timestamp; all others are errors or long forgotten */
		return true;
	default:
		return false;
	}
}

/* Walks the extension headers: is it an ICMPv6 error, or can one not tell? RFC 8200 section 4. */
static bool v6_may_be_answered(const struct ip *ip, const uint8_t *packet)
{
	static const uint8_t nowhere[16], loopback[16] = { [15] = 1 };
	uint8_t header = packet[6];
	size_t at = IP_V6_HEADER_LEN;

	if (ip->destination[0] == 0xff || ip->source[0] == 0xff ||
	    !memcmp(ip->source, nowhere, 16) || !memcmp(ip->source, loopback, 16))
		return false;
	for (;;) {
		switch (header) {
		case IPPROTO_ICMPV6:
			return at < ip->len && packet[at] >= 128;
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (at + 8 > ip->len)
				return false;
			header = packet[at];
			at += 8 + (size_t)packet[at + 1] * 8;
			break;
		case IPPROTO_FRAGMENT:
			if (at + 8 > ip->len || load_be16(packet + at + 2) & 0xfff8)
				return false;
			header = packet[at];
			at += 8;
			break;
		default:
			return true;
		}
	}
}

static size_t write_v4(uint8_t *out, const struct ip *ip, const uint8_t *packet)
{
	size_t quoted = V4_ERROR_MAX_LEN - IP_V4_HEADER_LEN - ICMP_HEADER_LEN, len;
	uint8_t *icmp = out + IP_V4_HEADER_LEN;

	if (quoted > ip->len)
		quoted = ip->len;
	len = IP_V4_HEADER_LEN + ICMP_HEADER_LEN + quoted;
	memset(out, 0, IP_V4_HEADER_LEN + ICMP_HEADER_LEN);
	out[0] = 4 << 4 | IP_V4_HEADER_LEN / 4;
	out[1] = 0xc0; /* RFC 1812 section 4.3.2.5: internetwork control */
	store_be16(out + 2, (uint16_t)len);
	out[8] = HOP_LIMIT;
	out[9] = IPPROTO_ICMP;
	memcpy(out + 12, ip->destination, 4);
	memcpy(out + 16, ip->source, 4);
	store_be16(out + 10, ip_checksum_fold(ip_checksum_add(0, out, IP_V4_HEADER_LEN)));
	icmp[0] = V4_UNREACHABLE;
	icmp[1] = V4_HOST;
	memcpy(icmp + ICMP_HEADER_LEN, packet, quoted);
	store_be16(icmp + 2, ip_checksum_fold(ip_checksum_add(0, icmp, ICMP_HEADER_LEN + quoted)));
	return len;
}

static size_t write_v6(uint8_t *out, const struct ip *ip, const uint8_t *packet)
{
	size_t quoted = ICMP_ERROR_MAX_LEN - IP_V6_HEADER_LEN - ICMP_HEADER_LEN, payload_len;
	uint8_t *icmp = out + IP_V6_HEADER_LEN;
	uint32_t sum;

	if (quoted > ip->len)
		quoted = ip->len;
	payload_len = ICMP_HEADER_LEN + quoted;
	memset(out, 0, IP_V6_HEADER_LEN + ICMP_HEADER_LEN);
	out[0] = 6 << 4;
	store_be16(out + 4, (uint16_t)payload_len);
	out[6] = IPPROTO_ICMPV6;
	out[7] = HOP_LIMIT;
	memcpy(out + 8, ip->destination, 16);
	memcpy(out + 24, ip->source, 16);
	icmp[0] = V6_UNREACHABLE;
	icmp[1] = V6_ADDRESS;
	memcpy(icmp + ICMP_HEADER_LEN, packet, quoted);
	/* RFC 8200 section 8.1: the pseudo-header is both addresses, length, and protocol. */
	sum = ip_checksum_add((uint32_t)payload_len + IPPROTO_ICMPV6, out + 8, 32);
	store_be16(icmp + 2, ip_checksum_fold(ip_checksum_add(sum, icmp, payload_len)));
	return IP_V6_HEADER_LEN + payload_len;
}

size_t icmp_unreachable(uint8_t out[static ICMP_ERROR_MAX_LEN], const uint8_t *packet, size_t len)
{
	struct ip ip;

	if (!ip_read(&ip, packet, len))
		return 0;
	if (ip.version == 4)
		return v4_may_be_answered(&ip, packet) ? write_v4(out, &ip, packet) : 0;
	return v6_may_be_answered(&ip, packet) ? write_v6(out, &ip, packet) : 0;
}

bool icmp_limit_allow(struct icmp_limit *limit, mono_ns now)
{
	const span_ns cost = SEC(1) / ICMP_ERRORS_PER_SECOND;

	if (limit->full_at < now)
		limit->full_at = now;
	if (limit->full_at - now > (ICMP_ERRORS_BURST - 1) * cost)
		return false;
	limit->full_at += cost;
	return true;
}
