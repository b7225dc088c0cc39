/*
 * The other threads: see crew.h. Each is called by an eventfd in its loop, and stands still where
 * it answers that: an epoch scheme with as few epochs as there are changes of the configuration.
 * So packets find peers and allowed IPs without a lock or a reference, and who changes them may
 * free what he replaces. It costs the time of one batch, some 100 microseconds.
 * The threads belong to the crew, which belongs to the thread that made it.
 */
#include "datapath/host/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/util/mem.h"

struct hand {
	struct hand *next;
	struct crew *crew;
	struct worker *worker;
	struct loop *loop;
	struct loop_source call; /* an eventfd */
	pthread_t thread;
};

struct crew {
	struct hand *hands;
	unsigned int n_hands;
	unsigned int n_pauses; /* that have not been resumed */
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t changed;
	bool is_paused, is_ending;
	unsigned int n_standing;
};

struct crew *crew_new(void)
{
	struct crew *crew = mem_alloc(1, sizeof(*crew));

	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->changed, NULL);
	return crew;
}

static void called(struct loop_source *source, uint32_t events)
{
	struct hand *hand = source->ctx;
	struct crew *crew = hand->crew;
	uint64_t n;

	(void)events;
	if (read(source->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	pthread_mutex_lock(&crew->lock);
	crew->n_standing++;
	pthread_cond_broadcast(&crew->changed);
	while (crew->is_paused)
		pthread_cond_wait(&crew->changed, &crew->lock);
	crew->n_standing--;
	if (crew->is_ending)
		loop_stop(hand->loop);
	pthread_mutex_unlock(&crew->lock);
}

static void call(const struct hand *hand)
{
	const uint64_t one = 1;
	ssize_t put = write(hand->call.fd, &one, sizeof(one));

	(void)put; /* at worst it is full: then it has been called already */
}

static void *run(void *pointer)
{
	struct hand *hand = pointer;

	worker_adopt(hand->worker);
	loop_run(hand->loop);
	return NULL;
}

int crew_add(struct crew *crew, struct worker *worker, struct loop *loop, struct err *err)
{
	struct hand *hand = mem_alloc(1, sizeof(*hand));
	int r;

	*hand = (struct hand){ .next = crew->hands, .crew = crew, .worker = worker, .loop = loop };
	hand->call = (struct loop_source){
		.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.ready = called,
		.ctx = hand,
	};
	r = hand->call.fd < 0 ? -errno : loop_add(loop, &hand->call, EPOLLIN, err);
	if (!r)
		r = -pthread_create(&hand->thread, NULL, run, hand);
	if (r) {
		if (hand->call.fd >= 0)
			close(hand->call.fd);
		free(hand);
		return err_set(err, r, "a thread: %s", strerror(-r));
	}
	crew->hands = hand;
	crew->n_hands++;
	return 0;
}

void crew_pause(struct crew *crew)
{
	if (crew->n_pauses++ || !crew->n_hands)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_paused = true;
	for (const struct hand *hand = crew->hands; hand; hand = hand->next)
		call(hand);
	while (crew->n_standing < crew->n_hands)
		pthread_cond_wait(&crew->changed, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
}

void crew_resume(struct crew *crew)
{
	if (--crew->n_pauses || !crew->n_hands)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_paused = false;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_ending = true;
	crew->is_paused = false;
	pthread_cond_broadcast(&crew->changed);
	pthread_mutex_unlock(&crew->lock);
	while (crew->hands) {
		struct hand *hand = crew->hands;

		crew->hands = hand->next;
		call(hand);
		pthread_join(hand->thread, NULL);
		loop_remove(hand->loop, &hand->call);
		close(hand->call.fd);
		free(hand);
	}
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}
