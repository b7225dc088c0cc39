/*
 * Locks are files in the directory of the interfaces' sockets, locked by flock(2): so they are
 * given back however a run ends. The file has the number of the process in it, and is removed by
 * whoever gives the lock back. The directory goes as well if it has come by the lock. The file's
 * name has the network namespace, since others may share the directory; and it begins with the
 * interface's name, which the lock of the rules leaves out.
 */
#include "cmd/wg-quick/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

#define LOCK_DIR RUNSTATEDIR "/wireguard"

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512];
	const char *rest;
	size_t len;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	AUTO(auto_fclose) FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	/* "PID (NAME) STATE PARENT": the name may have parentheses as well. */
	rest = strrchr(text, ')');
	return rest && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* The process that holds the lock of an open file; 0 if that is not known (yet). */
static pid_t holder_of(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? atoi(text) : 0;
}

static bool is_ancestor(pid_t holder)
{
	for (pid_t pid = getpid(); holder && pid > 1; pid = parent_of(pid))
		if (pid == holder)
			return true;
	return false;
}

/* Whether the file is the one to be found at the path, rather than one that has been removed. */
static bool is_at(int fd, const char *path)
{
	struct stat open, there;

	return !fstat(fd, &open) && !stat(path, &there) && open.st_ino == there.st_ino &&
	       open.st_dev == there.st_dev;
}

/* Takes the descriptor. */
static void own(struct lock *out, int *fd, const char *path)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(*fd, 0) || pwrite(*fd, text, (size_t)len, 0) < 0)
		text[0] = '\0'; /* nobody is told who holds it, which does no harm */
	out->fd = *fd;
	out->path = mem_strdup(path);
	*fd = -1;
}

bool lock_add_path(struct strbuf *out, const char *name, const char *suffix)
{
	struct stat netns;

	if (stat("/proc/self/ns/net", &netns))
		return false;
	strbuf_addf(out, LOCK_DIR "/%s.%ju%s", name, (uintmax_t)netns.st_ino, suffix);
	return true;
}

/* `name` may be empty. */
static void take(struct lock *out, const char *name)
{
	static const struct timespec moment = { .tv_nsec = MSEC(10) };
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	bool is_told = false;

	*out = (struct lock)LOCK_NONE;
	if (!lock_add_path(&path, name, ".lock"))
		return;
	while (!process_is_interrupted()) {
		if (!mkdir(LOCK_DIR, 0755))
			out->has_made_dir = true;
		else if (errno != EEXIST)
			return;
		AUTO(auto_close)
		int fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		pid_t holder;

		if (fd < 0 && errno == ENOENT) /* somebody else has removed the directory */
			continue;
		if (fd < 0)
			return;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			if (!is_at(fd, path.text))
				continue;
			own(out, &fd, path.text);
			return;
		}
		if (errno != EWOULDBLOCK)
			return;
		holder = holder_of(fd);
		if (is_ancestor(holder))
			return;
		if (name[0] && holder && !is_told) {
			cli_say("[!] waiting for process %d, which works on `%s'", (int)holder,
				name);
			is_told = true;
		}
		nanosleep(&moment, NULL);
	}
}

void lock_interface(struct lock *out, const char *interface)
{
	take(out, interface);
}

void lock_rules(struct lock *out)
{
	take(out, "");
}

void lock_release(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	unlink(lock->path);
	if (lock->has_made_dir)
		rmdir(LOCK_DIR); /* unless a socket or a lock is in it by now */
	close(lock->fd);
	free(lock->path);
	*lock = (struct lock)LOCK_NONE;
}
