/* The handshake: whole transcripts, two sides against each other, and all that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datapath/engine/noise.h"
#include "lib/crypto/ct.h"
#include "lib/util/endian.h"
#include "tests/unit/vectors.h"

enum {
	INITIATION_LEN = sizeof(struct wire_initiation) - sizeof(struct wire_macs),
	RESPONSE_LEN = sizeof(struct wire_response) - sizeof(struct wire_macs),
};

static const uint8_t timestamp[WIRE_TIMESTAMP_LEN] = { 0x40, 0, 0, 0, 0x65, 1, 2, 3, 4, 5, 6, 7 };
static const uint8_t zero[32];

/* One side of a tunnel. */
struct side {
	struct noise_identity identity;
	struct noise_remote remote;
	struct handshake handshake;
};

struct pair {
	struct side initiator, responder;
};

static struct wg_key key_of(uint8_t fill)
{
	struct wg_key key;

	memset(key.bytes, fill, sizeof(key.bytes));
	return key;
}

static void pair_init(struct pair *pair, const struct wg_key *initiator,
		      const struct wg_key *responder)
{
	memset(pair, 0, sizeof(*pair));
	noise_identity_set(&pair->initiator.identity, initiator);
	noise_identity_set(&pair->responder.identity, responder);
	pair->initiator.remote.public_key = pair->responder.identity.public_key;
	pair->responder.remote.public_key = pair->initiator.identity.public_key;
}

static void pair_fini(struct pair *pair)
{
	handshake_wipe(&pair->initiator.handshake);
	handshake_wipe(&pair->responder.handshake);
	noise_identity_fini(&pair->initiator.identity);
	noise_identity_fini(&pair->responder.identity);
}

static void usual_pair(struct pair *pair)
{
	const struct wg_key initiator = key_of(0x11), responder = key_of(0x22);

	pair_init(pair, &initiator, &responder);
}

static void initiate(struct pair *pair, struct wire_initiation *message)
{
	const struct wg_key ephemeral = key_of(0x33);

	assert_true(noise_write_initiation(message, &pair->initiator.handshake,
					   &pair->initiator.identity, &pair->initiator.remote,
					   &ephemeral, timestamp, 1001));
}

/* Both halves. Returns whether the initiation was taken. */
static bool receive(struct pair *pair, const struct wire_initiation *message)
{
	struct noise_pending pending;
	uint8_t seen[WIRE_TIMESTAMP_LEN];
	bool ok;

	if (!noise_read_initiation(&pending, message, &pair->responder.identity))
		return false;
	assert_true(wg_key_equal(&pending.sender, &pair->initiator.identity.public_key));
	ok = noise_accept_initiation(&pair->responder.handshake, seen, &pending,
				     &pair->responder.identity, &pair->responder.remote);
	if (ok) {
		assert_memory_equal(seen, timestamp, sizeof(seen));
		assert_int_equal(pair->responder.handshake.state, HANDSHAKE_INITIATION_RECEIVED);
		assert_int_equal(pair->responder.handshake.remote_index,
				 load_le32(message->sender));
	}
	noise_pending_wipe(&pending);
	assert_true(ct_is_zero(&pending, sizeof(pending)));
	return ok;
}

static void respond(struct pair *pair, struct wire_response *message)
{
	const struct wg_key ephemeral = key_of(0x44);

	assert_true(noise_write_response(message, &pair->responder.handshake,
					 &pair->responder.remote, &ephemeral, 2002));
	assert_int_equal(pair->responder.handshake.state, HANDSHAKE_COMPLETE);
}

static bool read_response(struct pair *pair, const struct wire_response *message)
{
	return noise_read_response(&pair->initiator.handshake, message, &pair->initiator.identity,
				   &pair->initiator.remote);
}

static void check_wiped(const struct handshake *handshake)
{
	assert_int_equal(handshake->state, HANDSHAKE_NONE);
	assert_null(handshake->ephemeral);
	assert_memory_equal(handshake->chaining_key, zero, 32);
	assert_memory_equal(handshake->hash, zero, 32);
	assert_memory_equal(handshake->remote_ephemeral, zero, 32);
}

