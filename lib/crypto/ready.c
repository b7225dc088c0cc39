/*
 * Whether cryptography can begin: see ready.h. Owns nothing; any thread.
 */
#include "lib/crypto/ready.h"

#include "lib/crypto/ossl.h"

int crypto_ready(struct err *err)
{
	return ossl_load(err);
}
