#!/usr/bin/env bats
# What is left to the kernel in large pieces (WG_OFFLOAD), in every combination: the same bytes
# arrive. A side with all of it off has its kernel verify what the other side's pieces were cut
# into. The hosts are drawn in datapath.bash.

load lib

setup() {
	need_root
}

# on_two_hosts: the script on standard input, with both hosts there, and these:
# combinations: the values of WG_OFFLOAD, all 32, a line each.
# tunnel_with OFFLOAD_A OFFLOAD_B: a tunnel whose ends have these, as good as new.
# datagrams FROM TO ADDRESS: sends datagrams of many sizes, most of them many at once.
on_two_hosts() {
	local script
	script=$(cat)
	on_host "$BUILD" "$BATS_TEST_DIRNAME" <<-SCRIPT
	datapath=\$1/wg-datapath
	. "\$2/datapath.bash"
	cd /run
	two_hosts
	combinations() {
		local i bit names=(tun-tso tun-uso tun-gro udp-gso udp-gro) list
		for ((i = 0; i < 32; i++)); do
			list=off
			for bit in 0 1 2 3 4; do
				((i >> bit & 1)) && list+=,\${names[bit]}
			done
			echo "\${list#off,}"
		done
	}
	tunnel_with() {
		local side
		for side in a b; do
			\$side ip link del wg\$side 2>/dev/null || true
			eventually test ! -e /var/run/wireguard/wg\$side.sock
			printf '#!/bin/sh\nWG_OFFLOAD=%s exec %s "\$@"\n' "\$1" "\$datapath" >daemon_\$side
			chmod +x daemon_\$side
			shift
		done
		tunnel ./daemon_a ./daemon_b
		peers 4
		through
	}
	datagrams() {
		\$2 perl "\$sender" receive "\$3" >got & local receiver=\$!
		eventually test -e listening
		rm listening
		\$1 perl "\$sender" send "\$3" >sent_datagrams
		wait \$receiver
		cmp sent_datagrams got
	}
	sender=\$2/datagrams.pl
	$script
	SCRIPT
}

@test "TCP and UDP, each combination against none and against all of it" {
	on_two_hosts <<-'SCRIPT'
	while read -r offload; do
		for other in off on; do
			echo "a: $offload; b: $other"
			tunnel_with $offload $other
			transfer a b 10.2.0.2 2
			transfer b a fd02::1 2
			datagrams a b fd02::2
			datagrams b a 10.2.0.1
		done
	done < <(combinations)
	SCRIPT
}

@test "IPv6 outside, and an MTU that leaves odd sizes" {
	on_two_hosts <<-'SCRIPT'
	for mtu in 1280 1399 4000; do
		tunnel_with on on
		wg set wga peer "$pub_b" endpoint '[fd01::2]:5002'
		a ip link set wga mtu $mtu
		b ip link set wgb mtu $mtu
		transfer a b fd02::2 8
		transfer b a 10.2.0.1 8
		datagrams a b 10.2.0.2
		datagrams b a fd02::1
	done
	SCRIPT
}

@test "a name that is no offload is refused, and nothing is left behind" {
	on_host "$BUILD" <<-'SCRIPT'
	WG_OFFLOAD=tun-tso,tcp "$1/wg-datapath" wga 2>said && exit 1
	grep -qx 'wg-datapath: WG_OFFLOAD: no such offload: `tcp'\' said
	[[ ! -e /var/run/wireguard/wga.sock ]]
	SCRIPT
}
