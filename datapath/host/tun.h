#ifndef DATAPATH_HOST_TUN_H
#define DATAPATH_HOST_TUN_H

#include "datapath/engine/packet.h"
#include "datapath/host/features.h"
#include "lib/util/err.h"
#include <net/if.h>
#include <stdbool.h>

/*
 * The TUN interface: plain IP packets between the host's kernel and the tunnel, by the batch.
 */
struct tun;

enum {
	TUN_MTU_BYTES = 1420, /* of an interface that we create */
	/* Of one tun_read(): it ends when one is reached. Enough to make a batch of; more would
	 * keep what comes the other way waiting, and fall out of the cache before it is sent. */
	TUN_READS = 64,
	TUN_READ_PACKETS = 128,
	TUN_QUEUES_MAX = 16,
};

/** Whether `name` may be the name of a network interface. 0, or -EINVAL with *err filled in. */
int tun_check_name(const char *name, struct err *err);

/**
 * Creates the interface `name`, which goes away with tun_free(); or takes over a TUN interface of
 * that name that is there and not in use, and leaves it there. It leaves to the kernel as much of
 * what is `wanted` as the kernel has. Packets come from `pool`, which must outlive it. *out is a
 * new tun. Returns 0 or a negative errno with a remedy in *err.
 */
int tun_new(struct tun **out, const char *name, struct packet_pool *pool,
	    const struct features *wanted, struct err *err);
/**
 * As tun_new(), for an interface that tun_new_queue() can add to; one that was there before, or was
 * handed in, has one queue only: tun_has_queues() tells.
 */
int tun_new_with_queues(struct tun **out, const char *name, struct packet_pool *pool,
			const struct features *wanted, struct err *err);
bool tun_has_queues(const struct tun *tun);
/**
 * Another queue of the interface that `first` was opened for, which is to be freed last: the kernel
 * puts each flow into one of them.
 */
int tun_new_queue(struct tun **out, const struct tun *first, struct packet_pool *pool,
		  const struct features *wanted, struct err *err);
/**
 * As tun_new(), with a descriptor that somebody else opened, for a TUN with IFF_NO_PI; owned from
 * now on if 0 is returned. Without IFF_VNET_HDR nothing can be left to the kernel.
 */
int tun_new_from_fd(struct tun **out, int fd, struct packet_pool *pool,
		    const struct features *wanted, struct err *err);
/** NULL is allowed. */
void tun_free(struct tun *tun);

int tun_fd(const struct tun *tun);
/** The interface's name when it was opened. */
const char *tun_name(const struct tun *tun);
/** The name it has now: it may have been renamed. 0, or -1 if it is gone. */
int tun_current_name(const struct tun *tun, char out[static IFNAMSIZ]);
/**
 * Opens the network namespace that the interface is in now: it may have been moved to another.
 * Returns a descriptor, -1 if it is our own or cannot be told.
 */
int tun_open_netns(const struct tun *tun);

/**
 * Adds what is there to read to `out`, cut into packets that can be sent one by one, with their
 * checksums. What there is no memory for is dropped. Returns 0, or a negative errno when the
 * interface is gone.
 */
int tun_read(struct tun *tun, struct packet_queue *out);
/**
 * Writes and frees all packets; those that the kernel does not take (it is down) are dropped. That
 * their inner checksums are right is taken for granted, and told to the kernel.
 */
void tun_write(struct tun *tun, struct packet_queue *in);

#endif
