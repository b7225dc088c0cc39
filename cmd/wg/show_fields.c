/* wg show INTERFACE FIELD: tab-separated lines for scripts; see show.h. Nothing is hidden here. */
#include "cmd/wg/show.h"

#include "cmd/cli.h"
#include "lib/util/cleanup.h"

#define NONE "(none)"

static void add_private_key(struct strbuf *out, const struct wg_device *device)
{
	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		wg_key_add(out, &device->private_key);
	else
		strbuf_add(out, NONE);
}

static void add_public_key(struct strbuf *out, const struct wg_device *device)
{
	if (device->flags & WG_DEVICE_HAS_PUBLIC_KEY)
		wg_key_add(out, &device->public_key);
	else
		strbuf_add(out, NONE);
}

static void add_listen_port(struct strbuf *out, const struct wg_device *device)
{
	strbuf_add_u64(out, device->listen_port);
}

static void add_fwmark(struct strbuf *out, const struct wg_device *device)
{
	if (device->fwmark)
		strbuf_addf(out, "0x%x", device->fwmark);
	else
		strbuf_add(out, "off");
}

/* The first column of all that is about a peer. No key begins with "@". */
static void add_who(struct strbuf *out, const struct wg_peer *peer, const struct conf_names *names)
{
	const char *name = names ? conf_names_of(names, &peer->public_key) : NULL;

	if (!name) {
		wg_key_add(out, &peer->public_key);
		return;
	}
	strbuf_add_char(out, '@');
	strbuf_add(out, name);
}

static void add_preshared_key(struct strbuf *out, const struct wg_peer *peer)
{
	strbuf_add_char(out, '\t');
	if (wg_key_is_zero(&peer->preshared_key))
		strbuf_add(out, NONE);
	else
		wg_key_add(out, &peer->preshared_key);
}

static void add_endpoint(struct strbuf *out, const struct wg_peer *peer)
{
	strbuf_add_char(out, '\t');
	sockaddr_ip_add(out, &peer->endpoint.addr); /* NONE without one */
}

static void add_allowed_ips(struct strbuf *out, const struct wg_peer *peer, char separator)
{
	strbuf_add_char(out, '\t');
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		if (i)
			strbuf_add_char(out, separator);
		cidr_add(out, &peer->allowed_ips[i].cidr);
	}
	if (!peer->n_allowed_ips)
		strbuf_add(out, NONE);
}

static void add_latest_handshake(struct strbuf *out, const struct wg_peer *peer)
{
	strbuf_add_char(out, '\t');
	strbuf_add_u64(out, (unsigned long long)peer->last_handshake_s);
}

static void add_transfer(struct strbuf *out, const struct wg_peer *peer)
{
	strbuf_add_char(out, '\t');
	strbuf_add_u64(out, peer->rx_bytes);
	strbuf_add_char(out, '\t');
	strbuf_add_u64(out, peer->tx_bytes);
}

static void add_keepalive(struct strbuf *out, const struct wg_peer *peer)
{
	strbuf_add_char(out, '\t');
	if (peer->keepalive_s)
		strbuf_add_u64(out, peer->keepalive_s);
	else
		strbuf_add(out, "off");
}

static void add_nothing_more(struct strbuf *out, const struct wg_peer *peer)
{
	(void)out;
	(void)peer;
}

static void add_allowed_ips_blank(struct strbuf *out, const struct wg_peer *peer)
{
	add_allowed_ips(out, peer, ' ');
}

static void dump_device(struct strbuf *out, const struct wg_device *device)
{
	add_private_key(out, device);
	strbuf_add_char(out, '\t');
	add_public_key(out, device);
	strbuf_add_char(out, '\t');
	add_listen_port(out, device);
	strbuf_add_char(out, '\t');
	add_fwmark(out, device);
}

static void dump_peer(struct strbuf *out, const struct wg_peer *peer)
{
	add_preshared_key(out, peer);
	add_endpoint(out, peer);
	add_allowed_ips(out, peer, ',');
	add_latest_handshake(out, peer);
	add_transfer(out, peer);
	add_keepalive(out, peer);
}

const struct show_field show_fields[] = {
	{ "public-key", "the interface's public key", .device = add_public_key },
	{ "private-key", "its private key", .device = add_private_key },
	{ "listen-port", "its UDP port", .device = add_listen_port },
	{ "fwmark", "its mark of outgoing packets, or off", .device = add_fwmark },
	{ "peers", "the peers' public keys", .peer = add_nothing_more },
	{ "preshared-keys", "the key that each peer shares, or (none)", .peer = add_preshared_key },
	{ "endpoints", "address and port of each peer, or (none)", .peer = add_endpoint },
	{ "allowed-ips", "addresses of each peer, with blanks between them",
	  .peer = add_allowed_ips_blank },
	{ "latest-handshakes", "when each peer was last heard of: seconds since 1970, 0 is never",
	  .peer = add_latest_handshake },
	{ "transfer", "bytes received from each peer and sent to it", .peer = add_transfer },
	{ "persistent-keepalive", "seconds between what keeps each peer reachable, or off",
	  .peer = add_keepalive },
	{ "dump", "all of it: a line for the interface, then one for each peer",
	  .device = dump_device, .peer = dump_peer },
	{ .name = NULL },
};

bool show_field_word(struct cli_word *out, size_t i)
{
	const struct show_field *field = &show_fields[i];

	/* The end is never passed: it is the first that is refused. */
	*out = (struct cli_word){ .name = field->name, .description = field->description };
	return field->name;
}

int show_field(struct strbuf *out, const struct wg_device *device, const struct show_field *field,
	       const char *prefix, const struct conf_names *names)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	int status = 0;

	if (field->device) {
		strbuf_add(out, prefix);
		field->device(out, device);
		strbuf_add_char(out, '\n');
	}
	while (field->peer && !status && (peer = wg_peers_next(&peers))) {
		strbuf_add(out, prefix);
		add_who(out, peer, names);
		field->peer(out, peer);
		strbuf_add_char(out, '\n');
		status = cli_write_some(out);
	}
	return status;
}
