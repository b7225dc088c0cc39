/* UAPI text, both directions: what goes out byte for byte, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/uapi/codec.h"
#include "lib/util/cleanup.h"
#include "tests/unit/peer_at.h"

#define KEY_A "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33"
#define KEY_B "58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376"
#define KEY_0 "0000000000000000000000000000000000000000000000000000000000000000"

typedef int decode_line(struct uapi_decoder *decoder, char *line, struct err *err);

/* Feeds the lines of text; returns the first error. */
static int decode_text(struct uapi_decoder *decoder, decode_line *decode, const char *text,
		       struct err *err)
{
	char *copy = strdup(text), *rest = copy, *line;
	int r = 0;

	while (!r && (line = strsep(&rest, "\n")) && rest)
		r = decode(decoder, line, err);
	free(copy);
	return r;
}

static struct wg_device *decode_ok(decode_line *decode, const char *text)
{
	struct wg_device *device = wg_device_new();
	struct uapi_decoder decoder = { .device = device };
	struct err err = { 0 };

	if (decode_text(&decoder, decode, text, &err))
		fail_msg("%s", err.text);
	return device;
}

static void assert_set_round_trip(const char *text)
{
	AUTO(wg_device_auto_free) struct wg_device *device = decode_ok(uapi_decode_set_line, text);
	AUTO(strbuf_fini) struct strbuf out = { 0 };
	char expected[4096];

	snprintf(expected, sizeof(expected), "set=1\n%s\n", text);
	uapi_encode_set(&out, device, NULL, NULL);
	assert_string_equal(strbuf_text(&out), expected);
}

static void encode_get(struct strbuf *out, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;

	uapi_encode_get_device(out, device);
	while ((peer = wg_peers_next(&peers)))
		uapi_encode_get_peer(out, peer);
}

static void assert_get_round_trip(const char *text)
{
	AUTO(wg_device_auto_free) struct wg_device *device = decode_ok(uapi_decode_get_line, text);
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	encode_get(&out, device);
	assert_string_equal(strbuf_text(&out), text);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void a_set_has_the_documented_order(void **state)
{
	(void)state;
	assert_set_round_trip("private_key=" KEY_A "\nlisten_port=12912\nfwmark=0\n"
			      "replace_peers=true\n"
			      "public_key=" KEY_B "\npreshared_key=" KEY_0 "\n"
			      "endpoint=[abcd:23::33]:51820\npersistent_keepalive_interval=0\n"
			      "replace_allowed_ips=true\nallowed_ip=192.168.4.4/32\n"
			      "allowed_ip=-10.0.0.0/8\nallowed_ip=fd00::/8\n"
			      "public_key=" KEY_A "\nremove=true\n"
			      "public_key=" KEY_A "\nupdate_only=true\nendpoint=1.2.3.4:0\n");
	assert_set_round_trip("");
	assert_set_round_trip("public_key=" KEY_B "\n");
}

static void a_removed_peer_says_nothing_else(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	(void)state;
	device = decode_ok(uapi_decode_set_line,
			   "public_key=" KEY_A "\nremove=true\nallowed_ip=10.0.0.0/8\n"
			   "persistent_keepalive_interval=5\nreplace_allowed_ips=true\n");
	uapi_encode_set(&out, device, NULL, NULL);
	assert_string_equal(out.text, "set=1\npublic_key=" KEY_A "\nremove=true\n\n");
}

static void a_get_has_the_daemons_order(void **state)
{
	(void)state;
	assert_get_round_trip("private_key=" KEY_A "\nlisten_port=12912\nfwmark=51820\n"
			      "public_key=" KEY_B "\npreshared_key=" KEY_A "\n"
			      "protocol_version=1\nendpoint=1.2.3.4:5\n"
			      "last_handshake_time_sec=1700000000\n"
			      "last_handshake_time_nsec=999999999\n"
			      "tx_bytes=18446744073709551615\nrx_bytes=7\n"
			      "persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
			      "allowed_ip=::/0\n"
			      "public_key=" KEY_A "\npreshared_key=" KEY_0 "\n"
			      "protocol_version=1\nlast_handshake_time_sec=0\n"
			      "last_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"
			      "persistent_keepalive_interval=0\n");
	assert_get_round_trip("");
}

static void errno_is_negative_after_a_set_only(void **state)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	(void)state;
	uapi_encode_errno(&out, true, -EINVAL);
	uapi_encode_errno(&out, false, -EINVAL);
	uapi_encode_errno(&out, true, 0);
	uapi_encode_errno(&out, false, 0);
	assert_string_equal(out.text, "errno=22\n\nerrno=-22\n\nerrno=0\n\nerrno=0\n\n");
}

