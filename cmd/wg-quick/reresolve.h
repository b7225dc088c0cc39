#ifndef CMD_WG_QUICK_RERESOLVE_H
#define CMD_WG_QUICK_RERESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/model/device.h"

/**
 * Whether a peer of a device needs its name looked up: it has no endpoint, or its last handshake is
 * older than 135 s, when a session in use would long have been renewed, or it has had none.
 */
bool reresolve_is_silent(const struct wg_peer *peer, int64_t now_s);

/**
 * What the endpoint of a silent peer is to be, by what its name stands for now; NULL if it stays as
 * it is. That is the first address if the endpoint is none of them, and else, if it has proved
 * dead, the next one. `addrs` are borrowed, and there may be none.
 */
const union sockaddr_ip *reresolve_choose(const struct wg_peer *peer,
					  const union sockaddr_ip *addrs, size_t n_addrs);

#endif
