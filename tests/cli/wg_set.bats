#!/usr/bin/env bats
# wg set: what its words ask the daemon for, and what is wrong with others. Against the original.

load lib

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
L=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=
HEX=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33

setup_file() {
	lab_start
	((EUID)) || fake wg0
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	fake_set wg0 'errno=0\n\n'
	printf 'GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=\n' >"$LAB/key"
	export WG_ENDPOINT_RESOLUTION_RETRIES=0
}

@test "listen-port" {
	for port in 0 1 51820 65535 010 00000000000080 domain http 'no such' abc -1 0x10 '7 ' ' 7' \
		+5 '' 1.5 1,5; do
		same set wg0 listen-port "$port"
	done
}

@test "listen-port above 65535 is refused, not cut" {
	for port in 65536 65537 70000 4294967297 99999999999999999999 +70000 ' 70000'; do
		ours_is 1 "Listen port is above 65535: \`$port'" set wg0 listen-port "$port"
		is ours.asked ''
	done
}

@test "fwmark" {
	for mark in 0 1 off OFF Off 51820 010 0xca6c 0xCA6C 0x0 4294967295 0xffffffff 4294967296 \
		0x100000000 0XCA6C ff +1 -1 ' 1' '1 ' '' 0x 0xg x off0 99999999999999999999; do
		same set wg0 fwmark "$mark"
	done
}

@test "private-key" {
	same set wg0 private-key "$LAB/key"
	same set wg0 private-key /dev/null
	same set wg0 private-key /nonexistent
	same set wg0 private-key ''
	same set wg0 private-key /tmp
	: >"$LAB/key"
	same set wg0 private-key "$LAB/key"
}

@test "what a key file may hold" {
	local key=GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=
	for text in "$key" "$key\n\n" "$key \t\v\f\r\n" "$key#" "$key\n#" "$key\n$key\n" " $key" \
		"\n" " " x "${key%=}" "$key\0" '\0'; do
		# shellcheck disable=SC2059
		printf "$text" >"$LAB/key"
		if [[ $text == *'\0'* ]]; then
			lab_record original set wg0 private-key "$LAB/key"
			lab_record ours set wg0 private-key "$LAB/key"
			lab_compare status asked
			continue
		fi
		same set wg0 private-key "$LAB/key"
		same set wg0 peer $K preshared-key "$LAB/key"
	done
	{ printf '%s\n' $key; head -c 100000 /dev/zero | tr '\0' ' '; } >"$LAB/key"
	same set wg0 private-key "$LAB/key"
}

@test "a key that is none is not repeated in the message" {
	for text in "${K%jM=}B==" "${K/u/-}" "${K%=}"$'\n' \
		00000000000000000000000000000000000000000000; do
		printf '%s\n' "$text" >"$LAB/key"
		ours_is 1 "Key is not the correct length or format: \`(hidden)'" \
			set wg0 private-key "$LAB/key"
		ours_is 1 "Key is not the correct length or format: \`(hidden)'" \
			set wg0 peer $K preshared-key "$LAB/key"
	done
}

@test "keys from stdin and from a pipe" {
	STDIN=$LAB/key same set wg0 private-key /dev/stdin
	for program in original ours; do
		: >"$LAB/asked"
		PATH=$LAB/$program:$PATH lab bash -c \
			"wg set wg0 private-key <(cat $LAB/key) peer $K preshared-key <(cat $LAB/key)"
		cp "$LAB/asked" "$LAB/$program.asked"
	done
	lab_compare asked
	grep -q preshared_key "$LAB/ours.asked"
}

@test "peer" {
	same set wg0 peer $K
	same set wg0 peer $K peer $L
	same set wg0 peer $K peer $K
	same set wg0 peer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
	for key in '' short ${K}x ${K%=} "${K%M=}N=" " $K" "$K " "${K/u/_}"; do
		same set wg0 peer "$key"
	done
}

@test "remove, and what may follow it" {
	same set wg0 peer $K remove
	same set wg0 peer $K remove persistent-keepalive 25 allowed-ips 10.0.0.0/8
	same set wg0 peer $K persistent-keepalive 25 remove
	same set wg0 peer $K remove peer $K
	same set wg0 peer $K remove peer $L remove
	same set wg0 peer $K remove remove
}

@test "preshared-key" {
	same set wg0 peer $K preshared-key "$LAB/key"
	same set wg0 peer $K preshared-key /dev/null
	same set wg0 peer $K preshared-key /nonexistent
}

@test "persistent-keepalive" {
	for seconds in 0 1 25 025 65535 off OFF oFf 65536 -1 +1 ' 1' '1 ' '' x 0x10 1.5 \
		99999999999999999999; do
		same set wg0 peer $K persistent-keepalive "$seconds"
	done
}

