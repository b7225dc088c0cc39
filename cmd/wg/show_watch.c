/*
 * wg show --watch, on a terminal: a screen of its own, drawn by watch_page.h. One loop waits for
 * the clock, for keys, for signals and for the answers of watch_reader.h, and none of them holds up
 * another: a daemon that keeps silent does not keep anyone from leaving.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg/show.h"
#include "cmd/wg/terminal.h"
#include "cmd/wg/watch_page.h"
#include "cmd/wg/watch_reader.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/mem.h"

enum {
	/* So long a screen waits for all answers, that they be seen at once. */
	GATHER_MS = 150,
	/* Who has not answered by then is called silent, and how long is told every second. */
	SILENT_S = 3,
	/* Who is gone is shown for so long; some make an interface for every job. */
	GONE_S = 60,
	SECOND_MS = 1000,
};

struct interface {
	char *name;
	bool is_asked; /* and has not answered yet */
	bool wants_names;
	bool was_there;
	mono_ns asked;
	mono_ns gone;      /* since when it is not there; 0: it is, or that is not known */
	char problem[128]; /* why it cannot be read; empty: it can */
	struct conf_names names;
	struct watch_snapshot *snapshot; /* NULL: none yet, or it cannot be read */
};

struct live {
	struct terminal terminal;
	struct watch_reader reader;
	int signals;                  /* signalfd */
	int timer;                    /* timerfd: the period */
	const char *only;             /* the interface; NULL: all */
	struct interface *interfaces; /* in the order in which they were first seen */
	size_t n_interfaces, interfaces_cap;
	size_t n_asked;   /* interfaces that owe an answer */
	bool is_listing;  /* that question is under way */
	char notice[128]; /* why interfaces cannot be listed; empty: they can */
	struct watch_state state;
	struct instant now; /* what the screen is about */
	mono_ns draw_by;    /* MONO_NEVER: the screen is as it should be */
	bool colour;
	struct strbuf screen;
	struct watch_part *parts;
};

static void interface_fini(struct interface *interface)
{
	free(interface->name);
	conf_names_fini(&interface->names);
	watch_snapshot_free(interface->snapshot);
}

static void live_fini(struct live *live)
{
	terminal_fini(&live->terminal);
	for (size_t i = 0; i < live->n_interfaces; i++)
		interface_fini(&live->interfaces[i]);
	free(live->interfaces);
	free(live->parts);
	strbuf_fini(&live->screen);
	auto_close(&live->signals);
	auto_close(&live->timer);
}

/* ---- asking, and what comes of it ----------------------------------------------------------- */

static void ask(struct live *live, struct interface *interface)
{
	if (interface->is_asked)
		return;
	interface->is_asked = true;
	interface->asked = live->now.mono;
	live->n_asked++;
	watch_reader_ask(&live->reader, interface->name, interface->wants_names);
}

static struct interface *find(struct live *live, const char *name)
{
	for (size_t i = 0; i < live->n_interfaces; i++)
		if (!strcmp(live->interfaces[i].name, name))
			return &live->interfaces[i];
	return NULL;
}

static void add(struct live *live, const char *name)
{
	live->interfaces = mem_grow(live->interfaces, &live->interfaces_cap, live->n_interfaces + 1,
				    sizeof(*live->interfaces));
	live->interfaces[live->n_interfaces++] = (struct interface){
		.name = mem_strdup(name),
		.wants_names = true,
	};
}

/* Forgets those who have not been there for long and are not awaited. */
static void forget_gone(struct live *live)
{
	size_t n = 0;

	for (size_t i = 0; i < live->n_interfaces; i++) {
		struct interface *interface = &live->interfaces[i];

		if (interface->is_asked || !interface->gone ||
		    live->now.mono - interface->gone < SEC(GONE_S))
			live->interfaces[n++] = *interface;
		else
			interface_fini(interface);
	}
	live->n_interfaces = n;
}

static void ask_all(struct live *live)
{
	if (!live->only && !live->is_listing) {
		live->is_listing = true;
		watch_reader_ask(&live->reader, NULL, false);
	}
	for (size_t i = 0; i < live->n_interfaces; i++)
		ask(live, &live->interfaces[i]);
}

static void take_list(struct live *live, const struct watch_answer *answer)
{
	live->is_listing = false;
	live->notice[0] = '\0';
	if (answer->code)
		snprintf(live->notice, sizeof(live->notice), "cannot list interfaces: %s",
			 answer->err.text);
	for (size_t i = 0; !answer->code && i < answer->devices.n; i++) {
		if (find(live, answer->devices.items[i]))
			continue;
		add(live, answer->devices.items[i]);
		ask(live, &live->interfaces[live->n_interfaces - 1]);
	}
}

