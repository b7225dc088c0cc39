#!/usr/bin/env bats
# wg on real daemons: ours and the original make the same of the same device, and the same device
# of the same command. Each test runs on wireguard-go, and on wg-datapath when it has been built.

load lib

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
L=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=
FIELDS="public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips
	latest-handshakes transfer persistent-keepalive dump"

setup_file() {
	lab_start
	((EUID == 0)) || return 0
	export DAEMONS=''
	if command -v wireguard-go >/dev/null && lab test -c /dev/net/tun; then
		lab wireguard-go wggo </dev/null >/dev/null 2>&1 3>&-
		DAEMONS+=' wggo'
	fi
	if [[ -x $BUILD/wg-datapath ]] && lab test -c /dev/net/tun; then
		lab "$BUILD/wg-datapath" wgdp </dev/null >/dev/null 2>&1 3>&-
		DAEMONS+=' wgdp'
	fi
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	[[ $DAEMONS ]] || skip "no daemon, or no /dev/net/tun"
	FILE=$LAB/file.conf
	printf 'GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=\n' >"$LAB/key"
	for name in $DAEMONS; do
		original setconf "$name" /dev/null
	done
}

# A device as text: sorted, since daemons may have no order.
state() {
	original show "$1" dump | sort
}

# same_effect ARGUMENTS...: both programs bring the device, called IF, from before.conf, or from
# empty, to the same state. A port is told apart only if it is one of those that tests ask for;
# all others are the device's own choice.
same_effect() {
	local name program
	for name in $DAEMONS; do
		for program in original ours; do
			[[ ! -s $LAB/before.conf ]] || original setconf "$name" "$LAB/before.conf"
			lab_record $program "${@//IF/$name}"
			state "$name" | awk -F '\t' -v OFS='\t' \
				'NF == 4 && $3 != 5555 && $3 != 6666 { $3 = "PORT" } { print }' \
				>"$LAB/$program.out"
			original setconf "$name" /dev/null
		done
		lab_compare status err out || { echo "$name: $*"; return 1; }
	done
}

a_bit_of_everything() {
	cat >"$FILE" <<-END
		[Interface]
		PrivateKey = YE4N+KXQ9jd9nLnLtqBOOkTGf7YfQPVrFRgZqY0Xx2w=
		ListenPort = $1
		FwMark = 0xca6c

		[Peer]
		PublicKey = $K
		PresharedKey = GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=
		AllowedIPs = 10.0.0.0/8, fd00::/8, 192.0.2.1/32
		Endpoint = [2001:db8::1]:51820
		PersistentKeepalive = 25

		[Peer]
		PublicKey = $L
		Endpoint = 192.0.2.1:51820
	END
}

@test "both show the same: fields" {
	for name in $DAEMONS; do
		a_bit_of_everything 51820
		ours setconf "$name" "$FILE"
		for field in $FIELDS; do
			same_unordered show "$name" "$field"
			[[ $field == endpoints ]] || same_unordered show all "$field"
		done
		original setconf "$name" /dev/null
	done
}

@test "both show the same: for people, and showconf" {
	for name in $DAEMONS; do
		ours setconf "$name" /dev/null
		same show "$name"
		same showconf "$name"
		ours set "$name" private-key "$LAB/key" listen-port 51820 fwmark 5 peer $K \
			endpoint 127.0.0.1:9 allowed-ips 10.0.0.0/8,::/0 preshared-key "$LAB/key" \
			persistent-keepalive 25
		same showconf "$name"
		# Counters move while a handshake is tried.
		same show "$name" || same show "$name" || same show "$name"
		WG_COLOR_MODE=always WG_HIDE_KEYS=never same show "$name" ||
			WG_COLOR_MODE=always WG_HIDE_KEYS=never same show "$name"
		ours setconf "$name" /dev/null
	done
	same show interfaces
}

@test "set has the same effect" {
	same_effect set IF listen-port 5555
	same_effect set IF private-key "$LAB/key"
	same_effect set IF fwmark 0xca6c
	same_effect set IF peer $K
	same_effect set IF peer $K remove
	same_effect set IF peer $K preshared-key "$LAB/key"
	same_effect set IF peer $K endpoint 127.0.0.1:9
	same_effect set IF peer $K endpoint '[::1]:9'
	same_effect set IF peer $K persistent-keepalive 25
	same_effect set IF peer $K allowed-ips 10.0.0.1/8,fd00::/8
	same_effect set IF peer $K allowed-ips 10.0.0.0/8 peer $L allowed-ips 10.0.0.0/8
}

