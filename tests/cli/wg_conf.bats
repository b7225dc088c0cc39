#!/usr/bin/env bats
# wg setconf, addconf, syncconf: what files ask the daemon for, and what is wrong with others.
# Against the original; it has no third line that tells the place.

load lib

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
L=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=
HEX_K=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
HEX_L=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
ZERO=0000000000000000000000000000000000000000000000000000000000000000
PRIVATE=GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=

setup_file() {
	lab_start
	((EUID)) || fake wg0
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	FILE=$LAB/file.conf
	fake_describe wg0 ''
	export WG_ENDPOINT_RESOLUTION_RETRIES=0
}

# same_file FORMAT: with this file all three subcommands do the same in both programs.
same_file() {
	# shellcheck disable=SC2059
	printf "$1" >"$FILE"
	same setconf wg0 "$FILE" && same addconf wg0 "$FILE" && same syncconf wg0 "$FILE" ||
		{ cat -A "$FILE"; return 1; }
}

# bad_file PLACE FORMAT: both refuse it in the same words; ours tells the place, LINE:COLUMN.
bad_file() {
	local subcommand lines
	# shellcheck disable=SC2059
	printf "$2" >"$FILE"
	for subcommand in setconf addconf syncconf; do
		lab_record original $subcommand wg0 "$FILE"
		lab_record ours $subcommand wg0 "$FILE"
		mapfile -t lines <"$LAB/ours.err"
		printf '%s\n' "${lines[@]::${#lines[@]}-1}" >"$LAB/ours.err"
		lab_compare status err out asked && [[ ${lines[-1]} == "$FILE:$1: expected "?* ]] ||
			{ cat -A "$FILE"; echo "${lines[-1]}"; return 1; }
	done
}

@test "all keys" {
	same_file "[Interface]\nPrivateKey = $PRIVATE\nListenPort = 51820\nFwMark = 0xca6c\n
[Peer]\nPublicKey = $K\nPresharedKey = $PRIVATE\nAllowedIPs = 10.0.0.0/8, fd00::/8\n\
Endpoint = 192.0.2.1:51820\nPersistentKeepalive = 25\n
[Peer]\nPublicKey = $L\nAllowedIPs = 10.1.0.0/16\nAllowedIPs = 10.2.0.0/16\n"
}

@test "an empty file" {
	same_file ''
	same_file '\n\n'
	same_file '# nothing\n'
	same_file '[Interface]'
	same_file '[Interface]\n[Interface]\n'
	for subcommand in setconf addconf syncconf; do
		same $subcommand wg0 /dev/null
	done
}

@test "a peer without more clears its list" {
	same_file "[Peer]\nPublicKey = $K"
	same_file "[Peer]\nPublicKey = $K\nPersistentKeepalive = off\n"
}

@test "spelling" {
	same_file "[interface]\nlistenport=1\nFWMARK=2\nprivateKEY=$PRIVATE\n[PEER]\npublickey=$K\n"
	same_file '[ Inter face ]\nL i s t e n P o r t = 6 7\n'
	same_file '\t [Interface]\v\f\n \tListenPort\t=\t1\t\n'
	same_file "[Interface]\r\nListenPort = 1\r\n\r\n[Peer]\r\nPublicKey = $K\r\n"
	same_file '[Interface] # comment\n# ListenPort = 1\nListenPort = 2#3\n  #\n'
	same_file '[Interface]\nListenPort = 1\nListenPort = 2\n[Interface]\nListenPort = 3'
	same_file "[Peer]\nPublicKey = $K\n[Interface]\nListenPort = 3\n[Peer]\nPublicKey = $L\n"
	same_file "[Peer]\nPublicKey = $K\nPublicKey = $L\n"
	same_file "[Peer]\nAllowedIPs = 10.0.0.0/8\nPublicKey = $K\n"
	same_file '[Interface]\nListenPort = 1\0garbage\nFwMark = 2\n'
}

