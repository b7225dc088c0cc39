/*
 * Child processes and signals. There is no handler: the signals stay blocked, are looked for
 * between steps with sigpending(), and are let through in children. So no step is cut in two, and
 * whoever presses Ctrl-C twice does not cut the undoing short.
 */
#include "cmd/wg-quick/process.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/util/cleanup.h"

static sigset_t held;   /* empty until process_hold_signals() */
static sigset_t before; /* the mask that children get */

void process_hold_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action;

		/* A blocked signal stays pending even if it is to be ignored, as under nohup(1). */
		if (!sigaction(signals[i], NULL, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&held, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
}

bool process_is_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	sigandset(&pending, &pending, &held);
	return !sigisemptyset(&pending);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert(errno == EINTR);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int process_run(char *const argv[], struct err *err)
{
	posix_spawnattr_t attributes;
	pid_t pid;
	int r = posix_spawnattr_init(&attributes);

	assert(!r);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &before);
	r = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (r)
		return err_set(err, -r, "cannot run `%s': %s", argv[0], strerror(r));
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

		sigprocmask(SIG_SETMASK, &before, NULL);
		status = function(ctx);
		fflush(NULL);
		_exit(status);
	}
	AUTO(auto_close) int child = pidfd_open(pid, 0);
	struct pollfd events[] = { { .fd = child, .events = POLLIN },
				   { .fd = signals, .events = POLLIN } };

	/* The signal is not read: it stays pending for process_is_interrupted(). */
	while (child >= 0 && poll(events, 2, -1) < 0 && errno == EINTR)
		;
	if (events[1].revents)
		kill(pid, SIGTERM);
	return wait_for(pid);
}
