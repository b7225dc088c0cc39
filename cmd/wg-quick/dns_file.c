/*
 * The swap of resolv.conf. Two things are kept:
 *
 *	STATE_DIR/dns-N       what each tunnel wants, in the order in which they came; a section
 *	                      begins with "# INTERFACE". The last one counts. N is the network
 *	                      namespace: what happens in one is none of another's business.
 *	PATH.wg-quick         the resolv.conf that was there, itself: a link stays a link. The new
 *	                      one is made as PATH.wg-quick-new; both files change places in one
 *	                      step (RENAME_EXCHANGE), so that there is always one; then the old
 *	                      one gets this name. What takes the place of a file of ours is made
 *	                      as PATH.wg-quick-next, lest it be taken for the old one.
 *
 * A file of ours begins with a line that says so; that line, not a record elsewhere, tells whose
 * resolv.conf is, since others may replace it any time and a reboot may come between.
 *
 * In a container resolv.conf is often a mount point, or its directory is read-only. It is then
 * written into, and what it held is kept as STATE_DIR/resolv.conf-N. A crash in the middle of that
 * leaves either text whole, with empty lines behind it.
 *
 * Callers own what they hand in; a lock on STATE_DIR keeps two of them apart.
 */
#include "cmd/wg-quick/dns_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/wg-quick/netns.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define WISHES "dns-"
#define MARK "# Written by wg-quick(8), "

const struct dns_file dns_file_of_host = { "/etc/resolv.conf", RUNSTATEDIR "/wg-quick" };

const struct dns_file *dns_file_here(void)
{
	static char path[sizeof("/etc/netns//resolv.conf") + NAME_MAX];
	static const struct dns_file file = { path, RUNSTATEDIR "/wg-quick" };

	if (!netns_name())
		return &dns_file_of_host;
	snprintf(path, sizeof(path), "/etc/netns/%s/resolv.conf", netns_name());
	return &file;
}

/* The names of all files, and what the tunnels want. */
struct work {
	const char *path;
	struct strbuf saved, next, next_own;            /* beside path */
	struct strbuf dir, wishes, next_wishes, copied; /* in the state directory */
	struct strbuf stack;
	int lock;
};

static void work_fini(struct work *work)
{
	struct strbuf *all[] = { &work->saved,  &work->next,        &work->next_own, &work->dir,
				 &work->wishes, &work->next_wishes, &work->copied,   &work->stack };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		strbuf_fini(all[i]);
	auto_close(&work->lock);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_err(struct err *err, const char *path)
{
	int code = -errno;

	return err_set(err, code, "%s: %s", path, strerror(-code));
}

/* Returns 0, or -ENOENT and the like without a word. */
static int read_file(struct strbuf *out, const char *path)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : strbuf_read_fd(out, fd, NULL);
}

static int pwrite_all(int fd, const char *text, size_t len, size_t from)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = pwrite(fd, text + at, len - at, (off_t)(from + at));

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

