/* wg's table: each subcommand with its options and arguments (see commands.h and cmd/cli.h). */
#include "cmd/wg/commands.h"

#include "cmd/cli.h"
#include "cmd/completion.h"
#include "cmd/wg/change.h"
#include "cmd/wg/show.h"

static const struct cli_option show_options[] = {
	{ .name = "json", .description = "print one JSON object of all interfaces" },
	{ .name = "ndjson", .description = "print a line of JSON for each interface" },
	{ .name = "prometheus", .description = "print metrics for Prometheus" },
	{ .name = "names", .description = "call peers by the names in their configuration" },
	{
		.name = "watch",
		.value = "<seconds>",
		.is_optional = true,
		.description = "show it again and again, every 2 seconds if not told",
	},
	{ .name = NULL },
};

static const struct cli_option change_options[] = {
	{ .name = "warn", .description = "say when an allowed IP is taken from another peer" },
	{ .name = NULL },
};

static const struct cli_option generate_options[] = {
	{
		.name = "out",
		.value = "<file>",
		.kind = CLI_FILE,
		.description = "write the key to a new file that only its owner can read",
	},
	{ .name = NULL },
};

static bool command_word(struct cli_word *out, size_t i);

static const struct cli_word show_words[] = {
	{ .name = "all", .description = "all of them, as without an argument" },
	{
		.name = "interfaces",
		.is_last = true,
		.description = "nothing but the names of all, in one line",
	},
	{ .name = NULL },
};

static const struct cli_argument show_arguments[] = {
	{
		.name = "<interface>",
		.description = "one interface, by its name",
		.kind = CLI_INTERFACE,
		.words = show_words,
	},
	{
		.kind = CLI_WORDS,
		.times = CLI_OPTIONAL,
		.word = show_field_word,
		.title = "Fields, for scripts",
	},
};

static const struct cli_argument showconf_arguments[] = {
	{ .name = "<interface>", .description = "its name", .kind = CLI_INTERFACE },
};

static const struct cli_argument set_arguments[] = {
	{ .name = "<interface>", .description = "its name", .kind = CLI_INTERFACE },
	{
		.kind = CLI_WORDS,
		.times = CLI_ANY_NUMBER,
		.word = change_word,
		.title = "Of the interface",
		.group_title = "Of each peer",
	},
};

static const struct cli_argument conf_arguments[] = {
	{ .name = "<interface>", .description = "its name", .kind = CLI_INTERFACE },
	{
		.name = "<configuration filename>",
		.description = "its file, without what only wg-quick understands",
		.kind = CLI_FILE,
	},
};

static const struct cli_argument help_arguments[] = {
	{
		.name = "<subcommand>",
		.description = "the one to tell all about",
		.kind = CLI_WORDS,
		.times = CLI_OPTIONAL,
		.word = command_word,
		.title = "Subcommands",
	},
};

static const struct cli_argument completion_arguments[] = {
	{ .kind = CLI_WORDS, .words = completion_shells, .title = "Shells" },
};

#define ARGUMENTS(list) .arguments = (list), .n_arguments = sizeof(list) / sizeof((list)[0])

static const struct cli_command commands[] = {
	{
		.name = "show",
		.description = "Shows the current configuration and device information",
		.details = "Without a field it is for people to read; with one, lines for scripts, "
			   "which begin with the interface's name if all are asked for.",
		.run = wg_show,
		.options = show_options,
		ARGUMENTS(show_arguments),
	},
	{
		.name = "showconf",
		.description = "Shows the current configuration of a given WireGuard interface, "
			       "for use with `setconf'",
		.run = wg_showconf,
		ARGUMENTS(showconf_arguments),
	},
	{
		.name = "set",
		.description = "Change the current configuration, add peers, remove peers, or "
			       "change peers",
		.details = "What is not named stays as it is. Everything is read, and names are "
			   "looked up, before the first change is made.",
		.run = wg_set,
		.options = change_options,
		ARGUMENTS(set_arguments),
	},
	{
		.name = "setconf",
		.description = "Applies a configuration file to a WireGuard interface",
		.details = "What the file leaves out is reset or removed.",
		.run = wg_setconf,
		.options = change_options,
		ARGUMENTS(conf_arguments),
	},
	{
		.name = "addconf",
		.description = "Appends a configuration file to a WireGuard interface",
		.details = "What the file leaves out stays as it is.",
		.run = wg_setconf,
		.options = change_options,
		ARGUMENTS(conf_arguments),
	},
	{
		.name = "syncconf",
		.description = "Synchronizes a configuration file to a WireGuard interface",
		.details = "This ends as `setconf' does, but peers that stay keep their sessions.",
		.run = wg_setconf,
		.options = change_options,
		ARGUMENTS(conf_arguments),
	},
	{
		.name = "genkey",
		.description = "Generates a new private key and writes it to stdout",
		.run = wg_genkey,
		.options = generate_options,
	},
	{
		.name = "genpsk",
		.description = "Generates a new preshared key and writes it to stdout",
		.run = wg_genkey,
		.options = generate_options,
	},
	{
		.name = "pubkey",
		.description = "Reads a private key from stdin and writes a public key to stdout",
		.run = wg_pubkey,
	},
	{
		.name = "help",
		.description = "Prints the list of subcommands, or all about one of them",
		.is_unlisted = true,
		.run = wg_help,
		ARGUMENTS(help_arguments),
	},
	{
		.name = "version",
		.description = "Prints the release of wireguard-tools that this program matches, "
			       "and its own version",
		.is_unlisted = true,
		.run = wg_version,
	},
	{
		.name = "completion",
		.description = "Prints the completion script for a shell",
		.is_unlisted = true,
		.run = wg_completion,
		ARGUMENTS(completion_arguments),
	},
	{ .name = NULL },
};

static bool command_word(struct cli_word *out, size_t i)
{
	/* The end is never passed: it is the first that is refused. */
	*out = (struct cli_word){
		.name = commands[i].name,
		.description = commands[i].description,
	};
	return out->name;
}

static const struct cli_option options[] = {
	{ .name = "help", .description = "print the list of subcommands" },
	{ .name = "version", .description = "print the version" },
	{ .name = NULL },
};

const struct cli_table wg_table = { .program = "wg", .options = options, .commands = commands };
