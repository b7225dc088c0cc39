/*
 * The client against made-up daemons, which run in a thread. The sockets' directory is a fresh
 * tmpfs in a mount namespace of this process, which takes root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/uapi/client.h"
#include "lib/uapi/codec.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"
#include "tests/unit/peer_at.h"
#include "tests/unit/same_device.h"

#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"

static bool ready; /* whether the namespace could be made */

#define NEEDS_NAMESPACE()       \
	do {                    \
		if (!ready)     \
			skip(); \
	} while (0)

static int enter_namespace(void **state)
{
	(void)state;
	ready = !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		!mount("tmpfs", RUNSTATEDIR, "tmpfs", 0, NULL) && !mkdir(UAPI_SOCKET_DIR, 0755);
	return 0;
}

/* One answer to one question. */
struct daemon {
	pthread_t thread;
	int fd;
	char name[32];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *answer;
	size_t answer_len;    /* 0: up to its NUL */
	size_t piece_len;     /* bytes per write of the answer; 0: all at once */
	size_t first_len;     /* bytes of the first write, if it is another length */
	size_t hang_up_after; /* bytes of the question; 0: read it whole */
	struct strbuf question;
};

static int listen_at(char *path, size_t path_len, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(path, path_len, "%s/%s.sock", UAPI_SOCKET_DIR, name);
	strcpy(addr.sun_path, path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* What was written arrives alone: what comes next is not read together with it. */
static void wait_until_read(int fd)
{
	int n;

	while (!ioctl(fd, SIOCOUTQ, &n) && n)
		sched_yield();
}

static void *serve(void *argument)
{
	struct daemon *daemon = argument;
	int fd = accept(daemon->fd, NULL, NULL);
	size_t len = daemon->answer_len ? daemon->answer_len : strlen(daemon->answer);
	size_t step = daemon->piece_len ? daemon->piece_len : len;
	size_t n_bytes = daemon->first_len ? daemon->first_len : step;

	for (;;) {
		char *end = strbuf_reserve(&daemon->question, 4096);
		ssize_t n = read(fd, end, 4096);

		if (n <= 0)
			break;
		daemon->question.len += (size_t)n;
		end[n] = '\0';
		if (daemon->hang_up_after && daemon->question.len >= daemon->hang_up_after)
			break;
		if (strstr(daemon->question.text, "\n\n"))
			break;
	}
	for (size_t at = 0; at < len; at += n_bytes, n_bytes = step) {
		wait_until_read(fd);
		if (write(fd, daemon->answer + at, n_bytes < len - at ? n_bytes : len - at) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void daemon_start(struct daemon *daemon, const char *answer)
{
	daemon->answer = answer;
	strcpy(daemon->name, "test0");
	daemon->fd = listen_at(daemon->path, sizeof(daemon->path), daemon->name);
	assert_int_equal(pthread_create(&daemon->thread, NULL, serve, daemon), 0);
}

/* After this the question is there to be looked at, and then to be given back. */
static void daemon_stop(struct daemon *daemon)
{
	pthread_join(daemon->thread, NULL);
	close(daemon->fd);
	unlink(daemon->path);
}

/* ---- get ------------------------------------------------------------------------------------- */

static int get_from(struct daemon *daemon, struct wg_device **out, const char *answer)
{
	struct err err = { 0 };
	int r;

	daemon_start(daemon, answer);
	r = uapi_get(out, daemon->name, &err);
	daemon_stop(daemon);
	assert_string_equal(daemon->question.text, "get=1\n\n");
	strbuf_fini(&daemon->question);
	assert_int_equal(err.code, r);
	return r;
}

static int get(struct wg_device **out, const char *answer, size_t piece_len)
{
	struct daemon daemon = { .piece_len = piece_len };

	return get_from(&daemon, out, answer);
}

static void a_get_may_come_in_any_pieces(void **state)
{
	static const char answer[] =
		"listen_port=5\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/8\nerrno=0\n\n";

	(void)state;
	NEEDS_NAMESPACE();
	for (size_t piece = 0; piece < 9; piece++) {
		AUTO(wg_device_auto_free) struct wg_device *device = NULL;

		assert_int_equal(get(&device, answer, piece), 0);
		assert_string_equal(device->name, "test0");
		assert_int_equal(device->listen_port, 5);
		assert_int_equal(device->n_peers, 1);
		assert_int_equal(peer_at(device, 0)->n_allowed_ips, 1);
	}
}

/* Most lines are read fast, some are left to others, and any may come in two pieces. */
static void a_get_may_be_torn_anywhere(void **state)
{
	static const char peers[] =
		"private_key=" KEY_A "\nlisten_port=5\nfwmark=7\npublic_key=" KEY_A
		"\npreshared_key=" KEY_A "\nprotocol_version=1\nendpoint=192.0.2.1:51820\n"
		"last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=999999999\n"
		"tx_bytes=123456789012345678\nrx_bytes=18446744073709551615\nunknown=1\n"
		"persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::1/128\n"
		"public_key=" KEY_B "\nendpoint=[2001:db8::1]:1\nallowed_ip=::ffff:1.2.3.4/128\n";
	static const struct {
		const char *text;
		int code;
	} ends[] = {
		{ "errno=0\n\n", 0 },
		{ "errno=-5\n\n", -EIO },
		{ "rx_bytes=-1\nerrno=0\n\n", -EPROTO },
	};

	(void)state;
	NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		AUTO(strbuf_fini) struct strbuf answer = { 0 };
		AUTO(wg_device_auto_free) struct wg_device *whole = NULL;

		strbuf_addf(&answer, "%s%s", peers, ends[i].text);
		assert_int_equal(get(&whole, answer.text, 0), ends[i].code);
		for (size_t at = 1; at < answer.len; at++) {
			AUTO(wg_device_auto_free) struct wg_device *torn = NULL;
			struct daemon daemon = { .first_len = at };

			assert_int_equal(get_from(&daemon, &torn, answer.text), ends[i].code);
			assert_int_equal(!torn, !whole);
			if (torn)
				assert_same_device(torn, whole);
		}
	}
}

static void a_get_takes_lines_of_any_length(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strbuf_fini) struct strbuf answer = { 0 };

	(void)state;
	NEEDS_NAMESPACE();
	strbuf_add(&answer, "errno=0\nnonsense=");
	memset(strbuf_reserve(&answer, 1000000), 'x', 1000000);
	answer.len += 1000000;
	strbuf_add(&answer, "\nlisten_port=7\n\nlisten_port=8\n\n");
	assert_int_equal(get(&device, answer.text, 0), 0);
	assert_int_equal(device->listen_port, 7);
}

static void what_is_no_answer_is_eproto(void **state)
{
	static const char *const answers[] = {
		"",
		"\n",
		"\n\n",
		"errno=0\n",
		"errno=0",
		"listen_port=5\n\n",
		"errno=0\nx\n\n",
		"errno=0\r\n\r\n",
	};

	(void)state;
	NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct wg_device *device = NULL;

		if (get(&device, answers[i], 0) != -EPROTO)
			fail_msg("taken: %s", answers[i]);
		assert_null(device);
	}
}

static void a_line_that_does_not_end_is_eproto(void **state)
{
	AUTO(strbuf_fini) struct strbuf answer = { 0 };
	struct wg_device *device = NULL;

	(void)state;
	NEEDS_NAMESPACE();
	strbuf_add(&answer, "errno=0\nnonsense=");
	memset(strbuf_reserve(&answer, 3000000), 'x', 3000000);
	answer.len += 3000000;
	strbuf_add(&answer, "\n\n");
	assert_int_equal(get(&device, answer.text, 0), -EPROTO);
	assert_null(device);
}

static void a_nul_in_a_line_is_eproto(void **state)
{
	static const char answer[] = "errno=0\nlisten_port=5\0"
				     "1\n\n";
	struct daemon daemon = { .answer_len = sizeof(answer) - 1 };
	struct wg_device *device = NULL;

	(void)state;
	NEEDS_NAMESPACE();
	daemon_start(&daemon, answer);
	assert_int_equal(uapi_get(&device, daemon.name, NULL), -EPROTO);
	daemon_stop(&daemon);
	assert_null(device);
	strbuf_fini(&daemon.question);
}

static void a_gets_errno_has_either_sign(void **state)
{
	struct wg_device *device = NULL;

	(void)state;
	NEEDS_NAMESPACE();
	assert_int_equal(get(&device, "errno=1\n\n", 0), -EPERM);
	assert_int_equal(get(&device, "listen_port=1\nerrno=-1\n\n", 0), -EPERM);
	assert_null(device);
}

/* ---- set ------------------------------------------------------------------------------------- */

static struct wg_device *many_peers(size_t n)
{
	struct wg_device *change = wg_device_new();

	strcpy(change->name, "test0");
	for (size_t i = 0; i < n; i++) {
		struct wg_peer *peer = wg_device_add_peer(change);

		memcpy(peer->public_key.bytes, &i, sizeof(i));
		peer->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REPLACE_ALLOWED_IPS;
		wg_peer_add_allowed_ip(peer)->cidr =
			(struct cidr){ .addr.bytes = { 10, (uint8_t)(i >> 8), (uint8_t)i },
				       .family = AF_INET,
				       .bits = 32 };
	}
	return change;
}

static void a_set_is_sent_whole(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(3000);
	AUTO(strbuf_fini) struct strbuf expected = { 0 };
	struct daemon daemon = { 0 };

	(void)state;
	NEEDS_NAMESPACE();
	uapi_encode_set(&expected, change, NULL, NULL);
	daemon_start(&daemon, "errno=0\n\n");
	assert_int_equal(uapi_set(change, NULL), 0);
	daemon_stop(&daemon);
	assert_int_equal(daemon.question.len, expected.len);
	assert_string_equal(daemon.question.text, expected.text);
	strbuf_fini(&daemon.question);
}

static void an_empty_set_is_sent(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(0);
	struct daemon daemon = { 0 };

	(void)state;
	NEEDS_NAMESPACE();
	daemon_start(&daemon, "errno=0\n\n");
	assert_int_equal(uapi_set(change, NULL), 0);
	daemon_stop(&daemon);
	assert_string_equal(daemon.question.text, "set=1\n\n");
	strbuf_fini(&daemon.question);
}

static void a_sets_errno_has_either_sign(void **state)
{
	static const struct {
		const char *answer;
		int code;
	} cases[] = {
		{ "errno=-22\n\n", -EINVAL },
		{ "errno=22\n\n", -EINVAL },
		{ "\n", -EPROTO },
		{ "", -EPROTO },
		{ "errno=0\n", -EPROTO },
		{ "errno=0\n\n", 0 },
	};
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(1);

	(void)state;
	NEEDS_NAMESPACE();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct daemon daemon = { 0 };

		daemon_start(&daemon, cases[i].answer);
		assert_int_equal(uapi_set(change, NULL), cases[i].code);
		daemon_stop(&daemon);
		strbuf_fini(&daemon.question);
	}
}

static void a_daemon_that_hangs_up_may_say_why(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(20000);
	struct daemon daemon = { .hang_up_after = 1000 };
	struct err err;

	(void)state;
	NEEDS_NAMESPACE();
	daemon_start(&daemon, "errno=-98\n\n");
	assert_int_equal(uapi_set(change, &err), -EADDRINUSE);
	assert_string_equal(err.text, strerror(EADDRINUSE));
	daemon_stop(&daemon);
	strbuf_fini(&daemon.question);
}

/* ---- list ------------------------------------------------------------------------------------ */

static void listing_knows_who_answers(void **state)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	char live[128], stale[128], nameless[128];
	int fd, stale_fd;

	(void)state;
	NEEDS_NAMESPACE();
	fd = listen_at(live, sizeof(live), "live");
	stale_fd = listen_at(stale, sizeof(stale), "stale");
	close(stale_fd);
	mkdir(UAPI_SOCKET_DIR "/dir.sock", 0700);
	close(open(UAPI_SOCKET_DIR "/file.sock", O_CREAT | O_WRONLY, 0600));
	snprintf(nameless, sizeof(nameless), "%s/.sock", UAPI_SOCKET_DIR);
	assert_int_equal(symlink(live, nameless), 0);

	assert_int_equal(uapi_list(&names, NULL), 0);
	assert_int_equal(names.n, 1);
	assert_string_equal(names.items[0], "live");
	assert_int_equal(access(stale, F_OK), -1); /* nobody listens: it went */
	assert_int_equal(access(UAPI_SOCKET_DIR "/file.sock", F_OK), 0);

	assert_true(uapi_exists("live"));
	assert_false(uapi_exists("stale"));
	assert_false(uapi_exists("file"));
	assert_false(uapi_exists("dir"));
	assert_false(uapi_exists("../wireguard/live"));
	assert_false(uapi_exists(""));
	close(fd);
	unlink(live);
	unlink(nameless);
	unlink(UAPI_SOCKET_DIR "/file.sock");
	rmdir(UAPI_SOCKET_DIR "/dir.sock");
}

