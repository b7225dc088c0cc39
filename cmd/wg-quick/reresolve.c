/*
 * Following names while an interface is up: see quick_reresolve(). Stateless: whether a peer is
 * alive, where it is now, and so what to try next, is read from the device each time. Peers that
 * are reached are never touched, wherever they have roamed to.
 *
 * What a name stands for is looked up before the interface's lock is taken, so that `down` need not
 * wait for name servers. Since the device may be another by then, it is read again under the lock,
 * and decided anew; and peers are only changed, not made.
 */
#include "cmd/wg-quick/reresolve.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cmd/wg-quick/commands.h"
#include "cmd/wg-quick/kill_switch.h"
#include "cmd/wg-quick/names.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/process.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strlist.h"

enum {
	/* Sessions are renewed after 120 s ([W] 6.2), give or take a retry or two. The same number
	 * as the original's contrib/reresolve-dns has. */
	SILENT_AFTER_S = 135,
	/* Two initiations ([W] 5.4.2) that nobody has answered: 5 s have passed between them. */
	UNANSWERED_BYTES = 2 * 148,
};

/* The C library asks two servers twice in this time; nobody waits for this program. */
#define PATIENCE SEC(20)
/* A little more than that: how long a kill switch lets names be asked for if this is killed. */
#define NAMES_THROUGH_S 25

/* ---- deciding -------------------------------------------------------------------------------- */

static bool has_handshake(const struct wg_peer *peer)
{
	return peer->last_handshake_s || peer->last_handshake_ns;
}

bool reresolve_is_silent(const struct wg_peer *peer, int64_t now_s)
{
	return peer->endpoint.addr.sa.sa_family == AF_UNSPEC || !has_handshake(peer) ||
	       now_s - peer->last_handshake_s > SILENT_AFTER_S;
}

/* Whether a silent peer does not answer, rather than having nothing to say: without keepalives,
 * only what was sent in vain before there was any session tells one from the other. */
static bool is_dead(const struct wg_peer *peer)
{
	if (has_handshake(peer))
		return peer->keepalive_s;
	return peer->tx_bytes >= UNANSWERED_BYTES;
}

const union sockaddr_ip *reresolve_choose(const struct wg_peer *peer,
					  const union sockaddr_ip *addrs, size_t n_addrs)
{
	size_t at = 0;

	while (at < n_addrs && !sockaddr_ip_equal(&addrs[at], &peer->endpoint.addr))
		at++;
	if (at == n_addrs)
		return n_addrs ? &addrs[0] : NULL;
	return n_addrs > 1 && is_dead(peer) ? &addrs[(at + 1) % n_addrs] : NULL;
}

/* ---- doing ----------------------------------------------------------------------------------- */

/* One run. */
struct run {
	struct target target;
	struct conf conf;
	struct wg_key *silent; /* peers of the device, sorted */
	size_t n_silent;
	struct names names;               /* theirs */
	const struct names_peer **sorted; /* by key; of equal keys the last one of the file */
	size_t n_sorted;
	struct wg_device *change; /* its name is the device's */
};

static void run_fini(struct run *run)
{
	wg_device_free(run->change);
	free(run->sorted);
	free(run->silent);
	names_fini(&run->names);
	conf_fini(&run->conf);
	target_fini(&run->target);
}

/* By key, and by place in the file. */
static int compare(const void *a, const void *b)
{
	const struct names_peer *const *x = a, *const *y = b;
	int r = memcmp(&(*x)->key, &(*y)->key, sizeof((*x)->key));

	return r ? r : (*x > *y) - (*x < *y);
}

static int compare_keys(const void *a, const void *b)
{
	const struct names_peer *const *x = a, *const *y = b;

	return memcmp(&(*x)->key, &(*y)->key, sizeof((*x)->key));
}

static void sort(struct run *run)
{
	size_t n = run->names.n_peers, kept = 0;

	run->sorted = mem_alloc(n + 1, sizeof(*run->sorted));
	for (size_t i = 0; i < n; i++)
		run->sorted[i] = &run->names.peers[i];
	qsort(run->sorted, n, sizeof(*run->sorted), compare);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || compare_keys(&run->sorted[i], &run->sorted[i + 1]) != 0)
			run->sorted[kept++] = run->sorted[i];
	run->n_sorted = kept;
}

/* The file's wish for a peer of the device, or NULL. */
static const struct names_peer *find(const struct run *run, const struct wg_peer *peer)
{
	const struct names_peer wanted = { .key = peer->public_key }, *key = &wanted, **found;

	found = bsearch(&key, run->sorted, run->n_sorted, sizeof(*run->sorted), compare_keys);
	return found ? *found : NULL;
}

