/*
 * The UDP sockets, in a network namespace of the test's own: ports, marks, paths, the DS field,
 * large datagrams, and a source address that goes away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/host/udp.h"
#include "datapath/host/udp_receive.h"

static struct loop *loop;
static struct packet_pool *pool;
static struct features offload; /* that the sides use */
static bool has_netns;

/* One side: what it received. */
struct side {
	struct udp *udp;
	struct packet_queue received;
	unsigned int n_batches, n_failed_sources;
};

static struct side a, b;

static void on_received(void *ctx, struct packet_queue *batch)
{
	struct side *side = ctx;

	side->n_batches++;
	packet_queue_append(&side->received, batch);
}

static void on_source_failed(void *ctx, const struct packet *packet)
{
	struct side *side = ctx;

	assert_non_null(packet);
	side->n_failed_sources++;
}

static void side_open(struct side *side)
{
	const struct udp_handler handler = { on_received, on_source_failed, side };

	*side = (struct side){ 0 };
	assert_int_equal(udp_new(&side->udp, NULL, loop, pool, &offload, &handler, NULL), 0);
}

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static int setup_namespace(void **state)
{
	(void)state;
	has_netns = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
	if (has_netns)
		run("ip link set lo up && ip addr add 10.9.9.1/32 dev lo && "
		    "ip addr add 10.9.9.2/32 dev lo && ip addr add fd00:9::1/128 dev lo nodad && "
		    "ip addr add fd00:9::2/128 dev lo nodad");
	return 0;
}

static int setup(void **state)
{
	(void)state;
	if (!has_netns)
		skip();
	offload = *(const struct features *)*state;
	pool = packet_pool_new(1024, 2 * UDP_RECEIVE_LARGE);
	if (loop_new(&loop, NULL))
		return -1;
	side_open(&a);
	side_open(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!has_netns)
		return 0;
	packet_queue_drop(&a.received);
	packet_queue_drop(&b.received);
	udp_free(a.udp);
	udp_free(b.udp);
	loop_free(loop);
	packet_pool_free(pool); /* asserts that all packets came back */
	return 0;
}

struct waiting {
	size_t n; /* packets, for both together */
	mono_ns deadline;
};

static mono_ns wait_work(void *ctx)
{
	const struct waiting *waiting = ctx;
	mono_ns now = clock_now().mono;

	if (a.received.n + b.received.n >= waiting->n || now >= waiting->deadline)
		loop_stop(loop);
	return now + MSEC(1);
}

static void wait_for(size_t n)
{
	struct waiting waiting = { n, clock_now().mono + SEC(2) };

	loop_set_work(loop, wait_work, &waiting);
	loop_run(loop);
	assert_int_equal(a.received.n + b.received.n, n);
}

static union sockaddr_ip address(const char *text, uint16_t port)
{
	union sockaddr_ip addr = { 0 };

	if (inet_pton(AF_INET, text, &addr.v4.sin_addr) == 1) {
		addr.v4.sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &addr.v6.sin6_addr), 1);
		addr.v6.sin6_family = AF_INET6;
	}
	addr.v4.sin_port = htons(port);
	return addr;
}

static struct packet *make_packet(const char *to, const struct udp *udp, const char *text)
{
	struct packet *packet = packet_new(pool, strlen(text));

	memcpy(packet->data, text, strlen(text));
	packet->path.remote = address(to, udp_port(udp));
	return packet;
}

static void write_one(struct side *side, struct packet *packet)
{
	struct packet_queue queue = { 0 };

	packet_queue_push(&queue, packet);
	udp_write(side->udp, &queue);
	assert_int_equal(queue.n, 0);
}

static bool is_bound(int family, uint16_t port)
{
	union sockaddr_ip addr = { .sa.sa_family = (sa_family_t)family };
	int fd = socket(family, SOCK_DGRAM, 0), one = 1;
	bool bound;

	addr.v4.sin_port = htons(port);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	bound = bind(fd, &addr.sa, sockaddr_ip_len(&addr)) && errno == EADDRINUSE;
	close(fd);
	return bound;
}

static void both_families_have_one_port(void **state)
{
	(void)state;
	assert_int_not_equal(udp_port(a.udp), 0);
	assert_int_not_equal(udp_port(a.udp), udp_port(b.udp));
	assert_true(is_bound(AF_INET, udp_port(a.udp)));
	assert_true(is_bound(AF_INET6, udp_port(a.udp)));
}

