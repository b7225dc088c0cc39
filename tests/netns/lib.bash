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
# it stops at the first failing command. It has an empty /etc/wireguard and /run, little else in an /etc
# of its own, a private process table, loopback up, and starts in /run.
on_host() {
	local script
	script=$(mktemp "$BATS_TEST_TMPDIR/host.XXXXXX")
	cat >"$script"
	unshare --net --mount --pid --fork --kill-child --mount-proc bash -c '
		set -e
		mount -t sysfs sysfs /sys
		mount -t tmpfs tmpfs /run
		mkdir /run/etc
		mount --bind /etc /run/etc
		mount -t tmpfs -o mode=0755 tmpfs /etc
		mkdir -m 0700 /etc/wireguard
		mkdir /etc/alternatives /etc/iproute2
		mount --bind /run/etc/alternatives /etc/alternatives
		for file in passwd group hosts nsswitch.conf services protocols ld.so.cache iproute2; do
			[ ! -e "/run/etc/$file" ] || cp -a "/run/etc/$file" /etc
		done
		echo nameserver 192.0.2.53 >/etc/resolv.conf
		umount /run/etc
		rmdir /run/etc
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

# on_each_host: the script, once for each userspace program that wg-quick can start. It has $quick, write_conf, and the
# keys $key (its public key is $own), $peer_a and $peer_b.
on_each_host() {
	local script daemon
	script=$(cat)
	while read -r daemon; do
		echo "with $daemon"
		on_host "$BUILD/wg-quick" "$daemon" <<-SCRIPT
		quick=\$1
		export WG_QUICK_USERSPACE_IMPLEMENTATION=\$2
		key=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
		own=HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
		peer_a=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
		peer_b=L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
		write_conf() { (umask 077; cat >/etc/wireguard/wq0.conf); }
		$script
		SCRIPT
	done < <(daemons)
}
