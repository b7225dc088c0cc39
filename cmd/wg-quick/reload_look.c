/*
 * Looking at a running interface. Nothing here changes anything.
 *
 * A peer that runs keeps its endpoint, since it may have roamed, unless the file says another one
 * than it did. What it said, the journal knows. Without a journal a peer that has been heard of
 * lately is where it is. So names are looked up for few peers, all at once, and not for long.
 *
 * The view owns what has been found.
 */
#include "cmd/wg-quick/reload_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/dns.h"
#include "cmd/wg-quick/firewall.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/plan_routes.h"
#include "cmd/wg-quick/sysctl.h"
#include "lib/ipc/ipc.h"
#include "lib/ipc/lookup.h"
#include "lib/ipc/resolve.h"
#include "lib/model/diff.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/mem.h"

/* A session lasts as long: whoever has shaken hands since is there ([W] 6.1, REJECT_AFTER_TIME). */
#define SESSION_END SEC(180)

/* ---- endpoints ------------------------------------------------------------------------------- */

/* What is known of a peer. The texts are borrowed. */
struct known_peer {
	struct wg_key public_key;
	union sockaddr_ip endpoint; /* where it is; AF_UNSPEC: nobody knows */
	int64_t last_handshake_s;   /* unix time */
	bool is_running;
	const char *text; /* its endpoint in the journal; NULL: none */
};

struct known_peers {
	struct known_peer *items;
	size_t n;
};

static void known_peers_fini(struct known_peers *peers)
{
	free(peers->items);
}

static int compare_keys(const void *a, const void *b)
{
	const struct known_peer *x = a, *y = b;

	return memcmp(&x->public_key, &y->public_key, sizeof(x->public_key));
}

static struct known_peer *find_peer(const struct known_peers *peers, const struct wg_key *key)
{
	struct known_peer like = { .public_key = *key };

	return peers->n ? bsearch(&like, peers->items, peers->n, sizeof(like), compare_keys) : NULL;
}

static void list_peers(struct known_peers *out, const struct wg_device *running,
		       const struct journal *journal)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	const struct wg_peer *peer;

	out->items = mem_alloc(running->n_peers + 1, sizeof(*out->items));
	while ((peer = wg_peers_next(&peers)))
		out->items[out->n++] =
			(struct known_peer){ .public_key = peer->public_key,
					     .endpoint = peer->endpoint.addr,
					     .last_handshake_s = peer->last_handshake_s,
					     .is_running = true };
	if (out->n)
		qsort(out->items, out->n, sizeof(*out->items), compare_keys);
	for (size_t i = 0; journal && i < journal->n_endpoints; i++) {
		struct known_peer *known = find_peer(out, &journal->endpoints[i].public_key);

		if (known)
			known->text = journal->endpoints[i].text;
	}
}

static bool is_same_text(const struct endpoint *endpoint, const char *text)
{
	AUTO(strbuf_fini) struct strbuf own = { 0 };

	journal_add_endpoint_text(&own, endpoint);
	return text && !strcmp(strbuf_text(&own), text);
}

/* Whether a peer is to get the endpoint that the file has for it. */
static bool is_to_be_set(const struct endpoint *endpoint, const struct known_peer *known,
			 bool has_journal)
{
	int64_t now_s = clock_now().unix_ns / SEC(1);

	if (endpoint_is_empty(endpoint))
		return false;
	if (!known || known->endpoint.sa.sa_family == AF_UNSPEC)
		return true;
	if (has_journal)
		return !is_same_text(endpoint, known->text);
	return !endpoint->host && !sockaddr_ip_equal(&endpoint->addr, &known->endpoint) &&
	       now_s - known->last_handshake_s > SESSION_END / SEC(1);
}

/* The domain whose records say where a peer is; NULL: there is none. */
static const char *srv_of(const struct conf *conf, const struct wg_key *key)
{
	for (size_t i = 0; i < conf->quick.n_peers; i++)
		if (wg_key_equal(&conf->quick.peers[i].public_key, key))
			return conf->quick.peers[i].endpoint_srv;
	return NULL;
}

/* One pass over the peers, before the names are looked up and again after. */
struct pass {
	const struct conf *conf;
	const struct wg_device *file; /* settled */
	const struct known_peers *known;
	struct lookups *lookups;
	span_ns patience; /* for names, together */
	bool has_journal;
};

static size_t add_question(const struct pass *pass, const struct wg_peer *peer, const char *srv)
{
	const struct endpoint *endpoint = &peer->endpoint;

	return srv ? lookups_add(pass->lookups, srv, NULL)
		   : lookups_add(pass->lookups, endpoint->host, endpoint->service);
}