static void check_path(const char *source_a, const char *source_b)
{
	struct packet *packet = make_packet(source_b, b.udp, "hello");
	union sockaddr_ip here = address(source_b, 0), from = address(source_a, udp_port(a.udp));
	struct packet *answer;

	packet->ds = 0xb9;
	if (from.sa.sa_family == AF_INET)
		packet->path.source.v4 = from.v4.sin_addr;
	else
		packet->path.source.v6 = from.v6.sin6_addr;
	write_one(&a, packet);
	wait_for(1);
	packet = packet_queue_pop(&b.received);
	assert_int_equal(packet->len, 5);
	assert_memory_equal(packet->data, "hello", 5);
	assert_int_equal(packet->ds, 0xb9);
	assert_int_equal(packet->path.source_ifindex, 1);
	assert_true(sockaddr_ip_equal(&packet->path.remote, &from));
	if (here.sa.sa_family == AF_INET)
		assert_memory_equal(&packet->path.source.v4, &here.v4.sin_addr, 4);
	else
		assert_memory_equal(&packet->path.source.v6, &here.v6.sin6_addr, 16);
	assert_true(packet_headroom(packet) >= PACKET_HEADROOM);

	/* The path leads back, from the address that was sent to. */
	answer = packet_new(pool, 3);
	memcpy(answer->data, "you", 3);
	answer->path = packet->path;
	packet_free(packet);
	write_one(&b, answer);
	wait_for(1);
	answer = packet_queue_pop(&a.received);
	here.v4.sin_port = htons(udp_port(b.udp));
	assert_true(sockaddr_ip_equal(&answer->path.remote, &here));
	assert_int_equal(answer->ds, 0);
	packet_free(answer);
	assert_int_equal(a.n_failed_sources + b.n_failed_sources, 0);
}

static void ipv4_path_leads_back(void **state)
{
	(void)state;
	check_path("10.9.9.1", "10.9.9.2");
	check_path("10.9.9.2", "127.0.0.1");
}

static void ipv6_path_leads_back(void **state)
{
	(void)state;
	check_path("fd00:9::1", "fd00:9::2");
	check_path("fd00:9::2", "::1");
}

static void check_lost_source(const char *gone, const char *to)
{
	struct packet *packet = make_packet(to, b.udp, "hello");
	union sockaddr_ip source = address(gone, 0);
	struct packet_queue queue = { 0 };

	a.n_failed_sources = 0;
	if (source.sa.sa_family == AF_INET)
		packet->path.source.v4 = source.v4.sin_addr;
	else
		packet->path.source.v6 = source.v6.sin6_addr;
	packet_queue_push(&queue, make_packet(to, b.udp, "before"));
	packet_queue_push(&queue, packet);
	packet_queue_push(&queue, make_packet(to, b.udp, "after"));
	udp_write(a.udp, &queue);
	wait_for(3);
	assert_int_equal(a.n_failed_sources, 1);
	for (int i = 0; i < 3; i++) {
		static const char *const texts[] = { "before", "hello", "after" };

		packet = packet_queue_pop(&b.received);
		assert_int_equal(packet->len, strlen(texts[i]));
		assert_memory_equal(packet->data, texts[i], packet->len);
		packet_free(packet);
	}
}

static void lost_source_is_forgotten_and_the_packet_sent(void **state)
{
	(void)state;
	check_lost_source("10.77.0.1", "10.9.9.2");
	check_lost_source("fd00:77::1", "fd00:9::2");
}

static void unreachable_stops_nothing(void **state)
{
	struct packet_queue queue = { 0 };

	(void)state;
	packet_queue_push(&queue, make_packet("192.0.2.1", b.udp, "nowhere"));
	packet_queue_push(&queue, make_packet("10.9.9.2", b.udp, "here"));
	packet_queue_push(&queue, make_packet("2001:db8::1", b.udp, "nowhere"));
	packet_queue_push(&queue, make_packet("fd00:9::2", b.udp, "here"));
	/* Too long for any datagram. */
	packet_queue_push(&queue, packet_new(pool, PACKET_MAX_LEN));
	queue.last->path.remote = address("10.9.9.2", udp_port(b.udp));
	packet_queue_push(&queue, make_packet("10.9.9.2", b.udp, "here"));
	udp_write(a.udp, &queue);
	wait_for(3);
	assert_int_equal(a.n_failed_sources, 0);
}

