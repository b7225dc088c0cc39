/*
 * Packets from the TUN. The input is a script, as in from_udp_fuzz.c: bytes as they are, or
 * shaped like an IP packet for a peer with a session, one without, one without an endpoint, or
 * for nobody.
 *
 * Whatever comes: each packet gets one verdict, none is lost or freed twice; what is sealed comes
 * out of the twin's tunnel as it went in; and what comes back is a right ICMP error.
 */
#include "tests/fuzz/engine_twins.h"

enum step {
	STEP_RAW,     /* length, bytes */
	STEP_V4,      /* to whom, length, what to turn over, bytes behind the header */
	STEP_V6,      /* likewise */
	STEP_FLUSH,   /* what was gathered goes in as one batch */
	STEP_DELIVER, /* the twin gets what was sent, and answers */
	STEP_PASS,    /* time: in units of 50 ms */
	STEP_MTU,     /* the interface's */
	STEP_MANY,    /* many packets at once: how many */
	STEP_LOST,    /* what was sent is lost */
	STEP_N,
};

struct fuzz {
	struct twins twins;
	struct script script;
	struct packet_queue batch;
};

/* An ICMP error with right lengths and checksums; `quote` is what it answers. */
static void check_icmp(const struct packet *packet)
{
	const uint8_t *data = packet->data;
	bool whole;
	struct ip ip;
	uint32_t sum;

	whole = ip_read(&ip, data, packet->len);
	assert(whole && ip.len == packet->len && ip.len <= ICMP_ERROR_MAX_LEN);
	if (ip.version == 4) {
		assert(ip_checksum_fold(ip_checksum_add(0, data, 20)) == 0);
		assert(data[9] == IPPROTO_ICMP && data[20] == 3 && data[21] == 1);
		assert(ip_checksum_fold(ip_checksum_add(0, data + 20, ip.len - 20)) == 0);
		assert(!memcmp(ip.source, data + 28 + 16, 4));
		assert(!memcmp(ip.destination, data + 28 + 12, 4));
	} else {
		sum = ip_checksum_add((uint32_t)ip.len - 40 + IPPROTO_ICMPV6, data + 8, 32);
		assert(data[6] == IPPROTO_ICMPV6 && data[40] == 1 && data[41] == 3);
		assert(ip_checksum_fold(ip_checksum_add(sum, data + 40, ip.len - 40)) == 0);
		assert(!memcmp(ip.source, data + 48 + 24, 16));
		assert(!memcmp(ip.destination, data + 48 + 8, 16));
	}
}

/* Verdicts on packets from the TUN, once each; those that were staged are judged again later. */
static uint64_t n_judged(const struct tunnel *tunnel)
{
	static const enum verdict once[] = { VERDICT_DOWN, VERDICT_NOT_IP, VERDICT_NO_PEER,
					     VERDICT_NO_ENDPOINT, VERDICT_LOOP };
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		n += tunnel_count(tunnel, once[i]);
	return n;
}

static size_t n_staged(struct tunnel *tunnel)
{
	size_t n = 0;

	for (struct peer *peer = NULL; (peer = tunnel_next_peer(tunnel, peer));)
		n += peer->staged.n;
	return n;
}

static void flush(struct fuzz *fuzz)
{
	struct tunnel *tunnel = fuzz->twins.tunnel[TARGET];
	uint64_t before = n_judged(tunnel) + tunnel_count(tunnel, VERDICT_SENT) +
			  tunnel_count(tunnel, VERDICT_STAGED_OVERFLOW) +
			  tunnel_count(tunnel, VERDICT_NO_MEMORY) + n_staged(tunnel) +
			  fuzz->batch.n;
	struct packet *packet;
	uint64_t after;

	lane_from_tun(tunnel_lane(tunnel, 0), &fuzz->batch, &fuzz->twins.now);
	assert(!fuzz->batch.n);
	/* Each is gone one way, or waits. (A handshake message may find no memory, too.) */
	after = n_judged(tunnel) + tunnel_count(tunnel, VERDICT_SENT) +
		tunnel_count(tunnel, VERDICT_STAGED_OVERFLOW) +
		tunnel_count(tunnel, VERDICT_NO_MEMORY) + n_staged(tunnel);
	assert(after >= before && after <= before + 3);
	while ((packet = packet_queue_pop(lane_to_tun(tunnel_lane(tunnel, 0))))) {
		check_icmp(packet);
		packet_free(packet);
	}
	twins_pass(&fuzz->twins, 0);
}

static void feed(struct fuzz *fuzz, struct packet *packet)
{
	packet_queue_push(&fuzz->batch, packet);
	if (fuzz->batch.n >= 200)
		flush(fuzz);
}

