/*
 * Names of peers: see names.h. The text is walked once, line by line; what a comment could mean is
 * a candidate with a rank (candidate.h), and each section keeps the best one. Names are in memory
 * of their own, the text (which has private keys in it) is wiped after it was read.
 */
#include "lib/conf/names.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/conf/candidate.h"
#include "lib/conf/lines.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

static bool span_is(const struct conf_lines *lines, struct conf_span span, const char *word)
{
	return span.len == strlen(word) &&
	       !strncasecmp(strbuf_text(&lines->text) + span.at, word, span.len);
}

/* ---- whom it names --------------------------------------------------------------------------- */

struct reader {
	struct conf_names *names;
	const struct conf_lines *lines;
	/* The section that the walk is in. */
	bool is_peer, has_key;
	struct wg_key key;
	struct candidate own;
	bool is_below_header; /* nothing but its [Peer] came before */
	/* The lines of comment that the walk is in, or none. */
	bool in_comment, after_gap;  /* an empty line or a section's start is above them */
	struct candidate above;      /* what they say about a [Peer] right below */
	struct candidate inside;     /* what they say about the section that they stand in */
	struct candidate in_between; /* an earlier comment's, which could be for either */
};

static void offer(struct candidate *to, struct candidate *from)
{
	if (from->rank > to->rank)
		*to = *from;
	from->rank = RANK_NONE;
}

static void add_name(struct conf_names *names, const struct wg_key *key, const char *name)
{
	names->entries = mem_grow(names->entries, &names->entries_cap, names->n_entries + 1,
				  sizeof(*names->entries));
	names->entries[names->n_entries++] =
		(struct conf_name){ .key = *key, .name = mem_strdup(name) };
}

static void end_section(struct reader *reader)
{
	if (reader->is_peer && reader->has_key && reader->own.rank)
		add_name(reader->names, &reader->key, reader->own.name);
}

static void hear_comment(struct reader *reader, const struct conf_line *line)
{
	struct candidate said = candidate_of_comment(reader->lines, line), copy = said;

	if (!reader->in_comment)
		reader->after_gap |= reader->is_below_header;
	reader->in_comment = true;
	if (reader->is_below_header)
		offer(&reader->own, &copy);
	else if (said.rank == RANK_KEYED && !reader->inside.rank)
		reader->inside = said;
	/* A plain one counts only in the last line. */
	if (said.rank >= reader->above.rank || reader->above.rank == RANK_PLAIN)
		reader->above = said;
	if (said.rank == RANK_KEYED && reader->is_below_header)
		reader->above.rank = RANK_NONE;
	reader->is_below_header = false;
}

static void hear_gap(struct reader *reader)
{
	if (reader->in_comment && reader->after_gap && !reader->inside.is_friendly)
		offer(&reader->in_between, &reader->inside);
	else
		offer(&reader->own, &reader->inside);
	reader->in_comment = false;
	reader->after_gap = true;
	reader->above.rank = RANK_NONE;
	reader->is_below_header = false;
}

/* A setting: the comments above it are within its section. */
static void hear_content(struct reader *reader)
{
	offer(&reader->own, &reader->in_between);
	offer(&reader->own, &reader->inside);
	reader->in_comment = reader->after_gap = reader->is_below_header = false;
	reader->above.rank = RANK_NONE;
}

static void hear_key(struct reader *reader, const struct conf_line *line)
{
	AUTO(strbuf_fini) struct strbuf squeezed = { 0 };

	hear_content(reader);
	if (!reader->is_peer || !span_is(reader->lines, line->name, "PublicKey"))
		return;
	conf_lines_squeeze(&squeezed, reader->lines, line->value);
	reader->has_key |= !wg_key_parse_mem(&reader->key, squeezed.text, squeezed.len, NULL);
}

static void hear_section(struct reader *reader, const struct conf_line *line)
{
	struct candidate behind = candidate_of_comment(reader->lines, line), above = reader->above;

	if (reader->inside.is_friendly && reader->inside.rank && !reader->after_gap &&
	    reader->is_peer && reader->own.rank < RANK_KEYED) {
		if (above.is_friendly)
			above.rank = RANK_NONE;
		offer(&reader->own, &reader->inside);
	}
	end_section(reader);
	reader->is_peer = span_is(reader->lines, line->name, "Peer");
	reader->has_key = reader->in_comment = reader->after_gap = false;
	reader->above.rank = reader->inside.rank = reader->in_between.rank = RANK_NONE;
	reader->is_below_header = true;
	reader->own.rank = RANK_NONE;
	offer(&reader->own, &behind);
	offer(&reader->own, &above);
}

/* By key; of two for the same key, the one that came first. */
static int compare_entries(const void *a, const void *b)
{
	const struct conf_name *const *left = a, *const *right = b;
	int order = memcmp(&(*left)->key, &(*right)->key, sizeof((*left)->key));

	return order ? order : (*left > *right) - (*left < *right);
}

