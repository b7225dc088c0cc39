/*
 * Joining packets: each rule once, and random flows against a twin, which decides by the rules and
 * packet by packet what is joined to what. What was joined, cut by another twin, must give the same
 * bytes; and no flow may be reordered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/host/coalesce.h"
#include "tests/unit/offload_twin.h"

enum {
	BATCH_MAX = 1500,
	FIN = 0x01,
	SYN = 0x02,
	RST = 0x04,
	PSH = 0x08,
	ACK = 0x10,
	URG = 0x20,
	ECE = 0x40,
	CWR = 0x80,
};

/* A packet as it came, and what became of it. */
struct original {
	uint8_t data[2048];
	size_t len;
	size_t group; /* which super-packet it is in, and where there */
	size_t place;
	/* The twin's. */
	size_t expected_group;
};

static struct original originals[BATCH_MAX];
static size_t n_originals;
static struct packet_queue batch;
static struct packet_pool *pool;
static struct coalescer coalescer;
static size_t n_udp_max = COALESCE_UDP_MAX;

/* ---- the twin -------------------------------------------------------------------------------- */

static size_t transport_of(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? 20 : 40;
}

/* Can one tell which flow it belongs to? */
static bool has_flow(const struct original *o)
{
	const uint8_t *p = o->data;
	size_t at = transport_of(p), protocol;

	if (o->len < 20 || (p[0] != 0x45 && p[0] >> 4 != 6) || o->len < at + 8)
		return false;
	if (p[0] == 0x45 && (twin_get16(p + 2) != o->len || (twin_get16(p + 6) & 0x3fff)))
		return false;
	if (p[0] >> 4 == 6 && twin_get16(p + 4) + 40 != o->len)
		return false;
	protocol = p[0] == 0x45 ? p[9] : p[6];
	if (protocol == 17)
		return twin_get16(p + at + 4) == o->len - at;
	return protocol == 6 && o->len >= at + 20 && p[at + 12] >> 4 >= 5 &&
	       at + (size_t)(p[at + 12] >> 4) * 4 <= o->len;
}

static bool is_tcp(const struct original *o)
{
	return (o->data[0] == 0x45 ? o->data[9] : o->data[6]) == 6;
}

static size_t header_len_of(const struct original *o)
{
	size_t at = transport_of(o->data);

	return at + (is_tcp(o) ? (size_t)(o->data[at + 12] >> 4) * 4 : 8);
}

static size_t payload_len_of(const struct original *o)
{
	return o->len - header_len_of(o);
}

/* Is it certain that they do not belong to one flow? */
static bool are_apart(const struct original *a, const struct original *b)
{
	size_t address_at, address_len;
	bool lies = false;

	for (int i = 0; i < 2; i++) {
		const struct original *o = i ? b : a;
		const uint8_t *p = o->data;

		/* Whose addresses one cannot trust to be there may belong to any. */
		if (o->len < 20 || (p[0] >> 4 != 4 && p[0] >> 4 != 6) ||
		    (p[0] >> 4 == 6 && (o->len < 40 || twin_get16(p + 4) + 40 > o->len)) ||
		    (p[0] >> 4 == 4 && (twin_get16(p + 2) > o->len || twin_get16(p + 2) < 20)))
			lies = true;
	}
	if (lies)
		return false;
	if (a->data[0] >> 4 != b->data[0] >> 4)
		return true;
	address_at = a->data[0] >> 4 == 4 ? 12 : 8;
	address_len = a->data[0] >> 4 == 4 ? 4 : 16;
	if (memcmp(a->data + address_at, b->data + address_at, 2 * address_len) != 0)
		return true;
	if (!has_flow(a) || !has_flow(b))
		return false;
	return is_tcp(a) != is_tcp(b) ||
	       memcmp(a->data + transport_of(a->data), b->data + transport_of(b->data), 4) != 0;
}

/* May it be the first of several? */
static bool may_begin(const struct original *o)
{
	const uint8_t *p = o->data, *t = p + transport_of(p);

	if (!has_flow(o) || payload_len_of(o) == 0)
		return false;
	if (p[0] == 0x45 && twin_add(0, p, 20) != 0xffff)
		return false;
	if (is_tcp(o))
		return !(t[13] & (SYN | RST | URG | PSH | FIN));
	return twin_get16(t + 6) != 0 && n_udp_max > 1;
}

