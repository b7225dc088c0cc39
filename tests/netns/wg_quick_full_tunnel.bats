#!/usr/bin/env bats
# wg-quick and default routes, where it differs from the original or goes beyond what can be compared
# with it: exact undoing, several full tunnels at once, hosts that lack something, and traffic.

load lib

setup() {
	need_root
	[[ -x /usr/sbin/nft && -x /usr/sbin/iptables-restore ]] || skip "needs nft and iptables"
}

# on_tunnel_host: as on_each_host, with two configurations of full tunnels, wq0 and wq1, and all that
# these change in state().
on_tunnel_host() {
	local script
	script=$(cat)
	on_each_host <<-SCRIPT
	eval "\$(declare -f state | sed '1s/state/links/')"
	state() {
		links
		/usr/sbin/nft list ruleset 2>/dev/null | sed '/daddr fe80:/d'
		echo "src_valid_mark \$(</proc/sys/net/ipv4/conf/all/src_valid_mark)"
		find /run/wireguard -name '*.lock' 2>/dev/null
		ls -A /run/wireguard 2>/dev/null | grep -v sock || true
	}
	tunnel() {
		printf '[Interface]\nPrivateKey = %s\nAddress = 10.0.%d.1/24, fd0%d::1/64\n%b' \
			"\$key" "\$1" "\$1" "\${2-}"
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0, ::/0\n' "\$peer_a"
	}
	umask 077
	tunnel 0 >/etc/wireguard/wq0.conf
	tunnel 1 >/etc/wireguard/wq1.conf
	$script
	SCRIPT
}

