#ifndef DATAPATH_HOST_UDP_SEND_H
#define DATAPATH_HOST_UDP_SEND_H

#include <stdbool.h>
#include <stddef.h>

#include "datapath/engine/packet.h"

/** What datagrams are sent with, by the batch. */
struct udp_sender;

/** A non-blocking socket of one family. */
struct udp_way {
	int fd;        /* -1: none; what would go there is dropped */
	bool has_gso;  /* it takes several datagrams of one size in one piece */
	bool may_wait; /* for room in its buffer: once, then it is cleared */
};

/**
 * Is told that the kernel did not send from the source address in packet's path. It goes out from
 * another, but whoever set the source must forget it.
 */
struct udp_source_failed {
	void (*call)(void *ctx, const struct packet *packet);
	void *ctx;
};

enum {
	UDP_JOIN_MAX = 64 /* newer kernels take twice as many, which is no gain worth finding out */
};

/** How many datagrams of `len` bytes one piece may have at most. */
unsigned int udp_join_max(size_t len);

/** Never NULL. */
struct udp_sender *udp_sender_new(const struct udp_source_failed *source_failed);
/** NULL is allowed. */
void udp_sender_free(struct udp_sender *sender);

/**
 * Takes packets from the front of the queue that are of the way's family, sends and frees them, as
 * many as go into one system call: one at least. What cannot be sent is dropped; `way` remembers
 * what its socket does not take.
 */
void udp_send(struct udp_sender *sender, struct udp_way *way, struct packet_queue *in);

#endif
