#ifndef DATAPATH_HOST_UDP_RECEIVE_H
#define DATAPATH_HOST_UDP_RECEIVE_H

#include <stddef.h>

#include "datapath/engine/packet.h"

/** What datagrams are received into, by the batch. */
struct udp_receiver;

enum {
	/* Of one call: it ends when either is reached. Enough to make a batch of; more would keep
	 * what comes next waiting, and fall out of the cache before it is sent on. */
	UDP_RECEIVE_PACKETS = 64,
	UDP_RECEIVE_BYTES = 256 << 10,
	/* What a pool must have, as that many may come in one call. */
	UDP_RECEIVE_SMALL = 2 * UDP_RECEIVE_PACKETS,
	UDP_RECEIVE_LARGE = 32,
};

/** Packets come from `pool`, which must outlive it. Never NULL. */
struct udp_receiver *udp_receiver_new(struct packet_pool *pool);
/** NULL is allowed. */
void udp_receiver_free(struct udp_receiver *receiver);

/**
 * Adds what a non-blocking socket has to `out`, with the path it came by and its outer DS field.
 * What there is no memory for is dropped. Returns how many bytes were received.
 */
size_t udp_receive(struct udp_receiver *receiver, struct packet_queue *out, int fd);

#endif
