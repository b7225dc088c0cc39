/*
 * Writing down what is running without losing how the file says it: see save.h. The file becomes a
 * list of its lines, each of which may go, get another value, or get lines behind it; in the end
 * the list is printed. The list owns these texts and points into the file's.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf/comment_keys.h"
#include "lib/conf/conf.h"
#include "lib/conf/keys.h"
#include "lib/conf/save.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum place {
	PLACE_ELSEWHERE, /* before the first section, or in one that nobody knows */
	PLACE_INTERFACE,
	PLACE_PEER,
};

struct entry {
	struct conf_line line;
	enum place place;
	const struct keys_key *key; /* NULL: none, or not a known one */
	bool is_gone;
	char *value; /* in the place of the line's; NULL: none */
	char *added; /* lines behind it; NULL: none */
};

struct editor {
	const struct conf_lines *lines;
	struct entry *entries;
	size_t n, cap;
	bool may_add_keys; /* no command may have set them */
};

/** Entries [from, to) that are in one place: a peer's section, or whatever is the interface's. */
struct range {
	enum place place;
	size_t from, to;
};

static void editor_fini(struct editor *editor)
{
	for (size_t i = 0; i < editor->n; i++) {
		if (editor->entries[i].value)
			mem_wipe(editor->entries[i].value, strlen(editor->entries[i].value));
		if (editor->entries[i].added)
			mem_wipe(editor->entries[i].added, strlen(editor->entries[i].added));
		free(editor->entries[i].value);
		free(editor->entries[i].added);
	}
	free(editor->entries);
}

static bool squeezed_is(const struct conf_lines *lines, struct conf_span span, const char *word)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	conf_lines_squeeze(&text, lines, span);
	return !strcasecmp(strbuf_text(&text), word);
}

static void read_lines(struct editor *editor)
{
	struct conf_line line = { 0 };
	enum place place = PLACE_ELSEWHERE;

	editor->may_add_keys = true;
	while (conf_lines_next(&line, editor->lines)) {
		AUTO(strbuf_fini) struct strbuf name = { 0 };
		const struct keys_key *key = NULL;

		if (line.kind == CONF_LINE_SECTION)
			place = squeezed_is(editor->lines, line.name, "Interface") ? PLACE_INTERFACE
				: squeezed_is(editor->lines, line.name, "Peer")    ? PLACE_PEER
										: PLACE_ELSEWHERE;
		if (line.kind == CONF_LINE_KEY) {
			conf_lines_squeeze(&name, editor->lines, line.name);
			key = keys_find(strbuf_text(&name));
		}
		if (key && place == PLACE_INTERFACE &&
		    (!strcmp(key->name, "PreUp") || !strcmp(key->name, "PostUp")))
			editor->may_add_keys = false;
		editor->entries = mem_grow(editor->entries, &editor->cap, editor->n + 1,
					   sizeof(*editor->entries));
		editor->entries[editor->n++] =
			(struct entry){ .line = line, .place = place, .key = key };
	}
}

/* ---- one key --------------------------------------------------------------------------------- */

static bool is_about(const struct entry *entry, const struct range *range, const char *name)
{
	return entry->key && entry->place == range->place && !entry->is_gone &&
	       !strcmp(entry->key->name, name);
}

/* The line that counts: the last one of that name; NULL if there is none. */
static struct entry *find_last(const struct editor *editor, const struct range *range,
			       const char *name)
{
	for (size_t i = range->to; i-- > range->from;)
		if (is_about(&editor->entries[i], range, name))
			return &editor->entries[i];
	return NULL;
}

/* Its value without white space. */
static void add_value(struct strbuf *out, const struct editor *editor, const struct entry *entry)
{
	conf_lines_squeeze(out, editor->lines, entry->line.value);
}

static void set_value(struct entry *entry, const char *text)
{
	free(entry->value);
	entry->value = mem_strdup(text);
}

static void remove_all(struct editor *editor, const struct range *range, const char *name)
{
	for (size_t i = range->from; i < range->to; i++)
		if (is_about(&editor->entries[i], range, name))
			editor->entries[i].is_gone = true;
}

