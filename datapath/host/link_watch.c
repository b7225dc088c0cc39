/*
 * What becomes of the link: see link_watch.h. Two rtnetlink sockets: one for addresses, which hears
 * of our own network namespace, where the UDP sockets are; one for the link, which hears of all
 * namespaces that have a number (an nsid) here, for the interface may be moved to one of them. A
 * socket in that namespace would do as well, but keep it from ever going away.
 * When the link disappears from where it was, it was either deleted or moved; then it is looked for
 * anew.
 * Owns the two sockets. One thread.
 */
#include "datapath/host/link_watch.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

enum {
	NSID_OURS = -1,
	BUFFER_LEN = 32768
};

struct link_watch {
	struct loop *loop;
	const struct tun *tun;
	struct link_watch_handler handler;
	struct loop_source links, addresses; /* fd -1: not open */
	/* Where the link is: the number of its network namespace, and its own in there. */
	int nsid;
	int ifindex;
	/* As last told. */
	bool has_told, is_up;
	unsigned int mtu_bytes;
};

/* A request to the kernel, with room for attributes. */
struct request {
	struct nlmsghdr header;
	union {
		struct rtgenmsg general;
		struct ifinfomsg link;
	};
	char attributes[64];
};

/* What a message about a link says. */
struct link_news {
	int ifindex;
	bool is_up;
	unsigned int mtu_bytes; /* 0: nothing about it */
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

/* Reads one datagram of messages; *nsid is the namespace that it tells of. Returns its length; 0:
 * nothing (more) to read; -ENOBUFS: some were lost. */
static ssize_t receive(int fd, void *buffer, int *nsid)
{
	struct sockaddr_nl from = { 0 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { buffer, BUFFER_LEN };
	struct msghdr message;
	struct cmsghdr *c;
	ssize_t got;

	do {
		message = (struct msghdr){
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		got = recvmsg(fd, &message, MSG_DONTWAIT);
	} while ((got < 0 && errno == EINTR) || (got >= 0 && from.nl_pid != 0));
	if (got < 0)
		return errno == ENOBUFS ? -ENOBUFS : 0;
	*nsid = NSID_OURS;
	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(nsid, CMSG_DATA(c), sizeof(*nsid));
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

/* The attribute `type` behind a message's own header of that size, with at least `len` bytes;
 * NULL: there is none. */
static const void *find_attribute(const struct nlmsghdr *message, size_t header_len, int type,
				  size_t len)
{
	const size_t offset = NLMSG_ALIGN(NLMSG_LENGTH(header_len));
	const struct rtattr *attr = (const void *)((const char *)message + offset);
	int left;

	if (message->nlmsg_len < offset)
		return NULL;
	left = (int)(message->nlmsg_len - offset);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == type && RTA_PAYLOAD(attr) >= len)
			return RTA_DATA(attr);
	return NULL;
}

/* ---- asking ---- */

static void request_init(struct request *request, uint16_t type, size_t header_len)
{
	*request = (struct request){ 0 };
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST;
	request->header.nlmsg_len = NLMSG_ALIGN(NLMSG_LENGTH(header_len));
}

static void request_add(struct request *request, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)((char *)request + request->header.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	request->header.nlmsg_len += RTA_ALIGN(attr->rta_len);
}

/* Asks the kernel, which answers at once. Returns the message in `buffer`, NULL without one. */
static const struct nlmsghdr *ask(const struct request *request, void *buffer)
{
	AUTO(auto_close) int fd = open_rtnetlink(0);
	size_t at = 0;
	ssize_t len;
	int nsid;

	if (fd < 0 || send(fd, request, request->header.nlmsg_len, 0) < 0)
		return NULL;
	len = receive(fd, buffer, &nsid);
	return len > 0 ? next_message(buffer, &at, (size_t)len) : NULL;
}

/* The number of a namespace, given to it if it has none. 0 or -1. */
static int find_nsid(int *nsid, int netns)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER_LEN];
	const struct nlmsghdr *answer;
	struct request request;
	const int any = -1;

	for (int tries = 0; tries < 2; tries++) {
		const void *found = NULL;

		request_init(&request, RTM_GETNSID, sizeof(request.general));
		request_add(&request, NETNSA_FD, &netns, sizeof(netns));
		answer = ask(&request, buffer);
		if (answer && answer->nlmsg_type == RTM_NEWNSID)
			found = find_attribute(answer, sizeof(request.general), NETNSA_NSID,
					       sizeof(*nsid));
		if (found)
			memcpy(nsid, found, sizeof(*nsid));
		if (found && *nsid >= 0)
			return 0;
		request_init(&request, RTM_NEWNSID, sizeof(request.general));
		request.header.nlmsg_flags |= NLM_F_ACK;
		request_add(&request, NETNSA_FD, &netns, sizeof(netns));
		request_add(&request, NETNSA_NSID, &any, sizeof(any));
		ask(&request, buffer);
	}
	return -1;
}

/* What there is to know from a message about a link. 0 or -1. */
static int read_news(struct link_news *news, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const void *mtu;

	/* A bridge speaks of its ports in the same words, with its own family. */
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*link)) || link->ifi_family != AF_UNSPEC)
		return -1;
	*news = (struct link_news){ .ifindex = link->ifi_index, .is_up = link->ifi_flags & IFF_UP };
	mtu = find_attribute(message, sizeof(*link), IFLA_MTU, sizeof(news->mtu_bytes));
	if (mtu)
		memcpy(&news->mtu_bytes, mtu, sizeof(news->mtu_bytes));
	return 0;
}

