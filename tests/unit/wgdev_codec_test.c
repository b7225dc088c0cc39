/* Netlink messages <-> model, without a kernel: see wgdev_codec.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/netlink/wgdev_codec.h"
#include "lib/netlink/wgdev_removals.h"
#include "lib/util/cleanup.h"
#include "tests/unit/peer_at.h"
#include "tests/unit/wgdev_fixture.h"

#include <linux/wireguard.h>

enum {
	FAMILY = 0x1d,
	SEQ = 7,
	CAP = 32768,
};

/* ---- helpers ------------------------------------------------------------------------------ */

/* The n-th of many: IPv4 and IPv6 alternate, as do the lengths. */
static void add_ip_number(struct wg_peer *peer, uint32_t n)
{
	struct wg_allowed_ip *ip = wg_peer_add_allowed_ip(peer);

	ip->cidr.family = n & 1 ? AF_INET6 : AF_INET;
	ip->cidr.bits = n & 1 ? 128 : 32;
	memcpy(&ip->cidr.addr, &n, sizeof(n));
}

static struct wg_device *new_device(const char *name)
{
	struct wg_device *device = wg_device_new();

	snprintf(device->name, sizeof(device->name), "%s", name);
	return device;
}

static void assert_peers_equal(const struct wg_peer *a, const struct wg_peer *b)
{
	assert_memory_equal(&a->public_key, &b->public_key, sizeof(a->public_key));
	assert_memory_equal(&a->preshared_key, &b->preshared_key, sizeof(a->preshared_key));
	assert_int_equal(a->keepalive_s, b->keepalive_s);
	assert_true(sockaddr_ip_equal(&a->endpoint.addr, &b->endpoint.addr));
	assert_int_equal(a->n_allowed_ips, b->n_allowed_ips);
	for (uint32_t i = 0; i < a->n_allowed_ips; i++)
		assert_true(cidr_equal(&a->allowed_ips[i].cidr, &b->allowed_ips[i].cidr));
}

static void assert_devices_equal(const struct wg_device *a, const struct wg_device *b)
{
	AUTO(wg_peers_fini) struct wg_peers left = { .device = a }, right = { .device = b };

	assert_string_equal(a->name, b->name);
	assert_memory_equal(&a->private_key, &b->private_key, sizeof(a->private_key));
	assert_int_equal(a->listen_port, b->listen_port);
	assert_int_equal(a->fwmark, b->fwmark);
	assert_int_equal(a->n_peers, b->n_peers);
	for (size_t i = 0; i < a->n_peers; i++)
		assert_peers_equal(wg_peers_next(&left), wg_peers_next(&right));
}

/* What a message says about each of its peers, in order. */
struct said {
	int n_peers;
	struct {
		uint32_t flags;
		int n_ips, n_removed;
		bool has_psk, has_endpoint, has_keepalive;
	} peers[64];
	uint32_t device_flags;
	bool has_device_values, has_name;
};

static void note_peer(struct said *said, const struct nlattr *nest)
{
	const struct nlattr *attr, *ip, *field;
	int n = said->n_peers++;

	assert_in_range(n, 0, 63);
	mnl_attr_for_each_nested(attr, nest)
	{
		switch (mnl_attr_get_type(attr)) {
		case WGPEER_A_FLAGS:
			said->peers[n].flags = mnl_attr_get_u32(attr);
			break;
		case WGPEER_A_PRESHARED_KEY:
			said->peers[n].has_psk = true;
			break;
		case WGPEER_A_ENDPOINT:
			said->peers[n].has_endpoint = true;
			break;
		case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
			said->peers[n].has_keepalive = true;
			break;
		case WGPEER_A_ALLOWEDIPS:
			assert_true(attr->nla_type & NLA_F_NESTED);
			mnl_attr_for_each_nested(ip, attr)
			{
				said->peers[n].n_ips++;
				mnl_attr_for_each_nested(field, ip)
				{
					/* WGALLOWEDIP_A_FLAGS, of Linux 6.16 */
					if (mnl_attr_get_type(field) == 4) {
						assert_int_equal(mnl_attr_get_u32(field), 1);
						said->peers[n].n_removed++;
					}
				}
			}
			break;
		}
	}
}

