#ifndef LIB_CONF_KEYS_H
#define LIB_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

struct conf_quick;

/*
 * The table of all keys, and how their values are read and written. The parsers of single values
 * are here for the command line as well: `wg set` takes the same values.
 */

/**
 * A port to listen on: 0 to 65535, or a service's name. Returns 0, or -EINVAL with *err filled in.
 */
int keys_parse_port(uint16_t *out, const char *text, struct err *err);

/** A mark: "off", decimal, or "0x" and hexadecimal digits; 0 is off. Returns as above. */
int keys_parse_fwmark(uint32_t *out, const char *text, struct err *err);

/** Seconds: "off" or 0 to 65535; 0 is off. Returns as above. */
int keys_parse_keepalive(uint16_t *out, const char *text, struct err *err);

/**
 * Reads `len` bytes of prefixes, separated by commas, onto the end of the peer's allowed IPs; white
 * space does not count. Sets WG_PEER_REPLACE_ALLOWED_IPS, or clears it if any of them begins with
 * "+" or "-": the last statement about a peer decides. No bytes at all are an empty list.
 * A prefix with host bits adds a line to warnings. On failure *bad_at is where in text the bad one
 * begins, and the peer has those before it. Returns 0, or -EINVAL with *err filled in.
 * Source: wg(8), allowed-ips.
 */
int keys_parse_allowed_ips(struct wg_peer *peer, struct strlist *warnings, size_t *bad_at,
			   const char *text, size_t len, struct err *err);

enum keys_section {
	KEYS_SECTION_INTERFACE,
	KEYS_SECTION_PEER,
};

enum keys_owner {
	KEYS_OWNER_WG,      /* the device's own keys */
	KEYS_OWNER_QUICK,   /* those that wg-quick acts on */
	KEYS_OWNER_AMNEZIA, /* a relative's: known only to be told apart from spelling mistakes */
};

/** What a value is written into, and what was learnt on the way. */
struct keys_target {
	struct wg_device *device;
	struct wg_peer *peer;     /* NULL in [Interface] */
	struct conf_quick *quick; /* NULL in CONF_WG */
	struct strlist *warnings;
	struct strbuf
		scratch; /* the parsers' own; the owner gives it back: it may have held keys */
	size_t bad_at;   /* on failure: where in the value the bad part begins */
};

struct keys_key {
	const char *name;
	enum keys_section section;
	enum keys_owner owner;
	bool is_secret;   /* its value must not be echoed */
	bool is_shell;    /* "#" is a part of its value */
	bool is_for_down; /* taking the interface down depends on it: see CONF_DOWN */
	/* Takes a value without white space at its ends; returns 0, or -EINVAL with *err. */
	int (*parse)(struct keys_target *to, const char *value, size_t len, struct err *err);
	/* Adds "Key = value\n", or nothing where that is the default. NULL for wg-quick's. */
	void (*print)(struct strbuf *out, const struct wg_device *device,
		      const struct wg_peer *peer);
	/* What to say was expected, when the key is found... */
	const char *hint_other_section; /* ...in the other section */
	const char *hint_other_owner;   /* ...by a reader that does not take it */
	const char *hint_near;          /* ...misspelt */
};

/** All keys in the order in which they are written; *n says how many. */
const struct keys_key *keys_all(size_t *n);

/** The key called `name`, in any case; NULL if there is none. */
const struct keys_key *keys_find(const char *name);

/** The key whose name is nearest to a misspelt one, or NULL if none is near. */
const struct keys_key *keys_find_near(const char *name);

#endif
