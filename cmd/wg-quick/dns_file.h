#ifndef CMD_WG_QUICK_DNS_FILE_H
#define CMD_WG_QUICK_DNS_FILE_H

#include <stdbool.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/*
 * DNS where nothing on the host manages it: the file resolv.conf changes places with one of ours,
 * and back when the last tunnel goes. Several tunnels may come and go in any order; the one that
 * came last has the file. A crash at any point leaves either file whole, and dns_file_recover() can
 * tell which it is.
 */

/** Where things are. */
struct dns_file {
	const char *path;      /* resolv.conf; what it was is kept beside it as PATH.wg-quick */
	const char *state_dir; /* which tunnels want what; gone after a reboot. Made if need be. */
};

/** The host's own. */
extern const struct dns_file dns_file_of_host;

/**
 * The host's, or, in a network namespace that has a name, the file that ip-netns(8) puts in its
 * place there. The directory of that may not be there.
 */
const struct dns_file *dns_file_here(void);

/** What a call has done, for messages. */
enum dns_file_outcome {
	DNS_FILE_UNCHANGED, /* resolv.conf is not ours, or somebody else's wish still stands in it
			     */
	DNS_FILE_EXCHANGED, /* ours is in its place */
	DNS_FILE_WRITTEN,   /* likewise; by writing into it, since it could not be replaced */
	DNS_FILE_RESTORED,  /* what was there is there again */
	DNS_FILE_TAKEN,     /* another program has written it meanwhile: what it wrote stays */
};

/**
 * Puts `lines` ("nameserver 10.0.0.1\n...", no comments) into resolv.conf, on behalf of a tunnel.
 * Returns 0, or a negative errno with *err filled in; resolv.conf is then as it was.
 */
int dns_file_set(enum dns_file_outcome *out, const struct dns_file *file, const char *interface,
		 const char *lines, struct err *err);

/** Whether the tunnel has set something there; *lines (may be NULL) gets it. */
bool dns_file_get(struct strbuf *lines, const struct dns_file *file, const char *interface);

/** Whether the tunnel has set something, and resolv.conf is as the tunnels want it. */
bool dns_file_is_in_place(const struct dns_file *file, const char *interface);

/** Takes a tunnel's lines back, if it has any there. Returns as dns_file_set(). */
int dns_file_unset(enum dns_file_outcome *out, const struct dns_file *file, const char *interface,
		   struct err *err);

/**
 * Takes back what tunnels have left behind that went without doing so: those for which `is_there`
 * says no, and all of them after a reboot. Their names are added to `gone`. Costs next to nothing
 * where there is nothing to do. Returns as dns_file_set().
 */
int dns_file_recover(struct strlist *gone, const struct dns_file *file,
		     bool (*is_there)(const char *interface), struct err *err);

/** What dns_file_set(), dns_file_unset() would do now, if nothing fails; only looks. */
enum dns_file_outcome dns_file_foresee_set(const struct dns_file *file, const char *interface,
					   const char *lines);
enum dns_file_outcome dns_file_foresee_unset(const struct dns_file *file, const char *interface);
/** Whether dns_file_recover() has anything to take back; only looks. */
bool dns_file_foresee_recover(const struct dns_file *file, bool (*is_there)(const char *interface));

#endif
