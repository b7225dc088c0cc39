#!/usr/bin/env bats
# Two wg-datapath, each on a host of its own, and what goes through the tunnel between them. The
# hosts are drawn in datapath.bash.

load lib

setup() {
	need_root
}

# on_two_hosts: the script on standard input, with both hosts there.
on_two_hosts() {
	local script
	script=$(cat)
	on_host "$BUILD" "$BATS_TEST_DIRNAME" <<-SCRIPT
	datapath=\$1/wg-datapath
	. "\$2/datapath.bash"
	cd /run
	two_hosts
	$script
	SCRIPT
}

@test "IPv4 and IPv6 through IPv4 and IPv6, with and without a preshared key" {
	on_two_hosts <<-'SCRIPT'
	tunnel
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
			fails pings a 10.2.0.2
			fails pings b fd02::1
		done
	done
	SCRIPT
}

@test "a wrong key lets nothing through" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	echo "$psk" >psk
	wg genpsk >other
	for psks in "psk other" "psk /dev/null" "/dev/null psk"; do
		peers 4 $psks
		fails pings a 10.2.0.2
		same "0 0" "$(handshakes wga) $(handshakes wgb)"
		wg set wga peer "$pub_b" remove
		wg set wgb peer "$pub_a" remove
	done
	peers 4
	wg set wgb peer "$pub_a" remove peer "$(wg genkey | wg pubkey)" allowed-ips 10.2.0.1/32
	fails pings a 10.2.0.2
	same "0 0" "$(handshakes wga) $(handshakes wgb)"
	# The right ones do.
	wg set wga peer "$pub_b" remove
	peers 4
	through
	SCRIPT
}

@test "20 MB of TCP each way arrive unchanged" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	transfer a b 10.2.0.2 20
	transfer b a fd02::1 20
	peers 6
	transfer a b fd02::2 20
	transfer b a 10.2.0.1 20
	SCRIPT
}

@test "what one library seals the other opens; the log names it as the first session begins" {
	local other=ipsec-mb
	WG_CRYPTO=$other "$BUILD/wg-datapath" --version >/dev/null 2>&1 || other=auto
	on_two_hosts <<-SCRIPT
	with() {
		printf '#!/bin/sh\nWG_CRYPTO=%s LOG_LEVEL=info exec %s "\$@" 2>>/run/log-%s\n' \
			"\$1" "\$datapath" "\$1" >"with-\$1"
		chmod +x "with-\$1"
	}
	with libcrypto
	with $other
	tunnel /run/with-libcrypto /run/with-$other
	eventually grep -q "wga: interface is up" log-libcrypto
	fails grep "crypto:" log-libcrypto log-$other
	peers 4
	transfer a b 10.2.0.2 5
	transfer b a fd02::1 5
	contains "\$(cat log-libcrypto)" "wga: crypto: libcrypto 3."
	contains "\$(cat log-$other)" "wgb: crypto: "
	same 1 "\$(grep -c crypto: log-$other)"
	[[ $other == auto ]] || contains "\$(cat log-$other)" "wgb: crypto: ipsec-mb 1.3."
	SCRIPT
}

@test "both ends roam" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	same "10.1.0.1:5001" "$(wg show wgb endpoints | cut -f 2)"
	# a changes its address; what it sends next tells b.
	a ip addr del 10.1.0.1/24 dev eth0
	a ip addr add 10.1.0.11/24 dev eth0
	through
	same "10.1.0.11:5001" "$(wg show wgb endpoints | cut -f 2)"
	# Then b.
	b ip addr del 10.1.0.2/24 dev eth0
	b ip addr add 10.1.0.12/24 dev eth0
	pings b 10.2.0.1
	same "10.1.0.12:5002" "$(wg show wga endpoints | cut -f 2)"
	through
	# And from IPv4 to IPv6.
	wg set wga peer "$pub_b" endpoint '[fd01::2]:5002'
	through
	same "[fd01::1]:5001" "$(wg show wgb endpoints | cut -f 2)"
	SCRIPT
}

