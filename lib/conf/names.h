#ifndef LIB_CONF_NAMES_H
#define LIB_CONF_NAMES_H

#include <stddef.h>

#include "lib/model/key.h"
#include "lib/util/err.h"

/*
 * Names of peers, as people and programs write them into comments of configuration files. The
 * originals pass over comments, so names cost nothing.
 *
 * Conventions, the first that a peer has being its name:
 *	# Name = laptop              in its section, in the comment right above its [Peer], or
 *	                             behind it; also with ":", and "Alias" and "friendly_name"
 *	                             for "Name"
 *	# friendly_json = {...}      likewise; its member "name"
 *	### begin laptop ###         in the comment right above [Peer], below or behind it
 *	# BEGIN_PEER laptop          likewise
 *	### Client laptop            likewise; also "# Client: laptop"
 *	# laptop                     behind [Peer], or the one line right above or right below it
 * "Right above" and "right below" mean that no empty line is between. A friendly name that has no
 * empty line around it belongs to the section that it stands in, every other comment to the [Peer]
 * below it.
 *
 * No name is: what is longer than 64 bytes; what has control characters in it, or marks that turn
 * the direction of writing or cannot be seen; a commented-out key or section ("#PresharedKey =
 * ..."); anything that looks as if it held a key or, as "password: ...", another secret.
 *
 * A file of nothing but names has lines "PUBLIC-KEY NAME", with ":" or "=" between them if liked;
 * lines that begin with "#" are comments.
 */

enum {
	CONF_NAME_MAX = 64, /* bytes of a name */
};

/** The names of one interface's peers. Start with `= { 0 }`. */
struct conf_names {
	struct conf_name *entries; /* sorted by key, each key once */
	size_t n_entries;
	size_t entries_cap;
};

struct conf_name {
	struct wg_key key;
	char *name; /* never empty; no control characters, but perhaps not valid UTF-8 */
};

/**
 * Adds the names in a configuration's text. What is not understood is passed over; a key that has
 * a name keeps it.
 */
void conf_names_add(struct conf_names *names, const char *text, size_t len);

/** Adds the names in the text of a file of names, likewise. */
void conf_names_add_list(struct conf_names *names, const char *text, size_t len);

/**
 * Reads the names that this machine has for the peers of `interface`, from
 * SYSCONFDIR/wireguard/INTERFACE.conf and then SYSCONFDIR/wireguard/peers.names. Files that are
 * missing, no regular files, longer than 256 MiB, or not for this user are no error: there are just
 * fewer names.
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
