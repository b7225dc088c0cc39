/*
 * Handshakes: see tunnel_internal.h. noise.c computes, cookie.c signs and checks; here is who may
 * begin one and when, what is believed, and which peer it is. Secrets on the stack are wiped on
 * every path.
 */
#include <string.h>

#include "datapath/engine/tunnel_internal.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/ct.h"
#include "lib/util/cleanup.h"
#include "lib/util/endian.h"

/* Signs a message of the handshake and sends it. */
static void send_signed(struct tunnel *tunnel, struct peer *peer, void *message, size_t len,
			mono_ns now)
{
	struct packet *packet = packet_new(tunnel->env.pool, len);

	if (!packet) {
		tunnel_judge(tunnel, VERDICT_NO_MEMORY);
		return;
	}
	cookie_sign(&peer->cookies, message, len, now);
	memcpy(packet->data, message, len);
	packet->ds = WIRE_DS_HANDSHAKE;
	tunnel_push(tunnel, peer, packet);
}

static void random_key(const struct tunnel *tunnel, struct wg_key *out)
{
	tunnel->env.random(tunnel->env.random_ctx, out->bytes, sizeof(out->bytes));
}

static void send_initiation(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	AUTO(wg_key_wipe) struct wg_key ephemeral = { 0 };
	uint8_t timestamp[WIRE_TIMESTAMP_LEN];
	struct wire_initiation message;
	uint32_t local_index;

	if (!tunnel->up || peer->path.remote.sa.sa_family == AF_UNSPEC ||
	    !noise_remote_usable(&peer->remote, &tunnel->identity))
		return;
	peer_drop_handshake(peer, tunnel->index);
	random_key(tunnel, &ephemeral);
	noise_timestamp(timestamp, peer_next_timestamp(peer, now->unix_ns));
	local_index = tunnel_new_index(tunnel, peer);
	if (!noise_write_initiation(&message, &peer->handshake, &tunnel->identity, &peer->remote,
				    &ephemeral, timestamp, local_index)) {
		index_remove(tunnel->index, local_index);
		return;
	}
	/* Without a packet for it, it counts as lost: the timer tries again. */
	send_signed(tunnel, peer, &message, sizeof(message), now->mono);
	timers_initiation_sent(&peer->timers, now->mono, tunnel_jitter(tunnel));
	peer_log(LOG_LEVEL_DEBUG, peer, "sent an initiation");
}

void tunnel_initiate(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	if (timers_want_handshake(&peer->timers, now->mono))
		send_initiation(tunnel, peer, now);
}

void tunnel_retry_handshake(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	send_initiation(tunnel, peer, now);
}

void tunnel_handshake_completed(struct peer *peer, const struct instant *now)
{
	timers_handshake_completed(&peer->timers);
	peer->last_handshake_unix = now->unix_ns;
	peer_log(LOG_LEVEL_INFO, peer, "handshake completed");
}

/* A handshake message, authentic: counts, and tells where the peer is. */
static void heard_from(struct peer *peer, const struct packet *packet, mono_ns now)
{
	tunnel_roam(peer, packet);
	peer->rx_bytes += packet->len;
	timers_authenticated_received(&peer->timers, now);
}

/* Answers with a cookie: prove your address, then try again. [W] 5.4.7 */
static void send_cookie(struct tunnel *tunnel, const struct packet *packet, mono_ns now)
{
	AUTO(wg_key_wipe) struct wg_key secret = { 0 };
	uint8_t nonce[XAEAD_NONCE_LEN];
	struct wire_cookie message;
	struct packet *reply = packet_new(tunnel->env.pool, sizeof(message));

	if (!reply)
		return;
	random_key(tunnel, &secret);
	tunnel->env.random(tunnel->env.random_ctx, nonce, sizeof(nonce));
	cookie_write_reply(&message, &tunnel->checker, packet->data, packet->len,
			   load_le32(packet->data + 4), &packet->path.remote, nonce, &secret, now);
	memcpy(reply->data, &message, sizeof(message));
	/* The way it came; its DS field stays 0, as the kernel has it. */
	reply->path = packet->path;
	packet_queue_push(&tunnel->at_work->to_udp, reply);
}

