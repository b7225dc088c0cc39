/*
 * Keeping the kernel's own words. A dump's messages say all that a request to make the same thing
 * has to say; they are copied, made requests, and sent when they are needed. A list owns its
 * messages.
 */
#include "lib/netlink/messages.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/rtnl.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

void message_list_fini(struct message_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct message_list){ 0 };
}

struct listing {
	struct message_list *list;
	unsigned int ifindex;
};

static void keep(struct message_list *list, const struct nlmsghdr *message)
{
	struct nlmsghdr *copy = mem_alloc(1, NLMSG_ALIGN(message->nlmsg_len));

	memcpy(copy, message, message->nlmsg_len);
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(struct nlmsghdr *));
	list->items[list->n++] = copy;
}

static void take_address(struct nlmsghdr *message, void *ctx)
{
	struct listing *listing = ctx;
	const struct ifaddrmsg *ifa = nlmsg_data(message);

	if (message->nlmsg_type == RTM_NEWADDR && nlmsg_valid_hdr(message, sizeof(*ifa)) &&
	    ifa->ifa_family == AF_INET && ifa->ifa_index == listing->ifindex)
		keep(listing->list, message);
}

static void take_route(struct nlmsghdr *message, void *ctx)
{
	struct listing *listing = ctx;
	const struct rtmsg *rtm = nlmsg_data(message);
	struct nlattr *oif;

	if (message->nlmsg_type != RTM_NEWROUTE || !nlmsg_valid_hdr(message, sizeof(*rtm)) ||
	    rtm->rtm_family != AF_INET || rtm->rtm_protocol == RTPROT_KERNEL ||
	    rtm->rtm_flags & RTM_F_CLONED)
		return;
	oif = nlmsg_find_attr(message, sizeof(*rtm), RTA_OIF);
	if (oif && nla_len(oif) == sizeof(uint32_t) && nla_get_u32(oif) == listing->ifindex)
		keep(listing->list, message);
}

static int read_once(struct listing *listing, enum message_kind kind, struct err *err)
{
	bool is_routes = kind == MESSAGE_ROUTES;
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request =
		nlmsg_alloc_simple(is_routes ? RTM_GETROUTE : RTM_GETADDR, NLM_F_DUMP);
	struct rtmsg routes = { .rtm_family = AF_INET };
	struct ifaddrmsg addresses = { .ifa_family = AF_INET };
	int r;

	assert(request);
	r = is_routes ? nlmsg_append(request, &routes, sizeof(routes), NLMSG_ALIGNTO)
		      : nlmsg_append(request, &addresses, sizeof(addresses), NLMSG_ALIGNTO);
	assert(!r);
	message_list_fini(listing->list);
	return rtnl_ask_messages(request, is_routes ? take_route : take_address, listing, err);
}

int message_list_read(struct message_list *out, enum message_kind kind, unsigned int ifindex,
		      struct err *err)
{
	struct listing listing = { .list = out, .ifindex = ifindex };
	int r = -EINTR;

	for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++)
		r = read_once(&listing, kind, err);
	if (r)
		message_list_fini(out);
	return r;
}

static bool is_about(struct nlmsghdr *message, const struct cidr *address)
{
	const struct ifaddrmsg *ifa = nlmsg_data(message);
	struct nlattr *local = nlmsg_find_attr(message, sizeof(*ifa), IFA_LOCAL);

	return local && nla_len(local) == sizeof(address->addr.v4) &&
	       ifa->ifa_prefixlen == address->bits &&
	       !memcmp(nla_data(local), &address->addr.v4, sizeof(address->addr.v4));
}

void message_list_drop_address(struct message_list *list, const struct cidr *address)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (is_about(list->items[i], address))
			free(list->items[i]);
		else
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

bool message_list_has_secondary(const struct message_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ifaddrmsg *ifa = nlmsg_data(list->items[i]);

		if (ifa->ifa_flags & IFA_F_SECONDARY)
			return true;
	}
	return false;
}

/* Sends it as a request. Returns 0 if there is what it wants, then. */
static int send_again(const struct nlmsghdr *message)
{
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = nlmsg_convert((struct nlmsghdr *)message);
	struct nlmsghdr *hdr;
	int r;

	assert(request);
	hdr = nlmsg_hdr(request);
	hdr->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	hdr->nlmsg_seq = NL_AUTO_SEQ;
	hdr->nlmsg_pid = NL_AUTO_PORT;
	if (hdr->nlmsg_type == RTM_NEWROUTE)
		((struct rtmsg *)nlmsg_data(hdr))->rtm_flags &= RTNH_F_ONLINK;
	r = rtnl_ask(request, NULL, NULL, NULL);
	return r == -EEXIST ? 0 : r;
}

void message_list_restore(const struct message_list *list)
{
	size_t n_failed = list->n, n_before;

	/* A route by a gateway takes another, which may come behind it. */
	do {
		n_before = n_failed;
		n_failed = 0;
		for (size_t i = 0; i < list->n; i++)
			n_failed += send_again(list->items[i]) != 0;
	} while (n_failed && n_failed < n_before);
}
