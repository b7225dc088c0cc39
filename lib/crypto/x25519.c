/*
 * X25519. A key keeps the library's key object and a context that is ready for deriving. Neither
 * changes after that, so that any threads may use the key at a time: each derives with a copy of
 * the context, which costs a hundredth of deriving. The other side's public key is put into an
 * object that the thread keeps: a new one for each would cost a tenth.
 *
 * The public key comes from libsodium, which needs 10 us where libcrypto takes 22: deriving from a
 * base point is half of what a handshake spends on its ephemeral key. libcrypto is handed both
 * halves of the key and believes them.
 */
#include "lib/crypto/x25519.h"

#include <string.h>

#include "lib/crypto/ct.h"
#include "lib/crypto/ossl.h"
#include "lib/crypto/x25519_base.h"
#include "lib/util/mem.h"

struct x25519_key {
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *derive; /* only copied */
	uint8_t public_key[X25519_LEN];
};

/* The library's parameters are not const, but only read. */
static OSSL_PARAM bytes_param(const char *name, const uint8_t bytes[static X25519_LEN])
{
	return (OSSL_PARAM){ name, OSSL_PARAM_OCTET_STRING, (void *)(uintptr_t)bytes, X25519_LEN,
			     OSSL_PARAM_UNMODIFIED };
}

/* The calling thread's contexts, with those for X25519: looking that up takes half a millisecond.
 */
static struct ossl_thread *thread_ready(void)
{
	uint8_t point[X25519_LEN] = { 9 }; /* any: it is replaced before it is used */
	OSSL_PARAM params[] = {
		bytes_param(OSSL_PKEY_PARAM_PUB_KEY, point),
		OSSL_PARAM_END,
	};
	struct ossl_thread *thread = ossl_thread();

	if (thread->x25519)
		return thread;
	thread->x25519 = ossl.EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	assert(thread->x25519);
	OSSL_MUST(ossl.EVP_PKEY_fromdata_init(thread->x25519));
	OSSL_MUST(ossl.EVP_PKEY_fromdata(thread->x25519, &thread->x25519_peer, EVP_PKEY_PUBLIC_KEY,
					 params));
	return thread;
}

struct x25519_key *x25519_key_new(const uint8_t private_key[static X25519_LEN])
{
	EVP_PKEY_CTX *maker = thread_ready()->x25519;
	struct x25519_key *key = mem_alloc(1, sizeof(*key));
	OSSL_PARAM params[] = {
		bytes_param(OSSL_PKEY_PARAM_PRIV_KEY, private_key),
		bytes_param(OSSL_PKEY_PARAM_PUB_KEY, key->public_key),
		OSSL_PARAM_END,
	};

	x25519_base(key->public_key, private_key);
	OSSL_MUST(ossl.EVP_PKEY_fromdata(maker, &key->pkey, EVP_PKEY_KEYPAIR, params));
	key->derive = ossl.EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	assert(key->derive);
	OSSL_MUST(ossl.EVP_PKEY_derive_init(key->derive));
	return key;
}

void x25519_key_free(struct x25519_key *key)
{
	if (!key)
		return;
	ossl.EVP_PKEY_CTX_free(key->derive);
	ossl.EVP_PKEY_free(key->pkey); /* wipes it, as the last user */
	free(key);
}

void x25519_key_auto_free(struct x25519_key **key)
{
	x25519_key_free(*key);
}

void x25519_public(uint8_t out[static X25519_LEN], const struct x25519_key *key)
{
	memcpy(out, key->public_key, X25519_LEN);
}

bool x25519_derive(uint8_t out[static X25519_LEN], const struct x25519_key *key,
		   const uint8_t public_key[static X25519_LEN])
{
	EVP_PKEY *peer = thread_ready()->x25519_peer;
	EVP_PKEY_CTX *derive = ossl.EVP_PKEY_CTX_dup(key->derive);
	size_t len = X25519_LEN;
	int r;

	assert(derive);
	OSSL_MUST(ossl.EVP_PKEY_set1_encoded_public_key(peer, public_key, X25519_LEN));
	/* 0: there is nothing to validate, any 32 bytes are a public key. */
	OSSL_MUST(ossl.EVP_PKEY_derive_set_peer_ex(derive, peer, 0));
	/* The library looks for zero itself, and then fails; not all that use its interface do. */
	r = ossl.EVP_PKEY_derive(derive, out, &len);
	ossl.EVP_PKEY_CTX_free(derive);
	if (r != 1 || len != X25519_LEN || ct_is_zero(out, X25519_LEN)) {
		ossl.ERR_clear_error();
		memset(out, 0, X25519_LEN);
		return false;
	}
	return true;
}
