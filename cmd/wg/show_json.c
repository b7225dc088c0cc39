/*
 * wg show --json and --ndjson; see show.h. The members have wg-json's names and meanings; what is
 * not there is left out. Nothing is built in memory: each value is written where it stands.
 */
#include "cmd/wg/show.h"

#include "cmd/cli.h"
#include "cmd/wg/escape.h"
#include "lib/util/cleanup.h"

#define HIDDEN "(hidden)"

struct json {
	struct strbuf *out;
	unsigned int depth;
	bool lines; /* one for each value, rather than one for all */
	bool any;   /* something stands before, at this depth */
	bool hide_keys;
};

static void add_line_start(struct json *json)
{
	if (!json->lines)
		return;
	strbuf_add_char(json->out, '\n');
	for (unsigned int i = 0; i < json->depth; i++)
		strbuf_add_char(json->out, '\t');
}

/* The place where the next value or member goes. */
static void add_separator(struct json *json)
{
	if (json->any)
		strbuf_add_char(json->out, ',');
	json->any = true;
	add_line_start(json);
}

static void add_quoted(struct json *json, const char *plain)
{
	strbuf_add_char(json->out, '"');
	strbuf_add(json->out, plain);
	strbuf_add_char(json->out, '"');
}

/* `name` needs no escapes. */
static void add_member(struct json *json, const char *name)
{
	add_separator(json);
	add_quoted(json, name);
	strbuf_add(json->out, json->lines ? ": " : ":");
}

static void open_with(struct json *json, char bracket)
{
	strbuf_add_char(json->out, bracket);
	json->depth++;
	json->any = false;
}

static void close_with(struct json *json, char bracket)
{
	json->depth--;
	if (json->any)
		add_line_start(json);
	strbuf_add_char(json->out, bracket);
	json->any = true;
}

static void add_number(struct json *json, const char *name, uint64_t value)
{
	add_member(json, name);
	strbuf_add_u64(json->out, value);
}

static void add_key(struct json *json, const char *name, const struct wg_key *key, bool secret)
{
	add_member(json, name);
	strbuf_add_char(json->out, '"');
	if (secret && json->hide_keys)
		strbuf_add(json->out, HIDDEN);
	else
		wg_key_add(json->out, key);
	strbuf_add_char(json->out, '"');
}

static void add_allowed_ips(struct json *json, const struct wg_peer *peer)
{
	add_member(json, "allowedIps");
	open_with(json, '[');
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		add_separator(json);
		strbuf_add_char(json->out, '"');
		cidr_add(json->out, &peer->allowed_ips[i].cidr);
		strbuf_add_char(json->out, '"');
	}
	close_with(json, ']');
}

/* `rates` may be NULL. */
static void add_peer(struct json *json, const struct wg_peer *peer, const char *name,
		     const struct watch_peer *rates)
{
	char text[ENDPOINT_TEXT_MAX], key[WG_KEY_BASE64_LEN + 1];

	wg_key_format(key, &peer->public_key);
	add_member(json, key);
	open_with(json, '{');
	if (name) {
		add_member(json, "name");
		escape_json(json->out, name);
	}
	if (!wg_key_is_zero(&peer->preshared_key))
		add_key(json, "presharedKey", &peer->preshared_key, true);
	if (peer->endpoint.addr.sa.sa_family != AF_UNSPEC) {
		sockaddr_ip_format(text, &peer->endpoint.addr);
		add_member(json, "endpoint");
		escape_json(json->out, text);
	}
	if (peer->last_handshake_s)
		add_number(json, "latestHandshake", (uint64_t)peer->last_handshake_s);
	add_number(json, "transferRx", peer->rx_bytes);
	add_number(json, "transferTx", peer->tx_bytes);
	if (rates && rates->has_rates) {
		add_number(json, "rxRate", rates->rx_rate);
		add_number(json, "txRate", rates->tx_rate);
	}
	if (peer->keepalive_s)
		add_number(json, "persistentKeepalive", peer->keepalive_s);
	add_allowed_ips(json, peer);
	close_with(json, '}');
}

/* The members of an interface. */
static int add_device(struct json *json, const struct wg_device *device,
		      const struct show_context *context)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct watch_peer *rates = context->rates ? context->rates->peers : NULL;
	const struct wg_peer *peer;
	int status = 0;

	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		add_key(json, "privateKey", &device->private_key, true);
	if (device->flags & WG_DEVICE_HAS_PUBLIC_KEY)
		add_key(json, "publicKey", &device->public_key, false);
	if (device->listen_port)
		add_number(json, "listenPort", device->listen_port);
	if (device->fwmark)
		add_number(json, "fwmark", device->fwmark);
	add_member(json, "peers");
	open_with(json, '{');
	while (!status && (peer = wg_peers_next(&peers))) {
		add_peer(json, peer,
			 context->names ? conf_names_of(context->names, &peer->public_key) : NULL,
			 rates ? rates++ : NULL);
		status = cli_write_some(json->out);
	}
	close_with(json, '}');
	return status;
}

static struct json json_new(struct strbuf *out, bool lines, const struct show_context *context)
{
	return (struct json){ .out = out, .lines = lines, .hide_keys = context->hide_keys };
}

int show_json(struct strbuf *out, const struct wg_device *device,
	      const struct show_context *context)
{
	struct json json = json_new(out, true, context);
	int status;

	json.depth = 1; /* it stands in the object of all */
	escape_json(out, device->name);
	strbuf_add(out, ": ");
	open_with(&json, '{');
	status = add_device(&json, device, context);
	close_with(&json, '}');
	return status;
}

/* What each line of --ndjson begins with. */
static void open_line(struct json *json, const char *interface, const struct show_context *context)
{
	open_with(json, '{');
	add_member(json, "time");
	strbuf_addf(json->out, "%lld.%03u", (long long)context->now_s, context->now_ns / 1000000);
	add_member(json, "interface");
	escape_json(json->out, interface);
}

static void close_line(struct json *json)
{
	close_with(json, '}');
	strbuf_add_char(json->out, '\n');
}

int show_ndjson(struct strbuf *out, const struct wg_device *device,
		const struct show_context *context)
{
	struct json json = json_new(out, false, context);
	int status;

	open_line(&json, device->name, context);
	status = add_device(&json, device, context);
	close_line(&json);
	return status;
}

void show_ndjson_gone(struct strbuf *out, const char *interface, const struct show_context *context)
{
	struct json json = json_new(out, false, context);

	open_line(&json, interface, context);
	add_member(&json, "gone");
	strbuf_add(out, "true");
	close_line(&json);
}
