/*
 * What the TUN gives and gets: the input is a script, of large packets to be cut, with whatever
 * header in front, and of packets to be joined, shaped like ones of a few flows or not at all.
 *
 * Whatever comes: nothing is read or written where it must not be, each packet comes out once and
 * no flow is reordered; what was cut can be joined and what was joined can be cut, byte for byte.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/host/checksum.h"
#include "datapath/host/coalesce.h"
#include "datapath/host/split.h"
#include "lib/util/endian.h"

enum step {
	STEP_SPLIT,  /* header, length, bytes */
	STEP_SHAPED, /* likewise, with a header that nearly fits */
	STEP_RAW,    /* length, bytes: to be joined */
	STEP_TCP,    /* flow, how many, length, what to turn over */
	STEP_UDP,    /* likewise */
	STEP_FLUSH,  /* what was gathered goes in as one batch */
	STEP_LIMIT,  /* of datagrams in one */
	STEP_N,
};

enum {
	PACKETS_MAX = 400,
	FLOWS = 4,
};

struct flow {
	uint32_t sequence;
	uint16_t id;
};

struct fuzz {
	const uint8_t *at;
	size_t left;
	struct packet_pool *pool;
	struct coalescer coalescer;
	struct packet_queue batch;
	uint8_t *kept[PACKETS_MAX]; /* the batch's packets, as they went in */
	size_t kept_len[PACKETS_MAX];
	struct flow flows[FLOWS];
};

static unsigned int byte(struct fuzz *fuzz)
{
	if (!fuzz->left)
		return 0;
	fuzz->left--;
	return *fuzz->at++;
}

static unsigned int number(struct fuzz *fuzz)
{
	unsigned int high = byte(fuzz);

	return high << 8 | byte(fuzz);
}

static void fill(struct fuzz *fuzz, uint8_t *out, size_t len)
{
	size_t n = len < fuzz->left ? len : fuzz->left;

	memset(out, 0, len);
	memcpy(out, fuzz->at, n);
	fuzz->at += n;
	fuzz->left -= n;
}

/* What is written for a super-packet, in an allocation of its own size. */
static uint8_t *flatten(size_t *len, const struct super_packet *super)
{
	const struct packet *packet = super->packets.first;
	uint8_t *out;

	*len = packet->len;
	while ((packet = packet->next))
		*len += packet->len - super->header_len;
	assert(super->packets.n == 1 || *len <= PACKET_MAX_LEN);
	out = malloc(*len ? *len : 1);
	packet = super->packets.first;
	memcpy(out, packet->data, packet->len);
	*len = packet->len;
	while ((packet = packet->next)) {
		assert(packet->len > super->header_len);
		memcpy(out + *len, packet->data + super->header_len,
		       packet->len - super->header_len);
		*len += packet->len - super->header_len;
	}
	return out;
}

/* Are they the same but for the checksum of TCP or UDP, and an ID that has no meaning? */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t len,
		    const struct super_packet *super, bool same_ids)
{
	size_t sum_at = super->header.csum_start + (size_t)super->header.csum_offset;

	for (size_t i = 0; i < len; i++) {
		bool is_id = i == 4 || i == 5 || i == 10 || i == 11;

		if (a[i] != b[i] && i != sum_at && i != sum_at + 1 && !(same_ids && is_id))
			return false;
	}
	return true;
}

/* One that was joined: the kernel would cut it into the same packets. */
static void check_super(struct fuzz *fuzz, struct super_packet *super)
{
	struct packet_queue cut = { 0 };
	struct packet *packet, *twin;
	size_t n = super->packets.n, len;
	uint8_t *whole = flatten(&len, super);
	bool same_ids = false;

	if (n > 1) {
		size_t n_cut = split(&cut, fuzz->pool, &super->header, whole, len);
		const uint8_t *first = fuzz->kept[super->packets.first->path.source_ifindex];
		const uint8_t *second = fuzz->kept[super->packets.first->next->path.source_ifindex];

		assert(n_cut == n);
		same_ids = first[0] == 0x45 && first[6] & 0x40 && !memcmp(first + 4, second + 4, 2);
	}
	while ((packet = packet_queue_pop(&super->packets))) {
		uint32_t index = packet->path.source_ifindex;

		assert(fuzz->kept[index]);
		if (n == 1) {
			assert(packet->len == fuzz->kept_len[index]);
			assert(!memcmp(packet->data, fuzz->kept[index], packet->len));
		} else {
			twin = packet_queue_pop(&cut);
			assert(twin->len == fuzz->kept_len[index]);
			assert(is_same(twin->data, fuzz->kept[index], twin->len, super, same_ids));
			packet_free(twin);
		}
		free(fuzz->kept[index]);
		fuzz->kept[index] = NULL;
		packet_free(packet);
	}
	free(whole);
}

