/*
 * One interface at work: see daemon.h. The event loop hands batches from one side to the tunnel;
 * before it waits again, what the tunnel has made of them is sent.
 * Owns everything it joins. Works in the thread that made it; what it has other threads for is to
 * move packets, too.
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
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "datapath/engine/wire.h"
#include "datapath/host/control.h"
#include "datapath/host/crew.h"
#include "datapath/host/link_watch.h"
#include "datapath/host/loop.h"
#include "datapath/host/route_watch.h"
#include "datapath/host/tun.h"
#include "datapath/host/uapi_server.h"
#include "datapath/host/uapi_socket.h"
#include "datapath/host/udp.h"
#include "datapath/host/udp_send.h"
#include "datapath/host/worker.h"
#include "lib/crypto/random.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

enum {
	/* What the tunnel writes itself: handshakes and keepalives. */
	TUNNEL_POOL_SMALL = 16384,
	TUNNEL_POOL_LARGE = 16,
};

/* A sleep of the machine that is worth starting anew for. */
#define SLEEP_NOTICED SEC(3)

/* One of those that move packets. The first has the daemon's loop and thread. */
struct mover {
	struct worker *worker;
	struct loop *loop;
};

struct daemon {
	char name[IFNAMSIZ];
	struct loop *loop;
	struct packet_pool *tunnel_pool;
	struct mover *movers;
	unsigned int n_movers;
	struct crew *crew;
	const struct tun *tun; /* the first mover's */
	struct tunnel *tunnel;
	struct control control;
	struct link_watch *link_watch;
	struct route_watch *route_watch;
	struct uapi_socket *uapi_socket;
	struct uapi_server *uapi_server;
	struct loop_source signals, hurry; /* fd -1: not there */
	_Atomic span_ns asleep;            /* how long the machine has slept in all */
	bool is_up;
	unsigned int mtu_bytes;
	mono_ns check_at;         /* when the peers' sources are to be checked; MONO_NEVER: not */
	mono_ns next_check_after; /* but not before */
};

static struct worker *first_worker(const struct daemon *daemon)
{
	return daemon->movers[0].worker;
}

static struct udp *first_udp(const struct daemon *daemon)
{
	return worker_udp(first_worker(daemon));
}

/* ---- time ---- */

/* CLOCK_MONOTONIC stands still while the machine sleeps, CLOCK_BOOTTIME does not. */
static span_ns time_asleep(mono_ns now)
{
	struct timespec awake;

	clock_gettime(CLOCK_MONOTONIC, &awake);
	return now - (SEC(awake.tv_sec) + awake.tv_nsec);
}

static bool has_slept(const struct daemon *daemon, mono_ns now, span_ns *asleep)
{
	*asleep = time_asleep(now);
	return *asleep > daemon->asleep + SLEEP_NOTICED;
}

/* Now; and if the machine has slept, the tunnel hears of it first. */
static struct instant wake(void *ctx)
{
	struct daemon *daemon = ctx;
	struct instant now = clock_now();
	span_ns asleep;

	if (has_slept(daemon, now.mono, &asleep)) {
		log_info("the machine has slept: handshakes begin anew");
		crew_pause(daemon->crew);
		tunnel_resumed(daemon->tunnel, &now);
		crew_resume(daemon->crew);
		daemon->asleep = asleep;
	}
	return now;
}

/* Has the daemon's thread look at what is due. Any thread. */
static void hurry(void *ctx)
{
	const struct daemon *daemon = ctx;
	const uint64_t one = 1;
	ssize_t put = write(daemon->hurry.fd, &one, sizeof(one));

	(void)put; /* at worst it is full, and has been told already */
}

/* The same for other threads. */
static struct instant wake_other(void *ctx)
{
	struct daemon *daemon = ctx;
	struct instant now = clock_now();
	span_ns asleep;

	if (has_slept(daemon, now.mono, &asleep))
		hurry(daemon);
	return now;
}

