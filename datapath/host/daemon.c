/*
 * One interface at work: see daemon.h. The event loop hands batches from one side to the tunnel;
 * before it waits again, what the tunnel has made of them is sent.
 * Each source of packets has a pool of its own: packets that wait for handshakes (they come from
 * the TUN) cannot use up the memory that the handshakes need.
 * Owns everything it joins. One thread.
 */
#include "datapath/host/daemon.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "datapath/engine/wire.h"
#include "datapath/host/control.h"
#include "datapath/host/link_watch.h"
#include "datapath/host/loop.h"
#include "datapath/host/route_watch.h"
#include "datapath/host/tun.h"
#include "datapath/host/uapi_server.h"
#include "datapath/host/uapi_socket.h"
#include "datapath/host/udp.h"
#include "datapath/host/udp_receive.h"
#include "datapath/host/udp_send.h"
#include "lib/crypto/random.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

enum {
	/* Packets of up to PACKET_SMALL_LEN, and larger ones. */
	TUN_POOL_SMALL = 16384,
	TUN_POOL_LARGE = 256,
	UDP_POOL_SMALL = UDP_RECEIVE_SMALL,
	UDP_POOL_LARGE = UDP_RECEIVE_LARGE,
	/* What the tunnel writes itself: handshakes, keepalives, ICMP. */
	TUNNEL_POOL_SMALL = 16384,
	TUNNEL_POOL_LARGE = 16,
};

/* A sleep of the machine that is worth starting anew for. */
#define SLEEP_NOTICED SEC(3)

struct daemon {
	char name[IFNAMSIZ];
	struct loop *loop;
	struct packet_pool *tun_pool, *udp_pool, *tunnel_pool;
	struct tun *tun;
	struct udp *udp;
	struct tunnel *tunnel;
	struct control control;
	struct link_watch *link_watch;
	struct route_watch *route_watch;
	struct uapi_socket *uapi_socket;
	struct uapi_server *uapi_server;
	struct loop_source tun_source, signals; /* fd -1: not there */
	span_ns asleep;                         /* how long the machine has slept in all */
	bool is_up;
	unsigned int mtu_bytes;
	mono_ns check_at;         /* when the peers' sources are to be checked; MONO_NEVER: not */
	mono_ns next_check_after; /* but not before */
};

/* ---- time ---- */

/* CLOCK_MONOTONIC stands still while the machine sleeps, CLOCK_BOOTTIME does not. */
static span_ns time_asleep(mono_ns now)
{
	struct timespec awake;

	clock_gettime(CLOCK_MONOTONIC, &awake);
	return now - (SEC(awake.tv_sec) + awake.tv_nsec);
}

/* Now; and if the machine has slept, the tunnel hears of it first. */
static struct instant wake(struct daemon *daemon)
{
	struct instant now = clock_now();
	span_ns asleep = time_asleep(now.mono);

	if (asleep > daemon->asleep + SLEEP_NOTICED) {
		log_info("the machine has slept: handshakes begin anew");
		tunnel_resumed(daemon->tunnel, &now);
		daemon->asleep = asleep;
	}
	return now;
}

/* ---- routes ---- */

static bool is_usable(void *ctx, const struct path *path)
{
	const struct daemon *daemon = ctx;

	return route_watch_is_usable(daemon->route_watch, path, udp_mark(daemon->udp));
}

/* Asks the kernel about each peer's path, which takes a while if there are many: then it is done
 * the less often. */
static void check_sources(struct daemon *daemon, mono_ns now)
{
	span_ns spent;

	tunnel_check_sources(daemon->tunnel, is_usable, daemon);
	spent = clock_now().mono - now;
	daemon->check_at = MONO_NEVER;
	daemon->next_check_after = now + (spent * 20 > SEC(1) ? spent * 20 : SEC(1));
}

static void on_routes_changed(void *ctx)
{
	struct daemon *daemon = ctx;
	/* Changes come in groups: an address goes, then its routes. */
	mono_ns soon = clock_now().mono + MSEC(50);

	if (daemon->check_at == MONO_NEVER)
		daemon->check_at =
			soon > daemon->next_check_after ? soon : daemon->next_check_after;
}

/* Sends what the tunnel has made. */
static void flush(struct daemon *daemon)
{
	udp_write(daemon->udp, lane_to_udp(tunnel_lane(daemon->tunnel, 0)));
	tun_write(daemon->tun, lane_to_tun(tunnel_lane(daemon->tunnel, 0)));
}

