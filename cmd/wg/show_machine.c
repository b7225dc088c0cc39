/*
 * wg show in the formats for programs: which interfaces, and what stands between them; see show.h.
 * These formats have a place for names and keys beside each other, so they always have both.
 */
#include "cmd/wg/show.h"

#include <stdlib.h>

#include "cmd/cli.h"
#include "lib/ipc/ipc.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strlist.h"

/* What is shown. */
struct scope {
	struct strlist names;
	bool is_all;
};

static void scope_fini(struct scope *scope)
{
	strlist_fini(&scope->names);
}

static int find_scope(struct scope *out, const char *interface)
{
	struct err err;

	out->is_all = !interface;
	if (interface) {
		strlist_add(&out->names, interface);
		return 0;
	}
	if (!ipc_list(&out->names, &err))
		return 0;
	cli_say("Unable to list interfaces: %s", err.text);
	return 1;
}

/* Reads one of them; NULL after saying why not. */
static struct wg_device *read_device(const struct scope *scope, size_t i)
{
	struct wg_device *device = NULL;
	struct err err;

	if (!ipc_get(&device, scope->names.items[i], &err))
		return device;
	cli_say("Unable to access interface%s%s: %s", scope->is_all ? " " : "",
		scope->is_all ? scope->names.items[i] : "", err.text);
	return NULL;
}

/* `n_shown` of them could be read. */
static int status_of(const struct scope *scope, size_t n_shown)
{
	return n_shown || !scope->names.n ? 0 : 1;
}

static int show_devices_json(struct strbuf *out, const struct scope *scope, bool lines)
{
	size_t n_shown = 0;

	for (size_t i = 0; i < scope->names.n; i++) {
		AUTO(wg_device_auto_free) struct wg_device *device = read_device(scope, i);
		AUTO(conf_names_fini) struct conf_names names = { 0 };
		struct show_context context = show_context_now();
		int status;

		if (!device)
			continue;
		conf_names_read(&names, device->name);
		context.names = &names;
		if (!lines)
			strbuf_add(out, n_shown ? ",\n\t" : "{\n\t");
		status = lines ? show_ndjson(out, device, &context)
			       : show_json(out, device, &context);
		if (status)
			return status;
		n_shown++;
	}
	/* No interface is an empty object, but one that was asked for and is not there is none. */
	if (!lines && (n_shown || scope->is_all))
		strbuf_add(out, n_shown ? "\n}\n" : "{}\n");
	return cli_write(out) ? 1 : status_of(scope, n_shown);
}

static int show_devices_prometheus(struct strbuf *out, const struct scope *scope)
{
	AUTO(auto_free) struct show_part *parts = mem_alloc(scope->names.n, sizeof(*parts));
	size_t n_shown = 0;
	int status;

	for (size_t i = 0; i < scope->names.n; i++) {
		parts[i].name = scope->names.items[i];
		parts[i].device = read_device(scope, i);
		n_shown += parts[i].device ? 1 : 0;
		conf_names_read(&parts[i].names, parts[i].name);
	}
	status = show_prometheus(out, parts, scope->names.n, show_context_now().now_s);
	for (size_t i = 0; i < scope->names.n; i++) {
		wg_device_free(parts[i].device);
		conf_names_fini(&parts[i].names);
	}
	return status || cli_write(out) ? 1 : status_of(scope, n_shown);
}

int show_machine(const char *interface, const struct show_options *options)
{
	AUTO(scope_fini) struct scope scope = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	if (find_scope(&scope, interface))
		return 1;
	return options->format == SHOW_PROMETHEUS
		       ? show_devices_prometheus(&out, &scope)
		       : show_devices_json(&out, &scope, options->format == SHOW_NDJSON);
}
