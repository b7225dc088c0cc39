#ifndef DATAPATH_HOST_UAPI_SERVER_H
#define DATAPATH_HOST_UAPI_SERVER_H

#include "datapath/host/loop.h"
#include "lib/model/device.h"
#include "lib/util/err.h"

/*
 * Serves the cross-platform userspace API on a listening socket: many clients at once, none of
 * which can hold up another or the tunnel; any number of operations on each connection.
 * Source: https://www.wireguard.com/xplatform/, "Configuration Protocol".
 */
struct uapi_server;

enum {
	/* At a time. One more takes the place of the one that has been silent for longest. */
	UAPI_MAX_CLIENTS = 64,
	UAPI_MAX_LINE = 16384,        /* bytes, with the newline */
	UAPI_MAX_REQUEST = 512 << 20, /* bytes: a million peers need about 200 MB */
};

/** The device that is served. */
struct uapi_handler {
	/* A description of the device; the server frees it. */
	struct wg_device *(*get)(void *ctx);
	/* Makes the change, or none of it: 0 or a negative errno. */
	int (*set)(void *ctx, const struct wg_device *change, struct err *err);
	void *ctx;
};

/** Serves the clients of `listening_fd`, which is borrowed. *out is a new server. */
int uapi_server_new(struct uapi_server **out, struct loop *loop, int listening_fd,
		    const struct uapi_handler *handler, struct err *err);
/** Closes all connections. NULL is allowed. */
void uapi_server_free(struct uapi_server *server);

#endif
