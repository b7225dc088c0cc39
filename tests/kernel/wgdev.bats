#!/usr/bin/env bats
# Our wg on the kernel's own devices, beside the original where there is one.
#
#   namespace $ns:  wgk0  wgk1  (kind "wireguard")   dmk0  (kind "dummy")
#
# Skips where the kernel has no driver. The suites wg_*.bats hold more of what scripts can do.

setup_file() {
	export ns=wgdev-$$ reason=
	if [[ $EUID -ne 0 ]]; then
		reason="needs root"
		return
	fi
	ip netns add "$ns"
	if ip -n "$ns" link add wgk0 type wireguard 2>/dev/null; then
		ip -n "$ns" link del wgk0
	else
		reason="this kernel has no wireguard driver"
	fi
}

teardown_file() {
	ip netns del "$ns" 2>/dev/null || true
}

setup() {
	[[ -z $reason ]] || skip "$reason"
	ip -n "$ns" link add wgk0 type wireguard
	cd "$BATS_TEST_TMPDIR"
	original=$(type -P wg || true)
}

teardown() {
	local link
	[[ -z $reason ]] || return 0
	for link in wgk0 wgk1 dmk0; do
		ip -n "$ns" link del "$link" 2>/dev/null || true
	done
}

in_ns() {
	ip netns exec "$ns" "$@"
}

wg() {
	in_ns "$BUILD/wg" "$@"
}

# Ours says what the original says: output, error, exit status.
same_as_original() {
	local ours theirs
	[[ -n $original ]] || return 0
	theirs=$(in_ns "$original" "$@" 2>&1; echo "exit $?")
	ours=$(wg "$@" 2>&1; echo "exit $?")
	if [[ $ours != "$theirs" ]]; then
		diff <(echo "$theirs") <(echo "$ours") | head -20
		return 1
	fi
}

# A key that anyone can tell: its number, in digits, which are letters of base64.
zeros=00000000000000000000000000000000000000
zeros=${zeros/%0/A} # the last letter has two spare bits

key() {
	printf '%05d%s=\n' "$1" $zeros
}

# N peers, each with a preshared key, an endpoint, a keepalive and two allowed IPs.
peers() {
	local i
	for ((i = 1; i <= $1; i++)); do
		printf '[Peer]\nPublicKey = %05d%s=\nPresharedKey = %05d%s=\n' $i $zeros $((i + 4096)) $zeros
		printf 'AllowedIPs = 10.%d.%d.0/24, fd00:%x::/32\n' $((i >> 8)) $((i & 255)) $i
		printf 'Endpoint = 192.0.2.%d:%d\nPersistentKeepalive = %d\n' $((i & 255)) $i $i
	done
}

@test "lists kernel devices, and only those of the kind" {
	ip -n "$ns" link add dmk0 type dummy
	ip -n "$ns" link add wgk1 type wireguard
	[ "$(wg show interfaces)" = "wgk0 wgk1" ]
	same_as_original show interfaces
	ip -n "$ns" link del wgk0
	ip -n "$ns" link del wgk1
	[ -z "$(wg show interfaces)" ]
}

@test "a new device is empty" {
	[ "$(wg show wgk0 dump)" = "$(printf '(none)\t(none)\t0\toff')" ]
	same_as_original show wgk0
	same_as_original show wgk0 dump
	same_as_original showconf wgk0
}

