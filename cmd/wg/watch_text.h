#ifndef CMD_WG_WATCH_TEXT_H
#define CMD_WG_WATCH_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/util/strbuf.h"

/*
 * Text for a terminal's columns. Characters are those of the locale (LC_CTYPE), and as wide as
 * wcwidth() says. What is no character, or would move the cursor or turn the direction of writing,
 * becomes "?": names and endpoints come from files and daemons.
 */

/** How many columns the text takes. */
unsigned int watch_text_width(const char *text);

/**
 * Adds the text, cut to `columns` if it is wider; then its last column says so, with an ellipsis or
 * "~". Returns the columns used.
 */
unsigned int watch_text_add(struct strbuf *out, const char *text, unsigned int columns);

enum watch_style {
	WATCH_PLAIN,
	WATCH_BOLD,
	WATCH_DIM,
	WATCH_RED,
	WATCH_GREEN,
	WATCH_YELLOW,
	WATCH_TITLE, /* an interface's name */
};

/** A line of the screen, written from left to right. */
struct watch_line {
	struct strbuf *out; /* borrowed */
	unsigned int width; /* columns that there are */
	unsigned int used;
	bool colour;
};

/** Adds text, cut to `columns` and to what is left of the line. */
void watch_line_add(struct watch_line *line, enum watch_style style, const char *text,
		    unsigned int columns);
/** Adds blanks up to a column. */
void watch_line_to(struct watch_line *line, unsigned int column);

enum {
	WATCH_NUMBER_CAP = 24, /* room for what the functions below write */
	WATCH_RATE_WIDTH = 7,  /* columns at most */
	WATCH_TOTAL_WIDTH = 8,
	WATCH_AGE_WIDTH = 9,
	WATCH_SLIP_S = 3, /* a handshake may be newer than the moment that the view is about */
};

/** Bytes, with two digits for those who glance ("1.2 MiB"), and with three ("1.23 MiB"). */
void watch_text_rate(char out[static WATCH_NUMBER_CAP], uint64_t bytes);
void watch_text_total(char out[static WATCH_NUMBER_CAP], uint64_t bytes);

/** "12s", "3m", "5h", "2d"; "in future" for an age below zero, bar the slips of two clocks. */
void watch_text_age(char out[static WATCH_NUMBER_CAP], int64_t age_s);

#endif
