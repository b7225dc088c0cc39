/*
 * A session seals and opens in place, by the batch: what the AEAD is to do is gathered on the
 * stack. It owns its two keys, which go with the last holder; packets stay with their queue, or
 * with whoever handed them in. Several threads may seal and open at a time: what changes with each
 * packet is dealt with before and after.
 */
#include "datapath/engine/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/endian.h"
#include "lib/util/mem.h"

enum {
	BATCH = 64,
	HEADER_LEN = sizeof(struct wire_data),
};
_Static_assert(WIRE_TAG_LEN == (int)AEAD_TAG_LEN, "[W] 5.4.6");

struct session *session_new(const struct noise_keys *keys, uint32_t local_index,
			    uint32_t remote_index, bool initiator, mono_ns now)
{
	struct session *session = mem_alloc(1, sizeof(*session));

	session->n_holders = 1;
	session->send = aead_key_new(AEAD_SEAL, keys->send.bytes);
	session->receive = aead_key_new(AEAD_OPEN, keys->receive.bytes);
	session->born = now;
	session->local_index = local_index;
	session->remote_index = remote_index;
	session->initiator = initiator;
	return session;
}

struct session *session_hold(struct session *session)
{
	atomic_fetch_add_explicit(&session->n_holders, 1, memory_order_relaxed);
	return session;
}

void session_let_go(struct session *session)
{
	if (!session || atomic_fetch_sub_explicit(&session->n_holders, 1, memory_order_acq_rel) > 1)
		return;
	aead_key_free(session->send);
	aead_key_free(session->receive);
	free(session);
}

static bool too_old(const struct session *session, mono_ns now)
{
	return now - session->born >= REJECT_AFTER_TIME;
}

bool session_expired(const struct session *session, mono_ns now)
{
	return too_old(session, now) || session->replay.next >= REJECT_AFTER_MESSAGES;
}

bool session_can_send(const struct session *session, mono_ns now)
{
	return !too_old(session, now) && session->send_counter < REJECT_AFTER_MESSAGES;
}

/*
 * How much padding a packet gets, [W] 5.4.6. One that is longer than the MTU will be cut at it
 * before it is sent anywhere, so that its last piece counts.
 */
static size_t padding_of(size_t len, unsigned int mtu_bytes)
{
	size_t last = mtu_bytes && len > mtu_bytes ? len % mtu_bytes : len;
	size_t padded = (last + WIRE_PADDING - 1) / WIRE_PADDING * WIRE_PADDING;

	if (mtu_bytes && padded > mtu_bytes)
		padded = mtu_bytes;
	return padded - last;
}

size_t session_sealed_len(size_t len, unsigned int mtu_bytes)
{
	return len + padding_of(len, mtu_bytes) + WIRE_DATA_MIN_LEN;
}

uint64_t session_reserve(struct session *session, size_t *n)
{
	uint64_t first = session->send_counter;

	if (*n > REJECT_AFTER_MESSAGES - first)
		*n = (size_t)(REJECT_AFTER_MESSAGES - first);
	session->send_counter += *n;
	return first;
}

/* Pads a packet, puts the header in front of it, and says what is to be sealed. */
static struct aead_op prepare_seal(const struct session *session, struct packet *packet,
				   uint64_t counter, unsigned int mtu_bytes)
{
	size_t padding = padding_of(packet->len, mtu_bytes);
	struct aead_op op = {
		.counter = counter,
		.data = packet->data,
		.len = packet->len + padding,
	};
	struct wire_data header;

	assert(packet_headroom(packet) >= HEADER_LEN);
	assert(packet_tailroom(packet) >= padding + WIRE_TAG_LEN);
	memset(packet->data + packet->len, 0, padding);
	store_le32(header.type, WIRE_DATA);
	store_le32(header.receiver, session->remote_index);
	store_le64(header.counter, counter);
	packet->data -= HEADER_LEN;
	memcpy(packet->data, &header, HEADER_LEN);
	packet->len = HEADER_LEN + op.len + WIRE_TAG_LEN;
	return op;
}

void session_seal(const struct session *session, struct packet_queue *packets, uint64_t first,
		  unsigned int mtu_bytes)
{
	struct aead_op ops[BATCH];
	size_t n = 0;

	for (struct packet *packet = packets->first; packet; packet = packet->next) {
		ops[n++] = prepare_seal(session, packet, first++, mtu_bytes);
		if (n == BATCH || !packet->next) {
			aead_seal_batch(session->send, ops, n);
			n = 0;
		}
	}
}

static struct aead_op prepare_open(const struct packet *packet)
{
	struct wire_data header;

	assert(packet->len >= WIRE_DATA_MIN_LEN);
	memcpy(&header, packet->data, HEADER_LEN);
	return (struct aead_op){
		.counter = load_le64(header.counter),
		.data = packet->data + HEADER_LEN,
		.len = packet->len - WIRE_DATA_MIN_LEN,
	};
}

static struct session_opened finish_open(struct packet *packet, const struct aead_op *op)
{
	struct session_opened opened = { op->counter, SESSION_BAD_TAG };

	if (!op->ok)
		return opened;
	packet->data = op->data;
	packet->len = op->len;
	opened.result = SESSION_OPENED;
	return opened;
}

void session_open(const struct session *session, struct packet *const *packets,
		  struct session_opened *opened, size_t n)
{
	struct aead_op ops[BATCH];

	for (size_t done = 0; done < n;) {
		size_t n_ops = n - done < BATCH ? n - done : BATCH;

		for (size_t i = 0; i < n_ops; i++)
			ops[i] = prepare_open(packets[done + i]);
		aead_open_batch(session->receive, ops, n_ops);
		for (size_t i = 0; i < n_ops; i++)
			opened[done + i] = finish_open(packets[done + i], &ops[i]);
		done += n_ops;
	}
}

void session_accept(struct session *session, struct session_opened *opened, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (opened[i].result == SESSION_OPENED &&
		    !replay_accept(&session->replay, opened[i].counter))
			opened[i].result = SESSION_REPLAYED;
}
