/*
 * The TUN interface and the watch over its link, in a network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/engine/ip.h"
#include "datapath/host/link_watch.h"
#include "datapath/host/loop.h"
#include "datapath/host/tun.h"
#include "lib/util/endian.h"

#define TUN "tunt"

static struct packet_pool *pool;
static struct features features; /* that the interface is opened with */
static bool has_netns;

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

static int setup_namespace(void **state)
{
	(void)state;
	has_netns =
		geteuid() == 0 && access("/dev/net/tun", F_OK) == 0 && unshare(CLONE_NEWNET) == 0;
	if (has_netns)
		run("ip link set lo up");
	return 0;
}

static int setup(void **state)
{
	(void)state;
	if (!has_netns)
		skip();
	features = *(const struct features *)*state;
	pool = packet_pool_new(256, 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (has_netns)
		packet_pool_free(pool);
	return 0;
}

/* An interface that is up and to which 10.8.0.0/24 is routed. */
static struct tun *open_tun(unsigned int mtu)
{
	struct tun *tun = NULL;
	char command[200];

	assert_int_equal(tun_new(&tun, TUN, pool, &features, NULL), 0);
	snprintf(command, sizeof(command),
		 "sysctl -qw net.ipv6.conf." TUN ".disable_ipv6=1 && "
		 "ip link set " TUN " mtu %u up && ip addr add 10.8.0.1/24 dev " TUN,
		 mtu);
	run(command);
	return tun;
}

static int udp_socket(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Has the kernel route a datagram of `len` bytes into the interface. */
static void send_to_tun(int fd, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	static char text[65536];

	inet_pton(AF_INET, "10.8.0.2", &to.sin_addr);
	memset(text, (int)len, len);
	assert_int_equal(sendto(fd, text, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

static void reads_what_is_routed_to_it(void **state)
{
	static const size_t lens[] = { 1, 1000, PACKET_SMALL_LEN - 28, PACKET_SMALL_LEN - 27,
				       60000 };
	struct tun *tun = open_tun(65535);
	struct packet_queue got = { 0 };
	int fd = udp_socket(0);

	(void)state;
	for (size_t i = 0; i < 5; i++)
		send_to_tun(fd, lens[i]);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 5);
	for (size_t i = 0; i < 5; i++) {
		struct packet *packet = packet_queue_pop(&got);

		assert_int_equal(packet->len, lens[i] + 28);
		assert_int_equal(packet->data[0], 0x45);
		for (size_t j = 28; j < packet->len; j++)
			assert_int_equal(packet->data[j], (uint8_t)lens[i]);
		assert_true(packet_headroom(packet) >= PACKET_HEADROOM);
		assert_true(packet_tailroom(packet) >= PACKET_TAILROOM);
		packet_free(packet);
	}
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 0);
	close(fd);
	tun_free(tun);
}

static void reads_in_batches(void **state)
{
	struct tun *tun = open_tun(1420);
	struct packet_queue got = { 0 };
	int fd = udp_socket(0);

	(void)state;
	for (int i = 0; i < TUN_READS + 10; i++)
		send_to_tun(fd, 100);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, TUN_READS);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, TUN_READS + 10);
	packet_queue_drop(&got);
	close(fd);
	tun_free(tun);
}

static void without_memory_packets_are_dropped(void **state)
{
	struct packet_queue hoard = { 0 }, got = { 0 };
	struct tun *tun = open_tun(1420);
	struct packet *packet;
	int fd = udp_socket(0);

	(void)state;
	while ((packet = packet_new(pool, 1)))
		packet_queue_push(&hoard, packet);
	for (int i = 0; i < 5; i++)
		send_to_tun(fd, 100);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 0);
	packet_queue_drop(&hoard);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 0); /* it is not there any more */
	send_to_tun(fd, 100);
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 1);
	packet_queue_drop(&got);
	close(fd);
	tun_free(tun);
}

/* An IPv4 packet with UDP and without checksum, from 10.8.0.2 to our port 7777. */
static struct packet *make_packet(const char *text)
{
	struct packet *packet = packet_new(pool, 28 + strlen(text));
	uint8_t head[28] = { 0x45, 0, 0, 0, 0,  0, 0, 0, 64, 17, 0,    0,
			     10,   8, 0, 2, 10, 8, 0, 1, 0,  9,  0x1e, 0x61 };
	uint32_t sum = 0;

