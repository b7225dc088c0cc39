/*
 * Doing what a plan says, and taking it back. Each kind of step has one function here; all but the
 * hooks work inside this process, and are echoed as the commands that would do the same.
 */
#include "cmd/wg-quick/apply.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/hooks.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/save.h"
#include "cmd/wg-quick/work.h"
#include "lib/ipc/ipc.h"
#include "lib/ipc/resolve.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/link.h"
#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"

enum {
	IPV6_LEAST_MTU_BYTES = 1280, /* RFC 8200 section 5 */
};

void work_echo(const struct work *work, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	plan_format_step(&text, work->plan, step);
	cli_say("[#] %s", strbuf_text(&text));
}

/* Tells what failed, unless whoever did has told already: a hook's shell, say. */
static void tell(const struct err *err)
{
	if (err->text[0])
		cli_say("%s: %s%s%s", cli_program, err->text, err->expected ? "; expected " : "",
			err->expected ? err->expected : "");
}

int work_get_device(struct wg_device **out, struct work *work)
{
	int r = ipc_get(out, work->plan->interface, work->err);

	if (r)
		err_prefix(work->err, "Unable to access interface");
	return r;
}

static void say_waiting(void *ctx, const char *message)
{
	(void)ctx;
	cli_say("%s", message);
}

/* Runs in a process of its own, since looking names up may take for ever, and so may a daemon.
 * Whether it answers questions, too, is found out here, where a signal can put an end to it. */
static int set_device_in_child(void *ctx)
{
	static const struct resolve_progress progress = { .waiting = say_waiting };
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct work *work = ctx;
	int r = resolve_device(work->conf->device, &progress, work->err);

	if (!r) {
		r = ipc_set(work->conf->device, work->err);
		if (r)
			err_prefix(work->err, "Unable to modify interface");
	}
	if (!r)
		r = work_get_device(&device, work);
	if (r)
		tell(work->err);
	return r ? STATUS_FAILED : 0;
}

static int set_device(struct work *work)
{
	int status;

	for (size_t i = 0; i < work->conf->warnings.n; i++)
		cli_say("%s", work->conf->warnings.items[i]);
	status = process_call(set_device_in_child, work, work->err);
	if (status > STATUS_FAILED) /* otherwise it has told itself */
		err_set(work->err, -ECHILD, "setting the device up failed with exit status %d",
			status);
	return status ? STATUS_FAILED : 0;
}

static int run_hook(struct work *work, const struct step *step)
{
	int status;

	work_echo(work, step);
	status = hooks_run(step->text, work->target, work->err);
	if (status > 0)
		err_set(work->err, -ECHILD, "a %s command failed with exit status %d", step->key,
			status);
	return status < 0 ? STATUS_FAILED : status;
}

/* The kernel takes IPv6 away from a link of such an MTU without a word. */
static void warn_of_small_mtu(const struct plan *plan, unsigned int mtu_bytes)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (mtu_bytes < IPV6_LEAST_MTU_BYTES && plan->steps[i].cidr.family == AF_INET6) {
			cli_say("[!] an MTU below %d leaves `%s' without IPv6",
				IPV6_LEAST_MTU_BYTES, plan->interface);
			return;
		}
}

static int set_mtu_and_up(struct work *work, const struct step *step)
{
	AUTO(state_mtus_fini) struct state_mtus mtus = { 0 };
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strlist_fini) struct strlist unreachable = { 0 };
	const char *interface = work->plan->interface;
	struct step known = *step;

	if (!known.mtu_bytes) {
		if (work_get_device(&device, work))
			return STATUS_FAILED;
		state_look_mtus(&mtus, &unreachable, device);
		for (size_t i = 0; i < unreachable.n; i++)
			cli_say("[!] %s", unreachable.items[i]);
		known.mtu_bytes = plan_mtu(&mtus);
	}
	work_echo(work, &known);
	warn_of_small_mtu(work->plan, known.mtu_bytes);
	if (link_set_mtu(interface, known.mtu_bytes, work->err) ||
	    link_set_up(interface, work->err))
		return STATUS_REFUSED;
	return 0;
}

static int add_route(struct work *work, const struct step *step)
{
	const struct plan *plan = work->plan;
	uint32_t table =
		plan->route_policy == ROUTE_POLICY_TABLE ? plan->table : (uint32_t)ROUTE_TABLE_MAIN;
	int r;

	work_echo(work, step);
	r = route_add(plan->interface, &step->cidr, table, work->err);
	if (r == -EEXIST) {
		char cidr[CIDR_TEXT_MAX];

		cidr_format(cidr, &step->cidr);
		err_set(work->err, r,
			"cannot route %s to `%s': File exists: see `ip route show %s table %s'",
			cidr, plan->interface, cidr, plan->table_name ? plan->table_name : "main");
	}
	return r ? STATUS_REFUSED : 0;
}

