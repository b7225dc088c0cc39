#ifndef CMD_WG_STEAL_H
#define CMD_WG_STEAL_H

#include <stddef.h>

#include "lib/model/cidr.h"
#include "lib/model/device.h"
#include "lib/model/key.h"

/*
 * Allowed IPs that change hands. A prefix belongs to one peer of a device at most: giving it to one
 * takes it from the other, without a word.
 */

/** A prefix that is taken from one peer and given to another. */
struct steal {
	struct cidr cidr;
	struct wg_key from, to;
};

/** Start with `= { 0 }`. */
struct steals {
	struct steal *items; /* in the order of the change */
	size_t n;
	size_t cap;
};

/**
 * Adds what `change`, made to `running` (NULL: a device without peers), takes away from peers that
 * it does not itself take it away from: who is removed, gets other allowed IPs, or loses the prefix
 * by a "-" is not stolen from. If the change gives one prefix to several peers, all but the last
 * lose it, one to the next. Takes n log n.
 */
void steals_find(struct steals *out, const struct wg_device *running,
		 const struct wg_device *change);

/** Frees; fit for AUTO(). */
void steals_fini(struct steals *steals);

/**
 * If it is wanted, by `option` or by the environment's WG_WARN, says on stderr what `change` would
 * steal from the peers of the device called `name`. Says nothing if that cannot be read.
 */
void steal_warn(const struct wg_device *change, const char *name, bool option);

#endif
