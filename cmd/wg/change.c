/*
 * The words of wg set: see change.h. They are read through one table, which the usage is made from,
 * too. The change is the caller's; so is everything outside this process, which makes the reading
 * fit for any words, whoever wrote them.
 */
#include "cmd/wg/change.h"

#include <errno.h>
#include <string.h>

#include "lib/conf/keys.h"
#include "lib/util/cleanup.h"
#include "lib/util/strlist.h"

struct change {
	struct wg_device *device;
	struct wg_peer *peer; /* the last one named; NULL before the first */
	const struct change_world *world;
};

static int read_listen_port(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_LISTEN_PORT;
	return change->world->read_port(&change->device->listen_port, value, err);
}

static int read_fwmark(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_FWMARK;
	return keys_parse_fwmark(&change->device->fwmark, value, err);
}

static int read_private_key(struct change *change, const char *value, struct err *err)
{
	change->device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	return change->world->load_key(&change->device->private_key, value, err);
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
	return change->world->load_key(&change->peer->preshared_key, value, err);
}

static int read_endpoint(struct change *change, const char *value, struct err *err)
{
	struct endpoint *endpoint = &change->peer->endpoint;
	int r = change->world->check_resolver(err);

	r = r ? r : endpoint_parse(endpoint, value, err);
	return r ? r : change->world->resolve(endpoint, err);
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
		change->world->warn(warnings.items[i]);
	return r;
}

/* The order is the usage's. */
const struct change_option change_options[] = {
	{ "listen-port", "<port>", CHANGE_OF_DEVICE, read_listen_port },
	{ "fwmark", "<mark>", CHANGE_OF_DEVICE, read_fwmark },
	{ "private-key", "<file path>", CHANGE_OF_DEVICE, read_private_key },
	{ "peer", "<base64 public key>", CHANGE_ANYWHERE, read_peer },
	{ "remove", NULL, CHANGE_OF_PEER, read_remove },
	{ "preshared-key", "<file path>", CHANGE_OF_PEER, read_preshared_key },
	{ "endpoint", "<ip>:<port>", CHANGE_OF_PEER, read_endpoint },
	{ "persistent-keepalive", "<interval seconds>", CHANGE_OF_PEER, read_keepalive },
	{ "allowed-ips", "[+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...", CHANGE_OF_PEER,
	  read_allowed_ips },
	{ NULL, NULL, CHANGE_ANYWHERE, NULL },
};

/* The option that may stand here, with a value if it needs one; NULL if there is none. */
static const struct change_option *find(const struct change *change, int n_words, char **words)
{
	const struct change_option *option = change_options;

	while (option->name && strcmp(option->name, words[0]) != 0)
		option++;
	if (!option->name || (option->value && n_words < 2))
		return NULL;
	switch (option->scope) {
	case CHANGE_OF_DEVICE:
		return change->peer ? NULL : option;
	case CHANGE_OF_PEER:
		return change->peer ? option : NULL;
	case CHANGE_ANYWHERE:
		break;
	}
	return option;
}

int change_read(struct wg_device *device, int n_words, char **words,
		const struct change_world *world, struct err *err)
{
	struct change change = { .device = device, .world = world };

	while (n_words) {
		const struct change_option *option = find(&change, n_words, words);
		int n = option && option->value ? 2 : 1, r;

		if (!option)
			return err_set(err, -EINVAL, "Invalid argument: %.600s", words[0]);
		r = option->read(&change, option->value ? words[1] : NULL, err);
		if (r)
			return r;
		words += n;
		n_words -= n;
	}
	return 0;
}
