/*
 * wg-quick: brings up and takes down a WireGuard interface as a configuration file describes it.
 *
 * A file's way: target (which file) -> lib/conf (what it says) -> state (what the host is like) ->
 * plan (what to do) -> apply (do it, or take it back).
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/completion.h"
#include "cmd/wg-quick/commands.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

static char self[PATH_MAX]; /* this program's file */

static const char usage_text[] =
	"Usage: wg-quick [ up | down | save | strip ] [ CONFIG_FILE | INTERFACE ]\n"
	"       wg-quick [ reload | reresolve | status ] [ CONFIG_FILE | INTERFACE ]\n"
	"       wg-quick up --replace [ CONFIG_FILE | INTERFACE ]\n"
	"       wg-quick down --if-exists [ CONFIG_FILE | INTERFACE ]\n"
	"       wg-quick status --json [ CONFIG_FILE | INTERFACE ]\n"
	"       wg-quick [ up | down | reload ] --dry-run [ --json ] ...\n"
	"       wg-quick completion [ bash | zsh | fish ]\n"
	"\n"
	"  CONFIG_FILE is a path; the file is named INTERFACE.conf.\n"
	"  INTERFACE stands for the file " SYSCONFDIR "/wireguard/INTERFACE.conf.\n"
	"\n"
	"  up          creates the interface, sets it up, adds addresses and routes\n"
	"  down        removes it\n"
	"  reload      makes a running interface what the file says; no session is lost\n"
	"  save        writes the running configuration to the file\n"
	"  reresolve   looks up again the names of peers that do not answer\n"
	"  status      tells whether it is up, and as the file says; changes nothing\n"
	"  strip       prints the file without what only wg-quick understands, for wg(8)\n"
	"\n"
	"  --replace   if it is up already, it is taken down first\n"
	"  --if-exists it is no failure if there is nothing to take down\n"
	"  --dry-run   only tells what would be done, and why; changes nothing\n"
	"  --json      tells it as JSON\n"
	"\n"
	"  In the [Interface] section these are wg-quick's own:\n"
	"\n"
	"  Address                           its addresses, with their prefixes\n"
	"  DNS                               name servers and search domains\n"
	"  MTU                               if left out, found by routes to the peers\n"
	"  Table                             where routes go: `auto', `off', or a table\n"
	"  PreUp, PostUp, PreDown, PostDown  commands for bash(1); `%i' is the interface\n"
	"  SaveConfig                        `true': down saves first\n"
	"\n"
	"  Comments such as `#wg: KillSwitch = on' may say more.\n"
	"\n"
	"See wg-quick(8).\n";

/* Becomes the same program, run by sudo. Returns only on failure. */
static int become_root(int argc, char **argv)
{
	char *const prefix[] = {
		"sudo",
		"-p",
		"wg-quick must be run as root. Please enter the password for %u to continue: ",
		"--",
		self,
	};
	size_t n = sizeof(prefix) / sizeof(prefix[0]);
	AUTO(auto_free) char **args = mem_alloc(n + (size_t)argc, sizeof(*args));

	memcpy(args, prefix, sizeof(prefix));
	memcpy(args + n, argv + 1, (size_t)argc * sizeof(*args)); /* and the NULL at the end */
	execvp(args[0], args);
	cli_say("%s: must be run as root; sudo: %s", cli_program, strerror(errno));
	return 1;
}

static int take_option(void *ctx, const struct cli_option *option, const char *value,
		       struct err *err)
{
	struct quick_options *options = ctx;
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "dry-run", &options->is_dry_run },
		{ "if-exists", &options->if_exists },
		{ "json", &options->is_json },
		{ "replace", &options->is_replacing },
	};

	(void)value;
	(void)err;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!strcmp(flags[i].name, option->name))
			*flags[i].flag = true;
	return 0;
}

static int run_completion(int argc, char **argv);

static const struct cli_argument any_arguments[] = {
	{ .name = "CONFIG_FILE | INTERFACE", .kind = CLI_CONFIG },
};

static const struct cli_argument running_arguments[] = {
	{ .name = "CONFIG_FILE | INTERFACE", .kind = CLI_RUNNING },
};

static const struct cli_argument completion_arguments[] = {
	{ .kind = CLI_WORDS, .words = completion_shells },
};

#define DRY_RUN_DESCRIPTION "only tell what would be done, and why"
#define JSON_DESCRIPTION "tell it as JSON"

static const struct cli_option up_options[] = {
	{ .name = "replace", .description = "take it down first, if it is up" },
	{ .name = "dry-run", .description = DRY_RUN_DESCRIPTION },
	{ .name = "json", .description = JSON_DESCRIPTION },
	{ .name = NULL },
};

