#ifndef DATAPATH_ENGINE_TUNNEL_H
#define DATAPATH_ENGINE_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/packet.h"
#include "lib/model/device.h"
#include "lib/util/clock.h"

/*
 * The engine's front door: one WireGuard interface. It makes no system call, knows no clock and
 * no randomness but what it is handed, and has no globals.
 *
 * Packets go through lanes, of which each belongs to one thread. They go in by the batch, in queues
 * that are empty afterwards; what comes of them waits in lane_to_udp() and lane_to_tun() for the
 * host to send. Packets of one run to the same path stand together there, so that the host may send
 * them as one.
 *
 * Who may call what, and when: the lane_ functions, each lane's thread, at any time. tunnel_tick(),
 * tunnel_describe_peer() and tunnel_next_peer(), and what says so: the thread of the first lane, at
 * any time. All others: that thread, while no lane has a packet under way. So peers, their keys and
 * allowed IPs need no lock: they do not change under those who use them.
 */
struct tunnel;
struct lane;

/** What became of a packet. One counter each: tunnel_count(). */
enum verdict {
	VERDICT_SENT,            /* sealed and handed to UDP */
	VERDICT_RECEIVED,        /* opened and handed to the TUN */
	VERDICT_KEEPALIVE,       /* opened: empty, as it should be */
	VERDICT_HANDSHAKE,       /* a handshake message that was acted on */
	VERDICT_STAGED,          /* waits for a handshake */
	VERDICT_STAGED_OVERFLOW, /* the oldest of a full queue made room */
	VERDICT_DOWN,            /* the interface is down */
	VERDICT_NO_PEER,         /* no allowed IP covers the destination */
	VERDICT_NO_ENDPOINT,     /* the peer's address is not known */
	VERDICT_LOOP,          /* our own datagram: the peer's endpoint is routed into the tunnel */
	VERDICT_NO_MEMORY,     /* the packet pool is empty */
	VERDICT_NOT_IP,        /* no IPv4 or IPv6 packet, or its length lies */
	VERDICT_UNKNOWN_TYPE,  /* not one of the four message types, or reserved bytes not zero */
	VERDICT_BAD_LENGTH,    /* a message of the wrong size */
	VERDICT_BAD_MAC,       /* mac1 is wrong: it does not know our public key */
	VERDICT_UNDER_LOAD,    /* answered with a cookie, or its source was too fast */
	VERDICT_BAD_HANDSHAKE, /* does not decrypt, or from an unknown key */
	VERDICT_REPLAYED_HANDSHAKE, /* an initiation that is not newer, or too soon after the last
				     */
	VERDICT_BAD_COOKIE,         /* a cookie reply that nobody asked for */
	VERDICT_NO_SESSION,         /* data for an index that is not known or has expired */
	VERDICT_BAD_TAG,            /* data that does not authenticate */
	VERDICT_REPLAYED,           /* data seen before, or too old for the window */
	VERDICT_FORBIDDEN_SOURCE,   /* the inner source is not one of the peer's allowed IPs */
	VERDICT_N,
};

/** For the log and for tests: "bad tag". */
const char *verdict_name(enum verdict verdict);

struct tunnel_env {
	/* For what the tunnel writes itself; outlives it. Shared, if there is more than one lane.
	 */
	struct packet_pool *pool;
	void (*random)(void *ctx, void *out, size_t len); /* must not fail */
	void *random_ctx;
	/* Whether so many datagrams wait to be handed in that some may be lost. NULL: asked only
	 * when handshakes come fast, it counts as true. */
	bool (*is_backlogged)(void *ctx);
	void *backlogged_ctx;
	unsigned int mtu_bytes; /* of the TUN */
	unsigned int n_lanes;   /* 0 counts as 1 */
	/* Called by the other lanes' threads: tunnel_tick() is to be called earlier than it said.
	 * May be NULL if there are none. */
	void (*hurry)(void *ctx);
	void *hurry_ctx;
};

/** A tunnel that is down, without key and peers. Never NULL. */
struct tunnel *tunnel_new(const struct tunnel_env *env);
/** Wipes all keys; packets left in its queues go back to the pool. NULL is allowed. */
void tunnel_free(struct tunnel *tunnel);

/** The i-th lane, from 0. The tunnel's. */
struct lane *tunnel_lane(struct tunnel *tunnel, unsigned int i);