/* Writes a file that is not there yet, whole or not at all. */
static int write_new(const char *path, const char *text, size_t len, struct err *err)
{
	AUTO(auto_close) int fd = -1;
	int r;

	unlink(path); /* of a run that was killed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return file_err(err, path);
	r = fchmod(fd, 0644) ? -errno : pwrite_all(fd, text, len, 0);
	if (!r && fsync(fd))
		r = -errno;
	if (!r)
		return 0;
	errno = -r;
	file_err(err, path);
	unlink(path);
	return r;
}

/* Makes a file longer, by empty lines, or leaves it as it is. */
static int extend(int fd, size_t from, size_t to)
{
	AUTO(strbuf_fini) struct strbuf lines = { 0 };
	int r;

	for (size_t i = from; i < to; i++)
		strbuf_add_char(&lines, '\n');
	r = pwrite_all(fd, strbuf_text(&lines), lines.len, from);
	return r && ftruncate(fd, (off_t)from) ? -errno : r;
}

/* Writes into a file that must stay where it is. What cannot be written whole is not begun. */
static int write_into(const char *path, const char *text, size_t len, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO(strbuf_fini) struct strbuf padded = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return file_err(err, path);
	r = extend(fd, (size_t)st.st_size, len);
	strbuf_add_mem(&padded, text, len);
	while (padded.len < (size_t)st.st_size)
		strbuf_add_char(&padded, '\n');
	if (!r)
		r = pwrite_all(fd, strbuf_text(&padded), padded.len, 0);
	if (!r && (ftruncate(fd, (off_t)len) || fsync(fd)))
		r = -errno;
	errno = -r;
	return r ? file_err(err, path) : 0;
}

static int replace(const char *path, const struct strbuf *next, const struct strbuf *text,
		   struct err *err)
{
	int r = write_new(strbuf_text(next), strbuf_text(text), text->len, err);

	if (!r && rename(strbuf_text(next), path)) {
		r = file_err(err, path);
		unlink(strbuf_text(next));
	}
	return r;
}

static bool is_ours(const char *path)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char start[sizeof(MARK) - 1];

	return fd >= 0 && read(fd, start, sizeof(start)) == (ssize_t)sizeof(start) &&
	       !memcmp(start, MARK, sizeof(start));
}

static bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static bool is_plain(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

/* ---- the tunnels' wishes --------------------------------------------------------------------- */

/* Finds the section that begins at `from`; returns whether there is one. *end is where the next
 * begins. */
static bool next_section(const char **name, size_t *name_len, const char **lines, const char **end,
			 const char *from)
{
	const char *newline;

	if (strncmp(from, "# ", 2) != 0)
		return false;
	newline = strchr(from, '\n');
	if (!newline)
		return false;
	*name = from + 2;
	*name_len = (size_t)(newline - *name);
	*lines = newline + 1;
	*end = strstr(newline, "\n# ");
	*end = *end ? *end + 1 : from + strlen(from);
	return true;
}

/* Leaves one tunnel's section out; returns whether there was one. */
static bool drop_section(struct strbuf *stack, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf rest = { 0 };
	const char *name, *lines, *end, *at = strbuf_text(stack);
	bool found = false;
	size_t len;

	for (; next_section(&name, &len, &lines, &end, at); at = end)
		if (len == strlen(interface) && !memcmp(name, interface, len))
			found = true;
		else
			strbuf_add_mem(&rest, at, (size_t)(end - at));
	if (found) {
		strbuf_clear(stack);
		strbuf_add(stack, strbuf_text(&rest));
	}
	return found;
}

/* What resolv.conf is to be; empty if no tunnel wants anything. */
static void add_content(struct strbuf *out, const struct work *work)
{
	const char *name, *lines, *end, *at = strbuf_text(&work->stack);
	size_t len;

	for (; next_section(&name, &len, &lines, &end, at); at = end) {
		strbuf_clear(out);
		strbuf_addf(out, MARK "for %.*s. Do not edit: it goes when the tunnel goes.\n",
			    (int)len, name);
		strbuf_add_mem(out, lines, (size_t)(end - lines));
	}
}

/* ---- resolv.conf ----------------------------------------------------------------------------- */

/* For a file that cannot be replaced: see the top. */
static int put_in_place(enum dns_file_outcome *out, const struct work *work,
			const struct strbuf *content, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf old = { 0 };
	const char *copied = strbuf_text(&work->copied);
	struct err ours = { 0 };
	int r = 0;

	if (!is_plain(work->path))
		return err->code;
	if (!is_ours(work->path)) {
		r = read_file(&old, work->path);
		if (!r)
			r = write_new(copied, strbuf_text(&old), old.len, &ours);
	}
	if (!r)
		r = write_into(work->path, strbuf_text(content), content->len, &ours);
	if (!r) {
		*out = DNS_FILE_WRITTEN;
		return 0;
	}
	if (!is_ours(work->path))
		unlink(copied);
	if (ours.code)
		*err = ours;
	return r;
}

/* Makes resolv.conf ours, with this content. What was there stays beside it. */
static int put(enum dns_file_outcome *out, const struct work *work, const struct strbuf *content,
	       struct err *err)
{
	const char *next = strbuf_text(&work->next);
	int r;

	if (is_ours(work->path) || !exists(work->path)) {
		r = replace(work->path, &work->next_own, content, err);
	} else {
		r = write_new(next, strbuf_text(content), content->len, err);
		if (!r && renameat2(AT_FDCWD, next, AT_FDCWD, work->path, RENAME_EXCHANGE)) {
			r = file_err(err, work->path);
			unlink(next);
		} else if (!r && rename(next, strbuf_text(&work->saved))) {
			r = file_err(err, strbuf_text(&work->saved));
			rename(next, work->path);
			return r;
		}
	}
	if (r)
		return put_in_place(out, work, content, err);
	*out = DNS_FILE_EXCHANGED;
	return 0;
}

/* Whether tunnels in other network namespaces have wishes, perhaps in the same resolv.conf. */
static bool others_have_wishes(const struct work *work)
{
	AUTO(strbuf_fini) struct strbuf pattern = { 0 };
	AUTO(globfree) glob_t found = { 0 };

	strbuf_addf(&pattern, "%s/" WISHES "*[0-9]", strbuf_text(&work->dir));
	if (glob(strbuf_text(&pattern), 0, NULL, &found))
		return false;
	return found.gl_pathc > (exists(strbuf_text(&work->wishes)) ? 1U : 0U);
}

/* Whether resolv.conf is what it was, but for empty lines: a run was killed while it wrote into it.
 */
static bool is_half_written(const struct work *work, const struct strbuf *old)
{
	AUTO(strbuf_fini) struct strbuf present = { 0 };

	return !read_file(&present, work->path) && present.len > old->len &&
	       !memcmp(strbuf_text(&present), strbuf_text(old), old->len) &&
	       strspn(present.text + old->len, "\n") == present.len - old->len;
}

/* Another program's resolv.conf stays; what is kept of an older one is of no use then. */
static enum dns_file_outcome leave(const struct work *work)
{
	bool is_known = !unlink(strbuf_text(&work->copied));

	if (!is_known && !others_have_wishes(work))
		is_known = !unlink(strbuf_text(&work->saved));
	return is_known ? DNS_FILE_TAKEN : DNS_FILE_UNCHANGED;
}

/* Puts back what was there. */
static int restore(enum dns_file_outcome *out, const struct work *work, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf old = { 0 };
	const char *saved = strbuf_text(&work->saved), *copied = strbuf_text(&work->copied);
	const bool has_copy = !read_file(&old, copied);
	int r = 0;

	if (exists(work->path) && !is_ours(work->path) &&
	    !(has_copy && is_half_written(work, &old))) {
		*out = leave(work);
		return 0;
	}
	*out = DNS_FILE_RESTORED;
	if (exists(work->path) && has_copy) {
		r = write_into(work->path, strbuf_text(&old), old.len, err);
		if (!r)
			unlink(copied);
	} else if (exists(saved)) {
		r = rename(saved, work->path) ? file_err(err, work->path) : 0;
	} else if (exists(work->path)) { /* there was none */
		r = unlink(work->path) ? file_err(err, work->path) : 0;
	}
	return r;
}

/* Makes resolv.conf what the tunnels want. */
static int settle(enum dns_file_outcome *out, const struct work *work, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf content = { 0 }, present = { 0 };

	*out = DNS_FILE_UNCHANGED;
	add_content(&content, work);
	if (!content.len)
		return restore(out, work, err);
	if (!read_file(&present, work->path) &&
	    !strcmp(strbuf_text(&present), strbuf_text(&content)))
		return 0;
	return put(out, work, &content, err);
}

static int write_stack(const struct work *work, struct err *err)
{
	if (!work->stack.len)
		return unlink(strbuf_text(&work->wishes)) && errno != ENOENT
			       ? file_err(err, strbuf_text(&work->wishes))
			       : 0;
	return replace(strbuf_text(&work->wishes), &work->next_wishes, &work->stack, err);
}

/* ---- the front door -------------------------------------------------------------------------- */

static unsigned long network_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : (unsigned long)st.st_ino;
}

