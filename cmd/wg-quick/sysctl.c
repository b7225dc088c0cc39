/*
 * The kernel's variables, read and written as files below /proc/sys. Stateless.
 */
#include "cmd/wg-quick/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

enum {
	RP_FILTER_STRICT = 1
};

int sysctl_read(const char *path)
{
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -errno;
	return atoi(text);
}

int sysctl_write(const char *path, int value)
{
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", value);

	return fd < 0 || write(fd, text, (size_t)len) < 0 ? -errno : 0;
}

static int read_conf(const char *conf, const char *interface, const char *variable)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };

	strbuf_addf(&path, "%s/%s/%s", conf, interface, variable);
	return sysctl_read(strbuf_text(&path));
}

/* What is no interface, or one that no stranger's packets arrive on. */
static bool is_passed_over(const char *name)
{
	static const char *const names[] = { ".", "..", "all", "default", "lo" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

bool sysctl_needs_src_valid_mark(const char *conf, const char *tunnel)
{
	AUTO(auto_closedir) DIR *dir = opendir(conf);
	int all = read_conf(conf, "all", "rp_filter");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		int own;

		if (is_passed_over(name) || !strcmp(name, tunnel))
			continue;
		/* The greater of the two counts. */
		own = read_conf(conf, name, "rp_filter");
		if ((own > all ? own : all) == RP_FILTER_STRICT &&
		    read_conf(conf, name, "src_valid_mark") != 1)
			return true;
	}
	return false;
}

bool sysctl_has_ipv6(const char *root, const char *interface)
{
	AUTO(strbuf_fini) struct strbuf addresses = { 0 }, conf = { 0 };

	strbuf_addf(&addresses, "%s/net/if_inet6", root);
	strbuf_addf(&conf, "%s/sys/net/ipv6/conf", root);
	return !access(strbuf_text(&addresses), F_OK) &&
	       read_conf(strbuf_text(&conf), interface, "disable_ipv6") != 1;
}