static int get_device(struct wg_device **out, const struct run *run, struct err *err)
{
	const char *interface = run->target.interface;
	AUTO(strlist_fini) struct strlist devices = { 0 };
	int r = ipc_list(&devices, err);

	if (r) {
		err_prefix(err, "Unable to list interfaces");
		return r;
	}
	if (!strlist_has(&devices, interface))
		return err_set(err, -ENODEV, "`%s' is not a WireGuard interface", interface);
	r = ipc_get(out, interface, err);
	if (r)
		err_prefix(err, "Unable to access interface");
	return r;
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

static void find_silent(struct run *run, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	assert(device);
	run->silent = mem_alloc(device->n_peers + 1, sizeof(*run->silent));
	while ((peer = wg_peers_next(&peers)))
		if (reresolve_is_silent(peer, time(NULL)))
			run->silent[run->n_silent++] = peer->public_key;
	qsort(run->silent, run->n_silent, sizeof(*run->silent), compare_bytes);
}

static bool is_silent(void *ctx, const struct wg_key *key)
{
	const struct run *run = ctx;

	return bsearch(key, run->silent, run->n_silent, sizeof(*key), compare_bytes);
}

/* What to change about a device, in run->change. */
static void plan_change(struct run *run, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	wg_device_free(run->change);
	run->change = wg_device_new();
	strcpy(run->change->name, run->target.interface);
	while ((peer = wg_peers_next(&peers))) {
		const struct names_peer *name = find(run, peer);
		const union sockaddr_ip *addrs, *chosen;
		struct wg_peer *changed;
		size_t n_addrs;

		if (!name || !reresolve_is_silent(peer, time(NULL)))
			continue;
		n_addrs = names_addrs(&addrs, &run->names, name);
		chosen = reresolve_choose(peer, addrs, n_addrs);
		if (!chosen)
			continue;
		changed = wg_device_add_peer(run->change);
		changed->public_key = peer->public_key;
		changed->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_UPDATE_ONLY;
		changed->endpoint.addr = *chosen;
	}
}

static void echo(const struct wg_device *change)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		char key[WG_KEY_BASE64_LEN + 1], addr[ENDPOINT_TEXT_MAX];

		wg_key_format(key, &peer->public_key);
		sockaddr_ip_format(addr, &peer->endpoint.addr);
		cli_say("[#] wg set %s peer %s endpoint %s", change->name, key, addr);
	}
}

/* In a process of its own: a daemon that does not answer can be given up by a signal. */
static int set_in_child(void *ctx)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct run *run = ctx;
	struct err err = { 0 };

	if (get_device(&device, run, &err))
		return quick_fail(&err, NULL);
	plan_change(run, device);
	if (!run->change->n_peers)
		return 0;
	echo(run->change);
	if (!ipc_set(run->change, &err))
		return 0;
	err_prefix(&err, "Unable to modify interface");
	return quick_fail(&err, NULL);
}

/* Returns the exit status. */
static int set(struct run *run)
{
	struct lock lock = LOCK_NONE;
	struct err err = { 0 };
	int status = 1;

	process_hold_signals(); /* so that the lock's file is removed */
	lock_interface(&lock, run->target.interface);
	if (!process_is_interrupted())
		status = process_call(set_in_child, run, &err);
	lock_release(&lock);
	return status < 0 ? quick_fail(&err, NULL) : status;
}

/* Tells of peers that have no endpoint, and get none. Returns the exit status. */
static int tell_missing(const struct run *run, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	int status = 0;

	while ((peer = wg_peers_next(&peers))) {
		const struct names_peer *name = find(run, peer);
		const union sockaddr_ip *addrs;
		char key[NAMES_KEY_MAX];

		if (!name || peer->endpoint.addr.sa.sa_family != AF_UNSPEC ||
		    names_addrs(&addrs, &run->names, name))
			continue;
		names_shorten_key(key, &name->key);
		cli_say("%s: peer %s: %s", cli_program, key, names_reason(&run->names, name)->text);
		status = 1;
	}
	return status;
}

/* A kill switch would keep name servers from being asked, just when the tunnel is dead that could
 * reach them; so it lets them be asked for that long. Returns the exit status. */
static int look_up(const struct run *run, struct err *err)
{
	struct lookup_policy policy = { .patience = PATIENCE };
	const char *interface = run->target.interface;
	int status;

	if (!kill_switch_is_there(interface)) {
		netns_go(NETNS_BIRTH);
		lookups_run(run->names.lookups, &policy);
		netns_go(NETNS_TARGET);
		return 0;
	}
	process_hold_signals();
	status = kill_switch_let_names_through(interface, NAMES_THROUGH_S, err);
	if (status)
		return status;
	policy.is_cancelled = process_is_interrupted;
	netns_go(NETNS_BIRTH);
	lookups_run(run->names.lookups, &policy);
	netns_go(NETNS_TARGET);
	status = kill_switch_keep_names_in(interface, err);
	if (!status && process_is_interrupted()) {
		err_set(err, -EINTR, "interrupted");
		status = 1;
	}
	return status;
}

int quick_reresolve(int argc, char **argv)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(run_fini) struct run run = { 0 };
	const struct names_filter filter = { is_silent, &run };
	struct err err = { 0 };
	int status;

	(void)argc;
	/* A timer runs this: that everybody may read the file is not told here again and again. */
	if (target_find(&run.target, argv[1], &err))
		return quick_fail(&err, NULL);
	if (conf_read(&run.conf, run.target.path, CONF_QUICK, &err))
		return quick_fail(&err, run.target.path);
	if (!names_has_any(&run.conf))
		return 0;
	if (netns_enter(&run.conf.quick, &err) || get_device(&device, &run, &err))
		return quick_fail(&err, NULL);
	find_silent(&run, device);
	names_collect(&run.names, &run.conf, &filter);
	if (!run.names.n_peers)
		return 0;
	sort(&run);
	if (look_up(&run, &err))
		return quick_fail(&err, NULL);
	plan_change(&run, device);
	status = run.change->n_peers ? set(&run) : 0;
	return tell_missing(&run, device) ? 1 : status;
}