/* Whether a name has to be looked up for the peer; *srv is a domain instead of it, or NULL. */
static bool has_question(const char **srv, const struct pass *pass, const struct wg_peer *peer)
{
	const struct known_peer *known = find_peer(pass->known, &peer->public_key);

	*srv = NULL;
	if (is_to_be_set(&peer->endpoint, known, pass->has_journal))
		return peer->endpoint.host;
	if (endpoint_is_empty(&peer->endpoint) &&
	    (!known || known->endpoint.sa.sa_family == AF_UNSPEC))
		*srv = srv_of(pass->conf, &peer->public_key);
	return *srv;
}

static void ask_names(const struct pass *pass)
{
	const struct lookup_policy policy = { .patience = pass->patience };
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = pass->file };
	const struct wg_peer *peer;
	bool any = false;
	const char *srv;

	while ((peer = wg_peers_next(&peers)))
		if (has_question(&srv, pass, peer)) {
			add_question(pass, peer, srv);
			any = true;
		}
	if (!any)
		return;
	netns_go(NETNS_BIRTH); /* who is to be reached from there is asked for there */
	lookups_run(pass->lookups, &policy);
	netns_go(NETNS_TARGET);
}

static void clear_endpoint(struct endpoint *endpoint)
{
	endpoint_fini(endpoint);
	*endpoint = (struct endpoint){ 0 };
}

static void add_lost(struct reload_view *out, const struct pass *pass, const struct wg_key *key,
		     const struct err *err)
{
	const struct known_peer *known = find_peer(pass->known, key);

	out->lost = mem_grow(out->lost, &out->lost_cap, out->n_lost + 1, sizeof(*out->lost));
	out->lost[out->n_lost++] = (struct reload_lost_peer){
		.public_key = *key,
		.err = *err,
		.has_endpoint = known && known->endpoint.sa.sa_family != AF_UNSPEC,
	};
}

/* Puts the answer in the place of the endpoint that is wanted, or nothing if there is none; then
 * the one that is known is not known either. */
static void answer(struct reload_view *out, struct endpoint *wanted, struct endpoint *known,
		   const struct pass *pass, const struct wg_peer *peer, const char *srv)
{
	const struct lookup_answer *found =
		lookups_answer(pass->lookups, add_question(pass, peer, srv));

	clear_endpoint(wanted);
	if (found->n_addrs) {
		wanted->addr = found->addrs[0];
		return;
	}
	clear_endpoint(known);
	add_lost(out, pass, &peer->public_key, &found->err);
}

static void decide_endpoints(struct reload_view *out, const struct pass *pass)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = pass->file };
	AUTO(wg_device_auto_free) struct wg_device *wanted = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *known = wg_device_new();
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		struct wg_peer *want = wg_device_add_peer(wanted);
		struct wg_peer *know = wg_device_add_peer(known);
		const char *srv;

		wg_peer_copy(want, peer);
		wg_peer_copy(know, peer);
		if (has_question(&srv, pass, peer))
			answer(out, &want->endpoint, &know->endpoint, pass, peer, srv);
		else if (!is_to_be_set(&peer->endpoint, find_peer(pass->known, &peer->public_key),
				       pass->has_journal))
			clear_endpoint(&want->endpoint);
	}
	out->wanted = wg_device_settle(pass->file);
	wg_device_take_peers(out->wanted, wanted);
	out->known = wg_device_settle(pass->file);
	wg_device_take_peers(out->known, known);
}

static void look_at_peers(struct reload_view *out, const struct conf *conf,
			  const struct journal *journal, span_ns patience)
{
	AUTO(wg_device_auto_free) struct wg_device *file = wg_device_settle(conf->device);
	AUTO(known_peers_fini) struct known_peers known = { 0 };
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	const struct pass pass = { .conf = conf,
				   .file = file,
				   .known = &known,
				   .lookups = lookups,
				   .patience = patience,
				   .has_journal = journal };

	list_peers(&known, out->running, journal);
	ask_names(&pass);
	decide_endpoints(out, &pass);
}

/* ---- the MTU --------------------------------------------------------------------------------- */

/* The device's own way does not count, and what goes beside it has its mark. */
static unsigned int find_mtu(const struct reload_view *view, unsigned int ifindex)
{
	AUTO(known_peers_fini) struct known_peers known = { 0 };
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = view->wanted };
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(state_mtus_fini) struct state_mtus mtus = { 0 };
	const struct wg_peer *peer;

	list_peers(&known, view->running, NULL);
	while ((peer = wg_peers_next(&peers))) {
		const struct known_peer *running = find_peer(&known, &peer->public_key);
		struct endpoint *endpoint = &wg_device_add_peer(device)->endpoint;

		if (peer->endpoint.addr.sa.sa_family)
			endpoint->addr = peer->endpoint.addr;
		else if (running)
			endpoint->addr = running->endpoint;
	}
	device->fwmark = view->running->fwmark;
	netns_go(NETNS_BIRTH);
	state_look_mtus_beside(&mtus, device, ifindex);
	netns_go(NETNS_TARGET);
	return plan_mtu(&mtus);
}