@test "sets all there is, and reads it back" {
	key 300 >private
	key 301 >psk
	wg set wgk0 private-key private listen-port 51888 fwmark 0xca6c \
		peer "$(key 1)" preshared-key psk endpoint 192.0.2.1:1 persistent-keepalive 25 \
		allowed-ips 10.0.0.0/8,fd00::/8,192.0.2.1/32 \
		peer "$(key 2)" endpoint '[2001:db8::2]:65535'
	[ "$(wg show wgk0 listen-port)" = 51888 ]
	[ "$(wg show wgk0 fwmark)" = 0xca6c ]
	run wg show wgk0 dump
	[ "${#lines[@]}" = 3 ]
	[ "${lines[1]}" = "$(printf '%s\t%s\t192.0.2.1:1\t10.0.0.0/8,fd00::/8,192.0.2.1/32\t0\t0\t0\t25' \
		"$(key 1)" "$(key 301)")" ]
	[ "${lines[2]}" = "$(printf '%s\t(none)\t[2001:db8::2]:65535\t(none)\t0\t0\t0\toff' "$(key 2)")" ]
	same_as_original show
	same_as_original showconf wgk0
	for field in public-key private-key listen-port fwmark peers preshared-keys endpoints \
		allowed-ips latest-handshakes transfer persistent-keepalive dump; do
		same_as_original show wgk0 $field
	done
}

@test "takes away keys, mark and keepalive" {
	key 300 >private
	key 301 >psk
	wg set wgk0 private-key private fwmark 7 \
		peer "$(key 1)" preshared-key psk persistent-keepalive 25 allowed-ips 10.0.0.0/8
	wg set wgk0 private-key /dev/null fwmark off \
		peer "$(key 1)" preshared-key /dev/null persistent-keepalive off allowed-ips ''
	run wg show wgk0 dump
	[[ ${lines[0]} == $'(none)\t(none)\t'*$'\toff' ]]
	[ "${lines[1]}" = "$(printf '%s\t(none)\t(none)\t(none)\t0\t0\t0\toff' "$(key 1)")" ]
}

@test "a hundred peers with preshared keys, by file" {
	peers 100 >conf
	wg setconf wgk0 conf
	[ "$(wg show wgk0 peers | wc -l)" = 100 ]
	[ "$(wg show wgk0 preshared-keys | grep -c '(none)')" = 0 ]
	[ "$(wg show wgk0 endpoints | sed -n '77s/.*\t//p')" = 192.0.2.77:77 ]
	same_as_original show wgk0 dump
	same_as_original showconf wgk0
}

@test "255x256 allowed IPs on one peer, IPv4 and IPv6" {
	{
		printf '[Peer]\nPublicKey = %s\nPersistentKeepalive = 9\n' "$(key 1)"
		printf 'AllowedIPs = 10.%d.%d.0/24\n' $(for ((i = 0; i < 255; i++)); do
			printf "$i %d " {0..255}; done)
		printf '[Peer]\nPublicKey = %s\n' "$(key 2)"
		printf 'AllowedIPs = fd00:%x:%x::/48\n' $(for ((i = 0; i < 255; i++)); do
			printf "$i %d " {0..255}; done)
		printf '[Peer]\nPublicKey = %s\n' "$(key 3)"
	} >conf
	wg setconf wgk0 conf
	wg show wgk0 allowed-ips >ours
	[ "$(wc -l <ours)" = 3 ]
	[ "$(sed -n 1p ours | cut -f 2 | tr ' ' '\n' | sort -u | wc -l)" = 65280 ]
	[ "$(sed -n 2p ours | cut -f 2 | tr ' ' '\n' | sort -u | wc -l)" = 65280 ]
	[ "$(sed -n 3p ours | cut -f 2)" = "(none)" ]
	[ "$(wg show wgk0 persistent-keepalive | head -1)" = "$(key 1)"$'\t9' ]
	[[ -z $original ]] || cmp <(in_ns "$original" show wgk0 allowed-ips) ours
	# Once more, with one address less: replaced, not added to.
	sed -i '/10.254.255.0/d' conf
	wg setconf wgk0 conf
	[ "$(wg show wgk0 allowed-ips | sed -n 1p | wc -w)" = 65280 ]
}

