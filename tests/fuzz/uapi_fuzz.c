/*
 * UAPI text, both ways. The first byte says which reader: even a get's, odd a set's. The rest is
 * lines. Whatever is taken must come out in a form that, read again, comes out the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/uapi/codec.h"
#include "lib/uapi/codec_quick.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

typedef int decode_line(struct uapi_decoder *decoder, char *line, struct err *err);

/* Hands each line to the reader; returns what the first bad one got, or 0. */
static int decode(struct wg_device *device, decode_line *read_line, const char *text, size_t len)
{
	struct uapi_decoder decoder = { .device = device };
	const char *end = text + len, *newline;
	int r = 0;

	for (; !r && text < end; text = newline + 1) {
		/* A copy of its own shows the sanitizer a read past the line. */
		AUTO(auto_free) char *line = NULL;
		struct err err = { 0 };

		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			newline = end;
		line = strndup(text, (size_t)(newline - text));
		assert(line);
		r = read_line(&decoder, line, &err);
		assert(r <= 0 && err.code == r);
		assert(!r == !*err.text);
	}
	return r;
}

static void encode_get(struct strbuf *out, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	uapi_encode_get_device(out, device);
	while ((peer = wg_peers_next(&peers)))
		uapi_encode_get_peer(out, peer);
}

/* Reading fast what can be read fast makes no difference. */
static void check_quick(const struct wg_device *device, const char *text, size_t len)
{
	AUTO(wg_device_auto_free) struct wg_device *quick_device = wg_device_new();
	struct uapi_decoder decoder = { .device = quick_device };
	AUTO(strbuf_fini) struct strbuf line = { 0 };
	AUTO(strbuf_fini) struct strbuf slow = { 0 };
	AUTO(strbuf_fini) struct strbuf quick = { 0 };
	AUTO(auto_free) char *copy = strndup(text, len); /* exactly as long, with a NUL */
	const char *end, *newline;

	len = strlen(copy);
	text = copy;
	for (end = text + len; text < end; text = newline + 1) {
		text += uapi_quick_get_lines(&decoder, text, (size_t)(end - text));
		if (text == end)
			break;
		newline = memchr(text, '\n', (size_t)(end - text));
		if (!newline)
			newline = end;
		strbuf_clear(&line);
		strbuf_add_mem(&line, text, (size_t)(newline - text));
		assert(!uapi_decode_get_line(&decoder, line.text, NULL));
	}
	encode_get(&slow, device);
	encode_get(&quick, quick_device);
	assert(slow.len == quick.len);
	assert(!memcmp(strbuf_text(&slow), strbuf_text(&quick), slow.len));
}

static void encode_set(struct strbuf *out, const struct wg_device *change)
{
	assert(!uapi_encode_set(out, change, NULL, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *again = wg_device_new();
	AUTO(strbuf_fini) struct strbuf once = { 0 };
	AUTO(strbuf_fini) struct strbuf twice = { 0 };
	bool is_set = len && data[0] & 1;
	decode_line *read_line = is_set ? uapi_decode_set_line : uapi_decode_get_line;
	void (*encode)(struct strbuf * out, const struct wg_device *in) =
		is_set ? encode_set : encode_get;
	size_t skip = is_set ? strlen("set=1\n") : 0;

	if (!len || decode(device, read_line, (const char *)data + 1, len - 1))
		return 0;
	if (!is_set && !memchr(data, '\0', len))
		check_quick(device, (const char *)data + 1, len - 1);
	encode(&once, device);
	/* Without the first line and the empty one, which are not the reader's business. */
	assert(!decode(again, read_line, strbuf_text(&once) + skip,
		       once.len - skip - (is_set ? 1 : 0)));
	assert(again->n_peers == device->n_peers);
	encode(&twice, again);
	assert(once.len == twice.len && !memcmp(strbuf_text(&once), strbuf_text(&twice), once.len));
	return 0;
}
