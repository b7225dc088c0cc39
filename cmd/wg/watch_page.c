/*
 * One screen of the live view: see watch_page.h. The rows of all interfaces are one long list, of
 * which a window is shown; only the rows in it are formatted. Owns nothing.
 */
#include "cmd/wg/watch_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/wg/watch_columns.h"
#include "cmd/wg/watch_text.h"
#include "lib/util/cleanup.h"

enum {
	GAP = 2,
	/* From this height on there are titles; then a line at the bottom. */
	HEIGHT_WITH_TITLES = 4,
	HEIGHT_WITH_FOOTER = 5,
	HELP_MAX = 4, /* lines */
};

struct page {
	struct strbuf *out;
	const struct watch_state *state;
	const struct watch_view *view;
	struct watch_columns columns;
	unsigned int n_lines;
};

static struct watch_line start_line(struct page *page)
{
	if (page->n_lines++)
		strbuf_add_char(page->out, '\n');
	return (struct watch_line){
		.out = page->out,
		.width = page->view->width,
		.colour = page->view->colour,
	};
}

/* At the right edge some terminals would erase the last column. */
static void end_line(struct page *page, const struct watch_line *line)
{
	if (page->view->erase && line->used < line->width)
		strbuf_add(page->out, "\033[K");
}

/* ---- the list of rows --------------------------------------------------------------------- */

/* The rows of a part: its peers, or one that says that there are none; none if it is not known. */
static size_t rows_of(const struct watch_part *part)
{
	if (!part->snapshot)
		return 0;
	return part->snapshot->n_peers ? part->snapshot->n_peers : 1;
}

/* All parts but the first have an empty line and their own in front. */
static size_t rows_before(size_t part)
{
	return part ? 2 : 0;
}

static size_t count_rows(const struct watch_view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n_parts; i++)
		n += rows_before(i) + rows_of(&view->parts[i]);
	return n;
}

/* What the help says; each stays in one line. */
static const char *const help[] = {
	"q quit",          "s sort by", "r reverse",
	"n names or keys", "p pause",   "arrows PgUp PgDn Home End scroll",
	"? less",
};

static unsigned int help_lines(unsigned int width)
{
	unsigned int lines = 1, used = 0;

	for (size_t i = 0; i < sizeof(help) / sizeof(*help); i++) {
		unsigned int len = (unsigned int)strlen(help[i]);

		if (used && used + GAP + len > width) {
			lines++;
			used = 0;
		}
		used += (used ? GAP : 0) + len;
	}
	return lines < HELP_MAX ? lines : HELP_MAX;
}

static unsigned int footer_height(const struct watch_state *state, const struct watch_view *view)
{
	unsigned int lines;

	if (view->height < HEIGHT_WITH_FOOTER)
		return 0;
	lines = state->help ? help_lines(view->width) : 1;
	return lines < view->height - HEIGHT_WITH_TITLES ? lines
							 : view->height - HEIGHT_WITH_TITLES;
}

/* How many rows are seen at once. */
static unsigned int window(const struct watch_state *state, const struct watch_view *view)
{
	unsigned int above = view->height < HEIGHT_WITH_TITLES ? 1 : 2;

	return view->height - above - footer_height(state, view);
}

static void clamp(struct watch_state *state, const struct watch_view *view)
{
	size_t n = count_rows(view), seen = window(state, view);
	size_t last = n > seen ? n - seen : 0;

	if (state->top > last)
		state->top = last;
}

/* ---- lines -------------------------------------------------------------------------------- */

/* Adds an item if it fits, `reserve` columns being left for others. */
static void add_item(struct watch_line *line, enum watch_style style, const char *text,
		     unsigned int reserve)
{
	unsigned int gap = line->used ? GAP : 0;

	if (line->used + gap + watch_text_width(text) + reserve > line->width)
		return;
	watch_line_to(line, line->used + gap);
	watch_line_add(line, style, text, line->width);
}

static void add_counts(struct watch_line *line, const struct watch_view *view,
		       const struct watch_part *part, unsigned int reserve)
{
	const struct watch_snapshot *snapshot = part->snapshot;
	char text[96], rate[WATCH_NUMBER_CAP];
	size_t n_active = 0;
	int len;

	for (size_t i = 0; i < snapshot->n_peers; i++) {
		enum watch_session session =
			watch_session_of(&snapshot->peers[i], view->now_s, view->now);

		n_active += session == WATCH_SESSION_ALIVE || session == WATCH_SESSION_DUE;
	}
	len = snprintf(text, sizeof(text), "%zu %s, %zu active", snapshot->n_peers,
		       snapshot->n_peers == 1 ? "peer" : "peers", n_active);
	/* On a narrow screen, how many there are has to do. */
	if (line->used + GAP + (unsigned int)len + reserve > line->width)
		*strchr(text, ',') = '\0';
	add_item(line, WATCH_PLAIN, text, reserve);
	if (!snapshot->has_rates)
		return;
	watch_text_rate(rate, snapshot->rx_rate);
	len = snprintf(text, sizeof(text), "rx %s/s  tx ", rate);
	watch_text_rate(rate, snapshot->tx_rate);
	snprintf(text + len, sizeof(text) - (size_t)len, "%s/s", rate);
	add_item(line, WATCH_PLAIN, text, reserve);
}

