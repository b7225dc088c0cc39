/*
 * Many names at once. The C library's resolver is replaced by the one below, so nothing is looked
 * up; what waits, waits for milliseconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/ipc/lookup.h"
#include "lib/ipc/resolve.h"
#include "lib/ipc/srv.h"
#include "lib/util/cleanup.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int asked;         /* how often */
static int at_once, most; /* how many are being asked */
static int n_flaky;       /* how often "flaky" fails first */
static int n_listening;   /* how many that ask would hear of a SIGINT */

static bool hears_signals(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return !sigismember(&mask, SIGINT);
}

static void sleep_ms(long ms)
{
	const struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&span, NULL);
}

static struct addrinfo *make(const char *address, const char *service)
{
	struct sockaddr_in *addr = calloc(1, sizeof(*addr));
	struct addrinfo *info = calloc(1, sizeof(*info));

	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = inet_addr(address);
	addr->sin_port = htons((uint16_t)atoi(service));
	info->ai_family = AF_INET;
	info->ai_addr = (struct sockaddr *)addr;
	info->ai_addrlen = sizeof(*addr);
	return info;
}

/* "192.0.2.1,192.0.2.2" has these addresses; "mute" never answers in a test's time, "slow" late. */
static int answer(const char *host, const char *service, struct addrinfo **out)
{
	char address[64];

	if (!strncmp(host, "mute", 4))
		sleep_ms(3000);
	if (!strncmp(host, "slow", 4))
		sleep_ms(100);
	if (!strcmp(host, "flaky")) {
		bool fails;

		pthread_mutex_lock(&lock);
		fails = n_flaky && n_flaky--;
		pthread_mutex_unlock(&lock);
		if (fails)
			return EAI_AGAIN;
		host = "192.0.2.9";
	}
	if (!strcmp(host, "service"))
		return EAI_SERVICE;
	if (host[0] < '0' || host[0] > '9')
		return EAI_NONAME;
	while (*host) {
		size_t len = strcspn(host, ",");

		snprintf(address, sizeof(address), "%.*s", (int)len, host);
		*out = make(address, service);
		out = &(*out)->ai_next;
		host += len + (host[len] == ',');
	}
	return 0;
}

int getaddrinfo(const char *restrict host, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	int r;

	(void)hints;
	pthread_mutex_lock(&lock);
	asked++;
	n_listening += hears_signals();
	if (++at_once > most)
		most = at_once;
	pthread_mutex_unlock(&lock);
	r = answer(host, service, out);
	pthread_mutex_lock(&lock);
	at_once--;
	pthread_mutex_unlock(&lock);
	return r;
}

void freeaddrinfo(struct addrinfo *found)
{
	while (found) {
		struct addrinfo *next = found->ai_next;

		free(found->ai_addr);
		free(found);
		found = next;
	}
}

/* "_wireguard._udp.example": two servers, the second of which goes first, and is there. */
int res_nquery(res_state state, const char *name, int class, int type, unsigned char *out, int len)
{
	static const unsigned char message[] = "\0\0\x84\0\0\0\0\2\0\0\0\0"
					       "\0\0\x21\0\1\0\0\0\0\0\xe\0\2\0\0\0\1\6"
					       "nosuch\0"
					       "\0\0\x21\0\1\0\0\0\0\0\xd\0\1\0\0\0\2\5"
					       "flaky";

	(void)class;
	(void)type;
	state->res_h_errno = HOST_NOT_FOUND;
	if (strcmp(name, "_wireguard._udp.busy") == 0)
		state->res_h_errno = TRY_AGAIN;
	if (strcmp(name, "_wireguard._udp.example") != 0)
		return -1;
	assert_true(len >= (int)sizeof(message));
	memcpy(out, message, sizeof(message));
	return sizeof(message);
}

static int reset(void **state)
{
	(void)state;
	pthread_mutex_lock(&lock);
	asked = most = n_flaky = 0;
	n_listening = 0;
	at_once = 0;
	pthread_mutex_unlock(&lock);
	return 0;
}

