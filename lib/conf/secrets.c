/* Messages without keys: see secrets.h. Nothing is kept. */
#include "lib/conf/secrets.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/model/key.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

static bool is_base64_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

#define HIDDEN "(hidden)"

/* How much of a squeezed line comes before the secret that it seems to hold; all, if it has none.
 */
static size_t before_secret(const char *line)
{
	static const char *const names[] = { "PrivateKey", "PresharedKey" };
	const char *equals = strchr(line, '='), *key = strcasestr(line, "key");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncasecmp(line, names[i], strlen(names[i])))
			return strlen(names[i]) + (line[strlen(names[i])] == '=');
	return equals && key && key < equals ? (size_t)(equals - line) + 1 : strlen(line);
}

/* Adds the first `len` characters of text without what looks like base64 of 32 bytes. */
static void add_without_keys(struct strbuf *out, const char *text, size_t len)
{
	size_t run = 0;

	for (size_t i = 0; i < len; i++) {
		strbuf_add_char(out, text[i]);
		if (is_base64_char(text[i])) {
			run++;
			continue;
		}
		if (text[i] == '=' && run >= WG_KEY_BASE64_LEN - 2) {
			mem_wipe(out->text + out->len - run - 1, run + 1);
			out->len -= run + 1;
			strbuf_add(out, HIDDEN);
		}
		run = 0;
	}
}

void secrets_add_line(struct strbuf *out, const char *line)
{
	size_t end;

	if (!strncasecmp(line, "PublicKey=", strlen("PublicKey="))) {
		strbuf_add(out, line);
		return;
	}
	end = before_secret(line);
	add_without_keys(out, line, end);
	if (line[end])
		strbuf_add(out, HIDDEN);
}

void secrets_hide(struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	add_without_keys(&text, err->text, strlen(err->text));
	mem_wipe(err->text, sizeof(err->text));
	memcpy(err->text, strbuf_text(&text), text.len); /* never longer: 44 characters became 8 */
}
