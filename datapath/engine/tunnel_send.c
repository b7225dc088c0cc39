/*
 * From the TUN to UDP: see tunnel_internal.h. What goes the usual way (there is a session, nothing
 * waits before it) gets its counters under the peer's lock and is sealed without any; all else
 * takes the tunnel's lock. Packets belong to the queue they are in.
 */
#include <string.h>

#include "datapath/engine/ip.h"
#include "datapath/engine/tunnel_internal.h"
#include "lib/util/endian.h"

void tunnel_push(struct tunnel *tunnel, struct peer *peer, struct packet *packet)
{
	packet->path = peer->path;
	packet->peer = peer;
	peer->tx_bytes += packet->len;
	packet_queue_push(&tunnel->at_work->to_udp, packet);
}

/* Puts packets behind those that wait; the oldest make room. */
static void stage(struct tunnel *tunnel, struct peer *peer, struct packet_queue *packets)
{
	struct packet *packet;

	while ((packet = packet_queue_pop(packets))) {
		/* Those who wait for peers that do not answer must not starve all others. */
		if (packet_is_scarce(packet) && !peer->staged.n) {
			tunnel_drop(tunnel, packet, VERDICT_NO_MEMORY);
			continue;
		}
		if (packet_is_scarce(packet) || peer->staged.n >= MAX_STAGED_PACKETS)
			tunnel_drop(tunnel, packet_queue_pop(&peer->staged),
				    VERDICT_STAGED_OVERFLOW);
		packet->peer = peer;
		packet_queue_push(&peer->staged, packet);
		tunnel_judge(tunnel, VERDICT_STAGED);
	}
}

/* What may be sealed now: the session is there, and so is somewhere to send it. */
static bool can_send(const struct tunnel *tunnel, const struct peer *peer, mono_ns now)
{
	return tunnel->up && peer->path.remote.sa.sa_family != AF_UNSPEC && peer->current &&
	       session_can_send(peer->current, now);
}

/* A batch that has its counters, and what it needs to be sealed without a lock. */
struct sealing {
	struct session *session; /* held */
	uint64_t first;          /* counter */
	struct path path;
};

/* Gives counters to all packets of a queue, and counts them as sent; can_send() is true. Only the
 * last of 2^64 packets come too late for their session: they are dropped. */
static struct sealing reserve(struct tunnel *tunnel, struct peer *peer,
			      struct packet_queue *packets, mono_ns now)
{
	struct sealing sealing = { .session = session_hold(peer->current), .path = peer->path };
	size_t n = packets->n;

	sealing.first = session_reserve(sealing.session, &n);
	if (n < packets->n) {
		struct packet_queue rest = *packets;

		*packets = (struct packet_queue){ 0 };
		while (packets->n < n)
			packet_queue_push(packets, packet_queue_pop(&rest));
		lane_drop_all(tunnel->at_work, &rest, VERDICT_NO_SESSION);
	}
	for (const struct packet *packet = packets->first; packet; packet = packet->next)
		peer->tx_bytes += session_sealed_len(packet->len, tunnel->env.mtu_bytes);
	timers_authenticated_sent(&peer->timers, now);
	return sealing;
}

/* Seals them, and hands them to UDP. */
static void seal(struct lane *lane, struct peer *peer, struct sealing *sealing,
		 struct packet_queue *packets)
{
	session_seal(sealing->session, packets, sealing->first, lane->tunnel->env.mtu_bytes);
	session_let_go(sealing->session);
	for (struct packet *packet = packets->first; packet; packet = packet->next) {
		packet->path = sealing->path;
		packet->peer = peer;
	}
	packet_queue_append(&lane->to_udp, packets);
}

static void data_sent(struct tunnel *tunnel, struct peer *peer, mono_ns now)
{
	if (!timers_is_set(&peer->timers, TIMER_NEW_HANDSHAKE))
		timers_data_sent(&peer->timers, now, tunnel_jitter(tunnel));
}

