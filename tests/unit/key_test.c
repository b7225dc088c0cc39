/* Keys as text: round trips, what must be refused, and that the conversions are blind to the key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "lib/model/key.h"
#include "tests/unit/poison.h"

static struct wg_key key_of(unsigned int seed)
{
	struct wg_key key;

	for (size_t i = 0; i < WG_KEY_LEN; i++) {
		seed = seed * 1103515245 + 12345;
		key.bytes[i] = (uint8_t)(seed >> 16);
	}
	return key;
}

static void test_known(void **state)
{
	/* base64(1) says the same. */
	static const struct {
		uint8_t first, rest, last;
		const char *base64;
	} cases[] = {
		{ 0, 0, 0, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		{ 0xff, 0xff, 0xff, "//////////////////////////////////////////8=" },
		{ 0xfb, 0xef, 0xbe, "++/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v774=" },
		{ 1, 0, 2, "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[WG_KEY_BASE64_LEN + 1];
		struct wg_key key, parsed;

		memset(key.bytes, cases[i].rest, WG_KEY_LEN);
		key.bytes[0] = cases[i].first;
		key.bytes[WG_KEY_LEN - 1] = cases[i].last;
		wg_key_format(text, &key);
		assert_string_equal(text, cases[i].base64);
		assert_int_equal(wg_key_parse(&parsed, text, NULL), 0);
		assert_true(wg_key_equal(&parsed, &key));
	}
}

static void test_round_trips(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 2000; seed++) {
		char base64[WG_KEY_BASE64_LEN + 1], hex[WG_KEY_HEX_LEN + 1];
		struct wg_key key = key_of(seed), parsed;

		wg_key_format(base64, &key);
		assert_int_equal(strlen(base64), WG_KEY_BASE64_LEN);
		assert_int_equal(wg_key_parse(&parsed, base64, NULL), 0);
		assert_memory_equal(&parsed, &key, sizeof(key));
		assert_int_equal(wg_key_parse_mem(&parsed, base64, WG_KEY_BASE64_LEN, NULL), 0);
		wg_key_format_hex(hex, &key);
		assert_int_equal(strlen(hex), WG_KEY_HEX_LEN);
		assert_int_equal(strspn(hex, "0123456789abcdef"), WG_KEY_HEX_LEN);
		memset(&parsed, 0, sizeof(parsed));
		assert_int_equal(wg_key_parse_hex(&parsed, hex, NULL), 0);
		assert_memory_equal(&parsed, &key, sizeof(key));
		for (size_t i = 0; i < WG_KEY_HEX_LEN; i += 3)
			hex[i] = (char)(hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
		assert_int_equal(wg_key_parse_hex(&parsed, hex, NULL), 0);
		assert_memory_equal(&parsed, &key, sizeof(key));
	}
}

/* ---- the stupid twins: an alphabet, and a look-up in it -------------------------------------- */

static bool twin_parse(struct wg_key *out, const char *text, const char *alphabet,
		       unsigned int bits)
{
	unsigned int value = 0, n_bits = 0;
	size_t n = 0;

	for (; *text; text++) {
		const char *found = strchr(alphabet, *text);

		if (!found)
			return false;
		value = value << bits | (unsigned int)((found - alphabet) & ((1 << bits) - 1));
		for (n_bits += bits; n_bits >= 8 && n < WG_KEY_LEN; n_bits -= 8)
			out->bytes[n++] = (uint8_t)(value >> (n_bits - 8));
		value &= (1U << n_bits) - 1;
	}
	return n == WG_KEY_LEN && !value;
}

/* Each byte in each place of a key's text. */
static void test_every_letter(void **state)
{
	/* Both cases of a digit are 16 apart. */
	static const char hexadecimal[] = "0123456789abcdef0123456789ABCDEF";
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)state;
	for (size_t at = 0; at < WG_KEY_HEX_LEN; at++) {
		for (int c = 1; c < 256; c++) {
			struct wg_key key = key_of((unsigned int)c), ours, theirs = { 0 };
			char text[WG_KEY_HEX_LEN + 1];
			bool good;

			wg_key_format_hex(text, &key);
			text[at] = (char)c;
			good = twin_parse(&theirs, text, hexadecimal, 4);
			assert_int_equal(!wg_key_parse_hex(&ours, text, NULL), good);
			if (good)
				assert_memory_equal(&ours, &theirs, sizeof(ours));
			if (at >= WG_KEY_BASE64_LEN - 1)
				continue;
			wg_key_format(text, &key);
			text[at] = (char)c;
			text[WG_KEY_BASE64_LEN - 1] = '\0'; /* the twin's end, without "=" */
			good = twin_parse(&theirs, text, base64, 6);
			text[WG_KEY_BASE64_LEN - 1] = '=';
			assert_int_equal(!wg_key_parse(&ours, text, NULL), good);
			if (good)
				assert_memory_equal(&ours, &theirs, sizeof(ours));
		}
	}
}

