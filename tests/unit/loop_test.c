/* The event loop: sources, removal while events are pending, the deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "datapath/host/loop.h"

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	return loop_new(&loop, NULL);
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

/* A pipe that has a byte to read, as a source. */
struct pipe_source {
	struct loop_source source;
	int fds[2];
	unsigned int n_calls;
	struct pipe_source *other; /* removed by ready() */
};

static void pipe_ready(struct loop_source *source, uint32_t events)
{
	struct pipe_source *self = source->ctx;

	assert_true(events & EPOLLIN);
	self->n_calls++;
	loop_remove(loop, source);
	if (self->other)
		loop_remove(loop, &self->other->source);
	loop_stop(loop);
}

static void pipe_open(struct pipe_source *self)
{
	*self = (struct pipe_source){ 0 };
	assert_int_equal(pipe(self->fds), 0);
	assert_int_equal(write(self->fds[1], "x", 1), 1);
	self->source = (struct loop_source){ .fd = self->fds[0], .ready = pipe_ready, .ctx = self };
	assert_int_equal(loop_add(loop, &self->source, EPOLLIN, NULL), 0);
}

static void pipe_close(struct pipe_source *self)
{
	close(self->fds[0]);
	close(self->fds[1]);
}

static void calls_what_is_ready(void **state)
{
	struct pipe_source a, b;

	(void)state;
	pipe_open(&a);
	pipe_open(&b);
	loop_run(loop);
	assert_int_equal(a.n_calls, 1);
	assert_int_equal(b.n_calls, 1);
	pipe_close(&a);
	pipe_close(&b);
}

static void removed_source_is_not_called(void **state)
{
	struct pipe_source a, b;

	(void)state;
	pipe_open(&a);
	pipe_open(&b);
	a.other = &b;
	b.other = &a;
	loop_run(loop);
	/* Both were ready in the same round; whoever came first removed the other. */
	assert_int_equal(a.n_calls + b.n_calls, 1);
	pipe_close(&a);
	pipe_close(&b);
}

static void zero_events_is_quiet(void **state)
{
	struct pipe_source a, b;

	(void)state;
	pipe_open(&a);
	loop_modify(loop, &a.source, 0);
	pipe_open(&b);
	loop_run(loop);
	assert_int_equal(a.n_calls, 0);
	loop_modify(loop, &a.source, EPOLLIN);
	loop_run(loop);
	assert_int_equal(a.n_calls, 1);
	pipe_close(&a);
	pipe_close(&b);
}

/* Work that wants to be called again 20 ms later, twice. */
struct ticking {
	unsigned int n_calls;
	mono_ns due[3];
	mono_ns called[3];
};

static mono_ns tick(void *ctx)
{
	struct ticking *ticking = ctx;
	mono_ns now = clock_now().mono;

	ticking->called[ticking->n_calls] = now;
	ticking->due[ticking->n_calls] = now + MSEC(20);
	if (++ticking->n_calls == 3)
		loop_stop(loop);
	return now + MSEC(20);
}

static void wakes_at_the_deadline(void **state)
{
	struct ticking ticking = { 0 };

	(void)state;
	loop_set_work(loop, tick, &ticking);
	loop_run(loop);
	assert_int_equal(ticking.n_calls, 3);
	for (int i = 1; i < 3; i++) {
		assert_true(ticking.called[i] >= ticking.due[i - 1]);
		assert_true(ticking.called[i] < ticking.due[i - 1] + SEC(2));
	}
}

static mono_ns in_the_past(void *ctx)
{
	unsigned int *n_calls = ctx;

	if (++*n_calls == 5)
		loop_stop(loop);
	return 0;
}

static void deadline_in_the_past_fires_at_once(void **state)
{
	unsigned int n_calls = 0;

	(void)state;
	loop_set_work(loop, in_the_past, &n_calls);
	loop_run(loop);
	assert_int_equal(n_calls, 5);
}

static void says_what_cannot_be_waited_for(void **state)
{
	struct loop_source source = { .fd = -1 };
	struct err err = { 0 };

	(void)state;
	assert_true(loop_add(loop, &source, EPOLLIN, &err) < 0);
	assert_non_null(strstr(err.text, "Bad file descriptor"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(calls_what_is_ready),
		CASE(removed_source_is_not_called),
		CASE(zero_events_is_quiet),
		CASE(wakes_at_the_deadline),
		CASE(deadline_in_the_past_fires_at_once),
		CASE(says_what_cannot_be_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
