/*
 * wg-datapath [-f|--foreground] IFNAME: a WireGuard interface in user space. Options and
 * environment are those of wireguard-go, which it replaces. Unless it is to stay in the foreground
 * it forks: the child sets everything up and tells the parent through a pipe how that went, so that
 * the command returns when the UAPI socket answers, or with the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/host/daemon.h"
#include "lib/crypto/aead.h"
#include "lib/util/cleanup.h"
#include "lib/util/log.h"
#include "lib/util/num.h"

#define PROGRAM "wg-datapath"

enum {
	NICE = -5,
	TURN_NS = 5000000,
};

static const char usage_text[] = "Usage: " PROGRAM " [-f|--foreground] INTERFACE\n"
				 "       " PROGRAM " --version\n"
				 "       " PROGRAM " --help\n";

struct options {
	struct daemon_options daemon;
	bool is_foreground;
};

/* What is opened later must not land where the standard streams are looked for, if the caller has
 * closed them: the log would be written into it. */
static void occupy_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void complain(const struct err *err)
{
	fprintf(stderr, PROGRAM ": %s\n", err->text);
}

/* Which library seals and opens packets. */
static int parse_crypto(struct err *err)
{
	const char *text = getenv("WG_CRYPTO");

	if (!text || !*text || !aead_backend_select(text, err))
		return 0;
	return err_prefix(err, "WG_CRYPTO");
}

static int print_version(void)
{
	char crypto[AEAD_DESCRIPTION_LEN];
	struct err err = { 0 };

	puts(PROGRAM " v" VERSION);
	if (parse_crypto(&err)) {
		complain(&err);
		return 1;
	}
	aead_backend_describe(crypto);
	printf("crypto: %s\n", crypto);
	return 0;
}

/* Returns -1 to go on, or an exit status. */
static int parse_arguments(struct options *options, int argc, char **argv)
{
	int i = 1;

	if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-v")))
		return print_version();
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (argc > i && (!strcmp(argv[i], "-f") || !strcmp(argv[i], "--foreground"))) {
		options->is_foreground = true;
		i++;
	}
	if (argc != i + 1 || argv[i][0] == '-') {
		fputs(usage_text, stderr);
		return 1;
	}
	options->daemon.name = argv[i];
	return -1;
}

/* A descriptor that was handed in; -1: none. */
static int parse_fd(int *fd, const char *variable, struct err *err)
{
	const char *text = getenv(variable);
	uint64_t number;

	*fd = -1;
	if (!text || !*text)
		return 0;
	if (num_parse(&number, text, 0xffff))
		return err_set(err, -EINVAL, "%s: not a descriptor: `%s'", variable, text);
	if (fcntl((int)number, F_GETFD) < 0)
		return err_set(err, -errno, "%s: descriptor %s: %s", variable, text,
			       strerror(errno));
	*fd = (int)number;
	return 0;
}

/* How many threads are to move packets. */
static int parse_threads(unsigned int *n, struct err *err)
{
	const char *text = getenv("WG_THREADS");
	uint64_t number = 0;

	if (text && *text && (num_parse(&number, text, DAEMON_THREADS_MAX) || !number))
		return err_set(err, -EINVAL, "WG_THREADS: not a number from 1 to %d: `%s'",
			       DAEMON_THREADS_MAX, text);
	*n = (unsigned int)number;
	return 0;
}

static enum log_level parse_log_level(void)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "verbose", LOG_LEVEL_DEBUG }, { "debug", LOG_LEVEL_DEBUG },
		{ "info", LOG_LEVEL_INFO },     { "warn", LOG_LEVEL_WARN },
		{ "error", LOG_LEVEL_ERROR },   { "silent", LOG_LEVEL_SILENT },
	};
	const char *text = getenv("LOG_LEVEL");

	for (size_t i = 0; text && i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcmp(text, levels[i].name))
			return levels[i].level;
	return LOG_LEVEL_ERROR;
}

static int parse_environment(struct options *options, struct err *err)
{
	const char *foreground = getenv("WG_PROCESS_FOREGROUND");
	const char *offload = getenv("WG_OFFLOAD");
	struct err why = { 0 };
	int r;

	if (foreground && !strcmp(foreground, "1"))
		options->is_foreground = true;
	if (features_parse(&options->daemon.features, offload && *offload ? offload : "on", &why))
		return err_set(err, -EINVAL, "WG_OFFLOAD: %s", why.text);
	r = parse_threads(&options->daemon.n_threads, err);
	if (!r)
		r = parse_fd(&options->daemon.tun_fd, "WG_TUN_FD", err);
	if (!r)
		r = parse_fd(&options->daemon.uapi_fd, "WG_UAPI_FD", err);
	return r ? r : parse_crypto(err);
}

