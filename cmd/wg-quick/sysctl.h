#ifndef CMD_WG_QUICK_SYSCTL_H
#define CMD_WG_QUICK_SYSCTL_H

#include <stdbool.h>

/* The few of the kernel's variables that matter here, as files. */

#define SYSCTL_IPV4_CONF "/proc/sys/net/ipv4/conf"
#define SYSCTL_SRC_VALID_MARK SYSCTL_IPV4_CONF "/all/src_valid_mark"

/** The number in a file, or a negative errno. */
int sysctl_read(const char *path);
/** Returns 0 or a negative errno. */
int sysctl_write(const char *path, int value);

/**
 * Whether an interface other than `tunnel` drops a full tunnel's encrypted packets on arrival as
 * long as marks do not count in the check of their return path: that check is strict there, and its
 * own src_valid_mark is off. `conf` is SYSCTL_IPV4_CONF.
 * Source: the kernel's ip-sysctl, rp_filter and src_valid_mark.
 */
bool sysctl_needs_src_valid_mark(const char *conf, const char *tunnel);

/**
 * Whether an interface ("default": a new one) has IPv6; it need not be there. `root` is "/proc".
 */
bool sysctl_has_ipv6(const char *root, const char *interface);

#endif