struct starter {
	int fd;
	int64_t start_ns, took_ns; /* until it did listen */
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *listen_soon(void *argument)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	struct starter *starter = argument;

	nanosleep(&moment, NULL);
	listen(starter->fd, 8);
	starter->took_ns = now_ns() - starter->start_ns;
	return NULL;
}

static void a_daemon_that_is_starting_keeps_its_socket(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX,
				    .sun_path = UAPI_SOCKET_DIR "/test0.sock" };
	bool was_late = true;

	(void)state;
	NEEDS_NAMESPACE();
	for (int i = 0; i < 50 && was_late; i++) { /* the machine may be busy */
		struct starter starter = {
			.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			.start_ns = now_ns(),
		};
		pthread_t thread;
		bool exists;

		assert_int_equal(bind(starter.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(pthread_create(&thread, NULL, listen_soon, &starter), 0);
		exists = uapi_exists("test0");
		pthread_join(thread, NULL);
		was_late = starter.took_ns > 10000000;
		if (!was_late) {
			assert_true(exists);
			assert_int_equal(access(addr.sun_path, F_OK), 0);
		}
		close(starter.fd);
		unlink(addr.sun_path);
	}
	if (was_late)
		skip();
}

static void a_daemon_that_refuses_this_user_is_there(void **state)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(0);
	struct wg_device *device = NULL;
	struct err err;
	char path[128];
	int fd;

	(void)state;
	NEEDS_NAMESPACE();
	fd = listen_at(path, sizeof(path), "test0");
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_true(uapi_exists("test0"));
	assert_int_equal(uapi_list(&names, NULL), 0);
	assert_int_equal(names.n, 1);
	assert_int_equal(uapi_get(&device, "test0", &err), -EACCES);
	assert_string_equal(err.text, strerror(EACCES));
	assert_int_equal(uapi_set(change, &err), -EACCES);
	assert_int_equal(seteuid(0), 0);
	close(fd);
	unlink(path);
}

