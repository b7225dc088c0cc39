/*
 * The UAPI server with real sockets and a pretended device: operations, clients that stall, break
 * off, talk nonsense or do not read, and the limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "datapath/host/uapi_server.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_B "0202020202020202020202020202020202020202020202020202020202020202"

static struct loop *loop;
static struct uapi_server *server;
static struct sockaddr_un addr;
static socklen_t addr_len;
static int listening;

/* The pretended device. */
static struct {
	unsigned int n_sets, n_gets;
	size_t n_peers;   /* of the last set */
	uint32_t flags;   /* of the last set */
	uint16_t port;    /* of the last set; what get tells */
	int answer;       /* of the next sets */
	size_t get_peers; /* how many peers get tells of */
} device;

static struct wg_device *device_get(void *ctx)
{
	struct wg_device *out = wg_device_new();

	assert_ptr_equal(ctx, &device);
	device.n_gets++;
	out->listen_port = device.port;
	for (size_t i = 0; i < device.get_peers; i++)
		memcpy(wg_device_add_peer(out)->public_key.bytes, &i, sizeof(i));
	return out;
}

static int device_set(void *ctx, const struct wg_device *change, struct err *err)
{
	assert_ptr_equal(ctx, &device);
	device.n_sets++;
	device.n_peers = change->n_peers;
	device.flags = change->flags;
	if (device.answer)
		return err_set(err, device.answer, "as told");
	if (change->flags & WG_DEVICE_HAS_LISTEN_PORT)
		device.port = change->listen_port;
	return 0;
}

static int setup(void **state)
{
	const struct uapi_handler handler = { device_get, device_set, &device };

	(void)state;
	memset(&device, 0, sizeof(device));
	device.port = 7;
	/* An abstract name that the kernel chooses: nothing to clean up. */
	addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	addr_len = sizeof(addr);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(listening, (struct sockaddr *)&addr, sizeof(addr.sun_family)) ||
	    getsockname(listening, (struct sockaddr *)&addr, &addr_len) || listen(listening, 128))
		return -1;
	return loop_new(&loop, NULL) || uapi_server_new(&server, loop, listening, &handler, NULL);
}

static int teardown(void **state)
{
	(void)state;
	uapi_server_free(server);
	loop_free(loop);
	close(listening);
	return 0;
}

static int client_open(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, addr_len), 0);
	return fd;
}

/* Runs the loop until a client has its answer: "errno=...\n\n", or the connection's end. */
struct waiting {
	int fd;
	struct strbuf got;
	bool has_ended;
	size_t n_answers; /* to wait for */
	mono_ns deadline;
};

static size_t count_answers(const char *text)
{
	size_t n = 0;

	for (text = strstr(text, "errno="); text; text = strstr(text + 1, "errno="))
		if (strstr(text, "\n\n"))
			n++;
	return n;
}

static mono_ns wait_work(void *ctx)
{
	struct waiting *waiting = ctx;
	mono_ns now = clock_now().mono;

	if (waiting->fd >= 0) {
		ssize_t got = read(waiting->fd, strbuf_reserve(&waiting->got, 65536), 65536);

		if (got == 0 || (got < 0 && errno == ECONNRESET))
			waiting->has_ended = true;
		if (got > 0) {
			waiting->got.len += (size_t)got;
			waiting->got.text[waiting->got.len] = '\0';
		}
		if (waiting->has_ended ||
		    count_answers(strbuf_text(&waiting->got)) >= waiting->n_answers)
			loop_stop(loop);
	}
	if (now >= waiting->deadline)
		loop_stop(loop);
	return now + MSEC(1);
}

static struct waiting wait_for(int fd, size_t n_answers, span_ns timeout)
{
	struct waiting waiting = { .fd = fd, .n_answers = n_answers };

	waiting.deadline = clock_now().mono + timeout;
	loop_set_work(loop, wait_work, &waiting);
	loop_run(loop);
	return waiting;
}

/* Lets the server do what it has to do. */
static void settle(void)
{
	wait_for(-1, 0, MSEC(10));
}

static void send_text(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

		if (sent < 0) {
			assert_int_equal(errno, EAGAIN);
			wait_for(-1, 0, MSEC(1) / 10);
			continue;
		}
		text += sent;
		len -= (size_t)sent;
	}
}

static void expect_answer(int fd, const char *request, const char *expected)
{
	struct waiting waiting;

	send_text(fd, request, strlen(request));
	waiting = wait_for(fd, 1, SEC(5));
	assert_string_equal(strbuf_text(&waiting.got), expected);
	strbuf_fini(&waiting.got);
}

