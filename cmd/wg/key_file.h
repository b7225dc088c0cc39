#ifndef CMD_WG_KEY_FILE_H
#define CMD_WG_KEY_FILE_H

#include <stdbool.h>

#include "lib/model/key.h"
#include "lib/util/err.h"

/* Keys as whole files: one key of 44 characters, then nothing but white space. */

enum key_file {
	KEY_FILE_OK,
	KEY_FILE_EMPTY,    /* not one byte */
	KEY_FILE_SHORT,    /* fewer than 44 */
	KEY_FILE_TRAILING, /* something after the 44 */
	KEY_FILE_BAD,      /* 44 characters, but no key */
};

/**
 * Reads a key from `fd` to its end. *out is written for KEY_FILE_OK only, *trailing for
 * KEY_FILE_TRAILING: the first character that is too many.
 */
enum key_file key_file_read(struct wg_key *out, char *trailing, int fd, bool nul_is_space);

/**
 * Reads the key in the file called `path`, for a device: an empty file is a key of zeros, which
 * takes a key away. Returns 0 or a negative errno with *err filled in; the message does not tell
 * the key.
 */
int key_file_load(struct wg_key *out, const char *path, struct err *err);

/**
 * Writes a key into a new file at `path` that only its owner can read, and, if public_key is not
 * NULL, that one into a new file beside it, "path.pub": both, on disk, or none; signals wait. Never
 * writes through a symbolic link or into what is there. Returns 0 or a negative errno with *err
 * filled in.
 */
int key_file_create(const char *path, const struct wg_key *key, const struct wg_key *public_key,
		    struct err *err);

/** Prints a key and a newline on stdout. Returns the exit status. */
int key_file_print(const struct wg_key *key);

#endif
