#ifndef DATAPATH_ENGINE_RATELIMIT_H
#define DATAPATH_ENGINE_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/model/endpoint.h"
#include "lib/model/key.h"
#include "lib/util/clock.h"

/*
 * A token bucket for each source, an IPv4 address or an IPv6 /64: RATELIMIT_PER_SECOND, with bursts
 * of RATELIMIT_BURST. The number of sources is bounded; those that are full again are forgotten.
 * Source: [W] 5.3.
 */

enum {
	RATELIMIT_PER_SECOND = 20,
	RATELIMIT_BURST = 5,
	RATELIMIT_MAX_SOURCES = 65536,
};

struct ratelimiter;

/** hash_key: 32 random bytes, so that strangers cannot choose colliding sources. Never NULL. */
struct ratelimiter *ratelimiter_new(const struct wg_key *hash_key);
void ratelimiter_free(struct ratelimiter *limiter);

/** Whether one more from there is fine now. When there are too many sources, new ones are not. */
bool ratelimit_allow(struct ratelimiter *limiter, const union sockaddr_ip *from, mono_ns now);

/** Forgets sources whose bucket has been full for a while; call it about once a second. */
void ratelimit_collect(struct ratelimiter *limiter, mono_ns now);
/** Number of sources remembered: nothing to collect at 0. */
size_t ratelimit_sources(const struct ratelimiter *limiter);

#endif
