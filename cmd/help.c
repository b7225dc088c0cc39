/*
 * Usage and help: see help.h. The help has sections of two columns, names and descriptions; how
 * wide the first is depends on all sections, so they are gone through twice, first to measure.
 */
#include "cmd/help.h"

#include <string.h>

#include "lib/util/cleanup.h"

enum {
	LINE_COLUMNS = 80,
	INDENT = 2,
	GAP = 2,               /* between the columns */
	LEFT_COLUMNS_MAX = 32, /* a name that is wider has a line of its own */
};

/* ---- usage ----------------------------------------------------------------------------------- */

static void add_word(struct strbuf *out, const struct cli_word *word)
{
	strbuf_addf(out, "%s%s%s", word->name, word->value ? " " : "",
		    word->value ? word->value : "");
}

/* " [word value] [word value] [peer value [word value] ]...": a group's bracket stays open. */
static void add_any_number(struct strbuf *out, const struct cli_argument *argument)
{
	const char *between = "";
	struct cli_word word;
	bool any_group = false;

	for (size_t i = 0; cli_word(&word, argument, i); i++) {
		strbuf_addf(out, "%s[", between);
		add_word(out, &word);
		any_group |= word.scope == CLI_OPENS_GROUP;
		if (word.scope != CLI_OPENS_GROUP)
			strbuf_add_char(out, ']');
		between = " ";
	}
	strbuf_add(out, any_group ? " ]..." : "...");
}

static void add_argument(struct strbuf *out, const struct cli_argument *argument)
{
	const char *between = argument->name ? " | " : "";
	bool is_choice = argument->kind != CLI_WORDS || !argument->name;
	const char *open = "", *close = "";
	struct cli_word word;

	if (argument->times == CLI_ANY_NUMBER) {
		add_any_number(out, argument);
		return;
	}
	is_choice = is_choice && cli_word(&word, argument, 0);
	if (argument->times == CLI_OPTIONAL) {
		open = "[";
		close = "]";
	} else if (is_choice) {
		open = "{ ";
		close = " }";
	}
	strbuf_addf(out, "%s%s", open, argument->name ? argument->name : "");
	for (size_t i = 0; is_choice && cli_word(&word, argument, i); i++) {
		strbuf_addf(out, "%s%s", between, word.name);
		between = " | ";
	}
	strbuf_add(out, close);
}

void help_add_arguments(struct strbuf *out, const struct cli_command *command)
{
	for (size_t i = 0; i < command->n_arguments; i++) {
		if (i)
			strbuf_add_char(out, ' ');
		add_argument(out, &command->arguments[i]);
	}
}

/* ---- layout ---------------------------------------------------------------------------------- */

/* How much of a text stays in one line: a word, or what stands in brackets, if it fits. */
static size_t unit_len(const char *text, size_t room)
{
	size_t word_len = strcspn(text, " "), len = 0;
	int depth = 0;

	for (; text[len] && (depth > 0 || text[len] != ' '); len++) {
		if (strchr("[<{", text[len]))
			depth++;
		else if (strchr("]>}", text[len]))
			depth--;
	}
	return depth || len > room ? word_len : len;
}

/* Adds text from column `at` on, broken at blanks; the lines that follow begin at `indent`. */
static void add_wrapped(struct strbuf *out, const char *text, size_t at, size_t indent)
{
	bool is_first = true;

	while (*text) {
		size_t len = unit_len(text, LINE_COLUMNS - indent);

		if (!is_first && at + 1 + len > LINE_COLUMNS) {
			strbuf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!is_first) {
			strbuf_add_char(out, ' ');
			at++;
		}
		strbuf_add_mem(out, text, len);
		at += len;
		text += len + strspn(text + len, " ");
		is_first = false;
	}
	strbuf_add_char(out, '\n');
}

/* A section: its lines are only measured while `out` is NULL. */
struct section {
	struct strbuf *out;
	size_t left; /* columns, those of the widest name that is not too wide */
	const char *title;
	bool is_begun;
};

static void add_line(struct section *section, const char *name, const char *description)
{
	size_t len = strlen(name), column = INDENT + section->left + GAP;

	if (!section->out) {
		if (len > section->left && len <= LEFT_COLUMNS_MAX)
			section->left = len;
		return;
	}
	if (!section->is_begun)
		strbuf_addf(section->out, "\n%s:\n", section->title);
	section->is_begun = true;
	strbuf_addf(section->out, "%*s%s", INDENT, "", name);
	if (len > section->left)
		strbuf_addf(section->out, "\n%*s", (int)column, "");
	else
		strbuf_addf(section->out, "%*s", (int)(column - INDENT - len), "");
	add_wrapped(section->out, description, column, column);
}

static void begin(struct section *section, const char *title)
{
	section->title = title;
	section->is_begun = false;
}

/* The words of an argument, those in groups or the others. */
static void add_words(struct section *section, const struct cli_argument *argument, bool in_groups)
{
	struct cli_word word;

	for (size_t i = 0; cli_word(&word, argument, i); i++) {
		AUTO(strbuf_fini) struct strbuf name = { 0 };

		if ((word.scope != CLI_BEFORE_GROUPS) != in_groups)
			continue;
		add_word(&name, &word);
		add_line(section, strbuf_text(&name), word.description);
	}
}

static void add_options(struct section *section, const struct cli_option *options)
{
	for (; options && options->name; options++) {
		AUTO(strbuf_fini) struct strbuf name = { 0 };

		strbuf_addf(&name, "--%s", options->name);
		if (options->value)
			strbuf_addf(&name, options->is_optional ? "[=%s]" : " %s", options->value);
		add_line(section, strbuf_text(&name), options->description);
	}
}

static void add_sections(struct section *section, const struct cli_command *command)
{
	begin(section, "Arguments");
	for (size_t i = 0; i < command->n_arguments; i++) {
		const struct cli_argument *argument = &command->arguments[i];

		if (argument->title)
			begin(section, argument->title);
		if (argument->name)
			add_line(section, argument->name, argument->description);
		add_words(section, argument, false);
		if (argument->group_title)
			begin(section, argument->group_title);
		add_words(section, argument, true);
	}
	begin(section, "Options");
	add_options(section, command->options);
}

void help_add(struct strbuf *out, const struct cli_command *command, const char *program,
	      const char *page)
{
	AUTO(strbuf_fini) struct strbuf usage = { 0 }, about = { 0 };
	struct section section = { 0 };
	size_t indent;

	help_add_arguments(&usage, command);
	if (command->options)
		strbuf_addf(&usage, "%s[<option>]...", usage.len ? " " : "");
	strbuf_addf(out, "Usage: %s %s%s", program, command->name, usage.len ? " " : "");
	indent = strlen("Usage:   ") + strlen(program) + strlen(command->name);
	/* A program with a long path leaves too little room beside it. */
	add_wrapped(out, strbuf_text(&usage), indent, indent <= LINE_COLUMNS / 2 ? indent : INDENT);

	strbuf_addf(&about, "%s.%s%s", command->description, command->details ? " " : "",
		    command->details ? command->details : "");
	strbuf_add_char(out, '\n');
	add_wrapped(out, strbuf_text(&about), 0, 0);

	add_sections(&section, command);
	section.out = out;
	add_sections(&section, command);
	strbuf_addf(out, "\n%s says more.\n", page);
}
