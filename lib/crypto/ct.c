/*
 * Comparing and wiping secrets. Nothing here branches on what the bytes are, or looks anything up
 * by them. Any thread; owns nothing.
 */
#include "lib/crypto/ct.h"

#include <stdint.h>

#include "lib/crypto/ossl.h"
#include "lib/util/mem.h"

bool ct_equal(const void *a, const void *b, size_t len)
{
	ossl_init();
	return ossl.CRYPTO_memcmp(a, b, len) == 0;
}

bool ct_is_zero(const void *a, size_t len)
{
	const volatile uint8_t *bytes = a; /* so that no compiler stops at the first one */
	unsigned int all = 0;

	for (size_t i = 0; i < len; i++)
		all |= bytes[i];
	return ((all - 1) >> 8) & 1; /* 0 - 1 has all bits set; 1 to 255, less one, none above 7 */
}

void ct_wipe(void *secret, size_t len)
{
	mem_wipe(secret, len);
}