/* May it be the last of several, if not the first? */
static bool may_follow(const struct original *o)
{
	struct original without = *o;

	without.data[transport_of(o->data) + 13] &= is_tcp(o) ? (uint8_t) ~(PSH | FIN) : 0xff;
	return may_begin(&without) && !(is_tcp(o) && (o->data[transport_of(o->data) + 13] & CWR));
}

/* May `next` be joined to those of `group` that went before? */
static bool may_join(size_t group, const struct original *next)
{
	const struct original *first = NULL, *last = NULL, *second = NULL;
	size_t n = 0, total = 0, at;
	const uint8_t *f, *l, *x;

	for (const struct original *o = originals; o < next; o++) {
		if (o->expected_group != group)
			continue;
		if (n == 0)
			first = o;
		if (n == 1)
			second = o;
		last = o;
		n++;
		total += payload_len_of(o);
	}
	if (!first || are_apart(first, next) || !may_begin(first) || !may_follow(next))
		return false;
	f = first->data;
	l = last->data;
	x = next->data;
	at = transport_of(f);
	if (payload_len_of(last) != payload_len_of(first) ||
	    payload_len_of(next) > payload_len_of(first) ||
	    header_len_of(first) != header_len_of(next) ||
	    header_len_of(first) + total + payload_len_of(next) > 65535 ||
	    n == (is_tcp(first) ? COALESCE_TCP_MAX : n_udp_max))
		return false;
	if (f[0] == 0x45) {
		unsigned int step = (twin_get16(x + 4) - twin_get16(l + 4)) & 0xffff;

		if (f[1] != x[1] || f[6] != x[6] || f[7] != x[7] || f[8] != x[8])
			return false;
		if (step > 1 || (step == 0 && !(f[6] & 0x40)))
			return false;
		if (second && step != ((twin_get16(second->data + 4) - twin_get16(f + 4)) & 0xffff))
			return false;
	} else if (memcmp(f, x, 4) != 0 || f[7] != x[7]) {
		return false;
	}
	if (!is_tcp(first))
		return true;
	if (twin_get32(x + at + 4) != twin_get32(f + at + 4) + (uint32_t)total)
		return false;
	if ((l[at + 13] & (PSH | FIN)) || ((f[at + 13] ^ x[at + 13]) & ~(CWR | PSH | FIN)))
		return false;
	return !memcmp(f + at + 8, x + at + 8, 5) && !memcmp(f + at + 14, x + at + 14, 2) &&
	       !memcmp(f + at + 18, x + at + 18, header_len_of(first) - at - 18);
}

/* A group stays open for as long as something may follow. */
static bool stays_open(size_t group, const struct original *last, size_t n)
{
	const struct original *first = originals;

	while (first->expected_group != group)
		first++;
	if (!may_begin(first) || payload_len_of(last) != payload_len_of(first))
		return false;
	if (is_tcp(last) && (last->data[transport_of(last->data) + 13] & (PSH | FIN)))
		return false;
	return n < (is_tcp(first) ? COALESCE_TCP_MAX : n_udp_max);
}

struct twin_group {
	bool is_open;
	size_t n, first;
};

/* Says for each packet which group it should be in. Returns how many there should be. */
static size_t twin_coalesce(void)
{
	static struct twin_group groups[BATCH_MAX];
	size_t n = 0, n_gone = 0;

	for (size_t i = 0; i < n_originals; i++)
		originals[i].expected_group = SIZE_MAX;
	for (size_t i = 0; i < n_originals; i++) {
		struct original *o = &originals[i];
		size_t joined = SIZE_MAX, n_open = 0, oldest = SIZE_MAX;

		/* What stands in front and is closed goes. */
		while (n_gone < n &&
		       (!groups[n_gone].is_open || n - n_gone == COALESCE_WAITING_MAX))
			groups[n_gone++].is_open = false;
		for (size_t g = n_gone; g < n; g++) {
			if (!groups[g].is_open || are_apart(&originals[groups[g].first], o))
				continue;
			if (may_join(g, o))
				joined = g;
			else
				groups[g].is_open = false;
		}
		if (joined != SIZE_MAX) {
			o->expected_group = joined;
			groups[joined].n++;
			groups[joined].is_open = stays_open(joined, o, groups[joined].n);
			continue;
		}
		o->expected_group = n;
		groups[n] = (struct twin_group){ may_begin(o), 1, i };
		for (size_t g = n_gone; g < n && groups[n].is_open; g++) {
			if (!groups[g].is_open)
				continue;
			oldest = oldest == SIZE_MAX ? g : oldest;
			n_open++;
		}
		if (n_open == COALESCE_OPEN_MAX)
			groups[oldest].is_open = false;
		n++;
	}
	return n;
}

