/*
 * Looking at nf_tables. Only what is cheaper to ask here than by running nft(8). Stateless.
 */
#include "lib/netlink/nft.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "lib/util/cleanup.h"

enum {
	ANSWER_CAP = 8192 /* MNL_SOCKET_BUFFER_SIZE's upper bound; one table is far less */
};

static void auto_mnl_close(struct mnl_socket **socket)
{
	if (*socket)
		mnl_socket_close(*socket);
}

static int take_answer(const struct nlmsghdr *message, void *ctx)
{
	bool *found = ctx;

	(void)message;
	*found = true;
	return MNL_CB_OK;
}

/* Asks for what is named by attributes that are strings. */
static bool has(uint8_t family, uint16_t question, const uint16_t *attributes,
		const char *const *names, size_t n)
{
	AUTO(auto_mnl_close)
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	char buf[ANSWER_CAP] = { 0 }; /* what pads a name goes to the kernel as well */
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;
	bool found = false;
	int r = MNL_CB_OK;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return false;
	message->nlmsg_type = (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | question);
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	nfg = mnl_nlmsg_put_extra_header(message, sizeof(*nfg));
	*nfg = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0 };
	for (size_t i = 0; i < n; i++)
		if (!mnl_attr_put_strz_check(message, sizeof(buf), attributes[i], names[i]))
			return false;
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return false;
	while (r == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(socket, buf, sizeof(buf));

		if (len < 0)
			return false;
		r = mnl_cb_run(buf, (size_t)len, 1, mnl_socket_get_portid(socket), take_answer,
			       &found);
	}
	return r >= MNL_CB_STOP && found;
}

bool nft_has_table(uint8_t family, const char *name)
{
	const uint16_t attribute = NFTA_TABLE_NAME;

	return has(family, NFT_MSG_GETTABLE, &attribute, &name, 1);
}

bool nft_has_chain(uint8_t family, const char *table, const char *name)
{
	static const uint16_t attributes[] = { NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME };
	const char *const names[] = { table, name };

	return has(family, NFT_MSG_GETCHAIN, attributes, names, 2);
}