static void take_problem(struct interface *interface, const struct watch_answer *answer,
			 mono_ns now)
{
	const char *why = answer->err.text;

	/* Without its driver the kernel's answer is about that, but nobody asked for the driver. */
	if (answer->code == -ENODEV || answer->code == -ENOENT ||
	    answer->code == -EPROTONOSUPPORT) {
		why = interface->was_there ? "gone" : "no such interface";
		interface->gone = interface->gone ? interface->gone : now;
	} else {
		interface->gone = 0;
	}
	snprintf(interface->problem, sizeof(interface->problem), "%s", why);
	watch_snapshot_free(TAKE(interface->snapshot));
	interface->wants_names = true;
}

static void take_snapshot(struct interface *interface, struct watch_answer *answer)
{
	struct watch_snapshot *snapshot = TAKE(answer->snapshot);
	bool any_new = interface->snapshot && watch_snapshot_follow(snapshot, interface->snapshot);

	if (answer->wants_names) {
		conf_names_fini(&interface->names);
		interface->names = answer->names;
		answer->names = (struct conf_names){ 0 };
	}
	watch_snapshot_name(snapshot, &interface->names);
	watch_snapshot_free(interface->snapshot);
	interface->snapshot = snapshot;
	/* Whoever is new may have a name since. */
	interface->wants_names = any_new && !answer->wants_names;
	interface->was_there = true;
	interface->gone = 0;
	interface->problem[0] = '\0';
}

static void take_answers(struct live *live)
{
	for (;;) {
		AUTO(watch_answer_auto_free)
		struct watch_answer *answer = watch_reader_take(&live->reader);
		struct interface *interface;

		if (!answer)
			break;
		if (!answer->name) {
			take_list(live, answer);
			continue;
		}
		interface = find(live, answer->name);
		interface->is_asked = false;
		live->n_asked--;
		/* What stands still is what the reader looks at. */
		if (live->state.paused)
			continue;
		if (answer->code)
			take_problem(interface, answer, live->now.mono);
		else
			take_snapshot(interface, answer);
	}
	if (live->state.paused)
		return;
	live->now = clock_now();
	if (!live->n_asked && !live->is_listing)
		live->draw_by = live->now.mono;
}

/* ---- the screen ----------------------------------------------------------------------------- */

static struct watch_view make_view(struct live *live, char *clock, size_t clock_cap)
{
	const time_t now_s = live->now.unix_ns / SEC(1);
	struct watch_view view = {
		.n_parts = live->n_interfaces,
		.notice = live->notice[0] ? live->notice : NULL,
		.clock = clock,
		.now_s = now_s,
		.now = live->now.mono,
		.colour = live->colour,
		.erase = true,
	};
	struct tm local;

	clock[0] = '\0';
	if (localtime_r(&now_s, &local))
		strftime(clock, clock_cap, "%H:%M:%S", &local);
	terminal_size(&view.width, &view.height);
	free(live->parts);
	live->parts = mem_alloc(live->n_interfaces, sizeof(*live->parts));
	view.parts = live->parts;
	for (size_t i = 0; i < live->n_interfaces; i++) {
		struct interface *interface = &live->interfaces[i];
		span_ns silent = live->now.mono - interface->asked;

		live->parts[i] = (struct watch_part){
			.name = interface->name,
			.snapshot = interface->snapshot,
			.problem = interface->problem[0] ? interface->problem : NULL,
			.silent_s = interface->is_asked && silent >= SEC(SILENT_S) ? silent / SEC(1)
										   : 0,
		};
		if (interface->snapshot)
			watch_snapshot_sort(interface->snapshot, live->state.sort,
					    live->state.reverse, live->state.names);
	}
	return view;
}

static void draw(struct live *live)
{
	char clock[16];
	const struct watch_view view = make_view(live, clock, sizeof(clock));

	strbuf_clear(&live->screen);
	watch_page(&live->screen, &live->state, &view);
	/* A terminal that is behind gets the next one, when it has taken the last. */
	if (terminal_draw(&live->terminal, &live->screen))
		live->draw_by = MONO_NEVER;
}

static void tick(struct live *live)
{
	if (live->state.paused)
		return;
	live->now = clock_now();
	if (!live->only)
		forget_gone(live);
	/* A screen that waits already does so no longer, however short the period. */
	if (live->draw_by == MONO_NEVER)
		live->draw_by = live->now.mono + MSEC(GATHER_MS);
	ask_all(live);
}

/* ---- what happens --------------------------------------------------------------------------- */

/* Those that are read like all else. */
static sigset_t wanted_signals(void)
{
	static const int wanted[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT
	};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		sigaddset(&set, wanted[i]);
	return set;
}

/* As the terminal would have done, but with its screen put back first. Until the terminal is ours
 * again, signals do what they do to any program. */
