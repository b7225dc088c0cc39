/* wg showconf: a device as the configuration file that would make it. */
#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "lib/conf/conf.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

int wg_showconf(int argc, char **argv)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(wg_peers_fini) struct wg_peers peers = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	const char *separator = "";
	const struct wg_peer *peer;
	struct err err;
	int status = 0;

	if (argc != 2)
		return wg_usage(argv[0]);
	if (ipc_get(&device, argv[1], &err)) {
		cli_say("Unable to access interface: %s", err.text);
		return 1;
	}
	conf_print_interface(&out, device);
	peers.device = device;
	for (; !status && (peer = wg_peers_next(&peers)); separator = "\n") {
		strbuf_add(&out, separator);
		conf_print_peer(&out, device, peer);
		status = cli_write_some(&out);
	}
	return status ? status : cli_write(&out);
}
