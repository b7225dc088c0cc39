/*
 * Names of endpoints: see names.h. `struct names` owns the lookups and the list of peers.
 *
 * How long `up` waits: the C library gives a name server that does not answer five seconds before
 * it asks the next one (resolv.conf(5), "timeout"). Six are enough for the second server of a host
 * whose first one is dead, or for one lost packet; a name that takes longer is better looked for in
 * the background. What fails at once for the time being (no network yet, SERVFAIL) is asked again
 * meanwhile.
 */
#include "cmd/wg-quick/names.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define PATIENCE SEC(6)

void names_shorten_key(char out[static NAMES_KEY_MAX], const struct wg_key *key)
{
	char text[WG_KEY_BASE64_LEN + 1];

	wg_key_format(text, key);
	snprintf(out, NAMES_KEY_MAX, "%.8s...", text);
}

/* ---- what there is to look up ---------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	const struct conf_quick_peer *const *x = a, *const *y = b;

	return memcmp(&(*x)->public_key, &(*y)->public_key, sizeof((*x)->public_key));
}

/* Peers that have a domain, sorted by key. Returns how many; *out is to be freed. */
static size_t sort_domains(const struct conf_quick_peer ***out, const struct conf_quick *quick)
{
	size_t n = 0;

	*out = mem_alloc(quick->n_peers + 1, sizeof(**out));
	for (size_t i = 0; i < quick->n_peers; i++)
		if (quick->peers[i].endpoint_srv)
			(*out)[n++] = &quick->peers[i];
	qsort(*out, n, sizeof(**out), compare_keys);
	return n;
}

bool names_has_any(const struct conf *conf)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = conf->device };
	const struct wg_peer *peer;

	for (size_t i = 0; i < conf->quick.n_peers; i++)
		if (conf->quick.peers[i].endpoint_srv)
			return true;
	while ((peer = wg_peers_next(&peers)))
		if (peer->endpoint.host)
			return true;
	return false;
}

void names_collect(struct names *out, const struct conf *conf, const struct names_filter *filter)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = conf->device };
	AUTO(auto_free) const struct conf_quick_peer **domains = NULL;
	size_t n_domains = sort_domains(&domains, &conf->quick);
	const struct wg_peer *peer;

	*out = (struct names){ .lookups = lookups_new() };
	while ((peer = wg_peers_next(&peers))) {
		const struct conf_quick_peer wanted = { .public_key = peer->public_key };
		const struct conf_quick_peer *key = &wanted, **found;
		struct names_peer *name;

		found = bsearch(&key, domains, n_domains, sizeof(*domains), compare_keys);
		if (!found && !peer->endpoint.host)
			continue;
		if (filter && !filter->wants(filter->ctx, &peer->public_key))
			continue;
		out->peers = mem_grow(out->peers, &out->peers_cap, out->n_peers + 1,
				      sizeof(*out->peers));
		name = &out->peers[out->n_peers++];
		*name = (struct names_peer){ .key = peer->public_key,
					     .domain = NAMES_NONE,
					     .host = NAMES_NONE,
					     .addr = peer->endpoint.addr };
		if (found)
			name->domain = lookups_add(out->lookups, (*found)->endpoint_srv, NULL);
		if (peer->endpoint.host)
			name->host = lookups_add(out->lookups, peer->endpoint.host,
						 peer->endpoint.service);
	}
}

void names_fini(struct names *names)
{
	lookups_free(&names->lookups);
	free(names->peers);
	*names = (struct names){ 0 };
}

/* ---- what was found -------------------------------------------------------------------------- */

size_t names_addrs(const union sockaddr_ip **out, const struct names *names,
		   const struct names_peer *peer)
{
	const size_t places[] = { peer->domain, peer->host };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct lookup_answer *answer;

		if (places[i] == NAMES_NONE)
			continue;
		answer = lookups_answer(names->lookups, places[i]);
		*out = answer->addrs;
		if (answer->n_addrs)
			return answer->n_addrs;
	}
	*out = &peer->addr;
	return peer->addr.sa.sa_family != AF_UNSPEC;
}

const struct err *names_reason(const struct names *names, const struct names_peer *peer)
{
	return &lookups_answer(names->lookups, peer->host == NAMES_NONE ? peer->domain : peer->host)
			->err;
}

/* ---- up -------------------------------------------------------------------------------------- */

static void say_waiting(void *ctx, const char *message)
{
	(void)ctx;
	cli_say("%s", message);
}

