/*
 * Peers in few bytes: see packed.h. A record is, in this order:
 *
 *	1	enum wg_peer_flags
 *	1	enum has: which of the following there are
 *	32	public key
 *	32	preshared key
 *	...	endpoint: IPv4 4 and port 2, IPv6 16 and port 2, "host\0service\0", or
 *		a whole sockaddr
 *	2	keepalive
 *	...	handshake: seconds as a varint, nanoseconds 4
 *	...	received, sent: varints
 *	...	"label\0"
 *	...	number of allowed IPs: varint
 *	...	each: IPv4 1 and 4, IPv6 1 and 16; the one says family and mask, or that
 *		what follows is the plain struct, which removals are
 *
 * Numbers are in the machine's order, since records never leave the process. A varint has seven
 * bits to a byte, the lowest first; the eighth says that there is more.
 */
#include "lib/model/packed.h"

#include <assert.h>
#include <string.h>

#include "lib/util/mem.h"

enum has {
	HAS_ENDPOINT = 7, /* enum endpoint_kind */
	HAS_PRESHARED_KEY = 1 << 3,
	HAS_KEEPALIVE = 1 << 4,
	HAS_HANDSHAKE = 1 << 5,
	HAS_TRANSFER = 1 << 6,
	HAS_LABEL = 1 << 7,
};

enum endpoint_kind {
	ENDPOINT_NONE,
	ENDPOINT_V4,
	ENDPOINT_V6, /* without a scope */
	ENDPOINT_NAME,
	ENDPOINT_SOCKADDR, /* all else */
};

enum {
	VARINT_MAX = 10,
	IP_MAX = 1 + sizeof(struct wg_allowed_ip),
	FIXED_MAX = 2 + 2 * WG_KEY_LEN + sizeof(union sockaddr_ip) + 2 + VARINT_MAX + 4 +
		    3 * VARINT_MAX,
	/* The first byte of an allowed IP. */
	IP_V4 = 0,               /* and its mask, 0 to 32 */
	IP_V6 = IP_V4 + 32 + 1,  /* and its mask, 0 to 128 */
	IP_ANY = IP_V6 + 128 + 1 /* the struct follows */
};

/* ---- writing --------------------------------------------------------------------------------- */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

size_t packed_max(const struct wg_peer *peer)
{
	return FIXED_MAX + text_size(peer->endpoint.host) + text_size(peer->endpoint.service) +
	       text_size(peer->label) + (size_t)peer->n_allowed_ips * IP_MAX;
}

