#ifndef DATAPATH_ENGINE_ICMP_H
#define DATAPATH_ENGINE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/clock.h"

enum {
	ICMP_ERROR_MAX_LEN = 1280, /* of IPv6; IPv4's are at most 576 bytes */
	ICMP_ERRORS_PER_SECOND = 100,
	ICMP_ERRORS_BURST = 50,
};

/**
 * Writes the answer to a packet that cannot be delivered: ICMP "host unreachable" (3/1) or ICMPv6
 * "address unreachable" (1/3), which quotes it. Its source is the packet's destination: a tunnel
 * does not know the addresses of its interface, and this one is routed into it for certain.
 * Returns the length; 0 if there must be no answer (to errors, to groups, to later fragments) or
 * if the packet, which ip_read() took, cannot be made out.
 * Source: RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3.2; RFC 4443 sections 2.4 and 3.1.
 */
size_t icmp_unreachable(uint8_t out[static ICMP_ERROR_MAX_LEN], const uint8_t *packet, size_t len);

/** How many errors may still be sent. All zero: a fresh one. */
struct icmp_limit {
	mono_ns full_at; /* when a whole burst is allowed again */
};

/** Whether one more is fine now. */
bool icmp_limit_allow(struct icmp_limit *limit, mono_ns now);

#endif
