/*
 * Keys and their two text forms: see key.h. Eight characters are done at a time, as the bytes of a
 * word, by arithmetic alone: nothing is looked up and nothing branches, so that neither caches nor
 * branch predictors learn about the key. (A byte of a word must not carry into the next: the
 * comments say why none does.)
 */
#include "lib/model/key.h"

#include <errno.h>
#include <string.h>

#include "lib/util/endian.h"
#include "lib/util/mem.h"

#define EXPECTED_BASE64 "a key: 44 characters of base64, the last of them '='"
#define EXPECTED_HEX "a key: 64 hexadecimal digits"

/* The byte in each of a word's eight. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 1 in each byte that is at least `limit`, else 0; for bytes and limits up to 128. */
static uint64_t at_least(uint64_t bytes, uint8_t limit)
{
	return (bytes + EACH((uint8_t)(0x80 - limit))) >> 7 & EACH(1);
}

/* 1 in each byte from low to high, else 0; for bytes up to 127. */
static uint64_t in_range(uint64_t bytes, uint8_t low, uint8_t high)
{
	return at_least(bytes, low) - at_least(bytes, (uint8_t)(high + 1));
}

/* ---- base64 ---------------------------------------------------------------------------------- */

/* 48 bits, the first byte on top, as eight characters. */
static uint64_t base64_encode(uint64_t bits)
{
	const uint64_t six = UINT64_C(0x0000003f0000003f);
	uint64_t x = bits >> 24 | (bits & 0xffffff) << 32, c;

	x = (x >> 18 & six) | (x >> 4 & six << 8) | (x << 10 & six << 16) | (x << 24 & six << 24);
	c = x + EACH('A') + 6 * at_least(x, 26); /* at most 63 + 65 + 6 */
	/* 52 has become 123, 62 then 58. */
	return c - 75 * at_least(x, 52) - 15 * at_least(x, 62) + 3 * at_least(x, 63);
}

/* Eight characters as 48 bits; *bad gets some bit if one of them is none of the alphabet. */
static uint64_t base64_decode(uint64_t c, uint64_t *bad)
{
	uint64_t upper, lower, digit, plus, slash, x;

	*bad |= c & EACH(0x80);
	c &= EACH(0x7f);
	upper = in_range(c, 'A', 'Z');
	lower = in_range(c, 'a', 'z');
	digit = in_range(c, '0', '9');
	plus = in_range(c, '+', '+');
	slash = in_range(c, '/', '/');
	*bad |= (upper | lower | digit | plus | slash) ^ EACH(1);
	/* What is taken away is never more than is there. */
	x = c + 4 * digit + 19 * plus + 16 * slash - 65 * upper - 71 * lower;
	x &= EACH(0x3f);
	x = (x & UINT64_C(0x003f003f003f003f)) << 6 | (x >> 8 & UINT64_C(0x003f003f003f003f));
	x = (x & UINT64_C(0x00000fff00000fff)) << 12 | (x >> 16 & UINT64_C(0x00000fff00000fff));
	return (x & 0xffffff) << 24 | x >> 32;
}

enum {
	GROUP_LEN = 6, /* bytes that eight characters make */
};

