/*
 * Runs a command and prints one line about it: seconds that passed, seconds of processor time,
 * peak memory in KiB, bytes of output, exit status (a signal is 128 and its number).
 *   measure null|pipe COMMAND [ARGUMENTS...]
 * The command's stdout is /dev/null, or a pipe that is read here as fast as it fills.
 *
 * The time includes the children that the command waited for; the memory is that of the largest of
 * them. Linux counts the memory of the process that calls exec, too: hence not a part of the
 * script.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "measure: %s: %s\n", what, strerror(r));
	exit(125);
}

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Reads a pipe to its end, and says how much that was. */
static unsigned long long drain(int fd)
{
	static char buf[65536];
	unsigned long long all = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		all += n > 0 ? (unsigned long long)n : 0;
	return all;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	unsigned long long bytes = 0;
	struct rusage usage;
	int status, fds[2] = { -1, -1 };
	double start;
	pid_t pid;

	if (argc < 3 || (strcmp(argv[1], "null") != 0 && strcmp(argv[1], "pipe") != 0)) {
		fputs("Usage: measure null|pipe COMMAND [ARGUMENTS...]\n", stderr);
		return 125;
	}
	must(posix_spawn_file_actions_init(&actions), "spawn");
	if (!strcmp(argv[1], "pipe")) {
		must(pipe2(fds, O_CLOEXEC) ? errno : 0, "pipe");
		must(posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO), "spawn");
	} else {
		must(posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
						      O_WRONLY, 0),
		     "spawn");
	}
	start = now();
	must(posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ), argv[2]);
	if (fds[0] >= 0) {
		close(fds[1]);
		bytes = drain(fds[0]);
	}
	while (wait4(pid, &status, 0, &usage) < 0)
		must(errno == EINTR ? 0 : errno, "wait4");
	printf("%.6f %.6f %ld %llu %d\n", now() - start,
	       seconds(&usage.ru_utime) + seconds(&usage.ru_stime), usage.ru_maxrss, bytes,
	       WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}
