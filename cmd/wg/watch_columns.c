/*
 * The table of peers: see watch_columns.h. Columns are taken in the order of what a person needs
 * first, each with the least width that makes sense; what is left of the line then widens them.
 */
#include "cmd/wg/watch_columns.h"

#include <stdio.h>
#include <string.h>

#include "lib/util/cleanup.h"

enum {
	GAP = 2,
	KEY_SHORT = 11,      /* columns of a key that tell peers apart */
	PEER_MIN = 10,       /* so that rates still fit in 40 columns */
	NAME_MAX_GOOD = 24,  /* longer names wait for what else there is to show */
	NAME_WIDTH_MAX = 48, /* longer ones are cut however wide the screen is */
	ENDPOINT_GOOD = 21,  /* any of IPv4 */
	ALLOWED_MIN = 11,    /* the title */
	ALLOWED_FIRST = 19,  /* any of IPv4, and "+" */
	ALLOWED_GOOD = 40,
	ALLOWED_MAX = 120,

	/* WireGuard's timers, in seconds: [W] 6.1. */
	REKEY_AFTER_TIME = 120,
	REJECT_AFTER_TIME = 180,
	REKEY_TIMEOUT = 5,
	/* Three tries may get lost before anything is wrong. */
	LATE_AFTER = REKEY_AFTER_TIME + 3 * REKEY_TIMEOUT,
};

static const struct {
	const char *title;
	bool right; /* aligned */
} columns_of[WATCH_N_COLUMNS] = {
	[WATCH_PEER] = { "peer", false },
	[WATCH_ENDPOINT] = { "endpoint", false },
	[WATCH_HANDSHAKE] = { "handshake", true },
	[WATCH_RX_RATE] = { "rx/s", true },
	[WATCH_TX_RATE] = { "tx/s", true },
	[WATCH_RX] = { "received", true },
	[WATCH_TX] = { "sent", true },
	[WATCH_ALLOWED_IPS] = { "allowed ips", false },
};

static unsigned int at_least(unsigned int value, unsigned int least)
{
	return value < least ? least : value;
}

static unsigned int at_most(unsigned int value, unsigned int most)
{
	return value > most ? most : value;
}

/* Adds columns of one width, all or none. */
static void include(struct watch_columns *columns, unsigned int *left, unsigned int width,
		    enum watch_column first, unsigned int n)
{
	if (*left < n * (width + GAP))
		return;
	*left -= n * (width + GAP);
	for (unsigned int i = 0; i < n; i++)
		columns->width[first + i] = width;
}

static void widen(struct watch_columns *columns, unsigned int *left, enum watch_column column,
		  unsigned int wanted)
{
	unsigned int *width = &columns->width[column];

	if (!*width || *width >= wanted)
		return;
	wanted = at_most(wanted, *width + *left);
	*left -= wanted - *width;
	*width = wanted;
}

struct watch_columns watch_columns_choose(const struct watch_widths *widths, unsigned int width,
					  bool names)
{
	struct watch_columns columns = { 0 };
	unsigned int peer = WG_KEY_BASE64_LEN, peer_good = KEY_SHORT, left;

	if (names) {
		peer = at_least(widths->name, widths->any_keys ? KEY_SHORT : 0);
		peer = at_least(at_most(peer, NAME_WIDTH_MAX), PEER_MIN);
		peer_good = at_most(peer, NAME_MAX_GOOD);
	}
	columns.width[WATCH_PEER] = at_most(PEER_MIN, width);
	left = width - columns.width[WATCH_PEER];
	include(&columns, &left, WATCH_AGE_WIDTH, WATCH_HANDSHAKE, 1);
	include(&columns, &left, WATCH_RATE_WIDTH, WATCH_RX_RATE, 2);
	include(&columns, &left, ENDPOINT_GOOD, WATCH_ENDPOINT, 1);
	widen(&columns, &left, WATCH_PEER, peer_good);
	if (columns.width[WATCH_ENDPOINT])
		include(&columns, &left,
			at_most(at_least(widths->allowed_ip, ALLOWED_MIN), ALLOWED_FIRST),
			WATCH_ALLOWED_IPS, 1);
	if (columns.width[WATCH_ALLOWED_IPS])
		include(&columns, &left, WATCH_TOTAL_WIDTH, WATCH_RX, 2);
	widen(&columns, &left, WATCH_ENDPOINT, widths->endpoint);
	widen(&columns, &left, WATCH_ALLOWED_IPS, at_most(widths->allowed_ips, ALLOWED_GOOD));
	widen(&columns, &left, WATCH_PEER, peer);
	widen(&columns, &left, WATCH_ALLOWED_IPS, at_most(widths->allowed_ips, ALLOWED_MAX));
	return columns;
}

