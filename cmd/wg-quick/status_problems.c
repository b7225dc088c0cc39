/*
 * Differences between a running interface and its file, as problems: see status_problems.h. Texts
 * belong to struct status_problems.
 */
#include "cmd/wg-quick/status_problems.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/names.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

void status_problems_add(struct status_problems *problems, const char *what, const char *remedy,
			 const char *format, ...)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	va_list args;

	va_start(args, format);
	strbuf_addv(&text, format, args);
	va_end(args);
	problems->items = mem_grow(problems->items, &problems->cap, problems->n + 1,
				   sizeof(*problems->items));
	problems->items[problems->n++] = (struct status_problem){
		.what = what,
		.text = mem_strdup(strbuf_text(&text)),
		.remedy = mem_strdup(remedy),
	};
}

void status_problems_fini(struct status_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++) {
		free(problems->items[i].text);
		free(problems->items[i].remedy);
	}
	free(problems->items);
	*problems = (struct status_problems){ 0 };
}

/* What problems are made from. */
struct finder {
	struct status_problems *out;
	const struct reload *reload;
	const struct reload_host *host;
	const struct conf_places *places;
	const char *remedy;
};

/* ---- the device ------------------------------------------------------------------------------ */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

/* The public keys of the peers that run, sorted; to be freed. */
static struct wg_key *list_running(const struct wg_device *running)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running };
	struct wg_key *keys = mem_alloc(running->n_peers + 1, sizeof(*keys));
	const struct wg_peer *peer;

	for (size_t i = 0; (peer = wg_peers_next(&peers)); i++)
		keys[i] = peer->public_key;
	if (running->n_peers)
		qsort(keys, running->n_peers, sizeof(*keys), compare_keys);
	return keys;
}

static void add_change(struct strbuf *out, const char *what)
{
	strbuf_addf(out, "%s%s", out->len ? ", " : "", what);
}

static void find_in_peer(const struct finder *finder, const struct wg_peer *peer, bool is_running)
{
	AUTO(strbuf_fini) struct strbuf changes = { 0 };
	char key[NAMES_KEY_MAX];

	names_shorten_key(key, &peer->public_key);
	if (peer->flags & WG_PEER_REMOVE) {
		status_problems_add(finder->out, "extra-peer", finder->remedy,
				    "peer %s is not in the file", key);
		return;
	}
	if (!is_running) {
		status_problems_add(finder->out, "missing-peer", finder->remedy,
				    "peer %s is missing", key);
		return;
	}
	if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
		add_change(&changes, "its preshared key");
	if (peer->n_allowed_ips || (peer->flags & WG_PEER_REPLACE_ALLOWED_IPS))
		add_change(&changes, "its allowed IPs");
	if (!endpoint_is_empty(&peer->endpoint))
		add_change(&changes, "its endpoint");
	if (peer->flags & WG_PEER_HAS_KEEPALIVE)
		add_change(&changes, "its keepalive");
	if (changes.len)
		status_problems_add(finder->out, "different-peer", finder->remedy,
				    "peer %s: not as in the file: %s", key, strbuf_text(&changes));
}

static void find_in_device(const struct finder *finder)
{
	const struct wg_device *change = finder->reload->change;
	const struct wg_device *running = finder->host->running;
	AUTO(auto_free) struct wg_key *keys = list_running(running);
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;

	if (change->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		status_problems_add(finder->out, "different-private-key", finder->remedy,
				    "the private key is not the file's");
	if (change->flags & WG_DEVICE_HAS_LISTEN_PORT)
		status_problems_add(finder->out, "different-port", finder->remedy,
				    "the port is %u, not %u", running->listen_port,
				    change->listen_port);
	if (change->flags & WG_DEVICE_HAS_FWMARK)
		status_problems_add(finder->out, "different-mark", finder->remedy,
				    "the mark is %u, not %u", running->fwmark, change->fwmark);
	while ((peer = wg_peers_next(&peers)))
		find_in_peer(finder, peer,
			     running->n_peers && bsearch(&peer->public_key, keys, running->n_peers,
							 sizeof(*keys), compare_keys));
}

/* ---- what is around it ----------------------------------------------------------------------- */

static void find_in_cidr(const struct finder *finder, const struct step *step)
{
	static const struct {
		enum step_kind kind;
		const char *what, *format;
	} kinds[] = {
		{ STEP_ADD_ADDRESS, "missing-address", "the address %s is missing" },
		{ STEP_DELETE_ADDRESS, "extra-address", "the address %s is not in the file" },
		{ STEP_ADD_ROUTE, "missing-route", "the route to %s is missing" },
		{ STEP_DELETE_ROUTE, "extra-route", "the route to %s is not by the file" },
	};
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	char cidr[CIDR_TEXT_MAX];

	cidr_format(cidr, &step->cidr);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *mark = strstr(kinds[i].format, "%s");

		if (kinds[i].kind != step->kind)
			continue;
		strbuf_add_mem(&text, kinds[i].format, (size_t)(mark - kinds[i].format));
		strbuf_addf(&text, "%s%s", cidr, mark + 2);
		if (step->kind == STEP_ADD_ROUTE && step->table)
			strbuf_addf(&text, " in table %u", step->table);
		status_problems_add(finder->out, kinds[i].what, finder->remedy, "%s",
				    strbuf_text(&text));
	}
}

