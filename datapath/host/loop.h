#ifndef DATAPATH_HOST_LOOP_H
#define DATAPATH_HOST_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/util/clock.h"
#include "lib/util/err.h"

/*
 * Waits for descriptors and for one deadline, with epoll and a timerfd. One thread.
 */
struct loop;

/** A descriptor that is waited for. Lives in its owner's struct, which the loop borrows. */
struct loop_source {
	int fd;
	/* Something happened: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP... It may remove any source,
	 * itself too. */
	void (*ready)(struct loop_source *source, uint32_t events);
	void *ctx; /* the owner's */
};

/** *out is a new loop; 0 or a negative errno. */
int loop_new(struct loop **out, struct err *err);
/** Sources must have been removed, or never be used again. NULL is allowed. */
void loop_free(struct loop *loop);

/** Waits for `events` on source->fd (0: for errors only). 0 or a negative errno. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err);
/** Waits for other events from now on. */
void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
/** To be called before the descriptor is closed: ready() is not called any more. */
void loop_remove(struct loop *loop, struct loop_source *source);

/**
 * Sets what is done before each wait: the pending work. It returns the instant to be called again
 * at the latest, MONO_NEVER if it has nothing to wait for.
 */
void loop_set_work(struct loop *loop, mono_ns (*work)(void *ctx), void *ctx);

/** Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
