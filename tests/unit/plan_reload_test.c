/*
 * wg-quick's decisions about a reload: by cases, and on a made-up host that does the steps, on
 * which reloading must come out at what `up` would have made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/plan_reload.h"
#include "cmd/wg-quick/plan_routes.h"
#include "lib/model/diff.h"
#include "lib/util/cleanup.h"

#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="

enum {
	MOST = 64,
	CHOSEN_TABLE = PLAN_FIRST_TABLE,
	FITTING_MTU = 1420,
};

static void parse(struct conf *out, const char *text)
{
	struct err err = { 0 };

	if (conf_parse(out, text, strlen(text), CONF_QUICK, &err))
		fail_msg("line %u: %s\n%s", err.line, err.text, text);
}

/* ---- a made-up host -------------------------------------------------------------------------- */

/* What wg-quick may change, as far as the kernel keeps it apart. */
struct model {
	struct cidr addresses[MOST];
	size_t n_addresses;
	struct route routes[MOST];
	size_t n_routes;
	struct rule rules[2][MOST]; /* in their order */
	size_t n_rules[2];
	uint32_t fwmark;
	unsigned int mtu_bytes;
	bool has_src_valid_mark;
	bool has_firewall[2];
	uint32_t firewall_mark[2];
	char firewall_addresses[2][512];
	char dns[256]; /* servers, "|", search domains */
	char peers[2048];
	const char *about;         /* for messages */
	bool may_fail, has_failed; /* the kernel refuses a route: that is told, rather than wrong */
};

static size_t number_of(uint8_t family)
{
	return family == AF_INET6;
}

static bool own_route(struct cidr *out, const struct cidr *address)
{
	*out = *address;
	cidr_mask(out);
	return address->family == AF_INET6 || address->bits < 32;
}

static bool has_own_route(const struct model *model, const struct cidr *prefix)
{
	struct cidr own;

	for (size_t i = 0; i < model->n_addresses; i++)
		if (own_route(&own, &model->addresses[i]) && cidr_equal(&own, prefix))
			return true;
	return false;
}

static size_t find_route(const struct model *model, const struct cidr *prefix, uint32_t table,
			 enum route_origin origin)
{
	size_t i = 0;

	while (i < model->n_routes &&
	       (!cidr_equal(&model->routes[i].prefix, prefix) || model->routes[i].table != table ||
		model->routes[i].origin != origin))
		i++;
	return i;
}

static void add_route(struct model *model, const struct cidr *prefix, uint32_t table,
		      enum route_origin origin)
{
	assert_true(model->n_routes < MOST);
	model->routes[model->n_routes++] = (struct route){ *prefix, table, origin };
}

static void delete_route(struct model *model, size_t at)
{
	assert_true(at < model->n_routes);
	model->routes[at] = model->routes[--model->n_routes];
}

static void add_address(struct model *model, const struct cidr *address)
{
	struct cidr own;

	for (size_t i = 0; i < model->n_addresses; i++) {
		assert_false(cidr_equal(&model->addresses[i], address));
		/* As the kernel has it. */
		if (address->family == AF_INET6 && model->addresses[i].family == AF_INET6)
			assert_memory_not_equal(address->addr.bytes, model->addresses[i].addr.bytes,
						16);
	}
	if (own_route(&own, address) && !has_own_route(model, &own))
		add_route(model, &own, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_KERNEL);
	model->addresses[model->n_addresses++] = *address;
}

static void delete_address(struct model *model, const struct cidr *address)
{
	struct cidr own;
	size_t i = 0;

	while (i < model->n_addresses && !cidr_equal(&model->addresses[i], address))
		i++;
	assert_true(i < model->n_addresses);
	memmove(&model->addresses[i], &model->addresses[i + 1],
		(--model->n_addresses - i) * sizeof(*address));
	if (own_route(&own, address) && !has_own_route(model, &own))
		delete_route(model, find_route(model, &own, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_KERNEL));
}

/* The kernel puts a rule without a priority before all others. */
static void add_rule(struct model *model, const struct rule *rule)
{
	size_t f = number_of(rule->family);
	struct rule *rules = model->rules[f];
	size_t at = 0;

	while (rule->priority && at < model->n_rules[f] && rules[at].priority < rule->priority)
		at++;
	memmove(&rules[at + 1], &rules[at], (model->n_rules[f]++ - at) * sizeof(*rules));
	rules[at] = *rule;
	if (!rule->priority)
		rules[at].priority = rules[1].priority ? rules[1].priority - 1 : 32765;
}

static void delete_rule(struct model *model, const struct rule *rule)
{
	size_t f = number_of(rule->family), at = 0;
	struct rule *rules = model->rules[f];

	while (at < model->n_rules[f] && memcmp(&rules[at], rule, sizeof(*rule)) != 0)
		at++;
	assert_true(at < model->n_rules[f]);
	memmove(&rules[at], &rules[at + 1], (--model->n_rules[f] - at) * sizeof(*rules));
}

