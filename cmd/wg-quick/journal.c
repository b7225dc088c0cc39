/*
 * The journal's file, RUNSTATEDIR/wireguard/INTERFACE.NETNS.journal, and what is in it. Its text is
 * written by journal_text.c and read by journal_parse.c.
 *
 * A line is written by one write(2), at the end of what is sound: should that be cut off, what
 * there is of it has no newline, and counts for nothing. So a step is in the file before it is
 * done. There is no need of fsync(2): what the journal is about does not survive a reboot either.
 *
 * Everything in a journal is owned by it; who has the interface's lock may write.
 */
#include "cmd/wg-quick/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/crash.h"
#include "cmd/wg-quick/journal_text.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/netns.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define SUFFIX ".journal"

enum {
	LARGEST_BYTES = 256 << 20,
};

/* ---- the file -------------------------------------------------------------------------------- */

/* The host that this process is on. */
static struct journal_host this_host(void)
{
	struct journal_host host = { 0 };
	socklen_t len = sizeof(host.cookie);

	netns_go(NETNS_HOME); /* as the file's name */
	AUTO(auto_close) int boot = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	AUTO(auto_close) int any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	netns_go(NETNS_TARGET);
	if (boot >= 0 && read(boot, host.boot, sizeof(host.boot) - 1) < 0)
		host.boot[0] = '\0';
	host.boot[strcspn(host.boot, "\n")] = '\0';
#ifdef SO_NETNS_COOKIE
	if (any >= 0 && getsockopt(any, SOL_SOCKET, SO_NETNS_COOKIE, &host.cookie, &len))
		host.cookie = 0;
#endif
	return host;
}

/* From now on in memory alone; what is there of the file would be wrong from now on. */
static void give_up(struct journal *journal, int code)
{
	cli_say("[!] no journal of `%s' can be kept: %s; should this be killed, nothing is undone",
		journal->done.interface, strerror(code));
	if (journal->path)
		unlink(journal->path);
	free(journal->path);
	journal->path = NULL;
	auto_close(&journal->fd);
	journal->fd = -1;
}

static void write_record(struct journal *journal, const struct strbuf *text)
{
	size_t at = 0;

	if (journal->fd < 0)
		return;
	crash_point();
	while (at < text->len) {
		ssize_t n = pwrite(journal->fd, text->text + at, text->len - at,
				   (off_t)(journal->len + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			give_up(journal, n ? errno : ENOSPC);
			return;
		}
		at += (size_t)n;
	}
	journal->len += at;
	crash_point();
}

static int open_new(const char *path)
{
	unlink(path);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void copy_hooks(struct strlist *out, const struct strlist *hooks, const char *interface)
{
	strlist_fini(out);
	for (size_t i = 0; i < hooks->n; i++) {
		AUTO(auto_free) char *text = plan_expand_hook(hooks->items[i], interface);

		strlist_add(out, text);
	}
}

static void keep_hooks(struct journal *journal, const struct conf_quick *quick)
{
	const char *interface = journal->done.interface;

	copy_hooks(&journal->pre_up, &quick->pre_up, interface);
	copy_hooks(&journal->post_up, &quick->post_up, interface);
	copy_hooks(&journal->pre_down, &quick->pre_down, interface);
	copy_hooks(&journal->post_down, &quick->post_down, interface);
}

void journal_add_endpoint_text(struct strbuf *out, const struct endpoint *endpoint)
{
	if (endpoint->host)
		strbuf_addf(out, "%s:%s", endpoint->host, endpoint->service);
	else
		sockaddr_ip_add(out, &endpoint->addr);
}

static void keep_endpoints(struct journal *journal, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	journal_clear_endpoints(journal);
	while ((peer = wg_peers_next(&peers))) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };
		const struct endpoint *endpoint = &peer->endpoint;
		struct journal_endpoint *kept;

		if (endpoint_is_empty(endpoint))
			continue;
		journal_add_endpoint_text(&text, endpoint);
		kept = journal_add_endpoint(journal);
		kept->public_key = peer->public_key;
		kept->text = mem_strdup(strbuf_text(&text));
	}
}

void journal_begin(struct journal *out, const struct plan *plan, const char *config_path,
		   const struct conf *conf, bool has_made_dir)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 }, path = { 0 };
	const struct journal_host host = this_host();
	struct plan *done = &out->done;

	*out = (struct journal)JOURNAL_NONE;
	strcpy(done->interface, plan->interface);
	strcpy(out->unsure.interface, plan->interface);
	done->implementation = plan->implementation;
	done->route_policy = plan->route_policy;
	done->table = plan->table;
	done->table_name = mem_strdup(plan->table_name);
	out->config_path = mem_strdup(config_path);
	out->netns = mem_strdup(conf->quick.netns);
	out->birth_netns = mem_strdup(conf->quick.birth_netns);
	keep_hooks(out, &conf->quick);
	strlist_copy(&out->dns_servers, &conf->quick.dns_servers);
	strlist_copy(&out->dns_search, &conf->quick.dns_search);
	keep_endpoints(out, conf->device);
	if (!lock_add_path(&path, plan->interface, SUFFIX))
		return;
	out->has_made_dir = has_made_dir;
	out->fd = open_new(strbuf_text(&path));
	if (out->fd < 0) {
		give_up(out, errno);
		return;
	}
	out->path = mem_strdup(strbuf_text(&path));
	journal_format(&text, out, &host);
	write_record(out, &text);
}