static struct said read_message(const struct nlmsghdr *message)
{
	const struct nlattr *attr, *peer;
	struct said said = { 0 };

	assert_int_equal(message->nlmsg_type, FAMILY);
	assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	mnl_attr_for_each(attr, message, GENL_HDRLEN)
	{
		switch (mnl_attr_get_type(attr)) {
		case WGDEVICE_A_IFNAME:
			said.has_name = true;
			break;
		case WGDEVICE_A_FLAGS:
			said.device_flags = mnl_attr_get_u32(attr);
			break;
		case WGDEVICE_A_PRIVATE_KEY:
		case WGDEVICE_A_LISTEN_PORT:
		case WGDEVICE_A_FWMARK:
			said.has_device_values = true;
			break;
		case WGDEVICE_A_PEERS:
			mnl_attr_for_each_nested(peer, attr) note_peer(&said, peer);
			break;
		}
	}
	return said;
}

/* Writes a change as messages of at most `cap` bytes and reads them as a get's. */
static struct wg_device *round_trip(const struct wg_device *change, size_t cap, int *n_messages)
{
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	struct wg_device *out = wg_device_new();
	const struct wgdev_reader reader = { .take = wgdev_decode_device, .ctx = out };
	uint8_t *buf = malloc(cap); /* of this very size, for the sanitizer to watch its end */
	bool done;

	*n_messages = 0;
	while (wgdev_encode_next(&encoder, buf, cap, FAMILY, SEQ)) {
		const struct nlmsghdr *message = (const void *)buf;

		assert_in_range(message->nlmsg_len, NLMSG_HDRLEN, cap);
		assert_int_equal(
			wgdev_read_reply(&done, buf, message->nlmsg_len, SEQ, &reader, NULL), 0);
		assert_false(done);
		++*n_messages;
	}
	free(buf);
	return out;
}

