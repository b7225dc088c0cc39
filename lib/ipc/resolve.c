/*
 * Names -> addresses, by the C library's resolver: see resolve.h. Waiting blocks the caller, which
 * is why each wait is announced. An endpoint's host and service are given back once there is an
 * address. May be called from any thread.
 */
#include "lib/ipc/resolve.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/util/cleanup.h"
#include "lib/util/num.h"

#define RETRIES_VARIABLE "WG_ENDPOINT_RESOLUTION_RETRIES"

enum {
	RETRIES_DEFAULT = 15,
	SHOWN_MAX = 300, /* characters of a name that a message repeats */
};

#define LONGEST_WAIT SEC(20)

_Static_assert(RESOLVE_SHOWN_MAX >= 2 * SHOWN_MAX + sizeof("[]:"), "a name and a port fit");

/* As strtoul() reads it: the C library takes blanks and a sign in front of a port's digits. */
static bool is_number_above_port_range(const char *service)
{
	uint64_t number;

	service += strspn(service, " \t\n\v\f\r");
	service += *service == '+';
	return num_parse(&number, service, UINT16_MAX) == -ERANGE;
}

int resolve_retries(int *out, bool *is_set, struct err *err)
{
	const char *text = getenv(RETRIES_VARIABLE);
	char *end;
	long retries;

	*out = RETRIES_DEFAULT;
	*is_set = text;
	if (!text)
		return 0;
	*out = RESOLVE_RETRIES_INFINITE;
	if (!strcmp(text, "infinity"))
		return 0;
	errno = 0;
	retries = strtol(text, &end, 10);
	if (errno || *end || retries < 0 || retries > INT_MAX)
		return err_expected(err, -EINVAL, "a number of retries, or infinity",
				    "Unable to parse " RETRIES_VARIABLE ": `%.*s'", SHOWN_MAX,
				    text);
	*out = (int)retries;
	return 0;
}

int resolve_check_environment(struct err *err)
{
	bool is_set;
	int retries;

	return resolve_retries(&retries, &is_set, err);
}

/* Whether asking again is pointless. */
static bool is_permanent_failure(int result)
{
	return result == EAI_NONAME || result == EAI_FAIL || result == EAI_NODATA ||
	       result == EAI_SERVICE;
}

static const char *reason(int result)
{
	return result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result);
}

static void wait_for(span_ns span)
{
	struct timespec left = { .tv_sec = span / SEC(1), .tv_nsec = span % SEC(1) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

void resolve_describe(char out[static RESOLVE_SHOWN_MAX], const char *host, const char *service)
{
	const char *colon = strchr(host, ':');
	bool brackets = colon && strchr(colon + 1, ':'); /* IPv6 addresses have two colons */

	snprintf(out, RESOLVE_SHOWN_MAX, "%s%.*s%s:%.*s", brackets ? "[" : "", SHOWN_MAX, host,
		 brackets ? "]" : "", SHOWN_MAX, service);
}

int resolve_check_port(const char *host, const char *service, struct err *err)
{
	char shown[RESOLVE_SHOWN_MAX];

	if (!is_number_above_port_range(service))
		return 0;
	resolve_describe(shown, host, service);
	return err_expected(err, -EINVAL, "a port from 0 to 65535",
			    "Endpoint port is above 65535: `%s'", shown);
}

span_ns resolve_next_wait(span_ns wait)
{
	return wait * 6 / 5 < LONGEST_WAIT ? wait * 6 / 5 : LONGEST_WAIT;
}

const char *resolve_ask(struct addrinfo **out, bool *is_permanent, bool *is_mistake,
			const char *host, const char *service)
{
	static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	int result = getaddrinfo(host, service, &hints, out);

	*is_permanent = is_permanent_failure(result);
	*is_mistake = result == EAI_SERVICE;
	return result ? reason(result) : NULL;
}

/* Asks until there is an answer, or no hope of one. */
static int look_up(struct addrinfo **out, const struct endpoint *endpoint, const char *shown,
		   int retries, const struct resolve_progress *progress, struct err *err)
{
	span_ns wait = RESOLVE_FIRST_WAIT;
	char message[3 * SHOWN_MAX];

	for (;;) {
		bool is_permanent, is_mistake;
		const char *why = resolve_ask(out, &is_permanent, &is_mistake, endpoint->host,
					      endpoint->service);

		if (!why)
			return 0;
		if (is_permanent || !retries)
			return err_set(err, -EHOSTUNREACH, "%s: `%s'", why, shown);
		snprintf(message, sizeof(message), "%s: `%s'. Trying again in %.2f seconds...", why,
			 shown, (double)wait / SEC(1));
		if (progress && progress->waiting)
			progress->waiting(progress->ctx, message);
		wait_for(wait);
		wait = resolve_next_wait(wait);
		if (retries != RESOLVE_RETRIES_INFINITE)
			retries--;
	}
}

int resolve_endpoint(struct endpoint *endpoint, const struct resolve_progress *progress,
		     struct err *err)
{
	struct addrinfo *found;
	char shown[RESOLVE_SHOWN_MAX];
	union sockaddr_ip addr = { 0 };
	int retries, r;
	bool is_set;

	r = resolve_retries(&retries, &is_set, err);
	if (r || !endpoint->host)
		return r;
	r = resolve_check_port(endpoint->host, endpoint->service, err);
	if (r)
		return r;
	resolve_describe(shown, endpoint->host, endpoint->service);
	r = look_up(&found, endpoint, shown, retries, progress, err);
	if (r)
		return r;
	if (found->ai_family == AF_INET || found->ai_family == AF_INET6) {
		assert(found->ai_addrlen <= sizeof(addr));
		memcpy(&addr, found->ai_addr, found->ai_addrlen);
	}
	freeaddrinfo(found);
	if (addr.sa.sa_family == AF_UNSPEC)
		return err_set(err, -EHOSTUNREACH, "Neither IPv4 nor IPv6 address found: `%s'",
			       shown);
	endpoint_fini(endpoint);
	endpoint->addr = addr;
	return 0;
}

static bool has_names(const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers)))
		if (peer->endpoint.host)
			return true;
	return false;
}

int resolve_device(struct wg_device *device, const struct resolve_progress *progress,
		   struct err *err)
{
	AUTO(wg_device_auto_free) struct wg_device *resolved = NULL;
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	int r = 0;

	if (!has_names(device))
		return 0;
	resolved = wg_device_new();
	while (!r && (peer = wg_peers_next(&peers))) {
		struct wg_peer *copy = wg_device_add_peer(resolved);

		wg_peer_copy(copy, peer);
		if (copy->endpoint.host)
			r = resolve_endpoint(&copy->endpoint, progress, err);
	}
	if (!r)
		wg_device_take_peers(device, resolved);
	return r;
}

int resolve_port(uint16_t *out, const char *text, struct err *err)
{
	static const struct addrinfo hints = {
		.ai_family = AF_INET,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_PASSIVE,
	};
	struct addrinfo *found;
	int result;

	if (!*text)
		return err_expected(err, -EINVAL, "a port from 0 to 65535",
				    "Unable to parse empty port");
	if (is_number_above_port_range(text))
		return err_expected(err, -EINVAL, "a port from 0 to 65535",
				    "Listen port is above 65535: `%.*s'", SHOWN_MAX, text);
	result = getaddrinfo(NULL, text, &hints, &found);
	if (result)
		return err_expected(err, -EINVAL, "a port from 0 to 65535, or a service name",
				    "%s: `%.*s'", reason(result), SHOWN_MAX, text);
	*out = ntohs(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_port);
	freeaddrinfo(found);
	return 0;
}
