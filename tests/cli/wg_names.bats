#!/usr/bin/env bats
# Names of peers: where they come from, how show tells them, @name in wg set.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
B=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
C=662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58
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
	lab sh -c 'rm -rf /etc/wireguard/*'
	fake_describe wg0 "public_key=$A\nallowed_ip=10.0.0.1/32\npublic_key=$B\npublic_key=$C\n"
	etc wg0.conf "[Interface]\n\n# laptop\n[Peer]\nPublicKey = $A64\n"
	etc peers.names "$A64 other\n$B64 the phone\n"
}

# etc FILE FORMAT: a file in /etc/wireguard.
etc() {
	# shellcheck disable=SC2059
	printf "$2" | lab sh -c 'cat >/etc/wireguard/"$1"' sh "$1"
}

@test "pretty: the name, and the key in parentheses" {
	lab_record ours show wg0 --names
	is ours.out "interface: wg0

peer: laptop ($A64)
  allowed ips: 10.0.0.1/32

peer: the phone ($B64)
  allowed ips: (none)

peer: $C64
  allowed ips: (none)"
	WG_COLOR_MODE=always lab_record ours show wg0 --names
	grep -qF $'\e[33m\e[1mpeer\e[0m: \e[1mlaptop\e[0m (\e[33m'"$A64"$'\e[0m)' "$LAB/ours.out"
	grep -qF $'\e[33m\e[1mpeer\e[0m: \e[33m'"$C64"$'\e[0m' "$LAB/ours.out"
	ours show --names | diff - <(ours show wg0 --names)
}

@test "fields: @name in the key's column" {
	lab_record ours show wg0 peers --names
	is ours.out "@laptop
@the phone
$C64"
	lab_record ours show all allowed-ips --names
	is ours.out "wg0	@laptop	10.0.0.1/32
wg0	@the phone	(none)
wg0	$C64	(none)"
	for field in dump preshared-keys endpoints latest-handshakes transfer persistent-keepalive; do
		ours show wg0 $field | sed "s|^$A64|@laptop|; s|^$B64|@the phone|" |
			diff - <(ours show wg0 $field --names)
	done
	ours show wg0 public-key --names | diff - <(ours show wg0 public-key)
}

@test "names change nothing that is not asked for" {
	same show wg0
	same show wg0 dump
	same show all transfer
	lab rm /etc/wireguard/wg0.conf /etc/wireguard/peers.names
	ours show wg0 --names | diff - <(ours show wg0)
}

@test "only files of the interface's name are read, and none that would hang or mislead" {
	etc wg1.conf "# wrong\n[Peer]\nPublicKey = $C64\n"
	lab mkdir /etc/wireguard/sub
	etc sub/x.conf "# wrong\n[Peer]\nPublicKey = $C64\n"
	[[ $(ours show wg0 peers --names) != *wrong* ]]
	for interface in sub/x ../wireguard/wg1 a-name-too-long-for-one .. ''; do
		lab_record ours set "$interface" peer @wrong remove
		is ours.status 'exit status 1'
		is ours.err "No peer of \`$interface' is called \`wrong'"
	done
	lab rm /etc/wireguard/wg0.conf /etc/wireguard/peers.names
	lab mkfifo /etc/wireguard/wg0.conf
	lab mkdir /etc/wireguard/peers.names
	[[ $(ours show wg0 peers --names) == "$(ours show wg0 peers)" ]]
	lab rm -r /etc/wireguard/wg0.conf /etc/wireguard/peers.names
	lab ln -s /dev/zero /etc/wireguard/wg0.conf
	[[ $(ours show wg0 peers --names) == "$(ours show wg0 peers)" ]]
	lab rm /etc/wireguard/wg0.conf
	lab truncate -s 1T /etc/wireguard/wg0.conf # of holes
	[[ $(ours show wg0 peers --names) == "$(ours show wg0 peers)" ]]
}

@test "set takes @name for a key" {
	lab_record ours set wg0 peer @laptop remove peer '@the phone' allowed-ips 10.0.0.9/32
	is ours.status 'exit status 0'
	is ours.err ''
	is ours.asked "set=1
public_key=$A
remove=true
public_key=$B
replace_allowed_ips=true
allowed_ip=10.0.0.9/32
"
	# Also one that is not there yet.
	etc peers.names "$C64 server\n"
	lab_record ours set wg0 peer @server
	grep -qx "public_key=$C" "$LAB/ours.asked"
}

@test "names that nobody has, or several have, change nothing" {
	etc peers.names "$B64 twin\n$C64 twin\n"
	for words in 'peer @twin remove' "peer $A64 remove peer @twin"; do
		# shellcheck disable=SC2086
		lab_record ours set wg0 $words
		is ours.status 'exit status 1'
		is ours.err "Several peers of \`wg0' are called \`twin'"
		is ours.asked ''
	done
	ours_is 1 "No peer of \`wg0' is called \`nobody'" set wg0 peer @nobody remove
	is ours.asked ''
	ours_is 1 "No peer of \`wg0' is called \`LAPTOP'" set wg0 peer @LAPTOP remove
	ours_is 1 "No peer of \`wg0' is called \`'" set wg0 peer @ remove
	ours_is 1 "Key is not the correct length or format: \`laptop'" set wg0 peer laptop remove
}

@test "a commented-out secret is shown nowhere" {
	secret=FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=
	etc wg0.conf "[Peer]\nPublicKey = $A64\n#PresharedKey = $secret\n# $secret\n\n\
# PresharedKey = $secret\n[Peer] # $secret\n# $secret\nPublicKey = $C64\n# Name = $secret\n"
	etc peers.names "$B64 $secret\n"
	for format in '' --json --ndjson --prometheus; do
		# shellcheck disable=SC2086
		ours show wg0 --names $format >"$LAB/out"
		run ! grep -F "${secret:0:20}" "$LAB/out"
	done
}

@test "a warning names peers where it can" {
	lab_record ours set wg0 --warn peer "$C64" allowed-ips 10.0.0.1/32
	is ours.err "Warning: 10.0.0.1/32 moves from peer laptop ($A64) to peer $C64"
}
