#ifndef CMD_WG_WATCH_SNAPSHOT_H
#define CMD_WG_WATCH_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/conf/names.h"
#include "lib/model/device.h"
#include "lib/util/clock.h"

/*
 * What the live view keeps of a device: peers as short as a row needs them, and what came of them
 * since the snapshot before. Pure; the time is handed in.
 */

enum watch_sort {
	WATCH_SORT_HANDSHAKE, /* the latest first */
	WATCH_SORT_RATE,      /* the most received and sent per second first */
	WATCH_SORT_NAME,      /* as it is shown: the name, else the key */
	WATCH_N_SORTS,
};

struct watch_peer {
	struct wg_key key;
	const char *name; /* borrowed from the names; NULL: none */
	union sockaddr_ip endpoint;
	int64_t handshake_s; /* unix time; 0 with _ns 0: never */
	uint32_t handshake_ns;
	uint16_t keepalive_s;
	bool has_rates; /* false when it was not there before, or its counters went backwards */
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_rate, tx_rate; /* bytes per second */
	mono_ns sent;              /* when something was last seen to be sent to it; 0: never */
	uint32_t n_allowed_ips;    /* that it has */
	uint32_t n_kept;           /* of them, in `allowed_ips` of the snapshot */
	size_t first_allowed_ip;
};

struct watch_snapshot {
	struct watch_peer *peers; /* in the device's order */
	size_t n_peers;
	size_t *order; /* the peers as they are shown: see watch_snapshot_sort() */
	bool is_sorted, reverse, names;
	enum watch_sort sort;
	struct cidr *allowed_ips;
	size_t n_allowed_ips, allowed_ips_cap;
	mono_ns taken;
	uint16_t listen_port;
	bool has_rates;
	uint64_t rx_rate, tx_rate; /* of all peers */
	/* How wide the widest text is, in columns; allowed_ip: the first, and "+" if there are
	 * more. */
	unsigned int name_width, endpoint_width, allowed_ip_width, allowed_ips_width;
	bool any_named, all_named;
};

/** A copy of what is needed; to be freed. */
struct watch_snapshot *watch_snapshot_new(const struct wg_device *device, mono_ns taken);
void watch_snapshot_free(struct watch_snapshot *snapshot);
/** For AUTO(). */
void watch_snapshot_auto_free(struct watch_snapshot **snapshot);

/**
 * Works out the rates since `before`. Returns whether there are peers that were not there before.
 * The same key twice (no real device has that) counts as its first.
 */
bool watch_snapshot_follow(struct watch_snapshot *snapshot, const struct watch_snapshot *before);

/** Gives the peers their names, which must live as long. */
void watch_snapshot_name(struct watch_snapshot *snapshot, const struct conf_names *names);

/**
 * Puts the peers in order; `names` says whether names are shown. What is equal goes by key, so that
 * rows stay where they are whatever the device's order. Does nothing if they are in that order.
 */
void watch_snapshot_sort(struct watch_snapshot *snapshot, enum watch_sort sort, bool reverse,
			 bool names);

#endif
