#ifndef CMD_WG_QUICK_FORESEE_H
#define CMD_WG_QUICK_FORESEE_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/wg-quick/plan.h"
#include "lib/conf/conf.h"
#include "lib/model/device.h"
#include "lib/netlink/route.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/*
 * Working out from the file and the host what the steps that look will find when their turn comes.
 * Nothing here changes anything. What hooks will do, nobody knows.
 */

/** How things will be. */
struct foresight {
	struct wg_device *device; /* as the file makes it; owned */
	bool is_userspace;        /* a program provides it */
	bool has_ipv6;            /* on the device */
	/* There is an interface of that name now, which will have been taken down by then: its
	 * routes and rules do not count. */
	bool is_replacing;
	uint32_t present_mark; /* the mark of that one */
};

/** Fills it in, for a file that has been read in CONF_QUICK; give it back with foresight_fini(). */
void foresee(struct foresight *out, const char *interface, enum device_implementation,
	     const struct conf *conf, bool is_replacing);
void foresight_fini(struct foresight *foresight);

/**
 * The MTU for the tunnel, in bytes; `why` gets the reason. Names are looked up, for a few seconds
 * at most; `unknown` gets a line for each endpoint that does not count, and why.
 */
unsigned int foresee_mtu(struct strbuf *why, struct strlist *unknown,
			 const struct foresight *foresight, const char *interface);

/** Adds what the main table routes to the device because of its addresses. */
void foresee_present(struct route_list *out, const struct foresight *foresight,
		     const struct conf_quick *quick);

/**
 * The mark that a device without one will get: the number of an empty routing table. It has it from
 * then on. Returns 0 or a negative errno with *err filled in.
 */
int foresee_mark(struct foresight *foresight, const char *interface, struct err *err);

/**
 * Adds the steps that STEP_ROUTE_PEERS will consist of; `present` is what foresee_present() says.
 * Returns 0 or a negative errno with *err filled in.
 */
int foresee_routes(struct plan *out, const struct foresight *foresight,
		   const struct route_list *present, const char *interface, struct err *err);

#endif
