/*
 * Configuration files: see conf.h. lines.c finds the lines and runs them through inih; here each
 * one meets the table of keys. What was read belongs to struct conf; nothing points back into the
 * text, so it may be edited afterwards.
 */
#include "lib/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/conf/comment_keys.h"
#include "lib/conf/keys.h"
#include "lib/conf/quick.h"
#include "lib/conf/secrets.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	QUOTE_MAX = 600, /* of a line, in a message */
};

#define EXPECTED_SECTION "[Interface] or [Peer]"

struct reader {
	struct conf *conf;
	enum conf_dialect dialect;
	enum {
		IN_NOTHING,
		IN_INTERFACE,
		IN_PEER
	} in;
	bool in_quick_interface;  /* as wg-quick sees it: it knows no "[ Interface ]" */
	struct conf_line section; /* where the section began */
	struct conf_line keyless; /* of the first peer without a public key */
	struct strbuf label; /* of the line before, if that is one; it is not known yet of whom */
	unsigned int label_line;
	struct keys_target target;
	struct comment_keys_reader comment_keys;
	struct err *err;
};

/* ---- what is wrong --------------------------------------------------------------------------- */

/* Adds the place to the message that is there. */
static int place_error(const struct reader *reader, const struct conf_line *line, size_t at)
{
	if (!reader->err)
		return -EINVAL;
	reader->err->line = line->number;
	reader->err->column = (unsigned int)(at - line->at + 1);
	return reader->err->code;
}

static int refuse_line(const struct reader *reader, const struct conf_line *line, size_t at,
		       const char *expected)
{
	AUTO(strbuf_fini) struct strbuf squeezed = { 0 };
	AUTO(strbuf_fini) struct strbuf quoted = { 0 };

	conf_lines_squeeze(&squeezed, &reader->conf->lines, line->body);
	secrets_add_line(&quoted, squeezed.text);
	err_expected(reader->err, -EINVAL, expected, "Line unrecognized: `%.*s'", QUOTE_MAX,
		     strbuf_text(&quoted));
	return place_error(reader, line, at);
}

static const char *expected_instead(const struct reader *reader, const struct conf_line *line)
{
	const char *body = reader->conf->lines.text.text + line->body.at;

	if (body[0] == '[')
		return EXPECTED_SECTION;
	if (body[0] == ';' || (line->body.len > 1 && body[0] == '/' && body[1] == '/'))
		return "`#' at the start of a comment";
	return "`Key = value', " EXPECTED_SECTION;
}

/* ---- sections, keys, labels ------------------------------------------------------------------ */

/* Finds out what can only be said when all of a section has been read. */
static int end_section(struct reader *reader)
{
	struct conf_line bad;
	int r;

	if (reader->in != IN_PEER)
		return 0;
	if (!reader->keyless.number && !(reader->target.peer->flags & WG_PEER_HAS_PUBLIC_KEY))
		reader->keyless = reader->section;
	r = comment_keys_end_peer(&reader->comment_keys, &reader->conf->quick, reader->target.peer,
				  &bad, reader->err);
	return r ? place_error(reader, &bad, bad.name.at) : 0;
}

/* The same of the whole file. */
static int end_file(struct reader *reader)
{
	struct conf_line bad;
	int r = end_section(reader);

	if (r)
		return r;
	r = comment_keys_end(&reader->comment_keys, &reader->conf->quick, reader->conf->device,
			     &bad, reader->err);
	if (r)
		return place_error(reader, &bad, bad.name.at);
	if (!reader->keyless.number)
		return 0;
	err_expected(reader->err, -ENOKEY, "`PublicKey = ...' in this section",
		     "A peer is missing a public key");
	place_error(reader, &reader->keyless, reader->keyless.body.at);
	return -ENOKEY;
}

