/*
 * From UDP: see tunnel_internal.h. Handshake messages are dealt with one by one; data is first
 * sorted by peer, then opened run by run, a run being what came for one session. It is opened
 * without any lock; before, its session is looked up under the peer's lock, after, what it told is
 * taken note of. A handshake message between them waits for the data that came before it.
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
static void log_stranger(struct lane *lane, enum verdict verdict, mono_ns now)
{
	if (!log_enabled(LOG_LEVEL_DEBUG) || now - lane->stranger_logged < SEC(1))
		return;
	lane->stranger_logged = now;
	log_line(LOG_LEVEL_DEBUG, "dropped a datagram: %s", verdict_name(verdict));
}

static void drop_datagram(struct lane *lane, struct packet *packet, enum verdict verdict,
			  mono_ns now)
{
	log_stranger(lane, verdict, now);
	lane_drop(lane, packet, verdict);
}

/* An authentic packet that is no keepalive: may it go to the TUN? Trims it to the IP packet. */
static enum verdict check_inner(const struct tunnel *tunnel, const struct peer *peer,
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

/* The session that datagrams are for, held; NULL: there is none that may still receive. How many
 * packets we sent with it does not matter. */
static struct session *find_session(struct peer *peer, uint32_t number, mono_ns now)
{
	struct session *session;

	peer_lock(peer);
	session = peer_find_session(peer, number);
	if (session && session_expired(session, now))
		session = NULL;
	if (session)
		session_hold(session);
	peer_unlock(peer);
	return session;
}

/* A run of datagrams for one session. */
struct opening {
	struct peer *peer;
	struct session *session; /* held */
	struct packet *packets[RUN_MAX];
	struct session_opened opened[RUN_MAX];
	size_t n;
};

/* What an authentic packet calls for beyond taking note of it. [W] 6 */
static void act_on(struct lane *lane, struct peer *peer, struct session *session,
		   const struct instant *now)
{
	struct tunnel *tunnel = lane->tunnel;

	lane_lock(lane, peer);
	/* Unless it was ended meanwhile. */
	if (peer_find_session(peer, session->local_index) == session &&
	    peer_confirm_session(peer, session, we_follow(tunnel, peer), tunnel->index)) {
		tunnel_handshake_completed(peer, now);
		tunnel_send_staged(tunnel, peer, now);
	}
	if (!peer->timers.sent_last_minute && peer_rekey_on_receive(peer, now->mono)) {
		peer->timers.sent_last_minute = true;
		tunnel_initiate(tunnel, peer, now);
	}
	tunnel_schedule(tunnel, peer);
	lane_unlock(lane, peer);
}

/* Takes note of a run that was opened. Returns whether there is more to do. */
static bool take_note(struct opening *run, mono_ns now)
{
	struct peer *peer = run->peer;
	const struct packet *last = NULL;
	size_t n_data = 0;
	bool has_more = false;

	peer_lock(peer);
	session_accept(run->session, run->opened, run->n);
	for (size_t i = 0; i < run->n; i++) {
		if (run->opened[i].result != SESSION_OPENED)
			continue;
		last = run->packets[i];
		n_data += last->len > 0;
		peer->rx_bytes += last->len + WIRE_DATA_MIN_LEN;
	}
	if (last) {
		tunnel_roam(peer, last);
		timers_authenticated_received(&peer->timers, now);
		/* That there was more than one is all that matters. */
		for (size_t i = 0; i < n_data && i < 2; i++)
			timers_data_received(&peer->timers, now);
		has_more = run->session != peer->current ||
			   (!peer->timers.sent_last_minute && peer_rekey_on_receive(peer, now)) ||
			   timers_next(&peer->timers) < peer->scheduled;
	}
	peer_unlock(peer);
	return has_more;
}

/* Sends one authentic packet on its way. [W] 5.4.6 */
static void deliver(struct lane *lane, const struct peer *peer, struct packet *packet)
{
	enum verdict verdict = VERDICT_KEEPALIVE;

	if (packet->len)
		verdict = check_inner(lane->tunnel, peer, packet);
	if (verdict != VERDICT_RECEIVED) {
		lane_drop(lane, packet, verdict);
		return;
	}
	lane_judge(lane, verdict, 1);
	packet->peer = NULL;
	packet_queue_push(&lane->to_tun, packet);
}

static void open_run(struct lane *lane, struct opening *run, const struct instant *now)
{
	session_open(run->session, run->packets, run->opened, run->n);
	if (take_note(run, now->mono))
		act_on(lane, run->peer, run->session, now);
	for (size_t i = 0; i < run->n; i++) {
		switch (run->opened[i].result) {
		case SESSION_OPENED:
			deliver(lane, run->peer, run->packets[i]);
			break;
		case SESSION_BAD_TAG:
			drop_datagram(lane, run->packets[i], VERDICT_BAD_TAG, now->mono);
			break;
		case SESSION_REPLAYED:
			lane_drop(lane, run->packets[i], VERDICT_REPLAYED);
			break;
		}
	}
	session_let_go(run->session);
}

static uint32_t number_of(const struct packet *packet)
{
	return load_le32(packet->data + 4);
}

/* Opens what came for one peer. */
static void open_packets(struct lane *lane, struct peer *peer, struct packet_queue *packets,
			 const struct instant *now)
{
	struct opening run = { .peer = peer };
	struct packet *packet;

	while ((packet = packet_queue_pop(packets))) {
		const uint32_t number = number_of(packet);

		run.session = find_session(peer, number, now->mono);
		if (!run.session) {
			drop_datagram(lane, packet, VERDICT_NO_SESSION, now->mono);
			continue;
		}
		run.packets[0] = packet;
		for (run.n = 1; run.n < RUN_MAX && packets->first; run.n++) {
			if (number_of(packets->first) != number)
				break;
			run.packets[run.n] = packet_queue_pop(packets);
		}
		open_run(lane, &run, now);
	}
}

static void open_runs(struct lane *lane, const struct instant *now)
{
	for (unsigned int i = 0; i < lane->n_runs; i++)
		open_packets(lane, lane->runs[i].peer, &lane->runs[i].packets, now);
	lane->n_runs = 0;
}

/* Puts a data message behind those for the peer that its number belongs to. */
static void sort_data(struct lane *lane, struct packet *packet, const struct instant *now)
{
	struct peer *peer;

	if (packet->len < WIRE_DATA_MIN_LEN) {
		drop_datagram(lane, packet, VERDICT_BAD_LENGTH, now->mono);
		return;
	}
	peer = index_find(lane->tunnel->index, number_of(packet));
	if (!peer) {
		drop_datagram(lane, packet, VERDICT_NO_SESSION, now->mono);
		return;
	}
	packet->peer = peer;
	if (!lane_sort(lane, peer, packet)) {
		open_runs(lane, now);
		lane_sort(lane, peer, packet);
	}
}

static void receive_handshake(struct lane *lane, struct packet *packet, const struct instant *now)
{
	enum verdict verdict = lane_receive_handshake(lane, packet, now);

	if (verdict != VERDICT_HANDSHAKE)
		log_stranger(lane, verdict, now->mono);
	lane_drop(lane, packet, verdict);
}

void lane_from_udp(struct lane *lane, struct packet_queue *in, const struct instant *now)
{
	struct packet *packet;

	while ((packet = packet_queue_pop(in))) {
		if (!lane->tunnel->up) {
			lane_drop(lane, packet, VERDICT_DOWN);
		} else if (packet->len < 4) {
			drop_datagram(lane, packet, VERDICT_BAD_LENGTH, now->mono);
		} else if (load_le32(packet->data) == WIRE_DATA) {
			sort_data(lane, packet, now);
		} else {
			open_runs(lane, now);
			receive_handshake(lane, packet, now);
		}
	}
	open_runs(lane, now);
}