static long ms_since(const struct timespec *start)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - start->tv_sec) * 1000 + (end.tv_nsec - start->tv_nsec) / 1000000;
}

/* Runs, and returns how many milliseconds it took. */
static long run(struct lookups *lookups, const struct lookup_policy *policy)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	lookups_run(lookups, policy);
	return ms_since(&start);
}

static void assert_addrs(const struct lookup_answer *answer_, const char *expected)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	for (size_t i = 0; i < answer_->n_addrs; i++) {
		strbuf_add(&text, i ? " " : "");
		sockaddr_ip_add(&text, &answer_->addrs[i]);
	}
	assert_string_equal(strbuf_text(&text), expected);
	assert_int_equal(answer_->err.code, 0);
}

static const struct lookup_policy once = { .patience = SEC(20) };

static void all_addresses_are_there_in_their_order(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t a = lookups_add(lookups, "192.0.2.2,192.0.2.1", "5");
	size_t b = lookups_add(lookups, "192.0.2.3", "6");

	(void)state;
	run(lookups, &once);
	assert_addrs(lookups_answer(lookups, a), "192.0.2.2:5 192.0.2.1:5");
	assert_addrs(lookups_answer(lookups, b), "192.0.2.3:6");
}

static void equal_questions_are_asked_once(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t a = lookups_add(lookups, "192.0.2.2", "5");

	(void)state;
	assert_int_equal(lookups_add(lookups, "192.0.2.2", "6"), a + 1);
	assert_int_equal(lookups_add(lookups, "192.0.2.2", "5"), a);
	run(lookups, &once);
	assert_int_equal(asked, 2);
}

