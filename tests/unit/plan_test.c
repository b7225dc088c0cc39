/* wg-quick's decisions: no host is looked at, let alone touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/wg-quick/plan.h"
#include "lib/util/cleanup.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

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

static void up_in_order(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state host = { 0 };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nPostUp = up %i; %i%i '%%i' # %\nPostUp = up2\nMTU = 1400\n"
		     "PreDown = never\nPostDown = never\n"
		     "Address = 10.0.0.1/24, fd00::1\nPreUp = pre\nAddress = 10.0.0.2/32\n"
		     "[Peer]\nPublicKey = " KEY "\nAllowedIPs = 10.1.0.0/16\n");
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err), 0);
	assert_true(plan.is_undone);
	assert_int_equal(plan.route_policy, ROUTE_POLICY_AUTO);
	assert_steps(&plan, "ip link add dev wg0 type wireguard\n"
			    "pre\n"
			    "wg addconf wg0 /dev/fd/63\n"
			    "ip -4 address add 10.0.0.1/24 dev wg0\n"
			    "ip -6 address add fd00::1/128 dev wg0\n"
			    "ip -4 address add 10.0.0.2/32 dev wg0\n"
			    "ip link set mtu 1400 up dev wg0\n"
			    "wg show wg0 allowed-ips\n"
			    "up wg0; wg0wg0 '%wg0' # %\n"
			    "up2\n");
}

static void an_empty_file_makes_a_bare_interface(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state host = { 0 };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "");
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err), 0);
	assert_steps(&plan, "ip link add dev wg0 type wireguard\n"
			    "wg addconf wg0 /dev/fd/63\n"
			    "ip link set mtu 0 up dev wg0\n" /* 0: found out later */
			    "wg show wg0 allowed-ips\n");
}

static void down_in_order(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state host = { .link_exists = true, .is_wireguard = true };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nPostDown = b %i\nPreDown = a\nPreUp = n\nPostUp = n\n"
		     "Address = 10.0.0.1/24\nPostDown = c\n");
	assert_int_equal(plan_down(&plan, "wg0", &conf, &host, &err), 0);
	assert_false(plan.is_undone);
	assert_steps(&plan, "a\n"
			    "ip rule show\n" /* these two look first */
			    "ip link delete dev wg0\n"
			    "nft -f /dev/fd/63\n"
			    "b wg0\n"
			    "c\n");
}

static void name_servers_and_saving(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 }, search = { 0 };
	AUTO(plan_fini) struct plan up = { 0 }, down = { 0 }, none = { 0 }, left = { 0 };
	const struct state nothing = { 0 }, taken = { .is_wireguard = true };
	const struct state set = { .is_wireguard = true, .has_dns_file = true };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nDNS = 1.1.1.1\nSaveConfig = true\nPreDown = a\nPostDown = b\n"
		     "MTU = 1400\n");
	assert_int_equal(plan_up(&up, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &nothing, &err), 0);
	assert_steps(&up, "ip link add dev wg0 type wireguard\n"
			  "wg addconf wg0 /dev/fd/63\n"
			  "ip link set mtu 1400 up dev wg0\n"
			  "resolvconf -a wg0 -m 0 -x\n"
			  "wg show wg0 allowed-ips\n");
	assert_int_equal(plan_down(&down, "wg0", &conf, &taken, &err), 0);
	assert_steps(&down, "a\n"
			    "wg showconf wg0\n"
			    "ip rule show\n"
			    "ip link delete dev wg0\n"
			    "resolvconf -d wg0 -f\n"
			    "nft -f /dev/fd/63\n"
			    "b\n");
	/* Search domains alone are nothing; but what was set once is taken back. */
	parse(&search, "[Interface]\nDNS = example.org\n");
	assert_int_equal(plan_down(&none, "wg0", &search, &taken, &err), 0);
	assert_steps(&none, "ip rule show\nip link delete dev wg0\nnft -f /dev/fd/63\n");
	assert_int_equal(plan_down(&left, "wg0", &search, &set, &err), 0);
	assert_steps(&left, "ip rule show\nip link delete dev wg0\nresolvconf -d wg0 -f\n"
			    "nft -f /dev/fd/63\n");
}

