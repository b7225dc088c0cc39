#!/usr/bin/env bats
# wg-quick reload on a host of its own: it ends where `up` would, touches nothing that is as it should
# be, undoes all of what failed, and nobody who uses the tunnel notices.

load lib

setup() {
	need_root
	[[ -x /usr/sbin/nft ]] || skip "needs nft"
}

# on_reload_host: as on_each_host, with `all`, which shows all that a reload may change, without the
# order of addresses, peers and routes; and a resolvconf of which it knows what it was told.
on_reload_host() {
	local script
	script=$(cat)
	on_each_host <<-SCRIPT
	mkdir -p /run/fake /run/dns
	cat >/run/fake/resolvconf <<-'RESOLVCONF'
	#!/bin/sh
	echo "\$*" >>/run/dns.log
	case \$1 in
	-a)
		cat >/run/dns/\$2
		while [ -e /run/waits ]; do echo >/run/reached; sleep 0.02; done
		[ ! -e /run/fails ] || grep -q 0.0.53 /run/dns/\$2 || exit 9
		;;
	-l) cat /run/dns/\$2 2>/dev/null ;;
	-d) rm -f /run/dns/\$2 ;;
	esac
	RESOLVCONF
	chmod +x /run/fake/resolvconf
	PATH=/run/fake:\$PATH
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	all() {
		local state
		state=\$(state) # before there are other processes
		grep -v '^/run' <<<"\$state" | sort
		nft list ruleset 2>/dev/null | sed '/daddr fe80:/d' | sort
		grep . /run/dns/* 2>/dev/null || true
		{ wg showconf wq0 2>/dev/null || true; } | sed 's/^AllowedIPs = //; s/, /\n/g' | sort
	}
	up() { "\$quick" up wq0 >>log 2>&1 || { cat log; return 1; }; }
	down() { "\$quick" down wq0 >>log 2>&1 || { cat log; return 1; }; }
	reload() { "\$quick" reload wq0 2>&1; }
	$script
	SCRIPT
}

@test "each thing that is done is told, the new before the old" {
	on_reload_host <<-'SCRIPT'
	before=$(all)
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	Address = 10.0.0.1/24, fd00::1/64
	DNS = 10.0.0.53
	MTU = 1400
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.5.0.0/16, 10.6.0.0/16
	CONF
	up
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	Address = 10.0.0.2/24, fd00::1/64
	DNS = 10.0.0.54
	MTU = 1380
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.6.0.0/16, ::/0
	CONF
	same "[#] wg syncconf wq0 /dev/fd/63
	[#] ip -4 address add 10.0.0.2/24 dev wq0
	[#] ip link set mtu 1380 up dev wq0
	[#] resolvconf -a wq0 -m 0 -x
	[#] wg set wq0 fwmark 51820
	[#] ip -6 rule add not fwmark 51820 table 51820
	[#] ip -6 rule add table main suppress_prefixlength 0
	[#] ip -6 route add ::/0 dev wq0 table 51820
	[#] nft -f /dev/fd/63
	[#] ip -4 route delete 10.5.0.0/16 dev wq0
	[#] ip -4 address delete 10.0.0.1/24 dev wq0" "$(reload)"
	same '' "$(reload)"
	sed -i '/^DNS/d; s/, ::.0//' /etc/wireguard/wq0.conf
	same "[#] wg syncconf wq0 /dev/fd/63
	[#] resolvconf -d wq0 -f
	[#] ip -6 rule delete table 51820
	[#] ip -6 rule delete table main suppress_prefixlength 0
	[#] ip -6 route delete ::/0 dev wq0 table 51820
	[#] nft -f /dev/fd/63" "$(reload | sed '/fwmark 0$/d')"
	same '' "$(nft list ruleset)"
	down
	same "$before" "$(all)"
	SCRIPT
}

@test "where nothing differs nothing is touched" {
	command -v strace >/dev/null || skip "needs strace"
	on_reload_host <<-'SCRIPT'
	for text in "" "Table = 77"; do
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = 10.0.0.1/24, fd00::1/64, 10.0.0.7/24
		DNS = 10.0.0.53, example.org
		$text
		[Peer]
		PublicKey = $peer_a
		AllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.128/25, 10.6.0.1/16
		Endpoint = 192.0.2.1:1
		[Peer]
		PublicKey = $own
		CONF
		up
		before=$(all)
		: >dns.log
		same '' "$(ASAN_OPTIONS=detect_leaks=0 strace -f -o trace -s 200 -e trace=sendmsg,sendto,write,writev,execve "$quick" reload wq0 2>&1)"
		contains "$(cat trace)" RTM_GETROUTE
		contains "$(cat trace)" 'get=1'
		same '' "$(grep -E 'RTM_(NEW|DEL|SET)|set=1|NFT_MSG_(NEW|DEL)' trace || true)"
		same '' "$(grep -v '^-l' dns.log || true)"
		same "$before" "$(all)"
		down
	done
	SCRIPT
}

@test "a reload ends where up would: made-up pairs" {
	on_reload_host <<-'SCRIPT'
	RANDOM=${SEED:-7}
	some() { # KEY WORD...: a line with some of the words
		local word line=
		for word in "${@:2}"; do
			((RANDOM % 3)) || line+=", $word"
		done
		[[ -z $line ]] || echo "$1 = ${line#, }"
	}
	one() { local n=$((RANDOM % $#)); shift $n; printf '%b' "$1"; }
	made_up() {
		printf '[Interface]\nPrivateKey = %s\nListenPort = 4711\n' "$(one "$key" "$key" yB3T5mYdb2sTVqJzZoLuFDrMlb1XzBSjxQHpCVZ0dVk=)"
		some Address 10.0.0.1/24 10.0.0.2/24 10.0.0.1/16 10.1.0.1/32 10.2.0.1/16
		one '' 'Address = fd00::1/64\n' 'Address = fd00::1/48\n' 'Address = fd01::1/64, fd00::1/128\n'
		one '' '' '' 'Table = off\n' 'Table = 77\n' 'Table = 78\n'
		one '' 'MTU = 1420\n' 'MTU = 1300\n'
		one 'FwMark = 5\n' 'FwMark = 6\n'
		some DNS 10.0.0.53 fd00::53 example.org
		if ((RANDOM % 5)); then
			printf '[Peer]\nPublicKey = %s\n' "$peer_a"
			some AllowedIPs 10.0.0.0/24 10.2.0.0/16 10.0.0.128/25 10.9.0.0/16 fd00::/64 0.0.0.0/0
			one '' 'Endpoint = 192.0.2.1:9\n' 'Endpoint = [2001:db8::1]:9\n'
			one '' 'PersistentKeepalive = 5\n'
		fi
		if ((RANDOM % 5)); then
			printf '[Peer]\nPublicKey = %s\n' "$peer_b"
			some AllowedIPs 10.8.0.0/16 fd09::/32 ::/0 fd01::/64 10.0.0.0/16 0.0.0.0/0
			one '' "PresharedKey = $key\n"
			# An endpoint that the file leaves out stays.
			echo 'Endpoint = 192.0.2.2:9'
		fi
	}
	# Where the kernel refuses something, up fails as well.
	tidy() { sed -E '/^peer|^Endpoint = (\[|192.0.2.1)/d'; }
	before=$(all)
	n=0
	for ((pair = 0; n < 14 && pair < 40; pair++)); do
		made_up >a
		made_up >b
		write_conf <b
		"$quick" up wq0 >log 2>&1 || { same "$before" "$(all)"; continue; }
		wanted=$(all)
		wanted=$(tidy <<<"$wanted")
		down
		write_conf <a
		"$quick" up wq0 >log 2>&1 || { same "$before" "$(all)"; continue; }
		write_conf <b
		n=$((n + 1))
		reload >out || { cat a b out; exit 1; }
		now=$(all)
		same "$wanted" "$(tidy <<<"$now")" || { cat a b out; exit 1; }
		same '' "$(reload)" || { cat a b out; exit 1; }
		down
		same "$before" "$(all)" || { cat a b out; exit 1; }
	done
	((n >= 14))
	SCRIPT
}

@test "what is not in the file, and what others have added, stays" {
	on_reload_host <<-'SCRIPT'
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	Address = 10.0.0.1/24
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.5.0.0/16
	Endpoint = 192.0.2.1:1
	CONF
	up
	port=$(wg show wq0 listen-port)
	wg set wq0 fwmark 77 peer "$peer_a" endpoint 192.0.2.99:9
	ip addr add 10.77.0.1/24 dev wq0 label wq0:mine proto 99 2>/dev/null || ip addr add 10.77.0.1/24 dev wq0
	ip route add 10.78.0.0/16 dev wq0 metric 5
	ip route add 10.79.0.0/16 via 10.0.0.9
	ip -6 route add fd79::/32 dev wq0 proto static
	ip rule add from 10.77.0.1 table 99
	theirs() { ip -o addr | grep 10.77; ip route show table all | grep 10.7; ip -6 route | grep fd79; ip rule | grep 77; }
	before=$(theirs)
	cat >>/etc/wireguard/wq0.conf <<-CONF
	[Peer]
	PublicKey = $peer_b
	AllowedIPs = 10.6.0.0/16
	CONF
	sed -i 's|10.0.0.1/24|10.0.0.1/24, 10.3.0.1/24|' /etc/wireguard/wq0.conf
	same "[#] wg syncconf wq0 /dev/fd/63
	[#] ip -4 address add 10.3.0.1/24 dev wq0
	[#] ip -4 route add 10.6.0.0/16 dev wq0" "$(reload)"
	same "$before" "$(theirs)"
	same "$port 0x4d 192.0.2.99:9" "$(wg show wq0 listen-port) $(wg show wq0 fwmark) $(wg show wq0 endpoints | sed -n "s|^$peer_a\t||p")"
	# The first address goes, and takes nothing along.
	sed -i 's|10.0.0.1/24, 10.3.0.1/24|10.0.0.2/24|' /etc/wireguard/wq0.conf
	same "[#] ip -4 address add 10.0.0.2/24 dev wq0
	[#] ip -4 address delete 10.0.0.1/24 dev wq0
	[#] ip -4 address delete 10.3.0.1/24 dev wq0" "$(reload | sort)"
	same "$before" "$(theirs)"
	# What the file says counts.
	sed -i 's/^PrivateKey.*/&\nListenPort = 4711\nFwMark = 5/; s/^Endpoint.*/Endpoint = 192.0.2.5:5/' /etc/wireguard/wq0.conf
	same "[#] wg syncconf wq0 /dev/fd/63" "$(reload)"
	same "4711 0x5 192.0.2.5:5" "$(wg show wq0 listen-port) $(wg show wq0 fwmark) $(wg show wq0 endpoints | sed -n "s|^$peer_a\t||p")"
	ip rule del from 10.77.0.1 table 99
	down
	SCRIPT
}