/* Both sides are complete: their keys cross. */
static void check_keys(struct pair *pair)
{
	struct noise_keys a, b;

	noise_derive_keys(&a, &pair->initiator.handshake);
	noise_derive_keys(&b, &pair->responder.handshake);
	assert_true(wg_key_equal(&a.send, &b.receive));
	assert_true(wg_key_equal(&a.receive, &b.send));
	assert_false(wg_key_equal(&a.send, &a.receive));
	assert_false(wg_key_is_zero(&a.send));
	check_wiped(&pair->initiator.handshake);
	check_wiped(&pair->responder.handshake);
}

static void check_transcript(const struct vectors *v)
{
	struct wg_key initiator, responder, preshared, ephemeral;
	struct wire_initiation initiation;
	struct wire_response response;
	struct noise_pending pending;
	struct noise_keys keys;
	uint8_t seen[WIRE_TIMESTAMP_LEN];
	struct pair p;

	memcpy(&initiator, vector_bytes(v, "initiator_private", 32), 32);
	memcpy(&responder, vector_bytes(v, "responder_private", 32), 32);
	memcpy(&preshared, vector_bytes(v, "preshared", 32), 32);
	pair_init(&p, &initiator, &responder);
	p.initiator.remote.preshared_key = p.responder.remote.preshared_key = preshared;

	memcpy(&ephemeral, vector_bytes(v, "initiator_ephemeral", 32), 32);
	assert_true(noise_write_initiation(&initiation, &p.initiator.handshake,
					   &p.initiator.identity, &p.initiator.remote, &ephemeral,
					   vector_bytes(v, "timestamp", WIRE_TIMESTAMP_LEN),
					   load_le32(vector_bytes(v, "initiator_index", 4))));
	assert_memory_equal(&initiation, vector_bytes(v, "initiation", INITIATION_LEN),
			    INITIATION_LEN);
	assert_memory_equal(&initiation.macs, zero, sizeof(initiation.macs));

	assert_true(noise_read_initiation(&pending, &initiation, &p.responder.identity));
	assert_true(noise_accept_initiation(&p.responder.handshake, seen, &pending,
					    &p.responder.identity, &p.responder.remote));
	assert_memory_equal(seen, vector_bytes(v, "timestamp", sizeof(seen)), sizeof(seen));
	memcpy(&ephemeral, vector_bytes(v, "responder_ephemeral", 32), 32);
	assert_true(noise_write_response(&response, &p.responder.handshake, &p.responder.remote,
					 &ephemeral,
					 load_le32(vector_bytes(v, "responder_index", 4))));
	assert_memory_equal(&response, vector_bytes(v, "response", RESPONSE_LEN), RESPONSE_LEN);
	assert_memory_equal(&response.macs, zero, sizeof(response.macs));

	assert_true(read_response(&p, &response));
	assert_int_equal(p.initiator.handshake.remote_index,
			 load_le32(vector_bytes(v, "responder_index", 4)));
	noise_derive_keys(&keys, &p.initiator.handshake);
	assert_memory_equal(&keys.send, vector_bytes(v, "initiator_sends", 32), 32);
	assert_memory_equal(&keys.receive, vector_bytes(v, "responder_sends", 32), 32);
	noise_derive_keys(&keys, &p.responder.handshake);
	assert_memory_equal(&keys.send, vector_bytes(v, "responder_sends", 32), 32);
	assert_memory_equal(&keys.receive, vector_bytes(v, "initiator_sends", 32), 32);
	pair_fini(&p);
}

static void test_transcripts(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "noise");
	for (; vectors_next(&v); n++)
		check_transcript(&v);
	assert_int_equal(n, 2);
}