/* Whether an initiation or a response deserves work: its macs, and how busy we are. [W] 5.3 */
static enum verdict admit(struct tunnel *tunnel, const struct packet *packet, mono_ns now)
{
	enum cookie_macs macs;

	if (!tunnel->identity.key)
		return VERDICT_BAD_MAC;
	macs = cookie_check(&tunnel->checker, packet->data, packet->len, &packet->path.remote, now);
	if (macs == COOKIE_MAC_BAD)
		return VERDICT_BAD_MAC;
	if (!load_add(&tunnel->load, now, tunnel->env.is_backlogged, tunnel->env.backlogged_ctx))
		return VERDICT_HANDSHAKE;
	if (macs != COOKIE_MAC2_GOOD) {
		send_cookie(tunnel, packet, now);
		return VERDICT_UNDER_LOAD;
	}
	if (tunnel->collect_at == MONO_NEVER)
		tunnel->collect_at = now + SEC(1);
	return ratelimit_allow(tunnel->limiter, &packet->path.remote, now) ? VERDICT_HANDSHAKE
									   : VERDICT_UNDER_LOAD;
}

/* An initiation that was accepted, and its answer in the making. */
struct answer {
	struct peer *peer;
	uint8_t timestamp[WIRE_TIMESTAMP_LEN]; /* of the initiation */
	struct handshake handshake;
	struct wg_key ephemeral;
	uint32_t local_index;
	struct wire_response message;
	struct session *session;
};

static void answer_fini(struct answer *answer)
{
	session_let_go(answer->session);
	handshake_wipe(&answer->handshake);
	wg_key_wipe(&answer->ephemeral);
}

/* Whether the initiation is to be answered: who sent it is a peer, and it is no replay. */
static enum verdict accept_initiation(struct answer *answer, struct tunnel *tunnel,
				      const struct noise_pending *pending, mono_ns now)
{
	struct peer *peer = peers_find(&tunnel->peers, &pending->sender);

	if (!peer || !noise_accept_initiation(&answer->handshake, answer->timestamp, pending,
					      &tunnel->identity, &peer->remote))
		return VERDICT_BAD_HANDSHAKE;
	if (!peer_accept_timestamp(peer, answer->timestamp, now))
		return VERDICT_REPLAYED_HANDSHAKE;
	answer->peer = peer;
	random_key(tunnel, &answer->ephemeral);
	answer->local_index = tunnel_new_index(tunnel, peer);
	return VERDICT_HANDSHAKE;
}

/* Computes the answer: nobody else knows of it yet. */
static bool compute_answer(struct answer *answer, mono_ns now)
{
	const uint32_t remote_index = answer->handshake.remote_index;
	struct noise_keys keys;

	if (!noise_write_response(&answer->message, &answer->handshake, &answer->peer->remote,
				  &answer->ephemeral, answer->local_index))
		return false;
	noise_derive_keys(&keys, &answer->handshake);
	answer->session = session_new(&keys, answer->local_index, remote_index, false, now);
	ct_wipe(&keys, sizeof(keys));
	return true;
}

/*
 * Sends the answer. The session is only `next` then: until the initiator sends with it we do not
 * know that it ever got the answer. A handshake that we began goes on beside this one; whichever
 * completes first is taken.
 */
static void send_answer(struct tunnel *tunnel, struct answer *answer, const struct packet *packet,
			mono_ns now)
{
	struct peer *peer = answer->peer;

	heard_from(peer, packet, now);
	peer_add_session(peer, TAKE(answer->session), tunnel->index);
	timers_session_derived(&peer->timers, now);
	timers_response_sent(&peer->timers, now);
	send_signed(tunnel, peer, &answer->message, sizeof(answer->message), now);
	peer_log(LOG_LEVEL_DEBUG, peer, "answered an initiation");
	tunnel_schedule(tunnel, peer);
}

