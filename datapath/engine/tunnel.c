/*
 * One WireGuard interface: see tunnel.h for what it is and tunnel_internal.h for its files. Here:
 * making one, configuring it, describing it.
 *
 * The tunnel owns its peers, the tables and the packets in its queues; the pool is the host's.
 */
#include "datapath/engine/tunnel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/engine/tunnel_internal.h"
#include "lib/util/cleanup.h"
#include "lib/util/endian.h"
#include "lib/util/mem.h"

static const char *const verdict_names[] = {
	[VERDICT_SENT] = "sent",
	[VERDICT_RECEIVED] = "received",
	[VERDICT_KEEPALIVE] = "keepalive",
	[VERDICT_HANDSHAKE] = "handshake",
	[VERDICT_STAGED] = "staged",
	[VERDICT_STAGED_OVERFLOW] = "too many staged",
	[VERDICT_DOWN] = "interface down",
	[VERDICT_NO_PEER] = "no peer",
	[VERDICT_NO_ENDPOINT] = "no endpoint",
	[VERDICT_LOOP] = "routed into itself",
	[VERDICT_NO_MEMORY] = "no memory",
	[VERDICT_NOT_IP] = "not IP",
	[VERDICT_UNKNOWN_TYPE] = "unknown type",
	[VERDICT_BAD_LENGTH] = "bad length",
	[VERDICT_BAD_MAC] = "bad mac",
	[VERDICT_UNDER_LOAD] = "under load",
	[VERDICT_BAD_HANDSHAKE] = "bad handshake",
	[VERDICT_REPLAYED_HANDSHAKE] = "replayed handshake",
	[VERDICT_BAD_COOKIE] = "bad cookie",
	[VERDICT_NO_SESSION] = "no session",
	[VERDICT_BAD_TAG] = "bad tag",
	[VERDICT_REPLAYED] = "replayed",
	[VERDICT_FORBIDDEN_SOURCE] = "forbidden source",
};
_Static_assert(sizeof(verdict_names) / sizeof(verdict_names[0]) == VERDICT_N, "a name for each");

const char *verdict_name(enum verdict verdict)
{
	assert(verdict < VERDICT_N);
	return verdict_names[verdict];
}

uint64_t tunnel_count(const struct tunnel *tunnel, enum verdict verdict)
{
	uint64_t n = 0;

	assert(verdict < VERDICT_N);
	for (unsigned int i = 0; i < tunnel->env.n_lanes; i++)
		n += tunnel->lanes[i].counts[verdict];
	return n;
}

/* ---- shared by the tunnel's files --------------------------------------------------------- */

void tunnel_drop(struct tunnel *tunnel, struct packet *packet, enum verdict verdict)
{
	lane_drop(tunnel->at_work, packet, verdict);
}

static uint32_t random_u32(const struct tunnel *tunnel)
{
	uint8_t bytes[4];

	tunnel->env.random(tunnel->env.random_ctx, bytes, sizeof(bytes));
	return load_le32(bytes);
}

span_ns tunnel_jitter(const struct tunnel *tunnel)
{
	return (span_ns)((uint64_t)random_u32(tunnel) * (REKEY_TIMEOUT_JITTER_MAX + 1) >> 32);
}

uint32_t tunnel_new_index(struct tunnel *tunnel, struct peer *peer)
{
	uint32_t index;

	do
		index = random_u32(tunnel);
	while (!index_insert(tunnel->index, index, peer));
	return index;
}

void tunnel_prepare_from(struct tunnel *tunnel, struct peer *peer)
{
	tunnel->unprepared = peer;
}

void tunnel_schedule(struct tunnel *tunnel, struct peer *peer)
{
	peer->scheduled = timers_next(&peer->timers);
	deadlines_set(&tunnel->deadlines, &peer->deadline, peer->scheduled);
}

void tunnel_roam(struct peer *peer, const struct packet *packet)
{
	peer->path = packet->path;
}

