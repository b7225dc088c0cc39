/*
 * Reads a journal's text, which journal_text.c describes: its lines one by one, each of them a
 * record that adds to the journal, as it did when it was written.
 *
 * What is read is trusted to be what was written, and to nothing else: a line that is not, bar a
 * last one without its newline, makes all of it worthless. Everything read is owned by the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/journal_text.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"

enum {
	CHECKSUM_LEN = 9, /* "#" and 8 digits */
};

/* ---- words ----------------------------------------------------------------------------------- */

/* The index of a hook's key, or JOURNAL_N_HOOKS. */
static size_t find_hook_key(const char *key)
{
	size_t i = 0;

	while (i < JOURNAL_N_HOOKS && strcmp(journal_hook_keys[i], key) != 0)
		i++;
	return i;
}

/* What is left of a line: its words are taken one by one, and decoded in place. */
struct words {
	char *rest; /* NULL: there is none left */
};

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Takes the next word. NULL: there is none, or it is not what would have been written. */
static char *next_word(struct words *words)
{
	char *start = words->rest, *to = start, *from = start;

	if (!start)
		return NULL;
	for (; *from && *from != ' '; from++) {
		int high, low;

		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || !(high | low)) {
			words->rest = NULL;
			return NULL;
		}
		*to++ = (char)(high << 4 | low);
		from += 2;
	}
	words->rest = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

static bool next_number(uint64_t *out, struct words *words, uint64_t max)
{
	const char *word = next_word(words);

	return word && !num_parse(out, word, max);
}

/* Takes a word "NAME=VALUE" apart; returns the value. */
static char *next_pair(char **name, struct words *words)
{
	char *equals;

	*name = next_word(words);
	equals = *name ? strchr(*name, '=') : NULL;
	if (!equals)
		return NULL;
	*equals = '\0';
	return equals + 1;
}

static bool is_family(uint64_t family)
{
	return family == AF_INET || family == AF_INET6;
}

static bool parse_rule(struct rule *out, const char *text)
{
	unsigned int family, priority, table, is_inverted, mark, mask;
	int suppress, end = 0;

	if (sscanf(text, "%u,%u,%u,%u,%u,%u,%d%n", &family, &priority, &table, &is_inverted, &mark,
		   &mask, &suppress, &end) != 7 ||
	    text[end] || !is_family(family) || is_inverted > 1)
		return false;
	*out = (struct rule){ .family = (uint8_t)family,
			      .priority = priority,
			      .table = table,
			      .is_inverted = is_inverted,
			      .mark = mark,
			      .mark_mask = mask,
			      .suppress_prefixlen = suppress };
	return true;
}

/* The step borrows its text. */
static bool read_value(struct step *step, const char *name, char *value)
{
	uint64_t number;
	size_t key;

	if (!strcmp(name, "key")) {
		key = find_hook_key(value);
		step->key = key < JOURNAL_N_HOOKS ? journal_hook_keys[key] : NULL;
		return step->key;
	}
	if (!strcmp(name, "text")) {
		step->text = value;
		return true;
	}
	if (!strcmp(name, "cidr"))
		return !cidr_parse_address(&step->cidr, value, NULL);
	if (!strcmp(name, "rule"))
		return parse_rule(&step->rule, value);
	if (num_parse(&number, value, UINT32_MAX))
		return false;
	if (!strcmp(name, "mtu"))
		step->mtu_bytes = (unsigned int)number;
	else if (!strcmp(name, "table"))
		step->table = (uint32_t)number;
	else if (!strcmp(name, "mark"))
		step->mark = (uint32_t)number;
	else if (!strcmp(name, "family") && is_family(number))
		step->family = (uint8_t)number;
	else
		return false;
	return true;
}

static bool find_kind(enum step_kind *out, const char *name)
{
	const char *each;

	for (unsigned int i = 0; (each = plan_kind_name((enum step_kind)i)); i++)
		if (!strcmp(each, name)) {
			*out = (enum step_kind)i;
			return true;
		}
	return false;
}

/* The step borrows its text. */
static bool read_step(struct step *out, struct words *words)
{
	struct step step = { 0 };
	const char *kind;
	uint64_t id;

	if (!next_number(&id, words, UINT32_MAX) || !id)
		return false;
	kind = next_word(words);
	if (!kind || !find_kind(&step.kind, kind))
		return false;
	step.id = (uint32_t)id;
	while (words->rest) {
		char *name, *value = next_pair(&name, words);

		if (!value || !read_value(&step, name, value))
			return false;
	}
	*out = step;
	/* What doing or undoing it takes for granted. */
	return (step.kind != STEP_RUN_HOOK || (step.key && step.text)) &&
	       (step.kind != STEP_ADD_RULE || step.rule.family);
}

/* ---- records --------------------------------------------------------------------------------- */

/* Each of these takes one kind of record, bar its first word; false: it is wrong. */

