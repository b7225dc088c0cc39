/* wg: finds the subcommand; what they share (see commands.h). */
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "lib/ipc/ipc.h"

static void say_waiting(void *ctx, const char *message)
{
	(void)ctx;
	cli_say("%s", message);
}

const struct resolve_progress wg_progress = { .waiting = say_waiting };

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

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return !strcmp(word, a) || !strcmp(word, b);
}

/* The subcommand that is called, or NULL. Where the original knows none, what it says stays. */
static const struct cli_command *find(int argc, char **argv)
{
	const char *name = argv[1];

	if (argc == 2 && is_one_of(name, "-h", "--help"))
		name = "help";
	if (argc == 2 && is_one_of(name, "-v", "--version"))
		name = "version";
	if ((!strcmp(name, "help") && argc > 3) || (!strcmp(name, "version") && argc > 2))
		return NULL;
	return cli_find(wg_table.commands, name);
}

int main(int argc, char **argv)
{
	static char *show_all[] = { "show", NULL };
	const struct cli_command *command;

	if (argc > 0)
		cli_program = argv[0];
	if (argc < 2)
		return wg_show(1, show_all);
	command = find(argc, argv);
	return command ? command->run(argc - 1, argv + 1) : wg_unknown(argv[1]);
}