static void describe_dns(char out[256], const struct strlist *servers, const struct strlist *search)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < servers->n; i++)
		len += (size_t)snprintf(out + len, 256 - len, "%s ", servers->items[i]);
	for (size_t i = 0; servers->n && i < search->n; i++)
		len += (size_t)snprintf(out + len, 256 - len, "|%s ", search->items[i]);
}

static void add_firewall(struct model *model, const struct step *step)
{
	AUTO(strbuf_fini) struct strbuf all = { 0 };
	size_t f = number_of(step->family);
	char *rest = NULL, *copy;

	for (size_t i = 0; !step->text && i < model->n_addresses; i++) {
		cidr_add(&all, &model->addresses[i]);
		strbuf_add_char(&all, ' ');
	}
	if (step->text)
		strbuf_add(&all, step->text);
	model->has_firewall[f] = true;
	model->firewall_mark[f] = step->mark;
	model->firewall_addresses[f][0] = '\0';
	copy = all.len ? all.text : NULL;
	for (char *word = copy ? strtok_r(copy, " ", &rest) : NULL; word;
	     word = strtok_r(NULL, " ", &rest))
		if ((strchr(word, ':') != NULL) == f)
			sprintf(strchr(model->firewall_addresses[f], '\0'), "%s ", word);
}

static uint32_t table_of(const struct step *step)
{
	return step->table ? step->table : (uint32_t)ROUTE_TABLE_MAIN;
}

/* A peer's line: what of it counts here. */
static void describe_peers(char out[2048], const struct wg_device *device)
{
	AUTO(wg_device_auto_free) struct wg_device *settled = wg_device_settle(device);
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = settled };
	const struct wg_peer *peer;

	out[0] = '\0';
	while ((peer = wg_peers_next(&peers)))
		sprintf(strchr(out, '\0'), "%02x/%u/%u ", peer->public_key.bytes[0],
			peer->n_allowed_ips, peer->keepalive_s);
}

/* Whether there is another route of that prefix and, in IPv6, of the same priority. */
static bool is_in_the_way(const struct model *model, const struct step *step)
{
	for (size_t i = 0; i < model->n_routes; i++)
		if (cidr_equal(&model->routes[i].prefix, &step->cidr) &&
		    model->routes[i].table == table_of(step) &&
		    (step->cidr.family == AF_INET ||
		     model->routes[i].origin != ROUTE_ORIGIN_KERNEL))
			return true;
	return false;
}

/* Does one step; `dns` is what SET_DNS sets. */
static void do_step(struct model *model, struct step *step, const char *dns)
{
	size_t at;

	switch (step->kind) {
	case STEP_ADD_ADDRESS:
		add_address(model, &step->cidr);
		break;
	case STEP_DELETE_ADDRESS:
		delete_address(model, &step->cidr);
		break;
	case STEP_ADD_ROUTE:
		if (is_in_the_way(model, step)) {
			if (!model->may_fail) {
				char text[CIDR_TEXT_MAX];

				cidr_format(text, &step->cidr);
				fail_msg("%s---- %s is in the way", model->about, text);
			}
			model->has_failed = true;
			break;
		}
		add_route(model, &step->cidr, table_of(step), ROUTE_ORIGIN_PLAIN);
		break;
	case STEP_DELETE_ROUTE:
		at = find_route(model, &step->cidr, table_of(step), ROUTE_ORIGIN_PLAIN);
		delete_route(model, at);
		break;
	case STEP_ADD_RULE:
		add_rule(model, &step->rule);
		if (!step->rule.priority)
			step->rule = model->rules[number_of(step->rule.family)][0];
		break;
	case STEP_DELETE_RULE:
		delete_rule(model, &step->rule);
		break;
	case STEP_SET_MARK:
		model->fwmark = step->mark;
		break;
	case STEP_RESET_MARK:
		assert_int_equal(model->fwmark, step->mark);
		model->fwmark = 0;
		break;
	case STEP_SET_SRC_VALID_MARK:
		model->has_src_valid_mark = true;
		break;
	case STEP_RESET_SRC_VALID_MARK:
		model->has_src_valid_mark = false;
		break;
	case STEP_ADD_FIREWALL:
		add_firewall(model, step);
		break;
	case STEP_DELETE_FIREWALL:
		at = number_of(step->family);
		assert_true(model->has_firewall[at]);
		model->has_firewall[at] = false;
		model->firewall_mark[at] = 0;
		model->firewall_addresses[at][0] = '\0';
		break;
	case STEP_SET_MTU_AND_UP:
		model->mtu_bytes = step->mtu_bytes ? step->mtu_bytes : FITTING_MTU;
		step->mtu_bytes = model->mtu_bytes;
		break;
	case STEP_SET_DNS:
		strcpy(model->dns, dns);
		break;
	case STEP_UNSET_DNS:
		model->dns[0] = '\0';
		break;
	default:
		fail_msg("an unexpected step: %d", step->kind);
	}
}

