#ifndef LIB_IPC_RESOLVE_H
#define LIB_IPC_RESOLVE_H

#include <stdbool.h>

#include "lib/model/device.h"
#include "lib/util/clock.h"
#include "lib/util/err.h"

/** What happens between two tries; `message` is the original's line "...: Trying again in ...". */
struct resolve_progress {
	void (*waiting)(void *ctx, const char *message);
	void *ctx;
};

/**
 * Turns host and service of an endpoint into its address; one that has an address is left alone.
 * Temporary failures are tried again after 1 s, growing by 6/5 up to 20 s, as often as the
 * environment's WG_ENDPOINT_RESOLUTION_RETRIES says (a number or "infinity"; 15 if unset).
 * Returns 0, -EINVAL if that variable is no such thing, or -EHOSTUNREACH, with *err filled in.
 * Source: wg(8), ENVIRONMENT VARIABLES.
 */
int resolve_endpoint(struct endpoint *endpoint, const struct resolve_progress *progress,
		     struct err *err);

/** Resolves all endpoints of a device, which stays as it is on failure. */
int resolve_device(struct wg_device *device, const struct resolve_progress *progress,
		   struct err *err);

struct addrinfo;

/**
 * Asks once for a host and a service, whichever family they are of. Returns NULL, and *out is to be
 * given to freeaddrinfo(); or why there is no answer, in words that last until the thread's next
 * call, and whether asking again is pointless. EAI_SERVICE ends up in *is_mistake: it is the
 * question that is wrong then.
 */
const char *resolve_ask(struct addrinfo **out, bool *is_permanent, bool *is_mistake,
			const char *host, const char *service);

enum {
	RESOLVE_SHOWN_MAX = 608, /* what resolve_describe() writes at most, with the NUL */
	RESOLVE_RETRIES_INFINITE = -1,
};

/** Writes "host:port" as it will have been written, shortened if need be. */
void resolve_describe(char out[static RESOLVE_SHOWN_MAX], const char *host, const char *service);

/**
 * Refuses what the resolver would cut to 16 bits: returns 0, or -EINVAL with *err filled in if the
 * port is a number above 65535.
 */
int resolve_check_port(const char *host, const char *service, struct err *err);

/** The wait before the first retry, and the one after a wait. */
#define RESOLVE_FIRST_WAIT SEC(1)
span_ns resolve_next_wait(span_ns wait);

/**
 * How often to try again: WG_ENDPOINT_RESOLUTION_RETRIES, or RESOLVE_RETRIES_INFINITE. *is_set says
 * whether the variable is there at all. Returns 0, or -EINVAL with *err filled in.
 */
int resolve_retries(int *out, bool *is_set, struct err *err);

/** Checks WG_ENDPOINT_RESOLUTION_RETRIES without looking anything up: 0 or -EINVAL. */
int resolve_check_environment(struct err *err);

/** Reads a port, by number (0 to 65535) or by service name. 0, or -EINVAL with *err filled in. */
int resolve_port(uint16_t *out, const char *text, struct err *err);

#endif
