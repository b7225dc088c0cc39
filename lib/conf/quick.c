/*
 * A peer's usual lines, read fast: see quick.h. A line is either just what is expected, from the
 * name of its key to its newline, or not touched: one place, the table of keys, knows what is right
 * and what is wrong. Nothing reads past the NUL behind the text, because nothing goes on at one.
 */
#include "lib/conf/quick.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/model/key.h"

enum {
	NAME_MAX_LEN = 32, /* text that is shorter than a name is left alone */
	NUMBER_MAX_LEN = 5,
};

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

/* What comes after the newline that only blanks may come before; NULL if something else does. */
static const char *end_line(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r')
		text++;
	return *text == '\n' ? text + 1 : NULL;
}

/* Each takes a value up to the end of its line and returns what comes after that, or NULL. */

static const char *read_key(struct wg_peer *peer, struct wg_key *out, uint32_t flag,
			    const char *text)
{
	struct wg_key key;
	const char *end = text;

	/* No character of base64 ends a line; "=" is its last. */
	while (*end && *end != '=' && *end != '\n')
		end++;
	if (*end != '=' || end - text != WG_KEY_BASE64_LEN - 1)
		return NULL;
	end = end_line(end + 1);
	if (!end || wg_key_parse_mem(&key, text, WG_KEY_BASE64_LEN, NULL))
		return NULL;
	*out = key;
	wg_key_wipe(&key);
	peer->flags |= flag;
	return end;
}

static const char *read_public_key(struct wg_peer *peer, const char *text)
{
	return read_key(peer, &peer->public_key, WG_PEER_HAS_PUBLIC_KEY, text);
}

static const char *read_preshared_key(struct wg_peer *peer, const char *text)
{
	return read_key(peer, &peer->preshared_key, WG_PEER_HAS_PRESHARED_KEY, text);
}

static const char *read_allowed_ips(struct wg_peer *peer, const char *text)
{
	const uint32_t n_before = peer->n_allowed_ips;

	for (;; text++) {
		struct cidr cidr;

		text = cidr_parse_start(&cidr, skip_blanks(text));
		/* Of host bits somebody has to be told. */
		if (!text || cidr_mask(&cidr))
			break;
		wg_peer_add_allowed_ip(peer)->cidr = cidr;
		text = skip_blanks(text);
		if (*text == ',')
			continue;
		text = end_line(text);
		if (!text)
			break;
		peer->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
		return text;
	}
	peer->n_allowed_ips = n_before;
	return NULL;
}

static const char *read_endpoint(struct wg_peer *peer, const char *text)
{
	union sockaddr_ip addr;
	const char *end = sockaddr_ip_parse_start(&addr, text);

	end = end ? end_line(end) : NULL;
	if (!end)
		return NULL;
	endpoint_fini(&peer->endpoint);
	peer->endpoint.addr = addr;
	return end;
}

static const char *read_keepalive(struct wg_peer *peer, const char *text)
{
	uint32_t seconds = 0;
	int n = 0;

	for (; *text >= '0' && *text <= '9' && n < NUMBER_MAX_LEN; n++)
		seconds = seconds * 10 + (uint32_t)(*text++ - '0');
	text = n ? end_line(text) : NULL;
	if (!text || seconds > UINT16_MAX)
		return NULL;
	peer->keepalive_s = (uint16_t)seconds;
	peer->flags |= WG_PEER_HAS_KEEPALIVE;
	return text;
}

typedef const char *value_reader(struct wg_peer *peer, const char *text);

/* The reader of the key whose name the text begins with; *name_len is that name's. NULL: none. */
static value_reader *find_reader(size_t *name_len, const char *text)
{
#define NAME(name, reader)                                     \
	if (!memcmp(text, name, *name_len = sizeof(name) - 1)) \
		return reader;

	switch (*text) {
	case 'A':
		NAME("AllowedIPs", read_allowed_ips)
		break;
	case 'E':
		NAME("Endpoint", read_endpoint)
		break;
	case 'P':
		NAME("PublicKey", read_public_key)
		NAME("PresharedKey", read_preshared_key)
		NAME("PersistentKeepalive", read_keepalive)
		break;
	}
#undef NAME
	return NULL;
}

static const char *take_line(struct wg_peer *peer, const char *text)
{
	size_t name_len;
	value_reader *read = find_reader(&name_len, text);

	if (!read)
		return end_line(text);
	text = skip_blanks(text + name_len);
	return *text == '=' ? read(peer, skip_blanks(text + 1)) : NULL;
}

size_t quick_peer_lines(struct wg_peer *peer, const char *text, size_t len, unsigned int *n_lines)
{
	const char *at = text, *next;

	while (len - (size_t)(at - text) >= NAME_MAX_LEN && (next = take_line(peer, at))) {
		at = next;
		++*n_lines;
	}
	return (size_t)(at - text);
}