@test "a step that fails takes back all of the reload" {
	on_reload_host <<-'SCRIPT'
	ip link add other type veth peer name rehto
	ip link set other up
	ip route add 10.66.0.0/16 dev other
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	ListenPort = 4711
	Address = 10.0.0.1/24, fd00::1/64
	DNS = 10.0.0.53
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.5.0.0/16
	Endpoint = 192.0.2.1:1
	CONF
	cp /etc/wireguard/wq0.conf first
	up
	before=$(all)
	new() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		ListenPort = ${1:-4712}
		Address = 10.0.0.2/24, fd00::1/48
		MTU = 1300
		DNS = 10.0.0.54
		[Peer]
		PublicKey = $peer_b
		AllowedIPs = 10.5.0.0/16, 0.0.0.0/0, ::/0, ${2:-10.7.0.0/16}
		PresharedKey = $key
		CONF
	}
	# One that another interface has.
	new '' 10.66.0.0/16
	{ expect 2 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	contains "$(cat err)" "wg-quick: cannot route 10.66.0.0/16 to \`wq0': File exists: see \`ip route show 10.66.0.0/16 table main'"
	same "$before" "$(all)"
	# A resolvconf that fails for the new ones.
	new
	touch fails
	{ expect 9 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	contains "$(cat err)" "wg-quick: \`resolvconf -a' failed with exit status 9"
	same "$before" "$(all)"
	rm fails
	# An nft that fails at the very end.
	cat >fake/nft <<-'NFT'
	#!/bin/sh
	exit 7
	NFT
	chmod +x fake/nft
	{ expect 7 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	contains "$(cat err)" "wg-quick: \`nft -f' failed with exit status 7"
	rm fake/nft
	hash -r
	same "$before" "$(all)"
	# A signal.
	touch waits
	"$quick" reload wq0 2>err &
	until [[ -e reached ]]; do sleep 0.02; done
	kill -TERM $!
	rm waits
	expect 1 wait $!
	contains "$(cat err)" "wg-quick: interrupted"
	same "$before" "$(all)"
	# And then, without any of that.
	reload >/dev/null
	[[ $(ip rule) == *"lookup 51820"* && $(wg show wq0 peers) == "$peer_b" ]]
	write_conf <first
	reload >/dev/null
	same "$before" "$(all)"
	down
	SCRIPT
}

@test "what cannot be reloaded is refused before anything is touched" {
	on_reload_host <<-'SCRIPT'
	printf '[Interface]\nPrivateKey = %s\nAddress = 10.0.0.1/24\n' "$key" | write_conf
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	ip link add wq0 type veth peer name far
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	ip link del wq0
	up
	before=$(all)
	printf '[Interface]\nAddress = 10.0.0.2/24\n  MTU = 12x\n' | write_conf
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	contains "$(cat err)" "wg-quick: /etc/wireguard/wq0.conf:3:9: "
	printf '[Interface]\nAddress = 10.0.0.2/24\n#wg: KillSwitch = on\n' | write_conf
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	same "wg-quick: KillSwitch is to be on, which takes \`wg-quick up --replace wq0'" "$(cat err)"
	printf '[Interface]\nAddress = 10.0.0.2/24\nTable = nosuch\n' | write_conf
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	same "wg-quick: \`nosuch' is neither the number nor the name of a routing table" "$(cat err)"
	same "$before" "$(all)"
	ip link set wq0 name renamed
	{ expect 1 "$quick" reload wq0; } 2>err || { cat err; exit 1; }
	same "wg-quick: cannot reload \`wq0': a program answers for it, though its interface is not here" "$(cat err)"
	ip link del renamed
	SCRIPT
}

@test "a name that cannot be looked up leaves its peer as it is" {
	on_reload_host <<-'SCRIPT'
	echo '192.0.2.1 alive.example' >hosts
	mount --bind hosts /etc/hosts
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	Endpoint = 192.0.2.9:9
	CONF
	up
	sed -i 's/192.0.2.9:9/dead.invalid:9/' /etc/wireguard/wq0.conf
	printf '[Peer]\nPublicKey = %s\nEndpoint = alive.example:7\n' "$peer_b" >>/etc/wireguard/wq0.conf
	reload >out
	cat out
	grep -v '^\[!\]' out >told
	same "[#] wg syncconf wq0 /dev/fd/63" "$(cat told)"
	same "$peer_b	192.0.2.1:7
	$peer_a	192.0.2.9:9" "$(wg show wq0 endpoints | sort)"
	down
	SCRIPT
}

@test "peers that commands have added go, which is told" {
	on_reload_host <<-'SCRIPT'
	echo "$peer_a" >/run/keys
	for command in 'wg set %i peer $(cat /run/keys)' true; do
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		PostUp = $command
		CONF
		up
		wg set wq0 peer "$peer_a"
		contains "$("$quick" reload --dry-run wq0 2>&1)" "[!] 1 peer is not in the file: removed, even if PreUp or PostUp had added it; \`wg-quick up --replace wq0' runs these again"
		contains "$(reload)" "[!] 1 peer is not in the file: removed"
		same '' "$(reload)"
		down
	done
	# Without such commands they are what the file has lost.
	write_conf <<<$'[Interface]\nPreDown = true'
	up
	wg set wq0 peer "$peer_a"
	same "[#] wg syncconf wq0 /dev/fd/63" "$(reload)"
	down
	SCRIPT
}

@test "commands that have changed are told, and not run" {
	on_reload_host <<-'SCRIPT'
	config() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = 10.0.0.1/24
		PostUp = echo $1 >>/run/ran-%i
		PostDown = echo $2 >>/run/ran-%i
		CONF
	}
	config a b
	up
	same '' "$(reload)"
	told="[!] PreUp or PostUp has changed: the commands in the file count from the next \`up' of \`wq0' on"
	# A mistake in PostDown can be mended.
	config a c
	same '' "$(reload)"
	config d c
	same "$told" "$(reload)"
	sed -i 's/10.0.0.1/10.0.0.2/' /etc/wireguard/wq0.conf
	same "$told
	[#] ip -4 address add 10.0.0.2/24 dev wq0
	[#] ip -4 address delete 10.0.0.1/24 dev wq0" "$(reload)"
	same a "$(cat ran-wq0)"
	down
	same $'a\nb' "$(cat ran-wq0)"
	SCRIPT
}

@test "Table and default routes: down finds what the last reload has made" {
	on_reload_host <<-'SCRIPT'
	before=$(all)
	config() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = 10.0.0.1/24
		$1
		[Peer]
		PublicKey = $peer_a
		AllowedIPs = 10.6.0.0/16, 0.0.0.0/0
		CONF
	}
	for tables in '77 auto' 'off auto' 'auto 77' 'auto off' '77 78'; do
		config "Table = ${tables% *}"
		up
		config "Table = ${tables#* }"
		reload >/dev/null
		if [[ $tables == *auto ]]; then
			contains "$(ip route get 198.51.100.1)" 'dev wq0 table 51820'
		else
			[[ $(ip rule) != *51820* ]]
		fi
		# Whatever the file says by then.
		config "Table = 99"
		down
		same "$before" "$(all)"
	done
	SCRIPT
}

@test "an interface that the original has brought up is reloaded, and goes down by either" {
	[[ -x /usr/bin/wg-quick ]] || skip "needs the original wg-quick"
	on_reload_host <<-'SCRIPT'
	before=$(all)
	config() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = $1
		DNS = $2
		[Peer]
		PublicKey = $peer_a
		AllowedIPs = $3
		Endpoint = 192.0.2.1:1
		CONF
	}
	for down in "$quick" /usr/bin/wg-quick; do
		config '10.0.0.1/24, fd00::1/64' 10.0.0.53 '10.5.0.0/16, 0.0.0.0/0, ::/0'
		/usr/bin/wg-quick up wq0 >log 2>&1 || { cat log; exit 1; }
		same '' "$(reload)"
		# Nobody has heard of the peer, so the file says where it is.
		wg set wq0 peer "$peer_a" endpoint 192.0.2.99:9
		same '[#] wg syncconf wq0 /dev/fd/63' "$(reload)"
		config 10.0.0.2/24 10.0.0.54 '10.6.0.0/16, ::/0'
		# The kernel's tables have an order of their own.
		same "$(sort <<<"[#] wg syncconf wq0 /dev/fd/63
		[#] ip -4 address add 10.0.0.2/24 dev wq0
		[#] resolvconf -a wq0 -m 0 -x
		[#] ip -4 route add 10.6.0.0/16 dev wq0
		[#] ip -4 rule delete table 51820
		[#] ip -4 rule delete table main suppress_prefixlength 0
		[#] ip -4 route delete 0.0.0.0/0 dev wq0 table 51820
		[#] ip -4 route delete 10.5.0.0/16 dev wq0
		[#] ip -4 address delete 10.0.0.1/24 dev wq0
		[#] ip -6 address delete fd00::1/64 dev wq0
		[#] nft -f /dev/fd/63
		[#] nft -f /dev/fd/63")" "$(reload | sort)"
		same '' "$(reload)"
		"$down" down wq0 >log 2>&1 || { cat log; exit 1; }
		for _ in {1..100}; do
			[[ $(strangers) ]] || break
			sleep 0.05
		done
		same "$before" "$(all)"
	done
	SCRIPT
}

# [ host: wqn 10.9.0.1 --- near 192.0.2.1 --- 192.0.2.2 far --- wq0 10.9.0.2 :far ]
@test "a stream through the tunnel goes on, and its peer does not shake hands again" {
	command -v iperf3 >/dev/null || skip "needs iperf3"
	on_reload_host <<-'SCRIPT'
	mkdir -p /run/netns
	ip netns add far
	in_far() { ip netns exec far "$@"; }
	ip link add near type veth peer name far netns far
	ip addr add 192.0.2.1/24 dev near
	ip link set near up
	in_far ip link set lo up
	in_far ip addr add 192.0.2.2/24 dev far
	in_far ip link set far up
	in_far "$WG_QUICK_USERSPACE_IMPLEMENTATION" wqf >/dev/null 2>&1
	far_key=$(wg genkey)
	far_public=$(wg pubkey <<<"$far_key")
	wg set wqf private-key <(echo "$far_key") listen-port 51820 peer "$own" allowed-ips 10.9.0.1/32,10.9.5.1/32
	in_far ip addr add 10.9.0.2/24 dev wqf
	in_far ip addr add 10.20.0.1/32 dev wqf
	in_far ip link set wqf up
	in_far ip route add 10.9.5.1 dev wqf
	config() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = 10.9.0.1/24$1
		DNS = 10.9.0.$2
		[Peer]
		PublicKey = $peer_b
		AllowedIPs = 10.30.$2.0/24
		Endpoint = 192.0.2.2:$2
		[Peer]
		PublicKey = $far_public
		AllowedIPs = 10.9.0.2/32, 10.20.0.0/16
		Endpoint = 192.0.2.2:51820
		CONF
	}
	config '' 53
	up
	in_far iperf3 -s -1 -D >/dev/null
	for _ in {1..50}; do
		in_far ss -ltn | grep -q 5201 && break
		sleep 0.1
	done
	iperf3 -c 10.9.0.2 -t 4 -b 20M -i 0.5 --forceflush >stream 2>&1 &
	stream=$!
	sleep 1
	handshake() { wg show wq0 latest-handshakes | sed -n "s|^$far_public\t||p"; }
	sent() { in_far cat /sys/class/net/wqf/statistics/rx_packets; }
	first=$(handshake)
	((first > 0))
	sleep 1.1
	for n in 54 55 56; do
		at=$(sent)
		config ", 10.9.5.1/32, 10.31.$n.1/24" $n
		reload >out || { cat out; exit 1; }
		contains "$(cat out)" "ip -4 route add 10.30.$n.0/24 dev wq0"
		contains "$(cat out)" "resolvconf -a"
		sleep 0.3
		(($(sent) > at))
	done
	wait $stream || { cat stream; exit 1; }
	# Neither broken, nor ever without a packet for half a second.
	same '' "$(grep -E ' 0.00 (bits|Bytes)' <(sed '/sender\|receiver/d' stream) || true)"
	same "$first" "$(handshake)"
	same "nameserver 10.9.0.56" "$(cat dns/wq0)"
	down
	SCRIPT
}

@test "a thousand addresses are exchanged in no time" {
	on_host "$BUILD/wg-quick" "$BUILD/wg-datapath" <<-'SCRIPT'
	[[ -x $2 ]]
	export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
	conf() {
		echo '[Interface]'
		for i in {0..999}; do echo "Address = $1.$((i / 250)).$((i % 250)).1/32"; done
		echo '[Peer]'
		echo 'PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg='
		for i in {0..999}; do echo "AllowedIPs = 11.$((i / 250)).$((i % 250)).0/24"; done
	}
	umask 077
	conf 10 >/etc/wireguard/wq0.conf
	"$1" up wq0 2>/dev/null
	conf 12 >/etc/wireguard/wq0.conf
	timeout 6 "$1" reload wq0 2>/dev/null
	same 1000 "$(ip -4 -o addr show wq0 | grep -c 'inet 12\.')"
	same 1000 "$(ip -4 -o addr show wq0 | wc -l)"
	same 1000 "$(ip route show dev wq0 | grep -c '^11\.')"
	"$1" down wq0 2>/dev/null
	SCRIPT
}
