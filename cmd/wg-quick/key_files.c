/*
 * Reading keys from files. Text and keys are wiped when they have been handed on; neither is ever
 * in a message. Stateless.
 */
#include "cmd/wg-quick/key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "lib/util/cleanup.h"

#define CREDENTIAL "credential:"
#define CREDENTIAL_VARIABLE "CREDENTIALS_DIRECTORY"

enum {
	FILE_LEN_MAX = 4096, /* more is no key and some blanks */
};

/* Where the file is that the configuration calls `name`. */
static int find(struct strbuf *out, const struct target *target, const char *name, struct err *err)
{
	const char *dir = getenv(CREDENTIAL_VARIABLE), *slash = strrchr(target->path, '/');

	if (!strncasecmp(name, CREDENTIAL, strlen(CREDENTIAL))) {
		if (!dir || !dir[0])
			return err_set(err, -ENOENT,
				       "`%s': $" CREDENTIAL_VARIABLE
				       " is not set: it takes a systemd unit with "
				       "LoadCredential=%s:FILE",
				       name, name + strlen(CREDENTIAL));
		strbuf_addf(out, "%s/%s", dir, name + strlen(CREDENTIAL));
		return 0;
	}
	if (name[0] != '/' && slash)
		strbuf_add_mem(out, target->path, (size_t)(slash - target->path) + 1);
	strbuf_add(out, name);
	return 0;
}

static int parse(struct wg_key *out, const struct strbuf *text, const char *path, struct err *err)
{
	size_t len = text->len;

	while (len && strchr(" \t\v\f\r\n", text->text[len - 1]))
		len--;
	if (text->len > FILE_LEN_MAX || wg_key_parse_mem(out, strbuf_text(text), len, NULL))
		return err_expected(err, -EINVAL, "one key in base64, as of `wg genkey'",
				    "`%s' has no key in it", path);
	return 0;
}

static int read_key(struct wg_key *out, int fd, const char *path, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	ssize_t n;

	do {
		n = read(fd, strbuf_reserve(&text, FILE_LEN_MAX), FILE_LEN_MAX);
		if (n > 0)
			text.len += (size_t)n;
	} while ((n > 0 && text.len <= FILE_LEN_MAX) || (n < 0 && errno == EINTR));
	if (n < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return parse(out, &text, path, err);
}

static int check(const struct target *target, const char *name, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(wg_key_wipe) struct wg_key key = { 0 };
	struct target file = { 0 };
	struct stat st;
	int r = find(&path, target, name, err);

	if (r)
		return r;
	if (stat(strbuf_text(&path), &st))
		return err_set(err, -errno, "%s: %s", strbuf_text(&path), strerror(errno));
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		return 0;
	AUTO(auto_close) int fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", strbuf_text(&path), strerror(errno));
	r = read_key(&key, fd, strbuf_text(&path), err);
	file.path = path.text;
	if (!r && target_is_world_accessible(&file))
		cli_say("Warning: `%s' is world accessible", path.text);
	return r;
}

int key_files_check(const struct target *target, const struct conf *conf, struct err *err)
{
	const struct conf_quick *quick = &conf->quick;
	int r = 0;

	if (quick->private_key_file)
		r = check(target, quick->private_key_file, err);
	for (size_t i = 0; !r && i < quick->n_peers; i++)
		if (quick->peers[i].preshared_key_file)
			r = check(target, quick->peers[i].preshared_key_file, err);
	return r;
}

static int read_file(struct wg_key *out, const struct target *target, const char *name,
		     struct err *err)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	int r = find(&path, target, name, err);

	if (r)
		return r;
	AUTO(auto_close) int fd = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", strbuf_text(&path), strerror(errno));
	return read_key(out, fd, strbuf_text(&path), err);
}

static const char *preshared_key_file_of(const struct conf_quick *quick, const struct wg_key *key)
{
	for (size_t i = 0; i < quick->n_peers; i++)
		if (quick->peers[i].preshared_key_file &&
		    wg_key_equal(&quick->peers[i].public_key, key))
			return quick->peers[i].preshared_key_file;
	return NULL;
}

static int read_preshared_keys(struct conf *conf, const struct target *target, struct err *err)
{
	AUTO(wg_device_auto_free) struct wg_device *filled = wg_device_new();
	AUTO(wg_peers_fini) struct wg_peers peers = { .device = conf->device };
	const struct wg_peer *peer;
	int r = 0;

	while (!r && (peer = wg_peers_next(&peers))) {
		const char *name = preshared_key_file_of(&conf->quick, &peer->public_key);
		struct wg_peer *copy = wg_device_add_peer(filled);

		wg_peer_copy(copy, peer);
		if (!name)
			continue;
		r = read_file(&copy->preshared_key, target, name, err);
		copy->flags |= WG_PEER_HAS_PRESHARED_KEY;
	}
	if (!r)
		wg_device_take_peers(conf->device, filled);
	return r;
}

int key_files_read(struct conf *conf, const struct target *target, struct err *err)
{
	bool has_preshared = false;

	if (conf->quick.private_key_file) {
		int r = read_file(&conf->device->private_key, target, conf->quick.private_key_file,
				  err);

		if (r)
			return r;
		conf->device->flags |= WG_DEVICE_HAS_PRIVATE_KEY;
	}
	for (size_t i = 0; i < conf->quick.n_peers; i++)
		has_preshared |= conf->quick.peers[i].preshared_key_file != NULL;
	return has_preshared ? read_preshared_keys(conf, target, err) : 0;
}
