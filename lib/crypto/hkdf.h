#ifndef LIB_CRYPTO_HKDF_H
#define LIB_CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/crypto/blake2s.h"

/** HMAC-BLAKE2s of n parts joined, keyed with 32 bytes. [W] 5.4: Hmac(). */
void hmac_blake2s(uint8_t out[static BLAKE2S_LEN], const uint8_t key[static BLAKE2S_LEN],
		  const struct bytes *parts, size_t n);

/**
 * [W] 5.4: Kdf1, Kdf2, Kdf3. Outputs that are not wanted are NULL, from the right: with out2 NULL
 * it is Kdf1. An output may be the same memory as `key` (the usual chaining-key update).
 */
void hkdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t key[static BLAKE2S_LEN],
	  const void *input, size_t len);

#endif
