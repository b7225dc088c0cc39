#ifndef CMD_WG_QUICK_STATE_H
#define CMD_WG_QUICK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/* Looking at the host, changing nothing. */

/** What is there before anything is done: what a plan is made from. */
struct state {
	bool link_exists;     /* a link of the interface's name, of whatever kind */
	bool is_wireguard;    /* the kernel has it as such, or a daemon answers for it */
	bool has_dns_file;    /* an earlier run has put its name servers into resolv.conf */
	uint32_t table;       /* number of the routing table that was named; 0: none, or unknown */
	bool has_firewall_v4; /* a tool for default routes; or, without IPv6, no need of one */
	bool has_firewall_v6;
	bool has_nft;         /* the program */
	bool has_kill_switch; /* the interface's, perhaps of an earlier run */
	bool lets_lan;        /* which lets the local network through */
};

/**
 * Looks at the host. `table` is the routing table's number or name, or NULL if none is wanted.
 * Returns 0 or a negative errno with *err filled in.
 */
int state_look(struct state *out, const char *interface, const char *table, struct err *err);

/**
 * The number of a routing table: decimal, 0x and hexadecimal, or a name that ip(8) knows too. The
 * names are in the files rt_tables and rt_tables.d/x.conf of the first of `dirs` (ended by NULL)
 * that has the name; "0" is the main table. 0 if there is no such table.
 * Source: ip-route(8), "table TABLEID".
 */
uint32_t state_find_table(const char *name, const char *const dirs[]);

/** The MTUs, in bytes, of the ways that a tunnel's packets may take. */
struct state_mtus {
	unsigned int *endpoints; /* one for each peer's endpoint that can be reached */
	size_t n_endpoints;
	unsigned int default_route; /* 0: there is none */
};

/** Looks up the ways to all endpoints. Each one without a way adds a line to `unreachable`. */
void state_look_mtus(struct state_mtus *out, struct strlist *unreachable,
		     const struct wg_device *device);
/**
 * As state_look_mtus() while the tunnel is up: the ways are those of packets with the device's
 * mark, and those by the tunnel itself, which has the index `ifindex`, do not count.
 */
void state_look_mtus_beside(struct state_mtus *out, const struct wg_device *device,
			    unsigned int ifindex);
void state_mtus_fini(struct state_mtus *mtus);

#endif
