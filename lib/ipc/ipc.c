/*
 * One door to devices: see ipc.h. A daemon that has a socket of that name goes first, so that a
 * userspace device is found whatever the kernel can do. Owns nothing.
 */
#include "lib/ipc/ipc.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "lib/netlink/wgdev.h"
#include "lib/uapi/client.h"

int ipc_list(struct strlist *names, struct err *err)
{
	int r = wgdev_list(names, err);

	return r ? r : uapi_list(names, err);
}

int ipc_get(struct wg_device **out, const char *name, struct err *err)
{
	if (strlen(name) >= IFNAMSIZ)
		return err_set(err, -ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
	return uapi_exists(name) ? uapi_get(out, name, err) : wgdev_get(out, name, err);
}

int ipc_set(const struct wg_device *change, struct err *err)
{
	return uapi_exists(change->name) ? uapi_set(change, err) : wgdev_set(change, err);
}
