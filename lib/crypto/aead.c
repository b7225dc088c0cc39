/*
 * ChaCha20-Poly1305 and XChaCha20-Poly1305 for handshakes, whose keys are used once: the calling
 * thread's kept contexts are keyed anew; a key of zeros is put in afterwards, so that the secret
 * does not stay there. Any thread. For packets, see aead_batch.c.
 *
 * Opening must end with EVP_DecryptFinal_ex(), which compares the tags: ending with
 * EVP_Cipher(ctx, out, NULL, 0) reports success without having looked.
 */
#include "lib/crypto/aead.h"

#include <limits.h>
#include <string.h>

#include "lib/crypto/ct.h"
#include "lib/crypto/ossl.h"
#include "lib/util/endian.h"

enum {
	NONCE_LEN = 12,
	HCHACHA_NONCE_LEN = 16,
	CHACHA_BLOCK_LEN = 64,
};

static const uint8_t zeros[CHACHA_BLOCK_LEN];

/* One message as the library takes it. */
struct message {
	uint8_t *out;
	const uint8_t *in;
	size_t len; /* without the tag */
	const void *additional;
	size_t additional_len;
};

/* Writes the tag, too. */
static void seal(EVP_CIPHER_CTX *ctx, const uint8_t key[static AEAD_KEY_LEN],
		 const uint8_t nonce[static NONCE_LEN], const struct message *m,
		 uint8_t tag[static AEAD_TAG_LEN])
{
	int n;

	assert(m->len <= INT_MAX && m->additional_len <= INT_MAX);
	OSSL_MUST(ossl.EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL));
	if (m->additional_len)
		OSSL_MUST(ossl.EVP_EncryptUpdate(ctx, NULL, &n, m->additional,
						 (int)m->additional_len));
	if (m->len)
		OSSL_MUST(ossl.EVP_EncryptUpdate(ctx, m->out, &n, m->in, (int)m->len));
	OSSL_MUST(ossl.EVP_EncryptFinal_ex(ctx, tag, &n));
	OSSL_MUST(ossl.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, tag));
}

/* As seal(), the other way. Returns whether the tag was right. */
static bool open_message(EVP_CIPHER_CTX *ctx, const uint8_t key[static AEAD_KEY_LEN],
			 const uint8_t nonce[static NONCE_LEN], const struct message *m,
			 const uint8_t tag[static AEAD_TAG_LEN])
{
	uint8_t expected[AEAD_TAG_LEN], nothing[1];
	int n;

	assert(m->len <= INT_MAX && m->additional_len <= INT_MAX);
	memcpy(expected, tag, sizeof(expected)); /* the interface wants it writable */
	OSSL_MUST(ossl.EVP_DecryptInit_ex2(ctx, NULL, key, nonce, NULL));
	OSSL_MUST(ossl.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, expected));
	if (m->additional_len)
		OSSL_MUST(ossl.EVP_DecryptUpdate(ctx, NULL, &n, m->additional,
						 (int)m->additional_len));
	if (m->len)
		OSSL_MUST(ossl.EVP_DecryptUpdate(ctx, m->out, &n, m->in, (int)m->len));
	return ossl.EVP_DecryptFinal_ex(ctx, nothing, &n) == 1;
}

/* RFC 8439 section 2.8, with the counter as [W] 5.4 has it. */
static void counter_nonce(uint8_t out[static NONCE_LEN], uint64_t counter)
{
	memset(out, 0, NONCE_LEN - sizeof(counter));
	store_le64(out + NONCE_LEN - sizeof(counter), counter);
}

static void seal_once(const struct message *m, const uint8_t key[static AEAD_KEY_LEN],
		      const uint8_t nonce[static NONCE_LEN])
{
	EVP_CIPHER_CTX *ctx = ossl_thread()->seal;

	seal(ctx, key, nonce, m, m->out + m->len);
	OSSL_MUST(ossl.EVP_EncryptInit_ex2(ctx, NULL, zeros, zeros, NULL));
}

