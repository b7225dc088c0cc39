/*
 * Names and ports. The resolver and the clock of the C library are replaced by the ones below, so
 * nothing is looked up and nothing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/ipc/resolve.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "tests/unit/peer_at.h"
#include "tests/unit/same_device.h"

static int n_failures; /* how often asking fails first */
static int failure;    /* with what */
static int asked;      /* how often */
static span_ns waited; /* in all */
static char asked_host[256], asked_service[256];
static struct addrinfo asked_hints;

int getaddrinfo(const char *restrict host, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	static struct sockaddr_in v4 = { .sin_family = AF_INET };
	static struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	static struct addrinfo second = { .ai_family = AF_INET6,
					  .ai_addr = (struct sockaddr *)&v6,
					  .ai_addrlen = sizeof(v6) };
	static struct addrinfo first = { .ai_family = AF_INET,
					 .ai_addr = (struct sockaddr *)&v4,
					 .ai_addrlen = sizeof(v4),
					 .ai_next = &second };

	asked++;
	snprintf(asked_host, sizeof(asked_host), "%s", host ? host : "(null)");
	snprintf(asked_service, sizeof(asked_service), "%s", service);
	asked_hints = *hints;
	if (n_failures) {
		n_failures--;
		errno = ENETDOWN;
		return failure;
	}
	v4.sin_addr.s_addr = inet_addr("192.0.2.7");
	v4.sin_port = htons((uint16_t)atoi(service));
	*out = &first;
	return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	(void)found;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left)
{
	(void)clock;
	(void)flags;
	(void)left;
	waited += span->tv_sec * SEC(1) + span->tv_nsec;
	return 0;
}

static int n_messages;
static char messages[32][256];

static void remember(void *ctx, const char *message)
{
	assert_ptr_equal(ctx, &n_messages);
	if (n_messages < 32)
		snprintf(messages[n_messages], sizeof(*messages), "%s", message);
	n_messages++;
}

static const struct resolve_progress progress = { .waiting = remember, .ctx = &n_messages };

static int reset(void **state)
{
	(void)state;
	n_failures = asked = n_messages = 0;
	waited = 0;
	unsetenv("WG_ENDPOINT_RESOLUTION_RETRIES");
	return 0;
}

static int resolve(struct endpoint *endpoint, const char *text, struct err *err)
{
	assert_int_equal(endpoint_parse(endpoint, text, err), 0);
	return resolve_endpoint(endpoint, &progress, err);
}

static void the_first_address_is_taken(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	char text[ENDPOINT_TEXT_MAX];
	struct err err;

	(void)state;
	assert_int_equal(resolve(&endpoint, "vpn.example:51820", &err), 0);
	assert_int_equal(asked, 1);
	assert_string_equal(asked_host, "vpn.example");
	assert_int_equal(asked_hints.ai_family, AF_UNSPEC);
	assert_int_equal(asked_hints.ai_socktype, SOCK_DGRAM);
	assert_null(endpoint.host);
	sockaddr_ip_format(text, &endpoint.addr);
	assert_string_equal(text, "192.0.2.7:51820");
}

static void an_address_is_left_alone(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(resolve(&endpoint, "[2001:db8::1]:5", &err), 0);
	assert_int_equal(asked, 0);
	assert_int_equal(endpoint.addr.sa.sa_family, AF_INET6);
}

static void temporary_failures_are_tried_again(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	n_failures = 4;
	failure = EAI_AGAIN;
	assert_int_equal(resolve(&endpoint, "foo.example:5", &err), 0);
	assert_int_equal(asked, 5);
	assert_int_equal(n_messages, 4);
	assert_string_equal(messages[0], "Temporary failure in name resolution: `foo.example:5'. "
					 "Trying again in 1.00 seconds...");
	assert_string_equal(messages[1], "Temporary failure in name resolution: `foo.example:5'. "
					 "Trying again in 1.20 seconds...");
	assert_string_equal(messages[3], "Temporary failure in name resolution: `foo.example:5'. "
					 "Trying again in 1.73 seconds...");
	assert_int_equal(waited, MSEC(1000 + 1200 + 1440 + 1728));
}

