#ifndef LIB_NETLINK_WGDEV_CODEC_H
#define LIB_NETLINK_WGDEV_CODEC_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/model/device.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * Netlink messages <-> model, pure: no socket. wgdev.c carries the bytes.
 * Source: docs.kernel.org/netlink/specs/wireguard.html; for the messages around them,
 * docs.kernel.org/userspace-api/netlink/intro.html.
 */

/** What a reply is handed to, message by message. */
struct wgdev_reader {
	/* 0 goes on; a negative errno, with *err filled in, stops. */
	int (*take)(void *ctx, const struct nlmsghdr *message, struct err *err);
	void *ctx;
};

/**
 * Walks over one datagram of the reply to request `seq` and hands each message of content to
 * the reader. *done is set to whether the reply ends here (an acknowledgement, or a dump's end).
 * `bytes` must be aligned as a struct nlmsghdr is.
 * Returns 0; the error that the kernel reports; -EINTR when a dump says that what it describes
 * changed under way, so that it has to be asked for again; -EPROTO for what is no such reply.
 */
int wgdev_read_reply(bool *done, const void *bytes, size_t len, uint32_t seq,
		     const struct wgdev_reader *reader, struct err *err);

/** Takes the family's number out of CTRL_CMD_NEWFAMILY. ctx: uint16_t, set only if it is there. */
int wgdev_decode_family(void *ctx, const struct nlmsghdr *message, struct err *err);
/** Takes the name out of an RTM_NEWLINK of kind "wireguard". ctx: struct strlist. */
int wgdev_decode_link(void *ctx, const struct nlmsghdr *message, struct err *err);
/**
 * Adds one message of WG_CMD_GET_DEVICE's reply to a device. ctx: struct wg_device. A peer with
 * the key of the last one continues it. Attributes that are not known are passed over.
 */
int wgdev_decode_device(void *ctx, const struct nlmsghdr *message, struct err *err);

/** The smallest room for a message: all of a device's own values, a peer's, one allowed IP. */
enum {
	WGDEV_MESSAGE_MIN = 512
};

/**
 * How far a change has been written. Start with `= { .change = change, .peers.device = change }`,
 * and give it back with wgdev_encoder_fini().
 */
struct wgdev_encoder {
	const struct wg_device *change; /* borrowed */
	struct wg_peers peers;          /* the walk over its peers... */
	const struct wg_peer *peer;     /* ...stands at the first not written to its end; or NULL */
	uint32_t allowed_ip;            /* of that peer: the first that is not written */
	bool in_peer;                   /* that peer's own values are written */
	bool started;                   /* the device's own values are written */
	bool port_is_set;               /* by a message before: wgdev_encode_port() */
};

/**
 * Writes the next message that a change takes (WG_CMD_SET_DEVICE, at most `cap` bytes, to be
 * acknowledged) to `buf`, aligned as a struct nlmsghdr is. Returns false once there is none left;
 * an empty change still takes one, for the kernel to say whether the device is there.
 * What does not fit goes on in the next message, which says only what is still missing: a peer's
 * flags, or that all peers are replaced, would take away what was set before.
 */
bool wgdev_encode_next(struct wgdev_encoder *encoder, void *buf, size_t cap, uint16_t family,
		       uint32_t seq);
/**
 * Writes a message that sets the change's listen port and nothing else. The driver sets the mark
 * before it tries the port, so a mark would stay behind when the port is refused.
 */
void wgdev_encode_port(void *buf, size_t cap, const struct wg_device *change, uint16_t family,
		       uint32_t seq);
/** Fit for AUTO(). */
void wgdev_encoder_fini(struct wgdev_encoder *encoder);

/**
 * Writes a message that changes nothing and that every driver refuses with -EINVAL which reads
 * attributes strictly. One that takes it passes over what it does not know: told to take an
 * allowed IP away, it would add it, if it is older than that.
 */
void wgdev_encode_strictness_probe(void *buf, size_t cap, const char *name, uint16_t family,
				   uint32_t seq);

#endif