/* An interface's line; the uppermost has the clock. */
static void add_part(struct page *page, const struct watch_part *part, bool uppermost)
{
	const struct watch_view *view = page->view;
	const bool paused = page->state->paused;
	unsigned int reserve = 0, clock_len;
	struct watch_line line = start_line(page);
	char text[64], clock[32];

	snprintf(clock, sizeof(clock), "%s%s", paused ? "paused " : "", view->clock);
	clock_len = (unsigned int)strlen(clock);
	if (uppermost && view->width > 2 * clock_len)
		reserve = clock_len + GAP;
	watch_line_add(&line, WATCH_TITLE, part->name, line.width - reserve);
	if (part->problem) {
		watch_line_to(&line, line.used + GAP);
		watch_line_add(&line, WATCH_RED, part->problem,
			       line.used + reserve < line.width ? line.width - reserve - line.used
								: 0);
	}
	if (part->silent_s) {
		snprintf(text, sizeof(text), "no answer for %" PRId64 "s", part->silent_s);
		add_item(&line, WATCH_YELLOW, text, reserve);
	}
	if (part->snapshot) {
		snprintf(text, sizeof(text), "port %u", part->snapshot->listen_port);
		if (part->snapshot->listen_port && view->width >= 60)
			add_item(&line, WATCH_PLAIN, text, reserve);
		add_counts(&line, view, part, reserve);
	}
	if (reserve) {
		watch_line_to(&line, line.width - clock_len);
		watch_line_add(&line, paused ? WATCH_YELLOW : WATCH_DIM, clock, clock_len);
	}
	end_line(page, &line);
}

static void add_text_line(struct page *page, enum watch_style style, const char *text)
{
	struct watch_line line = start_line(page);

	watch_line_add(&line, style, text, line.width);
	end_line(page, &line);
}

/* The first line when there is no interface at all. */
static void add_nothing(struct page *page)
{
	const struct watch_part part = { .name = "no interfaces", .problem = page->view->notice };

	add_part(page, &part, true);
}

static void add_titles(struct page *page)
{
	struct watch_line line = start_line(page);

	watch_columns_titles(&line, &page->columns, page->state->sort);
	end_line(page, &line);
}

static void add_row(struct page *page, const struct watch_part *part, size_t row)
{
	const struct watch_snapshot *snapshot = part->snapshot;
	struct watch_line line;

	if (!snapshot->n_peers) {
		add_text_line(page, WATCH_DIM, "no peers");
		return;
	}
	line = start_line(page);
	watch_columns_peer(&line, &page->columns, snapshot, &snapshot->peers[snapshot->order[row]],
			   page->state->names, page->view->now_s, page->view->now);
	end_line(page, &line);
}

/* `row` is counted from the empty line in front of the part. */
static void add_row_of(struct page *page, size_t part, size_t row)
{
	size_t before = rows_before(part);

	if (row >= before)
		add_row(page, &page->view->parts[part], row - before);
	else if (row == 0)
		add_text_line(page, WATCH_PLAIN, "");
	else
		add_part(page, &page->view->parts[part], false);
}

static void add_help(struct page *page, unsigned int lines)
{
	size_t next = 0, n = sizeof(help) / sizeof(*help);

	while (lines--) {
		struct watch_line line = start_line(page);

		for (; next < n; next++) {
			unsigned int before = line.used;

			add_item(&line, WATCH_DIM, help[next], 0);
			if (line.used == before)
				break;
		}
		end_line(page, &line);
	}
}

