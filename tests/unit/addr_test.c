/* A link's addresses, in a network namespace of the test's own: skipped if there can be none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/netlink/addr.h"

static bool have_namespace;

static int enter_namespace(void **state)
{
	(void)state;
	have_namespace = !unshare(CLONE_NEWNET) && !system("ip link add t0 type veth peer name t1");
	return 0;
}

#define need_namespace()             \
	do {                         \
		if (!have_namespace) \
			skip();      \
	} while (0)

static int add(const char *text, struct err *err)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse_address(&cidr, text, err), 0);
	return addr_add("t0", &cidr, err);
}

static void adds_and_lists(void **state)
{
	static const char *const texts[] = { "10.1.2.3/24", "10.9.9.9/32", "0.0.0.5/0",
					     "fd00::7/64" };
	struct cidr *list = NULL;
	struct err err = { 0 };
	size_t n = 99;

	(void)state;
	need_namespace();
	assert_int_equal(addr_list(&list, &n, "t0", &err), 0);
	assert_int_equal(n, 0);
	assert_null(list);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(add(texts[i], &err), 0);
	assert_int_equal(system("ip addr add 10.3.3.3/8 dev t1"), 0);
	assert_int_equal(addr_list(&list, &n, "t0", &err), 0);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < 4; i++) {
		char text[CIDR_TEXT_MAX];

		cidr_format(text, &list[i]);
		assert_string_equal(text, texts[i]);
	}
	free(list);
	/* What ip(8) would have done, to the letter. */
	assert_int_equal(
		system("ip -o addr show dev t0 | grep -q 'inet 10.1.2.3/24 scope global t0'"), 0);
}

/* Whoever saves a link's addresses must not save what the kernel will make anew. */
static void tells_whose_link_local_is_whose(void **state)
{
	struct cidr *all = NULL, *given = NULL;
	struct err err = { 0 };
	char text[CIDR_TEXT_MAX];
	size_t n = 0, n_given = 0;
	struct utsname kernel;
	int major, minor;

	(void)state;
	need_namespace();
	assert_int_equal(system("ip link add t2 type veth peer name t3 && ip link set t3 up && "
				"ip addr add fe80::7/64 dev t2 nodad && "
				"ip addr add 10.4.4.4/24 dev t2 && ip link set t2 up"),
			 0);
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%d.%d", &major, &minor), 2);
	if (major < 5 || (major == 5 && minor < 18)) /* it does not tell */
		skip();
	assert_int_equal(addr_list(&all, &n, "t2", &err), 0);
	assert_int_equal(addr_list_given(&given, &n_given, "t2", &err), 0);
	free(all);
	assert_int_equal(n, 3);
	assert_int_equal(n_given, 2);
	cidr_format(text, &given[0]);
	assert_string_equal(text, "10.4.4.4/24");
	cidr_format(text, &given[1]);
	assert_string_equal(text, "fe80::7/64");
	free(given);
}

static int delete (const char *text, struct err *err)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse_address(&cidr, text, err), 0);
	return addr_delete("t4", &cidr, err);
}

/* The kernel takes the second address along with the first, and then all routes. */
static void deletes_one_alone(void **state)
{
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(
		system("ip link add t4 type veth peer name t5 && ip link set t4 up && "
		       "ip link set t5 up && ip addr add fd04::1/64 dev t4 nodad && "
		       "echo 0 >/proc/sys/net/ipv4/conf/t4/promote_secondaries && "
		       "ip addr add 10.4.0.1/24 dev t4 && ip addr add 10.4.0.2/24 dev t4 && "
		       "ip route add 10.5.0.0/16 via 10.4.0.9 metric 7 && "
		       "ip route add 10.6.0.0/16 dev t4 proto static table 77 mtu 1300"),
		0);
	assert_int_equal(delete ("10.4.0.1/24", &err), 0);
	assert_int_equal(
		system("bash -c 'diff <(ip -o -4 addr show dev t4 | grep -o \"inet [^ ]*\") "
		       "<(echo inet 10.4.0.2/24)'"),
		0);
	assert_int_equal(
		system("bash -c 'diff <(ip -4 route show table all dev t4 | grep -v \"table "
		       "local\") "
		       "<(printf \"10.6.0.0/16 table 77 proto static scope link mtu 1300 \\n"
		       "10.4.0.0/24 proto kernel scope link src 10.4.0.2 \\n"
		       "10.5.0.0/16 via 10.4.0.9 metric 7 \\n\")'"),
		0);
	/* And with the last one. The gateway cannot be reached any more. */
	assert_int_equal(delete ("10.4.0.2/24", &err), 0);
	assert_int_equal(
		system("bash -c 'diff <(ip -4 route show table all dev t4) "
		       "<(echo \"10.6.0.0/16 table 77 proto static scope link mtu 1300 \")'"),
		0);
	assert_int_equal(delete ("10.4.0.2/24", &err), -EADDRNOTAVAIL);
	assert_non_null(strstr(err.text, "cannot delete the address 10.4.0.2/24 of `t4': "));
	assert_int_equal(delete ("fd04::1/64", &err), 0);
	assert_int_equal(delete ("fd04::1/64", &err), -EADDRNOTAVAIL);
}

static void failures_are_told(void **state)
{
	struct cidr *list = NULL, cidr;
	struct err err = { 0 };
	size_t n;

	(void)state;
	need_namespace();
	assert_int_equal(add("10.7.7.7/24", &err), 0);
	assert_int_equal(add("10.7.7.7/24", &err), -EEXIST);
	assert_non_null(
		strstr(err.text, "cannot add the address 10.7.7.7/24 to `t0': File exists"));
	assert_int_equal(cidr_parse_address(&cidr, "10.0.0.1", &err), 0);
	assert_int_equal(addr_add("nosuch", &cidr, &err), -ENODEV);
	assert_int_equal(addr_list(&list, &n, "nosuch", &err), -ENODEV);
	assert_null(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_and_lists),
		cmocka_unit_test(tells_whose_link_local_is_whose),
		cmocka_unit_test(deletes_one_alone),
		cmocka_unit_test(failures_are_told),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
