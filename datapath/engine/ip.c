/* Inner IP headers: see ip.h. Nothing is owned; bytes are read through endian.h. */
#include "datapath/engine/ip.h"

#include <netinet/in.h>

#include "lib/util/endian.h"

bool ip_read(struct ip *out, const uint8_t *packet, size_t len)
{
	if (len < IP_V4_HEADER_LEN)
		return false;
	out->version = packet[0] >> 4;
	switch (out->version) {
	case 4:
		out->len = load_be16(packet + 2);
		out->source = packet + 12;
		out->destination = packet + 16;
		out->ds = packet[1];
		return out->len >= IP_V4_HEADER_LEN && out->len <= len;
	case 6:
		if (len < IP_V6_HEADER_LEN)
			return false;
		out->len = IP_V6_HEADER_LEN + (size_t)load_be16(packet + 4);
		out->source = packet + 8;
		out->destination = packet + 24;
		out->ds = (uint8_t)(load_be16(packet) >> 4);
		return out->len <= len;
	default:
		return false;
	}
}

/* Where the payload of an IPv4 packet begins; 0 if that is not UDP's header. */
static size_t udp_at_v4(const uint8_t *packet)
{
	bool is_later_fragment = load_be16(packet + 6) & 0x1fff;

	return packet[9] == IPPROTO_UDP && !is_later_fragment ? (size_t)(packet[0] & 15) * 4 : 0;
}

static size_t udp_at_v6(const struct ip *ip, const uint8_t *packet)
{
	const uint8_t *fragment = packet + IP_V6_HEADER_LEN;
	const size_t behind = IP_V6_HEADER_LEN + 8; /* RFC 8200 section 4.5 */

	if (packet[6] == IPPROTO_UDP)
		return IP_V6_HEADER_LEN;
	if (packet[6] != IPPROTO_FRAGMENT || ip->len < behind || fragment[0] != IPPROTO_UDP)
		return 0;
	return load_be16(fragment + 2) & 0xfff8 ? 0 : behind;
}

const uint8_t *ip_find_udp(const struct ip *ip, const uint8_t *packet, size_t payload_len)
{
	size_t at = ip->version == 4 ? udp_at_v4(packet) : udp_at_v6(ip, packet);

	if (at < IP_V4_HEADER_LEN || at + IP_UDP_HEADER_LEN + payload_len > ip->len)
		return NULL;
	return packet + at;
}

/* RFC 6040 figure 4: what the inner field becomes. */
static unsigned int combine(unsigned int inner, unsigned int outer)
{
	if (inner == IP_ECN_NOT_ECT)
		return IP_ECN_NOT_ECT;
	if (inner == IP_ECN_CE || outer == IP_ECN_CE)
		return IP_ECN_CE;
	return outer == IP_ECN_ECT1 ? IP_ECN_ECT1 : inner;
}

static void set_ecn_v4(uint8_t *packet, unsigned int ecn)
{
	uint16_t before = load_be16(packet), after;
	uint32_t sum;

	packet[1] = (uint8_t)((packet[1] & ~IP_ECN_MASK) | ecn);
	after = load_be16(packet);
	/* RFC 1624 equation 3: ~(~checksum + ~before + after) */
	sum = (uint16_t)~load_be16(packet + 10);
	sum += (uint16_t)~before;
	sum += after;
	store_be16(packet + 10, ip_checksum_fold(sum));
}

void ip_ecn_decapsulate(uint8_t *packet, uint8_t outer_ds)
{
	bool v4 = packet[0] >> 4 == 4;
	unsigned int inner = (v4 ? packet[1] : packet[1] >> 4) & IP_ECN_MASK;
	unsigned int ecn = combine(inner, outer_ds & IP_ECN_MASK);

	if (ecn == inner)
		return;
	if (v4)
		set_ecn_v4(packet, ecn);
	else
		packet[1] = (uint8_t)((packet[1] & ~(IP_ECN_MASK << 4)) | ecn << 4);
}

uint32_t ip_checksum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (; len > 1; bytes += 2, len -= 2)
		sum += load_be16(bytes);
	if (len)
		sum += (uint32_t)bytes[0] << 8;
	return sum;
}

uint16_t ip_checksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
