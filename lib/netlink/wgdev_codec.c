/*
 * Netlink messages <-> model: see wgdev_codec.h. Reading first sorts the attributes of one level
 * into a table by number, then takes what it knows; the kernel is trusted to mean well, but not
 * to be of any particular version, so lengths are checked and strange numbers passed over.
 * Writing puts one thing after the other until one does not fit, takes its first half back, and
 * leaves the rest to the next message. Nothing is allocated but what the model owns; buffers are
 * the caller's, who also wipes them.
 */
#include "lib/netlink/wgdev_codec.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* After the model's headers: its macro WG_KEY_LEN would get into their enum. */
#include <linux/wireguard.h>

/* Since Linux 6.16; header files are often older than the kernel. */
enum {
	ALLOWEDIP_A_FLAGS = WGALLOWEDIP_A_CIDR_MASK + 1,
	ALLOWEDIP_F_REMOVE_ME = 1 << 0,
};

static int malformed(struct err *err)
{
	return err_set(err, -EPROTO, "%s", strerror(EPROTO));
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Fills table[number]; of two with one number the last counts, as in the kernel. */
static void sort_attributes(const struct nlattr **table, size_t n, const void *payload, size_t len)
{
	const struct nlattr *attr;

	memset(table, 0, n * sizeof(*table));
	mnl_attr_for_each_payload(payload, len)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type < n)
			table[type] = attr;
	}
}

static void sort_nested(const struct nlattr **table, size_t n, const struct nlattr *nest)
{
	sort_attributes(table, n, mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest));
}

/* Copies an attribute of exactly `len` bytes. Returns whether it was there; *bad, if unfit. */
static bool copy_attribute(void *out, size_t len, const struct nlattr *attr, bool *bad)
{
	if (!attr)
		return false;
	if (mnl_attr_get_payload_len(attr) != len) {
		*bad = true;
		return false;
	}
	memcpy(out, mnl_attr_get_payload(attr), len);
	return true;
}

/* NULL unless it is there and terminated. */
static const char *get_string(const struct nlattr *attr)
{
	const char *text = attr ? mnl_attr_get_payload(attr) : NULL;

	return text && memchr(text, '\0', mnl_attr_get_payload_len(attr)) ? text : NULL;
}

/* The number in NLMSG_ERROR and NLMSG_DONE: 0 or a negative errno. */
static int end_of_reply(const struct nlmsghdr *message, struct err *err)
{
	int code;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(code))
		return message->nlmsg_type == NLMSG_DONE ? 0 : malformed(err);
	memcpy(&code, mnl_nlmsg_get_payload(message), sizeof(code));
	if (code > 0 || code < -4095)
		return malformed(err);
	return code ? err_set(err, code, "%s", strerror(-code)) : 0;
}

/* The message at the start of `len` bytes, or NULL. (libmnl's check lets lengths above INT_MAX by.)
 */
static const struct nlmsghdr *get_message(const uint8_t *bytes, size_t len)
{
	const struct nlmsghdr *message = (const void *)bytes;

	if (len < NLMSG_HDRLEN || message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > len)
		return NULL;
	return message;
}

static int read_message(bool *done, const struct nlmsghdr *message,
			const struct wgdev_reader *reader, struct err *err)
{
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		return err_set(err, -EINTR, "%s", strerror(EINTR));
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
	case NLMSG_DONE:
		*done = true;
		return end_of_reply(message, err);
	case NLMSG_NOOP:
		return 0;
	case NLMSG_OVERRUN:
		return err_set(err, -ENOBUFS, "%s", strerror(ENOBUFS));
	default:
		return reader->take(reader->ctx, message, err);
	}
}

