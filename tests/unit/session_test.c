/* Sessions: the bytes on the wire, padding, batches, replays, and when a session ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "datapath/engine/session.h"
#include "lib/crypto/ct.h"
#include "lib/util/endian.h"

enum {
	MTU = 1420,
	MANY = 200, /* some batches */
};

#define START SEC(1000)

/* Two ends of a session. */
struct ends {
	struct session *a, *b;
	struct noise_keys a_keys;
	struct packet_pool *pool;
	struct packet_queue queue;
};

static int setup(void **state)
{
	static struct ends ends;
	struct noise_keys b_keys;

	memset(&ends, 0, sizeof(ends));
	memset(&ends.a_keys.send, 0x11, sizeof(ends.a_keys.send));
	memset(&ends.a_keys.receive, 0x22, sizeof(ends.a_keys.receive));
	b_keys.send = ends.a_keys.receive;
	b_keys.receive = ends.a_keys.send;
	ends.a = session_new(&ends.a_keys, 0xa0a1a2a3, 0xb0b1b2b3, true, START);
	ends.b = session_new(&b_keys, 0xb0b1b2b3, 0xa0a1a2a3, false, START);
	ends.pool = packet_pool_new(2 * MANY, 4);
	*state = &ends;
	return 0;
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	packet_queue_drop(&ends->queue);
	session_let_go(ends->a);
	session_let_go(ends->b);
	session_let_go(NULL);
	packet_pool_free(ends->pool);
	return 0;
}

/* A packet whose bytes tell its number, in the queue. */
static struct packet *push(struct ends *ends, size_t len, unsigned int number)
{
	struct packet *packet = packet_new(ends->pool, len);

	assert_non_null(packet);
	memset(packet->start, 0xee, packet->cap); /* so that padding has to be written */
	for (size_t i = 0; i < len; i++)
		packet->data[i] = (uint8_t)(number + 5 * i);
	packet_queue_push(&ends->queue, packet);
	return packet;
}

static void check_plain(const struct packet *packet, size_t len, unsigned int number)
{
	assert_true(packet->len >= len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(packet->data[i], (uint8_t)(number + 5 * i));
	assert_true(packet->len == len || ct_is_zero(packet->data + len, packet->len - len));
}

/* Seals as many as there are counters for; the rest are dropped. */
static void seal(struct session *session, struct packet_queue *packets, unsigned int mtu)
{
	struct packet_queue all = *packets;
	size_t n = packets->n;
	uint64_t first = session_reserve(session, &n);

	*packets = (struct packet_queue){ 0 };
	while (packets->n < n)
		packet_queue_push(packets, packet_queue_pop(&all));
	packet_queue_drop(&all);
	session_seal(session, packets, first, mtu);
}

static void open_all(struct session *session, struct packet *const *packets,
		     enum session_result *results, size_t n)
{
	struct session_opened opened[MANY];

	session_open(session, packets, opened, n);
	session_accept(session, opened, n);
	for (size_t i = 0; i < n; i++)
		results[i] = opened[i].result;
}

static enum session_result open_one(struct session *session, struct packet *packet)
{
	enum session_result result;

	open_all(session, &packet, &result, 1);
	return result;
}

/* What stands on the wire is what the paper says, checked with the other door to the AEAD. */
static void test_wire(void **state)
{
	struct ends *ends = *state;
	struct packet *packet = push(ends, 20, 1), *keepalive = push(ends, 0, 0);
	const struct wire_data *header;
	uint8_t plain[32];

	seal(ends->a, &ends->queue, MTU);
	assert_int_equal(ends->queue.n, 2);
	header = (const void *)packet->data;
	assert_int_equal(packet->len, 16 + 32 + 16);
	assert_int_equal(load_le32(header->type), 4);
	assert_int_equal(load_le32(header->receiver), 0xb0b1b2b3);
	assert_int_equal(load_le64(header->counter), 0);
	assert_true(
		aead_open_once(plain, ends->a_keys.send.bytes, 0, packet->data + 16, 48, NULL, 0));
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(plain[i], (uint8_t)(1 + 5 * i));
	assert_true(ct_is_zero(plain + 20, 12));

	header = (const void *)keepalive->data;
	assert_int_equal(keepalive->len, 32);
	assert_int_equal(load_le64(header->counter), 1);
	assert_true(aead_open_once(plain, ends->a_keys.send.bytes, 1, keepalive->data + 16, 16,
				   NULL, 0));
	assert_int_equal(ends->a->send_counter, 2);

	assert_int_equal(open_one(ends->b, keepalive), SESSION_OPENED);
	assert_int_equal(keepalive->len, 0);
	assert_int_equal(open_one(ends->b, packet), SESSION_OPENED);
	assert_int_equal(packet->len, 32);
	check_plain(packet, 20, 1);
}

static void test_padding(void **state)
{
	static const struct {
		size_t len;
		unsigned int mtu;
		size_t padded;
	} cases[] = {
		{ 0, 1420, 0 },
		{ 1, 1420, 16 },
		{ 15, 1420, 16 },
		{ 16, 1420, 16 },
		{ 17, 1420, 32 },
		{ 1408, 1420, 1408 },
		{ 1409, 1420, 1420 }, /* not to 1424: that would not go through */
		{ 1419, 1420, 1420 },
		{ 1420, 1420, 1420 },
		/* Longer than the MTU: the last piece of that length counts. */
		{ 1421, 1420, 1420 + 16 },
		{ 2840, 1420, 2840 },
		{ 2839, 1420, 2840 },
		{ 2830, 1420, 2840 },
		{ 1500, 1420, 1420 + 80 },
		{ 20, 17, 17 + 16 }, /* the last piece is of 3 */
		{ 34, 17, 34 },
		{ 17, 17, 17 },
		{ 16, 17, 16 },
		{ 33, 17, 17 + 16 },
		{ 40000, 65535, 40000 },
		{ 40001, 65535, 40016 },
		{ 65535, 65535, 65535 },
		{ 1420, 0, 1424 }, /* no MTU known */
		{ 1, 0, 16 },
		{ 20, 1, 20 },
	};
	struct ends *ends = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet *packet = push(ends, cases[i].len, (unsigned int)i);

		seal(ends->a, &ends->queue, cases[i].mtu);
		assert_int_equal(packet->len, 32 + cases[i].padded);
		assert_int_equal(open_one(ends->b, packet), SESSION_OPENED);
		assert_int_equal(packet->len, cases[i].padded);
		check_plain(packet, cases[i].len, (unsigned int)i);
		packet_queue_drop(&ends->queue);
	}
}

