#ifndef LIB_CRYPTO_X25519_BASE_H
#define LIB_CRYPTO_X25519_BASE_H

#include <stdint.h>

#include "lib/crypto/x25519.h"

/**
 * The public key of a private one, where nothing else is to be done with it: needs no start-up, no
 * memory and no libcrypto. In a time that does not depend on the key. Any thread.
 * Clamping is part of it: any 32 bytes are a private key. Source: RFC 7748 section 5, X25519(k, 9).
 */
void x25519_base(uint8_t out[static X25519_LEN], const uint8_t private_key[static X25519_LEN]);

#endif
