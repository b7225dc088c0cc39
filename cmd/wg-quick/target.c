/*
 * From the command line's last argument to an interface and its configuration file. The target
 * owns its path.
 */
#include "cmd/wg-quick/target.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"
#include "lib/util/strbuf.h"

#define CONFIG_DIR SYSCONFDIR "/wireguard"
#define CONFIG_SUFFIX ".conf"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-"

static bool is_interface_name(const char *text, size_t len)
{
	return len > 0 && len < IFNAMSIZ && strspn(text, NAME_CHARACTERS) >= len;
}

/* `wg0.conf' is the name of an interface, but hardly ever meant as such. */
static int refuse_missing(const char *path, const char *argument, bool is_name, struct err *err)
{
	struct stat st;

	if (is_name && !stat(argument, &st) && S_ISREG(st.st_mode))
		return err_set(err, -ENOENT, "`%s' does not exist; the file here is `./%s'", path,
			       argument);
	return err_set(err, -ENOENT, "`%s' does not exist", path);
}

int target_find(struct target *out, const char *argument, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	const char *slash = strrchr(argument, '/'), *name = slash ? slash + 1 : argument;
	bool is_name = is_interface_name(argument, strlen(argument));
	size_t len = strlen(name);
	struct target target = { 0 };
	struct stat st;

	if (is_name)
		strbuf_addf(&path, CONFIG_DIR "/%s" CONFIG_SUFFIX, argument);
	else
		strbuf_add(&path, argument);
	if (stat(strbuf_text(&path), &st))
		return refuse_missing(strbuf_text(&path), argument, is_name, err);
	if (!is_name) {
		size_t suffix = strlen(CONFIG_SUFFIX);

		if (len <= suffix || strcmp(name + len - suffix, CONFIG_SUFFIX) != 0 ||
		    !is_interface_name(name, len - suffix))
			return err_set(err, -EINVAL,
				       "The config file must be a valid interface name, followed "
				       "by " CONFIG_SUFFIX);
		len -= suffix;
	}
	memcpy(target.interface, name, len);
	target.path = realpath(strbuf_text(&path), NULL);
	if (!target.path)
		return err_set(err, -errno, "%s: %s", strbuf_text(&path), strerror(errno));
	*out = target;
	return 0;
}

bool target_name(struct target *out, const char *argument)
{
	const char *slash = strrchr(argument, '/'), *name = slash ? slash + 1 : argument;
	const size_t suffix = strlen(CONFIG_SUFFIX);
	size_t len = strlen(name);

	if (!is_interface_name(argument, strlen(argument))) {
		if (len <= suffix || strcmp(name + len - suffix, CONFIG_SUFFIX) != 0)
			return false;
		len -= suffix;
	}
	if (!is_interface_name(name, len))
		return false;
	*out = (struct target){ 0 };
	memcpy(out->interface, name, len);
	return true;
}

bool target_is_world_accessible(const struct target *target)
{
	AUTO(auto_free) char *copy = mem_strdup(target->path);
	struct stat file, dir;

	return !stat(target->path, &file) && !stat(dirname(copy), &dir) &&
	       (file.st_mode & dir.st_mode & S_IRWXO);
}

void target_fini(struct target *target)
{
	free(target->path);
	*target = (struct target){ 0 };
}
