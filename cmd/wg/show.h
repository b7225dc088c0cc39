#ifndef CMD_WG_SHOW_H
#define CMD_WG_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/cli.h"
#include "cmd/wg/watch_snapshot.h"
#include "lib/conf/names.h"
#include "lib/model/device.h"
#include "lib/util/strbuf.h"

/*
 * How a device is shown. The functions add to `out` and write it to stdout whenever there is much
 * of it; the rest is the caller's to write. They return the exit status of that.
 */

enum show_format {
	SHOW_TEXT,       /* for people, or a field */
	SHOW_JSON,       /* one object of all interfaces, by name */
	SHOW_NDJSON,     /* one line, an object, for each interface */
	SHOW_PROMETHEUS, /* the exposition format, with the names of MindFlavor's exporter */
};

/** What the options of `wg show` ask for. */
struct show_options {
	enum show_format format;
	bool names;            /* peers are called by their names where they have any */
	unsigned int watch_ms; /* show it again after this long; 0: only once */
};

/** What a device is shown with: the moment, and its peers' names (NULL: none are wanted). */
struct show_context {
	int64_t now_s;   /* unix time */
	uint32_t now_ns; /* 0 to 999999999 */
	bool colour;     /* escape sequences are wanted */
	bool hide_keys;  /* private and preshared ones */
	const struct conf_names *names;
	const struct watch_snapshot *rates; /* of this device, with rates; NULL: none are known */
};

/** The moment, and what else holds for all devices. */
struct show_context show_context_now(void);

/** For people. */
int show_pretty(struct strbuf *out, const struct wg_device *device,
		const struct show_context *context);

/** The formats for programs: `interface` (NULL: all) as options->format says, once. */
int show_machine(const char *interface, const struct show_options *options);
/**
 * SHOW_NDJSON, or SHOW_TEXT with the time between two outputs, every watch_ms, until nobody reads
 * any more or SIGINT, SIGTERM or SIGHUP ends the program (with status 0, also while a daemon keeps
 * silent). It ends at once if `interface` cannot be read at first; later, that is only told.
 */
int show_stream(const char *interface, const struct show_options *options);

/** One interface's member of the object of --json: `"wg0": {...}`, without what is between them. */
int show_json(struct strbuf *out, const struct wg_device *device,
	      const struct show_context *context);
/** The same as one line of --ndjson, with its newline. */
int show_ndjson(struct strbuf *out, const struct wg_device *device,
		const struct show_context *context);
/** The line for an interface that was there and is no more. */
void show_ndjson_gone(struct strbuf *out, const char *interface,
		      const struct show_context *context);

/** One of several interfaces that are shown together. */
struct show_part {
	const char *name;
	struct wg_device *device; /* NULL: it could not be read */
	struct conf_names names;
};

/** All metrics of these interfaces. */
int show_prometheus(struct strbuf *out, const struct show_part *parts, size_t n_parts,
		    int64_t now_s);

/**
 * The live view of `wg show --watch`: shows `interface` (NULL: all) every watch_ms until the reader
 * quits; show_stream() where there is no terminal for it. Returns the exit status.
 */
int show_watch(const char *interface, const struct show_options *options);

/** For scripts: one thing about the device, or about each of its peers. */
struct show_field {
	const char *name;
	const char *description; /* as in struct cli_word */
	/*
	 * Add a line but for its start (which for a peer includes the column that says who it is)
	 * and its newline. Either may be NULL.
	 */
	void (*device)(struct strbuf *out, const struct wg_device *device);
	void (*peer)(struct strbuf *out, const struct wg_peer *peer);
};

/** All fields, in the order of the usage, ended by one without a name. */
extern const struct show_field show_fields[];

/** The i-th field as a word of the command line. Returns false behind the last. */
bool show_field_word(struct cli_word *out, size_t i);

/**
 * Prints one field. `prefix` stands before each line: "" or the interface's name and a tab. Peers
 * are told by their keys, or by "@name" if names is not NULL and has one.
 */
int show_field(struct strbuf *out, const struct wg_device *device, const struct show_field *field,
	       const char *prefix, const struct conf_names *names);

#endif
