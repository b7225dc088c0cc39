/*
 * What the live view keeps of a device: see watch_snapshot.h. A snapshot owns its arrays, and
 * points to nothing of the device. Peers are found again by their place, as most devices keep their
 * order, else by a binary search over the keys of the snapshot before.
 */
#include "cmd/wg/watch_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/wg/watch_text.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

enum {
	/* No screen shows more of one peer's. */
	KEPT_ALLOWED_IPS = 24,
	ALLOWED_IPS_GAP = 2, /* columns between two of them */
};

static unsigned int larger(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

static void add_allowed_ips(struct watch_snapshot *snapshot, struct watch_peer *out,
			    const struct wg_peer *peer)
{
	unsigned int width = 0;

	out->n_allowed_ips = peer->n_allowed_ips;
	out->n_kept = peer->n_allowed_ips;
	if (out->n_kept > KEPT_ALLOWED_IPS)
		out->n_kept = KEPT_ALLOWED_IPS;
	out->first_allowed_ip = snapshot->n_allowed_ips;
	snapshot->allowed_ips =
		mem_grow(snapshot->allowed_ips, &snapshot->allowed_ips_cap,
			 snapshot->n_allowed_ips + out->n_kept, sizeof(*snapshot->allowed_ips));
	for (uint32_t i = 0; i < out->n_kept; i++) {
		char text[CIDR_TEXT_MAX];
		unsigned int len;

		snapshot->allowed_ips[snapshot->n_allowed_ips++] = peer->allowed_ips[i].cidr;
		cidr_format(text, &peer->allowed_ips[i].cidr);
		len = (unsigned int)strlen(text);
		if (i == 0)
			snapshot->allowed_ip_width =
				larger(snapshot->allowed_ip_width, len + (peer->n_allowed_ips > 1));
		width += len + (i ? ALLOWED_IPS_GAP : 0);
	}
	snapshot->allowed_ips_width = larger(snapshot->allowed_ips_width, width);
}

static void add_peer(struct watch_snapshot *snapshot, const struct wg_peer *peer)
{
	struct watch_peer *out = &snapshot->peers[snapshot->n_peers++];

	*out = (struct watch_peer){
		.key = peer->public_key,
		.endpoint = peer->endpoint.addr,
		.handshake_s = peer->last_handshake_s,
		.handshake_ns = peer->last_handshake_ns,
		.keepalive_s = peer->keepalive_s,
		.rx_bytes = peer->rx_bytes,
		.tx_bytes = peer->tx_bytes,
	};
	if (out->endpoint.sa.sa_family != AF_UNSPEC) {
		char text[ENDPOINT_TEXT_MAX];

		sockaddr_ip_format(text, &out->endpoint);
		snapshot->endpoint_width =
			larger(snapshot->endpoint_width, (unsigned int)strlen(text));
	}
	add_allowed_ips(snapshot, out, peer);
}

struct watch_snapshot *watch_snapshot_new(const struct wg_device *device, mono_ns taken)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	struct watch_snapshot *snapshot = mem_alloc(1, sizeof(*snapshot));
	const struct wg_peer *peer;

	snapshot->taken = taken;
	snapshot->listen_port = device->listen_port;
	snapshot->peers = mem_alloc(device->n_peers, sizeof(*snapshot->peers));
	snapshot->order = mem_alloc(device->n_peers, sizeof(*snapshot->order));
	while ((peer = wg_peers_next(&peers)))
		add_peer(snapshot, peer);
	for (size_t i = 0; i < snapshot->n_peers; i++)
		snapshot->order[i] = i;
	return snapshot;
}

void watch_snapshot_free(struct watch_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->peers);
	free(snapshot->order);
	free(snapshot->allowed_ips);
	free(snapshot);
}

void watch_snapshot_auto_free(struct watch_snapshot **snapshot)
{
	watch_snapshot_free(*snapshot);
}

/* Public keys are no secret: they may be compared the quick way. */
static int compare_keys(const struct watch_peer *a, const struct watch_peer *b)
{
	return memcmp(a->key.bytes, b->key.bytes, sizeof(a->key.bytes));
}

static int compare_key_places(const void *a, const void *b)
{
	const struct watch_peer *left = *(const struct watch_peer *const *)a;
	const struct watch_peer *right = *(const struct watch_peer *const *)b;
	int order = compare_keys(left, right);

	return order ? order : (left > right) - (left < right);
}

/* The peers of the snapshot before; `by_key` is made when it is first needed. */
struct past {
	const struct watch_snapshot *snapshot;
	const struct watch_peer **by_key;
};

static const struct watch_peer *find(struct past *past, const struct watch_peer *peer, size_t place)
{
	size_t n = past->snapshot->n_peers, low = 0, high = n;

	if (place < n && !compare_keys(&past->snapshot->peers[place], peer))
		return &past->snapshot->peers[place];
	if (!past->by_key) {
		past->by_key = mem_alloc(n, sizeof(*past->by_key));
		for (size_t i = 0; i < n; i++)
			past->by_key[i] = &past->snapshot->peers[i];
		qsort(past->by_key, n, sizeof(*past->by_key), compare_key_places);
	}
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_keys(past->by_key[middle], peer) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && !compare_keys(past->by_key[low], peer) ? past->by_key[low] : NULL;
}

