/*
 * UAPI text <-> model: see codec.h. Reading goes line by line through a table of keys; which table
 * applies depends on the direction and on whether a peer has begun. Nothing is owned here: text
 * goes to the caller's buffer, values go to the caller's device.
 */
#include "lib/uapi/codec.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>

#include "lib/crypto/x25519_base.h"
#include "lib/util/cleanup.h"
#include "lib/util/num.h"

/* ---- writing --------------------------------------------------------------------------------- */

static void add_text(struct strbuf *out, const char *key, const char *value)
{
	strbuf_add(out, key);
	strbuf_add_char(out, '=');
	strbuf_add(out, value);
	strbuf_add_char(out, '\n');
}

static void add_u64(struct strbuf *out, const char *key, uint64_t value)
{
	strbuf_add(out, key);
	strbuf_add_char(out, '=');
	strbuf_add_u64(out, value);
	strbuf_add_char(out, '\n');
}

static void add_key(struct strbuf *out, const char *name, const struct wg_key *key)
{
	strbuf_add(out, name);
	strbuf_add_char(out, '=');
	wg_key_add_hex(out, key);
	strbuf_add_char(out, '\n');
}

static void add_endpoint(struct strbuf *out, const struct endpoint *endpoint)
{
	if (endpoint->addr.sa.sa_family == AF_UNSPEC)
		return;
	strbuf_add(out, "endpoint=");
	sockaddr_ip_add(out, &endpoint->addr);
	strbuf_add_char(out, '\n');
}

static void add_allowed_ip(struct strbuf *out, const struct wg_allowed_ip *ip)
{
	strbuf_add(out, "allowed_ip=");
	if (ip->remove)
		strbuf_add_char(out, '-');
	cidr_add(out, &ip->cidr);
	strbuf_add_char(out, '\n');
}

static void add_device_change(struct strbuf *out, const struct wg_device *change)
{
	strbuf_add(out, "set=1\n");
	if (change->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		add_key(out, "private_key", &change->private_key);
	if (change->flags & WG_DEVICE_HAS_LISTEN_PORT)
		add_u64(out, "listen_port", change->listen_port);
	if (change->flags & WG_DEVICE_HAS_FWMARK)
		add_u64(out, "fwmark", change->fwmark);
	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		add_text(out, "replace_peers", "true");
}

static void add_peer_change(struct strbuf *out, const struct wg_peer *peer)
{
	assert(!peer->endpoint.host); /* names have been resolved before */
	add_key(out, "public_key", &peer->public_key);
	if (peer->flags & WG_PEER_REMOVE) {
		add_text(out, "remove", "true");
		return;
	}
	if (peer->flags & WG_PEER_UPDATE_ONLY)
		add_text(out, "update_only", "true");
	if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
		add_key(out, "preshared_key", &peer->preshared_key);
	add_endpoint(out, &peer->endpoint);
	if (peer->flags & WG_PEER_HAS_KEEPALIVE)
		add_u64(out, "persistent_keepalive_interval", peer->keepalive_s);
	if (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS)
		add_text(out, "replace_allowed_ips", "true");
}

static int no_flush(void *ctx, struct strbuf *text)
{
	(void)ctx, (void)text;
	return 0;
}

int uapi_encode_set(struct strbuf *out, const struct wg_device *change, uapi_flush *flush,
		    void *ctx)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;
	int r = 0;

	flush = flush ? flush : no_flush;
	add_device_change(out, change);
	while (!r && (peer = wg_peers_next(&peers))) {
		/* A peer that is removed has none to tell. */
		uint32_t n_ips = peer->flags & WG_PEER_REMOVE ? 0 : peer->n_allowed_ips;

		add_peer_change(out, peer);
		r = flush(ctx, out);
		for (uint32_t i = 0; !r && i < n_ips; i++) {
			add_allowed_ip(out, &peer->allowed_ips[i]);
			r = flush(ctx, out);
		}
	}
	if (!r)
		strbuf_add_char(out, '\n');
	return r;
}

void uapi_encode_get_device(struct strbuf *out, const struct wg_device *device)
{
	/* A key of zeros would be shown as a key: no key is no line. */
	if (!wg_key_is_zero(&device->private_key))
		add_key(out, "private_key", &device->private_key);
	if (device->listen_port)
		add_u64(out, "listen_port", device->listen_port);
	if (device->fwmark)
		add_u64(out, "fwmark", device->fwmark);
}