/* ---- reading a set --------------------------------------------------------------------------- */

static void a_set_is_refused_for(const char *text, int code)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct uapi_decoder decoder = { .device = device };
	struct err err = { 0 };
	int r = decode_text(&decoder, uapi_decode_set_line, text, &err);

	if (r != code)
		fail_msg("%d instead of %d for: %s", r, code, text);
	assert_int_equal(err.code, code);
	assert_true(*err.text);
}

static void bad_values_are_einval(void **state)
{
	static const char *const device_lines[] = {
		"listen_port=",
		"listen_port=65536",
		"listen_port=+5",
		"listen_port= 5",
		"listen_port=0x5",
		"listen_port=5 ",
		"fwmark=",
		"fwmark=0x10",
		"fwmark=4294967296",
		"fwmark=-1",
		"replace_peers=false",
		"replace_peers=",
		"replace_peers=True",
		"private_key=",
		"private_key=00",
		"private_key=" KEY_A "0",
		"public_key=" KEY_A " ",
		"public_key=g85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33",
		/* unknown, or known only to a get or to a peer */
		"foo=1",
		"=1",
		"=",
		"errno=0",
		"set=1",
		"remove=true",
		"allowed_ip=10.0.0.0/8",
		"rx_bytes=1",
		"Listen_port=1",
		" listen_port=1",
		"listen_port =1",
	};
	static const char *const peer_lines[] = {
		"listen_port=1",
		"private_key=" KEY_A,
		"fwmark=1",
		"replace_peers=true",
		"remove=false",
		"remove=",
		"update_only=false",
		"replace_allowed_ips=1",
		"protocol_version=2",
		"protocol_version=",
		"protocol_version=01",
		"preshared_key=",
		"preshared_key=xx",
		"persistent_keepalive_interval=",
		"persistent_keepalive_interval=65536",
		"persistent_keepalive_interval=off",
		"endpoint=",
		"endpoint=1.2.3.4",
		"endpoint=1.2.3.4:",
		"endpoint=1.2.3.4:65536",
		"endpoint=1.2.3.4:http",
		"endpoint=localhost:5",
		"endpoint=127.1:5",
		"endpoint=[::1]5",
		"endpoint=[::1:5",
		"endpoint=[fe80::1%nosuchlink]:5",
		"endpoint=:5",
		"endpoint=[]:5",
		"allowed_ip=",
		"allowed_ip=10.0.0.1",
		"allowed_ip=10.0.0.1/",
		"allowed_ip=10.0.0.1/33",
		"allowed_ip=::/129",
		"allowed_ip=+10.0.0.1/32",
		"allowed_ip=--10.0.0.1/32",
		"allowed_ip=10.0.0/8",
		"allowed_ip=10.0.0.1/8,10.0.0.2/8",
		"allowed_ip=-",
		"foo=bar",
		"rx_bytes=1",
		"last_handshake_time_sec=0",
		"errno=0",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(device_lines) / sizeof(*device_lines); i++) {
		snprintf(text, sizeof(text), "%s\n", device_lines[i]);
		a_set_is_refused_for(text, -EINVAL);
	}
	for (size_t i = 0; i < sizeof(peer_lines) / sizeof(*peer_lines); i++) {
		snprintf(text, sizeof(text), "public_key=" KEY_A "\n%s\n", peer_lines[i]);
		a_set_is_refused_for(text, -EINVAL);
	}
}

static void a_line_without_equals_is_eproto(void **state)
{
	(void)state;
	a_set_is_refused_for("listen_port\n", -EPROTO);
	a_set_is_refused_for("\n", -EPROTO);
	a_set_is_refused_for("public_key=" KEY_A "\nremove\n", -EPROTO);
}

static void the_message_hides_the_value(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct uapi_decoder decoder = { .device = device };
	char line[] = "private_key=" KEY_A "0";
	struct err err;

	(void)state;
	assert_int_equal(uapi_decode_set_line(&decoder, line, &err), -EINVAL);
	assert_null(strstr(err.text, "b85996"));
	assert_non_null(strstr(err.text, "private_key"));
}

/* Nor what stands where a key should, unless it could be one. */
static void the_message_hides_what_is_no_key(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	struct uapi_decoder decoder = { .device = device };
	char line[] = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", name[] = "no_key=1";
	struct err err;

	(void)state;
	assert_int_equal(uapi_decode_set_line(&decoder, line, &err), -EINVAL);
	assert_null(strstr(err.text, "yAnz"));
	assert_int_equal(uapi_decode_set_line(&decoder, name, &err), -EINVAL);
	assert_non_null(strstr(err.text, "`no_key'"));
}

