/*
 * wg show: what the words ask for. How a device looks to people and to scripts is in show_pretty.c
 * and show_fields.c; the other ways, with all their devices, are behind show_machine(),
 * show_stream() and show_watch().
 */
#include "cmd/wg/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "cmd/escape.h"
#include "cmd/wg/commands.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/strlist.h"

/* NULL after saying so, when there is no such field. */
static const struct show_field *find_field(const char *name)
{
	for (const struct show_field *field = show_fields; field->name; field++)
		if (!strcmp(field->name, name))
			return field;
	cli_say("Invalid parameter: `%s'", name);
	wg_usage("show");
	return NULL;
}

struct show_context show_context_now(void)
{
	const char *hide = getenv("WG_HIDE_KEYS");
	struct timespec time = { 0 };

	clock_gettime(CLOCK_REALTIME, &time);
	return (struct show_context){
		.now_s = time.tv_sec,
		.now_ns = (uint32_t)time.tv_nsec,
		.colour = cli_colour(),
		.hide_keys = !hide || strcmp(hide, "never") != 0,
	};
}

static int list(struct strlist *names)
{
	struct err err;

	if (!ipc_list(names, &err))
		return 0;
	cli_say("Unable to list interfaces: %s", err.text);
	return 1;
}

static int show_interfaces(bool json)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	if (list(&names))
		return 1;
	if (json)
		strbuf_add_char(&out, '[');
	for (size_t i = 0; i < names.n; i++) {
		if (i)
			strbuf_add(&out, json ? ", " : " ");
		if (json)
			escape_json(&out, names.items[i]);
		else
			strbuf_add(&out, names.items[i]);
	}
	if (json)
		strbuf_add_char(&out, ']');
	if (out.len)
		strbuf_add_char(&out, '\n');
	return cli_write(&out);
}

/* One device, for a person or a script; `prefix` as in show_field(). */
static int show_device(struct strbuf *out, const struct wg_device *device,
		       const struct show_field *field, const char *prefix, bool with_names)
{
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	struct show_context context = show_context_now();

	if (with_names) {
		conf_names_read(&names, device->name);
		context.names = &names;
	}
	return field ? show_field(out, device, field, prefix, context.names)
		     : show_pretty(out, device, &context);
}

static int show_one(const char *name, const char *field_name, bool with_names)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	const struct show_field *field = NULL;
	struct err err;

	if (ipc_get(&device, name, &err)) {
		cli_say("Unable to access interface: %s", err.text);
		return 1;
	}
	if (field_name && !(field = find_field(field_name)))
		return 1;
	return show_device(&out, device, field, "", with_names) ? 1 : cli_write(&out);
}

/* One of several; `any` tells whether one was shown before. */
static int show_next(struct strbuf *out, const struct wg_device *device,
		     const struct show_field *field, bool any, bool with_names)
{
	AUTO(strbuf_fini) struct strbuf prefix = { 0 };

	if (!field && any)
		strbuf_add_char(out, '\n');
	strbuf_addf(&prefix, "%s\t", device->name);
	return show_device(out, device, field, prefix.text, with_names);
}

static int show_all(const char *field_name, bool with_names)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	const struct show_field *field = NULL;
	bool any = false;

	if (list(&names))
		return 1;
	if (names.n && field_name && !(field = find_field(field_name)))
		return 1;
	for (size_t i = 0; i < names.n; i++) {
		AUTO(wg_device_auto_free) struct wg_device *device = NULL;
		struct err err;

		if (ipc_get(&device, names.items[i], &err)) {
			/* In the order in which things happen, should both go to one terminal. */
			if (cli_write(&out))
				return 1;
			cli_say("Unable to access interface %s: %s", names.items[i], err.text);
			continue;
		}
		if (show_next(&out, device, field, any, with_names))
			return 1;
		any = true;
	}
	if (cli_write(&out))
		return 1;
	return any || !names.n ? 0 : 1;
}

/* ---- options --------------------------------------------------------------------------------- */

