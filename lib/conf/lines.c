/*
 * The format's line rules: see lines.h.
 *
 * inih keeps track of sections, keys and values, but as Debian ships it it has its own idea of
 * lines: they are cut at 200 bytes, " ;" starts a comment, an indented line continues the one
 * above, a second [Peer] looks like more of the first, an empty section is not heard of, and its
 * handler is not told where it is. So inih never sees a line of the file. For each line the reader
 * makes up a short, well-behaved one, "Key=number of the line", and a section is followed by a line
 * of its own that announces it. When the handler is called, the line it is about is the one that
 * the reader found last. Long values, hooks with "; " and keys stay out of inih's buffer.
 *
 * A text of many megabytes that nobody needs afterwards is read without inih and piece by piece,
 * its lines being found by the same rules.
 *
 * The text belongs to struct conf_lines; spans point into it. No globals: any thread may call.
 */
#include "lib/conf/lines.h"

#include <assert.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	PIECE_LEN = 65536, /* bytes that are read at a time */
	NAME_MAX_LEN = 40, /* inih keeps 49 bytes of a name; the longest key has 19 */
};

/* Made-up keys; no key in a file is given to inih with an "@" in it. */
#define ANNOUNCE "@section"
#define COMMENT_KEY "@comment"
#define LABEL "@label"
#define OTHER "@other"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void conf_lines_fini(struct conf_lines *lines)
{
	strbuf_fini(&lines->text);
}

/* ---- finding lines --------------------------------------------------------------------------- */

static struct conf_span trim(const char *text, size_t at, size_t end)
{
	while (at < end && is_space(text[at]))
		at++;
	while (at < end && is_space(text[end - 1]))
		end--;
	return (struct conf_span){ at, end - at };
}

/* Where `c` is between at and end, or end. */
static size_t find(const char *text, size_t at, size_t end, char c)
{
	const char *found = at < end ? memchr(text + at, c, end - at) : NULL;

	return found ? (size_t)(found - text) : end;
}

static bool span_is(const char *text, struct conf_span span, const char *word)
{
	return span.len == strlen(word) && !strncasecmp(text + span.at, word, span.len);
}

/* Whether the comment between at and end says "Name = x"; the line then gets the value. */
static bool read_label(struct conf_line *line, const char *text, size_t at, size_t end)
{
	size_t equals;
	struct conf_span name;

	while (at < end && text[at] == '#')
		at++;
	equals = find(text, at, end, '=');
	if (equals == end)
		return false;
	name = trim(text, at, equals);
	line->value = trim(text, equals + 1, end);
	return line->value.len &&
	       (span_is(text, name, "Name") || span_is(text, name, "friendly_name"));
}

/* Whether the comment between at and end says "wg: Key = value"; the line then gets both. With a
 * blank after the "#" it may as well be prose that begins so: then only if it has a "=". */
static bool read_comment_key(struct conf_line *line, const char *text, size_t at, size_t end)
{
	size_t colon = find(text, at, end, ':'), equals;
	struct conf_span word;

	if (colon == end)
		return false;
	word = trim(text, at + 1, colon);
	end = find(text, colon + 1, end, '#');
	equals = find(text, colon + 1, end, '=');
	if (!span_is(text, word, "wg") || (equals == end && word.at > at + 1))
		return false;
	line->value = trim(text, colon + 1, end);
	line->name.at = line->value.at;
	if (equals == end)
		return true;
	line->name = trim(text, colon + 1, equals);
	line->value = trim(text, equals + 1, end);
	return true;
}

/* What a line is that has nothing but a comment, or not even that, from `at` on. */
static enum conf_line_kind read_comment(struct conf_line *line, const char *text, size_t at,
					size_t end)
{
	if (read_comment_key(line, text, at, end))
		return CONF_LINE_COMMENT_KEY;
	return read_label(line, text, at, end) ? CONF_LINE_LABEL : CONF_LINE_EMPTY;
}

