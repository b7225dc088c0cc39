#ifndef LIB_CONF_LINES_H
#define LIB_CONF_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/*
 * The format's line rules. The text stays one buffer, byte for byte as it was read; lines are
 * found in it by walking, so that 100,000 peers cost no memory beyond the file's own.
 *
 * Rules: a line ends at a newline; "#" starts a comment anywhere; a NUL byte ends a line's text;
 * white space is space, tab, VT, FF and CR; a byte order mark at the very start is passed over.
 * There is no quoting, no continuation, and ";" is an ordinary character.
 */

/** A configuration text. Start with `= { 0 }`. */
struct conf_lines {
	struct strbuf text;
};

/** `len` bytes of the text, `at` bytes from its start. */
struct conf_span {
	size_t at;
	size_t len;
};

enum conf_line_kind {
	CONF_LINE_EMPTY, /* nothing but white space and perhaps a comment */
	CONF_LINE_LABEL, /* "# Name = x" or "# friendly_name = x" and nothing else: see value */
	/* "#wg: Key = value" and nothing else: see name and value. Without "=", all of it is value.
	 */
	CONF_LINE_COMMENT_KEY,
	CONF_LINE_SECTION, /* "[Peer]": see name */
	CONF_LINE_KEY,     /* "Key = value": see name, value and full_value */
	CONF_LINE_OTHER,   /* none of these, which is an error to those who want to understand */
};

/** One line. Spans have no white space at their ends, but may have some within. */
struct conf_line {
	size_t at;                   /* where it begins in the text... */
	size_t len;                  /* ...and its length with the newline, if it has one */
	unsigned int number;         /* counted from 1; 0: before the first line */
	unsigned int section;        /* how many section lines there were up to here */
	enum conf_line_kind kind;    /* what it is */
	struct conf_span body;       /* all but the comment */
	struct conf_span name;       /* of the key, or what is between the brackets */
	struct conf_span value;      /* what is after "=", up to the comment */
	struct conf_span full_value; /* as value, but "#" is a part of it: for shell text */
};

/** Wipes and frees; the text is then empty. */
void conf_lines_fini(struct conf_lines *lines);

/**
 * Steps to the next line; start with `struct conf_line line = { 0 }`. Returns false after the
 * last one. A text that ends in a newline has no empty line after it.
 */
bool conf_lines_next(struct conf_line *line, const struct conf_lines *lines);

/**
 * Hears of each line that is a section, a key, a label, a comment key or none of these (but not of
 * empty ones), in order. `section` is the name of the section that the line stands in, or that it
 * opens; "" before the first. `name` is the key's; "" if the line is none. Both are without white
 * space and as the file spells them; names that cannot be any key's (longer than 40 bytes, or with
 * other characters than letters, digits, "_" and "-") are given as "?". Returns 0 to go on,
 * anything else to stop.
 */
typedef int (*conf_lines_handler)(void *user, const char *section, const char *name,
				  const struct conf_line *line);

/** Runs the text through inih; returns what the handler returned last, or 0. */
int conf_lines_walk(const struct conf_lines *lines, conf_lines_handler handler, void *user);

/** Where a text comes from when it is not kept. Start with `= { .read = function, .ctx = ... }`. */
struct conf_pieces {
	/* Writes at most cap bytes; returns how many, 0 at the end, a negative errno with *err. */
	ssize_t (*read)(void *ctx, char *out, size_t cap, struct err *err);
	void *ctx;
	size_t whole; /* how many bytes of the window are whole lines */
	bool at_end;
};

/**
 * Takes as many whole lines at the start of text as it can and likes; adds their number to
 * *n_lines. The last of the text's `len` bytes is a newline; what comes after it ends in a NUL and
 * is not to be taken yet. Returns how many bytes the lines have; 0: the first is not for it.
 */
typedef size_t (*conf_lines_taker)(void *user, const char *text, size_t len, unsigned int *n_lines);

/**
 * As conf_lines_walk(), of a text that comes piece by piece and is not kept: `window` has the lines
 * that are being read, and the spans of the line that the handler hears of point into it. What
 * `take` takes (it may be NULL), the handler does not hear of. It is quicker, since inih has no
 * part in it; to the handler it makes no difference. A negative errno may also be the reader's,
 * with *err filled in.
 */
int conf_lines_walk_pieces(struct conf_lines *window, struct conf_pieces *pieces,
			   conf_lines_taker take, conf_lines_handler handler, void *user,
			   struct err *err);

/** The span's bytes without any white space, at the end of out. */
void conf_lines_squeeze(struct strbuf *out, const struct conf_lines *lines, struct conf_span span);

#endif
