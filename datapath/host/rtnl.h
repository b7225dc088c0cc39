#ifndef DATAPATH_HOST_RTNL_H
#define DATAPATH_HOST_RTNL_H

#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The few bytes of rtnetlink that a daemon needs: to hear of links and routes, and to ask for one.
 */
enum {
	RTNL_BUFFER_LEN = 32768,
	RTNL_NSID_OURS = -1,
};

/** A buffer for one datagram of messages. */
struct rtnl_buffer {
	_Alignas(struct nlmsghdr) char bytes[RTNL_BUFFER_LEN];
};

/** A request to the kernel, with room for attributes. */
struct rtnl_request {
	struct nlmsghdr header;
	char payload[112];
};

/** A non-blocking socket in those groups (RTMGRP_...). -1 with errno. */
int rtnl_open(uint32_t groups);

/**
 * Reads one datagram from the kernel; *nsid is the network namespace that it tells of. Returns its
 * length; 0: there is nothing (more) to read; -ENOBUFS: messages were lost.
 */
ssize_t rtnl_receive(int fd, struct rtnl_buffer *buffer, int *nsid);

/** The message at *at, which moves on; start with 0. NULL at the end. */
const struct nlmsghdr *rtnl_next(const struct rtnl_buffer *buffer, size_t *at, size_t len);

/**
 * The attribute `type` of a message, behind its own header of that size, with `len` bytes at
 * least. NULL: there is none.
 */
const void *rtnl_attribute(const struct nlmsghdr *message, size_t header_len, int type, size_t len);

/** Begins a request with the message's own header. */
void rtnl_request_init(struct rtnl_request *request, uint16_t type, const void *header,
		       size_t header_len);
void rtnl_request_add(struct rtnl_request *request, uint16_t type, const void *data, size_t len);

/**
 * Asks the kernel, which answers at once, on a socket without groups. Returns the answer's first
 * message, in `buffer`; NULL without one.
 */
const struct nlmsghdr *rtnl_ask(int fd, const struct rtnl_request *request,
				struct rtnl_buffer *buffer);

#endif
