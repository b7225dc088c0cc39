#ifndef LIB_CONF_CONF_H
#define LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf/lines.h"
#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

enum conf_dialect {
	CONF_WG,    /* what `wg setconf` reads: only the device's own keys */
	CONF_QUICK, /* what wg-quick reads: Address, DNS, hooks and so on as well */
	/* What `wg-quick down` needs to know: SaveConfig, DNS, Table and the hooks, and the comment
	 * keys Save, Namespace and BirthNamespace. All other lines are passed over, so that a
	 * mistake in them leaves no interface stuck. */
	CONF_DOWN,
};

enum conf_kill_switch {
	CONF_KILL_SWITCH_OFF,
	CONF_KILL_SWITCH_ON,  /* while the tunnel is up, nothing gets out beside it... */
	CONF_KILL_SWITCH_LAN, /* ...but to the local network */
};

enum conf_dns_failure {
	CONF_DNS_FAILURE_UNSET,
	CONF_DNS_FAILURE_ABORT,
	CONF_DNS_FAILURE_WARN,
};

/** What a [Peer] section says by comment keys. */
struct conf_quick_peer {
	struct wg_key public_key;
	char *preshared_key_file; /* path or "credential:NAME", as written; NULL: none */
	char *endpoint_srv;       /* domain; NULL: none */
	unsigned int line;        /* of the section */
};

/** The settings that wg-quick acts on itself. */
struct conf_quick {
	struct cidr *addresses; /* host bits kept */
	size_t n_addresses;
	size_t addresses_cap;
	struct strlist dns_servers;
	struct strlist dns_search;
	unsigned int mtu_bytes; /* 0: choose it */
	char *table;            /* as written: "off", a number or a name; NULL: automatic */
	struct strlist pre_up, post_up, pre_down, post_down; /* shell text, "%i" not yet replaced */
	bool save_config;

	/* By comment keys: see comment_keys.h. */
	bool is_text_kept;      /* saving changes only what is different */
	char *private_key_file; /* path or "credential:NAME", as written; NULL: none */
	char *netns;            /* Namespace: name, or path if it has a slash; NULL: the caller's */
	char *birth_netns;      /* BirthNamespace: likewise */
	enum conf_kill_switch kill_switch;
	enum conf_dns_failure dns_failure;
	struct conf_quick_peer *peers; /* only those that have such keys, in the file's order */
	size_t n_peers;
	size_t peers_cap;
};

/** A configuration file: what it says, and every byte of how it says it. */
struct conf {
	struct conf_lines lines; /* all lines as they stand; see lines.h */
	/* The change that the file asks for; its name is not set. Empty in CONF_DOWN. */
	struct wg_device *device;
	struct conf_quick quick; /* empty in CONF_WG */
	struct strlist warnings; /* such as an allowed IP with host bits; a line each, for stderr */
};

/**
 * Reads a configuration. The device gets the flags of those keys that the file has, each peer
 * WG_PEER_REPLACE_ALLOWED_IPS (unless +/- prefixes say otherwise); what setconf and syncconf add to
 * that (resetting what the file leaves out) is theirs. Endpoints that are names are kept as names:
 * nothing is looked up.
 *
 * Returns 0, or with err's line, column, text (the original's words, where it has some) and
 * expected filled in, and out empty: -ENOKEY if a peer has no public key (after which the original
 * says "Invalid configuration"), -EINVAL for all else ("Configuration parsing error").
 * The text of a private or preshared key is never in err.
 */
int conf_parse(struct conf *out, const char *text, size_t len, enum conf_dialect dialect,
	       struct err *err);

/**
 * As conf_parse(), of a file; pipes are fine. If it cannot be read, returns another negative errno
 * with err's text "path: why" and no line.
 */
int conf_read(struct conf *out, const char *path, enum conf_dialect dialect, struct err *err);

/**
 * As conf_read() in CONF_WG, for those who want to know no more than the change that the file asks
 * for: its text is not kept, so that 100,000 peers need little memory. out->lines is empty.
 */
int conf_read_change(struct conf *out, const char *path, struct err *err);
/** As conf_read_change(), of any text; the reader's errors are returned as they are. */
int conf_read_pieces(struct conf *out, struct conf_pieces *pieces, struct err *err);

/** Reads a file's text onto the end of out, without looking at it. Returns as conf_read(). */
int conf_read_text(struct strbuf *out, const char *path, struct err *err);

/** Prints the file as it was read: byte for byte. */
void conf_print(struct strbuf *out, const struct conf *conf);

/**
 * Prints what `wg-quick strip` prints: the lines that are not wg-quick's own keys, each ended by a
 * newline, and one empty line. Blanks at the ends of lines and NUL bytes go.
 */
void conf_print_stripped(struct strbuf *out, const struct conf *conf);

/**
 * As conf_print_stripped(), of a text that conf_parse() may not understand: unknown keys stay in.
 * Returns 0, or -EINVAL with *err filled in if SaveConfig is neither true nor false.
 */
int conf_strip(struct strbuf *out, const char *text, size_t len, struct err *err);

/** Prints a device as `wg showconf` does; what is zero or empty is left out. */
void conf_print_device(struct strbuf *out, const struct wg_device *device);
/**
 * Its pieces, for writing it bit by bit: [Interface] and the line after it; one of its peers, and
 * what it leaves to the caller is an empty line between two of them.
 */
void conf_print_interface(struct strbuf *out, const struct wg_device *device);
void conf_print_peer(struct strbuf *out, const struct wg_device *device,
		     const struct wg_peer *peer);

/** Wipes and frees; fit for AUTO(). */
void conf_fini(struct conf *conf);

#endif
