#!/usr/bin/env bats
# wg show --json, --ndjson and --watch of the latter, read by Perl's reader and compared with dump.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
B=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
C=662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58
PRIVATE=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a

setup_file() {
	lab_start
	((EUID)) && return
	fake wg0
	fake wg1
	lab mount -t tmpfs tmpfs /etc/wireguard
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	perl -MJSON::PP -e 1 || skip "needs JSON::PP"
	lab sh -c 'rm -f /etc/wireguard/*'
	describe_all
	fake_describe wg1 ''
	OUT=$BATS_TEST_TMPDIR/out
}

teardown() {
	# Where a test has failed, it may still run.
	[[ -z ${STREAM:-} ]] || kill "$STREAM" 2>/dev/null || true
}

# A device with a bit of everything.
describe_all() {
	fake_describe wg0 "private_key=$PRIVATE\nlisten_port=12912\nfwmark=51820\n\
public_key=$A\npreshared_key=$C\nprotocol_version=1\nendpoint=[fe80::33%%lo]:51820\n\
last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=7\ntx_bytes=1536\n\
rx_bytes=18446744073709551615\npersistent_keepalive_interval=3601\n\
allowed_ip=192.168.4.4/32\nallowed_ip=fd00::/8\n\
public_key=$B\nlast_handshake_time_sec=1700000001\nrx_bytes=5\nendpoint=182.122.22.19:3233\n\
public_key=$C\nallowed_ip=10.0.0.0/8\n"
}

# json_is_dump [INTERFACE]: whether both notations of JSON say what dump says.
json_is_dump() {
	local interface=${1:-all} prefix=''
	[[ $interface == all ]] || prefix="$interface	"
	ours show "$interface" dump | sed "s/^/$prefix/" | LC_ALL=C sort >"$OUT.dump"
	WG_HIDE_KEYS=never ours show "$interface" --json >"$OUT.json"
	WG_HIDE_KEYS=never ours show "$interface" --ndjson >"$OUT.ndjson"
	diff -u "$OUT.dump" <("$BATS_TEST_DIRNAME/json-to-dump" <"$OUT.json")
	diff -u "$OUT.dump" <("$BATS_TEST_DIRNAME/json-to-dump" --lines <"$OUT.ndjson")
}

# value JSON-FILE PATH...: what stands there; the words true, false, null for those.
value() {
	perl -MJSON::PP -e 'local $/; open my $file, "<:raw", shift; my $at = decode_json(<$file>);
		$at = ref $at eq "ARRAY" ? $at->[$_] : $at->{$_} for @ARGV;
		binmode STDOUT, ":utf8"; print defined $at ? ref $at eq "HASH" ?
			join(" ", sort keys %$at) : $at : "null", "\n"' "$@"
}

# For the background: the program itself, so that a signal to $! is one to it.
stream() {
	exec nsenter -t "$LAB_PID" -m -n -- "$BUILD/wg" show --ndjson "$@"
}

@test "the layout, to the byte" {
	fake_describe wg0 "private_key=$PRIVATE\npublic_key=$A\nallowed_ip=192.168.4.4/32\n\
allowed_ip=fd00::/8\npublic_key=$B\n"
	lab_record ours show wg0 --json
	is ours.err ''
	is ours.out '{
	"wg0": {
		"privateKey": "(hidden)",
		"publicKey": "wVMuGz01CPx+vDVPpnliDzPyhxSVQuaExnt7DYE2Kyk=",
		"peers": {
			"uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=": {
				"transferRx": 0,
				"transferTx": 0,
				"allowedIps": [
					"192.168.4.4/32",
					"fd00::/8"
				]
			},
			"WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=": {
				"transferRx": 0,
				"transferTx": 0,
				"allowedIps": []
			}
		}
	}
}'
	lab_record ours show wg1 --json
	is ours.out '{
	"wg1": {
		"peers": {}
	}
}'
	ours show --json >"$OUT"
	[[ $(value "$OUT") == 'wg0 wg1' ]]
	# Two members are two lines, whichever is first.
	grep -qx $'\t},' "$OUT"
	lab_record ours show wg1 --ndjson
	[[ $(<"$LAB/ours.out") =~ ^'{"time":'[0-9]+.[0-9]{3}',"interface":"wg1","peers":{}}'$ ]]
}

