#ifndef CMD_WG_QUICK_KILL_SWITCH_H
#define CMD_WG_QUICK_KILL_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/cidr.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/*
 * The kill switch: a table of nftables, for both families, that lets packets out only through the
 * tunnel. It is the tunnel's alone, is put in place and replaced in one step, and stays when the
 * interface vanishes.
 */

/** All of it is borrowed. */
struct kill_switch {
	const char *interface;
	uint32_t mark;          /* of the tunnel's own packets */
	bool lets_lan;          /* the local network is let through as well: */
	const struct cidr *lan; /* these prefixes, and what goes to all of a link */
	size_t n_lan;
};

/** Whether there is one for the interface, perhaps of an earlier run. */
bool kill_switch_is_there(const char *interface);
/** Whether there is one that lets the local network through. */
bool kill_switch_lets_lan(const char *interface);

/**
 * Puts it in place, instead of one that may be there. Tells on stderr what it does, as the others
 * here. Returns 0, or the exit status with *err filled in: nft has told why, and all is as it was.
 */
int kill_switch_add(const struct kill_switch *kill_switch, struct err *err);

/** Takes it away, if it is there. Returns as above. */
int kill_switch_remove(const char *interface, struct err *err);

/**
 * Lets one that is there let name servers be asked beside the tunnel, for so many seconds, or (0)
 * until it is told otherwise. It is for the moment in which names are looked up without which there
 * is no tunnel. Returns as above, 0 if there is none.
 */
int kill_switch_let_names_through(const char *interface, unsigned int time_s, struct err *err);
/** Ends that. Returns likewise. */
int kill_switch_keep_names_in(const char *interface, struct err *err);

/**
 * The private prefixes that the host's links, but for one, are connected to. *out is a new array of
 * *n elements, to be freed. 0 or a negative errno with *err filled in.
 */
int kill_switch_list_lan(struct cidr **out, size_t *n, const char *interface, struct err *err);

/** Whether all of a prefix is of the addresses that are not routed in the internet. */
bool kill_switch_is_private(const struct cidr *prefix);

/** Adds the text for nft: the table is made anew. */
void kill_switch_format(struct strbuf *out, const struct kill_switch *kill_switch);

#endif
