/*
 * wg show --json and --ndjson; see show.h. The members have wg-json's names and meanings; what is
 * not there is left out.
 */
#include "cmd/wg/show.h"

#include "cmd/cli.h"
#include "cmd/escape.h"
#include "cmd/json.h"
#include "lib/util/cleanup.h"

#define HIDDEN "(hidden)"

/* What is written, and whether secrets are. */
struct writer {
	struct json json;
	bool hide_keys;
};

static void add_key(struct writer *writer, const char *name, const struct wg_key *key, bool secret)
{
	struct json *json = &writer->json;

	json_member(json, name);
	strbuf_add_char(json->out, '"');
	if (secret && writer->hide_keys)
		strbuf_add(json->out, HIDDEN);
	else
		wg_key_add(json->out, key);
	strbuf_add_char(json->out, '"');
}

static void add_allowed_ips(struct json *json, const struct wg_peer *peer)
{
	json_member(json, "allowedIps");
	json_open(json, '[');
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		json_item(json);
		strbuf_add_char(json->out, '"');
		cidr_add(json->out, &peer->allowed_ips[i].cidr);
		strbuf_add_char(json->out, '"');
	}
	json_close(json, ']');
}

/* `rates` may be NULL. */
static void add_peer(struct writer *writer, const struct wg_peer *peer, const char *name,
		     const struct watch_peer *rates)
{
	struct json *json = &writer->json;
	char text[ENDPOINT_TEXT_MAX], key[WG_KEY_BASE64_LEN + 1];

	wg_key_format(key, &peer->public_key);
	json_member(json, key);
	json_open(json, '{');
	if (name)
		json_string(json, "name", name);
	if (!wg_key_is_zero(&peer->preshared_key))
		add_key(writer, "presharedKey", &peer->preshared_key, true);
	if (peer->endpoint.addr.sa.sa_family != AF_UNSPEC) {
		sockaddr_ip_format(text, &peer->endpoint.addr);
		json_string(json, "endpoint", text);
	}
	if (peer->last_handshake_s)
		json_number(json, "latestHandshake", (uint64_t)peer->last_handshake_s);
	json_number(json, "transferRx", peer->rx_bytes);
	json_number(json, "transferTx", peer->tx_bytes);
	if (rates && rates->has_rates) {
		json_number(json, "rxRate", rates->rx_rate);
		json_number(json, "txRate", rates->tx_rate);
	}
	if (peer->keepalive_s)
		json_number(json, "persistentKeepalive", peer->keepalive_s);
	add_allowed_ips(json, peer);
	json_close(json, '}');
}

/* The members of an interface. */
static int add_device(struct writer *writer, const struct wg_device *device,
		      const struct show_context *context)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct watch_peer *rates = context->rates ? context->rates->peers : NULL;
	struct json *json = &writer->json;
	const struct wg_peer *peer;
	int status = 0;

	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		add_key(writer, "privateKey", &device->private_key, true);
	if (device->flags & WG_DEVICE_HAS_PUBLIC_KEY)
		add_key(writer, "publicKey", &device->public_key, false);
	if (device->listen_port)
		json_number(json, "listenPort", device->listen_port);
	if (device->fwmark)
		json_number(json, "fwmark", device->fwmark);
	json_member(json, "peers");
	json_open(json, '{');
	while (!status && (peer = wg_peers_next(&peers))) {
		add_peer(writer, peer,
			 context->names ? conf_names_of(context->names, &peer->public_key) : NULL,
			 rates ? rates++ : NULL);
		status = cli_write_some(json->out);
	}
	json_close(json, '}');
	return status;
}

static struct writer writer_new(struct strbuf *out, bool lines, const struct show_context *context)
{
	return (struct writer){ .json = { .out = out, .lines = lines },
				.hide_keys = context->hide_keys };
}

int show_json(struct strbuf *out, const struct wg_device *device,
	      const struct show_context *context)
{
	struct writer writer = writer_new(out, true, context);
	int status;

	writer.json.depth = 1; /* it stands in the object of all */
	escape_json(out, device->name);
	strbuf_add(out, ": ");
	json_open(&writer.json, '{');
	status = add_device(&writer, device, context);
	json_close(&writer.json, '}');
	return status;
}

/* What each line of --ndjson begins with. */
static void open_line(struct json *json, const char *interface, const struct show_context *context)
{
	json_open(json, '{');
	json_member(json, "time");
	strbuf_addf(json->out, "%lld.%03u", (long long)context->now_s, context->now_ns / 1000000);
	json_string(json, "interface", interface);
}

static void close_line(struct json *json)
{
	json_close(json, '}');
	strbuf_add_char(json->out, '\n');
}

int show_ndjson(struct strbuf *out, const struct wg_device *device,
		const struct show_context *context)
{
	struct writer writer = writer_new(out, false, context);
	int status;

	open_line(&writer.json, device->name, context);
	status = add_device(&writer, device, context);
	close_line(&writer.json);
	return status;
}

void show_ndjson_gone(struct strbuf *out, const char *interface, const struct show_context *context)
{
	struct writer writer = writer_new(out, false, context);

	open_line(&writer.json, interface, context);
	json_bool(&writer.json, "gone", true);
	close_line(&writer.json);
}