/* Behind the last key of the section, or its header. */
static void add_key(struct editor *editor, const struct range *range, const char *name,
		    const char *text)
{
	AUTO(strbuf_fini) struct strbuf added = { 0 };
	struct entry *at = NULL;

	for (size_t i = range->from; i < range->to; i++)
		if (editor->entries[i].place == range->place &&
		    (editor->entries[i].line.kind == CONF_LINE_SECTION ||
		     editor->entries[i].line.kind == CONF_LINE_KEY))
			at = &editor->entries[i];
	assert(at);
	if (at->added)
		strbuf_add(&added, at->added);
	strbuf_addf(&added, "%s = %s\n", name, text);
	free(at->added);
	at->added = mem_strdup(strbuf_text(&added));
}

/* Does what the device says about a key, where the file says something else. Text NULL: it has no
 * value. */
static void set_key(struct editor *editor, const struct range *range, const char *name,
		    const char *text, bool may_add)
{
	struct entry *last = find_last(editor, range, name);

	if (!text)
		remove_all(editor, range, name);
	else if (last)
		set_value(last, text);
	else if (may_add)
		add_key(editor, range, name, text);
}

static void update_number(struct editor *editor, const struct range *range, const char *name,
			  uint32_t running, bool is_same, bool may_add)
{
	char text[16];

	snprintf(text, sizeof(text), !strcmp(name, "FwMark") ? "0x%x" : "%u", running);
	if (!is_same)
		set_key(editor, range, name, running ? text : NULL, may_add);
}

/* Whether a comment in the range says in what file a secret is. */
static bool has_key_file(const struct editor *editor, const struct range *range)
{
	const char *name = range->place == PLACE_INTERFACE ? "PrivateKeyFile" : "PresharedKeyFile";

	for (size_t i = range->from; i < range->to; i++)
		if (comment_keys_is(editor->lines, &editor->entries[i].line, name))
			return true;
	return false;
}

static void update_secret(struct editor *editor, const struct range *range, const char *name,
			  const struct wg_key *running)
{
	AUTO(strbuf_fini) struct strbuf value = { 0 }, text = { 0 };
	AUTO(wg_key_wipe) struct wg_key key = { 0 }, clamped = *running;
	const struct entry *last = find_last(editor, range, name);

	if (last)
		add_value(&value, editor, last);
	if (last && !wg_key_parse(&key, strbuf_text(&value), NULL)) {
		if (wg_key_equal(&key, running))
			return;
		if (range->place == PLACE_INTERFACE) { /* the kernel clamps it */
			wg_key_clamp(&key);
			wg_key_clamp(&clamped);
			if (!wg_key_is_zero(running) && wg_key_equal(&key, &clamped))
				return;
		}
	}
	wg_key_add(&text, running);
	set_key(editor, range, name, wg_key_is_zero(running) ? NULL : strbuf_text(&text),
		editor->may_add_keys && !has_key_file(editor, range));
}

/* ---- lists ----------------------------------------------------------------------------------- */

/** What a list is to have. */
struct wanted {
	char *text;
	size_t order;
	bool is_there;
};

struct list {
	struct wanted *items;
	size_t n, cap;
	/* Writes an item as `text` has it into the one way of writing it; false: it is none. */
	bool (*normalize)(char out[static CIDR_TEXT_MAX], const char *text);
	const char *separators;
};

static void list_fini(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].text);
	free(list->items);
}

static void list_add(struct list *list, const char *text)
{
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
	list->items[list->n] = (struct wanted){ .text = mem_strdup(text), .order = list->n };
	list->n++;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->text, ((const struct wanted *)b)->text);
}

static int compare_order(const void *a, const void *b)
{
	size_t x = ((const struct wanted *)a)->order, y = ((const struct wanted *)b)->order;

	return (x > y) - (x < y);
}

static bool normalize_address(char out[static CIDR_TEXT_MAX], const char *text)
{
	struct cidr cidr;

	if (cidr_parse_address(&cidr, text, NULL))
		return false;
	cidr_format(out, &cidr);
	return true;
}

static bool normalize_allowed_ip(char out[static CIDR_TEXT_MAX], const char *text)
{
	struct cidr cidr;

	if (cidr_parse(&cidr, NULL, text + (*text == '+'), NULL))
		return false;
	cidr_format(out, &cidr);
	return true;
}