static void assert_round_trip(const struct wg_device *change, size_t cap)
{
	int n_messages;
	struct wg_device *out = round_trip(change, cap, &n_messages);

	assert_devices_equal(change, out);
	wg_device_free(out);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void test_small_change_is_one_message(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *out = NULL;
	struct wg_peer *peer;
	int n_messages;

	(void)state;
	change->flags = WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_LISTEN_PORT |
			WG_DEVICE_HAS_FWMARK | WG_DEVICE_REPLACE_PEERS;
	change->private_key = key_of(1000);
	change->listen_port = 51820;
	change->fwmark = 0xca6c0001;
	peer = add_peer(change, 1);
	peer->flags |= WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE;
	peer->preshared_key = key_of(2000);
	peer->keepalive_s = 65535;
	assert_int_equal(endpoint_parse(&peer->endpoint, "[2001:db8::1]:443", NULL), 0);
	add_ip(peer, "0.0.0.0/0", false);
	add_ip(peer, "2001:db8::/32", false);
	peer = add_peer(change, 2);
	assert_int_equal(endpoint_parse(&peer->endpoint, "192.0.2.1:1", NULL), 0);
	out = round_trip(change, CAP, &n_messages);
	assert_int_equal(n_messages, 1);
	assert_devices_equal(change, out);
	assert_int_equal(out->flags, change->flags & ~(uint32_t)WG_DEVICE_REPLACE_PEERS);
	assert_int_equal(peer_at(out, 0)->flags, WG_PEER_HAS_PUBLIC_KEY |
							 WG_PEER_HAS_PRESHARED_KEY |
							 WG_PEER_HAS_KEEPALIVE);
	assert_int_equal(peer_at(out, 1)->flags, WG_PEER_HAS_PUBLIC_KEY);
}

static void test_empty_change_still_asks(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	_Alignas(8) uint8_t buf[WGDEV_MESSAGE_MIN];
	struct said said;

	(void)state;
	assert_true(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
	said = read_message((void *)buf);
	assert_true(said.has_name);
	assert_int_equal(said.n_peers, 0);
	assert_false(said.has_device_values);
	assert_false(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
}

static void test_only_the_first_fragment_sets(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	_Alignas(8) uint8_t buf[2048];
	int n_messages = 0, n_ips = 0;
	struct wg_peer *peer;

	(void)state;
	change->flags = WG_DEVICE_REPLACE_PEERS | WG_DEVICE_HAS_PRIVATE_KEY |
			WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	peer = add_peer(change, 1);
	peer->flags |=
		WG_PEER_REPLACE_ALLOWED_IPS | WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE;
	assert_int_equal(endpoint_parse(&peer->endpoint, "192.0.2.1:1", NULL), 0);
	for (uint32_t i = 0; i < 200; i++)
		add_ip_number(peer, i);
	for (; wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ); n_messages++) {
		struct said said = read_message((void *)buf);
		bool first = n_messages == 0;

		assert_true(said.has_name);
		assert_int_equal(said.has_device_values, first);
		assert_int_equal(said.device_flags, first ? WGDEVICE_F_REPLACE_PEERS : 0);
		assert_int_equal(said.n_peers, 1);
		assert_int_equal(said.peers[0].flags, first ? WGPEER_F_REPLACE_ALLOWEDIPS : 0);
		assert_int_equal(said.peers[0].has_psk, first);
		assert_int_equal(said.peers[0].has_endpoint, first);
		assert_int_equal(said.peers[0].has_keepalive, first);
		n_ips += said.peers[0].n_ips;
	}
	assert_int_equal(n_ips, 200);
	assert_in_range(n_messages, 4, 5);
}

static void test_port_by_itself(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *out = new_device("");
	const struct wgdev_reader reader = { .take = wgdev_decode_device, .ctx = out };
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change,
					 .peers.device = change,
					 .port_is_set = true };
	_Alignas(8) uint8_t buf[WGDEV_MESSAGE_MIN];
	const struct nlmsghdr *message = (const void *)buf;
	bool done;

	(void)state;
	change->flags = WG_DEVICE_REPLACE_PEERS | WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	change->listen_port = 51820;
	change->fwmark = 7;
	add_peer(change, 1);
	wgdev_encode_port(buf, sizeof(buf), change, FAMILY, SEQ);
	assert_int_equal(read_message(message).device_flags, 0);
	assert_int_equal(wgdev_read_reply(&done, buf, message->nlmsg_len, SEQ, &reader, NULL), 0);
	assert_string_equal(out->name, "wg0");
	assert_int_equal(out->flags, WG_DEVICE_HAS_LISTEN_PORT);
	assert_int_equal(out->listen_port, 51820);
	assert_int_equal(out->n_peers, 0);
	/* Said again, 0 would be another random port. */
	out->listen_port = 0;
	assert_true(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
	assert_int_equal(wgdev_read_reply(&done, buf, message->nlmsg_len, SEQ, &reader, NULL), 0);
	assert_int_equal(read_message(message).device_flags, WGDEVICE_F_REPLACE_PEERS);
	assert_int_equal(out->listen_port, 0);
	assert_int_equal(out->n_peers, 1);
	assert_int_equal(out->fwmark, 7);
	assert_false(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
}

/* A second fragment must not create the peer that the first was told not to create. */
static void test_update_only_is_said_again(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	_Alignas(8) uint8_t buf[WGDEV_MESSAGE_MIN];
	struct wg_peer *peer = add_peer(change, 1);
	int n_messages = 0;

	(void)state;
	peer->flags |= WG_PEER_REPLACE_ALLOWED_IPS | WG_PEER_UPDATE_ONLY;
	for (uint32_t i = 0; i < 50; i++)
		add_ip_number(peer, i);
	for (; wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ); n_messages++)
		assert_int_equal(read_message((void *)buf).peers[0].flags,
				 n_messages ? WGPEER_F_UPDATE_ONLY
					    : WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS);
	assert_true(n_messages > 1);
}

static void test_removed_peer_has_nothing_else(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	_Alignas(8) uint8_t buf[2048];
	struct wg_peer *peer = add_peer(change, 1);
	struct said said;

	(void)state;
	peer->flags |= WG_PEER_REMOVE | WG_PEER_REPLACE_ALLOWED_IPS | WG_PEER_HAS_PRESHARED_KEY |
		       WG_PEER_HAS_KEEPALIVE;
	add_ip(peer, "192.0.2.1/32", false);
	add_peer(change, 2);
	assert_true(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
	said = read_message((void *)buf);
	assert_int_equal(said.n_peers, 2);
	assert_int_equal(said.peers[0].flags, WGPEER_F_REMOVE_ME);
	assert_int_equal(said.peers[0].n_ips, 0);
	assert_false(said.peers[0].has_psk || said.peers[0].has_keepalive);
	assert_int_equal(said.peers[1].flags, 0);
	assert_false(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
}

/* The attribute that older kernels refuse goes only where it is needed. */
static void test_removal_flag_only_on_removals(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	_Alignas(8) uint8_t buf[2048];
	struct said said;

	(void)state;
	add_ip(add_peer(change, 1), "192.0.2.1/32", false);
	assert_false(wgdev_has_removals(change));
	add_ip(wg_device_last_peer(change), "192.0.2.2/32", true);
	assert_true(wgdev_has_removals(change));
	assert_true(wgdev_encode_next(&encoder, buf, sizeof(buf), FAMILY, SEQ));
	said = read_message((void *)buf);
	assert_int_equal(said.peers[0].n_ips, 2);
	assert_int_equal(said.peers[0].n_removed, 1);
}

static void test_big_sets_are_split_and_joined(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");
	AUTO(wg_device_auto_free) struct wg_device *out = NULL;
	int n_messages;

	(void)state;
	add_peer(change, 1);
	for (int i = 0; i < 255; i++)
		for (int j = 0; j < 256; j++) {
			char text[CIDR_TEXT_MAX];

			snprintf(text, sizeof(text), "10.%d.%d.0/24", i, j);
			add_ip(wg_device_last_peer(change), text, false);
		}
	add_peer(change, 2);
	for (uint32_t i = 0; i < 255 * 256; i++)
		add_ip_number(wg_device_last_peer(change), i);
	out = round_trip(change, CAP, &n_messages);
	assert_devices_equal(change, out);
	/* 28 bytes for each of the first peer's, 28 or 40 for those of the second */
	assert_in_range(n_messages, 65280 * 62 / CAP, 65280 * 62 / CAP + 2);
}

static void test_hundred_peers_with_psk(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		struct wg_peer *peer = add_peer(change, i);

		peer->flags |= WG_PEER_HAS_PRESHARED_KEY | WG_PEER_REPLACE_ALLOWED_IPS;
		peer->preshared_key = key_of(i + 100000);
		for (uint32_t j = 0; j < i; j++)
			add_ip_number(peer, i * 1000 + j);
	}
	for (size_t cap = WGDEV_MESSAGE_MIN; cap <= CAP; cap += 1004)
		assert_round_trip(change, cap);
}

/* Every place at which a message can end is met by some room and number of allowed IPs. */
static void test_every_split(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0123456789abc");

		for (unsigned int i = 1; i <= 3; i++) {
			struct wg_peer *peer = add_peer(change, i);

			peer->flags |= WG_PEER_HAS_PRESHARED_KEY | WG_PEER_HAS_KEEPALIVE;
			peer->preshared_key = key_of(i + 10);
			peer->keepalive_s = (uint16_t)i;
			for (uint32_t j = 0; j < n * (i & 1); j++)
				add_ip_number(peer, i * 1000 + j);
		}
		for (size_t cap = WGDEV_MESSAGE_MIN; cap <= 1600; cap += 4)
			assert_round_trip(change, cap);
	}
}

/* Rooms that are no multiple of four, as none should be; nothing is written past their end. */
static void test_odd_room(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *change = new_device("wg0");

	(void)state;
	add_peer(change, 1);
	for (uint32_t j = 0; j < 100; j++)
		add_ip_number(wg_device_last_peer(change), j);
	for (size_t cap = WGDEV_MESSAGE_MIN; cap <= 700; cap++)
		assert_round_trip(change, cap);
}

static void test_strictness_probe_changes_nothing(void **state)
{
	_Alignas(8) uint8_t buf[WGDEV_MESSAGE_MIN];
	struct said said;

	(void)state;
	wgdev_encode_strictness_probe(buf, sizeof(buf), "wg0", FAMILY, SEQ);
	said = read_message((void *)buf);
	assert_true(said.has_name);
	assert_false(said.has_device_values);
	assert_int_equal(said.device_flags, 0);
	assert_int_equal(said.n_peers, 1);
	assert_int_equal(said.peers[0].flags, WGPEER_F_UPDATE_ONLY);
	assert_false(said.peers[0].has_psk || said.peers[0].has_endpoint ||
		     said.peers[0].has_keepalive || said.peers[0].n_ips);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* A reply under construction. */
struct reply {
	_Alignas(8) uint8_t bytes[4096];
	size_t len;
};

static struct nlmsghdr *add_message(struct reply *reply, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(reply->bytes + reply->len);

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	message->nlmsg_seq = SEQ;
	return message;
}

static void end_message(struct reply *reply, const struct nlmsghdr *message)
{
	reply->len += MNL_ALIGN(message->nlmsg_len);
	assert_true(reply->len < sizeof(reply->bytes));
}

static void add_end(struct reply *reply, uint16_t type, int code)
{
	struct nlmsghdr *message = add_message(reply, type, NLM_F_MULTI);

	memcpy(mnl_nlmsg_put_extra_header(message, sizeof(code)), &code, sizeof(code));
	end_message(reply, message);
}

static int count(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	(void)message, (void)err;
	++*(int *)ctx;
	return 0;
}

static int read_counting(const struct reply *reply, int *n, bool *done, struct err *err)
{
	const struct wgdev_reader reader = { .take = count, .ctx = n };

	*n = 0;
	return wgdev_read_reply(done, reply->bytes, reply->len, SEQ, &reader, err);
}

static void test_reply_ends(void **state)
{
	static const uint16_t types[] = { NLMSG_DONE, NLMSG_ERROR };
	struct err err = { 0 };
	bool done;
	int n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct reply reply = { .len = 0 };

		end_message(&reply, add_message(&reply, FAMILY, NLM_F_MULTI));
		end_message(&reply, add_message(&reply, NLMSG_NOOP, 0));
		end_message(&reply, add_message(&reply, FAMILY, NLM_F_MULTI));
		assert_int_equal(read_counting(&reply, &n, &done, &err), 0);
		assert_int_equal(n, 2);
		assert_false(done);
		add_end(&reply, types[i], 0);
		assert_int_equal(read_counting(&reply, &n, &done, &err), 0);
		assert_true(done);
		reply.len = 0;
		add_end(&reply, types[i], -EADDRINUSE);
		assert_int_equal(read_counting(&reply, &n, &done, &err), -EADDRINUSE);
		assert_int_equal(err.code, -EADDRINUSE);
		assert_string_equal(err.text, "Address already in use");
		reply.len = 0;
		add_end(&reply, types[i], 1);
		assert_int_equal(read_counting(&reply, &n, &done, &err), -EPROTO);
	}
}

static void test_dump_without_a_number_ends_well(void **state)
{
	struct reply reply = { .len = 0 };
	bool done;
	int n;

	(void)state;
	end_message(&reply, add_message(&reply, NLMSG_DONE, NLM_F_MULTI));
	assert_int_equal(read_counting(&reply, &n, &done, NULL), 0);
	assert_true(done);
	reply.len = 0;
	end_message(&reply, add_message(&reply, NLMSG_ERROR, 0));
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
}

static void test_interrupted_dump_is_told(void **state)
{
	struct reply reply = { .len = 0 };
	bool done;
	int n;

	(void)state;
	end_message(&reply, add_message(&reply, FAMILY, NLM_F_MULTI));
	end_message(&reply, add_message(&reply, FAMILY, NLM_F_MULTI | NLM_F_DUMP_INTR));
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EINTR);
	assert_int_equal(n, 1);
}

static void test_no_reply_at_all(void **state)
{
	struct reply reply = { .len = 0 };
	struct nlmsghdr *message = add_message(&reply, FAMILY, 0);
	bool done;
	int n;

	(void)state;
	end_message(&reply, message);
	message->nlmsg_seq = SEQ + 1;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
	message->nlmsg_seq = SEQ;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), 0);
	message->nlmsg_len = 17;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
	message->nlmsg_len = 15;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
	message->nlmsg_len = 0x80000010;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
	message->nlmsg_len = 16;
	reply.len = 15;
	assert_int_equal(read_counting(&reply, &n, &done, NULL), -EPROTO);
	assert_int_equal(n, 0);
}

