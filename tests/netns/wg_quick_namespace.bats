#!/usr/bin/env bats
# A tunnel between network namespaces: where it is born, its encrypted packets leave; where its
# interface is, there is nothing else.

load lib

setup() {
	need_root
}

#   [ home ] near 192.168.7.2  --- 192.168.7.1 far \
#   [ out ]  near 192.168.8.2  --- 192.168.8.1 far2 [ world ] wqfar 10.0.0.2, fd00::2; 203.0.113.1 through it
#   [ inner ] nothing but lo
#
# on_spaces: as on_each_host, with these. `conf WORDS [ENDPOINT]` writes wq0's configuration.
on_spaces() {
	local script
	script=$(cat)
	on_each_host <<-SCRIPT
	far_key=\$(wg genkey)
	far_public=\$(wg pubkey <<<"\$far_key")
	mkdir -p /run/netns
	for name in world out inner; do
		ip netns add "\$name"
		ip netns exec "\$name" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
	done
	world() { ip netns exec world "\$@"; }
	inner() { ip netns exec inner "\$@"; }
	ip link add near type veth peer name far netns world
	ip -n out link add near type veth peer name far2 netns world
	ip addr add 192.168.7.2/24 dev near
	ip link set near up
	ip -n out addr add 192.168.8.2/24 dev near
	ip -n out link set near up
	ip -n inner link set lo up
	world ip link set lo up
	world ip addr add 203.0.113.1/32 dev lo
	world ip addr add 192.168.7.1/24 dev far
	world ip addr add 192.168.8.1/24 dev far2
	world ip link set far up
	world ip link set far2 up
	world "\$WG_QUICK_USERSPACE_IMPLEMENTATION" wqfar >/dev/null 2>&1
	wg set wqfar listen-port 51000 private-key <(echo "\$far_key") peer "\$own" allowed-ips 10.0.0.1/32,fd00::1/128
	world ip addr add 10.0.0.2/24 dev wqfar
	world ip addr add fd00::2/64 dev wqfar nodad
	world ip link set wqfar up
	world ip route add 10.0.0.0/24 dev wqfar 2>/dev/null || true
	conf() {
		printf '[Interface]\nPrivateKey = %s\nAddress = 10.0.0.1/24, fd00::1/64\n%b\n' "\$key" "\$1"
		printf '[Peer]\nPublicKey = %s\nEndpoint = %s:51000\nAllowedIPs = 0.0.0.0/0, ::/0\n' "\$far_public" "\${2-192.168.7.1}"
	}
	eval "\$(declare -f state | sed '1s/state/state_here/')"
	state() {
		local name
		state_here
		for name in world out inner; do
			echo "in \$name"
			ip -n "\$name" -o addr | sed '/ inet6 fe80:/d; s/^[0-9]*: //'
			ip -n "\$name" rule
			ip -n "\$name" route show table all | grep -v '^local\|^broadcast\|^multicast\|^fe80'
			ip netns exec "\$name" /usr/sbin/nft list ruleset
		done
		find /run/wireguard /run/netns /etc/netns 2>/dev/null | sort || true
	}
	umask 077
	$script
	SCRIPT
}

