/*
 * X25519. A key keeps the library's key object (making one costs as much as deriving with it, since
 * it computes the public key) and the context for deriving. Both are the key's own memory: one
 * thread at a time uses it.
 */
#include "lib/crypto/x25519.h"

#include <openssl/err.h>
#include <string.h>

#include "lib/crypto/ct.h"
#include "lib/crypto/ossl.h"
#include "lib/util/mem.h"

struct x25519_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *derive;
};

struct x25519_key *x25519_key_new(const uint8_t private_key[static X25519_LEN])
{
	struct x25519_key *key = mem_alloc(1, sizeof(*key));

	ossl_init();
	key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, private_key, X25519_LEN);
	assert(key->pkey);
	key->derive = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	assert(key->derive);
	OSSL_MUST(EVP_PKEY_derive_init(key->derive));
	return key;
}

void x25519_key_free(struct x25519_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(key->derive);
	EVP_PKEY_free(key->pkey); /* wipes it, as the last user */
	free(key);
}

void x25519_key_auto_free(struct x25519_key **key)
{
	x25519_key_free(*key);
}

void x25519_public(uint8_t out[static X25519_LEN], const struct x25519_key *key)
{
	size_t len = X25519_LEN;

	OSSL_MUST(EVP_PKEY_get_raw_public_key(key->pkey, out, &len));
	assert(len == X25519_LEN);
}

bool x25519_derive(uint8_t out[static X25519_LEN], const struct x25519_key *key,
		   const uint8_t public_key[static X25519_LEN])
{
	EVP_PKEY *peer =
		EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, public_key, X25519_LEN);
	size_t len = X25519_LEN;
	int r;

	assert(peer);
	/* 0: there is nothing to validate, any 32 bytes are a public key. */
	OSSL_MUST(EVP_PKEY_derive_set_peer_ex(key->derive, peer, 0));
	EVP_PKEY_free(peer);
	/* The library looks for zero itself, and then fails; not all that use its interface do. */
	r = EVP_PKEY_derive(key->derive, out, &len);
	if (r != 1 || len != X25519_LEN || ct_is_zero(out, X25519_LEN)) {
		ERR_clear_error();
		memset(out, 0, X25519_LEN);
		return false;
	}
	return true;
}
