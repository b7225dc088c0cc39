/*
 * wg setconf, addconf, syncconf: a change told by a file. The file is read and its names are
 * resolved before the device is touched.
 */
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/steal.h"
#include "lib/conf/conf.h"
#include "lib/ipc/ipc.h"
#include "lib/ipc/resolve.h"
#include "lib/model/diff.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

/* The first lines are the original's; the last tells the place, which it does not. */
static void say_conf_error(const struct err *err, const char *path)
{
	AUTO(strbuf_fini) struct strbuf place = { 0 };

	if (!err->line) {
		/* Opening a directory works, reading it does not. */
		if (err->code == -EISDIR)
			cli_say("%s", err->text);
		else
			cli_say("fopen: %s", strerror(-err->code));
		return;
	}
	cli_add_place(&place, err, path);
	cli_say("%s\n%s\n%sexpected %s", err->text,
		err->code == -ENOKEY ? "Invalid configuration" : "Configuration parsing error",
		strbuf_text(&place), err->expected ? err->expected : "something else");
}

static int resolve(struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	bool any = false;
	struct err err;

	while (!any && (peer = wg_peers_next(&peers)))
		any = !endpoint_is_empty(&peer->endpoint);
	if (any && resolve_check_environment(&err)) {
		cli_say("%s", err.text);
		return 1;
	}
	if (resolve_device(device, &wg_progress, &err)) {
		cli_say("%s\nConfiguration parsing error", err.text);
		return 1;
	}
	return 0;
}

/* Makes `device`, what the file says, the difference to what is running. */
static int synchronize(struct wg_device *device, const char *name)
{
	AUTO(wg_device_auto_free) struct wg_device *running = NULL;
	struct err err;

	if (!device->n_peers)
		return 0; /* replacing all peers by none needs no look */
	if (ipc_get(&running, name, &err)) {
		cli_say("Unable to retrieve current interface configuration: %s", err.text);
		return 1;
	}
	wg_device_sync(device, running);
	return 0;
}

int wg_setconf(int argc, char **argv)
{
	const struct cli_command *command = cli_find(wg_table.commands, argv[0]);
	AUTO(conf_fini) struct conf conf = { 0 };
	bool warn_of_steals = false;
	struct err err;

	if (cli_take_options(&argc, argv, command, wg_take_warn, &warn_of_steals, &err)) {
		cli_say("%s: %s", cli_program, err.text);
		return 1;
	}
	if (argc != 3)
		return wg_usage(argv[0]);
	if (conf_read_change(&conf, argv[2], &err)) {
		say_conf_error(&err, argv[2]);
		return 1;
	}
	for (size_t i = 0; i < conf.warnings.n; i++)
		cli_say("%s", conf.warnings.items[i]);
	if (resolve(conf.device))
		return 1;
	/* What the file leaves out is reset, unless it is only added. */
	if (strcmp(argv[0], "addconf") != 0)
		conf.device->flags |= WG_DEVICE_REPLACE_PEERS | WG_DEVICE_HAS_PRIVATE_KEY |
				      WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	if (!strcmp(argv[0], "syncconf") && synchronize(conf.device, argv[1]))
		return 1;
	steal_warn(conf.device, argv[1], warn_of_steals);
	return wg_modify(conf.device, argv[1]);
}
