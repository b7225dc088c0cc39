/* Routes, in a network namespace of the test's own: skipped without the right to make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/route.h"

static bool have_namespace;

static int enter_namespace(void **state)
{
	(void)state;
	have_namespace = !unshare(CLONE_NEWNET) &&
			 !system("ip link add t0 type veth peer name t1 && ip link set t1 up && "
				 "ip link set t0 mtu 1400 up && ip addr add 10.1.0.1/24 dev t0 && "
				 "ip addr add fd01::1/64 dev t0 nodad");
	return 0;
}

#define need_namespace()             \
	do {                         \
		if (!have_namespace) \
			skip();      \
	} while (0)

static struct cidr cidr(const char *text)
{
	struct cidr out;

	assert_int_equal(cidr_parse(&out, NULL, text, NULL), 0);
	return out;
}

static union sockaddr_ip address(const char *text)
{
	union sockaddr_ip out = { 0 };

	if (inet_pton(AF_INET, text, &out.v4.sin_addr) == 1)
		out.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &out.v6.sin6_addr) == 1)
		out.sa.sa_family = AF_INET6;
	else
		fail();
	return out;
}

static int add(const char *text, uint32_t table, struct err *err)
{
	struct cidr prefix = cidr(text);

	return route_add("t0", &prefix, table, err);
}

/* Our route and one that ip(8) made look the same to ip(8). */
static void adds_as_ip_does(void **state)
{
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(add("10.2.0.0/16", ROUTE_TABLE_MAIN, &err), 0);
	assert_int_equal(add("fd02::/32", ROUTE_TABLE_MAIN, &err), 0);
	assert_int_equal(add("0.0.0.0/0", 777777, &err), 0);
	assert_int_equal(add("::/0", 777777, &err), 0);
	assert_int_equal(
		system("bash -c 'set -e -o pipefail\n"
		       "state() { ip -d -4 route show table all; ip -d -6 route show table all; }\n"
		       "ours=$(state)\n"
		       "ip route del 10.2.0.0/16; ip -6 route del fd02::/32\n"
		       "ip route del default table 777777; ip -6 route del default table 777777\n"
		       "[[ $ours != \"$(state)\" ]]\n"
		       "ip route add 10.2.0.0/16 dev t0; ip -6 route add fd02::/32 dev t0\n"
		       "ip route add 0.0.0.0/0 dev t0 table 777777\n"
		       "ip -6 route add ::/0 dev t0 table 777777\n"
		       "[[ $ours == \"$(state)\" ]]'"),
		0);
}

static void failures_are_told(void **state)
{
	struct cidr prefix = cidr("10.5.0.0/16");
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(add("10.4.0.0/16", ROUTE_TABLE_MAIN, &err), 0);
	assert_int_equal(add("10.4.0.0/16", ROUTE_TABLE_MAIN, &err), -EEXIST);
	assert_string_equal(err.text, "cannot route 10.4.0.0/16 to `t0': File exists");
	assert_int_equal(route_add("nosuch", &prefix, ROUTE_TABLE_MAIN, &err), -ENODEV);
	assert_int_equal(system("ip link add down0 type veth"), 0);
	assert_int_equal(route_add("down0", &prefix, ROUTE_TABLE_MAIN, &err), -ENETDOWN);
}

static void lists_and_covers(void **state)
{
	struct route_list list = { 0 };
	struct err err = { 0 };
	struct cidr inside = cidr("10.1.0.7/32"), same = cidr("10.1.0.0/24"),
		    wider = cidr("10.1.0.0/16"), v6 = cidr("fd01::5/128"),
		    other = cidr("fd11::/64"), in_table = cidr("10.66.0.1/32");

	(void)state;
	need_namespace();
	assert_int_equal(add("10.66.0.0/16", 4242, &err), 0); /* another table does not count */
	assert_int_equal(system("ip route add 10.88.0.0/16 dev t1"), 0); /* nor another link */
	assert_int_equal(route_list_device(&list, "t0", &err), 0);
	assert_true(route_list_covers(&list, &inside));
	assert_true(route_list_covers(&list, &same));
	assert_false(route_list_covers(&list, &wider));
	assert_true(route_list_covers(&list, &v6));
	assert_false(route_list_covers(&list, &other));
	assert_false(route_list_covers(&list, &in_table));
	in_table = cidr("10.88.0.1/32");
	assert_false(route_list_covers(&list, &in_table));
	/* A default route covers everything of its family. */
	assert_int_equal(system("ip route add default dev t0"), 0);
	route_list_fini(&list);
	assert_int_equal(route_list_device(&list, "t0", &err), 0);
	assert_true(route_list_covers(&list, &wider));
	assert_false(route_list_covers(&list, &other));
	assert_int_equal(system("ip route del default dev t0"), 0);
	route_list_fini(&list);
	assert_int_equal(route_list_device(&list, "nosuch", &err), -ENODEV);
}

