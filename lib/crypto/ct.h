#ifndef LIB_CRYPTO_CT_H
#define LIB_CRYPTO_CT_H

#include <stdbool.h>
#include <stddef.h>

/** Whether two stretches of bytes are equal, in a time that depends on len alone. */
bool ct_equal(const void *a, const void *b, size_t len);
/** Whether all bytes are zero, in a time that depends on len alone. */
bool ct_is_zero(const void *a, size_t len);
/** Overwrites secrets; the compiler does not leave it out. */
void ct_wipe(void *secret, size_t len);

#endif
