#!/usr/bin/env bats
# Several threads in each wg-datapath (WG_THREADS): the same bytes arrive, whatever is changed
# meanwhile. The hosts are drawn in datapath.bash. Built with SAN=thread this is where races show.

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
	sender=\$2/datagrams.pl
	$script
	SCRIPT
}

@test "TCP and UDP with one to four threads on either side" {
	on_two_hosts <<-'SCRIPT'
	datagrams() {
		$2 perl "$sender" receive "$3" >got & local receiver=$!
		eventually test -e listening
		rm listening
		$1 perl "$sender" send "$3" >sent_datagrams
		wait $receiver
		cmp sent_datagrams got
	}
	for threads in "1 4" "4 1" "2 3"; do
		read -r n_a n_b <<<"$threads"
		printf '#!/bin/sh\nWG_THREADS=%s exec %s "$@"\n' $n_a "$datapath" >daemon_a
		printf '#!/bin/sh\nWG_THREADS=%s exec %s "$@"\n' $n_b "$datapath" >daemon_b
		chmod +x daemon_a daemon_b
		tunnel ./daemon_a ./daemon_b
		# A sanitizer may have threads of its own.
		(($(ls /proc/$(daemon_pid wga)/task | wc -l) >= n_a))
		(($(ls /proc/$(daemon_pid wgb)/task | wc -l) >= n_b))
		peers 4
		through
		transfer a b 10.2.0.2 8
		transfer b a fd02::1 8
		datagrams a b fd02::2
		datagrams b a 10.2.0.1
		a_pid=$(daemon_pid wga) b_pid=$(daemon_pid wgb)
		a ip link del wga
		b ip link del wgb
		gone wga $a_pid
		gone wgb $b_pid
	done
	SCRIPT
}

@test "many flows use many threads" {
	on_two_hosts <<-'SCRIPT'
	export WG_THREADS=4
	tunnel
	peers 4
	through
	b iperf3 -s -1 >/dev/null & server=$!
	eventually a iperf3 -c 10.2.0.2 -n 600M -P 32 >/dev/null
	wait $server
	# All datagrams of one peer come to one thread, but what is sent to it is spread.
	busy=0
	for stat in /proc/$(daemon_pid wga)/task/*/stat; do
		read -r -a fields <$stat
		((fields[13] + fields[14] == 0)) || ((++busy))
	done
	((busy == 4)) || { echo "only $busy threads had work"; exit 1; }
	SCRIPT
}

@test "traffic goes on while peers, ports, marks and the MTU change" {
	on_two_hosts <<-'SCRIPT'
	export WG_THREADS=4
	tunnel
	peers 4
	through
	(b iperf3 -s >/dev/null) &
	(b iperf3 -s -p 5202 >/dev/null) &
	sleep 0.3
	a iperf3 -c 10.2.0.2 -t 5 -P 6 >tcp & tcp=$!
	a iperf3 -u -b 20M -l 300 -p 5202 -c 10.2.0.2 -t 5 -P 4 --bidir >udp & udp=$!
	port=6000
	for ((n = 1; n <= 60; n++)); do
		wg set wga peer "$(wg genkey | wg pubkey)" allowed-ips 10.9.$n.0/24 \
			endpoint 10.1.0.2:9 persistent-keepalive 1
		wg show wga >/dev/null
		wg show wgb dump >/dev/null
		a ip link set wga mtu $((1300 + n))
		((n % 5)) || wg set wgb listen-port $((++port)) fwmark $n
		((n % 7)) || wg set wga peer "$pub_b" endpoint 10.1.0.2:$port
		if ((n % 11 == 0)); then
			for peer in $(wg show wga peers | grep -vF "$pub_b"); do
				wg set wga peer "$peer" remove
			done
		fi
		sleep 0.03
	done
	wait $tcp
	wait $udp
	wg set wga peer "$pub_b" endpoint 10.1.0.2:$port
	through
	transfer a b 10.2.0.2 4
	SCRIPT
}

@test "a port that another program shares is refused all the same" {
	on_two_hosts <<-'SCRIPT'
	export WG_THREADS=3
	tunnel
	# As another daemon with several threads would have it.
	nsenter --net=/run/netns/a perl -MSocket -e '
		socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
		setsockopt($s, SOL_SOCKET, SO_REUSEPORT, 1) or die;
		bind($s, sockaddr_in(7009, INADDR_ANY)) or die;
		open(my $f, ">", "bound");
		close $f;
		sleep 30;' & holder=$!
	eventually test -e bound
	fails wg set wga listen-port 7009
	same 5001 "$(wg show wga listen-port)"
	peers 4
	through
	kill $holder
	wait $holder || true
	wg set wga listen-port 7009
	through
	SCRIPT
}

@test "a number of threads that cannot be is refused; a queue for one is enough" {
	on_host "$BUILD" <<-'SCRIPT'
	for n in 0 17 x -1; do
		WG_THREADS=$n "$1/wg-datapath" wga 2>said && exit 1
		grep -qxF "wg-datapath: WG_THREADS: not a number from 1 to 16: \`$n'" said
	done
	[[ ! -e /var/run/wireguard/wga.sock ]]
	# An interface that was there before has one queue.
	ip tuntap add wga mode tun
	WG_THREADS=4 "$1/wg-datapath" wga
	wg show wga >/dev/null
	SCRIPT
}
