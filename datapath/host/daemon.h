#ifndef DATAPATH_HOST_DAEMON_H
#define DATAPATH_HOST_DAEMON_H

#include "datapath/host/features.h"
#include "lib/crypto/aead.h"
#include "lib/util/err.h"

/*
 * One interface at work: the TUN, the UDP sockets, the tunnel between them, and the UAPI socket,
 * joined by one event loop.
 */
struct daemon;

enum {
	DAEMON_THREADS_MAX = AEAD_THREADS_MAX
};

struct daemon_options {
	const char *name; /* of the interface */
	int tun_fd;       /* an open TUN descriptor, owned from now on; -1: create the interface */
	int uapi_fd;      /* a listening UAPI socket, likewise; -1: create it */
	unsigned int n_threads;   /* that move packets: up to DAEMON_THREADS_MAX; 0: one */
	struct features features; /* what is to be left to the kernel, as far as it can */
};

/**
 * Creates everything, and blocks the signals that end it. When it returns, the UAPI socket accepts
 * connections. Returns 0, or a negative errno with nothing left behind.
 */
int daemon_new(struct daemon **out, const struct daemon_options *options, struct err *err);
/** Removes everything: socket, interface, keys. NULL is allowed. */
void daemon_free(struct daemon *daemon);

/**
 * Works until SIGTERM, SIGINT, SIGHUP or SIGQUIT, or until the interface or the UAPI socket's file
 * is removed.
 */
void daemon_run(struct daemon *daemon);

#endif
