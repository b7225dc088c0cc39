/*
 * The table of all keys, and their values: see keys.h. The table stands at the end; above it are,
 * for each kind of value, the parser and the printer.
 *
 * wg takes all white space out of a line before it looks at it, so the parsers of its values work
 * on squeezed copies, in scratch memory that the caller owns. wg-quick's lists are split at white
 * space as well as at commas. What is parsed belongs to the device and to struct conf_quick.
 */
#include "lib/conf/keys.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf/conf.h"
#include "lib/conf/spelling.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- single values --------------------------------------------------------------------------- */

static bool is_above_ports(const char *text)
{
	uint64_t number;

	return num_parse(&number, text, 65535) == -ERANGE;
}

int keys_parse_port(uint16_t *out, const char *text, struct err *err)
{
	char room[1024];
	struct servent service, *found = NULL;
	uint64_t port;

	if (!*text)
		return err_expected(err, -EINVAL, "a port, 0 to 65535",
				    "Unable to parse empty port");
	if (is_above_ports(text))
		return err_expected(err, -EINVAL, "a port, 0 to 65535",
				    "Listen port is above 65535: `%.200s'", text);
	if (!num_parse(&port, text, 65535)) {
		*out = (uint16_t)port;
		return 0;
	}
	if (!getservbyname_r(text, "udp", &service, room, sizeof(room), &found) && found) {
		*out = ntohs((uint16_t)found->s_port);
		return 0;
	}
	return err_expected(err, -EINVAL, "a port, 0 to 65535, or the name of a service",
			    "Servname not supported for ai_socktype: `%.200s'", text);
}

int keys_parse_fwmark(uint32_t *out, const char *text, struct err *err)
{
	uint64_t mark = 0;

	if (strcasecmp(text, "off") != 0 && num_parse_hex(&mark, text, UINT32_MAX))
		return err_expected(err, -EINVAL,
				    "a decimal number, 0x and hexadecimal digits, or off",
				    "Fwmark is neither 0/off nor 0-0xffffffff: `%.200s'", text);
	*out = (uint32_t)mark;
	return 0;
}

int keys_parse_keepalive(uint16_t *out, const char *text, struct err *err)
{
	uint64_t seconds = 0;

	if (strcasecmp(text, "off") != 0 && num_parse(&seconds, text, UINT16_MAX))
		return err_expected(
			err, -EINVAL, "seconds, 1 to 65535, or off",
			"Persistent keepalive interval is neither 0/off nor 1-65535: `%.200s'",
			text);
	*out = (uint16_t)seconds;
	return 0;
}

/* Takes one prefix, from `at` to `end` in text. */
static int parse_allowed_ip(struct wg_peer *peer, struct strlist *warnings, const char *text,
			    size_t at, size_t end, struct err *err)
{
	char squeezed[CIDR_TEXT_MAX + 64], *item = squeezed;
	struct wg_allowed_ip *ip;
	struct cidr cidr;
	size_t len = 0;
	bool too_long, remove;
	int r;

	for (; at < end && len < sizeof(squeezed) - 1; at++)
		if (!is_space(text[at]))
			squeezed[len++] = text[at];
	squeezed[len] = '\0';
	too_long = at < end;

	remove = *item == '-';
	if (*item == '-' || *item == '+') {
		peer->flags &= ~(uint32_t)WG_PEER_REPLACE_ALLOWED_IPS;
		item++;
	}
	if (too_long) /* cut, it could look right */
		return err_expected(err, -EINVAL, "a prefix, such as 10.0.0.0/24 or fd00::/64",
				    "Unable to parse IP address: `%s...'", item);
	r = cidr_parse_address(&cidr, item, err);
	if (r)
		return r;
	if (cidr_mask(&cidr)) {
		AUTO(strbuf_fini) struct strbuf warning = { 0 };

		strbuf_addf(&warning, "Warning: AllowedIP has nonzero host part: %s", item);
		strlist_add(warnings, strbuf_text(&warning));
	}
	ip = wg_peer_add_allowed_ip(peer);
	ip->cidr = cidr;
	ip->remove = remove;
	return 0;
}

int keys_parse_allowed_ips(struct wg_peer *peer, struct strlist *warnings, size_t *bad_at,
			   const char *text, size_t len, struct err *err)
{
	size_t at = 0, end;

	while (len && is_space(text[len - 1]))
		len--;
	peer->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
	if (!len)
		return 0;
	for (;; at = end + 1) {
		const char *comma = memchr(text + at, ',', len - at);
		int r;

		end = comma ? (size_t)(comma - text) : len;
		r = parse_allowed_ip(peer, warnings, text, at, end, err);
		if (r) {
			while (at < end && is_space(text[at]))
				at++;
			*bad_at = at;
			return r;
		}
		if (!comma)
			return 0;
	}
}

