/*
 * The kill switch. Text is made here and handed to nft(8), which takes it as one transaction: there
 * is no moment between an old table and a new one. Stateless.
 *
 * What is let out: what stays on the host, what goes into the tunnel, and the tunnel's own packets,
 * known by their mark; what a link needs to live (DHCP, IPv6 neighbour discovery). No connection is
 * excepted for being older than the tunnel. Nothing is said about packets that come in: without
 * answers they lead nowhere.
 *
 * Forwarded packets are held up likewise, or a container's or guest's would get out; those that
 * come out of the tunnel may go on, since they are no secret of this host's.
 */
#include "cmd/wg-quick/kill_switch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg-quick/firewall.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/nft.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* Not wg-quick's prefix: the original deletes all tables that have it, in its `down`. */
#define TABLE "inet wg-kill-switch-"
#define TABLE_NAME (TABLE + sizeof("inet"))
#define LAN_CHAIN "lan" /* there if the local network is let through */

enum {
	STATUS_FAILED = 1,
};

/* ---- text ------------------------------------------------------------------------------------ */

static void add_link_upkeep(struct strbuf *out)
{
	strbuf_add(out, "udp sport 68 udp dport 67 accept\n"
			"ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 accept\n"
			"ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-router-advert, "
			"nd-neighbor-solicit, nd-neighbor-advert } accept\n"
			"ip6 daddr ff02::/16 icmpv6 type { mld-listener-report, mld-listener-done, "
			"mld2-listener-report } accept\n");
}

/* Of the multicast addresses those that stay on a link (RFC 5771 section 4), mDNS among them, or on
 * a site (RFC 2365). */
static void add_lan(struct strbuf *out, const struct kill_switch *kill_switch)
{
	char text[CIDR_TEXT_MAX];

	for (size_t i = 0; i < kill_switch->n_lan; i++) {
		cidr_format(text, &kill_switch->lan[i]);
		strbuf_addf(out, "%s daddr %s accept\n",
			    kill_switch->lan[i].family == AF_INET6 ? "ip6" : "ip", text);
	}
	strbuf_add(out, "ip daddr { 224.0.0.0/24, 239.255.0.0/16, 255.255.255.255 } accept\n"
			"ip6 daddr { fe80::/10, ff02::/16 } accept\n");
}

void kill_switch_format(struct strbuf *out, const struct kill_switch *kill_switch)
{
	const char *name = kill_switch->interface;
	const char *to_lan = kill_switch->lets_lan ? "jump " LAN_CHAIN "\n" : "";

	strbuf_addf(out, "table " TABLE "%s\ndelete table " TABLE "%s\ntable " TABLE "%s {\n", name,
		    name, name);
	/* For kill_switch_let_names_through(). */
	strbuf_add(out, "set names {\ntype inet_service; flags timeout;\n}\n");
	if (kill_switch->lets_lan) {
		strbuf_add(out, "chain " LAN_CHAIN " {\n");
		add_lan(out, kill_switch);
		strbuf_add(out, "}\n");
	}
	strbuf_addf(out,
		    "chain output {\ntype filter hook output priority 0; policy drop;\n"
		    "oifname { \"lo\", \"%s\" } accept\n"
		    "meta l4proto udp meta mark %u accept\n",
		    name, kill_switch->mark);
	add_link_upkeep(out);
	/* Whoever is held up hears of it at once instead of waiting. */
	strbuf_addf(out,
		    "%smeta l4proto { tcp, udp } th dport @names accept\n"
		    "reject with icmpx type admin-prohibited\n",
		    to_lan);
	strbuf_addf(out,
		    "}\nchain forward {\ntype filter hook forward priority 0; policy drop;\n"
		    "iifname \"%s\" accept\noifname \"%s\" accept\n",
		    name, name);
	strbuf_addf(out, "%sreject with icmpx type admin-prohibited\n}\n}\n", to_lan);
}

/* ---- the local network ----------------------------------------------------------------------- */

bool kill_switch_is_private(const struct cidr *prefix)
{
	static const char *const texts[] = {
		"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16", /* RFC 1918 */
		"169.254.0.0/16",                                    /* RFC 3927 */
		"fc00::/7",                                          /* RFC 4193 */
		"fe80::/10",                                         /* RFC 4291 */
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct cidr private;

		if (!cidr_parse(&private, NULL, texts[i], NULL) &&
		    private.family == prefix->family && private.bits <= prefix->bits &&
		    cidr_contains(&private, prefix))
			return true;
	}
	return false;
}

int kill_switch_list_lan(struct cidr **out, size_t *n, const char *interface, struct err *err)
{
	struct if_nameindex *links = if_nameindex();
	struct cidr *list = NULL;
	size_t n_list = 0, cap = 0;

	if (!links)
		return err_set(err, -errno, "cannot list the interfaces: %s", strerror(errno));
	for (const struct if_nameindex *link = links; link->if_index; link++) {
		AUTO(auto_free) struct cidr *addresses = NULL;
		size_t n_addresses = 0;

		/* A link that has gone since has no addresses. */
		if (!strcmp(link->if_name, interface) ||
		    addr_list(&addresses, &n_addresses, link->if_name, NULL))
			continue;
		for (size_t i = 0; i < n_addresses; i++) {
			struct cidr prefix = addresses[i];

			cidr_mask(&prefix);
			if (!kill_switch_is_private(&prefix))
				continue;
			list = mem_grow(list, &cap, n_list + 1, sizeof(*list));
			list[n_list++] = prefix;
		}
	}
	if_freenameindex(links);
	*out = list;
	*n = n_list;
	return 0;
}

/* ---- the tool -------------------------------------------------------------------------------- */

bool kill_switch_is_there(const char *interface)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 };

	strbuf_addf(&name, "%s%s", TABLE_NAME, interface);
	return nft_has_table(NFPROTO_INET, name.text);
}

bool kill_switch_lets_lan(const char *interface)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 };

	strbuf_addf(&name, "%s%s", TABLE_NAME, interface);
	return nft_has_chain(NFPROTO_INET, name.text, LAN_CHAIN);
}

int kill_switch_add(const struct kill_switch *kill_switch, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	kill_switch_format(&text, kill_switch);
	return firewall_run_nft(&text, err);
}

int kill_switch_remove(const char *interface, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	if (!kill_switch_is_there(interface))
		return 0;
	/* Naming it first makes it, so that it is no failure if somebody else was faster. */
	strbuf_addf(&text, "table " TABLE "%s\ndelete table " TABLE "%s\n", interface, interface);
	return firewall_run_nft(&text, err);
}

/* Exchanges what the set of ports has. That the kernel itself takes it back after a time is for a
 * run that is killed meanwhile. */
static int set_names(const char *interface, const char *elements, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	if (!kill_switch_is_there(interface))
		return 0;
	strbuf_addf(&text, "flush set " TABLE "%s names\n", interface);
	if (elements)
		strbuf_addf(&text, "add element " TABLE "%s names { %s }\n", interface, elements);
	return firewall_run_nft(&text, err);
}

int kill_switch_let_names_through(const char *interface, unsigned int time_s, struct err *err)
{
	char elements[64] = "53, 853";

	if (time_s)
		snprintf(elements, sizeof(elements), "53 timeout %us, 853 timeout %us", time_s,
			 time_s);
	return set_names(interface, elements, err);
}

int kill_switch_keep_names_in(const char *interface, struct err *err)
{
	return set_names(interface, NULL, err);
}
