#!/usr/bin/env bats
# wg show and showconf in all forms, against the original, on a made-up daemon.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
B=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
C=662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58
PRIVATE=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a
ZERO=0000000000000000000000000000000000000000000000000000000000000000
FIELDS="public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips
	latest-handshakes transfer persistent-keepalive dump"

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
}

# A device with a bit of everything.
describe_all() {
	fake_describe wg0 "private_key=$PRIVATE\nlisten_port=12912\nfwmark=51820\n\
public_key=$A\npreshared_key=$C\nprotocol_version=1\nendpoint=[fe80::33%%lo]:51820\n\
last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=7\ntx_bytes=1536\n\
rx_bytes=18446744073709551615\npersistent_keepalive_interval=3601\n\
allowed_ip=192.168.4.4/32\nallowed_ip=fd00::/8\n\
public_key=$B\nlast_handshake_time_sec=1700000001\nrx_bytes=5\n\
persistent_keepalive_interval=0\nendpoint=182.122.22.19:3233\n\
public_key=$C\npreshared_key=$ZERO\nallowed_ip=10.0.0.0/8\n"
}

@test "every field" {
	describe_all
	for field in $FIELDS; do
		same show wg0 "$field"
	done
}

@test "every field of an empty device" {
	fake_describe wg0 ''
	for field in $FIELDS; do
		same show wg0 "$field"
	done
	same show wg0
	same showconf wg0
}

@test "every field of all devices, but for endpoints, where the original of 2021 errs" {
	describe_all
	for field in ${FIELDS/endpoints/}; do
		same show all "$field"
	done
	lab_record ours show all endpoints
	is ours.out "$(original show wg0 endpoints | sed 's/^/wg0\t/')"
}

@test "the pretty form" {
	describe_all
	# The clock may step between two programs.
	same show wg0 || same show wg0
	same show || same show
	same || same
	same show all || same show all
}

@test "no such field" {
	describe_all
	for field in nonsense '' peer Dump 'dump ' ; do
		same show wg0 "$field"
		# We need no device to know that.
		lab_record original show all "$field"
		lab_record ours show all "$field"
		lab_compare status err out
	done
}

@test "showconf" {
	describe_all
	same showconf wg0
	fake_describe wg0 "private_key=$PRIVATE\n"
	same showconf wg0
	fake_describe wg0 "listen_port=1\npublic_key=$A\n"
	same showconf wg0
	fake_describe wg0 "fwmark=4294967295\npublic_key=$A\npublic_key=$B\n"
	same showconf wg0
}

@test "what showconf prints, addconf takes" {
	describe_all
	ours showconf wg0 >"$LAB/wg0.conf"
	same addconf wg0 "$LAB/wg0.conf"
	same setconf wg0 "$LAB/wg0.conf"
}

@test "colours, asked for and not" {
	describe_all
	for mode in always never auto '' bogus ALWAYS; do
		export WG_COLOR_MODE=$mode
		same show wg0 || same show wg0
		same show wg0 dump
		same showconf wg0
	done
	WG_COLOR_MODE=always lab_record ours show wg0
	grep -q $'\e\[33m\e\[1mpeer\e\[0m: ' "$LAB/ours.out"
}

@test "colours on a terminal, and none in a pipe" {
	describe_all
	for program in original ours; do
		script -qec "nsenter -t $LAB_PID -m -n -p -- $LAB/$program/wg show wg0 public-key" \
			/dev/null >"$LAB/$program.field"
		script -qec "nsenter -t $LAB_PID -m -n -p -- $LAB/$program/wg show wg0" \
			/dev/null </dev/null | grep -v handshake >"$LAB/$program.tty"
	done
	cmp "$LAB/original.tty" "$LAB/ours.tty"
	cmp "$LAB/original.field" "$LAB/ours.field"
	grep -q $'\e' "$LAB/ours.tty"
	ours show wg0 | run ! grep $'\e'
}

@test "keys are shown only if WG_HIDE_KEYS is never" {
	describe_all
	for mode in never always '' Never 'never '; do
		export WG_HIDE_KEYS=$mode
		same show wg0 || same show wg0
		same show wg0 dump
		same showconf wg0
	done
}

