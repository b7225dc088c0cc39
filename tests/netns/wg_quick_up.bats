#!/usr/bin/env bats
# wg-quick up and down on a host of its own: order, hooks, keys and peers from hooks, MTU, and what
# is refused. What the original does as well is in wg_quick_differential.t.

load lib

setup() {
	need_root
}

@test "up goes in order, down takes everything away" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	Address = 10.0.0.1/24, fd00::1/64
	MTU = 1300
	PreUp = echo PreUp \$(cat /sys/class/net/%i/operstate) [\$(ip -o -4 addr show %i)]
	PostUp = echo PostUp \$(ip -o -4 addr show %i | grep -o inet.*/24) \$(ip route show 10.5.0.0/16)
	PreDown = echo PreDown \$(wg show %i allowed-ips | cut -f 2)
	PostDown = echo PostDown \$(ip link show %i 2>&1)
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.5.0.0/16
	CONF
	out=$("$quick" up wq0 2>&1 | no_banner)
	same "[#] ip link add dev wq0 type wireguard
	[!] Missing WireGuard kernel module. Falling back to slow userspace implementation.
	[#] $WG_QUICK_USERSPACE_IMPLEMENTATION wq0
	[#] echo PreUp \$(cat /sys/class/net/wq0/operstate) [\$(ip -o -4 addr show wq0)]
	PreUp down []
	[#] wg addconf wq0 /dev/fd/63
	[#] ip -4 address add 10.0.0.1/24 dev wq0
	[#] ip -6 address add fd00::1/64 dev wq0
	[#] ip link set mtu 1300 up dev wq0
	[#] ip -4 route add 10.5.0.0/16 dev wq0
	[#] echo PostUp \$(ip -o -4 addr show wq0 | grep -o inet.*/24) \$(ip route show 10.5.0.0/16)
	PostUp inet 10.0.0.1/24 10.5.0.0/16 dev wq0 scope link" "$out"
	expect 1 "$quick" up wq0 2>err
	same "wg-quick: \`wq0' already exists" "$(cat err)"
	out=$("$quick" down wq0 2>&1)
	same "[#] echo PreDown \$(wg show wq0 allowed-ips | cut -f 2)
	PreDown 10.5.0.0/16
	[#] ip link delete dev wq0
	[#] echo PostDown \$(ip link show wq0 2>&1)
	PostDown Device \"wq0\" does not exist." "$out"
	same "$before" "$(state)"
	expect 1 "$quick" down wq0 2>err
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	SCRIPT
}

@test "hooks get text as it stands: comments, quotes, both standard streams, our directory first" {
	on_each_host <<-'SCRIPT'
	write_conf <<-'CONF'
	[Interface]
	PostUp = echo "a # b" 'c;d' # a comment for the shell
	PostUp = cat; echo 100%% %I %i-%i
	PostUp = echo ${PATH%%:*}; pwd
	PostUp = env | grep -c '^INTERFACE=\|^CONFIG_FILE=' || echo "$INTERFACE $CONFIG_FILE"
	PostUp = [[ abc == a+(b)c ]] && echo extglob
	PostUp = echo $# "$@"
	PostUp = local x=in-a-function; echo $x; [[ $x ]] && return 0; false
	CONF
	cd /usr
	out=$(echo input | "$quick" up wq0 2>/dev/null)
	same "a # b c;d
	input
	100%% %I wq0-wq0
	$(dirname "$quick")
	/usr
	0
	wq0 /etc/wireguard/wq0.conf
	extglob
	0
	in-a-function" "$out"
	SCRIPT
}

@test "without a PATH nothing in the current directory is run" {
	on_host "$BUILD/wg-quick" <<-'SCRIPT'
	printf '#!/bin/sh\ntouch /run/ran\n' | tee bash ip >/dev/null
	chmod +x bash ip
	printf '[Interface]\nPostUp = ip link show %%i\n' >/etc/wireguard/wq0.conf
	env -i "$1" up wq0
	env -i PATH= "$1" down wq0
	[[ ! -e /run/ran ]]
	SCRIPT
}

@test "hooks may be long, and nobody else sees them" {
	on_each_host <<-'SCRIPT'
	{
		echo '[Interface]'
		# Neither in a process's arguments nor in its environment, nor in an open file.
		echo 'PreUp = s=s3cr; if grep -qaf <(echo "${s}3t") /proc/[0-9]*/{cmdline,environ}; then exit 5; fi; : s3cr3t'
		echo 'PreUp = ls -l /proc/self/fd | grep -c memfd || true'
		echo 'PreUp = cat <&3'
		echo "PostUp = x=$(printf %0300000d 7); echo \${#x}"
	} | write_conf
	out=$("$quick" up wq0 2>err 3<<<mine) || { tail -2 err; exit 1; }
	same "0
	mine
	300000" "$out"
	SCRIPT
}

@test "a private key from PreUp or PostUp stays" {
	on_each_host <<-'SCRIPT'
	for hook in PreUp PostUp; do
		write_conf <<-CONF
		[Interface]
		$hook = wg set %i private-key <(echo $key)
		ListenPort = 51999
		[Peer]
		PublicKey = $peer_a
		CONF
		"$quick" up wq0
		same "$key" "$(wg show wq0 private-key)"
		same 51999 "$(wg show wq0 listen-port)"
		same "$peer_a" "$(wg show wq0 peers)"
		"$quick" down wq0
	done
	SCRIPT
}

@test "a shared peers file, which has this host as well" {
	on_each_host <<-'SCRIPT'
	cat >/etc/wireguard/peers.conf <<-CONF
	[Peer]
	PublicKey = $own
	AllowedIPs = 10.9.0.1/32
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.9.0.2/32
	[Peer]
	PublicKey = $peer_b
	AllowedIPs = 10.9.0.3/32
	Endpoint = 127.0.0.1:9
	CONF
	for hook in PostUp PreUp; do
		write_conf <<-CONF
		[Interface]
		Address = 10.9.0.1/24
		PrivateKey = $key
		PreUp = wg set %i private-key <(echo $key)
		$hook = wg addconf %i /etc/wireguard/peers.conf
		CONF
		"$quick" up wq0
		same "$peer_b
	$peer_a" "$(wg show wq0 peers | sort)"
		same "10.9.0.2/32" "$(wg show wq0 allowed-ips | grep "$peer_a" | cut -f 2)"
		"$quick" down wq0
	done
	SCRIPT
}

@test "peers that PreUp adds get routes" {
	on_each_host <<-'SCRIPT'
	write_conf <<-CONF
	[Interface]
	PreUp = wg set %i peer $peer_a allowed-ips 10.77.0.0/16
	CONF
	"$quick" up wq0
	same "10.77.0.0/16 scope link" "$(ip route show dev wq0 | sed 's/ *$//')"
	SCRIPT
}

@test "the MTU is that of the narrowest way" {
	on_each_host <<-'SCRIPT'
	ip link add near type veth peer name far
	ip link set far up
	ip link set near mtu 9000 up
	ip addr add 192.0.2.1/24 dev near
	ip route add 192.0.2.77 dev near mtu 1300
	write_conf <<-CONF
	[Peer]
	PublicKey = $peer_a
	Endpoint = 192.0.2.77:1
	[Peer]
	PublicKey = $peer_b
	Endpoint = 192.0.2.8:1
	[Peer]
	PublicKey = jbI0gBgtMkRR1ohBGqZ2Ac6mW4QBwgDhVVDsB3rZmzs=
	Endpoint = 198.51.100.1:1
	CONF
	"$quick" up wq0 2>err
	same 1220 "$(cat /sys/class/net/wq0/mtu)"
	contains "$(cat err)" "[!] no route to 198.51.100.1: Network is unreachable"
	"$quick" down wq0

	# PostUp is too late to count, PreUp is not.
	write_conf <<-CONF
	[Interface]
	PreUp = wg set %i peer $peer_a endpoint 192.0.2.8:1
	PostUp = wg set %i peer $peer_b endpoint 192.0.2.77:1
	CONF
	"$quick" up wq0
	same 8920 "$(cat /sys/class/net/wq0/mtu)"
	SCRIPT
}

@test "an MTU that IPv6 cannot live with is told" {
	on_each_host <<-'SCRIPT'
	for mtu in 1279 1280; do
		printf '[Interface]\nAddress = fd00::1/64\nMTU = %s' $mtu | write_conf
		"$quick" up wq0 2>err
		"$quick" down wq0
		[[ $mtu == 1280 ]] || same "[#] ip link set mtu 1279 up dev wq0
	[!] an MTU below 1280 leaves \`wq0' without IPv6" "$(tail -2 err)"
	done
	same 0 "$(grep -c 'without IPv6' err)"
	printf '[Interface]\nAddress = 10.0.0.1/24\nMTU = 1000' | write_conf
	"$quick" up wq0 2>err
	same 0 "$(grep -c 'without IPv6' err)"
	SCRIPT
}

@test "host names of endpoints are looked up after PreUp" {
	on_each_host <<-'SCRIPT'
	cp /etc/hosts /run/hosts
	mount --bind /run/hosts /etc/hosts
	write_conf <<-CONF
	[Interface]
	PreUp = echo 127.9.8.7 gate.example >>/etc/hosts
	[Peer]
	PublicKey = $peer_a
	Endpoint = gate.example:777
	CONF
	"$quick" up wq0
	same 127.9.8.7:777 "$(wg show wq0 endpoints | cut -f 2)"
	SCRIPT
}

@test "warnings about host bits come once, with the step that is concerned" {
	on_each_host <<-'SCRIPT'
	write_conf <<-CONF
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.5.0.1/16
	CONF
	"$quick" up wq0 2>err
	same "[#] wg addconf wq0 /dev/fd/63
	Warning: AllowedIP has nonzero host part: 10.5.0.1/16" "$(grep -A1 addconf err)"
	same 1 "$(grep -c Warning err)"
	SCRIPT
}

@test "default routes without nft and iptables are refused before anything is touched" {
	on_each_host <<-'SCRIPT'
	without nft {ip,ip6}tables{,-save,-restore}
	before=$(state)
	peer="[Peer]\nPublicKey = $peer_a\nAllowedIPs ="
	while read -r text; do
		printf '[Interface]\nPreUp = touch /run/touched\n%b\n' "$text" | write_conf
		expect 1 "$quick" up wq0 2>err
		same 1 "$(wc -l <err)"
		contains "$(cat err)" "and neither is installed"
		same "$before" "$(state)"
		[[ ! -e /run/touched ]]
	done <<-CASES
	$peer 10.0.0.0/8, 0.0.0.0/0
	$peer ::/0
	Table = auto\n$peer 0.0.0.0/0
	CASES
	# What only a hook brings is found out half-way.
	printf '[Interface]\nPreUp = wg set %%i peer %s allowed-ips 0.0.0.0/0\n' "$peer_a" | write_conf
	expect 127 "$quick" up wq0 2>err
	contains "$(cat err)" "wg-quick: cannot run \`iptables-restore': No such file or directory"
	same "$before" "$(state)"
	# A search domain without a server has never done anything.
	printf '[Interface]\nDNS = example.org\nSaveConfig = false\n' | write_conf
	"$quick" up wq0
	SCRIPT
}

@test "the kernel's device or a daemon: the bundled one is found beside wg-quick" {
	on_host "$BUILD/wg-quick" <<-'SCRIPT'
	mkdir -p /run/bin
	cp "$1" /run/bin/wg-quick
	printf '#!/bin/sh\necho bundled >>/run/log\nexec wireguard-go "$@"\n' >/run/bin/wg-datapath
	chmod +x /run/bin/wg-datapath
	: >/etc/wireguard/wq0.conf
	unset WG_QUICK_USERSPACE_IMPLEMENTATION
	/run/bin/wg-quick up wq0 2>err
	contains "$(cat err)" "[#] wg-datapath wq0"
	same bundled "$(cat /run/log)"
	/run/bin/wg-quick down wq0
	WG_QUICK_USERSPACE_IMPLEMENTATION= /run/bin/wg-quick up wq0 2>err
	contains "$(cat err)" "[#] wg-datapath wq0"
	/run/bin/wg-quick down wq0
	WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go /run/bin/wg-quick up wq0 2>err
	contains "$(cat err)" "[#] wireguard-go wq0"
	SCRIPT
}

@test "WG_QUICK_IMPLEMENTATION: the kernel alone, a program alone, or what there is" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<$'[Interface]\nPostUp = echo hook $WG_QUICK_IMPLEMENTATION'
	unset WG_QUICK_IMPLEMENTATION
	"$quick" up wq0 2>err >out
	auto=$(no_banner <err)
	contains "$auto" "[!] Missing WireGuard kernel module. Falling back"
	"$quick" down wq0
	for choice in auto ''; do
		WG_QUICK_IMPLEMENTATION=$choice "$quick" up wq0 2>err >out
		same "$auto" "$(no_banner <err)"
		"$quick" down wq0
	done

	WG_QUICK_IMPLEMENTATION=userspace "$quick" up wq0 2>err >out
	same "[#] $WG_QUICK_USERSPACE_IMPLEMENTATION wq0" "$(no_banner <err | head -1)"
	[[ $(cat err) != *"Missing"* && $(cat err) != *"ip link add"* ]]
	same "hook userspace" "$(cat out)"
	[[ -e /sys/class/net/wq0/tun_flags ]]
	"$quick" down wq0

	if [[ ! -e /sys/module/wireguard ]]; then
		expect 1 env WG_QUICK_IMPLEMENTATION=kernel "$quick" up wq0 2>err
		same "[#] ip link add dev wq0 type wireguard
	wg-quick: cannot create \`wq0': this kernel has no WireGuard: Operation not supported" "$(cat err)"
	fi
	same "$before" "$(state)"

	for choice in Auto user kernel,userspace ' '; do
		expect 1 env WG_QUICK_IMPLEMENTATION="$choice" "$quick" up wq0 2>err
		same "wg-quick: Unable to parse WG_QUICK_IMPLEMENTATION: \`$choice'; expected auto, kernel or userspace" "$(cat err)"
		same "$before" "$(state)"
	done
	"$quick" up wq0
	WG_QUICK_IMPLEMENTATION=nonsense "$quick" down wq0 # has nothing to do with it
	same "$before" "$(state)"
	SCRIPT
}

@test "without root it runs itself by sudo" {
	local dir=$BATS_TEST_TMPDIR/sudo
	mkdir "$dir"
	chmod 755 "$dir"
	cp "$BUILD/wg-quick" "$dir/"
	printf '#!/bin/sh\nprintf "%%s\\n" "$@"\nexit 5\n' >"$dir/sudo"
	chmod 755 "$dir/sudo"
	: >"$dir/wq0.conf"
	# The test's directory may be out of others' sight: look from a mount of its own.
	run unshare -m bash -c '
		mount --bind "$1" /mnt && cd /mnt &&
		setpriv --reuid=65534 --regid=65534 --clear-groups ./wg-quick strip ./wq0.conf' \
		sudo "$dir"
	echo "$output"
	[[ $status == 5 ]]
	[[ $output == "-p
wg-quick must be run as root. Please enter the password for %u to continue: 
--
/mnt/wg-quick
strip
./wq0.conf" ]]
	rm "$dir/sudo"
	run unshare -m bash -c '
		mount --bind "$1" /mnt && cd /mnt && PATH=/nonexistent &&
		/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups ./wg-quick strip ./wq0.conf' \
		sudo "$dir"
	[[ $status == 1 && $output == "wg-quick: must be run as root; sudo: No such file or directory" ]]
}
