/* Bringing an interface up, and taking it down. */
#include <errno.h>

#include "cmd/wg-quick/apply.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/explain.h"
#include "cmd/wg-quick/key_files.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/recover.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"

/* What came up is what goes down, whatever the file says by now. */
static int take_down(struct view *view, struct conf *conf, enum recover_finding finding)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };

	if (finding == RECOVER_UP) {
		recover_adopt(conf, &view->journal, view->has_file);
		view->state.is_wireguard = true;
	}
	if (plan_down(&plan, view->target.interface, conf, &view->state, &err))
		return quick_fail(&err, NULL);
	return apply(&plan, &view->target, conf, finding == RECOVER_UP ? &view->journal : NULL);
}

/* Whether it could come up if it were not up already: found out before it is taken down. */
static int check_replacement(const struct view *view, enum device_implementation implementation)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	struct state state = view->state;
	struct err err = { 0 };

	state.link_exists = false;
	state.is_wireguard = false;
	return plan_up(&plan, view->target.interface, implementation, &view->conf, &state, &err)
		       ? quick_fail(&err, NULL)
		       : 0;
}

/* A kill switch that is wanted stays in between; it is seen again when the host is looked at. */
static void keep_closed(struct view *view)
{
	if (view->conf.quick.kill_switch != CONF_KILL_SWITCH_OFF)
		view->state.has_kill_switch = false;
}

static int replace(struct view *view, enum device_implementation implementation,
		   enum recover_finding finding)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	struct err err = { 0 };
	int status = check_replacement(view, implementation);

	if (status)
		return status;
	if (conf_read(&conf, view->target.path, CONF_DOWN, &err))
		return quick_fail(&err, view->target.path);
	keep_closed(view);
	status = take_down(view, &conf, finding);
	return status ? status : view_look_at_host(view);
}

static int take_up(struct view *view, enum device_implementation implementation,
		   enum recover_finding finding)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };
	int status = 0;

	if (quick_options.is_replacing && view->state.is_wireguard)
		status = view_refuse_callers(view, "replace")
				 ? 1
				 : replace(view, implementation, finding);
	if (status)
		return status;
	if (plan_up(&plan, view->target.interface, implementation, &view->conf, &view->state, &err))
		return quick_fail(&err, NULL);
	journal_fini(&view->journal);
	journal_begin(&view->journal, &plan, view->target.path, &view->conf,
		      view->lock.has_made_dir);
	return apply(&plan, &view->target, &view->conf, &view->journal);
}

/* ---- dry runs -------------------------------------------------------------------------------- */

/* What comes before anything else. */
static void explain_recovery(struct explain *explain, enum recover_finding finding)
{
	if (finding == RECOVER_CUT_OFF)
		explain_note(explain, "takes back what an earlier run has left", "it was cut off");
	if (finding == RECOVER_GONE)
		explain_note(explain, "takes back what the interface has left",
			     "it has gone by other means");
	if (dns_foresee_recover())
		explain_note(explain, "takes back the DNS of a tunnel that is gone",
			     "it went without doing so");
}

/* As take_down(). */
static int explain_taking_down(struct explain *explain, struct view *view, struct conf *conf,
			       enum recover_finding finding, struct err *err)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	int r;

	if (finding == RECOVER_UP) {
		explain->has_recorded_hooks = !recover_adopt(conf, &view->journal, view->has_file);
		view->state.is_wireguard = true;
	}
	r = plan_down(&plan, view->target.interface, conf, &view->state, err);
	explain->conf = conf;
	if (!r)
		r = explain_plan(explain, &plan, err);
	explain->conf = &view->conf;
	explain->has_recorded_hooks = false;
	return r;
}

/* What the host will be like when all that is there has been taken away. */
static void foresee_gone(struct explain *explain, struct view *view)
{
	explain->is_replacing = true;
	view->state.link_exists = false;
	view->state.is_wireguard = false;
	view->state.has_dns_file = false;
}

static int explain_up(struct view *view, enum device_implementation implementation,
		      enum recover_finding finding)
{
	AUTO(explain_fini) struct explain explain = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	AUTO(conf_fini) struct conf conf = { 0 };
	const bool has_kill_switch = view->state.has_kill_switch;
	struct err err = { 0 };

