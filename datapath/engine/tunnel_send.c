/*
 * From the TUN to UDP: see tunnel_internal.h. A batch is first dealt out to the peers' `outgoing`
 * queues, then sealed and sent peer by peer, so that one call seals all that one peer gets, and
 * what goes to one path stands together. Packets belong to the queue they are in.
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
	packet_queue_push(&tunnel->to_udp, packet);
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

/* Seals and sends a queue; there is a session that can. */
static void seal(struct tunnel *tunnel, struct peer *peer, struct packet_queue *packets,
		 mono_ns now)
{
	size_t n = packets->n;

	session_seal(peer->current, packets, tunnel->env.mtu_bytes);
	/* Only the last of 2^64 packets come too late for their session. */
	tunnel->counts[VERDICT_NO_SESSION] += n - packets->n;
	for (struct packet *packet = packets->first; packet; packet = packet->next) {
		packet->path = peer->path;
		packet->peer = peer;
		peer->tx_bytes += packet->len;
	}
	packet_queue_append(&tunnel->to_udp, packets);
	timers_authenticated_sent(&peer->timers, now);
}

/* What may be sealed now: the session is there, and so is somewhere to send it. */
static bool can_send(const struct tunnel *tunnel, const struct peer *peer, mono_ns now)
{
	return tunnel->up && peer->path.remote.sa.sa_family != AF_UNSPEC && peer->current &&
	       session_can_send(peer->current, now);
}

void tunnel_send(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	struct packet_queue packets = { 0 };

	if (!peer->staged.n && !peer->outgoing.n)
		return;
	if (!can_send(tunnel, peer, now->mono)) {
		stage(tunnel, peer, &peer->outgoing);
		tunnel_initiate(tunnel, peer, now);
		return;
	}
	packet_queue_append(&packets, &peer->staged);
	packet_queue_append(&packets, &peer->outgoing);
	tunnel->counts[VERDICT_SENT] += packets.n;
	seal(tunnel, peer, &packets, now->mono);
	if (!timers_is_set(&peer->timers, TIMER_NEW_HANDSHAKE))
		timers_data_sent(&peer->timers, now->mono, tunnel_jitter(tunnel));
	if (peer_rekey_on_send(peer, now->mono))
		tunnel_initiate(tunnel, peer, now);
}

void tunnel_send_keepalive(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	struct packet_queue packets = { 0 };
	struct packet *packet;

	peer->keepalive_missed = peer->path.remote.sa.sa_family == AF_UNSPEC;
	if (peer->staged.n) {
		tunnel_send(tunnel, peer, now);
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
	seal(tunnel, peer, &packets, now->mono);
	if (peer_rekey_on_send(peer, now->mono))
		tunnel_initiate(tunnel, peer, now);
}

/* Tells whoever sent the packet that it goes nowhere. */
static void answer_unreachable(struct tunnel *tunnel, const struct packet *packet, mono_ns now)
{
	struct packet *answer;

	if (!icmp_limit_allow(&tunnel->icmp_limit, now))
		return;
	answer = packet_new(tunnel->env.pool, ICMP_ERROR_MAX_LEN);
	if (!answer)
		return;
	answer->len = icmp_unreachable(answer->data, packet->data, packet->len);
	if (answer->len)
		packet_queue_push(&tunnel->to_tun, answer);
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
static bool is_loop(const struct tunnel *tunnel, const struct peer *peer, const struct ip *ip,
		    const uint8_t *packet)
{
	const union sockaddr_ip *remote = &peer->path.remote;
	const uint8_t *udp;

	if (ip->version == 4) {
		if (remote->sa.sa_family != AF_INET ||
		    memcmp(ip->destination, &remote->v4.sin_addr, 4) != 0)
			return false;
	} else {
		if (remote->sa.sa_family != AF_INET6 ||
		    memcmp(ip->destination, &remote->v6.sin6_addr, 16) != 0)
			return false;
	}
	udp = ip_find_udp(ip, packet, 8);
	/* The port is at the same place in both. */
	return udp && !memcmp(udp + 2, &remote->v4.sin_port, 2) &&
	       is_from_us(tunnel, peer, udp + IP_UDP_HEADER_LEN);
}

static void log_loop(struct tunnel *tunnel, const struct peer *peer, mono_ns now)
{
	if (tunnel->loop_logged && now - tunnel->loop_logged < SEC(60))
		return;
	tunnel->loop_logged = now;
	peer_log(LOG_LEVEL_WARN, peer, "its endpoint is routed into the tunnel");
}

/* Gives one packet to the peer it is for. */
static enum verdict deal_out(struct tunnel *tunnel, struct packet *packet, mono_ns now)
{
	struct allowedips_owner *owner;
	struct peer *peer;
	struct ip ip;

	if (!tunnel->up)
		return VERDICT_DOWN;
	if (!ip_read(&ip, packet->data, packet->len))
		return VERDICT_NOT_IP;
	packet->len = ip.len;
	owner = ip.version == 4 ? allowedips_find_v4(tunnel->allowed_ips, ip.destination)
				: allowedips_find_v6(tunnel->allowed_ips, ip.destination);
	if (!owner) {
		answer_unreachable(tunnel, packet, now);
		return VERDICT_NO_PEER;
	}
	peer = peer_of_owner(owner);
	if (peer->path.remote.sa.sa_family == AF_UNSPEC) {
		answer_unreachable(tunnel, packet, now);
		return VERDICT_NO_ENDPOINT;
	}
	if (is_loop(tunnel, peer, &ip, packet->data)) {
		log_loop(tunnel, peer, now);
		return VERDICT_LOOP;
	}
	/* RFC 6040 normal mode for ECN; the DSCP would tell an onlooker what is inside. */
	packet->ds = ip.ds & IP_ECN_MASK;
	packet_queue_push(&peer->outgoing, packet);
	tunnel_touch(tunnel, peer);
	return VERDICT_SENT;
}

void tunnel_from_tun(struct tunnel *tunnel, struct packet_queue *in, const struct instant *now)
{
	struct packet *packet;
	struct peer *peer;

	while ((packet = packet_queue_pop(in))) {
		enum verdict verdict = deal_out(tunnel, packet, now->mono);

		if (verdict != VERDICT_SENT)
			tunnel_drop(tunnel, packet, verdict);
	}
	while ((peer = tunnel_untouch(tunnel))) {
		tunnel_send(tunnel, peer, now);
		tunnel_schedule(tunnel, peer);
	}
}
