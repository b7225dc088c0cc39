/*
 * Deadlines: see tunnel_internal.h. The heap says which peers are due; their timers say what is.
 * When the interface comes up, thousands may be due at once, a handshake each: packets must not
 * wait for all of that, so one call does a part of it and asks to be called again.
 *
 * DH with the peers' static keys is a quarter of a handshake. It is done in advance, a few peers at
 * a time so that packets do not wait: a server that many clients come back to has it behind it.
 * Where there are very many peers most of them may never come, so there it is left to handshakes.
 */
#include "datapath/engine/tunnel_internal.h"

enum {
	PEERS_PER_TICK = 64,       /* some ten milliseconds, if each begins a handshake */
	PREPARED_PER_TICK = 8,     /* a fifth of a millisecond */
	PEERS_PREPARED_MAX = 8192, /* a fifth of a second in all */
};

#define PREPARE_EVERY MSEC(1)

static void act(struct tunnel *tunnel, struct peer *peer, enum timers_action action,
		const struct instant *now)
{
	switch (action) {
	case TIMERS_NOTHING:
		return;
	case TIMERS_RETRY_HANDSHAKE:
		tunnel_clear_source(peer);
		tunnel_retry_handshake(tunnel, peer, now);
		return;
	case TIMERS_GIVE_UP:
		peer_log(LOG_LEVEL_INFO, peer, "nobody answers its handshakes, giving up");
		packet_queue_drop(&peer->staged);
		return;
	case TIMERS_SEND_KEEPALIVE:
		tunnel_send_keepalive(tunnel, peer, now);
		timers_passive_keepalive_sent(&peer->timers, now->mono);
		return;
	case TIMERS_NEW_HANDSHAKE:
		tunnel_clear_source(peer);
		tunnel_initiate(tunnel, peer, now);
		return;
	case TIMERS_ZERO_KEYS:
		peer_zero_keys(peer, tunnel->index);
		return;
	case TIMERS_PERSISTENT_KEEPALIVE:
		tunnel_send_keepalive(tunnel, peer, now);
		timers_persistent_keepalive_sent(&peer->timers, now->mono);
		return;
	}
}

/* Does a part of what can be done in advance. Returns when to go on. */
static mono_ns prepare(struct tunnel *tunnel, mono_ns now)
{
	if (!tunnel->unprepared || !tunnel->identity.key || tunnel->peers.n > PEERS_PREPARED_MAX)
		return MONO_NEVER;
	if (now < tunnel->prepare_at)
		return tunnel->prepare_at;
	for (int n = 0; tunnel->unprepared && n < PREPARED_PER_TICK; n++) {
		noise_remote_usable(&tunnel->unprepared->remote, &tunnel->identity);
		tunnel->unprepared = tunnel->unprepared->after;
	}
	tunnel->prepare_at = now + PREPARE_EVERY;
	return tunnel->unprepared ? tunnel->prepare_at : MONO_NEVER;
}

static mono_ns earlier(mono_ns a, mono_ns b)
{
	return a < b ? a : b;
}

mono_ns tunnel_tick(struct tunnel *tunnel, const struct instant *now)
{
	struct deadline *due;
	mono_ns next;

	lane_lock(&tunnel->lanes[0], NULL);
	for (int n = 0; n < PEERS_PER_TICK; n++) {
		struct peer *peer;
		enum timers_action action;

		due = deadlines_due(&tunnel->deadlines, now->mono);
		if (!due)
			break;
		peer = peer_of_deadline(due);
		peer_lock(peer);
		while ((action = timers_pop(&peer->timers, now->mono)) != TIMERS_NOTHING)
			act(tunnel, peer, action, now);
		tunnel_schedule(tunnel, peer);
		peer_unlock(peer);
	}
	if (tunnel->collect_at <= now->mono) {
		ratelimit_collect(tunnel->limiter, now->mono);
		tunnel->collect_at =
			ratelimit_sources(tunnel->limiter) ? now->mono + SEC(1) : MONO_NEVER;
	}
	next = earlier(deadlines_next(&tunnel->deadlines), tunnel->collect_at);
	next = earlier(next, prepare(tunnel, now->mono));
	tunnel->promised = next;
	lane_unlock(&tunnel->lanes[0], NULL);
	return next;
}
