#ifndef LIB_NETLINK_MESSAGES_H
#define LIB_NETLINK_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/model/cidr.h"
#include "lib/util/err.h"

/*
 * Private to this room: what the kernel says about a link's IPv4 addresses and routes, kept as it
 * was said, to be told the kernel again. So nothing is lost that nobody here knows the meaning of.
 */

enum message_kind {
	MESSAGE_ADDRESSES,
	MESSAGE_ROUTES, /* of all tables, bar those that the kernel makes by itself */
};

/** Start with `= { 0 }`. */
struct message_list {
	struct nlmsghdr **items; /* each owned */
	size_t n, cap;
};

/** Reads those of a link into an empty list. Returns 0 or a negative errno with *err filled in. */
int message_list_read(struct message_list *out, enum message_kind kind, unsigned int ifindex,
		      struct err *err);

/** Leaves an address out. */
void message_list_drop_address(struct message_list *list, const struct cidr *address);

/** Whether any of these addresses is in a network that another one has come to the link with. */
bool message_list_has_secondary(const struct message_list *list);

/** Makes what is not there any more, as far as that is possible. */
void message_list_restore(const struct message_list *list);

void message_list_fini(struct message_list *list);

#endif
