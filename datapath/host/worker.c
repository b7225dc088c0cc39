/*
 * What one thread moves: see worker.h. What a batch has led to is sent at once: it is in the cache
 * then, and what comes the other way can wait for its turn.
 * Each source of packets has a pool of its own: packets that wait for handshakes (they come from
 * the TUN) cannot use up the memory that the handshakes need. Owns its pools and descriptors.
 */
#include "datapath/host/worker.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "datapath/host/udp_receive.h"
#include "lib/util/mem.h"

enum {
	/* Packets of up to PACKET_SMALL_LEN, and larger ones. */
	TUN_POOL_SMALL = 16384,
	TUN_POOL_LARGE = 256,
};

struct worker {
	struct tunnel *tunnel;
	struct lane *lane;
	struct loop *loop;
	struct worker_handler handler;
	struct packet_pool *tun_pool, *udp_pool;
	struct tun *tun;
	struct loop_source tun_source;
	struct udp *udp;
};

void worker_flush(struct worker *worker)
{
	udp_write(worker->udp, lane_to_udp(worker->lane));
	tun_write(worker->tun, lane_to_tun(worker->lane));
}

static void tun_ready(struct loop_source *source, uint32_t events)
{
	struct worker *worker = source->ctx;
	struct packet_queue batch = { 0 };
	int r = tun_read(worker->tun, &batch);

	(void)events;
	if (batch.n) {
		struct instant now = worker->handler.now(worker->handler.ctx);

		lane_from_tun(worker->lane, &batch, &now);
		worker_flush(worker);
	}
	packet_queue_drop(&batch);
	if (r) {
		loop_remove(worker->loop, source);
		worker->handler.gone(worker->handler.ctx);
	}
}

static void on_received(void *ctx, struct packet_queue *batch)
{
	struct worker *worker = ctx;
	struct instant now = worker->handler.now(worker->handler.ctx);

	lane_from_udp(worker->lane, batch, &now);
	worker_flush(worker);
}

static void on_source_failed(void *ctx, const struct packet *packet)
{
	struct worker *worker = ctx;

	tunnel_forget_source(worker->tunnel, packet);
}

struct worker *worker_new(struct tunnel *tunnel, unsigned int number, struct loop *loop,
			  const struct worker_handler *handler)
{
	struct worker *worker = mem_alloc(1, sizeof(*worker));

	worker->tunnel = tunnel;
	worker->lane = tunnel_lane(tunnel, number);
	worker->loop = loop;
	worker->handler = *handler;
	worker->tun_pool = packet_pool_new(TUN_POOL_SMALL, TUN_POOL_LARGE);
	worker->udp_pool = packet_pool_new(UDP_RECEIVE_SMALL, UDP_RECEIVE_LARGE);
	return worker;
}

void worker_close(struct worker *worker)
{
	udp_free(worker->udp);
	worker->udp = NULL;
	if (worker->tun)
		loop_remove(worker->loop, &worker->tun_source);
	tun_free(worker->tun);
	worker->tun = NULL;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	worker_close(worker);
	packet_pool_free(worker->tun_pool);
	packet_pool_free(worker->udp_pool);
	free(worker);
}

struct packet_pool *worker_tun_pool(struct worker *worker)
{
	return worker->tun_pool;
}

int worker_set_tun(struct worker *worker, struct tun *tun, struct err *err)
{
	worker->tun = tun;
	worker->tun_source =
		(struct loop_source){ .fd = tun_fd(tun), .ready = tun_ready, .ctx = worker };
	return loop_add(worker->loop, &worker->tun_source, EPOLLIN, err);
}

int worker_open_udp(struct worker *worker, struct worker *first, const struct features *features,
		    struct err *err)
{
	const struct udp_handler handler = { on_received, on_source_failed, worker };

	return udp_new(&worker->udp, first ? first->udp : NULL, worker->loop, worker->udp_pool,
		       features, &handler, err);
}

struct udp *worker_udp(struct worker *worker)
{
	return worker->udp;
}

void worker_adopt(struct worker *worker)
{
	packet_pool_adopt(worker->tun_pool);
	packet_pool_adopt(worker->udp_pool);
}
