/* Cutting large packets: each rule once, and random packets against a twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/host/split.h"
#include "tests/unit/offload_twin.h"

/* A large packet as the kernel gives it. */
struct large {
	struct virtio_net_hdr header;
	uint8_t data[65536];
	size_t len, transport, header_len, payload_len;
	bool is_v4, is_tcp, has_checksum;
	const uint8_t *to; /* the final destination; NULL: the header's */
};

static struct large large;
static struct packet_pool *pool;

/* Leaves in the checksum field what the kernel leaves there. */
static void make_partial(void)
{
	size_t at = large.transport + (large.is_tcp ? 16 : 6);

	twin_put16(large.data + at, twin_pseudo(large.data, large.to, large.is_tcp ? 6 : 17,
						large.len - large.transport));
	large.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	large.header.csum_start = (uint16_t)large.transport;
	large.header.csum_offset = large.is_tcp ? 16 : 6;
	large.has_checksum = true;
}

/*
 * Random where nothing is said. extra_len: of options in IPv4, of a routing header in IPv6 (of at
 * least 24 bytes); tcp_len: of the TCP header, 0 for UDP.
 */
static void make(bool is_v4, size_t extra_len, size_t tcp_len, size_t payload_len, size_t gso_size)
{
	size_t ip_len = (is_v4 ? 20 : 40) + extra_len;
	uint8_t protocol = tcp_len ? 6 : 17;

	large = (struct large){
		.len = ip_len + (tcp_len ? tcp_len : 8) + payload_len,
		.transport = ip_len,
		.header_len = ip_len + (tcp_len ? tcp_len : 8),
		.payload_len = payload_len,
		.is_v4 = is_v4,
		.is_tcp = tcp_len,
	};
	assert_true(large.len <= PACKET_MAX_LEN);
	twin_fill(large.data, large.len);
	if (is_v4) {
		large.data[0] = (uint8_t)(0x40 | ip_len / 4);
		twin_put16(large.data + 2, large.len);
		large.data[9] = protocol;
		twin_put16(large.data + 6, 0x4000);
	} else {
		large.data[0] = (uint8_t)(0x60 | (large.data[0] & 15));
		twin_put16(large.data + 4, large.len - 40);
		large.data[6] = extra_len ? 43 : protocol;
		if (extra_len) {
			large.data[40] = protocol;
			large.data[41] = (uint8_t)(extra_len / 8 - 1);
			large.to = large.data + 40 + extra_len - 16;
		}
	}
	if (tcp_len)
		large.data[ip_len + 12] = (uint8_t)(tcp_len / 4 << 4);
	else
		twin_put16(large.data + ip_len + 4, 8 + payload_len);
	large.header.gso_type = !tcp_len ? VIRTIO_NET_HDR_GSO_UDP_L4
				: is_v4  ? VIRTIO_NET_HDR_GSO_TCPV4
					 : VIRTIO_NET_HDR_GSO_TCPV6;
	large.header.gso_size = (uint16_t)gso_size;
	large.header.hdr_len = (uint16_t)large.header_len;
	make_partial();
}

/* Splits it and compares with the twin, up to `n_max` packets. Returns how many there were. */
static size_t check(size_t n_max)
{
	struct packet_queue out = { 0 };
	static uint8_t expected[65536];
	size_t n = split(&out, pool, &large.header, large.data, large.len), index = 0;
	size_t n_expected = (large.payload_len + large.header.gso_size - 1) / large.header.gso_size;
	struct packet *packet;

	if (n_expected > n_max)
		n_expected = n_max;
	assert_int_equal(n, n_expected);
	assert_int_equal(out.n, n);
	while ((packet = packet_queue_pop(&out))) {
		size_t at = index * large.header.gso_size, left = large.payload_len - at;
		size_t len = twin_cut(expected, large.data, large.len, large.transport,
				      large.is_tcp, large.has_checksum, large.to, index, at,
				      left < large.header.gso_size ? left : large.header.gso_size);

		assert_int_equal(packet->len, len);
		assert_memory_equal(packet->data, expected, len);
		assert_true(packet->ends_group == (n > 1 && index + 1 == n));
		assert_true(packet_headroom(packet) >= PACKET_HEADROOM);
		packet_free(packet);
		index++;
	}
	return n;
}

static void test_tcp_flags(void **state)
{
	struct packet_queue out = { 0 };
	struct packet *packet;

	(void)state;
	make(true, 0, 20, 2500, 1000);
	large.data[20 + 13] = 0xff;
	large.header.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	twin_put32(large.data + 24, 0xfffffff0);
	twin_put16(large.data + 4, 0xffff);
	assert_int_equal(check(100), 3);
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 3);
	packet = packet_queue_pop(&out);
	assert_int_equal(packet->len, 1040);
	assert_int_equal(packet->data[33], 0xff & ~0x09);
	assert_int_equal(twin_get16(packet->data + 2), 1040);
	assert_int_equal(twin_get16(packet->data + 4), 0xffff);
	assert_int_equal(twin_get32(packet->data + 24), 0xfffffff0);
	assert_false(packet->ends_group);
	packet_free(packet);
	packet = packet_queue_pop(&out);
	assert_int_equal(packet->data[33], 0xff & ~0x89);
	assert_int_equal(twin_get16(packet->data + 4), 0);
	assert_int_equal(twin_get32(packet->data + 24), 0xfffffff0 + 1000);
	packet_free(packet);
	packet = packet_queue_pop(&out);
	assert_int_equal(packet->len, 540);
	assert_int_equal(packet->data[33], 0x7f);
	assert_int_equal(twin_get32(packet->data + 24), 0xfffffff0 + 2000);
	assert_true(packet->ends_group);
	packet_free(packet);
}

