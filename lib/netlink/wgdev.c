/*
 * The kernel's WireGuard devices: see wgdev.h. Each call opens a socket of its own, asks, and
 * reads until the reply's end; wgdev_codec knows the bytes. The one buffer serves both directions
 * and is wiped, since keys pass through it. No state is kept, so any thread may call.
 */
#include "lib/netlink/wgdev.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "lib/netlink/wgdev_codec.h"
#include "lib/netlink/wgdev_removals.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* After the model's headers: its macro WG_KEY_LEN would get into their enum. */
#include <linux/wireguard.h>

enum {
	/* The kernel makes a dump's messages no larger; larger requests would gain nothing. */
	CHANNEL_CAP = 32768,
	/*
	 * A dump is begun anew when what it tells of changes under way. While someone else changes
	 * a large device all the time that is the rule: a hundred times in a row were seen.
	 */
	MAX_TRIES = 100000,
};

/* A socket, and the one request under way on it. */
struct channel {
	struct mnl_socket *socket;
	uint8_t *buf;
	uint32_t seq;
};

static int fail(struct err *err, int code)
{
	return err_set(err, -code, "%s", strerror(code));
}

static void channel_close(struct channel *channel)
{
	if (channel->socket)
		mnl_socket_close(channel->socket);
	if (channel->buf)
		mem_wipe(channel->buf, CHANNEL_CAP);
	free(channel->buf);
}

