#ifndef DATAPATH_HOST_CHECKSUM_H
#define DATAPATH_HOST_CHECKSUM_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The internet checksum (RFC 1071) of much data at a time. A sum is 64 bits wide and in the
 * machine's own byte order: it is started with 0, handed from one function to the next, and made a
 * number by the last. Of several parts only the last may have an odd length.
 */

/** Adds `len` bytes, at most 64 KiB, to `sum`. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t len);
/** The same, of bytes that are copied on the way; the two must not overlap. */
uint64_t checksum_copy(uint64_t sum, uint8_t *restrict to, const uint8_t *restrict from,
		       size_t len);
/**
 * Adds what TCP and UDP sum beside their own bytes: addresses, protocol, and `len`, the bytes from
 * their header on. `ip` is an IPv4 or IPv6 header. RFC 9293 section 3.1; RFC 8200 section 8.1.
 */
uint64_t checksum_add_pseudo(uint64_t sum, const uint8_t *ip, uint8_t protocol, uint16_t len);

static inline uint64_t checksum_add_be16(uint64_t sum, uint16_t value)
{
	return sum + htobe16(value);
}

static inline uint64_t checksum_add_be32(uint64_t sum, uint32_t value)
{
	return sum + htobe32(value);
}

/** Takes away what checksum_add_be16() added. */
static inline uint64_t checksum_subtract_be16(uint64_t sum, uint16_t value)
{
	return sum + (uint16_t)~htobe16(value);
}

/** The sum in 16 bits, as a number: for store_be16(). */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return be16toh((uint16_t)sum);
}

/** Its complement: what goes into a header. */
static inline uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

/** The same for UDP, where 0 would mean that there is no checksum. */
static inline uint16_t checksum_finish_udp(uint64_t sum)
{
	uint16_t checksum = checksum_finish(sum);

	return checksum ? checksum : 0xffff;
}

#endif
