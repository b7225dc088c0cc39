/* Which offloads are wanted: see features.h. Nothing is owned. */
#include "datapath/host/features.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} names[] = {
	{ "tun-tso", offsetof(struct features, tun_tso) },
	{ "tun-uso", offsetof(struct features, tun_uso) },
	{ "tun-gro", offsetof(struct features, tun_gro) },
	{ "udp-gso", offsetof(struct features, udp_gso) },
	{ "udp-gro", offsetof(struct features, udp_gro) },
};

static bool *find(struct features *features, const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len && !memcmp(names[i].name, name, len))
			return (bool *)((char *)features + names[i].offset);
	return NULL;
}

int features_parse(struct features *out, const char *text, struct err *err)
{
	struct features wanted = { 0 };

	if (!strcmp(text, "on")) {
		*out = (struct features){ true, true, true, true, true };
		return 0;
	}
	for (const char *at = strcmp(text, "off") ? text : ""; *at;) {
		size_t len = strcspn(at, ",");
		bool *feature = find(&wanted, at, len);

		if (!feature)
			return err_set(err, -EINVAL, "no such offload: `%.*s'", (int)len, at);
		*feature = true;
		at += len;
		at += *at == ',';
	}
	*out = wanted;
	return 0;
}
