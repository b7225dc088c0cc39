#!/usr/bin/env bats
# wg-datapath and Debian's wireguard-go as each other's peer, in both roles. The hosts are drawn in
# datapath.bash: the tunnel's initiator is on host a, since only a knows where the other is.

load lib

setup() {
	need_root
	command -v wireguard-go >/dev/null || skip "needs wireguard-go"
}

# on_both_ways: the script on standard input, with a tunnel without peers: first wg-datapath on host
# a and wireguard-go on host b, then the other way round.
on_both_ways() {
	local script ways
	script=$(cat)
	for ways in "$BUILD/wg-datapath wireguard-go" "wireguard-go $BUILD/wg-datapath"; do
		echo "with $ways"
		on_host "$BATS_TEST_DIRNAME" $ways <<-SCRIPT
		. "\$1/datapath.bash"
		cd /run
		two_hosts
		tunnel "\$2" "\$3"
		$script
		SCRIPT
	done
}

@test "IPv4 and IPv6 through IPv4 and IPv6, with and without a preshared key" {
	on_both_ways <<-'SCRIPT'
	fails pings a 10.2.0.2
	fails pings a fd02::2
	for outer in 4 6; do
		for psk_file in /dev/null psk; do
			echo "$psk" >psk
			peers $outer $psk_file
			through
			pings b 10.2.0.1
			pings b fd02::1
			wg set wga peer "$pub_b" remove
			wg set wgb peer "$pub_a" remove
		done
	done
	SCRIPT
}

@test "a wrong preshared key lets nothing through" {
	on_both_ways <<-'SCRIPT'
	echo "$psk" >psk
	peers 4 psk /dev/null
	fails pings a 10.2.0.2
	same "0" "$(handshakes wga)"
	SCRIPT
}

@test "100 MB of TCP each way arrive unchanged" {
	on_both_ways <<-'SCRIPT'
	peers 4
	transfer a b 10.2.0.2 100
	transfer b a fd02::1 100
	SCRIPT
}

@test "TCP through an IPv6 tunnel arrives unchanged" {
	on_both_ways <<-'SCRIPT'
	peers 6
	transfer a b fd02::2 20
	transfer b a 10.2.0.1 20
	SCRIPT
}

@test "both ends roam" {
	on_both_ways <<-'SCRIPT'
	peers 4
	through
	a ip addr del 10.1.0.1/24 dev eth0
	a ip addr add 10.1.0.11/24 dev eth0
	# wireguard-go sends from the address that is gone until it is told anew where to send.
	pings a 10.2.0.2 || { [[ $2 == wireguard-go ]] &&
		wg set wga peer "$pub_b" endpoint 10.1.0.2:5002; }
	through
	same "10.1.0.11:5001" "$(wg show wgb endpoints | cut -f 2)"
	b ip addr del 10.1.0.2/24 dev eth0
	b ip addr add 10.1.0.12/24 dev eth0
	pings b 10.2.0.1 || { [[ $3 == wireguard-go ]] &&
		wg set wgb peer "$pub_a" endpoint 10.1.0.11:5001; }
	pings b 10.2.0.1
	same "10.1.0.12:5002" "$(wg show wga endpoints | cut -f 2)"
	through
	# A new port on either end.
	wg set wga listen-port 6001
	through
	same "10.1.0.11:6001" "$(wg show wgb endpoints | cut -f 2)"
	wg set wgb listen-port 6002
	pings b 10.2.0.1
	same "10.1.0.12:6002" "$(wg show wga endpoints | cut -f 2)"
	SCRIPT
}

@test "either may take the first step after both have shaken hands" {
	on_both_ways <<-'SCRIPT'
	peers 4
	through
	first=$(handshakes wga)
	# The session is taken away from b, which begins a new one.
	b ip link set wgb down
	b ip link set wgb up
	b ip addr replace fd02::2/64 dev wgb
	eventually pings b 10.2.0.1
	through
	(($(handshakes wga) >= first))
	SCRIPT
}
