/*
 * The outer side: see udp.h. Datagrams are received into small packets of the pool; what exceeds
 * one (the tunnel's MTU may be huge) goes to a scratch area of its slot, from where it is gathered
 * into a large packet. That area is never touched otherwise, and so takes no memory.
 * Like the kernel's driver, the outer header does not forbid fragmentation: the tunnel works where
 * its MTU was chosen too large.
 * Owns the sockets and the packets that wait to be received into. One thread.
 */
#include "datapath/host/udp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/util/mem.h"

enum {
	UDP_BUFFER_BYTES = 4 << 20,
	UDP_WAIT_MS = 10,     /* for room in the socket's buffer */
	UDP_PORT_TRIES = 100, /* random ports that the other family has in use */
};

enum udp_family {
	UDP_V4,
	UDP_V6,
	UDP_FAMILIES
};

/* Room for a source address and a DS field. */
union udp_control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct udp_batch {
	struct mmsghdr messages[UDP_BATCH];
	struct iovec parts[UDP_BATCH][2];
	union sockaddr_ip names[UDP_BATCH];
	union udp_control controls[UDP_BATCH];
	struct packet *packets[UDP_BATCH];
};

struct udp {
	struct loop *loop;
	struct packet_pool *pool;
	struct udp_handler handler;
	struct loop_source sources[UDP_FAMILIES]; /* fd -1: the kernel has no such family */
	uint16_t port;
	uint32_t mark;
	bool has_waited; /* during this udp_write() */
	struct udp_batch in, out;
	uint8_t (*scratch)[PACKET_MAX_LEN]; /* for each slot of `in` */
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

/* Opens a socket on *port, and fills that in if it is 0. Returns a descriptor or a negative errno.
 */
static int open_socket(int family, uint16_t *port, uint32_t mark)
{
	union sockaddr_ip addr = { .sa.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(addr.v4) : sizeof(addr.v6);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int code;

	if (fd < 0)
		return -errno;
	set_options(fd, family);
	/* The port is at the same place in both. */
	addr.v4.sin_port = htons(*port);
	if ((mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) ||
	    bind(fd, &addr.sa, len) || getsockname(fd, &addr.sa, &len)) {
		code = errno;
		close(fd);
		return -code;
	}
	*port = ntohs(addr.v4.sin_port);
	return fd;
}

/* No such family in this kernel, or no address of it, not even one to listen on. */
static bool is_missing(int code)
{
	return code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL;
}

/* Opens both sockets, on the same port if it is to be chosen. 0 or a negative errno. */
static int open_sockets(int fds[static UDP_FAMILIES], uint16_t *port, uint32_t mark)
{
	for (int tries = 1;; tries++) {
		uint16_t chosen = *port;
		int code;

		fds[UDP_V4] = open_socket(AF_INET, &chosen, mark);
		if (fds[UDP_V4] < 0 && !is_missing(fds[UDP_V4]))
			return fds[UDP_V4];
		fds[UDP_V6] = open_socket(AF_INET6, &chosen, mark);
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

static int rebind(struct udp *udp, uint16_t port, uint32_t mark, struct err *err)
{
	int fds[UDP_FAMILIES], r = open_sockets(fds, &port, mark);

	if (r)
		return err_set(err, r, "port %u: %s", port, strerror(-r));
	close_sockets(udp);
	for (int i = 0; i < UDP_FAMILIES; i++) {
		udp->sources[i].fd = fds[i] < 0 ? -1 : fds[i];
		if (fds[i] >= 0 && !r)
			r = loop_add(udp->loop, &udp->sources[i], EPOLLIN, err);
	}
	udp->port = port;
	udp->mark = mark;
	return r;
}

static int set_mark(struct udp *udp, uint32_t mark, struct err *err)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		if (udp->sources[i].fd >= 0 &&
		    setsockopt(udp->sources[i].fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
			return err_set(err, -errno, "fwmark 0x%x: %s", mark, strerror(errno));
	udp->mark = mark;
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

/* ---- receiving ---- */

/* Makes all slots of a batch ready. Returns how many; without memory it is one, to drop what
 * comes. */
static unsigned int prepare(struct udp *udp)
{
	struct udp_batch *in = &udp->in;
	unsigned int i;

	for (i = 0; i < UDP_BATCH; i++) {
		struct packet *packet = in->packets[i];

		if (!packet)
			packet = in->packets[i] = packet_new(udp->pool, PACKET_SMALL_LEN);
		if (!packet && i)
			break;
		in->parts[i][0] =
			(struct iovec){ packet ? packet->data : NULL, packet ? packet->len : 0 };
		in->parts[i][1] = (struct iovec){ udp->scratch[i], sizeof(udp->scratch[i]) };
		in->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &in->names[i],
			.msg_namelen = sizeof(in->names[i]),
			.msg_iov = in->parts[i],
			.msg_iovlen = 2,
			.msg_control = &in->controls[i],
			.msg_controllen = sizeof(in->controls[i]),
		};
		if (!packet)
			return 1;
	}
	return i;
}

/* Our own address that it was sent to, the interface, and the outer DS field. */
static void read_control(struct packet *packet, struct msghdr *message)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const void *data = CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			const struct in_pktinfo *info = data;

			packet->path.source.v4 = info->ipi_spec_dst;
			packet->path.source_ifindex = (uint32_t)info->ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			const struct in6_pktinfo *info = data;

			packet->path.source.v6 = info->ipi6_addr;
			packet->path.source_ifindex = info->ipi6_ifindex;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			packet->ds = *(const uint8_t *)data;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			packet->ds = (uint8_t) * (const int *)data;
		}
	}
}

/* Takes what was received into slot i. NULL: nothing of use. */
static struct packet *take_received(struct udp *udp, unsigned int i)
{
	struct msghdr *message = &udp->in.messages[i].msg_hdr;
	struct packet *packet = udp->in.packets[i];
	size_t len = udp->in.messages[i].msg_len;

	if (!packet)
		return NULL;
	if (len > packet->len) {
		struct packet *large = packet_new(udp->pool, len);

		if (!large)
			return NULL;
		memcpy(large->data, packet->data, packet->len);
		memcpy(large->data + packet->len, udp->scratch[i], len - packet->len);
		packet = large;
	} else {
		udp->in.packets[i] = NULL;
		packet->len = len;
	}
	packet->path.remote = udp->in.names[i];
	if (packet->path.remote.sa.sa_family == AF_INET6)
		packet->path.remote.v6.sin6_flowinfo = 0;
	read_control(packet, message);
	return packet;
}

static void socket_ready(struct loop_source *source, uint32_t events)
{
	struct udp *udp = source->ctx;
	struct packet_queue batch = { 0 };
	int n;

	(void)events;
	n = recvmmsg(source->fd, udp->in.messages, prepare(udp), MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct packet *packet = take_received(udp, (unsigned int)i);

		if (packet)
			packet_queue_push(&batch, packet);
	}
	if (batch.n)
		udp->handler.received(udp->handler.ctx, &batch);
	packet_queue_drop(&batch);
}

/* ---- sending ---- */

static bool has_source(const struct path *path)
{
	static const struct in6_addr none;

	if (path->remote.sa.sa_family == AF_INET)
		return path->source.v4.s_addr != 0;
	return memcmp(&path->source.v6, &none, sizeof(none)) != 0;
}

static void add_control(struct msghdr *message, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)((char *)message->msg_control + message->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	message->msg_controllen += CMSG_SPACE(len);
	assert(message->msg_controllen <= sizeof(union udp_control));
}

static void write_control(struct msghdr *message, const struct packet *packet)
{
	const struct path *path = &packet->path;
	const bool is_v4 = path->remote.sa.sa_family == AF_INET;
	const int ds = packet->ds;

	message->msg_controllen = 0;
	if (has_source(path) && is_v4) {
		/* No interface: the source stays, but the route may change. */
		struct in_pktinfo info = { .ipi_spec_dst = path->source.v4 };

		add_control(message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (has_source(path)) {
		struct in6_pktinfo info = { .ipi6_addr = path->source.v6 };

		/* A link-local address is only one together with its link. */
		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			info.ipi6_ifindex = path->source_ifindex;
		add_control(message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	if (ds && is_v4)
		add_control(message, IPPROTO_IP, IP_TOS, &ds, sizeof(ds));
	else if (ds)
		add_control(message, IPPROTO_IPV6, IPV6_TCLASS, &ds, sizeof(ds));
}

/* Takes packets of one family from the front of the queue. Returns how many; *family is theirs. */
static unsigned int take_run(struct udp *udp, enum udp_family *family, struct packet_queue *in)
{
	const sa_family_t af = in->first->path.remote.sa.sa_family;
	struct udp_batch *out = &udp->out;
	unsigned int n = 0;

	*family = af == AF_INET ? UDP_V4 : UDP_V6;
	while (n < UDP_BATCH && in->first && in->first->path.remote.sa.sa_family == af) {
		struct packet *packet = packet_queue_pop(in);

		out->packets[n] = packet;
		out->parts[n][0] = (struct iovec){ packet->data, packet->len };
		out->messages[n].msg_hdr = (struct msghdr){
			.msg_name = &packet->path.remote,
			.msg_namelen = sockaddr_ip_len(&packet->path.remote),
			.msg_iov = out->parts[n],
			.msg_iovlen = 1,
			.msg_control = &out->controls[n],
		};
		write_control(&out->messages[n].msg_hdr, packet);
		n++;
	}
	return n;
}

/* Waits for room in the buffer, once in each udp_write(): a link that is stuck must not stop the
 * daemon. Returns whether to try again. */
static bool wait_for_room(struct udp *udp, int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLOUT };

	if (udp->has_waited)
		return false;
	udp->has_waited = true;
	return poll(&waiting, 1, UDP_WAIT_MS) > 0;
}

/* What to do about message i, which was refused. Returns whether to try it again. */
static bool recover(struct udp *udp, int fd, unsigned int i, int code)
{
	struct packet *packet = udp->out.packets[i];

	if (code == EINTR)
		return true;
	if (code == EAGAIN)
		return wait_for_room(udp, fd);
	if (code == EMSGSIZE || !has_source(&packet->path))
		return false;
	/* The address may be gone, or lead nowhere any more; what the kernel says then differs
	 * between families and versions. */
	udp->handler.source_failed(udp->handler.ctx, packet);
	memset(&packet->path.source, 0, sizeof(packet->path.source));
	packet->path.source_ifindex = 0;
	write_control(&udp->out.messages[i].msg_hdr, packet);
	return true;
}

void udp_write(struct udp *udp, struct packet_queue *in)
{
	udp->has_waited = false;
	while (in->first) {
		enum udp_family family;
		unsigned int n = take_run(udp, &family, in), at = 0;
		int fd = udp->sources[family].fd;

		while (fd >= 0 && at < n) {
			int sent = sendmmsg(fd, udp->out.messages + at, n - at, 0);

			/* The error is that of the first one; those before it have gone. */
			if (sent > 0)
				at += (unsigned int)sent;
			else if (!recover(udp, fd, at, errno))
				at++;
		}
		for (at = 0; at < n; at++)
			packet_free(udp->out.packets[at]);
	}
}

/* ---- life ---- */

int udp_new(struct udp **out, struct loop *loop, struct packet_pool *pool,
	    const struct udp_handler *handler, struct err *err)
{
	struct udp *udp = mem_alloc(1, sizeof(*udp));
	int r;

	udp->loop = loop;
	udp->pool = pool;
	udp->handler = *handler;
	udp->scratch = mem_alloc(UDP_BATCH, sizeof(*udp->scratch));
	for (int i = 0; i < UDP_FAMILIES; i++)
		udp->sources[i] =
			(struct loop_source){ .fd = -1, .ready = socket_ready, .ctx = udp };
	r = rebind(udp, 0, 0, err);
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
	for (int i = 0; i < UDP_BATCH; i++)
		if (udp->in.packets[i])
			packet_free(udp->in.packets[i]);
	free(udp->scratch);
	free(udp);
}