static void test_family_number(void **state)
{
	struct reply reply = { .len = 0 };
	struct nlmsghdr *message = add_message(&reply, GENL_ID_CTRL, 0);
	uint16_t family = 0;

	(void)state;
	mnl_nlmsg_put_extra_header(message, GENL_HDRLEN);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, "wireguard");
	assert_int_equal(wgdev_decode_family(&family, message, NULL), 0);
	assert_int_equal(family, 0);
	mnl_attr_put_u16(message, CTRL_ATTR_FAMILY_ID, FAMILY);
	assert_int_equal(wgdev_decode_family(&family, message, NULL), 0);
	assert_int_equal(family, FAMILY);
	mnl_attr_put_u32(message, CTRL_ATTR_FAMILY_ID, FAMILY);
	assert_int_equal(wgdev_decode_family(&family, message, NULL), -EPROTO);
}

static int decode_link(struct strlist *names, uint16_t type, const char *name, const char *kind)
{
	struct reply reply = { .len = 0 };
	struct nlmsghdr *message = add_message(&reply, type, NLM_F_MULTI);
	struct nlattr *nest;

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	if (name)
		mnl_attr_put_strz(message, IFLA_IFNAME, name);
	nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
	if (kind)
		mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(message, nest);
	return wgdev_decode_link(names, message, NULL);
}