void tunnel_clear_source(struct peer *peer)
{
	memset(&peer->path.source, 0, sizeof(peer->path.source));
	peer->path.source_ifindex = 0;
}

/* ---- the interface ------------------------------------------------------------------------ */

struct tunnel *tunnel_new(const struct tunnel_env *env)
{
	AUTO(wg_key_wipe) struct wg_key hash_key = { 0 };
	struct tunnel *tunnel = mem_alloc(1, sizeof(*tunnel));

	assert(env->pool && env->random);
	tunnel->env = *env;
	if (!env->n_lanes)
		tunnel->env.n_lanes = 1;
	tunnel->lanes = mem_alloc(tunnel->env.n_lanes, sizeof(tunnel->lanes[0]));
	for (unsigned int i = 0; i < tunnel->env.n_lanes; i++)
		tunnel->lanes[i].tunnel = tunnel;
	tunnel->at_work = &tunnel->lanes[0];
	tunnel->promised = MONO_NEVER;
	pthread_mutex_init(&tunnel->lock, NULL);
	tunnel->index = index_table_new();
	tunnel->allowed_ips = allowedips_new();
	tunnel->collect_at = MONO_NEVER;
	env->random(env->random_ctx, hash_key.bytes, sizeof(hash_key.bytes));
	peers_init(&tunnel->peers, &hash_key);
	env->random(env->random_ctx, hash_key.bytes, sizeof(hash_key.bytes));
	tunnel->limiter = ratelimiter_new(&hash_key);
	return tunnel;
}

void tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	tunnel_remove_all_peers(tunnel);
	for (unsigned int i = 0; i < tunnel->env.n_lanes; i++) {
		packet_queue_drop(&tunnel->lanes[i].to_udp);
		packet_queue_drop(&tunnel->lanes[i].to_tun);
	}
	free(tunnel->lanes);
	peers_fini(&tunnel->peers);
	deadlines_fini(&tunnel->deadlines);
	ratelimiter_free(tunnel->limiter);
	allowedips_free(tunnel->allowed_ips);
	index_table_free(tunnel->index);
	noise_identity_fini(&tunnel->identity);
	pthread_mutex_destroy(&tunnel->lock);
	mem_wipe(tunnel, sizeof(*tunnel));
	free(tunnel);
}

static bool same_source(const struct path *a, const struct path *b)
{
	if (a->remote.sa.sa_family != b->remote.sa.sa_family ||
	    a->source_ifindex != b->source_ifindex)
		return false;
	if (a->remote.sa.sa_family == AF_INET)
		return a->source.v4.s_addr == b->source.v4.s_addr;
	return !memcmp(&a->source.v6, &b->source.v6, sizeof(a->source.v6));
}

void tunnel_forget_source(struct tunnel *tunnel, const struct packet *packet)
{
	struct peer *peer = packet->peer;

	(void)tunnel;
	if (!peer)
		return;
	peer_lock(peer);
	/* It may have been heard from elsewhere since. */
	if (same_source(&peer->path, &packet->path))
		tunnel_clear_source(peer);
	peer_unlock(peer);
}

void tunnel_forget_sources(struct tunnel *tunnel)
{
	for (struct peer *peer = tunnel->peers.first; peer; peer = peer->after)
		tunnel_clear_source(peer);
}

void tunnel_check_sources(struct tunnel *tunnel,
			  bool (*is_usable)(void *ctx, const struct path *path), void *ctx)
{
	for (struct peer *peer = tunnel->peers.first; peer; peer = peer->after) {
		peer_lock(peer);
		if (peer->path.source_ifindex && !is_usable(ctx, &peer->path))
			tunnel_clear_source(peer);
		peer_unlock(peer);
	}
}

