/*
 * wg-quick reload: makes a running interface what its file says now.
 *
 * All that can be found out beforehand is: then nothing has been touched if the file is bad, or
 * wants what cannot be had. What is done is done step by step as in `up`, is in the journal before,
 * and is undone in reverse if a step fails or a signal arrives.
 *
 * In the journal a step that takes another back makes that one be forgotten, once it is done. So it
 * has always what `down` has to undo, if perhaps more than that.
 */
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/explain.h"
#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/key_files.h"
#include "cmd/wg-quick/names.h"
#include "cmd/wg-quick/plan_reload.h"
#include "cmd/wg-quick/process.h"
#include "cmd/wg-quick/recover.h"
#include "cmd/wg-quick/reload_look.h"
#include "cmd/wg-quick/work.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"

/* How long names may take, together. */
#define PATIENCE SEC(10)

/* ---- doing it -------------------------------------------------------------------------------- */

/* The kind of step that leaves what this one leaves, or takes back. */
static enum step_kind lasting_kind(enum step_kind kind)
{
	switch (kind) {
	case STEP_DELETE_ADDRESS:
		return STEP_ADD_ADDRESS;
	case STEP_DELETE_ROUTE:
		return STEP_ADD_ROUTE;
	case STEP_DELETE_RULE:
		return STEP_ADD_RULE;
	case STEP_DELETE_FIREWALL:
		return STEP_ADD_FIREWALL;
	case STEP_UNSET_DNS:
		return STEP_SET_DNS;
	case STEP_RESET_MARK:
		return STEP_SET_MARK;
	case STEP_RESET_SRC_VALID_MARK:
		return STEP_SET_SRC_VALID_MARK;
	default:
		return kind;
	}
}

static bool is_about_same(const struct step *a, const struct step *b)
{
	return a->family == b->family && a->cidr.family == b->cidr.family &&
	       (!a->cidr.family || cidr_equal(&a->cidr, &b->cidr)) && a->table == b->table &&
	       a->rule.family == b->rule.family && a->rule.priority == b->rule.priority;
}

/* What a run that was cut off had begun, or not yet forgotten, about the same thing is settled. */
static void settle(struct journal *journal, const struct step *step)
{
	struct plan *const plans[] = { &journal->done, &journal->unsure };
	enum step_kind kind = lasting_kind(step->kind);

	for (size_t i = 0; i < 2; i++)
		for (size_t n = plans[i]->n_steps; n--;) {
			const struct step *other = &plans[i]->steps[n];

			if (other->kind == kind && other->id != step->id &&
			    is_about_same(other, step))
				journal_forget_step(journal, other->id);
		}
}

/* A run of steps, or of those that undo them. */
struct run {
	struct work work;    /* its journal is in memory alone, if there is no file */
	struct plan done;    /* work's */
	struct err err;      /* likewise */
	bool is_after_crash; /* of another reload */
};

static void run_fini(struct run *run)
{
	plan_fini(&run->done);
}

/* It begins with nothing done. */
static void run_begin(struct run *run)
{
	run->work.done = &run->done;
	run->work.err = &run->err;
}

/* `is_before`: what was set before the steps of this run; else what they set. */
static void keep_dns(struct run *run, bool is_before)
{
	const struct reload *reload = run->work.reload;
	const struct conf_quick *quick = &run->work.conf->quick;

	if (is_before != run->work.is_going_back)
		journal_set_dns(run->work.journal, &reload->dns_servers, &reload->dns_search);
	else
		journal_set_dns(run->work.journal, &quick->dns_servers, &quick->dns_search);
}

/* Does a step, with the journal kept. Returns as work_do(). */
static int do_step(struct run *run, const struct step *step)
{
	struct journal *journal = run->work.journal;
	size_t at = run->done.n_steps;
	int status;

	run->err = (struct err){ 0 };
	if (step->kind == STEP_SET_DNS)
		keep_dns(run, false);
	status = work_do(&run->work, step);
	if (status && step->kind == STEP_SET_DNS)
		keep_dns(run, true);
	if (status)
		return status;
	if (step->kind == STEP_UNSET_DNS)
		keep_dns(run, false);
	journal_forget_step(journal, step->former_id);
	if (run->is_after_crash)
		settle(journal, &run->done.steps[at]);
	return 0;
}

