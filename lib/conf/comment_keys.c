/*
 * Comment keys: see comment_keys.h. One table; each key's parser takes a value without blanks at
 * its ends and writes it into struct conf_quick, which owns it.
 */
#include "lib/conf/comment_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/conf/secrets.h"
#include "lib/conf/spelling.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define CREDENTIAL "credential:"

enum {
	DOMAIN_LEN_MAX = 253, /* RFC 1035 section 2.3.4, as text */
	LABEL_LEN_MAX = 63,
};

/* What the parsers write into; peer is NULL in [Interface]. */
struct target {
	struct conf_quick *quick;
	struct conf_quick_peer *peer;
};

struct comment_keys_key {
	const char *name;
	bool is_for_peer;
	bool is_for_down;
	int (*parse)(struct target *to, const char *value, struct err *err);
	const char *hint_key;     /* what to say was expected: as a plain key... */
	const char *hint_near;    /* ...misspelt... */
	const char *hint_section; /* ...and in another section */
};

/* ---- values ---------------------------------------------------------------------------------- */

static void set_text(char **out, const char *text)
{
	free(*out);
	*out = mem_strdup(text);
}

static int parse_save(struct target *to, const char *value, struct err *err)
{
	if (strcasecmp(value, "keep") != 0)
		return err_expected(err, -EINVAL, "keep", "Save is not valid: `%.200s'", value);
	to->quick->is_text_kept = true;
	return 0;
}

static int parse_kill_switch(struct target *to, const char *value, struct err *err)
{
	static const char *const words[] = { [CONF_KILL_SWITCH_OFF] = "off",
					     [CONF_KILL_SWITCH_ON] = "on",
					     [CONF_KILL_SWITCH_LAN] = "lan" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(words[i], value)) {
			to->quick->kill_switch = (enum conf_kill_switch)i;
			return 0;
		}
	return err_expected(err, -EINVAL, "on, lan or off", "KillSwitch is not valid: `%.200s'",
			    value);
}

static int parse_dns_failure(struct target *to, const char *value, struct err *err)
{
	if (!strcasecmp(value, "abort"))
		to->quick->dns_failure = CONF_DNS_FAILURE_ABORT;
	else if (!strcasecmp(value, "warn"))
		to->quick->dns_failure = CONF_DNS_FAILURE_WARN;
	else
		return err_expected(err, -EINVAL, "abort or warn",
				    "DNSFailure is not valid: `%.200s'", value);
	return 0;
}

static bool is_file_name(const char *text)
{
	return text[0] && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static int parse_key_file(char **out, const char *value, struct err *err)
{
	static const char expected[] = "the path of a file, or credential:NAME";
	AUTO(wg_key_wipe) struct wg_key key = { 0 };

	/* The name of the file will be told. */
	if (!wg_key_parse(&key, value, NULL))
		return err_expected(err, -EINVAL, expected, "This is a key, not a file");
	if (!strncasecmp(value, CREDENTIAL, strlen(CREDENTIAL)) &&
	    !is_file_name(value + strlen(CREDENTIAL)))
		return err_expected(err, -EINVAL, expected,
				    "This cannot be the name of a credential: `%.200s'",
				    value + strlen(CREDENTIAL));
	set_text(out, value);
	return 0;
}

static int parse_private_key_file(struct target *to, const char *value, struct err *err)
{
	return parse_key_file(&to->quick->private_key_file, value, err);
}

static int parse_preshared_key_file(struct target *to, const char *value, struct err *err)
{
	return parse_key_file(&to->peer->preshared_key_file, value, err);
}

static int parse_namespace(char **out, const char *value, struct err *err)
{
	if (!strchr(value, '/') && !is_file_name(value))
		return err_expected(err, -EINVAL,
				    "the name of a network namespace, or the path of its file",
				    "Namespace is not valid: `%.200s'", value);
	set_text(out, value);
	return 0;
}

static int parse_netns(struct target *to, const char *value, struct err *err)
{
	return parse_namespace(&to->quick->netns, value, err);
}

static int parse_birth_netns(struct target *to, const char *value, struct err *err)
{
	return parse_namespace(&to->quick->birth_netns, value, err);
}

static bool is_domain(const char *text)
{
	size_t label = 0;

	if (strlen(text) > DOMAIN_LEN_MAX)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c == '.' && !label)
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > LABEL_LEN_MAX)
			return false;
		if (*c != '.' && *c != '-' && *c != '_' && !(*c >= '0' && *c <= '9') &&
		    !(*c >= 'a' && *c <= 'z') && !(*c >= 'A' && *c <= 'Z'))
			return false;
	}
	return text[0] && strcmp(text, ".") != 0;
}