static void refuse(const char *text, int (*parse)(struct wg_key *, const char *, struct err *))
{
	struct wg_key untouched = key_of(7), key = untouched;
	struct err err = { 0 };

	if (parse(&key, text, &err) != -EINVAL)
		fail_msg("\"%s\" should be refused", text);
	assert_int_equal(err.code, -EINVAL);
	assert_true(strlen(err.text) > 0);
	assert_null(strstr(err.text, "AAAA")); /* what was given may be a secret */
	assert_memory_equal(&key, &untouched, sizeof(key));
}

/* Every character that is none of the alphabet, in every place. */
static void test_refused(void **state)
{
	static const char base64[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[WG_KEY_HEX_LEN + 2], hex[WG_KEY_HEX_LEN + 1];

	(void)state;
	memset(hex, '0', WG_KEY_HEX_LEN);
	hex[WG_KEY_HEX_LEN] = '\0';
	for (int c = 1; c < 256; c++) {
		for (size_t at = 0; at < WG_KEY_BASE64_LEN; at++) {
			bool last = at == WG_KEY_BASE64_LEN - 1;

			if (last ? c == '=' : strchr(alphabet, c) != NULL)
				continue;
			memcpy(text, base64, sizeof(base64));
			text[at] = (char)c;
			refuse(text, wg_key_parse);
		}
		for (size_t at = 0; at < WG_KEY_HEX_LEN && !strchr("0123456789abcdefABCDEF", c);
		     at++) {
			memcpy(text, hex, sizeof(hex));
			text[at] = (char)c;
			refuse(text, wg_key_parse_hex);
		}
	}
	/* Spare bits: of the last letter before the "=" only four are the key's. */
	for (const char *c = alphabet; *c; c++) {
		struct wg_key key;

		memcpy(text, base64, sizeof(base64));
		text[WG_KEY_BASE64_LEN - 2] = *c;
		if ((c - alphabet) % 4)
			refuse(text, wg_key_parse);
		else
			assert_int_equal(wg_key_parse(&key, text, NULL), 0);
	}
	refuse("", wg_key_parse);
	refuse(base64 + 1, wg_key_parse);
	refuse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", wg_key_parse);
	refuse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", wg_key_parse);
	refuse("", wg_key_parse_hex);
	refuse(hex + 1, wg_key_parse_hex);
	snprintf(text, sizeof(text), "%s0", hex);
	refuse(text, wg_key_parse_hex);
}

static void test_small_things(void **state)
{
	struct wg_key key, other;

	(void)state;
	memset(&key, 0, sizeof(key));
	assert_true(wg_key_is_zero(&key));
	for (size_t bit = 0; bit < 8 * WG_KEY_LEN; bit++) {
		other = key;
		other.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wg_key_is_zero(&other));
		assert_false(wg_key_equal(&key, &other));
	}
	assert_true(wg_key_equal(&key, &key));

	memset(&key, 0xff, sizeof(key));
	wg_key_clamp(&key);
	assert_int_equal(key.bytes[0], 0xf8);
	assert_int_equal(key.bytes[15], 0xff);
	assert_int_equal(key.bytes[31], 0x7f);
	memset(&key, 0, sizeof(key));
	wg_key_clamp(&key);
	assert_int_equal(key.bytes[0], 0);
	assert_int_equal(key.bytes[31], 0x40);
	wg_key_wipe(&key);
	assert_true(wg_key_is_zero(&key));
}

/*
 * Under valgrind. Two things are no secret: how long a text is, which strlen() finds out, and
 * whether it was valid, which takes two branches at most (the caller's is the second).
 */
static int poisoned(void)
{
	size_t (*volatile find_length)(const char *) = strlen;
	char base64[WG_KEY_BASE64_LEN + 1], hex[WG_KEY_HEX_LEN + 1];
	struct wg_key key = key_of(5), parsed;
	unsigned int before, length_errors;
	bool equal, zero;
	int r;

	if (!poison_works())
		return 1;
	before = poison_errors();
	poison(&key, sizeof(key));
	wg_key_format(base64, &key);
	wg_key_format_hex(hex, &key);
	wg_key_clamp(&key);
	equal = wg_key_equal(&key, &key);
	zero = wg_key_is_zero(&key);
	unpoison(&equal, sizeof(equal));
	unpoison(&zero, sizeof(zero));
	if (!equal || zero || poison_errors() != before)
		return 1;

	r = wg_key_parse_mem(&parsed, base64, WG_KEY_BASE64_LEN, NULL);
	unpoison(&r, sizeof(r));
	if (r || poison_errors() > before + 2)
		return 1;

	before = poison_errors();
	find_length(hex);
	length_errors = poison_errors() - before;
	r = wg_key_parse_hex(&parsed, hex, NULL);
	unpoison(&r, sizeof(r));
	return r || poison_errors() > before + 2 * length_errors + 2;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),        cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_every_letter), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_small_things), cmocka_unit_test(poison_rerun),
	};

	if (poison_asked(argc, argv))
		return poisoned();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
