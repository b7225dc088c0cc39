/* Bringing an interface up, and taking it down. */
#include "cmd/wg-quick/apply.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/key_files.h"
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

int quick_up(int argc, char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	AUTO(plan_fini) struct plan plan = { 0 };
	enum device_implementation implementation;
	struct err err = { 0 };
	int status = view_look(&view, argv[1], CONF_QUICK);

	(void)argc;
	if (status)
		return status;
	dns_recover(); /* names of endpoints could not be looked up else */
	if (device_choose(&implementation, &err) || resolve_check_environment(&err) ||
	    dns_check_environment(&err) || key_files_check(&view.target, &view.conf, &err))
		return quick_fail(&err, NULL);
	if (quick_options.is_replacing && view.state.is_wireguard) {
		status = take_down(&view);
		if (!status)
			status = view_look_at_host(&view);
		if (status)
			return status;
	}
	if (plan_up(&plan, view.target.interface, implementation, &view.conf, &view.state, &err))
		return quick_fail(&err, NULL);
	return apply(&plan, &view.target, &view.conf);
}

int quick_down(int argc, char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	int status = view_look(&view, argv[1], CONF_DOWN);

	(void)argc;
	if (status)
		return status;
	dns_recover();
	if (quick_options.if_exists && !view.state.is_wireguard)
		return 0;
	return take_down(&view);
}