void journal_set_phase(struct journal *journal, enum journal_phase phase)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	journal->phase = phase;
	journal_text_add_phase(&text, phase);
	write_record(journal, &text);
}

void journal_set_ifindex(struct journal *journal, unsigned int ifindex)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	if (!ifindex)
		return;
	journal->ifindex = ifindex;
	journal_text_add_id(&text, "made", ifindex);
	write_record(journal, &text);
}

uint32_t journal_begin_step(struct journal *journal, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	uint32_t id = ++journal->last_id;

	journal_add_step(&journal->unsure, step, id);
	journal_text_add_step(&text, "begin", &journal->unsure.steps[journal->unsure.n_steps - 1]);
	write_record(journal, &text);
	return id;
}

void journal_end_step(struct journal *journal, uint32_t id, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	journal_take_step(&journal->unsure, id);
	journal_add_step(&journal->done, step, id);
	journal_text_add_step(&text, "end", &journal->done.steps[journal->done.n_steps - 1]);
	write_record(journal, &text);
}

void journal_forget_step(struct journal *journal, uint32_t id)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	if (!journal_take_step(&journal->unsure, id) && !journal_take_step(&journal->done, id))
		return;
	journal_text_add_id(&text, "forget", id);
	write_record(journal, &text);
}

void journal_set_dns(struct journal *journal, const struct strlist *servers,
		     const struct strlist *search)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	strlist_copy(&journal->dns_servers, servers);
	strlist_copy(&journal->dns_search, search);
	journal_text_add_dns(&text, journal);
	write_record(journal, &text);
}

void journal_set_endpoints(struct journal *journal, const struct wg_device *device)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	keep_endpoints(journal, device);
	journal_text_add_endpoints(&text, journal);
	write_record(journal, &text);
}

void journal_set_routes(struct journal *journal, const struct plan *plan)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	journal->done.route_policy = plan->route_policy;
	journal->done.table = plan->table;
	free(journal->done.table_name);
	journal->done.table_name = mem_strdup(plan->table_name);
	journal_text_add_routes(&text, plan);
	write_record(journal, &text);
}

void journal_remove(struct journal *journal)
{
	bool has_made_dir = journal->has_made_dir;

	crash_point();
	if (journal->path)
		unlink(journal->path);
	crash_point();
	journal_fini(journal);
	journal->has_made_dir = has_made_dir;
}

/* Others than root must not be able to have it undo something. */
static int check_file(int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) ||
	    st.st_size > LARGEST_BYTES)
		return err_set(err, -EBADMSG, "not a file of this program's");
	return 0;
}

int journal_read(struct journal *out, const char *interface, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 }, text = { 0 };
	AUTO(auto_close) int fd = -1;
	const struct journal_host host = this_host();
	int r;

	*out = (struct journal)JOURNAL_NONE;
	if (!lock_add_path(&path, interface, SUFFIX))
		return err_set(err, -ENOENT, "no /proc");
	fd = open(strbuf_text(&path), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "%s", strerror(errno));
	r = check_file(fd, err);
	if (!r)
		r = strbuf_read_fd(&text, fd, err);
	if (!r)
		r = journal_parse(out, strbuf_text(&text), text.len, &host, err);
	if (r)
		return r;
	if (strcmp(out->done.interface, interface) != 0) {
		journal_fini(out);
		return err_set(err, -EBADMSG, "of another interface");
	}
	out->fd = take_fd(&fd);
	out->path = mem_strdup(strbuf_text(&path));
	return 0;
}

void journal_drop(const char *interface)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };

	if (lock_add_path(&path, interface, SUFFIX))
		unlink(strbuf_text(&path));
}

bool journal_is_dropped(const struct journal *journal)
{
	return !journal->path || access(journal->path, F_OK);
}

static bool has_hook(const struct plan *plan, const char *key)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == STEP_RUN_HOOK && !strcmp(plan->steps[i].key, key))
			return true;
	return false;
}

static bool has_started(const struct journal *journal, const char *key)
{
	return has_hook(&journal->done, key) || has_hook(&journal->unsure, key);
}

struct journal_due journal_due_hooks(const struct journal *journal)
{
	/* What came up in the end has run all of them. */
	const bool was_up = journal->phase != JOURNAL_UP;
	const bool has_post_up = was_up || has_started(journal, "PostUp");

	return (struct journal_due){
		.pre_down = has_post_up,
		.post_down = has_post_up || has_started(journal, "PreUp"),
	};
}

void journal_fini(struct journal *journal)
{
	struct strlist *const lists[] = { &journal->dns_servers, &journal->dns_search };

	auto_close(&journal->fd);
	free(journal->path);
	free(journal->config_path);
	free(journal->netns);
	free(journal->birth_netns);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		strlist_fini(lists[i]);
	for (size_t key = 0; key < JOURNAL_N_HOOKS; key++)
		strlist_fini(journal_hooks(journal, key));
	journal_clear_endpoints(journal);
	free(journal->endpoints);
	plan_fini(&journal->done);
	plan_fini(&journal->unsure);
	*journal = (struct journal)JOURNAL_NONE;
}
