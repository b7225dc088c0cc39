/*
 * Names of peers: see names.h. The text is walked once, line by line; what a comment could mean is
 * a candidate with a rank, and each section keeps the best one. Names are in memory of their own,
 * the text (which has private keys in it) is wiped after it was read.
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

#include "lib/conf/keys.h"
#include "lib/conf/lines.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum rank {
	RANK_NONE,   /* no name */
	RANK_PLAIN,  /* "# laptop" */
	RANK_MARKED, /* "### begin laptop ###" and the like */
	RANK_KEYED,  /* "# Name = laptop" and the like */
};

struct candidate {
	enum rank rank;
	bool is_friendly; /* friendly_name and friendly_json stand within their section */
	char name[CONF_NAME_MAX + 1];
};

/* Part of a line; no terminator. */
struct words {
	const char *text;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct words trim(struct words words, const char *more)
{
	while (words.len && (is_space(words.text[0]) || strchr(more, words.text[0]))) {
		words.text++;
		words.len--;
	}
	while (words.len &&
	       (is_space(words.text[words.len - 1]) || strchr(more, words.text[words.len - 1])))
		words.len--;
	return words;
}

static bool is_word(struct words words, const char *word)
{
	return words.len == strlen(word) && !strncasecmp(words.text, word, words.len);
}

/* Takes `word` off the start, if it stands there alone. */
static bool take_word(struct words *words, const char *word)
{
	size_t len = strlen(word);

	if (words->len < len || strncasecmp(words->text, word, len) != 0)
		return false;
	if (words->len > len && !is_space(words->text[len]))
		return false;
	words->text += len;
	words->len -= len;
	*words = trim(*words, "");
	return true;
}

/* ---- what may be a name ---------------------------------------------------------------------- */

/* Whether a base64 or hexadecimal key may be in it, blanks within or not, whole or in part. */
static bool looks_like_key(struct words words)
{
	size_t run = 0, squeezed_run = 0;

	for (size_t i = 0; i < words.len; i++) {
		char c = words.text[i];
		bool is_alnum =
			(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (c == '=' && squeezed_run >= WG_KEY_BASE64_LEN - 2)
			return true;
		run = is_alnum || c == '+' || c == '/' ? run + 1 : 0;
		if (run >= WG_KEY_BASE64_LEN - 4)
			return true;
		if (run || c == '-' || c == '_') /* the alphabet for URLs */
			squeezed_run++;
		else if (!is_space(c))
			squeezed_run = 0;
	}
	return false;
}

/* Whether it speaks of a configuration's key: commented-out settings are no names. */
static bool speaks_of_setting(struct words words)
{
	/* Other programs', and people's: "# password: ..." */
	static const char *const secrets[] = { "passw", "passphr", "psk", "secret", "token" };
	char squeezed[CONF_NAME_MAX + 1], *equals, *separator;
	size_t n, len = 0;
	const struct keys_key *key = keys_all(&n);

	for (size_t i = 0; i < words.len; i++)
		if (!is_space(words.text[i]) && !strchr("-_", words.text[i]))
			squeezed[len++] = words.text[i];
	squeezed[len] = '\0';
	if (squeezed[0] == '[')
		return true;
	separator = strpbrk(squeezed, "=:");
	for (size_t i = 0; separator && i < sizeof(secrets) / sizeof(*secrets); i++) {
		const char *found = strcasestr(squeezed, secrets[i]);

		if (found && found < separator)
			return true;
	}
	equals = strrchr(squeezed, '=');
	for (size_t i = 0; i < n; i++) {
		const char *found = strcasestr(squeezed, key[i].name);

		if (found && (key[i].is_secret || (equals && found < equals)))
			return true;
	}
	return false;
}

/*
 * Whether the text begins with a mark that cannot be seen but turns the direction of writing, ends
 * a line or hides: one name must not pass for another, nor turn the key behind it. What joins
 * letters and pictures (U+200C, U+200D) may be in names.
 */
static bool tampers(struct words words)
{
	static const struct {
		const char *first, *last; /* in UTF-8, which sorts as code points do */
	} marks[] = {
		{ "\xd8\x9c", "\xd8\x9c" },                 /* U+061C */
		{ "\xe2\x80\x8b", "\xe2\x80\x8b" },         /* U+200B */
		{ "\xe2\x80\x8e", "\xe2\x80\x8f" },         /* U+200E, U+200F */
		{ "\xe2\x80\xa8", "\xe2\x80\xae" },         /* U+2028 to U+202E */
		{ "\xe2\x81\xa0", "\xe2\x81\xaf" },         /* U+2060 to U+206F */
		{ "\xef\xbb\xbf", "\xef\xbb\xbf" },         /* U+FEFF */
		{ "\xf3\xa0\x80\x80", "\xf3\xa0\xbf\xbf" }, /* U+E0000 to U+E0FFF */
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		size_t len = strlen(marks[i].first);

		if (words.len >= len && memcmp(words.text, marks[i].first, len) >= 0 &&
		    memcmp(words.text, marks[i].last, len) <= 0)
			return true;
	}
	return false;
}

/* The length of the character at the start of the text; 0: none that may be in a name. */
static size_t character_len(struct words words)
{
	unsigned char c = (unsigned char)words.text[0];

	if (c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0))
		return 0;
	if (c == 0xc2 && words.len > 1 && (unsigned char)words.text[1] < 0xa0)
		return 0; /* U+0080 to U+009F */
	if (tampers(words))
		return 0;
	for (size_t len = 1; c >= 0xc0 && len < words.len && len < 4; len++)
		if (((unsigned char)words.text[len] & 0xc0) != 0x80)
			return len;
		else if (len == (c >= 0xf0 ? 3u : c >= 0xe0 ? 2u : 1u))
			return len + 1;
	return 1;
}

/* Fills in the candidate, unless these words are no name. */
static void set_name(struct candidate *out, enum rank rank, struct words words)
{
	bool has_letter = false;
	size_t step;

	words = trim(words, "");
	if (!words.len || words.len > CONF_NAME_MAX || looks_like_key(words) ||
	    speaks_of_setting(words))
		return;
	for (size_t i = 0; i < words.len; i += step) {
		char c = words.text[i];

		step = c == '\t' ? 1
				 : character_len((struct words){ words.text + i, words.len - i });
		if (!step)
			return;
		memcpy(out->name + i, words.text + i, step);
		if (c == '\t')
			out->name[i] = ' ';
		has_letter |= (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			      (c >= 'a' && c <= 'z') || c & 0x80;
	}
	if (!has_letter)
		return; /* a line across the page */
	out->name[words.len] = '\0';
	out->rank = rank;
}

/* ---- what a comment says --------------------------------------------------------------------- */

/* The value of "name" in a flat JSON object, if it needs no unescaping; else nothing. */
static struct words json_name(struct words json)
{
	static const char member[] = "\"name\"";
	const char *at = json.text, *end = json.text + json.len, *quote;

	while ((at = memmem(at, (size_t)(end - at), member, sizeof(member) - 1))) {
		at += sizeof(member) - 1;
		while (at < end && is_space(*at))
			at++;
		if (at == end || *at++ != ':')
			continue;
		while (at < end && is_space(*at))
			at++;
		if (at == end || *at++ != '"')
			continue;
		quote = memchr(at, '"', (size_t)(end - at));
		if (!quote || memchr(at, '\\', (size_t)(quote - at)))
			break;
		return (struct words){ at, (size_t)(quote - at) };
	}
	return (struct words){ "", 0 };
}

/* "Name = x"; returns whether it has that form, even if x is no name. */
static bool read_keyed(struct candidate *out, struct words words)
{
	size_t i = 0;
	struct words label, value;

	while (i < words.len && words.text[i] != '=' && words.text[i] != ':')
		i++;
	if (i == words.len)
		return false;
	label = trim((struct words){ words.text, i }, "#+");
	value = (struct words){ words.text + i + 1, words.len - i - 1 };
	out->is_friendly = is_word(label, "friendly_name") || is_word(label, "friendly_json");
	if (is_word(label, "friendly_json"))
		value = json_name(value);
	else if (!out->is_friendly && !is_word(label, "Name") && !is_word(label, "Alias"))
		return false;
	set_name(out, RANK_KEYED, value);
	return true;
}

/* Takes " (d7e4ab0e-...)" off the end: wg-easy's number of a client. */
static struct words without_uuid(struct words words)
{
	enum {
		LEN = 38 /* in parentheses */
	};
	struct words tail;

	if (words.len <= LEN)
		return words;
	tail = (struct words){ words.text + words.len - LEN, LEN };
	if (tail.text[0] != '(' || tail.text[LEN - 1] != ')' ||
	    strspn(tail.text + 1, "0123456789abcdef-") != LEN - 2)
		return words;
	words.len -= LEN;
	return words;
}

/* "### begin x ###" and the like; returns whether it has such a form, even if x is no name. */
static bool read_marked(struct candidate *out, struct words words, size_t n_hashes)
{
	words = trim(words, "#");
	if (take_word(&words, "BEGIN_PEER") || (n_hashes > 1 && take_word(&words, "begin")) ||
	    (n_hashes > 1 && take_word(&words, "Client")) || take_word(&words, "Client:")) {
		set_name(out, RANK_MARKED, without_uuid(words));
		return true;
	}
	/* The other end of what began above, or a block of some other program. */
	return take_word(&words, "END_PEER") || take_word(&words, "begin") ||
	       take_word(&words, "end");
}

static void read_plain(struct candidate *out, struct words words)
{
	const char *equals;
	struct words label;

	if (looks_like_key(words)) /* before its last "=" is taken for an ornament */
		return;
	words = trim(words, "#*=-~");
	equals = memchr(words.text, '=', words.len);
	if (equals) {
		/* "word = ...": a setting of some program's. */
		label = trim((struct words){ words.text, (size_t)(equals - words.text) }, "");
		if (!memchr(label.text, ' ', label.len))
			return;
	}
	set_name(out, RANK_PLAIN, words);
}

/* Reads the comment of a line; RANK_NONE if it has none or there is no name in it. */
static struct candidate read_comment(const struct conf_lines *lines, const struct conf_line *line)
{
	struct candidate candidate = { .rank = RANK_NONE };
	const char *text = strbuf_text(&lines->text) + line->at;
	const char *hash = memchr(text, '#', strnlen(text, line->len));
	struct words words;
	size_t n_hashes = 0;

	if (!hash)
		return candidate;
	words = (struct words){ hash, strnlen(text, line->len) - (size_t)(hash - text) };
	while (n_hashes < words.len && words.text[n_hashes] == '#')
		n_hashes++;
	words = trim(words, "");
	if (!read_keyed(&candidate, words) && !read_marked(&candidate, words, n_hashes))
		read_plain(&candidate, words);
	return candidate;
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
	struct candidate said = read_comment(reader->lines, line), copy = said;

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
	const char *text = strbuf_text(&reader->lines->text);

	hear_content(reader);
	if (!reader->is_peer ||
	    !is_word((struct words){ text + line->name.at, line->name.len }, "PublicKey"))
		return;
	conf_lines_squeeze(&squeezed, reader->lines, line->value);
	reader->has_key |= !wg_key_parse_mem(&reader->key, squeezed.text, squeezed.len, NULL);
}

static void hear_section(struct reader *reader, const struct conf_line *line)
{
	const char *text = strbuf_text(&reader->lines->text);
	struct candidate behind = read_comment(reader->lines, line), above = reader->above;

	if (reader->inside.is_friendly && reader->inside.rank && !reader->after_gap &&
	    reader->is_peer && reader->own.rank < RANK_KEYED) {
		if (above.is_friendly)
			above.rank = RANK_NONE;
		offer(&reader->own, &reader->inside);
	}
	end_section(reader);
	reader->is_peer = is_word((struct words){ text + line->name.at, line->name.len }, "Peer");
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

static void add_list_line(struct conf_names *names, struct words line)
{
	struct candidate candidate = { .rank = RANK_NONE };
	struct wg_key key;
	char after;

	line = trim(line, "");
	if (line.len <= WG_KEY_BASE64_LEN ||
	    wg_key_parse_mem(&key, line.text, WG_KEY_BASE64_LEN, NULL))
		return;
	after = line.text[WG_KEY_BASE64_LEN];
	if (!is_space(after) && after != ':' && after != '=')
		return;
	line.text += WG_KEY_BASE64_LEN;
	line.len -= WG_KEY_BASE64_LEN;
	line = trim(line, "");
	if (line.len && strchr(":=", line.text[0])) {
		line.text++;
		line.len--;
	}
	set_name(&candidate, RANK_PLAIN, line);
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
		add_list_line(names, (struct words){ at, (size_t)(newline - at) });
	}
	if (names->n_entries > n_before)
		sort_entries(names);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Returns whether there was anything to read. */
static bool read_file(struct strbuf *out, const char *name)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(auto_close) int fd = -1;
	struct stat stat;

	strbuf_addf(&path, "%s/wireguard/%s", SYSCONFDIR, name);
	fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* nor wait for a pipe's writer */
	if (fd < 0 || fstat(fd, &stat) || !S_ISREG(stat.st_mode))
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
