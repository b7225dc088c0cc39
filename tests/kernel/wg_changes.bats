#!/usr/bin/env bats
# What is newer than Debian 12's original: single allowed IPs, and syncconf's resets.

setup() {
	load lib
	need_driver
}

@test "single allowed IPs: the same on every kernel" {
	in_ns <<'END'
	a=$(key 1) b=$(key 2) c=$(key 3)
	# is LIST: what a, b and c have, each list sorted.
	is() {
		local got
		got=$("$ours" show wgk0 allowed-ips | perl -F'\t|\s' -lane '
			shift @F; push @all, join " ", sort @F; END { print join "|", @all }')
		[[ $got == "$1" ]] || { printf 'got       %s\nexpected  %s\n' "$got" "$1"; return 1; }
	}
	w() { "$ours" set wgk0 "$@"; }
	w peer $a allowed-ips 10.1.0.0/16,10.2.0.0/16,fd00::/64 peer $b allowed-ips 10.3.0.0/16 peer $c
	w peer $a allowed-ips -10.2.0.0/16
	is '10.1.0.0/16 fd00::/64|10.3.0.0/16|(none)'
	w peer $a allowed-ips +10.4.0.0/16,-fd00::/64
	is '10.1.0.0/16 10.4.0.0/16|10.3.0.0/16|(none)'
	# Not there at all; another's; shorter and longer than what is there.
	w peer $a allowed-ips -192.0.2.0/24,-10.3.0.0/16,-10.1.0.0/15,-10.1.0.0/17
	is '10.1.0.0/16 10.4.0.0/16|10.3.0.0/16|(none)'
	# Moved to another, by adding.
	w peer $b allowed-ips +10.1.0.0/16
	is '10.4.0.0/16|10.1.0.0/16 10.3.0.0/16|(none)'
	# Moved on by one command, in both orders.
	w peer $b allowed-ips -10.1.0.0/16 peer $c allowed-ips +10.1.0.0/16
	is '10.4.0.0/16|10.3.0.0/16|10.1.0.0/16'
	w peer $a allowed-ips +10.1.0.0/16 peer $c allowed-ips -10.1.0.0/16
	is '10.1.0.0/16 10.4.0.0/16|10.3.0.0/16|(none)'
	# Added and taken away at once: away from its owner, too.
	w peer $c allowed-ips +10.3.0.0/16,-10.3.0.0/16
	is '10.1.0.0/16 10.4.0.0/16|(none)|(none)'
	w peer $c allowed-ips -10.5.0.0/16,+10.5.0.0/16
	is '10.1.0.0/16 10.4.0.0/16|(none)|10.5.0.0/16'
	# Host bits; all of it; a list that replaces after one that takes away.
	w peer $a allowed-ips -10.1.2.3/16 2>/dev/null
	is '10.4.0.0/16|(none)|10.5.0.0/16'
	w peer $a allowed-ips -10.4.0.0/16
	is '(none)|(none)|10.5.0.0/16'
	w peer $c allowed-ips -10.5.0.0/16 allowed-ips 10.6.0.0/16
	is '(none)|(none)|10.6.0.0/16'
	w peer $c allowed-ips +::/0,+0.0.0.0/0
	w peer $c allowed-ips -::/0,-0.0.0.0/0 fwmark 3 2>/dev/null || w fwmark 3 peer $c allowed-ips -::/0,-0.0.0.0/0
	is '(none)|(none)|10.6.0.0/16'
	# Peer removed and back in one command; a new one; by a file, with more than one message takes.
	w peer $c remove peer $c allowed-ips -10.6.0.0/16,+10.7.0.0/16
	is '(none)|(none)|10.7.0.0/16'
	w peer $(key 4) allowed-ips -10.7.0.0/16
	is '(none)|(none)|10.7.0.0/16|(none)'
	{ echo '[Peer]'; echo "PublicKey = $a"; printf 'AllowedIPs = +10.10.%d.%d/32\n' $(for i in {1..12}; do printf "$i %d " {0..255}; done); } >more
	"$ours" addconf wgk0 more
	[[ $("$ours" show wgk0 allowed-ips | sed -n 1p | wc -w) -eq 3073 ]]
	sed 's/= +/= -/' more | grep -v 10.10.7.7/32 >less
	"$ours" addconf wgk0 less
	is '10.10.7.7/32|(none)|10.7.0.0/16|(none)'
	[[ $("$ours" show wgk0 fwmark) == 0x3 ]]
END
}

@test "single allowed IPs: natively from Linux 6.16 on, by reading and replacing before" {
	in_ns <<'END'
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || { echo unable; exit 0; }
	trace=/sys/kernel/tracing/instances/wgsuite-$$
	mkdir "$trace"
	trap 'echo nop >$trace/current_tracer; rmdir "$trace"' EXIT
	"$ours" set wgk0 peer "$(key 1)" allowed-ips 10.1.0.0/16,10.2.0.0/16
	echo '*get_device_dump*' >"$trace/set_ftrace_filter"
	echo function >"$trace/current_tracer"
	"$ours" show wgk0 >/dev/null
	grep -q get_device_dump "$trace/trace" # it can be seen
	echo >"$trace/trace"
	"$ours" set wgk0 peer "$(key 1)" allowed-ips +10.3.0.0/16
	[[ $(<"$trace/trace") != *get_device_dump* ]]
	"$ours" set wgk0 peer "$(key 1)" allowed-ips -10.2.0.0/16
	read_first=$(grep -c get_device_dump "$trace/trace") || true
	echo "$(uname -r): $read_first calls to read the device"
	if [[ $(printf '%s\n' 6.16 "$(uname -r)" | sort -V | head -n 1) == 6.16 ]]; then
		((read_first == 0))
	else
		((read_first > 0))
	fi
END
}

@test "syncconf: sessions live on, keys and keepalives that are gone are reset" {
	in_ns <<'END'
	tunnel
	peer=$("$ours" show wgk0 peers)
	conf 1 3 1 >three
	"$ours" addconf wgk0 three
	"$ours" show wgk0 latest-handshakes >handshake
	read -r _ rx tx < <("$ours" show wgk0 transfer | grep -F "$peer")
	((rx > 0 && tx > 0))
	{
		printf '[Interface]\nListenPort = 51820\nPrivateKey = %s\n[Peer]\nPublicKey = %s\n' "$(<key0)" "$peer"
		printf 'AllowedIPs = 10.9.0.2/32\nEndpoint = 127.0.0.1:51821\n'
		conf 2 2 2 | grep -v Keepalive
		conf 4 4 1
		printf '[Peer]\nPublicKey = %s\n' "$(key 3)"
	} >want
	"$ours" syncconf wgk0 want
	"$ours" show wgk0 dump | awk -F '\t' -v peer="$peer" -v n2="$(key 2)" -v n3="$(key 3)" -v n4="$(key 4)" '
		NR == 1 { next }
		{ n++ }
		$1 == peer && $5 > 0 && $6 > 0 && $7 > 0 && $8 == "off" { good++ }
		$1 == n2 && $2 ~ /^BBBBB/ && $8 == "off" && split($4, ips, ",") == 2 { good++ }
		$1 == n3 && $2 == "(none)" && $4 == "(none)" && $8 == "off" { good++ }
		$1 == n4 && $2 ~ /^BBBBB/ && $8 == 4 { good++ }
		END { exit n != 4 || good != 4 }'
	"$ours" show wgk0 latest-handshakes | grep -F "$peer" | cmp - <(grep -F "$peer" handshake)
	read -r _ more_rx more_tx < <("$ours" show wgk0 transfer | grep -F "$peer")
	((more_rx >= rx && more_tx >= tx))
	# No new handshake is needed: the keys are the same still.
	ping -q -c 1 -W 10 10.9.0.2 >/dev/null
	"$ours" show wgk0 latest-handshakes | grep -F "$peer" | cmp - <(grep -F "$peer" handshake)
END
}