/* The first label of a section stays; bytes that could move a terminal's cursor do not. */
static void set_label(struct reader *reader)
{
	char **label;

	if (reader->in == IN_NOTHING || !reader->label.len)
		return;
	label = reader->in == IN_PEER ? &reader->target.peer->label : &reader->conf->device->label;
	if (*label)
		return;
	*label = mem_strndup(reader->label.text, reader->label.len);
	for (char *c = *label; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/*
 * A label names the section that it stands in; right above a section line, the one that begins
 * there. With something between it and that line, it could be meant for either: it is nobody's.
 * So it is kept until the next line that is not empty; at the end that is NULL.
 */
static void settle_label(struct reader *reader, const struct conf_line *line)
{
	if (!line || line->kind != CONF_LINE_SECTION)
		set_label(reader);
	if (!line || line->kind != CONF_LINE_SECTION || line->number != reader->label_line + 1)
		strbuf_clear(&reader->label);
}

static void read_label(struct reader *reader, const struct conf_line *line)
{
	strbuf_add_mem(&reader->label, reader->conf->lines.text.text + line->value.at,
		       line->value.len);
	reader->label_line = line->number;
}

static int read_section(struct reader *reader, const char *name, const struct conf_line *line)
{
	int r = end_section(reader);

	if (r)
		return r;
	reader->section = *line;
	reader->target.peer = NULL;
	reader->in_quick_interface = false;
	if (!strcasecmp(name, "Interface")) {
		reader->in = IN_INTERFACE;
		reader->in_quick_interface = line->body.len == strlen("[Interface]");
	} else if (!strcasecmp(name, "Peer")) {
		reader->in = IN_PEER;
		reader->target.peer = wg_device_add_peer(reader->conf->device);
		reader->target.peer->flags = WG_PEER_REPLACE_ALLOWED_IPS;
	} else {
		return refuse_line(reader, line, line->body.at, EXPECTED_SECTION);
	}
	comment_keys_begin(&reader->comment_keys, reader->in == IN_PEER, line->number);
	set_label(reader);
	strbuf_clear(&reader->label);
	return 0;
}

/* What is wrong with a key that is not taken here; `key` is NULL if it is unknown. */
static const char *expected_key(const struct reader *reader, const struct keys_key *key,
				const char *name, const struct conf_line *line)
{
	if (!key) {
		const struct comment_keys_key *comment = comment_keys_find(name);

		if (!strcmp(name, "?"))
			return expected_instead(reader, line);
		if (comment)
			return comment_keys_hint(comment);
		key = keys_find_near(name);
		return key ? key->hint_near : "a key that wg(8) or wg-quick(8) describes";
	}
	if (key->owner == KEYS_OWNER_AMNEZIA ||
	    (key->owner == KEYS_OWNER_QUICK && reader->dialect == CONF_WG))
		return key->hint_other_owner;
	if (key->owner == KEYS_OWNER_QUICK && reader->in == IN_INTERFACE)
		return "[Interface] and wg-quick's keys without white space within";
	return reader->in == IN_NOTHING ? EXPECTED_SECTION " above the first key"
					: key->hint_other_section;
}

static bool is_taken(const struct reader *reader, const struct keys_key *key,
		     const struct conf_line *line)
{
	switch (key->owner) {
	case KEYS_OWNER_WG:
		return reader->in == (key->section == KEYS_SECTION_PEER ? IN_PEER : IN_INTERFACE);
	case KEYS_OWNER_QUICK:
		/* No white space within a name here: such a line is wg's, who does not know it. */
		return reader->dialect == CONF_QUICK && reader->in_quick_interface &&
		       line->name.len == strlen(key->name);
	case KEYS_OWNER_AMNEZIA:
		break;
	}
	return false;
}

static int read_value(struct reader *reader, const struct keys_key *key,
		      const struct conf_line *line)
{
	struct conf_span value = key->is_shell ? line->full_value : line->value;

	if (!value.len && key->owner == KEYS_OWNER_WG)
		return refuse_line(reader, line, value.at, "a value after `='");
	reader->target.bad_at = 0;
	if (!key->parse(&reader->target, reader->conf->lines.text.text + value.at, value.len,
			reader->err))
		return 0;
	if (reader->err && strcmp(key->name, "PublicKey") != 0)
		secrets_hide(reader->err);
	return place_error(reader, line, value.at + reader->target.bad_at);
}

static int read_key(struct reader *reader, const char *name, const struct conf_line *line)
{
	const struct keys_key *key = keys_find(name);

	if (!key || !is_taken(reader, key, line))
		return refuse_line(reader, line, line->body.at,
				   expected_key(reader, key, name, line));
	return read_value(reader, key, line);
}

static int read_comment_key(struct reader *reader, const struct conf_line *line)
{
	size_t bad_at;

	if (reader->dialect == CONF_WG)
		return 0;
	return comment_keys_read(&reader->comment_keys, &reader->conf->quick, &reader->conf->lines,
				 line, &bad_at, reader->err)
		       ? place_error(reader, line, bad_at)
		       : 0;
}

/* ---- wg-quick's keys alone ------------------------------------------------------------------ */

/* The key that the line is about, in wg-quick's eyes, with or without "=". */
static const struct keys_key *quick_key(const struct conf_lines *lines,
					const struct conf_line *line)
{
	struct conf_span name = line->kind == CONF_LINE_KEY ? line->name : line->body;
	char text[32];
	const struct keys_key *key;

	if (name.len >= sizeof(text))
		return NULL;
	memcpy(text, strbuf_text(&lines->text) + name.at, name.len);
	text[name.len] = '\0';
	key = keys_find(text);
	return key && key->owner == KEYS_OWNER_QUICK ? key : NULL;
}

/* Whether a line that begins with "[" opens [Interface] in wg-quick's eyes, who stops at "=". */
static bool opens_quick_interface(const struct conf_lines *lines, const struct conf_line *line)
{
	static const char header[] = "[Interface]";
	const size_t len = sizeof(header) - 1;
	const char *body = strbuf_text(&lines->text) + line->body.at, *end = body + line->body.len;

	if (line->body.len < len || strncasecmp(body, header, len) != 0)
		return false;
	for (body += len; body < end && strchr(" \t\v\f\r", *body); body++)
		;
	return body == end || *body == '=';
}

/* In CONF_DOWN: what is not wg-quick's is nobody's business, and neither is what was for `up`. */
static int read_line_for_down(struct reader *reader, const struct conf_line *line)
{
	const struct conf_lines *lines = &reader->conf->lines;
	const struct keys_key *key;

	if (line->body.len && lines->text.text[line->body.at] == '[') {
		reader->in_quick_interface = opens_quick_interface(lines, line);
		comment_keys_begin(&reader->comment_keys, !reader->in_quick_interface,
				   line->number);
	}
	if (line->kind == CONF_LINE_COMMENT_KEY)
		comment_keys_read_for_down(&reader->comment_keys, &reader->conf->quick, lines,
					   line);
	if (line->kind != CONF_LINE_KEY || !reader->in_quick_interface)
		return 0;
	key = quick_key(lines, line);
	return key && key->is_for_down ? read_value(reader, key, line) : 0;
}

/* ---- the front door -------------------------------------------------------------------------- */

static int read_line(void *user, const char *section, const char *name,
		     const struct conf_line *line)
{
	struct reader *reader = user;

	if (reader->dialect == CONF_DOWN)
		return read_line_for_down(reader, line);
	if (line->kind == CONF_LINE_COMMENT_KEY)
		return read_comment_key(reader, line);
	if (reader->label.len)
		settle_label(reader, line);
	switch (line->kind) {
	case CONF_LINE_SECTION:
		return read_section(reader, section, line);
	case CONF_LINE_KEY:
		return read_key(reader, name, line);
	case CONF_LINE_LABEL:
		read_label(reader, line);
		return 0;
	case CONF_LINE_OTHER:
		return refuse_line(reader, line, line->body.at, expected_instead(reader, line));
	case CONF_LINE_COMMENT_KEY:
	case CONF_LINE_EMPTY:
		break;
	}
	return 0;
}

/* conf_lines_taker: of a peer, the lines that quick.c understands. */
static size_t take_quickly(void *user, const char *text, size_t len, unsigned int *n_lines)
{
	struct reader *reader = user;

	if (reader->in != IN_PEER || reader->label.len)
		return 0;
	return quick_peer_lines(reader->target.peer, text, len, n_lines);
}

/* Reads `pieces`, or conf->lines if there are none; on failure conf is given back. */
static int parse(struct conf *conf, enum conf_dialect dialect, struct conf_pieces *pieces,
		 struct err *err)
{
	struct reader reader = { .conf = conf, .dialect = dialect, .err = err };
	int r;

	conf->device = wg_device_new();
	reader.target.device = conf->device;
	reader.target.quick = dialect == CONF_WG ? NULL : &conf->quick;
	reader.target.warnings = &conf->warnings;
	if (pieces)
		r = conf_lines_walk_pieces(&conf->lines, pieces, take_quickly, read_line, &reader,
					   err);
	else
		r = conf_lines_walk(&conf->lines, read_line, &reader);
	strbuf_fini(&reader.target.scratch);
	if (!r) {
		settle_label(&reader, NULL);
		r = end_file(&reader);
	}
	strbuf_fini(&reader.label);
	if (r)
		conf_fini(conf);
	return r;
}

int conf_parse(struct conf *out, const char *text, size_t len, enum conf_dialect dialect,
	       struct err *err)
{
	*out = (struct conf){ 0 };
	strbuf_add_mem(&out->lines.text, text, len);
	return parse(out, dialect, NULL, err);
}

int conf_read_text(struct strbuf *out, const char *path, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode))
		strbuf_reserve(out, (size_t)stat.st_size + 1); /* to see the end without growing */
	r = strbuf_read_fd(out, fd, err);
	if (r)
		err_prefix(err, "%s", path);
	return r;
}