@test "the interface is in a namespace by itself, and is reached from where it was born" {
	on_spaces <<-'SCRIPT'
	before=$(state)
	endpoint() { wg show wqfar endpoints | sed 's/.*\t//; s/:.*//'; }
	up() { # the endpoint's address that world shall see; where the interface is
		"$quick" up wq0 2>err
		cat err
		ip netns exec "$2" ping -c 1 -W 2 10.0.0.2
		ip netns exec "$2" ping -c 1 -W 2 fd00::2
		same "$1" "$(endpoint)"
		[[ $own = "$(ip netns exec "$2" wg show wq0 public-key)" ]]
		ip netns exec "$2" ip route get 203.0.113.1 | grep -q 'dev wq0'
		ip netns exec "$2" ip -6 route get 2001:db8::1 | grep -q 'dev wq0'
	}
	expect 2 inner ping -c 1 -W 1 10.0.0.2
	conf '#wg: Namespace = inner\nPostUp = ip -o link | wc -l >/run/links' >/etc/wireguard/wq0.conf
	ip link set near mtu 1400
	up 192.168.7.2 inner
	ip link set near mtu 1500
	same 1320 "$(inner cat /sys/class/net/wq0/mtu)" # by the way to the endpoint
	# What is kept of the run is found from where it was called.
	for journal in /run/wireguard/wq0.*.journal; do
		[[ ! -e $journal || $journal == *".$(stat -L -c %i /proc/self/ns/net).journal" ]]
	done
	same 2 "$(cat /run/links)" # lo and wq0
	expect 1 ip link show dev wq0 2>/dev/null
	same "" "$(ip rule | grep suppress)"
	expect 1 "$quick" up wq0 2>err
	contains "$(cat err)" "already exists"
	"$quick" down wq0
	same "$before" "$(state)"

	# By path, and called from elsewhere.
	conf '#wg: Namespace = /run/netns/inner\n#wg: BirthNamespace = out' 192.168.8.1 >/etc/wireguard/wq0.conf
	up 192.168.8.2 inner
	contains "$(cat err)" "[#] ip link set dev wq0 netns"
	"$quick" down wq0
	same "$before" "$(state)"

	# The other way round: born there, and used here.
	ip netns attach home $$
	conf '#wg: BirthNamespace = out' 192.168.8.1 >/etc/wireguard/wq0.conf
	up 192.168.8.2 home
	"$quick" down wq0
	ip netns del home
	same "$before" "$(state)"
	SCRIPT
}

@test "hooks, DNS and saving are in the interface's namespace" {
	on_spaces <<-'SCRIPT'
	before=$(state)
	cp /etc/resolv.conf /run/resolv.before
	conf '#wg: Namespace = inner\nDNS = 10.0.0.53, example.org\nSaveConfig = true\nPreUp = ip -o link | wc -l >/run/pre\nPostDown = ip -o link | wc -l >/run/post' >/etc/wireguard/wq0.conf
	mkdir /run/bin
	printf '#!/bin/sh\ntouch /run/asked\n' >/run/bin/resolvconf
	chmod +x /run/bin/resolvconf
	PATH=/run/bin:$PATH
	"$quick" up wq0 2>err
	cat err
	same 2 "$(cat /run/pre)"
	same "nameserver 10.0.0.53
	search example.org" "$(inner grep -v '^#' /etc/resolv.conf)"
	cmp /etc/resolv.conf /run/resolv.before
	inner wg set wq0 listen-port 5999
	inner ip addr add 10.7.7.7/32 dev wq0
	"$quick" down wq0 2>err
	same 1 "$(cat /run/post)"
	[[ ! -e /run/asked ]]
	grep -x 'ListenPort = 5999' /etc/wireguard/wq0.conf
	grep -x 'Address = 10.7.7.7/32' /etc/wireguard/wq0.conf
	grep -x '#wg: Namespace = inner' /etc/wireguard/wq0.conf
	grep -x 'DNS = 10.0.0.53' /etc/wireguard/wq0.conf
	same "$before" "$(state)"
	# What an administrator has put there comes back.
	mkdir -p /etc/netns/inner
	echo 'nameserver 192.0.2.1' >/etc/netns/inner/resolv.conf
	"$quick" up wq0
	same "nameserver 10.0.0.53" "$(inner grep '^nameserver' /etc/resolv.conf)"
	"$quick" save wq0
	"$quick" down wq0
	same "nameserver 192.0.2.1" "$(cat /etc/netns/inner/resolv.conf)"
	rm -r /etc/netns
	SCRIPT
}

