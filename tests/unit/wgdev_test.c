/* What can be said of the kernel's devices without making one: see wgdev.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "lib/netlink/wgdev.h"
#include "lib/util/cleanup.h"

/* Such a name would be cut, and another device found. */
static void test_long_name(void **state)
{
	struct wg_device *device = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(wgdev_get(&device, "wg0123456789abcd", &err), -ENAMETOOLONG);
	assert_string_equal(err.text, "File name too long");
	assert_null(device);
}

/* Whether the driver is there is the machine's affair; the device is not. */
static void test_no_such_device(void **state)
{
	struct wg_device change = { .name = "wgnosuchdevice" };
	struct wg_device *device = NULL;
	struct err err = { 0 };
	int r = wgdev_get(&device, change.name, &err);

	(void)state;
	assert_null(device);
	assert_int_equal(err.code, r);
	if (r == -EPROTONOSUPPORT)
		assert_string_equal(err.text, "Protocol not supported");
	else if (r == -EPERM)
		assert_string_equal(err.text, "Operation not permitted");
	else
		assert_int_equal(r, -ENODEV);
	assert_int_equal(wgdev_set(&change, &err), r);
	assert_int_equal(err.code, r);
}

static void test_list(void **state)
{
	AUTO(strlist_fini) struct strlist names = { 0 };

	(void)state;
	assert_int_equal(wgdev_list(&names, NULL), 0);
	assert_false(strlist_has(&names, "lo"));
	assert_false(strlist_has(&names, "wgnosuchdevice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_no_such_device),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
