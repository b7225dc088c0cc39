/*
 * The outer side: see udp.h. Here: the sockets; udp_receive.c and udp_send.c move the packets.
 * Like the kernel's driver, the outer header does not forbid fragmentation: the tunnel works where
 * its MTU was chosen too large.
 * Owns the sockets. One thread.
 */
#include "datapath/host/udp.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/host/udp_receive.h"
#include "datapath/host/udp_send.h"
#include "lib/util/mem.h"

enum {
	UDP_BUFFER_BYTES = 4 << 20,
	UDP_BACKLOG_BYTES = 1 << 20, /* of the kernel's memory: some thousand small datagrams */
	UDP_PORT_TRIES = 100,        /* random ports that the other family has in use */
	UDP_SHARE_MAX = 16,
};

enum udp_family {
	UDP_V4,
	UDP_V6,
	UDP_FAMILIES
};

struct udp {
	struct loop *loop;
	struct features wanted;
	struct udp_handler handler;
	struct udp_receiver *receiver;
	struct udp_sender *sender;
	struct loop_source sources[UDP_FAMILIES]; /* fd -1: the kernel has no such family */
	struct udp_way ways[UDP_FAMILIES];        /* to send by the same sockets */
	struct udp *others;                       /* that share the port; the first one's list */
	uint16_t port;                            /* the first one's */
	uint32_t mark;                            /* likewise */
};

/* ---- sockets ---- */