@test "JSON says what dump says" {
	json_is_dump
	json_is_dump wg0
	json_is_dump wg1
	fake_describe wg1 "fwmark=4294967295\nlisten_port=65535\npublic_key=$A\n\
persistent_keepalive_interval=65535\ntx_bytes=18446744073709551615\nendpoint=[::1]:1\n\
allowed_ip=::/0\nallowed_ip=0.0.0.0/0\n"
	json_is_dump
}

@test "JSON says what dump says, of a hundred devices made up" {
	RANDOM=7
	key() { printf %04x%04x%04x%04x%048d $RANDOM $RANDOM $RANDOM $RANDOM 0; }
	for ((i = 0; i < 100; i++)); do
		text=
		((RANDOM % 2)) && text+="private_key=$(key)\n"
		((RANDOM % 2)) && text+="listen_port=$((RANDOM * 2))\n"
		((RANDOM % 2)) && text+="fwmark=$RANDOM\n"
		for ((n = RANDOM % 4; n > 0; n--)); do
			text+="public_key=$(key)\n"
			((RANDOM % 2)) && text+="preshared_key=$(key)\n"
			((RANDOM % 2)) && text+="endpoint=10.1.$((RANDOM % 256)).1:$((RANDOM + 1))\n"
			((RANDOM % 2)) && text+="rx_bytes=$RANDOM$RANDOM\ntx_bytes=$RANDOM\n"
			((RANDOM % 2)) && text+="last_handshake_time_sec=$RANDOM\n"
			((RANDOM % 2)) && text+="persistent_keepalive_interval=$RANDOM\n"
			for ((m = RANDOM % 4; m > 0; m--)); do
				text+="allowed_ip=10.$((RANDOM % 256)).$m.0/24\n"
			done
		done
		fake_describe wg0 "$text"
		json_is_dump wg0 || { printf "%b" "$text"; return 1; }
	done
}

@test "secrets are hidden unless WG_HIDE_KEYS is never" {
	for format in json ndjson; do
		ours show --$format >"$OUT"
		run ! grep -F -e 6EtabScXwQA6E7QxVwNT26ypFGzxUMX4V1aA/rpSAno= \
			-e Zi4U/VlFVvUiYEcDNANRJYkDtk81VTdj8ZQmqypRXFg=\", "$OUT"
		(($(grep -o '(hidden)' "$OUT" | wc -l) == 2))
		WG_HIDE_KEYS=always ours show --$format | grep -q '"privateKey": *"(hidden)"'
		WG_HIDE_KEYS=never ours show --$format >"$OUT"
		grep -q '"privateKey": *"6EtabScXwQA6E7QxVwNT26ypFGzxUMX4V1aA/rpSAno="' "$OUT"
		grep -q '"presharedKey": *"Zi4U/VlFVvUiYEcDNANRJYkDtk81VTdj8ZQmqypRXFg="' "$OUT"
	done
}

@test "names, hostile ones, too" {
	KEY=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
	for name in laptop 'a "b" \c' $'J\xfcrgen' $'J\xc3\xbcrgen' $'\xf0\x9f\x92\xbb pc' '{"x":1}' \
		$'\xe2x' "</script>" $'\xed\xa0\x80x'; do
		printf '# Name = %s\n[Peer]\nPublicKey = %s\n' "$name" $KEY >"$OUT.conf"
		lab sh -c 'cat >/etc/wireguard/wg0.conf' <"$OUT.conf"
		ours show wg0 --json >"$OUT"
		ours show wg0 --ndjson >"$OUT.line"
		iconv -f utf8 -t utf8 "$OUT" >/dev/null
		[[ $(value "$OUT" wg0 peers $KEY name) == "$(value "$OUT.line" peers $KEY name)" ]]
		expected=$(perl -MEncode -e 'binmode STDOUT, ":utf8"; print decode("UTF-8", shift)' \
			"$name")
		# Of broken characters, Perl and we may make a different number of marks.
		[[ $(value "$OUT" wg0 peers $KEY name | LC_ALL=C sed 's/\(\xef\xbf\xbd\)\+/?/g') == \
			"$(LC_ALL=C sed 's/\(\xef\xbf\xbd\)\+/?/g' <<<"$expected")" ]] || { echo "$name"; false; }
	done
	json_is_dump
}

