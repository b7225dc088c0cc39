#ifndef DATAPATH_ENGINE_IP_H
#define DATAPATH_ENGINE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As much of the inner IPv4 and IPv6 headers as a tunnel has to know. */

enum {
	IP_ECN_NOT_ECT = 0,
	IP_ECN_ECT1 = 1,
	IP_ECN_ECT0 = 2,
	IP_ECN_CE = 3,
	IP_ECN_MASK = 3,
	IP_V4_HEADER_LEN = 20,
	IP_V6_HEADER_LEN = 40,
	IP_UDP_HEADER_LEN = 8,
};

/** What one packet's header says; the addresses point into the packet. */
struct ip {
	unsigned int version;       /* 4 or 6 */
	size_t len;                 /* header and payload: the rest of the bytes is padding */
	const uint8_t *source;      /* 4 or 16 bytes, network order */
	const uint8_t *destination; /* likewise */
	uint8_t ds;                 /* DSCP << 2 | ECN */
};

/** Returns false if it is neither IPv4 nor IPv6, or if it is longer than the `len` bytes given. */
bool ip_read(struct ip *out, const uint8_t *packet, size_t len);

/**
 * The UDP header of a packet that ip_read() took, behind which are at least payload_len bytes. NULL
 * if there is none: another protocol, a later fragment, too short, or IPv6 with extension headers
 * other than a fragment's.
 */
const uint8_t *ip_find_udp(const struct ip *ip, const uint8_t *packet, size_t payload_len);

/**
 * Brings the outer header's congestion mark into a packet that ip_read() took, its checksum kept
 * right. A packet that cannot say so stays as it is, as the kernel's driver has it: dropping it, as
 * the RFC wants, would shut out who has a provider that marks everything.
 * Source: RFC 6040 section 4.2.
 */
void ip_ecn_decapsulate(uint8_t *packet, uint8_t outer_ds);

/** The internet checksum of `len` bytes, added to `sum` so far, not yet folded. RFC 1071. */
uint32_t ip_checksum_add(uint32_t sum, const uint8_t *bytes, size_t len);
/** Folds the sum: what goes into the header, as a number. */
uint16_t ip_checksum_fold(uint32_t sum);

#endif
