/*
 * Cuts a large packet into those that go through the tunnel: see split.h.
 *
 * What is the same in all segments is summed once; for each, the payload is summed while it is
 * copied, and of the headers only what differs is added. The partial checksum that the kernel left
 * in the header already holds the addresses, also those that an IPv6 routing header hides: it is
 * taken as it is, but for the length in it.
 * Packets belong to the queue they are put in. Pure; any thread that may use the pool.
 */
#include "datapath/host/split.h"

#include <netinet/in.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/host/checksum.h"
#include "lib/util/endian.h"

/* A packet to be cut, and what its header says of it. */
struct whole {
	const uint8_t *data;
	size_t len;
	size_t transport; /* where the TCP or UDP header begins */
	size_t header_len;
	size_t segment_len; /* payload of each segment but the last */
	bool is_v4, is_tcp;
	bool has_checksum; /* UDP in IPv4 need not have one */
	/* What all segments have in common, without lengths, ID, sequence number and flags. */
	uint64_t ip_sum, transport_sum;
};

/* Which protocol, and does the IP version suit it? */
static bool read_type(struct whole *whole, const struct virtio_net_hdr *header)
{
	switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		whole->is_tcp = true;
		return whole->is_v4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		whole->is_tcp = true;
		return !whole->is_v4;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return true;
	default:
		return false;
	}
}

/* Where is the transport's header? With a partial checksum the kernel says so. */
static bool read_transport(struct whole *whole, const struct virtio_net_hdr *header)
{
	uint8_t protocol = whole->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	const uint8_t *data = whole->data;
	bool is_partial = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	size_t ip_len = whole->is_v4 ? (size_t)(data[0] & 15) * 4 : IP_V6_HEADER_LEN;

	whole->transport = is_partial ? header->csum_start : ip_len;
	if (is_partial &&
	    header->csum_offset != (whole->is_tcp ? TCP_AT_CHECKSUM : UDP_AT_CHECKSUM))
		return false;
	if (whole->is_v4)
		return ip_len >= IP_V4_HEADER_LEN && whole->transport == ip_len &&
		       data[IPV4_AT_PROTOCOL] == protocol;
	/* Extension headers may stand between, but then only the kernel knows how many. */
	return whole->transport >= ip_len && (is_partial || data[IPV6_AT_NEXT_HEADER] == protocol);
}

static bool read_lengths(struct whole *whole, const struct virtio_net_hdr *header)
{
	size_t min_len = whole->is_tcp ? TCP_HEADER_MIN_LEN : IP_UDP_HEADER_LEN;
	size_t transport_len = min_len;

	if (whole->transport + min_len > whole->len)
		return false;
	if (whole->is_tcp)
		transport_len = (size_t)(whole->data[whole->transport + TCP_AT_LEN] >> 4) * 4;
	whole->header_len = whole->transport + transport_len;
	whole->segment_len = header->gso_size;
	return transport_len >= min_len && whole->header_len < whole->len && header->gso_size;
}

static void sum_common(struct whole *whole, bool is_partial)
{
	const uint8_t *ip = whole->data, *transport = ip + whole->transport;
	size_t at_checksum = whole->is_tcp ? TCP_AT_CHECKSUM : UDP_AT_CHECKSUM;
	uint64_t sum;

	if (whole->is_v4) {
		/* All but length and ID, and the checksum itself. */
		sum = checksum_add(0, ip, IPV4_AT_LEN);
		sum = checksum_add(sum, ip + IPV4_AT_FRAGMENT, IPV4_AT_CHECKSUM - IPV4_AT_FRAGMENT);
		whole->ip_sum = checksum_add(sum, ip + IPV4_AT_ADDRESSES,
					     whole->transport - IPV4_AT_ADDRESSES);
	}
	sum = load_be16(transport + at_checksum);
	whole->has_checksum = is_partial || whole->is_tcp || !whole->is_v4 || sum;
	if (is_partial)
		sum = checksum_subtract_be16(checksum_add_be16(0, (uint16_t)sum),
					     (uint16_t)(whole->len - whole->transport));
	else
		sum = checksum_add_pseudo(0, ip, whole->is_tcp ? IPPROTO_TCP : IPPROTO_UDP, 0);
	sum = checksum_add(sum, transport, 2 * sizeof(in_port_t));
	if (whole->is_tcp) {
		sum = checksum_add(sum, transport + TCP_AT_ACK, TCP_AT_LEN - TCP_AT_ACK);
		sum = checksum_add(sum, transport + TCP_AT_WINDOW, TCP_AT_CHECKSUM - TCP_AT_WINDOW);
		sum = checksum_add(sum, transport + TCP_AT_URGENT,
				   whole->header_len - whole->transport - TCP_AT_URGENT);
	}
	whole->transport_sum = sum;
}

