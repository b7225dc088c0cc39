#ifndef LIB_MODEL_DEVICE_H
#define LIB_MODEL_DEVICE_H

#include <net/if.h>
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

struct wg_device {
	char name[IFNAMSIZ];
	uint32_t flags; /* enum wg_device_flags */
	struct wg_key private_key;
	struct wg_key public_key;
	uint32_t fwmark;
	uint16_t listen_port;
	struct wg_peer *peers;
	size_t n_peers;
	size_t peers_cap;
	char *label; /* from "# Name = x"; NULL: none */
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
/** Makes room for n peers in all. Not needed, but saves the moving when many are to come. */
void wg_device_reserve_peers(struct wg_device *device, size_t n);
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
	size_t next;
};
/** The next peer, NULL after the last; valid until the next call. */
const struct wg_peer *wg_peers_next(struct wg_peers *peers);
void wg_peers_fini(struct wg_peers *peers);

/** Forgets the allowed IPs listed so far. */
void wg_peer_clear_allowed_ips(struct wg_peer *peer);

#endif
