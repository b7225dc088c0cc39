#ifndef DATAPATH_ENGINE_SESSION_H
#define DATAPATH_ENGINE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/engine/noise.h"
#include "datapath/engine/packet.h"
#include "datapath/engine/replay.h"
#include "lib/crypto/aead.h"
#include "lib/util/clock.h"

/** The transport keys that one handshake led to. */
struct session {
	struct aead_key *send;
	struct aead_key *receive;
	uint64_t send_counter; /* of the next packet */
	struct replay replay;
	mono_ns born;
	uint32_t local_index;
	uint32_t remote_index;
	bool initiator; /* we began the handshake */
};

/** Never NULL; session_free() wipes the keys. */
struct session *session_new(const struct noise_keys *keys, uint32_t local_index,
			    uint32_t remote_index, bool initiator, mono_ns now);
/** NULL is allowed. */
void session_free(struct session *session);

/** Too old to be used at all: REJECT_AFTER_TIME, or the other side has used its last counter. */
bool session_expired(const struct session *session, mono_ns now);
/** Whether a packet can still be sent with it: it is not too old, and there is a counter left. */
bool session_can_send(const struct session *session, mono_ns now);

/**
 * Pads, numbers and seals all packets of the queue in place and puts the header in front: what
 * was an IP packet is a datagram then. Padding never goes beyond mtu_bytes. Packets that find the
 * counter used up are dropped. The packets need PACKET_HEADROOM and PACKET_TAILROOM.
 */
void session_seal(struct session *session, struct packet_queue *packets, unsigned int mtu_bytes);

/** What became of a datagram that was to be opened. */
enum session_opened {
	SESSION_OPENED,
	SESSION_BAD_TAG,
	SESSION_REPLAYED,
};

/**
 * Opens n datagrams of this session (at least WIRE_DATA_MIN_LEN bytes each), in place and in
 * order: authenticates first, then looks for replays. data and len are the padded plaintext then.
 */
void session_open(struct session *session, struct packet *const *packets,
		  enum session_opened *results, size_t n);

#endif
