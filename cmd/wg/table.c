/* wg's table: each subcommand with its options and arguments (see commands.h and cmd/cli.h). */
#include "cmd/wg/commands.h"

#include "cmd/cli.h"

const struct cli_option wg_show_options[] = {
	{ .name = "json", .description = "print one JSON object of all interfaces" },
	{ .name = "ndjson", .description = "print a line of JSON for each interface" },
	{ .name = "prometheus", .description = "print metrics for Prometheus" },
	{ .name = "names", .description = "call peers by the names in their configuration" },
	{
		.name = "watch",
		.value = "SECONDS",
		.is_optional = true,
		.description = "show it again and again, every 2 seconds if not told",
	},
	{ .name = NULL },
};

const struct cli_option wg_change_options[] = {
	{ .name = "warn", .description = "say when an allowed IP is taken from another peer" },
	{ .name = NULL },
};

const struct cli_option wg_generate_options[] = {
	{
		.name = "out",
		.value = "FILE",
		.kind = CLI_FILE,
		.description = "write the key to a new file that only its owner can read",
	},
	{ .name = NULL },
};

const struct cli_command wg_commands[] = {
	{
		.name = "show",
		.description = "Shows the current configuration and device information",
		.run = wg_show,
		.options = wg_show_options,
	},
	{
		.name = "showconf",
		.description = "Shows the current configuration of a given WireGuard interface, "
			       "for use with `setconf'",
		.run = wg_showconf,
	},
	{
		.name = "set",
		.description = "Change the current configuration, add peers, remove peers, or "
			       "change peers",
		.run = wg_set,
		.options = wg_change_options,
	},
	{
		.name = "setconf",
		.description = "Applies a configuration file to a WireGuard interface",
		.run = wg_setconf,
		.options = wg_change_options,
	},
	{
		.name = "addconf",
		.description = "Appends a configuration file to a WireGuard interface",
		.run = wg_setconf,
		.options = wg_change_options,
	},
	{
		.name = "syncconf",
		.description = "Synchronizes a configuration file to a WireGuard interface",
		.run = wg_setconf,
		.options = wg_change_options,
	},
	{
		.name = "genkey",
		.description = "Generates a new private key and writes it to stdout",
		.run = wg_genkey,
		.options = wg_generate_options,
	},
	{
		.name = "genpsk",
		.description = "Generates a new preshared key and writes it to stdout",
		.run = wg_genkey,
		.options = wg_generate_options,
	},
	{
		.name = "pubkey",
		.description = "Reads a private key from stdin and writes a public key to stdout",
		.run = wg_pubkey,
	},
	{ .name = NULL },
};
