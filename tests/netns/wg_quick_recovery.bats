#!/usr/bin/env bats
# What the journal is good for: hooks that are due, files that have changed or are gone, interfaces
# that have gone by other means, journals that do not count; and runs that meet.

load lib

setup() {
	need_root
	[[ -x $BUILD/wg-datapath ]] || skip "needs wg-datapath"
}

# on_this_host: the script, with $quick, write_conf, and hooks: their names in the order in which
# they were run, since it was asked last.
on_this_host() {
	{
		cat <<-'SCRIPT'
		quick=$1
		export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
		write_conf() { (umask 077; cat >/etc/wireguard/wq0.conf); }
		full_conf() {
			write_conf <<-CONF
			[Interface]
			Address = 10.0.0.1/24
			PreUp = echo PreUp >>/run/log; ${PreUp-}
			PostUp = echo PostUp >>/run/log; ${PostUp-}
			PreDown = echo PreDown >>/run/log; ${PreDown-}
			PostDown = echo PostDown >>/run/log; ${PostDown-}
			CONF
		}
		hooks() { xargs <log; : >log; }
		settle() { for _ in {1..200}; do [[ ! $(strangers) ]] || sleep 0.02; done; }
		# kill_in HOOK COMMAND: runs it; that hook kills wg-quick.
		killed() { { expect 137 "$@" >out 2>&1; } 2>/dev/null || { cat out; return 1; }; }
		die='kill -KILL $PPID; sleep 0.1'
		: >log
		before=$(state)
		SCRIPT
		cat
	} | on_host "$BUILD/wg-quick" "$BUILD/wg-datapath"
}

