/* Routing rules, in a network namespace of the test's own: skipped without the right to make one.
 */
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
#include <sys/socket.h>

#include "lib/netlink/rule.h"
#include "lib/util/cleanup.h"

static bool have_namespace;

static int enter_namespace(void **state)
{
	(void)state;
	have_namespace = !unshare(CLONE_NEWNET);
	return 0;
}

#define need_namespace()             \
	do {                         \
		if (!have_namespace) \
			skip();      \
	} while (0)

static const struct rule by_mark = {
	.family = AF_INET,
	.table = 51820,
	.is_inverted = true,
	.mark = 51820,
	.mark_mask = UINT32_MAX,
	.suppress_prefixlen = -1,
};

static const struct rule by_main = {
	.family = AF_INET,
	.table = 254,
	.suppress_prefixlen = 0,
};

/* Our rules and those that ip(8) made look the same to ip(8), place included. */
static void adds_as_ip_does(void **state)
{
	struct err err = { 0 };

	(void)state;
	need_namespace();
	for (int i = 0; i < 2; i++) {
		struct rule mark = by_mark, main = by_main;

		mark.family = main.family = i ? AF_INET6 : AF_INET;
		assert_int_equal(rule_add(&mark, &err), 0);
		assert_int_equal(mark.priority, 32765);
		assert_int_equal(rule_add(&main, &err), 0);
		assert_int_equal(main.priority, 32764);
	}
	assert_int_equal(
		system("bash -c 'set -e -o pipefail\n"
		       "state() { ip -d -4 rule; ip -d -6 rule; }\n"
		       "clear() { ip $1 rule del pref 32765; ip $1 rule del pref 32764; }\n"
		       "ours=$(state)\n"
		       "clear -4; clear -6\n"
		       "for f in -4 -6; do ip $f rule add not fwmark 51820 table 51820\n"
		       "ip $f rule add table main suppress_prefixlength 0; done\n"
		       "diff <(echo \"$ours\") <(state) >&2; clear -4; clear -6'"),
		0);
}

/* Whatever is there, rules that struct rule cannot describe included. */
static void foresees_the_priority(void **state)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	(void)state;
	need_namespace();
	assert_int_equal(system("ip rule add iif lo pref 900 lookup 7; ip -6 rule add pref 1"), 0);
	for (size_t i = 0; i < 2; i++) {
		struct rule rule = by_main;
		uint32_t expected = rule_next_priority(families[i]);

		rule.family = families[i];
		assert_int_equal(expected, i ? 0 : 899);
		assert_int_equal(rule_add(&rule, NULL), 0);
		if (expected)
			assert_int_equal(rule.priority, expected);
		assert_int_equal(rule_delete(&rule, NULL), 0);
	}
	assert_int_equal(system("ip rule del pref 900; ip -6 rule del pref 1"), 0);
}

static void lists_what_it_can_describe(void **state)
{
	AUTO(rule_list_fini) struct rule_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(
		system("ip rule add not fwmark 1/0xff table 77 pref 100 && "
		       "ip rule add from 10.0.0.1 table 78 pref 101 && "
		       "ip rule add iif lo table 78 pref 102 && ip rule add to 10.0.0.0/8 "
		       "table 78 pref 103 && ip rule add blackhole fwmark 1 pref 104 && "
		       "ip rule add tos 0x10 table 78 pref 105 && ip rule add ipproto udp "
		       "table 78 pref 106 && ip rule add uidrange 0-5 table 78 pref 107 && "
		       "ip rule add table 300 suppress_prefixlength 8 pref 108 && "
		       "ip -6 rule add fwmark 3 table 79 pref 109"),
		0);
	assert_int_equal(rule_list_read(&list, AF_INET, &err), 0);
	assert_int_equal(list.n, 5);
	assert_int_equal(list.items[0].priority, 0);
	assert_int_equal(list.items[0].table, 255);
	assert_int_equal(list.items[1].priority, 100);
	assert_true(list.items[1].is_inverted);
	assert_int_equal(list.items[1].mark, 1);
	assert_int_equal(list.items[1].mark_mask, 0xff);
	assert_int_equal(list.items[1].suppress_prefixlen, -1);
	assert_int_equal(list.items[2].table, 300);
	assert_false(list.items[2].is_inverted);
	assert_int_equal(list.items[2].mark_mask, 0);
	assert_int_equal(list.items[2].suppress_prefixlen, 8);
	assert_int_equal(list.items[3].table, 254);

	/* Onto the end of what is there. */
	assert_int_equal(rule_list_read(&list, AF_INET6, &err), 0);
	assert_int_equal(list.n, 8);
	assert_int_equal(list.items[6].family, AF_INET6);
	assert_int_equal(list.items[6].mark, 3);
	assert_int_equal(system("for p in 100 101 102 103 104 105 106 107 108; do ip rule del "
				"pref $p || exit; done; ip -6 rule del pref 109"),
			 0);
}

static void deletes_just_that_one(void **state)
{
	AUTO(rule_list_fini) struct rule_list list = { 0 };
	struct rule first = by_main, second = by_main, mark = by_mark;
	struct err err = { 0 };

	(void)state;
	need_namespace();
	assert_int_equal(rule_add(&first, &err), 0);
	assert_int_equal(rule_add(&mark, &err), 0);
	assert_int_equal(rule_add(&second, &err), 0);
	assert_int_equal(rule_add(&second, &err), -EEXIST);
	assert_string_equal(err.text, "cannot add a routing rule: File exists");
	/* It is not the first that is like it. */
	assert_int_equal(rule_delete(&first, &err), 0);
	assert_int_equal(rule_delete(&first, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot delete a routing rule: "));
	assert_int_equal(rule_delete(&mark, &err), 0);
	assert_int_equal(rule_list_read(&list, AF_INET, &err), 0);
	assert_int_equal(list.n, 4);
	assert_int_equal(list.items[1].priority, second.priority);
	assert_int_equal(list.items[1].suppress_prefixlen, 0);
	assert_int_equal(rule_delete(&by_main, &err), 0);
	assert_int_equal(rule_delete(&by_main, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_as_ip_does),
		cmocka_unit_test(foresees_the_priority),
		cmocka_unit_test(lists_what_it_can_describe),
		cmocka_unit_test(deletes_just_that_one),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