static void a_set_takes_other_spellings(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	(void)state;
	device = decode_ok(
		uapi_decode_set_line,
		"listen_port=0080\r\n"
		"public_key=B85996FECC9C7F1FC6D2572A76EDA11D59BCD20BE8E543B15CE4BD85A8E75A33\n"
		"protocol_version=1\nendpoint=[fe80::1%1]:5\n"
		"endpoint=[2001:DB8::1]:5\nallowed_ip=10.1.2.3/8\n");
	assert_int_equal(device->flags, WG_DEVICE_HAS_LISTEN_PORT);
	uapi_encode_set(&out, device, NULL, NULL);
	assert_string_equal(out.text, "set=1\nlisten_port=80\npublic_key=" KEY_A
				      "\nendpoint=[2001:db8::1]:5\nallowed_ip=10.0.0.0/8\n\n");
}

static void replacing_forgets_what_was_listed(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	(void)state;
	device = decode_ok(uapi_decode_set_line,
			   "public_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n"
			   "replace_allowed_ips=true\nallowed_ip=11.0.0.0/8\n");
	assert_int_equal(peer_at(device, 0)->n_allowed_ips, 1);
	assert_int_equal(peer_at(device, 0)->allowed_ips[0].cidr.addr.bytes[0], 11);
	assert_int_equal(peer_at(device, 0)->flags,
			 WG_PEER_HAS_PUBLIC_KEY | WG_PEER_REPLACE_ALLOWED_IPS);
}

static void zero_keys_are_a_change(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	(void)state;
	device = decode_ok(uapi_decode_set_line, "private_key=" KEY_0 "\npublic_key=" KEY_A
						 "\npreshared_key=" KEY_0 "\n");
	assert_int_equal(device->flags, WG_DEVICE_HAS_PRIVATE_KEY);
	assert_int_equal(peer_at(device, 0)->flags,
			 WG_PEER_HAS_PUBLIC_KEY | WG_PEER_HAS_PRESHARED_KEY);
}

/* ---- reading a get --------------------------------------------------------------------------- */

static void a_get_passes_over_what_it_does_not_know(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	(void)state;
	device = decode_ok(uapi_decode_get_line,
			   "own_public_key=" KEY_A "\nremove=true\nallowed_ip=nonsense\n=\n"
			   "public_key=" KEY_A "\nlisten_port=99999\nfoo=bar\n"
			   "public_key=" KEY_A "\n");
	assert_int_equal(device->flags, 0);
	assert_int_equal(device->n_peers, 2);
	assert_int_equal(peer_at(device, 0)->n_allowed_ips, 0);
}

static void a_get_derives_the_public_key(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	char text[WG_KEY_BASE64_LEN + 1];

	(void)state;
	device = decode_ok(uapi_decode_get_line, "private_key=" KEY_0 "\n");
	assert_int_equal(device->flags, WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_PUBLIC_KEY);
	wg_key_format(text, &device->public_key);
	assert_string_equal(text, "L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=");
}

static void a_get_keeps_host_bits(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	char text[CIDR_TEXT_MAX];

	(void)state;
	device = decode_ok(uapi_decode_get_line, "public_key=" KEY_A "\nallowed_ip=10.1.2.3/08\n");
	cidr_format(text, &peer_at(device, 0)->allowed_ips[0].cidr);
	assert_string_equal(text, "10.1.2.3/8");
}

static void a_get_tells_none_from_zero(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	(void)state;
	device = decode_ok(uapi_decode_get_line,
			   "public_key=" KEY_A "\npreshared_key=" KEY_0
			   "\npersistent_keepalive_interval=0\npublic_key=" KEY_B
			   "\npreshared_key=" KEY_A "\npersistent_keepalive_interval=1\n");
	assert_int_equal(peer_at(device, 0)->flags, WG_PEER_HAS_PUBLIC_KEY);
	assert_int_equal(peer_at(device, 1)->flags, WG_PEER_HAS_PUBLIC_KEY |
							    WG_PEER_HAS_PRESHARED_KEY |
							    WG_PEER_HAS_KEEPALIVE);
}

