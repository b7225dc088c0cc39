/* Devices as plain data: see device.h. The device owns its peers, a peer its allowed IPs. */
#include "lib/model/device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/mem.h"

struct wg_device *wg_device_new(void)
{
	return mem_alloc(1, sizeof(struct wg_device));
}

static void peer_fini(struct wg_peer *peer)
{
	endpoint_fini(&peer->endpoint);
	free(peer->allowed_ips);
	free(peer->label);
	mem_wipe(peer, sizeof(*peer));
}

void wg_device_free(struct wg_device *device)
{
	if (!device)
		return;
	for (size_t i = 0; i < device->n_peers; i++)
		peer_fini(&device->peers[i]);
	free(device->peers);
	free(device->label);
	mem_wipe(device, sizeof(*device));
	free(device);
}

void wg_device_auto_free(struct wg_device **device)
{
	wg_device_free(*device);
}

void wg_device_reserve_peers(struct wg_device *device, size_t n)
{
	struct wg_peer *peers;

	if (n <= device->peers_cap)
		return;
	/* Preshared keys must not stay behind in memory that was outgrown. */
	peers = mem_alloc(n, sizeof(*peers));
	if (device->n_peers)
		memcpy(peers, device->peers, device->n_peers * sizeof(*peers));
	mem_wipe(device->peers, device->n_peers * sizeof(*peers));
	free(device->peers);
	device->peers = peers;
	device->peers_cap = n;
}

struct wg_peer *wg_device_add_peer(struct wg_device *device)
{
	struct wg_peer *peer;

	if (device->n_peers == device->peers_cap)
		wg_device_reserve_peers(device, device->peers_cap ? device->peers_cap * 2 : 4);
	peer = &device->peers[device->n_peers++];
	*peer = (struct wg_peer){ 0 };
	return peer;
}

const struct wg_peer *wg_peers_next(struct wg_peers *peers)
{
	const struct wg_device *device = peers->device;

	return peers->next < device->n_peers ? &device->peers[peers->next++] : NULL;
}

void wg_peers_fini(struct wg_peers *peers)
{
	peers->next = 0;
}

struct wg_allowed_ip *wg_peer_add_allowed_ip(struct wg_peer *peer)
{
	struct wg_allowed_ip *ip;

	assert(peer->n_allowed_ips < UINT32_MAX);
	peer->allowed_ips = mem_grow(peer->allowed_ips, &peer->allowed_ips_cap,
				     (size_t)peer->n_allowed_ips + 1, sizeof(*peer->allowed_ips));
	ip = &peer->allowed_ips[peer->n_allowed_ips++];
	*ip = (struct wg_allowed_ip){ 0 };
	return ip;
}

void wg_peer_clear_allowed_ips(struct wg_peer *peer)
{
	free(peer->allowed_ips);
	peer->allowed_ips = NULL;
	peer->n_allowed_ips = 0;
	peer->allowed_ips_cap = 0;
}
