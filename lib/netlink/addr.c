/*
 * A link's addresses: each function builds one rtnetlink request, asks, and translates the answer.
 * Stateless; the caller owns what is written.
 */
#include "lib/netlink/addr.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/link.h"
#include "lib/netlink/messages.h"
#include "lib/netlink/rtnl.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* By hand: libnl's object cannot say "/0", which an interface's address may well be. */
static int ask_about(int type, int flags, unsigned int ifindex, const struct cidr *address,
		     struct err *err)
{
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = nlmsg_alloc_simple(type, flags);
	struct ifaddrmsg ifa = {
		.ifa_family = address->family,
		.ifa_prefixlen = address->bits,
		.ifa_scope = address->family == AF_INET && address->addr.bytes[0] == 127
				     ? RT_SCOPE_HOST
				     : RT_SCOPE_UNIVERSE,
		.ifa_index = ifindex,
	};
	int len = (int)cidr_max_bits(address->family) / 8, r;

	assert(request);
	r = nlmsg_append(request, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
	assert(!r);
	r = nla_put(request, IFA_LOCAL, len, address->addr.bytes);
	assert(!r);
	r = nla_put(request, IFA_ADDRESS, len, address->addr.bytes);
	assert(!r);
	return rtnl_ask(request, NULL, NULL, err);
}

int addr_add(const char *name, const struct cidr *address, struct err *err)
{
	char text[CIDR_TEXT_MAX];
	struct link_info link;
	int r = link_get(&link, name, err);

	if (!r)
		r = ask_about(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link.ifindex, address, err);
	cidr_format(text, address);
	if (r)
		err_prefix(err, "cannot add the address %s to `%s'", text, name);
	return r;
}

struct listing {
	unsigned int ifindex;
	struct cidr *items;
	size_t n, cap;
};

static void take_addr(struct nl_object *object, void *ctx)
{
	struct rtnl_addr *addr = (struct rtnl_addr *)object;
	struct listing *listing = ctx;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct cidr cidr;

	if ((unsigned int)rtnl_addr_get_ifindex(addr) != listing->ifindex || !local ||
	    !rtnl_addr_to_cidr(&cidr, local))
		return;
	/* A point-to-point address carries the length of the prefix on its far end. */
	cidr.bits = (uint8_t)rtnl_addr_get_prefixlen(addr);
	listing->items =
		mem_grow(listing->items, &listing->cap, listing->n + 1, sizeof(*listing->items));
	listing->items[listing->n++] = cidr;
}

/* The same, but it can see what libnl's object does not have. */
static void take_given_addr(struct nlmsghdr *hdr, void *ctx)
{
	struct listing *listing = ctx;
	const struct ifaddrmsg *ifa = nlmsg_data(hdr);
	struct nlattr *attrs[IFA_MAX + 1], *addr;
	struct cidr cidr = { 0 };
	size_t len;

	if (nlmsg_parse(hdr, sizeof(*ifa), attrs, IFA_MAX, NULL) ||
	    ifa->ifa_index != listing->ifindex ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return;
	addr = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	len = cidr_max_bits(ifa->ifa_family) / 8;
	if (!addr || (size_t)nla_len(addr) != len ||
	    (attrs[IFA_PROTO] && nla_len(attrs[IFA_PROTO]) &&
	     nla_get_u8(attrs[IFA_PROTO]) == IFAPROT_KERNEL_LL))
		return;
	cidr.family = ifa->ifa_family;
	cidr.bits = ifa->ifa_prefixlen;
	memcpy(cidr.addr.bytes, nla_data(addr), len);
	listing->items =
		mem_grow(listing->items, &listing->cap, listing->n + 1, sizeof(*listing->items));
	listing->items[listing->n++] = cidr;
}

static int list_once(struct listing *listing, bool is_given_only, struct err *err)
{
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
	int r;

	assert(request);
	r = nlmsg_append(request, &all, sizeof(all), NLMSG_ALIGNTO);
	assert(!r);
	listing->n = 0;
	return is_given_only ? rtnl_ask_messages(request, take_given_addr, listing, err)
			     : rtnl_ask(request, take_addr, listing, err);
}

static int list(struct cidr **out, size_t *n, const char *name, bool is_given_only, struct err *err)
{
	AUTO(auto_free) struct cidr *items = NULL;
	struct listing listing = { 0 };
	struct link_info link;
	int r = link_get(&link, name, err);

	if (r)
		return r;
	listing.ifindex = link.ifindex;
	r = -EINTR;
	for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++)
		r = list_once(&listing, is_given_only, err);
	items = listing.items;
	if (r) {
		err_prefix(err, "cannot list the addresses of `%s'", name);
		return r;
	}
	*n = listing.n;
	*out = listing.n ? TAKE(items) : NULL;
	return 0;
}

int addr_list(struct cidr **out, size_t *n, const char *name, struct err *err)
{
	return list(out, n, name, false, err);
}

int addr_list_given(struct cidr **out, size_t *n, const char *name, struct err *err)
{
	return list(out, n, name, true, err);
}

/* ---- taking one away ------------------------------------------------------------------------- */

static int delete_one(unsigned int ifindex, const char *name, const struct cidr *address,
		      struct err *err)
{
	char text[CIDR_TEXT_MAX];
	int r = ask_about(RTM_DELADDR, 0, ifindex, address, err);

	cidr_format(text, address);
	if (r)
		err_prefix(err, "cannot delete the address %s of `%s'", text, name);
	return r;
}

/* Most often it has, and there may be thousands. */
static bool has_all(const struct message_list *routes, unsigned int ifindex)
{
	AUTO(message_list_fini) struct message_list left = { 0 };

	return !message_list_read(&left, MESSAGE_ROUTES, ifindex, NULL) && left.n == routes->n;
}

int addr_delete(const char *name, const struct cidr *address, struct err *err)
{
	AUTO(message_list_fini) struct message_list addresses = { 0 }, routes = { 0 };
	struct link_info link;
	int r = link_get(&link, name, err);

	if (r || address->family != AF_INET)
		return r ? r : delete_one(link.ifindex, name, address, err);
	r = message_list_read(&addresses, MESSAGE_ADDRESSES, link.ifindex, err);
	if (r)
		return r;
	message_list_drop_address(&addresses, address);
	/* Then nothing goes along, and to look for it among thousands would take a while. */
	if (addresses.n && !message_list_has_secondary(&addresses))
		return delete_one(link.ifindex, name, address, err);
	r = message_list_read(&routes, MESSAGE_ROUTES, link.ifindex, err);
	if (!r)
		r = delete_one(link.ifindex, name, address, err);
	if (r)
		return r;
	message_list_restore(&addresses);
	if (!has_all(&routes, link.ifindex))
		message_list_restore(&routes);
	return 0;
}