@test "endpoint" {
	for endpoint in 1.2.3.4:5 1.2.3.4:0 1.2.3.4:65535 1.2.3.4:domain '[::1]:5' '[2001:DB8::1]:5' \
		::1:5 '[fe80::1%lo]:5' '[fe80::1%1]:5' '[fe80::1%77]:5' '[::ffff:1.2.3.4]:5' \
		127.1:5 0x7f000001:5 010.0.0.1:5 '1.2.3.4: 5' 1.2.3.4:+5 1.2.3.4:05 \
		'[1.2.3.4]:5' 1.2.3.4:abc ' 1.2.3.4:5' '1.2.3.4:5 ' 1.2.3.4:-1 \
		'' foo 1.2.3.4 1.2.3.4: : :5 '[' '[]' '[]:' '[::1' '[::1]' '[::1]5' '[::1]:' \
		'[::1]x:5' '[::1:5' 1.2.3.4:5:6 '[::1]:5:6' '[fe80::1%nosuch]:5'; do
		same set wg0 peer $K endpoint "$endpoint"
	done
}

@test "an endpoint's port above 65535 is refused, not cut" {
	ours_is 1 "Endpoint port is above 65535: \`1.2.3.4:65536'" set wg0 peer $K endpoint 1.2.3.4:65536
	ours_is 1 "Endpoint port is above 65535: \`[::1]:70000'" set wg0 peer $K endpoint '[::1]:70000'
}

@test "names" {
	same set wg0 peer $K endpoint localhost:5
	# The lab's network has no name server. What then comes, and whether it is temporary, is the
	# C library's business, and the same for both.
	same set wg0 peer $K endpoint nosuch.invalid:99
	# They wait for a second: at the same time.
	export WG_ENDPOINT_RESOLUTION_RETRIES=1
	for program in original ours; do
		{
			local status=0
			$program set wg0 peer $K endpoint nosuch.invalid:99 >"$LAB/$program.out" \
				2>"$LAB/$program.err" || status=$?
			echo "exit status $status" >"$LAB/$program.status"
		} &
	done
	wait
	lab_compare status err out
	grep -q . "$LAB/ours.err"
}

@test "WG_ENDPOINT_RESOLUTION_RETRIES" {
	for retries in 0 2 15 infinity '' +1 ' 1' 2147483647 x -1 0x1 '1 ' 2147483648 Infinity \
		99999999999999999999; do
		export WG_ENDPOINT_RESOLUTION_RETRIES=$retries
		same set wg0 peer $K endpoint 1.2.3.4:5
	done
	export WG_ENDPOINT_RESOLUTION_RETRIES=x
	same set wg0 peer $K endpoint foo
	same set wg0 peer $K
	same set wg0 listen-port 5
}

@test "a service that is not known is not asked for again" {
	export WG_ENDPOINT_RESOLUTION_RETRIES=infinity
	ours_is 1 "Servname not supported for ai_socktype: \`1.2.3.4:abc'" \
		set wg0 peer $K endpoint 1.2.3.4:abc
}

@test "allowed-ips" {
	for ips in 10.0.0.0/8 10.0.0.1 10.0.0.1/32 0.0.0.0/0 ::/0 2001:db8::/32 2001:DB8::1 \
		::ffff:1.2.3.4 10.0.0.0/8,fd00::/8,10.0.0.0/8 '' ' ' ' 10.0.0.0 / 8 , 1 1.0.0.0/8 ' \
		$'10.0.0.0/8,\n\t11.0.0.0/8' 10.0.0.0/008 , 10.0.0.0/8, ,10.0.0.0/8 10.0.0.0/8,,11.0.0.0/8 \
		10.0.0 10.0.0.0.0/8 010.0.0.0/8 10.0.0.256 10.0.0.0/ 10.0.0.0/33 10.0.0.0/-1 10.0.0.0/+8 \
		10.0.0.0/8/8 10.0.0.0/x 10.0.0.0/255.0.0.0 ::/129 :: : ::: fe80::1%lo /8 / \
		'10.0.0.0/8#' '10.0.0.0/8;' 1.2.3.4.5.6:7:8/8 hello 10.0.0.0/8,hello \
		10.0.0.0/99999999999999999999; do
		same set wg0 peer $K allowed-ips "$ips"
	done
	same set wg0 peer $K allowed-ips 10.0.0.0/8 allowed-ips 11.0.0.0/8
	same set wg0 peer $K allowed-ips 10.0.0.0/8 allowed-ips ''
}