/* Whether two plain packets are of one flow, as far as a simple mind can tell. */
static bool is_one_flow(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct ip x, y;

	if (!ip_read(&x, a, a_len) || !ip_read(&y, b, b_len) || x.version != y.version)
		return false;
	return x.version == 4 ? !memcmp(a + 9, b + 9, 1) && !memcmp(a + 12, b + 12, 8) &&
					a_len >= 24 && b_len >= 24 && !memcmp(a + 20, b + 20, 4)
			      : a[6] == b[6] && !memcmp(a + 8, b + 8, 32) && a_len >= 44 &&
					b_len >= 44 && !memcmp(a + 40, b + 40, 4);
}

/* Those that are still kept when packet `index` comes out must not be of its flow and before it. */
static void check_order(const struct fuzz *fuzz, const struct super_packet *super)
{
	uint32_t index = super->packets.first->path.source_ifindex;

	for (uint32_t i = 0; i < index; i++)
		assert(!fuzz->kept[i] || !is_one_flow(fuzz->kept[i], fuzz->kept_len[i],
						      fuzz->kept[index], fuzz->kept_len[index]));
}

static void flush(struct fuzz *fuzz)
{
	struct super_packet super;
	size_t n = fuzz->batch.n;

	coalescer_add_all(&fuzz->coalescer, &fuzz->batch);
	assert(!fuzz->batch.n);
	while (coalescer_pop(&fuzz->coalescer, &super)) {
		check_order(fuzz, &super);
		check_super(fuzz, &super);
	}
	for (size_t i = 0; i < n; i++)
		assert(!fuzz->kept[i]);
}

static void feed(struct fuzz *fuzz, const uint8_t *data, size_t len)
{
	struct packet *packet;
	size_t index = fuzz->batch.n;

	/* So that reading beyond its end is seen, it stands at the end of its storage. */
	packet = packet_new(fuzz->pool, len);
	assert(packet);
	packet->data = packet->start + packet->cap - len;
	memcpy(packet->data, data, len);
	packet->path.source_ifindex = (uint32_t)index;
	fuzz->kept[index] = malloc(len ? len : 1);
	memcpy(fuzz->kept[index], data, len);
	fuzz->kept_len[index] = len;
	packet_queue_push(&fuzz->batch, packet);
	if (fuzz->batch.n == PACKETS_MAX)
		flush(fuzz);
}

/* Cuts it, and looks at the pieces: whole packets with right checksums; then joins them. */
static void cut(struct fuzz *fuzz, const struct virtio_net_hdr *header, const uint8_t *data,
		size_t len)
{
	struct packet_queue out = { 0 };
	struct packet *packet;
	size_t n = split(&out, fuzz->pool, header, data, len);

	assert(n == out.n);
	while ((packet = packet_queue_pop(&out))) {
		const uint8_t *ip = packet->data;

		assert(packet->ends_group == (n > 1 && !out.n));
		if (n > 1 && ip[0] >> 4 == 4) {
			assert(load_be16(ip + 2) == packet->len);
			assert(checksum_finish(checksum_add(0, ip, (size_t)(ip[0] & 15) * 4)) == 0);
		} else if (n > 1) {
			assert(load_be16(ip + 4) + 40u == packet->len);
		}
		feed(fuzz, ip, packet->len);
		packet_free(packet);
	}
}