/* ---- wg's keys ------------------------------------------------------------------------------- */

/* The value without white space, in scratch memory: valid until the next call. */
static const char *squeeze(struct keys_target *to, const char *value, size_t len)
{
	char *end;

	strbuf_clear(&to->scratch);
	end = strbuf_reserve(&to->scratch, len);
	for (size_t i = 0; i < len; i++)
		if (!is_space(value[i]))
			*end++ = value[i];
	*end = '\0';
	to->scratch.len = (size_t)(end - to->scratch.text);
	return to->scratch.text;
}

static int parse_key(struct wg_key *out, struct keys_target *to, bool is_secret, const char *value,
		     size_t len, struct err *err)
{
	const char *text = squeeze(to, value, len);
	struct err why;

	if (!wg_key_parse_mem(out, text, to->scratch.len, &why))
		return 0;
	return err_expected(err, -EINVAL, why.expected, "%s: `%.200s'", why.text,
			    is_secret ? "(hidden)" : text);
}

static void print_key(struct strbuf *out, const char *name, const struct wg_key *key)
{
	strbuf_add(out, name);
	strbuf_add(out, " = ");
	wg_key_add(out, key);
	strbuf_add_char(out, '\n');
}

static int parse_listen_port(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	to->device->flags |= WG_DEVICE_HAS_LISTEN_PORT;
	return keys_parse_port(&to->device->listen_port, squeeze(to, value, len), err);
}

static void print_listen_port(struct strbuf *out, const struct wg_device *device,
			      const struct wg_peer *peer)
{
	(void)peer;
	if (device->listen_port)
		strbuf_addf(out, "ListenPort = %u\n", device->listen_port);
}

static int parse_fwmark(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	to->device->flags |= WG_DEVICE_HAS_FWMARK;
	return keys_parse_fwmark(&to->device->fwmark, squeeze(to, value, len), err);
}

static void print_fwmark(struct strbuf *out, const struct wg_device *device,
			 const struct wg_peer *peer)
{
	(void)peer;
	if (device->fwmark)
		strbuf_addf(out, "FwMark = 0x%x\n", device->fwmark);
}

static int parse_private_key(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	to->device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	return parse_key(&to->device->private_key, to, true, value, len, err);
}

static void print_private_key(struct strbuf *out, const struct wg_device *device,
			      const struct wg_peer *peer)
{
	(void)peer;
	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		print_key(out, "PrivateKey", &device->private_key);
}

static int parse_public_key(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	to->peer->flags |= WG_PEER_HAS_PUBLIC_KEY;
	return parse_key(&to->peer->public_key, to, false, value, len, err);
}

static void print_public_key(struct strbuf *out, const struct wg_device *device,
			     const struct wg_peer *peer)
{
	(void)device;
	print_key(out, "PublicKey", &peer->public_key);
}

static int parse_preshared_key(struct keys_target *to, const char *value, size_t len,
			       struct err *err)
{
	to->peer->flags |= WG_PEER_HAS_PRESHARED_KEY;
	return parse_key(&to->peer->preshared_key, to, true, value, len, err);
}

static void print_preshared_key(struct strbuf *out, const struct wg_device *device,
				const struct wg_peer *peer)
{
	(void)device;
	if (!wg_key_is_zero(&peer->preshared_key))
		print_key(out, "PresharedKey", &peer->preshared_key);
}

static int parse_allowed_ips(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	return keys_parse_allowed_ips(to->peer, to->warnings, &to->bad_at, value, len, err);
}

static void print_allowed_ips(struct strbuf *out, const struct wg_device *device,
			      const struct wg_peer *peer)
{
	(void)device;
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		strbuf_add(out, i ? ", " : "AllowedIPs = ");
		cidr_add(out, &peer->allowed_ips[i].cidr);
	}
	if (peer->n_allowed_ips)
		strbuf_add_char(out, '\n');
}

static int parse_endpoint(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	const char *text = squeeze(to, value, len);
	struct endpoint *endpoint = &to->peer->endpoint;
	uint16_t port;
	int r = endpoint_parse(endpoint, text, err);

	if (r)
		return r;
	/* The name's turn comes later, but the port can be told now, with its place in the file. */
	if (endpoint->service && keys_parse_port(&port, endpoint->service, NULL))
		return err_expected(err, -EINVAL,
				    "host:port, the port 0 to 65535 or the name of a service",
				    "%s: `%.200s'",
				    is_above_ports(endpoint->service)
					    ? "Endpoint port is above 65535"
					    : "Servname not supported for ai_socktype",
				    text);
	return 0;
}

