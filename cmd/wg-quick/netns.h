#ifndef CMD_WG_QUICK_NETNS_H
#define CMD_WG_QUICK_NETNS_H

#include <stdbool.h>

#include "cmd/wg-quick/device.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/*
 * Network namespaces: the comment keys Namespace and BirthNamespace. This program moves into the
 * former for good, and so do the commands that it starts; only for what has to do with packets that
 * are encrypted already does it go elsewhere for a moment.
 */

enum netns_place {
	NETNS_HOME,   /* where this program was called */
	NETNS_BIRTH,  /* where the device's encrypted packets leave */
	NETNS_TARGET, /* where its interface is */
};

/**
 * Moves into the namespace that the configuration names; does nothing if it names none. Returns 0,
 * or a negative errno with *err filled in, and this program is where it was.
 */
int netns_enter(const struct conf_quick *quick, struct err *err);

/**
 * Goes elsewhere, until the next call; the place to be is NETNS_TARGET. Does nothing if the
 * configuration names no namespace.
 */
void netns_go(enum netns_place place);

/** Finds out early whether name servers can be set there. 0, or -EINVAL with *err filled in. */
int netns_check_dns(const struct conf_quick *quick, struct err *err);

/** Whether this program has moved into another namespace, with a name or without. */
bool netns_is_elsewhere(void);
/** The name of the namespace that this program has moved into; NULL: none, or it has no name. */
const char *netns_name(void);

/** Adds how a new device gets into the namespace, as a command; nothing if it need not. */
void netns_foresee_move(struct strbuf *out, const char *interface);

/** As device_add(), but the device is born in the one namespace and moved to the other. */
int netns_add_device(const char *interface, enum device_implementation implementation,
		     struct err *err);

#endif