static void finds_the_way(void **state)
{
	union sockaddr_ip near = address("10.1.0.9"), far = address("172.31.0.1"),
			  v6 = address("fd01::9"), scoped = address("fe80::1"),
			  pinned = address("10.1.0.200");
	struct route_path path = { .ifindex = 99 };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(route_lookup(&path, &far, &err), -ENETUNREACH);
	assert_string_equal(err.text, "no route to 172.31.0.1: Network is unreachable");
	assert_int_equal(path.ifindex, 99);
	assert_int_equal(route_lookup(&path, &near, &err), 0);
	assert_int_equal(path.ifindex, if_nametoindex("t0"));
	assert_int_equal(path.mtu_bytes, 0);
	assert_int_equal(route_lookup(&path, &v6, &err), 0);
	assert_int_equal(path.ifindex, if_nametoindex("t0"));
	assert_int_equal(system("ip route add 10.1.0.200 dev t0 mtu 1234"), 0);
	assert_int_equal(route_lookup(&path, &pinned, &err), 0);
	assert_int_equal(path.mtu_bytes, 1234);
	scoped.v6.sin6_scope_id = if_nametoindex("t1");
	assert_int_equal(route_lookup(&path, &scoped, &err), 0);
	assert_int_equal(path.ifindex, if_nametoindex("t1"));
}

static void finds_the_default(void **state)
{
	struct route_path path;
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(route_default(&path, &err), -ENETUNREACH);
	assert_int_equal(system("ip route add default via 10.1.0.2 mtu 1300 metric 9"), 0);
	assert_int_equal(route_default(&path, &err), 0);
	assert_int_equal(path.ifindex, if_nametoindex("t0"));
	assert_int_equal(path.mtu_bytes, 1300);
	assert_int_equal(system("ip route add default dev t1 metric 3"), 0);
	assert_int_equal(route_default(&path, &err), 0);
	assert_int_equal(path.ifindex, if_nametoindex("t1"));
	assert_int_equal(path.mtu_bytes, 0);
	assert_int_equal(system("ip route del default metric 3; ip route del default metric 9"), 0);
	assert_int_equal(system("ip route add unreachable default"), 0);
	assert_int_equal(route_default(&path, &err), -ENETUNREACH);
	assert_int_equal(system("ip route del unreachable default"), 0);
}

static void finds_an_empty_table(void **state)
{
	struct err err = { 0 };
	uint32_t table = 0;

	(void)state;
	need_namespace();
	assert_int_equal(route_find_empty_table(&table, 51820, &err), 0);
	assert_int_equal(table, 51820);
	/* Of either family, in any order, and only without a gap. */
	assert_int_equal(system("ip route add 10.7.0.0/16 dev t0 table 51821 && "
				"ip -6 route add fd07::/16 dev t0 table 51820 && "
				"ip route add unreachable default table 51822 && "
				"ip route add 10.7.0.0/16 dev t0 table 51824 && "
				"ip route add 10.7.0.0/16 dev t0 table 4294967295"),
			 0);
	assert_int_equal(route_find_empty_table(&table, 51820, &err), 0);
	assert_int_equal(table, 51823);
	assert_int_equal(route_find_empty_table(&table, 51824, &err), 0);
	assert_int_equal(table, 51825);
	assert_int_equal(route_find_empty_table(&table, UINT32_MAX, &err), -ENOSPC);
}

static void tells_who_shares_a_table(void **state)
{
	struct err err = { 0 };
	bool is_shared = true;

	(void)state;
	need_namespace();
	assert_int_equal(system("ip link set lo up && ip route add 10.7.0.0/16 dev t0 table 600 && "
				"ip -6 route add fd07::/16 dev lo table 600"),
			 0);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET, 600, "t0", &err), 0);
	assert_false(is_shared);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET, 600, "lo", &err), 0);
	assert_true(is_shared);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET6, 600, "lo", &err), 0);
	assert_false(is_shared);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET6, 600, "t0", &err), 0);
	assert_true(is_shared);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET, 600, "t9", &err), 0);
	assert_true(is_shared);
	assert_int_equal(route_table_is_shared(&is_shared, AF_INET, 601, "t9", &err), 0);
	assert_false(is_shared);
}

