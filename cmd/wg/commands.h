#ifndef CMD_WG_COMMANDS_H
#define CMD_WG_COMMANDS_H

#include "cmd/cli.h"
#include "lib/ipc/resolve.h"
#include "lib/model/device.h"

/* The subcommands of wg. Each returns the exit status, 0 or 1; argv[0] is the subcommand's name. */

int wg_show(int argc, char **argv);
int wg_showconf(int argc, char **argv);
int wg_set(int argc, char **argv);
int wg_setconf(int argc, char **argv); /* addconf and syncconf, too: argv[0] tells */
int wg_genkey(int argc, char **argv);  /* genpsk, too */
int wg_pubkey(int argc, char **argv);
int wg_help(int argc, char **argv); /* of the subcommand argv[1], else the list */
int wg_version(int argc, char **argv);
int wg_completion(int argc, char **argv);

/** All that wg takes; subcommands in the order of the list that `wg help` prints. */
extern const struct cli_table wg_table;

/** For cli_take_options() of set and the like; `ctx` is a bool that --warn sets. */
int wg_take_warn(void *ctx, const struct cli_option *option, const char *value, struct err *err);

/** Says on stderr that a name is tried again. */
extern const struct resolve_progress wg_progress;

/** Says on stderr that there is no such subcommand, and which there are; returns 1. */
int wg_unknown(const char *word);

/** Prints the usage of a subcommand on stderr; returns the exit status 1. */
int wg_usage(const char *subcommand);

/**
 * Makes `change` to the device called `name`; on failure says why on stderr. Returns the exit
 * status.
 */
int wg_modify(struct wg_device *change, const char *name);

#endif