void tunnel_send(struct tunnel *tunnel, struct peer *peer, struct packet_queue *packets,
		 const struct instant *now)
{
	struct packet_queue all = { 0 };
	struct sealing sealing;

	if (!peer->staged.n && !packets->n)
		return;
	if (!can_send(tunnel, peer, now->mono)) {
		stage(tunnel, peer, packets);
		tunnel_initiate(tunnel, peer, now);
		return;
	}
	packet_queue_append(&all, &peer->staged);
	packet_queue_append(&all, packets);
	lane_judge(tunnel->at_work, VERDICT_SENT, all.n);
	sealing = reserve(tunnel, peer, &all, now->mono);
	seal(tunnel->at_work, peer, &sealing, &all);
	data_sent(tunnel, peer, now->mono);
	if (peer_rekey_on_send(peer, now->mono))
		tunnel_initiate(tunnel, peer, now);
}

void tunnel_send_staged(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	tunnel_send(tunnel, peer, &(struct packet_queue){ 0 }, now);
}

void tunnel_send_keepalive(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	struct packet_queue packets = { 0 };
	struct sealing sealing;
	struct packet *packet;

	peer->keepalive_missed = peer->path.remote.sa.sa_family == AF_UNSPEC;
	if (peer->staged.n) {
		tunnel_send_staged(tunnel, peer, now);
		return;
	}
	if (!can_send(tunnel, peer, now->mono)) {
		tunnel_initiate(tunnel, peer, now);
		return;
	}
	packet = packet_new(tunnel->env.pool, 0);
	if (!packet) {
		tunnel_judge(tunnel, VERDICT_NO_MEMORY);
		return;
	}
	packet_queue_push(&packets, packet);
	sealing = reserve(tunnel, peer, &packets, now->mono);
	seal(tunnel->at_work, peer, &sealing, &packets);
	if (peer_rekey_on_send(peer, now->mono))
		tunnel_initiate(tunnel, peer, now);
}

/* Tells whoever sent the packet that it goes nowhere. */
static void answer_unreachable(struct lane *lane, const struct packet *packet, mono_ns now)
{
	struct packet *answer;

	if (!icmp_limit_allow(&lane->icmp_limit, now))
		return;
	/* From this lane's own packets: the tunnel's want its lock. */
	answer = packet_new(packet->pool, ICMP_ERROR_MAX_LEN);
	if (!answer)
		return;
	answer->len = icmp_unreachable(answer->data, packet->data, packet->len);
	if (answer->len)
		packet_queue_push(&lane->to_tun, answer);
	else
		packet_free(answer);
}

/* Whether a datagram to the peer is one of ours: by the numbers in it, which are random. */
static bool is_from_us(const struct tunnel *tunnel, const struct peer *peer,
		       const uint8_t *datagram)
{
	uint32_t number = load_le32(datagram + 4);

	switch (load_le32(datagram)) {
	case WIRE_INITIATION:
	case WIRE_RESPONSE: /* ours */
		return index_find(tunnel->index, number) == peer;
	case WIRE_DATA: /* theirs */
		return (peer->current && peer->current->remote_index == number) ||
		       (peer->previous && peer->previous->remote_index == number);
	default:
		return false;
	}
}

/*
 * Whether the packet is a datagram that we sent to this very peer: its endpoint is routed into the
 * tunnel. It would be sent again and again, each time a bit longer, and in two when it is too long.
 */
static bool is_loop(const struct tunnel *tunnel, const struct peer *peer,
		    const struct packet *packet)
{
	const union sockaddr_ip *remote = &peer->path.remote;
	const uint8_t *data = packet->data, *udp;
	struct ip ip;

	/* What nearly all are told apart by: the address. */
	if (data[0] >> 4 == 4) {
		if (remote->sa.sa_family != AF_INET ||
		    memcmp(data + 16, &remote->v4.sin_addr, 4) != 0)
			return false;
	} else {
		if (remote->sa.sa_family != AF_INET6 ||
		    memcmp(data + 24, &remote->v6.sin6_addr, 16) != 0)
			return false;
	}
	ip_read(&ip, data, packet->len);
	udp = ip_find_udp(&ip, data, 8);
	/* The port is at the same place in both. */
	return udp && !memcmp(udp + 2, &remote->v4.sin_port, 2) &&
	       is_from_us(tunnel, peer, udp + IP_UDP_HEADER_LEN);
}

static void log_loop(struct lane *lane, const struct peer *peer, mono_ns now)
{
	if (lane->loop_logged && now - lane->loop_logged < SEC(60))
		return;
	lane->loop_logged = now;
	peer_log(LOG_LEVEL_WARN, peer, "its endpoint is routed into the tunnel");
}

