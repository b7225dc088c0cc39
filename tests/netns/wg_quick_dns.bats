#!/usr/bin/env bats
# Name servers: resolvconf hears the same as from the original; without it there is systemd-resolved,
# and without that the file resolv.conf, which comes back whatever happens. The programs are fakes
# that write down what they are told, and /etc is a copy.

load lib

ORIGINAL=/usr/bin/wg-quick

setup() {
	need_root
}

# What the scripts below have in common; goes in front of them.
prelude() {
	cat <<-'SCRIPT'
	mkdir /run/bin
	export PATH=/run/bin:$PATH

	# fake NAME: it writes down how it is called and what it reads, and fails as /run/NAME.status says.
	fake() {
		cat >"/run/bin/$1" <<-EOF
		#!/bin/sh
		{
			echo "$1 \$*"
			[ "\$1" != -a ] || cat
			ip link show dev "\$2" >/dev/null 2>&1 || ip link show dev "\${2#*.}" >/dev/null 2>&1 ||
				echo "(no link)"
		} >>/run/heard
		[ "\$1" != "\$(cat /run/$1.fails 2>/dev/null)" ] || exit "\$(cat /run/$1.status)"
		EOF
		chmod +x "/run/bin/$1"
		: >>/run/heard
	}
	fails() { # NAME FIRST-ARGUMENT STATUS
		echo "$2" >"/run/$1.fails"
		echo "$3" >"/run/$1.status"
	}
	settle() {
		for _ in {1..100}; do
			[[ $(strangers) ]] || break
			sleep 0.05
		done
	}
	SCRIPT
}

