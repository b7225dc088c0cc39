#ifndef DATAPATH_ENGINE_PACKET_H
#define DATAPATH_ENGINE_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/endpoint.h"

enum {
	/* Room in front of a packet read from the TUN: the data header, and what a layer below or
	 * an AEAD backend may want to put before it. */
	PACKET_HEADROOM = 128,
	/* Room behind it: padding to 16 bytes, and the tag. */
	PACKET_TAILROOM = 48,
	PACKET_MAX_LEN = 65535,
};

/** Where a datagram goes or came from. */
struct path {
	union sockaddr_ip remote; /* AF_UNSPEC: none */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} source; /* our own address, of remote's family; all zero: let the kernel choose */
	uint32_t source_ifindex; /* the interface it was seen on; 0: none */
};

/**
 * One packet and the room around it. It has one owner, the queue it is in; packet_free() gives it
 * back to its pool. [start, start + cap) is the storage, [data, data + len) what is in use now.
 */
struct packet {
	struct packet *next;
	uint8_t *data;
	size_t len;
	uint8_t *start;
	size_t cap;
	struct packet_pool *pool;
	struct packet *whole;   /* of a slice: whose storage it is in */
	unsigned int n_holders; /* its owner, and its slices */
	struct path path;       /* datagrams only */
	uint8_t ds; /* the outer header's DS field, DSCP << 2 | ECN: as received, or to be sent */
	/* The last of those that were one large packet until the host cut it. What is sent as one
	 * ends here too: on the other side it can be put together again in one piece. */
	bool ends_group;
	struct peer *peer; /* the engine's: whom it is staged for, or was received from */
};

/** First in, first out; packets of one queue belong to whoever holds the queue. */
struct packet_queue {
	struct packet *first, *last;
	size_t n;
};

void packet_queue_push(struct packet_queue *queue, struct packet *packet);
/** The oldest packet, now the caller's; NULL if the queue is empty. */
struct packet *packet_queue_pop(struct packet_queue *queue);
/** Moves all of `from` to the end of `to`. */
void packet_queue_append(struct packet_queue *to, struct packet_queue *from);
/** Frees all packets in it. */
void packet_queue_drop(struct packet_queue *queue);

/**
 * Where packets come from: bounded, in two sizes (those up to PACKET_SMALL_LEN, and whole 64 KiB
 * ones), kept for reuse. One thread takes packets out, the one that made the pool unless said
 * otherwise; any may free them.
 */
struct packet_pool;

enum {
	PACKET_SMALL_LEN = 2048
};

/** Never hands out more than n_small and n_large packets at a time; memory is taken as needed. */
struct packet_pool *packet_pool_new(size_t n_small, size_t n_large);
/** From now on it is the calling thread that takes packets out. */
void packet_pool_adopt(struct packet_pool *pool);
/** From now on whoever holds the lock that is meant for it. */
void packet_pool_share(struct packet_pool *pool);
/** All packets must have come back. */
void packet_pool_free(struct packet_pool *pool);

/**
 * A packet with PACKET_HEADROOM in front of data, and room for `len` bytes and PACKET_TAILROOM
 * from there on; its len is set to `len`, path, ds and peer are zero, the bytes undefined. When
 * small ones run out a large one may be given. NULL when there are no more: drop what it was for.
 */
struct packet *packet_new(struct packet_pool *pool, size_t len);
/**
 * A packet that is the bytes [offset, offset + len) of another one's data, with no room of its own
 * in front or behind; path and ds are those of `whole`. Its bytes may be changed, those of slices
 * beside it stay. The storage goes back when `whole` and all slices have been freed, in any order.
 */
struct packet *packet_slice(struct packet *whole, size_t offset, size_t len);
/** NULL is allowed. */
void packet_free(struct packet *packet);
/** Whether less than a quarter of the packets of this one's size are left: no time to keep it. */
bool packet_is_scarce(const struct packet *packet);

/** Bytes free before and behind what is in use. */
size_t packet_headroom(const struct packet *packet);
size_t packet_tailroom(const struct packet *packet);

#endif