static void no_directory_is_no_error(void **state)
{
	AUTO(strlist_fini) struct strlist names = { 0 };

	(void)state;
	NEEDS_NAMESPACE();
	assert_int_equal(rmdir(UAPI_SOCKET_DIR), 0);
	assert_int_equal(uapi_list(&names, NULL), 0);
	assert_int_equal(names.n, 0);
	assert_int_equal(mkdir(UAPI_SOCKET_DIR, 0755), 0);
}

static void without_a_socket_there_is_no_device(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = many_peers(0);
	struct wg_device *device = NULL;
	struct err err;

	(void)state;
	NEEDS_NAMESPACE();
	assert_int_equal(uapi_get(&device, "nobody", &err), -ENOENT);
	assert_null(device);
	assert_int_equal(uapi_set(change, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_get_may_come_in_any_pieces),
		cmocka_unit_test(a_get_may_be_torn_anywhere),
		cmocka_unit_test(a_get_takes_lines_of_any_length),
		cmocka_unit_test(what_is_no_answer_is_eproto),
		cmocka_unit_test(a_line_that_does_not_end_is_eproto),
		cmocka_unit_test(a_nul_in_a_line_is_eproto),
		cmocka_unit_test(a_gets_errno_has_either_sign),
		cmocka_unit_test(a_set_is_sent_whole),
		cmocka_unit_test(an_empty_set_is_sent),
		cmocka_unit_test(a_sets_errno_has_either_sign),
		cmocka_unit_test(a_daemon_that_hangs_up_may_say_why),
		cmocka_unit_test(listing_knows_who_answers),
		cmocka_unit_test(a_daemon_that_is_starting_keeps_its_socket),
		cmocka_unit_test(a_daemon_that_refuses_this_user_is_there),
		cmocka_unit_test(no_directory_is_no_error),
		cmocka_unit_test(without_a_socket_there_is_no_device),
	};

	signal(SIGPIPE, SIG_IGN); /* the made-up daemons write to clients that have left */
	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
