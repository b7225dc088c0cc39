#!/usr/bin/env bats
# The warning that a change takes an allowed IP from another peer. What it takes from whom is
# tested in unit/steal_test.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
A64=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
B64=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=
C64=Zi4U/VlFVvUiYEcDNANRJYkDtk81VTdj8ZQmqypRXFg=

setup_file() {
	lab_start
	((EUID)) && return
	fake wg0
	lab mount -t tmpfs tmpfs /etc/wireguard
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	unset WG_WARN
	fake_set wg0 'errno=0\n\n'
	fake_describe wg0 "public_key=$A\nallowed_ip=10.0.0.1/32\nallowed_ip=fd00::/8\n"
	MOVES="Warning: 10.0.0.1/32 moves from peer $A64 to peer $B64"
	conf "[Peer]\nPublicKey = $B64\nAllowedIPs = 10.0.0.1/32\n"
}

# conf FORMAT: what $LAB/conf says.
conf() {
	# shellcheck disable=SC2059
	printf "$1" >"$LAB/conf"
}

@test "set warns when asked to, and only then" {
	words=(peer "$B64" allowed-ips 10.0.0.1/32)
	same set wg0 "${words[@]}"
	is ours.err ''
	cp "$LAB/ours.asked" "$LAB/quiet.asked"
	lab_record ours set wg0 "${words[@]}" --warn
	is ours.err "$MOVES"
	is ours.out ''
	is ours.status 'exit status 0'
	# It asks for the device, and then for the very same change.
	diff <(printf 'get=1\n\n'; cat "$LAB/quiet.asked") "$LAB/ours.asked"
	lab_record ours set --warn wg0 "${words[@]}"
	is ours.err "$MOVES"
	[[ $(WG_WARN=always ours set wg0 "${words[@]}" 2>&1) == "$MOVES" ]]
	for value in '' never 1 Always; do
		[[ -z $(WG_WARN=$value ours set wg0 "${words[@]}" 2>&1) ]]
	done
	lab_record ours set wg0 --warn peer "$B64" allowed-ips +10.0.0.1/32
	is ours.err "$MOVES"
	lab_record ours set wg0 --warn peer "$B64" allowed-ips 10.0.0.2/32
	is ours.err ''
}

@test "a line for each, in the order of the words" {
	lab_record ours set wg0 --warn peer "$B64" allowed-ips fd00::/8,10.0.0.1/32 \
		peer "$C64" allowed-ips fd00::/8
	is ours.err "Warning: fd00::/8 moves from peer $A64 to peer $B64
$MOVES
Warning: fd00::/8 moves from peer $B64 to peer $C64"
}

@test "addconf and syncconf warn; setconf, which replaces all peers, only within the file" {
	lab_record ours addconf --warn wg0 "$LAB/conf"
	is ours.err "$MOVES"
	for subcommand in setconf syncconf; do
		lab_record ours $subcommand --warn wg0 "$LAB/conf"
		is ours.err ''
		is ours.status 'exit status 0'
	done
	conf "[Peer]\nPublicKey = $A64\nAllowedIPs = 10.0.0.1/32\n\
[Peer]\nPublicKey = $B64\nAllowedIPs = 10.0.0.1/32\n"
	for subcommand in addconf setconf syncconf; do
		lab_record ours $subcommand wg0 --warn "$LAB/conf"
		is ours.err "$MOVES"
	done
	[[ $(WG_WARN=always ours syncconf wg0 "$LAB/conf" 2>&1) == "$MOVES" ]]
}

@test "the exit status and other messages are as without" {
	fake_set wg0 'errno=1\n\n'
	lab_record ours set wg0 --warn peer "$B64" allowed-ips 10.0.0.1/32
	is ours.status 'exit status 1'
	is ours.err "$MOVES
Unable to modify interface: Operation not permitted"
	fake_get wg0 'errno=1\n\n'
	fake_set wg0 'errno=0\n\n'
	lab_record ours set wg0 --warn peer "$B64" allowed-ips 10.0.0.1/32
	is ours.status 'exit status 0'
	is ours.err ''
	lab_record ours set nonesuch --warn peer "$B64" allowed-ips 10.0.0.1/32
	is ours.status 'exit status 1'
	(($(wc -l <"$LAB/ours.err") == 1))
}
