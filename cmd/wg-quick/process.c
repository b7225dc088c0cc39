/*
 * Child processes and signals. There is no handler: the signals stay blocked, are looked for
 * between steps with sigpending(), and are let through in children. So no step is cut in two, and
 * whoever presses Ctrl-C twice does not cut the undoing short.
 */
#include "cmd/wg-quick/process.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <paths.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
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
	sigset_t blocked;

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

static int spawn(pid_t *pid, char *const argv[], const int streams[3], short flags, struct err *err)
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
	assert(!r);
	posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGMASK | flags));
	posix_spawnattr_setsigmask(&attributes, &before);
	r = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r ? err_set(err, -r, "cannot run `%s': %s", argv[0], strerror(r)) : 0;
}

int process_run(char *const argv[], struct err *err)
{
	pid_t pid;
	int r = spawn(&pid, argv, NULL, 0, err);

	return r ? r : wait_for(pid);
}

int process_run_with(char *const argv[], const int streams[static 3], struct err *err)
{
	pid_t pid;
	int r = spawn(&pid, argv, streams, 0, err);

	return r ? r : wait_for(pid);
}

int process_run_apart(char *const argv[], struct err *err)
{
	AUTO(auto_close) int signals = signalfd(-1, &held, SFD_CLOEXEC);
	pid_t pid;
	int r = spawn(&pid, argv, NULL, POSIX_SPAWN_SETSID, err);

	if (r)
		return r;
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

int process_call(int (*function)(void *ctx), void *ctx, struct err *err)
{
	AUTO(auto_close) int signals = signalfd(-1, &held, SFD_CLOEXEC);
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, -errno, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		int status;

		sigprocmask(SIG_UNBLOCK, &held, NULL);
		status = function(ctx);
		fflush(NULL);
		_exit(status);
	}
	AUTO(auto_close) int child = pidfd_open(pid, 0);

	if (child >= 0 && !ends_within(child, signals, -1))
		kill(pid, SIGTERM);
	return wait_for(pid);
}
