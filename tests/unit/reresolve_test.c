/* Which peers need their names looked up, and what becomes of their endpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "cmd/wg-quick/reresolve.h"

#define NOW 1000000

static union sockaddr_ip addr_of(const char *address, uint16_t port)
{
	union sockaddr_ip addr = { .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };

	addr.v4.sin_addr.s_addr = inet_addr(address);
	return addr;
}

static void who_is_silent(void **state)
{
	struct wg_peer peer = { .last_handshake_s = NOW };

	(void)state;
	assert_true(reresolve_is_silent(&peer, NOW)); /* no endpoint: nobody can reach it */
	peer.endpoint.addr = addr_of("192.0.2.1", 1);
	assert_false(reresolve_is_silent(&peer, NOW));
	assert_false(reresolve_is_silent(&peer, NOW + 135));
	assert_true(reresolve_is_silent(&peer, NOW + 136));
	assert_false(reresolve_is_silent(&peer, NOW - 1000)); /* the clock has been set back */
	peer.last_handshake_s = 0;
	assert_true(reresolve_is_silent(&peer, NOW));
	peer.last_handshake_ns = 1;
	assert_false(reresolve_is_silent(&peer, 1));
}

static void an_endpoint_that_is_no_answer_becomes_the_first(void **state)
{
	const union sockaddr_ip addrs[] = { addr_of("192.0.2.1", 1), addr_of("192.0.2.2", 1) };
	struct wg_peer peer = { 0 };

	(void)state;
	assert_ptr_equal(reresolve_choose(&peer, addrs, 2), &addrs[0]);
	peer.endpoint.addr = addr_of("192.0.2.3", 1);
	assert_ptr_equal(reresolve_choose(&peer, addrs, 2), &addrs[0]);
	peer.endpoint.addr = addr_of("192.0.2.1", 2); /* another port */
	assert_ptr_equal(reresolve_choose(&peer, addrs, 1), &addrs[0]);
	assert_null(reresolve_choose(&peer, addrs, 0));
}

static void the_dead_go_on_to_the_next(void **state)
{
	const union sockaddr_ip addrs[] = { addr_of("192.0.2.1", 1), addr_of("192.0.2.2", 1),
					    addr_of("192.0.2.3", 1) };
	struct wg_peer peer = { .endpoint.addr = addrs[0], .tx_bytes = 296 };

	(void)state;
	assert_ptr_equal(reresolve_choose(&peer, addrs, 3), &addrs[1]);
	assert_null(reresolve_choose(&peer, addrs, 1));
	peer.endpoint.addr = addrs[2];
	assert_ptr_equal(reresolve_choose(&peer, addrs, 3), &addrs[0]);
	peer.tx_bytes = 295; /* its first attempt may still be on its way */
	assert_null(reresolve_choose(&peer, addrs, 3));
	peer.tx_bytes = 100000;
	peer.last_handshake_s = 1; /* nothing says that anybody has tried since */
	assert_null(reresolve_choose(&peer, addrs, 3));
	peer.keepalive_s = 25;
	assert_ptr_equal(reresolve_choose(&peer, addrs, 3), &addrs[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_silent),
		cmocka_unit_test(an_endpoint_that_is_no_answer_becomes_the_first),
		cmocka_unit_test(the_dead_go_on_to_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
