#ifndef DATAPATH_HOST_UDP_H
#define DATAPATH_HOST_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/engine/packet.h"
#include "datapath/host/features.h"
#include "datapath/host/loop.h"
#include "lib/util/err.h"

/*
 * The outer side: one IPv4 and one IPv6 socket on the same port, datagrams by the batch. Where the
 * kernel knows only one of the two families there is one socket.
 */
struct udp;

/** Who is told. */
struct udp_handler {
	/* Datagrams have come, with the path they came by and their outer DS field. Those left in
	 * the batch are freed. */
	void (*received)(void *ctx, struct packet_queue *batch);
	/* The kernel did not send from the source address in packet's path. It goes out from
	 * another, but whoever set the source must forget it. */
	void (*source_failed)(void *ctx, const struct packet *packet);
	void *ctx;
};

/**
 * Opens the sockets on a random port, using as much of what is `wanted` as the kernel has. Packets
 * come from `pool` (see udp_receive.h for how many). *out is a new udp. 0 or a negative errno.
 *
 * With `first`, another udp, they are on the same port, and share what comes to it: each remote is
 * heard by one of them. Only the first one is to be configured then, which moves the others, while
 * none of them is at work in its thread; and it is to be freed last.
 */
int udp_new(struct udp **out, struct udp *first, struct loop *loop, struct packet_pool *pool,
	    const struct features *wanted, const struct udp_handler *handler, struct err *err);
/** NULL is allowed. */
void udp_free(struct udp *udp);

/**
 * Moves to `port` (0: a random one, even if it has one now) and sets the firewall mark of what is
 * sent (0: none). All or nothing: on failure, as when the port is taken, the old sockets go on
 * working as they did. 0 or a negative errno.
 */
int udp_configure(struct udp *udp, uint16_t port, uint32_t mark, struct err *err);
uint16_t udp_port(const struct udp *udp);
uint32_t udp_mark(const struct udp *udp);
/** Whether a socket holds so much that has not been read yet that it may soon be lost. */
bool udp_is_backlogged(const struct udp *udp);

/**
 * Sends and frees all packets. It waits for a full socket buffer, but not for long: what cannot be
 * sent is dropped.
 */
void udp_write(struct udp *udp, struct packet_queue *in);

#endif