static void malformed_answers_are_eproto(void **state)
{
	static const char *const lines[] = {
		"listen_port",
		"",
		"listen_port=",
		"listen_port=65536",
		"private_key=00",
		"fwmark=-1",
		"errno=",
		"errno=x",
		"errno=--1",
		"errno=99999999999",
		"errno=0\r",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.1",
		"public_key=" KEY_A "\nallowed_ip=",
		"public_key=" KEY_A "\nallowed_ip=-10.0.0.1/8",
		"public_key=" KEY_A "\nallowed_ip=10.0.0.1/33",
		"public_key=" KEY_A "\nendpoint=foo",
		"public_key=" KEY_A "\nendpoint=foo:5",
		"public_key=" KEY_A "\nlast_handshake_time_sec=-5",
		"public_key=" KEY_A "\nlast_handshake_time_sec=9223372036854775808",
		"public_key=" KEY_A "\nrx_bytes=18446744073709551616",
		"public_key=" KEY_A "\nrx_bytes=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
		struct uapi_decoder decoder = { .device = device };
		struct err err = { 0 };
		char text[512];

		snprintf(text, sizeof(text), "%s\n", lines[i]);
		if (decode_text(&decoder, uapi_decode_get_line, text, &err) != -EPROTO)
			fail_msg("taken: %s", lines[i]);
		assert_string_equal(err.text, "Protocol error");
	}
}

static void either_sign_of_errno_is_taken(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "errno=0", 0 },    { "errno=-0", 0 },    { "errno=1", -1 },    { "errno=-1", -1 },
		{ "errno=22", -22 }, { "errno=-71", -71 }, { "errno=055", -55 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct uapi_decoder get = { 0 }, set = { 0 };
		char line[32];

		strcpy(line, cases[i].line);
		assert_int_equal(uapi_decode_get_line(&get, line, NULL), 0);
		assert_true(get.has_errno);
		assert_int_equal(get.code, cases[i].code);
		strcpy(line, cases[i].line);
		assert_int_equal(uapi_decode_errno_line(&set, line, NULL), 0);
		assert_true(set.has_errno);
		assert_int_equal(set.code, cases[i].code);
	}
}

/* Takes each piece away; says so from the third on, if it is to. */
struct taker {
	struct strbuf taken;
	int n_calls, code;
};

static int take(void *ctx, struct strbuf *text)
{
	struct taker *taker = ctx;

	strbuf_add_mem(&taker->taken, text->text, text->len);
	strbuf_clear(text);
	return ++taker->n_calls < 3 ? 0 : taker->code;
}

static void a_set_comes_in_pieces(void **state)
{
	static const char text[] = "listen_port=5\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/8\n"
				   "allowed_ip=-fd00::/8\npublic_key=" KEY_B "\nremove=true\n";
	AUTO(wg_device_auto_free) struct wg_device *device = decode_ok(uapi_decode_set_line, text);
	AUTO(strbuf_fini) struct strbuf whole = { 0 };
	AUTO(strbuf_fini) struct strbuf rest = { 0 };
	struct taker taker = { 0 };

	(void)state;
	assert_int_equal(uapi_encode_set(&whole, device, NULL, NULL), 0);
	assert_int_equal(uapi_encode_set(&rest, device, take, &taker), 0);
	assert_int_equal(taker.n_calls, 4);
	strbuf_add(&taker.taken, rest.text);
	assert_string_equal(taker.taken.text, whole.text);
	strbuf_fini(&taker.taken);

	taker = (struct taker){ .code = -EPIPE };
	assert_int_equal(uapi_encode_set(&rest, device, take, &taker), -EPIPE);
	assert_int_equal(taker.n_calls, 3);
	strbuf_fini(&taker.taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_the_documented_order),
		cmocka_unit_test(a_removed_peer_says_nothing_else),
		cmocka_unit_test(a_set_comes_in_pieces),
		cmocka_unit_test(a_get_has_the_daemons_order),
		cmocka_unit_test(errno_is_negative_after_a_set_only),
		cmocka_unit_test(bad_values_are_einval),
		cmocka_unit_test(a_line_without_equals_is_eproto),
		cmocka_unit_test(the_message_hides_the_value),
		cmocka_unit_test(the_message_hides_what_is_no_key),
		cmocka_unit_test(a_set_takes_other_spellings),
		cmocka_unit_test(replacing_forgets_what_was_listed),
		cmocka_unit_test(zero_keys_are_a_change),
		cmocka_unit_test(a_get_passes_over_what_it_does_not_know),
		cmocka_unit_test(a_get_derives_the_public_key),
		cmocka_unit_test(a_get_keeps_host_bits),
		cmocka_unit_test(a_get_tells_none_from_zero),
		cmocka_unit_test(malformed_answers_are_eproto),
		cmocka_unit_test(either_sign_of_errno_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
