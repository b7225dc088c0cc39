/*
 * Joins packets into large ones: see coalesce.h.
 *
 * Each packet is read once, and then either continues the open group of its flow or closes it and
 * begins the next. Groups stand in a ring in the order of their first packets and leave it in that
 * order, so that a flow, of which one group at most is open, keeps its order. A packet of which one
 * cannot tell the flow (fragments, ICMP, options) closes all groups between its addresses.
 * A packet is only taken in while the oldest group may still grow: memory is bounded, and what is
 * written is still in the cache.
 *
 * Checksums of TCP and UDP are not verified: the AEAD has authenticated the packet, so nothing
 * happened to it since the peer's kernel let it go. The kernel's own driver says the same of it
 * (CHECKSUM_UNNECESSARY). IPv4 headers are, since joining would put a wrong one right.
 *
 * Packets belong to the coalescer from coalescer_add_all() until they are popped. Pure; one thread.
 */
#include "datapath/host/coalesce.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/host/checksum.h"
#include "lib/util/endian.h"

_Static_assert((COALESCE_WAITING_MAX & (COALESCE_WAITING_MAX - 1)) == 0,
	       "the ring wraps by a mask");
_Static_assert(COALESCE_WAITING_MAX <= UINT8_MAX, "open[] holds indices of groups");
_Static_assert(COALESCE_OPEN_MAX < COALESCE_WAITING_MAX, "open groups are in the ring");

enum kind {
	KIND_UNKNOWN, /* belongs to any flow between its addresses, or between all */
	KIND_FLOW,    /* belongs to a flow, but stands alone */
	KIND_JOINS,   /* may be joined to others */
};

/* One packet, as far as joining has to know it. What is not set for its kind is zero. */
struct segment {
	struct packet *packet;
	enum kind kind;
	uint64_t flow;
	size_t transport, header_len, payload_len;
	uint32_t sequence;
	uint16_t id;
	uint8_t flags;
	bool is_tcp;
};

