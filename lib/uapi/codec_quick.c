/*
 * The usual lines of a get, read fast: see codec_quick.h. The first letters say which line it may
 * be; it is then either just what is expected there, down to the newline, or left to codec.c, so
 * that there is one place that knows what is right and what is wrong.
 */
#include "lib/uapi/codec_quick.h"

#include <string.h>

enum {
	LINE_MAX_LEN = 128, /* no usual line is longer; text that is shorter is left alone */
	DIGITS_MAX = 18,    /* what fits 63 bits whatever the digits are */
};

#define STARTS_WITH(text, word) (!memcmp(text, word, sizeof(word) - 1))

/* Each reads a value up to its newline and returns what comes after that, or NULL. */

static const char *read_number(uint64_t *out, const char *text, uint64_t max)
{
	uint64_t value = 0;
	unsigned int digit;
	int n = 0;

	for (; (digit = (unsigned int)(*text - '0')) <= 9 && n < DIGITS_MAX; n++, text++)
		value = value * 10 + digit;
	*out = value;
	return n && *text == '\n' && value <= max ? text + 1 : NULL;
}

static const char *read_key(struct wg_key *out, const char *text)
{
	if (text[WG_KEY_HEX_LEN] != '\n' || wg_key_parse_hex_mem(out, text, WG_KEY_HEX_LEN, NULL))
		return NULL;
	return text + WG_KEY_HEX_LEN + 1;
}

static const char *read_public_key(struct uapi_decoder *decoder, const char *text)
{
	struct wg_peer *peer;
	struct wg_key key;

	text = read_key(&key, text);
	if (!text)
		return NULL;
	peer = wg_device_add_peer(decoder->device);
	peer->public_key = key;
	peer->flags = WG_PEER_HAS_PUBLIC_KEY;
	decoder->in_peer = true;
	return text;
}

static const char *read_preshared_key(struct wg_peer *peer, const char *text)
{
	text = read_key(&peer->preshared_key, text);
	if (!text)
		return NULL;
	peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
	if (wg_key_is_zero(&peer->preshared_key))
		peer->flags &= ~(uint32_t)WG_PEER_HAS_PRESHARED_KEY;
	return text;
}

static const char *read_keepalive(struct wg_peer *peer, const char *text)
{
	uint64_t seconds;

	text = read_number(&seconds, text, UINT16_MAX);
	if (!text)
		return NULL;
	peer->keepalive_s = (uint16_t)seconds;
	peer->flags |= WG_PEER_HAS_KEEPALIVE;
	if (!seconds)
		peer->flags &= ~(uint32_t)WG_PEER_HAS_KEEPALIVE;
	return text;
}

static const char *read_endpoint(struct wg_peer *peer, const char *text)
{
	union sockaddr_ip addr;

	text = sockaddr_ip_parse_start(&addr, text);
	if (!text || *text != '\n')
		return NULL;
	peer->endpoint.addr = addr;
	return text + 1;
}

static const char *read_allowed_ip(struct wg_peer *peer, const char *text)
{
	struct cidr cidr;
	const char *end = cidr_parse_start(&cidr, text);

	/* The mask is not optional here. */
	if (!end || *end != '\n' || !memchr(text, '/', (size_t)(end - text)))
		return NULL;
	wg_peer_add_allowed_ip(peer)->cidr = cidr;
	return end + 1;
}

static const char *read_handshake_s(struct wg_peer *peer, const char *text)
{
	uint64_t seconds;

	text = read_number(&seconds, text, INT64_MAX);
	if (text)
		peer->last_handshake_s = (int64_t)seconds;
	return text;
}

static const char *read_handshake_ns(struct wg_peer *peer, const char *text)
{
	uint64_t nanoseconds;

	text = read_number(&nanoseconds, text, 999999999);
	if (text)
		peer->last_handshake_ns = (uint32_t)nanoseconds;
	return text;
}

static const char *read_bytes(uint64_t *out, const char *text)
{
	uint64_t bytes;

	text = read_number(&bytes, text, UINT64_MAX);
	if (text)
		*out = bytes;
	return text;
}

/* Takes one line; returns what comes after it, NULL if it is not for here. */
static const char *read_line(struct uapi_decoder *decoder, const char *text)
{
	struct wg_peer *peer;

	if (STARTS_WITH(text, "public_key="))
		return read_public_key(decoder, text + strlen("public_key="));
	if (!decoder->in_peer)
		return NULL;
	peer = wg_device_last_peer(decoder->device);
	switch (*text) {
	case 'a':
		if (STARTS_WITH(text, "allowed_ip="))
			return read_allowed_ip(peer, text + strlen("allowed_ip="));
		break;
	case 'e':
		if (STARTS_WITH(text, "endpoint="))
			return read_endpoint(peer, text + strlen("endpoint="));
		break;
	case 'l':
		if (STARTS_WITH(text, "last_handshake_time_sec="))
			return read_handshake_s(peer, text + strlen("last_handshake_time_sec="));
		if (STARTS_WITH(text, "last_handshake_time_nsec="))
			return read_handshake_ns(peer, text + strlen("last_handshake_time_nsec="));
		break;
	case 'p':
		if (STARTS_WITH(text, "preshared_key="))
			return read_preshared_key(peer, text + strlen("preshared_key="));
		if (STARTS_WITH(text, "persistent_keepalive_interval="))
			return read_keepalive(peer,
					      text + strlen("persistent_keepalive_interval="));
		if (STARTS_WITH(text, "protocol_version=1\n"))
			return text + strlen("protocol_version=1\n");
		break;
	case 'r':
		if (STARTS_WITH(text, "rx_bytes="))
			return read_bytes(&peer->rx_bytes, text + strlen("rx_bytes="));
		break;
	case 't':
		if (STARTS_WITH(text, "tx_bytes="))
			return read_bytes(&peer->tx_bytes, text + strlen("tx_bytes="));
		break;
	}
	return NULL;
}

size_t uapi_quick_get_lines(struct uapi_decoder *decoder, const char *text, size_t len)
{
	const char *at = text, *next;

	while (len - (size_t)(at - text) >= LINE_MAX_LEN && (next = read_line(decoder, at)))
		at = next;
	return (size_t)(at - text);
}
