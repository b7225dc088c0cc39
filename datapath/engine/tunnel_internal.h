#ifndef DATAPATH_ENGINE_TUNNEL_INTERNAL_H
#define DATAPATH_ENGINE_TUNNEL_INTERNAL_H

#include <pthread.h>

#include "datapath/engine/allowedips.h"
#include "datapath/engine/cookie.h"
#include "datapath/engine/deadlines.h"
#include "datapath/engine/icmp.h"
#include "datapath/engine/index.h"
#include "datapath/engine/load.h"
#include "datapath/engine/noise.h"
#include "datapath/engine/peer.h"
#include "datapath/engine/peers.h"
#include "datapath/engine/ratelimit.h"
#include "datapath/engine/tunnel.h"

/*
 * What the files of the tunnel share and nobody else includes (tests look inside, too).
 *
 *	tunnel.c            configuration: the interface, its key, its peers
 *	lane.c              one thread's packets, by the batch: sorted by peer
 *	tunnel_send.c       packets from the TUN; keepalives
 *	tunnel_handshake.c  initiations, responses, cookies
 *	tunnel_receive.c    datagrams
 *	tunnel_tick.c       deadlines
 *
 * Nearly all packets need their peer's lock only, twice for a batch and not while they are sealed
 * or opened. Handshakes, deadlines and packets that wait for either need the tunnel's lock, which
 * is taken first, as well: functions that take a tunnel and a peer want both.
 */

enum {
	RUNS_MAX = 64, /* peers whose packets of a batch are kept apart */
};

/* Packets of a batch for one peer. */
struct run {
	struct peer *peer;
	struct packet_queue packets;
};

struct lane {
	struct tunnel *tunnel;
	struct packet_queue to_udp, to_tun;
	struct run runs[RUNS_MAX];
	unsigned int n_runs;
	struct icmp_limit icmp_limit;
	mono_ns stranger_logged; /* when a line about a stranger was last written */
	mono_ns loop_logged;     /* likewise about a peer that is routed into the tunnel */
	uint64_t counts[VERDICT_N];
};

struct tunnel {
	struct tunnel_env env;
	/* Set while no packet is under way. */
	bool up;
	struct wg_key private_key; /* clamped; zero: none */
	struct noise_identity identity;
	struct allowedips *allowed_ips;
	struct peers peers;
	struct lane *lanes;

	pthread_mutex_t lock; /* of all that follows */
	struct lane *at_work; /* whose thread has the lock: what comes of it goes there */
	struct cookie_checker checker;
	struct load load;
	struct ratelimiter *limiter;
	mono_ns collect_at; /* when to let the limiter forget; MONO_NEVER: it is empty */
	struct index_table *index;
	struct deadlines deadlines;
	mono_ns promised;        /* when tunnel_tick() wanted to be called again */
	struct peer *unprepared; /* the first of those whose DH is still to be done in advance */
	mono_ns prepare_at;      /* when to go on with that */
};

/** Takes the tunnel's lock, for what one lane's packets have led to; and the peer's, unless NULL.
 */
void lane_lock(struct lane *lane, struct peer *peer);
void lane_unlock(struct lane *lane, struct peer *peer);

static inline void lane_judge(struct lane *lane, enum verdict verdict, size_t n)
{
	lane->counts[verdict] += n;
}

/** Counts what became of a packet. */
static inline void tunnel_judge(struct tunnel *tunnel, enum verdict verdict)
{
	lane_judge(tunnel->at_work, verdict, 1);
}

/** Counts, and gives the packet back; or all of a queue. */
void lane_drop(struct lane *lane, struct packet *packet, enum verdict verdict);
void lane_drop_all(struct lane *lane, struct packet_queue *packets, enum verdict verdict);

/**
 * Puts a packet behind those of the batch for the same peer. Returns false if there is no room:
 * then what there is has to be dealt with first.
 */
bool lane_sort(struct lane *lane, struct peer *peer, struct packet *packet);

/** Counts, and gives the packet back. */
void tunnel_drop(struct tunnel *tunnel, struct packet *packet, enum verdict verdict);

/** What is added to a handshake's timeout. */
span_ns tunnel_jitter(const struct tunnel *tunnel);
/** A new number, in the table for this peer. */
uint32_t tunnel_new_index(struct tunnel *tunnel, struct peer *peer);

/** For this peer and those after it DH with their static keys is to be done in advance. */
void tunnel_prepare_from(struct tunnel *tunnel, struct peer *peer);
/** After the peer's timers changed: puts its first deadline where tunnel_tick() finds it. */
void tunnel_schedule(struct tunnel *tunnel, struct peer *peer);

/** Where an authentic message came from is where the peer is: [W] 2.1. */
void tunnel_roam(struct peer *peer, const struct packet *packet);
/** Routes may have changed: lets the kernel choose our address anew. */
void tunnel_clear_source(struct peer *peer);

/* tunnel_send.c */

/**
 * Hands a finished message to UDP, addressed to the peer. Its number of bytes counts as sent.
 */
void tunnel_push(struct tunnel *tunnel, struct peer *peer, struct packet *packet);
/** Sends what is staged and then `packets`, or stages all of it and begins a handshake. */
void tunnel_send(struct tunnel *tunnel, struct peer *peer, struct packet_queue *packets,
		 const struct instant *now);
/** Sends what is staged. */
void tunnel_send_staged(struct tunnel *tunnel, struct peer *peer, const struct instant *now);
/**
 * Sends what is staged, or an empty packet if nothing is. Without a session a handshake begins
 * instead, whose end confirms itself by such a packet.
 */
void tunnel_send_keepalive(struct tunnel *tunnel, struct peer *peer, const struct instant *now);

/* tunnel_handshake.c */

/**
 * Sends an initiation, unless the last handshake message is less than REKEY_TIMEOUT old, the
 * interface is down, or the peer has no endpoint or no usable key.
 */
void tunnel_initiate(struct tunnel *tunnel, struct peer *peer, const struct instant *now);
/** As TIMERS_RETRY_HANDSHAKE wants it: the attempts go on counting. */
void tunnel_retry_handshake(struct tunnel *tunnel, struct peer *peer, const struct instant *now);
/** The handshake is complete for us. */
void tunnel_handshake_completed(struct peer *peer, const struct instant *now);
/** Takes an initiation, a response or a cookie reply; the packet stays the caller's. No lock held.
 */
enum verdict lane_receive_handshake(struct lane *lane, const struct packet *packet,
				    const struct instant *now);

#endif