@test "units of transfer" {
	for bytes in 0 1 1023 1024 1025 1048575 1048576 1073741823 1073741824 1099511627775 \
		1099511627776 1125899906842623 1125899906842624 18446744073709551615 \
		1029 1034 1536 999999999999; do
		fake_describe wg0 "public_key=$A\nrx_bytes=$bytes\ntx_bytes=0\n\
public_key=$B\nrx_bytes=0\ntx_bytes=$bytes\n"
		same show wg0
		same show wg0 transfer
		WG_COLOR_MODE=always same show wg0
	done
}

@test "how long ago" {
	local now
	for ago in 0 1 2 59 60 61 119 3599 3600 3601 3660 3661 7200 86399 86400 86401 90061 \
		172800 31535999 31536000 31536001 63072000 1000000000; do
		# Should the clock step in between, the second try will do.
		for try in 1 2 3; do
			now=$(date +%s)
			fake_describe wg0 "public_key=$A\nlast_handshake_time_sec=$((now - ago))\n"
			same show wg0 >"$LAB/difference" && break
			((try < 3)) || { cat "$LAB/difference"; false; }
		done
	done
	for when in 1 9999999999 4294967296; do
		fake_describe wg0 "public_key=$A\nlast_handshake_time_sec=$when\n"
		same show wg0 || same show wg0
		WG_COLOR_MODE=always same show wg0 || WG_COLOR_MODE=always same show wg0
	done
}

@test "keepalive in units" {
	for seconds in 0 1 25 59 60 61 3599 3600 3601 3660 65535; do
		fake_describe wg0 "public_key=$A\npersistent_keepalive_interval=$seconds\n"
		same show wg0
		same show wg0 persistent-keepalive
		same showconf wg0
	done
}