/* ---- the host -------------------------------------------------------------------------------- */

static bool has_step(const struct plan *plan, enum step_kind kind)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == kind)
			return true;
	return false;
}

/* Another program may have flushed it. */
static void look_at_firewall(struct reload_view *out, const char *interface)
{
	for (size_t i = 0; i < out->ours.n_steps; i++) {
		AUTO(strlist_fini) struct strlist removal = { 0 };
		const struct step *step = &out->ours.steps[i];

		if (step->kind != STEP_ADD_FIREWALL)
			continue;
		firewall_foresee_remove(&removal, interface, step->family);
		out->host.lacks_firewall[step->family == AF_INET6] = !removal.n;
	}
}

/* Another program may have written resolv.conf. */
static bool lacks_dns(const struct reload_view *view, const char *interface)
{
	const struct dns dns = { .interface = interface,
				 .servers = &view->dns_servers,
				 .search = &view->dns_search };

	return view->dns_servers.n && !dns_is_in_place(&dns);
}

static void look_at_dns(struct reload_view *out, const struct view *view,
			const struct journal *journal)
{
	const struct conf_quick *quick = &view->conf.quick;
	const struct dns dns = { .interface = view->target.interface,
				 .servers = &quick->dns_servers,
				 .search = &quick->dns_search };

	if (!journal) {
		dns_get(&out->dns_servers, &out->dns_search, &dns);
		return;
	}
	out->host.is_cut_off = journal->phase == JOURNAL_RELOAD;
	if (!has_step(&out->ours, STEP_SET_DNS))
		return;
	strlist_copy(&out->dns_servers, &journal->dns_servers);
	strlist_copy(&out->dns_search, &journal->dns_search);
}

static int look_at_link(struct reload_view *out, const char *interface, struct err *err)
{
	struct reload_host *host = &out->host;
	struct link_info link;
	int r = link_get(&link, interface, err);

	if (!r)
		r = addr_list(&out->addresses, &host->n_addresses, interface, err);
	if (!r)
		r = routes_read(&out->routes, interface, err);
	if (!r)
		r = rule_list_read(&out->rules[0], AF_INET, err);
	if (!r)
		r = rule_list_read(&out->rules[1], AF_INET6, err);
	if (!r)
		r = route_find_empty_table(&host->empty_table, PLAN_FIRST_TABLE, err);
	if (r)
		return r;
	host->mtu_bytes = link.mtu_bytes;
	host->fitting_mtu_bytes = find_mtu(out, link.ifindex);
	host->is_up = link.flags & IFF_UP;
	host->has_ipv6 = sysctl_has_ipv6("/proc", interface);
	host->has_src_valid_mark = sysctl_read(SYSCTL_SRC_VALID_MARK) == 1;
	host->running = out->running;
	host->addresses = out->addresses;
	host->routes = &out->routes;
	host->rules[0] = &out->rules[0];
	host->rules[1] = &out->rules[1];
	host->dns_servers = &out->dns_servers;
	host->dns_search = &out->dns_search;
	return 0;
}

/* What is unsure may be there, and then it is ours. */
static int find_ours(struct reload_view *out, const char *interface, const struct journal *journal,
		     struct err *err)
{
	AUTO(auto_free) struct cidr *given = NULL;
	size_t n = 0;
	int r;

	if (journal) {
		plan_append(&out->ours, &journal->done);
		plan_append(&out->ours, &journal->unsure);
		return 0;
	}
	r = addr_list_given(&given, &n, interface, err);
	if (!r)
		plan_reload_guess(&out->ours, &out->host, given, n);
	return r;
}

int reload_look(struct reload_view *out, const struct view *view, const struct journal *journal,
		span_ns patience, struct err *err)
{
	const char *interface = view->target.interface;
	int r = ipc_get(&out->running, interface, err);

	if (r) {
		err_prefix(err, "Unable to access interface");
		return r;
	}
	strcpy(out->running->name, interface);
	look_at_peers(out, &view->conf, journal, patience);
	out->host.state = &view->state;
	r = look_at_link(out, interface, err);
	if (!r)
		r = find_ours(out, interface, journal, err);
	if (r)
		return r;
	look_at_firewall(out, interface);
	look_at_dns(out, view, journal);
	out->host.lacks_dns = lacks_dns(out, interface);
	return 0;
}

void reload_view_fini(struct reload_view *view)
{
	wg_device_free(view->running);
	wg_device_free(view->wanted);
	wg_device_free(view->known);
	plan_fini(&view->ours);
	free(view->addresses);
	free(view->lost);
	routes_fini(&view->routes);
	for (size_t i = 0; i < 2; i++)
		rule_list_fini(&view->rules[i]);
	strlist_fini(&view->dns_servers);
	strlist_fini(&view->dns_search);
	*view = (struct reload_view){ 0 };
}