@test "a failing up runs the hooks that undo those it has started, and keeps the first status" {
	on_this_host <<-'SCRIPT'
	PostUp='exit 7' PreDown='exit 8' PostDown='exit 9' full_conf
	expect 7 "$quick" up wq0 2>err
	same "PreUp PostUp PreDown PostDown" "$(hooks)"
	contains "$(cat err)" "wg-quick: a PostUp command failed with exit status 7
	[#] echo PreDown >>/run/log; exit 8
	[!] a PreDown command failed with exit status 8
	[#] ip link delete dev wq0
	[#] echo PostDown >>/run/log; exit 9
	[!] a PostDown command failed with exit status 9"
	settle
	same "$before" "$(state)"
	PreUp='exit 7' full_conf
	expect 7 "$quick" up wq0 2>err
	same "PreUp PostDown" "$(hooks)"
	# PreDown finds the device as it was.
	PostUp='exit 7' PreDown='ip link show wq0 >/run/seen' full_conf
	expect 7 "$quick" up wq0 2>err
	contains "$(cat seen)" wq0
	rm seen
	settle
	same "$before" "$(state)"
	SCRIPT
}

@test "killed in a hook: it counts as run, and down or up undoes it, once" {
	on_this_host <<-'SCRIPT'
	for next in down up; do
		PreUp=$die full_conf
		killed "$quick" up wq0
		: >log
		PreUp=$die full_conf # the same file
		[[ $next == down ]] || printf '[Interface]\n' | write_conf
		"$quick" $next wq0 2>err
		same PostDown "$(hooks)"
		same "[!] an earlier \`up' of \`wq0' was cut off: what it has left is taken back" "$(grep '\[!\] an' err)"
		[[ $next == down ]] || "$quick" down wq0 2>/dev/null
		same "$before" "$(state)"

		PostUp=$die full_conf
		killed "$quick" up wq0
		: >log
		"$quick" $next wq0 >err 2>&1 || [[ $next == up ]]
		contains "$(hooks)" "PreDown PostDown"
		"$quick" down --if-exists wq0 2>/dev/null
		: >log
		same "$before" "$(state)"
	done
	expect 1 "$quick" down wq0 2>err
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	SCRIPT
}

@test "a down that was killed is carried on, without the hooks that are done" {
	on_this_host <<-'SCRIPT'
	for next in down up; do
		PostDown="[[ -e /run/again ]] || { touch /run/again; $die; }" full_conf
		"$quick" up wq0 2>/dev/null
		: >log
		killed "$quick" down wq0
		"$quick" $next wq0 2>err
		contains "$(cat err)" "[!] an earlier \`down' of \`wq0' was cut off"
		same "PreDown PostDown PostDown${next#down}" "$(hooks | sed 's/ PreUp PostUp/up/')"
		[[ $next == down ]] || "$quick" down wq0 2>/dev/null
		rm again
		: >log
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "PreDown and PostDown can be mended while it is up; unless PreUp or PostUp has changed" {
	on_this_host <<-'SCRIPT'
	PostDown='exit 5' full_conf
	"$quick" up wq0 2>/dev/null
	PostDown='true mended' full_conf
	"$quick" down wq0 2>err
	contains "$(cat err)" mended
	same "PreUp PostUp PreDown PostDown" "$(hooks)"

	PostDown='true then' full_conf
	"$quick" up wq0 2>/dev/null
	PostUp='true other' PostDown='true now' full_conf
	"$quick" down wq0 2>err
	same "[!] PreUp or PostUp is not what it was when \`wq0' came up: PreDown and PostDown are run as they were then" \
		"$(grep '\[!\]' err)"
	contains "$(cat err)" "true then"
	[[ $(cat err) != *"true now"* ]]
	settle
	same "$before" "$(state)"
	SCRIPT
}

@test "down undoes rules, table, DNS and firewall that the file does not want any more, or without it" {
	on_this_host <<-'SCRIPT'
	[[ -x /usr/sbin/nft ]] || exit 0
	without resolvconf resolvectl
	# Somebody else's rules.
	ip rule add table main suppress_prefixlength 0
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	whole() { state; nft list ruleset; cat /etc/resolv.conf; ls /etc; }
	before=$(whole)
	for file in changed gone; do
		for argument in wq0 /etc/wireguard/wq0.conf; do
			write_conf <<-CONF
			[Interface]
			DNS = 10.0.0.1
			PostDown = touch /run/post
			SaveConfig = true
			[Peer]
			PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
			AllowedIPs = 0.0.0.0/0, ::/0
			CONF
			"$quick" up $argument 2>/dev/null
			wg set wq0 fwmark 99 peer xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= allowed-ips 10.0.0.0/8
			printf '[Interface]\nTable = off\nPostDown = touch /run/post\n' | write_conf
			[[ $file == changed ]] || rm /etc/wireguard/wq0.conf
			"$quick" down $argument 2>err || { cat err; exit 1; }
			rm post
			[[ $file == changed || ! -e /etc/wireguard/wq0.conf ]]
			settle
			rm -f /etc/wireguard/wq0.conf
			same "$before" "$(whole)"
		done
	done
	expect 1 "$quick" down wq0 2>err
	same "wg-quick: \`/etc/wireguard/wq0.conf' does not exist" "$(cat err)"
	SCRIPT
}

@test "gone by other means: up takes back the rest and comes up, down runs PostDown as well" {
	on_this_host <<-'SCRIPT'
	full_conf
	"$quick" up wq0 2>/dev/null
	hooks >/dev/null
	ip link delete wq0
	settle
	"$quick" up wq0 2>err
	[[ $(cat err) != *'by other means'* ]]
	same "PreUp PostUp" "$(hooks)"
	ip link delete wq0
	settle
	rm /etc/wireguard/wq0.conf
	"$quick" down wq0 2>err
	contains "$(cat err)" "[!] \`wq0' has gone by other means: what it has left is taken back"
	same PostDown "$(hooks)"
	same "$before" "$(state)"
	SCRIPT
}

@test "a journal that does not count: another link's, another boot's, a damaged one" {
	on_this_host <<-'SCRIPT'
	full_conf
	"$quick" up wq0 2>/dev/null
	journal=$(echo wireguard/*.journal)
	same 600 "$(stat -c %a $journal)"
	cp -p $journal saved
	same "" "$(grep -i privatekey saved || true)"
	# Another link of that name.
	ip link delete wq0
	settle
	"$WG_QUICK_USERSPACE_IMPLEMENTATION" wq0
	PreUp='true other' PostDown='true from-file' full_conf
	"$quick" down wq0 2>err
	contains "$(cat err)" from-file
	settle
	same "$before" "$(state)"

	try() { # WORDS
		install -m 600 -D damaged $journal
		expect 1 "$quick" down wq0 2>err
		same "$1" "$(head -1 err)"
		same "$before" "$(state)"
	}
	no="wg-quick: \`wq0' is not a WireGuard interface"
	sed 's/^host [^ ]*/host other/' saved >damaged
	try "[!] the journal of \`wq0' is left out of account: damaged"
	head -c 100 saved >damaged
	try "$no"
	: >damaged
	try "$no"
	sed 's/add-device/add-devise/' saved >damaged
	try "[!] the journal of \`wq0' is left out of account: damaged"
	echo nonsense >damaged
	try "[!] the journal of \`wq0' is left out of account: damaged"
	cp saved damaged
	mkdir -p wireguard
	install -m 666 saved $journal
	expect 1 "$quick" down wq0 2>err
	same "[!] the journal of \`wq0' is left out of account: not a file of this program's" "$(head -1 err)"
	same "$before" "$(state)"
	SCRIPT
}

@test "no journal can be made: told once, and everything works but recovery" {
	on_this_host <<-'SCRIPT'
	full_conf
	mkdir wireguard
	# A place for the socket, but no more: files cannot be made there.
	netns=$(stat -Lc %i /proc/self/ns/net)
	mkdir -p wireguard/wq0.$netns.journal/x
	"$quick" up wq0 2>err
	same 1 "$(grep -c "\[!\] no journal of \`wq0' can be kept: " err)"
	"$quick" down wq0 2>err
	rm -r wireguard/wq0.$netns.journal
	same "PreUp PostUp PreDown PostDown" "$(hooks)"
	settle
	same "$before" "$(state)"
	SCRIPT
}

@test "--replace: what runs, what has failed, what was never there; PreDown may refuse" {
	on_this_host <<-'SCRIPT'
	full_conf
	"$quick" up --replace wq0 2>/dev/null
	same "PreUp PostUp" "$(hooks)"
	index=$(cat /sys/class/net/wq0/ifindex)
	"$quick" up --replace wq0 2>/dev/null
	same "PreDown PostDown PreUp PostUp" "$(hooks)"
	((index != $(cat /sys/class/net/wq0/ifindex)))
	index=$(cat /sys/class/net/wq0/ifindex)
	PreDown='exit 4' full_conf
	expect 4 "$quick" up --replace wq0 2>/dev/null
	same PreDown "$(hooks)"
	same $index "$(cat /sys/class/net/wq0/ifindex)"
	wg show wq0 >/dev/null
	# What cannot come up takes nothing down.
	write_conf <<<$'[Interface]\nTable = nosuch'
	expect 1 "$quick" up --replace wq0 2>/dev/null
	same $index "$(cat /sys/class/net/wq0/ifindex)"
	expect 1 "$quick" up wq0 2>err
	full_conf
	expect 1 "$quick" up wq0 2>err
	same "wg-quick: \`wq0' already exists" "$(cat err)"
	"$quick" down wq0 2>/dev/null
	: >log
	PostUp='[[ -e /run/well ]] || exit 3' full_conf
	expect 3 "$quick" up --replace wq0 2>/dev/null
	touch well
	: >log
	"$quick" up --replace wq0 2>/dev/null
	same "PreUp PostUp" "$(hooks)"
	"$quick" down wq0 2>/dev/null
	settle
	same "$before" "$(state)"
	SCRIPT
}

@test "down --if-exists: without the interface, without the file" {
	on_this_host <<-'SCRIPT'
	"$quick" down --if-exists wq0
	"$quick" down --if-exists /etc/wireguard/wq0.conf
	full_conf
	"$quick" down --if-exists wq0
	same "" "$(hooks)"
	"$quick" up wq0 2>/dev/null
	rm /etc/wireguard/wq0.conf
	"$quick" down --if-exists wq0 2>/dev/null
	same "PreUp PostUp PreDown PostDown" "$(hooks)"
	ip link add wq0 type veth
	expect 1 "$quick" down --if-exists wq0 2>err # there is something, but who knows what
	ip link delete wq0
	same "$before" "$(state)"
	SCRIPT
}

@test "what a killed run has started is waited for, but not what stays in the background" {
	on_this_host <<-'SCRIPT'
	PostUp='kill -KILL $PPID; sleep 0.6; echo late >>/run/log; ip addr add 10.9.9.9/32 dev wq0' full_conf
	killed "$quick" up wq0
	"$quick" down wq0 2>err
	contains "$(cat err)" "[!] waiting for what process"
	same "PreUp PostUp late PreDown PostDown" "$(hooks)"
	same "$before" "$(state)"
	# One that stays does not hold anybody up, and a hook may run wg-quick.
	PostUp='sleep 5 >/dev/null 2>&1 & wg-quick strip wq0 >/dev/null' full_conf
	"$quick" up wq0 2>/dev/null
	timeout 3 "$quick" down wq0 2>/dev/null
	PostUp='kill -KILL $PPID; sleep 0.1; timeout 3 wg-quick save wq0 || echo stuck >>/run/log' full_conf
	: >log
	killed "$quick" up wq0
	timeout 5 "$quick" down wq0 2>/dev/null
	[[ $(hooks) != *stuck* ]]
	# A daemon that is being started when wg-quick is killed.
	printf '#!/bin/sh\nkill -KILL $(cat /run/wireguard/wq0.*.lock)\nsleep 0.5\nexec "$daemon" "$@"\n' >slow
	chmod +x slow
	full_conf
	(
		export daemon=$WG_QUICK_USERSPACE_IMPLEMENTATION WG_QUICK_USERSPACE_IMPLEMENTATION=/run/slow
		killed "$quick" up wq0
	)
	"$quick" down wq0 2>/dev/null
	kill $(pidof sleep) 2>/dev/null || true
	settle
	same "$before" "$(state)"
	SCRIPT
}

@test "runs that meet: two ups, up and down, and recoveries" {
	on_this_host <<-'SCRIPT'
	full_conf
	for i in {1..6}; do
		"$quick" up wq0 >out1 2>&1 & one=$!
		"$quick" up wq0 >out2 2>&1 & two=$!
		s1=0 s2=0
		wait $one || s1=$?
		wait $two || s2=$?
		((s1 + s2 == 1)) || { cat out1 out2; exit 1; }
		contains "$(cat out1 out2)" "\`wq0' already exists"
		same "PreUp PostUp" "$(hooks)"
		"$quick" down wq0 >out1 2>&1 & one=$!
		"$quick" up wq0 >out2 2>&1 & two=$!
		wait $one
		wait $two || contains "$(cat out2)" "already exists"
		"$quick" down --if-exists wq0 2>/dev/null
		: >log
		same "$before" "$(state)"
	done
	# Three find the journal of a killed run; one of them undoes it.
	PostUp="[[ -e /run/well ]] || { sleep 0.1; $die; }" full_conf
	for i in {1..4}; do
		rm -f well
		killed "$quick" up wq0
		touch well
		: >log
		for n in 1 2 3; do "$quick" down --if-exists wq0 >out$n 2>&1 & done
		wait
		same 1 "$(cat out? | grep -c 'was cut off')"
		same "PreDown PostDown" "$(hooks)"
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "a command does not reload or replace the interface that it belongs to, unless nothing is to be done" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	for command in "PreUp = $quick reload wq0" "PostUp = $quick up --replace wq0" "PreDown = $quick up --replace wq0"; do
		printf '[Interface]\nAddress = 10.0.0.1/24\n%s\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n' \
			"$command" "$peer_a" | write_conf
		if [[ $command == PreDown* ]]; then "$quick" up wq0; expect 1 "$quick" down wq0 2>err
		else expect 1 "$quick" up wq0 2>err; fi
		contains "$(cat err)" "wg-quick: cannot re"
		contains "$(cat err)" " \`wq0' from a command of its own \`up' or \`down'"
		[[ $command != PreDown* ]] || { printf '[Interface]\n' | write_conf; "$quick" down wq0; }
		same "$before" "$(state)"
	done
	printf '[Interface]\nAddress = 10.0.0.1/24\nPostUp = %s reload wq0\n' "$quick" | write_conf
	"$quick" up wq0
	"$quick" down wq0
	SCRIPT
}

@test "where no lock can be taken, the journal is kept all the same" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	conf() {
		printf '[Interface]\nFwMark = %s\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n' "$1" "$peer_a" |
			write_conf
	}
	conf 77
	"$quick" up wq0
	in_the_way=/run/wireguard/wq0.$(stat -Lc %i /proc/self/ns/net).lock
	mkdir "$in_the_way"
	conf 78
	"$quick" reload wq0
	rmdir "$in_the_way"
	"$quick" down wq0
	same "$before" "$(state)"
	SCRIPT
}

@test "an interface that vanishes while it is brought up leaves nothing for ever" {
	on_each_host <<-'SCRIPT'
	before=$(state; nft list ruleset)
	conf() {
		printf '[Interface]\nAddress = 10.0.0.1/24\nPostUp = %s\nPostDown = touch /run/post-down\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n' \
			"$1" "$peer_a" | write_conf
	}
	conf 'ip link delete wq0; while [[ -S /run/wireguard/wq0.sock ]] && wg show wq0 >/dev/null 2>&1; do sleep 0.02; done; rm -f /run/wireguard/wq0.sock'
	"$quick" up wq0
	"$quick" down wq0 2>err
	contains "$(cat err)" "has gone by other means"
	rm /run/post-down
	same "${before/valid_mark 0/valid_mark 1}" "$(state; nft list ruleset)"
	# Taken down by the command itself, in order: there is nothing left to do.
	conf "$quick down wq0"
	"$quick" up wq0
	rm /run/post-down
	expect 1 "$quick" down wq0
	[[ ! -e /run/post-down ]]
	same "${before/valid_mark 0/valid_mark 1}" "$(state; nft list ruleset)"
	SCRIPT
}
