#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "cmd/cli.h"
#include "lib/util/strbuf.h"

/* Usage and help, from the table of a program. */

/** Adds the arguments of a subcommand as its usage has them: "<interface> <file>", in one line. */
void help_add_arguments(struct strbuf *out, const struct cli_command *command);

/**
 * Adds all that is known about a subcommand: usage, what it does, arguments, options. Lines have at
 * most 80 columns. `program` is what the usage calls the program; `page` is its manual: "wg(8)".
 */
void help_add(struct strbuf *out, const struct cli_command *command, const char *program,
	      const char *page);

#endif
