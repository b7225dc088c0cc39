/* What wg-quick decides about routes and rules: no host is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/plan_routes.h"
#include "lib/conf/conf.h"
#include "lib/util/cleanup.h"

#define KEY_A "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
#define KEY_B "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q="

static void parse(struct conf *out, const char *text)
{
	struct err err = { 0 };

	if (conf_parse(out, text, strlen(text), CONF_QUICK, &err))
		fail_msg("line %u: %s", err.line, err.text);
}

/* The plan's steps, a line each. */
static void assert_steps(const struct plan *plan, const char *expected)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	for (size_t i = 0; i < plan->n_steps; i++) {
		plan_format_step(&text, plan, &plan->steps[i]);
		strbuf_add(&text, "\n");
	}
	assert_string_equal(strbuf_text(&text), expected);
}

static const struct route_list nothing;

static void routes_by_length_then_text(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan routes = { .interface = "wg0" };
	const struct plan_host host = { .present = &nothing, .has_ipv6 = true };

	(void)state;
	parse(&conf, "[Peer]\nPublicKey = " KEY_A
		     "\nAllowedIPs = 10.0.0.0/8, 10.9.0.0/16, fd00::/16, 10.10.0.0/16\n"
		     "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.10.0.1/32, fd00::1/128\n");
	plan_routes(&routes, conf.device, &host);
	assert_steps(&routes, "ip -6 route add fd00::1/128 dev wg0\n"
			      "ip -4 route add 10.10.0.1/32 dev wg0\n"
			      "ip -6 route add fd00::/16 dev wg0\n"
			      "ip -4 route add 10.9.0.0/16 dev wg0\n"
			      "ip -4 route add 10.10.0.0/16 dev wg0\n"
			      "ip -4 route add 10.0.0.0/8 dev wg0\n");
}

static void what_is_routed_already_is_left_out(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan automatic = { .interface = "wg0" };
	AUTO(plan_fini)
	struct plan all = { .interface = "wg0",
			    .route_policy = ROUTE_POLICY_TABLE,
			    .table = 77,
			    .table_name = strdup("mine") };
	struct cidr item = { .family = AF_INET, .bits = 8, .addr.bytes = { 10 } };
	const struct route_list present = { .items = &item, .n = 1 };
	const struct plan_host host = { .present = &present };

	(void)state;
	parse(&conf, "[Peer]\nPublicKey = " KEY_A
		     "\nAllowedIPs = 10.0.0.0/8, 10.9.0.0/16, 8.0.0.0/7, 11.0.0.0/8\n");
	plan_routes(&automatic, conf.device, &host);
	assert_steps(&automatic, "ip -4 route add 11.0.0.0/8 dev wg0\n"
				 "ip -4 route add 8.0.0.0/7 dev wg0\n");
	plan_routes(&all, conf.device, &host);
	assert_steps(&all, "ip -4 route add 10.9.0.0/16 dev wg0 table mine\n"
			   "ip -4 route add 11.0.0.0/8 dev wg0 table mine\n"
			   "ip -4 route add 10.0.0.0/8 dev wg0 table mine\n"
			   "ip -4 route add 8.0.0.0/7 dev wg0 table mine\n");
	assert_int_equal(all.steps[0].table, 77);
}

static void a_table_of_ones_own_takes_default_routes(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini)
	struct plan routes = { .interface = "wg0",
			       .route_policy = ROUTE_POLICY_TABLE,
			       .table = 77,
			       .table_name = strdup("mine") };
	const struct plan_host host = { .present = &nothing, .has_ipv6 = true };

	(void)state;
	parse(&conf, "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 0.0.0.0/0, 10.0.0.0/8, ::/0\n");
	plan_routes(&routes, conf.device, &host);
	assert_steps(&routes, "ip -4 route add 10.0.0.0/8 dev wg0 table mine\n"
			      "ip -6 route add ::/0 dev wg0 table mine\n"
			      "ip -4 route add 0.0.0.0/0 dev wg0 table mine\n");
}

#define BOTH "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.0/8\n"