@test "no interfaces, and none such" {
	lab mkdir /var/run/wireguard.away
	lab mount --bind /var/run/wireguard.away /var/run/wireguard
	[[ $(ours show --json) == '{}' ]]
	[[ $(ours show interfaces --json) == '[]' ]]
	[[ -z $(ours show --ndjson) ]]
	lab umount /var/run/wireguard
	for format in json ndjson; do
		lab_record ours show nonesuch --$format
		is ours.status 'exit status 1'
		is ours.out ''
		grep -q '^Unable to access interface: ' "$LAB/ours.err"
	done
}

@test "one of several that cannot be read leaves the JSON whole" {
	fake_get wg0 'errno=1\n\n'
	lab_record ours show --json
	is ours.status 'exit status 0'
	grep -q '^Unable to access interface wg0: ' "$LAB/ours.err"
	[[ $(value "$LAB/ours.out") == wg1 ]]
	fake_get wg1 'errno=1\n\n'
	lab_record ours show --json
	is ours.status 'exit status 1'
	is ours.out '{}'
	lab_record ours show --ndjson
	is ours.status 'exit status 1'
	is ours.out ''
}

@test "the list of interfaces" {
	ours show interfaces --json >"$OUT"
	[[ $(value "$OUT" 2) == null ]]
	[[ $(printf '%s\n' "$(value "$OUT" 0)" "$(value "$OUT" 1)" | sort | xargs) == 'wg0 wg1' ]]
}

@test "what options do not go together" {
	lab_record ours show wg0 transfer --json
	is ours.err 'wg: --json shows all of an interface, no single field'
	is ours.out ''
	is ours.status 'exit status 1'
	ours_is 1 'wg: --ndjson shows all of an interface, no single field' show wg0 dump --ndjson
	ours_is 1 'wg: --watch shows all of an interface, no single field' show wg0 dump --watch
	ours_is 1 'wg: --json and --ndjson exclude each other' show --json --ndjson
	ours_is 1 'wg: --prometheus and --json exclude each other' show --prometheus --json
	ours_is 1 'wg: --watch does not go with --json, but with --ndjson' show --watch --json
	ours_is 1 'wg: --ndjson does not go with the list of interfaces' show interfaces --ndjson
	for value in 0 0.09 86400.1 x 1x 1. .5 1.5.5 -1 +1 1e3 0x10 inf nan ' 1'; do
		ours_is 1 "wg: --watch: \`$value' is not a number from 0.1 to 86400" \
			show --ndjson "--watch=$value"
	done
	ours_is 1 'wg: --watch needs a value: <seconds>' show --ndjson --watch= ||
		grep -q '^wg: --watch needs a value' "$LAB/ours.err"
	# The same twice is no contradiction.
	lab_record ours show --json --json wg1
	is ours.status 'exit status 0'
}

@test "options stand anywhere" {
	ours show wg0 --json >"$OUT"
	ours show --json wg0 | diff "$OUT" -
}