static int compare_cidrs(const void *a, const void *b)
{
	char x[CIDR_TEXT_MAX], y[CIDR_TEXT_MAX];

	return strcmp(cidr_format(x, a) ? x : x, cidr_format(y, b) ? y : y);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All of it as text, without the order in which things came. */
static char *describe(const struct model *model)
{
	struct strbuf out = { 0 };
	struct model copy = *model;
	char *lines[MOST], cidr[CIDR_TEXT_MAX];

	qsort(copy.addresses, copy.n_addresses, sizeof(struct cidr), compare_cidrs);
	for (size_t i = 0; i < copy.n_addresses; i++) {
		cidr_format(cidr, &copy.addresses[i]);
		strbuf_addf(&out, "address %s\n", cidr);
	}
	for (size_t i = 0; i < copy.n_routes; i++) {
		cidr_format(cidr, &copy.routes[i].prefix);
		assert_true(asprintf(&lines[i], "route %s table %u %d\n", cidr,
				     copy.routes[i].table, copy.routes[i].origin) > 0);
	}
	qsort(lines, copy.n_routes, sizeof(char *), compare_texts);
	for (size_t i = 0; i < copy.n_routes; i++) {
		strbuf_add(&out, lines[i]);
		free(lines[i]);
	}
	for (size_t f = 0; f < 2; f++) {
		char *words[MOST], *rest = NULL;
		size_t n = 0;

		for (size_t i = 0; i < copy.n_rules[f]; i++)
			strbuf_addf(&out, "rule %zu %d mark %u table %u suppress %d\n", f,
				    copy.rules[f][i].is_inverted, copy.rules[f][i].mark,
				    copy.rules[f][i].table, copy.rules[f][i].suppress_prefixlen);
		strbuf_addf(&out, "firewall %zu %d %u", f, copy.has_firewall[f],
			    copy.firewall_mark[f]);
		for (char *word = strtok_r(copy.firewall_addresses[f], " ", &rest); word;
		     word = strtok_r(NULL, " ", &rest))
			words[n++] = word;
		qsort(words, n, sizeof(char *), compare_texts);
		for (size_t i = 0; i < n; i++)
			strbuf_addf(&out, " %s", words[i]);
		strbuf_add_char(&out, '\n');
	}
	strbuf_addf(&out, "mark %u mtu %u src_valid_mark %d dns %s peers %s\n", copy.fwmark,
		    copy.mtu_bytes, copy.has_src_valid_mark, copy.dns, copy.peers);
	return out.text;
}

static void assert_same(const struct model *a, const struct model *b, const char *about)
{
	AUTO(auto_free) char *x = describe(a), *y = describe(b);

	if (strcmp(x, y) != 0)
		fail_msg("%s\n---- is:\n%s---- should be:\n%s", about, x, y);
}

/* ---- up and reload on it --------------------------------------------------------------------- */

/* A configuration, and what is asked for it. */
struct wish {
	struct conf conf;
	struct state state;
	struct wg_device *device; /* settled */
	char dns[256];
};

static void wish_fini(struct wish *wish)
{
	conf_fini(&wish->conf);
	wg_device_free(wish->device);
}

static void wish_init(struct wish *wish, const char *text)
{
	static const char *const nowhere[] = { NULL };

	parse(&wish->conf, text);
	wish->state = (struct state){ .link_exists = true,
				      .is_wireguard = true,
				      .has_firewall_v4 = true,
				      .has_firewall_v6 = true };
	if (wish->conf.quick.table)
		wish->state.table = state_find_table(wish->conf.quick.table, nowhere);
	wish->device = wg_device_settle(wish->conf.device);
	describe_dns(wish->dns, &wish->conf.quick.dns_servers, &wish->conf.quick.dns_search);
}

/* Adds the step to those that are ours, numbered, as the journal would have it. */
static void keep_step(struct plan *ours, const struct step *step)
{
	static uint32_t last_id;

	plan_copy_step(ours, step);
	ours->steps[ours->n_steps - 1].id = ++last_id;
}

static void forget_step(struct plan *ours, uint32_t id)
{
	for (size_t i = 0; id && i < ours->n_steps; i++)
		if (ours->steps[i].id == id) {
			free(ours->steps[i].text);
			memmove(&ours->steps[i], &ours->steps[i + 1],
				(--ours->n_steps - i) * sizeof(ours->steps[0]));
			return;
		}
}

static void bring_up(struct model *model, struct plan *ours, const struct wish *wish)
{
	const struct conf_quick *quick = &wish->conf.quick;
	AUTO(plan_fini) struct plan plan = { 0 };
	AUTO(route_list_fini) struct route_list present = { 0 };
	struct plan_host host = { .present = &present,
				  .empty_table = CHOSEN_TABLE,
				  .has_ipv6 = true };
	struct err err = { 0 };

	model->may_fail = true;
	assert_int_equal(plan_begin(&plan, "wg0", &wish->conf, &wish->state, &err), 0);
	model->fwmark = wish->device->fwmark;
	describe_peers(model->peers, wish->device);
	for (size_t i = 0; i < quick->n_addresses; i++)
		plan_add_step(&plan, STEP_ADD_ADDRESS)->cidr = quick->addresses[i];
	plan_add_step(&plan, STEP_SET_MTU_AND_UP)->mtu_bytes = quick->mtu_bytes;
	if (quick->dns_servers.n)
		plan_add_step(&plan, STEP_SET_DNS);
	for (size_t i = 0; i < plan.n_steps; i++) {
		do_step(model, &plan.steps[i], wish->dns);
		keep_step(ours, &plan.steps[i]);
	}
	present.items = malloc((model->n_routes + 1) * sizeof(struct cidr));
	for (size_t i = 0; i < model->n_routes; i++)
		if (model->routes[i].table == ROUTE_TABLE_MAIN)
			present.items[present.n++] = model->routes[i].prefix;
	host.has_src_valid_mark = model->has_src_valid_mark;
	plan.n_steps = 0;
	if (plan.route_policy != ROUTE_POLICY_OFF)
		plan_routes(&plan, wish->device, &host);
	for (size_t i = 0; i < plan.n_steps; i++) {
		do_step(model, &plan.steps[i], wish->dns);
		keep_step(ours, &plan.steps[i]);
	}
	model->may_fail = false;
}

static struct strlist words_of(const char *text, bool is_search)
{
	struct strlist out = { 0 };
	char copy[256], *rest = NULL;

	strcpy(copy, text);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if ((word[0] == '|') == is_search)
			strlist_add(&out, word + is_search);
	return out;
}

/* What plan_reload() finds there. */
static void plan_on(struct reload *out, const struct model *model, const struct plan *ours,
		    const struct wish *from, const struct wish *to, bool is_cut_off)
{
	AUTO(wg_device_auto_free) struct wg_device *running = wg_device_settle(from->conf.device);
	AUTO(strlist_fini) struct strlist servers = words_of(model->dns, false);
	AUTO(strlist_fini) struct strlist search = words_of(model->dns, true);
	const struct routes routes = { (struct route *)model->routes, model->n_routes, 0 };
	const struct rule_list rules[2] = {
		{ (struct rule *)model->rules[0], model->n_rules[0], 0 },
		{ (struct rule *)model->rules[1], model->n_rules[1], 0 },
	};
	const struct reload_host host = {
		.state = &to->state,
		.running = running,
		.addresses = model->addresses,
		.n_addresses = model->n_addresses,
		.routes = &routes,
		.rules = { &rules[0], &rules[1] },
		.mtu_bytes = model->mtu_bytes,
		.fitting_mtu_bytes = FITTING_MTU,
		.dns_servers = &servers,
		.dns_search = &search,
		.empty_table = CHOSEN_TABLE,
		.is_cut_off = is_cut_off,
		.is_up = true,
		.has_ipv6 = true,
		.has_src_valid_mark = model->has_src_valid_mark,
	};
	struct err err = { 0 };

	running->fwmark = model->fwmark;
	strcpy(running->name, "wg0");
	assert_int_equal(plan_reload(out, "wg0", &to->conf, to->device, ours, &host, &err), 0);
}

/* Does the first `n` steps. */
static void reload_on(struct model *model, struct plan *ours, struct plan *done,
		      const struct reload *reload, const struct wish *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct step step = reload->plan.steps[i];

		step.id = 0;
		if (step.kind == STEP_CHANGE_DEVICE) {
			if (reload->change->flags & WG_DEVICE_HAS_FWMARK)
				model->fwmark = reload->change->fwmark;
			describe_peers(model->peers, to->device);
		} else {
			do_step(model, &step, to->dns);
		}
		switch (step.kind) {
		case STEP_ADD_ADDRESS:
		case STEP_ADD_ROUTE:
		case STEP_ADD_RULE:
		case STEP_SET_MTU_AND_UP:
		case STEP_SET_DNS:
		case STEP_SET_MARK:
		case STEP_SET_SRC_VALID_MARK:
		case STEP_ADD_FIREWALL:
			keep_step(ours, &step);
			step.id = ours->steps[ours->n_steps - 1].id;
			break;
		default:
			break;
		}
		forget_step(ours, step.former_id);
		plan_copy_step(done, &step);
	}
}

