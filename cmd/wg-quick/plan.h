#ifndef CMD_WG_QUICK_PLAN_H
#define CMD_WG_QUICK_PLAN_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/device.h"
#include "cmd/wg-quick/state.h"
#include "lib/conf/conf.h"
#include "lib/model/cidr.h"
#include "lib/netlink/rule.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* Deciding what to do, and in what order. Nothing here touches the host. */

/** One thing to do. Steps that depend on what earlier ones bring about look when their turn comes.
 */
enum step_kind {
	STEP_ADD_DEVICE,     /* in the kernel or by a userspace program, as the plan says */
	STEP_RUN_HOOK,       /* text: what the shell runs */
	STEP_SET_DEVICE,     /* keys, port, mark and peers; looks up the endpoints' names */
	STEP_ADD_ADDRESS,    /* cidr */
	STEP_SET_MTU_AND_UP, /* mtu_bytes; 0: looks at the routes to the endpoints */
	STEP_SET_DNS,        /* as the configuration says; looks who manages name servers */
	STEP_ROUTE_PEERS,    /* looks at the device: an ADD_ROUTE for each allowed IP */
	STEP_SET_MARK,       /* mark */
	STEP_ADD_RULE,       /* rule */
	STEP_DELETE_RULE,    /* rule */
	STEP_DELETE_RULES,   /* looks at the device and the rules: a DELETE_RULE for each of ours */
	STEP_ADD_ROUTE,      /* cidr, table */
	STEP_SET_SRC_VALID_MARK,   /* the kernel's variable of that name */
	STEP_RESET_SRC_VALID_MARK, /* mark; unless another full tunnel needs it by now */
	STEP_ADD_FIREWALL,         /* family, mark */
	STEP_DELETE_FIREWALL,      /* family; AF_UNSPEC: of both */
	STEP_SAVE,                 /* writes what is running into the file */
	/* Looks at the device: a SET_MARK if it has none, and ADD_ or REPLACE_KILL_SWITCH. */
	STEP_CLOSE_BYPASSES,
	STEP_ADD_KILL_SWITCH,     /* mark */
	STEP_REPLACE_KILL_SWITCH, /* mark: in the place of an earlier run's */
	STEP_DELETE_KILL_SWITCH,  /* whosever it was */
	STEP_LET_NAMES_THROUGH,   /* an earlier run's kill switch lets name servers be asked... */
	STEP_KEEP_NAMES_IN,       /* ...and no longer */
	STEP_DELETE_DEVICE,       /* with its addresses and routes; waits for its daemon to end */
	STEP_UNSET_DNS,           /* what SET_DNS did, in this run or an earlier one */
	/* These are a reload's: see plan_reload.h. */
	STEP_CHANGE_DEVICE,  /* keys, port, mark and peers, as far as they differ */
	STEP_DELETE_ADDRESS, /* cidr */
	STEP_DELETE_ROUTE,   /* cidr, table */
	STEP_RESET_MARK,     /* mark: what it was; it is off then */
};

struct step {
	enum step_kind kind;
	const char *key; /* of a hook: "PreUp" and so on */
	/* Owned; NULL if the kind has none. Of ADD_FIREWALL: addresses, separated by blanks; NULL:
	 * those of the interface */
	char *text;
	struct cidr cidr;
	unsigned int mtu_bytes;
	uint32_t table; /* 0: the main one */
	uint32_t mark;
	uint8_t family;
	struct rule rule;
	uint32_t id;        /* its number in the journal; 0: it is in none */
	uint32_t former_id; /* of the step that this one takes back or replaces; 0: of none */
};

/** Where routes to allowed IPs go. */
enum route_policy {
	ROUTE_POLICY_AUTO,  /* into the main table, unless the interface covers them already */
	ROUTE_POLICY_TABLE, /* into the table that the file names, all of them */
	ROUTE_POLICY_OFF,   /* nowhere */
};

struct plan {
	char interface[IFNAMSIZ];
	enum device_implementation implementation;
	enum route_policy route_policy;
	uint32_t table;   /* for ROUTE_POLICY_TABLE */
	char *table_name; /* ...as the file calls it; owned */
	bool is_undone;   /* a failure undoes the steps done so far */
	struct step *steps;
	size_t n_steps;
	size_t steps_cap;
};

/**
 * The way to bring an interface up. Returns 0, -EEXIST if there is a link of that name,
 * -EINVAL if the file names a routing table that there is not, or -ENOENT if there is no firewall
 * for default routes or a kill switch, with *err filled in; *out is then empty.
 */
int plan_up(struct plan *out, const char *interface, enum device_implementation implementation,
	    const struct conf *conf, const struct state *state, struct err *err);

/**
 * The way to take it down; `conf` may have been read as CONF_DOWN. Returns 0, -ENODEV if there is
 * no WireGuard interface of that name, with *err filled in; *out is then empty.
 */
int plan_down(struct plan *out, const char *interface, const struct conf *conf,
	      const struct state *state, struct err *err);

/**
 * What plans start from: the interface, and where routes go. Returns as plan_up().
 */
int plan_begin(struct plan *plan, const char *interface, const struct conf *conf,
	       const struct state *state, struct err *err);

/** The MTU for the tunnel, in bytes: 80 less than the narrowest way to an endpoint has. */
unsigned int plan_mtu(const struct state_mtus *mtus);

/** Whether a peer's allowed IPs have a default route of a family or, AF_UNSPEC, of either. */
bool plan_has_default_route(const struct wg_device *device, uint8_t family);

/** Adds a step of that kind, for the caller to fill in. Valid until the next one is added. */
struct step *plan_add_step(struct plan *plan, enum step_kind kind);
/** Adds a copy of a step, perhaps another plan's. */
void plan_copy_step(struct plan *plan, const struct step *step);
/** Adds copies of all of another plan's steps. */
void plan_append(struct plan *plan, const struct plan *other);

/** A hook's text for the shell, with "%i" replaced; to be freed. */
char *plan_expand_hook(const char *text, const char *interface);

/** Fills in the step that takes `done` back; its text stays `done`'s. Returns whether there is
 * need of one. */
bool plan_undo(struct step *out, const struct step *done);

/** A kind's name in journals and in JSON; NULL: there is no such kind. */
const char *plan_kind_name(enum step_kind kind);

/** Whether the journal has steps of that kind. */
bool plan_is_journalled(enum step_kind kind);

/** What a step does, in the words of the command that would do it. */
void plan_format_step(struct strbuf *out, const struct plan *plan, const struct step *step);

void plan_fini(struct plan *plan);

#endif
