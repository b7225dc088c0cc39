#ifndef CMD_WG_TERMINAL_H
#define CMD_WG_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

#include "cmd/wg/watch_keys.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/*
 * The terminal on standard output, as a screen of its own: keys come one by one and unseen, there
 * is no cursor, and what was there before comes back. Plain ECMA-48 with the private modes that all
 * terminals of today know (1049, 25, 7). There can be one at a time.
 */
struct terminal {
	int in;  /* keys; -1: none */
	int out; /* never blocks, where the terminal can be opened once more */
	bool is_entered;
	struct termios before; /* what it is put back to */
	struct strbuf queue;   /* what is not yet written */
	size_t written;
	char typed[64];
	size_t n_typed;
};

/** Whether stdout is a terminal that can do this: TERM is set, and is not "dumb". */
bool terminal_is_fit(void);

/** While this is in the background, stops until it is no more: none but the foreground may draw. */
void terminal_await(void);

/** Gets hold of the terminal and changes nothing. 0, or a negative errno with *err filled in. */
int terminal_open(struct terminal *terminal, struct err *err);
/** Leaves, and gives back what it holds; fit for AUTO(). */
void terminal_fini(struct terminal *terminal);

/**
 * Changes to the screen of its own. Should the program die by assert() or the like, it is left.
 * 0, or a negative errno with *err filled in.
 */
int terminal_enter(struct terminal *terminal, struct err *err);
/** Goes back to what was there before. Waits only so long for a terminal that takes nothing. */
void terminal_leave(struct terminal *terminal);
/** Someone else had the terminal while this was stopped: sets its modes again, not the screen. */
void terminal_resume(struct terminal *terminal);

/** Its size in characters, at least 1; 80 by 24 if it does not know. */
void terminal_size(unsigned int *width, unsigned int *height);

/**
 * Writes a screen, which covers what was there, as much as the terminal takes now. Returns false if
 * it still has to take what was written before: then this screen is dropped.
 */
bool terminal_draw(struct terminal *terminal, const struct strbuf *screen);
/** Whether terminal_flush() is to be called when `out` takes more. */
bool terminal_is_behind(const struct terminal *terminal);
/** Writes more of it. 0, or a negative errno: the terminal is gone. */
int terminal_flush(struct terminal *terminal);

/** Takes in what was typed. 0, or a negative errno: the terminal is gone. */
int terminal_read(struct terminal *terminal);
/** The next key typed. Returns false if there is none. */
bool terminal_key(struct terminal *terminal, enum watch_key *key);

#endif
