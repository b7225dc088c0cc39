#ifndef LIB_CONF_NAMES_H
#define LIB_CONF_NAMES_H

#include <stddef.h>

#include "lib/model/key.h"
#include "lib/util/err.h"

/*
 * Names of peers, as people write them into comments of configuration files. The originals pass
 * over comments, so names cost nothing.
 *
 * Conventions, the first that a peer has being its name:
 *	# Name = laptop              in its section, or right above its [Peer]
 *	# friendly_name = laptop     likewise
 *	### begin laptop ###         right above [Peer] (with or without "end" after the section)
 *	### Client laptop            right above [Peer]
 *	# laptop                     right above or right below [Peer], or behind it on its line
 * A file of nothing but names has lines "PUBLIC-KEY NAME", ":" or "=" between them being fine, too.
 */

/** The names of one interface's peers. Start with `= { 0 }`. */
struct conf_names {
	struct conf_name *entries; /* sorted by key */
	size_t n_entries;
	size_t entries_cap;
};

struct conf_name {
	struct wg_key key;
	char *name; /* never empty; no control characters */
};

/** Adds the names in a configuration's text. What is not understood is passed over. */
void conf_names_add(struct conf_names *names, const char *text, size_t len);

/** Adds the names in the text of a file of names. */
void conf_names_add_list(struct conf_names *names, const char *text, size_t len);

/**
 * Reads the names that this machine has for the peers of `interface`, from
 * SYSCONFDIR/wireguard/INTERFACE.conf and then SYSCONFDIR/wireguard/peers.names. Files that are
 * missing or not for this user are no error: there are just fewer names.
 */
void conf_names_read(struct conf_names *names, const char *interface);

/** A peer's name, or NULL. */
const char *conf_names_of(const struct conf_names *names, const struct wg_key *key);

/**
 * The key of the peer called `name`, exactly so. Returns 0, or with *err filled in -ENOENT if
 * nobody is, -EEXIST if several are.
 */
int conf_names_find(struct wg_key *out, const struct conf_names *names, const char *name,
		    struct err *err);

/** Frees; fit for AUTO(). */
void conf_names_fini(struct conf_names *names);

#endif