/* Takes out of one line what is not wanted any more, and ticks off what is. */
static void update_list_line(struct editor *editor, struct entry *entry, struct list *list)
{
	AUTO(strbuf_fini) struct strbuf kept = { 0 };
	AUTO(auto_free)
	char *value = mem_strndup(strbuf_text(&editor->lines->text) + entry->line.value.at,
				  entry->line.value.len);
	bool is_changed = false;
	char *rest = NULL;

	for (char *item = strtok_r(value, list->separators, &rest); item;
	     item = strtok_r(NULL, list->separators, &rest)) {
		AUTO(strbuf_fini) struct strbuf word = { 0 };
		char normal[CIDR_TEXT_MAX];
		struct wanted key = { 0 }, *found = NULL;

		for (const char *c = item; *c; c++) /* wg sees no white space */
			if (!strchr(" \t\v\f\r", *c))
				strbuf_add_char(&word, *c);
		if (!word.len)
			continue;
		key.text =
			list->normalize && list->normalize(normal, word.text) ? normal : word.text;
		if (list->n)
			found = bsearch(&key, list->items, list->n, sizeof(key), compare_text);
		if (found)
			found->is_there = true;
		else
			is_changed = true;
		if (found)
			strbuf_addf(&kept, "%s%s", kept.len ? ", " : "", word.text);
	}
	if (is_changed)
		set_value(entry, strbuf_text(&kept));
	entry->is_gone = is_changed && !kept.len;
}

/* Several items that are equal in `list` are one. */
static void update_list(struct editor *editor, const struct range *range, const char *name,
			struct list *list)
{
	AUTO(strbuf_fini) struct strbuf more = { 0 };
	struct entry *last;

	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare_text);
	for (size_t i = range->from; i < range->to; i++)
		if (is_about(&editor->entries[i], range, name))
			update_list_line(editor, &editor->entries[i], list);
	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare_order);
	last = find_last(editor, range, name);
	if (last && last->value)
		strbuf_add(&more, last->value);
	else if (last)
		strbuf_add_mem(&more, strbuf_text(&editor->lines->text) + last->line.value.at,
			       last->line.value.len);
	for (size_t i = 0, before = more.len; i < list->n; i++) {
		if (!list->items[i].is_there)
			strbuf_addf(&more, "%s%s", more.len ? ", " : "", list->items[i].text);
		if (i + 1 == list->n && more.len != before)
			set_key(editor, range, name, strbuf_text(&more), true);
	}
}

/* ---- the interface --------------------------------------------------------------------------- */

static void update_addresses(struct editor *editor, const struct range *range,
			     const struct conf_running *running)
{
	AUTO(list_fini)
	struct list list = { .normalize = normalize_address, .separators = ", \t\v\f\r" };
	char text[CIDR_TEXT_MAX];

	for (size_t i = 0; i < running->n_addresses; i++) {
		cidr_format(text, &running->addresses[i]);
		list_add(&list, text);
	}
	update_list(editor, range, "Address", &list);
}

/* Where nothing is known of name servers, the file keeps its own. */
static void update_dns(struct editor *editor, const struct range *range,
		       const struct conf_running *running)
{
	AUTO(list_fini) struct list list = { .separators = ", \t\v\f\r" };

	for (size_t i = 0; i < running->dns_servers->n; i++)
		list_add(&list, running->dns_servers->items[i]);
	for (size_t i = 0; i < running->dns_search->n; i++)
		list_add(&list, running->dns_search->items[i]);
	if (list.n)
		update_list(editor, range, "DNS", &list);
}

static void update_interface(struct editor *editor, const struct conf_running *running)
{
	const struct range all = { PLACE_INTERFACE, 0, editor->n };
	const struct wg_device *device = running->device;
	const struct entry *last;
	uint32_t mark = 0;
	uint16_t port = 0;

	update_addresses(editor, &all, running);
	update_dns(editor, &all, running);
	last = find_last(editor, &all, "MTU");
	if (last && last->line.value.len && running->mtu_bytes) {
		AUTO(strbuf_fini) struct strbuf value = { 0 };

		add_value(&value, editor, last);
		update_number(editor, &all, "MTU", running->mtu_bytes,
			      strtoul(strbuf_text(&value), NULL, 10) == running->mtu_bytes, false);
	}
	last = find_last(editor, &all, "ListenPort");
	if (last) {
		AUTO(strbuf_fini) struct strbuf value = { 0 };

		add_value(&value, editor, last);
		if (keys_parse_port(&port, strbuf_text(&value), NULL) || port) /* 0: any */
			update_number(editor, &all, "ListenPort", device->listen_port,
				      port == device->listen_port, false);
	}
	last = find_last(editor, &all, "FwMark");
	if (last) {
		AUTO(strbuf_fini) struct strbuf value = { 0 };

		add_value(&value, editor, last);
		if (keys_parse_fwmark(&mark, strbuf_text(&value), NULL) || mark) /* 0: any */
			update_number(editor, &all, "FwMark", device->fwmark,
				      mark == device->fwmark, false);
	}
	update_secret(editor, &all, "PrivateKey", &device->private_key);
}

