/* Packets, their queues and their pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/engine/packet.h"

static void test_queue(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct packet_queue a = { 0 }, b = { 0 };
	struct packet *packet[4];

	(void)state;
	assert_null(packet_queue_pop(&a));
	packet_queue_append(&a, &b);
	assert_int_equal(a.n, 0);
	for (size_t i = 0; i < 4; i++) {
		packet[i] = packet_new(pool, 1);
		assert_non_null(packet[i]);
	}
	packet_queue_push(&a, packet[0]);
	packet_queue_push(&b, packet[1]);
	packet_queue_push(&b, packet[2]);
	packet_queue_append(&a, &b);
	assert_int_equal(a.n, 3);
	assert_int_equal(b.n, 0);
	assert_null(packet_queue_pop(&b));
	packet_queue_push(&a, packet[3]);
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(packet_queue_pop(&a), packet[i]);
	assert_null(packet_queue_pop(&a));
	assert_int_equal(a.n, 0);
	/* Usable again after it ran empty. */
	for (size_t i = 0; i < 4; i++)
		packet_queue_push(&a, packet[i]);
	packet_queue_drop(&a);
	assert_int_equal(a.n, 0);
	packet_pool_free(pool);
}

static void test_room(void **state)
{
	static const size_t lens[] = {
		0, 1, 1420, PACKET_SMALL_LEN, PACKET_SMALL_LEN + 1, PACKET_MAX_LEN
	};
	struct packet_pool *pool = packet_pool_new(1, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct packet *packet = packet_new(pool, lens[i]);

		assert_non_null(packet);
		assert_int_equal(packet->len, lens[i]);
		assert_int_equal(packet_headroom(packet), PACKET_HEADROOM);
		assert_true(packet_tailroom(packet) >= PACKET_TAILROOM);
		assert_int_equal(packet->path.remote.sa.sa_family, AF_UNSPEC);
		assert_int_equal(packet->ds, 0);
		assert_null(packet->peer);
		/* All of it can be written: the sanitizer watches. */
		memset(packet->start, 0xa5, packet->cap);
		packet->ds = 1;
		packet->path.remote.sa.sa_family = AF_INET;
		packet->data += 16;
		packet->len = 0;
		packet_free(packet);
	}
	packet_free(NULL);
	packet_pool_free(pool);
	packet_pool_free(NULL);
}

static void test_bounds(void **state)
{
	struct packet_pool *pool = packet_pool_new(4, 2);
	struct packet_queue all = { 0 };
	struct packet *packet;

	(void)state;
	for (int round = 0; round < 3; round++) {
		/* Six small ones fit: two of them in large storage. */
		for (int i = 0; i < 6; i++) {
			packet = packet_new(pool, 100);
			assert_non_null(packet);
			assert_int_equal(packet->cap > PACKET_MAX_LEN, i >= 4);
			packet_queue_push(&all, packet);
		}
		assert_null(packet_new(pool, 100));
		assert_null(packet_new(pool, 3000));
		packet_queue_drop(&all);
		packet_queue_push(&all, packet_new(pool, 3000));
		packet_queue_push(&all, packet_new(pool, 3000));
		assert_int_equal(all.last->len, 3000);
		assert_null(packet_new(pool, 3000));
		packet_queue_drop(&all);
	}
	packet_pool_free(pool);
}

static void test_scarce(void **state)
{
	struct packet_pool *pool = packet_pool_new(8, 0);
	struct packet_queue all = { 0 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		packet_queue_push(&all, packet_new(pool, 1));
		assert_int_equal(packet_is_scarce(all.last), i >= 6);
	}
	packet_queue_drop(&all);
	packet_pool_free(pool);
}

static void test_slices(void **state)
{
	struct packet_pool *pool = packet_pool_new(1, 1);
	struct packet *whole, *slices[3];

	(void)state;
	for (int round = 0; round < 2; round++) {
		whole = packet_new(pool, 3000);
		assert_non_null(whole);
		whole->ds = 2;
		whole->path.source_ifindex = 7;
		for (size_t i = 0; i < 3; i++) {
			slices[i] = packet_slice(whole, 1000 * i, 1000);
			assert_ptr_equal(slices[i]->data, whole->data + 1000 * i);
			assert_int_equal(slices[i]->len, 1000);
			assert_int_equal(packet_headroom(slices[i]), 0);
			assert_int_equal(packet_tailroom(slices[i]), 0);
			assert_int_equal(slices[i]->ds, 2);
			assert_int_equal(slices[i]->path.source_ifindex, 7);
			memset(slices[i]->data, 0xa5, 1000);
		}
		/* In any order: the storage stays until the last is gone. */
		packet_free(slices[1]);
		packet_free(whole);
		packet_free(slices[2]);
		assert_null(packet_new(pool, 3000));
		assert_int_equal(slices[0]->data[999], 0xa5);
		packet_free(slices[0]);
	}
	whole = packet_new(pool, 3000);
	assert_non_null(whole);
	packet_free(whole);
	packet_pool_free(pool);
}

static void *free_all(void *queue)
{
	packet_queue_drop(queue);
	return NULL;
}

/* Another thread frees them, slices and wholes, and they can be had again. */
static void test_freed_elsewhere(void **state)
{
	struct packet_pool *pool = packet_pool_new(4, 1);
	pthread_t thread;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct packet_queue queue = { 0 };
		struct packet *whole = packet_new(pool, 4000);

		assert_non_null(whole);
		packet_queue_push(&queue, packet_slice(whole, 0, 2000));
		packet_queue_push(&queue, whole);
		packet_queue_push(&queue, packet_slice(whole, 2000, 2000));
		for (int i = 0; i < 4; i++)
			packet_queue_push(&queue, packet_new(pool, 100));
		assert_int_equal(pthread_create(&thread, NULL, free_all, &queue), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	packet_pool_free(pool);
}

static void *take_one(void *pool)
{
	packet_pool_adopt(pool);
	return packet_new(pool, 100);
}

static void test_pool_of_another_thread(void **state)
{
	struct packet_pool *pool = packet_pool_new(1, 0);
	pthread_t thread;
	void *packet;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, take_one, pool), 0);
	assert_int_equal(pthread_join(thread, &packet), 0);
	assert_non_null(packet);
	packet_free(packet);
	packet_pool_share(pool);
	packet = packet_new(pool, 100);
	assert_non_null(packet);
	packet_free(packet);
	packet_pool_free(pool);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_LIMITED_MEMORY 0 /* the sanitizer has laid claim to all of it */
#else
#define HAS_LIMITED_MEMORY 1
#endif

/* Takes packets until there are none. Returns whether the memory was the reason. */
static bool takes_all_memory(void)
{
	const struct rlimit limit = { 64 << 20, 64 << 20 };
	struct packet_pool *pool = packet_pool_new(1 << 20, 1 << 20);
	struct packet_queue all = { 0 };
	struct packet *packet;
	size_t n;

	if (setrlimit(RLIMIT_AS, &limit))
		return false;
	while ((packet = packet_new(pool, 1000)))
		packet_queue_push(&all, packet);
	n = all.n;
	/* What came back can be had again. */
	packet_free(packet_queue_pop(&all));
	packet = packet_new(pool, 1000);
	return packet && n > 1000 && n < 1 << 20;
}

static void test_no_memory(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!HAS_LIMITED_MEMORY)
		skip();
	pid = fork();
	if (!pid)
		_exit(!takes_all_memory());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_scarce),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_freed_elsewhere),
		cmocka_unit_test(test_pool_of_another_thread),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
