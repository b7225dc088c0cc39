#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* What the command line programs share: how they describe what they take, colour, messages. */

/** What a word on the command line stands for; completion offers such words. */
enum cli_kind {
	CLI_TEXT,      /* nothing to offer */
	CLI_INTERFACE, /* a WireGuard interface that is there */
	CLI_CONFIG,    /* a configuration: the name of one in SYSCONFDIR/wireguard, or a file */
	CLI_RUNNING,   /* likewise, but by name only those whose interface is there */
	CLI_FILE,      /* a file */
	CLI_KEY,       /* a peer of the interface that is the first argument: its key, or @name */
	CLI_WORDS,     /* one of the words listed, and nothing else */
};

/** Where a word may stand among others that follow each other, as in `wg set`. */
enum cli_scope {
	CLI_BEFORE_GROUPS, /* before the first group, once */
	CLI_OPENS_GROUP,   /* anywhere: what follows is about this one, until the next such word */
	CLI_IN_GROUP,      /* in a group, once */
};

/** A word that stands for itself. */
struct cli_word {
	const char *name;
	const char *value;       /* what follows it, as the usage writes it; NULL: nothing */
	enum cli_kind kind;      /* the value's */
	const char *also;        /* a word that may be the value, too; or NULL */
	enum cli_scope scope;    /* for CLI_ANY_NUMBER */
	bool is_alone;           /* in its group: what else is said there is for nothing */
	bool is_last;            /* no argument follows it */
	const char *description; /* for the help: begins in lower case, no full stop */
};

enum cli_times {
	CLI_ONCE,
	CLI_OPTIONAL,   /* it may be left out */
	CLI_ANY_NUMBER, /* words, each with its value, as their scopes say; ends the arguments */
};

/** One place for a word behind the subcommand. */
struct cli_argument {
	const char *name; /* as the usage writes it: "<interface>"; NULL: it lists the words */
	const char *description; /* of what `name` stands for */
	enum cli_kind kind;
	enum cli_times times;
	/* Words that may stand here as well as `kind`: an array ended by one without a name, or a
	 * function that says the i-th and returns false behind the last. */
	const struct cli_word *words;
	bool (*word)(struct cli_word *out, size_t i);
	const char *title;       /* what the help calls the words: "Fields" */
	const char *group_title; /* and those in groups */
};

/** An option "--name", "--name VALUE" or "--name[=VALUE]"; a table is ended by one without a name.
 */
struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* as the usage writes it; NULL: it takes none */
	bool is_optional;  /* the value is, and is given after "=" only */
	enum cli_kind kind;
	const char *description; /* for the help: begins in lower case, no full stop */
};

/** One subcommand; a program has a table of them, ended by one without a name. */
struct cli_command {
	const char *name;
	const char *description; /* for the list of subcommands */
	const char *details;     /* what the help says besides: sentences; or NULL */
	bool is_unlisted;        /* the list of subcommands leaves it out */
	/* argv[0] is the subcommand's name; returns the exit status. */
	int (*run)(int argc, char **argv);
	const struct cli_option *options;     /* NULL: none */
	const struct cli_argument *arguments; /* in their order; NULL: none */
	size_t n_arguments;
};

/** All that a program takes: help and completion are made from it. */
struct cli_table {
	const char *program;
	const struct cli_option *options; /* in the place of a subcommand; NULL: none */
	const struct cli_command *commands;
};

/** The i-th of the words that may stand for an argument. Returns false behind the last. */
bool cli_word(struct cli_word *out, const struct cli_argument *argument, size_t i);

/**
 * Takes the options of a command out of argv, wherever they stand behind argv[0], up to a "--",
 * which goes, too. What is left moves together; *argc says how many. `take` hears of each option in
 * turn, `value` is NULL where none was given; it returns 0, or -EINVAL with *err filled in.
 * A value that the option must have is the next word, or stands after "=".
 *
 * Words stay where they are if the original knows what they mean: those that begin with one dash
 * only, or with two and are no option of the command; those that are the value of the word before,
 * where arguments are words with values; and all of them, if they are just as many as the arguments
 * that the command must have. So nobody who chooses one word of a script chooses what the others
 * mean.
 *
 * argv[*argc] is NULL, before and after; the command may have no options.
 * Returns 0, or -EINVAL: an option lacks its value or has one too many, or take() refused.
 */
int cli_take_options(int *argc, char **argv, const struct cli_command *command,
		     int (*take)(void *ctx, const struct cli_option *option, const char *value,
				 struct err *err),
		     void *ctx, struct err *err);

/** argv[0] of this program as it was called: messages begin with it. */
extern const char *cli_program;

/** The command called `name`, or NULL. */
const struct cli_command *cli_find(const struct cli_command *commands, const char *name);

/** Adds "file:line:column: ", the place that err is about; nothing if it is about none. */
void cli_add_place(struct strbuf *out, const struct err *err, const char *file);

/** Prints "text\n" on stderr, in one piece. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Writes what is in `out` to stdout and empties it. Returns 0, also if nobody reads it any more, or
 * the exit status 1 after saying why on stderr.
 */
int cli_write(struct strbuf *out);
/** As cli_write(), but waits until there is enough for it to be worth while. */
int cli_write_some(struct strbuf *out);

/** Whether to write colours on stdout: WG_COLOR_MODE is always or never, else if it is a terminal.
 */
bool cli_colour(void);

#endif
