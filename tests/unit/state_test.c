/* Looking at the host: routing tables' names, and the ways to endpoints (in a network namespace of
 * the test's own; skipped without the right to make one). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/state.h"
#include "lib/util/cleanup.h"

static bool have_namespace;
static char dir[] = "/tmp/state_test.XXXXXX";

static int prepare(void **state)
{
	char command[600];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p a b/rt_tables.d && printf '%%s\\n' '# 5 no' '255\tlocal' '' "
		 "'  77  mine # ours' '0x10 hex' 'x bad' '88 later' > a/rt_tables && "
		 "echo '99 fromdir' > b/rt_tables.d/x.conf && echo '98 skipped' > "
		 "b/rt_tables.d/x.txt && echo '1 later' > b/rt_tables",
		 dir);
	assert_int_equal(system(command), 0);
	have_namespace = !unshare(CLONE_NEWNET) &&
			 !system("ip link add t0 type veth peer name t1 && ip link set t1 up && "
				 "ip link set t0 mtu 1400 up && ip addr add 10.1.0.1/24 dev t0");
	return 0;
}

static int clean_up(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void tables_by_number_and_name(void **state)
{
	static const struct {
		const char *name;
		uint32_t table; /* 0: there is no such table */
	} cases[] = {
		{ "1234", 1234 },   { "4294967295", 4294967295 },
		{ "0x2a", 42 },     { "main", 254 },
		{ "default", 253 }, { "local", 255 },
		{ "mine", 77 },     { "hex", 16 },
		{ "later", 88 },    { "fromdir", 99 },
		{ "skipped", 0 },   { "bad", 0 },
		{ "no", 0 },        { "OFF", 0 },
		{ "0", 254 },       { "unspec", 254 },
		{ "-1", 0 },        { "4294967296", 0 },
		{ "", 0 },          { "12 34", 0 },
	};
	char a[64], b[64];
	const char *const dirs[] = { "/nonexistent", a, b, NULL };

	(void)state;
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t table = state_find_table(cases[i].name, dirs);

		if (table != cases[i].table)
			fail_msg("`%s' gives table %u", cases[i].name, table);
	}
}

static void looks_at_the_link(void **state)
{
	struct state host = { 0 };
	struct err err = { 0 };

	(void)state;
	if (!have_namespace)
		skip();
	assert_int_equal(state_look(&host, "t0", "main", &err), 0);
	assert_true(host.link_exists);
	assert_false(host.is_wireguard);
	assert_int_equal(host.table, 254);
	assert_int_equal(state_look(&host, "t9", NULL, &err), 0);
	assert_false(host.link_exists);
	assert_int_equal(host.table, 0);
	assert_int_equal(state_look(&host, "t9", "no such table", &err), 0);
	assert_int_equal(host.table, 0);
}

static void add_endpoint(struct wg_device *device, const char *address)
{
	struct wg_peer *peer = wg_device_add_peer(device);

	peer->endpoint.addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, address, &peer->endpoint.addr.v4.sin_addr), 1);
}

static void looks_at_the_ways(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(strlist_fini) struct strlist unreachable = { 0 };
	AUTO(state_mtus_fini) struct state_mtus mtus = { 0 };

	(void)state;
	if (!have_namespace)
		skip();
	wg_device_add_peer(device); /* has no endpoint */
	add_endpoint(device, "10.1.0.7");
	add_endpoint(device, "172.31.0.1");
	add_endpoint(device, "10.1.0.8");
	assert_int_equal(system("ip route add 10.1.0.8 dev t0 mtu 1234"), 0);
	state_look_mtus(&mtus, &unreachable, device);
	assert_int_equal(mtus.n_endpoints, 2);
	assert_int_equal(mtus.endpoints[0], 1400);
	assert_int_equal(mtus.endpoints[1], 1234);
	assert_int_equal(mtus.default_route, 0);
	assert_int_equal(unreachable.n, 1);
	assert_string_equal(unreachable.items[0], "no route to 172.31.0.1: Network is unreachable");
	state_mtus_fini(&mtus);
	assert_int_equal(system("ip route add default via 10.1.0.2 mtu 1111"), 0);
	state_look_mtus(&mtus, &unreachable, device);
	assert_int_equal(mtus.default_route, 1111);
	assert_int_equal(mtus.n_endpoints, 3);
	assert_int_equal(system("ip route change default via 10.1.0.2"), 0);
	state_mtus_fini(&mtus);
	state_look_mtus(&mtus, &unreachable, device);
	assert_int_equal(mtus.default_route, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_by_number_and_name),
		cmocka_unit_test(looks_at_the_link),
		cmocka_unit_test(looks_at_the_ways),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
