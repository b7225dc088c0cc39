#ifndef LIB_CONF_COMMENT_KEYS_H
#define LIB_CONF_COMMENT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/conf/conf.h"
#include "lib/conf/lines.h"
#include "lib/util/err.h"

/*
 * Private to this room: the table of comment keys, "#wg: Key = value". To other tools they are
 * comments; here what is wrong with one is an error, since a kill switch that is misspelt must not
 * be off without a word.
 */

struct comment_keys_key;

/** The comment key called `name`, in any case; NULL if there is none. */
const struct comment_keys_key *comment_keys_find(const char *name);
/** What to say was expected where it was written without the "#wg:". */
const char *comment_keys_hint(const struct comment_keys_key *key);

/** Whether the line is the comment key called `name`. */
bool comment_keys_is(const struct conf_lines *lines, const struct conf_line *line,
		     const char *name);

/** Reads the comment keys of a file, section by section. Start with `= { 0 }`. */
struct comment_keys_reader {
	bool in_peer;
	bool has_peer;                 /* this section has got an entry in quick->peers */
	uint32_t seen_here, seen_else; /* bits of keys: in this peer, in [Interface] */
	unsigned int section_line;
	/* Where they stand, to be told if they turn out to be one too many. */
	struct conf_line private_key_file, preshared_key_file;
};

/** Hears that a section begins, which is a peer's or not. */
void comment_keys_begin(struct comment_keys_reader *reader, bool is_peer, unsigned int line);

/**
 * Reads a line of kind CONF_LINE_COMMENT_KEY. Returns 0, or -EINVAL with *err filled in but for the
 * place, which is *bad_at in the text. quick is then as it was.
 */
int comment_keys_read(struct comment_keys_reader *reader, struct conf_quick *quick,
		      const struct conf_lines *lines, const struct conf_line *line, size_t *bad_at,
		      struct err *err);

/** As comment_keys_read(), of what `down` must know, in a file that may have mistakes. */
void comment_keys_read_for_down(struct comment_keys_reader *reader, struct conf_quick *quick,
				const struct conf_lines *lines, const struct conf_line *line);

/**
 * Hears that the section of `peer` ends. Returns 0, or -EINVAL as comment_keys_read() if it has a
 * preshared key and a file for one; *bad_line is then the line of the latter.
 */
int comment_keys_end_peer(const struct comment_keys_reader *reader, struct conf_quick *quick,
			  const struct wg_peer *peer, struct conf_line *bad_line, struct err *err);
/** Likewise, that the file ends. */
int comment_keys_end(const struct comment_keys_reader *reader, const struct conf_quick *quick,
		     const struct wg_device *device, struct conf_line *bad_line, struct err *err);

/** Gives back what stems from comment keys. */
void comment_keys_fini(struct conf_quick *quick);

#endif
