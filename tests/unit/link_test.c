/* Links, in a network namespace of the test's own: skipped without the right to make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/link.h"

static bool have_namespace;

static int enter_namespace(void **state)
{
	(void)state;
	have_namespace =
		!unshare(CLONE_NEWNET) &&
		!system("ip link add t0 type veth peer name t1 && ip link set t0 mtu 1400");
	return 0;
}

#define need_namespace()             \
	do {                         \
		if (!have_namespace) \
			skip();      \
	} while (0)

static void looks_up(void **state)
{
	struct link_info link, same;
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(link_get(&link, "t0", &err), 0);
	assert_string_equal(link.name, "t0");
	assert_string_equal(link.kind, "veth");
	assert_int_equal(link.mtu_bytes, 1400);
	assert_false(link.flags & IFF_UP);
	assert_int_equal(link.ifindex, if_nametoindex("t0"));
	assert_int_equal(link_get_by_index(&same, link.ifindex, &err), 0);
	assert_string_equal(same.name, "t0");
	assert_int_equal(link_get(&link, "lo", &err), 0);
	assert_string_equal(link.kind, "");
}

static void missing_ones_are_enodev(void **state)
{
	struct link_info link = { .ifindex = 77 };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(link_get(&link, "nosuch", &err), -ENODEV);
	assert_string_equal(err.text, "No such device");
	assert_int_equal(link.ifindex, 77);
	assert_int_equal(link_get_by_index(&link, 9999, &err), -ENODEV);
	assert_int_equal(link_delete("nosuch", &err), -ENODEV);
	assert_int_equal(link_set_up("nosuch", &err), -ENODEV);
	assert_int_equal(link_set_mtu("nosuch", 1400, &err), -ENODEV);
	assert_int_equal(link_get(&link, "", &err), -ENODEV);
	/* Cut to 15 characters this would be another link's name. */
	assert_int_equal(system("ip link add n23456789012345 type veth"), 0);
	assert_int_equal(link_get(&link, "n234567890123456", &err), -ENODEV);
	assert_int_equal(link_delete("n234567890123456", &err), -ENODEV);
	assert_int_equal(link_delete("n23456789012345", &err), 0);
}

static void changes(void **state)
{
	struct link_info link;
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(link_set_mtu("t0", 1337, &err), 0);
	assert_int_equal(link_get(&link, "t0", &err), 0);
	assert_int_equal(link.mtu_bytes, 1337);
	assert_false(link.flags & IFF_UP);
	assert_int_equal(link_set_up("t0", &err), 0);
	assert_int_equal(link_get(&link, "t0", &err), 0);
	assert_int_equal(link.mtu_bytes, 1337);
	assert_true(link.flags & IFF_UP);
}

static void the_kernel_is_quoted(void **state)
{
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(link_set_mtu("t0", 999999, &err), -EINVAL);
	assert_string_equal(err.text, "cannot set the MTU of `t0' to 999999: Invalid argument: "
				      "mtu greater than device maximum");
}

static void deletes(void **state)
{
	struct link_info link;
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(system("ip link add d0 type veth peer name d1"), 0);
	assert_int_equal(link_delete("d0", &err), 0);
	assert_int_equal(link_get(&link, "d0", &err), -ENODEV);
	assert_int_equal(link_get(&link, "d1", &err), -ENODEV);
}

static void adds_wireguard(void **state)
{
	struct link_info link;
	struct err err = { 0 };
	int r;

	(void)state;
	need_namespace();
	assert_int_equal(link_add_wireguard("t0", &err), -EEXIST);
	r = link_add_wireguard("w0", &err);
	if (r == -EOPNOTSUPP) { /* a kernel without the driver */
		assert_int_equal(link_get(&link, "w0", &err), -ENODEV);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(link_get(&link, "w0", &err), 0);
	assert_string_equal(link.kind, "wireguard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_up), cmocka_unit_test(missing_ones_are_enodev),
		cmocka_unit_test(changes),  cmocka_unit_test(the_kernel_is_quoted),
		cmocka_unit_test(deletes),  cmocka_unit_test(adds_wireguard),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