static inline uint64_t load_8(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline bool is_v4(const uint8_t *ip)
{
	return ip[0] >> 4 == 4;
}

/* ---- one packet ------------------------------------------------------------------------------ */

/* Spreads the ports over the addresses' bits: all that is wanted is that flows differ. */
static inline uint64_t mix(uint64_t addresses, const uint8_t *ports, uint8_t protocol)
{
	return addresses ^ (load_be32(ports) + protocol) * UINT64_C(0x9e3779b97f4a7c15);
}

static bool v4_checksum_is_right(const uint8_t *ip)
{
	uint64_t sum = load_8(ip) >> 32;

	sum += (uint32_t)load_8(ip);
	sum += load_8(ip + 8) >> 32;
	sum += (uint32_t)load_8(ip + 8);
	sum += load_8(ip + 12) >> 32;
	return checksum_finish(sum) == 0;
}

/* Is there a plain IP header of `len` bytes in all? Returns where it ends, 0 if not. */
static size_t read_ip(uint8_t *protocol, uint64_t *addresses, const uint8_t *ip, size_t len)
{
	if (len < IP_V4_HEADER_LEN)
		return 0;
	if (ip[0] == (4 << 4 | IP_V4_HEADER_LEN / 4)) {
		*protocol = ip[IPV4_AT_PROTOCOL];
		*addresses = load_8(ip + IPV4_AT_ADDRESSES);
		if (load_be16(ip + IPV4_AT_LEN) != len ||
		    load_be16(ip + IPV4_AT_FRAGMENT) & IPV4_FRAGMENT_MASK)
			return 0;
		return IP_V4_HEADER_LEN;
	}
	if (ip[0] >> 4 != 6 || len < IP_V6_HEADER_LEN ||
	    load_be16(ip + IPV6_AT_LEN) != len - IP_V6_HEADER_LEN)
		return 0;
	*protocol = ip[IPV6_AT_NEXT_HEADER];
	*addresses =
		load_8(ip + 8) + load_8(ip + 16) * 3 + load_8(ip + 24) * 5 + load_8(ip + 32) * 7;
	return IP_V6_HEADER_LEN;
}

/* The header is there, and `left` bytes from it on. False: it cannot be told where its data is. */
static bool read_tcp(struct segment *segment, const uint8_t *tcp, size_t left)
{
	const uint8_t alone = TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_URG;
	size_t len;

	if (left < TCP_HEADER_MIN_LEN)
		return false;
	len = (size_t)(tcp[TCP_AT_LEN] >> 4) * 4;
	if (len < TCP_HEADER_MIN_LEN || len > left)
		return false;
	segment->is_tcp = true;
	segment->header_len = segment->transport + len;
	segment->payload_len = left - len;
	segment->sequence = load_be32(tcp + TCP_AT_SEQUENCE);
	segment->flags = tcp[TCP_AT_FLAGS];
	segment->kind = segment->payload_len && !(segment->flags & alone) ? KIND_JOINS : KIND_FLOW;
	return true;
}

static bool read_udp(struct segment *segment, const uint8_t *udp, size_t left)
{
	if (left < IP_UDP_HEADER_LEN || load_be16(udp + UDP_AT_LEN) != left)
		return false;
	segment->header_len = segment->transport + IP_UDP_HEADER_LEN;
	segment->payload_len = left - IP_UDP_HEADER_LEN;
	segment->kind =
		segment->payload_len && load_be16(udp + UDP_AT_CHECKSUM) ? KIND_JOINS : KIND_FLOW;
	return true;
}

static void read_segment(struct segment *out, struct packet *packet)
{
	const uint8_t *ip = packet->data, *transport;
	uint8_t protocol = 0;
	uint64_t addresses = 0;
	size_t left;
	bool is_known;

	*out = (struct segment){ .packet = packet };
	out->transport = read_ip(&protocol, &addresses, ip, packet->len);
	if (!out->transport)
		return;
	transport = ip + out->transport;
	left = packet->len - out->transport;
	if (protocol == IPPROTO_TCP)
		is_known = read_tcp(out, transport, left);
	else
		is_known = protocol == IPPROTO_UDP && read_udp(out, transport, left);
	if (!is_known)
		return;
	out->flow = mix(addresses, transport, protocol);
	if (is_v4(ip)) {
		out->id = load_be16(ip + IPV4_AT_ID);
		if (!v4_checksum_is_right(ip))
			out->kind = KIND_FLOW;
	}
}

/* ---- one group ------------------------------------------------------------------------------- */

static inline const uint8_t *first_of(const struct coalescer_group *group)
{
	return group->packets.first->data;
}

/* The same addresses, protocol and ports? */
static bool same_flow(const struct coalescer_group *group, const struct segment *segment)
{
	const uint8_t *a = first_of(group), *b = segment->packet->data;

	if (group->flow != segment->flow || group->transport != segment->transport ||
	    group->is_tcp != segment->is_tcp)
		return false;
	if (segment->transport == IP_V4_HEADER_LEN)
		return !memcmp(a + IPV4_AT_ADDRESSES, b + IPV4_AT_ADDRESSES, 2 * 4 + 2 * 2);
	return !memcmp(a + IPV6_AT_ADDRESSES, b + IPV6_AT_ADDRESSES, 2 * 16 + 2 * 2);
}

/* What an IP header has beside addresses, length, ID and checksum, which are looked at elsewhere.
 */
static bool same_ip(const uint8_t *a, const uint8_t *b, size_t ip_len)
{
	if (ip_len == IP_V4_HEADER_LEN) /* DS; DF, TTL, protocol */
		return a[1] == b[1] &&
		       load_be32(a + IPV4_AT_FRAGMENT) == load_be32(b + IPV4_AT_FRAGMENT);
	/* Class and label; protocol, hop limit. */
	return load_be32(a) == load_be32(b) &&
	       load_be16(a + IPV6_AT_NEXT_HEADER) == load_be16(b + IPV6_AT_NEXT_HEADER);
}

/*
 * IDs count up, as they will when it is cut again; or are all the same, which has no meaning if the
 * packet must not be fragmented (RFC 6864 section 4.1).
 */
static bool id_continues(const struct coalescer_group *group, const struct segment *segment)
{
	uint16_t step = (uint16_t)(segment->id - group->id);

	if (segment->transport != IP_V4_HEADER_LEN)
		return true;
	if (group->packets.n > 1)
		return step == group->id_step;
	return step == 1 ||
	       (step == 0 && load_be16(first_of(group) + IPV4_AT_FRAGMENT) & IPV4_DONT_FRAGMENT);
}

static bool tcp_continues(const struct coalescer_group *group, const struct segment *segment)
{
	/* The group's CWR is its first packet's, and stays there. */
	const uint8_t may_differ = TCP_FLAG_PSH | TCP_FLAG_FIN;
	const uint8_t *a = first_of(group) + group->transport;
	const uint8_t *b = segment->packet->data + segment->transport;
	uint8_t before = group->flags & (uint8_t)~TCP_FLAG_CWR;

	return segment->sequence == group->next && !((before ^ segment->flags) & ~may_differ) &&
	       load_be32(a + TCP_AT_ACK) == load_be32(b + TCP_AT_ACK) &&
	       a[TCP_AT_LEN] == b[TCP_AT_LEN] &&
	       load_be16(a + TCP_AT_WINDOW) == load_be16(b + TCP_AT_WINDOW) &&
	       !memcmp(a + TCP_AT_URGENT, b + TCP_AT_URGENT,
		       segment->header_len - segment->transport - TCP_AT_URGENT);
}

/* Of the same flow: is it what comes next in the group? */
static bool continues(const struct coalescer_group *group, const struct segment *segment)
{
	return segment->header_len == group->header_len &&
	       segment->payload_len <= group->segment_len &&
	       group->len + segment->payload_len <= PACKET_MAX_LEN &&
	       same_ip(first_of(group), segment->packet->data, group->transport) &&
	       id_continues(group, segment) && (!group->is_tcp || tcp_continues(group, segment));
}

/* Puts a packet into a group. Returns whether more may follow. */
static bool take(struct coalescer_group *group, const struct segment *segment)
{
	packet_queue_push(&group->packets, segment->packet);
	group->len += segment->payload_len;
	group->next = segment->sequence + (uint32_t)segment->payload_len;
	group->id_step = (uint16_t)(segment->id - group->id);
	group->id = segment->id;
	group->flags = segment->flags;
	return segment->payload_len == group->segment_len && group->packets.n < group->n_max &&
	       !(segment->flags & (TCP_FLAG_PSH | TCP_FLAG_FIN));
}

/* ---- all groups ------------------------------------------------------------------------------ */

static inline struct coalescer_group *open_group(struct coalescer *coalescer, size_t at)
{
	return &coalescer->groups[coalescer->open[at]];
}

static void close_at(struct coalescer *coalescer, size_t at)
{
	open_group(coalescer, at)->is_open = false;
	coalescer->n_open--;
	memmove(coalescer->open + at, coalescer->open + at + 1, coalescer->n_open - at);
	if (coalescer->latest > at)
		coalescer->latest--;
}

/* The place in open[] of the segment's flow; n_open if there is none. */
static size_t find(const struct coalescer *coalescer, const struct segment *segment)
{
	size_t at = coalescer->latest;

	/* Packets come in trains. */
	if (at < coalescer->n_open && same_flow(&coalescer->groups[coalescer->open[at]], segment))
		return at;
	for (at = 0; at < coalescer->n_open; at++)
		if (same_flow(&coalescer->groups[coalescer->open[at]], segment))
			break;
	return at;
}

/* Closes what a packet of an unknown flow may belong to. */
static void close_between(struct coalescer *coalescer, const struct packet *packet)
{
	struct ip ip;
	/* The length may lie, but the addresses are where they are. */
	bool is_ip = ip_read(&ip, packet->data, packet->len);
	size_t len = is_ip && ip.version == 4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

	for (size_t at = coalescer->n_open; at--;) {
		const uint8_t *first = first_of(open_group(coalescer, at));
		const uint8_t *source =
			first + (is_v4(first) ? IPV4_AT_ADDRESSES : IPV6_AT_ADDRESSES);

		if (!is_ip ||
		    (first[0] >> 4 == (int)ip.version && !memcmp(source, ip.source, len) &&
		     !memcmp(source + len, ip.destination, len)))
			close_at(coalescer, at);
	}
}

static void begin_group(struct coalescer *coalescer, const struct segment *segment)
{
	size_t index = (coalescer->first + coalescer->n++) & (COALESCE_WAITING_MAX - 1);
	struct coalescer_group *group = &coalescer->groups[index];

	*group = (struct coalescer_group){
		.flow = segment->flow,
		.transport = segment->transport,
		.header_len = segment->header_len,
		.segment_len = segment->payload_len,
		.len = segment->header_len,
		.n_max = segment->is_tcp ? COALESCE_TCP_MAX : coalescer->n_udp_max,
		.is_tcp = segment->is_tcp,
	};
	if (!take(group, segment) || segment->kind != KIND_JOINS)
		return;
	if (coalescer->n_open == COALESCE_OPEN_MAX)
		close_at(coalescer, 0);
	group->is_open = true;
	coalescer->latest = coalescer->n_open;
	coalescer->open[coalescer->n_open++] = (uint8_t)index;
}

static void add(struct coalescer *coalescer, struct packet *packet)
{
	struct segment segment;
	size_t at;

	read_segment(&segment, packet);
	if (segment.kind == KIND_UNKNOWN) {
		close_between(coalescer, packet);
		begin_group(coalescer, &segment);
		return;
	}
	at = find(coalescer, &segment);
	if (at < coalescer->n_open) {
		struct coalescer_group *group = open_group(coalescer, at);

		if (segment.kind == KIND_JOINS && continues(group, &segment)) {
			coalescer->latest = at;
			if (!take(group, &segment))
				close_at(coalescer, at);
			return;
		}
		close_at(coalescer, at);
	}
	begin_group(coalescer, &segment);
}

/* ---- what is written ------------------------------------------------------------------------- */

/* Makes the first packet's header that of the whole. */
static void finish_headers(const struct coalescer_group *group)
{
	uint8_t *ip = group->packets.first->data, *transport = ip + group->transport;
	uint16_t transport_len = (uint16_t)(group->len - group->transport);
	uint8_t protocol = group->is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
	uint16_t partial = checksum_fold(checksum_add_pseudo(0, ip, protocol, transport_len));

	if (is_v4(ip)) {
		store_be16(ip + IPV4_AT_LEN, (uint16_t)group->len);
		store_be16(ip + IPV4_AT_CHECKSUM, 0);
		store_be16(ip + IPV4_AT_CHECKSUM,
			   checksum_finish(checksum_add(0, ip, IP_V4_HEADER_LEN)));
	} else {
		store_be16(ip + IPV6_AT_LEN, transport_len);
	}
	if (group->is_tcp) {
		transport[TCP_AT_FLAGS] |= group->flags & (TCP_FLAG_PSH | TCP_FLAG_FIN);
		store_be16(transport + TCP_AT_CHECKSUM, partial);
	} else {
		store_be16(transport + UDP_AT_LEN, transport_len);
		store_be16(transport + UDP_AT_CHECKSUM, partial);
	}
}

static struct virtio_net_hdr header_of(const struct coalescer_group *group)
{
	const uint8_t *ip = first_of(group);
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };

	if (group->packets.n == 1)
		return header;
	header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header.hdr_len = (uint16_t)group->header_len;
	header.gso_size = (uint16_t)group->segment_len;
	header.csum_start = (uint16_t)group->transport;
	header.csum_offset = group->is_tcp ? TCP_AT_CHECKSUM : UDP_AT_CHECKSUM;
	if (!group->is_tcp) {
		header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
		return header;
	}
	header.gso_type = is_v4(ip) ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	if (ip[group->transport + TCP_AT_FLAGS] & TCP_FLAG_CWR)
		header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	return header;
}

