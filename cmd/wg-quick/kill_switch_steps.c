/*
 * Doing the steps about the kill switch, whose rules are kill_switch.c's.
 *
 * The tunnel's own packets are known by their mark, so the device gets one if it has none: as for
 * default routes, the number of an empty routing table. The lock of the rules is kept until routes
 * have been added: until then, that table looks empty to others as well.
 */
#include "cmd/wg-quick/kill_switch_steps.h"

#include "cmd/wg-quick/kill_switch.h"
#include "cmd/wg-quick/plan_reload.h"
#include "cmd/wg-quick/plan_routes.h"
#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"

static int choose_mark(uint32_t *out, struct work *work)
{
	struct step step = { .kind = STEP_SET_MARK };

	lock_rules(&work->rules_lock);
	if (route_find_empty_table(&step.mark, PLAN_FIRST_TABLE, work->err))
		return STATUS_REFUSED;
	*out = step.mark;
	return work_do(work, &step);
}

int kill_switch_close_bypasses(struct work *work)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	const bool is_new = !kill_switch_is_there(work->plan->interface);
	struct step step = { .kind = is_new ? STEP_ADD_KILL_SWITCH : STEP_REPLACE_KILL_SWITCH };
	int status = 0;

	if (work_get_device(&device, work))
		return STATUS_FAILED;
	step.mark = device->fwmark;
	if (!step.mark)
		status = choose_mark(&step.mark, work);
	return status ? status : work_do(work, &step);
}

int kill_switch_do_add(struct work *work, const struct step *step)
{
	AUTO(auto_free) struct cidr *lan = NULL;
	struct kill_switch kill_switch = {
		.interface = work->plan->interface,
		.mark = step->mark,
		.lets_lan = work->is_going_back
				    ? work->reload->lets_lan
				    : work->conf->quick.kill_switch == CONF_KILL_SWITCH_LAN,
	};

	if (kill_switch.lets_lan &&
	    kill_switch_list_lan(&lan, &kill_switch.n_lan, kill_switch.interface, work->err))
		return STATUS_FAILED;
	kill_switch.lan = lan;
	return kill_switch_add(&kill_switch, work->err);
}

int kill_switch_do_delete(struct work *work)
{
	return kill_switch_remove(work->plan->interface, work->err);
}

int kill_switch_do_let_names_through(struct work *work, bool is_through)
{
	const char *interface = work->plan->interface;

	/* How long `up' takes is not known: it may wait for names for ever. */
	return is_through ? kill_switch_let_names_through(interface, 0, work->err)
			  : kill_switch_keep_names_in(interface, work->err);
}
