/*
 * wg show --watch without a screen: see watch_plain.h. Each round reads and prints one device after
 * the other and keeps nothing. The rounds begin at fixed times, however long each takes.
 */
#include "cmd/wg/watch_plain.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/strlist.h"

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

/* Who ignores a signal, as nohup does, goes on doing so. */
static void leave_on(int signal)
{
	const struct sigaction action = { .sa_handler = leave };
	struct sigaction before;

	if (!sigaction(signal, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

static bool wants_colour(void)
{
	const char *mode = getenv("WG_COLOR_MODE");

	return mode && !strcmp(mode, "always");
}

/* Prints one device; one that cannot be read is told of, and is no reason to stop. */
static int print_one(struct strbuf *out, const char *name, bool names)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(conf_names_fini) struct conf_names peer_names = { 0 };
	const struct instant now = clock_now();
	const struct show_context context = {
		.now_s = now.unix_ns / SEC(1),
		.now_ns = (uint32_t)(now.unix_ns % SEC(1)),
		.colour = wants_colour(),
		.names = names ? &peer_names : NULL,
	};
	struct err err;

	if (ipc_get(&device, name, &err)) {
		/* In the order in which things happen, should both go to one place. */
		if (cli_write(out))
			return 1;
		cli_say("Unable to access interface %s: %s", name, err.text);
		return 0;
	}
	if (names)
		conf_names_read(&peer_names, name);
	return show_pretty(out, device, &context);
}

static int print_all(struct strbuf *out, bool names)
{
	AUTO(strlist_fini) struct strlist devices = { 0 };
	struct err err;

	if (ipc_list(&devices, &err)) {
		cli_say("Unable to list interfaces: %s", err.text);
		return 0;
	}
	for (size_t i = 0; i < devices.n; i++) {
		if (i)
			strbuf_add_char(out, '\n');
		if (print_one(out, devices.items[i], names))
			return 1;
	}
	return 0;
}

static void add_time(struct strbuf *out)
{
	const time_t now = time(NULL);
	struct tm local;
	char text[64] = "";

	if (localtime_r(&now, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	strbuf_addf(out, "\n%s\n", text);
}

/* Waits until then. Returns false if nobody reads stdout any more. */
static bool wait_until(mono_ns when)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };
	span_ns left;

	/* Once at least: a period too short for what there is to do is no reason not to look. */
	do {
		left = when - clock_now().mono;
		if (poll(&reader, 1, left <= 0 ? 0 : (int)(left / MSEC(1)) + 1) > 0)
			return false;
	} while (when > clock_now().mono);
	return true;
}

int watch_plain(const char *interface, const struct show_options *options)
{
	const span_ns period = MSEC(options->watch_ms);
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	mono_ns next = clock_now().mono;

	leave_on(SIGINT);
	leave_on(SIGTERM);
	leave_on(SIGHUP);
	/* That nobody reads is seen while waiting. */
	signal(SIGPIPE, SIG_IGN);
	do {
		int status = interface ? print_one(&out, interface, options->names)
				       : print_all(&out, options->names);

		if (status || cli_write(&out))
			return 1;
		do
			next += period;
		while (next <= clock_now().mono);
		add_time(&out);
	} while (wait_until(next));
	return 0;
}
