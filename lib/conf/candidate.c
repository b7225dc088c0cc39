/*
 * What may be a peer's name: see candidate.h. Plain values, nothing allocated. To take no name for
 * one is better than to show a key, a password, or what confuses a terminal.
 */
#include "lib/conf/candidate.h"

#include <string.h>
#include <strings.h>

#include "lib/conf/keys.h"

/* Part of a line; no terminator. */
struct words {
	const char *text;
	size_t len;
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether c is one of these; NUL is one of none. */
static bool is_any(char c, const char *these)
{
	return c && strchr(these, c);
}

static struct words trim(struct words words, const char *more)
{
	while (words.len && (is_space(words.text[0]) || is_any(words.text[0], more))) {
		words.text++;
		words.len--;
	}
	while (words.len &&
	       (is_space(words.text[words.len - 1]) || is_any(words.text[words.len - 1], more)))
		words.len--;
	return words;
}

static bool is_word(struct words words, const char *word)
{
	return words.len == strlen(word) && !strncasecmp(words.text, word, words.len);
}

/* Takes `word` off the start, if it stands there alone. */
static bool take_word(struct words *words, const char *word)
{
	size_t len = strlen(word);

	if (words->len < len || strncasecmp(words->text, word, len) != 0)
		return false;
	if (words->len > len && !is_space(words->text[len]))
		return false;
	words->text += len;
	words->len -= len;
	*words = trim(*words, "");
	return true;
}

/* ---- what may be a name ---------------------------------------------------------------------- */

/* Whether a base64 or hexadecimal key may be in it, blanks within or not, whole or in part. */
static bool looks_like_key(struct words words)
{
	size_t run = 0, squeezed_run = 0;

	for (size_t i = 0; i < words.len; i++) {
		char c = words.text[i];
		bool is_alnum =
			(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (c == '=' && squeezed_run >= WG_KEY_BASE64_LEN - 2)
			return true;
		run = is_alnum || c == '+' || c == '/' ? run + 1 : 0;
		if (run >= WG_KEY_BASE64_LEN - 4)
			return true;
		if (run || c == '-' || c == '_') /* the alphabet for URLs */
			squeezed_run++;
		else if (!is_space(c))
			squeezed_run = 0;
	}
	return false;
}

/* Whether it speaks of a configuration's key: commented-out settings are no names. */
static bool speaks_of_setting(struct words words)
{
	/* Other programs', and people's: "# password: ..." */
	static const char *const secrets[] = { "passw", "passphr", "psk", "secret", "token" };
	char squeezed[CONF_NAME_MAX + 1], *equals, *separator;
	size_t n, len = 0;
	const struct keys_key *key = keys_all(&n);

	for (size_t i = 0; i < words.len; i++)
		if (!is_space(words.text[i]) && !is_any(words.text[i], "-_"))
			squeezed[len++] = words.text[i];
	squeezed[len] = '\0';
	if (squeezed[0] == '[')
		return true;
	separator = strpbrk(squeezed, "=:");
	for (size_t i = 0; separator && i < sizeof(secrets) / sizeof(*secrets); i++) {
		const char *found = strcasestr(squeezed, secrets[i]);

		if (found && found < separator)
			return true;
	}
	equals = strrchr(squeezed, '=');
	for (size_t i = 0; i < n; i++) {
		const char *found = strcasestr(squeezed, key[i].name);

		if (found && (key[i].is_secret || (equals && found < equals)))
			return true;
	}
	return false;
}

/*
 * Whether the text begins with a mark that cannot be seen but turns the direction of writing, ends
 * a line or hides: one name must not pass for another, nor turn the key behind it. What joins
 * letters and pictures (U+200C, U+200D) may be in names.
 */
static bool tampers(struct words words)
{
	static const struct {
		const char *first, *last; /* in UTF-8, which sorts as code points do */
	} marks[] = {
		{ "\xd8\x9c", "\xd8\x9c" },                 /* U+061C */
		{ "\xe2\x80\x8b", "\xe2\x80\x8b" },         /* U+200B */
		{ "\xe2\x80\x8e", "\xe2\x80\x8f" },         /* U+200E, U+200F */
		{ "\xe2\x80\xa8", "\xe2\x80\xae" },         /* U+2028 to U+202E */
		{ "\xe2\x81\xa0", "\xe2\x81\xaf" },         /* U+2060 to U+206F */
		{ "\xef\xbb\xbf", "\xef\xbb\xbf" },         /* U+FEFF */
		{ "\xf3\xa0\x80\x80", "\xf3\xa0\xbf\xbf" }, /* U+E0000 to U+E0FFF */
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		size_t len = strlen(marks[i].first);

		if (words.len >= len && memcmp(words.text, marks[i].first, len) >= 0 &&
		    memcmp(words.text, marks[i].last, len) <= 0)
			return true;
	}
	return false;
}

/* The length of the character at the start of the text; 0: none that may be in a name. */
static size_t character_len(struct words words)
{
	unsigned char c = (unsigned char)words.text[0];

	if (c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0))
		return 0;
	if (c == 0xc2 && words.len > 1 && (unsigned char)words.text[1] < 0xa0)
		return 0; /* U+0080 to U+009F */
	if (tampers(words))
		return 0;
	for (size_t len = 1; c >= 0xc0 && len < words.len && len < 4; len++)
		if (((unsigned char)words.text[len] & 0xc0) != 0x80)
			return len;
		else if (len == (c >= 0xf0 ? 3u : c >= 0xe0 ? 2u : 1u))
			return len + 1;
	return 1;
}

/* Fills in the candidate, unless these words are no name. */
static void set_name(struct candidate *out, enum rank rank, struct words words)
{
	bool has_letter = false;
	size_t step;

	words = trim(words, "");
	if (!words.len || words.len > CONF_NAME_MAX || looks_like_key(words) ||
	    speaks_of_setting(words))
		return;
	for (size_t i = 0; i < words.len; i += step) {
		char c = words.text[i];

		step = c == '\t' ? 1
				 : character_len((struct words){ words.text + i, words.len - i });
		if (!step)
			return;
		memcpy(out->name + i, words.text + i, step);
		if (c == '\t')
			out->name[i] = ' ';
		has_letter |= (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			      (c >= 'a' && c <= 'z') || c & 0x80;
	}
	if (!has_letter)
		return; /* a line across the page */
	out->name[words.len] = '\0';
	out->rank = rank;
}

/* ---- what a comment says --------------------------------------------------------------------- */

/* The value of "name" in a flat JSON object, if it needs no unescaping; else nothing. */
static struct words json_name(struct words json)
{
	static const char member[] = "\"name\"";
	const char *at = json.text, *end = json.text + json.len, *quote;

	while ((at = memmem(at, (size_t)(end - at), member, sizeof(member) - 1))) {
		at += sizeof(member) - 1;
		while (at < end && is_space(*at))
			at++;
		if (at == end || *at++ != ':')
			continue;
		while (at < end && is_space(*at))
			at++;
		if (at == end || *at++ != '"')
			continue;
		quote = memchr(at, '"', (size_t)(end - at));
		if (!quote || memchr(at, '\\', (size_t)(quote - at)))
			break;
		return (struct words){ at, (size_t)(quote - at) };
	}
	return (struct words){ "", 0 };
}

/* "Name = x"; returns whether it has that form, even if x is no name. */
static bool read_keyed(struct candidate *out, struct words words)
{
	size_t i = 0;
	struct words label, value;

	while (i < words.len && words.text[i] != '=' && words.text[i] != ':')
		i++;
	if (i == words.len)
		return false;
	label = trim((struct words){ words.text, i }, "#+");
	value = (struct words){ words.text + i + 1, words.len - i - 1 };
	out->is_friendly = is_word(label, "friendly_name") || is_word(label, "friendly_json");
	if (is_word(label, "friendly_json"))
		value = json_name(value);
	else if (!out->is_friendly && !is_word(label, "Name") && !is_word(label, "Alias"))
		return false;
	set_name(out, RANK_KEYED, value);
	return true;
}

/* Takes " (d7e4ab0e-...)" off the end: wg-easy's number of a client. */
static struct words without_uuid(struct words words)
{
	enum {
		LEN = 38 /* in parentheses */
	};
	struct words tail;

	if (words.len <= LEN)
		return words;
	tail = (struct words){ words.text + words.len - LEN, LEN };
	if (tail.text[0] != '(' || tail.text[LEN - 1] != ')' ||
	    strspn(tail.text + 1, "0123456789abcdef-") != LEN - 2)
		return words;
	words.len -= LEN;
	return words;
}

/* "### begin x ###" and the like; returns whether it has such a form, even if x is no name. */
static bool read_marked(struct candidate *out, struct words words, size_t n_hashes)
{
	words = trim(words, "#");
	if (take_word(&words, "BEGIN_PEER") || (n_hashes > 1 && take_word(&words, "begin")) ||
	    (n_hashes > 1 && take_word(&words, "Client")) || take_word(&words, "Client:")) {
		set_name(out, RANK_MARKED, without_uuid(words));
		return true;
	}
	/* The other end of what began above, or a block of some other program. */
	return take_word(&words, "END_PEER") || take_word(&words, "begin") ||
	       take_word(&words, "end");
}

static void read_plain(struct candidate *out, struct words words)
{
	const char *equals;
	struct words label;

	if (looks_like_key(words)) /* before its last "=" is taken for an ornament */
		return;
	words = trim(words, "#*=-~");
	equals = memchr(words.text, '=', words.len);
	if (equals) {
		/* "word = ...": a setting of some program's. */
		label = trim((struct words){ words.text, (size_t)(equals - words.text) }, "");
		if (!memchr(label.text, ' ', label.len))
			return;
	}
	set_name(out, RANK_PLAIN, words);
}

struct candidate candidate_of_comment(const struct conf_lines *lines, const struct conf_line *line)
{
	struct candidate candidate = { .rank = RANK_NONE };
	const char *text = strbuf_text(&lines->text) + line->at;
	const char *hash = memchr(text, '#', strnlen(text, line->len));
	struct words words;
	size_t n_hashes = 0;

	if (!hash)
		return candidate;
	words = (struct words){ hash, strnlen(text, line->len) - (size_t)(hash - text) };
	while (n_hashes < words.len && words.text[n_hashes] == '#')
		n_hashes++;
	words = trim(words, "");
	if (!read_keyed(&candidate, words) && !read_marked(&candidate, words, n_hashes))
		read_plain(&candidate, words);
	return candidate;
}

struct candidate candidate_of_list_line(struct wg_key *key, const char *text, size_t len)
{
	struct words line = trim((struct words){ text, len }, "");
	struct candidate candidate = { .rank = RANK_NONE };
	char after;

	if (line.len <= WG_KEY_BASE64_LEN ||
	    wg_key_parse_mem(key, line.text, WG_KEY_BASE64_LEN, NULL))
		return candidate;
	after = line.text[WG_KEY_BASE64_LEN];
	if (!is_space(after) && after != ':' && after != '=')
		return candidate;
	line.text += WG_KEY_BASE64_LEN;
	line.len -= WG_KEY_BASE64_LEN;
	line = trim(line, "");
	if (line.len && is_any(line.text[0], ":=")) {
		line.text++;
		line.len--;
	}
	set_name(&candidate, RANK_PLAIN, line);
	return candidate;
}
