#!/usr/bin/env bats
# The kill switch, shown by packets: what gets out beside the tunnel, and what does not.

load lib

setup() {
	need_root
	[[ -x /usr/sbin/nft ]] || skip "needs nft"
}

#   guest 172.17.0.2 --- 172.17.0.1 [ the host ] near 192.168.7.2 --- 192.168.7.1 far [ world ] 203.0.113.1
#                                               fd07::2           --- fd07::1              2001:db8::1
#                          wq0 10.0.0.1, fd00::1 ====== tunnel ======= wqfar 10.0.0.2, fd00::2
#
# on_closed_host: as on_each_host, on such a host. `conf WORDS` writes wq0's configuration, WORDS in its [Interface].
# `leaked` says how many packets have come to world that are neither the tunnel's nor neighbour discovery.
on_closed_host() {
	local script
	script=$(cat)
	on_each_host <<-SCRIPT
	far_key=\$(wg genkey)
	far_public=\$(wg pubkey <<<"\$far_key")
	mkdir -p /run/netns
	ip netns add world
	ip netns add guest
	world() { ip netns exec world "\$@"; }
	echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
	world sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
	ip link add near type veth peer name far netns world
	ip addr add 192.168.7.2/24 dev near
	ip addr add fd07::2/64 dev near nodad
	ip link set near up
	world ip link set lo up
	world ip addr add 203.0.113.1/32 dev lo
	world ip addr add 2001:db8::1/128 dev lo
	world ip addr add 192.168.7.1/24 dev far
	world ip addr add fd07::1/64 dev far nodad
	world ip link set far up
	ip route add default via 192.168.7.1
	ip -6 route add default via fd07::1
	ip link add bridge type veth peer name eth0 netns guest
	ip addr add 172.17.0.1/16 dev bridge
	ip link set bridge up
	ip -n guest addr add 172.17.0.2/16 dev eth0
	ip -n guest link set eth0 up
	ip -n guest route add default via 172.17.0.1
	echo 1 >/proc/sys/net/ipv4/ip_forward
	/usr/sbin/nft add table ip nat
	/usr/sbin/nft add chain ip nat out '{ type nat hook postrouting priority 100; }'
	/usr/sbin/nft add rule ip nat out ip saddr 172.17.0.0/16 masquerade
	world "\$WG_QUICK_USERSPACE_IMPLEMENTATION" wqfar >/dev/null 2>&1
	wg set wqfar listen-port 51000 private-key <(echo "\$far_key") peer "\$own" allowed-ips 10.0.0.1/32,fd00::1/128
	world ip addr add 10.0.0.2/24 dev wqfar
	world ip addr add fd00::2/64 dev wqfar nodad
	world ip link set wqfar up
	world /usr/sbin/nft -f - <<-NFT
	table inet t {
	counter leaked { }
	chain c { type filter hook prerouting priority -400;
	iifname != "far" accept
	udp dport 51000 accept
	icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept
	counter name leaked
	}
	}
	NFT
	leaked() { world /usr/sbin/nft reset counters | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
	reaches() { ping -c 1 -W 1 "\$@" >/dev/null; }
	# reaches_not ADDRESS...: and nothing is sent either.
	reaches_not() {
		leaked >/dev/null
		! ping -c 1 -W 0.3 "\$@" >/dev/null 2>&1 || { echo "there is a way: \$*" >&2; return 1; }
		same 0 "\$(leaked)"
	}
	conf() {
		printf '[Interface]\nPrivateKey = %s\nAddress = 10.0.0.1/24, fd00::1/64\n%b\n' "\$key" "\${1-}"
		printf '[Peer]\nPublicKey = %s\nEndpoint = %s\nAllowedIPs = %s\n' "\$far_public" \
			"\${endpoint-192.168.7.1:51000}" "\${allowed-0.0.0.0/0, ::/0}"
	}
	kill_daemon() {
		local pid
		for pid in /proc/[0-9]*; do
			[[ \$(tr '\0' ' ' <"\$pid/cmdline") != *" wq0 " ]] || kill -9 "\${pid#/proc/}"
		done 2>/dev/null
		while [[ -e /sys/class/net/wq0 ]]; do sleep 0.02; done
	}
	# IPv6 takes a moment to come up.
	for i in {1..20}; do ! ping -c 1 -W 0.3 2001:db8::1 >/dev/null || break; done
	umask 077
	$script
	SCRIPT
}

@test "nothing gets out beside the tunnel, also when it has vanished, until it is taken down" {
	on_closed_host <<-'SCRIPT'
	before=$(state; nft list ruleset)
	everything="203.0.113.1 2001:db8::1 192.168.7.1 fd07::1 172.17.0.2"
	for address in $everything; do reaches "$address"; done
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0 2>/dev/null
	for address in 10.0.0.2 fd00::2 203.0.113.1 2001:db8::1 127.0.0.1 ::1 192.168.7.2; do
		case $address in
		203* | 2001*) world ip addr show >/dev/null; reaches_not -I near "$address" ;;
		*) reaches "$address" ;;
		esac
	done
	# By the tunnel: world answers from its loopback, which the peer may not have.
	wg set wqfar peer "$own" allowed-ips 0.0.0.0/0,::/0
	leaked >/dev/null
	reaches 203.0.113.1
	reaches 2001:db8::1
	same 0 "$(leaked)"
	for address in 192.168.7.1 fd07::1 172.17.0.2; do reaches_not "$address"; done
	kill_daemon
	for address in $everything; do reaches_not "$address"; done
	reaches 127.0.0.1
	"$quick" down wq0 2>err
	cat err
	for address in $everything; do reaches "$address"; done
	nft list tables | expect 1 grep kill
	expect 1 "$quick" down wq0
	SCRIPT
}