void uapi_encode_get_peer(struct strbuf *out, const struct wg_peer *peer)
{
	add_key(out, "public_key", &peer->public_key);
	add_key(out, "preshared_key", &peer->preshared_key);
	add_text(out, "protocol_version", "1");
	add_endpoint(out, &peer->endpoint);
	add_u64(out, "last_handshake_time_sec", (uint64_t)peer->last_handshake_s);
	add_u64(out, "last_handshake_time_nsec", peer->last_handshake_ns);
	add_u64(out, "tx_bytes", peer->tx_bytes);
	add_u64(out, "rx_bytes", peer->rx_bytes);
	add_u64(out, "persistent_keepalive_interval", peer->keepalive_s);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++)
		add_allowed_ip(out, &peer->allowed_ips[i]);
}

void uapi_encode_errno(struct strbuf *out, bool is_get, int code)
{
	assert(code <= 0);
	strbuf_add(out, code && !is_get ? "errno=-" : "errno=");
	strbuf_add_u64(out, (unsigned long long)-(long long)code);
	strbuf_add(out, "\n\n");
}

/* ---- reading: values ------------------------------------------------------------------------- */

/* One key of the protocol, as one direction reads it. */
struct key_reader {
	const char *name;
	/* Returns 0, or a negative errno for a bad value. */
	int (*read)(struct uapi_decoder *decoder, const char *value);
};

static struct wg_peer *last_peer(const struct uapi_decoder *decoder)
{
	return wg_device_last_peer(decoder->device);
}

static int read_true(const char *value)
{
	return strcmp(value, "true") ? -EINVAL : 0;
}

static int read_private_key(struct uapi_decoder *decoder, const char *value)
{
	if (wg_key_parse_hex(&decoder->device->private_key, value, NULL))
		return -EINVAL;
	decoder->device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	return 0;
}

static int read_own_keys(struct uapi_decoder *decoder, const char *value)
{
	if (read_private_key(decoder, value))
		return -EINVAL;
	x25519_base(decoder->device->public_key.bytes, decoder->device->private_key.bytes);
	decoder->device->flags |= WG_DEVICE_HAS_PUBLIC_KEY;
	return 0;
}

static int read_listen_port(struct uapi_decoder *decoder, const char *value)
{
	uint64_t port;

	if (num_parse(&port, value, UINT16_MAX))
		return -EINVAL;
	decoder->device->listen_port = (uint16_t)port;
	decoder->device->flags |= WG_DEVICE_HAS_LISTEN_PORT;
	return 0;
}

static int read_fwmark(struct uapi_decoder *decoder, const char *value)
{
	uint64_t mark;

	if (num_parse(&mark, value, UINT32_MAX))
		return -EINVAL;
	decoder->device->fwmark = (uint32_t)mark;
	decoder->device->flags |= WG_DEVICE_HAS_FWMARK;
	return 0;
}

static int read_replace_peers(struct uapi_decoder *decoder, const char *value)
{
	decoder->device->flags |= WG_DEVICE_REPLACE_PEERS;
	return read_true(value);
}

static int read_public_key(struct uapi_decoder *decoder, const char *value)
{
	struct wg_key key;
	struct wg_peer *peer;

	if (wg_key_parse_hex(&key, value, NULL))
		return -EINVAL;
	peer = wg_device_add_peer(decoder->device);
	peer->public_key = key;
	peer->flags = WG_PEER_HAS_PUBLIC_KEY;
	decoder->in_peer = true;
	return 0;
}

static int read_preshared_key(struct uapi_decoder *decoder, const char *value)
{
	if (wg_key_parse_hex(&last_peer(decoder)->preshared_key, value, NULL))
		return -EINVAL;
	last_peer(decoder)->flags |= WG_PEER_HAS_PRESHARED_KEY;
	return 0;
}

/* A daemon that has no preshared key says so with zeros. */
static int read_got_preshared_key(struct uapi_decoder *decoder, const char *value)
{
	int r = read_preshared_key(decoder, value);

	if (!r && wg_key_is_zero(&last_peer(decoder)->preshared_key))
		last_peer(decoder)->flags &= ~(uint32_t)WG_PEER_HAS_PRESHARED_KEY;
	return r;
}

