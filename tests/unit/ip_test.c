/* Inner IP headers: lengths that lie, and the table of RFC 6040. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include "datapath/engine/ip.h"
#include "lib/util/endian.h"

static void make_v4(uint8_t *packet, uint16_t len, uint8_t ds)
{
	memset(packet, 0, 20);
	packet[0] = 0x45;
	packet[1] = ds;
	store_be16(packet + 2, len);
	packet[8] = 64;
	packet[9] = 17;
	memcpy(packet + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	store_be16(packet + 10, ip_checksum_fold(ip_checksum_add(0, packet, 20)));
}

static void make_v6(uint8_t *packet, uint16_t payload_len, uint8_t ds)
{
	memset(packet, 0, 40);
	store_be32(packet, 6u << 28 | (uint32_t)ds << 20 | 0xabcde);
	store_be16(packet + 4, payload_len);
	packet[8] = 0xfd;
	packet[24] = 0xfe;
}

static void test_v4(void **state)
{
	uint8_t packet[64];
	struct ip ip;

	(void)state;
	make_v4(packet, 28, 0xb9);
	assert_true(ip_read(&ip, packet, 64));
	assert_int_equal(ip.version, 4);
	assert_int_equal(ip.len, 28);
	assert_int_equal(ip.ds, 0xb9);
	assert_memory_equal(ip.source, "\x0a\x00\x00\x01", 4);
	assert_memory_equal(ip.destination, "\x0a\x00\x00\x02", 4);
	assert_true(ip_read(&ip, packet, 28));
	assert_false(ip_read(&ip, packet, 27));
	make_v4(packet, 19, 0);
	assert_false(ip_read(&ip, packet, 64));
	make_v4(packet, 0, 0);
	assert_false(ip_read(&ip, packet, 64));
	make_v4(packet, 20, 0);
	assert_true(ip_read(&ip, packet, 20));
	for (size_t len = 0; len < 20; len++)
		assert_false(ip_read(&ip, packet, len));
}

static void test_v6(void **state)
{
	uint8_t packet[64];
	struct ip ip;

	(void)state;
	make_v6(packet, 8, 0xb9);
	assert_true(ip_read(&ip, packet, 64));
	assert_int_equal(ip.version, 6);
	assert_int_equal(ip.len, 48);
	assert_int_equal(ip.ds, 0xb9);
	assert_int_equal(ip.source[0], 0xfd);
	assert_int_equal(ip.destination[0], 0xfe);
	assert_true(ip_read(&ip, packet, 48));
	assert_false(ip_read(&ip, packet, 47));
	make_v6(packet, 0, 0);
	assert_true(ip_read(&ip, packet, 40));
	for (size_t len = 0; len < 40; len++)
		assert_false(ip_read(&ip, packet, len));
	make_v6(packet, 65535, 0);
	assert_false(ip_read(&ip, packet, 64));
}

static void test_other_versions(void **state)
{
	uint8_t packet[64];
	struct ip ip;

	(void)state;
	for (unsigned int version = 0; version < 16; version++) {
		make_v6(packet, 0, 0);
		store_be16(packet + 2, 40);
		packet[0] = (uint8_t)(version << 4 | 5);
		assert_int_equal(ip_read(&ip, packet, 64), version == 4 || version == 6);
	}
}

static void test_find_udp(void **state)
{
	uint8_t packet[64];
	struct ip ip;

	(void)state;
	make_v4(packet, 30, 0);
	assert_true(ip_read(&ip, packet, sizeof(packet)));
	assert_ptr_equal(ip_find_udp(&ip, packet, 2), packet + 20);
	assert_null(ip_find_udp(&ip, packet, 3));
	packet[0] = 0x46; /* options */
	assert_null(ip_find_udp(&ip, packet, 0));
	ip.len = 34;
	assert_ptr_equal(ip_find_udp(&ip, packet, 2), packet + 24);
	packet[0] = 0x44; /* a header that is too short for one */
	assert_null(ip_find_udp(&ip, packet, 0));
	packet[0] = 0x45;
	store_be16(packet + 6, 0x2000); /* the first of several fragments */
	assert_ptr_equal(ip_find_udp(&ip, packet, 2), packet + 20);
	store_be16(packet + 6, 1); /* a later one */
	assert_null(ip_find_udp(&ip, packet, 0));
	store_be16(packet + 6, 0);
	packet[9] = IPPROTO_TCP;
	assert_null(ip_find_udp(&ip, packet, 0));

	make_v6(packet, 18, 0);
	packet[6] = IPPROTO_UDP;
	assert_true(ip_read(&ip, packet, sizeof(packet)));
	assert_ptr_equal(ip_find_udp(&ip, packet, 10), packet + 40);
	assert_null(ip_find_udp(&ip, packet, 11));
	packet[6] = IPPROTO_FRAGMENT;
	packet[40] = IPPROTO_UDP;
	store_be16(packet + 42, 1);
	assert_ptr_equal(ip_find_udp(&ip, packet, 2), packet + 48);
	assert_null(ip_find_udp(&ip, packet, 3));
	store_be16(packet + 42, 8);
	assert_null(ip_find_udp(&ip, packet, 0));
	store_be16(packet + 42, 0);
	packet[40] = IPPROTO_TCP;
	assert_null(ip_find_udp(&ip, packet, 0));
	packet[6] = IPPROTO_HOPOPTS;
	assert_null(ip_find_udp(&ip, packet, 0));
	/* A fragment header that is cut off. */
	packet[6] = IPPROTO_FRAGMENT;
	ip.len = 47;
	assert_null(ip_find_udp(&ip, packet, 0));
}

