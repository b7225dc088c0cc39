#ifndef DATAPATH_HOST_COALESCE_H
#define DATAPATH_HOST_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/packet.h"
#include "datapath/host/offload.h"

/*
 * Joins packets of one TCP or UDP flow into large ones for a TUN with IFF_VNET_HDR: the kernel
 * takes 64 KiB for little more than the cost of one packet. What is joined can be cut again into
 * the very same packets (split.h, and the kernel when it routes them on), and packets of one flow
 * are never reordered.
 */

enum {
	/* Packets in one TCP write: an iovec (1024 parts at most) for each, and one for the
	 * header. */
	COALESCE_TCP_MAX = 1022,
	/* Datagrams in one UDP write, at most; kernels before 6.9 take 64. */
	COALESCE_UDP_MAX = 128,
	COALESCE_OPEN_MAX = 16,    /* flows that may still grow, at a time */
	COALESCE_WAITING_MAX = 64, /* large packets that wait for those before them */
};

/** What is one write to the TUN: the header, then the packets' bytes. */
struct super_packet {
	struct virtio_net_hdr header;
	/* At least one. The first is written whole, of the others what is behind header_len. */
	struct packet_queue packets;
	size_t header_len;
	uint64_t flow; /* equal for equal flows, and hardly ever for others */
};

/* coalesce.c's: packets that were joined, or will be. */
struct coalescer_group {
	struct packet_queue packets;
	uint64_t flow;        /* equal for equal flows, and hardly ever for others */
	size_t transport;     /* where the first packet's TCP or UDP header begins */
	size_t header_len;    /* likewise, its payload */
	size_t segment_len;   /* payload of each packet but the last */
	size_t len;           /* of what will be written */
	size_t n_max;         /* packets */
	uint32_t next;        /* TCP: sequence number of the packet that continues it */
	uint16_t id, id_step; /* IPv4: the last packet's ID, and what was added to get there */
	uint8_t flags;        /* TCP: the last packet's */
	bool is_tcp;
	bool is_open;
};

/** Holds packets until they are popped; plain data, several KiB. One thread. */
struct coalescer {
	struct packet_queue in;
	/* A ring, in the order of the groups' first packets. */
	struct coalescer_group groups[COALESCE_WAITING_MAX];
	size_t first, n;
	/* The open ones, likewise in order; and which of these the last packet went to. */
	uint8_t open[COALESCE_OPEN_MAX];
	size_t n_open, latest;
	size_t n_udp_max;
};

/** n_udp_max: datagrams that the kernel takes in one write; 0 if it takes no USO at all. */
void coalescer_init(struct coalescer *coalescer, size_t n_udp_max);
/** Takes over all packets of `in`: plain IP, each as long as its IP header says. */
void coalescer_add_all(struct coalescer *coalescer, struct packet_queue *in);
/**
 * The next to be written; its packets are the caller's now, to be freed after that. False when
 * there is none left. What was added before ends here: nothing is kept back for packets to come.
 */
bool coalescer_pop(struct coalescer *coalescer, struct super_packet *out);
/** Frees the packets that are left. */
void coalescer_fini(struct coalescer *coalescer);

#endif