static void step_raw(struct fuzz *fuzz)
{
	size_t len = script_u16(&fuzz->script) % 3000;
	struct packet *packet = packet_new(fuzz->twins.pool, len);

	if (!packet)
		return;
	script_bytes(&fuzz->script, packet->data, len);
	feed(fuzz, packet);
}

/* To 10.0.0.n or fd00::n, and then a few bytes otherwise. */
static void step_shaped(struct fuzz *fuzz, bool v6)
{
	struct script *script = &fuzz->script;
	size_t header_len = v6 ? IP_V6_HEADER_LEN : IP_V4_HEADER_LEN, len;
	unsigned int to = script_byte(script), flip_at, flip;
	struct packet *packet;

	len = header_len + script_u16(script) % 1500;
	flip_at = script_byte(script);
	flip = script_byte(script);
	packet = packet_new(fuzz->twins.pool, len);
	if (!packet)
		return;
	script_bytes(script, packet->data + header_len, len - header_len);
	memset(packet->data, 0, header_len);
	if (v6) {
		packet->data[0] = 0x60;
		store_be16(packet->data + 4, (uint16_t)(len - header_len));
		packet->data[8] = packet->data[24] = 0xfd;
		packet->data[23] = 1;
		packet->data[39] = (uint8_t)to;
	} else {
		packet->data[0] = 0x45;
		store_be16(packet->data + 2, (uint16_t)len);
		store_be32(packet->data + 12, 0x0a000001);
		store_be32(packet->data + 16, 0x0a000000 + to);
	}
	packet->data[flip_at % header_len] ^= (uint8_t)flip;
	feed(fuzz, packet);
}

static void step_deliver(struct fuzz *fuzz)
{
	struct packet *packet;
	struct ip ip;
	bool whole;

	flush(fuzz);
	twins_deliver(&fuzz->twins, TARGET);
	twins_deliver(&fuzz->twins, TWIN);
	while ((packet = packet_queue_pop(lane_to_tun(tunnel_lane(fuzz->twins.tunnel[TWIN], 0))))) {
		whole = ip_read(&ip, packet->data, packet->len);
		assert(whole && ip.len == packet->len);
		packet_free(packet);
	}
	assert(tunnel_count(fuzz->twins.tunnel[TWIN], VERDICT_NOT_IP) == 0);
	assert(tunnel_count(fuzz->twins.tunnel[TWIN], VERDICT_BAD_TAG) == 0);
}

static void step(struct fuzz *fuzz)
{
	struct script *script = &fuzz->script;

	switch ((enum step)(script_byte(script) % STEP_N)) {
	case STEP_RAW:
		step_raw(fuzz);
		break;
	case STEP_V4:
		step_shaped(fuzz, false);
		break;
	case STEP_V6:
		step_shaped(fuzz, true);
		break;
	case STEP_FLUSH:
		flush(fuzz);
		break;
	case STEP_DELIVER:
		step_deliver(fuzz);
		break;
	case STEP_PASS:
		flush(fuzz);
		twins_pass(&fuzz->twins, MSEC(50) * script_byte(script));
		break;
	case STEP_MTU:
		tunnel_set_mtu(fuzz->twins.tunnel[TARGET], script_u16(script) % 3000);
		break;
	case STEP_MANY:
		flush(fuzz);
		for (unsigned int n = script_byte(script); n; n--)
			twins_speak(&fuzz->twins, TARGET, n);
		break;
	case STEP_LOST:
		packet_queue_drop(lane_to_udp(tunnel_lane(fuzz->twins.tunnel[TARGET], 0)));
		break;
	case STEP_N:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz fuzz = { .script = { data, len } };
	struct twins *twins = &fuzz.twins;
	struct wg_key silent = { { 3 } }, lost = { { 5 } };

	twins_init(twins);
	/* 3 does not answer, 4 has no endpoint. */
	twins_add_peer(twins, TARGET, &silent, &twins->address[TWIN], "10.0.0.3/32", "fd00::3/128");
	twins_add_peer(twins, TARGET, &lost, NULL, "10.0.0.4/32", "fd00::4/128");
	if (script_byte(&fuzz.script) & 1)
		twins_connect(twins, TARGET);
	packet_queue_drop(lane_to_tun(tunnel_lane(twins->tunnel[TWIN], 0)));
	for (int steps = 0; fuzz.script.left && steps < 300; steps++)
		step(&fuzz);
	step_deliver(&fuzz);
	twins_pass(twins, SEC(600));
	twins_fini(twins);
	return 0;
}
