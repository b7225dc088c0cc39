/*
 * Configurations read piece by piece, their usual lines fast: the same comes out as when the whole
 * text is walked through by the table of keys, be it right or wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "lib/conf/quick.h"
#include "lib/util/cleanup.h"
#include "tests/unit/same_device.h"
#include "tests/unit/spoil.h"

#define KEY_A "iO8OLwopDxMfpHBY+FkkHW0O6SVrdvsLKKqxwBSQmVo="
#define KEY_B "oIeAPOTW3pGtSHgRUp3PASKnzzBzP/GFtl2LRk/lz2I="

/* A text that is handed out `piece` bytes at a time. */
struct source {
	const char *text;
	size_t len, at, piece;
};

static ssize_t read_source(void *ctx, char *out, size_t cap, struct err *err)
{
	struct source *source = ctx;
	size_t n = source->len - source->at;

	(void)err;
	n = n < source->piece ? n : source->piece;
	n = n < cap ? n : cap;
	if (n)
		memcpy(out, source->text + source->at, n);
	source->at += n;
	return (ssize_t)n;
}

static void check(const char *text, size_t len, size_t piece)
{
	struct source source = { .text = text, .len = len, .piece = piece };
	struct conf_pieces pieces = { .read = read_source, .ctx = &source };
	AUTO(conf_fini) struct conf whole = { 0 };
	AUTO(conf_fini) struct conf got = { 0 };
	struct err whole_err = { 0 }, err = { 0 };
	int r = conf_parse(&whole, text, len, CONF_WG, &whole_err);

	assert_int_equal(conf_read_pieces(&got, &pieces, &err), r);
	assert_int_equal(got.lines.text.len, 0);
	assert_int_equal(err.code, whole_err.code);
	assert_int_equal(err.line, whole_err.line);
	assert_int_equal(err.column, whole_err.column);
	assert_ptr_equal(err.expected, whole_err.expected);
	assert_string_equal(err.text, whole_err.text);
	assert_int_equal(got.warnings.n, whole.warnings.n);
	for (size_t i = 0; i < got.warnings.n; i++)
		assert_string_equal(got.warnings.items[i], whole.warnings.items[i]);
	if (r)
		assert_null(got.device);
	else
		assert_same_device(got.device, whole.device);
}

static const char usual[] =
	"# Name = hub\n[Interface]\nPrivateKey = " KEY_B "\nListenPort = 51820\n\n"
	"[Peer]\n# Name = laptop\nPublicKey = " KEY_A "\nPresharedKey = " KEY_B "\n"
	"AllowedIPs = 10.0.0.0/8, 192.168.7.3/32, fd00::/8\nEndpoint = 192.0.2.1:51820\n"
	"PersistentKeepalive = 25\n\n"
	"# friendly_name = phone\n[Peer]\nPublicKey=" KEY_B "\r\nAllowedIPs=0.0.0.0/0,::/0 \r\n"
	"Endpoint = [2001:db8::1]:65535\t\nPersistentKeepalive=0\nAllowedIPs = fd01::1\n"
	"[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.0.0.0/8\nAllowedIPs = +10.0.0.1\n"
	"AllowedIPs = 10.0.0.1/8\nEndpoint = host.example:5\nEndpoint = 1.2.3.4:5\n"
	"[Peer]\nPresharedKey = " KEY_A "\nPublicKey = " KEY_B "\n# the end of it all, no newline";

static void test_usual_lines_are_taken(void **state)
{
	static const char lines[] = "PublicKey = " KEY_A "\nPresharedKey = " KEY_B "\n\n"
				    "AllowedIPs = 10.0.0.0/8, fd00::/8\nEndpoint = 192.0.2.1:5\n"
				    "Endpoint = [::1]:5\nPersistentKeepalive = 25\n";
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	unsigned int n_lines = 0;

	(void)state;
	strbuf_add(&text, lines);
	strbuf_add(&text, "[Peer]\n                              \n");
	assert_int_equal(
		quick_peer_lines(wg_device_add_peer(device), text.text, text.len, &n_lines),
		strlen(lines));
	assert_int_equal(n_lines, 7);
}

static void test_usual_text(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof(usual); piece++)
		check(usual, sizeof(usual) - 1, piece);
	for (size_t len = 0; len < sizeof(usual); len++) /* ends anywhere */
		check(usual, len, 64);
}

static void test_fixtures(void **state)
{
	glob_t found;

	(void)state;
	assert_int_equal(glob("tests/fixtures/conf/*.conf", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 10);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };
		struct err err;

		assert_int_equal(conf_read_text(&text, found.gl_pathv[i], &err), 0);
		for (size_t piece = 1; piece <= 1 << 20; piece *= 4)
			check(strbuf_text(&text), text.len, piece);
	}
	globfree(&found);
}

static void test_spoilt_text(void **state)
{
	static const char letters[] = "\n\n \t\r\v#=[]:,/+-.019afgzAPE\\;";

	(void)state;
	srand(6);
	for (int i = 0; i < 30000; i++) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		strbuf_add(&text, usual);
		for (int n = 1 + rand() % 3; n; n--)
			spoil(&text, letters, sizeof(letters)); /* NUL as well */
		check(text.text, text.len, 1 + (size_t)rand() % 2000);
	}
}

/* Longer than what is read at a time. */
static void test_long_lines(void **state)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	(void)state;
	strbuf_add(&text, "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.0.0.0/32");
	for (unsigned int i = 1; i < 20000; i++)
		strbuf_addf(&text, ", 10.%u.%u.%u/32", i >> 16, i >> 8 & 255, i & 255);
	check(text.text, text.len, 1 << 20);
	strbuf_add_char(&text, '\n');
	check(text.text, text.len, 1 << 20);
	strbuf_add(&text, "PersistentKeepalive = 65536\n");
	check(text.text, text.len, 100000);
}

static ssize_t fail_to_read(void *ctx, char *out, size_t cap, struct err *err)
{
	(void)ctx, (void)out, (void)cap;
	return err_set(err, -EIO, "broken");
}

static void test_what_cannot_be_read(void **state)
{
	struct conf_pieces pieces = { .read = fail_to_read };
	struct conf conf;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(conf_read_pieces(&conf, &pieces, &err), -EIO);
	assert_string_equal(err.text, "broken");
	assert_null(conf.device);
	assert_int_equal(conf_read_change(&conf, "/", &err), -EISDIR);
	assert_string_equal(err.text, "/: Is a directory");
	assert_int_equal(err.line, 0);
	assert_int_equal(conf_read_change(&conf, "/nonexistent/x", &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/x: No such file or directory");
}

static void test_pipe(void **state)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	struct err err;
	char path[32];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], usual, sizeof(usual) - 1), sizeof(usual) - 1);
	close(fds[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	assert_int_equal(conf_read_change(&conf, path, &err), 0);
	assert_int_equal(conf.device->n_peers, 4);
	close(fds[0]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_lines_are_taken),
		cmocka_unit_test(test_usual_text),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_spoilt_text),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_what_cannot_be_read),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
