#!/usr/bin/env bats
# `save`, and `down` with SaveConfig: the files are the original's, byte for byte, but for what the
# manual calls its defects; failures leave the old file as it was.

load lib

ORIGINAL=/usr/bin/wg-quick

setup() {
	need_root
}

# saved QUICK DAEMON CASES: the file after each case of that file: NAME|TEXT|COMMANDS, the last being
# what is done to the running interface before `save`, or before `down` if TEXT has SaveConfig.
saved() {
	on_host "$@" <<-'SCRIPT'
	quick=$1 cases=$3
	export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
	mkdir -p /run/bin
	cat >/run/bin/resolvconf <<-'EOF'
	#!/bin/sh
	case $1 in
	-a) cat >"/run/dns.$2" ;;
	-l) cat "/run/dns.$2" 2>/dev/null ;;
	-d) rm -f "/run/dns.$2" ;;
	esac
	EOF
	chmod +x /run/bin/resolvconf
	export PATH=/run/bin:$PATH
	file=/etc/wireguard/wq0.conf

	# Without what differs by chance: ports that the device has chosen, what the kernel makes, and
	# the order in which wireguard-go lists its peers.
	show() {
		sed -E 's/^ListenPort = [3-6][0-9]{4}$/ListenPort = by chance/
			/^Address = fe80::[0-9a-f:]{10,}\/64$/d' "$file" |
			perl -0777 -ne '/\n\z/ or print "no newline\n"; s/\n\z//;
				($i, @p) = split /\n\n/; print join("\n\n", $i, sort @p), "\n"'
	}

	settle() {
		for _ in {1..100}; do
			[[ $(strangers) ]] || break
			sleep 0.05
		done
	}

	set +e +o pipefail
	while IFS='|' read -r name text commands; do
		echo "==== $name"
		printf '%b' "$text" >"$file"
		"$quick" up wq0 >out 2>&1 || { echo "up failed"; cat out; }
		eval "$commands"
		if grep -qi '^SaveConfig *= *true' "$file"; then
			"$quick" down wq0 2>out
			echo "-- down: $?"
		else
			"$quick" save wq0 2>out
			echo "-- save: $?"
			grep '^\[#\]' out
			"$quick" down wq0 2>/dev/null
		fi
		grep -c 'wg showconf wq0$' out
		stat -c %a "$file"
		show
		# A second time, what was saved is the file.
		"$quick" up wq0 2>/dev/null && "$quick" save wq0 2>/dev/null
		echo "-- again: $?"
		show
		"$quick" down wq0 2>/dev/null
		settle
		ls /etc/wireguard
	done <"$cases"
	SCRIPT
}