static void the_host_must_fit(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state taken = { .link_exists = true }, none = { 0 };
	const struct state elsewhere = { .is_wireguard = true };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\n");
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &taken, &err),
			 -EEXIST);
	assert_string_equal(err.text, "`wg0' already exists");
	assert_int_equal(plan_down(&plan, "wg0", &conf, &taken, &err), -ENODEV);
	assert_string_equal(err.text, "`wg0' is not a WireGuard interface");
	assert_int_equal(plan_down(&plan, "wg0", &conf, &none, &err), -ENODEV);
	/* It has been renamed, or is in another network namespace. */
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &elsewhere, &err),
			 -EEXIST);
	assert_int_equal(plan_down(&plan, "wg0", &conf, &elsewhere, &err), 0);
	plan_fini(&plan);
	assert_int_equal(plan.n_steps, 0);
}

static void the_table_must_be_there(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state host = { 0 }, up = { .is_wireguard = true };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nTable = OFF\n");
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err),
			 -EINVAL);
	assert_string_equal(err.text,
			    "`OFF' is neither the number nor the name of a routing table");
	/* Going down takes none. */
	assert_int_equal(plan_down(&plan, "wg0", &conf, &up, &err), 0);
}

static void default_routes_take_a_firewall(void **state)
{
	static const struct {
		const char *conf;
		struct state host;
		const char *text; /* NULL: there is nothing missing */
	} cases[] = {
		{ "AllowedIPs = 10.0.0.1, 0.0.0.0/0\n",
		  { .has_firewall_v6 = true },
		  "AllowedIPs = 0.0.0.0/0 takes nft or iptables-restore, and neither is "
		  "installed" },
		{ "AllowedIPs = 0.0.0.0/0, ::/0\n",
		  { .has_firewall_v4 = true },
		  "AllowedIPs = ::/0 takes nft or ip6tables-restore, and neither is installed" },
		{ "AllowedIPs = ::/0\n", { .has_firewall_v6 = true }, NULL },
		{ "AllowedIPs = 0.0.0.0/0\n", { .has_firewall_v4 = true }, NULL },
		{ "AllowedIPs = 0.0.0.0/1, 128.0.0.0/1, ::/1\n", { 0 }, NULL },
		{ "AllowedIPs = ::/0\n[Interface]\nTable = off\n", { 0 }, NULL },
		{ "AllowedIPs = ::/0\n[Interface]\nTable = 5\n", { .table = 5 }, NULL },
	};
	const struct state up = { .is_wireguard = true };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(conf_fini) struct conf conf = { 0 };
		AUTO(plan_fini) struct plan plan = { 0 }, down = { 0 };
		AUTO(strbuf_fini) struct strbuf text = { 0 };
		struct err err = { 0 };

		strbuf_addf(&text, "[Peer]\nPublicKey = " KEY "\n%s", cases[i].conf);
		parse(&conf, text.text);
		assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf,
					 &cases[i].host, &err),
				 cases[i].text ? -ENOENT : 0);
		assert_string_equal(err.text, cases[i].text ? cases[i].text : "");
		assert_int_equal(plan.n_steps > 0, !cases[i].text);
		assert_int_equal(plan_down(&down, "wg0", &conf, &up, &err), 0);
	}
}

static void a_table_of_ones_own_has_no_rules_to_delete(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 };
	const struct state host = { .is_wireguard = true, .table = 5 };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nTable = 5\n");
	assert_int_equal(plan_down(&plan, "wg0", &conf, &host, &err), 0);
	assert_steps(&plan, "ip link delete dev wg0\nnft -f /dev/fd/63\n");
}