static int parse_endpoint_srv(struct target *to, const char *value, struct err *err)
{
	if (!is_domain(value))
		return err_expected(err, -EINVAL, "a domain, such as example.org",
				    "EndpointSRV is not valid: `%.200s'", value);
	set_text(&to->peer->endpoint_srv, value);
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define KEY(key)                                                      \
	.name = (key), .hint_key = "a comment, `#wg: " key " = ...'", \
	.hint_near = "a key that a comment may have, perhaps `" key "'"
#define IN_INTERFACE(key) KEY(key), .hint_section = "`" key "' in the [Interface] section"
#define IN_PEER(key) KEY(key), .is_for_peer = true, .hint_section = "`" key "' in a [Peer] section"

static const struct comment_keys_key keys[] = {
	{ IN_INTERFACE("Save"), .is_for_down = true, .parse = parse_save },
	{ IN_INTERFACE("KillSwitch"), .parse = parse_kill_switch },
	{ IN_INTERFACE("PrivateKeyFile"), .parse = parse_private_key_file },
	{ IN_INTERFACE("Namespace"), .is_for_down = true, .parse = parse_netns },
	{ IN_INTERFACE("BirthNamespace"), .is_for_down = true, .parse = parse_birth_netns },
	{ IN_INTERFACE("DNSFailure"), .parse = parse_dns_failure },
	{ IN_PEER("PresharedKeyFile"), .parse = parse_preshared_key_file },
	{ IN_PEER("EndpointSRV"), .parse = parse_endpoint_srv },
};

enum {
	N_KEYS = sizeof(keys) / sizeof(keys[0]),
};

const struct comment_keys_key *comment_keys_find(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (!strcasecmp(keys[i].name, name))
			return &keys[i];
	return NULL;
}

const char *comment_keys_hint(const struct comment_keys_key *key)
{
	return key->hint_key;
}

static const char *hint_for(const char *name)
{
	const char *hint = "one of the keys that wg-quick(8) describes for comments";
	unsigned int best = SPELLING_MAX;

	if (strlen(name) > SPELLING_MAX)
		return hint;
	for (size_t i = 0; i < N_KEYS; i++) {
		unsigned int distance = spelling_distance(keys[i].name, name);

		if (distance <= spelling_limit(keys[i].name) && distance < best) {
			best = distance;
			hint = keys[i].hint_near;
		}
	}
	return hint;
}

bool comment_keys_is(const struct conf_lines *lines, const struct conf_line *line, const char *name)
{
	AUTO(strbuf_fini) struct strbuf squeezed = { 0 };

	if (line->kind != CONF_LINE_COMMENT_KEY)
		return false;
	conf_lines_squeeze(&squeezed, lines, line->name);
	return !strcasecmp(strbuf_text(&squeezed), name);
}

/* ---- reading --------------------------------------------------------------------------------- */

void comment_keys_begin(struct comment_keys_reader *reader, bool is_peer, unsigned int line)
{
	reader->in_peer = is_peer;
	reader->has_peer = false;
	reader->seen_here = 0;
	reader->section_line = line;
	reader->preshared_key_file = (struct conf_line){ 0 };
}

static int refuse_line(const struct conf_lines *lines, const struct conf_line *line,
		       const char *expected, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf squeezed = { 0 };
	AUTO(strbuf_fini) struct strbuf quoted = { 0 };

	strbuf_add(&squeezed, "#wg:");
	conf_lines_squeeze(&squeezed, lines, line->name);
	if (line->name.len)
		strbuf_add_char(&squeezed, '=');
	conf_lines_squeeze(&squeezed, lines, line->value);
	secrets_add_line(&quoted, squeezed.text);
	return err_expected(err, -EINVAL, expected, "Line unrecognized: `%.600s'",
			    strbuf_text(&quoted));
}

static struct conf_quick_peer *peer_of(struct comment_keys_reader *reader, struct conf_quick *quick)
{
	if (!reader->has_peer) {
		quick->peers = mem_grow(quick->peers, &quick->peers_cap, quick->n_peers + 1,
					sizeof(*quick->peers));
		quick->peers[quick->n_peers++] =
			(struct conf_quick_peer){ .line = reader->section_line };
		reader->has_peer = true;
	}
	return &quick->peers[quick->n_peers - 1];
}

/* Its value is known to be there. */
static int read_value(struct comment_keys_reader *reader, struct conf_quick *quick,
		      const struct comment_keys_key *key, const struct conf_lines *lines,
		      const struct conf_line *line, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf value = { 0 };
	struct target target = { .quick = quick,
				 .peer = key->is_for_peer ? peer_of(reader, quick) : NULL };
	int r;

	strbuf_add_mem(&value, lines->text.text + line->value.at, line->value.len);
	r = key->parse(&target, value.text, err);
	if (r && err)
		secrets_hide(err);
	return r;
}

int comment_keys_read(struct comment_keys_reader *reader, struct conf_quick *quick,
		      const struct conf_lines *lines, const struct conf_line *line, size_t *bad_at,
		      struct err *err)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 };
	const struct comment_keys_key *key;
	uint32_t *seen, bit;
	int r;

	conf_lines_squeeze(&name, lines, line->name);
	key = comment_keys_find(strbuf_text(&name));
	*bad_at = line->name.at;
	if (!line->name.len)
		return refuse_line(lines, line, "`#wg: Key = value'", err);
	if (!key)
		return refuse_line(lines, line, hint_for(name.text), err);
	if (key->is_for_peer != reader->in_peer)
		return refuse_line(lines, line, key->hint_section, err);
	seen = key->is_for_peer ? &reader->seen_here : &reader->seen_else;
	bit = UINT32_C(1) << (key - keys);
	if (*seen & bit)
		return refuse_line(lines, line, "it once in a section, below the section's header",
				   err);
	*bad_at = line->value.at;
	if (!line->value.len)
		return refuse_line(lines, line, "a value after `='", err);
	r = read_value(reader, quick, key, lines, line, err);
	if (r)
		return r;
	*seen |= bit;
	if (key->parse == parse_private_key_file)
		reader->private_key_file = *line;
	else if (key->parse == parse_preshared_key_file)
		reader->preshared_key_file = *line;
	return 0;
}

