#!/usr/bin/env bats
# wg-quick up and down --dry-run: they tell what would be done, which is what is done then, and touch nothing.

load lib

setup() {
	need_root
}

# What the scripts share: the commands that a dry run tells, and those that a run does tell.
prelude() {
	cat <<-'SCRIPT'
	# json EXPRESSION: of Perl, in which $_ is what standard input has.
	json() {
		perl -MJSON::PP -0777 -e '$json = JSON::PP->new->canonical; $_ = $json->decode(<STDIN>);' -e "$1"
	}
	planned() {
		"$quick" "$@" --dry-run --json wq0 |
			json 'print map { "$_->{command}\n" } grep { defined $_->{command} } @{$_->{steps}}'
	}
	done_by() {
		"$quick" "$@" wq0 2>err >out || { cat err >&2; return 1; }
		sed -n 's/^\[#\] //p' err
	}
	# as_told: up and down do what their dry runs tell, and these touch nothing.
	as_told() {
		local before plan
		before=$(state; find /run /etc/wireguard /etc/resolv.conf* | sort)
		plan=$(planned up)
		same "$before" "$(state; find /run /etc/wireguard /etc/resolv.conf* | sort)"
		same "$plan" "$(done_by up)"
		before=$(state; find /run /etc/wireguard /etc/resolv.conf* | sort)
		plan=$(planned down)
		same "$before" "$(state; find /run /etc/wireguard /etc/resolv.conf* | sort)"
		same "$plan" "$(done_by down)"
	}
	touch err out
	ip link add near type veth peer name far
	ip link set far up
	ip link set near mtu 1400 up
	ip addr add 192.0.2.1/24 dev near
	ip route add default via 192.0.2.2
	ip route add 192.0.2.77 dev near mtu 1380
	SCRIPT
}

@test "what is told is what is done" {
	on_each_host <<-SCRIPT
	$(prelude)
	head="[Interface]\nPrivateKey = \$key\n"
	peer="[Peer]\nPublicKey = \$peer_a\n"
	while IFS= read -r text; do
		echo "\$text"
		printf '%b\n' "\$text" | write_conf
		as_told
	done <<-CASES

	\${head}Address = 10.0.0.1/24, fd00::1/64, 10.1.0.1, fd01::1\nAddress = 10.2.0.1/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\nPreUp = echo a %i\nPostUp = echo b # c\nPreDown = true\nPostDown = echo "%i %i"
	\${head}Address = 10.0.0.1/24\n\${peer}AllowedIPs = 10.0.0.0/25, 10.0.0.0/24, 10.0.0.0/23, 10.3.0.9/16
	\${head}Address = fd00::1/64, fd02::1/128\n\${peer}AllowedIPs = fd00::/80, fd00::/56, fd02::1/128, fd02::2/128
	\${head}Address = 10.0.0.1/32\n\${peer}AllowedIPs = 10.0.0.1/32, fe80::/70, fe80::/63, 0.0.0.1/32
	\${head}Table = off\n\${peer}AllowedIPs = 0.0.0.0/0, 10.0.0.0/8
	\${head}Table = 1234\nAddress = 10.0.0.1/8\n\${peer}AllowedIPs = 0.0.0.0/0, 10.0.0.0/8, ::/0
	\${head}Table = main\n\${peer}AllowedIPs = 10.0.0.0/8
	\${head}Address = 10.0.0.1/24\n\${peer}AllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.8:1
	\${head}Address = 10.0.0.1/24\n\${peer}AllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.0/8\nEndpoint = 192.0.2.77:1
	\${head}FwMark = 0x77\n\${peer}AllowedIPs = ::/0\nEndpoint = 192.0.2.77:1\n[Peer]\nPublicKey = \$peer_b\nEndpoint = 192.0.2.8:1
	\${peer}Endpoint = 127.0.0.1:1
	\${peer}Endpoint = localhost:1\n[Peer]\nPublicKey = \$peer_b\nEndpoint = 198.51.100.1:1
	\${peer}Endpoint = [2001:db8::1]:1
	\${peer}AllowedIPs = 10.5.0.0/16, 10.6.0.0/16\n\${peer}AllowedIPs = 10.6.0.0/16\n[Peer]\nPublicKey = \$peer_b\nAllowedIPs = 10.6.0.0/16
	\${peer}AllowedIPs = 10.5.0.0/16\n\${peer}AllowedIPs = +10.6.0.0/16
	\${head}[Peer]\nPublicKey = \$own\nAllowedIPs = 10.9.0.0/16\n\${peer}AllowedIPs = 10.8.0.0/16
	\${head}DNS = 10.0.0.2, example.org
	\${head}DNS = 10.0.0.2, ~example.org
	\${head}DNS = example.org
	\${head}#wg: KillSwitch = on\nAddress = 10.0.0.1/24
	\${head}#wg: KillSwitch = lan\n\${peer}AllowedIPs = 0.0.0.0/0
	\${head}SaveConfig = true\nAddress = 10.0.0.1/24
	CASES
	SCRIPT
}

