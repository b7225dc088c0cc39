#ifndef LIB_CRYPTO_BLAKE2S_H
#define LIB_CRYPTO_BLAKE2S_H

#include <stddef.h>
#include <stdint.h>

enum {
	BLAKE2S_LEN = 32,
	BLAKE2S_MAC_LEN = 16,
};

/** A stretch of input; what is hashed is often several of them in a row. */
struct bytes {
	const void *at;
	size_t len;
};

/** The 32-byte hash of n parts joined. Source: RFC 7693. */
void blake2s(uint8_t out[static BLAKE2S_LEN], const struct bytes *parts, size_t n);

/** Keyed BLAKE2s with 16 bytes of output; the key has 1 to 32 bytes. [W] 5.4: Mac(). */
void blake2s_mac(uint8_t out[static BLAKE2S_MAC_LEN], const void *key, size_t key_len,
		 const void *input, size_t len);

#endif
