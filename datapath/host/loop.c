/*
 * The event loop: see loop.h. epoll is level-triggered, so that a source that read only one batch
 * is called again. The deadline is a timerfd on CLOCK_BOOTTIME, which goes on while the machine
 * sleeps; it is only set when it must be earlier than it is, for a deadline that moves back with
 * every packet would cost a system call each time. Waking up early is harmless.
 * The loop owns its two descriptors and borrows the sources. One thread.
 */
#include "datapath/host/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/util/mem.h"

enum {
	LOOP_EVENTS = 32
};

struct loop {
	int epoll_fd;
	struct loop_source timer;
	mono_ns armed; /* when the timer fires; MONO_NEVER: not set */
	mono_ns (*work)(void *ctx);
	void *work_ctx;
	bool stopped;
	/* The events being handled: a source that is removed meanwhile is struck out. */
	struct epoll_event events[LOOP_EVENTS];
	int n_events;
};

/* Reading the timer is what makes it quiet again. */
static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct loop *loop = source->ctx;
	uint64_t fired;

	(void)events;
	if (read(source->fd, &fired, sizeof(fired)) == (ssize_t)sizeof(fired))
		loop->armed = MONO_NEVER;
}

int loop_new(struct loop **out, struct err *err)
{
	struct loop *loop = mem_alloc(1, sizeof(*loop));
	int r = 0;

	loop->armed = MONO_NEVER;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer.fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	loop->timer.ready = timer_ready;
	loop->timer.ctx = loop;
	if (loop->epoll_fd < 0 || loop->timer.fd < 0)
		r = err_set(err, -errno, "event loop: %s", strerror(errno));
	else
		r = loop_add(loop, &loop->timer, EPOLLIN, err);
	if (r) {
		loop_free(loop);
		return r;
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->timer.fd >= 0)
		close(loop->timer.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct err *err)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event))
		return err_set(err, -errno, "event loop: %s", strerror(errno));
	return 0;
}

void loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);

	assert(!r);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

void loop_set_work(struct loop *loop, mono_ns (*work)(void *ctx), void *ctx)
{
	loop->work = work;
	loop->work_ctx = ctx;
}

static void arm(struct loop *loop, mono_ns deadline)
{
	struct itimerspec spec = { 0 };

	if (deadline >= loop->armed)
		return;
	/* Zero would mean "not at all", and a negative time is none. */
	if (deadline < 1)
		deadline = 1;
	spec.it_value.tv_sec = deadline / SEC(1);
	spec.it_value.tv_nsec = deadline % SEC(1);
	timerfd_settime(loop->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
	loop->armed = deadline;
}

void loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		if (loop->work)
			arm(loop, loop->work(loop->work_ctx));
		if (loop->stopped)
			break;
		loop->n_events = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS, -1);
		for (int i = 0; i < loop->n_events; i++) {
			struct loop_source *source = loop->events[i].data.ptr;

			if (source)
				source->ready(source, loop->events[i].events);
		}
		loop->n_events = 0;
	}
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
