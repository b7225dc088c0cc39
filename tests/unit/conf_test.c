/*
 * Configuration files. The corpus in tests/fixtures/conf is walked file by file: beside each X.conf
 * stands X.expected, which says what both dialects make of it, and what strip leaves. After a
 * change of behaviour run this with UPDATE=1 and read the differences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/conf/conf.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "tests/unit/peer_at.h"

#define CORPUS "tests/fixtures/conf"
#define PRIVATE_KEY "oIeAPOTW3pGtSHgRUp3PASKnzzBzP/GFtl2LRk/lz2I="
#define PUBLIC_KEY "iO8OLwopDxMfpHBY+FkkHW0O6SVrdvsLKKqxwBSQmVo="

/* ---- what was read, as text ------------------------------------------------------------------ */

/* Adds text with bytes that an editor would not show made visible. */
static void add_visible(struct strbuf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\\')
			strbuf_add(out, "\\\\");
		else if (c < ' ' || c >= 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_add_char(out, (char)c);
	}
}

static void add_strings(struct strbuf *out, const char *name, const struct strlist *list)
{
	for (size_t i = 0; i < list->n; i++) {
		strbuf_addf(out, "%s: ", name);
		add_visible(out, list->items[i], strlen(list->items[i]));
		strbuf_add_char(out, '\n');
	}
}

static void add_label(struct strbuf *out, const char *label)
{
	if (!label)
		return;
	strbuf_add(out, "label: ");
	add_visible(out, label, strlen(label));
	strbuf_add_char(out, '\n');
}

static void add_key(struct strbuf *out, const char *name, const struct wg_key *key)
{
	char text[WG_KEY_BASE64_LEN + 1];

	wg_key_format(text, key);
	strbuf_addf(out, "%s: %s\n", name, text);
}

static void add_peer(struct strbuf *out, const struct wg_peer *peer)
{
	char text[ENDPOINT_TEXT_MAX];

	strbuf_addf(out, "peer, %s allowed ips\n",
		    peer->flags & WG_PEER_REPLACE_ALLOWED_IPS ? "replacing" : "changing");
	add_label(out, peer->label);
	add_key(out, "public key", &peer->public_key);
	if (peer->flags & WG_PEER_HAS_PRESHARED_KEY)
		add_key(out, "preshared key", &peer->preshared_key);
	if (peer->endpoint.host) {
		strbuf_add(out, "endpoint name: ");
		add_visible(out, peer->endpoint.host, strlen(peer->endpoint.host));
		strbuf_addf(out, " port %s\n", peer->endpoint.service);
	} else if (!endpoint_is_empty(&peer->endpoint)) {
		sockaddr_ip_format(text, &peer->endpoint.addr);
		strbuf_addf(out, "endpoint: %s\n", text);
	}
	if (peer->flags & WG_PEER_HAS_KEEPALIVE)
		strbuf_addf(out, "keepalive: %u\n", peer->keepalive_s);
	for (uint32_t i = 0; i < peer->n_allowed_ips; i++) {
		cidr_format(text, &peer->allowed_ips[i].cidr);
		strbuf_addf(out, "allowed ip: %s%s\n", peer->allowed_ips[i].remove ? "-" : "",
			    text);
	}
}

static void add_quick(struct strbuf *out, const struct conf_quick *quick)
{
	char text[CIDR_TEXT_MAX];

	for (size_t i = 0; i < quick->n_addresses; i++) {
		cidr_format(text, &quick->addresses[i]);
		strbuf_addf(out, "address: %s\n", text);
	}
	add_strings(out, "dns server", &quick->dns_servers);
	add_strings(out, "dns search", &quick->dns_search);
	if (quick->mtu_bytes)
		strbuf_addf(out, "mtu: %u\n", quick->mtu_bytes);
	if (quick->table)
		strbuf_addf(out, "table: %s\n", quick->table);
	if (quick->save_config)
		strbuf_add(out, "save config\n");
	add_strings(out, "pre up", &quick->pre_up);
	add_strings(out, "post up", &quick->post_up);
	add_strings(out, "pre down", &quick->pre_down);
	add_strings(out, "post down", &quick->post_down);
}

