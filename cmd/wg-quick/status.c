/*
 * wg-quick status: whether an interface is up, and as its file says. Nothing is changed, and no
 * lock is taken: if a run is at work, that is what is told.
 *
 * The differences are those that a reload would do away with, but for the kill switch, names that
 * are not found, and runs that were cut off: these are looked at here.
 */
#include "cmd/wg-quick/status.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/key_files.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/names.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/reload_look.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/link.h"
#include "lib/uapi/client.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* How long names may take, together: whoever asks is waiting. */
#define PATIENCE SEC(2)

/* What it works on. */
struct look {
	struct status status;
	struct view *view;
	struct journal journal;
	bool has_journal;
	struct strbuf reload, replace, reresolve, down, up; /* remedies */
};

static void look_fini(struct look *look)
{
	struct strbuf *all[] = { &look->reload, &look->replace, &look->reresolve, &look->down,
				 &look->up };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		strbuf_fini(all[i]);
	status_problems_fini(&look->status.problems);
	journal_fini(&look->journal);
}

/* ---- who provides it, since when ------------------------------------------------------------- */

/* Whether a process has the interface's TUN open: /proc/PID/fdinfo tells of which it is. */
static bool has_tun(const char *pid, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf pattern = { 0 }, wanted = { 0 };
	AUTO(globfree) glob_t found = { 0 };

	strbuf_addf(&pattern, "/proc/%s/fd/*", pid);
	strbuf_addf(&wanted, "iff:\t%s\n", interface);
	if (glob(strbuf_text(&pattern), GLOB_NOSORT, NULL, &found))
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		AUTO(strbuf_fini) struct strbuf path = { 0 }, info = { 0 };
		char file[32] = "";

		if (readlink(found.gl_pathv[i], file, sizeof(file) - 1) < 0 ||
		    strcmp(file, "/dev/net/tun") != 0)
			continue;
		strbuf_addf(&path, "/proc/%s/fdinfo/%s", pid, strrchr(found.gl_pathv[i], '/') + 1);

		AUTO(auto_close) int fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && !strbuf_read_fd(&info, fd, NULL) &&
		    strstr(strbuf_text(&info), strbuf_text(&wanted)))
			return true;
	}
	return false;
}

/* Finds the process that provides the interface, which need not be the one that has made its
 * socket. */
static void find_program(struct status *out, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(globfree) glob_t found = { 0 };
	AUTO(auto_fclose) FILE *file = NULL;
	const char *pid = NULL;

	out->is_userspace = uapi_exists(interface);
	if (!out->is_userspace || glob("/proc/[0-9]*", GLOB_NOSORT, NULL, &found))
		return;
	for (size_t i = 0; !pid && i < found.gl_pathc; i++)
		if (has_tun(found.gl_pathv[i] + strlen("/proc/"), interface))
			pid = found.gl_pathv[i] + strlen("/proc/");
	if (!pid)
		return;
	strbuf_addf(&path, "/proc/%s/comm", pid);
	file = fopen(strbuf_text(&path), "re");
	if (!file || !fgets(out->program, sizeof(out->program), file))
		return;
	out->program[strcspn(out->program, "\n")] = '\0';
	out->pid = atoi(pid);
}

static bool is_later(const struct timespec *a, const struct statx_timestamp *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > (long)b->tv_nsec;
}

/* The journal is made by `up`, and written to last when the file had been read. Without one, a
 * userspace program's socket is as old as the interface. */