static void hurry_ready(struct loop_source *source, uint32_t events)
{
	uint64_t n;
	ssize_t got = read(source->fd, &n, sizeof(n));

	(void)events;
	(void)got; /* the loop's work comes next, and that is all */
}

/* ---- routes ---- */

static bool is_usable(void *ctx, const struct path *path)
{
	const struct daemon *daemon = ctx;

	return route_watch_is_usable(daemon->route_watch, path, udp_mark(first_udp(daemon)));
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

/* The loop's work: what is due. */
static mono_ns work(void *ctx)
{
	struct daemon *daemon = ctx;
	struct instant now = wake(daemon);
	mono_ns deadline;

	if (now.mono >= daemon->check_at)
		check_sources(daemon, now.mono);
	deadline = tunnel_tick(daemon->tunnel, &now);
	worker_flush(first_worker(daemon));
	return deadline < daemon->check_at ? deadline : daemon->check_at;
}

/* ---- events ---- */

static void on_gone(void *ctx)
{
	struct daemon *daemon = ctx;

	log_info("the interface is gone");
	loop_stop(daemon->loop);
}

/* The first worker hears of it, too. */
static void on_gone_other(void *ctx)
{
	(void)ctx;
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

	crew_pause(daemon->crew);
	tunnel_set_mtu(daemon->tunnel, mtu_bytes);
	if (is_up != daemon->is_up)
		tunnel_set_up(daemon->tunnel, is_up, &now);
	crew_resume(daemon->crew);
	daemon->mtu_bytes = mtu_bytes;
	limit_pieces(daemon);
	if (is_up == daemon->is_up)
		return;
	daemon->is_up = is_up;
	log_info("interface is %s", is_up ? "up" : "down");
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
	int r;

	crew_pause(daemon->crew);
	r = control_set(&daemon->control, change, &now, err);
	crew_resume(daemon->crew);
	return r;
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

	return udp_is_backlogged(first_udp(daemon));
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

static int open_hurry(struct daemon *daemon, struct err *err)
{
	daemon->hurry = (struct loop_source){
		.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
		.ready = hurry_ready,
	};
	if (daemon->hurry.fd < 0)
		return err_set(err, -errno, "event loop: %s", strerror(errno));
	return loop_add(daemon->loop, &daemon->hurry, EPOLLIN, err);
}

static int open_tun(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
	struct packet_pool *pool = worker_tun_pool(first_worker(daemon));
	struct tun *tun;
	int r;

	if (options->tun_fd >= 0)
		r = tun_new_from_fd(&tun, options->tun_fd, pool, &options->features, err);
	else if (daemon->n_movers > 1)
		r = tun_new_with_queues(&tun, daemon->name, pool, &options->features, err);
	else
		r = tun_new(&tun, daemon->name, pool, &options->features, err);
	if (r)
		return r;
	daemon->tun = tun;
	return worker_set_tun(first_worker(daemon), tun, err);
}

static int open_uapi(struct daemon *daemon, const struct daemon_options *options, struct err *err)
{
	if (options->uapi_fd >= 0)
		return uapi_socket_adopt(&daemon->uapi_socket, options->uapi_fd, daemon->name, err);
	return uapi_socket_open(&daemon->uapi_socket, daemon->name, err);
}

static void open_tunnel(struct daemon *daemon, unsigned int n_lanes)
{
	struct tunnel_env env = {
		.random = random_for_tunnel,
		.is_backlogged = is_backlogged,
		.backlogged_ctx = daemon,
		.mtu_bytes = TUN_MTU_BYTES,
		.n_lanes = n_lanes,
		.hurry = hurry,
		.hurry_ctx = daemon,
	};

	daemon->tunnel_pool = packet_pool_new(TUNNEL_POOL_SMALL, TUNNEL_POOL_LARGE);
	packet_pool_share(daemon->tunnel_pool);
	env.pool = daemon->tunnel_pool;
	daemon->tunnel = tunnel_new(&env);
}

/* The workers, without descriptors: those of the others come after the first one's. */
static int open_workers(struct daemon *daemon, unsigned int n, struct err *err)
{
	const struct worker_handler first = { wake, on_gone, daemon };
	const struct worker_handler other = { wake_other, on_gone_other, daemon };

	daemon->movers = mem_alloc(n, sizeof(daemon->movers[0]));
	for (; daemon->n_movers < n; daemon->n_movers++) {
		struct mover *mover = &daemon->movers[daemon->n_movers];
		int r = 0;

		mover->loop = daemon->loop;
		if (daemon->n_movers)
			r = loop_new(&mover->loop, err);
		if (r)
			return r;
		mover->worker = worker_new(daemon->tunnel, daemon->n_movers, mover->loop,
					   daemon->n_movers ? &other : &first);
	}
	return 0;
}

/* Gives the other workers descriptors, then threads: none is at work while the sockets become many.
 */
static int start_crew(struct daemon *daemon, const struct features *features, struct err *err)
{
	const unsigned int n = tun_has_queues(daemon->tun) ? daemon->n_movers : 1;
	int r = 0;

	for (unsigned int i = 1; i < n && !r; i++) {
		struct worker *worker = daemon->movers[i].worker;
		struct tun *tun;

		r = tun_new_queue(&tun, daemon->tun, worker_tun_pool(worker), features, err);
		r = r ? r : worker_set_tun(worker, tun, err);
		r = r ? r : worker_open_udp(worker, first_worker(daemon), features, err);
	}
	for (unsigned int i = 1; i < n && !r; i++)
		r = crew_add(daemon->crew, daemon->movers[i].worker, daemon->movers[i].loop, err);
	return r;
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
	const unsigned int n_threads = options->n_threads ? options->n_threads : 1;
	const struct uapi_handler uapi = { on_get, on_set, daemon };
	int r = loop_new(&daemon->loop, err);

	r = r ? r : open_signals(daemon, err);
	r = r ? r : open_hurry(daemon, err);
	if (r)
		return r;
	open_tunnel(daemon, n_threads);
	r = open_workers(daemon, n_threads, err);
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
	r = r ? r : worker_open_udp(first_worker(daemon), NULL, &options->features, err);
	if (r)
		return r;
	daemon->control = (struct control){ daemon->name, daemon->tunnel, first_udp(daemon) };
	loop_set_work(daemon->loop, work, daemon);
	r = watch(daemon, err);
	r = r ? r
	      : uapi_server_new(&daemon->uapi_server, daemon->loop,
				uapi_socket_fd(daemon->uapi_socket), &uapi, err);
	r = r ? r : start_crew(daemon, &options->features, err);
	if (!r)
		log_info("started, listening on port %u", udp_port(first_udp(daemon)));
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
	daemon->signals.fd = daemon->hurry.fd = -1;
	daemon->crew = crew_new();
	daemon->asleep = time_asleep(clock_now().mono);
	daemon->check_at = MONO_NEVER;
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
	crew_free(daemon->crew);
	/* The socket first: whoever looks for the device finds none from now on. */
	uapi_socket_free(daemon->uapi_socket);
	link_watch_free(daemon->link_watch);
	route_watch_free(daemon->route_watch);
	tunnel_free(daemon->tunnel);
	/* The first worker's sockets last. */
	for (unsigned int i = daemon->n_movers; i-- > 0;) {
		worker_free(daemon->movers[i].worker);
		if (i)
			loop_free(daemon->movers[i].loop);
	}
	free(daemon->movers);
	if (daemon->signals.fd >= 0)
		close(daemon->signals.fd);
	if (daemon->hurry.fd >= 0)
		close(daemon->hurry.fd);
	packet_pool_free(daemon->tunnel_pool);
	/* Connections last: who sees theirs end may take port and interface for free. */
	uapi_server_free(daemon->uapi_server);
	loop_free(daemon->loop);
	free(daemon);
}
