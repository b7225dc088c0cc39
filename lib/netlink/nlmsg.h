#ifndef LIB_NETLINK_NLMSG_H
#define LIB_NETLINK_NLMSG_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The layout that all netlink messages have: a header, then one of the message's own, then
 * attributes, which may hold attributes. Pure; buffers are the caller's, and aligned as a struct
 * nlmsghdr is. A library for this would be loaded at each start of a program that may not even
 * come to speak with the kernel.
 * Source: docs.kernel.org/userspace-api/netlink/intro.html, netlink(7).
 */

/** A stretch of attributes that is being read. */
struct nlattrs {
	const uint8_t *at;
	size_t len;
};

/** The bytes behind the header. The message's length must have been checked. */
const void *nlmsg_payload(const struct nlmsghdr *message);
size_t nlmsg_payload_len(const struct nlmsghdr *message);
/** The attributes behind a header of `header_len` bytes, which must be there. */
struct nlattrs nlmsg_attrs(const struct nlmsghdr *message, size_t header_len);

/** The next attribute; NULL at the end, and at what is none: too short, or longer than the rest. */
const struct nlattr *nlattrs_next(struct nlattrs *attrs);

/** The number, without the flags. */
uint16_t nlattr_type(const struct nlattr *attr);
/** The value, aligned to 4 bytes at best. */
const void *nlattr_value(const struct nlattr *attr);
size_t nlattr_len(const struct nlattr *attr);
/** The attributes that it holds. */
struct nlattrs nlattr_nested(const struct nlattr *attr);

/** A message that grows up to `cap` bytes. Once something did not fit, nothing more is put. */
struct nlmsg_writer {
	struct nlmsghdr *message;
	size_t cap;
	bool full;
};

/** Starts a message with `header_len` bytes of zeros behind its header; both must fit. */
struct nlmsg_writer nlmsg_start(void *buf, size_t cap, uint16_t type, uint16_t flags, uint32_t seq,
				size_t header_len);
/** The message's own header. */
void *nlmsg_header(const struct nlmsg_writer *w);

void nlmsg_put(struct nlmsg_writer *w, uint16_t type, const void *value, size_t len);
void nlmsg_put_u16(struct nlmsg_writer *w, uint16_t type, uint16_t value);
void nlmsg_put_u32(struct nlmsg_writer *w, uint16_t type, uint32_t value);
/** With its NUL. */
void nlmsg_put_string(struct nlmsg_writer *w, uint16_t type, const char *text);

/** Opens an attribute that holds what is put next. NULL when it does not fit. */
struct nlattr *nlmsg_open(struct nlmsg_writer *w, uint16_t type);
/** Ends it, with what it holds by now. Its length has 16 bits: `cap` must not be above that. */
void nlmsg_close(struct nlmsg_writer *w, struct nlattr *nest);
/** Takes it back, and all that was put since. `full` stays. */
void nlmsg_cancel(struct nlmsg_writer *w, struct nlattr *nest);

#endif