@test "either end's port may change" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	handshake=$(handshakes wga)
	wg set wga listen-port 6001
	through
	same "10.1.0.1:6001" "$(wg show wgb endpoints | cut -f 2)"
	wg set wgb listen-port 6002
	pings b 10.2.0.1
	same "10.1.0.2:6002" "$(wg show wga endpoints | cut -f 2)"
	# The session is the same one.
	same "$handshake" "$(handshakes wga)"
	SCRIPT
}

@test "the link goes down and up again" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	a ip link set wga down
	fails pings b 10.2.0.1
	a ip link set wga up
	a ip addr replace fd02::1/64 dev wga
	through
	# The end that has lost its session makes a new one.
	b ip link set wgb down
	b ip link set wgb up
	b ip addr replace fd02::2/64 dev wgb
	pings b 10.2.0.1
	through
	SCRIPT
}

@test "packets up to the MTU pass, also when it is changed to a huge one" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	pings a 10.2.0.2 -M do -s $((1420 - 28))
	fails pings a 10.2.0.2 -M do -s $((1420 - 27))
	# Padding to 16 bytes stops at the MTU, which the tunnel has heard of.
	for mtu in 1420 1430; do
		a ip link set wga mtu $mtu
		sleep 0.1
		for padded in "$((mtu - 1)) $mtu" "100 112"; do
			read -r len expected <<<"$padded"
			before=$(wg show wga transfer | cut -f 3)
			a ping -q -c 1 -W 1 -s $((len - 28)) 10.2.0.2 >/dev/null
			same $((expected + 32)) $(($(wg show wga transfer | cut -f 3) - before))
		done
	done
	# Outer packets are larger than the path allows: they are fragmented.
	for mtu in 1500 9000 65400; do
		a ip link set wga mtu $mtu
		b ip link set wgb mtu $mtu
		sleep 0.1
		for size in 1 1000 $((mtu / 2)) $((mtu - 29)) $((mtu - 28)); do
			pings a 10.2.0.2 -M do -s $size
		done
		pings a fd02::2 -M do -s $((mtu - 48))
	done
	peers 6
	pings a 10.2.0.2 -M do -s $((65400 - 28))
	# A larger one than any datagram holds is dropped, and no more than that.
	a ip link set wga mtu 65535
	b ip link set wgb mtu 65535
	fails pings a 10.2.0.2 -M do -s $((65535 - 28))
	through
	SCRIPT
}

@test "the outer header: no DSCP, the inner ECN, AF41 for handshakes" {
	on_two_hosts <<-'SCRIPT'
	# Prints "message-type tos" of what comes out of a.
	cat >sniff.pl <<-'PERL'
	use Socket;
	socket(my $s, 17, SOCK_RAW, 0x0300) or die "packet socket: $!";
	$| = 1;
	print "ready\n";
	while (sysread($s, my $frame, 2000)) {
		my ($ethertype) = unpack("x12 n", $frame);
		my ($tos, $at);
		if ($ethertype == 0x800) {
			($tos, $at) = (unpack("x15 C", $frame), 34);
		} elsif ($ethertype == 0x86dd) {
			($tos, $at) = (unpack("x14 N", $frame) >> 20 & 255, 54);
		} else {
			next;
		}
		next unless unpack("x$at n", $frame) == 5001; # from a's port
		$at += 8;
		printf "%d %#x\n", unpack("x$at C", $frame), $tos;
	}
	PERL
	tunnel
	for outer in 4 6; do
		wg set wga peer "$pub_b" remove
		wg set wgb peer "$pub_a" remove
		rm -f sniffed
		b perl sniff.pl >>sniffed &
		sniffer=$!
		eventually grep -q ready sniffed
		peers $outer
		pings a 10.2.0.2 -Q 0xb8
		eventually grep -q '^4 ' sniffed
		same "1 0x88" "$(grep '^1 ' sniffed | sort -u)"
		same "4 0" "$(grep '^4 ' sniffed | sort -u)"
		for ecn in 1 2 3; do
			: >sniffed
			pings a fd02::2 -Q $((0xb8 + ecn))
			eventually grep -q "^4 0x$ecn" sniffed
		done
		kill $sniffer
	done
	SCRIPT
}

