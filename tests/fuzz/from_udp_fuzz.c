/*
 * Datagrams into a tunnel. The input is a script: each step begins with a byte that says what it
 * is. Some datagrams come from the script as they are, some have the right macs or are sealed with
 * the right key, and some are genuine ones of a twin: in order, doubled, changed or left out.
 *
 * Whatever comes: each datagram gets one verdict, no packet is lost or freed twice, deadlines lie
 * in the future, and what reaches the TUN is a whole IP packet from a source that is allowed.
 */
#include "tests/fuzz/engine_twins.h"

enum step {
	STEP_RAW,       /* length, bytes */
	STEP_SIGNED,    /* initiation or response with a right mac1: which, bytes */
	STEP_SEALED,    /* any plaintext under the twin's session: DS, length, bytes */
	STEP_SPEAK,     /* the twin has something to say: length */
	STEP_GENUINE,   /* the twin's next message */
	STEP_CHANGED,   /* likewise, changed: position, what to turn over, bytes to cut off */
	STEP_TWICE,     /* likewise, and once more */
	STEP_LOST,      /* likewise, but it does not arrive */
	STEP_ANSWER,    /* the twin gets what the target has sent */
	STEP_PASS,      /* time: in units of 50 ms */
	STEP_CONNECT,   /* a handshake: begun by whom */
	STEP_CONFIG,    /* see configure() */
	STEP_FLUSH,     /* what was gathered goes in as one batch */
	STEP_ELSEWHERE, /* the twin moves: port */
	STEP_COUNTER,   /* the twin's session skips: how far */
	STEP_LOAD,      /* the target is under load for a second */
	STEP_N,
};

struct fuzz {
	struct twins twins;
	struct script script;
	struct packet_queue batch;
};

/* Verdicts on datagrams; the others are on what the target sends. */
static uint64_t n_judged(const struct tunnel *tunnel)
{
	static const enum verdict on_datagrams[] = {
		VERDICT_RECEIVED,
		VERDICT_KEEPALIVE,
		VERDICT_HANDSHAKE,
		VERDICT_DOWN,
		VERDICT_NOT_IP,
		VERDICT_UNKNOWN_TYPE,
		VERDICT_BAD_LENGTH,
		VERDICT_BAD_MAC,
		VERDICT_UNDER_LOAD,
		VERDICT_BAD_HANDSHAKE,
		VERDICT_REPLAYED_HANDSHAKE,
		VERDICT_BAD_COOKIE,
		VERDICT_NO_SESSION,
		VERDICT_BAD_TAG,
		VERDICT_REPLAYED,
		VERDICT_FORBIDDEN_SOURCE,
	};
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(on_datagrams) / sizeof(on_datagrams[0]); i++)
		n += tunnel_count(tunnel, on_datagrams[i]);
	return n;
}

static void check_tun(struct fuzz *fuzz)
{
	struct packet_queue *queue = lane_to_tun(tunnel_lane(fuzz->twins.tunnel[TARGET], 0));
	struct packet *packet;
	struct ip ip;

	while ((packet = packet_queue_pop(queue))) {
		bool whole = ip_read(&ip, packet->data, packet->len);

		assert(whole && ip.len == packet->len);
		if (ip.version == 4)
			assert(load_be32(ip.source) == 0x0a000002);
		else
			assert(ip.source[0] == 0xfd && ip.source[15] == 2);
		packet_free(packet);
	}
}

static void flush(struct fuzz *fuzz)
{
	struct tunnel *tunnel = fuzz->twins.tunnel[TARGET];
	uint64_t n = n_judged(tunnel) + fuzz->batch.n;

	lane_from_udp(tunnel_lane(tunnel, 0), &fuzz->batch, &fuzz->twins.now);
	assert(!fuzz->batch.n && n_judged(tunnel) == n);
	check_tun(fuzz);
	twins_pass(&fuzz->twins, 0);
}

