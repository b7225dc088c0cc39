/*
 * The usual lines of an answer, read fast: the same comes out as line by line, be the answer right
 * or wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/uapi/codec_quick.h"
#include "lib/util/cleanup.h"
#include "tests/unit/same_device.h"
#include "tests/unit/spoil.h"

#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define KEY_0 "0000000000000000000000000000000000000000000000000000000000000000"

static const char usual[] =
	"public_key=" KEY_A "\npreshared_key=" KEY_B "\nprotocol_version=1\n"
	"endpoint=192.0.2.1:51820\nlast_handshake_time_sec=1700000000\n"
	"last_handshake_time_nsec=999999999\ntx_bytes=123456789012345678\nrx_bytes=0\n"
	"persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::1/128\n"
	"public_key=" KEY_B "\npreshared_key=" KEY_0 "\nprotocol_version=1\n"
	"endpoint=[2001:db8::1]:1\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
	"tx_bytes=18446744073709551615\nrx_bytes=5\npersistent_keepalive_interval=0\n"
	"allowed_ip=10.1.2.3/8\nallowed_ip=::/0\n";

/* What comes after the usual: nothing is read fast near the end. */
static const char tail[] =
	"public_key=" KEY_A "\nunknown=a line that is long enough for the others to be far away"
	"\nunknown=from the end of the text\n";

/* Decodes as far as it goes; without `quick`, line by line. */
static int decode(struct uapi_decoder *decoder, const struct strbuf *text, bool quick)
{
	const char *at = text->text, *end = at + text->len;
	struct err err;
	int r = 0;

	while (!r) {
		AUTO(auto_free) char *line = NULL;
		const char *newline;

		if (quick)
			at += uapi_quick_get_lines(decoder, at, (size_t)(end - at));
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return 0;
		if (strnlen(at, (size_t)(newline - at)) != (size_t)(newline - at))
			return -1; /* a NUL byte: the client's business */
		line = strndup(at, (size_t)(newline - at));
		r = uapi_decode_get_line(decoder, line, &err);
		at = newline + 1;
	}
	return r;
}

static void check(const struct strbuf *text)
{
	AUTO(wg_device_auto_free) struct wg_device *slow_device = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *quick_device = wg_device_new();
	struct uapi_decoder slow = { .device = slow_device }, quick = { .device = quick_device };

	assert_int_equal(decode(&quick, text, true), decode(&slow, text, false));
	assert_int_equal(quick.in_peer, slow.in_peer);
	assert_int_equal(quick.has_errno, slow.has_errno);
	assert_same_device(quick_device, slow_device);
}

static void test_usual_lines_are_taken(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct uapi_decoder decoder = { .device = device };
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	(void)state;
	/* All but the one number that needs a closer look. */
	strbuf_add(&text, usual);
	strbuf_add(&text, tail);
	assert_int_equal(uapi_quick_get_lines(&decoder, text.text, text.len),
			 strstr(usual, "tx_bytes=18446744073709551615") - usual);
	assert_int_equal(device->n_peers, 2);
	check(&text);
}

static void test_spoilt_answers(void **state)
{
	static const char letters[] = "\n\n =:./-+019afgAF[]%_";

	(void)state;
	srand(7);
	for (int i = 0; i < 50000; i++) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		strbuf_add(&text, usual);
		for (int n = 1 + rand() % 2; n; n--)
			spoil(&text, letters, sizeof(letters)); /* NUL as well */
		strbuf_add(&text, tail);
		check(&text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_lines_are_taken),
		cmocka_unit_test(test_spoilt_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
