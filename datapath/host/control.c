/*
 * Configuration: see control.h. Nothing is kept here: the tunnel knows keys and peers, udp knows
 * port and mark. One thread.
 */
#include "datapath/host/control.h"

#include <stdio.h>

#include "lib/crypto/ready.h"
#include "lib/util/cleanup.h"
#include "lib/util/log.h"

/* The part that can fail. */
static int set_sockets(const struct control *control, const struct wg_device *change,
		       struct err *err)
{
	const uint16_t old_port = udp_port(control->udp);
	const uint32_t old_mark = udp_mark(control->udp);
	uint16_t port = change->flags & WG_DEVICE_HAS_LISTEN_PORT ? change->listen_port : old_port;
	uint32_t mark = change->flags & WG_DEVICE_HAS_FWMARK ? change->fwmark : old_mark;
	int r = udp_configure(control->udp, port, mark, err);

	if (r)
		return r;
	if (udp_port(control->udp) != old_port)
		log_info("listening on port %u", udp_port(control->udp));
	/* The mark decides the route, and so the source. */
	if (mark != old_mark)
		tunnel_forget_sources(control->tunnel);
	return 0;
}

static void set_allowed_ips(struct tunnel *tunnel, struct peer *peer, const struct wg_peer *change)
{
	if (change->flags & WG_PEER_REPLACE_ALLOWED_IPS)
		tunnel_clear_allowed_ips(tunnel, peer);
	for (uint32_t i = 0; i < change->n_allowed_ips; i++) {
		struct cidr cidr = change->allowed_ips[i].cidr;

		cidr_mask(&cidr);
		if (change->allowed_ips[i].remove)
			tunnel_remove_allowed_ip(tunnel, peer, &cidr);
		else
			tunnel_add_allowed_ip(tunnel, peer, &cidr);
	}
}

static void set_peer(struct tunnel *tunnel, const struct wg_peer *change, const struct instant *now)
{
	struct peer *peer = tunnel_find_peer(tunnel, &change->public_key);

	if (change->flags & WG_PEER_REMOVE) {
		if (peer)
			tunnel_remove_peer(tunnel, peer);
		return;
	}
	if (!peer && !(change->flags & WG_PEER_UPDATE_ONLY))
		peer = tunnel_add_peer(tunnel, &change->public_key, now);
	if (!peer)
		return;
	if (change->flags & WG_PEER_HAS_PRESHARED_KEY)
		tunnel_set_preshared_key(tunnel, peer, &change->preshared_key);
	if (change->endpoint.addr.sa.sa_family != AF_UNSPEC)
		tunnel_set_endpoint(tunnel, peer, &change->endpoint.addr);
	set_allowed_ips(tunnel, peer, change);
	/* After the endpoint: turning it on sends a packet there. */
	if (change->flags & WG_PEER_HAS_KEEPALIVE)
		tunnel_set_keepalive(tunnel, peer, change->keepalive_s, now);
	tunnel_poke_peer(tunnel, peer, now);
}

int control_set(const struct control *control, const struct wg_device *change,
		const struct instant *now, struct err *err)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = change };
	const struct wg_peer *peer;
	int r = 0;

	/* Before anything is changed. Without keys there is nothing to be ready for. */
	if (change->flags & WG_DEVICE_HAS_PRIVATE_KEY || change->n_peers)
		r = crypto_ready(err);
	r = r ? r : set_sockets(control, change, err);
	if (r)
		return r;
	if (change->flags & WG_DEVICE_HAS_PRIVATE_KEY)
		tunnel_set_private_key(control->tunnel, &change->private_key, now);
	if (change->flags & WG_DEVICE_REPLACE_PEERS)
		tunnel_remove_all_peers(control->tunnel);
	while ((peer = wg_peers_next(&peers)))
		set_peer(control->tunnel, peer, now);
	return 0;
}

struct wg_device *control_get(const struct control *control)
{
	struct wg_device *device = wg_device_new();
	struct peer *peer = NULL;

	snprintf(device->name, sizeof(device->name), "%s", control->name);
	tunnel_get_keys(control->tunnel, &device->private_key, &device->public_key);
	if (!wg_key_is_zero(&device->private_key))
		device->flags |= WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_PUBLIC_KEY;
	device->listen_port = udp_port(control->udp);
	device->fwmark = udp_mark(control->udp);
	device->flags |= WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	while ((peer = tunnel_next_peer(control->tunnel, peer)))
		tunnel_describe_peer(control->tunnel, peer, wg_device_add_peer(device));
	return device;
}
