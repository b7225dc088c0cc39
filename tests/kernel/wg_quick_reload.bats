#!/usr/bin/env bats
# wg-quick up, reload and down with the kernel's driver: what is told it, what it keeps, and traffic
# meanwhile.

setup() {
	load lib
	need_driver
}

@test "reload: sessions, roamed endpoints, ports and marks stay" {
	in_ns <<'END'
	quick=$BUILD/wg-quick
	mkdir -p /run/netns
	umask 077
	ip link del wgk0
	"$ours" genkey >key0
	"$ours" genkey >key1
	ip netns add far
	ip link set wgk1 netns far
	ip netns exec far "$ours" set wgk1 private-key key1 listen-port 51821 \
		peer "$("$ours" pubkey <key0)" allowed-ips 10.9.0.1/32
	ip -n far addr add 10.9.0.2/24 dev wgk1
	ip -n far link set wgk1 up
	config() {
		cat >/etc/wireguard/wgq.conf <<-CONF
		[Interface]
		PrivateKey = $(<key0)
		Address = 10.9.0.1/24$1
		$2
		[Peer]
		PublicKey = $("$ours" pubkey <key1)
		Endpoint = 127.0.0.1:51821
		AllowedIPs = 10.9.0.2/32
		[Peer]
		PublicKey = $(key 1)
		AllowedIPs = 10.${#1}.0.0/16, fd09::/64
		CONF
	}
	before=$(ip -o addr; ip route show table all; ip rule)
	config '' ''
	"$quick" up wgq
	[[ -z $(ip -d link show wgq | grep -c tun || true) || $(ip -d link show wgq) == *wireguard* ]]
	ping -q -c 2 -i 0.2 -W 10 10.9.0.2 >/dev/null
	port=$("$ours" show wgq listen-port)
	handshake=$("$ours" show wgq latest-handshakes)
	[[ -z $("$quick" reload wgq 2>&1) ]]
	# The far side roams.
	ip netns exec far "$ours" set wgk1 listen-port 51999
	ip netns exec far ping -q -c 1 -W 10 10.9.0.1 >/dev/null
	"$ours" show wgq endpoints | grep -q 127.0.0.1:51999
	ping -q -i 0.2 -c 40 -W 10 10.9.0.2 >ping &
	ping=$!
	config ', 10.10.0.1/24, fd10::1/64' 'MTU = 1400'
	"$quick" reload wgq
	config ', 10.10.0.1/24' 'Table = 77'
	"$quick" reload wgq
	config ', 10.10.0.1/24' ''
	sed -i 's|10.9.0.2/32|&, 10.88.0.0/16|' /etc/wireguard/wgq.conf
	"$quick" reload wgq
	ip route get 10.88.0.1 | grep -q 'dev wgq'
	[[ -z $(ip route show table 77) ]]
	wait $ping
	grep -q ' 0% packet loss' ping
	"$ours" show wgq endpoints | grep -q 127.0.0.1:51999
	[[ $port == "$("$ours" show wgq listen-port)" ]]
	[[ $(sort <<<"$handshake") == "$("$ours" show wgq latest-handshakes | sort)" ]]
	[[ -z $("$quick" reload wgq 2>&1) ]]
	# A peer that goes, and one that comes.
	sed -i "s|$(key 1)|$(key 2)|; s|^PrivateKey.*|&\nListenPort = 4711\nFwMark = 7|" /etc/wireguard/wgq.conf
	"$quick" reload wgq
	"$ours" show wgq peers | grep -q "$(key 2)"
	! "$ours" show wgq peers | grep -q "$(key 1)"
	[[ $("$ours" show wgq listen-port)/$("$ours" show wgq fwmark) == 4711/0x7 ]]
	# A port that is taken: all of it is undone.
	all=$("$ours" showconf wgq; ip -o addr; ip route show table all)
	ip link add wgk2 type wireguard
	"$ours" set wgk2 listen-port 4712
	ip link set wgk2 up
	sed -i 's/4711/4712/; s/10.9.0.1.24/10.9.0.3\/24/' /etc/wireguard/wgq.conf
	! "$quick" reload wgq
	ip link del wgk2
	[[ $all == "$("$ours" showconf wgq; ip -o addr; ip route show table all)" ]]
	"$quick" down wgq
	[[ $before == "$(ip -o addr; ip route show table all; ip rule)" ]]
END
}
