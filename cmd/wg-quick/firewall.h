#ifndef CMD_WG_QUICK_FIREWALL_H
#define CMD_WG_QUICK_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/cidr.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/*
 * What a full tunnel needs of the firewall, for each family. Its own addresses are reached through
 * it alone: others on the local network could otherwise find out what they are. And the answers to
 * encrypted packets get the mark with which those left, so that they pass the check of their
 * return path.
 *
 * nft(8) is asked if it is installed, else iptables-restore(8): as the original's, so that either
 * wg-quick can take away what the other has made.
 */

enum firewall_tool {
	FIREWALL_NONE,
	FIREWALL_NFT,
	FIREWALL_IPTABLES,
};

/** The tool there is for a family: iptables has a program for each. */
enum firewall_tool firewall_find(uint8_t family);

/** One tunnel's wants, in one family. */
struct firewall {
	const char *interface;
	uint8_t family;
	uint32_t mark;                /* of the tunnel's own packets */
	const struct cidr *addresses; /* the interface's, of either family */
	size_t n_addresses;
};

/**
 * Sets the rules up, telling on stderr what it does. Returns 0, or the exit status with *err filled
 * in: the tool's own, which tells why, or 127 if there is none.
 */
int firewall_add(const struct firewall *firewall, struct err *err);

/**
 * Takes away whatever an interface has of such rules, in one family or, AF_UNSPEC, in both; by both
 * tools, since it may not be the same one as before. Tells on stderr what it does, if there is
 * anything. Returns 0, or the exit status with *err filled in.
 */
int firewall_remove(const char *interface, uint8_t family, struct err *err);

/** Adds the command that firewall_add() would run now; only looks. */
void firewall_foresee_add(struct strlist *told, const struct firewall *firewall);
/** Adds the commands that firewall_remove() would run now; only looks. */
void firewall_foresee_remove(struct strlist *told, const char *interface, uint8_t family);

/**
 * Hands rules to nft, telling on stderr that it does. Returns 0, or the exit status with *err
 * filled in: nft's own, which tells why, or 127 if there is none.
 */
int firewall_run_nft(const struct strbuf *rules, struct err *err);

/** Adds the text for nft, which makes a table that is not there yet. */
void firewall_format_nft(struct strbuf *out, const struct firewall *firewall);
/** Adds the text for iptables-restore or ip6tables-restore. */
void firewall_format_iptables(struct strbuf *out, const struct firewall *firewall);
/**
 * Adds the text that takes away the interface's rules, by what iptables-save has said. Returns
 * whether there are any.
 */
bool firewall_format_iptables_removal(struct strbuf *out, const char *saved, const char *interface);

#endif
