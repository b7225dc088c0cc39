#ifndef LIB_CONF_SAVE_H
#define LIB_CONF_SAVE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf/lines.h"
#include "lib/model/device.h"
#include "lib/util/strbuf.h"
#include "lib/util/strlist.h"

/** What `wg-quick save` has found on the host. All of it is borrowed. */
struct conf_running {
	const struct wg_device *device;
	const struct cidr *addresses;
	size_t n_addresses;
	const struct strlist *dns_servers;
	const struct strlist *dns_search;
	unsigned int mtu_bytes; /* 0: unknown */
};

/**
 * Prints the file that the original would write: what is running, and of the file that is there
 * ("lines") MTU if it has one, Table, SaveConfig if it is true, and the commands. All comments go.
 * In contrast to the original's, search domains stay, and so do comment keys, without which the
 * next `up` would be another one; secrets that they find in files are left out.
 */
void conf_print_running(struct strbuf *out, const struct conf_lines *lines,
			const struct conf_running *running);

/**
 * Prints the file that is there with only that changed which is different now; every other line
 * stays byte for byte. For each key the first differing line gets the new value in its place;
 * sections of peers that are gone go, with the comment right above and all up to their last key;
 * new peers come at the end.
 *
 * What the file leaves to chance or to others stays so: ListenPort, FwMark, MTU and a peer's
 * Endpoint are not added to it; PrivateKey and PresharedKey only if there is neither PreUp nor
 * PostUp, which may have set them, nor a PrivateKeyFile or PresharedKeyFile. An Endpoint that is a
 * name stays, since peers roam.
 */
void conf_print_updated(struct strbuf *out, const struct conf_lines *lines,
			const struct conf_running *running);

#endif
