#ifndef LIB_CONF_PLACES_H
#define LIB_CONF_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf/conf.h"
#include "lib/model/cidr.h"

/* Which line of a configuration each thing in it stands on: for those who give reasons. */

/** One thing that the file says of [Interface]. */
struct conf_place {
	const char *key;   /* as the table of keys spells it */
	unsigned int line; /* counted from 1 */
};

/** One allowed IP that the file names. */
struct conf_place_ip {
	struct cidr cidr;  /* without host bits */
	bool remove;       /* taken away: "-10.0.0.0/8" */
	unsigned int line; /* counted from 1 */
	uint32_t peer;     /* of which [Peer] section, counted from 0 */
};

/** Start with `= { 0 }`; all of it is owned. */
struct conf_places {
	/* In the file's order; a list has one for each of its items, as struct conf_quick has. */
	struct conf_place *items;
	size_t n_items, items_cap;
	struct conf_place_ip *ips; /* in the file's order */
	size_t n_ips, ips_cap;
	uint32_t *by_prefix; /* their numbers, in the order of their prefixes */
};

/**
 * Finds the places in a file that has been read in CONF_QUICK or CONF_DOWN. Lines that cannot be
 * understood, which the latter passes over, have none.
 */
void conf_places_find(struct conf_places *out, const struct conf *conf);

/** The line of the n-th thing (from 0) that `key` says; 0: there is none. */
unsigned int conf_places_line(const struct conf_places *places, const char *key, size_t n);
/** The line that counts where a key may stand several times and the last one does. */
unsigned int conf_places_last(const struct conf_places *places, const char *key);

/** The allowed IP that counts of those with that prefix, which is the last; NULL: there is none. */
const struct conf_place_ip *conf_places_ip(const struct conf_places *places,
					   const struct cidr *prefix);

void conf_places_fini(struct conf_places *places);

#endif
