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
#include "cmd/wg-quick/apply.h"
#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/save.h"
#include "cmd/wg-quick/state.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

static char self[PATH_MAX]; /* this program's file */

static const char usage_text[] =
	"Usage: wg-quick [ up | down | save | strip ] [ CONFIG_FILE | INTERFACE ]\n"
	"\n"
	"  CONFIG_FILE is a path; the file is named after the interface, followed by `.conf'.\n"
	"  INTERFACE stands for the file " SYSCONFDIR "/wireguard/INTERFACE.conf.\n"
	"\n"
	"  up      creates the interface, sets it up, adds addresses and routes\n"
	"  down    removes it\n"
	"  save    writes the running configuration to the file\n"
	"  strip   prints the file without what only wg-quick understands, for wg(8)\n"
	"\n"
	"  In the [Interface] section these are wg-quick's own:\n"
	"\n"
	"  Address                              the interface's addresses, with their prefixes\n"
	"  DNS                                  name servers and search domains\n"
	"  MTU                                  if left out, found from the routes to the peers\n"
	"  Table                                where routes go: `auto', `off', or a routing "
	"table\n"
	"  PreUp, PostUp, PreDown, PostDown     commands for bash(1); `%i' is the interface\n"
	"  SaveConfig                           `true': down saves first\n"
	"\n"
	"See wg-quick(8).\n";

/* One line, with the place in the file that it is about. */
static int fail(const struct err *err, const char *file)
{
	AUTO(strbuf_fini) struct strbuf place = { 0 };

	if (file)
		cli_add_place(&place, err, file);
	cli_say("%s: %s%s%s%s", cli_program, strbuf_text(&place), err->text,
		err->expected ? "; expected " : "", err->expected ? err->expected : "");
	return 1;
}

/* Becomes the same program, run by sudo. Returns only on failure. */
static int become_root(char *command, char *argument)
{
	char *const args[] = {
		"sudo",
		"-p",
		"wg-quick must be run as root. Please enter the password for %u to continue: ",
		"--",
		self,
		command,
		argument,
		NULL,
	};

	execvp(args[0], args);
	cli_say("%s: must be run as root; sudo: %s", cli_program, strerror(errno));
	return 1;
}

static int open_target(struct target *out, const char *argument)
{
	struct err err = { 0 };

	if (target_find(out, argument, &err))
		return fail(&err, NULL);
	if (target_is_world_accessible(out))
		cli_say("Warning: `%s' is world accessible", out->path);
	return 0;
}

/* What up and down have to look at before they decide. */
struct view {
	struct lock lock;
	struct target target;
	struct conf conf;
	struct state state;
};

static void view_fini(struct view *view)
{
	target_fini(&view->target);
	conf_fini(&view->conf);
	lock_release(&view->lock);
}

static int look(struct view *out, const char *argument, enum conf_dialect dialect)
{
	struct err err = { 0 };
	int status = open_target(&out->target, argument);

	if (status)
		return status;
	lock_interface(&out->lock, out->target.interface);
	if (conf_read(&out->conf, out->target.path, dialect, &err))
		return fail(&err, out->target.path);
	if (state_look(&out->state, out->target.interface, out->conf.quick.table, &err))
		return fail(&err, NULL);
	return 0;
}

static int run_up(int argc, char **argv)
{
	AUTO(view_fini) struct view view = { .lock = LOCK_NONE };
	AUTO(plan_fini) struct plan plan = { 0 };
	enum device_implementation implementation;
	struct err err = { 0 };
	int status = look(&view, argv[1], CONF_QUICK);

	(void)argc;
	if (status)
		return status;
	dns_recover(); /* names of endpoints could not be looked up else */
	if (device_choose(&implementation, &err) || resolve_check_environment(&err) ||
	    dns_check_environment(&err) ||
	    plan_up(&plan, view.target.interface, implementation, &view.conf, &view.state, &err))
		return fail(&err, NULL);
	return apply(&plan, &view.target, &view.conf);
}

static int run_down(int argc, char **argv)
{
	AUTO(view_fini) struct view view = { .lock = LOCK_NONE };
	AUTO(plan_fini) struct plan plan = { 0 };
	struct err err = { 0 };
	int status = look(&view, argv[1], CONF_DOWN);

	(void)argc;
	if (status)
		return status;
	dns_recover();
	if (plan_down(&plan, view.target.interface, &view.conf, &view.state, &err))
		return fail(&err, NULL);
	return apply(&plan, &view.target, &view.conf);
}

static int run_save(int argc, char **argv)
{
	AUTO(view_fini) struct view view = { .lock = LOCK_NONE };
	struct err err = { 0 };
	int status = look(&view, argv[1], CONF_DOWN);

	(void)argc;
	if (status)
		return status;
	if (!view.state.is_wireguard)
		err_set(&err, -ENODEV, "`%s' is not a WireGuard interface", view.target.interface);
	else
		save(&view.target, &view.conf, &err);
	return err.code ? fail(&err, NULL) : 0;
}

static int run_strip(int argc, char **argv)
{
	AUTO(target_fini) struct target target = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(strbuf_fini) struct strbuf stripped = { 0 };
	struct err err = { 0 };
	int status = open_target(&target, argv[1]);

	(void)argc;
	if (status)
		return status;
	if (conf_read_text(&text, target.path, &err) ||
	    conf_strip(&stripped, strbuf_text(&text), text.len, &err))
		return fail(&err, target.path);
	return cli_write(&stripped);
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

static const struct cli_command commands[] = {
	{
		.name = "up",
		.description = "creates the interface",
		.run = run_up,
		.arguments = any_arguments,
		.n_arguments = 1,
	},
	{
		.name = "down",
		.description = "removes it",
		.run = run_down,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "save",
		.description = "writes the running configuration to the file",
		.run = run_save,
		.arguments = running_arguments,
		.n_arguments = 1,
	},
	{
		.name = "strip",
		.description = "prints the file for wg(8)",
		.run = run_strip,
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

int main(int argc, char **argv)
{
	const struct cli_command *command = argc == 3 ? cli_find(commands, argv[1]) : NULL;

	open_standard_streams();
	cli_program = argc ? basename(argv[0]) : "wg-quick";
	set_environment();
	if (!command) {
		bool is_help = argc == 2 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "-h") ||
					     !strcmp(argv[1], "--help"));

		fputs(usage_text, stderr);
		return is_help ? 0 : 1;
	}
	if (geteuid() && command->run != run_completion)
		return become_root(argv[1], argv[2]);
	return command->run(argc - 1, argv + 1);
}