static void step_split(struct fuzz *fuzz, bool is_shaped)
{
	struct virtio_net_hdr header;
	size_t len, transport;
	uint8_t *data;
	bool is_tcp;

	fill(fuzz, (uint8_t *)&header, sizeof(header));
	len = number(fuzz) % 4000;
	data = malloc(len ? len : 1);
	fill(fuzz, data, len);
	if (is_shaped && len >= 100) {
		is_tcp = header.gso_type & 1;
		data[0] = header.gso_type & 2 ? 0x45 : 0x60;
		transport = data[0] == 0x45 ? 20 : 40 + (size_t)(header.gso_type & 0x18);
		data[data[0] == 0x45 ? 9 : 6] = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
		header.gso_type = !is_tcp           ? VIRTIO_NET_HDR_GSO_UDP_L4
				  : data[0] == 0x45 ? VIRTIO_NET_HDR_GSO_TCPV4
						    : VIRTIO_NET_HDR_GSO_TCPV6;
		header.csum_start = (uint16_t)transport;
		header.csum_offset = is_tcp ? 16 : 6;
		header.gso_size = header.gso_size % 1500;
		if (is_tcp)
			data[transport + 12] |= 0x50;
		/* No more pieces than can be kept. */
		if (header.gso_size < 20)
			header.gso_size = 20;
	}
	if (header.gso_size >= 20 || len < 300)
		cut(fuzz, &header, data, len);
	free(data);
}

static void step_raw(struct fuzz *fuzz)
{
	uint8_t data[2000];
	size_t len = number(fuzz) % sizeof(data);

	fill(fuzz, data, len);
	feed(fuzz, data, len);
}

/* Some packets of one flow, of which the last may be otherwise. */
static void step_flow(struct fuzz *fuzz, bool is_tcp)
{
	unsigned int which = byte(fuzz), n = byte(fuzz) % 32 + 1, payload_len = byte(fuzz);
	unsigned int flip_at = byte(fuzz), flip = byte(fuzz), step = byte(fuzz) % 4;
	struct flow *flow = &fuzz->flows[which % FLOWS];
	bool is_v4 = which & 64;
	size_t transport = is_v4 ? 20 : 40, len = transport + (is_tcp ? 20 : 8) + payload_len;
	uint8_t data[400] = { 0 }, *t = data + transport;

	while (n--) {
		memset(data, (int)n, len);
		memset(data, 0, len - payload_len);
		if (is_v4) {
			data[0] = 0x45;
			store_be16(data + 2, (uint16_t)len);
			store_be16(data + 4, flow->id);
			data[6] = which & 128 ? 0x40 : 0;
			data[9] = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
			data[15] = (uint8_t)(which % FLOWS);
		} else {
			data[0] = 0x60;
			store_be16(data + 4, (uint16_t)(len - 40));
			data[6] = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
			data[23] = (uint8_t)(which % FLOWS);
		}
		t[3] = which >> 3 & 1;
		if (is_tcp) {
			store_be32(t + 4, flow->sequence);
			t[12] = 0x50;
			t[13] = 0x10;
		} else {
			store_be16(t + 4, (uint16_t)(8 + payload_len));
			t[7] = 1;
		}
		if (n == 0 || step == 3)
			data[flip_at % len] ^= (uint8_t)flip;
		if (is_v4)
			store_be16(data + 10, checksum_finish(checksum_add(0, data, 20)));
		feed(fuzz, data, len);
		flow->sequence += payload_len;
		flow->id = (uint16_t)(flow->id + (step ? 1 : 0));
	}
}

static void step(struct fuzz *fuzz)
{
	static const size_t limits[] = { 0, 2, 64, COALESCE_UDP_MAX };

	switch ((enum step)(byte(fuzz) % STEP_N)) {
	case STEP_SPLIT:
		step_split(fuzz, false);
		break;
	case STEP_SHAPED:
		step_split(fuzz, true);
		break;
	case STEP_RAW:
		step_raw(fuzz);
		break;
	case STEP_TCP:
		step_flow(fuzz, true);
		break;
	case STEP_UDP:
		step_flow(fuzz, false);
		break;
	case STEP_FLUSH:
		flush(fuzz);
		break;
	case STEP_LIMIT:
		flush(fuzz);
		coalescer_init(&fuzz->coalescer, limits[byte(fuzz) % 4]);
		break;
	case STEP_N:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	fuzz->at = data;
	fuzz->left = len;
	fuzz->pool = packet_pool_new(3 * PACKETS_MAX, 8);
	coalescer_init(&fuzz->coalescer, COALESCE_UDP_MAX);
	for (int steps = 0; fuzz->left && steps < 300; steps++)
		step(fuzz);
	flush(fuzz);
	coalescer_fini(&fuzz->coalescer);
	packet_pool_free(fuzz->pool);
	free(fuzz);
	return 0;
}
