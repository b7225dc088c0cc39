#ifndef DATAPATH_HOST_LINK_WATCH_H
#define DATAPATH_HOST_LINK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/host/loop.h"
#include "datapath/host/tun.h"
#include "lib/util/err.h"

/*
 * Hears from the kernel what becomes of the TUN interface. That it was deleted is not told here but
 * by tun_read(): seen from one network namespace, being deleted and being moved to another look the
 * same.
 */
struct link_watch;

/** Who is told of the interface's state: once at the start, and after each change. */
struct link_watch_handler {
	void (*link)(void *ctx, bool is_up, unsigned int mtu_bytes);
	void *ctx;
};

/**
 * Watches `tun`, which is borrowed. If the interface is in another network namespace that may not
 * be looked into, it is taken for up. *out is a new watch; 0 or a negative errno.
 */
int link_watch_new(struct link_watch **out, struct loop *loop, const struct tun *tun,
		   const struct link_watch_handler *handler, struct err *err);
/**
 * Has the kernel put no more than that many packets into one piece that is routed to the interface,
 * if it is in our network namespace; it takes that along to another. Larger pieces work as well.
 */
void link_watch_limit_pieces(const struct link_watch *watch, uint32_t n_packets);
/** NULL is allowed. */
void link_watch_free(struct link_watch *watch);

#endif
