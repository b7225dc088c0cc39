#ifndef DATAPATH_ENGINE_PEER_H
#define DATAPATH_ENGINE_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/allowedips.h"
#include "datapath/engine/cookie.h"
#include "datapath/engine/deadlines.h"
#include "datapath/engine/index.h"
#include "datapath/engine/noise.h"
#include "datapath/engine/packet.h"
#include "datapath/engine/session.h"
#include "datapath/engine/timers.h"
#include "lib/model/key.h"
#include "lib/util/log.h"

/**
 * One peer: its parts, joined. The tunnel drives them; here is what needs no tunnel, above all
 * which session is which. The keys of a peer are wiped with it.
 *
 * Peers come and go, and get their keys and allowed IPs, while no packet is under way. Of the rest,
 * what packets change is guarded by `lock`, what handshakes and deadlines change by the tunnel's.
 */
struct peer {
	pthread_mutex_t
		lock;      /* of what stands from here to `remote`, and of the sessions' counters */
	mono_ns scheduled; /* when the tunnel will look at the timers; MONO_NEVER: not by itself */
	struct timers timers;

	/*
	 * previous still receives: packets may be on their way. current sends and receives. next
	 * came of a handshake that we answered, and receives: its first packet proves that the
	 * other side has it too, and makes it current. Each may be NULL. peer.c alone sets them.
	 */
	struct session *previous, *current, *next;

	struct path path;            /* where it was last heard from, or is said to be */
	uint64_t rx_bytes, tx_bytes; /* of datagrams, without what UDP and IP add */
	struct packet_queue staged;  /* IP packets that wait for a session */
	bool keepalive_missed;       /* one was due when there was no endpoint */

	struct noise_remote remote;
	struct handshake handshake; /* ours as initiator; an answer needs none beyond its moment */

	struct cookie_jar cookies;
	struct deadline deadline;    /* the first of the timers, in the tunnel's heap */
	int64_t last_handshake_unix; /* unix time, nanoseconds; 0: never */

	/* The latest timestamp it has sent, and when; and our latest to it. */
	uint8_t timestamp_seen[WIRE_TIMESTAMP_LEN];
	mono_ns initiation_accepted;
	int64_t timestamp_sent_unix;

	struct allowedips_owner allowed_ips;

	struct peer *before, *after; /* all peers, in the order they were added: peers.h */
	struct peer *hash_next;
};

/** Never NULL. Joins no table. */
struct peer *peer_new(const struct wg_key *public_key, mono_ns now);
/** Its allowed IPs and numbers must have been taken away; its packets are given back. */
void peer_free(struct peer *peer);

static inline struct peer *peer_of_deadline(struct deadline *deadline)
{
	return (struct peer *)((char *)deadline - offsetof(struct peer, deadline));
}

static inline struct peer *peer_of_owner(struct allowedips_owner *owner)
{
	return (struct peer *)((char *)owner - offsetof(struct peer, allowed_ips));
}

static inline void peer_lock(struct peer *peer)
{
	pthread_mutex_lock(&peer->lock);
}

static inline void peer_unlock(struct peer *peer)
{
	pthread_mutex_unlock(&peer->lock);
}

/** A line in the log about this peer, which is named by the start of its public key. */
void peer_log(enum log_level level, const struct peer *peer, const char *text);

/** Which of its sessions has that number of ours; NULL: none. */
struct session *peer_find_session(const struct peer *peer, uint32_t local_index);

/**
 * Takes the session of a handshake that just completed for us; its number is in the table. What
 * it pushes out is let go, its number with it: a session two handshakes old is gone.
 */
void peer_add_session(struct peer *peer, struct session *session, struct index_table *table);
/**
 * A packet of this session was authentic. If that confirms `next` it becomes current, and true is
 * returned: the handshake is complete for us. Call it for every packet.
 *
 * When both sides begin a handshake at once there are two new sessions, and the two sides may send
 * on different ones. That works, but the next rekey would end one that is in use. So one of the
 * sides, and not the other, has to say `follow`: it changes over to the one it hears the other on.
 */
bool peer_confirm_session(struct peer *peer, struct session *session, bool follow,
			  struct index_table *table);
/** Gives up the handshake under way. */
void peer_drop_handshake(struct peer *peer, struct index_table *table);
/** Erases all sessions and the handshake. */
void peer_zero_keys(struct peer *peer, struct index_table *table);

/**
 * Whether data sent now should be followed by an initiation, [W] 6.2: the session is old and ours,
 * or has sent very much.
 */
bool peer_rekey_on_send(const struct peer *peer, mono_ns now);
/** Likewise after data was received: this session of ours ends before an answer could be sure. */
bool peer_rekey_on_receive(const struct peer *peer, mono_ns now);

/**
 * The time to put into an initiation, unix nanoseconds: later than all before, so that the other
 * side does not take it for a replay, even when the clock was set back.
 */
int64_t peer_next_timestamp(struct peer *peer, int64_t now_unix);
/** Whether an initiation's timestamp is new, and comes not too soon; if so it is remembered. */
bool peer_accept_timestamp(struct peer *peer, const uint8_t timestamp[static WIRE_TIMESTAMP_LEN],
			   mono_ns now);

#endif
