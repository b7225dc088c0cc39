/* The names of offloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "datapath/host/features.h"

static void assert_offload(const char *text, struct features expected)
{
	struct features got = { true, false, true, false, true };

	assert_int_equal(features_parse(&got, text, NULL), 0);
	assert_memory_equal(&got, &expected, sizeof(got));
}

static void reads_what_is_wanted(void **state)
{
	(void)state;
	assert_offload("on", (struct features){ true, true, true, true, true });
	assert_offload("off", (struct features){ 0 });
	assert_offload("", (struct features){ 0 });
	assert_offload("tun-tso", (struct features){ .tun_tso = true });
	assert_offload("udp-gro,tun-uso", (struct features){ .udp_gro = true, .tun_uso = true });
	assert_offload("tun-gro,udp-gso,", (struct features){ .tun_gro = true, .udp_gso = true });
}

static void refuses_what_it_does_not_know(void **state)
{
	static const char *const wrong[] = { "no", "tun", "tun-tsoo", "udp-gso,of", ",", "ON" };
	struct features offload = { .udp_gso = true };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(features_parse(&offload, wrong[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, "no such offload"));
		assert_true(offload.udp_gso);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_wanted),
		cmocka_unit_test(refuses_what_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
