/*
 * wg set: a change told by arguments. All of them are read (change.h) before the device is touched.
 */
#include "cmd/cli.h"
#include "cmd/wg/change.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/key_file.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"

static int resolve(struct endpoint *endpoint, struct err *err)
{
	return resolve_endpoint(endpoint, &wg_progress, err);
}

static void warn(const char *line)
{
	cli_say("%s", line);
}

int wg_set(int argc, char **argv)
{
	static const struct change_world world = {
		.read_port = resolve_port,
		.load_key = key_file_load,
		.check_resolver = resolve_check_environment,
		.resolve = resolve,
		.warn = warn,
	};
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct err err;

	if (argc < 3)
		return wg_usage(argv[0]);
	if (change_read(device, argc - 2, argv + 2, &world, &err)) {
		cli_say("%s", err.text);
		return 1;
	}
	return wg_modify(device, argv[1]);
}
