#ifndef CMD_WG_CHANGE_H
#define CMD_WG_CHANGE_H

#include <stdint.h>

#include "lib/model/device.h"
#include "lib/util/err.h"

/* The words of `wg set` behind the interface -> a change. What they name is asked of the caller. */

/** The world, as far as words name things in it. Each returns 0, or a negative errno with *err. */
struct change_world {
	/* A port, by number or by a service's name. */
	int (*read_port)(uint16_t *out, const char *text, struct err *err);
	/* The key in the file called `path`; zeros take a key away. */
	int (*load_key)(struct wg_key *out, const char *path, struct err *err);
	/* Whether endpoints can be looked up at all: asked even for those that need not be. */
	int (*check_resolver)(struct err *err);
	/* Turns the name in an endpoint into an address. */
	int (*resolve)(struct endpoint *endpoint, struct err *err);
	/* A warning, one line without its newline. */
	void (*warn)(const char *line);
};

enum change_scope {
	CHANGE_OF_DEVICE, /* stands before the first peer */
	CHANGE_OF_PEER,   /* stands after one */
	CHANGE_ANYWHERE,
};

struct change; /* what has been read so far */

struct change_option {
	const char *name;
	const char *value; /* how the usage calls it; NULL: the option has none */
	enum change_scope scope;
	int (*read)(struct change *change, const char *value, struct err *err);
};

/** All options, in the order of the usage, ended by one without a name. */
extern const struct change_option change_options[];

/**
 * Reads the words, which are options and their values, into `device`, a new one. Endpoints have
 * addresses then. Returns 0, or a negative errno with *err filled in; `device` then has those
 * before the bad one.
 */
int change_read(struct wg_device *device, int n_words, char **words,
		const struct change_world *world, struct err *err);

#endif