static bool take_plan(struct journal *journal, struct words *words)
{
	struct plan *plan = &journal->done;
	const char *interface = next_word(words), *name;
	uint64_t implementation, policy, table;

	if (!interface || !interface[0] || strlen(interface) >= sizeof(plan->interface) ||
	    strchr(interface, '/') ||
	    !next_number(&implementation, words, DEVICE_IMPLEMENTATION_USERSPACE) ||
	    !next_number(&policy, words, ROUTE_POLICY_OFF) ||
	    !next_number(&table, words, UINT32_MAX))
		return false;
	name = next_word(words);
	if (!name || plan->interface[0])
		return false;
	strcpy(plan->interface, interface);
	plan->implementation = (enum device_implementation)implementation;
	plan->route_policy = (enum route_policy)policy;
	plan->table = (uint32_t)table;
	plan->table_name = name[0] ? mem_strdup(name) : NULL;
	return policy != ROUTE_POLICY_TABLE || plan->table_name;
}

static bool take_routes(struct journal *journal, struct words *words)
{
	struct plan *plan = &journal->done;
	uint64_t policy, table;
	const char *name;

	if (!next_number(&policy, words, ROUTE_POLICY_OFF) ||
	    !next_number(&table, words, UINT32_MAX))
		return false;
	name = next_word(words);
	if (!name)
		return false;
	plan->route_policy = (enum route_policy)policy;
	plan->table = (uint32_t)table;
	free(plan->table_name);
	plan->table_name = name[0] ? mem_strdup(name) : NULL;
	return policy != ROUTE_POLICY_TABLE || plan->table_name;
}

static bool take_config(struct journal *journal, struct words *words)
{
	const char *path = next_word(words);
	uint64_t has_made_dir;

	if (!path || journal->config_path || !next_number(&has_made_dir, words, 1))
		return false;
	journal->config_path = mem_strdup(path);
	journal->has_made_dir = has_made_dir;
	return true;
}

static bool take_netns(struct journal *journal, struct words *words)
{
	while (words->rest) {
		char *name, *value = next_pair(&name, words);
		char **to = !value                    ? NULL
			    : !strcmp(name, "target") ? &journal->netns
			    : !strcmp(name, "birth")  ? &journal->birth_netns
						      : NULL;

		if (!to || *to || !value[0])
			return false;
		*to = mem_strdup(value);
	}
	return true;
}

static bool take_hooks(struct journal *journal, struct words *words)
{
	for (size_t key = 0; key < JOURNAL_N_HOOKS; key++)
		strlist_fini(journal_hooks(journal, key));
	while (words->rest) {
		char *name, *value = next_pair(&name, words);
		size_t key = value ? find_hook_key(name) : JOURNAL_N_HOOKS;

		if (key == JOURNAL_N_HOOKS)
			return false;
		strlist_add(journal_hooks(journal, key), value);
	}
	return true;
}

static bool take_dns(struct journal *journal, struct words *words)
{
	strlist_fini(&journal->dns_servers);
	strlist_fini(&journal->dns_search);
	while (words->rest) {
		char *name, *value = next_pair(&name, words);

		if (value && !strcmp(name, "server"))
			strlist_add(&journal->dns_servers, value);
		else if (value && !strcmp(name, "search"))
			strlist_add(&journal->dns_search, value);
		else
			return false;
	}
	return true;
}

static bool take_endpoints(struct journal *journal, struct words *words)
{
	journal_clear_endpoints(journal);
	while (words->rest) {
		char *word = next_word(words);
		struct wg_key key;

		/* The key itself ends in "=". */
		if (!word || strlen(word) <= WG_KEY_BASE64_LEN || word[WG_KEY_BASE64_LEN] != '=' ||
		    wg_key_parse_mem(&key, word, WG_KEY_BASE64_LEN, NULL))
			return false;
		struct journal_endpoint *endpoint = journal_add_endpoint(journal);

		endpoint->public_key = key;
		endpoint->text = mem_strdup(word + WG_KEY_BASE64_LEN + 1);
	}
	return true;
}

static bool take_phase(struct journal *journal, struct words *words)
{
	const char *name = next_word(words), *each;

	for (unsigned int i = 0; name && (each = journal_phase_name((enum journal_phase)i)); i++)
		if (!strcmp(each, name)) {
			journal->phase = (enum journal_phase)i;
			return true;
		}
	return false;
}

static bool take_made(struct journal *journal, struct words *words)
{
	uint64_t ifindex;

	if (!next_number(&ifindex, words, INT32_MAX))
		return false;
	journal->ifindex = (unsigned int)ifindex;
	return ifindex;
}

static bool take_begin(struct journal *journal, struct words *words)
{
	struct step step;

	if (!read_step(&step, words) || step.id <= journal->last_id)
		return false;
	journal->last_id = step.id;
	journal_add_step(&journal->unsure, &step, step.id);
	return true;
}

