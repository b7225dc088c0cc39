/*
 * Coming after a run that was killed, or after an interface that has gone by other means. What is
 * to be done is in the journal; what the journal is worth is decided here. Stateless.
 */
#include "cmd/wg-quick/recover.h"

#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/undo.h"
#include "cmd/wg-quick/work.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

static const char *const commands[] = {
	[JOURNAL_UP] = "up",
	[JOURNAL_UP_DONE] = "up",
	[JOURNAL_RELOAD] = "reload",
	[JOURNAL_DOWN] = "down",
};

/* ---- what the journal is worth --------------------------------------------------------------- */

static void drop(const char *interface, const struct err *err)
{
	if (quick_options.is_dry_run)
		return;
	/* Of these nothing can be left: no other boot's, and nothing that was not begun. */
	if (err->code != -ESTALE && err->code != -ENOENT)
		cli_say("[!] the journal of `%s' is left out of account: %s", interface, err->text);
	journal_drop(interface);
}

/* Of an interface that was up in the end. */
static enum recover_finding compare_link(const struct view *view)
{
	struct link_info link;

	if (!link_get(&link, view->target.interface, NULL))
		return link.ifindex == view->journal.ifindex ? RECOVER_UP : RECOVER_NOTHING;
	/* Perhaps it has another name by now, or is elsewhere. */
	return view->state.is_wireguard ? RECOVER_UP : RECOVER_GONE;
}

enum recover_finding recover_look(struct view *view)
{
	const char *interface = view->target.interface;
	enum recover_finding finding;
	struct err err = { 0 };

	if (view->lock.is_callers && !quick_options.is_dry_run)
		return RECOVER_NOTHING;
	if (journal_read(&view->journal, interface, &err)) {
		drop(interface, &err);
		return RECOVER_NOTHING;
	}
	if (view->journal.has_made_dir)
		lock_take_dir(&view->lock);
	if (view->journal.phase != JOURNAL_UP_DONE)
		return RECOVER_CUT_OFF;
	finding = compare_link(view);
	if (finding == RECOVER_NOTHING && !quick_options.is_dry_run)
		journal_remove(&view->journal);
	return finding;
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static bool is_same(const struct strlist *recorded, const struct strlist *hooks,
		    const char *interface)
{
	if (recorded->n != hooks->n)
		return false;
	for (size_t i = 0; i < hooks->n; i++) {
		AUTO(auto_free) char *text = plan_expand_hook(hooks->items[i], interface);

		if (strcmp(text, recorded->items[i]) != 0)
			return false;
	}
	return true;
}

bool recover_has_same_hooks(const struct conf_quick *quick, const struct journal *journal)
{
	const char *interface = journal->done.interface;

	return is_same(&journal->pre_up, &quick->pre_up, interface) &&
	       is_same(&journal->post_up, &quick->post_up, interface);
}

/* Whether what undoes the hooks that were run is what the file says now: so that a mistake in
 * PostDown can be mended, but nothing is undone that was not done. */
static bool counts_file(const struct conf_quick *quick, const struct journal *journal,
			bool has_file)
{
	if (has_file && recover_has_same_hooks(quick, journal))
		return true;
	if (has_file && !quick_options.is_dry_run)
		cli_say("[!] PreUp or PostUp is not what it was when `%s' came up: PreDown and "
			"PostDown are run as they were then",
			journal->done.interface);
	return false;
}

bool recover_adopt(struct conf *conf, const struct journal *journal, bool has_file)
{
	struct conf_quick *quick = &conf->quick;
	const char *table = journal->done.table_name;
	bool is_file = counts_file(quick, journal, has_file);

	if (!is_file) {
		strlist_copy(&quick->pre_down, &journal->pre_down);
		strlist_copy(&quick->post_down, &journal->post_down);
	}
	strlist_copy(&quick->dns_servers, &journal->dns_servers);
	strlist_copy(&quick->dns_search, &journal->dns_search);
	if (journal->done.route_policy == ROUTE_POLICY_OFF)
		table = "off";
	free(quick->table);
	quick->table = mem_strdup(table);
	return is_file;
}

/* ---- undoing --------------------------------------------------------------------------------- */

static void choose_hooks(struct undo *undo, struct view *view, enum recover_finding finding,
			 bool is_up)
{
	const struct conf_quick *quick = &view->conf.quick;
	const struct journal *journal = &view->journal;
	const struct journal_due due = journal_due_hooks(journal);
	bool is_file;

	if (!due.post_down || (finding == RECOVER_GONE && is_up))
		return;
	is_file = counts_file(quick, journal, view->has_file);
	undo->post_down = is_file ? &quick->post_down : &journal->post_down;
	if (due.pre_down && finding == RECOVER_CUT_OFF)
		undo->pre_down = is_file ? &quick->pre_down : &journal->pre_down;
}

static void tell(const struct view *view, enum recover_finding finding, bool is_up)
{
	if (finding == RECOVER_CUT_OFF)
		cli_say("[!] an earlier `%s' of `%s' was cut off: what it has left is taken back",
			commands[view->journal.phase], view->target.interface);
	else if (!is_up)
		cli_say("[!] `%s' has gone by other means: what it has left is taken back",
			view->target.interface);
}

/* A run that was killed has left the file of a lock that nobody else may ask for. */
static void clear_rules_lock(void)
{
	AUTO(lock_release) struct lock lock = LOCK_NONE;

	lock_rules(&lock);
}

void recover(struct view *view, enum recover_finding finding, bool is_up)
{
	struct journal *journal = &view->journal;
	const bool was_down = journal->phase == JOURNAL_DOWN;
	struct err err = { 0 };
	const struct work work = { .plan = &journal->done,
				   .target = &view->target,
				   .conf = &view->conf,
				   .journal = journal,
				   .rules_lock = LOCK_NONE,
				   .err = &err };
	struct undo undo = {
		.saves = was_down && view->has_file && view->conf.quick.save_config &&
			 view->state.is_wireguard,
		.keeps_src_valid_mark = was_down,
		.keeps_kill_switch = is_up,
		.deletes_kill_switch = !is_up && view->state.has_kill_switch,
	};

	process_hold_signals();
	tell(view, finding, is_up);
	clear_rules_lock();
	choose_hooks(&undo, view, finding, is_up);
	undo_all(&work, &undo);
}