static void expect_close(const char *request)
{
	int fd = client_open();
	struct waiting waiting;

	send_text(fd, request, strlen(request));
	waiting = wait_for(fd, 1, SEC(5));
	assert_true(waiting.has_ended);
	assert_int_equal(waiting.got.len, 0);
	strbuf_fini(&waiting.got);
	close(fd);
}

static void get_tells_the_device(void **state)
{
	int fd = client_open();

	(void)state;
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	close(fd);
}

static void set_makes_the_change(void **state)
{
	int fd = client_open();

	(void)state;
	expect_answer(fd,
		      "set=1\nlisten_port=9\nreplace_peers=true\npublic_key=" KEY_A
		      "\nallowed_ip=10.0.0.0/8\npublic_key=" KEY_B "\n\n",
		      "errno=0\n\n");
	assert_int_equal(device.n_sets, 1);
	assert_int_equal(device.n_peers, 2);
	assert_int_equal(device.flags, WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_REPLACE_PEERS);
	close(fd);
}

static void several_operations_on_one_connection(void **state)
{
	int fd = client_open();
	const char *request = "set=1\nlisten_port=9\n\nget=1\n\nset=1\nlisten_port=x\n\nget=1\n\n";
	struct waiting waiting;

	(void)state;
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	send_text(fd, request, strlen(request));
	waiting = wait_for(fd, 4, SEC(5));
	assert_string_equal(strbuf_text(&waiting.got),
			    "errno=0\n\nlisten_port=9\nerrno=0\n\nerrno=-22\n\n"
			    "listen_port=9\nerrno=0\n\n");
	strbuf_fini(&waiting.got);
	close(fd);
}

static void requests_may_come_byte_by_byte(void **state)
{
	const char *request = "set=1\nlisten_port=9\npublic_key=" KEY_A "\n\n";
	int fd = client_open();

	(void)state;
	for (; request[1]; request++) {
		send_text(fd, request, 1);
		if (request[0] == '\n')
			settle();
	}
	assert_int_equal(device.n_sets, 0);
	expect_answer(fd, request, "errno=0\n\n");
	assert_int_equal(device.n_sets, 1);
	close(fd);
}

static void bad_line_leaves_all_as_it_was(void **state)
{
	int fd = client_open();

	(void)state;
	expect_answer(fd, "set=1\nlisten_port=9\nfwmark=no\nprivate_key=x\nx\n\n", "errno=-22\n\n");
	expect_answer(fd, "set=1\nlisten_port=9\nwhat\n\n", "errno=-71\n\n");
	assert_int_equal(device.n_sets, 0);
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	close(fd);
}

static void refused_change_is_answered(void **state)
{
	int fd = client_open();

	(void)state;
	device.answer = -EADDRINUSE;
	expect_answer(fd, "set=1\nlisten_port=9\n\n", "errno=-98\n\n");
	device.answer = 0;
	expect_answer(fd, "set=1\nlisten_port=9\n\n", "errno=0\n\n");
	close(fd);
}

static void get_takes_nothing_but_its_name(void **state)
{
	int fd = client_open();

	(void)state;
	expect_answer(fd, "get=1\npublic_key=" KEY_A "\n\n", "errno=22\n\n");
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	assert_int_equal(device.n_gets, 1);
	close(fd);
}

static void unknown_operation_closes(void **state)
{
	(void)state;
	expect_close("foo=1\n\n");
	expect_close("get=2\n\n");
	expect_close("set=10\n\n");
	expect_close("\n");
	expect_close("get=1x\n\n");
	assert_int_equal(device.n_gets + device.n_sets, 0);
}

static void zero_bytes_do_not_hide_anything(void **state)
{
	static const char request[] = "set=1\nlisten_port=9\0\n\n", get[] = "get=1\0\n\n";
	int fd = client_open();
	struct waiting waiting;

	(void)state;
	send_text(fd, request, sizeof(request) - 1);
	waiting = wait_for(fd, 1, SEC(5));
	assert_string_equal(strbuf_text(&waiting.got), "errno=-22\n\n");
	strbuf_fini(&waiting.got);
	send_text(fd, get, sizeof(get) - 1);
	waiting = wait_for(fd, 1, SEC(5));
	assert_true(waiting.has_ended);
	strbuf_fini(&waiting.got);
	close(fd);
}

static void half_a_request_is_not_applied(void **state)
{
	int fd = client_open();
	struct waiting waiting;

	(void)state;
	send_text(fd, "set=1\nlisten_port=9\n", 20);
	shutdown(fd, SHUT_WR);
	waiting = wait_for(fd, 1, SEC(5));
	assert_string_equal(strbuf_text(&waiting.got), "errno=-71\n\n");
	strbuf_fini(&waiting.got);
	waiting = wait_for(fd, 1, SEC(5));
	assert_true(waiting.has_ended);
	strbuf_fini(&waiting.got);
	assert_int_equal(device.n_sets, 0);
	close(fd);

	/* Gone altogether. */
	fd = client_open();
	send_text(fd, "set=1\nlisten_port=9\n", 20);
	close(fd);
	settle();
	assert_int_equal(device.n_sets, 0);
}

