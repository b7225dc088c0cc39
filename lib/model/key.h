#ifndef LIB_MODEL_KEY_H
#define LIB_MODEL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/err.h"
#include "lib/util/strbuf.h"

enum {
	WG_KEY_LEN = 32,
	WG_KEY_BASE64_LEN = 44, /* characters, without the final NUL */
	WG_KEY_HEX_LEN = 64,    /* characters, without the final NUL */
};

/** A Curve25519 key, private or public, or a preshared key. */
struct wg_key {
	uint8_t bytes[WG_KEY_LEN];
};

/*
 * The conversions take the same time whatever the key is: neither branches nor table look-ups
 * depend on its bytes. (How long the text is, and whether it was valid, is not hidden.)
 */

/**
 * Reads exactly 44 characters of standard base64 with one "=" and zero spare bits; the text must
 * end there. *out is written only on success. Returns 0, or -EINVAL with *err filled in: the text
 * of a key is a secret, so the message leaves out what was found.
 * Source: RFC 4648 section 4; wg(8), CONFIGURATION FILE FORMAT.
 */
int wg_key_parse(struct wg_key *out, const char *text, struct err *err);
/** As wg_key_parse(), for `len` bytes that need no terminator. */
int wg_key_parse_mem(struct wg_key *out, const char *text, size_t len, struct err *err);
/** Writes 44 characters and a NUL. */
void wg_key_format(char out[static WG_KEY_BASE64_LEN + 1], const struct wg_key *key);

/** Adds these 44 characters. */
void wg_key_add(struct strbuf *out, const struct wg_key *key);

/** Reads exactly 64 hexadecimal digits of either case, then the end. As wg_key_parse(). */
int wg_key_parse_hex(struct wg_key *out, const char *text, struct err *err);
/** As wg_key_parse_hex(), for `len` bytes that need no terminator. */
int wg_key_parse_hex_mem(struct wg_key *out, const char *text, size_t len, struct err *err);
/** Writes 64 lower-case digits and a NUL. */
void wg_key_format_hex(char out[static WG_KEY_HEX_LEN + 1], const struct wg_key *key);
/** Adds these 64 digits. */
void wg_key_add_hex(struct strbuf *out, const struct wg_key *key);

/** Constant-time comparisons. */
bool wg_key_equal(const struct wg_key *a, const struct wg_key *b);
bool wg_key_is_zero(const struct wg_key *key);

/** Sets the bits that every X25519 private key has: RFC 7748 section 5. */
void wg_key_clamp(struct wg_key *key);

/** Overwrites the key; fit for AUTO(). */
void wg_key_wipe(struct wg_key *key);

#endif
