/*
 * Locks are files in the directory of the interfaces' sockets, locked by flock(2): so they are
 * given back however a run ends. The file has the number of the process in it, and is removed by
 * whoever gives the lock back. The directory goes as well if it has come by the lock, or by that of
 * a run that was killed and left its file. The file's name has the network namespace, since others
 * may share the directory; and it begins with the interface's name, which the lock of the rules
 * leaves out.
 */
#include "cmd/wg-quick/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/process.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

#define LOCK_DIR RUNSTATEDIR "/wireguard"

/* Of a lock's file, behind the number of the process: the directory has come by a lock. */
#define MADE_DIR " made-dir"

static int interface_fd = -1;

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

/* Whether a process has that very file open. */
static bool has_open(pid_t pid, const struct stat *file)
{
	char path[64];
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	AUTO(auto_closedir) DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (!fstatat(dirfd(dir), entry->d_name, &st, 0) && st.st_ino == file->st_ino &&
		    st.st_dev == file->st_dev)
			return true;
	}
	return false;
}

/* Whether this run is a part of the one that holds the lock; of which there may be no more than a
 * hook's shell. */
static bool is_part_of(pid_t holder, int fd)
{
	bool is_alive = holder && (!kill(holder, 0) || errno != ESRCH);
	struct stat st;

	if (fstat(fd, &st))
		return false;
	for (pid_t pid = parent_of(getpid()); pid > 1; pid = parent_of(pid))
		if (is_alive ? pid == holder : has_open(pid, &st))
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

/* Writes into the file who has it, and whether the directory goes with it. If that fails, nobody is
 * told, which does no harm. */
static void sign(const struct lock *lock)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d%s\n", (int)getpid(),
			   lock->has_made_dir ? MADE_DIR : "");

	if (ftruncate(lock->fd, 0) || pwrite(lock->fd, text, (size_t)len, 0) < 0)
		return;
}

static int open_file(const char *path, bool *is_new)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0600);

	*is_new = fd >= 0;
	return fd < 0 && errno == EEXIST ? open(path, flags) : fd;
}

/* Takes the descriptor. Who was killed before it could sign has perhaps made the directory, which
 * goes in no case unless it is empty. */
static void own(struct lock *out, int *fd, const char *path, bool is_new)
{
	char text[32] = "";
	ssize_t len = pread(*fd, text, sizeof(text) - 1, 0);

	if (len > 0 ? !!strstr(text, MADE_DIR) : !is_new)
		out->has_made_dir = true;
	out->fd = take_fd(fd);
	out->path = mem_strdup(path);
	sign(out);
}

static void tell(pid_t holder, const char *interface)
{
	if (!kill(holder, 0) || errno != ESRCH)
		cli_say("[!] waiting for process %d, which works on `%s'", (int)holder, interface);
	else
		cli_say("[!] waiting for what process %d has left behind, which was killed while "
			"it worked on `%s'",
			(int)holder, interface);
}

bool lock_add_path(struct strbuf *out, const char *name, const char *suffix)
{
	struct stat netns;
	int r;

	/* An interface's is where this program was called: which other namespace its file names
	 * is read later, and may change. Rules are counted where they are. */
	if (name[0])
		netns_go(NETNS_HOME);
	r = stat("/proc/self/ns/net", &netns);
	netns_go(NETNS_TARGET);
	if (r)
		return false;
	strbuf_addf(out, LOCK_DIR "/%s.%ju%s", name, (uintmax_t)netns.st_ino, suffix);
	return true;
}

/* `name` may be empty. */
static void take(struct lock *out, const char *name)
{
	static const struct timespec moment = { .tv_nsec = MSEC(10) };
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	bool is_told = false, is_new;

	*out = (struct lock)LOCK_NONE;
	if (!lock_add_path(&path, name, ".lock"))
		return;
	while (!process_is_interrupted()) {
		if (!mkdir(LOCK_DIR, 0755))
			out->has_made_dir = true;
		else if (errno != EEXIST)
			return;
		AUTO(auto_close) int fd = open_file(path.text, &is_new);
		pid_t holder;

		if (fd < 0 && errno == ENOENT) /* somebody else has removed the directory */
			continue;
		if (fd < 0)
			return;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			if (!is_at(fd, path.text))
				continue;
			own(out, &fd, path.text, is_new);
			return;
		}
		if (errno != EWOULDBLOCK)
			return;
		holder = holder_of(fd);
		if (holder == getpid() || is_part_of(holder, fd)) {
			out->is_callers = holder != getpid();
			return;
		}
		if (name[0] && holder && !is_told) {
			tell(holder, name);
			is_told = true;
		}
		nanosleep(&moment, NULL);
	}
}

void lock_interface(struct lock *out, const char *interface)
{
	take(out, interface);
	interface_fd = out->fd;
}

void lock_take_dir(struct lock *lock)
{
	if (lock->fd < 0 || lock->has_made_dir)
		return;
	lock->has_made_dir = true;
	sign(lock);
}

int lock_held(void)
{
	return interface_fd;
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
	if (interface_fd == lock->fd)
		interface_fd = -1;
	close(lock->fd);
	free(lock->path);
	*lock = (struct lock)LOCK_NONE;
}
