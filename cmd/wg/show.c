/* wg show: which devices, and which way; the ways are show_pretty.c and show_fields.c. */
#include "cmd/wg/show.h"

#include <string.h>
#include <time.h>

#include "cmd/cli.h"
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

static struct show_context now(void)
{
	struct timespec time = { 0 };

	clock_gettime(CLOCK_REALTIME, &time);
	return (struct show_context){
		.now_s = time.tv_sec,
		.now_ns = (uint32_t)time.tv_nsec,
		.colour = cli_colour(),
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

static int show_interfaces(void)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	if (list(&names))
		return 1;
	for (size_t i = 0; i < names.n; i++) {
		if (i)
			strbuf_add_char(&out, ' ');
		strbuf_add(&out, names.items[i]);
	}
	if (names.n)
		strbuf_add_char(&out, '\n');
	return cli_write(&out);
}

static int show_one(const char *name, const char *field_name)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	const struct show_context context = now();
	const struct show_field *field;
	struct err err;
	int status;

	if (ipc_get(&device, name, &err)) {
		cli_say("Unable to access interface: %s", err.text);
		return 1;
	}
	if (field_name) {
		field = find_field(field_name);
		status = field ? show_field(&out, device, field, "") : 1;
	} else {
		status = show_pretty(&out, device, &context);
	}
	return status ? status : cli_write(&out);
}

/* One of several; `any` tells whether one was shown before. */
static int show_next(struct strbuf *out, const struct wg_device *device,
		     const struct show_field *field, bool any)
{
	AUTO(strbuf_fini) struct strbuf prefix = { 0 };
	const struct show_context context = now();

	if (!field) {
		if (any)
			strbuf_add_char(out, '\n');
		return show_pretty(out, device, &context);
	}
	strbuf_addf(&prefix, "%s\t", device->name);
	return show_field(out, device, field, prefix.text);
}

static int show_all(const char *field_name)
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
		if (show_next(&out, device, field, any))
			return 1;
		any = true;
	}
	if (cli_write(&out))
		return 1;
	return any || !names.n ? 0 : 1;
}

int wg_show(int argc, char **argv)
{
	if (argc == 2 &&
	    (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		wg_usage("show");
		return 0;
	}
	if (argc > 3)
		return wg_usage("show");
	if (argc < 2 || !strcmp(argv[1], "all"))
		return show_all(argc == 3 ? argv[2] : NULL);
	if (!strcmp(argv[1], "interfaces"))
		return argc == 2 ? show_interfaces() : wg_usage("show");
	return show_one(argv[1], argc == 3 ? argv[2] : NULL);
}
