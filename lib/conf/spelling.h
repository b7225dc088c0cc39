#ifndef LIB_CONF_SPELLING_H
#define LIB_CONF_SPELLING_H

/* Private to this room: which name is meant by a misspelt one. */

enum {
	SPELLING_MAX = 40, /* the longest name, in bytes */
};

/**
 * How many letters must be put in, left out or changed to make a of b; upper and lower case are the
 * same. b has at most SPELLING_MAX bytes.
 */
unsigned int spelling_distance(const char *a, const char *b);

/** The greatest distance at which a name may still be the one that is meant. */
unsigned int spelling_limit(const char *name);

#endif