/* Brings entries in order after some were added at the end. */
static void sort_entries(struct conf_names *names)
{
	const struct conf_name **order = mem_alloc(names->n_entries, sizeof(*order));
	struct conf_name *sorted = mem_alloc(names->n_entries, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; i < names->n_entries; i++)
		order[i] = &names->entries[i];
	qsort(order, names->n_entries, sizeof(*order), compare_entries);
	for (size_t i = 0; i < names->n_entries; i++)
		if (n && !memcmp(&sorted[n - 1].key, &order[i]->key, sizeof(order[i]->key)))
			free(order[i]->name);
		else
			sorted[n++] = *order[i];
	free(order);
	free(names->entries);
	names->entries = sorted;
	names->entries_cap = names->n_entries;
	names->n_entries = n;
}

static void add_lines(struct conf_names *names, const struct conf_lines *lines)
{
	struct reader reader = { .names = names, .lines = lines, .after_gap = true };
	struct conf_line line = { 0 };
	size_t n_before = names->n_entries;

	while (conf_lines_next(&line, lines)) {
		const char *text = strbuf_text(&lines->text) + line.at;

		switch (line.kind) {
		case CONF_LINE_EMPTY:
		case CONF_LINE_LABEL:
			if (memchr(text, '#', strnlen(text, line.len)))
				hear_comment(&reader, &line);
			else
				hear_gap(&reader);
			break;
		case CONF_LINE_COMMENT_KEY: /* it names nobody, and stands for nothing */
			break;
		case CONF_LINE_SECTION:
			hear_section(&reader, &line);
			break;
		case CONF_LINE_KEY:
			hear_key(&reader, &line);
			break;
		case CONF_LINE_OTHER:
			hear_content(&reader);
			break;
		}
	}
	hear_content(&reader); /* nobody else can be meant */
	end_section(&reader);
	if (names->n_entries > n_before)
		sort_entries(names);
}

void conf_names_add(struct conf_names *names, const char *text, size_t len)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };

	strbuf_add_mem(&lines.text, text, len);
	add_lines(names, &lines);
}

static void add_list_line(struct conf_names *names, const char *text, size_t len)
{
	struct wg_key key;
	struct candidate candidate = candidate_of_list_line(&key, text, len);

	if (candidate.rank)
		add_name(names, &key, candidate.name);
}

void conf_names_add_list(struct conf_names *names, const char *text, size_t len)
{
	const char *at = text, *end = text + len, *newline;
	size_t n_before = names->n_entries;

	if (len >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
		at += 3;
	for (; at < end; at = newline + (newline < end)) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			newline = end;
		add_list_line(names, at, (size_t)(newline - at));
	}
	if (names->n_entries > n_before)
		sort_entries(names);
}

/* ---- files ----------------------------------------------------------------------------------- */

enum {
	FILE_LEN_MAX = 1 << 28, /* bytes: a million peers */
};

/* Returns whether there was anything to read. */
static bool read_file(struct strbuf *out, const char *name)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(auto_close) int fd = -1;
	struct stat stat;

	strbuf_addf(&path, "%s/wireguard/%s", SYSCONFDIR, name);
	fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* nor wait for a pipe's writer */
	if (fd < 0 || fstat(fd, &stat) || !S_ISREG(stat.st_mode) || stat.st_size > FILE_LEN_MAX)
		return false;
	strbuf_reserve(out, (size_t)stat.st_size + 1); /* to see the end without growing */
	return !strbuf_read_fd(out, fd, NULL) && out->len;
}

void conf_names_read(struct conf_names *names, const char *interface)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	AUTO(strbuf_fini) struct strbuf list = { 0 };
	char name[IFNAMSIZ + sizeof(".conf")];

	if (*interface && !strchr(interface, '/') && strlen(interface) < IFNAMSIZ) {
		snprintf(name, sizeof(name), "%s.conf", interface);
		if (read_file(&lines.text, name))
			add_lines(names, &lines);
	}
	if (read_file(&list, "peers.names"))
		conf_names_add_list(names, list.text, list.len);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int compare_key(const void *key, const void *entry)
{
	return memcmp(key, &((const struct conf_name *)entry)->key, sizeof(struct wg_key));
}

const char *conf_names_of(const struct conf_names *names, const struct wg_key *key)
{
	const struct conf_name *entry = names->n_entries
						? bsearch(key, names->entries, names->n_entries,
							  sizeof(*names->entries), compare_key)
						: NULL;

	return entry ? entry->name : NULL;
}

int conf_names_find(struct wg_key *out, const struct conf_names *names, const char *name,
		    struct err *err)
{
	const struct conf_name *found = NULL;

	for (size_t i = 0; i < names->n_entries; i++) {
		if (strcmp(names->entries[i].name, name) != 0)
			continue;
		if (found)
			return err_set(err, -EEXIST, "several peers are called `%.200s'", name);
		found = &names->entries[i];
	}
	if (!found)
		return err_set(err, -ENOENT, "no peer is called `%.200s'", name);
	*out = found->key;
	return 0;
}

void conf_names_fini(struct conf_names *names)
{
	for (size_t i = 0; i < names->n_entries; i++)
		free(names->entries[i].name);
	free(names->entries);
	*names = (struct conf_names){ 0 };
}
