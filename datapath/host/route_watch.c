/*
 * Routes of the outer side: see route_watch.h. Two rtnetlink sockets, one to hear, one to ask.
 * Owns both. One thread.
 */
#include "datapath/host/route_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/host/rtnl.h"
#include "lib/util/mem.h"

enum {
	/* Links, too: routes that go away with one are not told of. */
	GROUPS = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR |
		 RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_RULE | 1 << (RTNLGRP_IPV6_RULE - 1),
	/* Of one turn: a router may learn a million routes, and packets are waiting. */
	MAX_DATAGRAMS = 64,
};

struct route_watch {
	struct loop *loop;
	struct route_watch_handler handler;
	struct loop_source source;
	int ask_fd;
};

static void routes_ready(struct loop_source *source, uint32_t events)
{
	struct route_watch *watch = source->ctx;
	struct rtnl_buffer buffer;
	int nsid, n = 0;

	(void)events;
	while (n < MAX_DATAGRAMS && rtnl_receive(source->fd, &buffer, &nsid))
		n++;
	if (n)
		watch->handler.changed(watch->handler.ctx);
}

bool route_watch_is_usable(const struct route_watch *watch, const struct path *path, uint32_t mark)
{
	const bool is_v4 = path->remote.sa.sa_family == AF_INET;
	const size_t len = is_v4 ? sizeof(path->source.v4) : sizeof(path->source.v6);
	const void *remote = is_v4 ? (const void *)&path->remote.v4.sin_addr
				   : (const void *)&path->remote.v6.sin6_addr;
	const struct rtmsg header = {
		.rtm_family = (unsigned char)path->remote.sa.sa_family,
		.rtm_dst_len = (unsigned char)(len * 8),
		.rtm_src_len = (unsigned char)(len * 8),
	};
	const struct nlmsghdr *answer;
	struct rtnl_request request;
	struct rtnl_buffer buffer;
	const void *out;
	uint32_t ifindex;

	/* A link-local address is bound to its link anyway. */
	if (!is_v4 && IN6_IS_ADDR_LINKLOCAL(&path->remote.v6.sin6_addr))
		return true;
	rtnl_request_init(&request, RTM_GETROUTE, &header, sizeof(header));
	rtnl_request_add(&request, RTA_DST, remote, len);
	rtnl_request_add(&request, RTA_SRC, &path->source, len);
	rtnl_request_add(&request, RTA_MARK, &mark, sizeof(mark));
	answer = rtnl_ask(watch->ask_fd, &request, &buffer);
	if (!answer || answer->nlmsg_type != RTM_NEWROUTE)
		return !answer;
	out = rtnl_attribute(answer, sizeof(header), RTA_OIF, sizeof(ifindex));
	if (!out)
		return true;
	memcpy(&ifindex, out, sizeof(ifindex));
	return ifindex == path->source_ifindex;
}

int route_watch_new(struct route_watch **out, struct loop *loop,
		    const struct route_watch_handler *handler, struct err *err)
{
	struct route_watch *watch = mem_alloc(1, sizeof(*watch));
	int r = 0;

	watch->loop = loop;
	watch->handler = *handler;
	watch->source = (struct loop_source){
		.fd = rtnl_open(GROUPS),
		.ready = routes_ready,
		.ctx = watch,
	};
	watch->ask_fd = rtnl_open(0);
	if (watch->source.fd < 0 || watch->ask_fd < 0)
		r = err_set(err, -errno, "rtnetlink: %s", strerror(errno));
	else
		r = loop_add(loop, &watch->source, EPOLLIN, err);
	if (r) {
		route_watch_free(watch);
		return r;
	}
	*out = watch;
	return 0;
}

void route_watch_free(struct route_watch *watch)
{
	if (!watch)
		return;
	if (watch->source.fd >= 0) {
		loop_remove(watch->loop, &watch->source);
		close(watch->source.fd);
	}
	if (watch->ask_fd >= 0)
		close(watch->ask_fd);
	free(watch);
}
