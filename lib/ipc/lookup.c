/*
 * Many names at once: see lookup.h. Each thread asks one question at a time, by the C library's
 * blocking calls, and goes on with the next one that is due.
 *
 * Why not getaddrinfo_a(3): it has twenty threads, and no way to ask for more, so that a few dozen
 * names of a server that does not answer keep the others waiting for ten seconds each; it knows no
 * SRV records; and what it has begun cannot be cancelled either.
 *
 * For a thread in the C library cannot be stopped. When patience is at its end the caller goes on,
 * and such threads are left to themselves: they are detached, all they use belongs to `struct
 * lookups`, and whoever lets go of that last frees it. A process may end (by a signal, _exit() or
 * exit()) whenever it likes: it takes them along.
 *
 * Everything in `struct lookups` is guarded by its lock, until is_over: then nothing changes any
 * more but n_owners.
 */
#include "lib/ipc/lookup.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/ipc/resolve.h"
#include "lib/ipc/srv.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	AT_ONCE_MAX = 128,     /* threads, and with them sockets */
	STACK_BYTES = 1 << 20, /* the resolver's plug-ins are strangers; what is unused costs
				  nothing */
	ADDRS_MAX = 64,        /* of one name */
};

#define CANCEL_INTERVAL MSEC(100)

enum question_state {
	QUESTION_DUE,    /* waits for a thread, which next_question() gives it to */
	QUESTION_ASKED,  /* a thread has it, until settle() */
	QUESTION_CLOSED, /* its answer stands */
};

struct question {
	char *host;
	char *service; /* NULL: `host` is a domain with SRV records */
	size_t place;
	enum question_state state;
	mono_ns due; /* not before then */
	span_ns wait;
	int retries;
	struct lookup_answer answer;
};

struct lookups {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a question is closed, or it is_over */
	size_t n_owners;        /* the caller and the threads */
	struct question **questions;
	size_t n;
	size_t cap;
	void *index; /* tsearch(3): the questions, by what they ask */
	size_t n_open;
	bool is_over;
	struct lookup_policy policy;
};

/* What one try brought. */
struct outcome {
	struct lookup_answer answer;
	bool is_temporary;
};

static mono_ns now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time); /* what waiting for a condition can go by */
	return SEC(time.tv_sec) + time.tv_nsec;
}

/* Waits for a change, at most until `until`. */
static void wait_for_change(struct lookups *lookups, mono_ns until)
{
	const struct timespec time = { .tv_sec = until / SEC(1), .tv_nsec = until % SEC(1) };

	if (until == MONO_NEVER)
		pthread_cond_wait(&lookups->changed, &lookups->lock);
	else
		pthread_cond_clockwait(&lookups->changed, &lookups->lock, CLOCK_MONOTONIC, &time);
}

struct lookups *lookups_new(void)
{
	struct lookups *lookups = mem_alloc(1, sizeof(*lookups));

	pthread_mutex_init(&lookups->lock, NULL);
	pthread_cond_init(&lookups->changed, NULL);
	lookups->n_owners = 1;
	return lookups;
}

static int compare(const void *a, const void *b)
{
	const struct question *x = a, *y = b;
	int r = strcmp(x->host, y->host);

	if (r || !x->service || !y->service)
		return r ? r : !!x->service - !!y->service;
	return strcmp(x->service, y->service);
}

size_t lookups_add(struct lookups *lookups, const char *host, const char *service)
{
	struct question *question = mem_alloc(1, sizeof(*question));
	struct question **found;

	*question = (struct question){
		.host = mem_strdup(host),
		.service = mem_strdup(service),
		.place = lookups->n,
		.wait = RESOLVE_FIRST_WAIT,
	};
	found = tsearch(question, &lookups->index, compare);
	assert(found);
	if (*found != question) {
		free(question->host);
		free(question->service);
		free(question);
		return (*found)->place;
	}
	lookups->questions = mem_grow(lookups->questions, &lookups->cap, lookups->n + 1,
				      sizeof(struct question *));
	lookups->questions[lookups->n++] = question;
	return question->place;
}

static void leave_in_tree(void *node)
{
	(void)node; /* the array owns it */
}

