#ifndef DATAPATH_ENGINE_SESSION_H
#define DATAPATH_ENGINE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/engine/noise.h"
#include "datapath/engine/packet.h"
#include "datapath/engine/replay.h"
#include "lib/crypto/aead.h"
#include "lib/util/clock.h"

/**
 * The transport keys that one handshake led to. Who has hold of one may seal and open with its keys
 * whatever becomes of it meanwhile; the rest is guarded by its peer's lock.
 */
struct session {
	atomic_uint n_holders;
	struct aead_key *send;
	struct aead_key *receive;
	uint64_t send_counter; /* of the next packet */
	struct replay replay;
	mono_ns born;
	uint32_t local_index;
	uint32_t remote_index;
	bool initiator; /* we began the handshake */
};

/** Never NULL, and the caller's to let go. */
struct session *session_new(const struct noise_keys *keys, uint32_t local_index,
			    uint32_t remote_index, bool initiator, mono_ns now);
/** Takes hold of it once more. Returns it. */
struct session *session_hold(struct session *session);
/** The last one wipes the keys. NULL is allowed. */
void session_let_go(struct session *session);

/** Too old to be used at all: REJECT_AFTER_TIME, or the other side has used its last counter. */
bool session_expired(const struct session *session, mono_ns now);
/** Whether a packet can still be sent with it: it is not too old, and there is a counter left. */
bool session_can_send(const struct session *session, mono_ns now);

/** Takes counters for *n packets; if not so many are left *n is made that. Returns the first. */
uint64_t session_reserve(struct session *session, size_t *n);

/** How long an IP packet of `len` bytes is when it is sealed. Padding never goes beyond mtu_bytes.
 */
size_t session_sealed_len(size_t len, unsigned int mtu_bytes);
/**
 * Pads, numbers and seals all packets of the queue in place and puts the header in front: what was
 * an IP packet is a datagram then. The counters from `first` on have been reserved. The packets
 * need PACKET_HEADROOM and PACKET_TAILROOM.
 */
void session_seal(const struct session *session, struct packet_queue *packets, uint64_t first,
		  unsigned int mtu_bytes);

/** What became of a datagram that was to be opened. */
enum session_result {
	SESSION_OPENED,
	SESSION_BAD_TAG,
	SESSION_REPLAYED,
};
struct session_opened {
	uint64_t counter;
	enum session_result result;
};

/**
 * Opens n datagrams of this session (at least WIRE_DATA_MIN_LEN bytes each) in place: data and len
 * are the padded plaintext then. Whether they are new is for session_accept() to say.
 */
void session_open(const struct session *session, struct packet *const *packets,
		  struct session_opened *opened, size_t n);
/** Marks those that were opened as seen, in order, and finds the replays among them. */
void session_accept(struct session *session, struct session_opened *opened, size_t n);

#endif
