#ifndef DATAPATH_HOST_CREW_H
#define DATAPATH_HOST_CREW_H

#include "datapath/host/loop.h"
#include "datapath/host/worker.h"
#include "lib/util/err.h"

/*
 * The other threads: each runs one worker's loop. What changes the tunnel's configuration is done
 * while all of them stand still, between two batches.
 */
struct crew;

/** Nobody so far. Never NULL. */
struct crew *crew_new(void);
/** Ends the threads. NULL is allowed. The workers, which are borrowed, are without threads then. */
void crew_free(struct crew *crew);

/** Starts a thread for a worker and the loop that it lives in. 0 or a negative errno. */
int crew_add(struct crew *crew, struct worker *worker, struct loop *loop, struct err *err);

/** Returns when all stand still; they have sent all that they had. May be called again and again,
 * crew_resume() as often. */
void crew_pause(struct crew *crew);
void crew_resume(struct crew *crew);

#endif