/* Adds one cell; `start` is where its column begins. */
static void add_cell(struct watch_line *line, const struct watch_columns *columns,
		     enum watch_column column, unsigned int start, enum watch_style style,
		     const char *text)
{
	unsigned int width = columns->width[column];

	if (columns_of[column].right)
		start += width - at_most(watch_text_width(text), width);
	watch_line_to(line, start);
	watch_line_add(line, style, text, width);
}

void watch_columns_titles(struct watch_line *line, const struct watch_columns *columns,
			  enum watch_sort sort)
{
	unsigned int start = 0;

	for (enum watch_column i = 0; i < WATCH_N_COLUMNS; i++) {
		bool sorted =
			(sort == WATCH_SORT_HANDSHAKE && i == WATCH_HANDSHAKE) ||
			(sort == WATCH_SORT_NAME && i == WATCH_PEER) ||
			(sort == WATCH_SORT_RATE && (i == WATCH_RX_RATE || i == WATCH_TX_RATE));

		if (!columns->width[i])
			continue;
		add_cell(line, columns, i, start, sorted ? WATCH_BOLD : WATCH_DIM,
			 columns_of[i].title);
		start += columns->width[i] + GAP;
	}
}

static bool has_handshake(const struct watch_peer *peer)
{
	return peer->handshake_s || peer->handshake_ns;
}

enum watch_session watch_session_of(const struct watch_peer *peer, int64_t now_s, mono_ns now)
{
	/* Who has something to send but no session tries every REKEY_TIMEOUT, and that is sent. */
	bool sends = peer->keepalive_s || (peer->sent && now - peer->sent < SEC(3 * REKEY_TIMEOUT));

	if (has_handshake(peer) && peer->handshake_s >= now_s - LATE_AFTER)
		return WATCH_SESSION_ALIVE;
	if (has_handshake(peer) && peer->handshake_s >= now_s - REJECT_AFTER_TIME)
		return WATCH_SESSION_DUE;
	return sends ? WATCH_SESSION_LOST : WATCH_SESSION_IDLE;
}

static enum watch_style add_handshake(char *text, const struct watch_peer *peer, int64_t now_s,
				      mono_ns now)
{
	if (has_handshake(peer))
		watch_text_age(text, now_s - peer->handshake_s);
	else
		strcpy(text, "never");
	/* The clock was set back: that makes trouble of its own. */
	if (peer->handshake_s > now_s + WATCH_SLIP_S)
		return WATCH_RED;
	switch (watch_session_of(peer, now_s, now)) {
	case WATCH_SESSION_ALIVE:
		return WATCH_GREEN;
	case WATCH_SESSION_DUE:
		return WATCH_YELLOW;
	case WATCH_SESSION_LOST:
		return WATCH_RED;
	case WATCH_SESSION_IDLE:
		break;
	}
	return WATCH_DIM;
}

static enum watch_style add_rate(char *text, const struct watch_peer *peer, uint64_t rate)
{
	if (peer->has_rates)
		watch_text_rate(text, rate);
	else
		strcpy(text, "-");
	return peer->has_rates && rate ? WATCH_PLAIN : WATCH_DIM;
}

