/*
 * wg show: a device for people; see show.h. Peers are sorted by their latest handshake through a
 * table of places. Escape sequences stand where the original has them, byte for byte.
 */
#include "cmd/wg/show.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/cli.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"

#define RESET "\033[0m"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"

struct page {
	struct strbuf *out;
	bool colour;
	bool hide_keys;
	int64_t now_s;
	const struct conf_names *names; /* NULL: none are wanted */
};

static void add(struct page *page, const char *text)
{
	strbuf_add(page->out, text);
}

static void add_escape(struct page *page, const char *escape)
{
	if (page->colour)
		add(page, escape);
}

static void add_painted(struct page *page, const char *escape, const char *text)
{
	add_escape(page, escape);
	add(page, text);
	add_escape(page, RESET);
}

/* The start of a line: "  label: ". */
static void add_label(struct page *page, const char *label)
{
	add(page, "  ");
	add_painted(page, BOLD, label);
	add(page, ": ");
}

/* The start of a block: "interface: wg0" and the like. */
static void add_title(struct page *page, const char *escape, const char *label, const char *name)
{
	add_escape(page, escape);
	add_painted(page, BOLD, label);
	add(page, ": ");
	add_painted(page, escape, name);
	add(page, "\n");
}

static void add_key_line(struct page *page, const char *label, const struct wg_key *key,
			 bool secret)
{
	add_label(page, label);
	if (secret && page->hide_keys)
		add(page, "(hidden)");
	else
		wg_key_add(page->out, key);
	add(page, "\n");
}

/* "1 hour, 3 seconds"; nothing for 0. */
static void add_span(struct page *page, uint64_t seconds)
{
	static const struct {
		uint64_t length_s;
		const char *one, *many;
	} units[] = {
		{ 365 * 24 * 3600, "year", "years" },
		{ 24 * 3600, "day", "days" },
		{ 3600, "hour", "hours" },
		{ 60, "minute", "minutes" },
		{ 1, "second", "seconds" },
	};
	const char *separator = "";

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		uint64_t n = seconds / units[i].length_s;

		seconds %= units[i].length_s;
		if (!n)
			continue;
		add(page, separator);
		strbuf_add_u64(page->out, n);
		add(page, " ");
		add_painted(page, CYAN, n == 1 ? units[i].one : units[i].many);
		separator = ", ";
	}
}

static void add_ago(struct page *page, int64_t when_s)
{
	if (when_s > page->now_s) {
		add(page, "(");
		add_painted(page, RED,
			    "System clock wound backward; connection problems may ensue.");
		add(page, ")");
	} else if (when_s == page->now_s) {
		add(page, "Now");
	} else {
		add_span(page, (uint64_t)page->now_s - (uint64_t)when_s);
		add(page, " ago");
	}
}

static void add_bytes(struct page *page, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	const uint64_t exact = UINT64_C(1) << 53; /* what a double holds */
	unsigned int shift = 10;
	size_t i = 0;

	if (bytes < 1024) {
		strbuf_add_u64(page->out, bytes);
		add(page, " ");
		add_painted(page, CYAN, "B");
		return;
	}
	for (; i + 1 < sizeof(units) / sizeof(*units) && bytes >> shift >= 1024; shift += 10)
		i++;
	if (bytes < exact) {
		char text[NUM_TEXT_MAX + 1];

		strbuf_add_mem(page->out, text,
			       (size_t)(num_format_hundredths(text, bytes, shift) - text));
	} else {
		strbuf_addf(page->out, "%.2f", (double)bytes / (double)(UINT64_C(1) << shift));
	}
	add(page, " ");
	add_painted(page, CYAN, units[i]);
}

static void add_allowed_ips(struct page *page, const struct wg_peer *peer)
{
	char text[CIDR_TEXT_MAX], *slash;

	add_label(page, "allowed ips");
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		if (i)
			add(page, ", ");
		if (!page->colour) {
			cidr_add(page->out, &peer->allowed_ips[i].cidr);
			continue;
		}
		cidr_format(text, &peer->allowed_ips[i].cidr);
		slash = strchr(text, '/');
		*slash = '\0';
		add(page, text);
		add_painted(page, CYAN, "/");
		add(page, slash + 1);
	}
	add(page, peer->n_allowed_ips ? "\n" : "(none)\n");
}