static void add_conf(struct strbuf *out, const struct conf *conf)
{
	const struct wg_device *device = conf->device;

	add_strings(out, "says", &conf->warnings);
	add_label(out, device->label);
	if (device->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		add_key(out, "private key", &device->private_key);
	if (device->flags & WG_DEVICE_HAS_LISTEN_PORT)
		strbuf_addf(out, "listen port: %u\n", device->listen_port);
	if (device->flags & WG_DEVICE_HAS_FWMARK)
		strbuf_addf(out, "fwmark: 0x%x\n", device->fwmark);
	add_quick(out, &conf->quick);
	for (size_t i = 0; i < device->n_peers; i++)
		add_peer(out, peer_at(device, i));
}

static void add_err(struct strbuf *out, const struct err *err)
{
	strbuf_addf(out, "error at %u:%u: ", err->line, err->column);
	add_visible(out, err->text, strlen(err->text));
	strbuf_addf(out, "\nexpected %s\n", err->expected ? err->expected : "nothing");
}

/* Adds what a dialect makes of the text; checks on the way what holds for every text. */
static void add_reading(struct strbuf *out, const struct strbuf *text, enum conf_dialect dialect)
{
	AUTO(strbuf_fini) struct strbuf printed = { 0 };
	AUTO(conf_fini) struct conf conf;
	struct err err = { 0 };

	if (conf_parse(&conf, strbuf_text(text), text->len, dialect, &err)) {
		assert_true(err.code == -EINVAL || err.code == -ENOKEY);
		assert_int_not_equal(err.line, 0);
		assert_non_null(err.expected);
		assert_null(conf.device);
		assert_int_equal(conf.lines.text.len, 0);
		add_err(out, &err);
		return;
	}
	conf_print(&printed, &conf);
	assert_int_equal(printed.len, text->len);
	assert_memory_equal(strbuf_text(&printed), strbuf_text(text), text->len);
	add_conf(out, &conf);
}

/* ---- the corpus ------------------------------------------------------------------------------ */

static void add_strip(struct strbuf *out, const struct strbuf *text)
{
	AUTO(strbuf_fini) struct strbuf stripped = { 0 };
	AUTO(strbuf_fini) struct strbuf again = { 0 };
	struct err err = { 0 };

	if (conf_strip(&stripped, strbuf_text(text), text->len, &err)) {
		add_err(out, &err);
		return;
	}
	for (size_t at = 0; at < stripped.len;) {
		const char *line = stripped.text + at, *end = strchr(line, '\n');

		assert_non_null(end);
		add_visible(out, line, (size_t)(end - line));
		strbuf_add(out, "$\n");
		at += (size_t)(end - line) + 1;
	}
	/* There is nothing left to take away; only the empty line is added once more. */
	assert_int_equal(conf_strip(&again, stripped.text, stripped.len, &err), 0);
	assert_int_equal(again.len, stripped.len + 1);
	assert_memory_equal(again.text, stripped.text, stripped.len);
}

static void assert_same_strings(const struct strlist *a, const struct strlist *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->items[i], b->items[i]);
}

/* What `down` reads: never less than `up` has read, and whatever is wrong with the rest. */
static void check_down(const struct strbuf *text)
{
	AUTO(strbuf_fini) struct strbuf stripped = { 0 };
	AUTO(conf_fini) struct conf quick, down;
	bool is_quick = !conf_parse(&quick, strbuf_text(text), text->len, CONF_QUICK, NULL);
	bool is_down = !conf_parse(&down, strbuf_text(text), text->len, CONF_DOWN, NULL);

	assert_true(is_down || conf_strip(&stripped, strbuf_text(text), text->len, NULL));
	if (!is_quick)
		return;
	assert_true(is_down);
	assert_int_equal(down.device->n_peers, 0);
	assert_int_equal(down.quick.n_addresses, 0);
	assert_same_strings(&down.quick.dns_servers, &quick.quick.dns_servers);
	assert_same_strings(&down.quick.pre_down, &quick.quick.pre_down);
	assert_same_strings(&down.quick.post_down, &quick.quick.post_down);
	assert_int_equal(down.quick.save_config, quick.quick.save_config);
	assert_int_equal(!down.quick.table, !quick.quick.table);
	if (down.quick.table)
		assert_string_equal(down.quick.table, quick.quick.table);
}