@test "without default routes a mark is chosen, and older connections are cut" {
	on_closed_host <<-'SCRIPT'
	before=$(state; nft list ruleset)
	ip netns exec world perl -MIO::Socket::INET -e '
		$server = IO::Socket::INET->new(LocalAddr => "203.0.113.1:8000", Listen => 1, ReuseAddr => 1);
		while ($c = $server->accept) { while (defined($line = <$c>)) { print $c $line; $c->flush } }' &
	sleep 0.3
	exec 3<>/dev/tcp/203.0.113.1/8000
	echo one >&3
	read -r -t 2 answer <&3
	same one "$answer"
	allowed='10.0.0.0/24, fd00::/64' conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0 2>err
	contains "$(cat err)" "[#] wg set wq0 fwmark 51820"
	same 0xca6c "$(wg show wq0 fwmark)"
	same "$(ip rule)" "$(ip rule | grep -v ca6c)"
	reaches 10.0.0.2
	reaches fd00::2
	leaked >/dev/null
	echo two >&3
	expect 142 read -r -t 1 answer <&3
	same 0 "$(leaked)"
	"$quick" down wq0
	read -r -t 3 answer <&3 # what TCP has sent again
	same two "$answer"
	exec 3>&-
	kill %1
	wait
	same "$before" "$(state; nft list ruleset)"
	# The file's own mark is kept.
	conf '#wg: KillSwitch = on\nFwMark = 77' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	reaches fd00::2
	same 0x4d "$(wg show wq0 fwmark)"
	"$quick" down wq0
	SCRIPT
}

@test "the tunnel's own packets and neighbour discovery are let through over IPv6" {
	on_closed_host <<-'SCRIPT'
	endpoint='[fd07::1]:51000' conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	ip -6 neigh flush dev near
	world ip -6 neigh flush dev far
	reaches fd00::2
	reaches_not fd07::1
	"$quick" down wq0
	SCRIPT
}

@test "a lease is renewed: DHCP is let through" {
	on_closed_host <<-'SCRIPT'
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	send() { # PORT ADDRESS PORT
		perl -MIO::Socket::IP -e '$s = IO::Socket::IP->new(Proto => "udp", LocalPort => $ARGV[0],
			LocalHost => ($ARGV[1] =~ /:/ ? "::" : "0.0.0.0"), PeerHost => $ARGV[1], PeerPort => $ARGV[2]) or die; print $s "x"; ' "$@" || true
	}
	ip rule add to 192.168.7.1 table main priority 1 # as a route of its own would
	leaked >/dev/null
	send 68 192.168.7.1 67
	same 1 "$(leaked)"
	send 546 "fe80::$(world ip -6 -o addr show dev far scope link | sed 's/.*fe80::\([^/]*\).*/\1/')%near" 547
	same 1 "$(leaked)"
	send 1068 192.168.7.1 67
	send 68 192.168.7.1 53
	send 547 fd07::1 547
	same 0 "$(leaked)"
	"$quick" down wq0
	SCRIPT
}

