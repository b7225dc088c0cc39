/*
 * Netlink's messages and attributes: see nlmsg.h. Everything begins at a multiple of 4 bytes; what
 * is between two attributes is written as zeros and not looked at. The last attribute read may lack
 * its padding. No memory is owned; any thread.
 */
#include "lib/netlink/nlmsg.h"

#include <assert.h>
#include <string.h>

/* ---- reading ------------------------------------------------------------------------------ */

const void *nlmsg_payload(const struct nlmsghdr *message)
{
	return (const uint8_t *)message + NLMSG_HDRLEN;
}

size_t nlmsg_payload_len(const struct nlmsghdr *message)
{
	return message->nlmsg_len - NLMSG_HDRLEN;
}

struct nlattrs nlmsg_attrs(const struct nlmsghdr *message, size_t header_len)
{
	size_t skipped = NLMSG_ALIGN(header_len), len = nlmsg_payload_len(message);

	/* A header alone may lack its padding. */
	if (skipped > len)
		skipped = len;
	return (struct nlattrs){
		.at = (const uint8_t *)nlmsg_payload(message) + skipped,
		.len = len - skipped,
	};
}

const struct nlattr *nlattrs_next(struct nlattrs *attrs)
{
	const struct nlattr *attr = (const void *)attrs->at;
	size_t step;

	if (attrs->len < sizeof(*attr) || attr->nla_len < sizeof(*attr) ||
	    attr->nla_len > attrs->len)
		return NULL;
	step = NLA_ALIGN((size_t)attr->nla_len);
	if (step > attrs->len)
		step = attrs->len;
	attrs->at += step;
	attrs->len -= step;
	return attr;
}

uint16_t nlattr_type(const struct nlattr *attr)
{
	return attr->nla_type & NLA_TYPE_MASK;
}

const void *nlattr_value(const struct nlattr *attr)
{
	return (const uint8_t *)attr + NLA_HDRLEN;
}

size_t nlattr_len(const struct nlattr *attr)
{
	return attr->nla_len - (size_t)NLA_HDRLEN;
}

struct nlattrs nlattr_nested(const struct nlattr *attr)
{
	return (struct nlattrs){ .at = nlattr_value(attr), .len = nlattr_len(attr) };
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Appends `len` bytes of zeros and what alignment adds; there must be room. */
static void *append(struct nlmsg_writer *w, size_t len)
{
	uint8_t *end = (uint8_t *)w->message + w->message->nlmsg_len;

	memset(end, 0, NLMSG_ALIGN(len));
	w->message->nlmsg_len += NLMSG_ALIGN((uint32_t)len);
	return end;
}

struct nlmsg_writer nlmsg_start(void *buf, size_t cap, uint16_t type, uint16_t flags, uint32_t seq,
				size_t header_len)
{
	struct nlmsg_writer w = { .message = buf, .cap = cap };

	assert(cap >= NLMSG_HDRLEN + NLMSG_ALIGN(header_len));
	*w.message = (struct nlmsghdr){
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = flags,
		.nlmsg_seq = seq,
	};
	append(&w, header_len);
	return w;
}

void *nlmsg_header(const struct nlmsg_writer *w)
{
	return (uint8_t *)w->message + NLMSG_HDRLEN;
}

/* An attribute whose value is zeros so far; NULL when it does not fit. */
static struct nlattr *add_attribute(struct nlmsg_writer *w, uint16_t type, size_t len)
{
	struct nlattr *attr;

	if (w->full || NLA_HDRLEN + NLA_ALIGN(len) > w->cap - w->message->nlmsg_len) {
		w->full = true;
		return NULL;
	}
	attr = append(w, NLA_HDRLEN + len);
	attr->nla_type = type;
	attr->nla_len = (uint16_t)(NLA_HDRLEN + len);
	return attr;
}

void nlmsg_put(struct nlmsg_writer *w, uint16_t type, const void *value, size_t len)
{
	struct nlattr *attr = add_attribute(w, type, len);

	if (attr)
		memcpy((uint8_t *)attr + NLA_HDRLEN, value, len);
}

void nlmsg_put_u16(struct nlmsg_writer *w, uint16_t type, uint16_t value)
{
	nlmsg_put(w, type, &value, sizeof(value));
}

void nlmsg_put_u32(struct nlmsg_writer *w, uint16_t type, uint32_t value)
{
	nlmsg_put(w, type, &value, sizeof(value));
}

void nlmsg_put_string(struct nlmsg_writer *w, uint16_t type, const char *text)
{
	nlmsg_put(w, type, text, strlen(text) + 1);
}

struct nlattr *nlmsg_open(struct nlmsg_writer *w, uint16_t type)
{
	return add_attribute(w, type | NLA_F_NESTED, 0);
}

void nlmsg_close(struct nlmsg_writer *w, struct nlattr *nest)
{
	size_t len = (size_t)((uint8_t *)w->message + w->message->nlmsg_len - (uint8_t *)nest);

	assert(len <= UINT16_MAX);
	nest->nla_len = (uint16_t)len;
}

void nlmsg_cancel(struct nlmsg_writer *w, struct nlattr *nest)
{
	w->message->nlmsg_len = (uint32_t)((uint8_t *)nest - (uint8_t *)w->message);
}
