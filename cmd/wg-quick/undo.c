/*
 * Undoing what a journal says was done, by this run or by one that was killed. Steps whose end is
 * not known may be done or not, so nothing here takes for granted that there is anything to undo;
 * and what is there has to be the one that was made. Stateless: what is undone is known by what is
 * left, but for hooks, which the journal keeps account of.
 */
#include "cmd/wg-quick/undo.h"

#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/crash.h"
#include "cmd/wg-quick/journal.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"

/* How many hooks of that key are done. */
static size_t count_done(const struct journal *journal, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < journal->done.n_steps; i++) {
		const struct step *step = &journal->done.steps[i];

		n += step->kind == STEP_RUN_HOOK && !strcmp(step->key, key);
	}
	return n;
}

static bool has_saved(const struct journal *journal)
{
	for (size_t i = 0; i < journal->done.n_steps; i++)
		if (journal->done.steps[i].kind == STEP_SAVE)
			return true;
	return false;
}

/* Tells of a failure, as of something that does not matter to what comes. */
static void warn(const struct err *err)
{
	if (err->text[0])
		cli_say("[!] %s", err->text);
}

static void run_hooks(const struct work *all, const char *key, const struct strlist *hooks)
{
	const char *interface = all->plan->interface;
	size_t n_done = count_done(all->journal, key);

	for (size_t i = n_done; hooks && i < hooks->n; i++) {
		AUTO(auto_free) char *text = plan_expand_hook(hooks->items[i], interface);
		struct step step = { .kind = STEP_RUN_HOOK, .key = key, .text = text };
		struct work work = *all;
		struct err err = { 0 };

		work.err = &err;
		if (work_do(&work, &step))
			warn(&err);
	}
}

static void save(const struct work *all)
{
	struct step step = { .kind = STEP_SAVE };
	struct work work = *all;
	struct err err = { 0 };

	work.err = &err;
	if (!has_saved(all->journal) && work_do(&work, &step))
		warn(&err);
}

/* Whether a link of the interface's name is the one that was made. Where its index was not written
 * down any more, its kind has to do. */
static bool is_other_link(const struct journal *journal)
{
	struct link_info link;

	if (link_get(&link, journal->done.interface, NULL))
		return false;
	if (journal->ifindex)
		return link.ifindex != journal->ifindex;
	return strcmp(link.kind, "wireguard") != 0 && strcmp(link.kind, "tun") != 0;
}

static bool is_kept(const struct work *work, const struct undo *undo, enum step_kind kind)
{
	return (kind == STEP_DELETE_DEVICE && is_other_link(work->journal)) ||
	       (kind == STEP_RESET_SRC_VALID_MARK && undo->keeps_src_valid_mark) ||
	       (kind == STEP_DELETE_KILL_SWITCH && undo->keeps_kill_switch);
}

/* Takes something back; whatever fails is told. */
static void take_back(const struct work *all, struct step *step)
{
	struct work work = *all;
	struct err err = { 0 };

	work.err = &err;
	crash_point();
	if (work_carry_out(&work, step))
		work_tell(&err);
	crash_point();
}

static void undo_steps(const struct work *all, const struct undo *undo, const struct plan *steps)
{
	for (size_t n = steps->n_steps; n--;) {
		struct step step;

		if (plan_undo(&step, &steps->steps[n]) && !is_kept(all, undo, step.kind))
			take_back(all, &step);
	}
}

void undo_all(const struct work *work, const struct undo *undo)
{
	struct journal *journal = work->journal;
	struct step kill_switch = { .kind = STEP_DELETE_KILL_SWITCH };

	run_hooks(work, "PreDown", undo->pre_down);
	if (undo->saves)
		save(work);
	undo_steps(work, undo, &journal->unsure);
	undo_steps(work, undo, &journal->done);
	if (undo->deletes_kill_switch)
		take_back(work, &kill_switch);
	run_hooks(work, "PostDown", undo->post_down);
	journal_remove(journal);
}
