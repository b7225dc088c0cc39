#ifndef LIB_CRYPTO_RANDOM_H
#define LIB_CRYPTO_RANDOM_H

#include <stddef.h>

/** Fills `out` from getrandom(2), waiting for the pool if need be. Returns 0 or a negative errno.
 */
int random_bytes(void *out, size_t len);

#endif