@test "names are looked up where the endpoint is reached from" {
	[[ -x /usr/sbin/nft ]] || skip "needs nft"
	on_spaces <<-'SCRIPT'
	printf 'nameserver 192.168.8.1\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
	world nft 'table inet t { counter asked { }; chain c { type filter hook prerouting priority 0; udp dport 53 counter name asked; }; }'
	conf '#wg: Namespace = inner\n#wg: BirthNamespace = out' nosuch.example.org >/etc/wireguard/wq0.conf
	"$quick" up wq0
	world nft list counters | expect 1 grep -q 'packets 0'
	"$quick" down wq0
	SCRIPT
}

@test "a failure undoes all, there as here" {
	on_spaces <<-'SCRIPT'
	before=$(state)
	conf '#wg: Namespace = inner\n#wg: BirthNamespace = out\nDNS = 10.0.0.53\nPostUp = exit 9' 192.168.8.1 >/etc/wireguard/wq0.conf
	expect 9 "$quick" up wq0
	sleep 0.1
	same "$before" "$(state)"
	# Where one of that name is already, none is born.
	ip -n out link add wq0 type veth peer name other
	between=$(state)
	expect 1 "$quick" up wq0
	same "$between" "$(state)"
	ip -n out link del wq0
	ip -n inner link add wq0 type veth peer name other
	between=$(state)
	expect 1 "$quick" up wq0 2>err
	same "wg-quick: \`wq0' already exists" "$(cat err)"
	same "$between" "$(state)"
	ip -n inner link del wq0
	SCRIPT
}

@test "it is taken down where it was put, whatever the file says by then" {
	on_spaces <<-'SCRIPT'
	before=$(state)
	for later in '' '#wg: Namespace = out' '#wg: Namespace = nosuch' none; do
		conf '#wg: Namespace = inner\nDNS = 10.0.0.53' >/etc/wireguard/wq0.conf
		"$quick" up wq0
		conf "$later" >/etc/wireguard/wq0.conf
		[[ $later != none ]] || rm /etc/wireguard/wq0.conf
		"$quick" down wq0
		sleep 0.1
		same "$before" "$(state)"
	done
	# A run that was killed in the middle is undone there as well.
	conf '#wg: Namespace = inner\nPostUp = kill -9 $PPID; sleep 0.1' >/etc/wireguard/wq0.conf
	expect 137 "$quick" up wq0
	sleep 0.3
	"$quick" down wq0
	sleep 0.1
	same "$before" "$(state)"
	SCRIPT
}

@test "what is wrong with a namespace is told before anything is done" {
	on_spaces <<-'SCRIPT'
	before=$(state)
	touch /run/file
	while IFS='|' read -r words message; do
		conf "$words\nPreUp = touch /run/touched" >/etc/wireguard/wq0.conf
		expect 1 "$quick" up wq0 2>err
		same "wg-quick: $message" "$(cat err)"
		same "$before" "$(state)"
		[[ ! -e /run/touched ]]
	done <<-CASES
	#wg: Namespace = nosuch|network namespace \`nosuch' does not exist: \`ip netns add nosuch' makes it
	#wg: BirthNamespace = nosuch|network namespace \`nosuch' does not exist: \`ip netns add nosuch' makes it
	#wg: Namespace = /run/nosuch|/run/nosuch: No such file or directory
	#wg: Namespace = /run/file|/run/file: this is no network namespace
	#wg: Namespace = /proc/self/ns/mnt|/proc/self/ns/mnt: this is no network namespace
	#wg: Namespace = /run/netns/inner\nDNS = 1.1.1.1|DNS takes a Namespace with a name, whose /etc/netns/NAME/resolv.conf it goes to
	CASES
	SCRIPT
}

@test "a kill switch in a namespace" {
	[[ -x /usr/sbin/nft ]] || skip "needs nft"
	on_spaces <<-'SCRIPT'
	before=$(state)
	conf '#wg: Namespace = inner\n#wg: KillSwitch = on' >/etc/wireguard/wq0.conf
	"$quick" up wq0
	inner ping -c 1 -W 2 10.0.0.2
	ping -c 1 -W 2 192.168.7.1
	inner nft list table inet wg-kill-switch-wq0 >/dev/null
	"$quick" down wq0
	same "$before" "$(state)"
	SCRIPT
}