/* Takes a line's text apart, from `at` to `end`, which leave out the newline. */
static void read_line(struct conf_line *line, const char *text, size_t at, size_t end)
{
	size_t comment, equals, body_end;

	end = find(text, at, end, '\0');
	comment = find(text, at, end, '#');
	line->body = trim(text, at, comment);
	line->name = line->value = line->full_value = (struct conf_span){ line->body.at, 0 };
	body_end = line->body.at + line->body.len;
	equals = find(text, line->body.at, body_end, '=');
	if (!line->body.len) {
		line->kind = read_comment(line, text, comment, end);
	} else if (text[line->body.at] == '[') {
		line->kind = CONF_LINE_OTHER;
		if (text[body_end - 1] == ']') {
			line->kind = CONF_LINE_SECTION;
			line->name = trim(text, line->body.at + 1, body_end - 1);
			line->section++;
		}
	} else if (equals < body_end) {
		line->kind = CONF_LINE_KEY;
		line->name = trim(text, line->body.at, equals);
		line->value = trim(text, equals + 1, body_end);
		line->full_value = trim(text, equals + 1, end);
	} else {
		line->kind = CONF_LINE_OTHER;
	}
}

bool conf_lines_next(struct conf_line *line, const struct conf_lines *lines)
{
	const char *text = strbuf_text(&lines->text);
	size_t at = line->at + line->len, end = lines->text.len, newline;

	if (at == end)
		return false;
	newline = find(text, at, end, '\n');
	line->at = at;
	line->len = newline - at + (newline < end);
	line->number++;
	if (line->number == 1 && newline >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		at = 3;
	read_line(line, text, at, newline);
	return true;
}

/* ---- through inih ---------------------------------------------------------------------------- */

struct walk {
	const struct conf_lines *lines;
	struct conf_line line; /* the one that inih has been given last */
	bool announce;         /* it was a section: its announcement is due */
	conf_lines_handler handler;
	void *user;
	int result; /* the handler's last */
};

/* Writes a name as the handlers get it: see conf_lines_handler. */
static void plain_name(char out[static NAME_MAX_LEN + 1], const char *text, struct conf_span span)
{
	size_t len = 0;

	for (size_t i = span.at; i < span.at + span.len; i++) {
		char c = text[i];

		if (is_space(c))
			continue;
		if (len == NAME_MAX_LEN || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
					     (c >= '0' && c <= '9') || c == '_' || c == '-')) {
			len = 0;
			break;
		}
		out[len++] = c;
	}
	strcpy(out + len, len ? "" : "?");
}

/* inih's reader: works as fgets() would on a file of made-up lines. */
static char *next_made_up_line(char *out, int cap, void *stream)
{
	struct walk *walk = stream;
	const char *text = strbuf_text(&walk->lines->text);
	struct conf_line *line = &walk->line;
	char name[NAME_MAX_LEN + 1];
	int len = 0;

	if (walk->result)
		return NULL;
	if (walk->announce) {
		walk->announce = false;
		len = snprintf(out, (size_t)cap, ANNOUNCE "=%u\n", line->number);
		assert(len < cap);
		return out;
	}
	do
		if (!conf_lines_next(line, walk->lines))
			return NULL;
	while (line->kind == CONF_LINE_EMPTY);

	switch (line->kind) {
	case CONF_LINE_SECTION:
		plain_name(name, text, line->name);
		len = snprintf(out, (size_t)cap, "[%s]\n", name);
		walk->announce = true;
		break;
	case CONF_LINE_KEY:
		plain_name(name, text, line->name);
		len = snprintf(out, (size_t)cap, "%s=%u\n", name, line->number);
		break;
	case CONF_LINE_LABEL:
		len = snprintf(out, (size_t)cap, LABEL "=%u\n", line->number);
		break;
	case CONF_LINE_COMMENT_KEY:
		len = snprintf(out, (size_t)cap, COMMENT_KEY "=%u\n", line->number);
		break;
	case CONF_LINE_OTHER:
	case CONF_LINE_EMPTY:
		len = snprintf(out, (size_t)cap, OTHER "=%u\n", line->number);
		break;
	}
	assert(len < cap);
	return out;
}