static void name_files(struct work *out, const struct dns_file *file)
{
	unsigned long id = network_namespace();

	*out = (struct work){ .path = file->path, .lock = -1 };
	strbuf_addf(&out->saved, "%s.wg-quick", file->path);
	strbuf_addf(&out->next, "%s.wg-quick-new", file->path);
	strbuf_addf(&out->next_own, "%s.wg-quick-next", file->path);
	strbuf_add(&out->dir, file->state_dir);
	strbuf_addf(&out->wishes, "%s/" WISHES "%lu", file->state_dir, id);
	strbuf_addf(&out->next_wishes, "%s.new", strbuf_text(&out->wishes));
	strbuf_addf(&out->copied, "%s/resolv.conf-%lu", file->state_dir, id);
}

/* What a run has left that was killed before it could give it its name; what has come of
 * PATH.wg-quick-new depends on whether it had changed places. */
static void clear_up(const struct work *work)
{
	const char *next = strbuf_text(&work->next);

	unlink(strbuf_text(&work->next_own));
	unlink(strbuf_text(&work->next_wishes));
	if (!exists(next))
		return;
	if (is_ours(work->path) && !is_ours(next))
		rename(next, strbuf_text(&work->saved));
	else
		unlink(next);
}

static bool has_to_clear_up(const struct work *work)
{
	return exists(strbuf_text(&work->next)) || exists(strbuf_text(&work->next_own)) ||
	       exists(strbuf_text(&work->next_wishes));
}

/* Waits for whoever else is at it. */
static int begin(struct work *out, const struct dns_file *file, struct err *err)
{
	const char *dir = file->state_dir;

	name_files(out, file);
	if (mkdir(dir, 0755) && errno != EEXIST)
		return file_err(err, dir);
	out->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->lock < 0 || flock(out->lock, LOCK_EX))
		return file_err(err, dir);
	clear_up(out);
	read_file(&out->stack, strbuf_text(&out->wishes));
	return 0;
}

int dns_file_set(enum dns_file_outcome *out, const struct dns_file *file, const char *interface,
		 const char *lines, struct err *err)
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	int r = begin(&work, file, err);

	if (r)
		return r;
	drop_section(&work.stack, interface);
	strbuf_addf(&work.stack, "# %s\n%s", interface, lines);
	r = write_stack(&work, err);
	if (!r)
		r = settle(out, &work, err);
	if (r) {
		drop_section(&work.stack, interface);
		write_stack(&work, NULL);
	}
	return r;
}

/* Whether another file can take its place: neither a mount point nor in a directory that cannot be
 * written to, or made. */
static bool is_replaceable(const char *path)
{
	AUTO(auto_free) char *copy = mem_strdup(path);
	const char *dir = dirname(copy);
	struct statx info = { 0 };

	while (!exists(dir))
		dir = dirname(copy);
	if (access(dir, W_OK))
		return false;
	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &info) ||
	       !(info.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* What settle() would do. */
static enum dns_file_outcome foresee(const struct work *work)
{
	AUTO(strbuf_fini) struct strbuf content = { 0 }, present = { 0 };

	add_content(&content, work);
	if (content.len && !read_file(&present, work->path) &&
	    !strcmp(strbuf_text(&present), strbuf_text(&content)))
		return DNS_FILE_UNCHANGED;
	if (content.len)
		return is_replaceable(work->path) ? DNS_FILE_EXCHANGED : DNS_FILE_WRITTEN;
	if (!exists(work->path) || is_ours(work->path))
		return DNS_FILE_RESTORED;
	return exists(strbuf_text(&work->copied)) ||
			       (exists(strbuf_text(&work->saved)) && !others_have_wishes(work))
		       ? DNS_FILE_TAKEN
		       : DNS_FILE_UNCHANGED;
}

bool dns_file_is_in_place(const struct dns_file *file, const char *interface)
{
	AUTO(work_fini) struct work work = { .lock = -1 };

	name_files(&work, file);
	read_file(&work.stack, strbuf_text(&work.wishes));
	return dns_file_get(NULL, file, interface) && foresee(&work) == DNS_FILE_UNCHANGED;
}

enum dns_file_outcome dns_file_foresee_set(const struct dns_file *file, const char *interface,
					   const char *lines)
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	enum dns_file_outcome outcome;
	bool is_there;

	name_files(&work, file);
	read_file(&work.stack, strbuf_text(&work.wishes));
	is_there = drop_section(&work.stack, interface);
	strbuf_addf(&work.stack, "# %s\n%s", interface, lines);
	outcome = foresee(&work);
	/* What an earlier run has set there will have been taken back by then. */
	if (is_there && outcome == DNS_FILE_UNCHANGED)
		return is_replaceable(work.path) ? DNS_FILE_EXCHANGED : DNS_FILE_WRITTEN;
	return outcome;
}