static void add_peer_title(struct page *page, const struct wg_peer *peer)
{
	const char *name = page->names ? conf_names_of(page->names, &peer->public_key) : NULL;
	char key[WG_KEY_BASE64_LEN + 1];

	wg_key_format(key, &peer->public_key);
	if (!name) {
		add_title(page, YELLOW, "peer", key);
		return;
	}
	add_escape(page, YELLOW);
	add_painted(page, BOLD, "peer");
	add(page, ": ");
	add_painted(page, BOLD, name);
	add(page, " (");
	add_painted(page, YELLOW, key);
	add(page, ")\n");
}

static void add_peer(struct page *page, const struct wg_peer *peer)
{
	add(page, "\n");
	add_peer_title(page, peer);
	if (!wg_key_is_zero(&peer->preshared_key))
		add_key_line(page, "preshared key", &peer->preshared_key, true);
	if (peer->endpoint.addr.sa.sa_family != AF_UNSPEC) {
		add_label(page, "endpoint");
		sockaddr_ip_add(page->out, &peer->endpoint.addr);
		add(page, "\n");
	}
	add_allowed_ips(page, peer);
	if (peer->last_handshake_s) {
		add_label(page, "latest handshake");
		add_ago(page, peer->last_handshake_s);
		add(page, "\n");
	}
	if (peer->rx_bytes || peer->tx_bytes) {
		add_label(page, "transfer");
		add_bytes(page, peer->rx_bytes);
		add(page, " received, ");
		add_bytes(page, peer->tx_bytes);
		add(page, " sent\n");
	}
	if (peer->keepalive_s) {
		add_label(page, "persistent keepalive");
		add(page, "every ");
		add_span(page, peer->keepalive_s);
		add(page, "\n");
	}
}

static void add_device(struct page *page, const struct wg_device *device)
{
	add_escape(page, RESET);
	add_title(page, GREEN, "interface", device->name);
	if (device->flags & WG_DEVICE_HAS_PUBLIC_KEY)
		add_key_line(page, "public key", &device->public_key, false);
	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		add_key_line(page, "private key", &device->private_key, true);
	if (device->listen_port) {
		add_label(page, "listening port");
		strbuf_add_u64(page->out, device->listen_port);
		add(page, "\n");
	}
	if (device->fwmark) {
		add_label(page, "fwmark");
		strbuf_addf(page->out, "0x%x\n", device->fwmark);
	}
}

/* When a peer's latest handshake was. */
struct entry {
	int64_t last_handshake_s;
	uint32_t last_handshake_ns;
	uint32_t place;
};

/* Latest handshake first; peers that are equal in this stay in the device's order. */
static int compare(const void *a, const void *b, void *ctx)
{
	const struct entry *entries = ctx;
	const struct entry *left = &entries[*(const uint32_t *)a];
	const struct entry *right = &entries[*(const uint32_t *)b];

	if (left->last_handshake_s != right->last_handshake_s)
		return left->last_handshake_s > right->last_handshake_s ? -1 : 1;
	if (left->last_handshake_ns != right->last_handshake_ns)
		return left->last_handshake_ns > right->last_handshake_ns ? -1 : 1;
	return (left->place > right->place) - (left->place < right->place);
}

/* The places of all peers, sorted. Sorting needs as much memory again as what it moves: so that is
 * small. */
static uint32_t *sorted_places(struct wg_peers *peers)
{
	const size_t n = peers->device->n_peers;
	AUTO(auto_free) struct entry *entries = mem_alloc(n, sizeof(*entries));
	uint32_t *places = mem_alloc(n, sizeof(*places));
	const struct wg_peer *peer;

	for (uint32_t i = 0; (peer = wg_peers_next(peers)); i++) {
		entries[i] = (struct entry){ peer->last_handshake_s, peer->last_handshake_ns,
					     peers->place };
		places[i] = i;
	}
	qsort_r(places, n, sizeof(*places), compare, entries);
	for (size_t i = 0; i < n; i++)
		places[i] = entries[places[i]].place;
	return places;
}

int show_pretty(struct strbuf *out, const struct wg_device *device,
		const struct show_context *context)
{
	struct page page = {
		.out = out,
		.colour = context->colour,
		.hide_keys = context->hide_keys,
		.now_s = context->now_s,
		.names = context->names,
	};
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	AUTO(auto_free) uint32_t *places = sorted_places(&peers);
	int status = 0;

	add_device(&page, device);
	for (size_t i = 0; i < device->n_peers && !status; i++) {
		add_peer(&page, wg_peers_at(&peers, places[i]));
		status = cli_write_some(out);
	}
	return status;
}