/* All that a peer knows of sessions is void; what waits for one goes on waiting. */
static void restart_peer(struct tunnel *tunnel, struct peer *peer, mono_ns now)
{
	peer_zero_keys(peer, tunnel->index);
	timers_stop(&peer->timers, now);
	tunnel_schedule(tunnel, peer);
}

/* Sends what waits; a keepalive is due. */
static void wake_peer(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	if (!tunnel->up)
		return;
	tunnel_send_staged(tunnel, peer, now);
	timers_hurry_keepalive(&peer->timers, now->mono);
	tunnel_schedule(tunnel, peer);
}

void tunnel_set_up(struct tunnel *tunnel, bool up, const struct instant *now)
{
	if (tunnel->up == up)
		return;
	tunnel->up = up;
	for (struct peer *peer = tunnel->peers.first; peer; peer = peer->after) {
		if (up) {
			wake_peer(tunnel, peer, now);
			continue;
		}
		packet_queue_drop(&peer->staged);
		peer_zero_keys(peer, tunnel->index);
		timers_stop(&peer->timers, now->mono);
		deadlines_remove(&tunnel->deadlines, &peer->deadline);
	}
}

void tunnel_set_mtu(struct tunnel *tunnel, unsigned int mtu_bytes)
{
	tunnel->env.mtu_bytes = mtu_bytes;
}

void tunnel_resumed(struct tunnel *tunnel, const struct instant *now)
{
	for (struct peer *peer = tunnel->peers.first; peer; peer = peer->after) {
		restart_peer(tunnel, peer, now->mono);
		tunnel_clear_source(peer);
		wake_peer(tunnel, peer, now);
	}
}

void tunnel_set_private_key(struct tunnel *tunnel, const struct wg_key *key,
			    const struct instant *now)
{
	AUTO(wg_key_wipe) struct wg_key clamped = *key;
	struct peer *self;

	if (!wg_key_is_zero(&clamped))
		wg_key_clamp(&clamped);
	if (wg_key_equal(&clamped, &tunnel->private_key))
		return;
	tunnel->private_key = clamped;
	noise_identity_set(&tunnel->identity, &clamped);
	cookie_checker_init(&tunnel->checker, &tunnel->identity.public_key);
	self = tunnel->identity.key ? peers_find(&tunnel->peers, &tunnel->identity.public_key)
				    : NULL;
	if (self)
		tunnel_remove_peer(tunnel, self);
	tunnel_prepare_from(tunnel, tunnel->peers.first);
	for (struct peer *peer = tunnel->peers.first; peer; peer = peer->after) {
		noise_remote_reset(&peer->remote);
		if (tunnel->up)
			restart_peer(tunnel, peer, now->mono);
		wake_peer(tunnel, peer, now);
	}
}

void tunnel_get_keys(const struct tunnel *tunnel, struct wg_key *private_key,
		     struct wg_key *public_key)
{
	*private_key = tunnel->private_key;
	*public_key = tunnel->identity.key ? tunnel->identity.public_key : (struct wg_key){ 0 };
}

/* ---- peers -------------------------------------------------------------------------------- */

struct peer *tunnel_find_peer(struct tunnel *tunnel, const struct wg_key *public_key)
{
	return peers_find(&tunnel->peers, public_key);
}

struct peer *tunnel_add_peer(struct tunnel *tunnel, const struct wg_key *public_key,
			     const struct instant *now)
{
	struct peer *peer;

	if (tunnel->peers.n >= PEERS_MAX ||
	    (tunnel->identity.key && wg_key_equal(public_key, &tunnel->identity.public_key)))
		return NULL;
	peer = peer_new(public_key, now->mono);
	peers_add(&tunnel->peers, peer);
	deadlines_reserve(&tunnel->deadlines, tunnel->peers.n);
	if (!tunnel->unprepared)
		tunnel_prepare_from(tunnel, peer);
	return peer;
}