static uint8_t *put(uint8_t *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

static enum endpoint_kind kind_of(const struct endpoint *endpoint)
{
	if (endpoint->host)
		return ENDPOINT_NAME;
	switch (endpoint->addr.sa.sa_family) {
	case AF_UNSPEC:
		return ENDPOINT_NONE;
	case AF_INET:
		return ENDPOINT_V4;
	case AF_INET6:
		if (!endpoint->addr.v6.sin6_scope_id && !endpoint->addr.v6.sin6_flowinfo)
			return ENDPOINT_V6;
		break;
	}
	return ENDPOINT_SOCKADDR;
}

static uint8_t *put_endpoint(uint8_t *out, const struct endpoint *endpoint, enum endpoint_kind kind)
{
	switch (kind) {
	case ENDPOINT_NONE:
		break;
	case ENDPOINT_V4:
		out = put(out, &endpoint->addr.v4.sin_addr, 4);
		return put(out, &endpoint->addr.v4.sin_port, 2);
	case ENDPOINT_V6:
		out = put(out, &endpoint->addr.v6.sin6_addr, 16);
		return put(out, &endpoint->addr.v6.sin6_port, 2);
	case ENDPOINT_NAME:
		out = put(out, endpoint->host, strlen(endpoint->host) + 1);
		return put(out, endpoint->service, strlen(endpoint->service) + 1);
	case ENDPOINT_SOCKADDR:
		return put(out, &endpoint->addr, sizeof(endpoint->addr));
	}
	return out;
}

static uint8_t *put_allowed_ip(uint8_t *out, const struct wg_allowed_ip *ip)
{
	const struct cidr *cidr = &ip->cidr;

	if (!ip->remove && cidr->family == AF_INET && cidr->bits <= 32) {
		*out++ = (uint8_t)(IP_V4 + cidr->bits);
		return put(out, cidr->addr.bytes, 4);
	}
	if (!ip->remove && cidr->family == AF_INET6 && cidr->bits <= 128) {
		*out++ = (uint8_t)(IP_V6 + cidr->bits);
		return put(out, cidr->addr.bytes, 16);
	}
	*out++ = IP_ANY;
	return put(out, ip, sizeof(*ip));
}

uint8_t *packed_write(uint8_t *out, const struct wg_peer *peer)
{
	enum endpoint_kind kind = kind_of(&peer->endpoint);
	uint8_t has = (uint8_t)kind, *has_at;

	assert(peer->flags <= UINT8_MAX);
	*out++ = (uint8_t)peer->flags;
	has_at = out++;
	out = put(out, &peer->public_key, WG_KEY_LEN);
	if (!wg_key_is_zero(&peer->preshared_key)) {
		has |= HAS_PRESHARED_KEY;
		out = put(out, &peer->preshared_key, WG_KEY_LEN);
	}
	out = put_endpoint(out, &peer->endpoint, kind);
	if (peer->keepalive_s) {
		has |= HAS_KEEPALIVE;
		out = put(out, &peer->keepalive_s, sizeof(peer->keepalive_s));
	}
	if (peer->last_handshake_s || peer->last_handshake_ns) {
		has |= HAS_HANDSHAKE;
		out = put_varint(out, (uint64_t)peer->last_handshake_s);
		out = put(out, &peer->last_handshake_ns, sizeof(peer->last_handshake_ns));
	}
	if (peer->rx_bytes || peer->tx_bytes) {
		has |= HAS_TRANSFER;
		out = put_varint(out, peer->rx_bytes);
		out = put_varint(out, peer->tx_bytes);
	}
	if (peer->label) {
		has |= HAS_LABEL;
		out = put(out, peer->label, strlen(peer->label) + 1);
	}
	*has_at = has;
	out = put_varint(out, peer->n_allowed_ips);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		out = put_allowed_ip(out, &peer->allowed_ips[i]);
	return out;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const uint8_t *take(void *out, const uint8_t *in, size_t len)
{
	memcpy(out, in, len);
	return in + len;
}

static const uint8_t *take_varint(uint64_t *out, const uint8_t *in)
{
	uint64_t value = *in & 0x7f;

	for (unsigned int shift = 7; *in++ & 0x80; shift += 7)
		value |= (uint64_t)(*in & 0x7f) << shift;
	*out = value;
	return in;
}

static const uint8_t *take_text(char **out, const uint8_t *in)
{
	*out = (char *)in;
	return in + strlen(*out) + 1;
}

static const uint8_t *take_endpoint(struct endpoint *out, const uint8_t *in,
				    enum endpoint_kind kind)
{
	switch (kind) {
	case ENDPOINT_NONE:
		break;
	case ENDPOINT_V4:
		out->addr.v4.sin_family = AF_INET;
		in = take(&out->addr.v4.sin_addr, in, 4);
		return take(&out->addr.v4.sin_port, in, 2);
	case ENDPOINT_V6:
		out->addr.v6.sin6_family = AF_INET6;
		in = take(&out->addr.v6.sin6_addr, in, 16);
		return take(&out->addr.v6.sin6_port, in, 2);
	case ENDPOINT_NAME:
		in = take_text(&out->host, in);
		return take_text(&out->service, in);
	case ENDPOINT_SOCKADDR:
		return take(&out->addr, in, sizeof(out->addr));
	}
	return in;
}

static const uint8_t *take_allowed_ip(struct wg_allowed_ip *out, const uint8_t *in)
{
	uint8_t head = *in++;

	if (head == IP_ANY)
		return take(out, in, sizeof(*out));
	*out = (struct wg_allowed_ip){ 0 };
	if (head < IP_V6) {
		out->cidr.family = AF_INET;
		out->cidr.bits = head - IP_V4;
		return take(out->cidr.addr.bytes, in, 4);
	}
	out->cidr.family = AF_INET6;
	out->cidr.bits = head - IP_V6;
	return take(out->cidr.addr.bytes, in, 16);
}

const uint8_t *packed_read(struct wg_peer *out, const uint8_t *in)
{
	uint8_t flags = *in++, has = *in++;
	uint64_t value;

	*out = (struct wg_peer){
		.flags = flags,
		.allowed_ips = out->allowed_ips,
		.allowed_ips_cap = out->allowed_ips_cap,
	};
	in = take(&out->public_key, in, WG_KEY_LEN);
	if (has & HAS_PRESHARED_KEY)
		in = take(&out->preshared_key, in, WG_KEY_LEN);
	in = take_endpoint(&out->endpoint, in, has & HAS_ENDPOINT);
	if (has & HAS_KEEPALIVE)
		in = take(&out->keepalive_s, in, sizeof(out->keepalive_s));
	if (has & HAS_HANDSHAKE) {
		in = take_varint(&value, in);
		out->last_handshake_s = (int64_t)value;
		in = take(&out->last_handshake_ns, in, sizeof(out->last_handshake_ns));
	}
	if (has & HAS_TRANSFER) {
		in = take_varint(&out->rx_bytes, in);
		in = take_varint(&out->tx_bytes, in);
	}
	if (has & HAS_LABEL)
		in = take_text(&out->label, in);
	in = take_varint(&value, in);
	out->n_allowed_ips = (uint32_t)value;
	out->allowed_ips = mem_grow(out->allowed_ips, &out->allowed_ips_cap, out->n_allowed_ips,
				    sizeof(*out->allowed_ips));
	for (uint32_t i = 0; i < out->n_allowed_ips; i++)
		in = take_allowed_ip(&out->allowed_ips[i], in);
	return in;
}