int conf_read(struct conf *out, const char *path, enum conf_dialect dialect, struct err *err)
{
	int r;

	*out = (struct conf){ 0 };
	r = conf_read_text(&out->lines.text, path, err);
	if (r) {
		conf_fini(out);
		return r;
	}
	return parse(out, dialect, NULL, err);
}

int conf_read_pieces(struct conf *out, struct conf_pieces *pieces, struct err *err)
{
	int r;

	*out = (struct conf){ 0 };
	r = parse(out, CONF_WG, pieces, err);
	conf_lines_fini(&out->lines);
	return r;
}

/* A file, as conf_pieces has it. */
struct file {
	const char *path;
	int fd;
};

static ssize_t read_file(void *ctx, char *out, size_t cap, struct err *err)
{
	const struct file *file = ctx;
	ssize_t n;

	do
		n = read(file->fd, out, cap);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_set(err, -errno, "%s: %s", file->path, strerror(errno)) : n;
}

int conf_read_change(struct conf *out, const char *path, struct err *err)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct file file = { path, fd };
	struct conf_pieces pieces = { .read = read_file, .ctx = &file };

	*out = (struct conf){ 0 };
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return conf_read_pieces(out, &pieces, err);
}

void conf_fini(struct conf *conf)
{
	wg_device_free(conf->device);
	conf_lines_fini(&conf->lines);
	free(conf->quick.addresses);
	strlist_fini(&conf->quick.dns_servers);
	strlist_fini(&conf->quick.dns_search);
	free(conf->quick.table);
	strlist_fini(&conf->quick.pre_up);
	strlist_fini(&conf->quick.post_up);
	strlist_fini(&conf->quick.pre_down);
	strlist_fini(&conf->quick.post_down);
	comment_keys_fini(&conf->quick);
	strlist_fini(&conf->warnings);
	*conf = (struct conf){ 0 };
}