void comment_keys_read_for_down(struct comment_keys_reader *reader, struct conf_quick *quick,
				const struct conf_lines *lines, const struct conf_line *line)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 };
	const struct comment_keys_key *key;
	size_t bad_at;

	conf_lines_squeeze(&name, lines, line->name);
	key = comment_keys_find(strbuf_text(&name));
	if (key && key->is_for_down)
		comment_keys_read(reader, quick, lines, line, &bad_at, NULL);
}

int comment_keys_end_peer(const struct comment_keys_reader *reader, struct conf_quick *quick,
			  const struct wg_peer *peer, struct conf_line *bad_line, struct err *err)
{
	if (!reader->has_peer)
		return 0;
	quick->peers[quick->n_peers - 1].public_key = peer->public_key;
	if (!reader->preshared_key_file.number || !(peer->flags & WG_PEER_HAS_PRESHARED_KEY))
		return 0;
	*bad_line = reader->preshared_key_file;
	return err_expected(err, -EINVAL, "either of them",
			    "Both PresharedKey and PresharedKeyFile are given");
}

int comment_keys_end(const struct comment_keys_reader *reader, const struct conf_quick *quick,
		     const struct wg_device *device, struct conf_line *bad_line, struct err *err)
{
	if (!quick->private_key_file || !(device->flags & WG_DEVICE_HAS_PRIVATE_KEY))
		return 0;
	*bad_line = reader->private_key_file;
	return err_expected(err, -EINVAL, "either of them",
			    "Both PrivateKey and PrivateKeyFile are given");
}

void comment_keys_fini(struct conf_quick *quick)
{
	for (size_t i = 0; i < quick->n_peers; i++) {
		free(quick->peers[i].preshared_key_file);
		free(quick->peers[i].endpoint_srv);
	}
	free(quick->peers);
	free(quick->private_key_file);
	free(quick->netns);
	free(quick->birth_netns);
}
