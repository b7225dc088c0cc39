/*
 * From UDP: see tunnel_internal.h. Handshake messages are dealt with one by one; data is first
 * dealt out to the peers' `incoming` queues, then opened run by run, a run being what came for one
 * session. A handshake message between them waits for the data that came before it.
 */
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/engine/tunnel_internal.h"
#include "lib/util/endian.h"
#include "lib/util/log.h"

enum {
	RUN_MAX = 64 /* datagrams opened in one go */
};

/* A line about someone we do not know: one a second is enough to see that they are there. */
static void log_stranger(struct tunnel *tunnel, enum verdict verdict, mono_ns now)
{
	if (!log_enabled(LOG_LEVEL_DEBUG) || now - tunnel->stranger_logged < SEC(1))
		return;
	tunnel->stranger_logged = now;
	log_line(LOG_LEVEL_DEBUG, "dropped a datagram: %s", verdict_name(verdict));
}

static void drop_datagram(struct tunnel *tunnel, struct packet *packet, enum verdict verdict,
			  mono_ns now)
{
	log_stranger(tunnel, verdict, now);
	tunnel_drop(tunnel, packet, verdict);
}

/* An authentic packet that is no keepalive: may it go to the TUN? Trims it to the IP packet. */
static enum verdict check_inner(struct tunnel *tunnel, const struct peer *peer,
				struct packet *packet)
{
	struct allowedips_owner *owner;
	struct ip ip;

	if (!ip_read(&ip, packet->data, packet->len))
		return VERDICT_NOT_IP;
	packet->len = ip.len;
	owner = ip.version == 4 ? allowedips_find_v4(tunnel->allowed_ips, ip.source)
				: allowedips_find_v6(tunnel->allowed_ips, ip.source);
	if (owner != &peer->allowed_ips)
		return VERDICT_FORBIDDEN_SOURCE;
	ip_ecn_decapsulate(packet->data, packet->ds);
	return VERDICT_RECEIVED;
}

/* After a simultaneous initiation: any rule does that is true for one of the two sides. */
static bool we_follow(const struct tunnel *tunnel, const struct peer *peer)
{
	return memcmp(&tunnel->identity.public_key, &peer->remote.public_key, WG_KEY_LEN) < 0;
}

/* One packet that its session found authentic and new. [W] 5.4.6, 6 */
static void take(struct tunnel *tunnel, struct peer *peer, struct session *session,
		 struct packet *packet, const struct instant *now)
{
	enum verdict verdict = VERDICT_KEEPALIVE;

	tunnel_roam(peer, packet);
	peer->rx_bytes += packet->len + WIRE_DATA_MIN_LEN;
	/* First, for it is no sign of life for what may be sent below. */
	timers_authenticated_received(&peer->timers, now->mono);
	if (peer_confirm_session(peer, session, we_follow(tunnel, peer), tunnel->index)) {
		tunnel_handshake_completed(peer, now);
		tunnel_send(tunnel, peer, now);
	}
	if (!peer->timers.sent_last_minute && peer_rekey_on_receive(peer, now->mono)) {
		peer->timers.sent_last_minute = true;
		tunnel_initiate(tunnel, peer, now);
	}
	if (packet->len) {
		timers_data_received(&peer->timers, now->mono);
		verdict = check_inner(tunnel, peer, packet);
	}
	if (verdict != VERDICT_RECEIVED) {
		tunnel_drop(tunnel, packet, verdict);
		return;
	}
	tunnel_judge(tunnel, verdict);
	packet->peer = NULL;
	packet_queue_push(&tunnel->to_tun, packet);
}

static struct session *session_of(const struct peer *peer, const struct packet *packet)
{
	return peer_find_session(peer, load_le32(packet->data + 4));
}

/* Whether it may still receive; how many packets we sent with it does not matter. */
static bool can_receive(const struct session *session, mono_ns now)
{
	return session && !session_expired(session, now);
}

static void open_run(struct tunnel *tunnel, struct peer *peer, struct session *session,
		     struct packet *const *run, size_t n, const struct instant *now)
{
	enum session_opened results[RUN_MAX];

	session_open(session, run, results, n);
	for (size_t i = 0; i < n; i++) {
		switch (results[i]) {
		case SESSION_OPENED:
			take(tunnel, peer, session, run[i], now);
			break;
		case SESSION_BAD_TAG:
			drop_datagram(tunnel, run[i], VERDICT_BAD_TAG, now->mono);
			break;
		case SESSION_REPLAYED:
			tunnel_drop(tunnel, run[i], VERDICT_REPLAYED);
			break;
		}
	}
}

/*
 * Opens what came for one peer. A run's session stays alive while its packets are accepted: it can
 * only rise from `next` to `current`, which ends others. So sessions are looked up run by run.
 */
static void open_incoming(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	struct packet *run[RUN_MAX];
	struct session *session;
	struct packet *packet;
	size_t n;

	while ((packet = packet_queue_pop(&peer->incoming))) {
		session = session_of(peer, packet);
		if (!can_receive(session, now->mono)) {
			drop_datagram(tunnel, packet, VERDICT_NO_SESSION, now->mono);
			continue;
		}
		run[0] = packet;
		for (n = 1; n < RUN_MAX && peer->incoming.first; n++) {
			if (session_of(peer, peer->incoming.first) != session)
				break;
			run[n] = packet_queue_pop(&peer->incoming);
		}
		open_run(tunnel, peer, session, run, n, now);
	}
}

static void open_all(struct tunnel *tunnel, const struct instant *now)
{
	struct peer *peer;

	while ((peer = tunnel_untouch(tunnel))) {
		open_incoming(tunnel, peer, now);
		tunnel_schedule(tunnel, peer);
	}
}

/* Gives a data message to the peer that its number belongs to. */
static void deal_out_data(struct tunnel *tunnel, struct packet *packet, mono_ns now)
{
	struct peer *peer;

	if (packet->len < WIRE_DATA_MIN_LEN) {
		drop_datagram(tunnel, packet, VERDICT_BAD_LENGTH, now);
		return;
	}
	peer = index_find(tunnel->index, load_le32(packet->data + 4));
	if (!peer) {
		drop_datagram(tunnel, packet, VERDICT_NO_SESSION, now);
		return;
	}
	packet->peer = peer;
	packet_queue_push(&peer->incoming, packet);
	tunnel_touch(tunnel, peer);
}

void tunnel_from_udp(struct tunnel *tunnel, struct packet_queue *in, const struct instant *now)
{
	struct packet *packet;
	enum verdict verdict;

	while ((packet = packet_queue_pop(in))) {
		if (!tunnel->up) {
			tunnel_drop(tunnel, packet, VERDICT_DOWN);
		} else if (packet->len < 4) {
			drop_datagram(tunnel, packet, VERDICT_BAD_LENGTH, now->mono);
		} else if (load_le32(packet->data) == WIRE_DATA) {
			deal_out_data(tunnel, packet, now->mono);
		} else {
			open_all(tunnel, now);
			verdict = tunnel_receive_handshake(tunnel, packet, now);
			if (verdict != VERDICT_HANDSHAKE)
				log_stranger(tunnel, verdict, now->mono);
			tunnel_drop(tunnel, packet, verdict);
		}
	}
	open_all(tunnel, now);
}
