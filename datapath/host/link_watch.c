/*
 * What becomes of the link: see link_watch.h. One rtnetlink socket hears of all network namespaces
 * that have a number (an nsid) here, for the interface may be moved to one of them. A socket in
 * that namespace would do as well, but keep it from ever going away. When the link disappears from
 * where it was, it was either deleted or moved; then it is looked for anew. Owns the socket. One
 * thread.
 */
#include "datapath/host/link_watch.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/host/rtnl.h"
#include "lib/util/cleanup.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

struct link_watch {
	struct loop *loop;
	const struct tun *tun;
	struct link_watch_handler handler;
	struct loop_source source;
	/* Where the link is: the number of its network namespace, and its own in there. */
	int nsid;
	int ifindex;
	/* As last told. */
	bool has_told, is_up;
	unsigned int mtu_bytes;
};

/* What a message about a link says. */
struct link_news {
	int ifindex;
	bool is_up;
	unsigned int mtu_bytes; /* 0: nothing about it */
};

/* ---- asking ---- */

/* The number of a namespace, given to it if it has none. 0 or -1. */
static int find_nsid(int *nsid, int fd, int netns)
{
	const struct rtgenmsg header = { .rtgen_family = AF_UNSPEC };
	const struct nlmsghdr *answer;
	struct rtnl_request request;
	struct rtnl_buffer buffer;
	const int any = -1;

	for (int tries = 0; tries < 2; tries++) {
		const void *found = NULL;

		rtnl_request_init(&request, RTM_GETNSID, &header, sizeof(header));
		rtnl_request_add(&request, NETNSA_FD, &netns, sizeof(netns));
		answer = rtnl_ask(fd, &request, &buffer);
		if (answer && answer->nlmsg_type == RTM_NEWNSID)
			found = rtnl_attribute(answer, sizeof(header), NETNSA_NSID, sizeof(*nsid));
		if (found)
			memcpy(nsid, found, sizeof(*nsid));
		if (found && *nsid >= 0)
			return 0;
		rtnl_request_init(&request, RTM_NEWNSID, &header, sizeof(header));
		request.header.nlmsg_flags |= NLM_F_ACK;
		rtnl_request_add(&request, NETNSA_FD, &netns, sizeof(netns));
		rtnl_request_add(&request, NETNSA_NSID, &any, sizeof(any));
		rtnl_ask(fd, &request, &buffer);
	}
	return -1;
}

/* What there is to know from a message about a link. 0 or -1. */
static int read_news(struct link_news *news, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const void *mtu;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*link)))
		return -1;
	*news = (struct link_news){ .ifindex = link->ifi_index, .is_up = link->ifi_flags & IFF_UP };
	mtu = rtnl_attribute(message, sizeof(*link), IFLA_MTU, sizeof(news->mtu_bytes));
	if (mtu)
		memcpy(&news->mtu_bytes, mtu, sizeof(news->mtu_bytes));
	return 0;
}

/* Finds the interface wherever it is, and how it is. 0 or -1. */
static int find_link(struct link_watch *watch, struct link_news *news, const char *name)
{
	AUTO(auto_close) int netns = tun_open_netns(watch->tun);
	AUTO(auto_close) int fd = rtnl_open(0);
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	const struct nlmsghdr *answer;
	struct rtnl_request request;
	struct rtnl_buffer buffer;

	watch->nsid = RTNL_NSID_OURS;
	if (fd < 0 || (netns >= 0 && find_nsid(&watch->nsid, fd, netns)))
		return -1;
	rtnl_request_init(&request, RTM_GETLINK, &header, sizeof(header));
	rtnl_request_add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	if (watch->nsid != RTNL_NSID_OURS)
		rtnl_request_add(&request, IFLA_TARGET_NETNSID, &watch->nsid, sizeof(watch->nsid));
	answer = rtnl_ask(fd, &request, &buffer);
	return answer && answer->nlmsg_type == RTM_NEWLINK ? read_news(news, answer) : -1;
}

void link_watch_limit_pieces(const struct link_watch *watch, uint32_t n_packets)
{
	AUTO(auto_close) int fd = rtnl_open(0);
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = watch->ifindex };
	struct rtnl_request request;

	rtnl_request_init(&request, RTM_NEWLINK, &header, sizeof(header));
	rtnl_request_add(&request, IFLA_GSO_MAX_SEGS, &n_packets, sizeof(n_packets));
	if (fd >= 0 && watch->ifindex && watch->nsid == RTNL_NSID_OURS)
		send(fd, &request, request.header.nlmsg_len, 0);
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
	struct link_watch *watch = source->ctx;
	struct rtnl_buffer buffer;
	ssize_t len;
	int nsid;

	(void)events;
	while ((len = rtnl_receive(source->fd, &buffer, &nsid))) {
		const struct nlmsghdr *message;
		struct link_news news;
		size_t at = 0;

		if (len < 0)
			follow(watch);
		while (len > 0 && (message = rtnl_next(&buffer, &at, (size_t)len))) {
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

int link_watch_new(struct link_watch **out, struct loop *loop, const struct tun *tun,
		   const struct link_watch_handler *handler, struct err *err)
{
	struct link_watch *watch;
	const int all = 1;
	int r, fd = rtnl_open(RTMGRP_LINK);

	if (fd < 0)
		return err_set(err, -errno, "rtnetlink: %s", strerror(errno));
	/* May be forbidden; then a link that is moved away just is not heard of. */
	setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &all, sizeof(all));
	watch = mem_alloc(1, sizeof(*watch));
	watch->loop = loop;
	watch->tun = tun;
	watch->handler = *handler;
	watch->mtu_bytes = TUN_MTU_BYTES;
	watch->source = (struct loop_source){ .fd = fd, .ready = links_ready, .ctx = watch };
	r = loop_add(loop, &watch->source, EPOLLIN, err);
	if (r) {
		close(fd);
		free(watch);
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
	loop_remove(watch->loop, &watch->source);
	close(watch->source.fd);
	free(watch);
}
