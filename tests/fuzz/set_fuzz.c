/*
 * The words of wg set, split at NULs. The world they name is made up here: no file is opened and
 * nothing is looked up. What is taken must survive the way to a daemon, as UAPI text; what is
 * refused must be told in one line without control characters.
 */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>

#include "cmd/wg/change.h"
#include "lib/uapi/codec.h"
#include "lib/util/cleanup.h"
#include "lib/util/num.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

static void check_line(const char *line)
{
	assert(*line);
	for (; *line; line++)
		assert((unsigned char)*line >= ' ' && *line != 0x7f);
}

/* ---- the world ------------------------------------------------------------------------------- */

static int read_port(uint16_t *out, const char *text, struct err *err)
{
	uint64_t port;

	if (num_parse(&port, text, UINT16_MAX))
		return err_set(err, -EINVAL, "no such port: `%.300s'", text);
	*out = (uint16_t)port;
	return 0;
}

/* "" is not there, "/dev/null" is empty, all else is a key made from its name. */
static int load_key(struct wg_key *out, const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (!len)
		return err_set(err, -ENOENT, "fopen: %s", strerror(ENOENT));
	*out = (struct wg_key){ 0 };
	if (strcmp(path, "/dev/null") != 0)
		for (size_t i = 0; i < sizeof(out->bytes); i++)
			out->bytes[i] = (uint8_t)path[i % len];
	return 0;
}

static int check_resolver(struct err *err)
{
	(void)err;
	return 0;
}

static int resolve(struct endpoint *endpoint, struct err *err)
{
	static const struct addrinfo numeric = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	union sockaddr_ip addr = { 0 };
	struct addrinfo *found;
	uint64_t port;

	if (!endpoint->host)
		return 0;
	if (num_parse(&port, endpoint->service, UINT16_MAX) ||
	    getaddrinfo(endpoint->host, endpoint->service, &numeric, &found))
		return err_set(err, -EHOSTUNREACH, "unknown: `%.300s'", endpoint->host);
	assert(found->ai_addrlen <= sizeof(addr));
	memcpy(&addr, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	endpoint_fini(endpoint);
	endpoint->addr = addr;
	return 0;
}

/* "" is nobody; all others have a key made from their name. */
static int find_peer(struct wg_key *out, const char *interface, const char *name, struct err *err)
{
	assert(!strcmp(interface, "wg0"));
	if (!*name)
		return err_set(err, -ENOENT, "nobody");
	return load_key(out, name, err);
}

static const struct change_world world = {
	.read_port = read_port,
	.load_key = load_key,
	.check_resolver = check_resolver,
	.resolve = resolve,
	.find_peer = find_peer,
	.warn = check_line,
	.interface = "wg0",
};

/* ---- there and back -------------------------------------------------------------------------- */

static void read_back(struct wg_device *device, char *text)
{
	struct uapi_decoder decoder = { .device = device };
	char *line = strsep(&text, "\n");

	assert(!strcmp(line, "set=1"));
	while (*(line = strsep(&text, "\n")))
		assert(!uapi_decode_set_line(&decoder, line, NULL));
	assert(text && !*text);
}

static void check_same_peer(const struct wg_peer *a, const struct wg_peer *b)
{
	assert(!memcmp(&a->public_key, &b->public_key, sizeof(a->public_key)));
	/* Of one that goes nothing else is told. */
	if (a->flags & WG_PEER_REMOVE) {
		assert(b->flags == (WG_PEER_REMOVE | WG_PEER_HAS_PUBLIC_KEY));
		return;
	}
	assert(a->flags == b->flags);
	assert(!memcmp(&a->preshared_key, &b->preshared_key, sizeof(a->preshared_key)));
	assert(!a->endpoint.host && !b->endpoint.host);
	assert(sockaddr_ip_equal(&a->endpoint.addr, &b->endpoint.addr));
	assert(a->keepalive_s == b->keepalive_s);
	assert(a->n_allowed_ips == b->n_allowed_ips);
	for (uint32_t i = 0; i < a->n_allowed_ips; i++) {
		assert(cidr_equal(&a->allowed_ips[i].cidr, &b->allowed_ips[i].cidr));
		assert(a->allowed_ips[i].remove == b->allowed_ips[i].remove);
	}
}

static void check_same(const struct wg_device *a, const struct wg_device *b)
{
	AUTO(wg_peers_fini) struct wg_peers peers_a = { .device = a };
	AUTO(wg_peers_fini) struct wg_peers peers_b = { .device = b };
	const struct wg_peer *peer_a, *peer_b;

	assert(a->flags == b->flags);
	assert(!memcmp(&a->private_key, &b->private_key, sizeof(a->private_key)));
	assert(a->listen_port == b->listen_port && a->fwmark == b->fwmark);
	assert(a->n_peers == b->n_peers);
	while ((peer_a = wg_peers_next(&peers_a))) {
		peer_b = wg_peers_next(&peers_b);
		assert(peer_b);
		check_same_peer(peer_a, peer_b);
	}
	assert(!wg_peers_next(&peers_b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *again = wg_device_new();
	AUTO(strlist_fini) struct strlist words = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	struct err err = { 0 };
	int r;

	/* Words of their own show the sanitizer a read past one; a final NUL begins no other. */
	for (size_t at = 0; at < len; at += strlen(words.items[words.n - 1]) + 1)
		strlist_add_mem(&words, (const char *)data + at,
				strnlen((const char *)data + at, len - at));
	r = change_read(device, (int)words.n, words.items, &world, &err);
	assert(r <= 0 && err.code == r);
	if (r) {
		check_line(err.text);
		return 0;
	}
	uapi_encode_set(&text, device, NULL, NULL);
	read_back(again, text.text);
	check_same(device, again);
	return 0;
}