# told QUICK CASES: what resolvconf hears, for each case NAME|COMMANDS BEFORE|CONFIGURATION.
told() {
	{
		prelude
		cat <<-'SCRIPT'
		quick=$1
		export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
		fake resolvconf
		set +e +o pipefail
		while IFS='|' read -r name before text; do
			echo "==== $name"
			rm -rf /run/resolvconf.* /etc/resolvconf
			: >/run/heard
			eval "$before"
			printf '%b' "$text" >/etc/wireguard/wq0.conf
			"$quick" up wq0 2>out
			echo "-- up: $?"
			sed -nE 's/^\[#\] ip link add (dev )?/[#] ip link add dev /
				s/^\[#\] wg (set|add)conf .*/[#] wg addconf/; /^\[#\]/p' out
			"$quick" down wq0 2>out && grep '^\[#\]' out
			settle
			cat /run/heard
		done <"$2"
		SCRIPT
	} | on_host "$@"
}

@test "resolvconf hears what it hears from the original" {
	local dir=$BATS_TEST_TMPDIR i='[Interface]\nAddress = 10.0.0.1/24\n'
	[[ -x $ORIGINAL ]] || skip "needs the original wg-quick"
	cat >"$dir/cases" <<-CASES
	one server||${i}DNS = 10.0.0.53\n
	several servers||${i}DNS = 10.0.0.53, fd00::53 10.0.0.54\nDNS=10.0.0.55,,\n
	search domains||${i}DNS = 10.0.0.53, example.org, b.example\nDNS = c.example\n
	search domains first||${i}DNS = a.example 10.0.0.53\n
	search domains alone||${i}DNS = example.org\n
	empty||${i}DNS =\n
	odd servers||${i}DNS = 1.1.1, a:b, 1..2, fe80::1%eth0, 1.1.1.1#comment\n
	in any case||${i}dns=10.0.0.53\n
	with a prefix|mkdir /etc/resolvconf; printf 'lo.inet6\nlo*x\n  tun* \nwg*\n' >/etc/resolvconf/interface-order|${i}DNS = 10.0.0.53\n
	without a prefix|mkdir /etc/resolvconf; printf 'lo.inet6\nlo?*\neth.*\n' >/etc/resolvconf/interface-order|${i}DNS = 10.0.0.53\n
	a line without an end|mkdir /etc/resolvconf; printf 'tun*' >/etc/resolvconf/interface-order|${i}DNS = 10.0.0.53\n
	it fails|fails resolvconf -a 3|${i}DNS = 10.0.0.53\nPostUp = touch /run/never\n
	it fails to take back|fails resolvconf -d 4|${i}DNS = 10.0.0.53\nPostDown = echo hi\n
	a later step fails||${i}DNS = 10.0.0.53\nPostUp = exit 5\n
	an earlier step fails||${i}DNS = 10.0.0.53\nAddress = 10.0.0.1/24\n
	CASES
	told "$ORIGINAL" "$dir/cases" >"$dir/original" &
	told "$BUILD/wg-quick" "$dir/cases" >"$dir/ours"
	wait $!
	[[ $(grep -c '^-- up: 0' "$dir/ours") -ge 11 ]]
	[[ $(grep -c '^resolvconf -d .* -f' "$dir/ours") -ge 10 ]]
	diff -U3 "$dir/original" "$dir/ours"
}

# dns_on_host: the script on standard input, after the prelude, with $quick.
dns_on_host() {
	local script daemon
	script=$(cat)
	daemon=$(daemons | tail -1)
	{
		prelude
		cat <<-'SCRIPT'
		quick=$1
		export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
		conf() { # NAME LINES
			(umask 077; printf "[Interface]\n$2\n" >"/etc/wireguard/$1.conf")
		}
		SCRIPT
		printf '%s\n' "$script"
	} | on_host "$BUILD/wg-quick" "$daemon"
}

@test "a prefix is for Debian's resolvconf: not for a link to another program" {
	dns_on_host <<-'SCRIPT'
	fake resolvconf
	mv /run/bin/resolvconf /run/bin/other
	ln -s other /run/bin/resolvconf
	mkdir /etc/resolvconf
	echo 'tun*' >/etc/resolvconf/interface-order
	conf wq0 'DNS = 10.0.0.53'
	"$quick" up wq0
	contains "$(cat /run/heard)" "resolvconf -a wq0 -m 0 -x"
	SCRIPT
}

@test "systemd-resolved, where it runs and resolvconf is not installed" {
	dns_on_host <<-'SCRIPT'
	fake resolvectl
	conf wq0 'DNS = 10.0.0.53, fd00::53, a.example b.example'
	"$quick" up wq0 2>err
	same "resolvectl status
	resolvectl dns wq0 10.0.0.53 fd00::53
	resolvectl domain wq0 a.example b.example ~." "$(grep -v 'no link' /run/heard)"
	contains "$(cat err)" "[!] no resolvconf: DNS is set in systemd-resolved
	[#] resolvectl dns wq0 10.0.0.53 fd00::53
	[#] resolvectl domain wq0 a.example b.example ~."
	same "nameserver 192.0.2.53" "$(cat /etc/resolv.conf)"

	# What it was told is what is saved: nobody else knows.
	"$quick" save wq0 2>err
	same $'DNS = 10.0.0.53\nDNS = fd00::53\nDNS = a.example\nDNS = b.example' "$(grep DNS /etc/wireguard/wq0.conf)"

	# It forgets with the link.
	: >/run/heard
	"$quick" down wq0 2>err
	same "" "$(grep -v 'status\|no link' /run/heard || true)"
	same "[#] ip link delete dev wq0" "$(cat err)"

	# One that is asked and does not answer is not there; its socket is answer enough.
	fails resolvectl status 1
	mkdir -p /run/systemd/resolve
	: >/run/systemd/resolve/io.systemd.Resolve
	"$quick" up wq0 2>err
	contains "$(cat err)" "DNS is set in systemd-resolved"
	"$quick" down wq0
	rm /run/systemd/resolve/io.systemd.Resolve
	"$quick" up wq0 2>err
	contains "$(cat err)" "DNS is set in /etc/resolv.conf"
	"$quick" down wq0

	# Half of it is taken back.
	fails resolvectl domain 6
	expect 6 "$quick" up wq0 2>err
	contains "$(cat err)" "[#] resolvectl revert wq0
	wg-quick: \`resolvectl domain' failed with exit status 6
	[#] ip link delete dev wq0"
	SCRIPT
}

@test "a domain with servers of its own goes to systemd-resolved first" {
	dns_on_host <<-'SCRIPT'
	fake resolvectl
	fake resolvconf
	conf wq0 'DNS = 10.0.0.53, ~corp.example'
	"$quick" up wq0 2>err
	same "resolvectl status
	resolvectl dns wq0 10.0.0.53
	resolvectl domain wq0 ~corp.example
	resolvectl default-route wq0 no" "$(grep -v 'no link' /run/heard)"
	contains "$(cat err)" "[!] a domain has servers of its own (~): DNS is set in systemd-resolved"
	: >/run/heard
	"$quick" down wq0 2>err
	same "" "$(grep resolvconf /run/heard || true)"

	# Where it does not run, resolvconf is told as ever.
	fails resolvectl status 1
	"$quick" up wq0 2>err
	contains "$(cat /run/heard)" "resolvconf -a wq0 -m 0 -x
	nameserver 10.0.0.53
	search ~corp.example"
	"$quick" down wq0
	contains "$(cat /run/heard)" "resolvconf -d wq0 -f"

	rm /run/bin/resolvconf
	"$quick" up wq0 2>err
	contains "$(cat err)" "[!] servers for a domain alone (~) take systemd-resolved: they are asked for all names"
	same "nameserver 10.0.0.53" "$(grep -v '^#' /etc/resolv.conf)"
	"$quick" down wq0
	SCRIPT
}

@test "a failure is told, and with WG_QUICK_DNS_FAILURE=warn nothing more" {
	dns_on_host <<-'SCRIPT'
	fake resolvconf
	fails resolvconf -a 3
	conf wq0 'DNS = 10.0.0.53'
	expect 3 env WG_QUICK_DNS_FAILURE=abort "$quick" up wq0 2>err
	contains "$(cat err)" "wg-quick: \`resolvconf -a' failed with exit status 3"
	WG_QUICK_DNS_FAILURE=warn "$quick" up wq0 2>err
	contains "$(cat err)" "[!] \`resolvconf -a' failed with exit status 3; \`wq0' goes on without its DNS"
	ip link show dev wq0
	"$quick" down wq0
	# The file may say so, too; the variable wins.
	conf wq0 $'#wg: DNSFailure = warn\nDNS = 10.0.0.53'
	"$quick" up wq0 2>err
	contains "$(cat err)" "[!] \`resolvconf -a' failed with exit status 3; \`wq0' goes on without its DNS"
	"$quick" down wq0
	expect 3 env WG_QUICK_DNS_FAILURE=abort "$quick" up wq0
	conf wq0 'DNS = 10.0.0.53'
	expect 1 env WG_QUICK_DNS_FAILURE=never "$quick" up wq0 2>err
	same "wg-quick: Unable to parse WG_QUICK_DNS_FAILURE: \`never'; expected abort or warn" "$(cat err)"

	# Nobody to tell: as if a program was missing.
	rm /run/bin/resolvconf
	mount -o remount,ro /etc
	expect 127 "$quick" up wq0 2>err
	contains "$(cat err)" "wg-quick: cannot set DNS: /etc/resolv.conf"
	same "nameserver 192.0.2.53" "$(cat /etc/resolv.conf)"
	same "" "$(ls /run/wg-quick)"
	WG_QUICK_DNS_FAILURE=warn "$quick" up wq0 2>err
	contains "$(cat err)" "goes on without its DNS"
	"$quick" down wq0
	SCRIPT
}

@test "what goes on without its DNS gets it by the next reload" {
	dns_on_host <<-'SCRIPT'
	mount -o remount,ro /etc
	conf=/run/wq0.conf
	(umask 077; printf '[Interface]\n#wg: DNSFailure = warn\nDNS = 10.0.0.53\n' >$conf)
	"$quick" up $conf 2>err
	contains "$(cat err)" "goes on without its DNS"
	expect 2 "$quick" status $conf >out
	contains "$(cat out)" "  ! the name servers are not the file's
	    remedy: wg-quick reload $conf"
	"$quick" reload $conf 2>err
	contains "$(cat err)" "goes on without its DNS"
	expect 2 "$quick" status $conf
	mount -o remount,rw /etc
	"$quick" reload $conf
	same "nameserver 10.0.0.53" "$(grep -v '^#' /etc/resolv.conf)"
	"$quick" status $conf
	same "" "$("$quick" reload $conf 2>&1)"
	"$quick" down $conf
	same "nameserver 192.0.2.53" "$(cat /etc/resolv.conf)"
	SCRIPT
}

@test "resolvconf that fails in a reload is asked again by the next one" {
	dns_on_host <<-'SCRIPT'
	fake resolvconf
	conf=/run/wq0.conf
	(umask 077; printf '[Interface]\n#wg: DNSFailure = warn\nDNS = 10.0.0.53\n' >$conf)
	"$quick" up $conf
	sed -i s/10.0.0.53/10.0.0.54/ $conf
	fails resolvconf -a 3
	"$quick" reload $conf 2>err
	contains "$(cat err)" "goes on without its DNS"
	expect 2 "$quick" status $conf
	rm /run/resolvconf.fails
	"$quick" reload $conf 2>err
	contains "$(cat err)" "resolvconf -a"
	"$quick" status $conf
	SCRIPT
}

@test "resolv.conf changes places and comes back: a file, a link, or none" {
	dns_on_host <<-'SCRIPT'
	conf wq0 'DNS = 10.0.0.53, fd00::53, a.example, b.example'
	look() { ls -Al --time-style=+ /etc /etc/resolv.conf | grep resolv; cat /etc/resolv.conf 2>&1; ls -A /run/wg-quick 2>/dev/null; }
	go() {
		local before
		mkdir -p /run/wg-quick
		before=$(look)
		"$quick" up wq0 2>err
		contains "$(cat err)" "[!] no resolvconf, no systemd-resolved: DNS is set in /etc/resolv.conf"
		contains "$(cat err)" "[#] mv /etc/resolv.conf.wg-quick-new /etc/resolv.conf"
		same $'nameserver 10.0.0.53\nnameserver fd00::53\nsearch a.example b.example' "$(grep -v '^#' /etc/resolv.conf)"
		same 644 "$(stat -c %a /etc/resolv.conf)"
		"$quick" down wq0 2>err
		same "$before" "$(look)"
		[[ $1 == silent ]] || contains "$(cat err)" "$1"
		# Also when up fails afterwards.
		echo 'PostUp = exit 9' >>/etc/wireguard/wq0.conf
		expect 9 "$quick" up wq0 2>err
		same "$before" "$(look)"
		sed -i /PostUp/d /etc/wireguard/wq0.conf
	}
	chmod 640 /etc/resolv.conf
	chown 1:2 /etc/resolv.conf
	go "[#] mv /etc/resolv.conf.wg-quick /etc/resolv.conf"
	mkdir /run/elsewhere
	mv /etc/resolv.conf /run/elsewhere/stub
	ln -s ../run/elsewhere/stub /etc/resolv.conf
	go "[#] mv /etc/resolv.conf.wg-quick /etc/resolv.conf"
	same "nameserver 192.0.2.53" "$(cat /run/elsewhere/stub)"
	ln -sf nowhere /etc/resolv.conf
	go silent
	rm /etc/resolv.conf
	go silent
	[[ ! -e /etc/resolv.conf ]]
	SCRIPT
}

@test "a resolv.conf that is a mount point is written into" {
	dns_on_host <<-'SCRIPT'
	conf wq0 'DNS = 10.0.0.53'
	conf wq1 'DNS = 10.0.1.53'
	printf '# of the container\nnameserver 192.0.2.53\noptions edns0 trust-ad timeout:1\n' >/run/given
	before=$(cat /run/given)
	mount --bind /run/given /etc/resolv.conf
	"$quick" up wq0 2>err
	contains "$(cat err)" "[#] cat /etc/resolv.conf.wg-quick-new >/etc/resolv.conf"
	same "nameserver 10.0.0.53" "$(grep -v '^#' /run/given)"
	"$quick" up wq1
	same "nameserver 10.0.1.53" "$(grep -v '^#' /run/given)"
	"$quick" down wq1
	same "nameserver 10.0.0.53" "$(grep -v '^#' /run/given)"
	"$quick" down wq0
	same "$before" "$(cat /run/given)"
	same "" "$(ls /run/wg-quick)"
	same "resolv.conf" "$(ls /etc | grep resolv)"
	SCRIPT
}

@test "two tunnels go in either order" {
	dns_on_host <<-'SCRIPT'
	conf wq0 'DNS = 10.0.0.53'
	conf wq1 'DNS = 10.0.1.53'
	servers() { grep -v '^#' /etc/resolv.conf; }
	while read -r first second; do
		"$quick" up wq0
		"$quick" up wq1
		same "nameserver 10.0.1.53" "$(servers)"
		"$quick" down $first
		[[ $first == wq0 ]] || same "nameserver 10.0.0.53" "$(servers)"
		[[ $first == wq1 ]] || same "nameserver 10.0.1.53" "$(servers)"
		"$quick" down $second
		same "nameserver 192.0.2.53" "$(servers)"
		same resolv.conf "$(ls /etc | grep resolv)"
	done <<<$'wq0 wq1\nwq1 wq0'

	# Many at once from several shells.
	for i in 2 3 4 5; do conf wq$i "DNS = 10.0.$i.53"; done
	for i in 2 3 4 5; do "$quick" up wq$i 2>/dev/null & done
	wait
	contains "$(servers)" "nameserver 10.0."
	for i in 2 3 4 5; do "$quick" down wq$i 2>/dev/null & done
	wait
	same "nameserver 192.0.2.53" "$(servers)"
	same "" "$(ls /run/wg-quick | grep -v '^lock\|\.lock$' || true)"
	SCRIPT
}

@test "a tunnel in another network namespace is left alone" {
	dns_on_host <<-'SCRIPT'
	conf wq0 'DNS = 10.0.0.53'
	conf wq1 'DNS = 10.0.1.53'
	servers() { grep -v '^#' /etc/resolv.conf; }
	"$quick" up wq0
	# It has a resolv.conf of its own, as `ip netns exec` gives one.
	unshare --net --mount bash -c '
		ip link set lo up
		echo "nameserver 203.0.113.1" >/run/mine
		mount --bind /run/mine /etc/resolv.conf
		"$1" up wq1
		grep -q "^nameserver 10.0.1.53" /run/mine
		"$1" down wq1
		grep -q "^nameserver 203.0.113.1" /run/mine' - "$quick"
	same "nameserver 10.0.0.53" "$(servers)"
	# Or the same.
	conf wq1 ''
	unshare --net "$quick" up wq1
	same "nameserver 10.0.0.53" "$(servers)"
	"$quick" down wq0
	same "nameserver 192.0.2.53" "$(servers)"
	same "" "$(ls /run/wg-quick | grep -v lock || true)"
	SCRIPT
}

@test "what a crash or a reboot has left is taken back" {
	dns_on_host <<-'SCRIPT'
	conf wq0 'DNS = 10.0.0.53\nPostUp = kill -KILL $PPID'
	conf wq1 ''
	servers() { grep -v '^#' /etc/resolv.conf; }
	# Killed when it was set: `down` takes it back.
	expect 137 "$quick" up wq0 2>/dev/null
	same "nameserver 10.0.0.53" "$(servers)"
	"$quick" down wq0
	same "nameserver 192.0.2.53" "$(servers)"

	# Killed, and the link gone: the next run of any tunnel does.
	expect 137 "$quick" up wq0 2>/dev/null
	ip link delete wq0
	settle
	"$quick" up wq1 2>err
	contains "$(cat err)" "[!] \`wq0' went without taking its DNS back: done now"
	same "nameserver 192.0.2.53" "$(servers)"
	same "" "$(ls /run/wg-quick | grep -v lock || true)"
	"$quick" down wq1

	# After a reboot /run is empty, but /etc is not.
	expect 137 "$quick" up wq0 2>/dev/null
	ip link delete wq0
	settle
	rm -r /run/wg-quick
	"$quick" up wq1
	same "nameserver 192.0.2.53" "$(servers)"
	same resolv.conf "$(ls /etc | grep resolv)"
	"$quick" down wq1

	# Another program has written it meanwhile: that stays.
	conf wq0 'DNS = 10.0.0.53'
	"$quick" up wq0
	echo 'nameserver 203.0.113.1' >/etc/resolv.new
	mv /etc/resolv.new /etc/resolv.conf
	"$quick" down wq0 2>err
	contains "$(cat err)" "[!] /etc/resolv.conf is another program's by now, and stays as it is after \`wq0'"
	same "nameserver 203.0.113.1" "$(servers)"
	same resolv.conf "$(ls /etc | grep resolv)"

	# The file has no DNS any more when it goes down.
	"$quick" up wq0
	conf wq0 ''
	"$quick" down wq0
	same "nameserver 203.0.113.1" "$(servers)"
	SCRIPT
}
