/*
 * BLAKE2s, plain and keyed, on the calling thread's kept contexts. The library wipes a hash's state
 * when it hands out the result.
 */
#include "lib/crypto/blake2s.h"

#include <assert.h>

#include "lib/crypto/ossl.h"

void blake2s(uint8_t out[static BLAKE2S_LEN], const struct bytes *parts, size_t n)
{
	EVP_MD_CTX *ctx = ossl_thread()->blake2s;

	OSSL_MUST(ossl.EVP_DigestInit_ex2(ctx, NULL, NULL));
	for (size_t i = 0; i < n; i++)
		OSSL_MUST(ossl.EVP_DigestUpdate(ctx, parts[i].at, parts[i].len));
	OSSL_MUST(ossl.EVP_DigestFinal_ex(ctx, out, NULL));
}

void blake2s_mac(uint8_t out[static BLAKE2S_MAC_LEN], const void *key, size_t key_len,
		 const void *input, size_t len)
{
	EVP_MAC_CTX *ctx = ossl_thread()->blake2s_mac;
	size_t size = BLAKE2S_MAC_LEN, written;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_END,
	};

	assert(key_len >= 1 && key_len <= 32);
	OSSL_MUST(ossl.EVP_MAC_init(ctx, key, key_len, params));
	OSSL_MUST(ossl.EVP_MAC_update(ctx, input, len));
	OSSL_MUST(ossl.EVP_MAC_final(ctx, out, &written, BLAKE2S_MAC_LEN));
	assert(written == BLAKE2S_MAC_LEN);
}
