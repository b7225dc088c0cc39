/*
 * What the subcommands share, and those that are too small for a file of their own.
 */
#include "cmd/wg-quick/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/save.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

struct quick_options quick_options;

static char failure[PATH_MAX + 2048]; /* what was told last */

int quick_fail(const struct err *err, const char *file)
{
	AUTO(strbuf_fini) struct strbuf place = { 0 };

	if (file)
		cli_add_place(&place, err, file);
	snprintf(failure, sizeof(failure), "%s%s%s%s", strbuf_text(&place), err->text,
		 err->expected ? "; expected " : "", err->expected ? err->expected : "");
	cli_say("%s: %s", cli_program, failure);
	return 1;
}

const char *quick_failure(void)
{
	return failure;
}

bool quick_refuse_json(void)
{
	struct err err = { 0 };

	if (!quick_options.is_json || quick_options.is_dry_run)
		return false;
	err_set(&err, -EINVAL, "--json goes with --dry-run");
	quick_fail(&err, NULL);
	return true;
}

int view_find(struct target *out, const char *argument)
{
	struct err err = { 0 };

	if (target_find(out, argument, &err))
		return quick_fail(&err, NULL);
	if (target_is_world_accessible(out))
		cli_say("Warning: `%s' is world accessible", out->path);
	return 0;
}

void view_fini(struct view *view)
{
	target_fini(&view->target);
	conf_fini(&view->conf);
	journal_fini(&view->journal);
	lock_release(&view->lock);
}

int view_look_at_host(struct view *view)
{
	struct err err = { 0 };

	if (state_look(&view->state, view->target.interface, view->conf.quick.table, &err))
		return quick_fail(&err, NULL);
	return 0;
}

bool view_refuse_callers(const struct view *view, const char *how)
{
	struct err err = { 0 };

	if (!view->lock.is_callers)
		return false;
	err_set(&err, -EBUSY, "cannot %s `%s' from a command of its own `up' or `down'", how,
		view->target.interface);
	quick_fail(&err, NULL);
	return true;
}

/* The interface is where `up` has put it, whatever the file says since. */
static void recall_netns(struct view *view)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	struct conf_quick *quick = &view->conf.quick;

	if (journal_read(&journal, view->target.interface, NULL))
		return;
	free(quick->netns);
	free(quick->birth_netns);
	quick->netns = TAKE(journal.netns);
	quick->birth_netns = TAKE(journal.birth_netns);
}

int view_look(struct view *out, const char *argument, enum conf_dialect dialect)
{
	struct err err = { 0 };
	int status = view_find(&out->target, argument);

	if (status)
		return status;
	if (!quick_options.is_dry_run)
		lock_interface(&out->lock, out->target.interface);
	if (conf_read(&out->conf, out->target.path, dialect, &err))
		return quick_fail(&err, out->target.path);
	out->has_file = true;
	if (dialect == CONF_DOWN)
		recall_netns(out);
	if (netns_enter(&out->conf.quick, &err))
		return quick_fail(&err, NULL);
	return view_look_at_host(out);
}

/* Whether there is a journal, though no file. The lock is taken if so. */
static bool find_journal(struct view *out, const char *argument)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;

	if (!target_name(&out->target, argument) ||
	    journal_read(&journal, out->target.interface, NULL))
		return false;
	if (!quick_options.is_dry_run)
		lock_interface(&out->lock, out->target.interface);
	out->target.path = mem_strdup(journal.config_path);
	return true;
}

int view_look_down(struct view *out, const char *argument)
{
	struct target found = { 0 };
	struct err err = { 0 };
	bool is_missing = target_find(&found, argument, NULL) == -ENOENT;

	target_fini(&found);
	if (!is_missing || !find_journal(out, argument))
		return view_look(out, argument, CONF_DOWN);
	conf_parse(&out->conf, "", 0, CONF_DOWN, NULL);
	recall_netns(out);
	if (netns_enter(&out->conf.quick, &err))
		return quick_fail(&err, NULL);
	return view_look_at_host(out);
}

int quick_save(int argc, char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	struct err err = { 0 };
	int status = view_look(&view, argv[1], CONF_DOWN);

	(void)argc;
	if (status)
		return status;
	if (!view.state.is_wireguard)
		err_set(&err, -ENODEV, "`%s' is not a WireGuard interface", view.target.interface);
	else
		save(&view.target, &view.conf, &err);
	return err.code ? quick_fail(&err, NULL) : 0;
}

int quick_strip(int argc, char **argv)
{
	AUTO(target_fini) struct target target = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(strbuf_fini) struct strbuf stripped = { 0 };
	struct err err = { 0 };
	int status = view_find(&target, argv[1]);

	(void)argc;
	if (status)
		return status;
	if (conf_read_text(&text, target.path, &err) ||
	    conf_strip(&stripped, strbuf_text(&text), text.len, &err))
		return quick_fail(&err, target.path);
	return cli_write(&stripped);
}