static bool reads(const char *text, uint32_t table, enum route_origin origin)
{
	struct routes routes = { 0 };
	struct cidr prefix = cidr(text);
	struct err err = { 0 };
	bool found = false;

	assert_int_equal(routes_read(&routes, "t0", &err), 0);
	for (size_t i = 0; i < routes.n; i++) {
		const struct route *route = &routes.items[i];

		found |= cidr_equal(&route->prefix, &prefix) && route->table == table &&
			 route->origin == origin;
	}
	routes_fini(&routes);
	return found;
}

static int delete (const char *text, uint32_t table, struct err *err)
{
	struct cidr prefix = cidr(text);

	return route_delete("t0", &prefix, table, err);
}

/* Whose routes are whose, and that others' stay. */
static void deletes_its_own(void **state)
{
	static const struct {
		const char *prefix;
		uint32_t table;
	} own[] = {
		{ "10.20.0.0/16", ROUTE_TABLE_MAIN },
		{ "10.20.0.0/16", 4711 },
		{ "0.0.0.0/0", 4711 },
		{ "fd20::/32", ROUTE_TABLE_MAIN },
		{ "::/0", 4711 },
	};
	struct routes routes = { 0 };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(system("ip route add 10.21.0.0/16 dev t0 metric 5 && "
				"ip route add 10.22.0.0/16 via 10.1.0.7 && "
				"ip route add 10.23.0.0/16 dev t0 proto static && "
				"ip route add 10.24.0.0/16 dev t0 src 10.1.0.1 && "
				"ip -6 route add fd21::/32 dev t0 metric 5 && "
				"ip -6 route add fd22::/32 via fd01::7"),
			 0);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_int_equal(add(own[i].prefix, own[i].table, &err), 0);
		assert_true(reads(own[i].prefix, own[i].table, ROUTE_ORIGIN_PLAIN));
	}
	assert_true(reads("10.1.0.0/24", ROUTE_TABLE_MAIN, ROUTE_ORIGIN_KERNEL));
	assert_true(reads("fd01::/64", ROUTE_TABLE_MAIN, ROUTE_ORIGIN_KERNEL));
	for (char number = '1'; number <= '4'; number++) {
		char text[] = "10.2x.0.0/16";

		text[4] = number;
		assert_true(reads(text, ROUTE_TABLE_MAIN, ROUTE_ORIGIN_OTHER));
	}
	assert_true(reads("fd21::/32", ROUTE_TABLE_MAIN, ROUTE_ORIGIN_OTHER));
	assert_true(reads("fd22::/32", ROUTE_TABLE_MAIN, ROUTE_ORIGIN_OTHER));
	assert_int_equal(delete ("10.23.0.0/16", ROUTE_TABLE_MAIN, &err), -ESRCH);
	assert_non_null(strstr(err.text, "cannot delete the route 10.23.0.0/16 to `t0'"));
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_int_equal(delete (own[i].prefix, own[i].table, &err), 0);
		assert_false(reads(own[i].prefix, own[i].table, ROUTE_ORIGIN_PLAIN));
		assert_int_equal(delete (own[i].prefix, own[i].table, &err), -ESRCH);
	}
	assert_int_equal(routes_read(&routes, "nosuch", &err), -ENODEV);
}

static void a_mark_finds_another_way(void **state)
{
	const union sockaddr_ip to = address("198.51.100.77");
	struct route_path plain = { 0 }, marked = { 0 };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(
		system("ip link set lo up && ip route add 198.51.100.77 dev t0 table 88 && "
		       "ip route add 198.51.100.77 dev lo table 89 && "
		       "ip rule add fwmark 9 table 89 && ip rule add not fwmark 9 table 88"),
		0);
	assert_int_equal(route_lookup(&plain, &to, &err), 0);
	assert_int_equal(plain.ifindex, if_nametoindex("t0"));
	assert_int_equal(route_lookup_marked(&marked, &to, 9, &err), 0);
	assert_int_equal(marked.ifindex, if_nametoindex("lo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_as_ip_does),          cmocka_unit_test(failures_are_told),
		cmocka_unit_test(lists_and_covers),         cmocka_unit_test(finds_the_way),
		cmocka_unit_test(finds_the_default),        cmocka_unit_test(finds_an_empty_table),
		cmocka_unit_test(tells_who_shares_a_table), cmocka_unit_test(deletes_its_own),
		cmocka_unit_test(a_mark_finds_another_way),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