/* m->len counts the tag. */
static bool open_once(const struct message *m, const uint8_t key[static AEAD_KEY_LEN],
		      const uint8_t nonce[static NONCE_LEN])
{
	EVP_CIPHER_CTX *ctx = ossl_thread()->open;
	struct message text = *m;
	bool ok;

	if (m->len < AEAD_TAG_LEN)
		return false;
	text.len -= AEAD_TAG_LEN;
	ok = open_message(ctx, key, nonce, &text, m->in + text.len);
	if (!ok && text.len)
		ct_wipe(text.out, text.len);
	OSSL_MUST(ossl.EVP_DecryptInit_ex2(ctx, NULL, zeros, zeros, NULL));
	return ok;
}

void aead_seal_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const void *in, size_t len, const void *additional, size_t additional_len)
{
	const struct message m = { out, in, len, additional, additional_len };
	uint8_t nonce[NONCE_LEN];

	counter_nonce(nonce, counter);
	seal_once(&m, key, nonce);
}

bool aead_open_once(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN], uint64_t counter,
		    const void *in, size_t len, const void *additional, size_t additional_len)
{
	const struct message m = { out, in, len, additional, additional_len };
	uint8_t nonce[NONCE_LEN];

	counter_nonce(nonce, counter);
	return open_once(&m, key, nonce);
}

/*
 * HChaCha20, draft-irtf-cfrg-xchacha section 2.2: words 0-3 and 12-15 of ChaCha20's state after its
 * rounds. The cipher's keystream block is that state plus the state it began with, whose words 0-3
 * (constants) and 12-15 (our input) are known: they are taken off again.
 */
static void hchacha20(uint8_t out[static AEAD_KEY_LEN], const uint8_t key[static AEAD_KEY_LEN],
		      const uint8_t nonce[static HCHACHA_NONCE_LEN])
{
	static const uint8_t constants[] = "expand 32-byte k"; /* RFC 8439 section 2.3 */
	EVP_CIPHER_CTX *ctx = ossl_thread()->stream;
	uint8_t block[CHACHA_BLOCK_LEN];
	int n;

	/* The library's 16-byte IV is words 12-15: a counter and RFC 8439's nonce. */
	OSSL_MUST(ossl.EVP_EncryptInit_ex2(ctx, NULL, key, nonce, NULL));
	OSSL_MUST(ossl.EVP_EncryptUpdate(ctx, block, &n, zeros, sizeof(block)));
	for (size_t i = 0; i < 16; i += 4) {
		store_le32(out + i, load_le32(block + i) - load_le32(constants + i));
		store_le32(out + 16 + i, load_le32(block + 48 + i) - load_le32(nonce + i));
	}
	OSSL_MUST(ossl.EVP_EncryptInit_ex2(ctx, NULL, zeros, zeros, NULL));
	ct_wipe(block, sizeof(block));
}

/* draft-irtf-cfrg-xchacha section 2.3: the subkey, and the nonce that goes with it. */
static void xchacha_setup(uint8_t subkey[static AEAD_KEY_LEN], uint8_t subnonce[static NONCE_LEN],
			  const uint8_t key[static AEAD_KEY_LEN],
			  const uint8_t nonce[static XAEAD_NONCE_LEN])
{
	hchacha20(subkey, key, nonce);
	memset(subnonce, 0, 4);
	memcpy(subnonce + 4, nonce + HCHACHA_NONCE_LEN, XAEAD_NONCE_LEN - HCHACHA_NONCE_LEN);
}

void xaead_seal(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN],
		const uint8_t nonce[static XAEAD_NONCE_LEN], const void *in, size_t len,
		const void *additional, size_t additional_len)
{
	const struct message m = { out, in, len, additional, additional_len };
	uint8_t subkey[AEAD_KEY_LEN], subnonce[NONCE_LEN];

	xchacha_setup(subkey, subnonce, key, nonce);
	seal_once(&m, subkey, subnonce);
	ct_wipe(subkey, sizeof(subkey));
}

bool xaead_open(uint8_t *out, const uint8_t key[static AEAD_KEY_LEN],
		const uint8_t nonce[static XAEAD_NONCE_LEN], const void *in, size_t len,
		const void *additional, size_t additional_len)
{
	const struct message m = { out, in, len, additional, additional_len };
	uint8_t subkey[AEAD_KEY_LEN], subnonce[NONCE_LEN];
	bool ok;

	xchacha_setup(subkey, subnonce, key, nonce);
	ok = open_once(&m, subkey, subnonce);
	ct_wipe(subkey, sizeof(subkey));
	return ok;
}
