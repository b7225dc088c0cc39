#ifndef LIB_UAPI_CODEC_H
#define LIB_UAPI_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/*
 * The cross-platform userspace API's text, both directions, pure: no I/O. The client writes a set
 * and reads a get; the daemon reads a set and writes a get.
 * Source: https://www.wireguard.com/xplatform/, "Configuration Protocol".
 */

/** May take away what there is of a text, to send it. Returns 0, or a negative errno to stop. */
typedef int uapi_flush(void *ctx, struct strbuf *text);

/**
 * The client's request that makes `change`, from "set=1" to the empty line. After each peer and
 * each allowed IP `flush`, which may be NULL, is called: however large the change is, the text need
 * not be. What comes after the last call is left in out. Returns 0, or what flush returned.
 */
int uapi_encode_set(struct strbuf *out, const struct wg_device *change, uapi_flush *flush,
		    void *ctx);

/**
 * The daemon's description of a device: first what is not about peers, then each peer. A part at a
 * time, for the whole may have hundreds of megabytes. "errno=" and the empty line follow.
 */
void uapi_encode_get_device(struct strbuf *out, const struct wg_device *device);
void uapi_encode_get_peer(struct strbuf *out, const struct wg_peer *peer);

/**
 * The end of the daemon's answer: "errno=N", and the empty line. code is 0 or a negative errno.
 * What clients in the field take: a negative number after a set, a positive one after a get.
 */
void uapi_encode_errno(struct strbuf *out, bool is_get, int code);

/** Where a reader stands between two lines. Start with `= { .device = device }`. */
struct uapi_decoder {
	struct wg_device *device; /* borrowed; filled in line by line */
	bool in_peer;             /* a public_key line has been seen */
	bool has_errno;           /* get: an errno line has been seen... */
	int code;                 /* ...and this is its value as a negative errno, or 0 */
};

/**
 * Daemon: takes one line of a set request, without its newline, after "set=1". The line is
 * scratch. Nothing takes effect here: the whole request becomes one change, so a bad line leaves
 * the device as it was. A carriage return at the end is passed over.
 * Returns 0, -EPROTO (no "="), or -EINVAL, with *err filled in.
 */
int uapi_decode_set_line(struct uapi_decoder *decoder, char *line, struct err *err);

/**
 * Client: takes one line of the answer to a get, without its newline. Keys that are not known are
 * passed over. Either sign of errno is taken. Returns 0, or -EPROTO for a malformed line.
 */
int uapi_decode_get_line(struct uapi_decoder *decoder, char *line, struct err *err);

/** Client: the answer to a set, a line "errno=N" of either sign; other lines are passed over. */
int uapi_decode_errno_line(struct uapi_decoder *decoder, char *line, struct err *err);

#endif
