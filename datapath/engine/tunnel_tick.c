/*
 * Deadlines: see tunnel_internal.h. The heap says which peers are due; their timers say what is.
 * When the interface comes up, thousands may be due at once, a handshake each: packets must not
 * wait for all of that, so one call does a part of it and asks to be called again.
 */
#include "datapath/engine/tunnel_internal.h"

enum {
	PEERS_PER_TICK = 64 /* some ten milliseconds, if each begins a handshake */
};

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

mono_ns tunnel_tick(struct tunnel *tunnel, const struct instant *now)
{
	struct deadline *first;
	mono_ns next = MONO_NEVER;

	for (int n = 0; (first = deadlines_first(&tunnel->deadlines)); n++) {
		struct peer *peer = peer_of_deadline(first);
		enum timers_action action;

		if (first->at > now->mono || n == PEERS_PER_TICK)
			break;
		while ((action = timers_pop(&peer->timers, now->mono)) != TIMERS_NOTHING)
			act(tunnel, peer, action, now);
		tunnel_schedule(tunnel, peer);
	}
	if (first)
		next = first->at;
	if (tunnel->collect_at <= now->mono) {
		ratelimit_collect(tunnel->limiter, now->mono);
		tunnel->collect_at =
			ratelimit_sources(tunnel->limiter) ? now->mono + SEC(1) : MONO_NEVER;
	}
	return tunnel->collect_at < next ? tunnel->collect_at : next;
}