@test "host bits are warned about, as written; they do not reach the device" {
	for ips in 192.0.2.1/24 10.0.0.1/8,2001:DB8::1/32,10.1.2.3 10.0.0.1/010 ' 1 0.0.0.1/8' \
		10.0.0.1/8,hello 10.0.0.1/0; do
		lab_record original set wg0 peer $K allowed-ips "$ips"
		lab_record ours set wg0 peer $K allowed-ips "$ips"
		lab_compare status err out
	done
	ours_is 0 "Warning: AllowedIP has nonzero host part: 192.0.2.1/24" \
		set wg0 peer $K allowed-ips 192.0.2.1/24
	grep -qx allowed_ip=192.0.2.0/24 "$LAB/ours.asked"
}

@test "+ and -, which the original of 2021 does not know" {
	local start="set=1
public_key=$HEX" end=$'\n'
	ours_is 0 '' set wg0 peer $K allowed-ips +10.0.0.0/8
	is ours.asked "$start
allowed_ip=10.0.0.0/8$end"
	ours_is 0 '' set wg0 peer $K allowed-ips -10.0.0.0/8,-fd00::1
	is ours.asked "$start
allowed_ip=-10.0.0.0/8
allowed_ip=-fd00::1/128$end"
	ours_is 0 '' set wg0 peer $K allowed-ips '10.9.0.2/32, + 10.9.0.1/32'
	is ours.asked "$start
allowed_ip=10.9.0.2/32
allowed_ip=10.9.0.1/32$end"
	# The last statement decides, for all of them.
	ours_is 0 '' set wg0 peer $K allowed-ips +10.0.0.0/8 allowed-ips 11.0.0.0/8
	is ours.asked "$start
replace_allowed_ips=true
allowed_ip=10.0.0.0/8
allowed_ip=11.0.0.0/8$end"
	ours_is 0 '' set wg0 peer $K allowed-ips 11.0.0.0/8 allowed-ips -10.0.0.0/8
	is ours.asked "$start
allowed_ip=11.0.0.0/8
allowed_ip=-10.0.0.0/8$end"
	# Messages show the entry without its sign.
	ours_is 0 'Warning: AllowedIP has nonzero host part: 10.0.0.1/8' \
		set wg0 peer $K allowed-ips +10.0.0.1/8
	ours_is 1 "AllowedIP is not in the correct format: \`10.0.0.0/33'" \
		set wg0 peer $K allowed-ips -10.0.0.0/33
	ours_is 1 "Unable to parse IP address: \`+10.0.0.0'" set wg0 peer $K allowed-ips ++10.0.0.0/8
	ours_is 1 "Unable to parse IP address: \`'" set wg0 peer $K allowed-ips +
	ours_is 1 "Unable to parse IP address: \`'" set wg0 peer $K allowed-ips 10.0.0.0/8,-
}

@test "words in the wrong place" {
	for words in bogus 'listen-port' 'fwmark' 'private-key' 'peer' 'remove' 'allowed-ips 10.0.0.0/8' \
		'endpoint 1.2.3.4:5' 'listen-port 5 bogus' 'fwmark 1 listen-port' "peer $K bogus" \
		"peer $K listen-port 5" "peer $K fwmark 5" "peer $K private-key /dev/null" \
		"peer $K endpoint" "peer $K allowed-ips" "peer $K preshared-key" \
		"peer $K persistent-keepalive" "peer $K remove bogus" "peer $K peer" \
		'Listen-Port 5' "peer $K Remove" 'listen 5' "--help x"; do
		# shellcheck disable=SC2086
		same set wg0 $words
	done
}

@test "everything at once, in the protocol's order" {
	same set wg0 fwmark 0xca6c private-key "$LAB/key" listen-port 51820 \
		peer $K allowed-ips 10.0.0.0/8,fd00::/8 persistent-keepalive 25 \
		endpoint 192.0.2.1:51820 preshared-key "$LAB/key" \
		peer $L remove
	same set wg0 listen-port 1 listen-port 2 fwmark 1 fwmark 2
	same set wg0 peer $K endpoint 1.2.3.4:5 endpoint 1.2.3.4:6 persistent-keepalive 1 \
		persistent-keepalive off
}

@test "all words are read before the device is touched" {
	ours_is 1 'Invalid argument: bogus' set wg0 listen-port 5 bogus
	is ours.asked ''
	same set nosuch listen-port 5 bogus
}

@test "errno of a set, with either sign" {
	for errno in 1 13 22 71 98 4096; do
		fake_set wg0 "errno=-$errno\n\n"
		same set wg0 listen-port 5
		lab_record original set wg0 listen-port 5
		fake_set wg0 "errno=$errno\n\n"
		lab_record ours set wg0 listen-port 5
		lab_compare status err
	done
}

@test "answers to a set that are none" {
	for answer in '' '\n' 'errno=0' 'x\n\n' 'errno=x\n\n'; do
		fake_set wg0 "$answer"
		ours_is 1 'Unable to modify interface: Protocol error' set wg0 listen-port 5
	done
}