int wg_key_parse_mem(struct wg_key *out, const char *text, size_t len, struct err *err)
{
	/* A group is written with two zeros behind it, the last one reaching the end. */
	struct wg_key key;
	char last[8] = "AAAAAAA";
	uint64_t bad = 0, bits;
	size_t i;

	if (len != WG_KEY_BASE64_LEN || text[WG_KEY_BASE64_LEN - 1] != '=')
		return err_expected(err, -EINVAL, EXPECTED_BASE64,
				    "Key is not the correct length or format");
	for (i = 0; i < 5; i++)
		store_be64(key.bytes + i * GROUP_LEN, base64_decode(load_le64(text + i * 8), &bad)
							      << 16);
	/* The last three characters carry 18 bits: 16 of the key and two that must be zero. */
	memcpy(last, text + 40, 3);
	last[7] = 'A';
	bits = base64_decode(load_le64(last), &bad) >> 30;
	key.bytes[30] = (uint8_t)(bits >> 10);
	key.bytes[31] = (uint8_t)(bits >> 2);
	bad |= bits & 3;
	if (!bad)
		*out = key;
	wg_key_wipe(&key);
	mem_wipe(last, sizeof(last));
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
	uint64_t last;

	for (size_t i = 0; i < 4; i++)
		store_le64(out + i * 8, base64_encode(load_be64(key->bytes + i * GROUP_LEN) >> 16));
	store_le64(out + 32, base64_encode(load_be64(key->bytes + 22) & UINT64_C(0xffffffffffff)));
	last = base64_encode((uint64_t)load_be16(key->bytes + 30) << 32);
	store_le32(out + 40, (uint32_t)(last & 0xffffff) | (uint32_t)'=' << 24);
	out[WG_KEY_BASE64_LEN] = '\0';
}

void wg_key_add(struct strbuf *out, const struct wg_key *key)
{
	wg_key_format(strbuf_reserve(out, WG_KEY_BASE64_LEN), key);
	out->len += WG_KEY_BASE64_LEN;
}

/* ---- hexadecimal ----------------------------------------------------------------------------- */

/* Eight digits as four bytes, the first one lowest; *bad gets some bit if one is no digit. */
static uint32_t hex_decode(uint64_t c, uint64_t *bad)
{
	uint64_t digit, letter, x;

	*bad |= c & EACH(0x80);
	c &= EACH(0x7f);
	digit = in_range(c, '0', '9');
	letter = in_range(c | EACH(0x20), 'a', 'f');
	*bad |= (digit | letter) ^ EACH(1);
	x = (c & EACH(0x0f)) + 9 * letter; /* at most 15 + 9 */
	x = (x << 4 | x >> 8) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x | x >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (uint32_t)(x | x >> 16);
}

/* Four bytes, the first one lowest, as eight lower-case digits. */
static uint64_t hex_encode(uint32_t bytes)
{
	uint64_t x = bytes;

	x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
	x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
	return x + EACH('0') + ('a' - '0' - 10) * at_least(x, 10);
}

int wg_key_parse_hex_mem(struct wg_key *out, const char *text, size_t len, struct err *err)
{
	struct wg_key key;
	uint64_t bad = 0;

	if (len != WG_KEY_HEX_LEN)
		return err_expected(err, -EINVAL, EXPECTED_HEX, "Key is not the correct length");
	for (size_t i = 0; i < WG_KEY_LEN; i += 4)
		store_le32(key.bytes + i, hex_decode(load_le64(text + 2 * i), &bad));
	if (!bad)
		*out = key;
	wg_key_wipe(&key);
	return bad ? err_expected(err, -EINVAL, EXPECTED_HEX, "Key is not hexadecimal") : 0;
}

int wg_key_parse_hex(struct wg_key *out, const char *text, struct err *err)
{
	return wg_key_parse_hex_mem(out, text, strlen(text), err);
}

void wg_key_format_hex(char out[static WG_KEY_HEX_LEN + 1], const struct wg_key *key)
{
	for (size_t i = 0; i < WG_KEY_LEN; i += 4)
		store_le64(out + 2 * i, hex_encode(load_le32(key->bytes + i)));
	out[WG_KEY_HEX_LEN] = '\0';
}

void wg_key_add_hex(struct strbuf *out, const struct wg_key *key)
{
	wg_key_format_hex(strbuf_reserve(out, WG_KEY_HEX_LEN), key);
	out->len += WG_KEY_HEX_LEN;
}

/* ---- the rest -------------------------------------------------------------------------------- */

bool wg_key_equal(const struct wg_key *a, const struct wg_key *b)
{
	volatile uint64_t difference = 0; /* so that no step can be the last one */

	for (size_t i = 0; i < WG_KEY_LEN; i += 8)
		difference |= load_le64(a->bytes + i) ^ load_le64(b->bytes + i);
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