@test "what is saved is what the original saves" {
	local dir=$BATS_TEST_TMPDIR daemon key=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
	local a=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= b=L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
	local i="[Interface]\nPrivateKey = $key\nListenPort = 5182\n" p="[Peer]\nPublicKey = $a\n"
	[[ -x $ORIGINAL ]] || skip "needs the original wg-quick"
	cat >"$dir/cases" <<-CASES
	key alone|[Interface]\nPrivateKey = $key\n|
	one address|${i}Address = 10.0.0.1/24\n|
	many addresses|${i}Address = 10.0.0.1/24, 10.0.1.1\nAddress=fd00::1/64,fd01::1/128\n|
	address added|${i}Address = 10.0.0.1/24\n|ip addr add 10.9.0.1/16 dev wq0; ip addr add fd09::1/64 dev wq0
	address taken away|${i}Address = 10.0.0.1/24, 10.1.0.1/24\n|ip addr del 10.1.0.1/24 dev wq0
	no address|${i}Address = 10.0.0.1/24\n|ip addr flush dev wq0
	mtu in the file|${i}MTU = 1300\n|
	mtu changed|${i}MTU = 1300\n|ip link set mtu 1280 dev wq0
	mtu not in the file|${i}|ip link set mtu 1280 dev wq0
	mtu empty|${i}MTU =\n|
	tables|${i}Table = 1234\n${p}AllowedIPs = 10.5.0.0/16\n|
	table auto|${i}Table = auto\n${p}|
	table off|${i}Table = 1\nTable = off\n|
	table empty|${i}Table = 5\nTable =\n|
	hooks|${i}PostDown = echo d %i >/dev/null\nPreUp = true\nPostUp = true %i\nPostUp = : ; true\nPreDown = true\n|
	keys in any case|[interface]\nprivatekey=$key\nlistenport=5182\nADDRESS = 10.0.0.1/8\npostup= true\nmtu=1400\n|
	comments go|# top\n$i# mine\n\n# that\n${p}# tail\n|
	save on down|${i}SaveConfig = true\nAddress = 10.0.0.1/24\n${p}|wg set wq0 peer $b allowed-ips 10.7.0.0/16
	save on down in any case|${i}SaveConfig = TRUE\nSaveConfig = true\n|
	save switched off|${i}SaveConfig = false\n|
	peers|${i}FwMark = 0x77\n${p}AllowedIPs = 10.5.0.0/16, fd05::/64\nPersistentKeepalive = 25\nEndpoint = 192.0.2.1:5\n[Peer]\nPublicKey = $b\nPresharedKey = $key\n|
	peer gone|$i$p[Peer]\nPublicKey = $b\n|wg set wq0 peer $a remove
	peer new|$i$p|wg set wq0 peer $b allowed-ips 10.6.0.0/16 endpoint 127.0.0.1:9
	key changed|$i|wg set wq0 private-key <(echo AAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=) listen-port 5183 fwmark 9
	servers|${i}DNS = 10.0.0.53, fd00::53\nDNS = 10.0.0.54\n|
	server of another tunnel|${i}DNS = 10.0.0.53\n|echo nameserver 10.9.9.9 >/run/dns.wq1
	servers changed|${i}DNS = 10.0.0.53\n|printf '# hi\nnameserver 10.1.1.1\n nameserver fe80::1%%lo \nnameserver a b\noptions x\n' >/run/dns.wq0
	CASES
	while read -r daemon; do
		saved "$ORIGINAL" "$daemon" "$dir/cases" >"$dir/original" &
		saved "$BUILD/wg-quick" "$daemon" "$dir/cases" >"$dir/ours"
		wait $!
		[[ $(grep -c '^-- \(save\|down\): 0' "$dir/ours") -ge 25 ]]
		grep -q 'up failed' "$dir/ours" && return 1
		diff -U2 "$dir/original" "$dir/ours"
	done < <(daemons)
}