void coalescer_init(struct coalescer *coalescer, size_t n_udp_max)
{
	assert(n_udp_max <= COALESCE_UDP_MAX);
	*coalescer = (struct coalescer){ .n_udp_max = n_udp_max };
}

void coalescer_add_all(struct coalescer *coalescer, struct packet_queue *in)
{
	packet_queue_append(&coalescer->in, in);
}

bool coalescer_pop(struct coalescer *coalescer, struct super_packet *out)
{
	struct coalescer_group *group = &coalescer->groups[coalescer->first];

	while (coalescer->in.n && coalescer->n < COALESCE_WAITING_MAX &&
	       (!coalescer->n || group->is_open))
		add(coalescer, packet_queue_pop(&coalescer->in));
	if (!coalescer->n)
		return false;
	if (group->is_open) /* then it is the oldest of them */
		close_at(coalescer, 0);
	if (group->packets.n > 1)
		finish_headers(group);
	out->header = header_of(group);
	out->packets = group->packets;
	out->header_len = group->header_len;
	out->flow = group->flow;
	group->packets = (struct packet_queue){ 0 };
	coalescer->first = (coalescer->first + 1) & (COALESCE_WAITING_MAX - 1);
	coalescer->n--;
	return true;
}

void coalescer_fini(struct coalescer *coalescer)
{
	struct super_packet super;

	while (coalescer_pop(coalescer, &super))
		packet_queue_drop(&super.packets);
}