/* Whether a bare INTERFACE means this target's file. */
static bool is_default_file(const struct target *target)
{
	char path[sizeof(SYSCONFDIR "/wireguard/.conf") + IFNAMSIZ];

	snprintf(path, sizeof(path), SYSCONFDIR "/wireguard/%s.conf", target->interface);
	AUTO(auto_free) char *real = realpath(path, NULL);

	return real && !strcmp(real, target->path);
}

/* Tells of a peer that has no endpoint, or not the one it is to have. */
static void tell(const struct names *names, const struct names_peer *peer,
		 const struct target *target)
{
	const union sockaddr_ip *addrs;
	char key[NAMES_KEY_MAX];

	names_shorten_key(key, &peer->key);
	if (!names_addrs(&addrs, names, peer))
		cli_say("[!] peer %s: %s; it has no endpoint until `wg-quick reresolve %s' finds "
			"one",
			key, names_reason(names, peer)->text,
			is_default_file(target) ? target->interface : target->path);
	else if (peer->domain != NAMES_NONE &&
		 !lookups_answer(names->lookups, peer->domain)->n_addrs)
		cli_say("[!] peer %s: %s; its Endpoint counts instead", key,
			lookups_answer(names->lookups, peer->domain)->err.text);
}

/* Whether it is this mention of its peer, of which there may be several, that `name` is about. */
static bool is_about(const struct names_peer *name, const struct wg_peer *peer)
{
	return wg_key_equal(&name->key, &peer->public_key) &&
	       (name->domain != NAMES_NONE || peer->endpoint.host);
}

/* The same device, but for the endpoints of those in `names`, which are in the same order. */
static size_t set_endpoints(struct wg_device *device, const struct names *names)
{
	AUTO(wg_device_auto_free) struct wg_device *resolved = wg_device_new();
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	size_t next = 0, n_missing = 0;
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		struct wg_peer *copy = wg_device_add_peer(resolved);
		const struct names_peer *name = &names->peers[next];
		const union sockaddr_ip *addrs;

		wg_peer_copy(copy, peer);
		if (next == names->n_peers || !is_about(name, peer))
			continue;
		next++;
		endpoint_fini(&copy->endpoint);
		if (names_addrs(&addrs, names, name))
			copy->endpoint.addr = addrs[0];
		else
			n_missing++;
	}
	assert(next == names->n_peers);
	wg_device_take_peers(device, resolved);
	return n_missing;
}

int names_resolve(struct conf *conf, const struct target *target, size_t *n_missing,
		  struct err *err)
{
	struct lookup_policy policy = { .patience = PATIENCE, .retries = RESOLVE_RETRIES_INFINITE };
	AUTO(names_fini) struct names names = { 0 };
	bool is_set;
	int retries, r = resolve_retries(&retries, &is_set, err);

	*n_missing = 0;
	if (r || !names_has_any(conf))
		return r;
	names_collect(&names, conf, NULL);
	if (is_set) /* as the original waits */
		policy = (struct lookup_policy){ .retries = retries, .waiting = say_waiting };
	lookups_run(names.lookups, &policy);
	for (size_t i = 0; i < names.n_peers; i++)
		tell(&names, &names.peers[i], target);
	*n_missing = set_endpoints(conf->device, &names);
	return 0;
}

/* ---- later ----------------------------------------------------------------------------------- */

/* Whether systemd's services work in this network: they do so in that of process 1. */
static bool is_in_network_of_init(void)
{
	struct stat own, init;

	return !stat("/proc/self/ns/net", &own) && !stat("/proc/1/ns/net", &init) &&
	       own.st_ino == init.st_ino;
}

void names_retry_later(const struct target *target)
{
	static const int same[] = { -1, -1, -1 };
	AUTO(strbuf_fini) struct strbuf unit = { 0 };
	struct err err = { 0 };
	struct stat st;
	int r;

	/* sd_booted(3). The unit knows interfaces by name only. */
	if (stat("/run/systemd/system", &st) || !S_ISDIR(st.st_mode) ||
	    !process_find(NULL, "systemctl") || !is_in_network_of_init() ||
	    !is_default_file(target))
		return;
	strbuf_addf(&unit, "wg-quick-reresolve@%s.timer", target->interface);

	char *const argv[] = { "systemctl", "start", "--no-block", unit.text, NULL };

	cli_say("[#] systemctl start --no-block %s", unit.text);
	r = process_run_with(argv, same, &err);
	if (r < 0)
		cli_say("[!] %s", err.text);
	else if (r)
		cli_say("[!] `systemctl start' failed with exit status %d: nobody looks for "
			"these names but `wg-quick reresolve %s'",
			r, target->interface);
}