enum dns_file_outcome dns_file_foresee_unset(const struct dns_file *file, const char *interface)
{
	AUTO(work_fini) struct work work = { .lock = -1 };

	name_files(&work, file);
	read_file(&work.stack, strbuf_text(&work.wishes));
	return drop_section(&work.stack, interface) ? foresee(&work) : DNS_FILE_UNCHANGED;
}

bool dns_file_get(struct strbuf *out, const struct dns_file *file, const char *interface)
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	const char *name, *lines, *end, *at;
	size_t len;

	name_files(&work, file);
	read_file(&work.stack, strbuf_text(&work.wishes));
	at = strbuf_text(&work.stack);
	for (; next_section(&name, &len, &lines, &end, at); at = end)
		if (len == strlen(interface) && !memcmp(name, interface, len)) {
			if (out)
				strbuf_add_mem(out, lines, (size_t)(end - lines));
			return true;
		}
	return false;
}

int dns_file_unset(enum dns_file_outcome *out, const struct dns_file *file, const char *interface,
		   struct err *err)
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	int r;

	*out = DNS_FILE_UNCHANGED;
	if (!dns_file_get(NULL, file, interface))
		return 0;
	r = begin(&work, file, err);
	if (r)
		return r;
	drop_section(&work.stack, interface);
	r = settle(out, &work, err);
	return r ? r : write_stack(&work, err);
}

bool dns_file_foresee_recover(const struct dns_file *file, bool (*is_there)(const char *interface))
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	const char *name, *lines, *end, *at;
	size_t len;

	name_files(&work, file);
	read_file(&work.stack, strbuf_text(&work.wishes));
	at = strbuf_text(&work.stack);
	for (; next_section(&name, &len, &lines, &end, at); at = end) {
		AUTO(auto_free) char *interface = mem_strndup(name, len);

		if (!is_there(interface))
			return true;
	}
	return !work.stack.len && !others_have_wishes(&work) && is_ours(work.path);
}

int dns_file_recover(struct strlist *gone, const struct dns_file *file,
		     bool (*is_there)(const char *interface), struct err *err)
{
	AUTO(work_fini) struct work work = { .lock = -1 };
	AUTO(strbuf_fini) struct strbuf all = { 0 };
	const char *name, *lines, *end, *at;
	enum dns_file_outcome outcome;
	size_t len, n_before = gone->n;
	int r;

	name_files(&work, file);
	if (!exists(strbuf_text(&work.wishes)) && !is_ours(file->path) &&
	    !exists(strbuf_text(&work.saved)) && !exists(strbuf_text(&work.copied)) &&
	    !has_to_clear_up(&work))
		return 0;
	work_fini(&work);
	r = begin(&work, file, err);
	if (r)
		return r;
	strbuf_add(&all, strbuf_text(&work.stack));
	at = strbuf_text(&all);
	for (; next_section(&name, &len, &lines, &end, at); at = end) {
		AUTO(auto_free) char *interface = mem_strndup(name, len);

		if (is_there(interface))
			continue;
		strlist_add(gone, interface);
		drop_section(&work.stack, interface);
	}
	if (gone->n == n_before && (work.stack.len || others_have_wishes(&work)))
		return 0;
	r = settle(&outcome, &work, err);
	return r ? r : write_stack(&work, err);
}
