/*
 * The journal as text. A line is a record: words with a blank between two of them, the last one a
 * checksum of those before. Bytes that would be in the way are written as %XX.
 *
 *	wg-quick-journal 1
 *	host BOOT COOKIE
 *	plan INTERFACE IMPLEMENTATION POLICY TABLE TABLE_NAME
 *	config PATH HAS_MADE_DIR
 *	netns target=N birth=N    left out where the file names none
 *	hooks KEY=TEXT...         each of these three
 *	dns server=S... search=D...
 *	endpoints PUBLIC_KEY=ENDPOINT...
 *	phase up                  ...and each of what follows any number of times
 *	made IFINDEX
 *	routes POLICY TABLE TABLE_NAME
 *	begin ID KIND NAME=VALUE...
 *	end ID KIND NAME=VALUE...
 *	forget ID
 *
 * The lines are written here, and read in journal_parse.c.
 */
#include "cmd/wg-quick/journal_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

/* ---- words ----------------------------------------------------------------------------------- */

const char *journal_phase_name(enum journal_phase phase)
{
	switch (phase) {
	case JOURNAL_UP:
		return "up";
	case JOURNAL_UP_DONE:
		return "up-done";
	case JOURNAL_RELOAD:
		return "reload";
	case JOURNAL_DOWN:
		return "down";
	}
	return NULL;
}

const char *const journal_hook_keys[JOURNAL_N_HOOKS] = { "PreUp", "PostUp", "PreDown", "PostDown" };

struct strlist *journal_hooks(struct journal *journal, size_t key)
{
	struct strlist *const lists[JOURNAL_N_HOOKS] = { &journal->pre_up, &journal->post_up,
							 &journal->pre_down, &journal->post_down };

	return lists[key];
}

/* ---- records --------------------------------------------------------------------------------- */

void journal_add_step(struct plan *plan, const struct step *step, uint32_t id)
{
	plan_copy_step(plan, step);
	plan->steps[plan->n_steps - 1].id = id;
}

bool journal_take_step(struct plan *plan, uint32_t id)
{
	/* Mostly it is the last one. */
	for (size_t n = plan->n_steps; n--;) {
		struct step *step = &plan->steps[n];

		if (step->id != id)
			continue;
		free(step->text);
		memmove(step, step + 1, (plan->n_steps - n - 1) * sizeof(*step));
		plan->n_steps--;
		return true;
	}
	return false;
}

void journal_clear_endpoints(struct journal *journal)
{
	for (size_t i = 0; i < journal->n_endpoints; i++)
		free(journal->endpoints[i].text);
	journal->n_endpoints = 0;
}

struct journal_endpoint *journal_add_endpoint(struct journal *journal)
{
	struct journal_endpoint *endpoint;

	journal->endpoints = mem_grow(journal->endpoints, &journal->endpoints_cap,
				      journal->n_endpoints + 1, sizeof(*endpoint));
	endpoint = &journal->endpoints[journal->n_endpoints++];
	*endpoint = (struct journal_endpoint){ 0 };
	return endpoint;
}

/* ---- writing words --------------------------------------------------------------------------- */

static bool is_escaped(unsigned char c)
{
	return c <= ' ' || c == '%' || c == 0x7f;
}

static void add_escaped(struct strbuf *out, const char *text)
{
	for (; *text; text++)
		if (is_escaped((unsigned char)*text))
			strbuf_addf(out, "%%%02x", (unsigned char)*text);
		else
			strbuf_add_char(out, *text);
}

static void add_text(struct strbuf *out, const char *name, const char *text)
{
	strbuf_addf(out, " %s=", name);
	add_escaped(out, text);
}

static void add_number(struct strbuf *out, const char *name, uint32_t value)
{
	if (value)
		strbuf_addf(out, " %s=%u", name, value);
}

/* FNV-1a. */
uint32_t journal_checksum(const char *text, size_t len)
{
	uint32_t sum = 2166136261U;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)text[i]) * 16777619U;
	return sum;
}

/* Ends the line that began at `start`. */
static void end_line(struct strbuf *out, size_t start)
{
	uint32_t sum = journal_checksum(out->text + start, out->len - start);

	strbuf_addf(out, " #%08x\n", sum);
}

void journal_text_add_step(struct strbuf *out, const char *word, const struct step *step)
{
	const struct rule *rule = &step->rule;
	const char *kind = plan_kind_name(step->kind);
	char cidr[CIDR_TEXT_MAX];
	size_t start = out->len;

	assert(kind);
	strbuf_addf(out, "%s %u %s", word, step->id, kind);
	if (step->key)
		add_text(out, "key", step->key);
	if (step->text)
		add_text(out, "text", step->text);
	if (step->cidr.family) {
		cidr_format(cidr, &step->cidr);
		add_text(out, "cidr", cidr);
	}
	add_number(out, "mtu", step->mtu_bytes);
	add_number(out, "table", step->table);
	add_number(out, "mark", step->mark);
	add_number(out, "family", step->family);
	if (rule->family)
		strbuf_addf(out, " rule=%u,%u,%u,%u,%u,%u,%d", rule->family, rule->priority,
			    rule->table, rule->is_inverted, rule->mark, rule->mark_mask,
			    rule->suppress_prefixlen);
	end_line(out, start);
}

