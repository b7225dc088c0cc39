/*
 * Sending datagrams: see udp_send.h. Packets that stand together and have the same path and size
 * (the last may be shorter) become one message with UDP_SEGMENT: the kernel takes it through its
 * stack in one piece, which costs as much as one datagram. Some devices refuse that, some paths are
 * too narrow for it; what is refused in one piece is sent again one by one, and how that goes says
 * whose fault it was. Packets belong to the sender until they are sent. One thread.
 */
#include "datapath/host/udp_send.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util/log.h"
#include "lib/util/mem.h"

enum {
	MESSAGES = 64,        /* of one system call */
	PARTS = 512,          /* packets in all of them */
	WAIT_MS = 10,         /* for room in the socket's buffer */
	JOIN_LEN_MAX = 65507, /* bytes of all datagrams in a message: the largest of IPv4's */
};

/* Room for a source address, a DS field, and the size of those joined. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
		   CMSG_SPACE(sizeof(uint16_t))];
};

struct udp_sender {
	struct udp_source_failed source_failed;
	struct mmsghdr messages[MESSAGES];
	struct packet_queue packets[MESSAGES]; /* of each message */
	union control controls[MESSAGES];
	struct iovec parts[PARTS];
};

unsigned int udp_join_max(size_t len)
{
	size_t n = JOIN_LEN_MAX / len;

	return n > UDP_JOIN_MAX ? UDP_JOIN_MAX : n ? (unsigned int)n : 1;
}

struct udp_sender *udp_sender_new(const struct udp_source_failed *source_failed)
{
	struct udp_sender *sender = mem_alloc(1, sizeof(*sender));

	sender->source_failed = *source_failed;
	return sender;
}

void udp_sender_free(struct udp_sender *sender)
{
	free(sender);
}

/* ---- messages ---- */

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
	assert(message->msg_controllen <= sizeof(union control));
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

static void write_message(struct msghdr *message, union control *control, struct iovec *parts,
			  struct packet *first)
{
	*message = (struct msghdr){
		.msg_name = &first->path.remote,
		.msg_namelen = sockaddr_ip_len(&first->path.remote),
		.msg_iov = parts,
		.msg_control = control,
	};
	write_control(message, first);
}

/* Whether a packet can go behind those of a message, `len` bytes so far. */
static bool can_join(const struct udp_way *way, const struct packet_queue *message, size_t len,
		     const struct packet *next)
{
	const struct packet *first = message->first, *last = message->last;

	return way->has_gso && message->n < UDP_JOIN_MAX && !last->ends_group &&
	       last->len == first->len && next->len && next->len <= first->len &&
	       len + next->len <= JOIN_LEN_MAX && next->ds == first->ds &&
	       !memcmp(&next->path, &first->path, sizeof(next->path));
}

/* Moves packets from the front of the queue to message i, whose parts begin at n_parts. Returns how
 * many. */
static size_t build(struct udp_sender *sender, unsigned int i, size_t n_parts,
		    const struct udp_way *way, struct packet_queue *in)
{
	struct packet_queue *packets = &sender->packets[i];
	struct msghdr *message = &sender->messages[i].msg_hdr;
	struct iovec *parts = sender->parts + n_parts;
	struct packet *first = in->first;
	size_t len = 0;

	write_message(message, &sender->controls[i], parts, first);
	do {
		struct packet *packet = packet_queue_pop(in);

		packet_queue_push(packets, packet);
		*parts++ = (struct iovec){ packet->data, packet->len };
		len += packet->len;
	} while (in->first && can_join(way, packets, len, in->first));
	message->msg_iovlen = packets->n;
	if (packets->n > 1) {
		uint16_t each = (uint16_t)first->len;

		add_control(message, SOL_UDP, UDP_SEGMENT, &each, sizeof(each));
	}
	return packets->n;
}

/* ---- what is refused ---- */

/* Waits for room in the buffer, if it may: a link that is stuck must not stop the daemon. Returns
 * whether to try again. */
static bool wait_for_room(struct udp_way *way)
{
	struct pollfd waiting = { .fd = way->fd, .events = POLLOUT };

	if (!way->may_wait)
		return false;
	way->may_wait = false;
	return poll(&waiting, 1, WAIT_MS) > 0;
}

/* Sends one packet, in spite of an address of ours that is gone. Returns whether it went. */
static bool send_one(struct udp_sender *sender, struct udp_way *way, struct packet *packet)
{
	struct iovec part = { packet->data, packet->len };
	union control control;
	struct msghdr message;

	write_message(&message, &control, &part, packet);
	message.msg_iovlen = 1;
	while (sendmsg(way->fd, &message, 0) < 0) {
		if (errno == EINTR || (errno == EAGAIN && wait_for_room(way)))
			continue;
		if (errno == EAGAIN || errno == EMSGSIZE || !has_source(&packet->path))
			return false;
		/* The address may lead nowhere any more; what the kernel says then differs between
		 * families and versions. */
		sender->source_failed.call(sender->source_failed.ctx, packet);
		memset(&packet->path.source, 0, sizeof(packet->path.source));
		packet->path.source_ifindex = 0;
		write_control(&message, packet);
	}
	return true;
}

/* Several in one piece were refused, but went one by one. */
static void blame(struct udp_way *way, int code)
{
	if (code == EIO || code == EOPNOTSUPP || code == ENOPROTOOPT) {
		way->has_gso = false;
		log_info("the device takes no datagrams in one piece: sent one by one");
	}
	/* Else the path is too narrow for this size. That may be so for one peer only, and costs
	 * little beside sending them one by one. */
}

/* What became of message i, which was refused. Returns whether it is dealt with. */
static bool recover(struct udp_sender *sender, struct udp_way *way, unsigned int i, int code)
{
	struct packet_queue *packets = &sender->packets[i];
	bool all_went = true;

	if (code == EINTR || (code == EAGAIN && wait_for_room(way)))
		return false;
	if (code == EAGAIN)
		return true;
	for (struct packet *packet = packets->first; packet; packet = packet->next)
		all_went = send_one(sender, way, packet) && all_went;
	if (all_went && packets->n > 1)
		blame(way, code);
	return true;
}

void udp_send(struct udp_sender *sender, struct udp_way *way, struct packet_queue *in)
{
	const sa_family_t family = in->first->path.remote.sa.sa_family;
	unsigned int n = 0, at = 0;
	size_t n_parts = 0;

	while (n < MESSAGES && n_parts + UDP_JOIN_MAX <= PARTS && in->first &&
	       in->first->path.remote.sa.sa_family == family)
		n_parts += build(sender, n++, n_parts, way, in);
	while (way->fd >= 0 && at < n) {
		int sent = sendmmsg(way->fd, sender->messages + at, n - at, 0);

		/* The error is that of the first one; those before it have gone. */
		if (sent > 0)
			at += (unsigned int)sent;
		else if (recover(sender, way, at, errno))
			at++;
	}
	for (at = 0; at < n; at++)
		packet_queue_drop(&sender->packets[at]);
}