static bool read_whole(struct whole *out, const struct virtio_net_hdr *header, const uint8_t *data,
		       size_t len)
{
	*out = (struct whole){ .data = data, .len = len };
	if (len < IP_V4_HEADER_LEN || len > PACKET_MAX_LEN)
		return false;
	out->is_v4 = data[0] >> 4 == 4;
	if (!out->is_v4 && (data[0] >> 4 != 6 || len < IP_V6_HEADER_LEN))
		return false;
	if (!read_type(out, header) || !read_transport(out, header) || !read_lengths(out, header))
		return false;
	sum_common(out, header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	return true;
}

static void finish_ip(const struct whole *whole, uint8_t *ip, size_t len, size_t index)
{
	uint16_t id;
	uint64_t sum;

	if (!whole->is_v4) {
		store_be16(ip + IPV6_AT_LEN, (uint16_t)(len - IP_V6_HEADER_LEN));
		return;
	}
	id = (uint16_t)(load_be16(whole->data + IPV4_AT_ID) + index);
	store_be16(ip + IPV4_AT_LEN, (uint16_t)len);
	store_be16(ip + IPV4_AT_ID, id);
	sum = checksum_add_be16(checksum_add_be16(whole->ip_sum, (uint16_t)len), id);
	store_be16(ip + IPV4_AT_CHECKSUM, checksum_finish(sum));
}

static void finish_tcp(uint8_t *tcp, uint64_t sum, size_t payload_at, bool is_first, bool is_last)
{
	uint32_t sequence = load_be32(tcp + TCP_AT_SEQUENCE) + (uint32_t)payload_at;

	if (!is_first)
		tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_FLAG_CWR;
	if (!is_last)
		tcp[TCP_AT_FLAGS] &= (uint8_t) ~(TCP_FLAG_PSH | TCP_FLAG_FIN);
	store_be32(tcp + TCP_AT_SEQUENCE, sequence);
	sum = checksum_add_be16(sum, load_be16(tcp + TCP_AT_LEN)); /* and the flags behind it */
	store_be16(tcp + TCP_AT_CHECKSUM, checksum_finish(checksum_add_be32(sum, sequence)));
}

static void finish_udp(const struct whole *whole, uint8_t *udp, uint64_t sum, uint16_t len)
{
	store_be16(udp + UDP_AT_LEN, len);
	if (whole->has_checksum)
		store_be16(udp + UDP_AT_CHECKSUM, checksum_finish_udp(checksum_add_be16(sum, len)));
}

/* Writes segment number `index`, whose payload of `payload_len` bytes is at payload_at. */
static void write_segment(const struct whole *whole, uint8_t *out, size_t index, size_t payload_at,
			  size_t payload_len)
{
	const uint8_t *payload = whole->data + whole->header_len + payload_at;
	size_t len = whole->header_len + payload_len;
	uint16_t transport_len = (uint16_t)(len - whole->transport);
	uint64_t sum = checksum_add_be16(whole->transport_sum, transport_len);

	memcpy(out, whole->data, whole->header_len);
	sum = checksum_copy(sum, out + whole->header_len, payload, payload_len);
	finish_ip(whole, out, len, index);
	if (whole->is_tcp)
		finish_tcp(out + whole->transport, sum, payload_at, index == 0,
			   payload + payload_len == whole->data + whole->len);
	else
		finish_udp(whole, out + whole->transport, sum, transport_len);
}

static size_t copy_one(struct packet_queue *out, struct packet_pool *pool,
		       const struct virtio_net_hdr *header, const uint8_t *data, size_t len)
{
	struct packet *packet;

	if (!len || len > PACKET_MAX_LEN)
		return 0;
	packet = packet_new(pool, len);
	if (!packet)
		return 0;
	memcpy(packet->data, data, len);
	if (!split_finish_checksum(header, packet->data, len)) {
		packet_free(packet);
		return 0;
	}
	packet_queue_push(out, packet);
	return 1;
}

size_t split(struct packet_queue *out, struct packet_pool *pool,
	     const struct virtio_net_hdr *header, const uint8_t *data, size_t len)
{
	struct whole whole;
	size_t n = 0, payload_len;

	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return copy_one(out, pool, header, data, len);
	if (!read_whole(&whole, header, data, len))
		return 0;
	payload_len = len - whole.header_len;
	for (size_t at = 0; at < payload_len; at += whole.segment_len) {
		size_t left = payload_len - at;
		size_t take = left < whole.segment_len ? left : whole.segment_len;
		struct packet *packet = packet_new(pool, whole.header_len + take);

		if (!packet)
			break;
		write_segment(&whole, packet->data, n++, at, take);
		packet_queue_push(out, packet);
	}
	if (n > 1)
		out->last->ends_group = true;
	return n;
}

bool split_finish_checksum(const struct virtio_net_hdr *header, uint8_t *data, size_t len)
{
	size_t start = header->csum_start, at = start + header->csum_offset;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	if (at + sizeof(uint16_t) > len)
		return false;
	/* The field holds the rest of the sum until now. 0xffff is right for TCP as well. */
	store_be16(data + at, checksum_finish_udp(checksum_add(0, data + start, len - start)));
	return true;
}
