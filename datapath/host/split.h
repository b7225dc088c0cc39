#ifndef DATAPATH_HOST_SPLIT_H
#define DATAPATH_HOST_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/packet.h"
#include "datapath/host/offload.h"

/*
 * What a TUN with IFF_VNET_HDR and offloads gives: one header and one packet of up to 64 KiB, which
 * the kernel did not cut to the MTU and whose checksum it did not complete.
 */

/**
 * Appends to `out` the packets that `data` has to become: many for VIRTIO_NET_HDR_GSO_TCPV4, _TCPV6
 * and _UDP_L4, one, with its checksum completed, for _NONE. The last of several has ends_group set.
 * When `pool` is empty the rest is dropped; a header that does not fit the packet yields nothing.
 * Returns how many were appended.
 * Source: virtio 1.2 section 5.1.6.2 (here in the machine's byte order); RFC 9293, RFC 3168 section
 * 6.1.2 (CWR on one segment), RFC 6864 (IPv4 IDs).
 */
size_t split(struct packet_queue *out, struct packet_pool *pool,
	     const struct virtio_net_hdr *header, const uint8_t *data, size_t len);

/**
 * Completes the checksum of one packet that is not to be cut, if the header says that it is
 * partial. False, and nothing is changed, if it says so wrongly.
 */
bool split_finish_checksum(const struct virtio_net_hdr *header, uint8_t *data, size_t len);

#endif