	explain_begin(&explain, "up", &view->target, &view->conf);
	explain_recovery(&explain, finding);
	if (finding == RECOVER_CUT_OFF) {
		foresee_gone(&explain, view);
	} else if (quick_options.is_replacing && view->state.is_wireguard) {
		if (conf_read(&conf, view->target.path, CONF_DOWN, &err))
			return quick_fail(&err, view->target.path);
		keep_closed(view);
		if (explain_taking_down(&explain, view, &conf, finding, &err))
			return quick_fail(&err, NULL);
		foresee_gone(&explain, view);
		view->state.has_kill_switch =
			has_kill_switch && view->conf.quick.kill_switch != CONF_KILL_SWITCH_OFF;
	}
	if (plan_up(&plan, view->target.interface, implementation, &view->conf, &view->state,
		    &err) ||
	    explain_plan(&explain, &plan, &err))
		return quick_fail(&err, NULL);
	return explain_end(&explain);
}

static int explain_down(struct view *view, enum recover_finding finding)
{
	AUTO(explain_fini) struct explain explain = { 0 };
	struct err err = { 0 };
	bool is_left = finding == RECOVER_CUT_OFF || finding == RECOVER_GONE;

	explain_begin(&explain, "down", &view->target, &view->conf);
	explain_recovery(&explain, finding);
	if (!is_left && (view->state.is_wireguard || !quick_options.if_exists) &&
	    explain_taking_down(&explain, view, &view->conf, finding, &err))
		return quick_fail(&err, NULL);
	return explain_end(&explain);
}

/* ---- the front door -------------------------------------------------------------------------- */

static int refuse_for_lack_of_rights(const char *interface)
{
	struct err err = { 0 };

	err_set(&err, -EPERM,
		"cannot create `%s': that takes the capability CAP_NET_ADMIN, as of a container "
		"started with --cap-add=NET_ADMIN",
		interface);
	return quick_fail(&err, NULL);
}

static int recover_before_up(struct view *view, enum recover_finding finding)
{
	recover(view, finding, true);
	return view_look_at_host(view);
}

static int up(struct view *view, const char *argument)
{
	enum device_implementation implementation;
	struct err err = { 0 };
	enum recover_finding finding;
	int status = view_look(view, argument, CONF_QUICK);

	if (status)
		return status;
	if (!process_may_administer_network())
		return refuse_for_lack_of_rights(view->target.interface);
	finding = recover_look(view);
	if (!quick_options.is_dry_run) {
		if (finding == RECOVER_GONE || finding == RECOVER_CUT_OFF)
			status = recover_before_up(view, finding);
		if (status)
			return status;
		dns_recover(); /* names of endpoints could not be looked up else */
	}
	if (device_choose(&implementation, &err) || resolve_check_environment(&err) ||
	    dns_check_environment(&err) || key_files_check(&view->target, &view->conf, &err) ||
	    netns_check_dns(&view->conf.quick, &err))
		return quick_fail(&err, NULL);
	return quick_options.is_dry_run ? explain_up(view, implementation, finding)
					: take_up(view, implementation, finding);
}

static bool has_journal(const char *argument)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	struct target target;

	return target_name(&target, argument) && !journal_read(&journal, target.interface, NULL);
}

static bool is_nothing_there(const struct view *view)
{
	return !view->state.is_wireguard && !view->state.has_kill_switch;
}

/* Without a file: whether there is no interface of that name either. */
static bool is_absent(const char *argument)
{
	AUTO(target_fini) struct target found = { 0 };
	struct target target;
	struct state state;

	return target_find(&found, argument, NULL) == -ENOENT && target_name(&target, argument) &&
	       !state_look(&state, target.interface, NULL, NULL) && !state.link_exists &&
	       !state.is_wireguard && !state.has_kill_switch;
}

static int down(struct view *view, const char *argument)
{
	enum recover_finding finding;
	bool is_left; /* by a run that did not end, or whose interface has gone */
	int status;

	if (quick_options.if_exists && is_absent(argument) && !has_journal(argument))
		return 0;
	status = view_look_down(view, argument);
	if (status)
		return status;
	finding = recover_look(view);
	if (quick_options.is_dry_run)
		return explain_down(view, finding);
	is_left = finding == RECOVER_GONE || finding == RECOVER_CUT_OFF;
	if (is_left)
		recover(view, finding, false);
	dns_recover();
	if (is_left)
		return 0;
	if (quick_options.if_exists && finding == RECOVER_NOTHING && is_nothing_there(view))
		return 0;
	status = take_down(view, &view->conf, finding);
	/* The run that this is called by is told so. */
	if (!status && view->lock.is_callers)
		journal_drop(view->target.interface);
	return status;
}

static int run(int (*function)(struct view *view, const char *argument), char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	int status;

	if (quick_refuse_json())
		return 1;
	status = function(&view, argv[1]);
	if (status && quick_options.is_json)
		explain_refusal(argv[0], &view.target, quick_failure());
	return status;
}

int quick_up(int argc, char **argv)
{
	(void)argc;
	return run(up, argv);
}

int quick_down(int argc, char **argv)
{
	(void)argc;
	return run(down, argv);
}