static void default_routes_in_order(void **state)
{
	static const struct {
		const char *conf;
		struct plan_host host;
		const char *steps;
	} cases[] = {
		{ BOTH,
		  { .present = &nothing, .empty_table = 51822, .has_ipv6 = true },
		  "ip -4 route add 10.0.0.0/8 dev wg0\n"
		  "wg set wg0 fwmark 51822\n"
		  "ip -6 rule add not fwmark 51822 table 51822\n"
		  "ip -6 rule add table main suppress_prefixlength 0\n"
		  "ip -6 route add ::/0 dev wg0 table 51822\n"
		  "nft -f /dev/fd/63\n"
		  "ip -4 rule add not fwmark 51822 table 51822\n"
		  "ip -4 rule add table main suppress_prefixlength 0\n"
		  "ip -4 route add 0.0.0.0/0 dev wg0 table 51822\n"
		  "sysctl -q net.ipv4.conf.all.src_valid_mark=1\n"
		  "nft -f /dev/fd/63\n" },
		/* A mark of its own; the variable is set already; no IPv6. */
		{ BOTH "[Interface]\nFwMark = 0x10\n",
		  { .present = &nothing, .empty_table = 51820, .has_src_valid_mark = true },
		  "ip -4 route add 10.0.0.0/8 dev wg0\n"
		  "ip -4 rule add not fwmark 16 table 16\n"
		  "ip -4 rule add table main suppress_prefixlength 0\n"
		  "ip -4 route add 0.0.0.0/0 dev wg0 table 16\n"
		  "nft -f /dev/fd/63\n" },
		{ "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = ::/0\n",
		  { .present = &nothing, .empty_table = 51820, .has_ipv6 = true },
		  "wg set wg0 fwmark 51820\n"
		  "ip -6 rule add not fwmark 51820 table 51820\n"
		  "ip -6 rule add table main suppress_prefixlength 0\n"
		  "ip -6 route add ::/0 dev wg0 table 51820\n"
		  "nft -f /dev/fd/63\n" },
		{ "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = ::/0\n",
		  { .present = &nothing, .empty_table = 51820 },
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(conf_fini) struct conf conf = { 0 };
		AUTO(plan_fini) struct plan routes = { .interface = "wg0" };

		parse(&conf, cases[i].conf);
		plan_routes(&routes, conf.device, &cases[i].host);
		assert_steps(&routes, cases[i].steps);
	}
}

/*
 * Rules as text, in order: "s" the rule for the main table, "A" to "D" a full tunnel's for its
 * mark, "M" likewise but with a mask, "x" one that has nothing to do with it.
 */
static void read_rules(struct rule_list *out, const char *text)
{
	*out = (struct rule_list){ .items = calloc(strlen(text) + 1, sizeof(struct rule)) };
	for (; *text; text++) {
		struct rule *rule = &out->items[out->n++];

		*rule = (struct rule){ .family = AF_INET,
				       .priority = (uint32_t)out->n,
				       .table = 254,
				       .suppress_prefixlen = *text == 's' ? 0 : -1 };
		if (*text == 's')
			continue;
		rule->table = *text == 'x' ? 254 : (uint32_t)*text;
		rule->is_inverted = *text != 'x';
		rule->mark = *text == 'x' ? 0 : (uint32_t)*text;
		rule->mark_mask = *text == 'x' ? 0 : *text == 'M' ? 0xff : UINT32_MAX;
	}
}

static void tunnels_take_away_their_rules_alone(void **state)
{
	static const struct {
		const char *before; /* tunnel A goes */
		const char *after;
		const char *order; /* the places deleted, as digits */
	} cases[] = {
		{ "sA", "", "21" },
		{ "xsAx", "xx", "32" },
		/* Newer tunnels stand before it, older ones behind it. */
		{ "sBsA", "sB", "43" },
		{ "sAsB", "sB", "21" },
		{ "sCsAsB", "sCsB", "43" },
		{ "sMsA", "sM", "43" },
		{ "sAsM", "sM", "21" },
		/* Somebody has deleted the other one's. */
		{ "sAB", "sB", "2" },
		{ "sBA", "sB", "3" },
		{ "BsA", "B", "32" },
		{ "sAM", "sM", "2" },
		/* It lacks its own. */
		{ "AsB", "sB", "1" },
		{ "A", "", "1" },
		/* Added twice; something else between; a rule of the kind that is nobody's. */
		{ "sAsA", "", "2413" },
		{ "sxA", "x", "31" },
		{ "ssA", "s", "32" },
		{ "sAs", "s", "21" },
		/* Not there at all. */
		{ "sBs", "sBs", "" },
		{ "x", "x", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(rule_list_fini) struct rule_list rules = { 0 };
		AUTO(plan_fini) struct plan plan = { 0 };
		char after[16] = "", order[16] = "";
		size_t len = 0;

		read_rules(&rules, cases[i].before);
		plan_rules_removal(&plan, &rules, 'A');
		for (size_t j = 0; j < plan.n_steps; j++) {
			uint32_t place = plan.steps[j].rule.priority;

			assert_int_equal(plan.steps[j].kind, STEP_DELETE_RULE);
			order[j] = (char)('0' + place);
			rules.items[place - 1].priority = 0;
		}
		for (size_t j = 0; j < rules.n; j++)
			if (rules.items[j].priority)
				after[len++] = cases[i].before[j];
		if (strcmp(after, cases[i].after) != 0)
			fail_msg("%s: %s stays, not %s", cases[i].before, after, cases[i].after);
		/* The rule for the mark first: until then the other does no harm. */
		if (strcmp(order, cases[i].order) != 0)
			fail_msg("%s: deleted %s, not %s", cases[i].before, order, cases[i].order);
	}
}

static void knows_other_tunnels(void **state)
{
	static const struct {
		const char *rules;
		bool has_others;
	} cases[] = {
		{ "sA", false }, { "sAsB", true }, { "M", true }, { "xs", false }, { "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(rule_list_fini) struct rule_list rules = { 0 };

		read_rules(&rules, cases[i].rules);
		assert_int_equal(plan_has_other_tunnels(&rules, 'A'), cases[i].has_others);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_by_length_then_text),
		cmocka_unit_test(what_is_routed_already_is_left_out),
		cmocka_unit_test(a_table_of_ones_own_takes_default_routes),
		cmocka_unit_test(default_routes_in_order),
		cmocka_unit_test(tunnels_take_away_their_rules_alone),
		cmocka_unit_test(knows_other_tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
