#ifndef DATAPATH_ENGINE_ALLOWEDIPS_H
#define DATAPATH_ENGINE_ALLOWEDIPS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/model/cidr.h"

/*
 * Prefix -> owner, by longest match, for IPv4 and IPv6: a path-compressed binary trie for each, and
 * a hash table of whole addresses.
 * Memory is taken when prefixes are added, never on look-up. Source: [W] 2.
 */
struct allowedips;
struct allowedips_node;

/** What is embedded in an owner: the list of its prefixes, in the order they were added. */
struct allowedips_owner {
	struct allowedips_node *first, *last;
	size_t n;
};

struct allowedips *allowedips_new(void);
/** Owners' lists must be cleared or forgotten by then. */
void allowedips_free(struct allowedips *ips);

/** Host bits must be clear. A prefix that another owner has moves to this one. */
void allowedips_add(struct allowedips *ips, struct allowedips_owner *owner,
		    const struct cidr *prefix);
/** Takes exactly this prefix away, if `owner` has it. */
void allowedips_remove(struct allowedips *ips, struct allowedips_owner *owner,
		       const struct cidr *prefix);
void allowedips_remove_all(struct allowedips *ips, struct allowedips_owner *owner);

/** The owner of the longest prefix that covers the address (network order), or NULL. */
struct allowedips_owner *allowedips_find_v4(const struct allowedips *ips, const uint8_t address[4]);
struct allowedips_owner *allowedips_find_v6(const struct allowedips *ips,
					    const uint8_t address[16]);

/** An owner's prefixes one by one: NULL for the first, NULL after the last. */
const struct allowedips_node *allowedips_next(const struct allowedips_owner *owner,
					      const struct allowedips_node *node);
struct cidr allowedips_prefix(const struct allowedips_node *node);

#endif
