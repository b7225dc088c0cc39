/*
 * The host's routing rules. libnl's own object for them knows neither "not" nor the suppressed
 * prefixes, so messages are built and read here, attribute by attribute. Stateless; the caller owns
 * what is written.
 */
#include "lib/netlink/rule.h"

#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/netlink/rtnl.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

static void put_u32(struct nl_msg *request, int attribute, uint32_t value)
{
	int r = nla_put_u32(request, attribute, value);

	assert(!r);
}

static struct nl_msg *build(int type, int flags, const struct rule *rule)
{
	struct nl_msg *request = nlmsg_alloc_simple(type, flags);
	struct fib_rule_hdr hdr = {
		.family = rule->family,
		.table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL,
		.flags = rule->is_inverted ? FIB_RULE_INVERT : 0,
	};
	int r;

	assert(request);
	r = nlmsg_append(request, &hdr, sizeof(hdr), NLMSG_ALIGNTO);
	assert(!r);
	put_u32(request, FRA_TABLE, rule->table);
	if (rule->priority)
		put_u32(request, FRA_PRIORITY, rule->priority);
	if (rule->mark_mask) {
		put_u32(request, FRA_FWMARK, rule->mark);
		put_u32(request, FRA_FWMASK, rule->mark_mask);
	}
	if (rule->suppress_prefixlen >= 0)
		put_u32(request, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefixlen);
	return request;
}

/* Whether an attribute says nothing that struct rule has no place for. */
static bool is_known(const struct nlattr *attribute)
{
	switch (nla_type(attribute)) {
	case FRA_UNSPEC:
	case FRA_PAD:
	case FRA_TABLE:
	case FRA_PRIORITY:
	case FRA_FWMARK:
	case FRA_FWMASK:
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_PROTOCOL:
		return true;
	}
	return false;
}

/* Returns whether the message is a rule, described whole by *out. */
static bool parse(struct rule *out, struct nlmsghdr *message)
{
	const struct fib_rule_hdr *hdr = nlmsg_data(message);
	struct nlattr *attribute;
	int left;

	if (message->nlmsg_type != RTM_NEWRULE || !nlmsg_valid_hdr(message, sizeof(*hdr)))
		return false;
	if (hdr->src_len || hdr->dst_len || hdr->tos || hdr->action != FR_ACT_TO_TBL)
		return false;
	*out = (struct rule){ .family = hdr->family,
			      .table = hdr->table,
			      .is_inverted = hdr->flags & FIB_RULE_INVERT,
			      .suppress_prefixlen = -1 };
	nlmsg_for_each_attr(attribute, message, sizeof(*hdr), left)
	{
		uint32_t *place = NULL;

		if (!is_known(attribute))
			return false;
		switch (nla_type(attribute)) {
		case FRA_TABLE:
			place = &out->table;
			break;
		case FRA_PRIORITY:
			place = &out->priority;
			break;
		case FRA_FWMARK:
			place = &out->mark;
			break;
		case FRA_FWMASK:
			place = &out->mark_mask;
			break;
		case FRA_SUPPRESS_PREFIXLEN:
			place = (uint32_t *)&out->suppress_prefixlen;
			break;
		}
		if (place && nla_len(attribute) >= (int)sizeof(*place))
			*place = nla_get_u32(attribute);
	}
	return true;
}

static void take_priority(struct nlmsghdr *message, void *ctx)
{
	struct rule *rule = ctx, added;

	if (parse(&added, message))
		rule->priority = added.priority;
}

int rule_add(struct rule *rule, struct err *err)
{
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request = build(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO, rule);
	int r = rtnl_ask_messages(request, take_priority, rule, err);

	if (r)
		err_prefix(err, "cannot add a routing rule");
	return r;
}

/* Of the rules of a family, all of them: the least priority but one. */
struct least {
	uint8_t family;
	size_t n;
	uint32_t second;
};

static void take_least(struct nlmsghdr *message, void *ctx)
{
	struct least *least = ctx;
	struct fib_rule_hdr *hdr = nlmsg_data(message);
	struct nlattr *priority;

	if (message->nlmsg_type != RTM_NEWRULE || !nlmsg_valid_hdr(message, sizeof(*hdr)) ||
	    hdr->family != least->family || least->n++ != 1)
		return;
	priority = nlmsg_find_attr(message, sizeof(*hdr), FRA_PRIORITY);
	if (priority && nla_len(priority) >= (int)sizeof(least->second))
		least->second = nla_get_u32(priority);
}

uint32_t rule_next_priority(uint8_t family)
{
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETRULE, NLM_F_DUMP);
	struct fib_rule_hdr all = { .family = family };
	struct least least = { .family = family };
	int r;

	assert(request);
	r = nlmsg_append(request, &all, sizeof(all), NLMSG_ALIGNTO);
	assert(!r);
	if (rtnl_ask_messages(request, take_least, &least, NULL) || !least.second)
		return 0;
	return least.second - 1;
}

int rule_delete(const struct rule *rule, struct err *err)
{
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = build(RTM_DELRULE, 0, rule);
	int r = rtnl_ask(request, NULL, NULL, err);

	if (r)
		err_prefix(err, "cannot delete a routing rule");
	return r;
}

struct listing {
	struct rule_list *list;
	uint8_t family;
};

static void take_rule(struct nlmsghdr *message, void *ctx)
{
	struct listing *listing = ctx;
	struct rule_list *list = listing->list;
	struct rule rule;

	/* A kernel without the family answers with those of all others. */
	if (!parse(&rule, message) || rule.family != listing->family)
		return;
	list->items = mem_grow(list->items, &list->cap, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = rule;
}

static int list_once(struct listing *listing, struct err *err)
{
	AUTO(rtnl_auto_msg_free)
	struct nl_msg *request = nlmsg_alloc_simple(RTM_GETRULE, NLM_F_DUMP);
	struct fib_rule_hdr all = { .family = listing->family };
	int r;

	assert(request);
	r = nlmsg_append(request, &all, sizeof(all), NLMSG_ALIGNTO);
	assert(!r);
	return rtnl_ask_messages(request, take_rule, listing, err);
}

int rule_list_read(struct rule_list *list, uint8_t family, struct err *err)
{
	struct listing listing = { .list = list, .family = family };
	size_t before = list->n;
	int r = -EINTR;

	for (int tries = 0; r == -EINTR && tries < RTNL_DUMP_TRIES; tries++) {
		list->n = before;
		r = list_once(&listing, err);
	}
	/* Without the family there are no rules of it. */
	if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
		return 0;
	if (r) {
		err_prefix(err, "cannot list the routing rules");
		rule_list_fini(list);
	}
	return r;
}

void rule_list_fini(struct rule_list *list)
{
	free(list->items);
	*list = (struct rule_list){ 0 };
}
