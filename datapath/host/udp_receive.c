/*
 * Receiving datagrams: see udp_receive.h. With UDP_GRO the kernel hands over many of one size in
 * one piece, which is cut into slices; nothing is copied but the beginning of such a piece: most of
 * what comes one by one is small, so the first bytes go to a small packet, and only what exceeds it
 * (a piece, or a datagram of a tunnel whose MTU is huge) to a large one, where it is made whole.
 * Owns the packets that wait to be received into. One thread.
 */
#include "datapath/host/udp_receive.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util/mem.h"

enum {
	SLOTS = 8, /* messages of one system call */
	/* Datagrams in one piece; no peer's are so small that there could be more. */
	SLICES_MAX = 2048,
};

/* Room for the address it was sent to, the DS field, and the size of those joined. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
};

struct udp_receiver {
	struct packet_pool *pool;
	struct mmsghdr messages[SLOTS];
	struct iovec parts[SLOTS][2];
	union sockaddr_ip names[SLOTS];
	union control controls[SLOTS];
	struct packet *small[SLOTS], *large[SLOTS]; /* NULL: get one */
};

struct udp_receiver *udp_receiver_new(struct packet_pool *pool)
{
	struct udp_receiver *receiver = mem_alloc(1, sizeof(*receiver));

	receiver->pool = pool;
	return receiver;
}

void udp_receiver_free(struct udp_receiver *receiver)
{
	if (!receiver)
		return;
	for (int i = 0; i < SLOTS; i++) {
		packet_free(receiver->small[i]);
		packet_free(receiver->large[i]);
	}
	free(receiver);
}

/* Makes slots ready. Returns how many; without memory it is one, to drop what comes. */
static unsigned int prepare(struct udp_receiver *receiver)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		struct packet **small = &receiver->small[i], **large = &receiver->large[i];
		struct iovec *parts = receiver->parts[i];

		if (!*small)
			*small = packet_new(receiver->pool, PACKET_SMALL_LEN);
		if (!*large)
			*large = packet_new(receiver->pool, PACKET_MAX_LEN);
		if (!(*small && *large) && i)
			break;
		parts[0] = (struct iovec){ 0 };
		parts[1] = (struct iovec){ 0 };
		if (*small)
			parts[0] = (struct iovec){ (*small)->data, PACKET_SMALL_LEN };
		if (*small && *large)
			parts[1] = (struct iovec){ (*large)->data + PACKET_SMALL_LEN,
						   PACKET_MAX_LEN - PACKET_SMALL_LEN };
		receiver->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->names[i],
			.msg_namelen = sizeof(receiver->names[i]),
			.msg_iov = parts,
			.msg_iovlen = 2,
			.msg_control = &receiver->controls[i],
			.msg_controllen = sizeof(receiver->controls[i]),
		};
		if (!(*small && *large))
			return 1;
	}
	return i;
}

/* Our own address that it was sent to, the interface, and the outer DS field. Returns the size of
 * each of the datagrams that were joined, but the last one's; 0: it is one. */
static size_t read_control(struct packet *packet, struct msghdr *message)
{
	struct cmsghdr *c;
	size_t each = 0;

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
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size = *(const int *)data;

			each = size > 0 ? (size_t)size : 0;
		}
	}
	return each;
}

/* Takes the packet that holds what came into slot i. NULL: nothing of use. */
static struct packet *take_packet(struct udp_receiver *receiver, unsigned int i)
{
	struct packet **from = &receiver->small[i], *small = *from, *packet;
	size_t len = receiver->messages[i].msg_len;

	if (!small || receiver->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
		return NULL;
	if (len > PACKET_SMALL_LEN) {
		from = &receiver->large[i];
		memcpy((*from)->data, small->data, PACKET_SMALL_LEN);
	}
	packet = *from;
	*from = NULL;
	packet->len = len;
	return packet;
}

/* Adds the datagrams of `each` bytes that a packet is made of. */
static void add_slices(struct packet_queue *out, struct packet *whole, size_t each)
{
	for (size_t at = 0; at < whole->len; at += each) {
		size_t left = whole->len - at;
		struct packet *slice = packet_slice(whole, at, left < each ? left : each);

		if (slice)
			packet_queue_push(out, slice);
	}
	packet_free(whole);
}

static void take_received(struct udp_receiver *receiver, struct packet_queue *out, unsigned int i)
{
	struct packet *packet = take_packet(receiver, i);
	size_t each;

	if (!packet)
		return;
	packet->path.remote = receiver->names[i];
	if (packet->path.remote.sa.sa_family == AF_INET6)
		packet->path.remote.v6.sin6_flowinfo = 0;
	each = read_control(packet, &receiver->messages[i].msg_hdr);
	if (each && packet->len / each > SLICES_MAX)
		packet_free(packet);
	else if (each && each < packet->len)
		add_slices(out, packet, each);
	else
		packet_queue_push(out, packet);
}

size_t udp_receive(struct udp_receiver *receiver, struct packet_queue *out, int fd)
{
	const unsigned int n_slots = prepare(receiver);
	size_t len = 0;
	int n;

	/* Where packets run short the batch ends: they are back when it has been dealt with. */
	do {
		n = recvmmsg(fd, receiver->messages, n_slots, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			take_received(receiver, out, (unsigned int)i);
			len += receiver->messages[i].msg_len;
		}
	} while (n == SLOTS && out->n < UDP_RECEIVE_PACKETS && len < UDP_RECEIVE_BYTES &&
		 prepare(receiver) == SLOTS);
	return len;
}