/* Counters of 64 bits, however wild, over any time make a rate of 64 bits. */
static uint64_t rate(uint64_t now, uint64_t before, span_ns span)
{
	double bytes = (double)(now - before) * (double)SEC(1) / (double)span;

	return bytes < 1e19 ? (uint64_t)(bytes + 0.5) : UINT64_C(10000000000000000000);
}

static uint64_t add_rates(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void follow_peer(struct watch_peer *peer, const struct watch_peer *before, span_ns span,
			mono_ns taken)
{
	bool backwards = peer->rx_bytes < before->rx_bytes || peer->tx_bytes < before->tx_bytes;

	peer->sent = peer->tx_bytes > before->tx_bytes ? taken : before->sent;
	if (backwards || span <= 0)
		return;
	peer->has_rates = true;
	peer->rx_rate = rate(peer->rx_bytes, before->rx_bytes, span);
	peer->tx_rate = rate(peer->tx_bytes, before->tx_bytes, span);
}

bool watch_snapshot_follow(struct watch_snapshot *snapshot, const struct watch_snapshot *before)
{
	struct past past = { .snapshot = before };
	bool any_new = false;

	for (size_t i = 0; i < snapshot->n_peers; i++) {
		struct watch_peer *peer = &snapshot->peers[i];
		const struct watch_peer *then = find(&past, peer, i);

		if (!then) {
			any_new = true;
			continue;
		}
		follow_peer(peer, then, snapshot->taken - before->taken, snapshot->taken);
		snapshot->rx_rate = add_rates(snapshot->rx_rate, peer->rx_rate);
		snapshot->tx_rate = add_rates(snapshot->tx_rate, peer->tx_rate);
	}
	snapshot->has_rates = snapshot->taken > before->taken;
	free(past.by_key);
	return any_new;
}

void watch_snapshot_name(struct watch_snapshot *snapshot, const struct conf_names *names)
{
	snapshot->name_width = 0;
	snapshot->any_named = false;
	snapshot->all_named = true;
	for (size_t i = 0; i < snapshot->n_peers; i++) {
		struct watch_peer *peer = &snapshot->peers[i];

		peer->name = conf_names_of(names, &peer->key);
		if (!peer->name) {
			snapshot->all_named = false;
			continue;
		}
		snapshot->any_named = true;
		snapshot->name_width = larger(snapshot->name_width, watch_text_width(peer->name));
	}
	snapshot->is_sorted = false;
}

static int compare_handshakes(const struct watch_peer *a, const struct watch_peer *b)
{
	if (a->handshake_s != b->handshake_s)
		return a->handshake_s > b->handshake_s ? -1 : 1;
	return (a->handshake_ns < b->handshake_ns) - (a->handshake_ns > b->handshake_ns);
}

static int compare_rates(const struct watch_peer *a, const struct watch_peer *b)
{
	uint64_t left = add_rates(a->rx_rate, a->tx_rate);
	uint64_t right = add_rates(b->rx_rate, b->tx_rate);

	return (left < right) - (left > right);
}

/* Numbers in names go by their value: peer2 before peer10. The nameless come last. */
static int compare_names(const struct watch_peer *a, const struct watch_peer *b)
{
	if (!a->name || !b->name)
		return !a->name - !b->name;
	return strverscmp(a->name, b->name);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct watch_snapshot *snapshot = ctx;
	const struct watch_peer *left = &snapshot->peers[*(const size_t *)a];
	const struct watch_peer *right = &snapshot->peers[*(const size_t *)b];
	int order = 0;

	switch (snapshot->sort) {
	case WATCH_SORT_HANDSHAKE:
		order = compare_handshakes(left, right);
		break;
	case WATCH_SORT_RATE:
		order = compare_rates(left, right);
		break;
	case WATCH_SORT_NAME:
	case WATCH_N_SORTS:
		order = snapshot->names ? compare_names(left, right) : 0;
		break;
	}
	if (!order)
		order = compare_keys(left, right);
	if (!order)
		order = (left > right) - (left < right);
	return snapshot->reverse ? -order : order;
}

void watch_snapshot_sort(struct watch_snapshot *snapshot, enum watch_sort sort, bool reverse,
			 bool names)
{
	if (snapshot->is_sorted && snapshot->sort == sort && snapshot->reverse == reverse &&
	    snapshot->names == names)
		return;
	snapshot->sort = sort;
	snapshot->reverse = reverse;
	snapshot->names = names;
	qsort_r(snapshot->order, snapshot->n_peers, sizeof(*snapshot->order), compare, snapshot);
	snapshot->is_sorted = true;
}