static void test_fixture(void **state)
{
	const char *path = *state;
	AUTO(strbuf_fini) struct strbuf text = { 0 }, got = { 0 }, want = { 0 }, quick = { 0 };
	char expected[512];
	struct err err = { 0 };

	assert_int_equal(conf_read_text(&text, path, &err), 0);
	add_reading(&got, &text, CONF_WG);
	add_reading(&quick, &text, CONF_QUICK);
	if (!strcmp(strbuf_text(&got), strbuf_text(&quick)))
		strbuf_add(&got, "== wg-quick: the same\n");
	else
		strbuf_addf(&got, "== wg-quick\n%s", strbuf_text(&quick));
	strbuf_add(&got, "== strip\n");
	add_strip(&got, &text);
	check_down(&text);

	snprintf(expected, sizeof(expected), "%.*s.expected", (int)(strlen(path) - strlen(".conf")),
		 path);
	if (getenv("UPDATE")) {
		AUTO(auto_fclose) FILE *file = fopen(expected, "w");

		assert_non_null(file);
		assert_int_equal(fwrite(got.text, 1, got.len, file), got.len);
		return;
	}
	assert_int_equal(conf_read_text(&want, expected, &err), 0);
	assert_string_equal(got.text, strbuf_text(&want));
}

/* ---- single cases ---------------------------------------------------------------------------- */

static int parse(struct conf *out, const char *text, enum conf_dialect dialect, struct err *err)
{
	*err = (struct err){ 0 };
	return conf_parse(out, text, strlen(text), dialect, err);
}

static void test_error_says_where(void **state)
{
	AUTO(conf_fini) struct conf conf;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf,
			       "[Peer]\n  AllowedIPs = 10.0.0.1 ,\t10.0.0.0 /33 # x\n"
			       "PublicKey = " PUBLIC_KEY "\n",
			       CONF_WG, &err),
			 -EINVAL);
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 27);
	assert_string_equal(err.text, "AllowedIP is not in the correct format: `10.0.0.0/33'");
}

static void test_peer_without_key_is_told_apart(void **state)
{
	AUTO(conf_fini) struct conf conf;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf, "[Peer]\nEndpoint = 1.2.3.4:5\n", CONF_WG, &err), -ENOKEY);
	assert_string_equal(err.text, "A peer is missing a public key");
	assert_int_equal(err.line, 1);
}

static void test_no_secret_in_a_message(void **state)
{
	static const char *const texts[] = {
		"[Interface]\nPrivateKey = " PRIVATE_KEY "x\n",
		"[Interface]\nPrivateKey " PRIVATE_KEY "\n",
		"[Interface]\nPrivateKey == " PRIVATE_KEY "\n",
		"[Interface]\nPrivateKey : " PRIVATE_KEY "\n",
		"[Interface]\nPrivat Key = " PRIVATE_KEY "\n",
		"[Interface]\nSecret = " PRIVATE_KEY "\n",
		"[Interface]\n" PRIVATE_KEY "\n",
		"[Interface]\nx = " PUBLIC_KEY ", " PRIVATE_KEY ", " PRIVATE_KEY "\n",
		"PrivateKey = " PRIVATE_KEY "\n",
		"[Peer]\nPrivateKey = " PRIVATE_KEY "\n",
		"[Peer]\nPresharedKey = " PRIVATE_KEY " = \n",
		"[Interface] PrivateKey = " PRIVATE_KEY "\n",
		"[" PRIVATE_KEY "]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO(conf_fini) struct conf conf;
		struct err err;

		assert_int_equal(parse(&conf, texts[i], CONF_QUICK, &err), -EINVAL);
		assert_null(strstr(err.text, "oIeAPOTW3pGtSHgRUp3PASKnzzBz"));
		assert_non_null(strstr(err.text, "(hidden)"));
	}
}

static void test_short_lines_are_quoted_whole(void **state)
{
	AUTO(conf_fini) struct conf conf;
	struct err err;

	(void)state;
	parse(&conf, "[Interface]\nPostUp = iptables -A FORWARD -i %i -j ACCEPT\n", CONF_WG, &err);
	assert_string_equal(err.text, "Line unrecognized: `PostUp=iptables-AFORWARD-i%i-jACCEPT'");
	assert_non_null(strstr(err.expected, "wg-quick"));
}

/* Every byte of the text that held a key must be overwritten before its memory is given back. */
static const char *watched;
static size_t watched_len, n_wiped;

void explicit_bzero(void *memory, size_t len)
{
	volatile char *bytes = memory;

	if (watched && (char *)memory <= watched && watched + watched_len <= (char *)memory + len)
		n_wiped++;
	for (size_t i = 0; i < len; i++)
		bytes[i] = 0;
}

static void test_text_is_wiped(void **state)
{
	struct conf conf;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf, "[Interface]\nPrivateKey = " PRIVATE_KEY "\n", CONF_WG, &err),
			 0);
	watched = conf.lines.text.text;
	watched_len = conf.lines.text.len;
	n_wiped = 0;
	conf_fini(&conf);
	watched = NULL;
	assert_int_equal(n_wiped, 1);
}