static void a_table_of_ones_own_takes_default_routes(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 }, off = { 0 };
	AUTO(plan_fini) struct plan plan = { 0 }, off_plan = { 0 };
	const struct state host = { .table = 77 };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\nTable = mine\n[Peer]\nPublicKey = " KEY
		     "\nAllowedIPs = 0.0.0.0/0, 10.0.0.0/8, ::/0\n");
	assert_int_equal(plan_up(&plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err), 0);
	assert_int_equal(plan.route_policy, ROUTE_POLICY_TABLE);
	assert_int_equal(plan.table, 77);
	parse(&off,
	      "[Interface]\nTable = off\n[Peer]\nPublicKey = " KEY "\nAllowedIPs = 0.0.0.0/0\n");
	assert_int_equal(plan_up(&off_plan, "wg0", DEVICE_IMPLEMENTATION_AUTO, &off, &host, &err),
			 0);
	assert_steps(&off_plan, "ip link add dev wg0 type wireguard\n"
				"wg addconf wg0 /dev/fd/63\n"
				"ip link set mtu 0 up dev wg0\n");
}

static void assert_kinds(const struct plan *plan, const enum step_kind *kinds, size_t n)
{
	assert_int_equal(plan->n_steps, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(plan->steps[i].kind, kinds[i]);
}

/* It is closed before anything can be sent, and opened when there is nothing left to send. */
static void a_kill_switch_is_closed_early_and_opened_late(void **state)
{
	static const enum step_kind first[] = { STEP_ADD_DEVICE, STEP_SET_DEVICE,
						STEP_CLOSE_BYPASSES, STEP_SET_MTU_AND_UP,
						STEP_ROUTE_PEERS };
	static const enum step_kind again[] = { STEP_LET_NAMES_THROUGH, STEP_ADD_DEVICE,
						STEP_SET_DEVICE,        STEP_CLOSE_BYPASSES,
						STEP_SET_MTU_AND_UP,    STEP_ROUTE_PEERS };
	static const enum step_kind no_more[] = { STEP_DELETE_KILL_SWITCH, STEP_ADD_DEVICE,
						  STEP_SET_DEVICE, STEP_SET_MTU_AND_UP,
						  STEP_ROUTE_PEERS };
	static const enum step_kind down[] = { STEP_DELETE_RULES, STEP_DELETE_DEVICE,
					       STEP_DELETE_FIREWALL, STEP_DELETE_KILL_SWITCH,
					       STEP_RUN_HOOK };
	AUTO(conf_fini) struct conf conf = { 0 }, off = { 0 }, for_down = { 0 };
	struct plan plans[4] = { 0 };
	struct state host = { .has_nft = true };
	struct err err = { 0 };

	(void)state;
	parse(&conf, "[Interface]\n#wg: KillSwitch = lan\n");
	parse(&off, "[Interface]\n");
	parse(&for_down, "[Interface]\nSaveConfig = true\nPostDown = x\n");
	assert_int_equal(plan_up(&plans[0], "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err),
			 0);
	assert_kinds(&plans[0], first, 5);
	host.has_kill_switch = true;
	assert_int_equal(plan_up(&plans[1], "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err),
			 0);
	assert_kinds(&plans[1], again, 6);
	assert_int_equal(plan_up(&plans[2], "wg0", DEVICE_IMPLEMENTATION_AUTO, &off, &host, &err),
			 0);
	assert_kinds(&plans[2], no_more, 5);
	/* Its interface has vanished: there is nothing to save, but something to open. */
	assert_int_equal(plan_down(&plans[3], "wg0", &for_down, &host, &err), 0);
	assert_kinds(&plans[3], down, 5);
	for (size_t i = 0; i < 4; i++)
		plan_fini(&plans[i]);
	host = (struct state){ .has_nft = false };
	assert_int_equal(plan_up(&plans[1], "wg0", DEVICE_IMPLEMENTATION_AUTO, &conf, &host, &err),
			 -ENOENT);
	assert_string_equal(err.text, "KillSwitch takes nft, which is not installed");
	assert_int_equal(plan_down(&plans[1], "wg0", &for_down, &host, &err), -ENODEV);
}

static void mtu_of_the_narrowest_way(void **state)
{
	unsigned int endpoints[] = { 9000, 1400, 1500 };
	struct state_mtus mtus = { .endpoints = endpoints, .n_endpoints = 3, .default_route = 576 };

	(void)state;
	assert_int_equal(plan_mtu(&mtus), 1320);
	mtus.n_endpoints = 1;
	assert_int_equal(plan_mtu(&mtus), 8920);
	mtus.n_endpoints = 0;
	assert_int_equal(plan_mtu(&mtus), 496);
	mtus.default_route = 0;
	assert_int_equal(plan_mtu(&mtus), 1420);
	mtus.default_route = 80; /* no sense in it, but nor in 0 or less */
	assert_int_equal(plan_mtu(&mtus), 80);
}

static void what_is_on_the_device_needs_no_undoing(void **state)
{
	static const struct {
		enum step_kind kind, undo;
	} undone[] = {
		{ STEP_ADD_DEVICE, STEP_DELETE_DEVICE },
		{ STEP_SET_DNS, STEP_UNSET_DNS },
		{ STEP_ADD_RULE, STEP_DELETE_RULE },
		{ STEP_SET_SRC_VALID_MARK, STEP_RESET_SRC_VALID_MARK },
		{ STEP_ADD_FIREWALL, STEP_DELETE_FIREWALL },
		{ STEP_ADD_KILL_SWITCH, STEP_DELETE_KILL_SWITCH },
		{ STEP_LET_NAMES_THROUGH, STEP_KEEP_NAMES_IN },
	};
	unsigned int n = 0;

	(void)state;
	for (enum step_kind kind = STEP_ADD_DEVICE; kind <= STEP_UNSET_DNS; kind++) {
		const struct step done = { .kind = kind, .mark = 7, .family = AF_INET6 };
		struct step undo;

		if (n < sizeof(undone) / sizeof(undone[0]) && undone[n].kind == kind) {
			assert_true(plan_undo(&undo, &done));
			assert_int_equal(undo.kind, undone[n++].undo);
		} else {
			assert_false(plan_undo(&undo, &done));
		}
	}
	assert_int_equal(n, sizeof(undone) / sizeof(undone[0]));
}

static void undoing_knows_the_details(void **state)
{
	const struct step rule = { .kind = STEP_ADD_RULE,
				   .rule = { .family = AF_INET6, .priority = 1234, .table = 99 } };
	const struct step firewall = { .kind = STEP_ADD_FIREWALL, .family = AF_INET6 };
	struct step undo;

	(void)state;
	assert_true(plan_undo(&undo, &rule));
	assert_int_equal(undo.rule.priority, 1234);
	assert_int_equal(undo.rule.family, AF_INET6);
	assert_true(plan_undo(&undo, &firewall));
	assert_int_equal(undo.family, AF_INET6);
}

static void all_kinds_have_a_word(void **state)
{
	(void)state;
	for (int kind = STEP_ADD_DEVICE; kind <= STEP_RESET_MARK; kind++)
		assert_non_null(plan_kind_name((enum step_kind)kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_in_order),
		cmocka_unit_test(an_empty_file_makes_a_bare_interface),
		cmocka_unit_test(down_in_order),
		cmocka_unit_test(name_servers_and_saving),
		cmocka_unit_test(the_host_must_fit),
		cmocka_unit_test(the_table_must_be_there),
		cmocka_unit_test(default_routes_take_a_firewall),
		cmocka_unit_test(a_table_of_ones_own_has_no_rules_to_delete),
		cmocka_unit_test(a_table_of_ones_own_takes_default_routes),
		cmocka_unit_test(a_kill_switch_is_closed_early_and_opened_late),
		cmocka_unit_test(mtu_of_the_narrowest_way),
		cmocka_unit_test(what_is_on_the_device_needs_no_undoing),
		cmocka_unit_test(undoing_knows_the_details),
		cmocka_unit_test(all_kinds_have_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
