/*
 * Reads devices in threads: see watch_reader.h. A question is made by the view, belongs to its
 * thread until that has written the question's address into the pipe, and then to the view again.
 * Nothing else is shared, so nothing is locked.
 */
#include "cmd/wg/watch_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

int watch_reader_open(struct watch_reader *reader, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	*reader = (struct watch_reader){ .answers = ends[0], .to = ends[1] };
	return 0;
}

static void hand_over(struct watch_answer *answer)
{
	/* An address goes through a pipe in one piece. */
	while (write(answer->to, &answer, sizeof(answer)) < 0 && errno == EINTR)
		;
}

static void find_out(struct watch_answer *answer)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	if (!answer->name) {
		answer->code = ipc_list(&answer->devices, &answer->err);
		return;
	}
	answer->code = ipc_get(&device, answer->name, &answer->err);
	if (answer->code)
		return;
	answer->snapshot = watch_snapshot_new(device, clock_now().mono);
	if (answer->wants_names)
		conf_names_read(&answer->names, answer->name);
}

static void *run(void *ctx)
{
	struct watch_answer *answer = ctx;

	find_out(answer);
	hand_over(answer);
	return NULL;
}

/* Signals are for the view, but for those that tell of an accident: they are for who has it. */
static void block_signals(sigset_t *before)
{
	static const int accidents[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(accidents) / sizeof(*accidents); i++)
		sigdelset(&blocked, accidents[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, before);
}

void watch_reader_ask(const struct watch_reader *reader, const char *name, bool names)
{
	struct watch_answer *answer = mem_alloc(1, sizeof(*answer));
	sigset_t before;
	pthread_t thread;
	int r;

	answer->to = reader->to;
	answer->name = mem_strdup(name);
	answer->wants_names = names;
	block_signals(&before);
	r = pthread_create(&thread, NULL, run, answer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r) {
		pthread_detach(thread);
		return;
	}
	answer->code = err_set(&answer->err, -r, "%s", strerror(r));
	hand_over(answer);
}

struct watch_answer *watch_reader_take(const struct watch_reader *reader)
{
	struct watch_answer *answer;

	return read(reader->answers, &answer, sizeof(answer)) == sizeof(answer) ? answer : NULL;
}

void watch_answer_free(struct watch_answer *answer)
{
	if (!answer)
		return;
	free(answer->name);
	strlist_fini(&answer->devices);
	watch_snapshot_free(answer->snapshot);
	conf_names_fini(&answer->names);
	free(answer);
}

void watch_answer_auto_free(struct watch_answer **answer)
{
	watch_answer_free(*answer);
}