/* Drops what would go round and round. */
static void drop_loops(struct lane *lane, struct peer *peer, struct packet_queue *packets,
		       mono_ns now)
{
	struct packet_queue rest = { 0 };
	struct packet *packet;

	for (packet = packets->first; packet && !is_loop(lane->tunnel, peer, packet);)
		packet = packet->next;
	if (!packet)
		return;
	log_loop(lane, peer, now);
	while ((packet = packet_queue_pop(packets))) {
		if (is_loop(lane->tunnel, peer, packet))
			lane_drop(lane, packet, VERDICT_LOOP);
		else
			packet_queue_push(&rest, packet);
	}
	*packets = rest;
}

/* What is left to do for a peer whose packets have gone, or could not go. */
static void go_on(struct lane *lane, struct peer *peer, struct packet_queue *packets,
		  const struct instant *now)
{
	struct tunnel *tunnel = lane->tunnel;

	lane_lock(lane, peer);
	tunnel_send(tunnel, peer, packets, now);
	if (peer_rekey_on_send(peer, now->mono))
		tunnel_initiate(tunnel, peer, now);
	tunnel_schedule(tunnel, peer);
	lane_unlock(lane, peer);
}

/* Sends one peer's packets of the batch. */
static void send_run(struct lane *lane, struct peer *peer, struct packet_queue *packets,
		     const struct instant *now)
{
	struct tunnel *tunnel = lane->tunnel;
	struct sealing sealing = { 0 };
	bool has_more;

	peer_lock(peer);
	if (peer->path.remote.sa.sa_family == AF_UNSPEC) {
		peer_unlock(peer);
		for (const struct packet *packet = packets->first; packet; packet = packet->next)
			answer_unreachable(lane, packet, now->mono);
		lane_drop_all(lane, packets, VERDICT_NO_ENDPOINT);
		return;
	}
	drop_loops(lane, peer, packets, now->mono);
	has_more = peer->staged.n || !can_send(tunnel, peer, now->mono) ||
		   packets->n > REJECT_AFTER_MESSAGES - peer->current->send_counter;
	if (packets->n && !has_more) {
		lane_judge(lane, VERDICT_SENT, packets->n);
		sealing = reserve(tunnel, peer, packets, now->mono);
		data_sent(tunnel, peer, now->mono);
		has_more = peer_rekey_on_send(peer, now->mono) ||
			   timers_next(&peer->timers) < peer->scheduled;
	}
	peer_unlock(peer);
	if (sealing.session)
		seal(lane, peer, &sealing, packets);
	if (has_more)
		go_on(lane, peer, packets, now);
}

static void send_runs(struct lane *lane, const struct instant *now)
{
	for (unsigned int i = 0; i < lane->n_runs; i++)
		send_run(lane, lane->runs[i].peer, &lane->runs[i].packets, now);
	lane->n_runs = 0;
}

/* Whom a packet is for; NULL: it is dropped. */
static struct peer *find_peer(struct lane *lane, struct packet *packet, mono_ns now)
{
	const struct tunnel *tunnel = lane->tunnel;
	struct allowedips_owner *owner;
	struct ip ip;

	if (!tunnel->up) {
		lane_drop(lane, packet, VERDICT_DOWN);
		return NULL;
	}
	if (!ip_read(&ip, packet->data, packet->len)) {
		lane_drop(lane, packet, VERDICT_NOT_IP);
		return NULL;
	}
	packet->len = ip.len;
	owner = ip.version == 4 ? allowedips_find_v4(tunnel->allowed_ips, ip.destination)
				: allowedips_find_v6(tunnel->allowed_ips, ip.destination);
	if (!owner) {
		answer_unreachable(lane, packet, now);
		lane_drop(lane, packet, VERDICT_NO_PEER);
		return NULL;
	}
	/* RFC 6040 normal mode for ECN; the DSCP would tell an onlooker what is inside. */
	packet->ds = ip.ds & IP_ECN_MASK;
	return peer_of_owner(owner);
}

void lane_from_tun(struct lane *lane, struct packet_queue *in, const struct instant *now)
{
	struct packet *packet;

	while ((packet = packet_queue_pop(in))) {
		struct peer *peer = find_peer(lane, packet, now->mono);

		if (peer && !lane_sort(lane, peer, packet)) {
			send_runs(lane, now);
			lane_sort(lane, peer, packet);
		}
	}
	send_runs(lane, now);
}