static void print_endpoint(struct strbuf *out, const struct wg_device *device,
			   const struct wg_peer *peer)
{
	const struct endpoint *endpoint = &peer->endpoint;

	(void)device;
	if (endpoint_is_empty(endpoint))
		return;
	if (endpoint->host) {
		const char *format =
			strchr(endpoint->host, ':') ? "Endpoint = [%s]:%s\n" : "Endpoint = %s:%s\n";

		strbuf_addf(out, format, endpoint->host, endpoint->service);
		return;
	}
	strbuf_add(out, "Endpoint = ");
	sockaddr_ip_add(out, &endpoint->addr);
	strbuf_add_char(out, '\n');
}

static int parse_keepalive(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	to->peer->flags |= WG_PEER_HAS_KEEPALIVE;
	return keys_parse_keepalive(&to->peer->keepalive_s, squeeze(to, value, len), err);
}

static void print_keepalive(struct strbuf *out, const struct wg_device *device,
			    const struct wg_peer *peer)
{
	(void)device;
	if (!peer->keepalive_s)
		return;
	strbuf_add(out, "PersistentKeepalive = ");
	strbuf_add_u64(out, peer->keepalive_s);
	strbuf_add_char(out, '\n');
}

/* ---- wg-quick's keys ------------------------------------------------------------------------- */

/* A copy of the value, in scratch memory: valid until the next call. */
static const char *copy(struct keys_target *to, const char *value, size_t len)
{
	strbuf_clear(&to->scratch);
	strbuf_add_mem(&to->scratch, value, len);
	return to->scratch.text;
}

/* Steps to the next piece between commas and white space; *len is 0 before the first. */
static bool next_item(size_t *at, size_t *len, const char *value, size_t value_len)
{
	size_t i = *at + *len;

	while (i < value_len && (is_space(value[i]) || value[i] == ','))
		i++;
	*at = i;
	while (i < value_len && !is_space(value[i]) && value[i] != ',')
		i++;
	*len = i - *at;
	return *len;
}

static int parse_address(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	struct conf_quick *quick = to->quick;
	size_t at = 0, item_len = 0;

	while (next_item(&at, &item_len, value, len)) {
		const char *item = copy(to, value + at, item_len);
		struct cidr cidr;

		if (cidr_parse_address(&cidr, item, NULL)) {
			to->bad_at = at;
			return err_expected(err, -EINVAL,
					    "an address, such as 10.0.0.1/24 or fd00::1/64",
					    "Unable to parse IP address: `%.200s'", item);
		}
		quick->addresses = mem_grow(quick->addresses, &quick->addresses_cap,
					    quick->n_addresses + 1, sizeof(*quick->addresses));
		quick->addresses[quick->n_addresses++] = cidr;
	}
	return 0;
}

static int parse_dns(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	size_t at = 0, item_len = 0;

	(void)err;
	while (next_item(&at, &item_len, value, len)) {
		const char *item = copy(to, value + at, item_len);
		bool is_server = strchr(item, ':') || item[strspn(item, "0123456789.")] == '\0';

		strlist_add(is_server ? &to->quick->dns_servers : &to->quick->dns_search, item);
	}
	return 0;
}

static int parse_mtu(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	const char *text = copy(to, value, len);
	uint64_t mtu = 0;

	if (len && (num_parse(&mtu, text, 65535) || !mtu))
		return err_expected(err, -EINVAL, "bytes, 1 to 65535, or nothing to choose it",
				    "MTU is not valid: `%.200s'", text);
	to->quick->mtu_bytes = (unsigned int)mtu;
	return 0;
}

static int parse_table(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	const char *text = copy(to, value, len);

	(void)err;
	free(to->quick->table);
	to->quick->table = len && strcmp(text, "auto") != 0 ? mem_strdup(text) : NULL;
	return 0;
}

static int parse_save_config(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	const char *text = copy(to, value, len);

	if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
		return err_expected(err, -EINVAL, "true or false",
				    "`%.200s' is neither true nor false", text);
	to->quick->save_config = !strcasecmp(text, "true");
	return 0;
}

static int parse_pre_up(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	(void)err;
	strlist_add_mem(&to->quick->pre_up, value, len);
	return 0;
}

static int parse_post_up(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	(void)err;
	strlist_add_mem(&to->quick->post_up, value, len);
	return 0;
}

static int parse_pre_down(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	(void)err;
	strlist_add_mem(&to->quick->pre_down, value, len);
	return 0;
}

