# Helpers for the tests that need hosts of their own. Load with `load lib`.
#
# A host is a set of namespaces (network, mount, process) in which one script runs. When the script
# ends, however it ends, the kernel takes away every process, link and mount of that host, so that
# nothing needs cleaning up and names cannot collide.

need_root() {
	((EUID == 0)) || skip "needs root"
	[[ -c /dev/net/tun ]] || skip "needs /dev/net/tun"
	unshare -nm true 2>/dev/null || skip "needs the right to make namespaces"
}

# on_host: runs the script on standard input with bash on a fresh host, with "$@" as its arguments;
# it stops at the first failing command. It has an empty /etc/wireguard and /run, a private process
# table, loopback up, and starts in /run.
on_host() {
	local script
	script=$(mktemp "$BATS_TEST_TMPDIR/host.XXXXXX")
	cat >"$script"
	unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
		set -e
		mount -t sysfs sysfs /sys
		mount -t tmpfs tmpfs /run
		mount -t tmpfs -o mode=0700 tmpfs /etc/wireguard
		ip link set lo up
		cd /run
		. "$1"
		shift
		set -o pipefail
		. "$@"' host "$BATS_TEST_DIRNAME/host.bash" "$script" "$@"
}

# daemons: the userspace programs to try, a line each.
daemons() {
	echo wireguard-go
	[[ ! -x $BUILD/wg-datapath ]] || echo "$BUILD/wg-datapath"
}