@test "what is told is what is done, as hosts differ" {
	on_each_host <<-SCRIPT
	$(prelude)
	printf '[Interface]\nAddress = 10.0.0.1/24, fd00::1/64\nDNS = 10.0.0.2\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0, ::/0, fd01::/64\n' \
		\$peer_a | write_conf
	# resolv.conf where it cannot be replaced.
	echo 'nameserver 192.0.2.53' >/run/resolv.conf
	mount --bind /run/resolv.conf /etc/resolv.conf
	as_told
	# Tables in use, and the variable that is set already.
	ip route add 198.51.100.0/24 dev near table 51820
	ip -6 route add 2001:db8::/32 dev near table 51821
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	as_told
	contains "\$(planned up)" "wg set wq0 fwmark 51822"
	mkdir /run/fake
	printf '#!/bin/sh\ncat >/dev/null\n' >/run/fake/resolvconf
	chmod +x /run/fake/resolvconf
	PATH=/run/fake:\$PATH
	as_told
	contains "\$(planned up)" "resolvconf -a wq0 -m 0 -x"
	printf '#!/bin/sh\n' >/run/fake/resolvectl
	chmod +x /run/fake/resolvectl
	rm /run/fake/resolvconf
	as_told
	contains "\$(planned up)" "resolvectl domain wq0 ~."
	sed -i 's/^DNS.*/DNS = 10.0.0.2, ~corp.example/' /etc/wireguard/wq0.conf
	as_told
	contains "\$(planned up)" "resolvectl default-route wq0 no"
	echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
	as_told
	[[ \$(planned up) != *'ip -6'* ]]
	without nft
	PATH=/run/fake:\$PATH
	as_told
	contains "\$(planned up)" "iptables-restore -n"
	export WG_QUICK_IMPLEMENTATION=userspace
	as_told
	[[ \$(planned up) != *'ip link add'* ]]
	SCRIPT
}

@test "what is told is what is done, in other namespaces" {
	on_each_host <<-SCRIPT
	$(prelude)
	ip netns add wq-target
	ip netns add wq-birth
	ip -n wq-birth link add dummy type veth peer name other
	ip -n wq-birth link set dummy mtu 1440 up
	ip -n wq-birth link set other up
	ip -n wq-birth addr add 192.0.2.1/24 dev dummy
	peer="[Peer]\nPublicKey = \$peer_a\nEndpoint = 192.0.2.8:1\nAllowedIPs = 10.5.0.0/16"
	while IFS= read -r text; do
		printf '%b\n' "[Interface]\nAddress = 10.0.0.1/24\n\$text\n\$peer" | write_conf
		as_told
		keys=\$(sed -n 's/^#wg: \([A-Za-z]*\).*/\1/p' /etc/wireguard/wq0.conf | paste -sd ,)
		contains "\$("\$quick" up --dry-run wq0 | grep -A 1 'ip link set dev wq0 netns' | xargs) " " #wg: \${keys/,/, } "
	done <<-'CASES'
	#wg: Namespace = wq-target
	#wg: BirthNamespace = wq-birth
	#wg: Namespace = wq-target\n#wg: BirthNamespace = wq-birth
	CASES
	contains "\$(planned up)" "mtu 1360"
	# Name servers, in a directory that is not there yet.
	printf '[Interface]\nAddress = 10.0.0.1/24\nDNS = 10.0.0.2\n#wg: Namespace = wq-target\n' | write_conf
	as_told
	SCRIPT
}

