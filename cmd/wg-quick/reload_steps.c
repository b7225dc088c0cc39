/*
 * Doing a reload's steps. What there is to decide, plan_reload.c has decided. Stateless.
 */
#include "cmd/wg-quick/reload_steps.h"

#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/plan_reload.h"
#include "cmd/wg-quick/process.h"
#include "lib/ipc/ipc.h"
#include "lib/model/diff.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"

/* What was there is compared with what is: a failure may have left a part of the change undone. */
static int set_back(struct work *work)
{
	AUTO(wg_device_auto_free) struct wg_device *now = NULL, *change = NULL;
	int r = work_get_device(&now, work);

	if (r)
		return r;
	change = wg_device_diff(work->reload->back, now);
	return ipc_set(change, work->err);
}

/* In a process of its own: a daemon that does not answer can be given up by a signal. */
static int change_in_child(void *ctx)
{
	struct work *work = ctx;
	int r = work->is_going_back ? set_back(work) : ipc_set(work->reload->change, work->err);

	if (r)
		cli_say("%s: Unable to modify interface: %s", cli_program, work->err->text);
	return r ? STATUS_FAILED : 0;
}

int reload_change_device(struct work *work, const struct step *step)
{
	int status;

	work_echo(work, step);
	status = work->is_going_back ? process_call_in_time(change_in_child, work, work->err)
				     : process_call(change_in_child, work, work->err);
	if (status > STATUS_FAILED) /* otherwise it has told itself */
		err_set(work->err, -ECHILD, "setting the device up failed with exit status %d",
			status);
	return status ? STATUS_FAILED : 0;
}

/* Perhaps somebody else was faster. */
int reload_delete_address(struct work *work, const struct step *step)
{
	int r;

	work_echo(work, step);
	r = addr_delete(work->plan->interface, &step->cidr, work->err);
	return r && r != -EADDRNOTAVAIL ? STATUS_REFUSED : 0;
}

int reload_delete_route(struct work *work, const struct step *step)
{
	uint32_t table = step->table ? step->table : (uint32_t)ROUTE_TABLE_MAIN;
	int r;

	work_echo(work, step);
	r = route_delete(work->plan->interface, &step->cidr, table, work->err);
	return r && r != -ESRCH ? STATUS_REFUSED : 0;
}

int reload_change_dns(struct work *work)
{
	const struct reload *reload = work->reload;
	const bool goes_on = work->conf->quick.dns_failure == CONF_DNS_FAILURE_WARN;
	const struct dns before = { .interface = work->plan->interface,
				    .servers = &reload->dns_servers,
				    .search = &reload->dns_search,
				    .goes_on = goes_on };
	const struct dns after = { .interface = work->plan->interface,
				   .servers = &work->conf->quick.dns_servers,
				   .search = &work->conf->quick.dns_search,
				   .goes_on = goes_on,
				   .is_missing = &work->is_without_dns };

	return work->is_going_back ? dns_change(&after, &before, work->err)
				   : dns_change(&before, &after, work->err);
}
