#ifndef LIB_IPC_LOOKUP_H
#define LIB_IPC_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/model/endpoint.h"
#include "lib/util/clock.h"
#include "lib/util/err.h"

/*
 * Many names at once: all are looked up side by side, so that those that are dead cost together as
 * much time as one of them, and none waits for another.
 */

/** The questions, and their answers once they have been asked. */
struct lookups;

/** What became of one question. */
struct lookup_answer {
	union sockaddr_ip *addrs; /* in the order in which to try them; without any, see err */
	size_t n_addrs;
	/* code: -EHOSTUNREACH, there is none; -EAGAIN, nobody could say for the time being;
	 * -ETIMEDOUT, nobody has said anything; -EINVAL, it is the question that is wrong. */
	struct err err;
};

struct lookup_policy {
	span_ns patience; /* in all; 0: as long as it takes */
	int retries;      /* of each that fails for the time being; RESOLVE_RETRIES_INFINITE */
	/* Hears of the original's line "...: Trying again in ...", from any thread, but one at a
	 * time; or NULL. */
	void (*waiting)(void *ctx, const char *message);
	void *ctx;
	bool (*is_cancelled)(void); /* ends patience, within 100 ms; or NULL */
};

struct lookups *lookups_new(void);

/**
 * Adds a host and a service, as an endpoint has them; or, if `service` is NULL, a domain whose SRV
 * records say hosts and ports. Both are copied. Returns the question's place: that of an equal one
 * if there is one already.
 */
size_t lookups_add(struct lookups *lookups, const char *host, const char *service);

/** Asks all of them; once. */
void lookups_run(struct lookups *lookups, const struct lookup_policy *policy);

/** The answer to the question at a place; valid as long as `lookups` is. */
const struct lookup_answer *lookups_answer(const struct lookups *lookups, size_t place);

/**
 * Gives them back; fit for AUTO(). What has not been answered when patience was at its end may be
 * asked in the background until it is, but nothing comes of it.
 */
void lookups_free(struct lookups **lookups);

#endif
