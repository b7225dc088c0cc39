/*
 * A backend's self-test, before it is trusted with packets: it must make the same bytes as
 * libcrypto's own ChaCha20-Poly1305, take them apart again, and see each wrong byte of a tag.
 * Batches of every size from 1 to 64 take the lengths 0 to 300 in turn, so that each length stands
 * at many places of a batch; long packets come alone. Owns its buffers. Any thread.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/crypto/aead_backend.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	SHORT_MAX = 300,
	BATCH_MAX = 64,
	ROOM = SHORT_MAX + AEAD_TAG_LEN, /* of one short packet */
	LONG_LEN = 65519,
};

static const uint8_t key_bytes[AEAD_KEY_LEN] = "0123456789abcdefghijklmnopqrstuv";

struct check {
	struct aead_key *seal, *open;
	uint8_t plain[LONG_LEN];
	uint8_t sealed[SHORT_MAX + 1][ROOM]; /* by length, as libcrypto seals plain */
	uint8_t data[BATCH_MAX][ROOM];
	uint8_t sealed_long[LONG_LEN + AEAD_TAG_LEN], data_long[LONG_LEN + AEAD_TAG_LEN];
};

/* Uses all 64 bits; 0 for the empty packet, which is the first of a session. */
static uint64_t counter_of(size_t len)
{
	return len * 0x9e3779b97f4a7c15;
}

static void seal_by_libcrypto(const struct check *check, uint8_t *out, size_t len)
{
	aead_seal_once(out, key_bytes, counter_of(len), check->plain, len, NULL, 0);
}

/* Whether data becomes sealed and plain again; `ops` of lengths that were set. */
static bool round_trip(struct check *check, struct aead_op *ops, const uint8_t *const *sealed,
		       size_t n)
{
	bool ok = true;

	for (size_t i = 0; i < n; i++) {
		ops[i].counter = counter_of(ops[i].len);
		memcpy(ops[i].data, check->plain, ops[i].len);
	}
	aead_seal_batch(check->seal, ops, n);
	for (size_t i = 0; i < n; i++)
		ok &= !memcmp(ops[i].data, sealed[i], ops[i].len + AEAD_TAG_LEN);
	aead_open_batch(check->open, ops, n);
	for (size_t i = 0; i < n; i++)
		ok &= ops[i].ok && !memcmp(ops[i].data, check->plain, ops[i].len);
	return ok;
}

static bool check_batches(struct check *check)
{
	const uint8_t *sealed[BATCH_MAX];
	struct aead_op ops[BATCH_MAX];
	size_t len = 0;

	for (size_t n = 1; n <= BATCH_MAX; n++) {
		for (size_t i = 0; i < n; i++, len = (len + 1) % (SHORT_MAX + 1)) {
			ops[i] = (struct aead_op){ .data = check->data[i], .len = len };
			sealed[i] = check->sealed[len];
		}
		if (!round_trip(check, ops, sealed, n))
			return false;
	}
	return true;
}

static bool check_long(struct check *check)
{
	static const size_t lengths[] = { 1420, 1440, 4096, 16384, LONG_LEN };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct aead_op op = { .data = check->data_long, .len = lengths[i] };

		seal_by_libcrypto(check, check->sealed_long, lengths[i]);
		if (!round_trip(check, &op, (const uint8_t *const[]){ check->sealed_long }, 1))
			return false;
	}
	return true;
}

/* Each byte of the tag wrong, in one packet each; then the text, the counter, and none. */
static bool check_forgeries(struct check *check, size_t len)
{
	enum {
		TEXT = AEAD_TAG_LEN,
		COUNTER,
		NONE,
		N
	};
	struct aead_op ops[N];

	for (size_t i = 0; i < N; i++) {
		ops[i] = (struct aead_op){ .counter = counter_of(len),
					   .data = check->data[i],
					   .len = len };
		memcpy(ops[i].data, check->sealed[len], len + AEAD_TAG_LEN);
	}
	for (size_t i = 0; i < AEAD_TAG_LEN; i++)
		ops[i].data[len + i] ^= 1 << i % 8;
	ops[TEXT].data[len - 1] ^= 0x80;
	ops[COUNTER].counter ^= 1ULL << 63;
	aead_open_batch(check->open, ops, N);
	for (size_t i = 0; i < NONE; i++)
		if (ops[i].ok)
			return false;
	return ops[NONE].ok;
}

static void check_free(struct check **check)
{
	aead_key_free((*check)->seal);
	aead_key_free((*check)->open);
	free(*check);
}

bool aead_backend_works(const struct aead_backend *backend)
{
	AUTO(check_free) struct check *check = mem_alloc(1, sizeof(*check));

	check->seal = aead_key_new_for(backend, AEAD_SEAL, key_bytes);
	check->open = aead_key_new_for(backend, AEAD_OPEN, key_bytes);
	for (size_t i = 0; i < LONG_LEN; i++)
		check->plain[i] = (uint8_t)(i * 13 + (i >> 8));
	for (size_t len = 0; len <= SHORT_MAX; len++)
		seal_by_libcrypto(check, check->sealed[len], len);
	return check_batches(check) && check_long(check) && check_forgeries(check, 64) &&
	       check_forgeries(check, SHORT_MAX);
}