/* What cannot be undone is told, and the rest is tried all the same. Returns whether all is. */
static bool undo(const struct run *run)
{
	AUTO(plan_fini) struct plan steps = { 0 };
	AUTO(run_fini) struct run back = { .work = run->work };
	bool is_complete = true;

	run_begin(&back);
	back.work.is_going_back = true;
	plan_reload_undo(&steps, &run->done, run->work.reload);
	for (size_t i = 0; i < steps.n_steps; i++)
		if (do_step(&back, &steps.steps[i])) {
			work_tell(&back.err);
			is_complete = false;
		}
	return is_complete;
}

static int carry_out(const struct reload *reload, struct view *view, struct journal *journal)
{
	AUTO(run_fini)
	struct run run = {
		.work = { .plan = &reload->plan,
			  .target = &view->target,
			  .conf = &view->conf,
			  .journal = journal,
			  .rules_lock = LOCK_NONE,
			  .reload = reload },
		.is_after_crash = journal->phase == JOURNAL_RELOAD,
	};
	const struct plan *plan = &reload->plan;
	bool is_complete = true;
	int status = 0;

	run_begin(&run);
	process_hold_signals();
	journal_set_phase(journal, JOURNAL_RELOAD);
	for (size_t i = 0; !status && i < plan->n_steps; i++) {
		status = do_step(&run, &plan->steps[i]);
		if (process_is_interrupted()) {
			err_set(&run.err, -EINTR, "interrupted");
			status = STATUS_FAILED;
		}
	}
	if (status) {
		work_tell(&run.err);
		is_complete = undo(&run);
	}
	if (is_complete)
		journal_set_phase(journal, JOURNAL_UP_DONE);
	return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void tell_of_hooks(const struct view *view, const struct journal *journal)
{
	/* As long as these are the same, `down' takes the others from the file: see recover.h. */
	if (!recover_has_same_hooks(&view->conf.quick, journal))
		cli_say("[!] PreUp or PostUp has changed: the commands in the file count from the "
			"next `up' of `%s' on",
			view->target.interface);
}

static bool has_same_endpoints(const struct journal *journal, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	size_t i = 0;

	while ((peer = wg_peers_next(&peers))) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		if (endpoint_is_empty(&peer->endpoint))
			continue;
		journal_add_endpoint_text(&text, &peer->endpoint);
		if (i == journal->n_endpoints ||
		    !wg_key_equal(&journal->endpoints[i].public_key, &peer->public_key) ||
		    strcmp(journal->endpoints[i].text, strbuf_text(&text)) != 0)
			return false;
		i++;
	}
	return i == journal->n_endpoints;
}

static bool is_same_table(const struct plan *a, const struct plan *b)
{
	return a->route_policy == b->route_policy && a->table == b->table &&
	       !strcmp(a->table_name ? a->table_name : "", b->table_name ? b->table_name : "");
}

/* What of the file counts from now on, besides what the steps have done. */
static void keep_file(struct journal *journal, const struct plan *plan,
		      const struct wg_device *known)
{
	if (!has_same_endpoints(journal, known))
		journal_set_endpoints(journal, known);
	if (!is_same_table(plan, &journal->done))
		journal_set_routes(journal, plan);
}

static void tell_of_lost(const struct reload_view *look)
{
	char key[NAMES_KEY_MAX];

	for (size_t i = 0; i < look->n_lost; i++) {
		names_shorten_key(key, &look->lost[i].public_key);
		cli_say("[!] peer %s: %s; it stays as it is", key, look->lost[i].err.text);
	}
}