static void large_and_small_in_order(void **state)
{
	static const size_t lens[] = { 0, 1, PACKET_SMALL_LEN, PACKET_SMALL_LEN + 1, 9000, 65507 };
	struct packet_queue queue = { 0 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct packet *packet = packet_new(pool, lens[i]);

		for (size_t j = 0; j < lens[i]; j++)
			packet->data[j] = (uint8_t)(j * 7 + i);
		packet->path.remote = address("10.9.9.2", udp_port(b.udp));
		packet_queue_push(&queue, packet);
	}
	udp_write(a.udp, &queue);
	wait_for(6);
	for (size_t i = 0; i < 6; i++) {
		struct packet *packet = packet_queue_pop(&b.received);

		assert_int_equal(packet->len, lens[i]);
		for (size_t j = 0; j < lens[i]; j++)
			assert_int_equal(packet->data[j], (uint8_t)(j * 7 + i));
		packet_free(packet);
	}
}

static void batches_keep_their_order(void **state)
{
	struct packet_queue queue = { 0 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		packet_queue_push(&queue, make_packet("10.9.9.2", b.udp, "number"));
		memcpy(queue.last->data, &i, sizeof(i));
	}
	udp_write(a.udp, &queue);
	wait_for(300);
	for (int i = 0; i < 300; i++) {
		struct packet *packet = packet_queue_pop(&b.received);

		assert_memory_equal(packet->data, &i, sizeof(i));
		packet_free(packet);
	}
	assert_true(b.n_batches <= 10);
}

static void without_memory_packets_are_dropped(void **state)
{
	struct packet_queue hoard = { 0 };
	struct packet *packet;
	int n;

	(void)state;
	/* Fills the slots of b with packets, then takes all that are left. */
	write_one(&a, make_packet("10.9.9.2", b.udp, "first"));
	wait_for(1);
	for (n = 0; n < 70; n++)
		write_one(&a, make_packet("10.9.9.2", b.udp, "more"));
	while ((packet = packet_new(pool, 1)))
		packet_queue_push(&hoard, packet);
	for (int i = 0; i < 3; i++) {
		struct waiting waiting = { SIZE_MAX, clock_now().mono + MSEC(20) };

		loop_set_work(loop, wait_work, &waiting);
		loop_run(loop);
	}
	assert_true(b.received.n <= 64 + 1);
	packet_queue_drop(&b.received);
	packet_queue_drop(&hoard);
	write_one(&a, make_packet("10.9.9.2", b.udp, "again"));
	wait_for(1);
	assert_memory_equal(b.received.first->data, "again", 5);
}

static void new_port_answers_and_the_old_is_free(void **state)
{
	uint16_t old = udp_port(b.udp), port = 5353;

	(void)state;
	while (is_bound(AF_INET, port) || is_bound(AF_INET6, port))
		port++;
	assert_int_equal(udp_configure(b.udp, port, 0, NULL), 0);
	assert_int_equal(udp_port(b.udp), port);
	assert_false(is_bound(AF_INET, old));
	assert_false(is_bound(AF_INET6, old));
	write_one(&a, make_packet("10.9.9.2", b.udp, "hello"));
	write_one(&a, make_packet("fd00:9::2", b.udp, "hello"));
	wait_for(2);
	/* The same again changes nothing; 0 chooses anew. */
	assert_int_equal(udp_configure(b.udp, port, 0, NULL), 0);
	assert_int_equal(udp_configure(b.udp, 0, 0, NULL), 0);
	assert_int_not_equal(udp_port(b.udp), port);
}

static void busy_port_leaves_all_as_it_was(void **state)
{
	uint16_t old = udp_port(b.udp);
	struct err err = { 0 };
	union sockaddr_ip addr = { .v6.sin6_family = AF_INET6, .v6.sin6_port = htons(7000) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), one = 1;

	(void)state;
	assert_int_equal(udp_configure(b.udp, udp_port(a.udp), 5, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "Address already in use"));
	assert_int_equal(udp_port(b.udp), old);
	assert_int_equal(udp_mark(b.udp), 0);
	/* Taken in one family only. */
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	assert_int_equal(bind(fd, &addr.sa, sizeof(addr.v6)), 0);
	assert_int_equal(udp_configure(b.udp, 7000, 0, &err), -EADDRINUSE);
	close(fd);
	assert_false(is_bound(AF_INET, 7000));
	write_one(&a, make_packet("10.9.9.2", b.udp, "hello"));
	write_one(&a, make_packet("fd00:9::2", b.udp, "hello"));
	wait_for(2);
}