static void answer_reaches_who_says_no_more(void **state)
{
	int fd = client_open();
	struct waiting waiting;

	(void)state;
	send_text(fd, "get=1\n\n", 7);
	shutdown(fd, SHUT_WR);
	waiting = wait_for(fd, 1, SEC(5));
	assert_string_equal(strbuf_text(&waiting.got), "listen_port=7\nerrno=0\n\n");
	strbuf_fini(&waiting.got);
	waiting = wait_for(fd, 1, SEC(5));
	assert_true(waiting.has_ended);
	strbuf_fini(&waiting.got);
	close(fd);
}

static void stalled_clients_block_nobody(void **state)
{
	int stalled[3], fd;

	(void)state;
	for (int i = 0; i < 3; i++)
		stalled[i] = client_open();
	send_text(stalled[0], "set=1\n", 6);
	send_text(stalled[1], "set=1\nlisten_", 13);
	send_text(stalled[2], "get=1\n", 6);
	settle();
	fd = client_open();
	expect_answer(fd, "set=1\nlisten_port=9\n\n", "errno=0\n\n");
	/* They may go on whenever they like. */
	expect_answer(stalled[1], "port=10\n\n", "errno=0\n\n");
	expect_answer(stalled[0], "\n", "errno=0\n\n");
	expect_answer(stalled[2], "\n", "listen_port=10\nerrno=0\n\n");
	for (int i = 0; i < 3; i++)
		close(stalled[i]);
	close(fd);
}

static void who_does_not_read_blocks_nobody(void **state)
{
	int lazy = client_open(), fd = client_open();
	struct waiting waiting;
	size_t n = 0, before;

	(void)state;
	device.get_peers = 20000; /* 6 MB of text: more than a socket holds */
	before = mallinfo2().uordblks;
	send_text(lazy, "get=1\n\nset=1\nlisten_port=10\n\n", 29);
	settle();
	/* Nor is it held here, but for a piece. */
	assert_in_range(mallinfo2().uordblks - before, 0, 3 << 20);
	device.get_peers = 0;
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	/* What follows in the same buffer waits until the answer is taken. */
	assert_int_equal(device.n_sets, 0);
	waiting = wait_for(lazy, 2, SEC(30));
	assert_int_equal(device.n_sets, 1);
	for (const char *at = waiting.got.text; (at = strstr(at, "public_key=")); at++)
		n++;
	assert_int_equal(n, 20000);
	strbuf_fini(&waiting.got);
	close(lazy);
	close(fd);
}

static void who_leaves_while_being_answered_harms_nobody(void **state)
{
	int fd = client_open();

	(void)state;
	device.get_peers = 20000;
	send_text(fd, "get=1\n\n", 7);
	settle();
	close(fd);
	settle();
	device.get_peers = 0;
	fd = client_open();
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	close(fd);
}

static void long_lines_are_refused(void **state)
{
	AUTO(strbuf_fini) struct strbuf request = { 0 };
	int fd = client_open();

	(void)state;
	strbuf_add(&request, "set=1\nlisten_port=9\nallowed_ip=");
	for (int i = 0; i < 3 * UAPI_MAX_LINE; i++)
		strbuf_add_char(&request, '1');
	strbuf_add(&request, "\nfwmark=1\n\n");
	expect_answer(fd, request.text, "errno=-22\n\n");
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	assert_int_equal(device.n_sets, 0);

	/* The newline comes when the line has filled the buffer: it is no empty line. */
	send_text(fd, "set=1\n", 6);
	settle();
	strbuf_clear(&request);
	for (int i = 0; i < UAPI_MAX_LINE; i++)
		strbuf_add_char(&request, 'x');
	send_text(fd, request.text, request.len);
	settle();
	expect_answer(fd, "\nfwmark=1\n\n", "errno=-22\n\n");
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	close(fd);

	/* Where an operation should begin. */
	strbuf_clear(&request);
	for (int i = 0; i < UAPI_MAX_LINE; i++)
		strbuf_add_char(&request, 'x');
	expect_close(request.text);
}

static void many_peers_in_one_request(void **state)
{
	AUTO(strbuf_fini) struct strbuf request = { 0 };
	int fd = client_open();
	struct waiting waiting;

	(void)state;
	strbuf_add(&request, "set=1\n");
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&request, "public_key=%064x\nallowed_ip=10.%d.%d.%d/32\n", i + 1,
			    i >> 16, (i >> 8) & 255, i & 255);
	strbuf_add(&request, "\n");
	send_text(fd, request.text, request.len);
	waiting = wait_for(fd, 1, SEC(60));
	assert_string_equal(strbuf_text(&waiting.got), "errno=0\n\n");
	assert_int_equal(device.n_peers, 100000);
	strbuf_fini(&waiting.got);
	close(fd);
}

