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

/* What has been read so far. */
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
	if (value[0] == '@' && change->world->find_peer) /* as no key begins */
		return change->world->find_peer(&change->peer->public_key, change->world->interface,
						value + 1, err);
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

struct option {
	struct cli_word word;
	int (*read)(struct change *change, const char *value, struct err *err);
};

/* The order is the usage's. */
static const struct option options[] = {
	{
		{
			.name = "listen-port",
			.value = "<port>",
			.description = "UDP port to listen on; 0 has one chosen",
		},
		read_listen_port,
	},
	{
		{
			.name = "fwmark",
			.value = "<mark>",
			.also = "off",
			.description = "mark of outgoing packets: decimal, 0x and hexadecimal "
				       "digits, or off",
		},
		read_fwmark,
	},
	{
		{
			.name = "private-key",
			.value = "<file path>",
			.kind = CLI_FILE,
			.description = "file with the private key; an empty one takes the key away",
		},
		read_private_key,
	},
	{
		{
			.name = "peer",
			.value = "<base64 public key>",
			.kind = CLI_KEY,
			.scope = CLI_OPENS_GROUP,
			.description = "what follows is about this peer; also @name, if it has one",
		},
		read_peer,
	},
	{
		{
			.name = "remove",
			.scope = CLI_IN_GROUP,
			.is_alone = true,
			.description = "remove the peer",
		},
		read_remove,
	},
	{
		{
			.name = "preshared-key",
			.value = "<file path>",
			.kind = CLI_FILE,
			.scope = CLI_IN_GROUP,
			.description = "file with a key that both sides share; an empty one takes "
				       "the key away",
		},
		read_preshared_key,
	},
	{
		{
			.name = "endpoint",
			.value = "<ip>:<port>",
			.scope = CLI_IN_GROUP,
			.description = "where the peer is reached: an address, an [IPv6 address] "
				       "in brackets, or a name",
		},
		read_endpoint,
	},
	{
		{
			.name = "persistent-keepalive",
			.value = "<interval seconds>",
			.also = "off",
			.scope = CLI_IN_GROUP,
			.description = "send something every so often, 1 to 65535, or off",
		},
		read_keepalive,
	},
	{
		{
			.name = "allowed-ips",
			.value = "[+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...",
			.scope = CLI_IN_GROUP,
			.description = "addresses that are the peer's, in the place of those it "
				       "had; with + or - they are added or removed; \"\" for none",
		},
		read_allowed_ips,
	},
};

enum {
	N_OPTIONS = sizeof(options) / sizeof(options[0])
};

bool change_word(struct cli_word *out, size_t i)
{
	if (i >= N_OPTIONS)
		return false;
	*out = options[i].word;
	return true;
}

/* The option that may stand here, with a value if it needs one; NULL if there is none. */
static const struct option *find(const struct change *change, int n_words, char **words)
{
	const struct option *option = options, *end = options + N_OPTIONS;

	while (option < end && strcmp(option->word.name, words[0]) != 0)
		option++;
	if (option == end || (option->word.value && n_words < 2))
		return NULL;
	switch (option->word.scope) {
	case CLI_BEFORE_GROUPS:
		return change->peer ? NULL : option;
	case CLI_IN_GROUP:
		return change->peer ? option : NULL;
	case CLI_OPENS_GROUP:
		break;
	}
	return option;
}

int change_read(struct wg_device *device, int n_words, char **words,
		const struct change_world *world, struct err *err)
{
	struct change change = { .device = device, .world = world };

	while (n_words) {
		const struct option *option = find(&change, n_words, words);
		int n = option && option->word.value ? 2 : 1, r;

		if (!option)
			return err_set(err, -EINVAL, "Invalid argument: %.600s", words[0]);
		r = option->read(&change, option->word.value ? words[1] : NULL, err);
		if (r)
			return r;
		words += n;
		n_words -= n;
	}
	return 0;
}
