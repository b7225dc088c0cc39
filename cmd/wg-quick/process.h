#ifndef CMD_WG_QUICK_PROCESS_H
#define CMD_WG_QUICK_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/util/err.h"

/* Child processes, and the signals that must not cut this program off in the middle of its work. */

/**
 * Holds back SIGINT, SIGTERM, SIGHUP and SIGQUIT, bar those that are ignored, from now on. A
 * standard stream that nobody reads any more (SIGPIPE) no longer ends this program either.
 */
void process_hold_signals(void);

/** Whether a signal that is held back has arrived. */
bool process_is_interrupted(void);

/**
 * Whether there is such a program in PATH, and, unless `out` is NULL, where: at most PATH_MAX
 * bytes.
 */
bool process_find(char *out, const char *name);

/**
 * Runs a program, found in PATH, with this one's standard streams and the signals as they were, and
 * waits for its end, whatever signals come. `kept`, unless negative, is a descriptor that it gets
 * besides, by the same number. Returns its exit status, 128 and the signal's number if one killed
 * it, or a negative errno with *err filled in if it cannot be started.
 */
int process_run(char *const argv[], int kept, struct err *err);

/**
 * As process_run(), with other standard input, output and error: those of `streams` that are not
 * negative. They stay the caller's.
 */
int process_run_with(char *const argv[], const int streams[static 3], struct err *err);

/**
 * As process_run(), for a program that stays behind as a daemon: it gets a session of its own, out
 * of reach of a terminal's Ctrl-C. If a signal is held back and the program does not end on its own
 * soon, it is killed, and all that it has started with it; and so it is if this program is killed.
 */
int process_run_apart(char *const argv[], struct err *err);

/**
 * Calls `function` in a child process, for what may take long and can be stopped at any point: a
 * signal that is held back here ends it there. Returns as process_run(); function's value is the
 * exit status. What function changes in memory is lost. It ends with this program.
 */
int process_call(int (*function)(void *ctx), void *ctx, struct err *err);

/**
 * As process_call(), for what signals must not end, as when something is undone: but after 2 s of
 * waiting it is given up.
 */
int process_call_in_time(int (*function)(void *ctx), void *ctx, struct err *err);

/** Zeroed memory in which a called function can leave an answer; NULL if there is none. */
void *process_share(size_t size);
/** Gives it back; NULL is allowed. */
void process_unshare(void *shared, size_t size);

/**
 * A file in memory from which a program can read a text, also one that nobody else may see. If
 * `is_inherited`, programs get its descriptor by themselves. Returns that, to be closed, or a
 * negative errno.
 */
int process_open_text(const char *text, size_t len, bool is_inherited);

/** Whether this process has CAP_NET_ADMIN, which root in a container may lack. */
bool process_may_administer_network(void);

#endif