/* ---- random pairs ---------------------------------------------------------------------------- */

static const char *one_of(const char *const *words, size_t n)
{
	return words[(size_t)rand() % n];
}

#define ONE_OF(...)                                  \
	one_of((const char *const[]){ __VA_ARGS__ }, \
	       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* Some of the words, each once, separated by commas. */
static void add_some(struct strbuf *out, const char *key, const char *const *words, size_t n)
{
	const char *separator = "";
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (rand() % 3)
			continue;
		if (!any)
			strbuf_addf(out, "%s = ", key);
		any = true;
		strbuf_addf(out, "%s%s", separator, words[i]);
		separator = ", ";
	}
	if (any)
		strbuf_add_char(out, '\n');
}

static void make_up(struct strbuf *out, const char *mark)
{
	static const char *const v4[] = { "10.0.0.1/24", "10.0.0.2/24", "10.0.0.1/16",
					  "10.1.0.1/32", "10.2.0.1/16" };
	static const char *const dns[] = { "10.0.0.53", "fd00::53", "example.org", "example.net" };
	static const char *const ips_a[] = { "10.0.0.0/24", "10.2.0.0/16", "10.0.0.128/25",
					     "10.9.0.0/16", "fd00::/64",   "0.0.0.0/0" };
	static const char *const ips_b[] = { "10.8.0.0/16", "fd09::/32", "::/0", "fd01::/64",
					     "10.0.0.0/16" };

	strbuf_add(out, "[Interface]\n");
	add_some(out, "Address", v4, 5);
	strbuf_add(out, ONE_OF("", "Address = fd00::1/64\n", "Address = fd00::1/48\n",
			       "Address = fd01::1/64, fd00::1/128\n"));
	strbuf_add(out, ONE_OF("", "", "", "Table = off\n", "Table = 77\n", "Table = 78\n",
			       "Table = main\n"));
	strbuf_add(out, ONE_OF("", "MTU = 1420\n", "MTU = 1300\n"));
	strbuf_add(out, mark);
	add_some(out, "DNS", dns, 4);
	if (rand() % 4) {
		strbuf_add(out, "[Peer]\nPublicKey = " KEY_A "\n");
		add_some(out, "AllowedIPs", ips_a, 6);
	}
	if (rand() % 4) {
		strbuf_add(out, "[Peer]\nPublicKey = " KEY_B "\nPersistentKeepalive = 5\n");
		add_some(out, "AllowedIPs", ips_b, 5);
	}
}