static bool take_end(struct journal *journal, struct words *words)
{
	struct step step;

	if (!read_step(&step, words) || !journal_take_step(&journal->unsure, step.id))
		return false;
	journal_add_step(&journal->done, &step, step.id);
	return true;
}

static bool take_forget(struct journal *journal, struct words *words)
{
	uint64_t id;

	return next_number(&id, words, UINT32_MAX) &&
	       (journal_take_step(&journal->unsure, (uint32_t)id) ||
		journal_take_step(&journal->done, (uint32_t)id));
}

/* ---- lines ----------------------------------------------------------------------------------- */

struct reader {
	struct journal *journal;
	const struct journal_host *host;
	unsigned int line;
	bool has_phase; /* what comes before that has been there in full */
};

static int refuse(const struct reader *reader, int code, const char *what, struct err *err)
{
	if (err)
		err->line = reader->line;
	return err_set(err, code, "%s", what);
}

static int take_magic(struct words *words)
{
	const char *word = next_word(words);
	uint64_t version;

	return word && !strcmp(word, JOURNAL_MAGIC) && next_number(&version, words, UINT32_MAX) &&
			       version == JOURNAL_VERSION && !words->rest
		       ? 0
		       : -EBADMSG;
}

static int take_host(const struct journal_host *host, struct words *words)
{
	const char *word = next_word(words), *boot;
	uint64_t cookie;

	if (!word || strcmp(word, "host") != 0)
		return -EBADMSG;
	boot = next_word(words);
	if (!boot || !next_number(&cookie, words, UINT64_MAX) || words->rest)
		return -EBADMSG;
	return strcmp(boot, host->boot) != 0 || cookie != host->cookie ? -ESTALE : 0;
}

static bool take_record(struct reader *reader, struct words *words)
{
	static const struct {
		const char *word;
		bool (*take)(struct journal *journal, struct words *words);
		bool is_after_phase;
	} records[] = {
		{ "plan", take_plan, false },    { "config", take_config, false },
		{ "netns", take_netns, false },  { "hooks", take_hooks, false },
		{ "dns", take_dns, false },      { "endpoints", take_endpoints, false },
		{ "phase", take_phase, false },  { "made", take_made, true },
		{ "routes", take_routes, true }, { "begin", take_begin, true },
		{ "end", take_end, true },       { "forget", take_forget, true },
	};
	struct journal *journal = reader->journal;
	const char *word = next_word(words);

	for (size_t i = 0; word && i < sizeof(records) / sizeof(records[0]); i++) {
		if (strcmp(records[i].word, word) != 0)
			continue;
		if (records[i].is_after_phase && !reader->has_phase)
			return false;
		if (records[i].take == take_phase) {
			if (!journal->done.interface[0] || !journal->config_path)
				return false;
			reader->has_phase = true;
		}
		return records[i].take(journal, words) && !words->rest;
	}
	return false;
}

/* `line` is ended by a NUL, and gets written to. */
static int take_line(struct reader *reader, char *line, size_t len, struct err *err)
{
	struct words words = { .rest = line };
	size_t body = len > CHECKSUM_LEN ? len - CHECKSUM_LEN - 1 : 0;
	char sum[CHECKSUM_LEN + 2];
	int r;

	reader->line++;
	snprintf(sum, sizeof(sum), " #%08x", journal_checksum(line, body));
	if (!body || strlen(line) != len || strcmp(line + body, sum) != 0)
		return refuse(reader, -EBADMSG, "damaged", err);
	line[body] = '\0';
	if (reader->line == 1) {
		r = take_magic(&words);
		return r ? refuse(reader, r, "of another version", err) : 0;
	}
	if (reader->line == 2) {
		r = take_host(reader->host, &words);
		if (r == -ESTALE)
			return refuse(reader, r, "of another boot or network namespace", err);
	} else {
		r = take_record(reader, &words) ? 0 : -EBADMSG;
	}
	return r ? refuse(reader, r, "damaged", err) : 0;
}

int journal_parse(struct journal *out, const char *text, size_t len,
		  const struct journal_host *host, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf line = { 0 };
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	struct reader reader = { .journal = &journal, .host = host };
	size_t at = 0;

	for (const char *newline; (newline = memchr(text + at, '\n', len - at));) {
		size_t line_len = (size_t)(newline - text) - at;
		int r;

		strbuf_clear(&line);
		strbuf_add_mem(&line, text + at, line_len);
		r = take_line(&reader, line.text, line_len, err);
		if (r)
			return r;
		at += line_len + 1;
	}
	/* Cut off before anything could have been done. */
	if (!reader.has_phase)
		return refuse(&reader, -ENOENT, "nothing was begun", err);
	journal.len = at;
	memcpy(journal.unsure.interface, journal.done.interface, sizeof(journal.done.interface));
	*out = journal;
	journal = (struct journal)JOURNAL_NONE;
	return 0;
}