	head[3] = (uint8_t)(28 + strlen(text));
	head[25] = (uint8_t)(8 + strlen(text));
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)head[i] << 8 | head[i + 1];
	sum = ~((sum >> 16) + (sum & 0xffff));
	head[10] = (uint8_t)(sum >> 8);
	head[11] = (uint8_t)sum;
	memcpy(packet->data, head, 28);
	memcpy(packet->data + 28, text, strlen(text));
	return packet;
}

static void writes_to_the_kernel(void **state)
{
	struct tun *tun = open_tun(1420);
	struct packet_queue queue = { 0 };
	int fd = udp_socket(7777);
	char text[16];

	(void)state;
	packet_queue_push(&queue, make_packet("one"));
	packet_queue_push(&queue, packet_new(pool, 0)); /* the kernel takes no such thing */
	packet_queue_push(&queue, make_packet("two"));
	tun_write(tun, &queue);
	assert_int_equal(queue.n, 0);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 3);
	assert_memory_equal(text, "one", 3);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 3);
	assert_memory_equal(text, "two", 3);
	/* Down: what is written is dropped, and nothing else happens. */
	run("ip link set " TUN " down");
	packet_queue_push(&queue, make_packet("three"));
	tun_write(tun, &queue);
	assert_int_equal(queue.n, 0);
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), -1);
	close(fd);
	tun_free(tun);
}

static void new_interface_is_as_it_should_be(void **state)
{
	struct tun *tun = NULL;
	char name[IFNAMSIZ];

	(void)state;
	assert_int_equal(tun_new(&tun, TUN, pool, &features, NULL), 0);
	assert_string_equal(tun_name(tun), TUN);
	assert_int_equal(tun_current_name(tun, name), 0);
	assert_string_equal(name, TUN);
	run("ip link show " TUN " | grep -q '<POINTOPOINT,MULTICAST,NOARP> mtu 1420 .*qlen 500'");
	tun_free(tun);
	assert_int_equal(if_nametoindex(TUN), 0);
}

static void refuses_what_it_cannot_have(void **state)
{
	struct tun *tun = NULL, *second = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(tun_new(&tun, "lo", pool, &features, &err), -EEXIST);
	assert_non_null(strstr(err.text, "lo: already exists"));
	assert_int_equal(tun_new(&tun, TUN, pool, &features, &err), 0);
	assert_int_equal(tun_new(&second, TUN, pool, &features, &err), -EBUSY);
	assert_non_null(strstr(err.text, TUN ": already in use"));
	tun_free(tun);
	assert_int_equal(tun_new(&tun, "sixteen-letters!", pool, &features, &err), -EINVAL);
	assert_non_null(strstr(err.text, "longer than 15 characters"));
	for (const char *const *bad =
		     (const char *const[]){ "", "a/b", "a b", "wg%d", ".", "..", "a:b", NULL };
	     *bad; bad++)
		assert_int_equal(tun_check_name(*bad, &err), -EINVAL);
	assert_int_equal(tun_check_name("fifteen-letters", &err), 0);
	assert_int_equal(tun_check_name("wg0=+._-", &err), 0);
	assert_null(second);
}

static void keeps_what_somebody_else_made(void **state)
{
	struct tun *tun = NULL;

	(void)state;
	run("ip tuntap add " TUN " mode tun && ip link set " TUN " mtu 1300");
	assert_int_equal(tun_new(&tun, TUN, pool, &features, NULL), 0);
	run("ip link show " TUN " | grep -q 'mtu 1300'");
	tun_free(tun);
	assert_int_not_equal(if_nametoindex(TUN), 0);
	run("ip link del " TUN);
}

static void takes_a_descriptor(void **state)
{
	struct ifreq request = { .ifr_name = TUN, .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR), pipes[2];
	struct tun *tun = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(tun_new_from_fd(&tun, fd, pool, &features, &err), 0);
	assert_string_equal(tun_name(tun), TUN);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	tun_free(tun);
	assert_int_equal(if_nametoindex(TUN), 0);

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(tun_new_from_fd(&tun, pipes[0], pool, &features, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is no TUN interface"));
	close(pipes[0]);
	close(pipes[1]);
	fd = open("/dev/net/tun", O_RDWR);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(tun_new_from_fd(&tun, fd, pool, &features, &err), -EINVAL);
	assert_non_null(strstr(err.text, "TAP"));
	close(fd);
}

/* With a header in front of each packet, longer than needed. */
static void takes_a_descriptor_with_a_header(void **state)
{
	struct ifreq request = { .ifr_name = TUN, .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR), sender, header_len = 20;
	struct packet_queue got = { 0 };
	struct tun *tun = NULL;

	(void)state;
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &header_len), 0);
	assert_int_equal(tun_new_from_fd(&tun, fd, pool, &features, NULL), 0);
	run("ip link set " TUN " up && ip addr add 10.8.0.1/24 dev " TUN);
	sender = udp_socket(0);
	send_to_tun(sender, 100);
	while (got.n == 0 || got.last->data[0] >> 4 != 4)
		assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.last->len, 128);
	packet_queue_drop(&got);
	close(sender);
	tun_free(tun);
}

