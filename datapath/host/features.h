#ifndef DATAPATH_HOST_FEATURES_H
#define DATAPATH_HOST_FEATURES_H

#include <stdbool.h>

#include "lib/util/err.h"

/**
 * What may be left to the kernel, many packets at a time. Each is used if it is wanted and the
 * kernel has it; without any of them the same packets flow, one by one.
 */
struct features {
	bool tun_tso; /* TCP is read from the TUN before it is cut into packets */
	bool tun_uso; /* likewise UDP, where a program sends many datagrams at once */
	bool tun_gro; /* what was received is put together before it is written to the TUN */
	bool udp_gso; /* datagrams to one peer are sent in one piece */
	bool udp_gro; /* and received in one */
};

/**
 * Reads "on", "off", or the names of those that are wanted: "tun-tso,udp-gso". *out is written
 * only on success. 0, or -EINVAL with *err filled in.
 */
int features_parse(struct features *out, const char *text, struct err *err);

#endif