/* What others have put there. */
static void put_foreign(struct model *model)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse_address(&cidr, "10.7.0.1/24", NULL), 0);
	add_address(model, &cidr);
	assert_int_equal(cidr_parse(&cidr, NULL, "10.99.0.0/16", NULL), 0);
	add_route(model, &cidr, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_OTHER);
	add_route(model, &cidr, 77, ROUTE_ORIGIN_PLAIN);
	model->rules[0][0] = (struct rule){
		.family = AF_INET, .priority = 100, .table = 5, .suppress_prefixlen = -1
	};
	model->n_rules[0] = 1;
}

/* A reload that was killed after some steps, and perhaps in the middle of another: the next one
 * ends it. */
static void go_on_after(const struct model *cut, const struct plan *ours, const struct plan *done,
			const struct reload *reload, const struct wish *from, const struct wish *to,
			const struct model *expected)
{
	AUTO(plan_fini) struct plan unsure = { 0 }, none = { 0 };
	AUTO(reload_fini) struct reload again = { 0 };
	struct model model = *cut;
	bool is_changed = !reload->change->flags && !reload->change->n_peers;

	for (size_t i = 0; i < done->n_steps; i++)
		is_changed |= done->steps[i].kind == STEP_CHANGE_DEVICE;
	plan_append(&unsure, ours);
	if (done->n_steps < reload->plan.n_steps) {
		struct step next = reload->plan.steps[done->n_steps];

		if (next.kind == STEP_ADD_RULE)
			next.rule.priority = cut->n_rules[number_of(next.rule.family)] > 1 ? 1 : 2;
		if (next.kind == STEP_ADD_ADDRESS || next.kind == STEP_ADD_ROUTE ||
		    next.kind == STEP_ADD_RULE || next.kind == STEP_SET_MTU_AND_UP ||
		    next.kind == STEP_ADD_FIREWALL)
			keep_step(&unsure, &next);
	}
	plan_on(&again, &model, &unsure, is_changed ? to : from, to, true);
	reload_on(&model, &unsure, &none, &again, to, again.plan.n_steps);
	assert_same(&model, expected, cut->about);
}