/* No preshared key, one of both, one of either side, two different ones. */
static void test_preshared(void **state)
{
	static const struct {
		uint8_t initiator, responder;
		bool ok;
	} cases[] = { { 0, 0, true },
		      { 0x55, 0x55, true },
		      { 0x55, 0, false },
		      { 0, 0x55, false },
		      { 0x55, 0x56, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_initiation initiation;
		struct wire_response response;
		struct pair p;

		usual_pair(&p);
		p.initiator.remote.preshared_key = key_of(cases[i].initiator);
		p.responder.remote.preshared_key = key_of(cases[i].responder);
		initiate(&p, &initiation);
		assert_true(receive(&p, &initiation));
		respond(&p, &response);
		assert_int_equal(read_response(&p, &response), cases[i].ok);
		if (cases[i].ok) {
			assert_int_equal(p.initiator.handshake.state, HANDSHAKE_COMPLETE);
			assert_int_equal(p.initiator.handshake.remote_index, 2002);
			assert_int_equal(p.responder.handshake.local_index, 2002);
			assert_int_equal(p.responder.handshake.remote_index, 1001);
			check_keys(&p);
		} else {
			assert_int_equal(p.initiator.handshake.state, HANDSHAKE_INITIATION_SENT);
		}
		pair_fini(&p);
	}
}

/* Any bit of the initiation: its index and its macs are not what noise protects. */
static void test_initiation_tampered(void **state)
{
	struct wire_initiation initiation, bad;
	struct pair p;

	(void)state;
	usual_pair(&p);
	initiate(&p, &initiation);
	for (size_t bit = 8 * offsetof(struct wire_initiation, ephemeral); bit < 8 * INITIATION_LEN;
	     bit++) {
		/* The top bit of a public key is not part of it, but is hashed like the others. */
		bad = initiation;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(receive(&p, &bad));
		check_wiped(&p.responder.handshake);
	}
	assert_true(receive(&p, &initiation));
	pair_fini(&p);
}

/* Any bit of the response: refused, and the initiator as it was, so that the true one still counts.
 */
static void test_response_tampered(void **state)
{
	struct wire_initiation initiation;
	struct wire_response response, bad;
	struct handshake before;
	struct pair p;

	(void)state;
	usual_pair(&p);
	initiate(&p, &initiation);
	assert_true(receive(&p, &initiation));
	respond(&p, &response);
	memcpy(&before, &p.initiator.handshake, sizeof(before));
	for (size_t bit = 8 * offsetof(struct wire_response, receiver); bit < 8 * RESPONSE_LEN;
	     bit++) {
		bad = response;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(read_response(&p, &bad));
		assert_memory_equal(&p.initiator.handshake, &before, sizeof(before));
	}
	assert_true(read_response(&p, &response));
	assert_false(read_response(&p, &response)); /* once is enough */
	check_keys(&p);
	assert_false(read_response(&p, &response)); /* and none is under way now */
	pair_fini(&p);
}

static void test_wrong_static(void **state)
{
	const struct wg_key other = key_of(0x77);
	struct noise_identity stranger = { 0 };
	struct noise_pending pending;
	struct wire_initiation initiation;
	struct wire_response response;
	uint8_t seen[WIRE_TIMESTAMP_LEN];
	struct pair p;

	(void)state;
	usual_pair(&p);
	initiate(&p, &initiation);

	/* Someone else cannot read it; nobody without a key can. */
	noise_identity_set(&stranger, &other);
	assert_false(noise_read_initiation(&pending, &initiation, &stranger));
	noise_identity_fini(&stranger);
	assert_false(noise_read_initiation(&pending, &initiation, &stranger));

	/* Whoever claims the initiator's public key without its private key: no ss. */
	assert_true(noise_read_initiation(&pending, &initiation, &p.responder.identity));
	assert_true(noise_remote_usable(&p.responder.remote, &p.responder.identity));
	p.responder.remote.static_static.bytes[5] ^= 1;
	assert_false(noise_accept_initiation(&p.responder.handshake, seen, &pending,
					     &p.responder.identity, &p.responder.remote));
	p.responder.remote.static_static.bytes[5] ^= 1;
	p.responder.remote.usable = NOISE_UNUSABLE;
	assert_false(noise_accept_initiation(&p.responder.handshake, seen, &pending,
					     &p.responder.identity, &p.responder.remote));
	p.responder.remote.usable = NOISE_USABLE;
	check_wiped(&p.responder.handshake);
	assert_true(noise_accept_initiation(&p.responder.handshake, seen, &pending,
					    &p.responder.identity, &p.responder.remote));

	/* The initiator's own key changes before the answer comes. */
	respond(&p, &response);
	noise_identity_set(&stranger, &other);
	assert_false(noise_read_response(&p.initiator.handshake, &response, &stranger,
					 &p.initiator.remote));
	noise_identity_fini(&stranger);
	assert_false(noise_read_response(&p.initiator.handshake, &response, &stranger,
					 &p.initiator.remote));
	assert_true(read_response(&p, &response));
	pair_fini(&p);
}

/* The seven points of low order, as static and as ephemeral keys. */
static void test_low_order(void **state)
{
	struct vectors v;
	int n = 0;

	(void)state;
	vectors_open(&v, "x25519");
	while (vectors_next(&v)) {
		const struct wg_key ephemeral = key_of(0x33);
		struct wire_initiation initiation, bad;
		struct wire_response response, bad_response;
		struct noise_pending pending;
		struct handshake before;
		struct pair p;

		if (!vector_find(&v, "low_order"))
			continue;
		n++;
		usual_pair(&p);
		initiate(&p, &initiation);
		bad = initiation;
		memcpy(bad.ephemeral, vector_bytes(&v, "public", 32), 32);
		assert_false(noise_read_initiation(&pending, &bad, &p.responder.identity));

		assert_true(receive(&p, &initiation));
		/* As if it had come through: the answer must not be sent. */
		before = p.responder.handshake;
		memcpy(p.responder.handshake.remote_ephemeral, vector_bytes(&v, "public", 32), 32);
		memset(&bad_response, 0xaa, sizeof(bad_response));
		response = bad_response;
		assert_false(noise_write_response(&bad_response, &p.responder.handshake,
						  &p.responder.remote, &ephemeral, 2002));
		assert_memory_equal(&bad_response, &response, sizeof(response));
		p.responder.handshake = before;

		respond(&p, &response);
		bad_response = response;
		memcpy(bad_response.ephemeral, vector_bytes(&v, "public", 32), 32);
		assert_false(read_response(&p, &bad_response));
		assert_true(read_response(&p, &response));

		/* As a peer's public key: no handshake with it at all. */
		memcpy(&p.initiator.remote.public_key, vector_bytes(&v, "public", 32), 32);
		noise_remote_reset(&p.initiator.remote);
		assert_false(noise_remote_usable(&p.initiator.remote, &p.initiator.identity));
		assert_int_equal(p.initiator.remote.usable, NOISE_UNUSABLE);
		assert_true(wg_key_is_zero(&p.initiator.remote.static_static));
		memset(&bad, 0xaa, sizeof(bad));
		initiation = bad;
		before = p.initiator.handshake;
		assert_false(noise_write_initiation(&bad, &p.initiator.handshake,
						    &p.initiator.identity, &p.initiator.remote,
						    &ephemeral, timestamp, 5));
		assert_memory_equal(&bad, &initiation, sizeof(bad));
		assert_memory_equal(&p.initiator.handshake, &before, sizeof(before));
		pair_fini(&p);
	}
	assert_int_equal(n, 9); /* two of them with the top bit set */
}

static void test_identity(void **state)
{
	const struct wg_key none = { { 0 } }, one = key_of(0x11), two = key_of(0x22);
	struct noise_identity identity = { 0 };
	struct wg_key first;

	(void)state;
	noise_identity_set(&identity, &one);
	assert_non_null(identity.key);
	first = identity.public_key;
	noise_identity_set(&identity, &two);
	assert_false(wg_key_equal(&identity.public_key, &first));
	noise_identity_set(&identity, &none);
	assert_null(identity.key);
	assert_true(wg_key_is_zero(&identity.public_key));
	noise_identity_fini(&identity);
}

/* DH(static, static): computed when it is needed, kept, and gone when a key changes. */
static void test_static_static(void **state)
{
	const struct wg_key none = { { 0 } }, one = key_of(0x11), two = key_of(0x22);
	struct noise_identity identity = { 0 };
	struct noise_remote remote = { 0 };
	struct wg_key first;
	struct pair p;

	(void)state;
	usual_pair(&p);
	assert_int_equal(p.initiator.remote.usable, NOISE_NOT_TRIED);
	assert_true(wg_key_is_zero(&p.initiator.remote.static_static));
	assert_true(noise_remote_usable(&p.initiator.remote, &p.initiator.identity));
	assert_true(noise_remote_usable(&p.responder.remote, &p.responder.identity));
	assert_false(wg_key_is_zero(&p.initiator.remote.static_static));
	assert_true(
		wg_key_equal(&p.initiator.remote.static_static, &p.responder.remote.static_static));

	/* Not computed again while it is there. */
	first = p.initiator.remote.static_static;
	first.bytes[0] ^= 1;
	p.initiator.remote.static_static = first;
	assert_true(noise_remote_usable(&p.initiator.remote, &p.initiator.identity));
	assert_true(wg_key_equal(&p.initiator.remote.static_static, &first));
	noise_remote_reset(&p.initiator.remote);
	assert_int_equal(p.initiator.remote.usable, NOISE_NOT_TRIED);
	assert_true(wg_key_is_zero(&p.initiator.remote.static_static));

	/* Without an identity nothing is known yet: one may come. */
	remote.public_key = p.responder.identity.public_key;
	noise_identity_set(&identity, &none);
	assert_false(noise_remote_usable(&remote, &identity));
	assert_int_equal(remote.usable, NOISE_NOT_TRIED);
	noise_identity_set(&identity, &one);
	assert_true(noise_remote_usable(&remote, &identity));
	first = remote.static_static;
	noise_identity_set(&identity, &two);
	noise_remote_reset(&remote);
	assert_true(noise_remote_usable(&remote, &identity));
	assert_false(wg_key_equal(&remote.static_static, &first));
	noise_identity_fini(&identity);
	pair_fini(&p);
}

/* A new initiation takes the place of one under way; the old one's answer does not count then. */
static void test_new_initiation(void **state)
{
	const struct wg_key other = key_of(0x66);
	struct wire_initiation first, second;
	struct wire_response response;
	struct pair p;

	(void)state;
	usual_pair(&p);
	initiate(&p, &first);
	assert_true(receive(&p, &first));
	respond(&p, &response);
	assert_true(noise_write_initiation(&second, &p.initiator.handshake, &p.initiator.identity,
					   &p.initiator.remote, &other, timestamp, 1002));
	assert_memory_not_equal(first.ephemeral, second.ephemeral, 32);
	assert_false(read_response(&p, &response));
	store_le32(response.receiver, 1002);
	assert_false(read_response(&p, &response));

	/* The responder, too, takes the new one over a handshake that it had. */
	assert_true(receive(&p, &second));
	assert_int_equal(p.responder.handshake.remote_index, 1002);
	respond(&p, &response);
	assert_true(read_response(&p, &response));
	handshake_wipe(&p.initiator.handshake);
	check_wiped(&p.initiator.handshake);
	assert_int_equal(p.initiator.handshake.local_index, 1002);
	handshake_wipe(&p.initiator.handshake);
	pair_fini(&p);
}

static void test_timestamp(void **state)
{
	static const struct {
		int64_t unix_ns;
		uint64_t seconds;
		uint32_t ns;
	} cases[] = {
		{ 0, 0x400000000000000a, 0 },
		{ 1, 0x400000000000000a, 0 },
		{ 0xffffff, 0x400000000000000a, 0 },
		{ 0x1000000, 0x400000000000000a, 0x1000000 },
		{ 999999999, 0x400000000000000a, 0x3b000000 },
		{ 1000000000, 0x400000000000000b, 0 },
		{ 1700000000123456789, 0x400000006553f10a, 0x07000000 },
		{ -1, 0x4000000000000009, 0x3b000000 },
		{ -1000000000, 0x4000000000000009, 0 },
		{ INT64_MAX, 0x400000000000000a + 9223372036, 0x32000000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t out[WIRE_TIMESTAMP_LEN];

		noise_timestamp(out, cases[i].unix_ns);
		assert_int_equal(load_be64(out), cases[i].seconds);
		assert_int_equal(load_be32(out + 8), cases[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcripts),
		cmocka_unit_test(test_preshared),
		cmocka_unit_test(test_initiation_tampered),
		cmocka_unit_test(test_response_tampered),
		cmocka_unit_test(test_wrong_static),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_static_static),
		cmocka_unit_test(test_new_initiation),
		cmocka_unit_test(test_timestamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
