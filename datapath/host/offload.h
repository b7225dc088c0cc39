#ifndef DATAPATH_HOST_OFFLOAD_H
#define DATAPATH_HOST_OFFLOAD_H

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

/* What both directions of a TUN with IFF_VNET_HDR have to know: split.h and coalesce.h. */

/* The kernel has these since 6.2; its headers here may be older. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* one UDP datagram that is to become many */
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#endif
#ifndef TUN_F_USO6
#define TUN_F_USO6 0x40
#endif

/* Where things are in a TCP header, and its flags: RFC 9293 section 3.1, RFC 3168 section 6.1. */
enum {
	TCP_HEADER_MIN_LEN = 20,
	TCP_AT_SEQUENCE = 4,
	TCP_AT_ACK = 8,
	TCP_AT_LEN = 12, /* in its upper four bits, of 32-bit words */
	TCP_AT_FLAGS = 13,
	TCP_AT_WINDOW = 14,
	TCP_AT_CHECKSUM = 16,
	TCP_AT_URGENT = 18,
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
	TCP_FLAG_ECE = 0x40,
	TCP_FLAG_CWR = 0x80,
};

/* RFC 768 */
enum {
	UDP_AT_LEN = 4,
	UDP_AT_CHECKSUM = 6,
};

/* RFC 791 section 3.1; RFC 8200 section 3 */
enum {
	IPV4_AT_LEN = 2,
	IPV4_AT_ID = 4,
	IPV4_AT_FRAGMENT = 6,
	IPV4_AT_PROTOCOL = 9,
	IPV4_AT_CHECKSUM = 10,
	IPV4_AT_ADDRESSES = 12,
	IPV4_DONT_FRAGMENT = 0x4000,
	IPV4_FRAGMENT_MASK = 0x3fff, /* "more fragments" and the offset */
	IPV6_AT_LEN = 4,
	IPV6_AT_NEXT_HEADER = 6,
	IPV6_AT_ADDRESSES = 8,
};

#endif