static void add_footer(struct page *page, size_t n_rows, unsigned int seen)
{
	static const char *const sorts[WATCH_N_SORTS] = {
		[WATCH_SORT_HANDSHAKE] = "by handshake",
		[WATCH_SORT_RATE] = "by rate",
		[WATCH_SORT_NAME] = "by name",
	};
	static const char hint[] = "q quit  ? help";
	const struct watch_state *state = page->state;
	const struct watch_view *view = page->view;
	const unsigned int reserve = sizeof(hint) - 1 + GAP;
	struct watch_line line = start_line(page);
	char text[96];

	snprintf(text, sizeof(text), "%s%s", sorts[state->sort],
		 state->reverse ? ", reversed" : "");
	add_item(&line, WATCH_DIM, text, reserve);
	if (n_rows > seen) {
		snprintf(text, sizeof(text), "rows %zu-%zu of %zu", state->top + 1,
			 state->top + seen, n_rows);
		add_item(&line, WATCH_DIM, text, reserve);
	}
	if (view->notice && view->n_parts)
		add_item(&line, WATCH_RED, view->notice, reserve);
	if (line.used + reserve <= line.width) {
		watch_line_to(&line, line.width - (unsigned int)(sizeof(hint) - 1));
		watch_line_add(&line, WATCH_DIM, hint, line.width);
	}
	end_line(page, &line);
}

/* ---- the screen --------------------------------------------------------------------------- */

static struct watch_columns choose_columns(const struct watch_state *state,
					   const struct watch_view *view)
{
	struct watch_widths widths = { 0 };

	for (size_t i = 0; i < view->n_parts; i++) {
		const struct watch_snapshot *snapshot = view->parts[i].snapshot;

		if (!snapshot)
			continue;
		if (widths.name < snapshot->name_width)
			widths.name = snapshot->name_width;
		if (widths.endpoint < snapshot->endpoint_width)
			widths.endpoint = snapshot->endpoint_width;
		if (widths.allowed_ip < snapshot->allowed_ip_width)
			widths.allowed_ip = snapshot->allowed_ip_width;
		if (widths.allowed_ips < snapshot->allowed_ips_width)
			widths.allowed_ips = snapshot->allowed_ips_width;
		widths.any_keys |= !snapshot->all_named;
	}
	return watch_columns_choose(&widths, view->width, state->names);
}

void watch_page(struct strbuf *out, struct watch_state *state, const struct watch_view *view)
{
	struct page page = { .out = out, .state = state, .view = view };
	const unsigned int footer = footer_height(state, view), seen = window(state, view);
	const size_t n_rows = count_rows(view);
	size_t part = 0, row;

	clamp(state, view);
	page.columns = choose_columns(state, view);
	row = state->top;
	while (part < view->n_parts && row >= rows_before(part) + rows_of(&view->parts[part])) {
		row -= rows_before(part) + rows_of(&view->parts[part]);
		part++;
	}
	if (!view->n_parts)
		add_nothing(&page);
	else if (part && row < rows_before(part))
		/* The part's own line is still among the rows. */
		add_part(&page, &view->parts[part - 1], true);
	else
		add_part(&page, &view->parts[part], true);
	if (view->height >= HEIGHT_WITH_TITLES)
		add_titles(&page);
	for (unsigned int i = 0; i < seen; i++) {
		if (part >= view->n_parts) {
			/* Up to the bottom, where the footer stays. */
			add_text_line(&page, WATCH_PLAIN, "");
			continue;
		}
		add_row_of(&page, part, row++);
		if (row >= rows_before(part) + rows_of(&view->parts[part])) {
			part++;
			row = 0;
		}
	}
	if (footer && state->help)
		add_help(&page, footer);
	else if (footer)
		add_footer(&page, n_rows, seen);
}

void watch_press(struct watch_state *state, enum watch_key key, const struct watch_view *view)
{
	/* A row of the old page stays in sight. */
	const unsigned int seen = window(state, view), leap = seen > 1 ? seen - 1 : 1;

	switch (key) {
	case WATCH_KEY_NONE:
		break;
	case WATCH_KEY_UP:
		state->top -= state->top > 0;
		break;
	case WATCH_KEY_DOWN:
		state->top++;
		break;
	case WATCH_KEY_PAGE_UP:
		state->top -= state->top < leap ? state->top : leap;
		break;
	case WATCH_KEY_PAGE_DOWN:
		state->top += leap;
		break;
	case WATCH_KEY_HOME:
		state->top = 0;
		break;
	case WATCH_KEY_END:
		state->top = count_rows(view);
		break;
	case WATCH_KEY_SORT:
		state->sort = (state->sort + 1) % WATCH_N_SORTS;
		state->top = 0;
		break;
	case WATCH_KEY_REVERSE:
		state->reverse = !state->reverse;
		state->top = 0;
		break;
	case WATCH_KEY_NAMES:
		state->names = !state->names;
		break;
	case WATCH_KEY_PAUSE:
		state->paused = !state->paused;
		break;
	case WATCH_KEY_HELP:
		state->help = !state->help;
		break;
	case WATCH_KEY_QUIT:
		state->quit = true;
		break;
	}
	clamp(state, view);
}