/* ---- printing -------------------------------------------------------------------------------- */

void conf_print(struct strbuf *out, const struct conf *conf)
{
	strbuf_add_mem(out, strbuf_text(&conf->lines.text), conf->lines.text.len);
}

static void print_keys(struct strbuf *out, const struct wg_device *device,
		       const struct wg_peer *peer)
{
	enum keys_section section = peer ? KEYS_SECTION_PEER : KEYS_SECTION_INTERFACE;
	size_t n;
	const struct keys_key *key = keys_all(&n), *end = key + n;

	for (; key < end; key++)
		if (key->print && key->section == section)
			key->print(out, device, peer);
}

void conf_print_interface(struct strbuf *out, const struct wg_device *device)
{
	strbuf_add(out, "[Interface]\n");
	print_keys(out, device, NULL);
	strbuf_add_char(out, '\n');
}

void conf_print_peer(struct strbuf *out, const struct wg_device *device, const struct wg_peer *peer)
{
	strbuf_add(out, "[Peer]\n");
	print_keys(out, device, peer);
}

void conf_print_device(struct strbuf *out, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	const char *separator = "";

	conf_print_interface(out, device);
	for (; (peer = wg_peers_next(&peers)); separator = "\n") {
		strbuf_add(out, separator);
		conf_print_peer(out, device, peer);
	}
}

