#ifndef LIB_CRYPTO_X25519_H
#define LIB_CRYPTO_X25519_H

#include <stdbool.h>
#include <stdint.h>

enum {
	X25519_LEN = 32
};

/**
 * A private key with what the library precomputes for it: deriving with it costs half of starting
 * from the bytes. Clamping is part of use (RFC 7748), so any 32 bytes are a private key.
 * Any threads may use a key at a time.
 */
struct x25519_key;

/** The bytes are copied; x25519_key_free() wipes them. Never NULL. */
struct x25519_key *x25519_key_new(const uint8_t private_key[static X25519_LEN]);
void x25519_key_free(struct x25519_key *key);
/** For AUTO(). */
void x25519_key_auto_free(struct x25519_key **key);

/** The public key of `key`. */
void x25519_public(uint8_t out[static X25519_LEN], const struct x25519_key *key);

/**
 * The shared secret of `key` and a public key. Returns false, and zeroes out, when the secret is
 * all zero: the public key was one of the low-order points. Source: RFC 7748 section 6.1.
 */
bool x25519_derive(uint8_t out[static X25519_LEN], const struct x25519_key *key,
		   const uint8_t public_key[static X25519_LEN]);

#endif