/* Never a byte beyond the MTU, never more than 15, and a multiple of 16 where there is room. */
static void test_padding_sweep(void **state)
{
	struct ends *ends = *state;

	for (unsigned int mtu = 1; mtu < 100; mtu++) {
		for (size_t len = 0; len < 220; len++) {
			struct packet *packet = push(ends, len, 0);
			size_t padded, pieces;

			seal(ends->a, &ends->queue, mtu);
			padded = packet->len - 32;
			pieces = (len + mtu - 1) / mtu;
			assert_in_range(padded, len, len + 15);
			assert_true(padded <= pieces * mtu);
			if (len && padded < pieces * mtu)
				assert_int_equal((padded - (pieces - 1) * mtu) % 16, 0);
			packet_queue_drop(&ends->queue);
		}
	}
}

/* More than one batch, and the queue keeps its order. Forged and repeated ones stand apart. */
static void test_batches(void **state)
{
	struct ends *ends = *state;
	struct packet *packets[MANY], *packet;
	enum session_result results[MANY];
	uint8_t twice[2048];

	for (unsigned int i = 0; i < MANY; i++)
		push(ends, i % 70, i);
	seal(ends->a, &ends->queue, MTU);
	assert_int_equal(ends->queue.n, MANY);
	assert_int_equal(ends->a->send_counter, MANY);
	packet = ends->queue.first;
	for (unsigned int i = 0; i < MANY; i++, packet = packet->next) {
		assert_int_equal(load_le64(packet->data + 8), i);
		packets[i] = packet;
	}
	assert_null(packet);

	for (unsigned int i = 0; i < MANY; i += 9)
		packets[i]->data[16 + i % (packets[i]->len - 16)] ^= 1;
	/* 31 is a copy of 30. */
	memcpy(twice, packets[30]->data, packets[30]->len);
	memcpy(packets[31]->data, twice, packets[30]->len);
	packets[31]->len = packets[30]->len;

	open_all(ends->b, packets, results, MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(results[i], i % 9 == 0 ? SESSION_BAD_TAG
					     : i == 31  ? SESSION_REPLAYED
							: SESSION_OPENED);
		if (results[i] == SESSION_OPENED)
			check_plain(packets[i], i % 70, i);
	}
	open_all(ends->b, packets, results, 0);
	seal(ends->a, &(struct packet_queue){ 0 }, MTU);
}

