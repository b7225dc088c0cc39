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

static int take_table(const struct nlmsghdr *message, void *ctx)
{
	bool *found = ctx;

	(void)message;
	*found = true;
	return MNL_CB_OK;
}

bool nft_has_table(uint8_t family, const char *name)
{
	AUTO(auto_mnl_close)
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	char buf[ANSWER_CAP];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;
	bool found = false;
	int r = MNL_CB_OK;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return false;
	message->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	nfg = mnl_nlmsg_put_extra_header(message, sizeof(*nfg));
	*nfg = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0 };
	if (!mnl_attr_put_strz_check(message, sizeof(buf), NFTA_TABLE_NAME, name) ||
	    mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return false;
	while (r == MNL_CB_OK) {
		ssize_t len = mnl_socket_recvfrom(socket, buf, sizeof(buf));

		if (len < 0)
			return false;
		r = mnl_cb_run(buf, (size_t)len, 1, mnl_socket_get_portid(socket), take_table,
			       &found);
	}
	return r >= MNL_CB_STOP && found;
}