/** Plain IP packets that the host's kernel routed into the TUN. */
void lane_from_tun(struct lane *lane, struct packet_queue *in, const struct instant *now);
/** Datagrams, with the path they came by and their outer DS field. */
void lane_from_udp(struct lane *lane, struct packet_queue *in, const struct instant *now);
/** What waits to be sent; the host pops it empty. */
struct packet_queue *lane_to_udp(struct lane *lane);
struct packet_queue *lane_to_tun(struct lane *lane);

/**
 * Does what is due. Returns when to be called again at the latest, MONO_NEVER if nothing is
 * pending, and `now` or earlier if there was more to do than is good for one call: send what there
 * is to send first. Call it after every batch and every tunnel_set_, too: deadlines move then.
 */
mono_ns tunnel_tick(struct tunnel *tunnel, const struct instant *now);

/**
 * The host could not send from the source address in `packet`'s path, which came from
 * lane_to_udp(): its peer lets the kernel choose again. Any lane's thread, at any time.
 */
void tunnel_forget_source(struct tunnel *tunnel, const struct packet *packet);
/** Likewise for all peers: the mark changed. */
void tunnel_forget_sources(struct tunnel *tunnel);
/** Likewise for those whose path, which has a source, is not usable any more: routes changed. The
 * first lane's thread, at any time. */
void tunnel_check_sources(struct tunnel *tunnel,
			  bool (*is_usable)(void *ctx, const struct path *path), void *ctx);

/**
 * The interface went up or down. Down erases all sessions and staged packets; up makes a keepalive
 * due for each peer with a persistent keepalive.
 */
void tunnel_set_up(struct tunnel *tunnel, bool up, const struct instant *now);
void tunnel_set_mtu(struct tunnel *tunnel, unsigned int mtu_bytes);
/** The machine slept: all sessions are erased, handshakes begin anew. */
void tunnel_resumed(struct tunnel *tunnel, const struct instant *now);

/**
 * Sets the private key (clamped), or takes it away if zero. Sessions end; a peer that has the new
 * public key is removed.
 */
void tunnel_set_private_key(struct tunnel *tunnel, const struct wg_key *key,
			    const struct instant *now);
/** The clamped private key and its public key; both zero if there is none. */
void tunnel_get_keys(const struct tunnel *tunnel, struct wg_key *private_key,
		     struct wg_key *public_key);

/** The peer with that key, or NULL. It stays valid until it is removed. */
struct peer *tunnel_find_peer(struct tunnel *tunnel, const struct wg_key *public_key);
/**
 * Adds a peer that is not there yet. Returns NULL for our own public key, which is ignored, and
 * when there are 2^20 of them.
 */
struct peer *tunnel_add_peer(struct tunnel *tunnel, const struct wg_key *public_key,
			     const struct instant *now);
void tunnel_remove_peer(struct tunnel *tunnel, struct peer *peer);
void tunnel_remove_all_peers(struct tunnel *tunnel);
/** In the order they were added: pass NULL for the first; NULL after the last. */
struct peer *tunnel_next_peer(struct tunnel *tunnel, struct peer *peer);

/** Zero: none. Takes effect with the next handshake. */
void tunnel_set_preshared_key(struct tunnel *tunnel, struct peer *peer, const struct wg_key *key);
void tunnel_set_endpoint(struct tunnel *tunnel, struct peer *peer, const union sockaddr_ip *addr);
/** 0: off. Turning it on while up makes one due at once. */
void tunnel_set_keepalive(struct tunnel *tunnel, struct peer *peer, uint16_t keepalive_s,
			  const struct instant *now);
/** Moves the prefix to this peer if another has it. Host bits must be clear. */
void tunnel_add_allowed_ip(struct tunnel *tunnel, struct peer *peer, const struct cidr *cidr);
/** Nothing happens unless the peer has exactly this prefix. */
void tunnel_remove_allowed_ip(struct tunnel *tunnel, struct peer *peer, const struct cidr *cidr);
void tunnel_clear_allowed_ips(struct tunnel *tunnel, struct peer *peer);
/** After a change to a peer: staged packets may go now (it may have got its endpoint). */
void tunnel_poke_peer(struct tunnel *tunnel, struct peer *peer, const struct instant *now);

/** Fills in a fresh `out` with all there is to say about a peer, as a get reports it. */
void tunnel_describe_peer(const struct tunnel *tunnel, struct peer *peer, struct wg_peer *out);

/** How many packets got this verdict, in all lanes. */
uint64_t tunnel_count(const struct tunnel *tunnel, enum verdict verdict);

#endif
