/*
 * Any bytes as a configuration, in both dialects: nothing crashes, what is printed is what was
 * read, strip leaves nothing to strip, and a device printed as showconf does reads back the same.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/conf/conf.h"
#include "lib/util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct err *err, int code, const char *text, size_t len)
{
	unsigned int n_lines = 1;

	for (size_t i = 0; i < len; i++)
		n_lines += text[i] == '\n';
	assert(code == -EINVAL || code == -ENOKEY);
	assert(err->code == code && err->expected && err->text[0]);
	assert(err->line >= 1 && err->line <= n_lines);
	assert(err->column >= 1 && err->column <= len + 1);
}

static void check_strip(const char *text, size_t len)
{
	static const char bom[3] = { '\xef', '\xbb', '\xbf' };
	AUTO(strbuf_fini) struct strbuf once = { 0 };
	AUTO(strbuf_fini) struct strbuf twice = { 0 };
	struct err err = { 0 };
	int r = conf_strip(&once, text, len, &err);

	if (r) {
		check_err(&err, r, text, len);
		return;
	}
	assert(once.text[once.len - 1] == '\n' && !memchr(once.text, '\0', once.len));
	/* Without the blanks and NUL bytes before it, the bytes of a mark become one. */
	if (once.len >= sizeof(bom) && !memcmp(once.text, bom, sizeof(bom)) &&
	    (len < sizeof(bom) || memcmp(text, bom, sizeof(bom))))
		return;
	assert(!conf_strip(&twice, once.text, once.len, &err));
	assert(twice.len == once.len + 1 && !memcmp(twice.text, once.text, once.len));
}

/* What printing keeps of a device is the same after another round. */
static void check_device(const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	AUTO(strbuf_fini) struct strbuf once = { 0 };
	AUTO(strbuf_fini) struct strbuf twice = { 0 };
	AUTO(conf_fini) struct conf again = { 0 };
	const struct wg_peer *peer;

	while ((peer = wg_peers_next(&peers))) {
		const char *host = peer->endpoint.host;

		if (wg_key_is_zero(&peer->public_key))
			return; /* printed without its key */
		if (host && strpbrk(host, "[]"))
			return; /* no name: a resolver will say so */
	}
	conf_print_device(&once, device);
	if (conf_parse(&again, once.text, once.len, CONF_WG, NULL))
		assert(!"what showconf prints is not understood");
	conf_print_device(&twice, again.device);
	assert(once.len == twice.len && !memcmp(once.text, twice.text, once.len));
	assert(again.device->n_peers == device->n_peers);
}

/* A text that is handed out in pieces. */
struct source {
	const char *text;
	size_t len, piece;
};

static ssize_t read_source(void *ctx, char *out, size_t cap, struct err *err)
{
	struct source *source = ctx;
	size_t n = source->len < source->piece ? source->len : source->piece;

	(void)err;
	n = n < cap ? n : cap;
	if (n)
		memcpy(out, source->text, n);
	source->text += n;
	source->len -= n;
	return (ssize_t)n;
}

/* Reading it piece by piece makes no difference. */
static void check_pieces(const char *text, size_t len, size_t piece)
{
	struct source source = { .text = text, .len = len, .piece = piece };
	struct conf_pieces pieces = { .read = read_source, .ctx = &source };
	AUTO(conf_fini) struct conf whole = { 0 };
	AUTO(conf_fini) struct conf got = { 0 };
	AUTO(strbuf_fini) struct strbuf a = { 0 };
	AUTO(strbuf_fini) struct strbuf b = { 0 };
	struct err err = { 0 }, whole_err = { 0 };
	int r = conf_read_pieces(&got, &pieces, &err);

	assert(r == conf_parse(&whole, text, len, CONF_WG, &whole_err));
	assert(err.line == whole_err.line && err.column == whole_err.column);
	assert(err.expected == whole_err.expected && !strcmp(err.text, whole_err.text));
	assert(got.warnings.n == whole.warnings.n);
	if (r)
		return;
	conf_print_device(&a, got.device);
	conf_print_device(&b, whole.device);
	assert(a.len == b.len && !memcmp(a.text, b.text, a.len));
	assert(got.device->flags == whole.device->flags);
}

static void check_dialect(const char *text, size_t len, enum conf_dialect dialect)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(strbuf_fini) struct strbuf printed = { 0 };
	AUTO(strbuf_fini) struct strbuf stripped = { 0 };
	struct err err = { 0 };
	int r = conf_parse(&conf, text, len, dialect, &err);

	if (r) {
		assert(!conf.device);
		check_err(&err, r, text, len);
		return;
	}
	conf_print(&printed, &conf);
	assert(printed.len == len && (!len || !memcmp(printed.text, text, len)));
	conf_print_stripped(&stripped, &conf);
	check_device(conf.device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_dialect((const char *)data, size, CONF_WG);
	check_dialect((const char *)data, size, CONF_QUICK);
	check_dialect((const char *)data, size, CONF_DOWN);
	check_strip((const char *)data, size);
	check_pieces((const char *)data, size, size ? 1 + data[size / 2] : 1);
	check_pieces((const char *)data, size, 1 << 20);
	return 0;
}
