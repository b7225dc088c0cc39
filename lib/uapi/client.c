/*
 * The sockets of userspace devices: see client.h. One connection serves one question. Both ways go
 * in pieces through a small buffer, so 100,000 peers need no more memory than the model does; the
 * buffer has keys in it and is wiped (strbuf does that). No state is kept between calls.
 */
#include "lib/uapi/client.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/uapi/codec.h"
#include "lib/uapi/codec_quick.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

#define SUFFIX ".sock"

enum {
	PIECE_LEN = 65536,      /* bytes per read, and about as many per write */
	STARTING_NS = 20000000, /* a daemon has its socket, but does not listen on it yet */
	LINE_LEN_MAX = 1 << 20, /* bytes of an answer without a newline that are waited for */
};

static int fail(struct err *err, int code)
{
	return err_set(err, code, "%s", strerror(-code));
}

/* Where the socket of `name` is. Returns 0, or a negative errno if there is none. */
static int find_socket(struct sockaddr_un *out, const char *name)
{
	struct stat info;
	int len;

	if (!*name || strchr(name, '/'))
		return -ENOENT;
	out->sun_family = AF_UNIX;
	len = snprintf(out->sun_path, sizeof(out->sun_path), "%s/%s" SUFFIX, UAPI_SOCKET_DIR, name);
	if (len < 0 || (size_t)len >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	if (stat(out->sun_path, &info) < 0)
		return -errno;
	return S_ISSOCK(info.st_mode) ? 0 : -ENOTSOCK;
}

static int try_to_connect(const struct sockaddr_un *addr)
{
	int r, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* A socket that nobody listens on is in the way of the next daemon, and removed. */
static int connect_to(const struct sockaddr_un *addr)
{
	const struct timespec moment = { .tv_nsec = STARTING_NS };
	int fd = try_to_connect(addr);

	if (fd != -ECONNREFUSED)
		return fd;
	/* Perhaps nobody listens yet: a daemon that finds its socket removed ends. */
	nanosleep(&moment, NULL);
	fd = try_to_connect(addr);
	if (fd == -ECONNREFUSED)
		unlink(addr->sun_path);
	return fd;
}

int uapi_connect(const char *name)
{
	struct sockaddr_un addr = { 0 };
	int r = find_socket(&addr, name);

	return r ? r : connect_to(&addr);
}

bool uapi_exists(const char *name)
{
	struct sockaddr_un addr = { 0 };
	AUTO(auto_close) int fd = -1;

	if (find_socket(&addr, name))
		return false;
	/* Someone may be there whom this user, or anyone just now, cannot speak to: to say so is
	 * better than to look elsewhere. */
	fd = connect_to(&addr);
	return fd != -ECONNREFUSED;
}

int uapi_list(struct strlist *names, struct err *err)
{
	AUTO(auto_closedir) DIR *dir = opendir(UAPI_SOCKET_DIR);
	const size_t suffix_len = strlen(SUFFIX);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : fail(err, -errno);
	while ((errno = 0, entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len <= suffix_len || strcmp(entry->d_name + len - suffix_len, SUFFIX) != 0)
			continue;
		entry->d_name[len - suffix_len] = '\0';
		if (uapi_exists(entry->d_name))
			strlist_add(names, entry->d_name);
	}
	return errno ? fail(err, -errno) : 0;
}

/* Sends all there is in buf and empties it. */
static int flush(int fd, struct strbuf *buf)
{
	size_t sent = 0;

	while (sent < buf->len) {
		ssize_t n = send(fd, buf->text + sent, buf->len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	strbuf_clear(buf);
	return 0;
}

/* How an answer is read: the lines at its start that can be taken fast (or NULL), one line. */
struct answer_reader {
	size_t (*take_quickly)(struct uapi_decoder *decoder, const char *text, size_t len);
	int (*take_line)(struct uapi_decoder *decoder, char *line, struct err *err);
};

static const struct answer_reader get_reader = { uapi_quick_get_lines, uapi_decode_get_line };
static const struct answer_reader set_reader = { NULL, uapi_decode_errno_line };

/*
 * Takes the whole lines that there are from *line up to `end`, which has a NUL, and leaves *line
 * behind them. `seen` bytes at the start are known to have no newline. Returns 0 when more has to
 * be read, 1 after the empty line, or a negative errno.
 */
static int take_lines(char **line, const char *end, size_t seen, struct uapi_decoder *decoder,
		      const struct answer_reader *reader, struct err *err)
{
	char *newline;

	for (;; seen = 0) {
		int r;

		if (reader->take_quickly && !seen)
			*line += reader->take_quickly(decoder, *line, (size_t)(end - *line));
		newline = memchr(*line + seen, '\n', (size_t)(end - *line) - seen);
		if (!newline)
			return 0;
		if (newline == *line)
			return decoder->has_errno ? 1 : fail(err, -EPROTO);
		*newline = '\0';
		if (strlen(*line) != (size_t)(newline - *line))
			return fail(err, -EPROTO);
		r = reader->take_line(decoder, *line, err);
		if (r)
			return r;
		*line = newline + 1;
	}
}

/*
 * Reads the answer up to its empty line. Without that line, or without an errno among the others,
 * it is no answer.
 */
static int read_answer(int fd, struct uapi_decoder *decoder, const struct answer_reader *reader,
		       struct err *err)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };
	size_t seen = 0; /* bytes at the start of buf that are known to have no newline */

	for (;;) {
		char *end = strbuf_reserve(&buf, PIECE_LEN), *line = buf.text;
		int r;
		ssize_t n = recv(fd, end, buf.cap - buf.len - 1, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, -errno);
		if (n == 0)
			return fail(err, -EPROTO);
		buf.len += (size_t)n;
		buf.text[buf.len] = '\0';
		r = take_lines(&line, buf.text + buf.len, seen, decoder, reader, err);
		if (r)
			return r < 0 ? r : 0;
		strbuf_drop(&buf, (size_t)(line - buf.text));
		seen = buf.len;
		if (seen > LINE_LEN_MAX)
			return fail(err, -EPROTO);
	}
}

int uapi_get(struct wg_device **out, const char *name, struct err *err)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(auto_close) int fd = uapi_connect(name);
	AUTO(strbuf_fini) struct strbuf request = { 0 };
	struct uapi_decoder decoder = { .device = device };
	int r;

	if (fd < 0)
		return fail(err, fd);
	snprintf(device->name, sizeof(device->name), "%s", name);
	strbuf_add(&request, "get=1\n\n");
	r = flush(fd, &request);
	if (r)
		return fail(err, r);
	r = read_answer(fd, &decoder, &get_reader, err);
	/* A daemon that goes away has not answered, however it went. */
	if (r == -ECONNRESET)
		return fail(err, -EPROTO);
	if (r)
		return r;
	if (decoder.code)
		return fail(err, decoder.code);
	*out = TAKE(device);
	return 0;
}

/* uapi_flush: sends what is worth a call. */
static int flush_some(void *ctx, struct strbuf *buf)
{
	const int *fd = ctx;

	return buf->len < PIECE_LEN ? 0 : flush(*fd, buf);
}

static int send_set(int fd, const struct wg_device *change)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };
	int r = uapi_encode_set(&buf, change, flush_some, &fd);

	return r ? r : flush(fd, &buf);
}

int uapi_set(const struct wg_device *change, struct err *err)
{
	AUTO(auto_close) int fd = uapi_connect(change->name);
	struct uapi_decoder decoder = { 0 };
	int sent, r;

	if (fd < 0)
		return fail(err, fd);
	sent = send_set(fd, change);
	/* A daemon that hangs up in the middle may have said why. */
	if (sent && sent != -EPIPE && sent != -ECONNRESET)
		return fail(err, sent);
	r = read_answer(fd, &decoder, &set_reader, err);
	if (r)
		return r;
	return decoder.code ? fail(err, decoder.code) : 0;
}
