/*
 * HMAC-BLAKE2s and the KDF made of it. HMAC is put together from two hashes over padded keys: the
 * library's HMAC() takes three times as long. What is on the stack is wiped.
 */
#include "lib/crypto/hkdf.h"

#include <assert.h>
#include <string.h>

#include "lib/crypto/ct.h"

enum {
	BLOCK_LEN = 64, /* RFC 2104: B, for BLAKE2s */
	PARTS_MAX = 4,
};

/* RFC 2104: K XOR pad */
static void pad_key(uint8_t out[static BLOCK_LEN], const uint8_t key[static BLAKE2S_LEN],
		    uint8_t pad)
{
	memset(out, pad, BLOCK_LEN);
	for (size_t i = 0; i < BLAKE2S_LEN; i++)
		out[i] ^= key[i];
}

void hmac_blake2s(uint8_t out[static BLAKE2S_LEN], const uint8_t key[static BLAKE2S_LEN],
		  const struct bytes *parts, size_t n)
{
	uint8_t padded[BLOCK_LEN], inner[BLAKE2S_LEN];
	struct bytes input[1 + PARTS_MAX] = { { padded, sizeof(padded) } };

	assert(n <= PARTS_MAX);
	memcpy(input + 1, parts, n * sizeof(*parts));
	pad_key(padded, key, 0x36); /* ipad */
	blake2s(inner, input, 1 + n);

	pad_key(padded, key, 0x5c); /* opad */
	blake2s(out, (const struct bytes[]){ { padded, sizeof(padded) }, { inner, sizeof(inner) } },
		2);
	ct_wipe(padded, sizeof(padded));
	ct_wipe(inner, sizeof(inner));
}

void hkdf(uint8_t *out1, uint8_t *out2, uint8_t *out3, const uint8_t key[static BLAKE2S_LEN],
	  const void *input, size_t len)
{
	uint8_t prk[BLAKE2S_LEN], t[BLAKE2S_LEN];
	uint8_t *const outs[] = { out1, out2, out3 };
	const struct bytes in = { input, len };

	assert(out1 && (out2 || !out3));
	hmac_blake2s(prk, key, &in, 1); /* RFC 5869 section 2.2: extract */
	for (uint8_t i = 1; i <= 3 && outs[i - 1]; i++) {
		/* RFC 5869 section 2.3: T(i) = HMAC(PRK, T(i - 1) | i), T(0) empty */
		const struct bytes parts[] = { { t, i == 1 ? 0 : sizeof(t) }, { &i, 1 } };

		hmac_blake2s(t, prk, parts, 2);
		memcpy(outs[i - 1], t, sizeof(t));
	}
	ct_wipe(prk, sizeof(prk));
	ct_wipe(t, sizeof(t));
}