static void mark_decides_the_route_and_survives_a_new_port(void **state)
{
	(void)state;
	/* What is marked goes nowhere. */
	run("ip rule add fwmark 77 prohibit priority 1 && "
	    "ip -6 rule add fwmark 77 prohibit priority 1 && ip rule del lookup local && "
	    "ip rule add lookup local priority 10 && ip -6 rule del lookup local && "
	    "ip -6 rule add lookup local priority 10");
	write_one(&a, make_packet("10.9.9.2", b.udp, "hello"));
	wait_for(1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(udp_configure(a.udp, i ? 0 : udp_port(a.udp), 77, NULL), 0);
		assert_int_equal(udp_mark(a.udp), 77);
		write_one(&a, make_packet("10.9.9.2", b.udp, "lost"));
		write_one(&a, make_packet("fd00:9::2", b.udp, "lost"));
	}
	assert_int_equal(udp_configure(a.udp, udp_port(a.udp), 0, NULL), 0);
	write_one(&a, make_packet("10.9.9.2", b.udp, "again"));
	write_one(&a, make_packet("fd00:9::2", b.udp, "again"));
	wait_for(3);
	for (struct packet *packet = b.received.first; packet; packet = packet->next)
		assert_memory_not_equal(packet->data, "lost", 4);
}

/* Neighbours that do not answer keep what is sent to them, until the socket's buffer is full. */
static void full_buffer_does_not_stop_the_daemon(void **state)
{
	struct waiting waiting = { 1, 0 };
	mono_ns begun;
	char text[20];

	(void)state;
	run("ip link add vea type veth peer name veb && ip link set vea up && ip link set veb up "
	    "&& "
	    "ip addr add 10.9.8.1/24 dev vea");
	begun = clock_now().mono;
	for (int round = 0; round < 100; round++) {
		struct packet_queue queue = { 0 };

		for (int i = 2; i < 130; i++) {
			struct packet *packet = packet_new(pool, PACKET_SMALL_LEN);

			assert_non_null(packet);
			snprintf(text, sizeof(text), "10.9.8.%d", i);
			memset(packet->data, 0, packet->len);
			packet->path.remote = address(text, 9);
			packet_queue_push(&queue, packet);
		}
		udp_write(a.udp, &queue);
		assert_int_equal(queue.n, 0);
	}
	/* It has waited for room, each time a little. */
	assert_true(clock_now().mono - begun > MSEC(10));
	assert_true(clock_now().mono - begun < SEC(8));
	/* The kernel gives up on them after three seconds; then there is room again. */
	for (int i = 0; i < 100 && !b.received.n; i++) {
		write_one(&a, make_packet("10.9.9.2", b.udp, "again"));
		waiting.deadline = clock_now().mono + MSEC(100);
		loop_set_work(loop, wait_work, &waiting);
		loop_run(loop);
	}
	assert_true(b.received.n > 0);
	run("ip link del vea");
}

static void too_long_for_the_path_is_fragmented(void **state)
{
	struct packet *packet = packet_new(pool, 4000);

	(void)state;
	run("ip link set lo mtu 1500");
	memset(packet->data, 1, 4000);
	packet->path.remote = address("10.9.9.2", udp_port(b.udp));
	write_one(&a, packet);
	packet = packet_new(pool, 4000);
	memset(packet->data, 1, 4000);
	packet->path.remote = address("fd00:9::2", udp_port(b.udp));
	write_one(&a, packet);
	wait_for(2);
	run("ip link set lo mtu 65536");
}

/* Packet i of a test's, of that length. */
static struct packet *numbered(const char *to, uint16_t port, unsigned int i, size_t len)
{
	struct packet *packet = packet_new(pool, len);

	assert_non_null(packet);
	for (size_t j = 0; j < len; j++)
		packet->data[j] = (uint8_t)(i * 31 + j);
	packet->path.remote = address(to, port);
	return packet;
}

