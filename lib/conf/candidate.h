#ifndef LIB_CONF_CANDIDATE_H
#define LIB_CONF_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf/lines.h"
#include "lib/conf/names.h"

/*
 * Private to this room: what a comment could name, if it is meant for a peer. Which comments are,
 * and which of several counts, is for names.c to say.
 */

enum rank {
	RANK_NONE,   /* no name */
	RANK_PLAIN,  /* "# laptop" */
	RANK_MARKED, /* "### begin laptop ###" and the like */
	RANK_KEYED,  /* "# Name = laptop" and the like */
};

struct candidate {
	enum rank rank;
	bool is_friendly; /* friendly_name and friendly_json stand within their section */
	char name[CONF_NAME_MAX + 1];
};

/** Of the comment of a line; RANK_NONE if it has none or there is no name in it. */
struct candidate candidate_of_comment(const struct conf_lines *lines, const struct conf_line *line);

/**
 * Of a line "PUBLIC-KEY NAME" in a file of names; *key may also be written where it is no such line
 * or there is no name in it, which is RANK_NONE.
 */
struct candidate candidate_of_list_line(struct wg_key *key, const char *text, size_t len);

#endif