static void let_go(struct lookups *lookups)
{
	size_t n_owners;

	pthread_mutex_lock(&lookups->lock);
	n_owners = --lookups->n_owners;
	pthread_mutex_unlock(&lookups->lock);
	if (n_owners)
		return;
	tdestroy(lookups->index, leave_in_tree);
	for (size_t i = 0; i < lookups->n; i++) {
		free(lookups->questions[i]->host);
		free(lookups->questions[i]->service);
		free(lookups->questions[i]->answer.addrs);
		free(lookups->questions[i]);
	}
	free(lookups->questions);
	pthread_mutex_destroy(&lookups->lock);
	pthread_cond_destroy(&lookups->changed);
	free(lookups);
}

void lookups_free(struct lookups **lookups)
{
	if (*lookups)
		let_go(*lookups);
	*lookups = NULL;
}

const struct lookup_answer *lookups_answer(const struct lookups *lookups, size_t place)
{
	assert(lookups->is_over && place < lookups->n);
	return &lookups->questions[place]->answer;
}

/* ---- asking: without the lock ---------------------------------------------------------------- */

static void add_addrs(struct lookup_answer *answer, const struct addrinfo *found)
{
	if (!answer->addrs)
		answer->addrs = mem_alloc(ADDRS_MAX, sizeof(*answer->addrs));
	for (; found && answer->n_addrs < ADDRS_MAX; found = found->ai_next) {
		union sockaddr_ip *addr = &answer->addrs[answer->n_addrs];

		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		assert(found->ai_addrlen <= sizeof(*addr));
		memcpy(addr, found->ai_addr, found->ai_addrlen);
		answer->n_addrs++;
	}
}

static void ask_host(struct outcome *out, const char *host, const char *service)
{
	char shown[RESOLVE_SHOWN_MAX];
	bool is_permanent, is_mistake;
	struct addrinfo *found;
	const char *why;

	if (resolve_check_port(host, service, &out->answer.err))
		return;
	resolve_describe(shown, host, service);
	why = resolve_ask(&found, &is_permanent, &is_mistake, host, service);
	if (why) {
		out->is_temporary = !is_permanent;
		err_set(&out->answer.err,
			is_mistake          ? -EINVAL
			: out->is_temporary ? -EAGAIN
					    : -EHOSTUNREACH,
			"%s: `%s'", why, shown);
		return;
	}
	add_addrs(&out->answer, found);
	freeaddrinfo(found);
	if (!out->answer.n_addrs)
		err_set(&out->answer.err, -EHOSTUNREACH,
			"Neither IPv4 nor IPv6 address found: `%s'", shown);
}

/* The addresses of all targets, the best one's first. That one of them fails does not matter as
 * long as there is any; it is told if there is none. */
