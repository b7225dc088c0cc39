/* ICMP errors: what they say, and what must not be answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include "datapath/engine/icmp.h"
#include "datapath/engine/ip.h"
#include "lib/util/endian.h"

static uint8_t packet[2000], out[ICMP_ERROR_MAX_LEN];

static void make_v4(size_t len, uint8_t protocol)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	memset(packet, 0, 20);
	packet[0] = 0x45;
	store_be16(packet + 2, (uint16_t)len);
	packet[9] = protocol;
	memcpy(packet + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
}

static void make_v6(size_t len, uint8_t next)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	memset(packet, 0, 40);
	packet[0] = 0x60;
	store_be16(packet + 4, (uint16_t)(len - 40));
	packet[6] = next;
	packet[8] = 0xfd;
	packet[23] = 1;
	packet[24] = 0xfd;
	packet[39] = 2;
}

static void test_v4(void **state)
{
	static const struct {
		size_t len, quoted;
	} cases[] = { { 20, 20 }, { 29, 29 }, { 548, 548 }, { 549, 548 }, { 1420, 548 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = 28 + cases[i].quoted;

		make_v4(cases[i].len, IPPROTO_UDP);
		assert_int_equal(icmp_unreachable(out, packet, cases[i].len), len);
		assert_int_equal(out[0], 0x45);
		assert_int_equal(load_be16(out + 2), len);
		assert_int_equal(out[9], IPPROTO_ICMP);
		assert_memory_equal(out + 12, packet + 16, 4);
		assert_memory_equal(out + 16, packet + 12, 4);
		assert_int_equal(ip_checksum_fold(ip_checksum_add(0, out, 20)), 0);
		assert_int_equal(out[20], 3);
		assert_int_equal(out[21], 1);
		assert_int_equal(load_be32(out + 24), 0);
		assert_int_equal(ip_checksum_fold(ip_checksum_add(0, out + 20, len - 20)), 0);
		assert_memory_equal(out + 28, packet, cases[i].quoted);
	}
}

static void test_v6(void **state)
{
	static const struct {
		size_t len, quoted;
	} cases[] = { { 40, 40 }, { 61, 61 }, { 1232, 1232 }, { 1233, 1232 }, { 1420, 1232 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = 48 + cases[i].quoted;
		uint8_t pseudo[40] = { 0 };
		uint32_t sum;

		make_v6(cases[i].len, IPPROTO_UDP);
		assert_int_equal(icmp_unreachable(out, packet, cases[i].len), len);
		assert_int_equal(out[0], 0x60);
		assert_int_equal(load_be16(out + 4), len - 40);
		assert_int_equal(out[6], IPPROTO_ICMPV6);
		assert_memory_equal(out + 8, packet + 24, 16);
		assert_memory_equal(out + 24, packet + 8, 16);
		assert_int_equal(out[40], 1);
		assert_int_equal(out[41], 3);
		memcpy(pseudo, out + 8, 32);
		store_be32(pseudo + 32, (uint32_t)(len - 40));
		pseudo[39] = IPPROTO_ICMPV6;
		sum = ip_checksum_add(0, pseudo, 40);
		assert_int_equal(ip_checksum_fold(ip_checksum_add(sum, out + 40, len - 40)), 0);
		assert_memory_equal(out + 48, packet, cases[i].quoted);
	}
}

static void test_v4_silence(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		bool query = type == 0 || type == 8 || type == 13 || type == 14;

		make_v4(64, IPPROTO_ICMP);
		packet[20] = (uint8_t)type;
		assert_int_equal(icmp_unreachable(out, packet, 64) != 0, query);
	}
	make_v4(20, IPPROTO_ICMP);
	assert_int_equal(icmp_unreachable(out, packet, 20), 0);

	make_v4(64, IPPROTO_UDP);
	store_be16(packet + 6, 0x2000); /* first fragment */
	assert_int_not_equal(icmp_unreachable(out, packet, 64), 0);
	store_be16(packet + 6, 0x2001); /* a later one */
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	make_v4(64, IPPROTO_UDP);
	packet[16] = 224;
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	memset(packet + 16, 255, 4);
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	make_v4(64, IPPROTO_UDP);
	memset(packet + 12, 0, 4);
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	make_v4(64, IPPROTO_UDP);
	packet[12] = 239;
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	make_v4(64, IPPROTO_UDP);
	packet[0] = 0x44; /* header shorter than a header */
	assert_int_equal(icmp_unreachable(out, packet, 64), 0);
	make_v4(40, IPPROTO_UDP);
	packet[0] = 0x4b; /* header longer than the packet */
	assert_int_equal(icmp_unreachable(out, packet, 40), 0);
	assert_int_equal(icmp_unreachable(out, packet, 0), 0);
}

static void test_v6_silence(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		make_v6(80, IPPROTO_ICMPV6);
		packet[40] = (uint8_t)type;
		assert_int_equal(icmp_unreachable(out, packet, 80) != 0, type >= 128);
		/* The same behind a hop-by-hop header and one for the destination. */
		make_v6(80, IPPROTO_HOPOPTS);
		packet[40] = IPPROTO_DSTOPTS;
		packet[41] = 0;
		packet[48] = IPPROTO_ICMPV6;
		packet[49] = 1;
		packet[64] = (uint8_t)type;
		assert_int_equal(icmp_unreachable(out, packet, 80) != 0, type >= 128);
	}
	make_v6(40, IPPROTO_ICMPV6);
	assert_int_equal(icmp_unreachable(out, packet, 40), 0);
	make_v6(44, IPPROTO_HOPOPTS); /* cut off */
	assert_int_equal(icmp_unreachable(out, packet, 44), 0);
	make_v6(80, IPPROTO_FRAGMENT);
	packet[40] = IPPROTO_UDP;
	store_be16(packet + 42, 1); /* first of several */
	assert_int_not_equal(icmp_unreachable(out, packet, 80), 0);
	store_be16(packet + 42, 8);
	assert_int_equal(icmp_unreachable(out, packet, 80), 0);
	make_v6(80, IPPROTO_UDP);
	packet[24] = 0xff;
	assert_int_equal(icmp_unreachable(out, packet, 80), 0);
	make_v6(80, IPPROTO_UDP);
	packet[8] = 0xff;
	assert_int_equal(icmp_unreachable(out, packet, 80), 0);
	make_v6(80, IPPROTO_UDP);
	memset(packet + 8, 0, 16);
	assert_int_equal(icmp_unreachable(out, packet, 80), 0);
	packet[23] = 1;
	assert_int_equal(icmp_unreachable(out, packet, 80), 0);
}

static void test_limit(void **state)
{
	struct icmp_limit limit = { 0 };
	int n = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		n += icmp_limit_allow(&limit, SEC(5));
	assert_int_equal(n, ICMP_ERRORS_BURST);
	n = 0;
	for (int i = 0; i < 10000; i++)
		n += icmp_limit_allow(&limit, SEC(5) + MSEC(i));
	assert_in_range(n, 10 * ICMP_ERRORS_PER_SECOND - 2, 10 * ICMP_ERRORS_PER_SECOND + 2);
	n = 0;
	for (int i = 0; i < 1000; i++)
		n += icmp_limit_allow(&limit, SEC(50));
	assert_int_equal(n, ICMP_ERRORS_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),         cmocka_unit_test(test_v6),
		cmocka_unit_test(test_v4_silence), cmocka_unit_test(test_v6_silence),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