static void test_shapes(void **state)
{
	(void)state;
	/* One that needs no cutting does not end a group; whole multiples; single bytes. */
	make(true, 0, 32, 1000, 1000);
	assert_int_equal(check(100), 1);
	make(false, 0, 32, 3000, 1000);
	assert_int_equal(check(100), 3);
	make(false, 0, 60, 300, 1);
	assert_int_equal(check(1000), 300);
	make(true, 40, 60, 10001, 999);
	assert_int_equal(check(100), 11);
	/* The largest. */
	make(true, 0, 20, PACKET_MAX_LEN - 40, 1380);
	check(100);
	make(false, 0, 0, PACKET_MAX_LEN - 48, 65487);
	assert_int_equal(check(100), 1);
	/* IPv6 with a routing header: the sum is of the final destination. */
	make(false, 24, 20, 5000, 1300);
	assert_int_equal(check(100), 4);
	make(false, 24, 0, 5000, 1300);
	assert_int_equal(check(100), 4);
}

/* A sum of zero is sent as 0xffff; no checksum stays none, but in IPv6 there must be one. */
static void test_udp_checksums(void **state)
{
	struct packet_queue out = { 0 };
	struct packet *packet;

	(void)state;
	make(true, 0, 0, 200, 100);
	memset(large.data + 28, 0, 200);
	/* The length stands in the header and in the pseudo-header. */
	twin_put16(large.data + 28, 0xffff - twin_add(twin_pseudo(large.data, NULL, 17, 108 + 108),
						      large.data + 20, 4));
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 2);
	assert_int_equal(twin_get16(out.first->data + 26), 0xffff);
	packet_queue_drop(&out);
	assert_int_equal(check(100), 2);

	make(true, 0, 0, 200, 100);
	large.header.flags = 0;
	twin_put16(large.data + 26, 0);
	large.has_checksum = false;
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 2);
	while ((packet = packet_queue_pop(&out))) {
		assert_int_equal(twin_get16(packet->data + 26), 0);
		packet_free(packet);
	}
	assert_int_equal(check(100), 2);
	large.has_checksum = true;
	twin_put16(large.data + 26, 1);
	assert_int_equal(check(100), 2);

	make(false, 0, 0, 200, 100);
	large.header.flags = 0;
	twin_put16(large.data + 46, 0);
	assert_int_equal(check(100), 2);
	make(false, 0, 40, 200, 100);
	large.header.flags = 0;
	assert_int_equal(check(100), 2);
}

static void refused(void)
{
	struct packet_queue out = { 0 };
	/* Of its own size, so that a sanitizer sees what is read behind it. */
	uint8_t *data = malloc(large.len ? large.len : 1);

	assert_non_null(data);
	memcpy(data, large.data, large.len);
	assert_int_equal(split(&out, pool, &large.header, data, large.len), 0);
	assert_int_equal(out.n, 0);
	free(data);
}

static void test_malformed(void **state)
{
	(void)state;
#define REFUSED(v4, tcp_len, spoil)               \
	do {                                      \
		make(v4, 0, tcp_len, 3000, 1000); \
		assert_int_equal(check(100), 3);  \
		spoil;                            \
		refused();                        \
	} while (0)
	REFUSED(true, 20, large.header.gso_size = 0);
	REFUSED(true, 20, large.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6);
	REFUSED(false, 20, large.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4);
	REFUSED(true, 0, large.header.gso_type = VIRTIO_NET_HDR_GSO_UDP);
	REFUSED(true, 0, large.header.gso_type = VIRTIO_NET_HDR_GSO_ECN);
	REFUSED(true, 0, large.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4);
	REFUSED(true, 20, large.header.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4);
	REFUSED(true, 20, large.header.csum_offset = 6);
	REFUSED(true, 0, large.header.csum_offset = 16);
	REFUSED(true, 20, large.header.csum_start = 24);
	REFUSED(true, 20, large.header.csum_start = 0);
	REFUSED(false, 20, (large.header.csum_start = 20, large.data[32] = 0x50));
	REFUSED(false, 20, large.header.csum_start = (uint16_t)(large.len - 19));
	REFUSED(false, 20, large.header.csum_start = (uint16_t)(large.len - 12));
	REFUSED(false, 0, large.header.csum_start = (uint16_t)(large.len - 7));
	REFUSED(false, 0, large.header.csum_start = 0xffff);
	REFUSED(true, 20, large.data[0] = 0x44);
	REFUSED(true, 20,
		(large.data[0] = 0x44, large.header.csum_start = 16, large.data[28] = 0x50));
	REFUSED(true, 20, large.data[0] = 0x55);
	REFUSED(true, 20, large.data[0] = 0x65);
	REFUSED(true, 20, large.data[9] = 17);
	REFUSED(true, 20, large.data[32] = 0x40);
	REFUSED(false, 0, (large.header.flags = 0, large.data[6] = 6));
	REFUSED(true, 20, large.len = 0);
	REFUSED(true, 20, large.len = 19);
	REFUSED(true, 20, large.len = 39);
	REFUSED(true, 20, large.len = 40); /* no payload */
	REFUSED(true, 60, large.len = 79);
	REFUSED(false, 0, large.len = 39);
	REFUSED(false, 0, large.len = 47);
	REFUSED(false, 0, large.len = 48);
	REFUSED(true, 20, large.len = PACKET_MAX_LEN + 1);
	REFUSED(true, 20, (large.len = PACKET_MAX_LEN + 1, large.header.gso_type = 0));
#undef REFUSED
}