static int parse_post_down(struct keys_target *to, const char *value, size_t len, struct err *err)
{
	(void)err;
	strlist_add_mem(&to->quick->post_down, value, len);
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define IN_INTERFACE(key)                                 \
	.name = (key), .section = KEYS_SECTION_INTERFACE, \
	.hint_other_section = "`" key "' in the [Interface] section"
#define IN_PEER(key)                                 \
	.name = (key), .section = KEYS_SECTION_PEER, \
	.hint_other_section = "`" key "' in a [Peer] section"
#define OF_WG(key) .owner = KEYS_OWNER_WG, .hint_near = "a known key, perhaps `" key "'"
#define OF_QUICK(key)                                                                          \
	IN_INTERFACE(key),                                                                     \
		.owner = KEYS_OWNER_QUICK, .hint_near = "a known key, perhaps `" key "'",      \
		.hint_other_owner =                                                            \
			"a key of wg; `" key "' is one of wg-quick's, which `wg-quick strip' " \
			"takes out"
#define OF_AMNEZIA(key)                                                  \
	.owner = KEYS_OWNER_AMNEZIA, .hint_other_owner =                 \
					     "a key of WireGuard; `" key \
					     "' is one of AmneziaWG's, which is another protocol"
#define AMNEZIA(key)                               \
	{                                          \
		IN_INTERFACE(key), OF_AMNEZIA(key) \
	}

static const struct keys_key keys[] = {
	{ IN_INTERFACE("ListenPort"), OF_WG("ListenPort"), .parse = parse_listen_port,
	  .print = print_listen_port },
	{ IN_INTERFACE("FwMark"), OF_WG("FwMark"), .parse = parse_fwmark, .print = print_fwmark },
	{ IN_INTERFACE("PrivateKey"), OF_WG("PrivateKey"), .is_secret = true,
	  .parse = parse_private_key, .print = print_private_key },
	{ IN_PEER("PublicKey"), OF_WG("PublicKey"), .parse = parse_public_key,
	  .print = print_public_key },
	{ IN_PEER("PresharedKey"), OF_WG("PresharedKey"), .is_secret = true,
	  .parse = parse_preshared_key, .print = print_preshared_key },
	{ IN_PEER("AllowedIPs"), OF_WG("AllowedIPs"), .parse = parse_allowed_ips,
	  .print = print_allowed_ips },
	{ IN_PEER("Endpoint"), OF_WG("Endpoint"), .parse = parse_endpoint,
	  .print = print_endpoint },
	{ IN_PEER("PersistentKeepalive"), OF_WG("PersistentKeepalive"), .parse = parse_keepalive,
	  .print = print_keepalive },

	{ OF_QUICK("Address"), .parse = parse_address },
	{ OF_QUICK("DNS"), .is_for_down = true, .parse = parse_dns },
	{ OF_QUICK("MTU"), .parse = parse_mtu },
	{ OF_QUICK("Table"), .is_for_down = true, .parse = parse_table },
	{ OF_QUICK("SaveConfig"), .is_for_down = true, .parse = parse_save_config },
	{ OF_QUICK("PreUp"), .is_shell = true, .is_for_down = true, .parse = parse_pre_up },
	{ OF_QUICK("PostUp"), .is_shell = true, .is_for_down = true, .parse = parse_post_up },
	{ OF_QUICK("PreDown"), .is_shell = true, .is_for_down = true, .parse = parse_pre_down },
	{ OF_QUICK("PostDown"), .is_shell = true, .is_for_down = true, .parse = parse_post_down },

	AMNEZIA("Jc"),
	AMNEZIA("Jmin"),
	AMNEZIA("Jmax"),
	AMNEZIA("Itime"),
	AMNEZIA("S1"),
	AMNEZIA("S2"),
	AMNEZIA("S3"),
	AMNEZIA("S4"),
	AMNEZIA("H1"),
	AMNEZIA("H2"),
	AMNEZIA("H3"),
	AMNEZIA("H4"),
	AMNEZIA("I1"),
	AMNEZIA("I2"),
	AMNEZIA("I3"),
	AMNEZIA("I4"),
	AMNEZIA("I5"),
	AMNEZIA("J1"),
	AMNEZIA("J2"),
	AMNEZIA("J3"),
	{ IN_PEER("AdvancedSecurity"), OF_AMNEZIA("AdvancedSecurity") },
};

enum {
	N_KEYS = sizeof(keys) / sizeof(keys[0]),
};

const struct keys_key *keys_all(size_t *n)
{
	*n = N_KEYS;
	return keys;
}

const struct keys_key *keys_find(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (!strcasecmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

const struct keys_key *keys_find_near(const char *name)
{
	const struct keys_key *nearest = NULL;
	unsigned int best = 0;

	if (strlen(name) > SPELLING_MAX)
		return NULL;
	for (size_t i = 0; i < N_KEYS; i++) {
		unsigned int distance;

		if (!keys[i].hint_near)
			continue;
		distance = spelling_distance(keys[i].name, name);
		if (distance <= spelling_limit(keys[i].name) && (!nearest || distance < best)) {
			nearest = &keys[i];
			best = distance;
		}
	}
	return nearest;
}
