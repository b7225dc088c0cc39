/*
 * Child processes and signals. There is no handler: the signals stay blocked, are looked for
 * between steps with sigpending(), and are let through in children. So no step is cut in two, and
 * whoever presses Ctrl-C twice does not cut the undoing short.
 *
 * SIGKILL cannot be held back. What is then still running for this program has the lock, and keeps
 * whoever comes next waiting, until it has ended or been ended.
 */
#include "cmd/wg-quick/process.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <paths.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/util/cleanup.h"

enum {
	/* A daemon's start that a signal has arrived in: to its own end, and from SIGTERM to it. */
	PATIENCE_MS = 2000
};

static sigset_t held;   /* empty until process_hold_signals() */
static sigset_t before; /* the mask that children get */

void process_hold_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static bool is_done;
	sigset_t blocked;

	if (is_done)
		return;
	is_done = true;
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action;

		/* A blocked signal stays pending even if it is to be ignored, as under nohup(1). */
		if (!sigaction(signals[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&held, signals[i]);
	}
	blocked = held;
	sigaddset(&blocked, SIGPIPE); /* blocked, not ignored: children inherit that */
	sigprocmask(SIG_BLOCK, &blocked, &before);
}

bool process_is_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	sigandset(&pending, &pending, &held);
	return !sigisemptyset(&pending);
}

bool process_find(char *out, const char *name)
{
	const char *dir = getenv("PATH"), *end;
	struct stat st;

	for (dir = dir ? dir : _PATH_DEFPATH; *dir; dir = *end ? end + 1 : end) {
		char path[PATH_MAX];

		end = strchrnul(dir, ':');
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)(end - dir), dir, name) <
			    PATH_MAX &&
		    !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK)) {
			if (out)
				strcpy(out, path);
			return true;
		}
	}
	return false;
}

