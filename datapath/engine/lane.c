/*
 * Lanes: see tunnel_internal.h. A batch is sorted by peer, so that one call seals or opens all of
 * it that is one peer's, and what goes to one path stands together. A lane belongs to one thread;
 * it owns the packets in it.
 */
#include <assert.h>

#include "datapath/engine/tunnel_internal.h"

enum {
	RUNS_SEARCHED = 8 /* the last ones; who has more peers than that at a time gets more runs */
};

struct lane *tunnel_lane(struct tunnel *tunnel, unsigned int i)
{
	assert(i < tunnel->env.n_lanes);
	return &tunnel->lanes[i];
}

struct packet_queue *lane_to_udp(struct lane *lane)
{
	return &lane->to_udp;
}

struct packet_queue *lane_to_tun(struct lane *lane)
{
	return &lane->to_tun;
}

void lane_lock(struct lane *lane, struct peer *peer)
{
	struct tunnel *tunnel = lane->tunnel;

	pthread_mutex_lock(&tunnel->lock);
	tunnel->at_work = lane;
	if (peer)
		peer_lock(peer);
}

void lane_unlock(struct lane *lane, struct peer *peer)
{
	struct tunnel *tunnel = lane->tunnel;
	bool is_earlier =
		lane != tunnel->lanes && deadlines_next(&tunnel->deadlines) < tunnel->promised;

	if (peer)
		peer_unlock(peer);
	if (is_earlier)
		tunnel->promised = deadlines_next(&tunnel->deadlines);
	/* What is done without the lock is the first lane's. */
	tunnel->at_work = tunnel->lanes;
	pthread_mutex_unlock(&tunnel->lock);
	if (is_earlier)
		tunnel->env.hurry(tunnel->env.hurry_ctx);
}

void lane_drop(struct lane *lane, struct packet *packet, enum verdict verdict)
{
	lane_judge(lane, verdict, 1);
	packet_free(packet);
}

void lane_drop_all(struct lane *lane, struct packet_queue *packets, enum verdict verdict)
{
	lane_judge(lane, verdict, packets->n);
	packet_queue_drop(packets);
}

bool lane_sort(struct lane *lane, struct peer *peer, struct packet *packet)
{
	const unsigned int n = lane->n_runs;
	const unsigned int end = n > RUNS_SEARCHED ? n - RUNS_SEARCHED : 0;

	for (unsigned int i = n; i-- > end;) {
		if (lane->runs[i].peer == peer) {
			packet_queue_push(&lane->runs[i].packets, packet);
			return true;
		}
	}
	if (n == RUNS_MAX)
		return false;
	lane->runs[n] = (struct run){ .peer = peer };
	packet_queue_push(&lane->runs[n].packets, packet);
	lane->n_runs++;
	return true;
}
