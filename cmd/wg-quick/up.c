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
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"

static int take_down(struct view *view)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };

	if (plan_down(&plan, view->target.interface, &view->conf, &view->state, &err))
		return quick_fail(&err, NULL);
	return apply(&plan, &view->target, &view->conf);
}

static int take_up(struct view *view, enum device_implementation implementation)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };
	int status;

	if (quick_options.is_replacing && view->state.is_wireguard) {
		status = take_down(view);
		if (!status)
			status = view_look_at_host(view);
		if (status)
			return status;
	}
	if (plan_up(&plan, view->target.interface, implementation, &view->conf, &view->state, &err))
		return quick_fail(&err, NULL);
	return apply(&plan, &view->target, &view->conf);
}

/* ---- dry runs -------------------------------------------------------------------------------- */

/* What comes before anything else. */
static void explain_recovery(struct explain *explain)
{
	if (dns_foresee_recover())
		explain_note(explain, "takes back the DNS of a tunnel that is gone",
			     "it went without doing so");
}

static int explain_taking_down(struct explain *explain, const struct view *view, struct err *err)
{
	AUTO(plan_fini) struct plan plan = { 0 };
	int r = plan_down(&plan, view->target.interface, &view->conf, &view->state, err);

	return r ? r : explain_plan(explain, &plan, err);
}

static int explain_up(struct view *view, enum device_implementation implementation)
{
	AUTO(explain_fini) struct explain explain = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };

	explain_begin(&explain, "up", &view->target, &view->conf);
	explain_recovery(&explain);
	if (quick_options.is_replacing && view->state.is_wireguard) {
		if (explain_taking_down(&explain, view, &err))
			return quick_fail(&err, NULL);
		explain.is_replacing = true;
		view->state.link_exists = false;
		view->state.is_wireguard = false;
		view->state.has_dns_file = false;
	}
	if (plan_up(&plan, view->target.interface, implementation, &view->conf, &view->state,
		    &err) ||
	    explain_plan(&explain, &plan, &err))
		return quick_fail(&err, NULL);
	return explain_end(&explain);
}

static int explain_down(struct view *view)
{
	AUTO(explain_fini) struct explain explain = { 0 };
	struct err err = { 0 };

	explain_begin(&explain, "down", &view->target, &view->conf);
	explain_recovery(&explain);
	if ((view->state.is_wireguard || !quick_options.if_exists) &&
	    explain_taking_down(&explain, view, &err))
		return quick_fail(&err, NULL);
	return explain_end(&explain);
}

/* ---- the front door -------------------------------------------------------------------------- */

static int up(struct view *view, const char *argument)
{
	enum device_implementation implementation;
	struct err err = { 0 };
	int status = view_look(view, argument, CONF_QUICK);

	if (status)
		return status;
	if (!quick_options.is_dry_run)
		dns_recover(); /* names of endpoints could not be looked up else */
	if (device_choose(&implementation, &err) || resolve_check_environment(&err) ||
	    dns_check_environment(&err) || key_files_check(&view->target, &view->conf, &err) ||
	    netns_check_dns(&view->conf.quick, &err))
		return quick_fail(&err, NULL);
	return quick_options.is_dry_run ? explain_up(view, implementation)
					: take_up(view, implementation);
}

static int down(struct view *view, const char *argument)
{
	int status = view_look(view, argument, CONF_DOWN);

	if (status)
		return status;
	if (quick_options.is_dry_run)
		return explain_down(view);
	dns_recover();
	if (quick_options.if_exists && !view->state.is_wireguard)
		return 0;
	return take_down(view);
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
