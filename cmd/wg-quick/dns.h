#ifndef CMD_WG_QUICK_DNS_H
#define CMD_WG_QUICK_DNS_H

#include <stdbool.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/*
 * Telling the host which name servers to ask while a tunnel is up. Who is told: resolvconf(8) where
 * it is installed; else systemd-resolved where it runs; else the file resolv.conf is exchanged
 * (dns_file.h). A search domain "~name" asks the tunnel's servers for that domain alone, which only
 * systemd-resolved can do: where it runs, it comes first then.
 */

/** What a configuration wants. All of it is borrowed. */
struct dns {
	const char *interface;
	const struct strlist *servers; /* without any, nothing is done */
	const struct strlist *search;
	bool goes_on;     /* a failure is told only, where $WG_QUICK_DNS_FAILURE says nothing */
	bool *is_missing; /* set by dns_set() if it has failed and goes on; may be NULL */
	/* Not NULL: dns_set() and dns_unset() only look, and add the lines that they would tell on
	 * stderr, "[#] ..." and "[!] ...". */
	struct strlist *foreseen;
};

/** Reads $WG_QUICK_DNS_FAILURE, to find out early that it is wrong. 0, or -EINVAL with *err. */
int dns_check_environment(struct err *err);

/**
 * Sets them, telling on stderr what it does. Returns the exit status: 0, also if it failed and
 * $WG_QUICK_DNS_FAILURE, or the configuration, says to go on; that of resolvconf or resolvectl; 127
 * if nobody could be told. *err is filled in then, and nothing is set.
 */
int dns_set(const struct dns *dns, struct err *err);

/**
 * Takes back what dns_set() did, here or in an earlier run, before or after the link is deleted. A
 * failure is told on stderr; nothing depends on it.
 */
void dns_unset(const struct dns *dns);

/**
 * Goes from what is set to other wishes, either of which may be none, while the link is there. As
 * dns_set(); on failure `from` is set still, or again.
 */
int dns_change(const struct dns *from, const struct dns *to, struct err *err);

/** Whether resolv.conf has a tunnel's wishes, set by an earlier run, that have to be taken back. */
bool dns_is_in_file(const char *interface);

/**
 * Whether what dns_set() did in an earlier run stands, as far as can be told: nobody else has
 * written resolv.conf.
 */
bool dns_is_in_place(const struct dns *dns);

/**
 * Adds the name servers and search domains that are set for the tunnel now. Where nobody can tell,
 * they are those that `dns` wants.
 */
void dns_get(struct strlist *servers, struct strlist *search, const struct dns *dns);

/** Takes back what tunnels left in resolv.conf that ended in a crash; tells so on stderr. */
void dns_recover(void);
/** Whether dns_recover() would find anything; only looks. */
bool dns_foresee_recover(void);

/**
 * Adds what an interface's name begins with when resolvconf hears of it: the first "PREFIX*" of the
 * file interface-order, with a dot. It is Debian's resolvconf that has this file; a program that is
 * a symbolic link is none of that.
 */
void dns_add_prefix(struct strbuf *out, const char *order_path, const char *resolvconf_path);

#endif
