#ifndef CMD_COMPLETION_H
#define CMD_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/cli.h"
#include "lib/util/strbuf.h"

/* Completion scripts for shells, made from the table of a program. */

/** The shells there are scripts for, as words: for a subcommand that prints one. */
extern const struct cli_word completion_shells[];

/**
 * Adds the script for `shell`: one of completion_shells. Returns false if there is no such shell.
 *
 * All scripts know the same: subcommands; options, those that were not given yet; for each
 * argument its words and what its kind says; and where words follow each other, those that may come
 * next. What they learn from outside, such as an interface's name, is text to them, never expanded.
 */
bool completion_add(struct strbuf *out, const char *shell, const struct cli_table *table);

/* ---- for the writers of the scripts, one file for each shell --------------------------------- */

void completion_add_bash(struct strbuf *out, const struct cli_table *table);
void completion_add_zsh(struct strbuf *out, const struct cli_table *table);
void completion_add_fish(struct strbuf *out, const struct cli_table *table);

/** Which of an argument's words are wanted. */
enum completion_words {
	COMPLETION_ALL,
	COMPLETION_BEFORE, /* CLI_BEFORE_GROUPS */
	COMPLETION_OPENS,  /* CLI_OPENS_GROUP */
	COMPLETION_WITHIN, /* CLI_IN_GROUP */
	COMPLETION_ALONE,  /* is_alone */
	COMPLETION_LAST,   /* is_last */
	COMPLETION_VALUED, /* followed by a value */
};

/** The next of those words from the *i-th on; *i moves behind it. Returns false behind the last. */
bool completion_next(struct cli_word *out, size_t *i, const struct cli_argument *argument,
		     enum completion_words which);

/** Whether any subcommand ends in any number of words. */
bool completion_any_series(const struct cli_table *table);

/** Whether any argument, or any value of an option or a word, is of that kind. */
bool completion_uses(const struct cli_table *table, enum cli_kind kind);

/** The last argument, if it is any number of words; else NULL. */
const struct cli_argument *completion_series(const struct cli_command *command);

/**
 * Adds a script's text, in which "@f" stands for what the names of its functions begin with, "@p"
 * for the program, "@c" for the directory of configurations.
 */
void completion_add_text(struct strbuf *out, const char *text, const struct cli_table *table);

/** Adds text in single quotes, in which `escaped` characters have a backslash before them. */
void completion_add_quoted(struct strbuf *out, const char *text, const char *escaped);

#endif
