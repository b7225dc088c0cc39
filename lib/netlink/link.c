/*
 * The host's network links: each function builds one rtnetlink request, asks, and translates the
 * answer. Stateless; the caller owns what is written.
 */
#include "lib/netlink/link.h"

#include <assert.h>
#include <errno.h>
#include <netlink/route/link.h>
#include <stdbool.h>
#include <string.h>

#include "lib/netlink/rtnl.h"
#include "lib/util/cleanup.h"

static void auto_link_put(struct rtnl_link **link)
{
	rtnl_link_put(*link); /* NULL is allowed */
}

/* A name longer than the kernel's is no link's name, so it is not cut either. */
static int check_name(const char *name, struct err *err)
{
	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return err_set(err, -ENODEV, "`%s' cannot be the name of an interface", name);
	return 0;
}

static struct rtnl_link *link_named(const char *name)
{
	struct rtnl_link *link = rtnl_link_alloc();

	assert(link);
	rtnl_link_set_name(link, name);
	return link;
}

struct lookup {
	struct link_info info;
	bool found;
};

static void take_link(struct nl_object *object, void *ctx)
{
	struct rtnl_link *link = (struct rtnl_link *)object;
	struct lookup *lookup = ctx;
	const char *name = rtnl_link_get_name(link);
	const char *kind = rtnl_link_get_type(link);

	strncpy(lookup->info.name, name ? name : "", sizeof(lookup->info.name) - 1);
	strncpy(lookup->info.kind, kind ? kind : "", sizeof(lookup->info.kind) - 1);
	lookup->info.ifindex = (unsigned int)rtnl_link_get_ifindex(link);
	lookup->info.mtu_bytes = rtnl_link_get_mtu(link);
	lookup->info.flags = rtnl_link_get_flags(link);
	lookup->found = true;
}

static int look_up(struct link_info *out, unsigned int ifindex, const char *name, struct err *err)
{
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	struct lookup lookup = { 0 };
	int r = rtnl_link_build_get_request((int)ifindex, name, &request);

	assert(!r);
	r = rtnl_ask(request, take_link, &lookup, err);
	if (r)
		return r;
	if (!lookup.found)
		return err_set(err, -ENODEV, "%s", strerror(ENODEV));
	*out = lookup.info;
	return 0;
}

int link_get(struct link_info *out, const char *name, struct err *err)
{
	int r = check_name(name, err);

	return r ? r : look_up(out, 0, name, err);
}

int link_get_by_index(struct link_info *out, unsigned int ifindex, struct err *err)
{
	return look_up(out, ifindex, NULL, err);
}

int link_add_wireguard(const char *name, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *link = NULL;
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	int r = check_name(name, err);

	if (r)
		return r;
	link = link_named(name);
	r = rtnl_link_set_type(link, "wireguard");
	assert(!r);
	r = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &request);
	assert(!r);
	r = rtnl_ask(request, NULL, NULL, err);
	if (r)
		err_prefix(err, "cannot create `%s'", name);
	return r;
}

int link_delete(const char *name, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *link = NULL;
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	int r = check_name(name, err);

	if (r)
		return r;
	link = link_named(name);
	r = rtnl_link_build_delete_request(link, &request);
	assert(!r);
	r = rtnl_ask(request, NULL, NULL, err);
	if (r)
		err_prefix(err, "cannot delete `%s'", name);
	return r;
}

/* Makes what `changes` says to the link called `name`. The request finds it by a name among the
 * changes: libnl sends the index alone of the link that is to be changed. */
static int change(const char *name, struct rtnl_link *changes, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *link = NULL;
	AUTO(rtnl_auto_msg_free) struct nl_msg *request = NULL;
	int r = check_name(name, err);

	if (r)
		return r;
	link = link_named(name);
	rtnl_link_set_name(changes, name);
	r = rtnl_link_build_change_request(link, changes, 0, &request);
	assert(!r);
	return rtnl_ask(request, NULL, NULL, err);
}

int link_set_mtu(const char *name, unsigned int mtu_bytes, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	assert(changes);
	rtnl_link_set_mtu(changes, mtu_bytes);
	r = change(name, changes, err);
	if (r)
		err_prefix(err, "cannot set the MTU of `%s' to %u", name, mtu_bytes);
	return r;
}

int link_move(const char *name, int netns, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	assert(changes);
	rtnl_link_set_ns_fd(changes, netns);
	r = change(name, changes, err);
	if (r)
		err_prefix(err, "cannot move `%s' to its network namespace", name);
	return r;
}

int link_set_up(const char *name, struct err *err)
{
	AUTO(auto_link_put) struct rtnl_link *changes = rtnl_link_alloc();
	int r;

	assert(changes);
	rtnl_link_set_flags(changes, IFF_UP);
	r = change(name, changes, err);
	if (r)
		err_prefix(err, "cannot set `%s' up", name);
	return r;
}