static void suspend(struct live *live)
{
	sigset_t set = wanted_signals();
	struct err err;

	terminal_leave(&live->terminal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGTSTP);
	terminal_await();
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (terminal_enter(&live->terminal, &err))
		live->state.quit = true;
	tick(live);
}

static void take_signal(struct live *live)
{
	struct signalfd_siginfo info;

	if (read(live->signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		break;
	case SIGTSTP:
		suspend(live);
		break;
	case SIGCONT:
		terminal_resume(&live->terminal);
		break;
	default:
		live->state.quit = true;
	}
	live->draw_by = 0;
}

/* The terminal is gone if it cannot be read. */
static void take_keys(struct live *live, short events)
{
	enum watch_key key;

	if (terminal_read(&live->terminal) || (events & (POLLERR | POLLHUP | POLLNVAL)))
		live->state.quit = true;
	while (!live->state.quit && terminal_key(&live->terminal, &key)) {
		char clock[16];
		const struct watch_view view = make_view(live, clock, sizeof(clock));
		bool was_paused = live->state.paused;

		watch_press(&live->state, key, &view);
		if (was_paused && !live->state.paused)
			tick(live);
		live->draw_by = 0;
	}
}

/* How long nothing needs to be done, in milliseconds. */
static int time_left(const struct live *live)
{
	span_ns left = live->draw_by - clock_now().mono;

	if (live->draw_by != MONO_NEVER)
		return left <= 0 ? 0 : (int)(left / MSEC(1)) + 1;
	/* How long someone has been silent is told as it grows. */
	return live->n_asked && !live->state.paused ? SECOND_MS : -1;
}

static int run(struct live *live)
{
	enum {
		KEYS,
		SIGNALS,
		TIMER,
		ANSWERS,
		ROOM,
		N_FDS
	};
	struct pollfd fds[N_FDS] = {
		[KEYS] = { .fd = live->terminal.in, .events = POLLIN },
		[SIGNALS] = { .fd = live->signals, .events = POLLIN },
		[TIMER] = { .fd = live->timer, .events = POLLIN },
		[ANSWERS] = { .fd = live->reader.answers, .events = POLLIN },
	};

	tick(live);
	while (!live->state.quit) {
		bool is_behind = terminal_is_behind(&live->terminal);
		uint64_t ticks;
		int n;

		fds[ROOM] = (struct pollfd){ .fd = is_behind ? live->terminal.out : -1,
					     .events = POLLOUT };
		n = poll(fds, N_FDS, is_behind ? -1 : time_left(live));
		if (n < 0)
			continue;
		if (n == 0 && live->draw_by == MONO_NEVER) {
			live->now = clock_now();
			live->draw_by = 0;
		}
		if (fds[SIGNALS].revents)
			take_signal(live);
		if (fds[KEYS].revents)
			take_keys(live, fds[KEYS].revents);
		if (fds[ROOM].revents && terminal_flush(&live->terminal))
			break;
		if (fds[TIMER].revents && read(live->timer, &ticks, sizeof(ticks)) > 0)
			tick(live);
		if (fds[ANSWERS].revents)
			take_answers(live);
		if (live->draw_by <= clock_now().mono && !live->state.quit)
			draw(live);
	}
	return 0;
}

/* ---- start ---------------------------------------------------------------------------------- */

/* From here on signals are read like all else. */
static int open_signals(void)
{
	sigset_t set = wanted_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int open_timer(unsigned int period_ms)
{
	const struct timespec period = {
		.tv_sec = period_ms / SECOND_MS,
		.tv_nsec = (long)MSEC(period_ms % SECOND_MS),
	};
	const struct itimerspec times = { .it_interval = period, .it_value = period };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &times, NULL);
	return fd;
}

static int fail(const char *why)
{
	cli_say("Unable to watch: %s", why);
	return 1;
}

int show_watch(const char *interface, const struct show_options *options)
{
	AUTO(live_fini)
	struct live live = {
		.terminal = { .in = -1, .out = -1 },
		.signals = -1,
		.timer = -1,
		.only = interface,
		.draw_by = MONO_NEVER,
		.state = { .names = true },
		.colour = cli_colour(),
	};
	struct err err;

	if (!terminal_is_fit())
		return show_stream(interface, options);
	/* Names have the width that this terminal gives them. */
	setlocale(LC_CTYPE, "");
	terminal_await();
	if (terminal_open(&live.terminal, &err) || watch_reader_open(&live.reader, &err))
		return fail(err.text);
	live.signals = open_signals();
	live.timer = open_timer(options->watch_ms);
	if (live.signals < 0 || live.timer < 0)
		return fail(strerror(errno));
	if (interface)
		add(&live, interface);
	if (terminal_enter(&live.terminal, &err))
		return fail(err.text);
	return run(&live);
}