/* Who has peers added by PreUp or PostUp loses them. */
static void tell_of_removed(const struct reload *reload, const struct view *view)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = reload->change };
	const struct wg_peer *peer;
	size_t n = 0;

	if (!view->conf.quick.pre_up.n && !view->conf.quick.post_up.n)
		return;
	while ((peer = wg_peers_next(&peers)))
		n += (peer->flags & WG_PEER_REMOVE) != 0;
	if (n)
		cli_say("[!] %zu peer%s not in the file: removed, even if PreUp or PostUp had "
			"added %s; `wg-quick up --replace %s' runs these again",
			n, n == 1 ? " is" : "s are", n == 1 ? "it" : "them",
			view->target.interface);
}

static int reload(struct view *view, bool has_journal)
{
	AUTO(journal_fini) struct journal none = JOURNAL_NONE;
	struct journal *journal = has_journal ? &view->journal : &none;
	AUTO(reload_view_fini) struct reload_view look = { 0 };
	AUTO(reload_fini) struct reload reload = { 0 };
	struct err err = { 0 };
	int status = 0;

	if (reload_look(&look, view, has_journal ? journal : NULL, PATIENCE, &err) ||
	    plan_reload(&reload, view->target.interface, &view->conf, look.wanted, &look.ours,
			&look.host, &err))
		return quick_fail(&err, NULL);
	tell_of_lost(&look);
	tell_of_removed(&reload, view);
	if (quick_options.is_dry_run)
		return explain_one("reload", &reload.plan, &view->target, &view->conf);
	if (reload.plan.n_steps && view_refuse_callers(view, "reload"))
		return 1;
	for (size_t i = 0; reload.plan.n_steps && i < view->conf.warnings.n; i++)
		cli_say("%s", view->conf.warnings.items[i]);
	if (has_journal)
		tell_of_hooks(view, journal);
	if (reload.plan.n_steps || journal->phase == JOURNAL_RELOAD)
		status = carry_out(&reload, view, journal);
	if (!status && has_journal)
		keep_file(journal, &reload.plan, look.known);
	if (!status && look.n_lost)
		names_retry_later(&view->target);
	return status;
}

/* Whether what is running can become what the file says without being taken down. */
static int check(const struct view *view, struct err *err)
{
	const char *interface = view->target.interface;

	if (!view->state.is_wireguard)
		return err_set(err, -ENODEV, "`%s' is not a WireGuard interface", interface);
	if (!view->state.link_exists)
		return err_set(err, -ENODEV,
			       "cannot reload `%s': a program answers for it, though its interface "
			       "is not here",
			       interface);
	return 0;
}

/* Looks at the journal, and undoes a run other than a reload that was cut off. Returns as
 * view_look(); *has_journal says whether what is up is the journal's. */
static int look_at_journal(bool *has_journal, struct view *view)
{
	enum recover_finding finding = recover_look(view);

	*has_journal = finding == RECOVER_UP ||
		       (finding == RECOVER_CUT_OFF && view->journal.phase == JOURNAL_RELOAD &&
			view->state.link_exists);
	if (finding != RECOVER_CUT_OFF || *has_journal || quick_options.is_dry_run)
		return 0;
	/* What is closed stays so: this is no `down`. */
	recover(view, finding, true);
	return view_look_at_host(view);
}

static int look_and_reload(struct view *view, const char *argument)
{
	bool has_journal;
	struct err err = { 0 };
	int status = view_look(view, argument, CONF_QUICK);

	if (!status)
		status = look_at_journal(&has_journal, view);
	if (status)
		return status;
	if (!quick_options.is_dry_run)
		dns_recover(); /* names of endpoints could not be looked up else */
	if (check(view, &err) || resolve_check_environment(&err) || dns_check_environment(&err) ||
	    key_files_check(&view->target, &view->conf, &err) ||
	    key_files_read(&view->conf, &view->target, &err))
		return quick_fail(&err, NULL);
	return reload(view, has_journal);
}

int quick_reload(int argc, char **argv)
{
	AUTO(view_fini) struct view view = VIEW_NONE;
	int status;

	(void)argc;
	if (quick_refuse_json())
		return 1;
	status = look_and_reload(&view, argv[1]);
	if (status && quick_options.is_json)
		explain_refusal("reload", &view.target, quick_failure());
	return status;
}