@test "values" {
	for value in 'ListenPort = 0' 'ListenPort = 65535' 'ListenPort = 010' 'ListenPort = domain' \
		'FwMark = off' 'FwMark = OFF' 'FwMark = 0' 'FwMark = 0xFF' 'FwMark = 4294967295' \
		'FwMark = 010' "PrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; do
		same_file "[Interface]\n$value\n"
	done
	for value in 'AllowedIPs = 10.0.0.1' 'AllowedIPs = ::/0,0.0.0.0/0' 'AllowedIPs=1 0.0.0.0 / 8' \
		'Endpoint = [::1]:5' 'Endpoint = ::1:5' 'Endpoint = 1.2.3.4:domain' 'Endpoint = localhost:5' \
		'Endpoint = 127.1:5' 'Endpoint = [fe80::1%%lo]:5' 'PersistentKeepalive = 0' \
		'PersistentKeepalive = off' 'PersistentKeepalive = 65535' 'PersistentKeepalive = 007' \
		"PresharedKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; do
		same_file "[Peer]\nPublicKey = $K\n$value\n"
	done
}

@test "host bits are warned about; they do not reach the device" {
	printf "[Peer]\nPublicKey = $K\nAllowedIPs = 10.0.0.1/8, 11.0.0.0/8, 2001:DB8::1/32\n" >"$FILE"
	lab_record original addconf wg0 "$FILE"
	lab_record ours addconf wg0 "$FILE"
	lab_compare status err out
	grep -qx allowed_ip=10.0.0.0/8 "$LAB/ours.asked"
}

@test "lines that are none" {
	bad_file 1:1 'x'
	bad_file 1:1 'ListenPort = 1\n[Interface]\n'
	bad_file 2:1 '[Interface]\nListenPort 12000\n'
	bad_file 2:3 '[Interface]\n  Listen Port 12000 # x\n'
	bad_file 2:1 '[Interface]\n; comment\n'
	bad_file 2:1 '[Interface]\n// comment\n'
	bad_file 2:1 '[Interface]\n=\n'
	bad_file 2:1 '[Interface]\n= 1\n'
	bad_file 1:1 '[Inter\n'
	bad_file 1:1 '[Foo]\n'
	bad_file 1:1 '[]\n'
	bad_file 1:1 '[Interface]x\n'
	bad_file 3:1 '[Interface]\n\n[Interface\n'
}

@test "keys that are none, or another section's" {
	bad_file 2:1 '[Interface]\nFoo = 1\n'
	bad_file 2:1 '[Interface]\nAddress = 10.0.0.1/24\n'
	bad_file 2:1 '[Interface]\nPostUp = iptables -A FORWARD -i %%i -j ACCEPT; true\n'
	bad_file 2:1 '[Interface]\nDNS = 1.1.1.1\n'
	bad_file 2:1 "[Interface]\nPublicKey = $K\n"
	bad_file 2:1 '[Interface]\nAllowedIPs = 10.0.0.0/8\n'
	bad_file 2:1 '[Peer]\nListenPort = 1\n'
	bad_file 3:1 "[Peer]\nPublicKey = $K\nAddress = 10.0.0.1\n"
	bad_file 2:1 '[Interface]\nListenPorts = 1\n'
	bad_file 2:1 '[Interface]\nListenPor = 1\n'
}

