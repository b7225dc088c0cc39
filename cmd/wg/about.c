/* wg help, wg version, wg completion: what wg says about itself, from its table. */
#include <string.h>

#include "cmd/cli.h"
#include "cmd/completion.h"
#include "cmd/help.h"
#include "cmd/wg/commands.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

/* What scripts compare versions with: the release of the original that this program matches. */
#define COMPATIBLE "wireguard-tools v1.0.20260223 - https://git.zx2c4.com/wireguard-tools/"

int wg_usage(const char *subcommand)
{
	AUTO(strbuf_fini) struct strbuf arguments = { 0 };

	help_add_arguments(&arguments, cli_find(wg_table.commands, subcommand));
	cli_say("Usage: %s %s%s%s", cli_program, subcommand, arguments.len ? " " : "",
		strbuf_text(&arguments));
	return 1;
}

/* The list of subcommands, without a newline at its end. */
static void add_list(struct strbuf *out)
{
	strbuf_addf(out, "Usage: %s <cmd> [<args>]\n\nAvailable subcommands:\n", cli_program);
	for (const struct cli_command *command = wg_table.commands; command->name; command++)
		if (!command->is_unlisted)
			strbuf_addf(out, "  %s: %s\n", command->name, command->description);
	strbuf_add(out, "You may pass `--help' to any of these subcommands to view usage.");
}

int wg_unknown(const char *word)
{
	AUTO(strbuf_fini) struct strbuf list = { 0 };

	add_list(&list);
	cli_say("Invalid subcommand: `%s'\n%s", word, list.text);
	return 1;
}

int wg_help(int argc, char **argv)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	const struct cli_command *command;

	if (argc == 1) {
		add_list(&text);
		strbuf_add_char(&text, '\n');
		return cli_write(&text);
	}
	command = cli_find(wg_table.commands, argv[1]);
	if (!command)
		return wg_unknown(argv[1]);
	help_add(&text, command, cli_program, "wg(8)");
	return cli_write(&text);
}

int wg_version(int argc, char **argv)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	(void)argc;
	(void)argv;
	strbuf_add(&text, COMPATIBLE " (wgsuite " VERSION ")\n");
	return cli_write(&text);
}

int wg_completion(int argc, char **argv)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	if (argc != 2 || !completion_add(&text, argv[1], &wg_table))
		return wg_usage(argv[0]);
	return cli_write(&text);
}