@test "40 peers with 52 allowed IPs each; 29 empty peers and one; 197 addresses by one command" {
	for ((i = 1; i <= 40; i++)); do
		printf '[Peer]\nPublicKey = %s\n' "$(key $i)"
		printf "AllowedIPs = 10.$i.%d.1\n" {1..52}
	done >conf
	wg setconf wgk0 conf
	[ "$(wg show wgk0 allowed-ips | cut -f 2 | wc -w)" = 2080 ]
	same_as_original show wgk0 allowed-ips
	for ((i = 1; i <= 30; i++)); do
		printf '[Peer]\nPublicKey = %s\n' "$(key $i)"
	done >conf
	echo 'AllowedIPs = 192.0.2.1' >>conf
	wg setconf wgk0 conf
	[ "$(wg show wgk0 peers | wc -l)" = 30 ]
	[ "$(wg show wgk0 allowed-ips | cut -f 2 | grep -vc none)" = 1 ]
	wg set wgk0 peer "$(key 1)" allowed-ips "$(printf 'fd00::%x,' {1..196})fd01::/16"
	[ "$(wg show wgk0 allowed-ips | sed -n 1p | cut -f 2 | wc -w)" = 197 ]
}

@test "setconf replaces, addconf adds" {
	peers 5 >conf
	wg setconf wgk0 conf
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.1.0/24\n' "$(key 9)" >more
	wg addconf wgk0 more
	[ "$(wg show wgk0 peers | wc -l)" = 6 ]
	# An allowed IP has one owner.
	[ "$(wg show wgk0 allowed-ips | sed -n 1p)" = "$(key 1)"$'\tfd00:1::/32' ]
	wg setconf wgk0 more
	[ "$(wg show wgk0 peers)" = "$(key 9)" ]
}

@test "removes peers, also those that are not there; passes over itself" {
	peers 3 >conf
	wg setconf wgk0 conf
	wg set wgk0 peer "$(key 2)" remove
	[ "$(wg show wgk0 peers)" = "$(key 1)"$'\n'"$(key 3)" ]
	wg set wgk0 peer "$(key 2)" remove
	key 300 >private
	wg set wgk0 private-key private
	wg set wgk0 peer "$(wg show wgk0 public-key)" allowed-ips 10.9.0.0/16
	[ "$(wg show wgk0 peers | wc -l)" = 2 ]
}

@test "syncconf leaves what it should, and resets what the file leaves out" {
	peers 4 >conf
	wg setconf wgk0 conf
	peers 6 | sed '1,/^Persistent/d' | sed '/^PublicKey = '"$(key 3 | sed 's/[+/]/./g')"'/{n;d}' >want
	sed -i '0,/^PersistentKeepalive/{/^PersistentKeepalive/d}' want
	wg syncconf wgk0 want
	[ "$(wg show wgk0 peers | sort)" = "$(for i in 2 3 4 5 6; do key $i; done | sort)" ]
	[ "$(wg show wgk0 preshared-keys | grep '(none)' | cut -f 1)" = "$(key 3)" ]
	[ "$(wg show wgk0 persistent-keepalive | grep off | cut -f 1)" = "$(key 2)" ]
}

# The dump takes dozens of messages, and is begun anew when the device changes between two.
@test "reads a whole device while others change it" {
	{
		printf '[Peer]\nPublicKey = %s\n' "$(key 1)"
		printf 'AllowedIPs = 10.%d.%d.0/24\n' $(for ((i = 0; i < 160; i++)); do
			printf "$i %d " {0..255}; done)
	} >conf
	wg setconf wgk0 conf
	in_ns bash -c 'until [[ -e stop ]]; do "$BUILD/wg" set wgk0 fwmark $((RANDOM + 1)); sleep 0.1; done' 3>&- &
	changer=$!
	for ((i = 0; i < 10; i++)); do
		wg show wgk0 allowed-ips | md5sum
	done >sums
	touch stop
	wait "$changer"
	[ "$(sort -u sums)" = "$(wg show wgk0 allowed-ips | md5sum)" ]
	[ "$(wg show wgk0 allowed-ips | wc -w)" = 40961 ]
}