@test "set changes what is there in the same way" {
	a_bit_of_everything 5555
	cp "$FILE" "$LAB/before.conf"
	same_effect set IF peer $K remove
	same_effect set IF peer $K allowed-ips ''
	same_effect set IF peer $L allowed-ips 10.0.0.0/8
	same_effect set IF private-key /dev/null
	same_effect set IF fwmark off
	same_effect set IF peer $K preshared-key /dev/null persistent-keepalive off
	same_effect set IF peer $K remove peer $K
	rm "$LAB/before.conf"
}

@test "files have the same effect" {
	a_bit_of_everything 5555
	for subcommand in setconf addconf syncconf; do
		same_effect $subcommand IF "$FILE"
	done
	cp "$FILE" "$LAB/before.conf"
	for text in '' '[Interface]\nListenPort = 6666\n' "[Peer]\nPublicKey = $K\n" \
		"[Peer]\nPublicKey = $L\nAllowedIPs = 10.0.0.0/8\nPersistentKeepalive = 1\n"; do
		# shellcheck disable=SC2059
		printf "$text" >"$FILE"
		same_effect setconf IF "$FILE"
		same_effect addconf IF "$FILE"
	done
	# The original of 2021 keeps a preshared key that the file leaves out.
	printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.0.0/8\n' $L >"$FILE"
	same_effect syncconf IF "$FILE"
	rm "$LAB/before.conf"
}

@test "syncconf resets a preshared key and a keepalive" {
	for name in $DAEMONS; do
		a_bit_of_everything 5555
		ours setconf "$name" "$FILE"
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = 10.0.0.0/8\n' $K >"$FILE"
		ours syncconf "$name" "$FILE"
		[[ $(ours show "$name" preshared-keys) == "$K"$'\t(none)' ]]
		[[ $(ours show "$name" persistent-keepalive) == "$K"$'\toff' ]]
		[[ $(ours show "$name" endpoints) == "$K"$'\t[2001:db8::1]:51820' ]]
		ours setconf "$name" /dev/null
	done
}

@test "what showconf prints makes the same device again" {
	for name in $DAEMONS; do
		a_bit_of_everything 5555
		ours setconf "$name" "$FILE"
		state "$name" >"$LAB/before"
		ours showconf "$name" >"$FILE"
		ours setconf "$name" /dev/null
		ours setconf "$name" "$FILE"
		state "$name" | diff "$LAB/before" -
		ours setconf "$name" /dev/null
	done
}

@test "allowed IPs one by one" {
	for name in $DAEMONS; do
		# wireguard-go of 2022 does not know how to remove one.
		[[ $name != wggo ]] || continue
		ours set "$name" peer $K allowed-ips 10.0.0.0/8,11.0.0.0/8
		ours set "$name" peer $K allowed-ips +12.0.0.0/8,-10.0.0.0/8
		[[ $(ours show "$name" allowed-ips | tr ' \t' '\n\n' | sort | tr '\n' ' ') == \
			"11.0.0.0/8 12.0.0.0/8 $K " ]]
		ours set "$name" peer $K allowed-ips 13.0.0.0/8
		[[ $(ours show "$name" allowed-ips) == "$K"$'\t13.0.0.0/8' ]]
	done
}

@test "the daemon's errors" {
	for name in $DAEMONS; do
		# The socket is taken by someone else.
		lab perl -MIO::Socket::INET -e '
			my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "0.0.0.0:7777") or die;
			open my $pid, ">", shift; print $pid $$; close $pid;
			sleep 60' "$LAB/taker" </dev/null >/dev/null 2>&1 3>&- &
		lab_wait_for test -s "$LAB/taker"
		same set "$name" listen-port 7777
		lab kill "$(<"$LAB/taker")"
		rm "$LAB/taker"
		wait
	done
}

@test "a thousand peers" {
	for name in $DAEMONS; do
		awk 'BEGIN {
			for (i = 1; i <= 1000; i++) {
				printf "[Peer]\nPublicKey = AAAA%04dAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", i
				printf "AllowedIPs = 10.%d.%d.0/24\n", i / 256, i % 256
			}
		}' >"$FILE"
		ours setconf "$name" "$FILE"
		(($(ours show "$name" peers | wc -l) == 1000))
		same_unordered show "$name" dump
		head -n 30 "$FILE" >"$FILE.2"
		ours syncconf "$name" "$FILE.2"
		(($(ours show "$name" peers | wc -l) == 10))
		same_unordered show "$name" allowed-ips
	done
}
