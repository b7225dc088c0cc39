/*
 * Writing down what is running as the original does: a new file, of which the old one gives only
 * what cannot be seen on the host. Everything is put together as text; nothing is kept.
 */
#include "lib/conf/save.h"

#include <string.h>
#include <strings.h>

#include "lib/conf/conf.h"
#include "lib/conf/keys.h"
#include "lib/util/cleanup.h"

/* What the old file gives. */
struct settings {
	const struct conf_lines *lines;
	bool in_interface;
	bool has_mtu;
	bool save_config;
	struct conf_span table;
	struct strbuf hooks[4]; /* lines, in the order of hook_names */
};

static const char *const hook_names[] = { "PreUp", "PostUp", "PreDown", "PostDown" };

static void settings_fini(struct settings *settings)
{
	for (size_t i = 0; i < 4; i++)
		strbuf_fini(&settings->hooks[i]);
}

static void take_key(struct settings *settings, const char *name, const struct conf_line *line)
{
	const char *text = strbuf_text(&settings->lines->text);

	for (size_t i = 0; i < 4; i++)
		if (!strcasecmp(name, hook_names[i]))
			strbuf_addf(&settings->hooks[i], "%s = %.*s\n", hook_names[i],
				    (int)line->full_value.len, text + line->full_value.at);
	if (!strcasecmp(name, "MTU"))
		settings->has_mtu = line->value.len;
	else if (!strcasecmp(name, "Table"))
		settings->table = line->value;
	else if (!strcasecmp(name, "SaveConfig"))
		settings->save_config =
			line->value.len == 4 && !strncasecmp(text + line->value.at, "true", 4);
}

/* conf_lines_handler. As wg-quick sees it, there is no white space within "[Interface]". */
static int take_line(void *user, const char *section, const char *name,
		     const struct conf_line *line)
{
	struct settings *settings = user;

	if (line->kind == CONF_LINE_SECTION)
		settings->in_interface = !strcasecmp(section, "Interface") &&
					 line->body.len == strlen("[Interface]");
	else if (line->kind == CONF_LINE_KEY && settings->in_interface &&
		 line->name.len == strlen(name))
		take_key(settings, name, line);
	return 0;
}

static void print_quick(struct strbuf *out, const struct settings *settings,
			const struct conf_running *running)
{
	for (size_t i = 0; i < running->n_addresses; i++) {
		strbuf_add(out, "Address = ");
		cidr_add(out, &running->addresses[i]);
		strbuf_add_char(out, '\n');
	}
	for (size_t i = 0; i < running->dns_servers->n; i++)
		strbuf_addf(out, "DNS = %s\n", running->dns_servers->items[i]);
	for (size_t i = 0; i < running->dns_search->n; i++)
		strbuf_addf(out, "DNS = %s\n", running->dns_search->items[i]);
	if (settings->has_mtu && running->mtu_bytes)
		strbuf_addf(out, "MTU = %u\n", running->mtu_bytes);
	if (settings->table.len)
		strbuf_addf(out, "Table = %.*s\n", (int)settings->table.len,
			    strbuf_text(&settings->lines->text) + settings->table.at);
	if (settings->save_config)
		strbuf_add(out, "SaveConfig = true\n");
	for (size_t i = 0; i < 4; i++)
		strbuf_add(out, strbuf_text(&settings->hooks[i]));
}

void conf_print_running(struct strbuf *out, const struct conf_lines *lines,
			const struct conf_running *running)
{
	static const char header[] = "[Interface]\n";
	AUTO(settings_fini) struct settings settings = { .lines = lines };
	AUTO(strbuf_fini) struct strbuf device = { 0 };
	size_t len;

	conf_lines_walk(lines, take_line, &settings);
	conf_print_device(&device, running->device);
	for (len = device.len; len > sizeof(header) - 1 && device.text[len - 1] == '\n'; len--)
		;
	strbuf_add(out, header);
	print_quick(out, &settings, running);
	strbuf_add_mem(out, device.text + sizeof(header) - 1, len - (sizeof(header) - 1));
	if (len > sizeof(header) - 1)
		strbuf_add_char(out, '\n');
}