static enum watch_style add_total(char *text, uint64_t bytes)
{
	watch_text_total(text, bytes);
	return bytes ? WATCH_PLAIN : WATCH_DIM;
}

static void shorten(struct strbuf *out, size_t len)
{
	out->len = len;
	out->text[len] = '\0';
}

/* As many whole prefixes as there is room for, and how many more there are, or just that. */
static enum watch_style add_allowed_ips(struct strbuf *out, const struct watch_snapshot *snapshot,
					const struct watch_peer *peer, unsigned int width)
{
	const struct cidr *cidrs = snapshot->allowed_ips + peer->first_allowed_ip;
	size_t first = 0;   /* bytes of the first prefix */
	size_t fitting = 0; /* bytes of `out` that fit, with the number of those that do not */
	uint32_t n_fitting = 0;

	if (!peer->n_allowed_ips) {
		strbuf_add(out, "(none)");
		return WATCH_DIM;
	}
	for (uint32_t i = 0; i < peer->n_kept && out->len <= width; i++) {
		char text[CIDR_TEXT_MAX], more[16] = "";

		cidr_format(text, &cidrs[i]);
		strbuf_addf(out, "%s%s", i ? ", " : "", text);
		if (i == 0)
			first = out->len;
		if (i + 1 < peer->n_allowed_ips)
			snprintf(more, sizeof(more), " +%u", peer->n_allowed_ips - i - 1);
		if (out->len + strlen(more) <= width) {
			fitting = out->len;
			n_fitting = i + 1;
		}
	}
	if (fitting && n_fitting < peer->n_allowed_ips) {
		shorten(out, fitting);
		strbuf_addf(out, " +%u", peer->n_allowed_ips - n_fitting);
	} else if (!fitting && first < width) {
		shorten(out, first);
		strbuf_add_char(out, '+');
	}
	return WATCH_PLAIN;
}

static void add_peer(char key[static WG_KEY_BASE64_LEN + 1], const char **text,
		     const struct watch_peer *peer, bool names)
{
	wg_key_format(key, &peer->key);
	*text = names && peer->name ? peer->name : key;
}

void watch_columns_peer(struct watch_line *line, const struct watch_columns *columns,
			const struct watch_snapshot *snapshot, const struct watch_peer *peer,
			bool names, int64_t now_s, mono_ns now)
{
	unsigned int start = 0;

	for (enum watch_column i = 0; i < WATCH_N_COLUMNS; i++) {
		char buf[ENDPOINT_TEXT_MAX + WG_KEY_BASE64_LEN + WATCH_NUMBER_CAP] = "";
		AUTO(strbuf_fini) struct strbuf allowed_ips = { 0 };
		enum watch_style style = WATCH_PLAIN;
		const char *text = buf;

		if (!columns->width[i])
			continue;
		switch (i) {
		case WATCH_PEER:
			add_peer(buf, &text, peer, names);
			break;
		case WATCH_ENDPOINT:
			sockaddr_ip_format(buf, &peer->endpoint);
			if (peer->endpoint.sa.sa_family == AF_UNSPEC)
				style = WATCH_DIM;
			break;
		case WATCH_HANDSHAKE:
			style = add_handshake(buf, peer, now_s, now);
			break;
		case WATCH_RX_RATE:
			style = add_rate(buf, peer, peer->rx_rate);
			break;
		case WATCH_TX_RATE:
			style = add_rate(buf, peer, peer->tx_rate);
			break;
		case WATCH_RX:
			style = add_total(buf, peer->rx_bytes);
			break;
		case WATCH_TX:
			style = add_total(buf, peer->tx_bytes);
			break;
		case WATCH_ALLOWED_IPS:
			style = add_allowed_ips(&allowed_ips, snapshot, peer, columns->width[i]);
			text = strbuf_text(&allowed_ips);
			break;
		case WATCH_N_COLUMNS:
			break;
		}
		add_cell(line, columns, i, start, style, text);
		start += columns->width[i] + GAP;
	}
}