static void test_links_of_the_kind(void **state)
{
	AUTO(strlist_fini) struct strlist names = { 0 };
	struct reply reply = { .len = 0 };

	(void)state;
	assert_int_equal(decode_link(&names, RTM_NEWLINK, "wg0", "wireguard"), 0);
	assert_int_equal(decode_link(&names, RTM_NEWLINK, "veth0", "veth"), 0);
	assert_int_equal(decode_link(&names, RTM_NEWLINK, "wgx", "wireguard2"), 0);
	assert_int_equal(decode_link(&names, RTM_NEWLINK, "lo", NULL), 0);
	assert_int_equal(decode_link(&names, RTM_NEWLINK, NULL, "wireguard"), 0);
	assert_int_equal(decode_link(&names, RTM_DELLINK, "wg8", "wireguard"), 0);
	assert_int_equal(decode_link(&names, RTM_NEWLINK, "wg1", "wireguard"), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.items[0], "wg0");
	assert_string_equal(names.items[1], "wg1");
	assert_int_equal(
		wgdev_decode_link(&names, add_message(&reply, RTM_NEWLINK, NLM_F_MULTI), NULL),
		-EPROTO);
}

/* One message of a get, with one peer that has one allowed IP; the attribute `spoilt` of the level
 * `level` (0 device, 1 peer, 2 allowed IP) gets `len` bytes of zeros in place of its value. */
