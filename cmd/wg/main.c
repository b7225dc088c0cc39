/* wg: finds the subcommand; what they share (see commands.h). */
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

/* What scripts compare versions with: the release of the original that this program matches. */
#define COMPATIBLE "wireguard-tools v1.0.20260223 - https://git.zx2c4.com/wireguard-tools/"

static void say_waiting(void *ctx, const char *message)
{
	(void)ctx;
	cli_say("%s", message);
}

const struct resolve_progress wg_progress = { .waiting = say_waiting };

int wg_usage(const char *subcommand, const char *arguments)
{
	cli_say("Usage: %s %s%s%s", cli_program, subcommand, *arguments ? " " : "", arguments);
	return 1;
}

int wg_modify(struct wg_device *change, const char *name)
{
	size_t len = strlen(name);
	struct err err;

	/* Cut to fit, it would be another device's name. */
	if (len >= sizeof(change->name)) {
		cli_say("Unable to modify interface: %s", strerror(ENAMETOOLONG));
		return 1;
	}
	memcpy(change->name, name, len + 1);
	if (!ipc_set(change, &err))
		return 0;
	cli_say("Unable to modify interface: %s", err.text);
	return 1;
}

static void add_usage(struct strbuf *out)
{
	strbuf_addf(out, "Usage: %s <cmd> [<args>]\n\nAvailable subcommands:\n", cli_program);
	for (const struct cli_command *command = wg_commands; command->name; command++)
		strbuf_addf(out, "  %s: %s\n", command->name, command->description);
	strbuf_add(out, "You may pass `--help' to any of these subcommands to view usage.");
}

static int is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

int main(int argc, char **argv)
{
	static char *show_all[] = { "show", NULL };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	const struct cli_command *command;

	if (argc > 0)
		cli_program = argv[0];
	if (argc < 2)
		return wg_show(1, show_all);
	if (argc == 2 && is_one_of(argv[1], "-v", "--version", "version")) {
		strbuf_add(&text, COMPATIBLE " (wgsuite " VERSION ")\n");
		return cli_write(&text);
	}
	if (argc == 2 && is_one_of(argv[1], "-h", "--help", "help")) {
		add_usage(&text);
		strbuf_add_char(&text, '\n');
		return cli_write(&text);
	}
	command = cli_find(wg_commands, argv[1]);
	if (command)
		return command->run(argc - 1, argv + 1);
	add_usage(&text);
	cli_say("Invalid subcommand: `%s'\n%s", argv[1], text.text);
	return 1;
}