static void log_crypto(void)
{
	char crypto[AEAD_DESCRIPTION_LEN];

	aead_backend_describe(crypto);
	log_info("crypto: %s", crypto);
}

/* Keys shall be in no file and in no debugger of another user. */
static void forbid_core_dumps(void)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/*
 * Packets wait, and are dropped, while the programs that they come from and go to compute: the
 * kernel's own network code does not wait for those, either. And whoever is interrupted in the
 * middle of a batch lets the next one grow: a longer turn makes for shorter queues. (Kernels before
 * 6.12 have turns of one length only.) Who wants it otherwise starts us with another nice value.
 */
static void take_precedence(void)
{
	struct sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = SCHED_NORMAL,
		.sched_nice = NICE,
		.sched_runtime = TURN_NS,
	};

	if (getpriority(PRIO_PROCESS, 0) || syscall(SYS_sched_getscheduler, 0) != SCHED_NORMAL)
		return;
	if (!syscall(SYS_sched_setattr, 0, &attr, 0))
		return;
	attr.sched_nice = 0; /* without the right to more */
	syscall(SYS_sched_setattr, 0, &attr, 0);
}

static int run_foreground(const struct options *options)
{
	struct daemon *daemon;
	struct err err = { 0 };

	if (daemon_new(&daemon, &options->daemon, &err)) {
		complain(&err);
		return 1;
	}
	daemon_run(daemon);
	daemon_free(daemon);
	return 0;
}

/* Closes all descriptors after the standard streams, but those that are needed. */
static void close_others(const struct options *options, int report)
{
	const int wanted[] = { report, options->daemon.tun_fd, options->daemon.uapi_fd };
	int from = STDERR_FILENO + 1;

	for (;;) {
		int next = INT_MAX; /* the lowest wanted one from here on */

		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (wanted[i] >= from && wanted[i] < next)
				next = wanted[i];
		if (next > from)
			close_range((unsigned int)from, (unsigned int)next - 1, 0);
		if (next == INT_MAX)
			return;
		from = next + 1;
	}
}

/* Leaves nothing of the caller's behind that somebody may wait for: neither standard streams (the
 * log stays if it was asked for) nor a pipe that happened to be open. */
static void detach(const struct options *options, int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const char *log = getenv("LOG_LEVEL");

	setsid();
	if (chdir("/") || null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (!log || !*log || !strcmp(log, "silent"))
		dup2(null, STDERR_FILENO);
	close_others(options, report);
}

/* The child: reports one line of error, or nothing and an end. */
static int run_detached(const struct options *options, int report)
{
	struct daemon *daemon;
	struct err err = { 0 };

	detach(options, report);
	if (daemon_new(&daemon, &options->daemon, &err)) {
		if (write(report, &err, sizeof(err)) < 0)
			complain(&err);
		return 1;
	}
	/* All is well: a code of 0. Whoever does not wait for it any more was stopped, and wants no
	 * daemon, either. */
	if (write(report, &err, sizeof(err)) == (ssize_t)sizeof(err)) {
		close(report);
		daemon_run(daemon);
	}
	daemon_free(daemon);
	return 0;
}

/* The parent: waits until the child is at work, or has failed and is gone. */
static int wait_for_report(int report, pid_t child)
{
	struct err err = { 0 };
	ssize_t got;

	do
		got = read(report, &err, sizeof(err));
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(err))
		err_set(&err, -ECHILD, "the background process died while starting");
	if (!err.code)
		return 0;
	waitpid(child, NULL, 0);
	complain(&err);
	return 1;
}

static int run_in_background(const struct options *options)
{
	int report[2];
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) || (pid = fork()) < 0) {
		fprintf(stderr, PROGRAM ": cannot detach: %s\n", strerror(errno));
		return 1;
	}
	if (!pid) {
		close(report[0]);
		return run_detached(options, report[1]);
	}
	close(report[1]);
	return wait_for_report(report[0], pid);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct err err = { 0 };
	int status;

	occupy_standard_streams();
	status = parse_arguments(&options, argc, argv);
	if (status >= 0)
		return status;
	if (parse_environment(&options, &err)) {
		complain(&err);
		return 1;
	}
	forbid_core_dumps();
	take_precedence();
	log_init(parse_log_level(), options.daemon.name);
	aead_backend_on_use(log_crypto);
	return options.is_foreground ? run_foreground(&options) : run_in_background(&options);
}
