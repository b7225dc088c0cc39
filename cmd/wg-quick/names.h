#ifndef CMD_WG_QUICK_NAMES_H
#define CMD_WG_QUICK_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/ipc/lookup.h"
#include "lib/util/err.h"

/*
 * Peers whose endpoint is to be looked up: a name, or a domain whose SRV records say where they
 * are. All are looked up side by side, and one that is dead takes no other along.
 */

/** One such section of the file. */
struct names_peer {
	struct wg_key key;
	size_t domain;          /* place among the lookups, or NAMES_NONE; goes first */
	size_t host;            /* likewise */
	union sockaddr_ip addr; /* an Endpoint that is an address already, if SRV says nothing */
};

#define NAMES_NONE SIZE_MAX

/** All of a file, in its order. To be finished with names_fini(). */
struct names {
	struct lookups *lookups;
	struct names_peer *peers;
	size_t n_peers;
	size_t peers_cap;
};

/** Which peers somebody wants; NULL in its place: all. */
struct names_filter {
	bool (*wants)(void *ctx, const struct wg_key *key);
	void *ctx;
};

/** Whether there is anything to look up for any peer of conf->device. */
bool names_has_any(const struct conf *conf);
/** Collects the peers for which there is. Asks nobody yet. */
void names_collect(struct names *out, const struct conf *conf, const struct names_filter *filter);
void names_fini(struct names *names);

/** Once names->lookups have run: a peer's addresses, in the order in which to try them; perhaps 0.
 */
size_t names_addrs(const union sockaddr_ip **out, const struct names *names,
		   const struct names_peer *peer);
/** Why there are none. */
const struct err *names_reason(const struct names *names, const struct names_peer *peer);

/**
 * Looks up what conf->device takes and gives its peers their addresses. It waits a few seconds at
 * most or, if WG_ENDPOINT_RESOLUTION_RETRIES is set, for as many tries as that says. Peers that are
 * not found are left without an endpoint; each is told on stderr, and *n_missing says how many.
 * Returns 0, or -EINVAL with *err filled in if that variable is wrong; the device stays as it is
 * then. Blocks; to be called in a child process.
 */
int names_resolve(struct conf *conf, const struct target *target, size_t *n_missing,
		  struct err *err);

/**
 * Has systemd, where it runs, go on looking for them: starts the timer of `wg-quick reresolve`,
 * telling so on stderr. Nothing depends on its success.
 */
void names_retry_later(const struct target *target);

/** Writes the start of a key, by which a message names a peer. */
enum {
	NAMES_KEY_MAX = 12
};
void names_shorten_key(char out[static NAMES_KEY_MAX], const struct wg_key *key);

#endif
