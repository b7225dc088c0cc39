/*
 * wg show --prometheus: the text exposition format 0.0.4; see show.h. All samples of a family stand
 * together, so the devices are walked once for each family.
 */
#include "cmd/wg/show.h"

#include "cmd/cli.h"
#include "cmd/escape.h"
#include "lib/util/cleanup.h"

struct family {
	const char *name, *type, *help;
	/* Add a sample's value: one of them is there. */
	void (*of_interface)(struct strbuf *out, const struct show_part *part);
	void (*of_peer)(struct strbuf *out, const struct wg_peer *peer, int64_t now_s);
	bool has_endpoint;  /* as one more label */
	bool only_if_read;  /* no sample of an interface that could not be read */
	bool only_if_heard; /* no sample of a peer that never shook hands */
};

static void add_up(struct strbuf *out, const struct show_part *part)
{
	strbuf_add_char(out, part->device ? '1' : '0');
}

static void add_n_peers(struct strbuf *out, const struct show_part *part)
{
	strbuf_add_u64(out, part->device->n_peers);
}

static void add_one(struct strbuf *out, const struct wg_peer *peer, int64_t now_s)
{
	(void)peer;
	(void)now_s;
	strbuf_add_char(out, '1');
}

static void add_sent(struct strbuf *out, const struct wg_peer *peer, int64_t now_s)
{
	(void)now_s;
	strbuf_add_u64(out, peer->tx_bytes);
}

static void add_received(struct strbuf *out, const struct wg_peer *peer, int64_t now_s)
{
	(void)now_s;
	strbuf_add_u64(out, peer->rx_bytes);
}

static void add_handshake(struct strbuf *out, const struct wg_peer *peer, int64_t now_s)
{
	(void)now_s;
	strbuf_add_u64(out, (uint64_t)peer->last_handshake_s);
}

static void add_handshake_delay(struct strbuf *out, const struct wg_peer *peer, int64_t now_s)
{
	/* Below 0 if the clock was set back. */
	strbuf_addf(out, "%lld", (long long)((uint64_t)now_s - (uint64_t)peer->last_handshake_s));
}

/* The names of the first four, and their labels, are those of MindFlavor's exporter. */
static const struct family families[] = {
	{
		.name = "wireguard_sent_bytes_total",
		.type = "counter",
		.help = "Bytes sent to the peer.",
		.of_peer = add_sent,
	},
	{
		.name = "wireguard_received_bytes_total",
		.type = "counter",
		.help = "Bytes received from the peer.",
		.of_peer = add_received,
	},
	{
		.name = "wireguard_latest_handshake_seconds",
		.type = "gauge",
		.help = "Unix time of the latest handshake with the peer, 0 if there was none.",
		.of_peer = add_handshake,
	},
	{
		.name = "wireguard_latest_handshake_delay_seconds",
		.type = "gauge",
		.help = "Seconds since the latest handshake with the peer, if there was one.",
		.of_peer = add_handshake_delay,
		.only_if_heard = true,
	},
	{
		.name = "wireguard_peer_info",
		.type = "gauge",
		.help = "Always 1; its labels tell where the peer is.",
		.of_peer = add_one,
		.has_endpoint = true,
	},
	{
		.name = "wireguard_peers",
		.type = "gauge",
		.help = "Number of the interface's peers.",
		.of_interface = add_n_peers,
		.only_if_read = true,
	},
	{
		.name = "wireguard_up",
		.type = "gauge",
		.help = "Whether the interface could be read.",
		.of_interface = add_up,
	},
};

static void add_allowed_ips(struct strbuf *out, const struct wg_peer *peer)
{
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		if (i)
			strbuf_add_char(out, ',');
		cidr_add(out, &peer->allowed_ips[i].cidr);
	}
	if (!peer->n_allowed_ips)
		strbuf_add(out, "(none)");
}

static void open_sample(struct strbuf *out, const struct family *family, const char *interface)
{
	strbuf_add(out, family->name);
	strbuf_add(out, "{interface=");
	escape_label(out, interface);
}

static void add_peer_labels(struct strbuf *out, const struct family *family,
			    const struct wg_peer *peer, const struct conf_names *names)
{
	const char *name = conf_names_of(names, &peer->public_key);
	char text[ENDPOINT_TEXT_MAX];

	strbuf_add(out, ",public_key=\"");
	wg_key_add(out, &peer->public_key);
	strbuf_add(out, "\",allowed_ips=\"");
	add_allowed_ips(out, peer);
	strbuf_add_char(out, '"');
	if (name) {
		strbuf_add(out, ",friendly_name=");
		escape_label(out, name);
	}
	if (family->has_endpoint && peer->endpoint.addr.sa.sa_family != AF_UNSPEC) {
		sockaddr_ip_format(text, &peer->endpoint.addr);
		strbuf_add(out, ",endpoint=");
		escape_label(out, text);
	}
}

/* A family's samples of one interface. */
static int add_samples(struct strbuf *out, const struct family *family,
		       const struct show_part *part, int64_t now_s)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = part->device };
	const struct wg_peer *peer;
	int status = 0;

	if (family->of_interface && (part->device || !family->only_if_read)) {
		open_sample(out, family, part->name);
		strbuf_add(out, "} ");
		family->of_interface(out, part);
		strbuf_add_char(out, '\n');
	}
	while (family->of_peer && part->device && !status && (peer = wg_peers_next(&peers))) {
		if (!peer->last_handshake_s && family->only_if_heard)
			continue;
		open_sample(out, family, part->name);
		add_peer_labels(out, family, peer, &part->names);
		strbuf_add(out, "} ");
		family->of_peer(out, peer, now_s);
		strbuf_add_char(out, '\n');
		status = cli_write_some(out);
	}
	return status;
}

int show_prometheus(struct strbuf *out, const struct show_part *parts, size_t n_parts,
		    int64_t now_s)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(*families) && !status; i++) {
		const struct family *family = &families[i];

		strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			    family->name, family->type);
		for (size_t part = 0; part < n_parts && !status; part++)
			status = add_samples(out, family, &parts[part], now_s);
	}
	return status;
}