static void fifteen_retries_are_the_default(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	n_failures = 100;
	failure = EAI_AGAIN;
	assert_int_equal(resolve(&endpoint, "foo.example:5", &err), -EHOSTUNREACH);
	assert_int_equal(asked, 16);
	assert_int_equal(n_messages, 15);
	assert_string_equal(messages[14], "Temporary failure in name resolution: "
					  "`foo.example:5'. Trying again in 12.84 seconds...");
	assert_string_equal(err.text, "Temporary failure in name resolution: `foo.example:5'");
	assert_non_null(endpoint.host);
}

static void waits_stop_growing_at_twenty_seconds(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "infinity", 1);
	n_failures = 1000;
	failure = EAI_AGAIN;
	assert_int_equal(resolve(&endpoint, "foo.example:5", &err), 0);
	assert_int_equal(asked, 1001);
	assert_non_null(strstr(messages[16], "Trying again in 18.49 seconds..."));
	assert_non_null(strstr(messages[17], "Trying again in 20.00 seconds..."));
	assert_non_null(strstr(messages[31], "Trying again in 20.00 seconds..."));
}

static void permanent_failures_are_not(void **state)
{
	static const struct {
		int failure;
		const char *text;
	} cases[] = {
		{ EAI_NONAME, "Name or service not known: `foo.example:5'" },
		{ EAI_FAIL, "Non-recoverable failure in name resolution: `foo.example:5'" },
		{ EAI_NODATA, "No address associated with hostname: `foo.example:5'" },
		{ EAI_SERVICE, "Servname not supported for ai_socktype: `foo.example:5'" },
	};

	(void)state;
	setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "infinity", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
		struct err err;

		n_failures = 1;
		failure = cases[i].failure;
		assert_int_equal(resolve(&endpoint, "foo.example:5", &err), -EHOSTUNREACH);
		assert_string_equal(err.text, cases[i].text);
	}
	assert_int_equal(n_messages, 0);
}

static void the_system_says_what_it_means(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "0", 1);
	n_failures = 1;
	failure = EAI_SYSTEM;
	assert_int_equal(resolve(&endpoint, "[zz::%q]:5", &err), -EHOSTUNREACH);
	assert_string_equal(err.text, "Network is down: `[zz::%q]:5'");
}

static void the_number_of_retries_is_strict(void **state)
{
	static const char *const good[] = { "", "0", "2", "+1", " 1", "2147483647", "infinity" };
	static const char *const bad[] = {
		"x", "-1", "0x1", "1 ", "2147483648", "Infinity", "99999999999999999999"
	};
	struct endpoint endpoint = { 0 };
	char text[128];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		setenv("WG_ENDPOINT_RESOLUTION_RETRIES", good[i], 1);
		assert_int_equal(resolve_check_environment(&err), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		setenv("WG_ENDPOINT_RESOLUTION_RETRIES", bad[i], 1);
		assert_int_equal(resolve(&endpoint, "1.2.3.4:5", &err), -EINVAL);
		snprintf(text, sizeof(text), "Unable to parse WG_ENDPOINT_RESOLUTION_RETRIES: `%s'",
			 bad[i]);
		assert_string_equal(err.text, text);
	}
}

static void a_port_that_is_too_high_is_refused(void **state)
{
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(resolve(&endpoint, "1.2.3.4:70000", &err), -EINVAL);
	assert_string_equal(err.text, "Endpoint port is above 65535: `1.2.3.4:70000'");
	assert_int_equal(asked, 0);
}