@test "what the original loses or spoils is kept" {
	on_each_host <<-'SCRIPT'
	mkdir -p /run/bin
	printf '#!/bin/sh\n[ "$1" != -l ] || printf "nameserver 10.0.0.53\\nsearch a.example b.example\\n"\n' >/run/bin/resolvconf
	chmod +x /run/bin/resolvconf
	export PATH=/run/bin:$PATH
	# An "&" in a command, search domains, an interface with nothing at all, the kernel's address.
	write_conf <<-EOF
	[Interface]
	ListenPort = 5182
	DNS = 10.0.0.53, a.example b.example
	PostUp = true && true & wait # both
	Address = fe80::5/64, fd00::1/64
	EOF
	"$quick" up wq0
	contains "$(ip -6 addr show dev wq0)" fe80::5/64
	[[ $(ip -6 addr show dev wq0 | grep -c 'inet6 fe80') == 2 ]]
	"$quick" save wq0
	expected="[Interface]
	Address = fd00::1/64
	Address = fe80::5/64
	DNS = 10.0.0.53
	DNS = a.example
	DNS = b.example
	PostUp = true && true & wait # both
	ListenPort = 5182"
	same "$(sort <<<"${expected//$'\t'/}")" "$(sort /etc/wireguard/wq0.conf)"
	"$quick" down wq0
	SCRIPT
}

@test "with a comment that asks for it, only what is different changes" {
	on_each_host <<-'SCRIPT'
	write_conf <<-EOF
	# the office
	[interface]
	#wg: Save = keep
	address=10.0.0.1/24    # inside
	PreUp = wg set %i private-key <(echo $key)
	SaveConfig = true

	# laptop, by its name
	[Peer]
	PublicKey = $peer_a   # the old one
	Endpoint = localhost:5
	AllowedIPs = 10.5.0.0/16,10.6.0.0/16

	### begin phone ###
	[Peer]
	PublicKey = $peer_b
	### end phone ###
	EOF
	before=$(cat /etc/wireguard/wq0.conf)
	"$quick" up wq0
	"$quick" save wq0
	same "$before" "$(cat /etc/wireguard/wq0.conf)"
	"$quick" down wq0
	same "$before" "$(cat /etc/wireguard/wq0.conf)"

	"$quick" up wq0
	wg set wq0 peer $peer_b remove
	wg set wq0 peer $peer_a persistent-keepalive 25 allowed-ips 10.6.0.0/16
	wg set wq0 peer gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA= allowed-ips 10.8.0.0/16
	ip addr add fd00::1/64 dev wq0
	"$quick" down wq0
	same "# the office
	[interface]
	#wg: Save = keep
	address=10.0.0.1/24, fd00::1/64    # inside
	PreUp = wg set %i private-key <(echo $key)
	SaveConfig = true

	# laptop, by its name
	[Peer]
	PublicKey = $peer_a   # the old one
	Endpoint = localhost:5
	AllowedIPs = 10.6.0.0/16
	PersistentKeepalive = 25

	[Peer]
	PublicKey = gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=
	AllowedIPs = 10.8.0.0/16" "$(cat /etc/wireguard/wq0.conf)"
	same 600 "$(stat -c %a /etc/wireguard/wq0.conf)"
	SCRIPT
}

@test "a link leads to the file that is written; nothing is left beside it" {
	on_each_host <<-'SCRIPT'
	mkdir /run/real
	printf '[Interface]\nListenPort = 5182\nPrivateKey = %s\n' "$key" >/run/real/wq9.conf
	chmod 640 /run/real/wq9.conf
	ln -s /run/real/wq9.conf /etc/wireguard/wq0.conf
	echo stale >/run/real/wq9.conf.tmp
	"$quick" up wq0
	ip addr add 10.3.0.1/24 dev wq0
	"$quick" save wq0
	[[ -L /etc/wireguard/wq0.conf ]]
	same 600 "$(stat -c %a /run/real/wq9.conf)"
	same wq9.conf "$(ls /run/real)"
	contains "$(cat /run/real/wq9.conf)" "Address = 10.3.0.1/24"
	"$quick" down wq0
	expect 1 "$quick" save wq0 2>err
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	SCRIPT
}

@test "a file that cannot be written stays as it was" {
	on_each_host <<-'SCRIPT'
	mkdir /run/small
	mount -t tmpfs -o size=16k,mode=0700 tmpfs /run/small
	{
		echo "[Interface]"
		echo "SaveConfig = true"
		for i in {1..120}; do echo "PostUp = true $i of many"; done
	} >/run/small/wq0.conf
	before=$(md5sum /run/small/wq0.conf)
	"$quick" up /run/small/wq0.conf 2>/dev/null
	up=$(state)
	check() { # WORDS
		local command
		for command in save down; do
			expect 1 "$quick" "$command" /run/small/wq0.conf 2>err
			contains "$(tail -1 err)" "wg-quick: Could not $1"
			same "$before" "$(md5sum /run/small/wq0.conf)"
			same "$2" "$(ls -A /run/small)"
			same "$up" "$(state)"
		done
	}
	head -c 100k /dev/zero >/run/small/full || true
	check "write configuration file: /run/small/wq0.conf.tmp: No space left on device" $'full\nwq0.conf'
	rm /run/small/full

	mount -o remount,ro /run/small
	check "write configuration file: /run/small/wq0.conf.tmp: Read-only file system" wq0.conf
	mount -o remount,rw /run/small

	mkdir /run/small/wq0.conf.tmp
	check "write configuration file: /run/small/wq0.conf.tmp: " $'wq0.conf\nwq0.conf.tmp'
	rmdir /run/small/wq0.conf.tmp

	# It is a mount point: nothing can take its place.
	cp /run/small/wq0.conf /run/there
	mount --bind /run/there /run/small/wq0.conf
	check "move configuration file: /run/small/wq0.conf: Device or resource busy" wq0.conf
	umount /run/small/wq0.conf

	"$quick" down /run/small/wq0.conf 2>/dev/null
	SCRIPT
}
