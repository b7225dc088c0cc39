/*
 * Keys and their two text forms: see key.h. Letters are computed from bits by arithmetic on range
 * masks, never looked up, so that neither caches nor branch predictors learn about the key.
 */
#include "lib/model/key.h"

#include <errno.h>
#include <string.h>

#include "lib/util/mem.h"

#define EXPECTED_BASE64 "a key: 44 characters of base64, the last of them '='"
#define EXPECTED_HEX "a key: 64 hexadecimal digits"

/* All ones if low <= c <= high, else 0; for 0 <= c, low, high < 2^30. */
static int in_range(int c, int low, int high)
{
	return ~((c - low) >> 31) & ~((high - c) >> 31);
}

static char base64_char(int value)
{
	return (char)((in_range(value, 0, 25) & (value + 'A')) |
		      (in_range(value, 26, 51) & (value - 26 + 'a')) |
		      (in_range(value, 52, 61) & (value - 52 + '0')) |
		      (in_range(value, 62, 62) & '+') | (in_range(value, 63, 63) & '/'));
}

/* The six bits, or 64 for a character that is none of the alphabet. */
static int base64_value(char character)
{
	int c = (unsigned char)character;
	int upper = in_range(c, 'A', 'Z'), lower = in_range(c, 'a', 'z');
	int digit = in_range(c, '0', '9'), plus = in_range(c, '+', '+');
	int slash = in_range(c, '/', '/');

	return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) |
	       (plus & 62) | (slash & 63) | (~(upper | lower | digit | plus | slash) & 64);
}

static char hex_char(int value)
{
	return (char)(value + '0' + (in_range(value, 10, 15) & ('a' - '0' - 10)));
}

/* The four bits, or 16 for a character that is no digit. */
static int hex_value(char character)
{
	int c = (unsigned char)character;
	int digit = in_range(c, '0', '9');
	int lower = in_range(c, 'a', 'f'), upper = in_range(c, 'A', 'F');

	return (digit & (c - '0')) | (lower & (c - 'a' + 10)) | (upper & (c - 'A' + 10)) |
	       (~(digit | lower | upper) & 16);
}

int wg_key_parse_mem(struct wg_key *out, const char *text, size_t len, struct err *err)
{
	struct wg_key key;
	unsigned int bits = 0;
	int bad, i, n = 0;

	if (len != WG_KEY_BASE64_LEN || text[WG_KEY_BASE64_LEN - 1] != '=')
		return err_expected(err, -EINVAL, EXPECTED_BASE64,
				    "Key is not the correct length or format");
	bad = 0;
	for (i = 0; i < WG_KEY_BASE64_LEN - 1; i++) {
		int value = base64_value(text[i]);

		bad |= value & 64;
		bits = bits << 6 | ((unsigned int)value & 63);
		if (i % 4 == 3) {
			key.bytes[n++] = (uint8_t)(bits >> 16);
			key.bytes[n++] = (uint8_t)(bits >> 8);
			key.bytes[n++] = (uint8_t)bits;
		}
	}
	/* The last three characters carry 18 bits: 16 of the key and two that must be zero. */
	key.bytes[n++] = (uint8_t)(bits >> 10);
	key.bytes[n++] = (uint8_t)(bits >> 2);
	bad |= bits & 3;
	if (!bad)
		*out = key;
	wg_key_wipe(&key);
	return bad ? err_expected(err, -EINVAL, EXPECTED_BASE64,
				  "Key is not the correct length or format")
		   : 0;
}

int wg_key_parse(struct wg_key *out, const char *text, struct err *err)
{
	return wg_key_parse_mem(out, text, strlen(text), err);
}

void wg_key_format(char out[static WG_KEY_BASE64_LEN + 1], const struct wg_key *key)
{
	const uint8_t *in = key->bytes;
	unsigned int bits;
	int i;

	for (i = 0; i < 30; i += 3, in += 3) {
		bits = (unsigned int)in[0] << 16 | (unsigned int)in[1] << 8 | in[2];
		*out++ = base64_char((int)(bits >> 18));
		*out++ = base64_char((int)(bits >> 12 & 63));
		*out++ = base64_char((int)(bits >> 6 & 63));
		*out++ = base64_char((int)(bits & 63));
	}
	bits = (unsigned int)in[0] << 10 | (unsigned int)in[1] << 2;
	*out++ = base64_char((int)(bits >> 12));
	*out++ = base64_char((int)(bits >> 6 & 63));
	*out++ = base64_char((int)(bits & 63));
	*out++ = '=';
	*out = '\0';
}

int wg_key_parse_hex(struct wg_key *out, const char *text, struct err *err)
{
	struct wg_key key;
	int bad = 0, i;

	if (strlen(text) != WG_KEY_HEX_LEN)
		return err_expected(err, -EINVAL, EXPECTED_HEX, "Key is not the correct length");
	for (i = 0; i < WG_KEY_LEN; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		bad |= (high | low) & 16;
		key.bytes[i] = (uint8_t)((high & 15) << 4 | (low & 15));
	}
	if (!bad)
		*out = key;
	wg_key_wipe(&key);
	return bad ? err_expected(err, -EINVAL, EXPECTED_HEX, "Key is not hexadecimal") : 0;
}

void wg_key_format_hex(char out[static WG_KEY_HEX_LEN + 1], const struct wg_key *key)
{
	int i;

	for (i = 0; i < WG_KEY_LEN; i++) {
		*out++ = hex_char(key->bytes[i] >> 4);
		*out++ = hex_char(key->bytes[i] & 15);
	}
	*out = '\0';
}

bool wg_key_equal(const struct wg_key *a, const struct wg_key *b)
{
	volatile uint8_t difference = 0;
	int i;

	for (i = 0; i < WG_KEY_LEN; i++)
		difference = (uint8_t)(difference | (a->bytes[i] ^ b->bytes[i]));
	return difference == 0;
}

bool wg_key_is_zero(const struct wg_key *key)
{
	static const struct wg_key zero;

	return wg_key_equal(key, &zero);
}

void wg_key_clamp(struct wg_key *key)
{
	key->bytes[0] &= 248;
	key->bytes[31] &= 127;
	key->bytes[31] |= 64;
}

void wg_key_wipe(struct wg_key *key)
{
	mem_wipe(key, sizeof(*key));
}