static int route_peers(struct work *work)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(route_list_fini) struct route_list present = { 0 };
	AUTO(plan_fini) struct plan routes = { .route_policy = work->plan->route_policy };
	const char *interface = work->plan->interface;
	bool is_auto = work->plan->route_policy == ROUTE_POLICY_AUTO;
	int status = 0;

	if (work_get_device(&device, work) || plan_routes(&routes, device, work->err))
		return STATUS_FAILED;
	/* Routes come longest prefix first, so none of them covers a later one: it is enough to
	 * look once. */
	if (is_auto && routes.n_steps && route_list_device(&present, interface, work->err))
		return STATUS_REFUSED;
	for (size_t i = 0; !status && i < routes.n_steps; i++)
		if (!is_auto || !route_list_covers(&present, &routes.steps[i].cidr))
			status = work_do(work, &routes.steps[i]);
	return status;
}

static int delete_device(struct work *work)
{
	int r = device_delete(work->plan->interface, work->err);

	if (r != -ETIMEDOUT)
		return r ? STATUS_FAILED : 0;
	/* What PostDown has to take back is there all the same. */
	cli_say("[!] %s", work->err->text);
	return 0;
}

/* Returns 0 or the exit status. */
static int do_step(struct work *work, struct step *step)
{
	const struct plan *plan = work->plan;
	const struct dns dns = { plan->interface, &work->conf->quick.dns_servers,
				 &work->conf->quick.dns_search };
	int r;

	switch (step->kind) {
	case STEP_ADD_DEVICE:
		if (plan->implementation != DEVICE_IMPLEMENTATION_USERSPACE)
			work_echo(work, step);
		r = device_add(plan->interface, plan->implementation, work->err);
		return r ? STATUS_FAILED : 0;
	case STEP_RUN_HOOK:
		return run_hook(work, step);
	case STEP_SET_DEVICE:
		work_echo(work, step);
		return set_device(work);
	case STEP_ADD_ADDRESS:
		work_echo(work, step);
		return addr_add(plan->interface, &step->cidr, work->err) ? STATUS_REFUSED : 0;
	case STEP_SET_MTU_AND_UP:
		return set_mtu_and_up(work, step);
	case STEP_SET_DNS: /* these three tell themselves what they do */
		return dns_set(&dns, work->err);
	case STEP_UNSET_DNS:
		dns_unset(&dns);
		return 0;
	case STEP_SAVE:
		return save(work->target, work->conf, work->err) ? STATUS_FAILED : 0;
	case STEP_ROUTE_PEERS:
		return route_peers(work);
	case STEP_ADD_ROUTE:
		return add_route(work, step);
	case STEP_DELETE_DEVICE:
		work_echo(work, step);
		return delete_device(work);
	}
	assert(!"a step of no kind");
	return STATUS_FAILED;
}

/* Whether a step that fails may have done a part of its work, which its undoing then finds. */
static bool may_be_half_done(enum step_kind kind)
{
	(void)kind;
	return false;
}

int work_do(struct work *work, const struct step *step)
{
	struct step known = *step; /* it may learn more while it is done */
	int status = do_step(work, &known);

	if (!status || may_be_half_done(step->kind))
		plan_copy_step(&work->done, &known);
	return status;
}

/* Takes back what is done. What cannot be is told, and the rest is tried all the same. */
static void undo(const struct work *done)
{
	for (size_t n = done->done.n_steps; n--;) {
		struct err err = { 0 };
		struct work work = *done;
		struct step step;

		work.err = &err;
		if (plan_undo(&step, &done->done.steps[n]) && do_step(&work, &step))
			tell(&err);
	}
}

int apply(const struct plan *plan, const struct target *target, struct conf *conf)
{
	struct err err = { 0 };
	struct work work = { .plan = plan, .target = target, .conf = conf, .err = &err };
	bool is_deleted = false; /* there is no way back then: what is left is done */
	int status = 0;

	strcpy(conf->device->name, plan->interface);
	process_hold_signals();
	for (size_t i = 0; !status && i < plan->n_steps; i++) {
		err = (struct err){ 0 }; /* a step may succeed after something failed in it */
		status = work_do(&work, &plan->steps[i]);
		is_deleted |= !status && plan->steps[i].kind == STEP_DELETE_DEVICE;
		/* Perhaps the step failed for that very reason. */
		if (!is_deleted && process_is_interrupted()) {
			err_set(&err, -EINTR, "interrupted");
			status = STATUS_FAILED;
		}
	}
	if (status)
		tell(&err);
	if (status && plan->is_undone)
		undo(&work);
	plan_fini(&work.done);
	return status;
}