/* ---- peers ----------------------------------------------------------------------------------- */

static void update_endpoint(struct editor *editor, const struct range *range,
			    const struct wg_peer *peer)
{
	AUTO(strbuf_fini) struct strbuf value = { 0 }, text = { 0 };
	AUTO(endpoint_fini) struct endpoint endpoint = { 0 };
	const struct entry *last = find_last(editor, range, "Endpoint");

	if (!last || peer->endpoint.addr.sa.sa_family == AF_UNSPEC)
		return;
	add_value(&value, editor, last);
	if (!endpoint_parse(&endpoint, strbuf_text(&value), NULL) &&
	    (endpoint.host || sockaddr_ip_equal(&endpoint.addr, &peer->endpoint.addr)))
		return;
	sockaddr_ip_add(&text, &peer->endpoint.addr);
	set_key(editor, range, "Endpoint", strbuf_text(&text), false);
}

static void update_peer(struct editor *editor, const struct range *range,
			const struct wg_peer *peer)
{
	AUTO(list_fini)
	struct list ips = { .normalize = normalize_allowed_ip, .separators = "," };
	const struct entry *last = find_last(editor, range, "PersistentKeepalive");
	AUTO(strbuf_fini) struct strbuf value = { 0 };
	char text[CIDR_TEXT_MAX];
	uint16_t seconds = 0;
	bool is_known = true;

	update_secret(editor, range, "PresharedKey", &peer->preshared_key);
	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		cidr_format(text, &peer->allowed_ips[i].cidr);
		list_add(&ips, text);
	}
	update_list(editor, range, "AllowedIPs", &ips);
	update_endpoint(editor, range, peer);
	if (last) {
		add_value(&value, editor, last);
		is_known = !keys_parse_keepalive(&seconds, strbuf_text(&value), NULL);
	}
	update_number(editor, range, "PersistentKeepalive", peer->keepalive_s,
		      is_known && seconds == peer->keepalive_s, true);
}

static bool is_comment(const struct editor *editor, const struct entry *entry)
{
	const char *text = strbuf_text(&editor->lines->text) + entry->line.at;
	size_t blanks = strspn(text, " \t");

	return entry->line.kind == CONF_LINE_LABEL ||
	       (entry->line.kind == CONF_LINE_EMPTY && text[blanks] == '#');
}

/* A section goes with the comment right above it, with all up to its last key, what follows that
 * without an empty line, and the empty lines then. */
static void remove_section(struct editor *editor, const struct range *range)
{
	size_t from = range->from, to = range->from + 1, i;

	while (from && is_comment(editor, &editor->entries[from - 1]))
		from--;
	for (i = range->from; i < range->to; i++)
		if (editor->entries[i].line.kind != CONF_LINE_EMPTY &&
		    editor->entries[i].line.kind != CONF_LINE_LABEL)
			to = i + 1;
	while (to < range->to && is_comment(editor, &editor->entries[to]))
		to++;
	/* ...unless it is the comment of the next section. */
	if (to == range->to && to < editor->n)
		while (to > range->from + 1 && is_comment(editor, &editor->entries[to - 1]))
			to--;
	while (to < range->to && editor->entries[to].line.kind == CONF_LINE_EMPTY &&
	       !is_comment(editor, &editor->entries[to]))
		to++;
	for (i = from; i < to; i++)
		editor->entries[i].is_gone = true;
}

/** A running peer, by key; `place` as wg_peers_at() has it. */
struct peer_ref {
	struct wg_key key;
	uint32_t place;
	bool is_in_file;
};

static int compare_refs(const void *a, const void *b)
{
	return memcmp(&((const struct peer_ref *)a)->key, &((const struct peer_ref *)b)->key,
		      sizeof(struct wg_key));
}