@test "empty values" {
	for key in ListenPort FwMark PrivateKey; do
		bad_file 2:$((${#key} + 4)) "[Interface]\n$key = \n" ||
			bad_file 2:$((${#key} + 3)) "[Interface]\n$key = \n"
	done
	for key in AllowedIPs Endpoint PersistentKeepalive PresharedKey; do
		printf '[Peer]\nPublicKey = %s\n%s = # none\n' $K $key >"$FILE"
		lab_record original addconf wg0 "$FILE"
		lab_record ours addconf wg0 "$FILE"
		[[ $(tail -n 1 "$LAB/ours.err") == "$FILE:3:"*": expected a value after "* ]]
		sed -i '$d' "$LAB/ours.err"
		lab_compare status err out asked
	done
}

@test "bad values" {
	bad_file 2:14 '[Interface]\nListenPort = abc\n'
	bad_file 2:14 '[Interface]\nListenPort = -1\n'
	bad_file 2:10 '[Interface]\nFwMark = 0XCA6C\n'
	bad_file 2:10 '[Interface]\nFwMark = 4294967296\n'
	bad_file 2:13 '[Peer]\nPublicKey = abc\n'
	bad_file 2:13 "[Peer]\nPublicKey = ${K%=}\n"
	bad_file 2:14 '[Peer]\nAllowedIPs = 10.0.0\n'
	bad_file 2:14 '[Peer]\nAllowedIPs = 10.0.0.0/33\n'
	bad_file 2:26 '[Peer]\nAllowedIPs = 10.0.0.0/8, hello\n'
	bad_file 2:25 '[Peer]\nAllowedIPs = 10.0.0.0/8,\n'
	bad_file 2:12 '[Peer]\nEndpoint = foo\n'
	bad_file 2:12 '[Peer]\nEndpoint = [::1\n'
	bad_file 2:12 '[Peer]\nEndpoint = 1.2.3.4:abc\n'
	bad_file 2:23 '[Peer]\nPersistentKeepalive = 65536\n'
	bad_file 2:23 '[Peer]\nPersistentKeepalive = 2 5 x\n'
}

@test "a peer without a key" {
	bad_file 1:1 '[Peer]\n'
	bad_file 1:1 "[Peer]\n[Peer]\nPublicKey = $K\n"
	bad_file 4:1 "[Peer]\nPublicKey = $K\n\n[Peer]\nAllowedIPs = 10.0.0.0/8\n"
}

@test "a bad secret is not repeated" {
	for key in PrivateKey PresharedKey; do
		section='[Interface]'
		[[ $key == PrivateKey ]] || section='[Peer]'
		printf '%s\n%s = %sx\n' "$section" $key $PRIVATE >"$FILE"
		lab_record ours addconf wg0 "$FILE"
		run ! grep -F "${PRIVATE:0:10}" "$LAB/ours.err"
		grep -qF "Key is not the correct length or format: \`(hidden)'" "$LAB/ours.err"
		grep -qx 'Configuration parsing error' "$LAB/ours.err"
	done
	# Nor is one in the wrong place.
	for line in "[Interface]\nFwMark = $PRIVATE" "[Interface]\nListenPort = $PRIVATE" \
		"[Peer]\nAllowedIPs = 10.0.0.0/8, $PRIVATE" "[Peer]\nPersistentKeepalive = $PRIVATE" \
		"[Peer]\nEndpoint = $PRIVATE" "[Peer]\nEndpoint = 192.0.2.1:$PRIVATE"; do
		# shellcheck disable=SC2059
		printf "$line\n" >"$FILE"
		lab_record ours addconf wg0 "$FILE"
		run ! grep -F "${PRIVATE:0:10}" "$LAB/ours.err"
		grep -qF '(hidden)' "$LAB/ours.err"
	done
	bad_file 2:13 "[Peer]\nPublicKey = ${K/u/-}\n"
}

@test "a port above 65535 is refused, not cut" {
	for line in '[Interface]\nListenPort = 65536' "[Peer]\nPublicKey = $K\nEndpoint = 1.2.3.4:65536"; do
		# shellcheck disable=SC2059
		printf "$line\n" >"$FILE"
		lab_record ours addconf wg0 "$FILE"
		is ours.status 'exit status 1'
		is ours.asked ''
		grep -q 65536 "$LAB/ours.err"
	done
}

@test "names that do not resolve" {
	printf "[Peer]\nPublicKey = $K\nEndpoint = nosuch.invalid:99\n" >"$FILE"
	same setconf wg0 "$FILE"
	WG_ENDPOINT_RESOLUTION_RETRIES=x same setconf wg0 "$FILE"
	printf "[Peer]\nPublicKey = $K\nEndpoint = 1.2.3.4:5\n" >"$FILE"
	WG_ENDPOINT_RESOLUTION_RETRIES=x same addconf wg0 "$FILE"
	printf "[Peer]\nPublicKey = $K\n" >"$FILE"
	WG_ENDPOINT_RESOLUTION_RETRIES=x same addconf wg0 "$FILE"
}

@test "files that cannot be read" {
	for subcommand in setconf addconf syncconf; do
		same $subcommand wg0 /nonexistent
		same $subcommand wg0 ''
		same $subcommand wg0 -
		ours_is 1 '/tmp: Is a directory' $subcommand wg0 /tmp
		is ours.asked ''
	done
}

@test "files that are pipes" {
	printf '[Interface]\nListenPort = 5\n' >"$FILE"
	STDIN=$FILE same setconf wg0 /dev/stdin
	for program in original ours; do
		: >"$LAB/asked"
		PATH=$LAB/$program:$PATH lab bash -c "wg syncconf wg0 <(cat $FILE; printf 'FwMark = 1\n')"
		cp "$LAB/asked" "$LAB/$program.asked"
	done
	lab_compare asked
}

@test "+ and - in a file, which the original of 2021 does not know" {
	printf "[Peer]\nPublicKey = $K\nAllowedIPs = +10.0.0.0/8, -11.0.0.0/8\n" >"$FILE"
	ours_is 0 '' addconf wg0 "$FILE"
	is ours.asked "set=1
public_key=$HEX_K
allowed_ip=10.0.0.0/8
allowed_ip=-11.0.0.0/8"$'\n'
	printf "[Peer]\nPublicKey = $K\nAllowedIPs = +10.0.0.0/8\nAllowedIPs = 12.0.0.0/8\n" >"$FILE"
	ours_is 0 '' addconf wg0 "$FILE"
	grep -qx replace_allowed_ips=true "$LAB/ours.asked"
}

@test "syncconf removes who is not in the file" {
	fake_describe wg0 "public_key=$HEX_K\nallowed_ip=10.0.0.0/8\npublic_key=$HEX_L\n"
	same_file "[Interface]\nListenPort = 5\n[Peer]\nPublicKey = $K\nAllowedIPs = 10.0.0.0/8\n"
	same_file "[Peer]\nPublicKey = $L\nEndpoint = 1.2.3.4:5\n"
	same_file "[Peer]\nPublicKey = $L\n[Peer]\nPublicKey = $K\n"
	same_file "[Interface]\nListenPort = 5\n"
	same_file "[Peer]\nPublicKey = $L\nPersistentKeepalive = 1\n[Peer]\nPublicKey = $L\n"
	# Several go in the order of their keys.
	same_file '[Peer]\nPublicKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'
}

@test "syncconf resets what the file leaves out, which the original of 2021 kept" {
	fake_describe wg0 "public_key=$HEX_K\npreshared_key=$HEX_L\npersistent_keepalive_interval=25\n\
public_key=$HEX_L\npersistent_keepalive_interval=7\n"
	printf "[Peer]\nPublicKey = $K\n[Peer]\nPublicKey = $L\nPersistentKeepalive = 9\n" >"$FILE"
	ours_is 0 '' syncconf wg0 "$FILE"
	is ours.asked "get=1

set=1
private_key=$ZERO
listen_port=0
fwmark=0
public_key=$HEX_K
preshared_key=$ZERO
persistent_keepalive_interval=0
replace_allowed_ips=true
public_key=$HEX_L
persistent_keepalive_interval=9
replace_allowed_ips=true"$'\n'
}

@test "syncconf cannot read the device" {
	printf "[Peer]\nPublicKey = $K\n" >"$FILE"
	fake_get wg0 'errno=1\n\n'
	ours_is 1 'Unable to retrieve current interface configuration: Operation not permitted' \
		syncconf wg0 "$FILE"
	# Without a peer in the file there is nothing to compare.
	printf '[Interface]\n' >"$FILE"
	same syncconf wg0 "$FILE"
}

@test "five thousand allowed IPs on one line" {
	{
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = ' $K
		printf '10.%s.0/24, ' {0..19}.{0..249}
		printf '11.0.0.0/8\n'
	} >"$FILE"
	same setconf wg0 "$FILE"
}

@test "a file with an error changes nothing" {
	printf '[Interface]\nListenPort = 5\n[Peer]\nFoo = 1\n' >"$FILE"
	lab_record ours setconf wg0 "$FILE"
	is ours.asked ''
	is ours.status 'exit status 1'
}
