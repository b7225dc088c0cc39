/* The internet checksum, against one that adds two bytes at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/host/checksum.h"
#include "tests/unit/offload_twin.h"

static uint8_t bytes[65536 + 64], copied[65536 + 64];

static void check_one(size_t at, size_t len, size_t to)
{
	unsigned int expected = twin_add(0, bytes + at, len);

	assert_int_equal(checksum_fold(checksum_add(0, bytes + at, len)), expected);
	assert_int_equal(checksum_finish(checksum_add(0, bytes + at, len)), 0xffff - expected);
	memset(copied, 0xa5, to + len + 64 < sizeof(copied) ? to + len + 64 : sizeof(copied));
	assert_int_equal(checksum_fold(checksum_copy(0, copied + to, bytes + at, len)), expected);
	assert_memory_equal(copied + to, bytes + at, len);
	assert_int_equal(copied[to + len], 0xa5);
	if (to)
		assert_int_equal(copied[to - 1], 0xa5);
}

/* Each length up to several blocks of each way to add, at each alignment. */
static void test_lengths(void **state)
{
	(void)state;
	twin_fill(bytes, sizeof(bytes));
	for (size_t len = 0; len < 300; len++)
		for (size_t at = 0; at < 33; at++)
			check_one(at, len, (at * 7 + len) % 33);
}

/* All ones carry at every step; all zeros stay zero. */
static void test_extremes(void **state)
{
	static const size_t lens[] = { 2, 31, 32, 1380, 65534, 65535, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(bytes, 0xff, sizeof(bytes));
		check_one(1, lens[i], 0);
		memset(bytes, 0, sizeof(bytes));
		check_one(0, lens[i], 1);
		assert_int_equal(checksum_fold(checksum_add(0, bytes, lens[i])), 0);
		assert_int_equal(checksum_finish(checksum_add(0, bytes, lens[i])), 0xffff);
	}
	/* What would be 0 is written as 0xffff for UDP only. */
	assert_int_equal(checksum_finish(checksum_add_be16(0, 0xffff)), 0);
	assert_int_equal(checksum_finish_udp(checksum_add_be16(0, 0xffff)), 0xffff);
	assert_int_equal(checksum_finish_udp(checksum_add_be16(0, 0x1234)), 0xedcb);
}

static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < twin_times(2000); i++) {
		size_t len = twin_random(twin_once_in(10) ? 65000 : 3000), at = twin_random(33);
		size_t first = twin_random((uint32_t)len + 1) & ~(size_t)1;
		uint16_t number = (uint16_t)twin_random(65536);
		uint8_t words[6];
		uint64_t sum;

		twin_fill(bytes + at, len < 100 ? len : 100);
		sum = checksum_add(0, bytes + at, first);
		sum = checksum_copy(sum, copied, bytes + at + first, len - first);
		assert_int_equal(checksum_fold(sum), twin_add(0, bytes + at, len));

		twin_put16(words, number);
		twin_put32(words + 2, (uint32_t)number * 40503);
		sum = checksum_add_be32(checksum_add_be16(sum, number), (uint32_t)number * 40503);
		assert_int_equal(checksum_fold(sum),
				 twin_add(twin_add(0, bytes + at, len), words, 6));
		/* 0 and 0xffff are the same number. */
		sum = checksum_subtract_be16(sum, number);
		assert_int_equal(checksum_fold(sum) % 0xffff,
				 twin_add(twin_add(0, bytes + at, len), words + 2, 4) % 0xffff);
	}
}

static void test_pseudo(void **state)
{
	uint8_t ip[40];

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		uint16_t len = (uint16_t)twin_random(65536);
		uint8_t protocol = twin_once_in(2) ? 6 : 17;

		twin_fill(ip, sizeof(ip));
		ip[0] = twin_once_in(2) ? 0x45 : 0x60;
		assert_int_equal(checksum_fold(checksum_add_pseudo(0, ip, protocol, len)),
				 twin_pseudo(ip, NULL, protocol, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_pseudo),
	};

	twin_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