static void any_pair(void **state)
{
	unsigned int n_pairs = 0;

	(void)state;
	for (unsigned int seed = 1; seed <= 6000; seed++) {
		const char *mark_a, *mark_b;
		AUTO(strbuf_fini)
		struct strbuf a_text = { 0 }, b_text = { 0 }, up_text = { 0 }, about = { 0 };
		AUTO(wish_fini) struct wish a = { 0 }, b = { 0 }, up = { 0 };
		AUTO(plan_fini) struct plan ours = { 0 }, done = { 0 }, none = { 0 };
		AUTO(reload_fini) struct reload reload = { 0 }, again = { 0 };
		struct model model = { 0 }, before, cut, expected = { 0 };
		AUTO(plan_fini) struct plan cut_ours = { 0 }, cut_done = { 0 }, back = { 0 };
		size_t n_cut;

		srand(seed);
		mark_a = ONE_OF("", "", "FwMark = 5\n");
		mark_b = ONE_OF("", "", "FwMark = 5\n", "FwMark = 6\n", "FwMark = off\n");
		make_up(&a_text, mark_a);
		make_up(&b_text, mark_b);
		strbuf_addf(&about, "seed %u\n%s---- to:\n%s", seed, a_text.text, b_text.text);
		/* A mark stays unless the file has one. */
		strbuf_addf(&up_text, "[Interface]\n%s%s", mark_b[0] ? "" : mark_a, b_text.text);
		wish_init(&a, a_text.text);
		wish_init(&b, b_text.text);
		wish_init(&up, up_text.text);
		put_foreign(&model);
		model.about = strbuf_text(&about);
		expected = model;
		bring_up(&model, &ours, &a);
		bring_up(&expected, &none, &up);
		if (model.has_failed || expected.has_failed)
			continue;
		n_pairs++;
		plan_on(&reload, &model, &ours, &a, &b, false);
		before = cut = model;
		plan_append(&cut_ours, &ours);

		reload_on(&model, &ours, &done, &reload, &b, reload.plan.n_steps);
		assert_same(&model, &expected, strbuf_text(&about));

		/* What is done has not to be done again. */
		plan_on(&again, &model, &ours, &b, &b, false);
		if (again.plan.n_steps) {
			AUTO(strbuf_fini) struct strbuf text = { 0 };

			plan_format_step(&text, &again.plan, &again.plan.steps[0]);
			fail_msg("%sagain: %s", strbuf_text(&about), strbuf_text(&text));
		}

		/* After any number of steps there is a way back. */
		n_cut = reload.plan.n_steps ? (size_t)rand() % (reload.plan.n_steps + 1) : 0;
		reload_on(&cut, &cut_ours, &cut_done, &reload, &b, n_cut);
		go_on_after(&cut, &cut_ours, &cut_done, &reload, &a, &b, &expected);
		plan_reload_undo(&back, &cut_done, &reload);
		for (size_t i = 0; i < back.n_steps; i++) {
			if (back.steps[i].kind == STEP_CHANGE_DEVICE) {
				if (reload.back->flags & WG_DEVICE_HAS_FWMARK)
					cut.fwmark = reload.back->fwmark;
				describe_peers(cut.peers, reload.back);
			} else {
				do_step(&cut, &back.steps[i], a.dns);
			}
		}
		assert_same(&cut, &before, strbuf_text(&about));
	}
	assert_true(n_pairs > 4000);
}

/* ---- by cases -------------------------------------------------------------------------------- */

/* Brings `from` up, and finds the steps from there to `to`. */
static void assert_steps(const char *from, const char *to, const char *expected)
{
	AUTO(wish_fini) struct wish a = { 0 }, b = { 0 };
	AUTO(plan_fini) struct plan ours = { 0 };
	AUTO(reload_fini) struct reload reload = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	struct model model = { 0 };

	wish_init(&a, from);
	wish_init(&b, to);
	bring_up(&model, &ours, &a);
	plan_on(&reload, &model, &ours, &a, &b, false);
	for (size_t i = 0; i < reload.plan.n_steps; i++) {
		plan_format_step(&text, &reload.plan, &reload.plan.steps[i]);
		strbuf_add_char(&text, '\n');
	}
	assert_string_equal(strbuf_text(&text), expected);
}

#define PEER "[Peer]\nPublicKey = " KEY_A "\n"

static void nothing_to_do(void **state)
{
	static const char text[] =
		"[Interface]\nAddress = 10.0.0.1/24, fd00::1/64\nDNS = 10.0.0.9\n"
		"FwMark = 9\nListenPort = 0\n" PEER
		"AllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.0/25, 10.3.0.0/16\n";

	(void)state;
	assert_steps(text, text, "");
	/* Neither does it matter in what order things stand, nor what only commands are about. */
	assert_steps(text,
		     "[Interface]\nDNS = 10.0.0.9\nPostUp = x\nSaveConfig = true\n"
		     "Address = fd00::1/64\nAddress = 10.0.0.1/24\n" PEER
		     "AllowedIPs = 10.3.0.0/16, ::/0, 10.0.0.0/25\nAllowedIPs = 0.0.0.0/0\n",
		     "");
}

