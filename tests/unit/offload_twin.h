#ifndef TESTS_UNIT_OFFLOAD_TWIN_H
#define TESTS_UNIT_OFFLOAD_TWIN_H

/*
 * The stupid twins of checksum.h, split.h and coalesce.h: byte by byte, one packet at a time, and
 * written from the rules rather than from the code. And randomness that can be had again: the seed
 * is printed, OFFLOAD_SEED sets it, and OFFLOAD_TIMES=10 does ten times as much.
 */

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/host/offload.h"

#pragma GCC diagnostic ignored "-Wunused-function"

/* ---- randomness ------------------------------------------------------------------------------ */

static uint64_t twin_chance;

static void twin_seed(void)
{
	const char *text = getenv("OFFLOAD_SEED");

	twin_chance = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL) * 2654435761U + 1;
	printf("# OFFLOAD_SEED=%llu\n", (unsigned long long)twin_chance);
}

static size_t twin_times(size_t n)
{
	const char *text = getenv("OFFLOAD_TIMES");

	return text ? n * strtoull(text, NULL, 0) : n;
}

/* 0 to n - 1 */
static uint32_t twin_random(uint32_t n)
{
	twin_chance ^= twin_chance << 13;
	twin_chance ^= twin_chance >> 7;
	twin_chance ^= twin_chance << 17;
	return (uint32_t)(twin_chance >> 16) % n;
}

/* True once in n times. */
static bool twin_once_in(uint32_t n)
{
	return twin_random(n) == 0;
}

static void twin_fill(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)twin_random(256);
}

/* ---- numbers and checksums ------------------------------------------------------------------- */

static unsigned int twin_get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static uint32_t twin_get32(const uint8_t *at)
{
	return (uint32_t)twin_get16(at) << 16 | twin_get16(at + 2);
}

static void twin_put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void twin_put32(uint8_t *at, uint32_t value)
{
	twin_put16(at, value >> 16);
	twin_put16(at + 2, value & 0xffff);
}

/* RFC 1071 as it is written: the end-around carry at each step. */
static unsigned int twin_add(unsigned int sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		sum += (unsigned int)bytes[i] << 8 | (i + 1 < len ? bytes[i + 1] : 0);
		sum = sum > 0xffff ? sum - 0xffff : sum;
	}
	return sum;
}

/* Of the pseudo-header. `to` is the final destination, which a routing header hides. */
static unsigned int twin_pseudo(const uint8_t *ip, const uint8_t *to, uint8_t protocol, size_t len)
{
	size_t address_len = ip[0] >> 4 == 4 ? 4 : 16;
	const uint8_t *from = ip + (address_len == 4 ? 12 : 8);
	uint8_t rest[4] = { 0, protocol };
	unsigned int sum = twin_add(0, from, address_len);

	sum = twin_add(sum, to ? to : from + address_len, address_len);
	twin_put16(rest + 2, len);
	return twin_add(sum, rest, 4);
}

/* Fills in a whole packet's TCP or UDP checksum. */
static void twin_sum_transport(uint8_t *ip, size_t len, size_t transport, const uint8_t *to,
			       bool is_tcp)
{
	uint8_t *at = ip + transport + (is_tcp ? 16 : 6);
	unsigned int sum = twin_pseudo(ip, to, is_tcp ? 6 : 17, len - transport);

	twin_put16(at, 0);
	sum = 0xffff - twin_add(sum, ip + transport, len - transport);
	twin_put16(at, sum || is_tcp ? sum : 0xffff);
}

static void twin_sum_ip(uint8_t *ip)
{
	twin_put16(ip + 10, 0);
	twin_put16(ip + 10, 0xffff - twin_add(0, ip, (size_t)(ip[0] & 15) * 4));
}

/* ---- cutting --------------------------------------------------------------------------------- */

/*
 * Writes the packet that carries payload bytes [at, at + n) of the large packet `whole` to out.
 * `to` as above. Returns its length.
 */
static size_t twin_cut(uint8_t *out, const uint8_t *whole, size_t whole_len, size_t transport,
		       bool is_tcp, bool has_checksum, const uint8_t *to, size_t index, size_t at,
		       size_t n)
{
	size_t header_len = transport + (is_tcp ? (size_t)(whole[transport + 12] >> 4) * 4 : 8);
	uint8_t *header = out + transport;
	size_t len = header_len + n;

	memcpy(out, whole, header_len);
	memcpy(out + header_len, whole + header_len + at, n);
	if (out[0] >> 4 == 4) {
		twin_put16(out + 2, len);
		twin_put16(out + 4, twin_get16(whole + 4) + index);
		twin_sum_ip(out);
	} else {
		twin_put16(out + 4, len - 40);
	}
	if (is_tcp) {
		twin_put32(header + 4, twin_get32(header + 4) + (uint32_t)at);
		if (at)
			header[13] &= 0x7f; /* CWR */
		if (header_len + at + n < whole_len)
			header[13] &= 0xf6; /* PSH, FIN */
	} else {
		twin_put16(header + 4, 8 + n);
	}
	if (has_checksum)
		twin_sum_transport(out, len, transport, to, is_tcp);
	return len;
}

#endif
