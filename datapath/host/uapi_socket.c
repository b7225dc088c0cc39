/*
 * The socket's file: see uapi_socket.h. It is bound under another name and moved into place when
 * it listens: `wg show` removes sockets that refuse to connect, and so would remove ours between
 * bind() and listen(). A lock keeps two daemons that start at the same time from replacing each
 * other's. What is locked is a file that only its owner can open, and that is there as long as it
 * is needed: the directory itself, which all may read, any user could lock for ever.
 * Owns the listening socket, the file and the watch over it. One thread.
 */
#include "datapath/host/uapi_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/uapi/client.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define LOCK_PATH UAPI_SOCKET_DIR "/.lock"

enum {
	UAPI_BACKLOG = 128
};

struct uapi_socket {
	int fd;
	struct sockaddr_un addr;
	/* The file that is ours; 0: there is none. */
	dev_t dev;
	ino_t ino;
	struct loop *loop; /* NULL: not watched */
	struct loop_source watch;
	void (*gone)(void *ctx);
	void *gone_ctx;
};

/* Writes DIRECTORY/PREFIX NAME SUFFIX. */
static int make_addr(struct sockaddr_un *out, const char *prefix, const char *name,
		     const char *suffix, struct err *err)
{
	int len;

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s%s%s", UAPI_SOCKET_DIR, prefix,
		       name, suffix);
	if (len < 0 || (size_t)len >= sizeof(out->sun_path))
		return err_set(err, -ENAMETOOLONG, "%s: the socket's path is too long", name);
	return 0;
}

static void make_directory(int *code)
{
	mode_t mask = umask(022);

	mkdir(RUNSTATEDIR, 0755);
	*code = mkdir(UAPI_SOCKET_DIR, 0755) && errno != EEXIST ? errno : 0;
	umask(mask);
}

/* Returns a descriptor of the lock's file, locked; or a negative errno. */
static int lock(void)
{
	struct stat locked, there;

	for (;;) {
		int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), code;

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX) || fstat(fd, &locked)) {
			code = errno;
			close(fd);
			return -code;
		}
		/* Whoever had it has removed it: others lock another file by now. */
		if (!lstat(LOCK_PATH, &there) && there.st_dev == locked.st_dev &&
		    there.st_ino == locked.st_ino)
			return fd;
		close(fd);
	}
}

/* For AUTO(). */
static void auto_unlock(const int *fd)
{
	if (*fd < 0)
		return;
	unlink(LOCK_PATH);
	close(*fd);
}

/* As lock(), but makes the directory if need be. */
static int lock_for_opening(struct err *err)
{
	int why_none, fd, code;

	make_directory(&why_none);
	fd = lock();
	if (fd >= 0)
		return fd;
	/* What open() says when there is no directory would hide why there is none. */
	code = why_none ? why_none : -fd;
	return err_set(err, -code, "%s: %s%s", UAPI_SOCKET_DIR, strerror(code),
		       code == EACCES || code == EPERM ? ": run as root" : "");
}

/* Whether the name is free, or has a socket that nobody listens on. */
static int check_free(const struct sockaddr_un *addr, struct err *err)
{
	AUTO(auto_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat there;

	if (lstat(addr->sun_path, &there))
		return errno == ENOENT
			       ? 0
			       : err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	if (!S_ISSOCK(there.st_mode))
		return err_set(err, -EADDRINUSE, "%s: is there, and is no socket", addr->sun_path);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno != ECONNREFUSED)
		return err_set(err, -EADDRINUSE, "%s: unix socket in use: another daemon answers",
			       addr->sun_path);
	return 0;
}

/* Remembers which file is ours. */
static void identify(struct uapi_socket *sock)
{
	struct stat file;

	if (lstat(sock->addr.sun_path, &file))
		return;
	sock->dev = file.st_dev;
	sock->ino = file.st_ino;
}

static bool is_still_ours(const struct uapi_socket *sock)
{
	struct stat file;

	return sock->ino && !lstat(sock->addr.sun_path, &file) && file.st_dev == sock->dev &&
	       file.st_ino == sock->ino;
}

static struct uapi_socket *wrap(int fd, const struct sockaddr_un *addr)
{
	struct uapi_socket *sock = mem_alloc(1, sizeof(*sock));

