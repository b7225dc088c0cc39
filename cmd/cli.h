#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* What the command line programs share: subcommands, usage, colour, messages. */

/** One subcommand; a program has a table of them, ended by one without a name. */
struct cli_command {
	const char *name;
	const char *description; /* for the list of subcommands */
	/* argv[0] is the subcommand's name; returns the exit status. */
	int (*run)(int argc, char **argv);
};

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
