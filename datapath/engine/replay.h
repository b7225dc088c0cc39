#ifndef DATAPATH_ENGINE_REPLAY_H
#define DATAPATH_ENGINE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

enum {
	REPLAY_BITS = 8192,
	REPLAY_WINDOW = REPLAY_BITS - 64, /* how far behind the newest a counter may be */
};

/** Which counters have been seen. All zero is a fresh one. Source: RFC 6479. */
struct replay {
	uint64_t next; /* the highest counter accepted, plus one */
	uint64_t seen[REPLAY_BITS / 64];
};

/** Whether `counter` is new; if so it is marked. Call it only for what authenticated. */
bool replay_accept(struct replay *replay, uint64_t counter);

#endif