/* A forged counter must not move the window: the tag is looked at first. */
static void test_forged_counter(void **state)
{
	struct ends *ends = *state;
	struct packet *first = push(ends, 100, 1), *second = push(ends, 100, 2);
	uint8_t copy[256];
	size_t len;

	seal(ends->a, &ends->queue, MTU);
	len = second->len;
	memcpy(copy, second->data, len);
	store_le64(second->data + 8, 1000000);
	assert_int_equal(open_one(ends->b, second), SESSION_BAD_TAG);
	assert_int_equal(ends->b->replay.next, 0);
	assert_int_equal(open_one(ends->b, first), SESSION_OPENED);

	memcpy(second->data, copy, len);
	second->len = len;
	assert_int_equal(open_one(ends->b, second), SESSION_OPENED);
	second->data -= 16;
	memcpy(second->data, copy, len);
	second->len = len;
	assert_int_equal(open_one(ends->b, second), SESSION_REPLAYED);
	second->data[len - 1] ^= 1;
	assert_int_equal(open_one(ends->b, second), SESSION_BAD_TAG);
	assert_int_equal(ends->b->replay.next, 2);
}

static void test_wrong_session(void **state)
{
	struct ends *ends = *state;
	struct packet *packet = push(ends, 100, 1);

	seal(ends->a, &ends->queue, MTU);
	assert_int_equal(open_one(ends->a, packet), SESSION_BAD_TAG); /* our own, sent back */
}

static void test_age(void **state)
{
	struct ends *ends = *state;

	assert_false(session_expired(ends->a, START));
	assert_true(session_can_send(ends->a, START));
	assert_false(session_expired(ends->a, START + SEC(180) - 1));
	assert_true(session_can_send(ends->a, START + SEC(180) - 1));
	assert_true(session_expired(ends->a, START + SEC(180)));
	assert_false(session_can_send(ends->a, START + SEC(180)));
}

/* The last counter is sent and received; what comes behind it in the queue is dropped. */
static void test_counter_used_up(void **state)
{
	struct ends *ends = *state;
	struct packet *last[2];
	enum session_result results[2];

	ends->a->send_counter = REJECT_AFTER_MESSAGES - 2;
	assert_true(session_can_send(ends->a, START));
	for (unsigned int i = 0; i < 100; i++)
		push(ends, 40, i);
	seal(ends->a, &ends->queue, MTU);
	assert_int_equal(ends->queue.n, 2);
	assert_true(ends->a->send_counter == REJECT_AFTER_MESSAGES);
	assert_false(session_can_send(ends->a, START));
	assert_false(session_expired(ends->a, START)); /* it still receives */

	last[0] = ends->queue.first;
	last[1] = ends->queue.last;
	assert_true(load_le64(last[1]->data + 8) == UINT64_MAX - 8192 - 1);
	open_all(ends->b, last, results, 2);
	assert_int_equal(results[0], SESSION_OPENED);
	assert_int_equal(results[1], SESSION_OPENED);
	check_plain(last[0], 40, 0);
	check_plain(last[1], 40, 1);
	assert_true(session_expired(ends->b, START));

	packet_queue_drop(&ends->queue);
	push(ends, 40, 0);
	seal(ends->a, &ends->queue, MTU);
	assert_int_equal(ends->queue.n, 0);
	assert_null(ends->queue.first);
	assert_null(ends->queue.last);
}

/* One that goes on above the limit is not believed, though its tag is right. */
static void test_counter_above_limit(void **state)
{
	struct ends *ends = *state;
	uint8_t *at;
	struct packet *packet = packet_new(ends->pool, 64);

	packet_queue_push(&ends->queue, packet);
	at = packet->data;
	store_le32(at, WIRE_DATA);
	store_le32(at + 4, 0xb0b1b2b3);
	store_le64(at + 8, REJECT_AFTER_MESSAGES);
	memset(at + 16, 0, 32);
	aead_seal_once(at + 16, ends->a_keys.send.bytes, REJECT_AFTER_MESSAGES, at + 16, 32, NULL,
		       0);
	assert_int_equal(open_one(ends->b, packet), SESSION_REPLAYED);
	assert_int_equal(ends->b->replay.next, 0);
	assert_false(session_expired(ends->b, START));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wire, setup, teardown),
		cmocka_unit_test_setup_teardown(test_padding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_padding_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged_counter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counter_used_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counter_above_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