static int decode_spoilt(struct wg_device *device, int level, uint16_t spoilt, size_t len)
{
	static const uint8_t zeros[64];
	const struct wg_key key = key_of(1), psk = key_of(0);
	const struct sockaddr_in endpoint = { .sin_family = AF_INET, .sin_port = htons(9) };
	const int64_t handshake[2] = { 1700000000, 999999999 };
	const uint64_t rx = 1ULL << 40, tx = 5;
	const uint16_t port = 51820, keepalive = 25, family = AF_INET;
	const uint32_t mark = 0xffffffff;
	const uint8_t address[4] = { 192, 0, 2, 0 }, bits = 24;
	const struct {
		int level;
		uint16_t type;
		const void *value;
		size_t len;
	} fields[] = {
		{ 0, WGDEVICE_A_IFNAME, "wg7", 4 },
		{ 0, WGDEVICE_A_PRIVATE_KEY, &key, 32 },
		{ 0, WGDEVICE_A_PUBLIC_KEY, &key, 32 },
		{ 0, WGDEVICE_A_LISTEN_PORT, &port, 2 },
		{ 0, WGDEVICE_A_FWMARK, &mark, 4 },
		{ 1, WGPEER_A_PUBLIC_KEY, &key, 32 },
		{ 1, WGPEER_A_PRESHARED_KEY, &psk, 32 },
		{ 1, WGPEER_A_ENDPOINT, &endpoint, sizeof(endpoint) },
		{ 1, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, &keepalive, 2 },
		{ 1, WGPEER_A_LAST_HANDSHAKE_TIME, handshake, 16 },
		{ 1, WGPEER_A_RX_BYTES, &rx, 8 },
		{ 1, WGPEER_A_TX_BYTES, &tx, 8 },
		{ 1, 999, "?", 1 },
		{ 2, WGALLOWEDIP_A_FAMILY, &family, 2 },
		{ 2, WGALLOWEDIP_A_IPADDR, address, 4 },
		{ 2, WGALLOWEDIP_A_CIDR_MASK, &bits, 1 },
	};
	struct reply reply = { .len = 0 };
	struct nlmsghdr *message = add_message(&reply, FAMILY, NLM_F_MULTI);
	struct nlattr *nests[4]; /* the list and the entry: of peers, of allowed IPs */
	int n_nests = 0;

	mnl_nlmsg_put_extra_header(message, GENL_HDRLEN);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		bool bad = level == fields[i].level && spoilt == fields[i].type;

		if (n_nests < 2 * fields[i].level) {
			uint16_t list = n_nests ? WGPEER_A_ALLOWEDIPS : WGDEVICE_A_PEERS;

			nests[n_nests++] = mnl_attr_nest_start(message, list);
			nests[n_nests++] = mnl_attr_nest_start(message, 0);
		}
		mnl_attr_put(message, fields[i].type, bad ? len : fields[i].len,
			     bad ? zeros : fields[i].value);
	}
	while (n_nests)
		mnl_attr_nest_end(message, nests[--n_nests]);
	return wgdev_decode_device(device, message, NULL);
}

