#ifndef DATAPATH_HOST_LINK_WATCH_H
#define DATAPATH_HOST_LINK_WATCH_H

#include <stdbool.h>

#include "datapath/host/loop.h"
#include "datapath/host/tun.h"
#include "lib/util/err.h"

/*
 * Hears from the kernel what becomes of the TUN interface, and of the host's addresses. That the
 * interface was deleted is not told here but by tun_read(): seen from one network namespace, being
 * deleted and being moved to another look the same.
 */
struct link_watch;

/** Who is told. */
struct link_watch_handler {
	/* The interface's state: told once at the start, and after each change. */
	void (*link)(void *ctx, bool is_up, unsigned int mtu_bytes);
	/* One of the host's addresses (of the network namespace the sockets are in) is gone. */
	void (*address_gone)(void *ctx);
	void *ctx;
};

/**
 * Watches `tun`, which is borrowed. If the interface is in another network namespace that may not
 * be entered, it is taken for up. *out is a new watch; 0 or a negative errno.
 */
int link_watch_new(struct link_watch **out, struct loop *loop, const struct tun *tun,
		   const struct link_watch_handler *handler, struct err *err);
/** NULL is allowed. */
void link_watch_free(struct link_watch *watch);

#endif
