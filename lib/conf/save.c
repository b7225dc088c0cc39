/*
 * Writing down what is running as the original does: a new file, of which the old one gives only
 * what cannot be seen on the host. Everything is put together as text; nothing is kept.
 */
#include "lib/conf/save.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf/comment_keys.h"
#include "lib/conf/conf.h"
#include "lib/conf/keys.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* A section's comment keys. */
struct comments {
	struct wg_key public_key; /* the peer's */
	struct strbuf lines;
	bool has_key_file; /* the secret is elsewhere */
};

/* What the old file gives. */
struct settings {
	const struct conf_lines *lines;
	bool in_interface;
	bool in_peer;
	struct comments interface;
	struct comments *peers; /* those that have any, and that which the walk is in */
	size_t n_peers, peers_cap;
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
	for (size_t i = 0; i < settings->n_peers; i++)
		strbuf_fini(&settings->peers[i].lines);
	free(settings->peers);
	strbuf_fini(&settings->interface.lines);
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

/* Where comments of the section go that the walk is in. */
static struct comments *comments_of_section(struct settings *settings)
{
	return settings->in_peer ? &settings->peers[settings->n_peers - 1] : &settings->interface;
}

static void take_comment_key(struct settings *settings, const struct conf_line *line)
{
	struct comments *comments = comments_of_section(settings);
	AUTO(strbuf_fini) struct strbuf name = { 0 };

	conf_lines_squeeze(&name, settings->lines, line->name);
	strbuf_addf(&comments->lines, "#wg: %s = %.*s\n", strbuf_text(&name), (int)line->value.len,
		    strbuf_text(&settings->lines->text) + line->value.at);
	comments->has_key_file |= !strcasecmp(strbuf_text(&name), "PrivateKeyFile") ||
				  !strcasecmp(strbuf_text(&name), "PresharedKeyFile");
}

static void take_public_key(struct settings *settings, const struct conf_line *line)
{
	AUTO(strbuf_fini) struct strbuf value = { 0 };

	conf_lines_squeeze(&value, settings->lines, line->value);
	wg_key_parse(&comments_of_section(settings)->public_key, strbuf_text(&value), NULL);
}

/* The place of a peer without comments is the next one's. */
static void begin_section(struct settings *settings, bool is_peer)
{
	settings->in_peer = is_peer;
	if (!is_peer)
		return;
	if (!settings->n_peers || settings->peers[settings->n_peers - 1].lines.len)
		settings->n_peers++;
	settings->peers = mem_grow(settings->peers, &settings->peers_cap, settings->n_peers,
				   sizeof(*settings->peers));
	settings->peers[settings->n_peers - 1] = (struct comments){ 0 };
}

/* conf_lines_handler. As wg-quick sees it, there is no white space within "[Interface]". */
static int take_line(void *user, const char *section, const char *name,
		     const struct conf_line *line)
{
	struct settings *settings = user;

	if (line->kind == CONF_LINE_SECTION) {
		settings->in_interface = !strcasecmp(section, "Interface") &&
					 line->body.len == strlen("[Interface]");
		begin_section(settings, !strcasecmp(section, "Peer"));
	}
	if (line->kind == CONF_LINE_COMMENT_KEY)
		take_comment_key(settings, line);
	else if (line->kind == CONF_LINE_KEY && settings->in_peer && !strcasecmp(name, "PublicKey"))
		take_public_key(settings, line);
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
	strbuf_add(out, strbuf_text(&settings->interface.lines));
}

/* The device as conf_print_interface() has it, but for a private key that is in a file. */
static void print_interface(struct strbuf *out, const struct settings *settings,
			    const struct wg_device *device)
{
	struct wg_device copy = *device;

	if (settings->interface.has_key_file)
		copy.flags &= ~WG_DEVICE_HAS_PRIVATE_KEY;
	conf_print_interface(out, &copy);
	wg_key_wipe(&copy.private_key);
}

/* Likewise, with the comments that its section has. */
static void print_peer(struct strbuf *out, const struct settings *settings,
		       const struct wg_device *device, const struct wg_peer *peer)
{
	struct wg_peer copy = *peer;

	for (size_t i = 0; i < settings->n_peers; i++)
		if (settings->peers[i].has_key_file &&
		    wg_key_equal(&settings->peers[i].public_key, &peer->public_key))
			wg_key_wipe(&copy.preshared_key);
	conf_print_peer(out, device, &copy);
	wg_key_wipe(&copy.preshared_key);
	for (size_t i = 0; i < settings->n_peers; i++)
		if (wg_key_equal(&settings->peers[i].public_key, &peer->public_key))
			strbuf_add(out, strbuf_text(&settings->peers[i].lines));
}

/* As conf_print_device(). */
static void print_device(struct strbuf *out, const struct settings *settings,
			 const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	const char *separator = "";

	print_interface(out, settings, device);
	for (; (peer = wg_peers_next(&peers)); separator = "\n") {
		strbuf_add(out, separator);
		print_peer(out, settings, device, peer);
	}
}

void conf_print_running(struct strbuf *out, const struct conf_lines *lines,
			const struct conf_running *running)
{
	static const char header[] = "[Interface]\n";
	AUTO(settings_fini) struct settings settings = { .lines = lines };
	AUTO(strbuf_fini) struct strbuf device = { 0 };
	size_t len;

	conf_lines_walk(lines, take_line, &settings);
	print_device(&device, &settings, running->device);
	for (len = device.len; len > sizeof(header) - 1 && device.text[len - 1] == '\n'; len--)
		;
	strbuf_add(out, header);
	print_quick(out, &settings, running);
	strbuf_add_mem(out, device.text + sizeof(header) - 1, len - (sizeof(header) - 1));
	if (len > sizeof(header) - 1)
		strbuf_add_char(out, '\n');
}