	sock->fd = fd;
	sock->addr = *addr;
	sock->watch.fd = -1;
	return sock;
}

int uapi_socket_open(struct uapi_socket **out, const char *name, struct err *err)
{
	AUTO(auto_unlock) int locked = -1;
	struct sockaddr_un addr, temporary;
	mode_t mask;
	int fd, failed, r;

	r = make_addr(&addr, "", name, ".sock", err);
	if (!r)
		r = make_addr(&temporary, ".", name, ".new", err);
	if (r)
		return r;
	locked = lock_for_opening(err);
	if (locked < 0)
		return locked;
	r = check_free(&addr, err);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", addr.sun_path, strerror(errno));
	unlink(temporary.sun_path);
	mask = umask(077);
	failed = bind(fd, (const struct sockaddr *)&temporary, sizeof(temporary)) ||
		 listen(fd, UAPI_BACKLOG) || rename(temporary.sun_path, addr.sun_path);
	umask(mask);
	if (failed) {
		r = err_set(err, -errno, "%s: %s", addr.sun_path, strerror(errno));
		unlink(temporary.sun_path);
		close(fd);
		return r;
	}
	*out = wrap(fd, &addr);
	identify(*out);
	return 0;
}

int uapi_socket_adopt(struct uapi_socket **out, int fd, const char *name, struct err *err)
{
	struct sockaddr_un addr, bound = { 0 };
	socklen_t len = sizeof(int), bound_len = sizeof(bound) - 1;
	int is_listening = 0, flags, r;

	r = make_addr(&addr, "", name, ".sock", err);
	if (r)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) || !is_listening)
		return err_set(err, -EINVAL, "descriptor %d is no listening socket", fd);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return err_set(err, -errno, "descriptor %d: %s", fd, strerror(errno));
	*out = wrap(fd, &addr);
	/* The file of that name need not be this socket's. */
	if (!getsockname(fd, (struct sockaddr *)&bound, &bound_len) &&
	    !strcmp(bound.sun_path, addr.sun_path))
		identify(*out);
	return 0;
}

void uapi_socket_free(struct uapi_socket *sock)
{
	if (!sock)
		return;
	if (sock->loop)
		loop_remove(sock->loop, &sock->watch);
	if (sock->watch.fd >= 0)
		close(sock->watch.fd);
	/* Locked, or a successor's could come between looking and removing. Where there is no room
	 * for a lock there is none for a successor's, either. */
	AUTO(auto_unlock) int locked = lock();

	(void)locked;
	if (is_still_ours(sock))
		unlink(sock->addr.sun_path);
	close(sock->fd);
	free(sock);
}

int uapi_socket_fd(const struct uapi_socket *sock)
{
	return sock->fd;
}

/* Something happened in the directory; what, is best seen by looking. */
static void watch_ready(struct loop_source *source, uint32_t events)
{
	_Alignas(struct inotify_event) char buffer[4096];
	struct uapi_socket *sock = source->ctx;

	(void)events;
	while (read(source->fd, buffer, sizeof(buffer)) > 0)
		continue;
	if (!is_still_ours(sock))
		sock->gone(sock->gone_ctx);
}

int uapi_socket_watch(struct uapi_socket *sock, struct loop *loop, void (*gone)(void *ctx),
		      void *ctx, struct err *err)
{
	const uint32_t mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
			      IN_MOVE_SELF | IN_ONLYDIR;
	int r;

	if (!sock->ino)
		return 0;
	sock->gone = gone;
	sock->gone_ctx = ctx;
	sock->watch = (struct loop_source){
		.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.ready = watch_ready,
		.ctx = sock,
	};
	if (sock->watch.fd < 0 || inotify_add_watch(sock->watch.fd, UAPI_SOCKET_DIR, mask) < 0)
		return err_set(err, -errno, "cannot watch %s: %s", UAPI_SOCKET_DIR,
			       strerror(errno));
	r = loop_add(loop, &sock->watch, EPOLLIN, err);
	if (r)
		return r;
	sock->loop = loop;
	/* Nobody has told if it went before there was a watch. */
	if (!is_still_ours(sock))
		gone(ctx);
	return 0;
}