/* Of one size or not, for one receiver or the other: what arrives is what was sent. */
static void whatever_is_joined_arrives_as_it_was(void **state)
{
	static const size_t lens[] = {
		1000, 1000, 1000, 400, 400, 1000, 0, 0, 7, 1452, 1452, 9000
	};
	enum {
		N_LENS = sizeof(lens) / sizeof(lens[0]),
		N = 300
	};
	struct packet_queue queue = { 0 };
	unsigned int next[2] = { 0, 1 };

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		bool is_v6 = i / 40 % 2;

		packet_queue_push(&queue, numbered(is_v6 ? "fd00:9::2" : "10.9.9.2",
						   udp_port(b.udp), i, lens[i / 3 % N_LENS]));
		queue.last->ends_group = i % 17 == 5;
		queue.last->ds = i % 50 == 13 ? 1 : 2;
	}
	udp_write(a.udp, &queue);
	wait_for(N);
	/* In order, for each family. */
	next[1] = 40;
	while (b.received.n) {
		struct packet *packet = packet_queue_pop(&b.received);
		bool is_v6 = packet->path.remote.sa.sa_family == AF_INET6;
		unsigned int i = next[is_v6]++;

		if (next[is_v6] % 40 == 0)
			next[is_v6] += 40;
		assert_int_equal(packet->len, lens[i / 3 % N_LENS]);
		assert_int_equal(packet->ds, i % 50 == 13 ? 1 : 2);
		for (size_t j = 0; j < packet->len; j++)
			assert_int_equal(packet->data[j], (uint8_t)(i * 31 + j));
		packet_free(packet);
	}
}

/* A socket that tells how large the pieces are that come. */
static int open_listener(uint16_t *port)
{
	union sockaddr_ip addr = address("10.9.9.2", 0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1;
	socklen_t len = sizeof(addr.v4);

	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, &addr.sa, len), 0);
	assert_int_equal(getsockname(fd, &addr.sa, &len), 0);
	*port = ntohs(addr.v4.sin_port);
	return fd;
}

static void sends_in_one_piece_what_can_be(void **state)
{
	/* What is sent, zero at the end of a group, and the pieces that it is sent in. */
	static const struct {
		size_t lens[12], pieces[12];
	} cases[] = {
		{ { 100, 100, 100, 60 }, { 360 } },
		{ { 100, 100, 60, 100, 100 }, { 260, 200 } },
		{ { 60, 100, 100 }, { 60, 200 } },
		{ { 100, 100, 0, 100, 100, 0, 50 }, { 200, 200, 50 } },
		{ { 30000, 30000, 30000 }, { 60000, 30000 } },
	};
	static uint8_t buffer[65536];
	uint16_t port;
	int fd;

	(void)state;
	fd = open_listener(&port);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct packet_queue queue = { 0 };

		for (unsigned int i = 0; i < 12; i++) {
			size_t len = cases[c].lens[i];

			if (len)
				packet_queue_push(&queue, numbered("10.9.9.2", port, i, len));
			else if (queue.last)
				queue.last->ends_group = true;
		}
		udp_write(a.udp, &queue);
		for (unsigned int i = 0; cases[c].pieces[i]; i++)
			assert_int_equal(recv(fd, buffer, sizeof(buffer), 0), cases[c].pieces[i]);
		assert_int_equal(recv(fd, buffer, sizeof(buffer), 0), -1);
	}
	close(fd);
}

/* The segments of a piece cannot be fragmented: then they are sent one by one. */
static void too_narrow_for_a_piece_is_no_hindrance(void **state)
{
	struct packet_queue queue = { 0 };

	(void)state;
	run("ip link set lo mtu 1500");
	for (unsigned int i = 0; i < 20; i++)
		packet_queue_push(&queue, numbered(i < 10 ? "10.9.9.2" : "fd00:9::2",
						   udp_port(b.udp), i, 3000));
	for (unsigned int i = 0; i < 20; i++)
		packet_queue_push(&queue, numbered(i < 10 ? "10.9.9.2" : "fd00:9::2",
						   udp_port(b.udp), i, 1400));
	udp_write(a.udp, &queue);
	wait_for(40);
	run("ip link set lo mtu 65536");
}

static void on_counted(void *ctx, struct packet_queue *batch)
{
	*(size_t *)ctx += batch->n;
}

static mono_ns end_when_idle(void *ctx)
{
	mono_ns *idle_at = ctx, now = clock_now().mono;

	if (now >= *idle_at)
		loop_stop(loop);
	return *idle_at;
}