/* The loop's work: what is due. */
static mono_ns work(void *ctx)
{
	struct daemon *daemon = ctx;
	struct instant now = wake(daemon);
	mono_ns deadline;

	if (now.mono >= daemon->check_at)
		check_sources(daemon, now.mono);
	deadline = tunnel_tick(daemon->tunnel, &now);
	flush(daemon);
	return deadline < daemon->check_at ? deadline : daemon->check_at;
}

/* ---- events ---- */

static void tun_ready(struct loop_source *source, uint32_t events)
{
	struct daemon *daemon = source->ctx;
	struct packet_queue batch = { 0 };
	int r = tun_read(daemon->tun, &batch);

	(void)events;
	if (batch.n) {
		struct instant now = wake(daemon);

		lane_from_tun(tunnel_lane(daemon->tunnel, 0), &batch, &now);
		/* Now, for it is in the cache, and what comes the other way can wait for its turn.
		 */
		flush(daemon);
	}
	packet_queue_drop(&batch);
	if (r) {
		log_info("the interface is gone");
		loop_stop(daemon->loop);
	}
}

static void on_received(void *ctx, struct packet_queue *batch)
{
	struct daemon *daemon = ctx;
	struct instant now = wake(daemon);

	lane_from_udp(tunnel_lane(daemon->tunnel, 0), batch, &now);
	flush(daemon);
}

static void on_source_failed(void *ctx, const struct packet *packet)
{
	struct daemon *daemon = ctx;

	tunnel_forget_source(daemon->tunnel, packet);
}

/* What is read in one piece shall fit one that is sent: the other side can then put together in
 * one what was one, and what is left over does not go alone. */
static void limit_pieces(const struct daemon *daemon)
{
	const unsigned int n = udp_join_max(daemon->mtu_bytes + WIRE_DATA_MIN_LEN);

	if (daemon->link_watch)
		link_watch_limit_pieces(daemon->link_watch, n);
}

static void on_link(void *ctx, bool is_up, unsigned int mtu_bytes)
{
	struct daemon *daemon = ctx;
	struct instant now = wake(daemon);

	tunnel_set_mtu(daemon->tunnel, mtu_bytes);
	daemon->mtu_bytes = mtu_bytes;
	limit_pieces(daemon);
	if (is_up == daemon->is_up)
		return;
	daemon->is_up = is_up;
	log_info("interface is %s", is_up ? "up" : "down");
	tunnel_set_up(daemon->tunnel, is_up, &now);
}

static struct wg_device *on_get(void *ctx)
{
	struct daemon *daemon = ctx;

	return control_get(&daemon->control);
}

static int on_set(void *ctx, const struct wg_device *change, struct err *err)
{
	struct daemon *daemon = ctx;
	struct instant now = wake(daemon);

	return control_set(&daemon->control, change, &now, err);
}

static void on_socket_gone(void *ctx)
{
	struct daemon *daemon = ctx;

	log_info("the socket's file was removed");
	loop_stop(daemon->loop);
}

static void signals_ready(struct loop_source *source, uint32_t events)
{
	struct daemon *daemon = source->ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	log_info("ended by signal %u", info.ssi_signo);
	loop_stop(daemon->loop);
}

/* ---- life ---- */

static void random_for_tunnel(void *ctx, void *out, size_t len)
{
	int r = random_bytes(out, len);

	(void)ctx;
	assert(!r);
}

static bool is_backlogged(void *ctx)
{
	const struct daemon *daemon = ctx;

	return udp_is_backlogged(daemon->udp);
}

static int open_signals(struct daemon *daemon, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signals = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
		.ready = signals_ready,
		.ctx = daemon,
	};
	if (daemon->signals.fd < 0)
		return err_set(err, -errno, "signals: %s", strerror(errno));
	return loop_add(daemon->loop, &daemon->signals, EPOLLIN, err);
}

static int open_tun(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
	int r;

	if (options->tun_fd >= 0)
		r = tun_new_from_fd(&daemon->tun, options->tun_fd, daemon->tun_pool,
				    &options->features, err);
	else
		r = tun_new(&daemon->tun, daemon->name, daemon->tun_pool, &options->features, err);
	if (r)
		return r;
	daemon->tun_source = (struct loop_source){
		.fd = tun_fd(daemon->tun),
		.ready = tun_ready,
		.ctx = daemon,
	};
	return loop_add(daemon->loop, &daemon->tun_source, EPOLLIN, err);
}

static int open_uapi(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
	if (options->uapi_fd >= 0)
		return uapi_socket_adopt(&daemon->uapi_socket, options->uapi_fd, daemon->name, err);
	return uapi_socket_open(&daemon->uapi_socket, daemon->name, err);
}

