/*
 * wg show --watch without a screen: lines of JSON, or the ordinary output, again and again; see
 * show.h. The rounds begin at fixed times, however long each takes. Of each interface of --ndjson
 * the last counters are kept, for rates; the ordinary output keeps nothing.
 *
 * A signal ends the program where it waits or asks a device, but lets it finish what it has begun
 * to write; a second one does not.
 */
#include "cmd/wg/show.h"

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
#include "lib/util/mem.h"
#include "lib/util/strlist.h"

/* An interface that was heard of. */
struct source {
	char *name;
	struct watch_snapshot *before; /* NULL: it was not there */
	bool is_listed;                /* in this round */
	bool has_failed;               /* and that was said */
};

struct stream {
	const char *interface; /* NULL: all */
	const struct show_options *options;
	struct source *sources;
	size_t n_sources, sources_cap;
	struct strbuf out;
	bool has_failed; /* to list them, and that was said */
	bool is_first;   /* round */
};

static volatile sig_atomic_t writing, stopping;

static void stop(int signal)
{
	(void)signal;
	if (!writing || stopping)
		_exit(0);
	stopping = 1;
}

/* Who ignores a signal, as nohup does, goes on doing so. */
static void stop_on(int signal)
{
	const struct sigaction action = { .sa_handler = stop };
	struct sigaction before;

	if (!sigaction(signal, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

static void catch_signals(void)
{
	stop_on(SIGINT);
	stop_on(SIGTERM);
	stop_on(SIGHUP);
	/* That nobody reads any more is seen by wait_until(). */
	signal(SIGPIPE, SIG_IGN);
}

static int flush(struct stream *stream)
{
	int status;

	writing = 1;
	status = cli_write(&stream->out);
	writing = 0;
	if (stopping)
		_exit(status);
	return status;
}

static int list(struct strlist *names, struct stream *stream)
{
	struct err err;

	if (stream->interface) {
		strlist_add(names, stream->interface);
		return 0;
	}
	if (!ipc_list(names, &err)) {
		stream->has_failed = false;
		return 0;
	}
	if (!stream->has_failed)
		cli_say("Unable to list interfaces: %s", err.text);
	stream->has_failed = true;
	return -1;
}

/* Whether this is the first that is heard of the one interface that is asked for: if it cannot be
 * read then, it is a mistake; one that was there may come back. */
static bool is_mistake(const struct stream *stream)
{
	return stream->interface && stream->is_first;
}

/* ---- lines of JSON --------------------------------------------------------------------------- */

/* Adds a line and writes it. */
static int show_line(struct stream *stream, struct source *source, const struct wg_device *device)
{
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	struct show_context context = show_context_now();
	struct watch_snapshot *snapshot = watch_snapshot_new(device, clock_now().mono);
	int status;

	if (source->before)
		watch_snapshot_follow(snapshot, source->before);
	watch_snapshot_free(source->before);
	source->before = snapshot;
	conf_names_read(&names, source->name);
	context.names = &names;
	context.rates = snapshot;
	writing = 1;
	status = show_ndjson(&stream->out, device, &context);
	return status ? status : flush(stream);
}

static int show_gone(struct stream *stream, struct source *source)
{
	const struct show_context context = show_context_now();

	watch_snapshot_free(source->before);
	source->before = NULL;
	source->has_failed = false;
	show_ndjson_gone(&stream->out, source->name, &context);
	return flush(stream);
}

static bool is_there(const char *name)
{
	AUTO(strlist_fini) struct strlist names = { 0 };

	return ipc_list(&names, NULL) || strlist_has(&names, name);
}

static int show_source(struct stream *stream, struct source *source)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	struct err err;
	int status;

	if (!ipc_get(&device, source->name, &err)) {
		status = show_line(stream, source, device);
		source->has_failed = false;
		return status;
	}
	if (!is_mistake(stream) && !is_there(source->name))
		return source->before ? show_gone(stream, source) : 0;
	if (!source->has_failed)
		cli_say("Unable to access interface %s: %s", source->name, err.text);
	source->has_failed = true;
	return is_mistake(stream);
}

static struct source *find_source(struct stream *stream, const char *name)
{
	for (size_t i = 0; i < stream->n_sources; i++)
		if (!strcmp(stream->sources[i].name, name))
			return &stream->sources[i];
	stream->sources = mem_grow(stream->sources, &stream->sources_cap, stream->n_sources + 1,
				   sizeof(*stream->sources));
	stream->sources[stream->n_sources] = (struct source){ .name = mem_strdup(name) };
	return &stream->sources[stream->n_sources++];
}

static int show_lines(struct stream *stream)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	int status = 0;

	if (list(&names, stream))
		return stream->is_first;
	for (size_t i = 0; i < stream->n_sources; i++)
		stream->sources[i].is_listed = false;
	for (size_t i = 0; i < names.n && !status; i++) {
		struct source *source = find_source(stream, names.items[i]);

		source->is_listed = true;
		status = show_source(stream, source);
	}
	for (size_t i = 0; i < stream->n_sources && !status; i++)
		if (!stream->sources[i].is_listed && stream->sources[i].before)
			status = show_gone(stream, &stream->sources[i]);
	return status;
}

/* ---- the ordinary output --------------------------------------------------------------------- */

/* A terminal comes here only if it can do nothing, not even colours. */
static bool wants_colour(void)
{
	const char *mode = getenv("WG_COLOR_MODE");

	return mode && !strcmp(mode, "always");
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

static int show_block(struct stream *stream, const char *name)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	struct show_context context;
	struct err err;
	int status;

	if (ipc_get(&device, name, &err)) {
		/* In the order in which things happen, should both go to one place. */
		if (flush(stream))
			return 1;
		cli_say("Unable to access interface %s: %s", name, err.text);
		return is_mistake(stream);
	}
	context = show_context_now(); /* later than any handshake */
	context.colour = wants_colour();
	if (stream->options->names) {
		conf_names_read(&names, name);
		context.names = &names;
	}
	writing = 1;
	status = show_pretty(&stream->out, device, &context);
	return status ? status : flush(stream);
}

static int show_blocks(struct stream *stream)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	int status = 0;

	if (!stream->is_first)
		add_time(&stream->out);
	if (list(&names, stream))
		return stream->is_first ? 1 : flush(stream);
	for (size_t i = 0; i < names.n && !status; i++) {
		if (i)
			strbuf_add_char(&stream->out, '\n');
		status = show_block(stream, names.items[i]);
	}
	return status ? status : flush(stream);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* Returns false if nobody reads any more; looks once at least, though it be too late to wait. */
static bool wait_until(mono_ns when)
{
	struct pollfd output = { .fd = STDOUT_FILENO };
	span_ns left;

	do {
		struct timespec timeout = { 0 };

		left = when - clock_now().mono;
		if (left > 0)
			timeout = (struct timespec){ left / SEC(1), left % SEC(1) };
		if (ppoll(&output, 1, &timeout, NULL) > 0)
			return false;
	} while (left > 0);
	return true;
}

int show_stream(const char *interface, const struct show_options *options)
{
	struct stream stream = {
		.interface = interface,
		.options = options,
		.is_first = true,
	};
	const span_ns period = MSEC(options->watch_ms);
	mono_ns next = clock_now().mono;
	int status;

	catch_signals();
	do {
		mono_ns now;

		status =
			options->format == SHOW_NDJSON ? show_lines(&stream) : show_blocks(&stream);
		stream.is_first = false;
		/* Rounds that are missed are left out; the others stay in step. */
		now = clock_now().mono;
		next += period;
		if (next < now)
			next += (now - next + period - 1) / period * period;
	} while (!status && wait_until(next));
	for (size_t i = 0; i < stream.n_sources; i++) {
		free(stream.sources[i].name);
		watch_snapshot_free(stream.sources[i].before);
	}
	free(stream.sources);
	strbuf_fini(&stream.out);
	return status;
}