bool process_may_administer_network(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return true; /* let the kernel say no */
	return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

int process_open_text(const char *text, size_t len, bool is_inherited)
{
	AUTO(auto_close) int fd = memfd_create("wg-quick", is_inherited ? 0 : MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t at = 0; at < len;) {
		ssize_t n = pwrite(fd, text + at, len - at, (off_t)at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return take_fd(&fd); /* it is at its beginning still */
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert(errno == EINTR);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether the child ends before the time is over and, with `signals`, before one arrives. A signal
 * is not read: it stays pending for process_is_interrupted(). */
static bool ends_within(int child, int signals, int timeout_ms)
{
	struct pollfd events[] = { { .fd = child, .events = POLLIN },
				   { .fd = signals, .events = POLLIN } };

	while (poll(events, 2, timeout_ms) < 0 && errno == EINTR)
		;
	return events[0].revents;
}

/* `streams` may be NULL; `kept`, unless negative, is one more descriptor that the program gets. */
static int spawn(pid_t *pid, char *const argv[], const int *streams, int kept, short flags,
		 struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawnattr_init(&attributes);

	assert(!r);
	r = posix_spawn_file_actions_init(&actions);
	assert(!r);
	for (int i = 0; streams && !r && i < 3; i++)
		if (streams[i] >= 0)
			r = posix_spawn_file_actions_adddup2(&actions, streams[i], i);
	if (!r && kept >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, kept, kept);
	assert(!r);
	posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGMASK | flags));
	posix_spawnattr_setsigmask(&attributes, &before);
	r = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r ? err_set(err, -r, "cannot run `%s': %s", argv[0], strerror(r)) : 0;
}

int process_run(char *const argv[], int kept, struct err *err)
{
	pid_t pid;
	int r = spawn(&pid, argv, NULL, kept, 0, err);

	return r ? r : wait_for(pid);
}

/* ---- children of our own --------------------------------------------------------------------- */

/* It gets the signal when its parent ends, at once if that has happened. */
static void die_with(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal);
	if (getppid() != parent) /* it was faster */
		kill(getpid(), signal);
}

/* What a child has to say besides its exit status: in memory that it shares with its parent. */
struct answer {
	int code; /* 0: the exit status counts; else a negative errno */
	struct err err;
};

struct command {
	char *const *argv;
	const int *streams;
	struct answer *answer;
};

/*
 * Programs are run by a child that only waits for them. Should this program be killed, its child
 * still has the lock (see lock.c) until the other program has ended; that one does not have it, for
 * it may leave others behind, which would keep it for ever.
 */
static int run_here(void *ctx)
{
	const struct command *command = ctx;
	pid_t pid;

	command->answer->code =
		spawn(&pid, command->argv, command->streams, -1, 0, &command->answer->err);
	return command->answer->code ? 0 : wait_for(pid);
}

/* A program that hangs while it starts is not waited for if this one is asked to end, or killed:
 * the kernel then sends its child what a signal here makes it send. */
static int run_apart_here(void *ctx)
{
	const struct command *command = ctx;
	sigset_t ends = held;
	pid_t pid;

	sigaddset(&ends, SIGTERM);
	AUTO(auto_close) int signals = signalfd(-1, &ends, SFD_CLOEXEC);

	command->answer->code =
		spawn(&pid, command->argv, NULL, -1, POSIX_SPAWN_SETSID, &command->answer->err);
	if (command->answer->code)
		return 0;
	AUTO(auto_close) int child = pidfd_open(pid, 0);

	/* Usually it is as good as done: then what it has made can be taken back in order. */
	if (child >= 0 && !ends_within(child, signals, -1) &&
	    !ends_within(child, -1, PATIENCE_MS)) {
		kill(-pid, SIGTERM);
		if (!ends_within(child, -1, PATIENCE_MS))
			kill(-pid, SIGKILL);
	}
	return wait_for(pid);
}

/* How a child of our own takes signals. */
enum manner {
	MANNER_ENDED, /* one that is held back here ends it, and so does the end of this program */
	MANNER_ASKED, /* likewise, but it gets SIGTERM, held back */
	MANNER_DEVOTED, /* it does not hear of any, but ends with this program */
	MANNER_PATIENT, /* it does not hear of any */
};

static pid_t start(int (*function)(void *ctx), void *ctx, enum manner manner)
{
	const pid_t parent = getpid();
	sigset_t term;
	pid_t pid;
	int status;

	/* What is printed by then is not to be printed twice. */
	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	switch (manner) {
	case MANNER_ENDED:
		die_with(parent, SIGKILL);
		sigprocmask(SIG_UNBLOCK, &held, NULL);
		break;
	case MANNER_ASKED:
		sigprocmask(SIG_BLOCK, &term, NULL);
		die_with(parent, SIGTERM);
		break;
	case MANNER_DEVOTED:
		die_with(parent, SIGKILL);
		break;
	case MANNER_PATIENT:
		break;
	}
	status = function(ctx);
	fflush(NULL);
	_exit(status);
}

static int call(int (*function)(void *ctx), void *ctx, enum manner manner, struct err *err)
{
	AUTO(auto_close) int signals = signalfd(-1, &held, SFD_CLOEXEC);
	pid_t pid = start(function, ctx, manner);

	if (pid < 0)
		return err_set(err, -errno, "cannot start a process: %s", strerror(errno));
	AUTO(auto_close) int child = pidfd_open(pid, 0);

	if (manner != MANNER_PATIENT && child >= 0 && !ends_within(child, signals, -1))
		kill(pid, SIGTERM);
	return wait_for(pid);
}

void *process_share(size_t size)
{
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return shared == MAP_FAILED ? NULL : shared;
}

void process_unshare(void *shared, size_t size)
{
	if (shared)
		munmap(shared, size);
}

static int run(char *const argv[], const int *streams, enum manner manner, struct err *err)
{
	struct answer *answer = process_share(sizeof(*answer));
	struct command command = { argv, streams, answer };
	int status;

	if (!answer)
		return err_set(err, -errno, "cannot start a process: %s", strerror(errno));
	status = call(manner == MANNER_ASKED ? run_apart_here : run_here, &command, manner, err);
	if (!status && answer->code) {
		status = answer->code;
		if (err)
			*err = answer->err;
	}
	process_unshare(answer, sizeof(*answer));
	return status;
}

int process_run_with(char *const argv[], const int streams[static 3], struct err *err)
{
	return run(argv, streams, MANNER_PATIENT, err);
}

int process_run_apart(char *const argv[], struct err *err)
{
	return run(argv, NULL, MANNER_ASKED, err);
}

int process_call(int (*function)(void *ctx), void *ctx, struct err *err)
{
	return call(function, ctx, MANNER_ENDED, err);
}

int process_call_in_time(int (*function)(void *ctx), void *ctx, struct err *err)
{
	pid_t pid = start(function, ctx, MANNER_DEVOTED);

	if (pid < 0)
		return err_set(err, -errno, "cannot start a process: %s", strerror(errno));
	AUTO(auto_close) int child = pidfd_open(pid, 0);

	if (child >= 0 && !ends_within(child, -1, PATIENCE_MS))
		kill(pid, SIGKILL);
	return wait_for(pid);
}
