/*
 * A full tunnel's rules in the firewall. Text is made here and handed to the tools on their
 * standard input, which is a file in memory. Stateless: what there is to remove, the tools are
 * asked.
 */
#include "cmd/wg-quick/firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "lib/netlink/nft.h"
#include "lib/util/cleanup.h"

#define TABLE_PREFIX "wg-quick-"

enum {
	STATUS_FAILED = 1,
	STATUS_NOT_FOUND = 127, /* a shell's */
};

static const struct tools {
	uint8_t family;
	const char *nft_family;
	const char *iptables, *save, *restore;
	const char *legacy_tables; /* names of the tables that iptables of old has in use */
} tools[] = {
	{ AF_INET, "ip", "iptables", "iptables-save", "iptables-restore",
	  "/proc/net/ip_tables_names" },
	{ AF_INET6, "ip6", "ip6tables", "ip6tables-save", "ip6tables-restore",
	  "/proc/net/ip6_tables_names" },
};

static const struct tools *tools_of(uint8_t family)
{
	return &tools[family == AF_INET6];
}

enum firewall_tool firewall_find(uint8_t family)
{
	if (process_find(NULL, "nft"))
		return FIREWALL_NFT;
	return process_find(NULL, tools_of(family)->restore) ? FIREWALL_IPTABLES : FIREWALL_NONE;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Writes the address alone if it is one of that family. */
static bool format_address(char out[static INET6_ADDRSTRLEN], const struct cidr *address,
			   uint8_t family)
{
	return address->family == family &&
	       inet_ntop(family, address->addr.bytes, out, INET6_ADDRSTRLEN);
}

void firewall_format_nft(struct strbuf *out, const struct firewall *firewall)
{
	const char *family = tools_of(firewall->family)->nft_family, *name = firewall->interface;
	char address[INET6_ADDRSTRLEN];

	strbuf_addf(out, "table %s " TABLE_PREFIX "%s {\n", family, name);
	strbuf_add(out, "chain preraw {\ntype filter hook prerouting priority -300;\n");
	for (size_t i = 0; i < firewall->n_addresses; i++)
		if (format_address(address, &firewall->addresses[i], firewall->family))
			strbuf_addf(out,
				    "iifname != \"%s\" %s daddr %s fib saddr type != local drop\n",
				    name, family, address);
	strbuf_add(out, "}\nchain premangle {\ntype filter hook prerouting priority -150;\n"
			"meta l4proto udp meta mark set ct mark\n}\n");
	strbuf_addf(out,
		    "chain postmangle {\ntype filter hook postrouting priority -150;\n"
		    "meta l4proto udp meta mark %u ct mark set meta mark\n}\n}\n",
		    firewall->mark);
}

/* Both wg-quicks know their rules by this. */
static void add_comment(struct strbuf *out, const char *interface)
{
	strbuf_addf(out, "-m comment --comment \"wg-quick(8) rule for %s\"", interface);
}

void firewall_format_iptables(struct strbuf *out, const struct firewall *firewall)
{
	AUTO(strbuf_fini) struct strbuf comment = { 0 };
	char address[INET6_ADDRSTRLEN];

	add_comment(&comment, firewall->interface);
	strbuf_add(out, "*raw\n");
	for (size_t i = 0; i < firewall->n_addresses; i++)
		if (format_address(address, &firewall->addresses[i], firewall->family))
			strbuf_addf(out,
				    "-I PREROUTING -d %s ! -i %s -m addrtype ! --src-type LOCAL "
				    "%s -j DROP\n",
				    address, firewall->interface, strbuf_text(&comment));
	strbuf_addf(out,
		    "COMMIT\n*mangle\n"
		    "-I POSTROUTING -p udp -m mark --mark %u %s -j CONNMARK --save-mark\n"
		    "-I PREROUTING -p udp %s -j CONNMARK --restore-mark\nCOMMIT\n",
		    firewall->mark, strbuf_text(&comment), strbuf_text(&comment));
}

bool firewall_format_iptables_removal(struct strbuf *out, const char *saved, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf comment = { 0 };
	bool found = false;

	add_comment(&comment, interface);
	for (const char *line = saved, *end; *line; line = *end ? end + 1 : end) {
		AUTO(strbuf_fini) struct strbuf text = { 0 };
		bool is_rule = !strncmp(line, "-A ", 3);

		end = strchrnul(line, '\n');
		strbuf_add_mem(&text, line, (size_t)(end - line));
		if (is_rule && strstr(text.text, comment.text)) {
			strbuf_addf(out, "-D %s\n", text.text + 3);
			found = true;
		} else if (line[0] == '*' || !strcmp(strbuf_text(&text), "COMMIT")) {
			strbuf_addf(out, "%s\n", strbuf_text(&text));
		}
	}
	return found;
}

/* ---- the tools ------------------------------------------------------------------------------- */

/* Runs a program with `input` on its standard input. As firewall_add(). */
static int run_on(char *const argv[], const struct strbuf *input, struct err *err)
{
	AUTO(auto_close) int fd = process_open_text(strbuf_text(input), input->len, false);
	int status;

	if (fd < 0) {
		err_set(err, fd, "cannot hand rules to `%s': %s", argv[0], strerror(-fd));
		return STATUS_FAILED;
	}
	status = process_run_with(argv, (int[]){ fd, -1, -1 }, err);
	if (status < 0)
		return STATUS_NOT_FOUND;
	if (status)
		err_set(err, -ECHILD, "`%s %s' failed with exit status %d", argv[0], argv[1],
			status);
	return status;
}

/* The words of the original, which scripts look for. */
#define NFT_COMMAND "nft -f /dev/fd/63"

/* These two only add the command to `told`, if there is such a list. */
static int run_nft(struct strlist *told, const struct strbuf *input, struct err *err)
{
	char *const argv[] = { "nft", "-f", "-", NULL };

	if (told) {
		strlist_add(told, NFT_COMMAND);
		return 0;
	}
	cli_say("[#] " NFT_COMMAND);
	return run_on(argv, input, err);
}

static int run_restore(struct strlist *told, const struct tools *tool, const struct strbuf *input,
		       struct err *err)
{
	AUTO(strbuf_fini) struct strbuf command = { 0 };
	char *const argv[] = { (char *)tool->restore, "-n", NULL };
	int status;

