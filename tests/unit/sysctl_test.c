/* The kernel's variables, in a directory made for the purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/wg-quick/sysctl.h"

static char dir[] = "/tmp/sysctl_test.XXXXXX";

/* Runs in the directory. */
static void run(const char *command)
{
	char text[600];

	snprintf(text, sizeof(text), "cd %s && %s", dir, command);
	assert_int_equal(system(text), 0);
}

static int prepare(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	run("for i in all default lo wg0 eth0 .dot; do mkdir -p conf/$i; "
	    "echo 0 >conf/$i/rp_filter; echo 0 >conf/$i/src_valid_mark; done");
	run("mkdir -p proc/net proc/sys/net/ipv6/conf/eth0; "
	    "echo 0 >proc/sys/net/ipv6/conf/eth0/disable_ipv6");
	return 0;
}

static int clean_up(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void reads_and_writes(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/conf/eth0/rp_filter", dir);
	assert_int_equal(sysctl_read(path), 0);
	assert_int_equal(sysctl_write(path, 2), 0);
	assert_int_equal(sysctl_read(path), 2);
	assert_int_equal(sysctl_write(path, 0), 0);
	snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(sysctl_read(path), -ENOENT);
	assert_int_equal(sysctl_write(path, 1), -ENOENT);
}

static void marks_are_needed_where_the_check_is_strict(void **state)
{
	static const struct {
		const char *name, *filter; /* of one interface; the others have 0 */
		bool is_needed;
	} cases[] = {
		{ "all", "1", true },   { "all", "2", false },     { "eth0", "1", true },
		{ "eth0", "2", false }, { "eth0", "0", false },    { ".dot", "1", true },
		{ "wg0", "1", false },  { "default", "1", false }, { "lo", "1", false },
	};
	char conf[64], command[200];

	(void)state;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(command, sizeof(command), "echo %s >conf/%s/rp_filter", cases[i].filter,
			 cases[i].name);
		run(command);
		if (sysctl_needs_src_valid_mark(conf, "wg0") != cases[i].is_needed)
			fail_msg("%s %s", cases[i].name, cases[i].filter);
		snprintf(command, sizeof(command), "echo 0 >conf/%s/rp_filter", cases[i].name);
		run(command);
	}
	/* The greater of both counts, and an interface may have marks count for itself. */
	run("echo 2 >conf/eth0/rp_filter; echo 2 >conf/.dot/rp_filter; echo 1 >conf/all/rp_filter");
	assert_false(sysctl_needs_src_valid_mark(conf, "wg0"));
	run("echo 1 >conf/eth0/rp_filter; echo 1 >conf/eth0/src_valid_mark");
	assert_false(sysctl_needs_src_valid_mark(conf, "wg0"));
	assert_false(sysctl_needs_src_valid_mark("/nonexistent", "wg0"));
}

static void knows_where_ipv6_is_off(void **state)
{
	char proc[64];

	(void)state;
	snprintf(proc, sizeof(proc), "%s/proc", dir);
	assert_false(sysctl_has_ipv6(proc, "eth0"));
	run(": >proc/net/if_inet6");
	assert_true(sysctl_has_ipv6(proc, "eth0"));
	assert_true(sysctl_has_ipv6(proc, "eth1"));
	run("echo 1 >proc/sys/net/ipv6/conf/eth0/disable_ipv6");
	assert_false(sysctl_has_ipv6(proc, "eth0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(marks_are_needed_where_the_check_is_strict),
		cmocka_unit_test(knows_where_ipv6_is_off),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