@test "lan: the local network is let through, and no more" {
	on_closed_host <<-'SCRIPT'
	ip addr add 198.51.100.2/24 dev near
	world ip addr add 198.51.100.1/24 dev far
	reaches 198.51.100.1
	conf '#wg: KillSwitch = lan' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	reaches_not 198.51.100.1 # the next link's, but not private
	mdns() { perl -MIO::Socket::INET -MSocket=:all -e '$s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "192.168.7.2");
		setsockopt($s, IPPROTO_IP, IP_MULTICAST_IF, inet_aton("192.168.7.2"));
		send($s, "x", 0, sockaddr_in(5353, inet_aton("224.0.0.251")))' || true; }
	for address in 192.168.7.1 fd07::1 172.17.0.2 10.0.0.2; do reaches "$address"; done
	leaked >/dev/null
	mdns
	same 1 "$(leaked)"
	reaches_not -I near 203.0.113.1
	kill_daemon
	for address in 192.168.7.1 fd07::1 172.17.0.2; do reaches "$address"; done
	# A private network that is not connected, but was behind the tunnel, does not get out.
	for address in 203.0.113.1 2001:db8::1 10.0.0.2 fd00::2; do reaches_not "$address"; done
	"$quick" down wq0
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	leaked >/dev/null
	mdns
	same 0 "$(leaked)"
	"$quick" down wq0
	SCRIPT
}

@test "packets of containers and guests do not get out beside the tunnel either" {
	on_closed_host <<-'SCRIPT'
	guest() { ip netns exec guest ping -c 1 -W 1 "$@" >/dev/null; }
	guest 203.0.113.1
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	wg set wqfar peer "$own" allowed-ips 0.0.0.0/0,::/0
	"$quick" up wq0
	leaked >/dev/null
	guest 203.0.113.1
	same 0 "$(leaked)"
	kill_daemon
	expect 1 guest 203.0.113.1
	same 0 "$(leaked)"
	"$quick" down wq0
	guest 203.0.113.1
	SCRIPT
}

@test "up again after a crash: only name servers may be asked, and a failure leaves it closed" {
	on_closed_host <<-'SCRIPT'
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	kill_daemon
	leaked >/dev/null
	ask() { echo x >/dev/udp/203.0.113.1/53 || true; }
	ask 2>/dev/null
	same 0 "$(leaked)"
	export -f ask
	conf '#wg: KillSwitch = on\nPreUp = ask\nPreUp = ping -c 1 -W 0.5 203.0.113.1 && exit 8 || true\nPostUp = exit 3' >/etc/wireguard/wq0.conf
	expect 3 "$quick" up wq0
	same 1 "$(leaked)"
	ask 2>/dev/null
	reaches_not 203.0.113.1
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	reaches 10.0.0.2
	leaked >/dev/null
	ask 2>/dev/null
	same 0 "$(leaked)"
	kill_daemon
	# A file that does not ask for it any more.
	conf >/etc/wireguard/wq0.conf
	"$quick" up wq0
	nft list tables | expect 1 grep kill
	"$quick" down wq0
	SCRIPT
}

@test "names are looked up again beside it, and nothing else is" {
	on_closed_host <<-'SCRIPT'
	printf 'nameserver 203.0.113.1\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
	endpoint=nosuch.example.org:51000 allowed=10.0.0.0/24 conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	leaked >/dev/null
	expect 2 getent hosts www.example.org
	same 0 "$(leaked)"
	expect 1 "$quick" reresolve wq0
	(($(leaked) > 0))
	expect 2 getent hosts www.example.org
	same 0 "$(leaked)"
	"$quick" down wq0
	SCRIPT
}

@test "up --replace keeps it closed in between, and takes it away if the file has none any more" {
	on_closed_host <<-'SCRIPT'
	conf '#wg: KillSwitch = on\nPostDown = ip link show near >/dev/null; sleep 0.1; ! ping -c 1 -W 0.3 203.0.113.1' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	leaked >/dev/null
	conf '#wg: KillSwitch = on\nPreUp = ! ping -c 1 -W 0.3 203.0.113.1' >/etc/wireguard/wq0.conf
	"$quick" up --replace --dry-run wq0 >out
	contains "$(cat out)" "names can be asked for in spite of the kill switch"
	expect 1 grep "there is a kill switch" out
	"$quick" up --replace wq0
	same 0 "$(leaked)"
	reaches 10.0.0.2
	reaches_not 192.168.7.1
	# Nor is it opened by one that fails.
	conf '#wg: KillSwitch = on\nPostUp = exit 4' >/etc/wireguard/wq0.conf
	expect 4 "$quick" up --replace wq0
	reaches_not 203.0.113.1
	"$quick" down wq0
	reaches 203.0.113.1
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	conf >/etc/wireguard/wq0.conf
	"$quick" up --replace wq0
	nft list tables | expect 1 grep kill
	"$quick" down wq0
	SCRIPT
}

@test "reload closes the local network off, or lets it through" {
	on_closed_host <<-'SCRIPT'
	conf '#wg: KillSwitch = lan' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	reaches 192.168.7.1
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	expect 2 "$quick" status wq0 >out
	contains "$(cat out)" "the kill switch lets the local network through, which the file does not"
	"$quick" reload wq0
	reaches_not 192.168.7.1
	reaches 10.0.0.2
	"$quick" status wq0
	same "" "$("$quick" reload wq0 2>&1)"
	conf '#wg: KillSwitch = lan' >/etc/wireguard/wq0.conf
	expect 2 "$quick" status wq0 >out
	contains "$(cat out)" "the kill switch does not let the local network through, which the file does"
	# One that fails puts back what there was.
	conf '#wg: KillSwitch = lan\nMTU = 1' >/etc/wireguard/wq0.conf
	expect 2 "$quick" reload wq0
	reaches_not 192.168.7.1
	conf '#wg: KillSwitch = lan' >/etc/wireguard/wq0.conf
	"$quick" reload wq0
	reaches 192.168.7.1
	reaches_not -I near 203.0.113.1
	"$quick" status wq0
	"$quick" down wq0
	SCRIPT
}

@test "who is killed while names are looked up leaves it open for a moment only" {
	on_closed_host <<-'SCRIPT'
	printf 'nameserver 203.0.113.77\noptions timeout:9 attempts:3\n' >/etc/resolv.conf
	endpoint=nosuch.example.org:51000 allowed=10.0.0.0/24 conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	"$quick" reresolve wq0 &
	for i in {1..50}; do ! nft list table inet wg-kill-switch-wq0 | grep "53 timeout" || break; sleep 0.1; done
	nft list table inet wg-kill-switch-wq0 | grep "53 timeout [123][0-9]s.* expires"
	kill -9 $!
	wait $! || true
	"$quick" down wq0
	SCRIPT
}

@test "down after an up that was killed opens also what an earlier run had closed" {
	on_closed_host <<-'SCRIPT'
	conf '#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	kill_daemon
	conf '#wg: KillSwitch = on\nPreUp = kill -9 $PPID; sleep 0.2' >/etc/wireguard/wq0.conf
	expect 137 "$quick" up wq0
	reaches_not 203.0.113.1
	# Nobody has asked for it to be opened yet.
	expect 1 "$quick" reload wq0
	reaches_not 203.0.113.1
	expect 137 "$quick" up wq0
	"$quick" down wq0
	reaches 203.0.113.1
	nft list tables | expect 1 grep kill
	SCRIPT
}

@test "without nft, or when nft fails, nothing is left behind" {
	on_closed_host <<-'SCRIPT'
	before=$(state; /usr/sbin/nft list ruleset)
	conf '#wg: KillSwitch = on\nPreUp = touch /run/touched' >/etc/wireguard/wq0.conf
	(
		without nft
		expect 1 "$quick" up wq0 2>err
		same "wg-quick: KillSwitch takes nft, which is not installed" "$(cat err)"
		[[ ! -e /run/touched ]]
	)
	same "$before" "$(state; /usr/sbin/nft list ruleset)"
	mkdir /run/bin
	printf '#!/bin/sh\nexit 9\n' >/run/bin/nft
	chmod +x /run/bin/nft
	PATH=/run/bin:$PATH expect 9 "$quick" up wq0 2>err
	contains "$(cat err)" "wg-quick: \`nft -f' failed with exit status 9"
	same "$before" "$(state; /usr/sbin/nft list ruleset)"
	# A failure after it opens it again.
	conf '#wg: KillSwitch = on\nPostUp = nft list table inet wg-kill-switch-wq0 >/dev/null\nPostUp = exit 5' >/etc/wireguard/wq0.conf
	expect 5 "$quick" up wq0
	same "${before/valid_mark 0/valid_mark 1}" "$(state; /usr/sbin/nft list ruleset)"
	# One that is misspelt is not off.
	conf '#wg: KilSwitch = on' >/etc/wireguard/wq0.conf
	expect 1 "$quick" up wq0 2>err
	same "wg-quick: /etc/wireguard/wq0.conf:4:6: Line unrecognized: \`#wg:KilSwitch=on'; expected a key that a comment may have, perhaps \`KillSwitch'" "$(cat err)"
	SCRIPT
}