static void test_read_says_what_failed(void **state)
{
	AUTO(conf_fini) struct conf conf;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(conf_read(&conf, "/nonexistent/wg0.conf", CONF_WG, &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/wg0.conf: No such file or directory");
	assert_int_equal(err.line, 0);
	/* Not an empty configuration, which would wipe the device. */
	assert_int_equal(conf_read(&conf, "/tmp", CONF_WG, &err), -EISDIR);
	assert_string_equal(err.text, "/tmp: Is a directory");
}

static void test_read_of_a_pipe(void **state)
{
	static const char text[] = "[Interface]\nListenPort = 5\n";
	AUTO(conf_fini) struct conf conf;
	struct err err = { 0 };
	char path[32];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, sizeof(text) - 1), sizeof(text) - 1);
	close(ends[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(conf_read(&conf, path, CONF_WG, &err), 0);
	close(ends[0]);
	assert_int_equal(conf.device->listen_port, 5);
}

static void test_device_prints_as_showconf(void **state)
{
	static const char text[] = "[Interface]\n"
				   "ListenPort = 51820\n"
				   "FwMark = 0xca6c\n"
				   "PrivateKey = " PRIVATE_KEY "\n"
				   "\n"
				   "[Peer]\n"
				   "PublicKey = " PUBLIC_KEY "\n"
				   "PresharedKey = " PRIVATE_KEY "\n"
				   "AllowedIPs = 10.0.0.0/8, fd00::/64\n"
				   "Endpoint = [2001:db8::1]:51820\n"
				   "PersistentKeepalive = 25\n"
				   "\n"
				   "[Peer]\n"
				   "PublicKey = " PRIVATE_KEY "\n"
				   "Endpoint = vpn.example.com:51820\n";
	static const char nothing[] = "[Interface]\n\n[Peer]\nPublicKey = " PUBLIC_KEY "\n";
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	AUTO(conf_fini) struct conf conf;
	AUTO(conf_fini) struct conf empty;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf, text, CONF_WG, &err), 0);
	conf_print_device(&out, conf.device);
	assert_string_equal(out.text, text);

	/* What is zero is left out. */
	assert_int_equal(parse(&empty,
			       "[Interface]\nListenPort = 0\nFwMark = off\n[Peer]\n"
			       "PublicKey = " PUBLIC_KEY "\nPersistentKeepalive = 0\n",
			       CONF_WG, &err),
			 0);
	strbuf_clear(&out);
	conf_print_device(&out, empty.device);
	assert_string_equal(out.text, nothing);

	/* But a key that is there is a key, whatever it is: `wg show` shows it, too. */
	empty.device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	strbuf_clear(&out);
	conf_print_interface(&out, empty.device);
	assert_string_equal(out.text, "[Interface]\nPrivateKey = "
				      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n");
}

static void test_strip_of_a_parsed_file(void **state)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	AUTO(conf_fini) struct conf conf;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf, "[Interface]\n MTU = 1\n ListenPort = 5 # x \nPostUp = a",
			       CONF_QUICK, &err),
			 0);
	conf_print_stripped(&out, &conf);
	assert_string_equal(out.text, "[Interface]\nListenPort = 5 # x\n\n");
}

static void test_strip_says_where(void **state)
{
	static const char text[] = "[Interface]\nColour = blue\n SaveConfig = maybe\n";
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(conf_strip(&out, text, strlen(text), &err), -EINVAL);
	assert_string_equal(err.text, "`maybe' is neither true nor false");
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 15);
}

static void test_down_passes_over_what_it_does_not_need(void **state)
{
	static const char text[] = "Foo = 1\n[Interface]\nMTU = abc\nAddress = 10.0.0.1/99\n"
				   "PrivateKey = no\nPostDown = a # b\nTable = 5\nnonsense\n"
				   "[Peer]\nAllowedIP = 1.2.3.4\nPostDown = wrong section\n[Foo]\n"
				   "[interface] # again\npostdown = c\nPreDown = d\nDNS = ::1\n"
				   "SaveConfig = true\n";
	AUTO(conf_fini) struct conf conf, wrong;
	struct err err;

	(void)state;
	assert_int_equal(parse(&conf, text, CONF_DOWN, &err), 0);
	assert_int_equal(conf.quick.post_down.n, 2);
	assert_string_equal(conf.quick.post_down.items[0], "a # b");
	assert_string_equal(conf.quick.post_down.items[1], "c");
	assert_int_equal(conf.quick.pre_down.n, 1);
	assert_int_equal(conf.quick.dns_servers.n, 1);
	assert_string_equal(conf.quick.table, "5");
	assert_true(conf.quick.save_config);
	assert_int_equal(conf.device->n_peers, 0);

	/* Whether to save before the interface is gone must not be guessed. */
	assert_int_equal(parse(&wrong, "[Interface]\n\nSaveConfig = maybe\n", CONF_DOWN, &err),
			 -EINVAL);
	assert_string_equal(err.text, "`maybe' is neither true nor false");
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 14);
}