static void arrive(struct fuzz *fuzz, struct packet *packet)
{
	twins_address(&fuzz->twins, TARGET, packet);
	packet_queue_push(&fuzz->batch, packet);
	if (fuzz->batch.n >= 100)
		flush(fuzz);
}

static void step_raw(struct fuzz *fuzz)
{
	size_t len = script_u16(&fuzz->script) % 2000;
	struct packet *packet = packet_new(fuzz->twins.pool, len);

	if (!packet)
		return;
	script_bytes(&fuzz->script, packet->data, len);
	arrive(fuzz, packet);
}

static void step_signed(struct fuzz *fuzz)
{
	struct cookie_jar jar = { 0 };
	bool initiation = script_byte(&fuzz->script) & 1;
	size_t len = initiation ? sizeof(struct wire_initiation) : sizeof(struct wire_response);
	struct packet *packet = packet_new(fuzz->twins.pool, len);
	const struct peer *peer = fuzz->twins.peer[TARGET];

	if (!packet)
		return;
	script_bytes(&fuzz->script, packet->data, len);
	store_le32(packet->data, initiation ? WIRE_INITIATION : WIRE_RESPONSE);
	if (!initiation && peer && peer->handshake.local_index)
		store_le32(packet->data + 8, peer->handshake.local_index);
	cookie_jar_init(&jar, &fuzz->twins.public_key[TARGET]);
	cookie_sign(&jar, packet->data, len, fuzz->twins.now.mono);
	arrive(fuzz, packet);
}

static void step_sealed(struct fuzz *fuzz)
{
	struct session *session = fuzz->twins.peer[TWIN] ? fuzz->twins.peer[TWIN]->current : NULL;
	uint8_t ds = (uint8_t)script_byte(&fuzz->script);
	size_t len = script_byte(&fuzz->script) * 2;
	struct packet_queue queue = { 0 };
	struct packet *packet;

	if (!session || !(packet = packet_new(fuzz->twins.pool, len)))
		return;
	script_bytes(&fuzz->script, packet->data, len);
	packet_queue_push(&queue, packet);
	session_seal(session, &queue, session_reserve(session, &queue.n), TWINS_MTU);
	packet = packet_queue_pop(&queue);
	if (!packet)
		return;
	packet->ds = ds;
	arrive(fuzz, packet);
}

static struct packet *genuine(struct fuzz *fuzz)
{
	return packet_queue_pop(lane_to_udp(tunnel_lane(fuzz->twins.tunnel[TWIN], 0)));
}

static void step_changed(struct fuzz *fuzz)
{
	unsigned int at = script_u16(&fuzz->script), flip = script_byte(&fuzz->script);
	unsigned int cut = script_byte(&fuzz->script);
	struct packet *packet = genuine(fuzz);

	if (!packet)
		return;
	packet->data[at % packet->len] ^= (uint8_t)flip;
	if (cut < packet->len)
		packet->len -= cut;
	arrive(fuzz, packet);
}

static void step_twice(struct fuzz *fuzz)
{
	struct packet *packet = genuine(fuzz), *copy;

	if (!packet)
		return;
	copy = packet_new(fuzz->twins.pool, packet->len);
	if (copy) {
		memcpy(copy->data, packet->data, packet->len);
		arrive(fuzz, copy);
	}
	arrive(fuzz, packet);
}

