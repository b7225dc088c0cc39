/*
 * One question to the kernel about links, addresses or routes.
 *
 * libnl-route turns objects into messages and back; this file sends one and reads the answer. It
 * does so itself, rather than by libnl's helpers, because those fold the kernel's errno into fewer
 * codes of their own and drop its explanation ("ipv4: Address already assigned").
 *
 * A socket lives as long as one question. Nothing is shared, so any thread may ask.
 */
#include "lib/netlink/rtnl.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util/cleanup.h"

struct exchange {
	rtnl_answer *answer; /* one of these two, or neither */
	rtnl_message *take;
	void *ctx;
	bool done;
	int code;          /* the kernel's negative errno, or 0 */
	char message[256]; /* the kernel's explanation, or empty */
};

static void auto_socket_free(struct nl_sock **sock)
{
	nl_socket_free(*sock); /* NULL is allowed */
}

static void auto_cb_put(struct nl_cb **cb)
{
	if (*cb)
		nl_cb_put(*cb);
}

static void hand_on(struct nl_object *object, void *arg)
{
	struct exchange *exchange = arg;

	exchange->answer(object, exchange->ctx);
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	if (exchange->take)
		exchange->take(nlmsg_hdr(msg), exchange->ctx);
	else if (exchange->answer)
		nl_msg_parse(msg, hand_on, exchange); /* what libnl does not know is passed over */
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct exchange *exchange = arg;

	(void)msg;
	exchange->done = true;
	return NL_STOP;
}

/* The error message's attributes follow it directly: NETLINK_CAP_ACK keeps our request out. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct exchange *exchange = arg;
	struct nlmsghdr *hdr = (struct nlmsghdr *)((char *)error - NLMSG_HDRLEN);
	int len = nlmsg_attrlen(hdr, sizeof(*error));

	(void)from;
	exchange->done = true;
	exchange->code = error->error;
	if ((hdr->nlmsg_flags & NLM_F_ACK_TLVS) && (hdr->nlmsg_flags & NLM_F_CAPPED) && len > 0) {
		struct nlattr *text =
			nla_find(nlmsg_attrdata(hdr, sizeof(*error)), len, NLMSGERR_ATTR_MSG);

		if (text)
			nla_strlcpy(exchange->message, text, sizeof(exchange->message));
	}
	return NL_STOP;
}

static int open_socket(struct nl_sock **out, struct err *err)
{
	AUTO(auto_socket_free) struct nl_sock *sock = nl_socket_alloc();
	int one = 1, r;

	assert(sock);
	r = nl_connect(sock, NETLINK_ROUTE);
	if (r < 0)
		return err_set(err, -EPROTO, "cannot open a netlink socket: %s", nl_geterror(r));
	/* Kernels too old for these just explain less. */
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	*out = TAKE(sock);
	return 0;
}

static int ask(struct nl_msg *request, struct exchange *exchange, struct err *err)
{
	AUTO(auto_socket_free) struct nl_sock *sock = NULL;
	AUTO(auto_cb_put) struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int r = open_socket(&sock, err);

	if (r)
		return r;
	assert(cb);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, exchange);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, exchange);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, exchange);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, exchange);

	r = nl_send_auto(sock, request);
	while (r >= 0 && !exchange->done)
		r = nl_recvmsgs(sock, cb);
	if (r == -NLE_DUMP_INTR)
		return err_set(err, -EINTR, "the kernel's tables changed while they were read");
	if (exchange->code)
		return err_set(err, exchange->code, "%s%s%s", strerror(-exchange->code),
			       exchange->message[0] ? ": " : "", exchange->message);
	if (r < 0)
		return err_set(err, -EPROTO, "netlink: %s", nl_geterror(r));
	return 0;
}

int rtnl_ask(struct nl_msg *request, rtnl_answer *answer, void *ctx, struct err *err)
{
	struct exchange exchange = { .answer = answer, .ctx = ctx };

	return ask(request, &exchange, err);
}

int rtnl_ask_messages(struct nl_msg *request, rtnl_message *take, void *ctx, struct err *err)
{
	struct exchange exchange = { .take = take, .ctx = ctx };

	return ask(request, &exchange, err);
}

struct nl_addr *rtnl_addr_from_cidr(const struct cidr *cidr)
{
	struct nl_addr *addr =
		nl_addr_build(cidr->family, cidr->addr.bytes, cidr_max_bits(cidr->family) / 8);

	assert(addr);
	nl_addr_set_prefixlen(addr, cidr->bits);
	return addr;
}

bool rtnl_addr_to_cidr(struct cidr *out, const struct nl_addr *addr)
{
	struct cidr cidr = { .family = nl_addr_get_family(addr) };
	unsigned int len = nl_addr_get_len(addr);

	if (cidr.family != AF_INET && cidr.family != AF_INET6)
		return false;
	/* A default route's destination has no bytes at all. */
	if (len > cidr_max_bits(cidr.family) / 8 ||
	    nl_addr_get_prefixlen(addr) > cidr_max_bits(cidr.family))
		return false;
	memcpy(cidr.addr.bytes, nl_addr_get_binary_addr(addr), len);
	cidr.bits = nl_addr_get_prefixlen(addr);
	*out = cidr;
	return true;
}

void rtnl_auto_msg_free(struct nl_msg **msg)
{
	nlmsg_free(*msg); /* NULL is allowed */
}