static void a_device_is_resolved_in_order(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct err err;

	(void)state;
	wg_device_add_peer(device);
	assert_int_equal(endpoint_parse(&wg_device_add_peer(device)->endpoint, "1.2.3.4:5", &err),
			 0);
	assert_int_equal(endpoint_parse(&wg_device_add_peer(device)->endpoint, "a.example:6", &err),
			 0);
	assert_int_equal(endpoint_parse(&wg_device_add_peer(device)->endpoint, "b.example:7", &err),
			 0);
	assert_int_equal(resolve_device(device, NULL, &err), 0);
	assert_int_equal(asked, 2);
	assert_int_equal(ntohs(peer_at(device, 3)->endpoint.addr.v4.sin_port), 7);
	assert_int_equal(peer_at(device, 0)->endpoint.addr.sa.sa_family, AF_UNSPEC);
}

static struct wg_device *device_of(const char *const endpoints[], size_t n)
{
	struct wg_device *device = wg_device_new();

	for (size_t i = 0; i < n; i++) {
		struct wg_peer *peer = wg_device_add_peer(device);

		peer->preshared_key.bytes[0] = (uint8_t)i;
		assert_int_equal(endpoint_parse(&peer->endpoint, endpoints[i], NULL), 0);
	}
	return device;
}

static void a_device_is_resolved_as_a_whole_or_not(void **state)
{
	static const char *const endpoints[] = { "a.example:6", "1.2.3.4:5", "b.example:70000",
						 "c.example:7" };
	AUTO(wg_device_auto_free) struct wg_device *device = device_of(endpoints, 4);
	AUTO(wg_device_auto_free) struct wg_device *before = device_of(endpoints, 4);
	struct err err;

	(void)state;
	assert_int_equal(resolve_device(device, NULL, &err), -EINVAL);
	assert_int_equal(asked, 1);
	assert_same_device(device, before);
}

static void ports_go_through_the_resolver(void **state)
{
	uint16_t port = 1;
	struct err err;

	(void)state;
	assert_int_equal(resolve_port(&port, "51820", &err), 0);
	assert_int_equal(port, 51820);
	assert_string_equal(asked_host, "(null)");
	n_failures = 1;
	failure = EAI_SERVICE;
	assert_int_equal(resolve_port(&port, "abc", &err), -EINVAL);
	assert_string_equal(err.text, "Servname not supported for ai_socktype: `abc'");
	assert_int_equal(port, 51820);
}

static void ports_are_sixteen_bits(void **state)
{
	static const char *const bad[] = { "65536",
					   "70000",
					   " 70000",
					   "+70000",
					   " +065536",
					   "4294967297",
					   "18446744073709551617" };
	uint16_t port = 1;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(resolve_port(&port, bad[i], &err), -EINVAL);
		assert_memory_equal(err.text, "Listen port is above 65535: `", 29);
	}
	assert_int_equal(resolve_port(&port, "", &err), -EINVAL);
	assert_string_equal(err.text, "Unable to parse empty port");
	assert_int_equal(asked, 0);
	assert_int_equal(port, 1);
	assert_int_equal(resolve_port(&port, "065535", &err), 0);
	assert_int_equal(port, 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_address_is_taken, reset),
		cmocka_unit_test_setup(an_address_is_left_alone, reset),
		cmocka_unit_test_setup(temporary_failures_are_tried_again, reset),
		cmocka_unit_test_setup(fifteen_retries_are_the_default, reset),
		cmocka_unit_test_setup(waits_stop_growing_at_twenty_seconds, reset),
		cmocka_unit_test_setup(permanent_failures_are_not, reset),
		cmocka_unit_test_setup(the_system_says_what_it_means, reset),
		cmocka_unit_test_setup(the_number_of_retries_is_strict, reset),
		cmocka_unit_test_setup(a_port_that_is_too_high_is_refused, reset),
		cmocka_unit_test_setup(a_device_is_resolved_in_order, reset),
		cmocka_unit_test_setup(a_device_is_resolved_as_a_whole_or_not, reset),
		cmocka_unit_test_setup(ports_go_through_the_resolver, reset),
		cmocka_unit_test_setup(ports_are_sixteen_bits, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
