#ifndef CMD_WG_QUICK_COMMANDS_H
#define CMD_WG_QUICK_COMMANDS_H

#include <stdbool.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/lock.h"
#include "cmd/wg-quick/state.h"
#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"

/*
 * The subcommands: argv[0] is the name, argv[1] what to work on, options have been taken out.
 * Each returns the exit status. The table of them is in main.c.
 */
int quick_up(int argc, char **argv);
int quick_down(int argc, char **argv);
int quick_reload(int argc, char **argv);
int quick_save(int argc, char **argv);
int quick_status(int argc, char **argv);
int quick_strip(int argc, char **argv);
int quick_reresolve(int argc, char **argv);

/** The options that were given. main() fills them in before the subcommand runs. */
struct quick_options {
	bool if_exists;    /* down: what is not there is no failure */
	bool is_replacing; /* up: what is there is taken down first */
	bool is_dry_run;   /* up, down, reload: only tells what would be done; nothing is touched */
	bool is_json;      /* what is told on standard output is JSON */
};
extern struct quick_options quick_options;

/** Tells what is wrong, with the place in `file` (or NULL) that it is about. Returns 1. */
int quick_fail(const struct err *err, const char *file);
/** What quick_fail() has told last, without the program's name; "" if nothing. */
const char *quick_failure(void);

/** Refuses --json without --dry-run; returns whether it did. */
bool quick_refuse_json(void);

/** What subcommands look at before they decide. To be finished with view_fini(). */
struct view {
	struct lock lock; /* of the interface */
	struct target target;
	bool has_file; /* there is one: conf is what it says */
	struct conf conf;
	struct state state;
	struct journal journal; /* see recover.h: nothing else reads it */
};

/* What a view is before anybody has looked. */
#define VIEW_NONE                                           \
	{                                                   \
		.lock = LOCK_NONE, .journal = JOURNAL_NONE, \
	}

/**
 * Finds the file that `argument` names, takes the interface's lock (unless it is a dry run), reads
 * the file and looks at the host. Returns 0, or the exit status after telling what is wrong.
 */
int view_look(struct view *out, const char *argument, enum conf_dialect dialect);
/**
 * As view_look() for taking down: if there is no file, a journal of an interface of that name will
 * do, and view->conf says nothing then.
 */
int view_look_down(struct view *out, const char *argument);
/** Refuses to change an interface that a command of another run is called by, which would neither
 * know of it nor undo it. `how` is "reload" or "replace". Returns whether it did. */
bool view_refuse_callers(const struct view *view, const char *how);
/** Only looks at the host, once more. Returns as view_look(). */
int view_look_at_host(struct view *view);
/** Only finds the file, warning if everybody may read it. Returns as view_look(). */
int view_find(struct target *out, const char *argument);
void view_fini(struct view *view);

#endif