static int channel_open(struct channel *channel, int protocol, struct err *err)
{
	int yes = 1;

	channel->buf = mem_alloc(1, CHANNEL_CAP);
	channel->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (!channel->socket || mnl_socket_bind(channel->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return fail(err, errno);
	/* Spares us the copy of our own message in each error; a kernel without it does no harm. */
	mnl_socket_setsockopt(channel->socket, NETLINK_CAP_ACK, &yes, sizeof(yes));
	return 0;
}

static struct nlmsghdr *channel_start(struct channel *channel, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(channel->buf);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++channel->seq;
	return message;
}

static struct nlmsghdr *channel_start_genl(struct channel *channel, uint16_t family, uint16_t flags,
					   uint8_t command, uint8_t version)
{
	struct nlmsghdr *message = channel_start(channel, family, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(message, sizeof(*genl));

	genl->cmd = command;
	genl->version = version;
	return message;
}

/* Sends the message in the buffer and hands its reply to `take`. */
static int channel_ask(struct channel *channel,
		       int (*take)(void *ctx, const struct nlmsghdr *message, struct err *err),
		       void *ctx, struct err *err)
{
	const struct wgdev_reader reader = { .take = take, .ctx = ctx };
	const struct nlmsghdr *message = (const void *)channel->buf;
	bool done = false;
	ssize_t len;
	int r;

	if (mnl_socket_sendto(channel->socket, message, message->nlmsg_len) < 0)
		return fail(err, errno);
	while (!done) {
		do
			len = mnl_socket_recvfrom(channel->socket, channel->buf, CHANNEL_CAP);
		while (len < 0 && errno == EINTR);
		if (len < 0)
			return fail(err, errno);
		r = wgdev_read_reply(&done, channel->buf, (size_t)len, channel->seq, &reader, err);
		if (r)
			return r;
	}
	return 0;
}

/* Opens a channel to the driver, which the kernel loads when it is asked for by name. */
static int open_family(struct channel *channel, uint16_t *family, struct err *err)
{
	struct nlmsghdr *message;
	int r;

	*family = 0;
	r = channel_open(channel, NETLINK_GENERIC, err);
	if (r)
		return r;
	message = channel_start_genl(channel, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	r = channel_ask(channel, wgdev_decode_family, family, err);
	if (r == -ENOENT || (!r && !*family))
		return fail(err, EPROTONOSUPPORT);
	return r;
}

static int list_once(struct strlist *names, struct err *err)
{
	AUTO(channel_close) struct channel channel = { 0 };
	struct nlmsghdr *message;
	int r;

	r = channel_open(&channel, NETLINK_ROUTE, err);
	if (r)
		return r;
	message = channel_start(&channel, RTM_GETLINK, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	return channel_ask(&channel, wgdev_decode_link, names, err);
}

int wgdev_list(struct strlist *names, struct err *err)
{
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < MAX_TRIES; i++) {
		AUTO(strlist_fini) struct strlist found = { 0 };

		r = list_once(&found, err);
		for (size_t j = 0; !r && j < found.n; j++)
			strlist_add(names, found.items[j]);
	}
	return r;
}

static int get_once(struct wg_device *device, struct err *err)
{
	AUTO(channel_close) struct channel channel = { 0 };
	struct nlmsghdr *message;
	uint16_t family;
	int r;

	r = open_family(&channel, &family, err);
	if (r)
		return r;
	message = channel_start_genl(&channel, family, NLM_F_DUMP, WG_CMD_GET_DEVICE,
				     WG_GENL_VERSION);
	mnl_attr_put_strz(message, WGDEVICE_A_IFNAME, device->name);
	return channel_ask(&channel, wgdev_decode_device, device, err);
}

int wgdev_get(struct wg_device **out, const char *name, struct err *err)
{
	int r = -EINTR;

	if (strlen(name) >= IFNAMSIZ)
		return fail(err, ENAMETOOLONG);
	for (int i = 0; r == -EINTR && i < MAX_TRIES; i++) {
		AUTO(wg_device_auto_free) struct wg_device *device = wg_device_new();

		strcpy(device->name, name);
		r = get_once(device, err);
		if (!r)
			*out = TAKE(device);
	}
	return r;
}

/* An acknowledgement is all that a set is answered with. */
static int take_nothing(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	(void)ctx, (void)message, (void)err;
	return 0;
}

/* The port comes first, since it can be refused (in use, or no right to), and little else can. */
static int send_change(struct channel *channel, uint16_t family, const struct wg_device *change,
		       struct err *err)
{
	const uint32_t port_and_mark = WG_DEVICE_HAS_LISTEN_PORT | WG_DEVICE_HAS_FWMARK;
	AUTO(wgdev_encoder_fini)
	struct wgdev_encoder encoder = { .change = change, .peers.device = change };
	int r = 0;

	if ((change->flags & port_and_mark) == port_and_mark) {
		wgdev_encode_port(channel->buf, CHANNEL_CAP, change, family, ++channel->seq);
		r = channel_ask(channel, take_nothing, NULL, err);
		encoder.port_is_set = true;
	}
	while (!r && wgdev_encode_next(&encoder, channel->buf, CHANNEL_CAP, family, ++channel->seq))
		r = channel_ask(channel, take_nothing, NULL, err);
	return r;
}

/*
 * Single allowed IPs can be taken away since Linux 6.16. Before, drivers that read strictly refuse
 * the attribute with EINVAL; those for kernels before 5.2 pass over it and would add instead.
 * Returns 0 or -EINVAL, as the former does, or another error.
 */
static int send_removals(struct channel *channel, uint16_t family, const struct wg_device *change,
			 struct err *err)
{
	int r;

	wgdev_encode_strictness_probe(channel->buf, CHANNEL_CAP, change->name, family,
				      ++channel->seq);
	r = channel_ask(channel, take_nothing, NULL, err);
	if (!r)
		return fail(err, EINVAL);
	return r == -EINVAL ? send_change(channel, family, change, err) : r;
}

int wgdev_set(const struct wg_device *change, struct err *err)
{
	AUTO(wg_device_auto_free) struct wg_device *running = NULL;
	AUTO(wg_device_auto_free) struct wg_device *computed = NULL;
	AUTO(channel_close) struct channel channel = { 0 };
	uint16_t family;
	int r;

	r = open_family(&channel, &family, err);
	if (r)
		return r;
	if (!wgdev_has_removals(change))
		return send_change(&channel, family, change, err);
	r = send_removals(&channel, family, change, err);
	if (r != -EINVAL)
		return r;
	/* What was done before the refusal is done once more, to the same end. */
	r = wgdev_get(&running, change->name, err);
	if (r)
		return r;
	computed = wgdev_without_removals(change, running);
	return send_change(&channel, family, computed, err);
}