static void none_waits_for_another(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	char host[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(host, sizeof(host), "slow%d", i);
		lookups_add(lookups, host, "1");
	}
	assert_in_range(run(lookups, &once), 100, 2000); /* one after the other: 10 s */
	assert_int_equal(asked, 100);
	assert_in_range(most, 20, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(lookups_answer(lookups, i)->err.code, -EHOSTUNREACH);
}

static void there_is_a_limit_to_how_many(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	char host[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(host, sizeof(host), "slow%d", i);
		lookups_add(lookups, host, "1");
	}
	run(lookups, &once);
	assert_int_equal(asked, 300);
	assert_in_range(most, 20, 128);
}

static void patience_ends(void **state)
{
	static const struct lookup_policy hasty = { .patience = MSEC(300) };
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t mute = lookups_add(lookups, "mute", "1");
	size_t good = lookups_add(lookups, "192.0.2.3", "6");

	(void)state;
	assert_in_range(run(lookups, &hasty), 300, 2000);
	assert_addrs(lookups_answer(lookups, good), "192.0.2.3:6");
	assert_int_equal(lookups_answer(lookups, mute)->n_addrs, 0);
	assert_int_equal(lookups_answer(lookups, mute)->err.code, -ETIMEDOUT);
	assert_string_equal(lookups_answer(lookups, mute)->err.text,
			    "No answer from any name server within 0 s: `mute:1'");
}

static int n_looks;

static bool is_third_look(void)
{
	return ++n_looks == 3;
}

static void it_can_be_cancelled(void **state)
{
	static const struct lookup_policy endless = { .is_cancelled = is_third_look };
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t mute = lookups_add(lookups, "mute", "1");

	(void)state;
	assert_in_range(run(lookups, &endless), 200, 2000);
	assert_int_equal(lookups_answer(lookups, mute)->err.code, -ETIMEDOUT);
}

static void the_reason_of_the_last_try_is_kept_when_patience_ends(void **state)
{
	static const struct lookup_policy hasty = { .patience = MSEC(300), .retries = 100 };
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t flaky = lookups_add(lookups, "flaky", "1");

	(void)state;
	n_flaky = 100;
	assert_in_range(run(lookups, &hasty), 300, 900); /* it would try again after a second */
	assert_int_equal(asked, 1);
	assert_int_equal(lookups_answer(lookups, flaky)->err.code, -EAGAIN);
	assert_string_equal(lookups_answer(lookups, flaky)->err.text,
			    "Temporary failure in name resolution: `flaky:1'");
}

static char heard[512];

static void hear(void *ctx, const char *message)
{
	assert_ptr_equal(ctx, heard);
	strcat(strcat(heard, message), "\n");
}

static void what_fails_for_the_time_being_is_tried_again(void **state)
{
	static const struct lookup_policy patient = { .retries = 1, .waiting = hear, .ctx = heard };
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t flaky = lookups_add(lookups, "flaky", "1");
	size_t dead = lookups_add(lookups, "dead", "1");

	(void)state;
	n_flaky = 1;
	assert_in_range(run(lookups, &patient), 1000, 1900);
	assert_addrs(lookups_answer(lookups, flaky), "192.0.2.9:1");
	assert_int_equal(lookups_answer(lookups, dead)->err.code, -EHOSTUNREACH);
	assert_string_equal(heard, "Temporary failure in name resolution: `flaky:1'. "
				   "Trying again in 1.00 seconds...\n");
	assert_int_equal(asked, 3);
}

static void signals_are_the_callers(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();

	(void)state;
	lookups_add(lookups, "192.0.2.1", "1");
	run(lookups, &once);
	assert_int_equal(n_listening, 0);
	assert_true(hears_signals());
}

static void a_question_may_be_wrong(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t port = lookups_add(lookups, "192.0.2.1", "70000");
	size_t service = lookups_add(lookups, "service", "nosuch");

	(void)state;
	run(lookups, &once);
	assert_int_equal(lookups_answer(lookups, port)->err.code, -EINVAL);
	assert_string_equal(lookups_answer(lookups, port)->err.text,
			    "Endpoint port is above 65535: `192.0.2.1:70000'");
	assert_int_equal(lookups_answer(lookups, service)->err.code, -EINVAL);
}

static void a_domain_has_the_addresses_of_its_servers(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();
	size_t good = lookups_add(lookups, "example", NULL);
	size_t none = lookups_add(lookups, "nosuch", NULL);
	size_t busy = lookups_add(lookups, "busy", NULL);
	size_t host = lookups_add(lookups, "example", "1");

	(void)state;
	run(lookups, &once);
	assert_addrs(lookups_answer(lookups, good), "192.0.2.9:2");
	assert_int_equal(lookups_answer(lookups, none)->err.code, -EHOSTUNREACH);
	assert_string_equal(lookups_answer(lookups, none)->err.text,
			    "Name or service not known: `_wireguard._udp.nosuch'");
	assert_int_equal(lookups_answer(lookups, busy)->err.code, -EAGAIN);
	assert_int_equal(lookups_answer(lookups, host)->err.code, -EHOSTUNREACH);
}

static void no_question_takes_no_time(void **state)
{
	AUTO(lookups_free) struct lookups *lookups = lookups_new();

	(void)state;
	assert_in_range(run(lookups, &once), 0, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_addresses_are_there_in_their_order, reset),
		cmocka_unit_test_setup(equal_questions_are_asked_once, reset),
		cmocka_unit_test_setup(none_waits_for_another, reset),
		cmocka_unit_test_setup(there_is_a_limit_to_how_many, reset),
		cmocka_unit_test_setup(what_fails_for_the_time_being_is_tried_again, reset),
		cmocka_unit_test_setup(signals_are_the_callers, reset),
		cmocka_unit_test_setup(a_question_may_be_wrong, reset),
		cmocka_unit_test_setup(a_domain_has_the_addresses_of_its_servers, reset),
		cmocka_unit_test_setup(no_question_takes_no_time, reset),
		cmocka_unit_test_setup(the_reason_of_the_last_try_is_kept_when_patience_ends,
				       reset),
		/* Last: their threads are still asking. */
		cmocka_unit_test_setup(patience_ends, reset),
		cmocka_unit_test_setup(it_can_be_cancelled, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