@test "each step has its reason: a line of the file, or what the host is like" {
	on_host "$BUILD/wg-quick" <<-SCRIPT
	quick=\$1
	$(prelude)
	$(cat <<-'REST'
	export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
	cat >/etc/wireguard/wq0.conf <<-CONF
	[Interface]
	PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
	Address = 10.0.0.1/24

	Address = fd00::1/64
	PostUp = echo one
	MTU = 1380
	PostUp = echo two %i
	[Peer]
	PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
	PresharedKey = L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
	AllowedIPs = 10.0.0.2/32
	AllowedIPs = 10.5.0.0/16
	CONF
	out=$(WG_QUICK_IMPLEMENTATION=userspace "$1" up --dry-run wq0 2>err)
	same "\`wg-quick up wq0' would do this, by /etc/wireguard/wq0.conf:
	wireguard-go wq0                          WG_QUICK_IMPLEMENTATION=userspace
	wg addconf wq0 /dev/fd/63                 the private key, 1 peer
	ip -4 address add 10.0.0.1/24 dev wq0     Address, line 3
	ip -6 address add fd00::1/64 dev wq0      Address, line 5
	ip link set mtu 1380 up dev wq0           MTU, line 7
	ip -4 route add 10.5.0.0/16 dev wq0       AllowedIPs of xTIBA5rb..., line 13
	(no route to 10.0.0.2/32)
	        an Address covers it; AllowedIPs, line 12
	echo one                                  PostUp, line 6
	echo two wq0                              PostUp, line 8" "$out"
	same "Warning: \`/etc/wireguard/wq0.conf' is world accessible" "$(cat err)" || same "" "$(cat err)"
	# Neither key is in it, in whatever form.
	for form in '' --json; do
		out=$(WG_COLOR_MODE=always "$1" up --dry-run $form wq0 2>&1)
		[[ $out != *yAnz5* && $out != *L+V9o* ]]
	done
	contains "$(WG_COLOR_MODE=always "$1" up --dry-run wq0)" $'\e[2mMTU, line 7\e[0m'
	[[ $("$1" up --dry-run wq0) != *$'\e'* ]]
	"$1" up --dry-run --json wq0 >out
	same "wq0 /etc/wireguard/wq0.conf up none" "$(json '
		print "$_->{interface} $_->{file} $_->{command} ", $_->{refused} // "none"' <out)"
	same '{"command":"ip -4 route add 10.5.0.0/16 dev wq0","do":"add-route","line":13,"peer":"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=","prefix":"10.5.0.0/16","reason":"AllowedIPs of xTIBA5rb...","table":254}' \
		"$(json 'print map { $json->encode($_) } grep { $_->{do} eq "add-route" } @{$_->{steps}}' <out)"
	REST
	)
	SCRIPT
}

@test "commands that are not the file's any more stand on no line of it; a line and its number stay together" {
	on_each_host <<-SCRIPT
	$(prelude)
	printf '[Interface]\nDNS = 10.0.0.2\nPostUp = true\nPreDown = echo x\n' | write_conf
	"\$quick" up --dry-run wq0 >out
	same "        no resolvconf, no systemd-resolved: DNS is set in /etc/resolv.conf,
	        line 2" "\$(grep -A 1 'no resolvconf' out)"
	"\$quick" up wq0
	"\$quick" down --dry-run wq0 >out
	grep -E '^echo x {10,}PreDown, line 4$' out
	printf '[Interface]\nDNS = 10.0.0.2\nPostUp = true other\nPreDown = echo y\n' | write_conf
	for words in 'down --dry-run' 'up --replace --dry-run'; do
		"\$quick" \$words wq0 >out
		grep -E "^echo x {10,}PreDown, as the file had it at \\\`up'$" out
	done
	grep -E '^true other {10,}PostUp, line 3$' out
	"\$quick" down wq0
	SCRIPT
}

@test "a key that a file has is told of" {
	on_host "$BUILD/wg-quick" <<-'SCRIPT'
	export WG_QUICK_IMPLEMENTATION=userspace WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
	(umask 077; wg genkey >/etc/wireguard/wq0.key)
	printf '[Interface]\n#wg: PrivateKeyFile = wq0.key\nListenPort = 7\n' >/etc/wireguard/wq0.conf
	"$1" up --dry-run wq0 | grep -E '^wg addconf wq0 /dev/fd/63 +the private key, port 7, 0 peers$'
	SCRIPT
}

@test "what would be refused is refused, in the same words" {
	on_each_host <<-SCRIPT
	$(prelude)
	refused() {
		local status=0
		"\$quick" "\$@" 2>expected >out || status=\$?
		[[ \$status != 0 ]]
		same "" "\$(cat out)"
		expect \$status "\$quick" "\$1" --dry-run "\${@:2}" 2>err >out
		same "\$(grep -v '^\[#\]' expected | no_banner)" "\$(cat err)"
		same "" "\$(cat out)"
		expect \$status "\$quick" "\$1" --dry-run --json "\${@:2}" 2>err >out
		same "\$(grep -v '^\[#\]' expected | no_banner)" "\$(cat err)"
		same "\$(sed -n 's/^wg-quick: //p' err)" "\$(json 'print \$_->{refused}' <out)"
		same 0 "\$(json 'print scalar @{\$_->{steps}}' <out)"
	}
	refused up nosuch
	refused up ./not-a-conf
	write_conf <<<'[Interface]
	Adress = 1'
	refused up wq0
	refused down wq0
	write_conf <<<'[Interface]
	Table = nosuch'
	refused up wq0
	write_conf <<<'[Interface]'
	WG_QUICK_IMPLEMENTATION=x refused up wq0
	[[ -e /sys/module/wireguard ]] || WG_QUICK_IMPLEMENTATION=kernel refused up wq0
	"\$quick" up wq0
	refused up wq0
	"\$quick" down wq0
	WG_QUICK_USERSPACE_IMPLEMENTATION=nosuch expect 1 "\$quick" up --dry-run wq0 2>err
	same "wg-quick: cannot run \\\`nosuch': No such file or directory" "\$(cat err)"
	expect 1 "\$quick" up --json wq0 2>err
	same "wg-quick: --json goes with --dry-run" "\$(cat err)"
	SCRIPT
}