static void set_int(int fd, int level, int option, int value)
{
	/* All of these are there in any kernel that has TUN; without one of them packets still
	 * flow. */
	setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_options(int fd, int family)
{
	const int bytes = UDP_BUFFER_BYTES;

	/* More than the administrator's limit, which is meant for ordinary programs. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes);
	if (family == AF_INET) {
		set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	} else {
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	}
}

/*
 * Opens a socket on *port, and fills that in if it is 0. One that is to share the port with others
 * says so before it is bound, the first of them after that: so another program's sockets, which
 * may do the same, are in the way as they should be. Returns a descriptor or a negative errno.
 */
static int open_socket(int family, uint16_t *port, uint32_t mark, bool is_first, bool is_alone)
{
	union sockaddr_ip addr = { .sa.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(addr.v4) : sizeof(addr.v6);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int code;

	if (fd < 0)
		return -errno;
	set_options(fd, family);
	if (!is_first)
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* The port is at the same place in both. */
	addr.v4.sin_port = htons(*port);
	if ((mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) ||
	    bind(fd, &addr.sa, len) || getsockname(fd, &addr.sa, &len)) {
		code = errno;
		close(fd);
		return -code;
	}
	if (is_first && !is_alone)
		set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	*port = ntohs(addr.v4.sin_port);
	return fd;
}

/* No such family in this kernel, or no address of it, not even one to listen on. */
static bool is_missing(int code)
{
	return code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL;
}

/* Opens both sockets, on the same port if it is to be chosen. 0 or a negative errno. */
static int open_first(int fds[static UDP_FAMILIES], uint16_t *port, uint32_t mark, bool is_alone)
{
	for (int tries = 1;; tries++) {
		uint16_t chosen = *port;
		int code;

		fds[UDP_V4] = open_socket(AF_INET, &chosen, mark, true, is_alone);
		if (fds[UDP_V4] < 0 && !is_missing(fds[UDP_V4]))
			return fds[UDP_V4];
		fds[UDP_V6] = open_socket(AF_INET6, &chosen, mark, true, is_alone);
		code = fds[UDP_V6];
		if (code >= 0 || (is_missing(code) && fds[UDP_V4] >= 0)) {
			*port = chosen;
			return 0;
		}
		if (fds[UDP_V4] >= 0)
			close(fds[UDP_V4]);
		if (code != -EADDRINUSE || *port || tries >= UDP_PORT_TRIES)
			return code;
	}
}

static void close_sockets(struct udp *udp)
{
	for (int i = 0; i < UDP_FAMILIES; i++) {
		if (udp->sources[i].fd < 0)
			continue;
		loop_remove(udp->loop, &udp->sources[i]);
		close(udp->sources[i].fd);
		udp->sources[i].fd = -1;
	}
}

/* What the kernel has of what is wanted. That it knows datagrams in one piece does not mean that
 * the devices they leave by take them. */
static void prepare_way(const struct udp *udp, struct udp_way *way, int fd)
{
	const int off = 0, on = 1;

	*way = (struct udp_way){ .fd = fd };
	if (fd < 0)
		return;
	way->has_gso =
		udp->wanted.udp_gso && !setsockopt(fd, SOL_UDP, UDP_SEGMENT, &off, sizeof(off));
	if (udp->wanted.udp_gro)
		setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

/* Opens more of those that the first has, on the same port. 0 or a negative errno. */
static int open_more(int fds[static UDP_FAMILIES], const int first[static UDP_FAMILIES],
		     uint16_t port, uint32_t mark)
{
	static const int families[] = { [UDP_V4] = AF_INET, [UDP_V6] = AF_INET6 };

	for (int i = 0; i < UDP_FAMILIES; i++) {
		fds[i] = -1;
		if (first[i] < 0)
			continue;
		fds[i] = open_socket(families[i], &port, mark, false, false);
		if (fds[i] >= 0)
			continue;
		if (i == UDP_V6 && fds[UDP_V4] >= 0)
			close(fds[UDP_V4]);
		return fds[i];
	}
	return 0;
}

static int install(struct udp *udp, const int fds[static UDP_FAMILIES], struct err *err)
{
	int r = 0;

	close_sockets(udp);
	for (int i = 0; i < UDP_FAMILIES; i++) {
		udp->sources[i].fd = fds[i] < 0 ? -1 : fds[i];
		prepare_way(udp, &udp->ways[i], udp->sources[i].fd);
		if (fds[i] >= 0 && !r)
			r = loop_add(udp->loop, &udp->sources[i], EPOLLIN, err);
	}
	return r;
}

/* New sockets for all that share a port. */
static int rebind(struct udp *first, uint16_t port, uint32_t mark, struct err *err)
{
	int fds[UDP_SHARE_MAX][UDP_FAMILIES], n = 0, r;

	r = open_first(fds[n++], &port, mark, !first->others);
	for (struct udp *udp = first->others; udp && !r; udp = udp->others) {
		assert(n < UDP_SHARE_MAX);
		r = open_more(fds[n++], fds[0], port, mark);
	}
	if (r) {
		for (n--; n-- > 0;)
			for (int i = 0; i < UDP_FAMILIES; i++)
				if (fds[n][i] >= 0)
					close(fds[n][i]);
		return err_set(err, r, "port %u: %s", port, strerror(-r));
	}
	n = 0;
	for (struct udp *udp = first; udp; udp = udp->others) {
		int added = install(udp, fds[n++], err);

		r = r ? r : added;
	}
	first->port = port;
	first->mark = mark;
	return r;
}

static int set_mark(struct udp *first, uint32_t mark, struct err *err)
{
	for (struct udp *udp = first; udp; udp = udp->others)
		for (int i = 0; i < UDP_FAMILIES; i++)
			if (udp->sources[i].fd >= 0 && setsockopt(udp->sources[i].fd, SOL_SOCKET,
								  SO_MARK, &mark, sizeof(mark)))
				return err_set(err, -errno, "fwmark 0x%x: %s", mark,
					       strerror(errno));
	first->mark = mark;
	return 0;
}

int udp_configure(struct udp *udp, uint16_t port, uint32_t mark, struct err *err)
{
	if (!port || port != udp->port)
		return rebind(udp, port, mark, err);
	return mark == udp->mark ? 0 : set_mark(udp, mark, err);
}

uint16_t udp_port(const struct udp *udp)
{
	return udp->port;
}

uint32_t udp_mark(const struct udp *udp)
{
	return udp->mark;
}

static bool is_backlogged(int fd)
{
	uint32_t used[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(used);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_MEMINFO, used, &len))
		return false;
	/* Half of what there is, where the administrator's limit holds for us, too. */
	return used[SK_MEMINFO_RMEM_ALLOC] >= UDP_BACKLOG_BYTES ||
	       used[SK_MEMINFO_RMEM_ALLOC] >= used[SK_MEMINFO_RCVBUF] / 2;
}

bool udp_is_backlogged(const struct udp *first)
{
	for (const struct udp *udp = first; udp; udp = udp->others)
		for (int i = 0; i < UDP_FAMILIES; i++)
			if (is_backlogged(udp->sources[i].fd))
				return true;
	return false;
}

/* ---- packets ---- */

static void socket_ready(struct loop_source *source, uint32_t events)
{
	struct udp *udp = source->ctx;
	struct packet_queue batch = { 0 };

	(void)events;
	udp_receive(udp->receiver, &batch, source->fd);
	if (batch.n)
		udp->handler.received(udp->handler.ctx, &batch);
	packet_queue_drop(&batch);
}

void udp_write(struct udp *udp, struct packet_queue *in)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		udp->ways[i].may_wait = true;
	while (in->first) {
		bool is_v4 = in->first->path.remote.sa.sa_family == AF_INET;

		udp_send(udp->sender, &udp->ways[is_v4 ? UDP_V4 : UDP_V6], in);
	}
}

/* ---- life ---- */

static void source_failed(void *ctx, const struct packet *packet)
{
	const struct udp *udp = ctx;

	udp->handler.source_failed(udp->handler.ctx, packet);
}

/* Sockets for one that joins others. */
static int join(struct udp *udp, struct udp *first, struct err *err)
{
	int fds[UDP_FAMILIES], own[UDP_FAMILIES], r;

	for (int i = 0; i < UDP_FAMILIES; i++) {
		own[i] = first->sources[i].fd;
		if (own[i] >= 0)
			set_int(own[i], SOL_SOCKET, SO_REUSEPORT, 1);
	}
	r = open_more(fds, own, first->port, first->mark);
	if (r)
		return err_set(err, r, "port %u: %s", first->port, strerror(-r));
	r = install(udp, fds, err);
	if (r)
		return r;
	udp->others = first->others;
	first->others = udp;
	return 0;
}

int udp_new(struct udp **out, struct udp *first, struct loop *loop, struct packet_pool *pool,
	    const struct features *wanted, const struct udp_handler *handler, struct err *err)
{
	struct udp *udp = mem_alloc(1, sizeof(*udp));
	int r;

	udp->loop = loop;
	udp->wanted = *wanted;
	udp->handler = *handler;
	udp->receiver = udp_receiver_new(pool);
	udp->sender = udp_sender_new(&(struct udp_source_failed){ source_failed, udp });
	for (int i = 0; i < UDP_FAMILIES; i++)
		udp->sources[i] =
			(struct loop_source){ .fd = -1, .ready = socket_ready, .ctx = udp };
	r = first ? join(udp, first, err) : rebind(udp, 0, 0, err);
	if (r) {
		udp_free(udp);
		return r;
	}
	*out = udp;
	return 0;
}

void udp_free(struct udp *udp)
{
	if (!udp)
		return;
	close_sockets(udp);
	udp_receiver_free(udp->receiver);
	udp_sender_free(udp->sender);
	free(udp);
}