/* Finds the interface wherever it is, and how it is. 0 or -1. */
static int find_link(struct link_watch *watch, struct link_news *news, const char *name)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER_LEN];
	AUTO(auto_close) int netns = tun_open_netns(watch->tun);
	const struct nlmsghdr *answer;
	struct request request;

	watch->nsid = NSID_OURS;
	if (netns >= 0 && find_nsid(&watch->nsid, netns))
		return -1;
	request_init(&request, RTM_GETLINK, sizeof(request.link));
	request_add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	if (watch->nsid != NSID_OURS)
		request_add(&request, IFLA_TARGET_NETNSID, &watch->nsid, sizeof(watch->nsid));
	answer = ask(&request, buffer);
	return answer && answer->nlmsg_type == RTM_NEWLINK ? read_news(news, answer) : -1;
}

/* ---- hearing ---- */

/* The kernel speaks up more often than something changes that matters here. */
static void tell(struct link_watch *watch, const struct link_news *news)
{
	const unsigned int mtu_bytes = news->mtu_bytes ? news->mtu_bytes : watch->mtu_bytes;

	if (watch->has_told && watch->is_up == news->is_up && watch->mtu_bytes == mtu_bytes)
		return;
	watch->has_told = true;
	watch->is_up = news->is_up;
	watch->mtu_bytes = mtu_bytes;
	watch->handler.link(watch->handler.ctx, watch->is_up, watch->mtu_bytes);
}

/* Looks for the link, and follows it from there. */
static void follow(struct link_watch *watch)
{
	struct link_news news = { .is_up = true };
	char name[IFNAMSIZ];

	if (tun_current_name(watch->tun, name))
		return; /* gone: the TUN tells that */
	if (find_link(watch, &news, name))
		log_warn("cannot watch the interface where it is: it is taken for up");
	watch->ifindex = news.ifindex;
	tell(watch, &news);
}

static void links_ready(struct loop_source *source, uint32_t events)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER_LEN];
	struct link_watch *watch = source->ctx;
	ssize_t len;
	int nsid;

	(void)events;
	while ((len = receive(source->fd, buffer, &nsid))) {
		const struct nlmsghdr *message;
		struct link_news news;
		size_t at = 0;

		if (len < 0)
			follow(watch);
		while (len > 0 && (message = next_message(buffer, &at, (size_t)len))) {
			if (read_news(&news, message) || nsid != watch->nsid ||
			    news.ifindex != watch->ifindex)
				continue;
			if (message->nlmsg_type == RTM_NEWLINK)
				tell(watch, &news);
			else if (message->nlmsg_type == RTM_DELLINK)
				follow(watch);
		}
	}
}

static void addresses_ready(struct loop_source *source, uint32_t events)
{
	_Alignas(struct nlmsghdr) char buffer[BUFFER_LEN];
	struct link_watch *watch = source->ctx;
	bool is_gone = false;
	ssize_t len;
	int nsid;

	(void)events;
	while ((len = receive(source->fd, buffer, &nsid))) {
		const struct nlmsghdr *message;
		size_t at = 0;

		is_gone |= len < 0;
		while (len > 0 && (message = next_message(buffer, &at, (size_t)len)))
			is_gone |= message->nlmsg_type == RTM_DELADDR;
	}
	if (is_gone)
		watch->handler.address_gone(watch->handler.ctx);
}

static int open_source(struct link_watch *watch, struct loop_source *source, uint32_t groups,
		       void (*ready)(struct loop_source *source, uint32_t events), struct err *err)
{
	int r;

	*source = (struct loop_source){ .ready = ready, .ctx = watch };
	source->fd = open_rtnetlink(groups);
	if (source->fd < 0)
		return err_set(err, -errno, "rtnetlink: %s", strerror(errno));
	r = loop_add(watch->loop, source, EPOLLIN, err);
	if (r) {
		close(source->fd);
		source->fd = -1;
	}
	return r;
}

int link_watch_new(struct link_watch **out, struct loop *loop, const struct tun *tun,
		   const struct link_watch_handler *handler, struct err *err)
{
	struct link_watch *watch = mem_alloc(1, sizeof(*watch));
	const int all = 1;
	int r;

	watch->loop = loop;
	watch->tun = tun;
	watch->handler = *handler;
	watch->mtu_bytes = TUN_MTU_BYTES;
	watch->links.fd = watch->addresses.fd = -1;
	r = open_source(watch, &watch->links, RTMGRP_LINK, links_ready, err);
	if (!r)
		r = open_source(watch, &watch->addresses, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
				addresses_ready, err);
	if (r) {
		link_watch_free(watch);
		return r;
	}
	/* May be forbidden; then a link that is moved away just is not heard of. */
	setsockopt(watch->links.fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &all, sizeof(all));
	follow(watch);
	*out = watch;
	return 0;
}

static void close_source(struct link_watch *watch, struct loop_source *source)
{
	if (source->fd < 0)
		return;
	loop_remove(watch->loop, source);
	close(source->fd);
}

void link_watch_free(struct link_watch *watch)
{
	if (!watch)
		return;
	close_source(watch, &watch->links);
	close_source(watch, &watch->addresses);
	free(watch);
}