static const struct cli_option down_options[] = {
	{ .name = "if-exists", .description = "it is no failure if there is nothing to take down" },
	{ .name = "dry-run", .description = DRY_RUN_DESCRIPTION },
	{ .name = "json", .description = JSON_DESCRIPTION },
	{ .name = NULL },
};

static const struct cli_option reload_options[] = {
	{ .name = "dry-run", .description = DRY_RUN_DESCRIPTION },
	{ .name = "json", .description = JSON_DESCRIPTION },
	{ .name = NULL },
};

static const struct cli_option status_options[] = {
	{ .name = "json", .description = JSON_DESCRIPTION },
	{ .name = NULL },
};

static const struct cli_command commands[] = {
	{
		.name = "up",
		.description = "creates the interface",
		.run = quick_up,
		.options = up_options,
		.arguments = any_arguments,
		.n_arguments = 1,
	},
	{
		.name = "down",
		.description = "removes it",
		.run = quick_down,
		.options = down_options,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "reload",
		.description = "makes it what the file says now",
		.run = quick_reload,
		.options = reload_options,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "save",
		.description = "writes the running configuration to the file",
		.run = quick_save,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "reresolve",
		.description = "looks up again the names of peers that do not answer",
		.run = quick_reresolve,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "status",
		.description = "tells whether it is up, and as the file says",
		.run = quick_status,
		.options = status_options,
		.arguments = any_arguments,
		.n_arguments = 1,
	},
	{
		.name = "strip",
		.description = "prints the file for wg(8)",
		.run = quick_strip,
		.arguments = any_arguments,
		.n_arguments = 1,
	},
	{
		.name = "completion",
		.description = "prints the completion script for a shell",
		.is_unlisted = true,
		.run = run_completion,
		.arguments = completion_arguments,
		.n_arguments = 1,
	},
	{ .name = NULL },
};

static const struct cli_option options[] = {
	{ .name = "help", .description = "tell how it is used" },
	{ .name = NULL },
};

static const struct cli_table table = {
	.program = "wg-quick",
	.options = options,
	.commands = commands,
};

static int run_completion(int argc, char **argv)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	(void)argc;
	if (completion_add(&text, argv[1], &table))
		return cli_write(&text);
	cli_say("%s: completion: there is none for `%s'", cli_program, argv[1]);
	return 1;
}

/* Commands of hooks find our `wg`, and the fallback our `wg-datapath`, wherever this is installed;
 * what they print does not depend on the locale. */
static void set_environment(void)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	const char *old = getenv("PATH");
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char dir[PATH_MAX];

	setenv("LC_ALL", "C", 1);
	if (len <= 0)
		return;
	memcpy(dir, self, sizeof(dir));
	/* Nothing after the colon would be the current directory. */
	strbuf_addf(&path, "%s:%s", dirname(dir), old && old[0] ? old : _PATH_STDPATH);
	setenv("PATH", strbuf_text(&path), 1);
}

/* Where the caller has closed one of them, the next file to be opened would take its place:
 * messages would go to it, and hooks would fail for telling something. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* What is wrong with the command line: below the usage, which may be longer than the screen. */
static void say_mistake(int argc, char **argv)
{
	const struct cli_command *command = cli_find(commands, argv[1]);

	if (!command) {
		cli_say("%s: there is no command `%s'", cli_program, argv[1]);
		return;
	}
	for (int i = 2; i < argc; i++)
		if (!strncmp(argv[i], "--", 2)) {
			cli_say("%s: `%s' has no option `%s'", cli_program, argv[1], argv[i]);
			return;
		}
	cli_say("%s: `%s' takes one %s", cli_program, argv[1],
		command->run == run_completion ? "name of a shell" : "CONFIG_FILE or INTERFACE");
}

static int say_usage(int argc, char **argv)
{
	bool is_help = argc == 2 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "-h") ||
				     !strcmp(argv[1], "--help"));

	fputs(usage_text, stderr);
	if (argc > 1 && !is_help)
		say_mistake(argc, argv);
	return is_help ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct cli_command *command = argc > 2 ? cli_find(commands, argv[1]) : NULL;
	struct err err = { 0 };

	open_standard_streams();
	cli_program = argc ? basename(argv[0]) : "wg-quick";
	set_environment();
	if (!command)
		return say_usage(argc, argv);
	if (geteuid() && command->run != run_completion)
		return become_root(argc, argv);
	argc--;
	argv++;
	if (cli_take_options(&argc, argv, command, take_option, &quick_options, &err))
		return quick_fail(&err, NULL);
	return argc == 2 ? command->run(argc, argv) : say_usage(argc + 1, argv - 1);
}
