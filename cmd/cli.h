#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* What the command line programs share: subcommands, usage, colour, messages. */

/** What a word on the command line stands for; completion offers such words. */
enum cli_kind {
	CLI_TEXT,      /* nothing to offer */
	CLI_INTERFACE, /* a WireGuard interface that is there */
	CLI_CONFIG,    /* a configuration: the name of one in SYSCONFDIR/wireguard, or a file */
	CLI_FILE,      /* a file */
	CLI_KEY,       /* a peer of the interface named before: its public key, or @name */
	CLI_WORDS,     /* one of the words listed */
};

/** One place for a word after the subcommand. */
struct cli_argument {
	enum cli_kind kind;
	const char *words; /* with blanks between them; what may stand here as well as `kind` */
};

/** An option "--name", "--name VALUE" or "--name[=VALUE]"; a table is ended by one without a name.
 */
struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* how the help calls it; NULL: it takes none */
	bool is_optional;  /* the value is, and is given after "=" only */
	enum cli_kind kind;
	const char *description; /* for the help: begins in lower case, no full stop */
};

/** One subcommand; a program has a table of them, ended by one without a name. */
struct cli_command {
	const char *name;
	const char *description; /* for the list of subcommands */
	/* argv[0] is the subcommand's name; returns the exit status. */
	int (*run)(int argc, char **argv);
	const struct cli_option *options;     /* NULL: none */
	const struct cli_argument *arguments; /* in their order; NULL: none */
	size_t n_arguments;
};

/**
 * Takes the options out of argv, wherever they stand behind argv[0], up to a "--", which goes, too.
 * What is left moves together; *argc says how many. `take` hears of each option in turn, `value`
 * is NULL where none was given; it returns 0, or -EINVAL with *err filled in.
 * A value that the option must have is the next word, or stands after "=". Words that begin with
 * one dash only, or with two and are no option of the table, stay where they are: the original
 * takes them for names. argv[*argc] is NULL, before and after; `options` may be NULL.
 * Returns 0, or -EINVAL: an option lacks its value or has one too many, or take() refused.
 */
int cli_take_options(int *argc, char **argv, const struct cli_option *options,
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