/* ---- what comes out -------------------------------------------------------------------------- */

/* What is written, in one piece. */
static size_t flatten(uint8_t *out, const struct super_packet *super)
{
	const struct packet *packet = super->packets.first;
	size_t len = packet->len;

	memcpy(out, packet->data, len);
	while ((packet = packet->next)) {
		assert_true(len + packet->len - super->header_len <= 65535);
		memcpy(out + len, packet->data + super->header_len,
		       packet->len - super->header_len);
		len += packet->len - super->header_len;
	}
	return len;
}

static void check_header(const struct super_packet *super, const uint8_t *whole, size_t len,
			 const struct original *first)
{
	const struct virtio_net_hdr *header = &super->header;
	size_t at = transport_of(whole);
	bool tcp = is_tcp(first);

	assert_int_equal(header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(header->csum_start, at);
	assert_int_equal(header->csum_offset, tcp ? 16 : 6);
	assert_int_equal(header->hdr_len, header_len_of(first));
	assert_int_equal(super->header_len, header_len_of(first));
	assert_int_equal(header->gso_size, payload_len_of(first));
	if (tcp)
		assert_int_equal(
			header->gso_type,
			(whole[0] == 0x45 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6) |
				(whole[at + 13] & CWR ? VIRTIO_NET_HDR_GSO_ECN : 0));
	else
		assert_int_equal(header->gso_type, VIRTIO_NET_HDR_GSO_UDP_L4);
	assert_int_equal(twin_get16(whole + at + (tcp ? 16 : 6)),
			 twin_pseudo(whole, NULL, tcp ? 6 : 17, len - at));
	if (whole[0] == 0x45) {
		assert_int_equal(twin_get16(whole + 2), len);
		assert_int_equal(twin_add(0, whole, 20), 0xffff);
	} else {
		assert_int_equal(twin_get16(whole + 4), len - 40);
	}
	if (!tcp)
		assert_int_equal(twin_get16(whole + at + 4), len - at);
}

/* Cuts it again: these are the very packets that came. */
static void check_super(struct super_packet *super, size_t group)
{
	static uint8_t whole[65536], cut[65536];
	size_t len = flatten(whole, super), place = 0, payload_at = 0;
	const struct original *first = &originals[super->packets.first->path.source_ifindex];
	size_t n = super->packets.n;
	bool same_ids = false;
	struct packet *packet;

	if (n == 1) {
		assert_int_equal(super->header.flags, VIRTIO_NET_HDR_F_DATA_VALID);
		assert_int_equal(super->header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(super->header.gso_size, 0);
		assert_int_equal(super->header.csum_start, 0);
	} else {
		const struct original *second =
			&originals[super->packets.first->next->path.source_ifindex];

		check_header(super, whole, len, first);
		/* Then they mean nothing, and are not kept. */
		same_ids = whole[0] == 0x45 && (whole[6] & 0x40) &&
			   twin_get16(first->data + 4) == twin_get16(second->data + 4);
	}
	while ((packet = packet_queue_pop(&super->packets))) {
		struct original *o = &originals[packet->path.source_ifindex];
		size_t cut_len = len;

		assert_int_equal(o->group, SIZE_MAX);
		o->group = group;
		o->place = place;
		if (n == 1)
			memcpy(cut, whole, len);
		else
			cut_len =
				twin_cut(cut, whole, len, transport_of(whole), is_tcp(first), true,
					 NULL, same_ids ? 0 : place, payload_at, payload_len_of(o));
		assert_int_equal(cut_len, o->len);
		assert_memory_equal(cut, o->data, o->len);
		place++;
		payload_at += n == 1 ? 0 : payload_len_of(o);
		packet_free(packet);
	}
}

/* Sends the batch through. Returns how many super-packets came out. */
static size_t run(void)
{
	struct super_packet super;
	size_t n = 0, n_expected = twin_coalesce();

	for (size_t i = 0; i < n_originals; i++)
		originals[i].group = SIZE_MAX;
	coalescer_add_all(&coalescer, &batch);
	assert_int_equal(batch.n, 0);
	while (coalescer_pop(&coalescer, &super))
		check_super(&super, n++);
	for (size_t i = 0; i < n_originals; i++)
		assert_int_equal(originals[i].group, originals[i].expected_group);
	assert_int_equal(n, n_expected);
	/* As the groups are compared with the twin's, this says that the twin is right. */
	for (size_t i = 0; i < n_originals; i++)
		for (size_t j = i + 1; j < n_originals && j < i + 100; j++)
			if (!are_apart(&originals[i], &originals[j]))
				assert_true(originals[i].group < originals[j].group ||
					    (originals[i].group == originals[j].group &&
					     originals[i].place < originals[j].place));
	n_originals = 0;
	return n;
}

static struct original *put(const uint8_t *data, size_t len)
{
	struct original *o = &originals[n_originals];
	struct packet *packet = packet_new(pool, len);

	assert_true(n_originals < BATCH_MAX && len <= sizeof(o->data));
	assert_non_null(packet);
	memcpy(packet->data, data, len);
	packet->path.source_ifindex = (uint32_t)n_originals++;
	packet_queue_push(&batch, packet);
	memcpy(o->data, data, len);
	o->len = len;
	return o;
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* What the next packet of a flow is made of. */
struct flow {
	bool is_v4, is_tcp;
	uint8_t from, to; /* the addresses' last bytes */
	uint16_t ports[2];
	uint16_t id, id_step;
	uint16_t fragment; /* IPv4: flags and offset */
	uint8_t ds, ttl, flags;
	uint32_t label; /* IPv6 */
	uint32_t sequence, ack;
	uint16_t window, urgent;
	uint8_t reserved; /* the bits beside TCP's header length */
	uint8_t options[40];
	size_t options_len;
	size_t payload_len;
	bool without_checksum; /* UDP */
};

static const struct flow plain_tcp = {
	.is_v4 = true,
	.is_tcp = true,
	.from = 1,
	.to = 2,
	.ports = { 40000, 5201 },
	.id = 0xfffe,
	.id_step = 1,
	.fragment = 0x4000,
	.ttl = 64,
	.flags = ACK,
	.sequence = 0xfffffc00,
	.ack = 77,
	.window = 500,
	.options = { 1, 1, 8, 10, 0, 0, 0, 9 },
	.options_len = 12,
	.payload_len = 100,
};

static const struct flow plain_udp = {
	.is_v4 = true,
	.from = 1,
	.to = 2,
	.ports = { 40000, 443 },
	.id = 5,
	.id_step = 1,
	.fragment = 0x4000,
	.ttl = 64,
	.payload_len = 100,
};

/* Writes the flow's next packet. Returns its length. */
static size_t write_next(struct flow *flow, uint8_t *out)
{
	size_t at = flow->is_v4 ? 20 : 40;
	size_t transport_len = flow->is_tcp ? 20 + flow->options_len : 8;
	size_t len = at + transport_len + flow->payload_len;
	uint8_t *t = out + at;

	memset(out, 0, at + transport_len);
	twin_fill(out + at + transport_len, flow->payload_len);
	if (flow->is_v4) {
		out[0] = 0x45;
		out[1] = flow->ds;
		twin_put16(out + 2, len);
		twin_put16(out + 4, flow->id);
		twin_put16(out + 6, flow->fragment);
		out[8] = flow->ttl;
		out[9] = flow->is_tcp ? 6 : 17;
		twin_put32(out + 12, 0x0a000000 + flow->from);
		twin_put32(out + 16, 0x0a000000 + flow->to);
		twin_sum_ip(out);
	} else {
		twin_put32(out, UINT32_C(6) << 28 | (uint32_t)flow->ds << 20 | flow->label);
		twin_put16(out + 4, len - 40);
		out[6] = flow->is_tcp ? 6 : 17;
		out[7] = flow->ttl;
		out[8] = out[24] = 0xfd;
		out[23] = flow->from;
		out[39] = flow->to;
	}
	twin_put16(t, flow->ports[0]);
	twin_put16(t + 2, flow->ports[1]);
	if (flow->is_tcp) {
		twin_put32(t + 4, flow->sequence);
		twin_put32(t + 8, flow->ack);
		t[12] = (uint8_t)(transport_len / 4 << 4 | flow->reserved);
		t[13] = flow->flags;
		twin_put16(t + 14, flow->window);
		twin_put16(t + 18, flow->urgent);
		memcpy(t + 20, flow->options, flow->options_len);
	} else {
		twin_put16(t + 4, len - at);
	}
	if (flow->is_tcp || !flow->without_checksum)
		twin_sum_transport(out, len, at, NULL, flow->is_tcp);
	flow->id = (uint16_t)(flow->id + flow->id_step);
	flow->sequence += (uint32_t)flow->payload_len;
	return len;
}

static void put_next(struct flow *flow)
{
	static uint8_t data[2048];

	put(data, write_next(flow, data));
}

static void put_many(struct flow *flow, size_t n)
{
	while (n--)
		put_next(flow);
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* Two packets, a change, two packets: how many super-packets does that make? */
#define AFTER(base, change)             \
	({                              \
		struct flow f = (base); \
		put_many(&f, 2);        \
		change;                 \
		put_many(&f, 2);        \
		run();                  \
	})

static void test_joined(void **state)
{
	struct flow tcp = plain_tcp, udp = plain_udp;

	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		tcp.is_v4 = udp.is_v4 = v4;
		put_many(&tcp, 40);
		assert_int_equal(run(), 1);
		put_many(&udp, 40);
		assert_int_equal(run(), 1);
		put_next(&tcp);
		assert_int_equal(run(), 1);
		/* Of different flows, between each other. */
		for (int i = 0; i < 20; i++) {
			put_next(&tcp);
			put_next(&udp);
		}
		assert_int_equal(run(), 2);
		/* A batch of its own: nothing waits for what is to come. */
		put_next(&tcp);
		assert_int_equal(run(), 1);
	}
	assert_int_equal(run(), 0);
}

static void test_tcp_rules(void **state)
{
	struct flow v4 = plain_tcp, v6 = plain_tcp, tcp;

	(void)state;
	v6.is_v4 = false;
	for (int i = 0; i < 2; i++) {
		tcp = i ? v4 : v6;
		assert_int_equal(AFTER(tcp, (void)0), 1);
		assert_int_equal(AFTER(tcp, f.ack++), 2);
		assert_int_equal(AFTER(tcp, f.window++), 2);
		assert_int_equal(AFTER(tcp, f.urgent++), 2);
		assert_int_equal(AFTER(tcp, f.reserved = 1), 2);
		assert_int_equal(AFTER(tcp, f.options[11]++), 2);
		assert_int_equal(AFTER(tcp, f.options_len = 16), 2);
		assert_int_equal(AFTER(tcp, f.options_len = 8), 2);
		assert_int_equal(AFTER(tcp, f.ttl--), 2);
		assert_int_equal(AFTER(tcp, f.ds = 0x20), 2);
		assert_int_equal(AFTER(tcp, f.ds = 3), 2);
		assert_int_equal(AFTER(tcp, f.sequence++), 2);
		assert_int_equal(AFTER(tcp, f.sequence--), 2);
		assert_int_equal(AFTER(tcp, f.sequence -= 200), 2);
		assert_int_equal(AFTER(tcp, f.ports[0]++), 2);
		assert_int_equal(AFTER(tcp, f.ports[1]++), 2);
		assert_int_equal(AFTER(tcp, f.from++), 2);
		assert_int_equal(AFTER(tcp, f.to++), 2);
		assert_int_equal(AFTER(tcp, f.is_v4 = !f.is_v4), 2);
		/* Sizes: longer never; shorter once. */
		assert_int_equal(AFTER(tcp, f.payload_len++), 2);
		assert_int_equal(AFTER(tcp, f.payload_len--), 2);
		assert_int_equal(AFTER(tcp, f.payload_len = 0), 3);
		/* Flags. */
		assert_int_equal(AFTER(tcp, f.flags |= ECE), 2);
		assert_int_equal(AFTER(tcp, f.flags = 0), 2);
		assert_int_equal(AFTER(tcp, f.flags |= SYN), 3);
		assert_int_equal(AFTER(tcp, f.flags |= RST), 3);
		assert_int_equal(AFTER(tcp, f.flags |= URG), 3);
		/* One more is joined, the next stands alone. */
		assert_int_equal(AFTER(tcp, f.flags |= PSH), 2);
		assert_int_equal(AFTER(tcp, f.flags |= FIN), 2);
		/* CWR begins, and has none of its kind behind it. */
		assert_int_equal(AFTER(tcp, f.flags |= CWR), 3);
		put_next(&tcp);
		tcp.flags |= CWR | ECE;
		put_next(&tcp);
		tcp.flags &= (uint8_t)~CWR;
		put_many(&tcp, 3);
		tcp.flags |= PSH | FIN;
		put_next(&tcp);
		assert_int_equal(run(), 2);
	}
	assert_int_equal(AFTER(v6, f.label = 1), 2);
	assert_int_equal(AFTER(v4, f.fragment = 0), 2);
	assert_int_equal(AFTER(v4, f.fragment = 0xc000), 2);
	assert_int_equal(AFTER(v4, f.fragment = 0x2000), 3);
	assert_int_equal(AFTER(v4, f.fragment = 100), 3);
}

static void test_udp_rules(void **state)
{
	struct flow v4 = plain_udp, v6 = plain_udp, udp;

	(void)state;
	v6.is_v4 = false;
	for (int i = 0; i < 2; i++) {
		udp = i ? v4 : v6;
		assert_int_equal(AFTER(udp, (void)0), 1);
		assert_int_equal(AFTER(udp, f.without_checksum = true), 3);
		assert_int_equal(AFTER(udp, f.ttl--), 2);
		assert_int_equal(AFTER(udp, f.ds = 3), 2);
		assert_int_equal(AFTER(udp, f.ports[0]++), 2);
		assert_int_equal(AFTER(udp, f.ports[1]++), 2);
		assert_int_equal(AFTER(udp, f.is_tcp = true), 2);
		assert_int_equal(AFTER(udp, f.payload_len++), 2);
		assert_int_equal(AFTER(udp, f.payload_len--), 2);
		assert_int_equal(AFTER(udp, f.payload_len = 0), 3);
		/* A kernel that takes no USO, an older one, a newer one. */
		n_udp_max = 0;
		coalescer_init(&coalescer, n_udp_max);
		put_many(&udp, 10);
		assert_int_equal(run(), 10);
		n_udp_max = 64;
		coalescer_init(&coalescer, n_udp_max);
		put_many(&udp, 130);
		assert_int_equal(run(), 3);
		n_udp_max = COALESCE_UDP_MAX;
		coalescer_init(&coalescer, n_udp_max);
		put_many(&udp, 130);
		assert_int_equal(run(), 2);
	}
	assert_int_equal(AFTER(v4, f.fragment = 0x2000), 3);
}

static void test_ids(void **state)
{
	struct flow tcp = plain_tcp;

	(void)state;
	assert_int_equal(AFTER(tcp, f.id++), 2);
	assert_int_equal(AFTER(tcp, f.id--), 2);
	/* All the same, if they must not be fragmented; and not first one way, then the other. */
	tcp.id_step = 0;
	assert_int_equal(AFTER(tcp, (void)0), 1);
	assert_int_equal(AFTER(tcp, f.id++), 2);
	assert_int_equal(AFTER(plain_tcp, (f.id--, f.id_step = 0)), 2);
	tcp.fragment = 0;
	assert_int_equal(AFTER(tcp, (void)0), 4);
	tcp.id_step = 1;
	assert_int_equal(AFTER(tcp, (void)0), 1);
	tcp.id_step = 2;
	assert_int_equal(AFTER(tcp, (void)0), 4);
}

static void test_limits(void **state)
{
	struct flow tcp = plain_tcp;

	(void)state;
	/* Bytes: 20 + 32 + 46 * 1400 fit, one more does not; nor does 65536. */
	tcp.payload_len = 1400;
	put_many(&tcp, 46);
	assert_int_equal(run(), 1);
	put_many(&tcp, 47);
	assert_int_equal(run(), 2);
	put_many(&tcp, 46);
	tcp.payload_len = 65535 - 52 - 46 * 1400;
	put_next(&tcp);
	assert_int_equal(run(), 1);
	tcp.payload_len = 1400;
	put_many(&tcp, 46);
	tcp.payload_len = 65536 - 52 - 46 * 1400;
	put_next(&tcp);
	assert_int_equal(run(), 2);
	/* Packets. */
	tcp.payload_len = 1;
	put_many(&tcp, COALESCE_TCP_MAX);
	assert_int_equal(run(), 1);
	put_many(&tcp, COALESCE_TCP_MAX + 1);
	assert_int_equal(run(), 2);
	/* Flows: the first is closed when there is one too many. */
	for (int round = 0; round < 2; round++)
		for (uint16_t i = 0; i < COALESCE_OPEN_MAX + round; i++) {
			struct flow flow = plain_udp;

			flow.ports[0] = i;
			put_next(&flow);
		}
	assert_int_equal(run(), 16 + 1);
	/* What waits: the one in front must not hold up the rest for ever. */
	tcp = plain_tcp;
	put_next(&tcp);
	for (uint16_t i = 0; i < 2 * COALESCE_WAITING_MAX; i++) {
		struct flow flow = plain_udp;

		flow.ports[0] = i;
		flow.without_checksum = true;
		put_next(&flow);
	}
	put_next(&tcp);
	assert_int_equal(run(), 2 * COALESCE_WAITING_MAX + 2);
}

/* A packet of no known flow closes those between its addresses, and no others. */
static void test_unknown(void **state)
{
	struct flow tcp = plain_tcp, other = plain_tcp, v6 = plain_tcp;
	static const size_t spoilt[][2] = {
		{ 9, 1 },     /* ICMP */
		{ 9, 50 },    /* ESP */
		{ 0, 0x46 },  /* options */
		{ 6, 0x20 },  /* a fragment */
		{ 7, 1 },     /* a later one */
		{ 3, 50 },    /* bytes behind it */
		{ 32, 0x40 }, /* a TCP header that is too short */
		{ 32, 0xf0 }, /* or longer than the packet */
	};
	uint8_t data[2048] = { 0 };
	size_t len;

	(void)state;
	other.to = 3;
	v6.is_v4 = false;
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		struct flow flow = tcp;

		flow.payload_len = 4;
		put_next(&tcp);
		put_next(&other);
		put_next(&v6);
		len = write_next(&flow, data);
		data[spoilt[i][0]] = (uint8_t)spoilt[i][1];
		put(data, len);
		put_next(&tcp);
		put_next(&other);
		put_next(&v6);
		assert_int_equal(run(), 5);
	}
	/* A wrong IPv4 checksum stays wrong, and alone. */
	put_next(&tcp);
	len = write_next(&tcp, data);
	data[10]++;
	put(data, len);
	put_next(&tcp);
	assert_int_equal(run(), 3);
	/* IPv6: an extension header. */
	put_next(&tcp);
	put_next(&v6);
	len = write_next(&v6, data);
	data[6] = 60;
	put(data, len);
	put_next(&tcp);
	put_next(&v6);
	assert_int_equal(run(), 4);
	/* Without addresses it is between all. */
	for (size_t i = 0; i < 3; i++) {
		put_next(&tcp);
		put_next(&v6);
		len = write_next(&v6, data);
		data[0] = i == 0 ? 0x50 : data[0];
		put(data, i == 1 ? 39 : i == 2 ? 3 : len);
		put_next(&tcp);
		put_next(&v6);
		assert_int_equal(run(), 5);
	}
}

/* What is complete is written before more is looked at. */
static void test_at_once(void **state)
{
	struct super_packet super;
	struct flow udp = plain_udp;

	(void)state;
	put_many(&udp, 2);
	udp.payload_len--;
	put_next(&udp);
	udp.payload_len += 9;
	put_many(&udp, 5);
	coalescer_add_all(&coalescer, &batch);
	assert_true(coalescer_pop(&coalescer, &super));
	assert_int_equal(super.packets.n, 3);
	assert_int_equal(coalescer.in.n, 5);
	packet_queue_drop(&super.packets);
	coalescer_fini(&coalescer);
	n_originals = 0;
}

/* What is left is freed. */
static void test_fini(void **state)
{
	struct flow tcp = plain_tcp, udp = plain_udp;
	struct super_packet super;

	(void)state;
	for (int i = 0; i < 200; i++)
		put_next(i % 3 ? &tcp : &udp);
	coalescer_add_all(&coalescer, &batch);
	assert_true(coalescer_pop(&coalescer, &super));
	packet_queue_drop(&super.packets);
	coalescer_fini(&coalescer);
	assert_false(coalescer_pop(&coalescer, &super));
	n_originals = 0;
}

/* ---- random flows ---------------------------------------------------------------------------- */

static struct flow random_flow(void)
{
	struct flow flow = twin_once_in(2) ? plain_tcp : plain_udp;

	flow.is_v4 = twin_once_in(2);
	flow.from = (uint8_t)twin_random(2);
	flow.to = (uint8_t)twin_random(2);
	flow.ports[0] = (uint16_t)twin_random(12);
	flow.id = (uint16_t)twin_random(65536);
	flow.id_step = twin_once_in(4) ? 0 : 1;
	flow.fragment = twin_once_in(3) ? 0 : 0x4000;
	flow.sequence = twin_once_in(4) ? (uint32_t)-5000 : twin_random(UINT32_MAX);
	flow.options_len = twin_random(11) * 4;
	flow.ds = (uint8_t)twin_random(256);
	flow.payload_len = 1 + twin_random(twin_once_in(10) ? 1400 : 150);
	twin_fill(flow.options, sizeof(flow.options));
	return flow;
}

/* One packet that is not what was to be expected, out of a flow that goes on as before. */
static void put_odd(struct flow *flow)
{
	static uint8_t data[2048];
	struct flow odd = *flow;
	size_t len;

	odd.payload_len = twin_random((uint32_t)flow->payload_len + 20);
	odd.flags |= (uint8_t)(1 << twin_random(8));
	odd.without_checksum = twin_once_in(8);
	len = write_next(&odd, data);
	switch (twin_random(6)) {
	case 0:
		data[twin_random(8)] ^= (uint8_t)(1 << twin_random(8));
		break;
	case 1:
		data[odd.is_v4 ? 9 : 6] = (uint8_t)(twin_once_in(2) ? 1 : twin_random(256));
		break;
	case 2:
		data[twin_random((uint32_t)len)] ^= (uint8_t)(1 << twin_random(8));
		break;
	case 3:
		len = 1 + twin_random((uint32_t)len);
		break;
	default:
		break;
	}
	/* What is joined has right checksums, or it would not be the same again. */
	if (len >= 20 && data[0] == 0x45 && !twin_once_in(4))
		twin_sum_ip(data);
	put(data, len);
	if (may_begin(&originals[n_originals - 1]) || may_follow(&originals[n_originals - 1])) {
		struct original *o = &originals[n_originals - 1];

		twin_sum_transport(o->data, len, transport_of(o->data), NULL, is_tcp(o));
		memcpy(batch.last->data, o->data, len);
	}
	if (twin_once_in(2))
		flow->sequence = odd.sequence;
	if (twin_once_in(2))
		flow->id = odd.id;
}

static void change(struct flow *flow)
{
	switch (twin_random(12)) {
	case 0:
		flow->ack += twin_random(1000);
		break;
	case 1:
		flow->window++;
		break;
	case 2:
		flow->flags ^= PSH;
		break;
	case 3:
		flow->flags ^= ECE;
		break;
	case 4:
		flow->flags ^= CWR;
		break;
	case 5:
		flow->ds ^= (uint8_t)(1 << twin_random(8));
		break;
	case 6:
		flow->ttl++;
		break;
	case 7:
		flow->sequence += 1 + twin_random(2000);
		break;
	case 8:
		flow->id_step ^= 1;
		break;
	case 9:
		flow->options[twin_random(40)]++;
		break;
	case 10:
		flow->payload_len = 1 + twin_random(150);
		break;
	case 11:
		flow->label ^= 1;
		flow->fragment ^= 0x4000;
		break;
	}
}

static void test_random(void **state)
{
	size_t left = twin_times(600000), n_packets = 0, n_supers = 0;

	(void)state;
	while (left) {
		struct flow flows[24];
		size_t n = 1 + twin_random(twin_once_in(30) ? BATCH_MAX : 120), at = 0;
		uint32_t n_flows = 1 + twin_random(24), calm = 1 + twin_random(60);
		uint32_t train = 1 + twin_random(20);

		for (size_t i = 0; i < n_flows; i++)
			flows[i] = random_flow();
		n_udp_max = twin_once_in(8) ? 0 : twin_once_in(4) ? 64 : COALESCE_UDP_MAX;
		coalescer_init(&coalescer, n_udp_max);
		for (size_t i = 0; i < n; i++) {
			if (twin_once_in(train))
				at = twin_random(n_flows);
			if (twin_once_in(calm))
				change(&flows[at]);
			if (twin_once_in(calm))
				put_odd(&flows[at]);
			else
				put_next(&flows[at]);
		}
		n_packets += n;
		n_supers += run();
		left -= n < left ? n : left;
	}
	/* Chance must not have made all of them stand alone. */
	assert_true(n_supers < n_packets / 2);
	printf("# %zu packets in %zu\n", n_packets, n_supers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined),    cmocka_unit_test(test_tcp_rules),
		cmocka_unit_test(test_udp_rules), cmocka_unit_test(test_ids),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_fini),      cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_random),
	};
	int r;

	twin_seed();
	pool = packet_pool_new(BATCH_MAX, 0);
	coalescer_init(&coalescer, n_udp_max);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	packet_pool_free(pool);
	return r;
}
