/* Completion scripts: what their writers share (see completion.h). */
#include "cmd/completion.h"

#include <string.h>

static const struct {
	const char *shell;
	void (*add)(struct strbuf *out, const struct cli_table *table);
} writers[] = {
	{ "bash", completion_add_bash },
	{ "zsh", completion_add_zsh },
	{ "fish", completion_add_fish },
};

const struct cli_word completion_shells[] = {
	{ .name = "bash", .description = "for PREFIX/share/bash-completion/completions" },
	{ .name = "zsh", .description = "for a directory of fpath, such as site-functions" },
	{ .name = "fish", .description = "for PREFIX/share/fish/vendor_completions.d" },
	{ .name = NULL },
};

bool completion_add(struct strbuf *out, const char *shell, const struct cli_table *table)
{
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
		if (strcmp(writers[i].shell, shell) != 0)
			continue;
		writers[i].add(out, table);
		return true;
	}
	return false;
}

static bool is_wanted(const struct cli_word *word, enum completion_words which)
{
	switch (which) {
	case COMPLETION_ALL:
		return true;
	case COMPLETION_BEFORE:
		return word->scope == CLI_BEFORE_GROUPS;
	case COMPLETION_OPENS:
		return word->scope == CLI_OPENS_GROUP;
	case COMPLETION_WITHIN:
		return word->scope == CLI_IN_GROUP;
	case COMPLETION_ALONE:
		return word->is_alone;
	case COMPLETION_LAST:
		return word->is_last;
	case COMPLETION_VALUED:
		return word->value;
	}
	return false;
}

bool completion_next(struct cli_word *out, size_t *i, const struct cli_argument *argument,
		     enum completion_words which)
{
	while (cli_word(out, argument, *i)) {
		++*i;
		if (is_wanted(out, which))
			return true;
	}
	return false;
}

const struct cli_argument *completion_series(const struct cli_command *command)
{
	const struct cli_argument *last;

	if (!command->n_arguments)
		return NULL;
	last = &command->arguments[command->n_arguments - 1];
	return last->times == CLI_ANY_NUMBER ? last : NULL;
}

bool completion_uses(const struct cli_table *table, enum cli_kind kind)
{
	for (const struct cli_command *command = table->commands; command->name; command++) {
		for (const struct cli_option *o = command->options; o && o->name; o++)
			if (o->value && o->kind == kind)
				return true;
		for (size_t n = 0; n < command->n_arguments; n++) {
			const struct cli_argument *argument = &command->arguments[n];
			struct cli_word word;

			if (argument->kind == kind)
				return true;
			for (size_t i = 0; cli_word(&word, argument, i); i++)
				if (word.value && word.kind == kind)
					return true;
		}
	}
	return false;
}

bool completion_any_series(const struct cli_table *table)
{
	for (const struct cli_command *command = table->commands; command->name; command++)
		if (completion_series(command))
			return true;
	return false;
}

void completion_add_text(struct strbuf *out, const char *text, const struct cli_table *table)
{
	for (; *text; text++) {
		if (text[0] == '@' && text[1] == 'p') {
			strbuf_add(out, table->program);
			text++;
		} else if (text[0] == '@' && text[1] == 'c') {
			strbuf_add(out, SYSCONFDIR "/wireguard");
			text++;
		} else if (text[0] == '@' && text[1] == 'f') {
			strbuf_add_char(out, '_');
			for (const char *c = table->program; *c; c++)
				strbuf_add_char(out, *c == '-' ? '_' : *c);
			text++;
		} else {
			strbuf_add_char(out, *text);
		}
	}
}

void completion_add_quoted(struct strbuf *out, const char *text, const char *escaped)
{
	strbuf_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'') {
			strbuf_add(out, "'\\''");
			continue;
		}
		if (strchr(escaped, *text))
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, *text);
	}
	strbuf_add_char(out, '\'');
}