/* Adds a line as bash's `read` gives it: without blanks at its ends. */
static void print_trimmed(struct strbuf *out, const char *text, size_t len)
{
	bool ended = len && text[len - 1] == '\n';

	len -= ended;
	while (len && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (!len && !ended)
		return;
	strbuf_add_mem(out, text, len);
	strbuf_add_char(out, '\n');
}

static int check_save_config(const struct conf_lines *lines, const struct conf_line *line,
			     const struct keys_key *key, struct err *err)
{
	struct conf_span value = line->kind == CONF_LINE_KEY ? line->value : line->body;
	struct conf_quick quick = { 0 };
	struct keys_target target = { .quick = &quick };
	int r = key->parse(&target, strbuf_text(&lines->text) + value.at, value.len, err);

	strbuf_fini(&target.scratch);
	if (r && err) {
		err->line = line->number;
		err->column = (unsigned int)(value.at - line->at + 1);
	}
	return r;
}

/* With is_checked, SaveConfig's value is known to be right. */
static int strip(struct strbuf *out, const char *text, size_t len, bool is_checked, struct err *err)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	struct conf_line line = { 0 };
	bool in_interface = false;
	size_t at, run;
	int r;

	for (at = 0; at < len; at += run + 1) { /* bash does not see NUL bytes */
		run = strnlen(text + at, len - at);
		strbuf_add_mem(&lines.text, text + at, run);
	}
	while (conf_lines_next(&line, &lines)) {
		const char *body = strbuf_text(&lines.text) + line.body.at;
		const struct keys_key *key;

		if (line.body.len && body[0] == '[')
			in_interface = opens_quick_interface(&lines, &line);
		key = in_interface ? quick_key(&lines, &line) : NULL;
		if (!key) {
			print_trimmed(out, strbuf_text(&lines.text) + line.at, line.len);
		} else if (!is_checked && !strcmp(key->name, "SaveConfig")) {
			r = check_save_config(&lines, &line, key, err);
			if (r)
				return r;
		}
	}
	strbuf_add_char(out, '\n');
	return 0;
}

int conf_strip(struct strbuf *out, const char *text, size_t len, struct err *err)
{
	return strip(out, text, len, false, err);
}

void conf_print_stripped(struct strbuf *out, const struct conf *conf)
{
	strip(out, strbuf_text(&conf->lines.text), conf->lines.text.len, true, NULL);
}
