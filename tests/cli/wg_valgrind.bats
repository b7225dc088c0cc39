#!/usr/bin/env bats
# wg under valgrind: no bad access, and nothing left behind, also where it fails.

load lib

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
HEX=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376

setup_file() {
	lab_start
	((EUID)) || fake wg0
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	command -v valgrind >/dev/null || skip "no valgrind"
	# The sanitizers look after themselves.
	! grep -aq '__asan_init\|__ubsan_handle' "$BUILD/wg" || skip "built with sanitizers"
	FILE=$LAB/file.conf
	fake_describe wg0 "private_key=$HEX\nlisten_port=5\nfwmark=7\npublic_key=$HEX\n\
preshared_key=$HEX\nendpoint=[fe80::1%%1]:5\nlast_handshake_time_sec=1700000000\nrx_bytes=99999\n\
persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/8\n\
public_key=${HEX/58/59}\n"
	printf '%s\n' $K >"$LAB/key"
}

# clean STATUS ARGUMENTS...: what libcrypto still holds at the end is its own business.
clean() {
	local status=0
	lab valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=9 \
		"$BUILD/wg" "${@:2}" <"$LAB/key" >"$LAB/out" 2>"$LAB/err" || status=$?
	((status == $1)) && ! grep '^==' "$LAB/err" || { echo "$status: ${*:2}"; cat "$LAB/err"; false; }
}

@test "keys" {
	clean 0 genkey
	clean 0 genpsk
	clean 0 pubkey
	echo x >"$LAB/key"
	clean 1 pubkey
	clean 0 genkey --out "$LAB/new"
	clean 1 genkey --out "$LAB/new"
	clean 0 genpsk --out "$LAB/new.psk"
}

@test "show and showconf" {
	clean 0 show
	clean 0 show wg0 dump
	clean 0 show interfaces
	clean 0 showconf wg0
	clean 1 show wg0 nonsense
	clean 1 show nosuch
	for format in --json --ndjson --prometheus --names 'dump --names'; do
		# shellcheck disable=SC2086
		clean 0 show wg0 $format
		# shellcheck disable=SC2086
		clean 0 show all $format
	done
	clean 0 show interfaces --json
	clean 1 show nosuch --json
	clean 1 show --watch=x
	fake_get wg0 'private_key=x\n\n'
	clean 1 show all dump
}

@test "set" {
	clean 0 set wg0 listen-port 5 private-key "$LAB/key" peer $K preshared-key "$LAB/key" \
		endpoint localhost:5 allowed-ips 10.0.0.1/8,-11.0.0.0/8 persistent-keepalive 25
	WG_ENDPOINT_RESOLUTION_RETRIES=0 clean 1 set wg0 peer $K endpoint nosuch.invalid:5
	clean 1 set wg0 peer $K allowed-ips 10.0.0.0/8,x
	clean 1 set wg0 listen-port
	clean 0 set wg0 --warn peer "${K/u/v}" allowed-ips 10.0.0.0/8
	grep -q '^Warning: 10.0.0.0/8 moves' "$LAB/err"
	clean 1 set wg0 peer @nobody remove
}

@test "setconf, addconf, syncconf" {
	cat >"$FILE" <<-END
		# Name = here
		[Interface]
		PrivateKey = $K
		ListenPort = 5
		[Peer]
		# Name = there
		PublicKey = $K
		Endpoint = localhost:5
		AllowedIPs = 10.0.0.1/8, fd00::/8
		PresharedKey = $K
	END
	clean 0 setconf wg0 "$FILE"
	clean 0 addconf wg0 "$FILE"
	clean 0 syncconf wg0 "$FILE"
	echo 'Foo = 1' >>"$FILE"
	clean 1 setconf wg0 "$FILE"
	printf '[Peer]\nAllowedIPs = 10.0.0.0/8\n' >"$FILE"
	clean 1 setconf wg0 "$FILE"
	clean 1 setconf wg0 /nonexistent
}
