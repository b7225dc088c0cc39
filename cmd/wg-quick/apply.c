/*
 * Doing what a plan says, and taking it back. Each kind of step has one function here; all but the
 * hooks work inside this process, and are echoed as the commands that would do the same.
 */
#include "cmd/wg-quick/apply.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/crash.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/hooks.h"
#include "cmd/wg-quick/key_files.h"
#include "cmd/wg-quick/kill_switch_steps.h"
#include "cmd/wg-quick/names.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/reload_steps.h"
#include "cmd/wg-quick/routing.h"
#include "cmd/wg-quick/save.h"
#include "cmd/wg-quick/undo.h"
#include "cmd/wg-quick/work.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/link.h"
#include "lib/netlink/rule.h"
#include "lib/uapi/client.h"
#include "lib/util/cleanup.h"

enum {
	IPV6_LEAST_MTU_BYTES = 1280, /* RFC 8200 section 5 */
	STATUS_NAMES_MISSING = 3,    /* what sets the device up: it is done, but for endpoints */
};

void work_echo(const struct work *work, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	plan_format_step(&text, work->plan, step);
	cli_say("[#] %s", strbuf_text(&text));
}

void work_tell(const struct err *err)
{
	if (err->text[0])
		quick_fail(err, NULL);
}

int work_get_device(struct wg_device **out, struct work *work)
{
	int r = ipc_get(out, work->plan->interface, work->err);

	if (r)
		err_prefix(work->err, "Unable to access interface");
	return r;
}

/* Runs in a process of its own, since looking names up may take for ever, and so may a daemon.
 * Whether it answers questions, too, is found out here, where a signal can put an end to it. */
static int set_device_in_child(void *ctx)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct work *work = ctx;
	size_t n_missing = 0;
	int r = key_files_read(work->conf, work->target, work->err);

	netns_go(NETNS_BIRTH); /* who is to be reached from there is asked for there */
	if (!r)
		r = names_resolve(work->conf, work->target, &n_missing, work->err);
	netns_go(NETNS_TARGET);
	if (!r) {
		r = ipc_set(work->conf->device, work->err);
		if (r)
			err_prefix(work->err, "Unable to modify interface");
	}
	if (!r)
		r = work_get_device(&device, work);
	if (r)
		work_tell(work->err);
	return r ? STATUS_FAILED : n_missing ? STATUS_NAMES_MISSING : 0;
}

static int set_device(struct work *work)
{
	int status;

	for (size_t i = 0; i < work->conf->warnings.n; i++)
		cli_say("%s", work->conf->warnings.items[i]);
	status = process_call(set_device_in_child, work, work->err);
	if (status == STATUS_NAMES_MISSING) {
		work->has_missing_names = true;
		return 0;
	}
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

/* The step learns the MTU. */
static int set_mtu_and_up(struct work *work, struct step *step)
{
	AUTO(state_mtus_fini) struct state_mtus mtus = { 0 };
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strlist_fini) struct strlist unreachable = { 0 };
	const char *interface = work->plan->interface;

	if (!step->mtu_bytes) {
		if (work_get_device(&device, work))
			return STATUS_FAILED;
		netns_go(NETNS_BIRTH);
		state_look_mtus(&mtus, &unreachable, device);
		netns_go(NETNS_TARGET);
		for (size_t i = 0; i < unreachable.n; i++)
			cli_say("[!] %s", unreachable.items[i]);
		step->mtu_bytes = plan_mtu(&mtus);
	}
	work_echo(work, step);
	warn_of_small_mtu(work->plan, step->mtu_bytes);
	if (link_set_mtu(interface, step->mtu_bytes, work->err) ||
	    link_set_up(interface, work->err))
		return STATUS_REFUSED;
	return 0;
}

static int add_address(struct work *work, const struct step *step)
{
	if (step->cidr.family == AF_INET6 && !routing_has_ipv6(work))
		return 0;
	work_echo(work, step);
	return addr_add(work->plan->interface, &step->cidr, work->err) ? STATUS_REFUSED : 0;
}

static int save_in_child(void *ctx)
{
	struct work *work = ctx;
	int r = save(work->target, work->conf, work->err);

	if (r)
		work_tell(work->err);
	return r ? STATUS_FAILED : 0;
}