static void the_new_comes_before_the_old_goes(void **state)
{
	(void)state;
	assert_steps("[Interface]\nAddress = 10.0.0.1/24\nMTU = 1300\n" PEER
		     "AllowedIPs = 10.1.0.0/16, 10.2.0.0/16\n",
		     "[Interface]\nAddress = 10.0.9.1/24\nDNS = 10.0.9.53\n" PEER
		     "AllowedIPs = 10.2.0.0/16, 10.3.0.0/16\n",
		     "wg syncconf wg0 /dev/fd/63\n"
		     "ip -4 address add 10.0.9.1/24 dev wg0\n"
		     "ip link set mtu 1420 up dev wg0\n"
		     "resolvconf -a wg0 -m 0 -x\n"
		     "ip -4 route add 10.3.0.0/16 dev wg0\n"
		     "ip -4 route delete 10.1.0.0/16 dev wg0\n"
		     "ip -4 address delete 10.0.0.1/24 dev wg0\n");
}

static void what_is_in_the_way_goes_first(void **state)
{
	(void)state;
	/* An IPv6 address is there once; an IPv4 route of an address is in the way of ours. */
	assert_steps("[Interface]\nAddress = 10.0.0.1/24, fd00::1/64\n" PEER
		     "AllowedIPs = 10.0.0.0/24\n",
		     "[Interface]\nAddress = 10.0.0.1/32, fd00::1/48\n" PEER
		     "AllowedIPs = 10.0.0.0/24\n",
		     "ip -6 address delete fd00::1/64 dev wg0\n"
		     "ip -4 address add 10.0.0.1/32 dev wg0\n"
		     "ip -6 address add fd00::1/48 dev wg0\n"
		     "ip -4 address delete 10.0.0.1/24 dev wg0\n"
		     "ip -4 route add 10.0.0.0/24 dev wg0\n");
}

static void into_a_full_tunnel_and_out_of_it(void **state)
{
	static const char split[] =
		"[Interface]\nAddress = 10.0.0.1/24\n" PEER "AllowedIPs = 10.1.0.0/16\n";
	static const char full[] =
		"[Interface]\nAddress = 10.0.0.1/24\n" PEER "AllowedIPs = 10.1.0.0/16, 0.0.0.0/0\n";

	(void)state;
	assert_steps(split, full,
		     "wg syncconf wg0 /dev/fd/63\n"
		     "wg set wg0 fwmark 51820\n"
		     "ip -4 rule add not fwmark 51820 table 51820\n"
		     "ip -4 rule add table main suppress_prefixlength 0\n"
		     "ip -4 route add 0.0.0.0/0 dev wg0 table 51820\n"
		     "sysctl -q net.ipv4.conf.all.src_valid_mark=1\n"
		     "nft -f /dev/fd/63\n");
	assert_steps(full, split,
		     "wg syncconf wg0 /dev/fd/63\n"
		     "ip -4 rule delete table 51820\n"
		     "ip -4 rule delete table main suppress_prefixlength 0\n"
		     "sysctl -q net.ipv4.conf.all.src_valid_mark=0\n"
		     "ip -4 route delete 0.0.0.0/0 dev wg0 table 51820\n"
		     "nft -f /dev/fd/63\n"
		     "wg set wg0 fwmark 0\n");
	/* The firewall lists the addresses. */
	assert_steps(full,
		     "[Interface]\nAddress = 10.0.0.2/24\n" PEER
		     "AllowedIPs = 10.1.0.0/16, 0.0.0.0/0\n",
		     "ip -4 address add 10.0.0.2/24 dev wg0\n"
		     "ip -4 address delete 10.0.0.1/24 dev wg0\n"
		     "nft -f /dev/fd/63\n");
}

static void tables(void **state)
{
	(void)state;
	assert_steps("[Interface]\nTable = 77\n" PEER "AllowedIPs = 10.1.0.0/16, 0.0.0.0/0\n",
		     "[Interface]\nTable = 78\n" PEER "AllowedIPs = 10.1.0.0/16, 0.0.0.0/0\n",
		     "ip -4 route add 10.1.0.0/16 dev wg0 table 78\n"
		     "ip -4 route add 0.0.0.0/0 dev wg0 table 78\n"
		     "ip -4 route delete 10.1.0.0/16 dev wg0 table 77\n"
		     "ip -4 route delete 0.0.0.0/0 dev wg0 table 77\n");
	assert_steps("[Interface]\n" PEER "AllowedIPs = 10.1.0.0/16\n",
		     "[Interface]\nTable = off\n" PEER "AllowedIPs = 10.1.0.0/16\n",
		     "ip -4 route delete 10.1.0.0/16 dev wg0\n");
}

