#ifndef LIB_MODEL_DEVICE_H
#define LIB_MODEL_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/cidr.h"
#include "lib/model/endpoint.h"
#include "lib/model/key.h"

/*
 * The noun of the whole suite: a WireGuard device, its peers and their allowed IPs. Config text,
 * UAPI text, netlink attributes and the running engine are notations of it.
 *
 * One struct serves two purposes. Got from a device it is a description: everything that is there
 * is filled in. Handed to a device it is a change: HAS_ flags say which values are meant, and the
 * order of peers matters (the same key twice is two changes, one after the other).
 */

struct wg_allowed_ip {
	struct cidr cidr;
	bool remove; /* a change only: take this one away from the peer */
};

enum wg_peer_flags {
	WG_PEER_REMOVE = 1 << 0,              /* nothing else of the peer counts */
	WG_PEER_REPLACE_ALLOWED_IPS = 1 << 1, /* those listed replace those there */
	WG_PEER_UPDATE_ONLY = 1 << 2,         /* do not create it */
	WG_PEER_HAS_PUBLIC_KEY = 1 << 3,
	WG_PEER_HAS_PRESHARED_KEY = 1 << 4, /* a zero key takes it away */
	WG_PEER_HAS_KEEPALIVE = 1 << 5,     /* 0 turns it off */
};

struct wg_peer {
	struct wg_key public_key;
	struct wg_key preshared_key; /* zero: none */
	struct endpoint endpoint;    /* empty: none, or unchanged */
	struct wg_allowed_ip *allowed_ips;
	uint32_t n_allowed_ips;
	uint32_t flags;             /* enum wg_peer_flags */
	int64_t last_handshake_s;   /* unix time; 0 with _ns 0: never */
	uint32_t last_handshake_ns; /* 0 to 999999999 */
	uint16_t keepalive_s;       /* persistent keepalive; 0: off */
	uint64_t rx_bytes, tx_bytes;
	size_t allowed_ips_cap;
	char *label; /* from "# Name = x"; NULL: none */
};

enum wg_device_flags {
	WG_DEVICE_REPLACE_PEERS = 1 << 0,   /* peers not listed go */
	WG_DEVICE_HAS_PRIVATE_KEY = 1 << 1, /* a zero key takes it away */
	WG_DEVICE_HAS_PUBLIC_KEY = 1 << 2,
	WG_DEVICE_HAS_LISTEN_PORT = 1 << 3, /* 0: the device chooses */
	WG_DEVICE_HAS_FWMARK = 1 << 4,      /* 0: off */
};

struct wg_block;

struct wg_device {
	char name[IFNAMSIZ];
	uint32_t flags; /* enum wg_device_flags */
	struct wg_key private_key;
	struct wg_key public_key;
	uint32_t fwmark;
	uint16_t listen_port;
	size_t n_peers;
	char *label; /* from "# Name = x"; NULL: none */
	/* How the peers are kept is device.c's affair: see struct wg_peers. */
	struct wg_peer last;
	bool has_last;
	struct wg_block **blocks;
	size_t n_blocks;
	size_t blocks_cap;
};

struct wg_device *wg_device_new(void);
/** Wipes the keys and frees everything; NULL is allowed. */
void wg_device_free(struct wg_device *device);
/** For AUTO(). */
void wg_device_auto_free(struct wg_device **device);

/**
 * Adds an empty peer at the end. The pointer is valid until the next peer is added.
 * Takes linear time in all, however many are added.
 */
struct wg_peer *wg_device_add_peer(struct wg_device *device);
/** What wg_device_add_peer() returned last, while it is valid; else NULL. */
struct wg_peer *wg_device_last_peer(struct wg_device *device);
/** Puts the peers of another device, which is left without any, before those that are there. */
void wg_device_prepend_peers(struct wg_device *device, struct wg_device *first);
/** Puts the peers of another device, which is left without any, in the place of those there. */
void wg_device_take_peers(struct wg_device *device, struct wg_device *from);

/** Adds an allowed IP at the end; the pointer is valid until the next is added. */
struct wg_allowed_ip *wg_peer_add_allowed_ip(struct wg_peer *peer);

/**
 * A walk over a device's peers in their order, for those who only look:
 *	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
 *	while ((peer = wg_peers_next(&peers)))
 * The device must stay as it is meanwhile.
 */
struct wg_peers {
	const struct wg_device *device; /* borrowed */
	uint32_t place;                 /* of the peer that was returned last */
	uint32_t next;
	struct wg_peer peer;
};
/** The next peer, NULL after the last; valid until the next call. */
const struct wg_peer *wg_peers_next(struct wg_peers *peers);
/**
 * The peer at a place that a walk over the same device, unchanged since, has been at (`place`).
 * The walk then goes on from there. Places grow in the order of peers.
 */
const struct wg_peer *wg_peers_at(struct wg_peers *peers, uint32_t place);
void wg_peers_fini(struct wg_peers *peers);

/** Sets the flags of the peer at a place of this device. Walks and places stay valid. */
void wg_device_set_peer_flags(struct wg_device *device, uint32_t place, uint32_t flags);

/** Makes `out`, a peer of some device, the same as `in`, strings and allowed IPs included. */
void wg_peer_copy(struct wg_peer *out, const struct wg_peer *in);
/** Forgets the allowed IPs listed so far. */
void wg_peer_clear_allowed_ips(struct wg_peer *peer);

#endif