static struct peer_ref *find_ref(struct peer_ref *refs, size_t n, const struct editor *editor,
				 const struct range *range, bool *has_key)
{
	AUTO(strbuf_fini) struct strbuf value = { 0 };
	const struct entry *last = find_last(editor, range, "PublicKey");
	struct peer_ref wanted;

	if (last)
		add_value(&value, editor, last);
	*has_key = last && !wg_key_parse(&wanted.key, strbuf_text(&value), NULL);
	return *has_key && n ? bsearch(&wanted, refs, n, sizeof(wanted), compare_refs) : NULL;
}

static bool next_peer_section(struct range *range, const struct editor *editor)
{
	size_t i = range->to;

	while (i < editor->n && (editor->entries[i].line.kind != CONF_LINE_SECTION ||
				 editor->entries[i].place != PLACE_PEER))
		i++;
	*range = (struct range){ PLACE_PEER, i, i + 1 };
	while (range->to < editor->n && editor->entries[range->to].line.kind != CONF_LINE_SECTION)
		range->to++;
	return i < editor->n;
}

/* Of two sections about one peer the first stays: it then says all. */
static void update_peers(struct editor *editor, struct peer_ref *refs,
			 const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	struct range range = { 0 };
	bool has_key;

	while (next_peer_section(&range, editor)) {
		struct peer_ref *ref = find_ref(refs, device->n_peers, editor, &range, &has_key);

		if (ref && !ref->is_in_file)
			update_peer(editor, &range, wg_peers_at(&peers, ref->place));
		else if (has_key)
			remove_section(editor, &range);
		if (ref)
			ref->is_in_file = true;
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void print_entry(struct strbuf *out, const struct editor *editor, const struct entry *entry)
{
	const char *text = strbuf_text(&editor->lines->text);
	const struct conf_line *line = &entry->line;

	if (!entry->is_gone && entry->value) {
		size_t behind = line->value.at + line->value.len;

		strbuf_add_mem(out, text + line->at, line->value.at - line->at);
		strbuf_add(out, entry->value);
		strbuf_add_mem(out, text + behind, line->at + line->len - behind);
	} else if (!entry->is_gone) {
		strbuf_add_mem(out, text + line->at, line->len);
	}
	if (!entry->added)
		return;
	if (out->len && out->text[out->len - 1] != '\n')
		strbuf_add_char(out, '\n');
	strbuf_add(out, entry->added);
}

static void print_new_peers(struct strbuf *out, const struct peer_ref *refs,
			    const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		struct peer_ref wanted = { .key = peer->public_key };
		const struct peer_ref *ref =
			bsearch(&wanted, refs, device->n_peers, sizeof(wanted), compare_refs);

		if (ref->is_in_file)
			continue;
		if (out->len && out->text[out->len - 1] != '\n')
			strbuf_add_char(out, '\n');
		if (out->len > 1 && out->text[out->len - 2] != '\n')
			strbuf_add_char(out, '\n');
		conf_print_peer(out, device, peer);
	}
}

void conf_print_updated(struct strbuf *out, const struct conf_lines *lines,
			const struct conf_running *running)
{
	AUTO(editor_fini) struct editor editor = { .lines = lines };
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = running->device };
	AUTO(auto_free)
	struct peer_ref *refs = mem_alloc(running->device->n_peers + 1, sizeof(*refs));
	const struct wg_peer *peer;
	size_t n = 0;
	bool has_interface = false;

	while ((peer = wg_peers_next(&peers)))
		refs[n++] = (struct peer_ref){ .key = peer->public_key, .place = peers.place };
	qsort(refs, n, sizeof(*refs), compare_refs);
	read_lines(&editor);
	for (size_t i = 0; i < editor.n; i++)
		has_interface |= editor.entries[i].place == PLACE_INTERFACE;
	if (!has_interface) { /* there is nothing to keep */
		conf_print_running(out, lines, running);
		return;
	}
	update_interface(&editor, running);
	update_peers(&editor, refs, running->device);
	for (size_t i = 0; i < editor.n; i++)
		print_entry(out, &editor, &editor.entries[i]);
	print_new_peers(out, refs, running->device);
	while (out->len > 1 && !strcmp(out->text + out->len - 2, "\n\n") && editor.n &&
	       editor.entries[editor.n - 1].is_gone)
		out->text[--out->len] = '\0';
}