static void endless_request_is_refused(void **state)
{
	static char line[16000] = "fwmark=";
	int fd = client_open();

	(void)state;
	memset(line + 7, '0', sizeof(line) - 8);
	line[sizeof(line) - 1] = '\n';
	send_text(fd, "set=1\nlisten_port=9\n", 20);
	for (size_t sent = 0; sent <= UAPI_MAX_REQUEST + (1 << 20); sent += sizeof(line))
		send_text(fd, line, sizeof(line));
	expect_answer(fd, "\n", "errno=-90\n\n");
	assert_int_equal(device.n_sets, 0);
	close(fd);
}

static void the_most_silent_client_makes_room(void **state)
{
	int fds[UAPI_MAX_CLIENTS], fd;
	struct waiting waiting;

	(void)state;
	for (int i = 0; i < UAPI_MAX_CLIENTS; i++) {
		fds[i] = client_open();
		send_text(fds[i], "set=1\n", 6);
		settle();
	}
	/* The first has something to say again, so that it is the second's turn. */
	send_text(fds[0], "listen_port=8\n", 14);
	settle();
	fd = client_open();
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	waiting = wait_for(fds[1], 1, SEC(5));
	assert_true(waiting.has_ended);
	assert_int_equal(waiting.got.len, 0);
	strbuf_fini(&waiting.got);
	/* Nobody else has gone. */
	for (int i = 0; i < UAPI_MAX_CLIENTS; i++) {
		if (i != 1)
			expect_answer(fds[i], "\n", "errno=0\n\n");
		close(fds[i]);
	}
	assert_int_equal(device.port, 8);
	close(fd);
}

static unsigned int n_rounds;

static mono_ns count_rounds(void *ctx)
{
	const mono_ns *deadline = ctx;

	n_rounds++;
	if (clock_now().mono >= *deadline)
		loop_stop(loop);
	return *deadline;
}

static void without_descriptors_it_keeps_calm(void **state)
{
	struct rlimit before, few;
	mono_ns deadline;
	int waits, fd;

	(void)state;
	waits = client_open();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ (rlim_t)waits + 1, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	n_rounds = 0;
	deadline = clock_now().mono + MSEC(50);
	loop_set_work(loop, count_rounds, &deadline);
	loop_run(loop);
	assert_true(n_rounds < 10);
	/* With one left, a client is served, and the next takes its place. */
	few.rlim_cur += 2;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fd = client_open();
	expect_answer(fd, "get=1\n\n", "listen_port=7\nerrno=0\n\n");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(fd);
	close(waits);
}

/* Whatever bytes come, the server goes on. */
static void nonsense_harms_nobody(void **state)
{
	static const char *const words[] = { "set=1\n", "get=1\n",    "\n",          "public_key=",
					     KEY_A,     "\n\n",       "allowed_ip=", "10.0.0.1/32",
					     "=",       "remove=true" };
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		int fd = client_open();

		for (int i = 0; i < 30; i++) {
			char byte;

			seed = seed * 1664525 + 1013904223;
			byte = (char)(seed >> 24);
			if (seed >> 31)
				send(fd, words[(seed >> 8) % 10], strlen(words[(seed >> 8) % 10]),
				     MSG_NOSIGNAL);
			else
				send(fd, &byte, 1, MSG_NOSIGNAL);
		}
		shutdown(fd, SHUT_WR);
		wait_for(-1, 0, MSEC(1));
		close(fd);
	}
	settle();
	device.port = 7;
	get_tells_the_device(NULL); /* it still answers */
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(get_tells_the_device),
		CASE(set_makes_the_change),
		CASE(several_operations_on_one_connection),
		CASE(requests_may_come_byte_by_byte),
		CASE(bad_line_leaves_all_as_it_was),
		CASE(refused_change_is_answered),
		CASE(get_takes_nothing_but_its_name),
		CASE(unknown_operation_closes),
		CASE(zero_bytes_do_not_hide_anything),
		CASE(half_a_request_is_not_applied),
		CASE(answer_reaches_who_says_no_more),
		CASE(stalled_clients_block_nobody),
		CASE(who_does_not_read_blocks_nobody),
		CASE(who_leaves_while_being_answered_harms_nobody),
		CASE(long_lines_are_refused),
		CASE(many_peers_in_one_request),
		CASE(endless_request_is_refused),
		CASE(the_most_silent_client_makes_room),
		CASE(without_descriptors_it_keeps_calm),
		CASE(nonsense_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