static void open_tunnel(struct daemon *daemon)
{
	struct tunnel_env env = {
		.random = random_for_tunnel,
		.is_backlogged = is_backlogged,
		.backlogged_ctx = daemon,
		.mtu_bytes = TUN_MTU_BYTES,
	};

	daemon->tun_pool = packet_pool_new(TUN_POOL_SMALL, TUN_POOL_LARGE);
	daemon->udp_pool = packet_pool_new(UDP_POOL_SMALL, UDP_POOL_LARGE);
	daemon->tunnel_pool = packet_pool_new(TUNNEL_POOL_SMALL, TUNNEL_POOL_LARGE);
	env.pool = daemon->tunnel_pool;
	daemon->tunnel = tunnel_new(&env);
}

static int watch(struct daemon *daemon, struct err *err)
{
	const struct link_watch_handler links = { on_link, daemon };
	const struct route_watch_handler routes = { on_routes_changed, daemon };
	struct err why = { 0 };
	int r;

	/* Without a watch the daemon works as well; it just does not end in that way. */
	if (uapi_socket_watch(daemon->uapi_socket, daemon->loop, on_socket_gone, daemon, &why))
		log_warn("%s", why.text);
	r = route_watch_new(&daemon->route_watch, daemon->loop, &routes, err);
	r = r ? r : link_watch_new(&daemon->link_watch, daemon->loop, daemon->tun, &links, err);
	if (!r)
		limit_pieces(daemon);
	return r;
}

static int start(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
	const struct udp_handler datagrams = { on_received, on_source_failed, daemon };
	const struct uapi_handler uapi = { on_get, on_set, daemon };
	int r = loop_new(&daemon->loop, err);

	r = r ? r : open_signals(daemon, err);
	/* An interface that is handed in decides the name. Otherwise the socket comes before the
	 * interface: if another daemon is at work, nothing flickers. */
	if (!r && options->tun_fd >= 0) {
		r = open_tun(daemon, options, err);
		if (!r)
			strcpy(daemon->name, tun_name(daemon->tun));
	}
	r = r ? r : open_uapi(daemon, options, err);
	if (!r && !daemon->tun)
		r = open_tun(daemon, options, err);
	r = r ? r
	      : udp_new(&daemon->udp, daemon->loop, daemon->udp_pool, &options->features,
			&datagrams, err);
	if (r)
		return r;
	daemon->control = (struct control){ daemon->name, daemon->tunnel, daemon->udp };
	loop_set_work(daemon->loop, work, daemon);
	r = watch(daemon, err);
	r = r ? r
	      : uapi_server_new(&daemon->uapi_server, daemon->loop,
				uapi_socket_fd(daemon->uapi_socket), &uapi, err);
	if (!r)
		log_info("started, listening on port %u", udp_port(daemon->udp));
	return r;
}

int daemon_new(struct daemon **out, const struct daemon_options *options, struct err *err)
{
	struct daemon *daemon;
	int r = tun_check_name(options->name, err);

	if (r)
		return r;
	daemon = mem_alloc(1, sizeof(*daemon));
	snprintf(daemon->name, sizeof(daemon->name), "%s", options->name);
	daemon->signals.fd = daemon->tun_source.fd = -1;
	daemon->asleep = time_asleep(clock_now().mono);
	daemon->check_at = MONO_NEVER;
	open_tunnel(daemon);
	r = start(daemon, options, err);
	if (r) {
		daemon_free(daemon);
		return r;
	}
	*out = daemon;
	return 0;
}

void daemon_run(struct daemon *daemon)
{
	loop_run(daemon->loop);
	log_info("stopped");
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	/* The socket first: whoever looks for the device finds none from now on. */
	uapi_socket_free(daemon->uapi_socket);
	link_watch_free(daemon->link_watch);
	route_watch_free(daemon->route_watch);
	tunnel_free(daemon->tunnel);
	udp_free(daemon->udp);
	if (daemon->tun_source.fd >= 0)
		loop_remove(daemon->loop, &daemon->tun_source);
	tun_free(daemon->tun);
	if (daemon->signals.fd >= 0)
		close(daemon->signals.fd);
	packet_pool_free(daemon->tun_pool);
	packet_pool_free(daemon->udp_pool);
	packet_pool_free(daemon->tunnel_pool);
	/* Connections last: who sees theirs end may take port and interface for free. */
	uapi_server_free(daemon->uapi_server);
	loop_free(daemon->loop);
	free(daemon);
}
