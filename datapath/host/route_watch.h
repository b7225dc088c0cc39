#ifndef DATAPATH_HOST_ROUTE_WATCH_H
#define DATAPATH_HOST_ROUTE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/engine/packet.h"
#include "datapath/host/loop.h"
#include "lib/util/err.h"

/*
 * Hears from the kernel that routes, addresses, rules or links of the outer side have changed, and
 * asks it where a path leads now.
 */
struct route_watch;

/** Who is told. */
struct route_watch_handler {
	/* Something has changed; there may be any number of changes behind one call. */
	void (*changed)(void *ctx);
	void *ctx;
};

/** *out is a new watch; 0 or a negative errno. */
int route_watch_new(struct route_watch **out, struct loop *loop,
		    const struct route_watch_handler *handler, struct err *err);
/** NULL is allowed. */
void route_watch_free(struct route_watch *watch);

/**
 * Whether a datagram from path's source address, with that firewall mark, would leave by the
 * interface that the path was seen on. If not, another route has become the better one, or the
 * address is gone. True when the kernel does not say.
 */
bool route_watch_is_usable(const struct route_watch *watch, const struct path *path, uint32_t mark);

#endif