	strbuf_addf(&command, "%s -n", tool->restore);
	if (told) {
		strlist_add(told, strbuf_text(&command));
		return 0;
	}
	cli_say("[#] %s", strbuf_text(&command));
	status = run_on(argv, input, err);
	/* Kernels have begun to leave out what iptables of old works on. */
	if (status && status != STATUS_NOT_FOUND && !process_find(NULL, "nft"))
		err_set(err, -ECHILD,
			"`%s -n' failed with exit status %d: install nftables, which is preferred",
			tool->restore, status);
	return status;
}

/* Adds a command for each table that is the interface's. */
static void add_nft_removal(struct strbuf *out, const char *interface, uint8_t family)
{
	AUTO(strbuf_fini) struct strbuf table = { 0 };

	strbuf_addf(&table, TABLE_PREFIX "%s", interface);
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if ((!family || family == tools[i].family) &&
		    nft_has_table(tools[i].family, strbuf_text(&table)))
			strbuf_addf(out, "delete table %s %s\n", tools[i].nft_family,
				    strbuf_text(&table));
}

static int add(struct strlist *told, const struct firewall *firewall, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	switch (firewall_find(firewall->family)) {
	case FIREWALL_NFT:
		/* One may have been left behind by an interface that was deleted by hand. To take
		 * it away for nothing's sake would cost a wait of the kernel's. */
		add_nft_removal(&text, firewall->interface, firewall->family);
		firewall_format_nft(&text, firewall);
		return run_nft(told, &text, err);
	case FIREWALL_IPTABLES:
	case FIREWALL_NONE: /* which running it will tell */
		break;
	}
	firewall_format_iptables(&text, firewall);
	return run_restore(told, tools_of(firewall->family), &text, err);
}

int firewall_add(const struct firewall *firewall, struct err *err)
{
	return add(NULL, firewall, err);
}

void firewall_foresee_add(struct strlist *told, const struct firewall *firewall)
{
	add(told, firewall, NULL);
}

int firewall_run_nft(const struct strbuf *rules, struct err *err)
{
	return run_nft(NULL, rules, err);
}

/* Whether iptables, of either kind, has a table where our rules may be. Asking here is a hundred
 * times as fast as running iptables-save, and most often the answer is no. */
static bool has_iptables(const struct tools *tool)
{
	AUTO(auto_fclose) FILE *names = fopen(tool->legacy_tables, "re");
	char line[64];

	while (names && fgets(line, sizeof(line), names))
		if (!strcmp(line, "raw\n") || !strcmp(line, "mangle\n"))
			return true;
	return nft_has_table(tool->family, "raw") || nft_has_table(tool->family, "mangle");
}

/* What iptables-save prints; nothing if it fails. */
static void read_saved(struct strbuf *out, const struct tools *tool)
{
	AUTO(auto_close) int fd = memfd_create("firewall", MFD_CLOEXEC);
	AUTO(auto_close) int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *const argv[] = { (char *)tool->save, NULL };

	if (fd < 0 || process_run_with(argv, (int[]){ -1, fd, null }, NULL))
		return;
	lseek(fd, 0, SEEK_SET);
	strbuf_read_fd(out, fd, NULL);
}

static int remove_all(struct strlist *told, const char *interface, uint8_t family, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf nft = { 0 };
	int status = 0;

	add_nft_removal(&nft, interface, family);
	if (nft.len && process_find(NULL, "nft"))
		status = run_nft(told, &nft, err);
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		AUTO(strbuf_fini) struct strbuf saved = { 0 }, text = { 0 };
		struct err last = { 0 };
		int r;

		if ((family && family != tools[i].family) || !has_iptables(&tools[i]) ||
		    !process_find(NULL, tools[i].save))
			continue;
		read_saved(&saved, &tools[i]);
		if (!firewall_format_iptables_removal(&text, strbuf_text(&saved), interface))
			continue;
		r = run_restore(told, &tools[i], &text, &last);
		if (r && !status) {
			status = r;
			if (err)
				*err = last;
		}
	}
	return status;
}

int firewall_remove(const char *interface, uint8_t family, struct err *err)
{
	return remove_all(NULL, interface, family, err);
}

void firewall_foresee_remove(struct strlist *told, const char *interface, uint8_t family)
{
	remove_all(told, interface, family, NULL);
}