@test "a full tunnel is told step by step" {
	on_tunnel_host <<-'SCRIPT'
	before=$(state)
	out=$("$quick" up wq0 2>&1 | no_banner | sed 1,4d)
	same "[#] ip -4 address add 10.0.0.1/24 dev wq0
	[#] ip -6 address add fd00::1/64 dev wq0
	[#] ip link set mtu 1420 up dev wq0
	[#] wg set wq0 fwmark 51820
	[#] ip -6 rule add not fwmark 51820 table 51820
	[#] ip -6 rule add table main suppress_prefixlength 0
	[#] ip -6 route add ::/0 dev wq0 table 51820
	[#] nft -f /dev/fd/63
	[#] ip -4 rule add not fwmark 51820 table 51820
	[#] ip -4 rule add table main suppress_prefixlength 0
	[#] ip -4 route add 0.0.0.0/0 dev wq0 table 51820
	[#] sysctl -q net.ipv4.conf.all.src_valid_mark=1
	[#] nft -f /dev/fd/63" "$out"
	out=$("$quick" down wq0 2>&1)
	same "[#] ip -4 rule delete table 51820
	[#] ip -4 rule delete table main suppress_prefixlength 0
	[#] ip -6 rule delete table 51820
	[#] ip -6 rule delete table main suppress_prefixlength 0
	[#] ip link delete dev wq0
	[#] nft -f /dev/fd/63" "$out"
	# The original leaves this on, too.
	same "${before/valid_mark 0/valid_mark 1}" "$(state)"
	# It is on by now.
	out=$("$quick" up wq0 2>&1)
	[[ $out != *sysctl* ]]
	SCRIPT
}

@test "a failure at any step of a full tunnel leaves all as it was" {
	on_tunnel_host <<-'SCRIPT'
	ip rule add from 10.9.9.9 table 77
	ip rule add table main suppress_prefixlength 0
	ip -6 rule add not fwmark 1 table 78
	ip -6 route add default dev lo table 79
	ip route add default dev lo table 80
	before=$(state)
	# What fails the N-th time it is asked.
	mkdir -p /run/fail
	cat >/run/fail/nft <<-'NFT'
	#!/bin/sh
	n=$(($(cat /run/count) - 1))
	echo $n >/run/count
	[ $n != 0 ] || exit 9
	exec /usr/sbin/nft "$@"
	NFT
	chmod +x /run/fail/*
	PATH=/run/fail:$PATH
	# exit status | nft's failing run | what is told | what the file says besides
	while IFS='|' read -r status count words text; do
		tunnel 0 "$text" >/etc/wireguard/wq0.conf
		echo "$count" >/run/count
		expect "$status" "$quick" up wq0 >out 2>&1
		cat out
		contains "$(cat out)" "$words"
		same "$before" "$(state)"
	done <<-CASES
	9|1|\`nft -f' failed with exit status 9|
	9|2|\`nft -f' failed with exit status 9|
	7|0|a PostUp command failed with exit status 7|PostUp = exit 7\n
	2|0|cannot route ::/0 to \`wq0': File exists: see \`ip route show ::/0 table 79'|FwMark = 79\n
	2|0|cannot route 0.0.0.0/0 to \`wq0': File exists: see \`ip route show 0.0.0.0/0 table 80'|FwMark = 80\n
	CASES
	SCRIPT
}

@test "half of iptables' rules are taken back as well" {
	on_tunnel_host <<-'SCRIPT'
	without nft iptables-restore
	/usr/sbin/iptables -t raw -A PREROUTING -j ACCEPT
	/usr/sbin/iptables -t mangle -A PREROUTING -j ACCEPT
	cat >/run/sbin/iptables-restore <<-'RESTORE'
	#!/bin/sh
	if [ "$(cat /run/fail)" ]; then sed "s/--save-mark/--nonsense/"; else cat; fi |
		/usr/sbin/iptables-restore "$@"
	status=$?
	/usr/sbin/iptables-save -t raw >>/run/asked
	exit $status
	RESTORE
	chmod +x /run/sbin/iptables-restore
	sed -i 's/, ::.0//' /etc/wireguard/wq0.conf
	before=$(state)
	echo yes >/run/fail
	"$quick" up wq0 2>err && false
	cat err
	contains "$(cat err)" "iptables-restore -n' failed with exit status 2: install nftables, which is preferred"
	# The table raw was filled by then.
	contains "$(cat /run/asked)" 'wg-quick(8) rule for wq0'
	same "$before" "$(state)"
	: >/run/fail
	/usr/sbin/iptables-save | sed '/^[#:]/d' >saved
	"$quick" up wq0
	contains "$(/usr/sbin/iptables-save)" 'wg-quick(8) rule for wq0'
	"$quick" down wq0
	[[ $(/usr/sbin/iptables-save) != *wg-quick* ]]
	same "$(cat saved)" "$(/usr/sbin/iptables-save | sed '/^[#:]/d')"
	SCRIPT
}

@test "two full tunnels at once, taken down in either order" {
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=$(state)
	rules() { ip -4 rule | sed 1d; ip -6 rule | sed 1d; }
	"$quick" up wq0
	alone=$(state)
	rules=$(rules)
	"$quick" up wq1
	contains "$(rules)" 'fwmark 0xca6d lookup 51821'
	same 51821 "$(($(wg show wq1 fwmark)))"
	"$quick" down wq1
	same "$alone" "$(state)"

	"$quick" up wq1
	"$quick" down wq0
	# The other one's are as they were, with the rule for the main table before that for the mark.
	same "32762:	from all lookup main suppress_prefixlength 0
	32763:	not from all fwmark 0xca6d lookup 51821
	32766:	from all lookup main" "$(ip -4 rule | sed '1d;$d')"
	same "32762:	from all lookup main suppress_prefixlength 0
	32763:	not from all fwmark 0xca6d lookup 51821
	32766:	from all lookup main" "$(ip -6 rule | sed 1d)"
	contains "$(ip route get 198.51.100.1)" "dev wq1 table 51821"
	contains "$(nft list tables)" wg-quick-wq1
	[[ $(nft list tables) != *wg-quick-wq0* ]]
	"$quick" up wq0
	contains "$(ip route get 198.51.100.1)" "dev wq0 table 51820"
	"$quick" down wq1
	contains "$(ip route get 198.51.100.1)" "dev wq0 table 51820"
	same "$(sed 's/^[0-9]*//' <<<"$rules")" "$(rules | sed 's/^[0-9]*//')"
	"$quick" down wq0
	same "$before" "$(state)"
	SCRIPT
}

@test "a tunnel that the original has brought up goes, and the other way round" {
	[[ -x /usr/bin/wg-quick ]] || skip "needs the original wg-quick"
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=$(state)
	/usr/bin/wg-quick up wq0
	"$quick" up wq1
	"$quick" down wq0
	contains "$(ip route get 198.51.100.1)" "dev wq1 table 51821"
	contains "$(ip -6 rule)" suppress_prefixlength
	/usr/bin/wg-quick down wq1
	for _ in {1..100}; do
		[[ $(strangers) ]] || break
		sleep 0.05
	done
	rm /run/wireguard/wq1.*.journal # of which the original knows nothing
	same "$before" "$(state)"
	SCRIPT
}

@test "two tunnels may share a mark, each for one family" {
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=$(state)
	sed -i 's/, ::.0//; s/^Address/FwMark = 99\n&/' /etc/wireguard/wq0.conf
	sed -i 's/0.0.0.0.0, //; s/^Address/FwMark = 99\n&/' /etc/wireguard/wq1.conf
	"$quick" up wq0
	"$quick" up wq1
	"$quick" down wq0
	contains "$(ip -6 route get 2001:db8::1)" "dev wq1 table 99"
	[[ $(ip -4 rule) != *suppress* && $(ip -4 rule) != *"lookup 99"* ]]
	"$quick" down wq1
	same "$before" "$(state)"
	SCRIPT
}

@test "ups in parallel choose different tables; downs in parallel leave nothing" {
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=$(state)
	each() {
		local i status=0
		local -a pids=()
		for i in 0 1 2 3 4 5; do
			"$quick" "$1" "wq$i" >"out$i" 2>&1 &
			pids+=($!)
		done
		for i in "${pids[@]}"; do
			wait "$i" || status=1
		done
		return $status
	}
	for i in 2 3 4 5; do
		tunnel "$i" >"/etc/wireguard/wq$i.conf"
	done
	each up || { cat out?; exit 1; }
	same 6 "$(for i in 0 1 2 3 4 5; do wg show "wq$i" fwmark; done | sort -u | wc -l)"
	same 12 "$({ ip rule; ip -6 rule; } | grep -c suppress_prefixlength)"
	each down || { cat out?; exit 1; }
	same "$before" "$(state)"
	SCRIPT
}

@test "runs for one interface go one after the other, but not for what its hooks run" {
	on_tunnel_host <<-'SCRIPT'
	before=$(state)
	# Whoever comes second waits, and then finds the interface there, or gone.
	printf '[Interface]\nPostUp = touch /run/is_up; sleep 0.5\nPreDown = touch /run/is_down; sleep 0.5\n' |
		write_conf
	"$quick" up wq0 2>/dev/null &
	until [[ -e /run/is_up ]]; do sleep 0.01; done
	expect 1 "$quick" up wq0 2>err
	same "[!] waiting for process $!, which works on \`wq0'
	wg-quick: \`wq0' already exists" "$(cat err)"
	"$quick" down wq0 2>/dev/null &
	until [[ -e /run/is_down ]]; do sleep 0.01; done
	expect 1 "$quick" down wq0 2>err
	contains "$(cat err)" "\`wq0' is not a WireGuard interface"
	wait
	same "$before" "$(state)"

	# Nobody waits for a run that was killed.
	printf '[Interface]\nPreUp = rm /run/is_up; kill -KILL $PPID\n' | write_conf
	expect 137 "$quick" up wq0 2>err
	rm -f /run/wireguard/wq0.sock
	for _ in {1..100}; do
		ip link show wq0 >/dev/null 2>&1 || break
		sleep 0.05
	done
	printf '[Interface]\nPostUp = wg-quick down wq0\n' | write_conf
	# It takes itself down, and does not wait for itself.
	timeout 10 "$quick" up wq0 || (($? != 124))
	same "$before" "$(state)"
	SCRIPT
}

@test "without the right to set src_valid_mark" {
	on_tunnel_host <<-'SCRIPT'
	ip link add near type veth peer name far
	before=$(state)
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
	"$quick" up wq0 2>err
	contains "$(cat err)" "[!] cannot set net.ipv4.conf.all.src_valid_mark: Read-only file system; it is not needed as long as no interface's rp_filter is 1"
	"$quick" down wq0
	same "$before" "$(state)"
	# Where the return path is checked, packets would be lost.
	umount /proc/sys
	for filter in all near; do
		echo 1 >/proc/sys/net/ipv4/conf/$filter/rp_filter
		mount --bind /proc/sys /proc/sys
		mount -o remount,bind,ro /proc/sys
		expect 1 "$quick" up wq0 2>err
		contains "$(cat err)" "wg-quick: cannot set net.ipv4.conf.all.src_valid_mark: Read-only file system: set it to 1 on the host, or start the container with --sysctl net.ipv4.conf.all.src_valid_mark=1"
		same "$before" "$(state)"
		umount /proc/sys
		echo 0 >/proc/sys/net/ipv4/conf/$filter/rp_filter
	done
	# Set already, it is not touched.
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
	"$quick" up wq0 2>err
	[[ $(cat err) != *src_valid_mark* ]]
	SCRIPT
}

@test "without IPv6 its part is left out, with one warning" {
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	before=$(state)
	sed -i 's/^AllowedIPs.*/&, fd09::\/16/' /etc/wireguard/wq0.conf
	"$quick" up wq0 2>err
	cat err
	same "[!] no IPv6 on \`wq0': its IPv6 addresses and routes are left out" "$(grep '\[!\] no' err)"
	same '' "$(grep -e ' -6 ' err || true)"
	contains "$(ip route get 198.51.100.1)" "dev wq0 table 51820"
	same "table ip wg-quick-wq0" "$(nft list tables)"
	"$quick" down wq0
	same "$before" "$(state)"
	# No warning where none is due.
	printf '[Interface]\nAddress = 10.0.0.1/24\n' | write_conf
	"$quick" up wq0 2>err
	same '' "$(grep '\[!\] no' err || true)"
	SCRIPT
}

@test "what an interface that was deleted by hand has left is replaced" {
	on_tunnel_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=$(state)
	"$quick" up wq0
	table=$(nft list table ip wg-quick-wq0)
	ip link delete wq0
	for _ in {1..100}; do
		[[ $(strangers) ]] || break
		sleep 0.05
	done
	"$quick" up wq0
	same "$table" "$(nft list table ip wg-quick-wq0)"
	"$quick" down wq0
	same "$before" "$(state)"
	SCRIPT
}

# [ host: near 192.0.2.1 --- 192.0.2.2, 198.51.100.1 and 203.0.113.1 (lo): far ]
@test "a full tunnel carries everything, but its own packets and the local network's" {
	command -v iperf3 >/dev/null || skip "needs iperf3"
	on_tunnel_host <<-'SCRIPT'
	mkdir -p /run/netns
	ip netns add far
	in_far() { ip netns exec far "$@"; }
	ip link add near type veth peer name far netns far
	ip addr add 192.0.2.1/24 dev near
	ip addr add 2001:db8::1/64 dev near nodad
	ip link set near up
	in_far ip link set lo up
	in_far ip addr add 192.0.2.2/24 dev far
	in_far ip addr add 2001:db8::2/64 dev far nodad
	in_far ip addr add 198.51.100.1/32 dev lo
	in_far ip addr add 203.0.113.1/32 dev lo
	in_far ip addr add 2001:db8:f::1/128 dev lo nodad
	in_far ip link set far up
	ip route add default via 192.0.2.2
	ip -6 route add default via 2001:db8::2
	# The return path is checked: without marks nothing would arrive.
	echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter
	echo 1 >/proc/sys/net/ipv4/conf/near/rp_filter
	in_far "$WG_QUICK_USERSPACE_IMPLEMENTATION" wqf >/dev/null 2>&1
	far_key=$(wg genkey)
	wg set wqf private-key <(echo "$far_key") listen-port 51820 peer "$own" allowed-ips 10.0.0.1/32,fd00::1/128
	in_far ip addr add 10.0.0.2/24 dev wqf
	in_far ip addr add fd00::2/64 dev wqf nodad
	in_far ip link set wqf up
	for endpoint in 203.0.113.1:51820 [2001:db8::2]:51820; do
		tunnel 0 | sed "s|^PublicKey.*|PublicKey = $(wg pubkey <<<"$far_key")\nEndpoint = $endpoint|" \
			>/etc/wireguard/wq0.conf
		"$quick" up wq0 2>/dev/null
		sent=$(in_far cat /sys/class/net/wqf/statistics/rx_bytes)
		ping -c 2 -i 0.05 -W 5 -q 198.51.100.1
		ping -c 2 -i 0.05 -W 5 -q 2001:db8:f::1
		[[ $(in_far cat /sys/class/net/wqf/statistics/rx_bytes) -gt $((sent + 300)) ]]
		# Its neighbours are reached as ever.
		sent=$(in_far cat /sys/class/net/wqf/statistics/rx_bytes)
		ping -c 1 -W 5 -q 192.0.2.2
		same "$sent" "$(in_far cat /sys/class/net/wqf/statistics/rx_bytes)"
		in_far iperf3 -s -1 -D >/dev/null
		sleep 0.3
		iperf3 -c 198.51.100.1 -n 20M >/dev/null
		[[ $(in_far cat /sys/class/net/wqf/statistics/rx_bytes) -gt 10000000 ]]
		# Nobody outside reaches the tunnel's address.
		in_far ip route add 10.0.0.1 via 192.0.2.1
		if in_far ping -c 1 -W 1 -q -I far 10.0.0.1; then
			echo "reached from outside" >&2
			exit 1
		fi
		in_far ip route del 10.0.0.1 via 192.0.2.1
		"$quick" down wq0 2>/dev/null
		[[ $(ip route get 198.51.100.1) == *"dev near"* ]]
	done
	SCRIPT
}