@test "who cannot be reached is told so at once" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	unreachable() { # ADDRESS TEXT
		local out
		out=$(a ping -c 1 -W 5 "$1" || true)
		contains "$out" "$2"
	}
	before=$SECONDS
	# Nobody's address.
	unreachable 10.2.0.2 "Destination Host Unreachable"
	unreachable fd02::2 "Destination unreachable"
	# A peer whose endpoint nobody knows.
	wg set wga peer "$pub_b" allowed-ips 10.2.0.2/32,fd02::2/128
	unreachable 10.2.0.2 "Destination Host Unreachable"
	unreachable fd02::2 "Destination unreachable"
	((SECONDS - before < 4))
	SCRIPT
}

@test "what waits for an endpoint or an answer is sent then" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	wg set wga peer "$pub_b" endpoint 10.1.0.99:5002
	a ping -q -c 1 -W 5 10.2.0.2 >out &
	ping=$!
	sleep 0.3
	wg set wga peer "$pub_b" endpoint 10.1.0.2:5002
	# The next try of the handshake is at most some five seconds away.
	wait $ping || a ping -q -c 1 -W 5 10.2.0.2
	SCRIPT
}

@test "an inner source that is not the peer's does not pass" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	b ip addr add 10.2.0.77/24 dev wgb
	a ip route add 10.2.0.77/32 dev wga
	fails pings b 10.2.0.1 -I 10.2.0.77
	wg set wga peer "$pub_b" allowed-ips 10.2.0.2/32,10.2.0.77/32
	pings b 10.2.0.1 -I 10.2.0.77
	SCRIPT
}

@test "answers leave from the address that was sent to" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	b ip addr add 10.1.0.99/24 dev eth0
	b ip addr add fd01::99/64 dev eth0
	for endpoint in 10.1.0.99:5002 [fd01::99]:5002 10.1.0.2:5002 [fd01::2]:5002; do
		wg set wga peer "$pub_b" endpoint $endpoint
		through
		same "$endpoint" "$(wg show wga endpoints | cut -f 2)"
	done
	# An address on another interface of the host, too.
	b ip addr add 10.9.0.1/32 dev lo
	a ip route add 10.9.0.1 via 10.1.0.2
	wg set wga peer "$pub_b" endpoint 10.9.0.1:5002
	through
	same "10.9.0.1:5002" "$(wg show wga endpoints | cut -f 2)"
	SCRIPT
}

@test "when that address goes away another is taken" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	gone_is_replaced() { # ADDRESS BITS ENDPOINT
		b ip addr add "$1/$2" dev eth0
		wg set wga peer "$pub_b" endpoint "$3"
		through
		same "$3" "$(wg show wga endpoints | cut -f 2)"
		b ip addr del "$1/$2" dev eth0
		# b speaks first: it still knows where a is.
		pings b 10.2.0.1
		fails grep -qF "$3" <(wg show wga endpoints)
		through
	}
	gone_is_replaced 10.1.0.99 24 10.1.0.99:5002
	gone_is_replaced fd01::99 64 [fd01::99]:5002
	SCRIPT
}

@test "a better route takes precedence over the address, an unrelated one does not" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	# A second way between the hosts; a is to be found at an address that both lead to.
	a ip link add eth1 type veth peer name eth1 netns b
	n=0
	for side in a b; do
		((++n))
		$side ip link set eth1 up
		$side ip addr add 10.3.0.$n/24 dev eth1
		$side ip addr add fd03::$n/64 dev eth1
		$side sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 \
			net.ipv4.conf.eth1.rp_filter=0
	done
	a ip addr add 10.9.0.9/32 dev lo
	a ip addr add fd09::9/128 dev lo
	a ip route add 10.1.0.99 dev eth0 src 10.9.0.9
	a ip -6 route add fd01::99 dev eth0 src fd09::9
	b ip addr add 10.1.0.99/24 dev eth0
	b ip addr add fd01::99/64 dev eth0
	b ip route add 10.9.0.9 via 10.1.0.1
	b ip -6 route add fd09::9 via fd01::1
	sleep 1.2 # so that what has changed so far has been looked at
	for case in "10.1.0.99:5002 10.9.0.9 10.3.0.1 10.3.0.2:5002" \
		"[fd01::99]:5002 fd09::9 fd03::1 [fd03::2]:5002"; do
		read -r first remote gateway second <<<"$case"
		wg set wga peer "$pub_b" endpoint $first
		through
		b ip route add 192.0.2.0/24 via 10.1.0.1
		b ip route del 192.0.2.0/24
		sleep 1.2
		pings b 10.2.0.1
		same "$first" "$(wg show wga endpoints | cut -f 2)"
		b ip route replace $remote via $gateway
		speaks_from_there() {
			b ping -q -c 1 -W 1 10.2.0.1 >/dev/null
			[[ $(wg show wga endpoints | cut -f 2) == "$second" ]]
		}
		eventually speaks_from_there
		through
	done
	SCRIPT
}