void tunnel_remove_peer(struct tunnel *tunnel, struct peer *peer)
{
	/* What it sends still goes out, but can no longer be traced to it. */
	for (struct packet *packet = tunnel->lanes[0].to_udp.first; packet; packet = packet->next) {
		if (packet->peer == peer)
			packet->peer = NULL;
	}
	allowedips_remove_all(tunnel->allowed_ips, &peer->allowed_ips);
	peer_zero_keys(peer, tunnel->index);
	deadlines_remove(&tunnel->deadlines, &peer->deadline);
	if (tunnel->unprepared == peer)
		tunnel_prepare_from(tunnel, peer->after);
	peers_remove(&tunnel->peers, peer);
	peer_free(peer);
}

void tunnel_remove_all_peers(struct tunnel *tunnel)
{
	while (tunnel->peers.first)
		tunnel_remove_peer(tunnel, tunnel->peers.first);
}

struct peer *tunnel_next_peer(struct tunnel *tunnel, struct peer *peer)
{
	return peer ? peer->after : tunnel->peers.first;
}

void tunnel_set_preshared_key(struct tunnel *tunnel, struct peer *peer, const struct wg_key *key)
{
	(void)tunnel;
	peer->remote.preshared_key = *key;
}

void tunnel_set_endpoint(struct tunnel *tunnel, struct peer *peer, const union sockaddr_ip *addr)
{
	(void)tunnel;
	peer->path = (struct path){ .remote = *addr };
}

void tunnel_set_keepalive(struct tunnel *tunnel, struct peer *peer, uint16_t keepalive_s,
			  const struct instant *now)
{
	bool turned_on = keepalive_s && !peer->timers.keepalive_s;

	timers_set_keepalive(&peer->timers, keepalive_s, now->mono);
	if (!tunnel->up)
		timers_stop(&peer->timers, now->mono);
	else if (turned_on)
		timers_hurry_keepalive(&peer->timers, now->mono);
	tunnel_schedule(tunnel, peer);
}

void tunnel_add_allowed_ip(struct tunnel *tunnel, struct peer *peer, const struct cidr *cidr)
{
	allowedips_add(tunnel->allowed_ips, &peer->allowed_ips, cidr);
}

void tunnel_remove_allowed_ip(struct tunnel *tunnel, struct peer *peer, const struct cidr *cidr)
{
	allowedips_remove(tunnel->allowed_ips, &peer->allowed_ips, cidr);
}

void tunnel_clear_allowed_ips(struct tunnel *tunnel, struct peer *peer)
{
	allowedips_remove_all(tunnel->allowed_ips, &peer->allowed_ips);
}

void tunnel_poke_peer(struct tunnel *tunnel, struct peer *peer, const struct instant *now)
{
	if (!tunnel->up)
		return;
	tunnel_send_staged(tunnel, peer, now);
	if (peer->keepalive_missed)
		timers_hurry_keepalive(&peer->timers, now->mono);
	tunnel_schedule(tunnel, peer);
}

void tunnel_describe_peer(const struct tunnel *tunnel, struct peer *peer, struct wg_peer *out)
{
	const struct allowedips_node *node = NULL;

	(void)tunnel;
	out->flags = WG_PEER_HAS_PUBLIC_KEY | WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE;
	out->public_key = peer->remote.public_key;
	out->preshared_key = peer->remote.preshared_key;
	peer_lock(peer);
	out->endpoint.addr = peer->path.remote;
	out->keepalive_s = peer->timers.keepalive_s;
	out->last_handshake_s = peer->last_handshake_unix / SEC(1);
	out->last_handshake_ns = (uint32_t)(peer->last_handshake_unix % SEC(1));
	out->rx_bytes = peer->rx_bytes;
	out->tx_bytes = peer->tx_bytes;
	peer_unlock(peer);
	while ((node = allowedips_next(&peer->allowed_ips, node)))
		wg_peer_add_allowed_ip(out)->cidr = allowedips_prefix(node);
}
