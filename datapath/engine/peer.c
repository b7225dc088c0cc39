/*
 * One peer: see peer.h. It owns its sessions, its handshake and the packets staged for it. The
 * table of numbers belongs to the tunnel; a session's number lives as long as the session.
 */
#include "datapath/engine/peer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

enum {
	TIMESTAMP_STEP = 1 << 24 /* noise_timestamp() rounds to this many nanoseconds */
};

struct peer *peer_new(const struct wg_key *public_key, mono_ns now)
{
	struct peer *peer = mem_alloc(1, sizeof(*peer));

	pthread_mutex_init(&peer->lock, NULL);
	peer->scheduled = MONO_NEVER;
	peer->remote.public_key = *public_key;
	cookie_jar_init(&peer->cookies, public_key);
	timers_init(&peer->timers, now);
	peer->initiation_accepted = now - SEC(1);
	return peer;
}

void peer_free(struct peer *peer)
{
	assert(!peer->handshake.local_index && !peer->previous && !peer->current && !peer->next);
	assert(!peer->deadline.slot && !peer->allowed_ips.n);
	packet_queue_drop(&peer->staged);
	handshake_wipe(&peer->handshake);
	pthread_mutex_destroy(&peer->lock);
	mem_wipe(peer, sizeof(*peer));
	free(peer);
}

void peer_log(enum log_level level, const struct peer *peer, const char *text)
{
	char key[WG_KEY_BASE64_LEN + 1];

	if (!log_enabled(level))
		return;
	wg_key_format(key, &peer->remote.public_key);
	log_line(level, "peer %.8s...: %s", key, text);
}

struct session *peer_find_session(const struct peer *peer, uint32_t local_index)
{
	if (peer->current && peer->current->local_index == local_index)
		return peer->current;
	if (peer->next && peer->next->local_index == local_index)
		return peer->next;
	if (peer->previous && peer->previous->local_index == local_index)
		return peer->previous;
	return NULL;
}

static void drop_session(struct session **session, struct index_table *table)
{
	if (!*session)
		return;
	index_remove(table, (*session)->local_index);
	session_let_go(*session);
	*session = NULL;
}

/* Puts a session into a place, and ends the one that was there. */
static void replace(struct session **place, struct session *session, struct index_table *table)
{
	drop_session(place, table);
	*place = session;
}

void peer_add_session(struct peer *peer, struct session *session, struct index_table *table)
{
	if (session->initiator) {
		/* next stays: it may be theirs of a simultaneous initiation, and in use. But not
		 * for ever, or its keys would never be erased while it is always us who rekey. */
		if (peer->next && session_expired(peer->next, session->born))
			replace(&peer->next, NULL, table);
		replace(&peer->previous, peer->current, table);
		peer->current = session;
	} else {
		replace(&peer->previous, NULL, table);
		replace(&peer->next, session, table);
	}
}

/* Whether `older` came so shortly before `newer` that the handshakes of both were one another's. */
static bool same_time(const struct session *older, const struct session *newer)
{
	return newer->born - older->born < REKEY_TIMEOUT;
}

bool peer_confirm_session(struct peer *peer, struct session *session, bool follow,
			  struct index_table *table)
{
	if (session == peer->next) {
		/* One that was passed over long ago: perhaps they have dropped it meanwhile. */
		if (peer->current && !same_time(session, peer->current))
			return false;
		replace(&peer->previous, peer->current, table);
		peer->current = session;
		peer->next = NULL;
		/* An answer to ours that is still on its way would bring back an older session. */
		peer_drop_handshake(peer, table);
		return true;
	}
	if (follow && session == peer->previous && peer->current &&
	    same_time(session, peer->current)) {
		peer->previous = peer->current;
		peer->current = session;
	}
	return false;
}

void peer_drop_handshake(struct peer *peer, struct index_table *table)
{
	if (peer->handshake.local_index)
		index_remove(table, peer->handshake.local_index);
	handshake_wipe(&peer->handshake);
	peer->handshake.local_index = 0;
}

void peer_zero_keys(struct peer *peer, struct index_table *table)
{
	peer_drop_handshake(peer, table);
	drop_session(&peer->previous, table);
	drop_session(&peer->current, table);
	drop_session(&peer->next, table);
}

bool peer_rekey_on_send(const struct peer *peer, mono_ns now)
{
	const struct session *session = peer->current;

	if (!session)
		return false;
	return session->send_counter > REKEY_AFTER_MESSAGES ||
	       (session->initiator && now - session->born >= REKEY_AFTER_TIME);
}

bool peer_rekey_on_receive(const struct peer *peer, mono_ns now)
{
	const struct session *session = peer->current;

	return session && session->initiator &&
	       now - session->born >= REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
}

int64_t peer_next_timestamp(struct peer *peer, int64_t now_unix)
{
	if (now_unix < peer->timestamp_sent_unix + TIMESTAMP_STEP)
		now_unix = peer->timestamp_sent_unix + TIMESTAMP_STEP;
	peer->timestamp_sent_unix = now_unix;
	return now_unix;
}

bool peer_accept_timestamp(struct peer *peer, const uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			   mono_ns now)
{
	/* TAI64N is big-endian: later is larger, byte by byte. */
	if (memcmp(timestamp, peer->timestamp_seen, WIRE_TIMESTAMP_LEN) <= 0)
		return false;
	if (now - peer->initiation_accepted < SEC(1) / INITIATIONS_PER_SECOND)
		return false;
	memcpy(peer->timestamp_seen, timestamp, WIRE_TIMESTAMP_LEN);
	peer->initiation_accepted = now;
	return true;
}
