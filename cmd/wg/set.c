/*
 * wg set: a change told by arguments. The words are read through one table, which the usage is
 * made from, too. All of them are read before the device is touched.
 */
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/wg/commands.h"
#include "cmd/wg/key_file.h"
#include "lib/conf/keys.h"
#include "lib/ipc/ipc.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/* What has been read so far. */
struct change {
	struct wg_device *device;
	struct wg_peer *peer; /* the last one named; NULL before the first */
};

enum scope {
	SCOPE_DEVICE, /* only before the first peer */
	SCOPE_PEER,   /* only after one */
	SCOPE_ANY,
};

struct option {
	const char *name;
	const char *value; /* how the usage calls it; NULL: the option has none */
	enum scope scope;
	int (*read)(struct change *change, const char *value, struct err *err);
};

static int read_listen_port(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_LISTEN_PORT;
	return resolve_port(&change->device->listen_port, value, err);
}

static int read_fwmark(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_FWMARK;
	return keys_parse_fwmark(&change->device->fwmark, value, err);
}

static int read_private_key(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	return key_file_load(&change->device->private_key, value, err);
}

static int read_peer(struct change *change, const char *value, struct err *err)
{
	change->peer = wg_device_add_peer(change->device);
	change->peer->flags = WG_PEER_HAS_PUBLIC_KEY;
	if (!wg_key_parse(&change->peer->public_key, value, NULL))
		return 0;
	return err_set(err, -EINVAL, "Key is not the correct length or format: `%.600s'", value);
}

static int read_remove(struct change *change, const char *value, struct err *err)
{
	(void)value;
	(void)err;
	change->peer->flags |= WG_PEER_REMOVE;
	return 0;
}

static int read_preshared_key(struct change *change, const char *value, struct err *err)
{
	change->peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
	return key_file_load(&change->peer->preshared_key, value, err);
}

static int read_endpoint(struct change *change, const char *value, struct err *err)
{
	struct endpoint *endpoint = &change->peer->endpoint;
	int r = resolve_check_environment(err);

	r = r ? r : endpoint_parse(endpoint, value, err);
	return r ? r : resolve_endpoint(endpoint, &wg_progress, err);
}

static int read_keepalive(struct change *change, const char *value, struct err *err)
{
	change->peer->flags |= WG_PEER_HAS_KEEPALIVE;
	return keys_parse_keepalive(&change->peer->keepalive_s, value, err);
}

static int read_allowed_ips(struct change *change, const char *value, struct err *err)
{
	AUTO(strlist_fini) struct strlist warnings = { 0 };
	size_t bad_at;
	int r = keys_parse_allowed_ips(change->peer, &warnings, &bad_at, value, strlen(value), err);

	for (size_t i = 0; i < warnings.n; i++)
		cli_say("%s", warnings.items[i]);
	return r;
}

/* The order is the usage's. */
static const struct option options[] = {
	{ "listen-port", "<port>", SCOPE_DEVICE, read_listen_port },
	{ "fwmark", "<mark>", SCOPE_DEVICE, read_fwmark },
	{ "private-key", "<file path>", SCOPE_DEVICE, read_private_key },
	{ "peer", "<base64 public key>", SCOPE_ANY, read_peer },
	{ "remove", NULL, SCOPE_PEER, read_remove },
	{ "preshared-key", "<file path>", SCOPE_PEER, read_preshared_key },
	{ "endpoint", "<ip>:<port>", SCOPE_PEER, read_endpoint },
	{ "persistent-keepalive", "<interval seconds>", SCOPE_PEER, read_keepalive },
	{ "allowed-ips", "[+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...", SCOPE_PEER,
	  read_allowed_ips },
	{ NULL, NULL, SCOPE_ANY, NULL },
};

static int usage(const char *subcommand)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	strbuf_add(&text, "<interface>");
	for (const struct option *option = options; option->name; option++) {
		strbuf_addf(&text, " [%s%s%s", option->name, option->value ? " " : "",
			    option->value ? option->value : "");
		/* The bracket of "peer" stays open: what is a peer's stands in it. */
		if (option->scope != SCOPE_ANY)
			strbuf_add_char(&text, ']');
	}
	strbuf_add(&text, " ]...");
	return wg_usage(subcommand, text.text);
}

/* The option that may stand here, with a value if it needs one; NULL if there is none. */
static const struct option *find(const struct change *change, int n_words, char **words)
{
	const struct option *option = options;

	while (option->name && strcmp(option->name, words[0]) != 0)
		option++;
	if (!option->name || (option->value && n_words < 2))
		return NULL;
	switch (option->scope) {
	case SCOPE_DEVICE:
		return change->peer ? NULL : option;
	case SCOPE_PEER:
		return change->peer ? option : NULL;
	case SCOPE_ANY:
		break;
	}
	return option;
}

int wg_set(int argc, char **argv)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct change change = { .device = device };
	struct err err;
	int at = 2;

	if (argc < 3)
		return usage(argv[0]);
	while (at < argc) {
		const struct option *option = find(&change, argc - at, argv + at);

		if (!option) {
			cli_say("Invalid argument: %s", argv[at]);
			return 1;
		}
		if (option->read(&change, option->value ? argv[at + 1] : NULL, &err)) {
			cli_say("%s", err.text);
			return 1;
		}
		at += option->value ? 2 : 1;
	}
	return wg_modify(device, argv[1]);
}