/* Those that need a large packet each, more of them than there are: a batch then ends earlier. */
static void as_many_as_there_are_large_packets_make_a_batch(void **state)
{
	size_t n_received = 0;
	const struct udp_handler handler = { on_counted, on_source_failed, &n_received };
	struct packet_pool *small_pool = packet_pool_new(UDP_RECEIVE_SMALL, UDP_RECEIVE_LARGE);
	mono_ns idle_at = clock_now().mono + MSEC(200);
	struct packet_queue queue = { 0 };
	struct udp *receiver;

	(void)state;
	assert_int_equal(udp_new(&receiver, NULL, loop, small_pool, &offload, &handler, NULL), 0);
	/* Two of them at most are joined. */
	for (unsigned int i = 0; i < UDP_RECEIVE_LARGE + 20; i++)
		packet_queue_push(&queue,
				  numbered("10.9.9.2", udp_port(receiver), i, 4000 + i % 2));
	udp_write(a.udp, &queue);
	loop_set_work(loop, end_when_idle, &idle_at);
	loop_run(loop);
	assert_int_equal(n_received, UDP_RECEIVE_LARGE + 20);
	udp_free(receiver);
	packet_pool_free(small_pool);
}

/* Makes this process one whose kernel does not know the address family. */
static int lose_family(unsigned int family)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* In a child, since a filter stays: the exit status says how far it came. */
static int without_family(unsigned int family, const char *other_family_address)
{
	const struct udp_handler handler = { on_received, on_source_failed, &a };
	struct packet_queue queue = { 0 };
	struct udp *udp;

	if (lose_family(family))
		return 1;
	if (udp_new(&udp, NULL, loop, pool, &offload, &handler, NULL))
		return 2;
	packet_queue_push(&queue, make_packet("10.9.9.2", b.udp, "v4"));
	packet_queue_push(&queue, make_packet("fd00:9::2", b.udp, "v6"));
	packet_queue_push(&queue, make_packet(other_family_address, b.udp, "it"));
	udp_write(udp, &queue);
	if (udp_configure(udp, 0, 0, NULL))
		return 3;
	udp_free(udp);
	return 0;
}

static void check_without_family(unsigned int family, const char *other_family_address)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(without_family(family, other_family_address));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	wait_for(2);
	for (int i = 0; i < 2; i++) {
		struct packet *packet = packet_queue_pop(&b.received);

		assert_memory_equal(packet->data, i ? "it" : family == AF_INET ? "v6" : "v4", 2);
		packet_free(packet);
	}
}

static void one_family_is_enough(void **state)
{
	(void)state;
	check_without_family(AF_INET6, "10.9.9.1");
	check_without_family(AF_INET, "fd00:9::1");
}

int main(void)
{
	static struct features on = { .udp_gso = true, .udp_gro = true }, off,
			       gso = { .udp_gso = true }, gro = { .udp_gro = true };
#define CASE(f, mode) cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, &(mode))
#define OF_SOCKETS(mode)                                                                           \
	CASE(both_families_have_one_port, mode), CASE(new_port_answers_and_the_old_is_free, mode), \
		CASE(busy_port_leaves_all_as_it_was, mode),                                        \
		CASE(mark_decides_the_route_and_survives_a_new_port, mode),                        \
		CASE(full_buffer_does_not_stop_the_daemon, mode), CASE(one_family_is_enough, mode)
#define OF_PACKETS(mode)                                                                     \
	CASE(ipv4_path_leads_back, mode), CASE(ipv6_path_leads_back, mode),                  \
		CASE(lost_source_is_forgotten_and_the_packet_sent, mode),                    \
		CASE(unreachable_stops_nothing, mode), CASE(large_and_small_in_order, mode), \
		CASE(batches_keep_their_order, mode),                                        \
		CASE(without_memory_packets_are_dropped, mode),                              \
		CASE(as_many_as_there_are_large_packets_make_a_batch, mode),                 \
		CASE(too_long_for_the_path_is_fragmented, mode),                             \
		CASE(whatever_is_joined_arrives_as_it_was, mode),                            \
		CASE(too_narrow_for_a_piece_is_no_hindrance, mode)
	const struct CMUnitTest tests[] = {
		OF_SOCKETS(on),
		OF_PACKETS(on),
		OF_PACKETS(off),
		OF_PACKETS(gso),
		OF_PACKETS(gro),
		CASE(sends_in_one_piece_what_can_be, on),
		CASE(sends_in_one_piece_what_can_be, gso),
	};

	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