@test "the latest handshake comes first, the others keep their order" {
	local text='' i key
	for i in 0 5 0 9 5 7 0 3 9; do
		printf -v key '%064d' $((${#text} + 1))
		text+="public_key=$key\nlast_handshake_time_sec=$((i ? 1700000000 + i : 0))\n"
	done
	fake_describe wg0 "$text"
	same show wg0 peers
	for program in original ours; do
		$program show wg0 | grep peer: >"$LAB/$program.order"
	done
	cmp "$LAB/original.order" "$LAB/ours.order"
	fake_describe wg0 "public_key=$A\nlast_handshake_time_sec=1700000000\n\
last_handshake_time_nsec=5\npublic_key=$B\nlast_handshake_time_sec=1700000000\n\
last_handshake_time_nsec=6\n"
	same show wg0 || same show wg0
}

@test "odd values that a daemon may report" {
	for lines in "listen_port=0" "fwmark=0" "foo=bar" "=x" "x=" \
		"private_key=${PRIVATE^^}" "listen_port=007" "fwmark=4294967295" \
		"own_public_key=$A" "allowed_ip=nonsense" "endpoint=nonsense" \
		"public_key=$A\nlisten_port=99999\nprivate_key=x\nfwmark=y" \
		"public_key=$A\npublic_key=$A" "public_key=$ZERO" "public_key=$A\npreshared_key=$ZERO" \
		"public_key=$A\npreshared_key=${C^^}" "public_key=$A\nallowed_ip=10.1.2.3/8" \
		"public_key=$A\nallowed_ip=10.1.2.3/08" "public_key=$A\nallowed_ip=0.0.0.0/0" \
		"public_key=$A\nallowed_ip=::/0" "public_key=$A\nallowed_ip=::ffff:1.2.3.4/128" \
		"public_key=$A\nallowed_ip=FD00::1/64" "public_key=$A\nendpoint=1.2.3.4:0" \
		"public_key=$A\nendpoint=[2001:DB8::1]:65535" "public_key=$A\nendpoint=::1:5" \
		"public_key=$A\nendpoint=[fe80::1%%1]:5" "public_key=$A\nendpoint=[fe80::1%%99]:5" \
		"public_key=$A\nendpoint=[::ffff:1.2.3.4]:5" "public_key=$A\nprotocol_version=2" \
		"public_key=$A\nlast_handshake_time_nsec=5" \
		"public_key=$A\nlast_handshake_time_nsec=99999999999" \
		"public_key=$A\nlast_handshake_time_sec=9223372036854775807" \
		"public_key=$A\npersistent_keepalive_interval=00025"; do
		fake_describe wg0 "$lines\n"
		same show wg0 dump
		same showconf wg0
		same show wg0 || same show wg0
	done
	fake_describe wg0 "private_key=$ZERO\n"
	same show wg0
	same show wg0 dump
}

@test "answers that are none" {
	for answer in '' '\n' '\n\n' 'errno=0' 'errno=0\n' 'listen_port=5\n\n' 'errno=\n\n' \
		'errno=x\n\n' 'errno=1x\n\n' 'errno=99999999999999\n\n' 'errno=0\r\n\r\n' \
		'errno=0\nlisten_port\n\n' 'listen_port=\nerrno=0\n\n' 'listen_port=65536\nerrno=0\n\n' \
		'listen_port=-1\nerrno=0\n\n' 'listen_port=+1\nerrno=0\n\n' 'fwmark=0x1\nerrno=0\n\n' \
		'private_key=\nerrno=0\n\n' 'private_key=00\nerrno=0\n\n' 'public_key=x\nerrno=0\n\n' \
		"public_key=$A\nallowed_ip=\nerrno=0\n\n" "public_key=$A\nallowed_ip=1.2.3.4\nerrno=0\n\n" \
		"public_key=$A\nallowed_ip=1.2.3.4/\nerrno=0\n\n" \
		"public_key=$A\nallowed_ip=1.2.3.4/33\nerrno=0\n\n" \
		"public_key=$A\nallowed_ip=::/129\nerrno=0\n\n" \
		"public_key=$A\nallowed_ip=-1.2.3.4/8\nerrno=0\n\n" \
		"public_key=$A\nallowed_ip=1.2.3.4/+8\nerrno=0\n\n" \
		"public_key=$A\nendpoint=\nerrno=0\n\n" "public_key=$A\nendpoint=foo\nerrno=0\n\n" \
		"public_key=$A\nendpoint=1.2.3.4\nerrno=0\n\n" "public_key=$A\nendpoint=[::1\nerrno=0\n\n" \
		"public_key=$A\nlast_handshake_time_sec=-5\nerrno=0\n\n" \
		"public_key=$A\nlast_handshake_time_sec=9223372036854775808\nerrno=0\n\n" \
		"public_key=$A\npersistent_keepalive_interval=65536\nerrno=0\n\n" \
		"public_key=$A\nrx_bytes=\nerrno=0\n\n" "public_key=$A\npreshared_key=0\nerrno=0\n\n"; do
		fake_get wg0 "$answer"
		same show wg0
		same show wg0 dump
		same showconf wg0
	done
}

@test "answers that crash the original, or that it takes for something else" {
	for line in 'endpoint=1.2.3.4:http' 'endpoint=[fe80::1%%nosuch]:7' 'endpoint=1.2.3.4:70000' \
		'rx_bytes=18446744073709551616'; do
		fake_describe wg0 "public_key=$A\n$line\n"
		ours_is 1 'Unable to access interface: Protocol error' show wg0
	done
}

@test "errno of a get, with either sign" {
	for errno in 1 2 13 22 71 4095 4096; do
		fake_get wg0 "listen_port=5\nerrno=$errno\n\n"
		same show wg0
		same showconf wg0
		fake_get wg0 "errno=-$errno\n\n"
		lab_record ours show wg0
		lab_compare status err
	done
	fake_get wg0 'errno=1\nlisten_port=5\n\n'
	same show wg0
	fake_get wg0 'errno=1\nerrno=0\n\n'
	same show wg0 listen-port
	fake_get wg0 'errno=0\nlisten_port=5\n\n'
	same show wg0 listen-port
}

@test "several devices" {
	fake wg1
	fake wg2
	describe_all
	fake_describe wg1 "listen_port=7\npublic_key=$A\n"
	fake_describe wg2 ''
	same show interfaces
	same show all dump
	same show all || same show all
	WG_COLOR_MODE=always same show || WG_COLOR_MODE=always same show
	# One that fails does not hide the others.
	fake_get wg1 'x\n\n'
	same show all dump
	same show all listen-port
	same show all || same show all
	fake_get wg0 'x\n\n'
	fake_get wg2 'errno=1\n\n'
	same show all dump
	same show all
	same
	lab rm /var/run/wireguard/wg1.sock /var/run/wireguard/wg2.sock
}

@test "sockets that nobody listens on go away, other files are passed over" {
	fake_describe wg0 ''
	lab perl -MIO::Socket::UNIX -e '
		IO::Socket::UNIX->new(Local => "/var/run/wireguard/$_.sock", Listen => 1) for @ARGV' \
		stale1 stale2
	lab mkdir /var/run/wireguard/dir.sock
	lab touch /var/run/wireguard/file.sock /var/run/wireguard/wg9
	lab test -S /var/run/wireguard/stale1.sock
	ours_is 0 '' show interfaces
	is ours.out wg0
	lab test ! -e /var/run/wireguard/stale1.sock
	lab test ! -e /var/run/wireguard/stale2.sock
	lab test -e /var/run/wireguard/file.sock
	same show interfaces
	same show all listen-port
	same show file
	same show dir
}

@test "a thousand peers, and one with a thousand allowed IPs" {
	{
		awk 'BEGIN {
			for (i = 1; i <= 1000; i++)
				printf "public_key=%064x\nallowed_ip=10.%d.%d.0/24\n", i, i / 256, i % 256
		}'
		printf 'public_key=%s\n' $A
		printf 'allowed_ip=fd00:%x::/32\n' {1..1000}
		printf 'errno=0\n\n'
	} >"$LAB/wg0.get"
	same show wg0 dump
	same show wg0
	same showconf wg0
	# Who has seen enough may go; where that is a signal and where it is not.
	for program in original ours; do
		PATH=$LAB/$program:$PATH lab bash -c '
			for words in "show wg0 dump" "show wg0" "showconf wg0"; do
				wg $words | head -n 1 >/dev/null
				echo ${PIPESTATUS[@]}
				(trap "" PIPE; wg $words | head -n 1 >/dev/null; echo ${PIPESTATUS[@]})
			done' >"$LAB/$program.out" 2>"$LAB/$program.err"
	done
	lab_compare out err
	# A pipe of somebody's event loop has no room, and tells so; nothing is lost all the same.
	ours show wg0 dump >"$LAB/whole"
	perl -MFcntl -e '
		pipe my $in, my $out;
		fcntl $out, F_SETFL, O_NONBLOCK or die;
		if (!fork) {
			open STDOUT, ">&", $out;
			exec @ARGV;
		}
		close $out;
		select undef, undef, undef, 0.2;
		print while <$in>;
		wait;
		exit $? >> 8' -- nsenter -t "$LAB_PID" -m -n -p -- "$LAB/ours/wg" show wg0 dump \
		>"$LAB/pieces"
	cmp "$LAB/whole" "$LAB/pieces"
}

@test "a user whom the daemon does not let in" {
	describe_all
	# Where a build stands, and its lab, others may not look.
	lab mkdir -p /run/others/original /run/others/ours
	lab cp "$BUILD/wg" /run/others/ours/wg
	lab cp /usr/bin/wg /run/others/original/wg
	lab chmod -R 755 /run/others
	lab chmod 755 /var/run/wireguard
	lab chmod 700 /var/run/wireguard/wg0.sock
	for words in show 'show interfaces' 'show all dump' 'show wg0' 'showconf wg0' 'set wg0 fwmark 1' \
		'syncconf wg0 /dev/null'; do
		for program in original ours; do
			local status=0
			# shellcheck disable=SC2086
			PATH=/run/others/$program:$PATH lab setpriv --reuid 65534 --regid 65534 \
				--clear-groups wg $words >"$LAB/$program.out" 2>"$LAB/$program.err" || status=$?
			echo "exit status $status" >"$LAB/$program.status"
		done
		lab_compare status err out || { echo "$words"; false; }
	done
	is ours.err 'Unable to modify interface: Permission denied'
}
