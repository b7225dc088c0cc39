#ifndef DATAPATH_HOST_CONTROL_H
#define DATAPATH_HOST_CONTROL_H

#include "datapath/engine/tunnel.h"
#include "datapath/host/udp.h"
#include "lib/model/device.h"
#include "lib/util/err.h"

/*
 * wg_device -> the running tunnel and its sockets (set), and back (get).
 */
struct control {
	const char *name; /* of the interface */
	struct tunnel *tunnel;
	struct udp *udp;
};

/**
 * Makes `change`, or none of it: port and firewall mark, which the kernel may refuse, come first.
 * Then the private key, then the peers in their order; the same peer may come several times. Our
 * own public key as a peer is passed over, and so is the removal of a peer that is not there.
 * 0 or a negative errno.
 */
int control_set(const struct control *control, const struct wg_device *change,
		const struct instant *now, struct err *err);

/** All there is to say about the device; never NULL, to be freed. */
struct wg_device *control_get(const struct control *control);

#endif
