#ifndef LIB_IPC_RESOLVE_H
#define LIB_IPC_RESOLVE_H

#include "lib/model/device.h"
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

/** Checks WG_ENDPOINT_RESOLUTION_RETRIES without looking anything up: 0 or -EINVAL. */
int resolve_check_environment(struct err *err);

/** Reads a port, by number (0 to 65535) or by service name. 0, or -EINVAL with *err filled in. */
int resolve_port(uint16_t *out, const char *text, struct err *err);

#endif
