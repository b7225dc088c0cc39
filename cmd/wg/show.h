#ifndef CMD_WG_SHOW_H
#define CMD_WG_SHOW_H

#include "lib/model/device.h"
#include "lib/util/strbuf.h"

/*
 * How a device is shown. The functions add to `out` and write it to stdout whenever there is much
 * of it; the rest is the caller's to write. They return the exit status of that.
 */

/** For people: `now_s` is the time, `colour` asks for escape sequences. */
int show_pretty(struct strbuf *out, const struct wg_device *device, int64_t now_s, bool colour);

/** For scripts: one thing about the device, or about each of its peers. */
struct show_field {
	const char *name;
	/* Add a line but for its start and its newline. Either may be NULL. */
	void (*device)(struct strbuf *out, const struct wg_device *device);
	void (*peer)(struct strbuf *out, const struct wg_peer *peer);
};

/** All fields, in the order of the usage, ended by one without a name. */
extern const struct show_field show_fields[];

/** Prints one field. `prefix` stands before each line: "" or the interface's name and a tab. */
int show_field(struct strbuf *out, const struct wg_device *device, const struct show_field *field,
	       const char *prefix);

#endif
