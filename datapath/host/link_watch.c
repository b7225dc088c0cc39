/*
 * What becomes of the link: see link_watch.h. Two rtnetlink sockets: one for addresses, in our own
 * network namespace, where the UDP sockets are; one for the link, in the namespace that the TUN
 * interface is in. When the link disappears from there, it was either deleted, or moved; then the
 * second socket is opened anew where it has gone.
 * Owns the two sockets. One thread, which setns() moves for a moment.
 */
#include "datapath/host/link_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

struct link_watch {
	struct loop *loop;
	const struct tun *tun;
	struct link_watch_handler handler;
	struct loop_source links, addresses; /* fd -1: not open */
	unsigned int ifindex;
	/* As last told. */
	bool has_told, is_up;
	unsigned int mtu_bytes;
};

/* A request for one link, as the kernel wants to have it. */
struct link_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
};

static int open_rtnetlink(uint32_t groups)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Opens watch->links where the interface is. The index is asked for there, too: it may change with
 * the move. Returns a descriptor or -1. */
static int open_links(struct link_watch *watch)
{
	AUTO(auto_close) int netns = tun_open_netns(watch->tun);
	AUTO(auto_close) int ours = -1;
	int fd, saved;

	if (netns >= 0) {
		ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (ours < 0 || setns(netns, CLONE_NEWNET))
			return -1;
	}
	fd = open_rtnetlink(RTMGRP_LINK);
	saved = errno;
	watch->ifindex = tun_ifindex(watch->tun);
	if (netns >= 0 && setns(ours, CLONE_NEWNET)) {
		/* The next port change would open its sockets in the wrong namespace. */
		log_error("cannot return to the network namespace: %s", strerror(errno));
		loop_stop(watch->loop);
	}
	errno = saved;
	return fd;
}

/* The kernel speaks up more often than something changes that matters here. */
static void tell(struct link_watch *watch, bool is_up, unsigned int mtu_bytes)
{
	if (watch->has_told && watch->is_up == is_up && watch->mtu_bytes == mtu_bytes)
		return;
	watch->has_told = true;
	watch->is_up = is_up;
	watch->mtu_bytes = mtu_bytes;
	watch->handler.link(watch->handler.ctx, is_up, mtu_bytes);
}

/* The answer is a message like those that come by themselves. */
static void ask_for_link(const struct link_watch *watch)
{
	struct link_request request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)watch->ifindex },
	};

	if (watch->links.fd >= 0 && watch->ifindex)
		send(watch->links.fd, &request, sizeof(request), 0);
}

static void close_source(struct link_watch *watch, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	loop_remove(watch->loop, source);
	close(source->fd);
	source->fd = -1;
}

/* Begins to watch the link wherever it is now. */
static void follow(struct link_watch *watch)
{
	close_source(watch, &watch->links);
	watch->links.fd = open_links(watch);
	if (watch->links.fd >= 0 && loop_add(watch->loop, &watch->links, EPOLLIN, NULL)) {
		close(watch->links.fd);
		watch->links.fd = -1;
	}
	if (watch->links.fd < 0) {
		log_warn("cannot watch the interface where it is: it is taken for up");
		tell(watch, true, watch->mtu_bytes);
		return;
	}
	ask_for_link(watch);
}

static void new_link(struct link_watch *watch, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const struct rtattr *attr = IFLA_RTA(link);
	int len = (int)IFLA_PAYLOAD(message);
	uint32_t mtu_bytes = watch->mtu_bytes;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*link)) ||
	    (unsigned int)link->ifi_index != watch->ifindex)
		return;
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if (attr->rta_type == IFLA_MTU && RTA_PAYLOAD(attr) >= sizeof(mtu_bytes))
			memcpy(&mtu_bytes, RTA_DATA(attr), sizeof(mtu_bytes));
	tell(watch, link->ifi_flags & IFF_UP, mtu_bytes);
}

/* Returns whether the message says that our link is no longer here. */
static bool is_farewell(const struct link_watch *watch, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);

	/* A bridge that lets go of a port says RTM_DELLINK, too, with its own family. */
	return message->nlmsg_type == RTM_DELLINK &&
	       message->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) && link->ifi_family == AF_UNSPEC &&
	       (unsigned int)link->ifi_index == watch->ifindex;
}

/* Reads one datagram of messages. Returns its length; 0: nothing (more) to read; -ENOBUFS: some
 * were lost. */
static ssize_t receive(int fd, void *buffer, size_t cap)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t got;

	do
		got = recvfrom(fd, buffer, cap, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid != 0));
	if (got < 0)
		return errno == ENOBUFS ? -ENOBUFS : 0;
	return got;
}

/* The message at buffer + *at, which moves on; NULL at the end. */
static const struct nlmsghdr *next_message(const char *buffer, size_t *at, size_t len)
{
	const struct nlmsghdr *message = (const void *)(buffer + *at);
	size_t left = len - *at;

	if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > left)
		return NULL;
	*at = NLMSG_ALIGN(message->nlmsg_len) < left ? *at + NLMSG_ALIGN(message->nlmsg_len) : len;
	return message;
}

static void links_ready(struct loop_source *source, uint32_t events)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	struct link_watch *watch = source->ctx;
	ssize_t len;

	(void)events;
	while ((len = receive(source->fd, buffer, sizeof(buffer)))) {
		const struct nlmsghdr *message;
		bool has_left = len < 0; /* among the lost ones may be the farewell */
		size_t at = 0;

		while (len > 0 && !has_left && (message = next_message(buffer, &at, (size_t)len))) {
			if (message->nlmsg_type == RTM_NEWLINK)
				new_link(watch, message);
			has_left = is_farewell(watch, message);
		}
		if (has_left) {
			follow(watch);
			return;
		}
	}
}

static void addresses_ready(struct loop_source *source, uint32_t events)
{
	_Alignas(struct nlmsghdr) char buffer[32768];
	struct link_watch *watch = source->ctx;
	bool is_gone = false;
	ssize_t len;

	(void)events;
	while ((len = receive(source->fd, buffer, sizeof(buffer)))) {
		const struct nlmsghdr *message;
		size_t at = 0;

		is_gone |= len < 0;
		while (len > 0 && (message = next_message(buffer, &at, (size_t)len)))
			is_gone |= message->nlmsg_type == RTM_DELADDR;
	}
	if (is_gone)
		watch->handler.address_gone(watch->handler.ctx);
}

int link_watch_new(struct link_watch **out, struct loop *loop, const struct tun *tun,
		   const struct link_watch_handler *handler, struct err *err)
{
	struct link_watch *watch = mem_alloc(1, sizeof(*watch));
	int r = 0;

	watch->loop = loop;
	watch->tun = tun;
	watch->handler = *handler;
	watch->mtu_bytes = TUN_MTU_BYTES;
	watch->links = (struct loop_source){ .fd = -1, .ready = links_ready, .ctx = watch };
	watch->addresses = (struct loop_source){
		.fd = open_rtnetlink(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR),
		.ready = addresses_ready,
		.ctx = watch,
	};
	if (watch->addresses.fd < 0)
		r = err_set(err, -errno, "%s: rtnetlink: %s", tun_name(tun), strerror(errno));
	else
		r = loop_add(loop, &watch->addresses, EPOLLIN, err);
	if (r) {
		link_watch_free(watch);
		return r;
	}
	follow(watch);
	*out = watch;
	return 0;
}

void link_watch_free(struct link_watch *watch)
{
	if (!watch)
		return;
	close_source(watch, &watch->links);
	close_source(watch, &watch->addresses);
	free(watch);
}