static void add_plan(struct strbuf *out, const struct plan *plan)
{
	size_t start = out->len;

	strbuf_addf(out, "plan %s %u %u %u ", plan->interface, plan->implementation,
		    plan->route_policy, plan->table);
	add_escaped(out, plan->table_name ? plan->table_name : "");
	end_line(out, start);
}

void journal_text_add_routes(struct strbuf *out, const struct plan *plan)
{
	size_t start = out->len;

	strbuf_addf(out, "routes %u %u ", plan->route_policy, plan->table);
	add_escaped(out, plan->table_name ? plan->table_name : "");
	end_line(out, start);
}

static void add_config(struct strbuf *out, const struct journal *journal)
{
	size_t start = out->len;

	strbuf_add(out, "config ");
	add_escaped(out, journal->config_path ? journal->config_path : "");
	strbuf_addf(out, " %u", journal->has_made_dir);
	end_line(out, start);
}

static void add_hooks(struct strbuf *out, const struct journal *journal)
{
	size_t start = out->len;

	strbuf_add(out, "hooks");
	for (size_t key = 0; key < JOURNAL_N_HOOKS; key++) {
		const struct strlist *hooks = journal_hooks((struct journal *)journal, key);

		for (size_t i = 0; i < hooks->n; i++)
			add_text(out, journal_hook_keys[key], hooks->items[i]);
	}
	end_line(out, start);
}

void journal_text_add_dns(struct strbuf *out, const struct journal *journal)
{
	size_t start = out->len;

	strbuf_add(out, "dns");
	for (size_t i = 0; i < journal->dns_servers.n; i++)
		add_text(out, "server", journal->dns_servers.items[i]);
	for (size_t i = 0; i < journal->dns_search.n; i++)
		add_text(out, "search", journal->dns_search.items[i]);
	end_line(out, start);
}

void journal_text_add_endpoints(struct strbuf *out, const struct journal *journal)
{
	size_t start = out->len;

	strbuf_add(out, "endpoints");
	for (size_t i = 0; i < journal->n_endpoints; i++) {
		const struct journal_endpoint *endpoint = &journal->endpoints[i];
		char key[WG_KEY_BASE64_LEN + 1];

		wg_key_format(key, &endpoint->public_key);
		add_text(out, key, endpoint->text);
	}
	end_line(out, start);
}

void journal_text_add_phase(struct strbuf *out, enum journal_phase phase)
{
	size_t start = out->len;

	strbuf_addf(out, "phase %s", journal_phase_name(phase));
	end_line(out, start);
}

void journal_text_add_id(struct strbuf *out, const char *word, uint32_t id)
{
	size_t start = out->len;

	strbuf_addf(out, "%s %u", word, id);
	end_line(out, start);
}

static void add_netns(struct strbuf *out, const struct journal *journal)
{
	size_t start = out->len;

	if (!journal->netns && !journal->birth_netns)
		return;
	strbuf_add(out, "netns");
	if (journal->netns)
		add_text(out, "target", journal->netns);
	if (journal->birth_netns)
		add_text(out, "birth", journal->birth_netns);
	end_line(out, start);
}

void journal_format(struct strbuf *out, const struct journal *journal,
		    const struct journal_host *host)
{
	size_t start = out->len;

	strbuf_addf(out, JOURNAL_MAGIC " %d", JOURNAL_VERSION);
	end_line(out, start);
	start = out->len;
	strbuf_add(out, "host ");
	add_escaped(out, host->boot);
	strbuf_addf(out, " %ju", (uintmax_t)host->cookie);
	end_line(out, start);
	add_plan(out, &journal->done);
	add_config(out, journal);
	add_netns(out, journal);
	add_hooks(out, journal);
	journal_text_add_dns(out, journal);
	journal_text_add_endpoints(out, journal);
	journal_text_add_phase(out, journal->phase);
	if (journal->ifindex)
		journal_text_add_id(out, "made", journal->ifindex);
	for (size_t i = 0; i < journal->done.n_steps; i++) {
		journal_text_add_step(out, "begin", &journal->done.steps[i]);
		journal_text_add_step(out, "end", &journal->done.steps[i]);
	}
	for (size_t i = 0; i < journal->unsure.n_steps; i++)
		journal_text_add_step(out, "begin", &journal->unsure.steps[i]);
}