/* One call of a program, many datagrams of 100 bytes and a shorter one. */
static void reads_datagrams_that_were_sent_at_once(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct packet_queue got = { 0 };
	struct tun *tun = open_tun(1420);
	int fd = udp_socket(0), each = 100;
	uint8_t text[1030];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7);
	inet_pton(AF_INET, "10.8.0.2", &to.sin_addr);
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &each, sizeof(each)), 0);
	assert_int_equal(sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(text));
	assert_int_equal(tun_read(tun, &got), 0);
	assert_int_equal(got.n, 11);
	for (size_t i = 0; i < 11; i++) {
		struct packet *packet = packet_queue_pop(&got);
		uint32_t sum = ip_checksum_add(0, packet->data + 12, packet->len - 12);

		assert_int_equal(packet->len, 28 + (i < 10 ? 100 : 30));
		assert_memory_equal(packet->data + 28, text + 100 * i, packet->len - 28);
		/* The pseudo header is the addresses, the protocol, and the length. */
		assert_int_equal(ip_checksum_fold(sum + 17 + (uint32_t)packet->len - 20), 0);
		assert_int_equal(ip_checksum_fold(ip_checksum_add(0, packet->data, 20)), 0);
		assert_int_equal(packet->ends_group, features.tun_uso && i == 10);
		packet_free(packet);
	}
	close(fd);
	tun_free(tun);
}

/* Gives a packet of make_packet()'s the checksum that it can do without. */
static void add_checksum(struct packet *packet)
{
	uint32_t sum = 17 + (uint32_t)packet->len - 20;

	sum = ip_checksum_add(sum, packet->data + 12, packet->len - 12);
	store_be16(packet->data + 26, ip_checksum_fold(sum));
}

static void writes_many_datagrams(void **state)
{
	struct tun *tun = open_tun(1420);
	struct packet_queue queue = { 0 };
	int fd = udp_socket(7777);
	char text[16], expected[16];

	(void)state;
	for (int i = 0; i < 150; i++) {
		snprintf(text, sizeof(text), i % 40 ? "number %04d" : "%d", i);
		packet_queue_push(&queue, make_packet(text));
		/* Some without: these may not be joined with others. */
		if (i % 30)
			add_checksum(queue.last);
	}
	tun_write(tun, &queue);
	for (int i = 0; i < 150; i++) {
		snprintf(expected, sizeof(expected), i % 40 ? "number %04d" : "%d", i);
		assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), strlen(expected));
		assert_memory_equal(text, expected, strlen(expected));
	}
	close(fd);
	tun_free(tun);
}

static void says_when_the_interface_is_gone(void **state)
{
	struct tun *tun = open_tun(1420);
	struct packet_queue got = { 0 };
	char name[IFNAMSIZ];

	(void)state;
	assert_int_equal(tun_read(tun, &got), 0);
	run("ip link del " TUN);
	assert_true(tun_read(tun, &got) < 0);
	assert_int_equal(got.n, 0);
	assert_int_equal(tun_current_name(tun, name), -1);
	tun_free(tun);
}

/* ---- the link ---- */

static struct loop *loop;

static struct {
	unsigned int n_links;
	bool is_up;
	unsigned int mtu_bytes;
} heard;

static void on_link(void *ctx, bool is_up, unsigned int mtu_bytes)
{
	assert_ptr_equal(ctx, &heard);
	heard.n_links++;
	heard.is_up = is_up;
	heard.mtu_bytes = mtu_bytes;
}

static mono_ns until(void *ctx)
{
	const mono_ns *deadline = ctx;

	if (clock_now().mono >= *deadline)
		loop_stop(loop);
	return *deadline;
}

/* Lets the watch hear what has happened. */
static void settle(void)
{
	mono_ns deadline = clock_now().mono + MSEC(30);

	loop_set_work(loop, until, &deadline);
	loop_run(loop);
}

