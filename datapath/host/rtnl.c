/* rtnetlink: see rtnl.h. Nothing is owned here. */
#include "datapath/host/rtnl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int rtnl_open(uint32_t groups)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

ssize_t rtnl_receive(int fd, struct rtnl_buffer *buffer, int *nsid)
{
	struct sockaddr_nl from = { 0 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { buffer->bytes, sizeof(buffer->bytes) };
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
	*nsid = RTNL_NSID_OURS;
	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(nsid, CMSG_DATA(c), sizeof(*nsid));
	return got;
}

const struct nlmsghdr *rtnl_next(const struct rtnl_buffer *buffer, size_t *at, size_t len)
{
	const struct nlmsghdr *message = (const void *)(buffer->bytes + *at);
	size_t left = len - *at;

	if (left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > left)
		return NULL;
	*at = NLMSG_ALIGN(message->nlmsg_len) < left ? *at + NLMSG_ALIGN(message->nlmsg_len) : len;
	return message;
}

const void *rtnl_attribute(const struct nlmsghdr *message, size_t header_len, int type, size_t len)
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

void rtnl_request_init(struct rtnl_request *request, uint16_t type, const void *header,
		       size_t header_len)
{
	*request = (struct rtnl_request){ 0 };
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST;
	request->header.nlmsg_len = NLMSG_ALIGN(NLMSG_LENGTH(header_len));
	memcpy(request->payload, header, header_len);
}

void rtnl_request_add(struct rtnl_request *request, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)((char *)request + request->header.nlmsg_len);

	assert(request->header.nlmsg_len + RTA_SPACE(len) <= sizeof(*request));
	attr->rta_type = type;
	attr->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	request->header.nlmsg_len += RTA_ALIGN(attr->rta_len);
}

const struct nlmsghdr *rtnl_ask(int fd, const struct rtnl_request *request,
				struct rtnl_buffer *buffer)
{
	size_t at = 0;
	ssize_t len;
	int nsid;

	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return NULL;
	len = rtnl_receive(fd, buffer, &nsid);
	return len > 0 ? rtnl_next(buffer, &at, (size_t)len) : NULL;
}
