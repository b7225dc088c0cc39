#ifndef DATAPATH_HOST_UAPI_SOCKET_H
#define DATAPATH_HOST_UAPI_SOCKET_H

#include "datapath/host/loop.h"
#include "lib/util/err.h"

/*
 * The file RUNSTATEDIR/wireguard/NAME.sock and the socket behind it. To remove the file is the
 * documented way to end a daemon.
 * Source: https://www.wireguard.com/xplatform/, "Interface".
 */
struct uapi_socket;

/**
 * Begins to listen. The file appears at once with somebody listening behind it, readable by its
 * owner alone; one that a dead daemon left is replaced. Returns 0 or a negative errno: -EADDRINUSE
 * when another daemon answers there.
 */
int uapi_socket_open(struct uapi_socket **out, const char *name, struct err *err);
/** Takes over a listening socket that somebody else opened; owned from now on if 0. */
int uapi_socket_adopt(struct uapi_socket **out, int fd, const char *name, struct err *err);
/** Stops listening, and removes the file if it is still this socket's. NULL is allowed. */
void uapi_socket_free(struct uapi_socket *sock);

int uapi_socket_fd(const struct uapi_socket *sock);

/** Calls gone() when the file is no longer this socket's. 0 or a negative errno. */
int uapi_socket_watch(struct uapi_socket *sock, struct loop *loop, void (*gone)(void *ctx),
		      void *ctx, struct err *err);

#endif