/* What there are no packets for is dropped. */
static void test_pool_is_empty(void **state)
{
	struct packet_pool *whole_pool = pool;
	struct packet_queue out = { 0 };

	(void)state;
	pool = packet_pool_new(2, 0);
	make(true, 0, 20, 3000, 1000);
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 2);
	assert_true(out.last->ends_group);
	refused();
	large.header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	refused();
	packet_queue_drop(&out);
	packet_pool_free(pool);
	pool = whole_pool;
}

/* Behind what is there already. */
static void test_appends(void **state)
{
	struct packet_queue out = { 0 };

	(void)state;
	make(true, 0, 20, 3000, 1000);
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 3);
	make(false, 0, 0, 10, 1000);
	assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 1);
	assert_int_equal(out.n, 4);
	assert_false(out.last->ends_group);
	packet_queue_drop(&out);
}

static void test_one_packet(void **state)
{
	static uint8_t expected[65536];
	struct packet_queue out = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++) {
		make(i & 1, i & 2 ? 24 : 0, i & 4 ? 20 : 0, twin_random(2000), 0);
		large.header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		memcpy(expected, large.data, large.len);
		if (i & 8)
			twin_sum_transport(expected, large.len, large.transport, large.to,
					   large.is_tcp);
		else
			large.header.flags = 0;
		assert_int_equal(split(&out, pool, &large.header, large.data, large.len), 1);
		assert_int_equal(out.first->len, large.len);
		assert_memory_equal(out.first->data, expected, large.len);
		assert_false(out.first->ends_group);
		packet_queue_drop(&out);
		assert_true(split_finish_checksum(&large.header, large.data, large.len));
		assert_memory_equal(large.data, expected, large.len);
	}
	/* A field that is not in the packet. */
	make(true, 0, 20, 100, 0);
	large.header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	memcpy(expected, large.data, large.len);
	large.header.csum_start = (uint16_t)(large.len - 17);
	assert_false(split_finish_checksum(&large.header, large.data, large.len));
	refused();
	large.header.csum_start = large.header.csum_offset = 0xffff;
	assert_false(split_finish_checksum(&large.header, large.data, large.len));
	assert_memory_equal(large.data, expected, large.len);
	large.header.csum_start = (uint16_t)(large.len - 18);
	large.header.csum_offset = 16;
	assert_true(split_finish_checksum(&large.header, large.data, large.len));
	large.len = 0;
	refused();
}

static void test_random(void **state)
{
	size_t left = twin_times(1000000);

	(void)state;
	while (left) {
		bool is_v4 = twin_once_in(2), is_tcp = twin_once_in(2);
		size_t extra_len = !twin_once_in(4) ? 0
				   : is_v4          ? twin_random(11) * 4
						    : 24 + twin_random(10) * 8;
		size_t tcp_len = is_tcp ? 20 + twin_random(11) * 4 : 0, n;
		size_t gso_size = 1 + twin_random(twin_once_in(4) ? 9000 : 300);
		size_t payload_len = 1 + twin_random(twin_once_in(20) ? 60000 : 5000);

		if (payload_len / gso_size > 900)
			gso_size = payload_len / 900 + 1;
		make(is_v4, extra_len, tcp_len, payload_len, gso_size);
		if (twin_once_in(8) && !large.to) {
			large.header.flags = 0;
			large.has_checksum = is_tcp || !is_v4 || twin_once_in(2);
			twin_put16(large.data + large.transport + (is_tcp ? 16 : 6),
				   large.has_checksum ? 1 + twin_random(65535) : 0);
		}
		n = check(1000);
		left -= n < left ? n : left;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_flags),     cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_udp_checksums), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_pool_is_empty), cmocka_unit_test(test_appends),
		cmocka_unit_test(test_one_packet),    cmocka_unit_test(test_random),
	};
	int r;

	twin_seed();
	pool = packet_pool_new(1000, 100);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	packet_pool_free(pool);
	return r;
}