@test "the stream: steady lines, with rates from the second on" {
	fake_describe wg0 "public_key=$A\nrx_bytes=1000\ntx_bytes=500\n"
	stream wg0 --watch=0.5 >"$OUT" &
	STREAM=$!
	lab_wait_for test -s "$OUT"
	fake_describe wg0 "public_key=$A\nrx_bytes=11000\ntx_bytes=500\npublic_key=$B\n"
	lab_wait_for grep -q rxRate "$OUT"
	fake_describe wg0 "public_key=$A\nrx_bytes=7\ntx_bytes=500\npublic_key=$B\n"
	lab_wait_for grep -q '"transferRx":7' "$OUT"
	kill -TERM "$STREAM"
	wait "$STREAM"
	perl -MJSON::PP -e '
		my @lines = map { decode_json($_) } <STDIN>;
		my ($a, $b) = qw(uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
			WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=);
		die "rate in the first" if exists $lines[0]{peers}{$a}{rxRate};
		my $gap = $lines[1]{time} - $lines[0]{time};
		die "gap $gap" if $gap < 0.4 || $gap > 1.5;
		my $rate = $lines[1]{peers}{$a}{rxRate};
		die "rate $rate over $gap" if abs($rate * $gap / 10000 - 1) > 0.1;
		die "tx" if $lines[1]{peers}{$a}{txRate} != 0;
		die "new peer has a rate" if exists $lines[1]{peers}{$b}{rxRate};
		my ($reset) = grep { $_->{peers}{$a}{transferRx} == 7 } @lines;
		die "went back" if exists $reset->{peers}{$a}{rxRate};' <"$OUT"
}

@test "the stream ends with status 0 by a signal, or when nobody reads any more" {
	for signal in INT TERM; do
		stream --watch=100 >"$OUT" &
		STREAM=$!
		lab_wait_for grep -q wg1 "$OUT"
		kill -$signal "$STREAM"
		wait "$STREAM"
	done
	# Long before it would write again.
	SECONDS=0
	{ ours show --ndjson --watch=1000; echo $? >"$OUT.status"; } | head -n 1 >"$OUT"
	[[ -s $OUT && $(<"$OUT.status") == 0 ]]
	((SECONDS < 10))
}

@test "the stream: interfaces come and go, and errors of one do not end it" {
	stream --watch=0.1 >"$OUT" 2>"$OUT.err" &
	STREAM=$!
	lab_wait_for grep -q '"wg1"' "$OUT"
	fake_get wg1 'errno=1\n\n'
	lab_wait_for grep -q 'Unable to access interface wg1' "$OUT.err"
	fake_describe wg1 ''
	fake come$$
	fake_describe come$$ ''
	lab_wait_for grep -q "\"come$$\",\"peers\"" "$OUT"
	lab mv /var/run/wireguard/come$$.sock /var/run/wireguard/come$$.away
	lab_wait_for grep -q "\"come$$\",\"gone\":true" "$OUT"
	lines=$(wc -l <"$OUT")
	lab_wait_for eval '(($(wc -l <"$OUT") > lines + 4))'
	lab mv /var/run/wireguard/come$$.away /var/run/wireguard/come$$.sock
	lab_wait_for eval "grep -A100 gone '$OUT' | grep -q '\"come$$\",\"peers\"'"
	lab rm /var/run/wireguard/come$$.sock
	kill -TERM "$STREAM"
	wait "$STREAM"
	# Once is enough for both.
	(($(grep -c gone "$OUT") == 1))
	(($(grep -c wg1 "$OUT.err") == 1))
	perl -MJSON::PP -ne 'decode_json($_)' "$OUT"
}

@test "the stream of one interface goes on when that is gone, but does not begin without it" {
	lab_record ours show nonesuch --ndjson --watch
	is ours.status 'exit status 1'
	is ours.out ''
	fake solo$$
	fake_describe solo$$ ''
	stream solo$$ --watch=0.1 >"$OUT" 2>"$OUT.err" &
	STREAM=$!
	lab_wait_for grep -q peers "$OUT"
	lab rm /var/run/wireguard/solo$$.sock
	lab_wait_for grep -q gone "$OUT"
	sleep 0.3
	kill -TERM "$STREAM"
	wait "$STREAM"
	(($(grep -c gone "$OUT") == 1))
	run ! grep Unable "$OUT.err"
}