/* In a process of its own: a daemon that does not answer can be given up by a signal. */
static int save_file(struct work *work)
{
	int status = process_call(save_in_child, work, work->err);

	if (status > STATUS_FAILED) /* otherwise it has told itself */
		err_set(work->err, -ECHILD, "saving failed with exit status %d", status);
	return status ? STATUS_FAILED : 0;
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

/* As with the original, `down` goes on without it. */
static int delete_firewall(struct work *work, const struct step *step)
{
	if (routing_delete_firewall(work, step))
		work_tell(work->err);
	return 0;
}

static int set_or_unset_dns(struct work *work, bool is_set)
{
	const struct conf_quick *quick = &work->conf->quick;
	const struct journal *journal = work->journal; /* it knows better: the file may change */
	const struct dns dns = { .interface = work->plan->interface,
				 .servers = journal ? &journal->dns_servers : &quick->dns_servers,
				 .search = journal ? &journal->dns_search : &quick->dns_search,
				 .goes_on = quick->dns_failure == CONF_DNS_FAILURE_WARN,
				 .is_missing = &work->is_without_dns };

	if (work->reload)
		return reload_change_dns(work);
	if (is_set)
		return dns_set(&dns, work->err);
	dns_unset(&dns);
	return 0;
}

int work_carry_out(struct work *work, struct step *step)
{
	const struct plan *plan = work->plan;
	int r;

	switch (step->kind) {
	case STEP_ADD_DEVICE:
		if (plan->implementation != DEVICE_IMPLEMENTATION_USERSPACE)
			work_echo(work, step);
		r = netns_add_device(plan->interface, plan->implementation, work->err);
		return r ? STATUS_FAILED : 0;
	case STEP_RUN_HOOK:
		return run_hook(work, step);
	case STEP_SET_DEVICE:
		work_echo(work, step);
		return set_device(work);
	case STEP_ADD_ADDRESS:
		return add_address(work, step);
	case STEP_SET_MTU_AND_UP:
		return set_mtu_and_up(work, step);
	case STEP_SET_DNS: /* these three tell themselves what they do */
	case STEP_UNSET_DNS:
		return set_or_unset_dns(work, step->kind == STEP_SET_DNS);
	case STEP_SAVE:
		return save_file(work);
	case STEP_ROUTE_PEERS:
		r = routing_route_peers(work);
		lock_release(&work->rules_lock);
		return r;
	case STEP_CLOSE_BYPASSES:
		return kill_switch_close_bypasses(work);
	case STEP_ADD_KILL_SWITCH:
	case STEP_REPLACE_KILL_SWITCH:
		return kill_switch_do_add(work, step);
	case STEP_DELETE_KILL_SWITCH:
		return kill_switch_do_delete(work);
	case STEP_LET_NAMES_THROUGH:
	case STEP_KEEP_NAMES_IN:
		return kill_switch_do_let_names_through(work, step->kind == STEP_LET_NAMES_THROUGH);
	case STEP_SET_MARK:
		return routing_set_mark(work, step);
	case STEP_ADD_RULE:
		return routing_add_rule(work, step);
	case STEP_DELETE_RULE:
		return routing_delete_rule(work, step);
	case STEP_DELETE_RULES:
		return routing_delete_rules(work);
	case STEP_ADD_ROUTE:
		return routing_add_route(work, step);
	case STEP_SET_SRC_VALID_MARK:
		return routing_set_src_valid_mark(work, step);
	case STEP_RESET_SRC_VALID_MARK:
		return routing_reset_src_valid_mark(work, step);
	case STEP_ADD_FIREWALL:
		return routing_add_firewall(work, step);
	case STEP_DELETE_FIREWALL:
		return delete_firewall(work, step);
	case STEP_DELETE_DEVICE:
		work_echo(work, step);
		return delete_device(work);
	case STEP_CHANGE_DEVICE:
		return reload_change_device(work, step);
	case STEP_DELETE_ADDRESS:
		return reload_delete_address(work, step);
	case STEP_DELETE_ROUTE:
		return reload_delete_route(work, step);
	case STEP_RESET_MARK:
		return routing_reset_mark(work, step);
	}
	assert(!"a step of no kind");
	return STATUS_FAILED;
}

/* Whether a step that fails may have done a part of its work, which its undoing then finds. */
static bool may_be_half_done(enum step_kind kind)
{
	/* iptables-restore: one table after the other. */
	return kind == STEP_ADD_FIREWALL || kind == STEP_RUN_HOOK;
}

static void note_link(struct journal *journal)
{
	struct link_info link;

	if (!link_get(&link, journal->done.interface, NULL))
		journal_set_ifindex(journal, link.ifindex);
}

int work_do(struct work *work, const struct step *step)
{
	struct journal *journal = work->journal;
	struct step known = *step; /* it may learn more while it is done */
	uint32_t id = 0;
	bool is_missing;
	int status;

	/* So that the rule can be told from others like it, whenever this is cut off. */
	if (known.kind == STEP_ADD_RULE && !known.rule.priority)
		known.rule.priority = rule_next_priority(known.rule.family);
	if (journal && plan_is_journalled(step->kind))
		id = known.id = journal_begin_step(journal, &known);
	crash_point();
	status = work_carry_out(work, &known);
	crash_point();
	if (work->done && (!status || may_be_half_done(step->kind)))
		plan_copy_step(work->done, &known);
	/* So that `status` and `reload` know that it is still to be done. */
	is_missing = step->kind == STEP_SET_DNS && work->is_without_dns;
	if (id && !status && !is_missing)
		journal_end_step(journal, id, &known);
	else if (id && (is_missing || !may_be_half_done(step->kind)))
		journal_forget_step(journal, id);
	if (id && !status && step->kind == STEP_ADD_DEVICE)
		note_link(journal);
	return status;
}

/* Whether nothing that `down` does after this can be left undone. */
static bool is_final(enum step_kind kind)
{
	return kind == STEP_DELETE_RULES || kind == STEP_DELETE_DEVICE;
}

/* Takes back what an `up` has done. */
static void undo_up(const struct work *work)
{
	const struct journal_due due = journal_due_hooks(work->journal);
	const struct conf_quick *quick = &work->conf->quick;
	const struct undo undo = {
		.pre_down = due.pre_down ? &quick->pre_down : NULL,
		.post_down = due.post_down ? &quick->post_down : NULL,
	};

	undo_all(work, &undo);
}

/* A hook may have taken down what it is called by: there is nothing left to undo then. Otherwise
 * whatever has made the interface vanish has left the rest. */
static void end_up(struct journal *journal)
{
	const char *interface = journal->done.interface;
	struct link_info link;

	if (journal_is_dropped(journal) && link_get(&link, interface, NULL) == -ENODEV &&
	    !uapi_exists(interface))
		journal_remove(journal);
	else
		journal_set_phase(journal, JOURNAL_UP_DONE);
}

/* A `down` that has failed leaves the interface up, and is begun anew next time; unless it was
 * deleted before that. */
static void end_down(struct journal *journal, bool is_deleted)
{
	if (is_deleted) {
		journal_remove(journal);
		return;
	}
	while (journal->unsure.n_steps)
		journal_forget_step(journal, journal->unsure.steps[0].id);
	for (size_t n = journal->done.n_steps; n--;) {
		const struct step *step = &journal->done.steps[n];

		if (step->kind == STEP_SAVE ||
		    (step->kind == STEP_RUN_HOOK && !strcmp(step->key, "PreDown")))
			journal_forget_step(journal, step->id);
	}
	journal_set_phase(journal, JOURNAL_UP_DONE);
}

int apply(const struct plan *plan, const struct target *target, struct conf *conf,
	  struct journal *journal)
{
	struct err err = { 0 };
	struct work work = { .plan = plan,
			     .target = target,
			     .conf = conf,
			     .journal = journal,
			     .rules_lock = LOCK_NONE,
			     .err = &err };
	bool is_too_late = false; /* there is no way back then: what is left is done */
	bool is_deleted = false;  /* the device */
	int status = 0;

	strcpy(conf->device->name, plan->interface);
	process_hold_signals();
	if (journal && !plan->is_undone)
		journal_set_phase(journal, JOURNAL_DOWN);
	for (size_t i = 0; !status && i < plan->n_steps; i++) {
		err = (struct err){ 0 }; /* a step may succeed after something failed in it */
		status = work_do(&work, &plan->steps[i]);
		is_too_late |= !status && is_final(plan->steps[i].kind);
		is_deleted |= !status && plan->steps[i].kind == STEP_DELETE_DEVICE;
		/* Perhaps the step failed for that very reason. */
		if (!is_too_late && process_is_interrupted()) {
			err_set(&err, -EINTR, "interrupted");
			status = STATUS_FAILED;
		}
	}
	if (status)
		work_tell(&err);
	if (status && plan->is_undone)
		undo_up(&work);
	else if (plan->is_undone)
		end_up(journal);
	else if (journal)
		end_down(journal, is_deleted);
	if (!status && work.has_missing_names)
		names_retry_later(target);
	lock_release(&work.rules_lock);
	return status;
}
