#ifndef CMD_WG_QUICK_LOCK_H
#define CMD_WG_QUICK_LOCK_H

#include <stdbool.h>

#include "lib/util/strbuf.h"

/*
 * Runs of this program that would get into each other's way, in one network namespace, go one after
 * the other. It is a convenience: where no file can be made, there is no lock.
 */

struct lock {
	int fd; /* negative: none */
	char *path;
	bool has_made_dir;
	bool is_callers; /* no lock, since this run is part of the one that has it */
};

/* What a lock is before it is taken. */
#define LOCK_NONE        \
	{                \
		.fd = -1 \
	}

/**
 * Waits until nobody else works on the interface; tells on stderr if it has to. What a run that was
 * killed has started, and is still at work, counts. Does not wait for
 * a run that this one is a part of, by one of its hooks, nor for itself. A signal that is held back
 * ends the wait, and there is no lock then.
 */
void lock_interface(struct lock *out, const char *interface);

/**
 * The descriptor of the interface's lock, or -1. The lock is given back when nobody has it any
 * more: a child that goes on when this program is killed keeps others waiting by that.
 */
int lock_held(void);

/** The directory goes with this lock: another thing in it had come first, and is about to go. */
void lock_take_dir(struct lock *lock);

/** As lock_interface(), until nobody else chooses a mark or takes rules away. */
void lock_rules(struct lock *out);

/**
 * Adds the path of a file beside the lock: DIR/NAME.NETNS, the network namespace being a number,
 * and `suffix`. Returns false if that number is unknown.
 */
bool lock_add_path(struct strbuf *out, const char *name, const char *suffix);

/** Gives it back, if there is one. */
void lock_release(struct lock *lock);

#endif
