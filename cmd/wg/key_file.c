/* Keys as whole files: see key_file.h. What was read or written is wiped. */
#include "cmd/wg/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

/* Fills `out` as far as the file goes. Returns how many bytes that was, or a negative errno. */
static ssize_t read_up_to(int fd, char *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, out + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Whether nothing but white space is left; else *trailing is the first other character. */
static bool only_space_left(char *trailing, int fd, bool nul_is_space)
{
	char rest[4096];
	ssize_t n;

	do {
		n = read_up_to(fd, rest, sizeof(rest));
		for (ssize_t i = 0; i < n; i++) {
			char c = rest[i];

			if (c == ' ' || (c >= '\t' && c <= '\r') || (!c && nul_is_space))
				continue;
			*trailing = c;
			mem_wipe(rest, sizeof(rest));
			return false;
		}
	} while (n == sizeof(rest));
	return true;
}

enum key_file key_file_read(struct wg_key *out, char *trailing, int fd, bool nul_is_space)
{
	char text[WG_KEY_BASE64_LEN];
	ssize_t len = read_up_to(fd, text, sizeof(text));
	enum key_file result;

	if (len == 0)
		return KEY_FILE_EMPTY;
	/* What cannot be read, such as a directory, must not pass for an empty file. */
	if (len < (ssize_t)sizeof(text))
		result = KEY_FILE_SHORT;
	else if (!only_space_left(trailing, fd, nul_is_space))
		result = KEY_FILE_TRAILING;
	else
		result = wg_key_parse_mem(out, text, sizeof(text), NULL) ? KEY_FILE_BAD
									 : KEY_FILE_OK;
	mem_wipe(text, sizeof(text));
	return result;
}

int key_file_load(struct wg_key *out, const char *path, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char trailing;

	if (fd < 0)
		return err_set(err, -errno, "fopen: %s", strerror(errno));
	switch (key_file_read(out, &trailing, fd, false)) {
	case KEY_FILE_OK:
		return 0;
	case KEY_FILE_EMPTY:
		*out = (struct wg_key){ 0 };
		return 0;
	case KEY_FILE_SHORT:
		return err_set(err, -EINVAL, "Invalid length key in key file");
	case KEY_FILE_TRAILING:
		return err_set(err, -EINVAL, "Found trailing character in key file: `%c'",
			       trailing ? trailing : '?');
	case KEY_FILE_BAD:
		break;
	}
	return err_set(err, -EINVAL, "Key is not the correct length or format: `(hidden)'");
}

/* ---- new files ------------------------------------------------------------------------------- */

/* A file that was created; start with .fd = -1. */
struct new_file {
	const char *path;
	int fd;
};

static int create(struct new_file *file, mode_t mode, struct err *err)
{
	file->fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (file->fd >= 0)
		return 0;
	if (errno == EEXIST)
		return err_set(err, -errno, "%s: is there already, and is left as it is",
			       file->path);
	return err_set(err, -errno, "%s: %s", file->path, strerror(errno));
}

static int write_key(const struct new_file *file, const struct wg_key *key, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	size_t written = 0;

	wg_key_add(&text, key);
	strbuf_add_char(&text, '\n');
	while (written < text.len) {
		ssize_t n = write(file->fd, text.text + written, text.len - written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, -errno, "%s: %s", file->path, strerror(errno));
		written += (size_t)n;
	}
	/* A key that is given away but lost with the power is worse than none. */
	if (fsync(file->fd) && errno != EINVAL)
		return err_set(err, -errno, "%s: %s", file->path, strerror(errno));
	return 0;
}

/* Has the directory remember the file; not all file systems can. */
static void sync_directory(const char *path)
{
	AUTO(strbuf_fini) struct strbuf directory = { 0 };
	AUTO(auto_close) int fd = -1;
	const char *slash = strrchr(path, '/');

	if (slash)
		strbuf_add_mem(&directory, path, (size_t)(slash - path) + 1);
	else
		strbuf_add(&directory, ".");
	fd = open(directory.text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

/* Removes what create() made, unless something else stands there by now. */
static void undo(const struct new_file *file)
{
	struct stat ours, there;

	if (file->fd >= 0 && !fstat(file->fd, &ours) && !lstat(file->path, &there) &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		unlink(file->path);
}

static void close_file(struct new_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
}

static int create_both(const char *path, const struct wg_key *key, const struct wg_key *public_key,
		       struct err *err)
{
	AUTO(strbuf_fini) struct strbuf public_path = { 0 };
	AUTO(close_file) struct new_file secret = { .path = path, .fd = -1 };
	AUTO(close_file) struct new_file public = { .fd = -1 };
	int r;

	strbuf_addf(&public_path, "%s.pub", path);
	public.path = public_path.text;
	r = create(&secret, 0600, err);
	if (!r && public_key)
		r = create(&public, 0644, err);
	r = r ? r : write_key(&secret, key, err);
	if (!r && public_key)
		r = write_key(&public, public_key, err);
	if (r) {
		undo(&secret);
		undo(&public);
		return r;
	}
	sync_directory(path);
	return 0;
}

int key_file_create(const char *path, const struct wg_key *key, const struct wg_key *public_key,
		    struct err *err)
{
	sigset_t all, before;
	int r;

	/* Who interrupts is not left with half of it: an empty file takes a device's key away. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	/* A limit on files is an error like others, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	r = create_both(path, key, public_key, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int key_file_print(const struct wg_key *key)
{
	char room[WG_KEY_BASE64_LEN + 2];
	struct strbuf out = { .text = room, .cap = sizeof(room) };

	/* No memory is asked for, since scripts start us once for each key: 1 % of it. */
	wg_key_format(room, key);
	out.len = WG_KEY_BASE64_LEN;
	strbuf_add_char(&out, '\n');
	return cli_write(&out); /* which wipes it */
}