/* RFC 6040 figure 4, but nothing is dropped; 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
static const unsigned int table[4][4] = {
	/* outer:  Not ECT1 ECT0 CE     inner: */
	{ 0, 0, 0, 0 }, /* Not-ECT */
	{ 1, 1, 1, 3 }, /* ECT(1) */
	{ 2, 1, 2, 3 }, /* ECT(0) */
	{ 3, 3, 3, 3 }, /* CE */
};

static void test_ecn(void **state)
{
	uint8_t packet[64], before[64];

	(void)state;
	for (unsigned int dscp = 0; dscp < 64; dscp++) {
		for (unsigned int inner = 0; inner < 4; inner++) {
			for (unsigned int outer = 0; outer < 4; outer++) {
				uint8_t outer_ds = (uint8_t)((63 - dscp) << 2 | outer);
				uint8_t after = (uint8_t)(dscp << 2 | table[inner][outer]);
				uint8_t ds = (uint8_t)(dscp << 2 | inner);

				make_v4(packet, 20, ds);
				ip_ecn_decapsulate(packet, outer_ds);
				make_v4(before, 20, after);
				/* The checksum, too, as if computed anew. */
				assert_memory_equal(packet, before, 20);

				make_v6(packet, 0, ds);
				ip_ecn_decapsulate(packet, outer_ds);
				make_v6(before, 0, after);
				assert_memory_equal(packet, before, 40);
			}
		}
	}
}

/* Every checksum that a header can have stays right. */
static void test_ecn_checksum(void **state)
{
	uint8_t packet[20];

	(void)state;
	for (unsigned int id = 0; id < 65536; id++) {
		make_v4(packet, 20, IP_ECN_ECT0);
		store_be16(packet + 4, (uint16_t)id);
		store_be16(packet + 10, 0);
		store_be16(packet + 10, ip_checksum_fold(ip_checksum_add(0, packet, 20)));
		ip_ecn_decapsulate(packet, IP_ECN_CE);
		assert_int_equal(ip_checksum_fold(ip_checksum_add(0, packet, 20)), 0);
	}
}

/* RFC 1071 section 3's example, and an odd length. */
static void test_checksum(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(ip_checksum_fold(ip_checksum_add(0, bytes, 8)), (uint16_t)~0xddf2);
	assert_int_equal(ip_checksum_fold(ip_checksum_add(0, bytes, 3)),
			 (uint16_t) ~(0x0001 + 0xf200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_find_udp),
		cmocka_unit_test(test_ecn),
		cmocka_unit_test(test_ecn_checksum),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
