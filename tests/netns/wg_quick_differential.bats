#!/usr/bin/env bats
# Our wg-quick and the original do the same to a host:
#
#   [ host: near --veth-- far ]   near 192.0.2.1/24, 2001:db8::1/64, mtu 1400
#                                 192.0.2.77 by a route with mtu 1300
#
# Each configuration goes up and down under either, and the exit codes, the echoed commands, the
# hooks' output and the state of the host after each are compared.

load lib

ORIGINAL=/usr/bin/wg-quick

setup_file() {
	export QUICK_KEY=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
	export PEER_A=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
	export PEER_B=L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
}

setup() {
	need_root
	[[ -x $ORIGINAL ]] && head -c 100 "$ORIGINAL" | grep -q bash ||
		skip "needs the original wg-quick"
}

# report QUICK DAEMON CASES [PROGRAM...]: prints what each case of that file does on one host, which
# has not got these programs.
report() {
	on_host "$@" <<-'SCRIPT' | grep -v '^ListenPort'
	quick=$1 cases=$3
	(($# < 4)) || without "${@:4}"
	export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
	ip link add near type veth peer name far
	ip link set far up
	ip link set near mtu 1400 up
	ip addr add 192.0.2.1/24 dev near
	ip addr add 2001:db8::1/64 dev near nodad
	ip route add 192.0.2.77 dev near mtu 1300
	echo '4242 ours' >/run/rt_tables
	mkdir -p /etc/iproute2
	mount -t tmpfs tmpfs /etc/iproute2
	echo '4242 ours' >/etc/iproute2/rt_tables

	# What was echoed, and hooks' own lines. The older original has other words for the first two
	# steps, runs PreUp (here "...; : pre") first, and adds a default route before its rules.
	words() {
		sed -nE 's/^\[#\] ip link add (dev )?/[#] ip link add dev /
			s/^\[#\] wg (set|add)conf (.*\/)[0-9]+$/[#] wg addconf \2N/
			s/^(\[#\] nft -f .*\/)[0-9]+$/\1N/
			/^\[!\] no route/d
			/; : pre$/d
			/^(\[[#!]\]|hook)/p' "$1" |
			awk '/ route add .*\/0 dev wq0 table [0-9]+$/ && !n { route = $0; n = 1; next }
				n && !/ rule add / { print route; n = 0 }
				{ print }
				n && / suppress_prefixlength / { print route; n = 0 }
				END { if (n) print route }'
	}

	# What a full tunnel changes besides; link-local addresses are random.
	firewall() {
		/usr/sbin/nft list ruleset 2>/dev/null | sed '/daddr fe80:/d'
		/usr/sbin/iptables-save 2>/dev/null | sed '/^#/d; /^:/d'
		/usr/sbin/ip6tables-save 2>/dev/null | sed '/^#/d; /^:/d; /-d fe80:/d'
		echo "src_valid_mark $(</proc/sys/net/ipv4/conf/all/src_valid_mark)"
	}

	# The original does not wait for the daemon's end.
	settle() {
		for _ in {1..100}; do
			[[ $(strangers) ]] || break
			sleep 0.05
		done
	}

	run_case() {
		local status=0
		echo "==== $1"
		echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
		printf '%b' "$2" >/etc/wireguard/wq0.conf
		"$quick" up wq0 >out 2>&1 || status=$?
		echo "-- up: $status"
		words out
		((status == 0)) || settle
		state
		firewall
		status=0
		wg showconf wq0 2>/dev/null | sort
		"$quick" down wq0 >out 2>&1 || status=$?
		echo "-- down: $status"
		words out
		settle
		state
		firewall
	}

	set +e +o pipefail
	while IFS='|' read -r name text; do
		run_case "$name" "$text"
	done <"$cases"
	SCRIPT
}

# report_both [PATTERN [PROGRAM...]] <CASES: for each daemon both reports, or those of their lines
# that match, into the files N.original and N.ours. All hosts work at the same time, without those
# programs.
report_both() {
	local daemon dir=$BATS_TEST_TMPDIR pid pattern=${1-^}
	local -a pids=()
	cat >"$dir/cases"
	n_daemons=0
	while read -r daemon; do
		report "$ORIGINAL" "$daemon" "$dir/cases" "${@:2}" | grep "$pattern" >"$dir/$n_daemons.original" &
		pids+=($!)
		report "$BUILD/wg-quick" "$daemon" "$dir/cases" "${@:2}" | grep "$pattern" >"$dir/$n_daemons.ours" &
		pids+=($!)
		n_daemons=$((n_daemons + 1))
	done < <(daemons)
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
}

# compare N [PATTERN [PROGRAM...]] <CASES: the reports are the same; at least N cases come up.
compare() {
	local i
	report_both "${2-^}" "${@:3}"
	for ((i = 0; i < n_daemons; i++)); do
		# The comparison must compare something.
		[[ $(grep -c '^-- up: 0' "$BATS_TEST_TMPDIR/$i.ours") -ge $1 ]]
		diff -U1 "$BATS_TEST_TMPDIR/$i.original" "$BATS_TEST_TMPDIR/$i.ours"
	done
}

@test "addresses, peers, hooks" {
	local p="[Peer]\nPublicKey = $PEER_A\n" b="[Peer]\nPublicKey = $PEER_B\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\n"
	compare 15 <<-CASES
	empty file|
	bare interface|[Interface]\n
	key alone|$i
	one address|${i}Address = 10.0.0.1/24\n
	many addresses|${i}Address = 10.0.0.1/24, 10.0.1.1/32\nAddress=fd00::1/64,fd01::1/128\n
	address without a mask|${i}Address = 10.0.0.1/32\nAddress = fd00::1/128\n
	loopback address|${i}Address = 127.9.0.1/16\n
	mtu|${i}Address = 10.0.0.1/24\nMTU = 1337\n
	small mtu|${i}Address = 10.0.0.1/24\nMTU = 1000\n
	huge mtu|${i}MTU = 65535\n
	empty mtu|${i}MTU =\n
	keys in any case|[INTERFACE]\nprivatekey=$QUICK_KEY\naddress=10.0.0.1/24\nmtu=1300\npostup=echo hook\n
	peers|${i}Address = 10.0.0.1/24\nFwMark = 0x123\n${p}AllowedIPs = 10.1.0.0/16\nPersistentKeepalive = 25\n
	post hooks|${i}PostUp = echo hook %i a; echo hook b\nPostUp = echo hook c\nPostDown = echo hook down %i\nPreDown = echo hook pre; ip -br addr show %i >/dev/null\n
	hook with quotes|${i}PostUp = echo 'hook "%i" ; x' "\${INTERFACE} \$CONFIG_FILE"\n
	hook with a process substitution|${i}PostUp = cat <(echo hook %i)\n
	hook's shell options|${i}PostUp = echo hook \${-//c} \${SHELLOPTS//*pipefail*/pf} \$LC_ALL; shopt extglob | sed 's/^/hook /'\n
	hook with pattern|${i}PostUp = x=aab; echo hook \${x%%+(b)}\n
	hooks are apart|${i}PostUp = cd /; x=1; umask 0; set +e\nPostUp = echo hook [\$x] \$PWD \$(umask); true\n
	CASES
}

@test "routes and tables" {
	local p="[Peer]\nPublicKey = $PEER_A\n" b="[Peer]\nPublicKey = $PEER_B\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\nAddress = 10.0.0.1/24, fd00::1/64\n"
	compare 12 <<-CASES
	covered by an address|$i${p}AllowedIPs = 10.0.0.7/32, 10.0.0.0/24, fd00::9/128\n
	wider than an address|$i${p}AllowedIPs = 10.0.0.0/16, fd00::/48\n
	longest first|$i${p}AllowedIPs = 10.1.0.0/16, 10.0.0.0/8, 10.1.2.0/24\n${b}AllowedIPs = 10.1.2.3/32, fd01::/32, fd01::1/128\n
	host bits|$i${p}AllowedIPs = 10.5.5.5/16\n
	same on two peers|$i${p}AllowedIPs = 10.5.0.0/16\n${b}AllowedIPs = 10.5.0.0/16\n
	own peer|$i[Peer]\nPublicKey = HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\nAllowedIPs = 10.5.0.0/16\n
	table off|${i}Table = off\n${p}AllowedIPs = 10.5.0.0/16, 0.0.0.0/0, ::/0\n
	table auto|${i}Table = auto\n${p}AllowedIPs = 10.5.0.0/16\n
	table empty|${i}Table =\n${p}AllowedIPs = 10.5.0.0/16\n
	table number|${i}Table = 1234\n${p}AllowedIPs = 10.0.0.7/32, 10.5.0.0/16, fd01::/64\n
	table number and default routes|${i}Table = 1234\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	table zero|${i}Table = 0\n${p}AllowedIPs = 10.5.0.0/16\n
	table large|${i}Table = 99999\n${p}AllowedIPs = 10.5.0.0/16\n
	table hex|${i}Table = 0x20\n${p}AllowedIPs = 10.5.0.0/16\n
	table name|${i}Table = ours\n${p}AllowedIPs = 10.5.0.0/16, ::/0\n
	table main|${i}Table = main\n${p}AllowedIPs = 10.5.0.0/16\n
	CASES
}

@test "default routes" {
	local p="[Peer]\nPublicKey = $PEER_A\n" b="[Peer]\nPublicKey = $PEER_B\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\n"
	local a="${i}Address = 10.0.0.1/24, fd00::1/64\n"
	local take='ip route add unreachable default table' drop='ip route del unreachable default table'
	compare 26 <<-CASES
	IPv4|$a${p}AllowedIPs = 0.0.0.0/0\n
	IPv6|$a${p}AllowedIPs = ::/0\n
	both|$a${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	both, the other way round|$a${p}AllowedIPs = ::/0, 0.0.0.0/0\n
	on two peers|$a${p}AllowedIPs = 0.0.0.0/0\n${b}AllowedIPs = ::/0\n
	the last peer's counts|$a${p}AllowedIPs = 0.0.0.0/0\n${b}AllowedIPs = 0.0.0.0/0\n
	among others|$a${p}AllowedIPs = 10.0.0.0/8, 0.0.0.0/0, fd00::/16, ::/0, 10.0.0.7/32\n
	written with host bits|$a${p}AllowedIPs = 1.2.3.4/0, fd00::1/0\n
	no addresses|$i${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	an address of one family|${i}Address = 10.0.0.1/32\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	an address of the other|${i}Address = fd00::1/128\n${p}AllowedIPs = 0.0.0.0/0\n
	many addresses|${i}Address = 10.0.0.1/24, 10.0.0.2/24, 10.1.0.1/32, fd00::1/64, fd01::1/128\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	table auto|${a}Table = auto\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	table off|${a}Table = off\nFwMark = 0x77\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	table number|${a}Table = 1234\nFwMark = 0x77\n${p}AllowedIPs = 0.0.0.0/0, ::/0, 10.0.0.0/8\n
	table main|${a}Table = main\n${p}AllowedIPs = 0.0.0.0/0\n
	halves|$a${p}AllowedIPs = 0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1\n
	own mark|${a}FwMark = 0x1234\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	small mark|${a}FwMark = 1\n${p}AllowedIPs = 0.0.0.0/0\n
	greatest mark|${a}FwMark = 0xffffffff\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	mark off|${a}FwMark = off\n${p}AllowedIPs = 0.0.0.0/0\n
	mark is a table in use|${a}FwMark = 0x20\nPreUp = ip route add 10.9.0.0/16 dev near table 32; : pre\nPostDown = ip route del 10.9.0.0/16 table 32\n${p}AllowedIPs = 0.0.0.0/0\n
	first table is taken|${a}PreUp = $take 51820; : pre\nPostDown = $drop 51820\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	two tables are taken|${a}PreUp = ip -6 route add fd07::/16 dev near table 51820; $take 51821; : pre\nPostDown = ip -6 route del fd07::/16 table 51820; $drop 51821\n${p}AllowedIPs = 0.0.0.0/0\n
	a table behind is taken|${a}PreUp = $take 51821; : pre\nPostDown = $drop 51821\n${p}AllowedIPs = 0.0.0.0/0\n
	endpoints|$a${p}Endpoint = 192.0.2.9:1\nAllowedIPs = 0.0.0.0/0\n${b}Endpoint = [2001:db8::9]:1\nAllowedIPs = ::/0\n
	hooks see all|${a}PostUp = ip rule show table 51820 | sed 's/^/hook /'; nft list tables | sed 's/^/hook /'\nPreDown = ip rule show table 51820 | sed 's/^/hook /'\nPostDown = ip rule | sed 's/^/hook /'; nft list tables | sed 's/^/hook /'\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	default after up|${a}PostUp = wg set %i peer $PEER_A allowed-ips 0.0.0.0/0\n${p}\n
	mark lost while up|${a}PreDown = wg set %i fwmark 0\nPostDown = ip rule del table 51820; ip rule del table main suppress_prefixlength 0\n${p}AllowedIPs = 0.0.0.0/0\n
	others' tables stay|${a}PreUp = nft add table ip wg-quick-wq01; nft add table inet wg-quick-x; : pre\nPostDown = nft delete table ip wg-quick-wq01; nft delete table inet wg-quick-x\n${p}AllowedIPs = 0.0.0.0/0\n
	CASES
}

@test "default routes without nft" {
	local p="[Peer]\nPublicKey = $PEER_A\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\n" r='-j DROP -m comment --comment'
	local a="${i}Address = 10.0.0.1/24, fd00::1/64\n"
	compare 7 ^ nft <<-CASES
	IPv4|$a${p}AllowedIPs = 0.0.0.0/0\n
	IPv6|$a${p}AllowedIPs = ::/0\n
	both|$a${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	no addresses|$i${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	many addresses|${i}Address = 10.0.0.1/24, 10.0.0.2/24, fd00::1/64, fd01::1/128\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	own mark|${a}FwMark = 0x1234\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	others' rules stay|${a}PreUp = iptables -t raw -I PREROUTING -i near $r 'wg-quick(8) rule for wq01'; iptables -t mangle -A PREROUTING -i far $r 'x y'; : pre\n${p}AllowedIPs = 0.0.0.0/0\n
	table off|${a}Table = off\n${p}AllowedIPs = 0.0.0.0/0, ::/0\n
	CASES
}

# The original leaves src_valid_mark set.
@test "default routes that fail leave the host as it was, with the original's exit code" {
	local p="[Peer]\nPublicKey = $PEER_A\nAllowedIPs = 0.0.0.0/0, ::/0\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\nAddress = 10.0.0.1/24, fd00::1/64\n"
	local take='ip route add unreachable default table 4660' no='^==== \|^-- \|^[0-9a-rt-z]'
	compare 0 "$no" <<-CASES
	hook fails|${i}PostUp = exit 7\n$p
	IPv4 route taken|${i}FwMark = 0x1234\nPreUp = $take; : pre\n$p
	IPv6 route taken|${i}FwMark = 0x1234\nPreUp = ip route flush table 4660; ip -6 route add default dev near table 4660; : pre\n$p
	CASES
	compare 0 "$no" nft <<-CASES
	hook fails|${i}PostUp = exit 7\n$p
	CASES
	# There are rules to begin with, and no iptables for IPv6.
	compare 0 "$no" nft ip6tables-restore <<-CASES
	hook fails|${i}PostUp = exit 7\n${p/, ::\/0/}
	CASES
}

@test "automatic MTU" {
	local p="[Peer]\nPublicKey = $PEER_A\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\nAddress = 10.0.0.1/24\n"
	compare 5 <<-CASES
	over a link|$i${p}Endpoint = 192.0.2.9:1\n
	over a route with its own|$i${p}Endpoint = 192.0.2.77:1\n
	over IPv6|$i${p}Endpoint = [2001:db8::9]:1\n
	over loopback|$i${p}Endpoint = 127.0.0.1:1\n
	unreachable|$i${p}Endpoint = 198.51.100.1:1\n
	unreachable default|$i${p}\n
	with a default route|${i}PostDown = ip route add default via 192.0.2.2 mtu 1290\n${p}\n
	of the default route|$i${p}\n
	by the default route|$i${p}Endpoint = 198.51.100.1:1\n
	without its own|${i}PostDown = ip route change default via 192.0.2.2\n
	of the default link|$i${p}\n
	CASES
}

# What the file could have told is found before anything is done; the original fails half-way. The
# exit code and the host afterwards are the same.
@test "failures leave the host as it was, with the original's exit code" {
	local p="[Peer]\nPublicKey = $PEER_A\n"
	local i="[Interface]\nPrivateKey = $QUICK_KEY\n"
	compare 0 <<-CASES
	hook fails|${i}PostUp = exit 7\nPostDown = echo hook never\n
	second hook fails|${i}PostUp = true\nPostUp = false; echo hook never\n
	pipeline fails|${i}PostUp = false | cat\n
	no such command|${i}PostUp = nosuchcommand\n
	address twice|${i}Address = 10.0.0.1/24, 10.0.0.1/24\n
	route taken|${i}Address = 10.0.0.1/24\n${p}AllowedIPs = 192.0.2.0/24\n
	route taken in main|${i}Table = main\n${p}AllowedIPs = 192.0.2.0/24\n
	CASES
	compare 0 '^==== \|^-- \|^near\|^wq' <<-CASES
	wrong address|${i}Address = foo\n
	wrong prefix|${i}Address = 10.0.0.1/33\n
	unknown key|${i}Foo = bar\n
	unknown section|${i}[Foo]\n
	wrong key|[Interface]\nPrivateKey = short\n
	peer without a key|$i[Peer]\nAllowedIPs = 10.0.0.0/8\n
	quick's key in peer|$i${p}Address = 10.0.0.1/24\n
	wrong save|${i}SaveConfig = maybe\n
	CASES
}

@test "strip prints the same bytes" {
	local original ours file
	mkdir "$BATS_TEST_TMPDIR/d"
	file=$BATS_TEST_TMPDIR/d/wq0.conf
	while IFS= read -r text; do
		printf '%b' "$text" >"$file"
		chmod 600 "$file"
		original=$("$ORIGINAL" strip "$file" | od -c)
		ours=$("$BUILD/wg-quick" strip "$file" | od -c)
		echo "$text"
		diff <(cat <<<"$original") <(cat <<<"$ours")
	done <<-'CASES'

	[Interface]
	[Interface]\n# comment\n\n  PrivateKey = x # y\nAddress=1.2.3.4\nDNS=1\n[Peer]\nFoo=1\n
	[interface] # c\nmtu = 1\nTABLE=off\nsaveconfig=true\nPREUP=a\nPostUp = a # b\nPreDown=c\nPostDown=d\nListenPort = 1\n
	[Interface]\nAddress = 1\n[Peer]\nAddress = 2\nMTU = 3\n[Interface]\nMTU=4\nFwMark=5\n
	no section\nAddress = 1\n
	[ Interface ]\nAddress = 1\n
	[Interface]\nPrivateKey\t=\tx\n;semi\n#wg: KillSwitch = on\nAddress=#none\nlast
	CASES
}

@test "arguments: which files and names are taken, in the original's words" {
	local dir=$BATS_TEST_TMPDIR/args argument tool
	mkdir -p "$dir/sub"
	cd "$dir"
	: | tee wqa.conf sub/wqb.conf wqc.txt abcdefghijklmno.conf abcdefghijklmnop.conf 'w q.conf' \
		wq%.conf a_b=c+d.e-f.conf .conf >/dev/null
	ln -s wqa.conf wqlink.conf
	chmod 600 ./*.conf .conf sub/*.conf
	for tool in "$ORIGINAL" "$BUILD/wg-quick"; do
		for argument in wqa wqa.conf ./wqa.conf "$dir/wqa.conf" sub/wqb.conf ./wqc.txt \
			./abcdefghijklmno.conf ./abcdefghijklmnop.conf './w q.conf' ./wq%.conf \
			./a_b=c+d.e-f.conf ./.conf ./wqlink.conf ./nosuch.conf '' / sub sub/ \
			abcdefghijklmno abcdefghijklmnop a/b 'a b' -x; do
			echo "== $argument"
			"$tool" strip "$argument" 2>&1 && echo "exit 0" || echo "exit $?"
		done >"$(basename "$tool").$([[ $tool == "$ORIGINAL" ]] && echo original || echo ours)"
	done
	# One of the names is that of a file, too, which only ours says.
	[[ $(grep -c "; the file here is \`./wqa.conf'" wg-quick.ours) == 1 ]]
	sed -i 's/; the file here is .*//' wg-quick.ours
	diff wg-quick.original wg-quick.ours
	[[ $(grep -c 'exit 0' wg-quick.ours) -ge 6 ]]
}

@test "help and misuse: stderr and exit code" {
	local -a lines=('' 'up' 'up a b' 'frobnicate' 'frobnicate wq0' 'help' '-h' '--help' 'help x' 'strip')
	local line a b
	for line in "${lines[@]}"; do
		# shellcheck disable=SC2086
		"$ORIGINAL" $line >"$BATS_TEST_TMPDIR/a" 2>/dev/null && a=0 || a=$?
		# shellcheck disable=SC2086
		"$BUILD/wg-quick" $line >"$BATS_TEST_TMPDIR/b" 2>"$BATS_TEST_TMPDIR/usage" && b=0 || b=$?
		echo "$line: $a $b"
		[[ $a == "$b" ]]
		[[ ! -s $BATS_TEST_TMPDIR/a && ! -s $BATS_TEST_TMPDIR/b ]]
		head -1 "$BATS_TEST_TMPDIR/usage" | grep -qF \
			'Usage: wg-quick [ up | down | save | strip ] [ CONFIG_FILE | INTERFACE ]'
	done
}

@test "the world accessible warning" {
	local mode tool out
	mkdir "$BATS_TEST_TMPDIR/w"
	: >"$BATS_TEST_TMPDIR/w/wq0.conf"
	for mode in '0755 0644' '0700 0644' '0755 0600' '0711 0604' '0711 0601' '0777 0666'; do
		read -r dir file <<<"$mode"
		chmod "$dir" "$BATS_TEST_TMPDIR/w"
		chmod "$file" "$BATS_TEST_TMPDIR/w/wq0.conf"
		diff <("$ORIGINAL" strip "$BATS_TEST_TMPDIR/w/wq0.conf" 2>&1) \
			<("$BUILD/wg-quick" strip "$BATS_TEST_TMPDIR/w/wq0.conf" 2>&1)
	done
	"$BUILD/wg-quick" strip "$BATS_TEST_TMPDIR/w/wq0.conf" 2>&1 | grep -q 'is world accessible'
}
