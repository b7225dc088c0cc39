#ifndef LIB_NETLINK_RTNL_H
#define LIB_NETLINK_RTNL_H

#include <netlink/netlink.h>
#include <netlink/object.h>

#include "lib/model/cidr.h"
#include "lib/util/err.h"

/* Private to this room: one question to the kernel about links, addresses or routes (rtnetlink). */

/** Is handed each object of an answer; it keeps what it wants, the object goes afterwards. */
typedef void rtnl_answer(struct nl_object *object, void *ctx);

/**
 * Sends `request` (which stays the caller's) on a socket of its own and reads the answer to its
 * end. `answer` may be NULL when the kernel only says yes or no.
 * Returns 0 or the kernel's negative errno; err's text is strerror's word and, where the kernel
 * gave one, its own explanation. -EINTR: the tables changed during a dump, which is incomplete.
 */
int rtnl_ask(struct nl_msg *request, rtnl_answer *answer, void *ctx, struct err *err);

/** Is handed each message of an answer. */
typedef void rtnl_message(struct nlmsghdr *message, void *ctx);

/** As rtnl_ask(), for what libnl has no object for, or one that leaves too much out. */
int rtnl_ask_messages(struct nl_msg *request, rtnl_message *take, void *ctx, struct err *err);

/** How often a dump that was interrupted by a change is begun again. */
enum {
	RTNL_DUMP_TRIES = 16
};

/** A prefix as libnl's address; give it back with nl_addr_put(). */
struct nl_addr *rtnl_addr_from_cidr(const struct cidr *cidr);
/** Returns whether it is an IPv4 or IPv6 address; *out is written only then. */
bool rtnl_addr_to_cidr(struct cidr *out, const struct nl_addr *addr);

/** For AUTO(). */
void rtnl_auto_msg_free(struct nl_msg **msg);

#endif