static void test_all_values_are_read(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
	const struct cidr wanted = cidr_of("192.0.2.0/24");
	const struct wg_key key = key_of(1), psk = key_of(0);
	char text[ENDPOINT_TEXT_MAX];
	const struct wg_peer *peer;

	(void)state;
	assert_int_equal(decode_spoilt(device, -1, 0, 0), 0);
	assert_string_equal(device->name, "wg7");
	assert_memory_equal(&device->private_key, &key, 32);
	assert_memory_equal(&device->public_key, &key, 32);
	assert_int_equal(device->listen_port, 51820);
	assert_int_equal(device->fwmark, 0xffffffff);
	assert_int_equal(device->flags, WG_DEVICE_HAS_PRIVATE_KEY | WG_DEVICE_HAS_PUBLIC_KEY |
						WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK);
	assert_int_equal(device->n_peers, 1);
	peer = peer_at(device, 0);
	assert_int_equal(peer->flags, WG_PEER_HAS_PUBLIC_KEY | WG_PEER_HAS_PRESHARED_KEY |
					      WG_PEER_HAS_KEEPALIVE);
	assert_memory_equal(&peer->preshared_key, &psk, 32);
	assert_int_equal(peer->keepalive_s, 25);
	assert_int_equal(peer->last_handshake_s, 1700000000);
	assert_int_equal(peer->last_handshake_ns, 999999999);
	assert_true(peer->rx_bytes == 1ULL << 40 && peer->tx_bytes == 5);
	sockaddr_ip_format(text, &peer->endpoint.addr);
	assert_string_equal(text, "0.0.0.0:9");
	assert_int_equal(peer->n_allowed_ips, 1);
	assert_true(cidr_equal(&peer->allowed_ips[0].cidr, &wanted));
}

