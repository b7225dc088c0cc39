#ifndef CMD_WG_QUICK_PLAN_RELOAD_H
#define CMD_WG_QUICK_PLAN_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/plan.h"
#include "cmd/wg-quick/state.h"
#include "lib/conf/conf.h"
#include "lib/model/cidr.h"
#include "lib/model/device.h"
#include "lib/netlink/route.h"
#include "lib/netlink/rule.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * Deciding how a running interface becomes what its file says now. Nothing here touches the host.
 *
 * Three things are compared: what the file wants, what is there, and which of that is wg-quick's.
 * What is wanted and not there is added, what is wg-quick's and not wanted goes, and all else stays
 * as it is.
 */

/** What has been looked at. All of it is borrowed. */
struct reload_host {
	const struct state *state;
	const struct wg_device *running;
	const struct cidr *addresses; /* the link's, of either family */
	size_t n_addresses;
	const struct routes *routes;       /* to the link */
	const struct rule_list *rules[2];  /* of IPv4, of IPv6 */
	unsigned int mtu_bytes;            /* the link's */
	unsigned int fitting_mtu_bytes;    /* what it would be chosen to be; 0: it stays */
	const struct strlist *dns_servers; /* which are set; none: nor are search domains */
	const struct strlist *dns_search;
	bool is_cut_off;        /* an earlier reload was: name servers and firewalls may be any */
	bool lacks_dns;         /* others have taken the place of the name servers that are set */
	bool lacks_firewall[2]; /* of IPv4, of IPv6: ours is not there any more */
	uint32_t empty_table;   /* where default routes go unless the device has a mark */
	bool is_up;
	bool has_ipv6; /* on this device */
	bool has_src_valid_mark;
};

/** What is to be done, and what undoing it takes. Start with `= { 0 }`. */
struct reload {
	struct plan plan;          /* without steps: there is nothing to do */
	struct wg_device *change;  /* for STEP_CHANGE_DEVICE */
	struct wg_device *back;    /* likewise, to undo it: what the device was */
	unsigned int mtu_bytes;    /* before; as the rest */
	uint32_t mark;             /* the device's */
	bool lets_lan;             /* the kill switch */
	bool has_firewall[2];      /* of IPv4, of IPv6 */
	uint32_t firewall_mark[2]; /* the mark that they are about */
	char *addresses;           /* in words, as STEP_ADD_FIREWALL has them */
	struct strlist dns_servers, dns_search;
};

/**
 * Finds out what to do. `wanted` is what the device is to be (wg_device_settle()), its endpoints
 * being those that are to be set; `ours` has the steps that stand for what is wg-quick's on the
 * host, with their numbers in the journal. Returns 0, or as plan_up() with *err filled in.
 */
int plan_reload(struct reload *out, const char *interface, const struct conf *conf,
		const struct wg_device *wanted, const struct plan *ours,
		const struct reload_host *host, struct err *err);

/** The way back from those of a reload's steps that are done, onto the end of *out. */
void plan_reload_undo(struct plan *out, const struct plan *done, const struct reload *reload);

/**
 * Adds what is on the host as steps, for an interface without a journal: its addresses `given`,
 * routes as wg-quick makes them, and what default routes take.
 */
void plan_reload_guess(struct plan *ours, const struct reload_host *host, const struct cidr *given,
		       size_t n_given);

void reload_fini(struct reload *reload);

#endif