/* ---- linear time ----------------------------------------------------------------------------- */

static void add_peers(struct strbuf *text, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		char key[WG_KEY_BASE64_LEN + 1];
		struct wg_key bytes = { { (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16) } };

		wg_key_format(key, &bytes);
		strbuf_addf(text,
			    "\n[Peer]\n# Name = peer%u\nPublicKey = %s\nAllowedIPs = "
			    "10.%u.%u.%u/32\nEndpoint = 192.0.2.1:%u\n",
			    i, key, i >> 16, i >> 8 & 255, i & 255, i & 0xffff);
	}
}

static void add_allowed_ips(struct strbuf *text, unsigned int n)
{
	strbuf_add(text, "[Peer]\nPublicKey = " PUBLIC_KEY "\nAllowedIPs = 0.0.0.0/0");
	for (unsigned int i = 1; i < n; i++)
		strbuf_addf(text, ", 10.%u.%u.%u/32", i >> 16, i >> 8 & 255, i & 255);
}

static clock_t time_to_parse(void (*add)(struct strbuf *, unsigned int), unsigned int n)
{
	clock_t best = 0;

	for (int run = 0; run < 3; run++) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };
		AUTO(conf_fini) struct conf conf;
		struct err err = { 0 };
		clock_t before, taken;

		add(&text, n);
		before = clock();
		assert_int_equal(conf_parse(&conf, text.text, text.len, CONF_QUICK, &err), 0);
		taken = clock() - before;
		assert_int_equal(add == add_peers ? conf.device->n_peers
						  : peer_at(conf.device, 0)->n_allowed_ips,
				 n);
		if (!run || taken < best)
			best = taken;
	}
	return best;
}

/* Eight times the work may take 8 times as long, with some room; were it quadratic, 64 times. */
static void test_many_peers_in_linear_time(void **state)
{
	clock_t few, many;

	(void)state;
	few = time_to_parse(add_peers, 12500);
	many = time_to_parse(add_peers, 100000);
	assert_true(many < 30 * few);
}

static void test_many_allowed_ips_in_linear_time(void **state)
{
	clock_t few, many;

	(void)state;
	few = time_to_parse(add_allowed_ips, 5000);
	many = time_to_parse(add_allowed_ips, 40000);
	assert_true(many < 30 * few);
}

int main(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test(test_error_says_where),
		cmocka_unit_test(test_peer_without_key_is_told_apart),
		cmocka_unit_test(test_no_secret_in_a_message),
		cmocka_unit_test(test_short_lines_are_quoted_whole),
		cmocka_unit_test(test_text_is_wiped),
		cmocka_unit_test(test_read_says_what_failed),
		cmocka_unit_test(test_read_of_a_pipe),
		cmocka_unit_test(test_device_prints_as_showconf),
		cmocka_unit_test(test_strip_of_a_parsed_file),
		cmocka_unit_test(test_strip_says_where),
		cmocka_unit_test(test_down_passes_over_what_it_does_not_need),
		cmocka_unit_test(test_many_peers_in_linear_time),
		cmocka_unit_test(test_many_allowed_ips_in_linear_time),
	};
	const size_t n_single = sizeof(single) / sizeof(single[0]);
	struct CMUnitTest *tests;
	glob_t files;
	int failed;

	if (glob(CORPUS "/*.conf", 0, NULL, &files) || files.gl_pathc < 200) {
		fprintf(stderr, "%s: the corpus is missing; run from the top\n", CORPUS);
		return 1;
	}
	tests = mem_alloc(n_single + files.gl_pathc, sizeof(*tests));
	memcpy(tests, single, sizeof(single));
	for (size_t i = 0; i < files.gl_pathc; i++)
		tests[n_single + i] = (struct CMUnitTest){
			.name = files.gl_pathv[i],
			.test_func = test_fixture,
			.initial_state = files.gl_pathv[i],
		};
	failed = _cmocka_run_group_tests("conf", tests, n_single + files.gl_pathc, NULL, NULL);
	free(tests);
	globfree(&files);
	return failed;
}