static void test_zero_psk_is_none(void **state)
{
	AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();

	(void)state;
	assert_int_equal(decode_spoilt(device, 1, WGPEER_A_PRESHARED_KEY, 32), 0);
	assert_false(peer_at(device, 0)->flags & WG_PEER_HAS_PRESHARED_KEY);
	assert_true(wg_key_is_zero(&peer_at(device, 0)->preshared_key));
}

static void test_wrong_lengths_are_refused(void **state)
{
	static const struct {
		int level;
		uint16_t type;
		size_t right;
	} fields[] = {
		{ 0, WGDEVICE_A_PRIVATE_KEY, 32 },
		{ 0, WGDEVICE_A_PUBLIC_KEY, 32 },
		{ 0, WGDEVICE_A_LISTEN_PORT, 2 },
		{ 0, WGDEVICE_A_FWMARK, 4 },
		{ 1, WGPEER_A_PUBLIC_KEY, 32 },
		{ 1, WGPEER_A_PRESHARED_KEY, 32 },
		{ 1, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 2 },
		{ 1, WGPEER_A_LAST_HANDSHAKE_TIME, 16 },
		{ 1, WGPEER_A_RX_BYTES, 8 },
		{ 1, WGPEER_A_TX_BYTES, 8 },
		{ 1, WGPEER_A_ENDPOINT, 0 }, /* zeros have no family, at any length */
		{ 2, WGALLOWEDIP_A_FAMILY, 64 },
		{ 2, WGALLOWEDIP_A_IPADDR, 4 },
		{ 2, WGALLOWEDIP_A_CIDR_MASK, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		for (size_t len = 0; len < 48; len++) {
			AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();
			int r = decode_spoilt(device, fields[i].level, fields[i].type, len);

			assert_int_equal(r, len == fields[i].right ? 0 : -EPROTO);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_change_is_one_message),
		cmocka_unit_test(test_empty_change_still_asks),
		cmocka_unit_test(test_only_the_first_fragment_sets),
		cmocka_unit_test(test_port_by_itself),
		cmocka_unit_test(test_update_only_is_said_again),
		cmocka_unit_test(test_removed_peer_has_nothing_else),
		cmocka_unit_test(test_removal_flag_only_on_removals),
		cmocka_unit_test(test_big_sets_are_split_and_joined),
		cmocka_unit_test(test_hundred_peers_with_psk),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_odd_room),
		cmocka_unit_test(test_strictness_probe_changes_nothing),
		cmocka_unit_test(test_reply_ends),
		cmocka_unit_test(test_dump_without_a_number_ends_well),
		cmocka_unit_test(test_interrupted_dump_is_told),
		cmocka_unit_test(test_no_reply_at_all),
		cmocka_unit_test(test_family_number),
		cmocka_unit_test(test_links_of_the_kind),
		cmocka_unit_test(test_all_values_are_read),
		cmocka_unit_test(test_zero_psk_is_none),
		cmocka_unit_test(test_wrong_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