/* inih's handler: returns non-zero when all is well. */
static int hear(void *user, const char *section, const char *name, const char *value)
{
	struct walk *walk = user;

	assert(strtoul(value, NULL, 10) == walk->line.number);
	walk->result = walk->handler(walk->user, section, name[0] == '@' ? "" : name, &walk->line);
	return !walk->result;
}

int conf_lines_walk(const struct conf_lines *lines, conf_lines_handler handler, void *user)
{
	struct walk walk = { .lines = lines, .handler = handler, .user = user };
	int r = ini_parse_stream(next_made_up_line, &walk, hear, &walk);

	/* What inih objects to is either the handler's refusal or our making. */
	assert(r == 0 || walk.result);
	return walk.result;
}

/* ---- piece by piece -------------------------------------------------------------------------- */

/* Forgets what is before `line` and its end, and reads until there is a whole line, or the end. */
static int refill(struct conf_line *line, struct conf_lines *window, struct conf_pieces *pieces,
		  struct err *err)
{
	struct strbuf *text = &window->text;

	strbuf_drop(text, line->at + line->len);
	line->at = line->len = 0;
	pieces->whole = 0;
	while (!pieces->whole && !pieces->at_end) {
		char *piece = strbuf_reserve(text, PIECE_LEN);
		ssize_t n = pieces->read(pieces->ctx, piece, text->cap - text->len - 1, err);
		const char *newline;

		piece[n > 0 ? n : 0] = '\0';
		if (n < 0)
			return (int)n;
		text->len += (size_t)n;
		pieces->at_end = n == 0;
		newline = memrchr(piece, '\n', (size_t)n);
		if (newline)
			pieces->whole = (size_t)(newline - text->text) + 1;
		else if (pieces->at_end)
			pieces->whole = text->len;
	}
	return 0;
}

/* Tells the handler what inih would. `section` stays from line to line. */
static int hand_over(const struct conf_lines *lines, const struct conf_line *line,
		     char section[static NAME_MAX_LEN + 1], conf_lines_handler handler, void *user)
{
	const char *text = strbuf_text(&lines->text);
	char name[NAME_MAX_LEN + 1] = "";

	switch (line->kind) {
	case CONF_LINE_EMPTY:
		return 0;
	case CONF_LINE_SECTION:
		plain_name(section, text, line->name);
		break;
	case CONF_LINE_KEY:
		plain_name(name, text, line->name);
		break;
	case CONF_LINE_LABEL:
	case CONF_LINE_COMMENT_KEY:
	case CONF_LINE_OTHER:
		break;
	}
	return handler(user, section, name, line);
}

int conf_lines_walk_pieces(struct conf_lines *window, struct conf_pieces *pieces,
			   conf_lines_taker take, conf_lines_handler handler, void *user,
			   struct err *err)
{
	char section[NAME_MAX_LEN + 1] = "";
	struct conf_line line = { 0 };
	int r = 0;

	while (!r) {
		size_t at = line.at + line.len, taken = 0;

		if (at == pieces->whole) {
			r = refill(&line, window, pieces, err);
			if (r || !pieces->whole)
				return r;
			at = 0;
		}
		if (take && !pieces->at_end)
			taken = take(user, window->text.text + at, pieces->whole - at,
				     &line.number);
		if (taken) {
			line.at = at + taken;
			line.len = 0;
			continue;
		}
		conf_lines_next(&line, window);
		r = hand_over(window, &line, section, handler, user);
	}
	return r;
}

void conf_lines_squeeze(struct strbuf *out, const struct conf_lines *lines, struct conf_span span)
{
	const char *text = strbuf_text(&lines->text) + span.at;
	char *end = strbuf_reserve(out, span.len);
	size_t len = 0;

	for (size_t i = 0; i < span.len; i++)
		if (!is_space(text[i]))
			end[len++] = text[i];
	end[len] = '\0';
	out->len += len;
}
