/*
 * Text for a terminal's columns: see watch_text.h. Pure but for the locale, which is the caller's
 * to set. Text is gone through character by character, once to measure and once to copy.
 */
#include "cmd/wg/watch_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum {
	ELLIPSIS = 0x2026,
};

/* A walk through text. */
struct walk {
	const char *next;
	size_t left; /* bytes */
	mbstate_t state;
	const char *text; /* the character, or "?" in its place */
	size_t len;       /* bytes of it */
	unsigned int columns;
};

static struct walk walk_start(const char *text)
{
	return (struct walk){ .next = text, .left = strlen(text) };
}

/* Marks that turn the direction of writing, or join what stands apart: they are of no width, but
 * tamper with all that follows. */
static bool tampers(wchar_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

static bool walk_next(struct walk *walk)
{
	wchar_t c = 0;
	size_t len;
	int width;

	if (!walk->left)
		return false;
	len = mbrtowc(&c, walk->next, walk->left, &walk->state);
	if (len == 0 || len > walk->left) {
		/* Not of this locale, or cut off: one byte, and a new start. */
		memset(&walk->state, 0, sizeof(walk->state));
		len = 1;
		width = -1;
	} else {
		width = tampers(c) ? -1 : wcwidth(c);
	}
	walk->text = width < 0 ? "?" : walk->next;
	walk->len = width < 0 ? 1 : len;
	walk->columns = width < 0 ? 1 : (unsigned int)width;
	walk->next += len;
	walk->left -= len;
	return true;
}

unsigned int watch_text_width(const char *text)
{
	struct walk walk = walk_start(text);
	unsigned int columns = 0;

	while (walk_next(&walk))
		columns += walk.columns;
	return columns;
}

unsigned int watch_text_add(struct strbuf *out, const char *text, unsigned int columns)
{
	bool cut = watch_text_width(text) > columns;
	struct walk walk = walk_start(text);
	unsigned int room, used = 0;

	if (!columns)
		return 0;
	room = cut ? columns - 1 : columns;
	while (walk_next(&walk) && used + walk.columns <= room) {
		strbuf_add_mem(out, walk.text, walk.len);
		used += walk.columns;
	}
	if (cut) {
		strbuf_add(out, wcwidth(ELLIPSIS) == 1 ? "\xe2\x80\xa6" : "~");
		used++;
	}
	return used;
}

void watch_line_add(struct watch_line *line, enum watch_style style, const char *text,
		    unsigned int columns)
{
	static const char *const escapes[] = {
		[WATCH_PLAIN] = "",           [WATCH_BOLD] = "\033[1m",
		[WATCH_DIM] = "\033[2m",      [WATCH_RED] = "\033[31m",
		[WATCH_GREEN] = "\033[32m",   [WATCH_YELLOW] = "\033[33m",
		[WATCH_TITLE] = "\033[1;32m",
	};
	bool painted = line->colour && style != WATCH_PLAIN;

	if (columns > line->width - line->used)
		columns = line->width - line->used;
	if (!columns || !*text)
		return;
	if (painted)
		strbuf_add(line->out, escapes[style]);
	line->used += watch_text_add(line->out, text, columns);
	if (painted)
		strbuf_add(line->out, "\033[0m");
}

void watch_line_to(struct watch_line *line, unsigned int column)
{
	for (; line->used < column && line->used < line->width; line->used++)
		strbuf_add_char(line->out, ' ');
}

/* `limit`: from here on the next unit has fewer digits. */
static const char *scale(double *value, uint64_t bytes, double limit)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t unit = 0;

	*value = (double)bytes;
	while (*value >= limit && unit + 1 < sizeof(units) / sizeof(*units)) {
		*value /= 1024;
		unit++;
	}
	return units[unit];
}

static void format_bytes(char *out, uint64_t bytes, bool three_digits)
{
	double value;
	const char *unit = scale(&value, bytes, 999.5);
	int decimals = 0;

	/* Where rounding would add a digit, there is one decimal less. */
	if (*unit == 'B')
		decimals = 0;
	else if (value < (three_digits ? 9.995 : 9.95))
		decimals = three_digits ? 2 : 1;
	else if (three_digits && value < 99.95)
		decimals = 1;
	snprintf(out, WATCH_NUMBER_CAP, "%.*f %s", decimals, value, unit);
}

void watch_text_rate(char out[static WATCH_NUMBER_CAP], uint64_t bytes)
{
	format_bytes(out, bytes, false);
}

void watch_text_total(char out[static WATCH_NUMBER_CAP], uint64_t bytes)
{
	format_bytes(out, bytes, true);
}

void watch_text_age(char out[static WATCH_NUMBER_CAP], int64_t age_s)
{
	static const struct {
		int64_t length_s;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	const int64_t days_max = 9999999;
	size_t unit = 0;

	if (age_s < -WATCH_SLIP_S) {
		snprintf(out, WATCH_NUMBER_CAP, "in future");
		return;
	}
	if (age_s < 0)
		age_s = 0;
	if (age_s > days_max * 86400)
		age_s = days_max * 86400;
	while (units[unit].length_s > 1 && age_s < units[unit].length_s)
		unit++;
	snprintf(out, WATCH_NUMBER_CAP, "%" PRId64 "%c", age_s / units[unit].length_s,
		 units[unit].letter);
}