/* Numbers only: neither a daemon nor a client may cause a look-up on the other side. */
static int read_endpoint(struct uapi_decoder *decoder, const char *value)
{
	static const struct addrinfo numeric = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct endpoint *out = &last_peer(decoder)->endpoint;
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct addrinfo *found;
	uint64_t port;

	if (endpoint_parse(&endpoint, value, NULL))
		return -EINVAL;
	if (endpoint.host) {
		/* Scopes given by number, and those of interfaces that are gone. */
		if (!strchr(endpoint.host, '%') || num_parse(&port, endpoint.service, UINT16_MAX) ||
		    getaddrinfo(endpoint.host, endpoint.service, &numeric, &found))
			return -EINVAL;
		assert(found->ai_addrlen <= sizeof(endpoint.addr));
		memcpy(&endpoint.addr, found->ai_addr, found->ai_addrlen);
		freeaddrinfo(found);
	}
	out->addr = endpoint.addr;
	return 0;
}

static int read_keepalive(struct uapi_decoder *decoder, const char *value)
{
	uint64_t seconds;

	if (num_parse(&seconds, value, UINT16_MAX))
		return -EINVAL;
	last_peer(decoder)->keepalive_s = (uint16_t)seconds;
	last_peer(decoder)->flags |= WG_PEER_HAS_KEEPALIVE;
	return 0;
}

static int read_got_keepalive(struct uapi_decoder *decoder, const char *value)
{
	int r = read_keepalive(decoder, value);

	if (!r && !last_peer(decoder)->keepalive_s)
		last_peer(decoder)->flags &= ~(uint32_t)WG_PEER_HAS_KEEPALIVE;
	return r;
}

/* The mask is not optional here. */
static int read_allowed_ip(struct uapi_decoder *decoder, const char *value)
{
	struct cidr cidr;
	bool remove = *value == '-';

	value += remove;
	if (!strchr(value, '/') || cidr_parse(&cidr, NULL, value, NULL))
		return -EINVAL;
	*wg_peer_add_allowed_ip(last_peer(decoder)) =
		(struct wg_allowed_ip){ .cidr = cidr, .remove = remove };
	return 0;
}

/* What a daemon reports is shown as it is, host bits and all. */
static int read_got_allowed_ip(struct uapi_decoder *decoder, const char *value)
{
	struct cidr cidr;

	if (!strchr(value, '/') || cidr_parse_address(&cidr, value, NULL))
		return -EINVAL;
	wg_peer_add_allowed_ip(last_peer(decoder))->cidr = cidr;
	return 0;
}

static int read_replace_allowed_ips(struct uapi_decoder *decoder, const char *value)
{
	wg_peer_clear_allowed_ips(last_peer(decoder));
	last_peer(decoder)->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
	return read_true(value);
}

static int read_remove(struct uapi_decoder *decoder, const char *value)
{
	last_peer(decoder)->flags |= WG_PEER_REMOVE;
	return read_true(value);
}

static int read_update_only(struct uapi_decoder *decoder, const char *value)
{
	last_peer(decoder)->flags |= WG_PEER_UPDATE_ONLY;
	return read_true(value);
}

static int read_protocol_version(struct uapi_decoder *decoder, const char *value)
{
	(void)decoder;
	return strcmp(value, "1") ? -EINVAL : 0;
}

static int read_handshake_s(struct uapi_decoder *decoder, const char *value)
{
	uint64_t seconds;

	if (num_parse(&seconds, value, INT64_MAX))
		return -EINVAL;
	last_peer(decoder)->last_handshake_s = (int64_t)seconds;
	return 0;
}

static int read_handshake_ns(struct uapi_decoder *decoder, const char *value)
{
	const uint64_t most = 999999999;
	uint64_t nanoseconds;

	/* An odd fraction is no reason to refuse the whole answer. */
	if (num_parse(&nanoseconds, value, UINT64_MAX))
		return -EINVAL;
	last_peer(decoder)->last_handshake_ns = (uint32_t)(nanoseconds < most ? nanoseconds : most);
	return 0;
}

static int read_rx_bytes(struct uapi_decoder *decoder, const char *value)
{
	return num_parse(&last_peer(decoder)->rx_bytes, value, UINT64_MAX);
}

static int read_tx_bytes(struct uapi_decoder *decoder, const char *value)
{
	return num_parse(&last_peer(decoder)->tx_bytes, value, UINT64_MAX);
}

