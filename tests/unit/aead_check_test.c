/* The self-test of a backend: it lets good ones pass, and sees each way of being wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/crypto/aead_backend.h"

/* libcrypto, spoilt in one way. */
static enum fault {
	NO_FAULT,
	ALL_GENUINE,      /* nobody compares tags */
	TAG_BYTE_IGNORED, /* `which` of the tag */
	LENGTH_SEALED,    /* packets of `which` bytes get a wrong byte */
	LENGTH_OPENED,
	PLACE_SKIPPED, /* the packet at place `which` of a batch stays as it is */
	PLACE_NOT_OPENED,
	COUNTER_CUT, /* the upper half of the counter is not looked at */
	NOT_ALONE,   /* one forgery makes all of the batch bad */
} fault;
static size_t which;

static void cut_counters(struct aead_op *ops, size_t n)
{
	for (size_t i = 0; fault == COUNTER_CUT && i < n; i++)
		ops[i].counter &= 0xffffffff;
}

static void bad_seal(struct aead_key *key, struct aead_op *ops, size_t n)
{
	cut_counters(ops, n);
	for (size_t i = 0; i < n; i++) {
		if (fault == PLACE_SKIPPED && i == which)
			continue;
		aead_libcrypto.seal(key, &ops[i], 1);
		if (fault == LENGTH_SEALED && ops[i].len == which)
			ops[i].data[which ? which - 1 : AEAD_TAG_LEN - 1] ^= 1;
	}
}

/* Whether a tag is right but for byte `which`. */
static bool nearly_right(const struct aead_op *op, struct aead_key *key)
{
	struct aead_op try = *op;
	uint8_t data[512 + AEAD_TAG_LEN];

	if (op->len > 512)
		return false;
	for (int byte = 0; byte < 256; byte++) {
		memcpy(data, op->data, op->len + AEAD_TAG_LEN);
		try.data = data;
		data[op->len + which] = (uint8_t)byte;
		aead_libcrypto.open(key, &try, 1);
		if (try.ok)
			return true;
	}
	return false;
}

static void bad_open(struct aead_key *key, struct aead_op *ops, size_t n)
{
	bool all_ok = true;

	cut_counters(ops, n);
	for (size_t i = 0; i < n; i++) {
		if (fault == PLACE_NOT_OPENED && i == which) {
			ops[i].ok = true;
			continue;
		}
		aead_libcrypto.open(key, &ops[i], 1);
		all_ok &= ops[i].ok;
		if (fault == LENGTH_OPENED && ops[i].len == which && which)
			ops[i].data[0] ^= 1;
		if (fault == ALL_GENUINE)
			ops[i].ok = true;
		if (fault == TAG_BYTE_IGNORED && !ops[i].ok)
			ops[i].ok = nearly_right(&ops[i], key);
	}
	for (size_t i = 0; fault == NOT_ALONE && i < n; i++)
		ops[i].ok = all_ok;
}

static void key_init(struct aead_key *key)
{
	aead_libcrypto.key_init(key);
}

static void key_fini(struct aead_key *key)
{
	aead_libcrypto.key_fini(key);
}

static const struct aead_backend bad = { "bad", key_init, key_fini, bad_seal, bad_open };

static bool works_with(enum fault f, size_t w)
{
	fault = f;
	which = w;
	return aead_backend_works(&bad);
}

static void test_good(void **state)
{
	(void)state;
	assert_true(works_with(NO_FAULT, 0));
	assert_true(aead_backend_works(&aead_libcrypto));
	if (aead_ipsec_mb_load(NULL))
		assert_true(aead_backend_works(aead_ipsec_mb_load(NULL)));
}

static void test_faults(void **state)
{
	static const size_t lengths[] = { 1,   2,   15,  16,  17,   63,   64,   65,    127,
					  255, 256, 257, 300, 1420, 1440, 4096, 16384, 65519 };

	(void)state;
	assert_false(works_with(ALL_GENUINE, 0));
	assert_false(works_with(COUNTER_CUT, 0));
	assert_false(works_with(NOT_ALONE, 0));
	for (size_t i = 0; i < AEAD_TAG_LEN; i++)
		assert_false(works_with(TAG_BYTE_IGNORED, i));
	assert_false(works_with(LENGTH_SEALED, 0));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_false(works_with(LENGTH_SEALED, lengths[i]));
		assert_false(works_with(LENGTH_OPENED, lengths[i]));
	}
	for (size_t i = 0; i < 64; i++) {
		assert_false(works_with(PLACE_SKIPPED, i));
		assert_false(works_with(PLACE_NOT_OPENED, i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
