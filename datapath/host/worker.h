#ifndef DATAPATH_HOST_WORKER_H
#define DATAPATH_HOST_WORKER_H

#include "datapath/engine/tunnel.h"
#include "datapath/host/loop.h"
#include "datapath/host/tun.h"
#include "datapath/host/udp.h"

/*
 * Moves packets: from a queue of the TUN through a lane of the tunnel to sockets, and back. It has
 * what one thread needs for that, and lives in that thread's loop.
 */
struct worker;

struct worker_handler {
	/* The time. Asked for each batch. */
	struct instant (*now)(void *ctx);
	/* The interface is gone. */
	void (*gone)(void *ctx);
	void *ctx;
};

/** Has a lane and a loop, and no descriptors yet. The lane's number is `number`. Never NULL. */
struct worker *worker_new(struct tunnel *tunnel, unsigned int number, struct loop *loop,
			  const struct worker_handler *handler);
/** Not before the tunnel, which may hold packets of its pools. NULL is allowed. */
void worker_free(struct worker *worker);
/** Closes the descriptors. */
void worker_close(struct worker *worker);

/** Where packets that are read from its queue of the TUN come from. */
struct packet_pool *worker_tun_pool(struct worker *worker);
/** Works with that queue, which is the worker's from now on, also on failure. */
int worker_set_tun(struct worker *worker, struct tun *tun, struct err *err);
/** Opens sockets: the first, or if `first` is not NULL more of those. 0 or a negative errno. */
int worker_open_udp(struct worker *worker, struct worker *first, const struct features *features,
		    struct err *err);
struct udp *worker_udp(struct worker *worker);

/** The calling thread is the one that it works in from now on. */
void worker_adopt(struct worker *worker);
/** Sends what waits in its lane. */
void worker_flush(struct worker *worker);

#endif
