#ifndef CMD_WG_WATCH_READER_H
#define CMD_WG_WATCH_READER_H

#include "cmd/wg/watch_snapshot.h"
#include "lib/conf/names.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * Reads devices for the live view while it goes on: a daemon may keep silent for as long as it
 * likes. Each question has a thread of its own; answers come through a pipe.
 */
struct watch_reader {
	int answers; /* can be read when there is an answer */
	int to;      /* where threads put them */
};

/** What came of a question. */
struct watch_answer {
	int to;
	char *name;       /* the device's; NULL: what is known is which devices there are */
	bool wants_names; /* of its peers */
	int code;         /* 0, or a negative errno: then only `err` counts */
	struct err err;
	struct strlist devices;
	struct watch_snapshot *snapshot;
	struct conf_names names; /* if they were wanted */
};

/**
 * Makes the pipe. It lives as long as the program: threads that wait for an answer cannot be
 * called back, they end with it. 0, or a negative errno with *err filled in.
 */
int watch_reader_open(struct watch_reader *reader, struct err *err);

/** Asks for a device, with the names of its peers or without; NULL: which devices there are. */
void watch_reader_ask(const struct watch_reader *reader, const char *name, bool names);

/** The next answer, to be freed; NULL if there is none. */
struct watch_answer *watch_reader_take(const struct watch_reader *reader);
void watch_answer_free(struct watch_answer *answer);
/** For AUTO(). */
void watch_answer_auto_free(struct watch_answer **answer);

#endif