/* Configuration may change between any two batches. */
static void configure(struct fuzz *fuzz)
{
	struct twins *twins = &fuzz->twins;
	struct tunnel *tunnel = twins->tunnel[TARGET];
	unsigned int what = script_byte(&fuzz->script), value = script_byte(&fuzz->script);
	struct wg_key key;

	flush(fuzz);
	memset(key.bytes, (int)(value % 4), sizeof(key.bytes));
	switch (what % 8) {
	case 0:
		if (twins->peer[TARGET])
			tunnel_remove_peer(tunnel, twins->peer[TARGET]);
		twins->peer[TARGET] = NULL;
		break;
	case 1:
		if (!twins->peer[TARGET])
			twins->peer[TARGET] =
				twins_add_peer(twins, TARGET, &twins->public_key[TWIN],
					       &twins->address[TWIN], "10.0.0.2/32", "fd00::2/128");
		break;
	case 2:
		tunnel_set_up(tunnel, value & 1, &twins->now);
		break;
	case 3:
		if (twins->peer[TARGET])
			tunnel_set_keepalive(tunnel, twins->peer[TARGET], (uint16_t)value,
					     &twins->now);
		break;
	case 4:
		if (twins->peer[TARGET])
			tunnel_set_preshared_key(tunnel, twins->peer[TARGET], &key);
		break;
	case 5:
		if (twins->peer[TWIN])
			tunnel_set_preshared_key(twins->tunnel[TWIN], twins->peer[TWIN], &key);
		break;
	case 6:
		tunnel_resumed(twins->tunnel[value & 1], &twins->now);
		break;
	case 7:
		/* None, another one, its own again; the twin's, which ends the peer. */
		if (value & 4)
			memset(key.bytes, 0x40 + (value & 1), sizeof(key.bytes));
		tunnel_set_private_key(tunnel, &key, &twins->now);
		twins->peer[TARGET] = tunnel_find_peer(tunnel, &twins->public_key[TWIN]);
		break;
	}
}

static void step(struct fuzz *fuzz)
{
	struct twins *twins = &fuzz->twins;
	struct script *script = &fuzz->script;
	struct packet *packet;

	switch ((enum step)(script_byte(script) % STEP_N)) {
	case STEP_RAW:
		step_raw(fuzz);
		break;
	case STEP_SIGNED:
		step_signed(fuzz);
		break;
	case STEP_SEALED:
		step_sealed(fuzz);
		break;
	case STEP_SPEAK:
		twins_speak(twins, TWIN, script_byte(script));
		break;
	case STEP_GENUINE:
		if ((packet = genuine(fuzz)))
			arrive(fuzz, packet);
		break;
	case STEP_CHANGED:
		step_changed(fuzz);
		break;
	case STEP_TWICE:
		step_twice(fuzz);
		break;
	case STEP_LOST:
		packet_free(genuine(fuzz));
		break;
	case STEP_ANSWER:
		flush(fuzz);
		twins_deliver(twins, TARGET);
		packet_queue_drop(lane_to_tun(tunnel_lane(twins->tunnel[TWIN], 0)));
		break;
	case STEP_PASS:
		flush(fuzz);
		twins_pass(twins, MSEC(50) * script_byte(script));
		break;
	case STEP_CONNECT:
		flush(fuzz);
		twins_connect(twins, script_byte(script) & 1);
		packet_queue_drop(lane_to_tun(tunnel_lane(twins->tunnel[TWIN], 0)));
		check_tun(fuzz);
		break;
	case STEP_CONFIG:
		configure(fuzz);
		break;
	case STEP_FLUSH:
		flush(fuzz);
		break;
	case STEP_ELSEWHERE:
		flush(fuzz);
		twins->address[TWIN].v4.sin_port = htons((uint16_t)(1 + script_byte(script)));
		break;
	case STEP_COUNTER:
		if (twins->peer[TWIN]->current)
			twins->peer[TWIN]->current->send_counter += UINT64_C(1)
								    << script_byte(script) % 64;
		break;
	case STEP_LOAD:
		twins->tunnel[TARGET]->load.alert_until = twins->now.mono + SEC(1);
		break;
	case STEP_N:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz fuzz = { .script = { data, len } };

	twins_init(&fuzz.twins);
	for (int steps = 0; fuzz.script.left && steps < 300; steps++)
		step(&fuzz);
	flush(&fuzz);
	twins_pass(&fuzz.twins, SEC(600));
	twins_fini(&fuzz.twins);
	return 0;
}