static void hears_of_the_link(void **state)
{
	const struct link_watch_handler handler = { on_link, &heard };
	struct link_watch *watch = NULL;
	struct tun *tun = NULL;

	(void)state;
	memset(&heard, 0, sizeof(heard));
	assert_int_equal(tun_new(&tun, TUN, pool, &features, NULL), 0);
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(link_watch_new(&watch, loop, tun, &handler, NULL), 0);
	settle();
	assert_int_equal(heard.n_links, 1);
	assert_false(heard.is_up);
	assert_int_equal(heard.mtu_bytes, 1420);
	run("ip link set " TUN " up");
	settle();
	assert_true(heard.is_up);
	run("ip link set " TUN " mtu 9000");
	settle();
	assert_int_equal(heard.mtu_bytes, 9000);
	link_watch_limit_pieces(watch, 7);
	run("ip -d link show " TUN " | grep -q 'gso_max_segs 7 '");
	run("ip link set " TUN " down");
	settle();
	assert_false(heard.is_up);
	run("ip link set " TUN " name tunr && ip link set tunr up");
	settle();
	assert_true(heard.is_up);

	/* Another link is nothing to us. */
	heard.n_links = 0;
	run("ip link add tund type veth peer name tune && ip link set tund mtu 1400 up");
	settle();
	assert_int_equal(heard.n_links, 0);
	run("ip link del tund");
	link_watch_free(watch);
	loop_free(loop);
	tun_free(tun);
}

/* A child that keeps another network namespace. */
static pid_t other_namespace(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		/* It goes when a failing test leaves it behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void follows_the_link_to_another_namespace(void **state)
{
	const struct link_watch_handler handler = { on_link, &heard };
	pid_t other = other_namespace();
	struct link_watch *watch = NULL;
	struct packet_queue got = { 0 };
	unsigned int ifindex;
	char command[200];
	struct tun *tun;

	(void)state;
	memset(&heard, 0, sizeof(heard));
	tun = open_tun(1420);
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(link_watch_new(&watch, loop, tun, &handler, NULL), 0);
	settle();
	assert_true(heard.is_up);
	ifindex = if_nametoindex(TUN);
	snprintf(command, sizeof(command), "ip link set " TUN " netns %d", (int)other);
	run(command);
	settle();
	assert_int_equal(if_nametoindex(TUN), 0);
	assert_false(heard.is_up); /* the kernel sets it down on the way */
	snprintf(command, sizeof(command),
		 "nsenter -t %d -n ip link set " TUN " up mtu 1280 name tunm", (int)other);
	run(command);
	settle();
	assert_true(heard.is_up);
	assert_int_equal(heard.mtu_bytes, 1280);
	/* Not the link here that has its number. */
	link_watch_limit_pieces(watch, 6);
	assert_int_equal(tun_read(tun, &got), 0);
	packet_queue_drop(&got);
	/* A link here that has its number is another one. */
	heard.n_links = 0;
	snprintf(command, sizeof(command),
		 "ip link add tund index %u type veth peer name tune && "
		 "ip link set tund mtu 1400 && ip link del tund",
		 ifindex);
	run(command);
	settle();
	assert_int_equal(heard.n_links, 0);
	/* Our own namespace is still ours. */
	run("ip link add tund type veth peer name tune && ip link del tund");
	assert_int_equal(if_nametoindex("lo"), 1);

	snprintf(command, sizeof(command), "nsenter -t %d -n ip link del tunm", (int)other);
	run(command);
	settle();
	assert_true(tun_read(tun, &got) < 0);
	link_watch_free(watch);
	loop_free(loop);
	tun_free(tun);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

int main(void)
{
	static struct features on = { .tun_tso = true, .tun_uso = true, .tun_gro = true }, off,
			       tso = { .tun_tso = true }, gro = { .tun_gro = true };
#define CASE(f, mode) cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, &(mode))
#define OF_PACKETS(mode)                                                                          \
	CASE(reads_what_is_routed_to_it, mode), CASE(reads_in_batches, mode),                     \
		CASE(reads_datagrams_that_were_sent_at_once, mode),                               \
		CASE(without_memory_packets_are_dropped, mode), CASE(writes_to_the_kernel, mode), \
		CASE(writes_many_datagrams, mode), CASE(keeps_what_somebody_else_made, mode),     \
		CASE(takes_a_descriptor, mode), CASE(takes_a_descriptor_with_a_header, mode),     \
		CASE(says_when_the_interface_is_gone, mode)
	const struct CMUnitTest tests[] = {
		OF_PACKETS(on),
		OF_PACKETS(off),
		OF_PACKETS(tso),
		OF_PACKETS(gro),
		CASE(new_interface_is_as_it_should_be, on),
		CASE(refuses_what_it_cannot_have, on),
		CASE(hears_of_the_link, on),
		CASE(follows_the_link_to_another_namespace, on),
	};

	return cmocka_run_group_tests(tests, setup_namespace, NULL);
}
