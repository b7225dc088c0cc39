/* nf_tables, in a network namespace of the test's own: skipped without the right to make one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/netfilter.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/netlink/nft.h"

static void tells_whether_there_is_a_table(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) ||
	    system("nft 'table ip wg-quick-a { }; table ip6 wg-quick-ab { }' 2>/dev/null"))
		skip();
	assert_true(nft_has_table(AF_INET, "wg-quick-a"));
	assert_false(nft_has_table(AF_INET6, "wg-quick-a"));
	assert_true(nft_has_table(AF_INET6, "wg-quick-ab"));
	assert_false(nft_has_table(AF_INET, "wg-quick-ab"));
	assert_false(nft_has_table(AF_INET, "wg-quick-"));
	assert_false(nft_has_table(AF_INET, ""));
	if (system("nft 'table inet t { chain c { }; }'"))
		skip();
	assert_true(nft_has_chain(NFPROTO_INET, "t", "c"));
	assert_false(nft_has_chain(NFPROTO_INET, "t", "d"));
	assert_false(nft_has_chain(NFPROTO_INET, "u", "c"));
	assert_false(nft_has_chain(AF_INET, "t", "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_whether_there_is_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
