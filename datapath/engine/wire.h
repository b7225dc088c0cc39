#ifndef DATAPATH_ENGINE_WIRE_H
#define DATAPATH_ENGINE_WIRE_H

#include <stdint.h>

#include "lib/util/clock.h"

/*
 * The messages as they stand on the wire, and the protocol's numbers, under the paper's names.
 * Source: [W] 5.4 (messages), 6.1 (constants). All integers are little-endian; read them with
 * load_le32() and load_le64().
 */

enum wire_type {
	WIRE_INITIATION = 1,
	WIRE_RESPONSE = 2,
	WIRE_COOKIE = 3,
	WIRE_DATA = 4,
};

struct wire_macs {
	uint8_t mac1[16];
	uint8_t mac2[16];
};

struct wire_initiation {   /* [W] 5.4.2 */
	uint8_t type[4];   /* le32: the type, then three reserved bytes, zero */
	uint8_t sender[4]; /* le32 */
	uint8_t ephemeral[32];
	uint8_t sealed_static[32 + 16];
	uint8_t sealed_timestamp[12 + 16];
	struct wire_macs macs;
};
_Static_assert(sizeof(struct wire_initiation) == 148, "[W] 5.4.2");

struct wire_response { /* [W] 5.4.3 */
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[32];
	uint8_t sealed_nothing[16];
	struct wire_macs macs;
};
_Static_assert(sizeof(struct wire_response) == 92, "[W] 5.4.3");

struct wire_cookie { /* [W] 5.4.7 */
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t nonce[24];
	uint8_t sealed_cookie[16 + 16];
};
_Static_assert(sizeof(struct wire_cookie) == 64, "[W] 5.4.7");

struct wire_data { /* [W] 5.4.6; the sealed packet follows, then its tag */
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t counter[8];
};
_Static_assert(sizeof(struct wire_data) == 16, "[W] 5.4.6");

enum {
	WIRE_PADDING = 16, /* [W] 5.4.6: plaintexts are padded to a multiple of this */
	WIRE_TAG_LEN = 16,
	WIRE_TIMESTAMP_LEN = 12,                                     /* TAI64N */
	WIRE_DATA_MIN_LEN = sizeof(struct wire_data) + WIRE_TAG_LEN, /* a keepalive */
	WIRE_DS_HANDSHAKE =
		0x88, /* the outer DS field of handshakes: AF41, as the kernel sends them */
};

/* [W] 6.1 */
#define REKEY_AFTER_MESSAGES (UINT64_C(1) << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - 8192)
#define REKEY_AFTER_TIME SEC(120)
#define REJECT_AFTER_TIME SEC(180)
#define REKEY_ATTEMPT_TIME SEC(90)
#define REKEY_TIMEOUT SEC(5)
#define KEEPALIVE_TIMEOUT SEC(10)

/* Beyond the paper, as the kernel has them. */
#define REKEY_TIMEOUT_JITTER_MAX MSEC(333) /* added to REKEY_TIMEOUT, against lockstep */
#define MAX_HANDSHAKE_ATTEMPTS 18          /* REKEY_ATTEMPT_TIME / REKEY_TIMEOUT */
#define COOKIE_SECRET_MAX_AGE SEC(120)
#define COOKIE_SECRET_LATENCY SEC(5)
#define INITIATIONS_PER_SECOND 50 /* from one peer */
#define MAX_STAGED_PACKETS 128    /* per peer; the oldest makes room */
#define ZERO_KEYS_AFTER (3 * REJECT_AFTER_TIME)

#endif