/* Daemons in the field disagree about the sign, so both mean the same error. */
static int read_errno(struct uapi_decoder *decoder, const char *value)
{
	uint64_t number;

	if (num_parse(&number, value + (*value == '-'), INT_MAX))
		return -EINVAL;
	decoder->has_errno = true;
	decoder->code = -(int)number;
	return 0;
}

/* ---- reading: keys --------------------------------------------------------------------------- */

static const struct key_reader set_device_keys[] = {
	{ "private_key", read_private_key }, { "listen_port", read_listen_port },
	{ "fwmark", read_fwmark },           { "replace_peers", read_replace_peers },
	{ "public_key", read_public_key },   { NULL, NULL },
};

static const struct key_reader set_peer_keys[] = {
	{ "allowed_ip", read_allowed_ip },
	{ "public_key", read_public_key },
	{ "preshared_key", read_preshared_key },
	{ "endpoint", read_endpoint },
	{ "persistent_keepalive_interval", read_keepalive },
	{ "replace_allowed_ips", read_replace_allowed_ips },
	{ "remove", read_remove },
	{ "update_only", read_update_only },
	{ "protocol_version", read_protocol_version },
	{ NULL, NULL },
};

static const struct key_reader get_device_keys[] = {
	{ "private_key", read_own_keys },  { "listen_port", read_listen_port },
	{ "fwmark", read_fwmark },         { "errno", read_errno },
	{ "public_key", read_public_key }, { NULL, NULL },
};

static const struct key_reader get_peer_keys[] = {
	{ "allowed_ip", read_got_allowed_ip },
	{ "public_key", read_public_key },
	{ "preshared_key", read_got_preshared_key },
	{ "endpoint", read_endpoint },
	{ "last_handshake_time_sec", read_handshake_s },
	{ "last_handshake_time_nsec", read_handshake_ns },
	{ "tx_bytes", read_tx_bytes },
	{ "rx_bytes", read_rx_bytes },
	{ "persistent_keepalive_interval", read_got_keepalive },
	{ "errno", read_errno },
	{ NULL, NULL },
};

static const struct key_reader errno_key[] = {
	{ "errno", read_errno },
	{ NULL, NULL },
};

/* Ends the line after its key and returns where the value begins, NULL without a "=". */
static char *split(char *line)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return equals + 1;
}

static const struct key_reader *find(const struct key_reader *keys, const char *name)
{
	while (keys->name && strcmp(keys->name, name) != 0)
		keys++;
	return keys->name ? keys : NULL;
}

/* What stands before "=" may be repeated if it could be a name. A secret in base64 ends in "=",
 * too.
 */
static const char *name_to_repeat(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] ? "?" : name;
}

int uapi_decode_set_line(struct uapi_decoder *decoder, char *line, struct err *err)
{
	size_t len = strlen(line);
	const struct key_reader *key;
	char *value;

	if (len && line[len - 1] == '\r')
		line[len - 1] = '\0';
	value = split(line);
	if (!value)
		return err_set(err, -EPROTO, "a line without `='");
	key = find(decoder->in_peer ? set_peer_keys : set_device_keys, line);
	if (!key)
		return err_set(err, -EINVAL, "`%.64s' is not known %s", name_to_repeat(line),
			       decoder->in_peer ? "after public_key"
						: "before the first public_key");
	/* The value may be a secret, so it is not repeated. */
	if (key->read(decoder, value))
		return err_set(err, -EINVAL, "the value of %s is not valid", key->name);
	return 0;
}

static int decode_answer(const struct key_reader *keys, struct uapi_decoder *decoder, char *line,
			 struct err *err)
{
	char *value = split(line);
	const struct key_reader *key;

	if (!value)
		goto bad;
	key = find(keys, line);
	if (key && key->read(decoder, value))
		goto bad;
	return 0;

bad:
	return err_set(err, -EPROTO, "%s", strerror(EPROTO));
}

int uapi_decode_get_line(struct uapi_decoder *decoder, char *line, struct err *err)
{
	return decode_answer(decoder->in_peer ? get_peer_keys : get_device_keys, decoder, line,
			     err);
}

int uapi_decode_errno_line(struct uapi_decoder *decoder, char *line, struct err *err)
{
	return decode_answer(errno_key, decoder, line, err);
}
