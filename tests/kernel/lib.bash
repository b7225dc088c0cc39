# Helpers for the tests of the kernel's driver. Load with `load lib`.
#
# Programs start slowly in the lab's emulator, so a test does many things in one script, which runs
# in namespaces of its own: nothing needs cleaning up.

need_driver() {
	((EUID == 0)) || skip "needs root"
	unshare --net ip link add wgk0 type wireguard 2>/dev/null || skip "this kernel has no wireguard driver"
}

# in_ns: runs the script on standard input with bash in fresh namespaces (network, mount), in an
# empty directory; it stops at the first failing command. It has $ours and $theirs (the original),
# the links wgk0 and wgk1, both down, and the functions of guest.bash.
in_ns() {
	local script
	script=$(mktemp "$BATS_TEST_TMPDIR/script.XXXXXX")
	cat >"$script"
	mkdir -p "$BATS_TEST_TMPDIR/work"
	unshare --net --mount --propagation private bash -c '
		set -eE -o pipefail
		trap '\''echo "line $LINENO failed: $BASH_COMMAND" >&2'\'' ERR
		ours=$BUILD/wg theirs=/usr/bin/wg
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /etc/wireguard
		mount -t sysfs sysfs /sys
		ip link set lo up
		ip link add wgk0 type wireguard
		ip link add wgk1 type wireguard
		cd "$1"
		. "$2"
		. "$3"' in_ns "$BATS_TEST_TMPDIR/work" "$BATS_TEST_DIRNAME/guest.bash" "$script"
}
