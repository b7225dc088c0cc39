/*
 * wg set: a change told by arguments. All of them are read (change.h) before the device is touched.
 */
#include <errno.h>

#include "cmd/cli.h"
#include "cmd/wg/change.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/key_file.h"
#include "cmd/wg/steal.h"
#include "lib/conf/names.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"

static int resolve(struct endpoint *endpoint, struct err *err)
{
	return resolve_endpoint(endpoint, &wg_progress, err);
}

static int find_peer(struct wg_key *out, const char *interface, const char *name, struct err *err)
{
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	int r;

	conf_names_read(&names, interface);
	r = conf_names_find(out, &names, name, NULL);
	if (r == -ENOENT)
		return err_set(err, r, "No peer of `%s' is called `%.200s'", interface, name);
	return r ? err_set(err, r, "Several peers of `%s' are called `%.200s'", interface, name)
		 : 0;
}

static void warn(const char *line)
{
	cli_say("%s", line);
}

int wg_take_warn(void *ctx, const struct cli_option *option, const char *value, struct err *err)
{
	bool *wanted = ctx;

	(void)option; /* there is no other */
	(void)value;
	(void)err;
	*wanted = true;
	return 0;
}

int wg_set(int argc, char **argv)
{
	const struct cli_command *command = cli_find(wg_table.commands, argv[0]);
	struct change_world world = {
		.read_port = resolve_port,
		.load_key = key_file_load,
		.check_resolver = resolve_check_environment,
		.resolve = resolve,
		.find_peer = find_peer,
		.warn = warn,
	};
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	bool warn_of_steals = false;
	struct err err;

	if (cli_take_options(&argc, argv, command, wg_take_warn, &warn_of_steals, &err)) {
		cli_say("%s: %s", cli_program, err.text);
		return 1;
	}
	if (argc < 3)
		return wg_usage(argv[0]);
	world.interface = argv[1];
	if (change_read(device, argc - 2, argv + 2, &world, &err)) {
		cli_say("%s", err.text);
		return 1;
	}
	steal_warn(device, argv[1], warn_of_steals);
	return wg_modify(device, argv[1]);
}
