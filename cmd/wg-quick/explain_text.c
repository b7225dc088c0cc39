/*
 * An explained plan as text and as JSON: see explain_text.h. In the text, a reason stands beside
 * its command where both fit, else below. The text belongs to struct explain_text.
 */
#include "cmd/wg-quick/explain_text.h"

#include <string.h>

#include "lib/netlink/route.h"
#include "lib/util/cleanup.h"

enum {
	WIDTH = 80,
	COLUMN = 42, /* where a reason begins that stands beside its command */
	INDENT = 8,  /* and one that stands below */
};

#define FAINT "\x1b[2m"
#define PLAIN "\x1b[0m"

void explain_text_begin(struct explain_text *out, bool is_json, bool is_coloured,
			const char *command, const struct target *target)
{
	*out = (struct explain_text){ .is_json = is_json, .is_coloured = is_coloured };
	out->json = (struct json){ .out = &out->out, .lines = true };
	if (!is_json) {
		strbuf_addf(&out->out, "`wg-quick %s %s' would do this, by %s:\n", command,
			    target->interface, target->path);
		return;
	}
	json_open(&out->json, '{');
	json_string(&out->json, "interface", target->interface[0] ? target->interface : NULL);
	json_string(&out->json, "file", target->path);
	json_string(&out->json, "command", command);
	json_member(&out->json, "steps");
	json_open(&out->json, '[');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void add_cidr(struct json *json, const char *name, const struct cidr *cidr)
{
	char text[CIDR_TEXT_MAX];

	cidr_format(text, cidr);
	json_string(json, name, text);
}

static void add_family(struct json *json, uint8_t family)
{
	if (family)
		json_number(json, "family", family == AF_INET6 ? 6 : 4);
}

static void add_rule(struct json *json, const struct rule *rule)
{
	add_family(json, rule->family);
	json_number(json, "table", rule->table);
	if (rule->mark_mask)
		json_number(json, "mark", rule->mark);
	if (rule->suppress_prefixlen >= 0)
		json_number(json, "suppressPrefixLength", (uint64_t)rule->suppress_prefixlen);
}

static void add_members(struct json *json, const struct explain_entry *entry)
{
	const struct step *step = entry->step;
	bool is_route = step->kind == STEP_ADD_ROUTE || step->kind == STEP_DELETE_ROUTE;

	if (step->kind == STEP_ADD_RULE || step->kind == STEP_DELETE_RULE) {
		add_rule(json, &step->rule);
		return;
	}
	if (step->cidr.family)
		add_cidr(json, is_route ? "prefix" : "address", &step->cidr);
	if (is_route)
		json_number(json, "table", step->table ? step->table : ROUTE_TABLE_MAIN);
	if (step->mtu_bytes)
		json_number(json, "mtu", step->mtu_bytes);
	add_family(json, step->family);
	if (step->mark)
		json_number(json, "mark", step->mark);
	if (step->key)
		json_string(json, "hook", step->key);
}

static void add_json(struct json *json, const struct explain_entry *entry)
{
	char key[WG_KEY_BASE64_LEN + 1];

	json_item(json);
	json_open(json, '{');
	json_string(json, "do", entry->act);
	json_string(json, "command", entry->command);
	if (!entry->command)
		json_string(json, "what", entry->what);
	json_string(json, "reason", entry->reason);
	if (entry->line)
		json_number(json, "line", entry->line);
	if (entry->step)
		add_members(json, entry);
	if (entry->peer) {
		wg_key_format(key, entry->peer);
		json_string(json, "peer", key);
	}
	json_close(json, '}');
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Adds words in lines of at most WIDTH columns, each after INDENT blanks. */
static void add_wrapped(struct strbuf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		/* "line" and its number stay together. */
		if (!strncmp(text, "line ", 5))
			len = 5 + strcspn(text + 5, " ");
		if (!column || column + 1 + len > WIDTH) {
			strbuf_addf(out, "%s%*s", column ? "\n" : "", INDENT, "");
			column = INDENT;
		} else {
			strbuf_add_char(out, ' ');
			column++;
		}
		strbuf_add_mem(out, text, len);
		column += len;
		text += len + strspn(text + len, " ");
	}
}

static void add_line(struct explain_text *text, const char *what, const char *reason)
{
	struct strbuf *out = &text->out;
	size_t len = strlen(what);

	strbuf_add(out, what);
	if (reason[0]) {
		bool is_beside = len + 2 <= COLUMN && COLUMN + strlen(reason) <= WIDTH;

		if (is_beside)
			strbuf_addf(out, "%*s", (int)(COLUMN - len), "");
		else
			strbuf_add_char(out, '\n');
		strbuf_add(out, text->is_coloured ? FAINT : "");
		if (is_beside)
			strbuf_add(out, reason);
		else
			add_wrapped(out, reason);
		strbuf_add(out, text->is_coloured ? PLAIN : "");
	}
	strbuf_add_char(out, '\n');
}

static void add_text(struct explain_text *text, const struct explain_entry *entry)
{
	AUTO(strbuf_fini) struct strbuf reason = { 0 }, what = { 0 };

	if (entry->reason)
		strbuf_add(&reason, entry->reason);
	if (entry->line)
		strbuf_addf(&reason, "%sline %u", reason.len ? ", " : "", entry->line);
	if (!entry->command)
		strbuf_addf(&what, "(%s)", entry->what);
	add_line(text, entry->command ? entry->command : strbuf_text(&what), strbuf_text(&reason));
}

/* ---- the front door -------------------------------------------------------------------------- */

void explain_text_add(struct explain_text *text, const struct explain_entry *entry)
{
	if (text->is_json)
		add_json(&text->json, entry);
	else
		add_text(text, entry);
	text->any = true;
}

void explain_text_end(struct explain_text *text, const char *refused)
{
	if (!text->is_json) {
		if (!text->any)
			add_line(text, "(nothing)", "");
		return;
	}
	json_close(&text->json, ']');
	json_string(&text->json, "refused", refused);
	json_close(&text->json, '}');
	strbuf_add_char(&text->out, '\n');
}

void explain_text_fini(struct explain_text *text)
{
	strbuf_fini(&text->out);
	*text = (struct explain_text){ 0 };
}