/* A host of which no journal tells: as after `up` by the original. */
static void without_a_journal(void **state)
{
	static const char full[] =
		"[Interface]\nAddress = 10.0.0.1/24\n" PEER "AllowedIPs = 0.0.0.0/0, 10.1.0.0/16\n";
	AUTO(wish_fini) struct wish a = { 0 }, b = { 0 };
	AUTO(plan_fini) struct plan ours = { 0 }, guessed = { 0 };
	AUTO(reload_fini) struct reload reload = { 0 }, same = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(wg_device_auto_free) struct wg_device *running = NULL;
	struct model model = { 0 };

	(void)state;
	wish_init(&a, full);
	wish_init(&b, "[Interface]\nAddress = 10.0.0.2/24\n" PEER "AllowedIPs = 10.2.0.0/16\n");
	bring_up(&model, &ours, &a);
	running = wg_device_settle(a.conf.device);
	running->fwmark = model.fwmark;
	{
		const struct routes routes = { model.routes, model.n_routes, 0 };
		const struct rule_list rules[2] = { { model.rules[0], model.n_rules[0], 0 },
						    { model.rules[1], model.n_rules[1], 0 } };
		const struct reload_host host = { .running = running,
						  .routes = &routes,
						  .rules = { &rules[0], &rules[1] } };

		plan_reload_guess(&guessed, &host, model.addresses, model.n_addresses);
	}
	plan_on(&same, &model, &guessed, &a, &a, false);
	assert_int_equal(same.plan.n_steps, 0);
	plan_on(&reload, &model, &guessed, &a, &b, false);
	for (size_t i = 0; i < reload.plan.n_steps; i++) {
		plan_format_step(&text, &reload.plan, &reload.plan.steps[i]);
		strbuf_add_char(&text, '\n');
	}
	assert_string_equal(strbuf_text(&text), "wg syncconf wg0 /dev/fd/63\n"
						"ip -4 address add 10.0.0.2/24 dev wg0\n"
						"ip -4 route add 10.2.0.0/16 dev wg0\n"
						"ip -4 rule delete table 51820\n"
						"ip -4 rule delete table main "
						"suppress_prefixlength 0\n"
						"ip -4 route delete 10.1.0.0/16 dev wg0\n"
						"ip -4 route delete 0.0.0.0/0 dev wg0 table 51820\n"
						"ip -4 address delete 10.0.0.1/24 dev wg0\n"
						"nft -f /dev/fd/63\n");
}

/* What somebody else has set or taken away meanwhile. */
static void others_at_work(void **state)
{
	static const char text[] = "[Interface]\nAddress = 10.0.0.1/24\n" PEER
				   "AllowedIPs = 10.1.0.0/16, 10.2.0.0/16\n";
	AUTO(wish_fini) struct wish wish = { 0 };
	AUTO(plan_fini) struct plan ours = { 0 };
	AUTO(reload_fini) struct reload reload = { 0 };
	AUTO(strbuf_fini) struct strbuf steps = { 0 };
	struct model model = { 0 };
	struct cidr cidr;

	(void)state;
	wish_init(&wish, text);
	bring_up(&model, &ours, &wish);
	model.mtu_bytes = 1380;
	assert_int_equal(cidr_parse(&cidr, NULL, "10.1.0.0/16", NULL), 0);
	delete_route(&model, find_route(&model, &cidr, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_PLAIN));
	add_route(&model, &cidr, 99, ROUTE_ORIGIN_PLAIN);
	assert_int_equal(cidr_parse(&cidr, NULL, "10.2.0.0/16", NULL), 0);
	model.routes[find_route(&model, &cidr, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_PLAIN)].origin =
		ROUTE_ORIGIN_OTHER;
	/* Nothing leads to 10.1.0.0/16 any more; to 10.2.0.0/16 there is a way, and the MTU is
	 * nobody's but theirs. */
	plan_on(&reload, &model, &ours, &wish, &wish, false);
	for (size_t i = 0; i < reload.plan.n_steps; i++)
		plan_format_step(&steps, &reload.plan, &reload.plan.steps[i]);
	assert_string_equal(strbuf_text(&steps), "ip -4 route add 10.1.0.0/16 dev wg0");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(the_new_comes_before_the_old_goes),
		cmocka_unit_test(what_is_in_the_way_goes_first),
		cmocka_unit_test(into_a_full_tunnel_and_out_of_it),
		cmocka_unit_test(tables),
		cmocka_unit_test(without_a_journal),
		cmocka_unit_test(others_at_work),
		cmocka_unit_test(any_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