@test "up --replace: first what down does, then up as if nothing had been there" {
	on_each_host <<-SCRIPT
	$(prelude)
	printf '[Interface]\nAddress = 10.0.0.1/24\nDNS = 10.0.0.2\nPreDown = echo x\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\nEndpoint = 192.0.2.77:1\n' \
		\$peer_a | write_conf
	before=\$(planned up)
	same "\$before" "\$(planned up --replace)"
	"\$quick" up wq0
	plan=\$(planned up --replace)
	state=\$(state)
	same "\$(planned down)
	\$(grep -v src_valid_mark <<<"\$before")" "\$plan"
	same "\$state" "\$(state)"
	same "\$plan" "\$(done_by up --replace)"
	"\$quick" down wq0
	same "(nothing)" "\$("\$quick" down --if-exists --dry-run wq0 | tail -1)"
	SCRIPT
}

@test "a file that opens nothing for writing, and starts no daemon" {
	command -v strace >/dev/null || skip "needs strace"
	on_host "$BUILD/wg-quick" <<-'SCRIPT'
	export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
	printf '[Interface]\nAddress = 10.0.0.1/24\nPreUp = touch /run/ran\nDNS = 10.0.0.2\n[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nAllowedIPs = 0.0.0.0/0\n' \
		>/etc/wireguard/wq0.conf
	strace -f -o /run/trace -e trace=file,process "$1" up --dry-run wq0 >/dev/null
	[[ ! -e /run/ran && ! -e /run/wireguard ]]
	expect 1 grep -E '(O_CREAT|O_TRUNC|mkdir|rename|unlink|symlink|mount\()' trace
	expect 1 grep -E 'execve\(.*(bash|wireguard-go|nft|ip)"' trace
	SCRIPT
}

@test "reload: what is told is what is done" {
	on_each_host <<-SCRIPT
	$(prelude)
	head="[Interface]\nPrivateKey = \$key\n"
	peer="[Peer]\nPublicKey = \$peer_a\n"
	printf '%b\n' "\${head}Address = 10.0.0.1/24\n\${peer}AllowedIPs = 10.5.0.0/16" | write_conf
	"\$quick" up wq0
	same "" "\$(planned reload)"
	same "(nothing)" "\$("\$quick" reload --dry-run wq0 | tail -1)"
	while IFS= read -r text; do
		echo "\$text"
		printf '%b\n' "\$text" | write_conf
		before=\$(state; wg show wq0 dump | sort)
		plan=\$(planned reload)
		[[ \$plan ]]
		same "\$before" "\$(state; wg show wq0 dump | sort)"
		same "\$plan" "\$(done_by reload)"
		same "" "\$(planned reload)"
	done <<-CASES
	\${head}Address = 10.0.0.1/24, fd00::1/64, 10.1.0.1\n\${peer}AllowedIPs = 10.5.0.0/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\n\${peer}AllowedIPs = 10.6.0.0/16, 10.5.0.0/17
	\${head}Address = 10.0.0.1/24\nMTU = 1300\nListenPort = 4321\n\${peer}AllowedIPs = 10.6.0.0/16\n[Peer]\nPublicKey = \$peer_b\nAllowedIPs = 10.7.0.0/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\n\${peer}AllowedIPs = 0.0.0.0/0
	\${head}Address = 10.0.0.1/24\nMTU = 1300\n\${peer}AllowedIPs = 10.6.0.0/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\nDNS = 10.0.0.9\n\${peer}AllowedIPs = 10.6.0.0/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\nDNS = 10.0.0.8\n\${peer}AllowedIPs = 10.6.0.0/16
	\${head}Address = 10.0.0.1/24\nMTU = 1300\n\${peer}AllowedIPs = 10.8.0.0/16
	CASES
	expect 1 "\$quick" reload --json wq0 2>err
	same "wg-quick: --json goes with --dry-run" "\$(cat err)"
	"\$quick" down wq0
	expect 1 "\$quick" reload --dry-run --json wq0 >out 2>err
	same "wg-quick: \\\`wq0' is not a WireGuard interface" "\$(cat err)"
	same "\\\`wq0' is not a WireGuard interface" "\$(json 'print \$_->{refused}' <out)"
	SCRIPT
}