@test "a new firewall mark lets the kernel choose the address again" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	b ip addr add 10.1.0.99/24 dev eth0
	wg set wga peer "$pub_b" endpoint 10.1.0.99:5002
	through
	same "10.1.0.99:5002" "$(wg show wga endpoints | cut -f 2)"
	wg set wgb fwmark 5
	pings b 10.2.0.1
	same "10.1.0.2:5002" "$(wg show wga endpoints | cut -f 2)"
	SCRIPT
}

@test "the firewall mark applies at once, and to a new port" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	a ip rule add fwmark 77 prohibit priority 1
	through
	wg set wga fwmark 77
	fails pings a 10.2.0.2
	wg set wga listen-port 6001
	fails pings a 10.2.0.2
	wg set wga fwmark 0
	through
	SCRIPT
}

@test "a new private key takes over at once" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	through
	new=$(wg genkey)
	wg set wgb peer "$(wg pubkey <<<"$new")" allowed-ips 10.2.0.1/32,fd02::1/128
	wg set wga private-key <(echo "$new")
	through
	SCRIPT
}

@test "a persistent keepalive is sent while nothing else is" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	wg set wga peer "$pub_b" persistent-keepalive 1
	# Nobody sends anything: the handshake comes about by itself.
	eventually bash -c '(($(wg show wgb latest-handshakes | cut -f 2) > 0))'
	received() { wg show wgb transfer | cut -f 2; }
	before=$(received)
	eventually bash -c "((\$(wg show wgb transfer | cut -f 2) >= $before + 2 * 32))"
	SCRIPT
}

@test "a tunnel that is routed into itself does not run away" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	wg set wga peer "$pub_b" endpoint 10.2.0.2:5002
	a ping -q -c 20 -i 0.01 -W 1 10.2.0.2 >/dev/null || true
	sent=$(wg show wga transfer | cut -f 3)
	((sent < 70000))
	wg set wga peer "$pub_b" remove
	peers 4
	through
	SCRIPT
}

@test "a tunnel in use whose endpoint becomes routed into it does not run away" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	for outer in 4 6; do
		peers $outer
		wg set wga peer "$pub_b" allowed-ips 0.0.0.0/0,::/0
		through
		a ip route add 10.1.0.2/32 dev wga
		a ip route add fd01::2/128 dev wga
		before=$(wg show wga transfer | cut -f 3)
		# Such that what is sent is too long for the tunnel, and comes back in two pieces.
		a ping -q -c 20 -i 0.01 -W 1 -s 1390 10.2.0.2 >/dev/null || true
		sent=$(wg show wga transfer | cut -f 3)
		((sent - before < 70000))
		a ip route del 10.1.0.2/32
		a ip -6 route del fd01::2/128
		through
		wg set wga peer "$pub_b" remove
		wg set wgb peer "$pub_a" remove
	done
	SCRIPT
}

@test "a moved interface works as a container's way out" {
	on_two_hosts <<-'SCRIPT'
	tunnel
	peers 4
	ip netns add inner
	a ip link set wga netns inner
	ip -n inner addr add 10.2.0.1/24 dev wga
	ip -n inner link set wga up
	ip netns exec inner ping -q -c 2 -i 0.01 -W 1 10.2.0.2 >/dev/null
	# Down there is heard of here: what b sends goes nowhere.
	ip -n inner link set wga down
	fails pings b 10.2.0.1
	ip -n inner link set wga up
	eventually ip netns exec inner ping -q -c 2 -i 0.01 -W 1 10.2.0.2 >/dev/null
	SCRIPT
}
