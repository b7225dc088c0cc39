/*
 * Saving: looks at the device, its link and its name servers, has lib/conf put the text together,
 * and replaces the file. Until the new file is on the disk in full, the old one is not touched.
 */
#include "cmd/wg-quick/save.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/dns.h"
#include "lib/conf/save.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/addr.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

/* ---- the file -------------------------------------------------------------------------------- */

static int write_all(int fd, const struct strbuf *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = write(fd, text->text + at, text->len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) ? -errno : 0;
}

/* Writes a file that nobody else can read, or leaves none. */
static int write_temporary(const char *path, const struct strbuf *text, struct err *err)
{
	AUTO(auto_close) int fd = -1;
	int r;

	unlink(path); /* of a run that was killed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : write_all(fd, text);
	if (!r)
		return 0;
	if (fd >= 0)
		unlink(path);
	return err_set(err, r, "Could not write configuration file: %s: %s", path, strerror(-r));
}

/* So that the new name, too, is there after a loss of power. Not all file systems know of that. */
static void sync_directory(const char *path)
{
	AUTO(auto_free) char *copy = mem_strdup(path);
	AUTO(auto_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		fsync(fd);
}

static int exchange_file(const char *path, const struct strbuf *text, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf temporary = { 0 };
	int r;

	strbuf_addf(&temporary, "%s.tmp", path);
	r = write_temporary(strbuf_text(&temporary), text, err);
	if (r)
		return r;
	if (rename(strbuf_text(&temporary), path)) {
		r = err_set(err, -errno, "Could not move configuration file: %s: %s", path,
			    strerror(errno));
		unlink(strbuf_text(&temporary));
		return r;
	}
	sync_directory(path);
	return 0;
}

/* A signal waits until that is done, so that it leaves nothing behind. */
static int replace_file(const char *path, const struct strbuf *text, struct err *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	r = exchange_file(path, text, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* ---- names that were never found ------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wg_key));
}

/* Keys of the peers that have no endpoint, sorted. Returns how many; *out is to be freed. */
static size_t list_lost(struct wg_key **out, const struct wg_device *device)
{
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	const struct wg_peer *peer;
	size_t n = 0;

	*out = mem_alloc(device->n_peers + 1, sizeof(**out));
	while ((peer = wg_peers_next(&peers)))
		if (endpoint_is_empty(&peer->endpoint))
			(*out)[n++] = peer->public_key;
	qsort(*out, n, sizeof(**out), compare_keys);
	return n;
}

/* Gives peers without an endpoint the name that the file has for them: `up` goes on without those
 * that it does not find, and the only place that has them must not lose them. */
static void keep_names(struct wg_device *device, const struct conf *conf)
{
	AUTO(wg_device_auto_free) struct wg_device *kept = NULL;
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = device };
	AUTO(auto_free) struct wg_key *lost = NULL;
	AUTO(auto_free) struct endpoint *names = NULL;
	AUTO(conf_fini) struct conf file = { 0 };
	size_t n_lost = list_lost(&lost, device);
	const struct wg_peer *peer;

	if (!n_lost || conf_parse(&file, strbuf_text(&conf->lines.text), conf->lines.text.len,
				  CONF_QUICK, NULL))
		return; /* a file with mistakes: `down' must not fail by them */

	AUTO(wg_peers_fini) struct wg_peers wanted = { .device = file.device };

	names = mem_alloc(n_lost, sizeof(*names));
	while ((peer = wg_peers_next(&wanted))) {
		const struct wg_key *found =
			bsearch(&peer->public_key, lost, n_lost, sizeof(*lost), compare_keys);

		if (found && peer->endpoint.host)
			endpoint_copy(&names[found - lost], &peer->endpoint);
	}
	kept = wg_device_new();
	while ((peer = wg_peers_next(&peers))) {
		const struct wg_key *found =
			bsearch(&peer->public_key, lost, n_lost, sizeof(*lost), compare_keys);
		struct wg_peer *copy = wg_device_add_peer(kept);

		wg_peer_copy(copy, peer);
		if (found)
			endpoint_copy(&copy->endpoint, &names[found - lost]);
	}
	for (size_t i = 0; i < n_lost; i++)
		endpoint_fini(&names[i]);
	wg_device_take_peers(device, kept);
}

/* ---- saving ---------------------------------------------------------------------------------- */

int save(const struct target *target, const struct conf *conf, struct err *err)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;
	AUTO(strlist_fini) struct strlist servers = { 0 }, search = { 0 };
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(auto_free) struct cidr *addresses = NULL;
	const struct dns dns = { .interface = target->interface,
				 .servers = &conf->quick.dns_servers,
				 .search = &conf->quick.dns_search };
	struct conf_running running = { .dns_servers = &servers, .dns_search = &search };
	struct link_info link = { 0 };
	int r;

	dns_get(&servers, &search, &dns);
	cli_say("[#] wg showconf %s", target->interface);
	r = ipc_get(&device, target->interface, err);
	if (r) {
		err_prefix(err, "Unable to access interface");
		return r;
	}
	/* A daemon's link may have another name, or be elsewhere: there is the rest all the same.
	 */
	r = addr_list_given(&addresses, &running.n_addresses, target->interface, err);
	if (r && r != -ENODEV)
		return r;
	if (!r && !link_get(&link, target->interface, NULL))
		running.mtu_bytes = link.mtu_bytes;
	running.device = device;
	running.addresses = addresses;
	if (conf->quick.is_text_kept) {
		conf_print_updated(&text, &conf->lines, &running);
		return replace_file(target->path, &text, err);
	}
	keep_names(device, conf);
	conf_print_running(&text, &conf->lines, &running);
	return replace_file(target->path, &text, err);
}