static void ask_domain(struct outcome *out, const char *domain)
{
	AUTO(auto_free)
	struct srv_target *targets = mem_alloc(SRV_TARGETS_MAX, sizeof(*targets));
	int n = srv_look_up(targets, domain, &out->answer.err);

	out->is_temporary = n == -EAGAIN;
	for (int i = 0; i < n; i++) {
		char port[8];

		snprintf(port, sizeof(port), "%u", (unsigned int)targets[i].port);
		ask_host(out, targets[i].name, port);
	}
	if (out->answer.n_addrs)
		out->answer.err = (struct err){ 0 };
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The one that has been due for longest; NULL if all are closed or in other threads' hands. */
static struct question *next_question(struct lookups *lookups)
{
	struct question *next = NULL;

	for (size_t i = 0; i < lookups->n; i++) {
		struct question *question = lookups->questions[i];

		if (question->state == QUESTION_DUE && (!next || question->due < next->due))
			next = question;
	}
	if (next)
		next->state = QUESTION_ASKED;
	return next;
}

static void close_question(struct lookups *lookups, struct question *question)
{
	question->state = QUESTION_CLOSED;
	if (!--lookups->n_open)
		pthread_cond_broadcast(&lookups->changed);
}

/* Takes what a try has brought: an answer, or a reason to try again. */
static void settle(struct lookups *lookups, struct question *question,
		   const struct outcome *outcome)
{
	const struct lookup_policy *policy = &lookups->policy;

	free(question->answer.addrs);
	question->answer = outcome->answer;
	if (question->answer.n_addrs || !outcome->is_temporary || !question->retries) {
		close_question(lookups, question);
		return;
	}
	if (policy->waiting) {
		char message[sizeof(outcome->answer.err.text) + 64];

		snprintf(message, sizeof(message), "%s. Trying again in %.2f seconds...",
			 outcome->answer.err.text, (double)question->wait / SEC(1));
		policy->waiting(policy->ctx, message);
	}
	question->state = QUESTION_DUE;
	question->due = now() + question->wait;
	question->wait = resolve_next_wait(question->wait);
	if (question->retries != RESOLVE_RETRIES_INFINITE)
		question->retries--;
}

static void *work(void *ctx)
{
	struct lookups *lookups = ctx;
	struct question *question;

	pthread_mutex_lock(&lookups->lock);
	while (!lookups->is_over && (question = next_question(lookups))) {
		struct outcome outcome = { 0 };

		while (!lookups->is_over && question->due > now())
			wait_for_change(lookups, question->due);
		if (lookups->is_over)
			break;
		pthread_mutex_unlock(&lookups->lock);
		if (question->service)
			ask_host(&outcome, question->host, question->service);
		else
			ask_domain(&outcome, question->host);
		pthread_mutex_lock(&lookups->lock);
		if (lookups->is_over)
			free(outcome.answer.addrs);
		else
			settle(lookups, question, &outcome);
	}
	pthread_mutex_unlock(&lookups->lock);
	let_go(lookups);
	return NULL;
}

/* Returns 0 if there is at least one, else a negative errno. Signals are the caller's: what it
 * blocks later, a thread that is left to itself must not let through. */
static int start_threads(struct lookups *lookups)
{
	size_t wanted = lookups->n < AT_ONCE_MAX ? lookups->n : AT_ONCE_MAX, n = 0;
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (; !r && n < wanted; n += !r) {
		lookups->n_owners++;
		r = pthread_create(&thread, &attributes, work, lookups);
		if (r)
			lookups->n_owners--;
	}
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n ? 0 : -r;
}

/* Until all are closed, or patience is at its end. */
static void wait_for_all(struct lookups *lookups, mono_ns deadline)
{
	bool (*is_cancelled)(void) = lookups->policy.is_cancelled;
	mono_ns time;

	while (lookups->n_open && (time = now()) < deadline && !(is_cancelled && is_cancelled())) {
		mono_ns until = is_cancelled ? time + CANCEL_INTERVAL : deadline;

		wait_for_change(lookups, until < deadline ? until : deadline);
	}
}

/* What has no answer by now gets the reason of its last try, if there was one. */
static void give_up(struct lookups *lookups, int reason)
{
	for (size_t i = 0; i < lookups->n; i++) {
		struct question *question = lookups->questions[i];
		char shown[RESOLVE_SHOWN_MAX];

		if (question->state == QUESTION_CLOSED || question->answer.err.code)
			continue;
		if (question->service)
			resolve_describe(shown, question->host, question->service);
		else if (srv_question(shown, question->host, &question->answer.err))
			continue;
		if (reason)
			err_set(&question->answer.err, reason, "%s: `%s'", strerror(-reason),
				shown);
		else
			err_set(&question->answer.err, -ETIMEDOUT,
				"No answer from any name server within %d s: `%s'",
				(int)(lookups->policy.patience / SEC(1)), shown);
	}
}

void lookups_run(struct lookups *lookups, const struct lookup_policy *policy)
{
	const mono_ns deadline = policy->patience ? now() + policy->patience : MONO_NEVER;
	int r = 0;

	pthread_mutex_lock(&lookups->lock);
	assert(!lookups->is_over);
	lookups->policy = *policy;
	lookups->n_open = lookups->n;
	for (size_t i = 0; i < lookups->n; i++)
		lookups->questions[i]->retries = policy->retries;
	if (lookups->n)
		r = start_threads(lookups);
	if (!r)
		wait_for_all(lookups, deadline);
	lookups->is_over = true;
	give_up(lookups, r);
	pthread_cond_broadcast(&lookups->changed);
	pthread_mutex_unlock(&lookups->lock);
}
