#ifndef CMD_WG_CHANGE_H
#define CMD_WG_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/cli.h"
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
	/* The key of the peer of `interface` that is called `name`; NULL: no names are known. */
	int (*find_peer)(struct wg_key *out, const char *interface, const char *name,
			 struct err *err);
	/* A warning, one line without its newline. */
	void (*warn)(const char *line);
	const char *interface; /* whom the words are about */
};

/** The i-th option, in the order of the usage. Returns false behind the last. */
bool change_word(struct cli_word *out, size_t i);

/**
 * Reads the words, which are options and their values, into `device`, a new one. Endpoints have
 * addresses then. Returns 0, or a negative errno with *err filled in; `device` then has those
 * before the bad one.
 */
int change_read(struct wg_device *device, int n_words, char **words,
		const struct change_world *world, struct err *err);

#endif