static void find_in_link(const struct finder *finder, const struct step *step)
{
	const struct reload_host *host = finder->host;
	unsigned int line = conf_places_last(finder->places, "MTU");

	if (!host->is_up)
		status_problems_add(finder->out, "link-down", finder->remedy,
				    "the interface is set down: nothing gets through");
	if (step->mtu_bytes && step->mtu_bytes != host->mtu_bytes)
		status_problems_add(finder->out, "different-mtu", finder->remedy,
				    "the MTU is %u, not %u%s", host->mtu_bytes, step->mtu_bytes,
				    line ? "" : ", which the way to the endpoints allows");
}

/* The step's own command says best what is missing. */
static void find_in_command(const struct finder *finder, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf command = { 0 };
	const char *what = "other", *text = "not done";

	if (step->kind == STEP_ADD_RULE) {
		what = "missing-rule";
		text = "a routing rule is missing";
	} else if (step->kind == STEP_DELETE_RULE) {
		what = "extra-rule";
		text = "a routing rule is too much";
	}
	plan_format_step(&command, &finder->reload->plan, step);
	status_problems_add(finder->out, what, finder->remedy, "%s: %s", text,
			    strbuf_text(&command));
}

static void find_in_step(const struct finder *finder, const struct step *step)
{
	const char *family = step->family == AF_INET6 ? "IPv6" : "IPv4";

	switch (step->kind) {
	case STEP_CHANGE_DEVICE:
		find_in_device(finder);
		break;
	case STEP_ADD_ADDRESS:
	case STEP_DELETE_ADDRESS:
	case STEP_ADD_ROUTE:
	case STEP_DELETE_ROUTE:
		find_in_cidr(finder, step);
		break;
	case STEP_SET_MTU_AND_UP:
		find_in_link(finder, step);
		break;
	case STEP_SET_DNS:
		status_problems_add(finder->out, "different-dns", finder->remedy, "%s",
				    finder->host->lacks_dns
					    ? "resolv.conf does not have its name servers any more"
					    : "the name servers are not the file's");
		break;
	case STEP_UNSET_DNS:
		status_problems_add(finder->out, "extra-dns", finder->remedy,
				    "name servers are set, and the file has none");
		break;
	case STEP_SET_MARK:
		status_problems_add(finder->out, "missing-mark", finder->remedy,
				    "its own packets have no mark");
		break;
	case STEP_ADD_FIREWALL:
		status_problems_add(finder->out, "missing-firewall", finder->remedy,
				    "rules in the firewall are missing or others: %s", family);
		break;
	case STEP_DELETE_FIREWALL:
		status_problems_add(finder->out, "extra-firewall", finder->remedy,
				    "there are rules in the firewall, and no default route: %s",
				    family);
		break;
	case STEP_SET_SRC_VALID_MARK:
		status_problems_add(finder->out, "missing-src-valid-mark", finder->remedy,
				    "net.ipv4.conf.all.src_valid_mark is not 1");
		break;
	default:
		find_in_command(finder, step);
		break;
	}
}

void status_problems_find(struct status_problems *problems, const struct reload *reload,
			  const struct reload_host *host, const struct conf_places *places,
			  const char *remedy)
{
	const struct finder finder = { problems, reload, host, places, remedy };

	for (size_t i = 0; i < reload->plan.n_steps; i++)
		find_in_step(&finder, &reload->plan.steps[i]);
}