int wgdev_read_reply(bool *done, const void *bytes, size_t len, uint32_t seq,
		     const struct wgdev_reader *reader, struct err *err)
{
	size_t at = 0;
	int r = 0;

	*done = false;
	while (!r && !*done && at < len) {
		const struct nlmsghdr *message = get_message((const uint8_t *)bytes + at, len - at);

		if (!message || message->nlmsg_seq != seq)
			return malformed(err);
		r = read_message(done, message, reader, err);
		at += NLMSG_ALIGN(message->nlmsg_len);
	}
	return r;
}

int wgdev_decode_family(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *table[CTRL_ATTR_MAX + 1];
	uint16_t *family = ctx;
	bool bad = false;

	if (mnl_nlmsg_get_payload_len(message) < GENL_HDRLEN)
		return malformed(err);
	sort_attributes(table, CTRL_ATTR_MAX + 1,
			mnl_nlmsg_get_payload_offset(message, GENL_HDRLEN),
			mnl_nlmsg_get_payload_len(message) - GENL_HDRLEN);
	copy_attribute(family, sizeof(*family), table[CTRL_ATTR_FAMILY_ID], &bad);
	return bad ? malformed(err) : 0;
}

int wgdev_decode_link(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *table[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	const size_t header = MNL_ALIGN(sizeof(struct ifinfomsg));
	const char *name, *kind;

	if (mnl_nlmsg_get_payload_len(message) < header)
		return malformed(err);
	sort_attributes(table, IFLA_MAX + 1, mnl_nlmsg_get_payload_offset(message, header),
			mnl_nlmsg_get_payload_len(message) - header);
	if (message->nlmsg_type != RTM_NEWLINK || !table[IFLA_LINKINFO])
		return 0;
	sort_nested(info, IFLA_INFO_MAX + 1, table[IFLA_LINKINFO]);
	kind = get_string(info[IFLA_INFO_KIND]);
	name = get_string(table[IFLA_IFNAME]);
	if (kind && name && !strcmp(kind, WG_GENL_NAME))
		strlist_add(ctx, name);
	return 0;
}

static int decode_allowed_ip(struct wg_peer *peer, const struct nlattr *nest, struct err *err)
{
	const struct nlattr *table[WGALLOWEDIP_A_MAX + 1];
	struct wg_allowed_ip ip = { 0 };
	bool bad = false;
	uint16_t family;

	sort_nested(table, WGALLOWEDIP_A_MAX + 1, nest);
	if (!copy_attribute(&family, sizeof(family), table[WGALLOWEDIP_A_FAMILY], &bad) ||
	    (family != AF_INET && family != AF_INET6))
		return malformed(err);
	ip.cidr.family = (uint8_t)family;
	if (!copy_attribute(&ip.cidr.addr, cidr_max_bits(family) / 8, table[WGALLOWEDIP_A_IPADDR],
			    &bad) ||
	    !copy_attribute(&ip.cidr.bits, 1, table[WGALLOWEDIP_A_CIDR_MASK], &bad) ||
	    ip.cidr.bits > cidr_max_bits(family))
		return malformed(err);
	cidr_mask(&ip.cidr);
	*wg_peer_add_allowed_ip(peer) = ip;
	return 0;
}

static void decode_endpoint(union sockaddr_ip *out, const struct nlattr *attr, bool *bad)
{
	union sockaddr_ip addr = { 0 };

	if (!attr)
		return;
	switch (mnl_attr_get_payload_len(attr)) {
	case sizeof(addr.v4):
	case sizeof(addr.v6):
		memcpy(&addr, mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
		break;
	}
	if (sockaddr_ip_len(&addr) == mnl_attr_get_payload_len(attr))
		*out = addr;
	else
		*bad = true;
}

/* What only the first fragment of a peer has. */
static void decode_peer_values(struct wg_peer *peer, const struct nlattr **table, bool *bad)
{
	int64_t handshake[2];

	copy_attribute(&peer->preshared_key, WG_KEY_LEN, table[WGPEER_A_PRESHARED_KEY], bad);
	/* The kernel always sends one; all zeros is none. */
	peer->flags &= ~(uint32_t)WG_PEER_HAS_PRESHARED_KEY;
	if (!wg_key_is_zero(&peer->preshared_key))
		peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
	if (copy_attribute(&peer->keepalive_s, sizeof(peer->keepalive_s),
			   table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL], bad))
		peer->flags |= WG_PEER_HAS_KEEPALIVE;
	if (copy_attribute(handshake, sizeof(handshake), table[WGPEER_A_LAST_HANDSHAKE_TIME],
			   bad)) {
		peer->last_handshake_s = handshake[0];
		peer->last_handshake_ns = (uint32_t)handshake[1];
		*bad = *bad || handshake[1] < 0 || handshake[1] > 999999999;
	}
	copy_attribute(&peer->rx_bytes, sizeof(peer->rx_bytes), table[WGPEER_A_RX_BYTES], bad);
	copy_attribute(&peer->tx_bytes, sizeof(peer->tx_bytes), table[WGPEER_A_TX_BYTES], bad);
	decode_endpoint(&peer->endpoint.addr, table[WGPEER_A_ENDPOINT], bad);
}

static int decode_peer(struct wg_device *device, const struct nlattr *nest, struct err *err)
{
	const struct nlattr *table[WGPEER_A_MAX + 1], *attr;
	struct wg_peer *peer = wg_device_last_peer(device);
	struct wg_key key;
	bool bad = false;
	int r;

	sort_nested(table, WGPEER_A_MAX + 1, nest);
	if (!copy_attribute(&key, sizeof(key), table[WGPEER_A_PUBLIC_KEY], &bad))
		return malformed(err);
	if (!peer || memcmp(&peer->public_key, &key, sizeof(key)) != 0) {
		peer = wg_device_add_peer(device);
		peer->public_key = key;
		peer->flags = WG_PEER_HAS_PUBLIC_KEY;
	}
	decode_peer_values(peer, table, &bad);
	if (bad)
		return malformed(err);
	if (!table[WGPEER_A_ALLOWEDIPS])
		return 0;
	mnl_attr_for_each_nested(attr, table[WGPEER_A_ALLOWEDIPS])
	{
		r = decode_allowed_ip(peer, attr, err);
		if (r)
			return r;
	}
	return 0;
}

int wgdev_decode_device(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *table[WGDEVICE_A_MAX + 1], *attr;
	struct wg_device *device = ctx;
	const char *name;
	bool bad = false;
	int r;

	if (mnl_nlmsg_get_payload_len(message) < GENL_HDRLEN)
		return malformed(err);
	sort_attributes(table, WGDEVICE_A_MAX + 1,
			mnl_nlmsg_get_payload_offset(message, GENL_HDRLEN),
			mnl_nlmsg_get_payload_len(message) - GENL_HDRLEN);
	name = get_string(table[WGDEVICE_A_IFNAME]);
	if (name && strlen(name) < sizeof(device->name))
		strcpy(device->name, name);
	if (copy_attribute(&device->private_key, WG_KEY_LEN, table[WGDEVICE_A_PRIVATE_KEY], &bad))
		device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	if (copy_attribute(&device->public_key, WG_KEY_LEN, table[WGDEVICE_A_PUBLIC_KEY], &bad))
		device->flags |= WG_DEVICE_HAS_PUBLIC_KEY;
	if (copy_attribute(&device->listen_port, sizeof(device->listen_port),
			   table[WGDEVICE_A_LISTEN_PORT], &bad))
		device->flags |= WG_DEVICE_HAS_LISTEN_PORT;
	if (copy_attribute(&device->fwmark, sizeof(device->fwmark), table[WGDEVICE_A_FWMARK], &bad))
		device->flags |= WG_DEVICE_HAS_FWMARK;
	if (bad)
		return malformed(err);
	if (!table[WGDEVICE_A_PEERS])
		return 0;
	mnl_attr_for_each_nested(attr, table[WGDEVICE_A_PEERS])
	{
		r = decode_peer(device, attr, err);
		if (r)
			return r;
	}
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

/* A message that grows up to cap. Once something did not fit, nothing more is put. */
struct writer {
	struct nlmsghdr *message;
	size_t cap;
	bool full;
};

static void put(struct writer *w, uint16_t type, const void *value, size_t len)
{
	w->full = w->full || !mnl_attr_put_check(w->message, w->cap, type, len, value);
}

static void put_u16(struct writer *w, uint16_t type, uint16_t value)
{
	put(w, type, &value, sizeof(value));
}

static void put_u32(struct writer *w, uint16_t type, uint32_t value)
{
	put(w, type, &value, sizeof(value));
}

static struct nlattr *open_nest(struct writer *w, uint16_t type)
{
	struct nlattr *nest = NULL;

	if (!w->full)
		nest = mnl_attr_nest_start_check(w->message, w->cap, type);
	w->full = w->full || !nest;
	return nest;
}

/* Ends the nest, or takes all of it back when it did not fit. Returns whether it did. */
static bool close_nest(struct writer *w, struct nlattr *nest)
{
	if (!w->full)
		mnl_attr_nest_end(w->message, nest);
	else if (nest)
		mnl_attr_nest_cancel(w->message, nest);
	return !w->full;
}

static bool put_allowed_ip(struct writer *w, const struct wg_allowed_ip *ip)
{
	struct nlattr *nest = open_nest(w, 0);

	put_u16(w, WGALLOWEDIP_A_FAMILY, ip->cidr.family);
	put(w, WGALLOWEDIP_A_IPADDR, &ip->cidr.addr, cidr_max_bits(ip->cidr.family) / 8);
	put(w, WGALLOWEDIP_A_CIDR_MASK, &ip->cidr.bits, 1);
	/* Left out where it says nothing, since older kernels refuse it. */
	if (ip->remove)
		put_u32(w, ALLOWEDIP_A_FLAGS, ALLOWEDIP_F_REMOVE_ME);
	return close_nest(w, nest);
}

/* A peer's own values. UPDATE_ONLY is repeated: else a second fragment would create the peer. */
static void put_peer_values(struct writer *w, const struct wg_peer *peer, bool again)
{
	bool remove = peer->flags & WG_PEER_REMOVE;
	uint32_t flags = remove ? WGPEER_F_REMOVE_ME : 0;

	put(w, WGPEER_A_PUBLIC_KEY, &peer->public_key, WG_KEY_LEN);
	if (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS && !remove && !again)
		flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
	if (peer->flags & WG_PEER_UPDATE_ONLY && !remove)
		flags |= WGPEER_F_UPDATE_ONLY;
	if (flags)
		put_u32(w, WGPEER_A_FLAGS, flags);
	if (remove || again)
		return;
	if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
		put(w, WGPEER_A_PRESHARED_KEY, &peer->preshared_key, WG_KEY_LEN);
	if (!endpoint_is_empty(&peer->endpoint))
		put(w, WGPEER_A_ENDPOINT, &peer->endpoint.addr,
		    sockaddr_ip_len(&peer->endpoint.addr));
	if (peer->flags & WG_PEER_HAS_KEEPALIVE)
		put_u16(w, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer->keepalive_s);
}

/* Writes what fits of the encoder's peer. Returns whether that was all of it. */
static bool put_peer(struct writer *w, struct wgdev_encoder *encoder)
{
	const struct wg_peer *peer = encoder->peer;
	uint32_t n_ips = peer->flags & WG_PEER_REMOVE ? 0 : peer->n_allowed_ips;
	struct nlattr *nest = open_nest(w, 0), *ips;

	assert(!peer->endpoint.host);
	put_peer_values(w, peer, encoder->in_peer);
	if (w->full)
		return close_nest(w, nest);
	encoder->in_peer = true;
	if (n_ips) {
		ips = open_nest(w, WGPEER_A_ALLOWEDIPS);
		while (!w->full && encoder->allowed_ip < n_ips)
			if (put_allowed_ip(w, &peer->allowed_ips[encoder->allowed_ip]))
				encoder->allowed_ip++;
		if (ips)
			mnl_attr_nest_end(w->message, ips);
	}
	mnl_attr_nest_end(w->message, nest);
	return !w->full;
}

static void put_device_values(struct writer *w, const struct wg_device *change, bool port_is_set)
{
	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		put_u32(w, WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS);
	if (change->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		put(w, WGDEVICE_A_PRIVATE_KEY, &change->private_key, WG_KEY_LEN);
	if (change->flags & WG_DEVICE_HAS_LISTEN_PORT && !port_is_set)
		put_u16(w, WGDEVICE_A_LISTEN_PORT, change->listen_port);
	if (change->flags & WG_DEVICE_HAS_FWMARK)
		put_u32(w, WGDEVICE_A_FWMARK, change->fwmark);
}

static struct writer start_set(void *buf, size_t cap, const char *name, uint16_t family,
			       uint32_t seq)
{
	struct writer w = { .message = mnl_nlmsg_put_header(buf), .cap = cap };
	struct genlmsghdr *genl;

	/* A nest's length has 16 bits. */
	assert(cap >= WGDEV_MESSAGE_MIN && cap <= UINT16_MAX);
	w.message->nlmsg_type = family;
	w.message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	w.message->nlmsg_seq = seq;
	genl = mnl_nlmsg_put_extra_header(w.message, sizeof(*genl));
	genl->cmd = WG_CMD_SET_DEVICE;
	genl->version = WG_GENL_VERSION;
	put(&w, WGDEVICE_A_IFNAME, name, strnlen(name, IFNAMSIZ - 1) + 1);
	return w;
}

bool wgdev_encode_next(struct wgdev_encoder *encoder, void *buf, size_t cap, uint16_t family,
		       uint32_t seq)
{
	const struct wg_device *change = encoder->change;
	struct nlattr *peers;
	struct writer w;

	if (!encoder->started)
		encoder->peer = wg_peers_next(&encoder->peers);
	else if (!encoder->peer)
		return false;
	w = start_set(buf, cap, change->name, family, seq);
	if (!encoder->started)
		put_device_values(&w, change, encoder->port_is_set);
	encoder->started = true;
	if (!encoder->peer)
		return true;
	peers = open_nest(&w, WGDEVICE_A_PEERS);
	while (encoder->peer && put_peer(&w, encoder)) {
		encoder->peer = wg_peers_next(&encoder->peers);
		encoder->allowed_ip = 0;
		encoder->in_peer = false;
	}
	mnl_attr_nest_end(w.message, peers);
	return true;
}

void wgdev_encode_port(void *buf, size_t cap, const struct wg_device *change, uint16_t family,
		       uint32_t seq)
{
	struct writer w = start_set(buf, cap, change->name, family, seq);

	put_u16(&w, WGDEVICE_A_LISTEN_PORT, change->listen_port);
}

void wgdev_encoder_fini(struct wgdev_encoder *encoder)
{
	wg_peers_fini(&encoder->peers);
}

void wgdev_encode_strictness_probe(void *buf, size_t cap, const char *name, uint16_t family,
				   uint32_t seq)
{
	/* Nobody's key; and should somebody have it, then nothing is said about that peer. */
	const struct wg_peer nobody = { .flags = WG_PEER_UPDATE_ONLY };
	struct writer w = start_set(buf, cap, name, family, seq);
	struct nlattr *peers = open_nest(&w, WGDEVICE_A_PEERS), *peer = open_nest(&w, 0);

	put_peer_values(&w, &nobody, false);
	put_u32(&w, (uint16_t)NLA_TYPE_MASK, 0);
	mnl_attr_nest_end(w.message, peer);
	mnl_attr_nest_end(w.message, peers);
}