enum {
	WATCH_MS = 2000, /* unless told */
};

/* What stands behind "--" to choose a format. */
static const char *const format_names[] = {
	[SHOW_TEXT] = "text",
	[SHOW_JSON] = "json",
	[SHOW_NDJSON] = "ndjson",
	[SHOW_PROMETHEUS] = "prometheus",
};

static int take_watch(struct show_options *options, const char *value, struct err *err)
{
	static const char digits[] = "0123456789";
	size_t whole, part = 0;
	double seconds;

	options->watch_ms = WATCH_MS;
	if (!value)
		return 0;
	whole = strspn(value, digits);
	if (value[whole] == '.')
		part = 1 + strspn(value + whole + 1, digits);
	seconds = strtod(value, NULL);
	if (!whole || value[whole + part] || part == 1 || seconds < 0.1 || seconds > 86400)
		return err_set(err, -EINVAL, "--watch: `%.100s' is not a number from 0.1 to 86400",
			       value);
	options->watch_ms = (unsigned int)(seconds * 1000 + 0.5);
	return 0;
}

static int take_option(void *ctx, const struct cli_option *option, const char *value,
		       struct err *err)
{
	struct show_options *options = ctx;
	enum show_format format = SHOW_JSON;

	if (!strcmp(option->name, "watch"))
		return take_watch(options, value, err);
	if (!strcmp(option->name, "names")) {
		options->names = true;
		return 0;
	}
	while (format < SHOW_PROMETHEUS && strcmp(option->name, format_names[format]) != 0)
		format++;
	if (options->format != SHOW_TEXT && options->format != format)
		return err_set(err, -EINVAL, "--%s and --%s exclude each other",
			       format_names[options->format], option->name);
	options->format = format;
	return 0;
}

/* Whether the options go with these words: 0 or -EINVAL. */
static int check_options(const struct show_options *options, const char *interface,
			 const char *field, struct err *err)
{
	const char *format = format_names[options->format];

	if (options->watch_ms && options->format != SHOW_TEXT && options->format != SHOW_NDJSON)
		return err_set(err, -EINVAL, "--watch does not go with --%s, but with --ndjson",
			       format);
	if (field && (options->watch_ms || options->format != SHOW_TEXT))
		return err_set(err, -EINVAL, "--%s shows all of an interface, no single field",
			       options->watch_ms ? "watch" : format);
	if (!strcmp(interface, "interfaces") && (options->watch_ms || options->format > SHOW_JSON))
		return err_set(err, -EINVAL, "--%s does not go with the list of interfaces",
			       options->watch_ms ? "watch" : format);
	return 0;
}

int wg_show(int argc, char **argv)
{
	const struct cli_command *command = cli_find(wg_table.commands, argv[0]);
	struct show_options options = { .format = SHOW_TEXT };
	const char *interface, *field;
	struct err err;

	if (argc == 2 &&
	    (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		wg_usage("show");
		return 0;
	}
	if (cli_take_options(&argc, argv, command, take_option, &options, &err)) {
		cli_say("%s: %s", cli_program, err.text);
		return 1;
	}
	if (argc > 3)
		return wg_usage("show");
	interface = argc > 1 ? argv[1] : "all";
	field = argc == 3 ? argv[2] : NULL;
	if (!strcmp(interface, "interfaces") && field)
		return wg_usage("show");
	if (check_options(&options, interface, field, &err)) {
		cli_say("%s: %s", cli_program, err.text);
		return 1;
	}
	if (!strcmp(interface, "interfaces"))
		return show_interfaces(options.format == SHOW_JSON);
	if (!strcmp(interface, "all"))
		interface = NULL;
	if (options.watch_ms)
		return options.format == SHOW_NDJSON ? show_stream(interface, &options)
						     : show_watch(interface, &options);
	if (options.format != SHOW_TEXT)
		return show_machine(interface, &options);
	return interface ? show_one(interface, field, options.names)
			 : show_all(field, options.names);
}