static void find_times(struct look *look)
{
	struct status *status = &look->status;
	AUTO(strbuf_fini) struct strbuf socket_path = { 0 };
	struct statx made;
	struct stat file;

	if (!look->has_journal) {
		strbuf_addf(&socket_path, UAPI_SOCKET_DIR "/%s.sock", status->target->interface);
		if (!stat(strbuf_text(&socket_path), &file))
			status->since_s = file.st_mtim.tv_sec;
		return;
	}
	if (!look->journal.path ||
	    statx(AT_FDCWD, look->journal.path, 0, STATX_BTIME | STATX_MTIME, &made))
		return;
	status->since_s =
		made.stx_mask & STATX_BTIME ? made.stx_btime.tv_sec : made.stx_mtime.tv_sec;
	status->has_changed =
		!stat(status->target->path, &file) && is_later(&file.st_mtim, &made.stx_mtime);
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* Whether a run works on it at this moment. */
static bool is_at_work(const char *interface)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(auto_close) int fd = -1;

	if (!lock_add_path(&path, interface, ".lock"))
		return false;
	fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* Whether the journal is that of another interface of this name, which is gone. */
static bool is_of_another(const struct journal *journal, const char *interface)
{
	struct link_info link;

	return journal->phase == JOURNAL_UP_DONE && !link_get(&link, interface, NULL) &&
	       link.ifindex != journal->ifindex;
}

static void look_at_journal(struct look *look)
{
	struct status *status = &look->status;
	const char *phase;

	look->has_journal = !journal_read(&look->journal, status->target->interface, NULL);
	if (!look->has_journal)
		look->journal = (struct journal)JOURNAL_NONE;
	else if (is_of_another(&look->journal, status->target->interface))
		look->has_journal = false;
	status->journal = look->has_journal ? journal_phase_name(look->journal.phase) : "none";
	if (is_at_work(status->target->interface)) {
		status_problems_add(&status->problems, "at-work", "wait until it is done",
				    "a run of wg-quick is at work on it");
		return;
	}
	if (!look->has_journal || look->journal.phase == JOURNAL_UP_DONE)
		return;
	phase = journal_phase_name(look->journal.phase);
	status_problems_add(&status->problems, "unfinished", strbuf_text(&look->down),
			    "`%s' did not come to its end, and has not been taken back", phase);
}

/* ---- what is as the file says ---------------------------------------------------------------- */

static void check_kill_switch(struct look *look)
{
	struct state *state = &look->view->state;
	bool is_wanted = look->view->conf.quick.kill_switch != CONF_KILL_SWITCH_OFF;
	bool lets_lan = look->view->conf.quick.kill_switch == CONF_KILL_SWITCH_LAN;

	if (is_wanted && !state->has_kill_switch)
		status_problems_add(
			&look->status.problems, "missing-kill-switch", strbuf_text(&look->replace),
			"the kill switch is missing: packets get out beside the tunnel");
	if (!is_wanted && state->has_kill_switch)
		status_problems_add(&look->status.problems, "extra-kill-switch",
				    strbuf_text(&look->replace),
				    "there is a kill switch, and the file has none");
	if (is_wanted && state->has_kill_switch && lets_lan != state->lets_lan)
		status_problems_add(&look->status.problems, "different-kill-switch",
				    strbuf_text(&look->reload),
				    lets_lan ? "the kill switch does not let the local network "
					       "through, which the file does"
					     : "the kill switch lets the local network through, "
					       "which the file does not");
	state->has_kill_switch = is_wanted; /* that has been told, and the rest is compared */
}

/* Names that are not found: a peer is out of reach, or not where the file says. */
static void check_endpoints(struct look *look, const struct reload_view *there)
{
	struct status_problems *problems = &look->status.problems;
	char key[NAMES_KEY_MAX];

	for (size_t i = 0; i < there->n_lost; i++) {
		const struct reload_lost_peer *lost = &there->lost[i];

		names_shorten_key(key, &lost->public_key);
		if (lost->has_endpoint)
			status_problems_add(
				problems, "different-endpoint", strbuf_text(&look->reload),
				"peer %s keeps the endpoint it had: %s", key, lost->err.text);
		else
			status_problems_add(problems, "missing-endpoint",
					    strbuf_text(&look->reresolve),
					    "peer %s has no endpoint: %s", key, lost->err.text);
	}
}

/* A reload would remove the peers that PreUp or PostUp have added, and not run these. */
static void spare_added_peers(struct look *look)
{
	const struct conf_quick *quick = &look->view->conf.quick;
	struct status_problems *problems = &look->status.problems;

	for (size_t i = 0; (quick->pre_up.n || quick->post_up.n) && i < problems->n; i++) {
		struct status_problem *problem = &problems->items[i];

		if (strcmp(problem->what, "extra-peer") != 0)
			continue;
		free(problem->remedy);
		problem->remedy = mem_strdup(strbuf_text(&look->replace));
	}
}

static int compare(struct look *look)
{
	AUTO(reload_view_fini) struct reload_view there = { 0 };
	AUTO(conf_places_fini) struct conf_places places = { 0 };
	AUTO(reload_fini) struct reload reload = { 0 };
	struct view *view = look->view;
	struct err err = { 0 };

	check_kill_switch(look);
	if (key_files_check(&view->target, &view->conf, &err) ||
	    key_files_read(&view->conf, &view->target, &err) ||
	    reload_look(&there, view, look->has_journal ? &look->journal : NULL, PATIENCE, &err) ||
	    plan_reload(&reload, view->target.interface, &view->conf, there.wanted, &there.ours,
			&there.host, &err))
		return quick_fail(&err, NULL);
	conf_places_find(&places, &view->conf);
	status_problems_find(&look->status.problems, &reload, &there.host, &places,
			     strbuf_text(&look->reload));
	spare_added_peers(look);
	check_endpoints(look, &there);
	return 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void look_at_what_is_left(struct look *look)
{
	const struct state *state = &look->view->state;
	struct status_problems *problems = &look->status.problems;

	look->status.state = STATUS_STATE_DOWN;
	if (state->link_exists)
		status_problems_add(problems, "other-link", strbuf_text(&look->up),
				    "there is an interface of that name which is no WireGuard "
				    "interface: take it away first");
	if (look->has_journal && look->journal.phase == JOURNAL_UP_DONE)
		status_problems_add(problems, "gone",
				    strbuf_text(look->view->has_file ? &look->up : &look->down),
				    "it was up, and has been deleted by other means");
	if (state->has_kill_switch)
		status_problems_add(problems, "kill-switch", strbuf_text(&look->down),
				    "its kill switch is closed: nothing gets out beside it");
}

static int ask(void *interface)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	ipc_get(&device, interface, NULL);
	return 0;
}

/* Whether the interface's program says anything at all: one that hangs may do so for ever. */
static bool does_answer(const struct status *status)
{
	struct err err = { 0 };

	return !status->is_userspace ||
	       !process_call_in_time(ask, (void *)status->target->interface, &err);
}

static void tell_of_silence(struct look *look)
{
	struct status *status = &look->status;
	AUTO(strbuf_fini) struct strbuf remedy = { 0 };

	if (status->pid) /* it will not end for being asked to, either */
		strbuf_addf(&remedy, "kill -KILL %d; ", (int)status->pid);
	strbuf_add(&remedy, strbuf_text(&look->replace));
	status_problems_add(&status->problems, "no-answer", strbuf_text(&remedy),
			    "the program that provides it does not answer");
}

static int look_at_running(struct look *look)
{
	struct status *status = &look->status;
	int r = 0;

	find_program(status, status->target->interface);
	find_times(look);
	if (look->has_journal && look->journal.config_path &&
	    strcmp(look->journal.config_path, status->target->path) != 0)
		status->up_from = look->journal.config_path;
	if (!look->view->has_file)
		status_problems_add(&status->problems, "no-file", strbuf_text(&look->down),
				    "its file does not exist any more");
	else if (!does_answer(status))
		tell_of_silence(look);
	else if (look->view->state.link_exists)
		r = compare(look);
	else
		status_problems_add(&status->problems, "link-elsewhere", strbuf_text(&look->down),
				    "a program answers for it, but its interface is not here");
	status->state = status->problems.n ? STATUS_STATE_DIFFERENT : STATUS_STATE_UP;
	return r;
}

static int look_and_tell(struct view *view, const char *argument)
{
	AUTO(look_fini)
	struct look look = {
		.status = { .target = &view->target },
		.view = view,
		.journal = JOURNAL_NONE,
	};
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	int status = 0;

	strbuf_addf(&look.reload, "wg-quick reload %s", argument);
	strbuf_addf(&look.replace, "wg-quick up --replace %s", argument);
	strbuf_addf(&look.reresolve, "wg-quick reresolve %s", argument);
	strbuf_addf(&look.down, "wg-quick down %s", argument);
	strbuf_addf(&look.up, "wg-quick up %s", argument);
	look_at_journal(&look);
	if (view->state.is_wireguard)
		status = look_at_running(&look);
	else
		look_at_what_is_left(&look);
	if (status)
		return status;
	if (quick_options.is_json)
		status_format_json(&out, &look.status);
	else
		status_format(&out, &look.status, cli_colour());
	status = cli_write(&out);
	return status ? status : (int)look.status.state;
}

/* What is up is up without its file, too, as the journal knows. */
static int look_at_file_and_host(struct view *view, const char *argument)
{
	struct target found = { 0 };
	bool is_missing = target_find(&found, argument, NULL) == -ENOENT;

	target_fini(&found);
	return is_missing ? view_look_down(view, argument) : view_look(view, argument, CONF_QUICK);
}

int quick_status(int argc, char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	int status;

	(void)argc;
	quick_options.is_dry_run = true; /* it only looks */
	status = look_at_file_and_host(&view, argv[1]);
	return status ? status : look_and_tell(&view, argv[1]);
}