/* The locks are not held while DH is computed: others may do the same meanwhile. */
static enum verdict receive_initiation(struct lane *lane, const struct packet *packet,
				       const struct instant *now)
{
	AUTO(noise_pending_wipe) struct noise_pending pending = { 0 };
	AUTO(answer_fini) struct answer answer = { 0 };
	struct tunnel *tunnel = lane->tunnel;
	struct wire_initiation message;
	enum verdict verdict;

	if (packet->len != sizeof(message))
		return VERDICT_BAD_LENGTH;
	lane_lock(lane, NULL);
	verdict = admit(tunnel, packet, now->mono);
	lane_unlock(lane, NULL);
	if (verdict != VERDICT_HANDSHAKE)
		return verdict;
	memcpy(&message, packet->data, sizeof(message));
	if (!noise_read_initiation(&pending, &message, &tunnel->identity))
		return VERDICT_BAD_HANDSHAKE;
	lane_lock(lane, NULL);
	verdict = accept_initiation(&answer, tunnel, &pending, now->mono);
	lane_unlock(lane, NULL);
	if (verdict != VERDICT_HANDSHAKE)
		return verdict;
	if (!compute_answer(&answer, now->mono))
		verdict = VERDICT_BAD_HANDSHAKE;
	lane_lock(lane, answer.peer);
	/* A newer one may have been answered meanwhile. */
	if (memcmp(answer.timestamp, answer.peer->timestamp_seen, WIRE_TIMESTAMP_LEN) != 0)
		verdict = VERDICT_REPLAYED_HANDSHAKE;
	if (verdict == VERDICT_HANDSHAKE)
		send_answer(tunnel, &answer, packet, now->mono);
	else
		index_remove(tunnel->index, answer.local_index);
	lane_unlock(lane, answer.peer);
	return verdict;
}

static enum verdict receive_response(struct tunnel *tunnel, const struct packet *packet,
				     const struct instant *now)
{
	struct wire_response message;
	enum verdict verdict;
	struct session *session;
	struct noise_keys keys;
	uint32_t local_index;
	struct peer *peer;

	if (packet->len != sizeof(message))
		return VERDICT_BAD_LENGTH;
	verdict = admit(tunnel, packet, now->mono);
	if (verdict != VERDICT_HANDSHAKE)
		return verdict;
	memcpy(&message, packet->data, sizeof(message));
	local_index = load_le32(message.receiver);
	peer = index_find(tunnel->index, local_index);
	if (!peer ||
	    !noise_read_response(&peer->handshake, &message, &tunnel->identity, &peer->remote))
		return VERDICT_BAD_HANDSHAKE;
	peer_lock(peer);
	heard_from(peer, packet, now->mono);
	/* The number passes from the handshake to the session. */
	noise_derive_keys(&keys, &peer->handshake);
	session = session_new(&keys, local_index, load_le32(message.sender), true, now->mono);
	ct_wipe(&keys, sizeof(keys));
	peer->handshake.local_index = 0;
	peer_add_session(peer, session, tunnel->index);
	timers_session_derived(&peer->timers, now->mono);
	tunnel_handshake_completed(peer, now);
	/* Confirms the session: with what waits, or else with nothing. [W] 6.5 */
	tunnel_send_keepalive(tunnel, peer, now);
	tunnel_schedule(tunnel, peer);
	peer_unlock(peer);
	return verdict;
}

/* Whoever answers with a cookie is not the peer for certain: nothing is learnt from its address. */
static enum verdict receive_cookie(struct tunnel *tunnel, const struct packet *packet, mono_ns now)
{
	struct wire_cookie message;
	struct peer *peer;

	if (packet->len != sizeof(message))
		return VERDICT_BAD_LENGTH;
	memcpy(&message, packet->data, sizeof(message));
	peer = index_find(tunnel->index, load_le32(message.receiver));
	if (!peer || !cookie_read_reply(&peer->cookies, &message, now))
		return VERDICT_BAD_COOKIE;
	peer_log(LOG_LEVEL_DEBUG, peer, "got a cookie");
	return VERDICT_HANDSHAKE;
}

enum verdict lane_receive_handshake(struct lane *lane, const struct packet *packet,
				    const struct instant *now)
{
	struct tunnel *tunnel = lane->tunnel;
	enum verdict verdict = VERDICT_UNKNOWN_TYPE;

	if (load_le32(packet->data) == WIRE_INITIATION)
		return receive_initiation(lane, packet, now);
	lane_lock(lane, NULL);
	if (load_le32(packet->data) == WIRE_RESPONSE)
		verdict = receive_response(tunnel, packet, now);
	else if (load_le32(packet->data) == WIRE_COOKIE)
		verdict = receive_cookie(tunnel, packet, now->mono);
	lane_unlock(lane, NULL);
	return verdict;
}
