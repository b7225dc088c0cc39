# What the scripts that lib.bash's in_ns runs have at hand.

# key N: a key that is its number.
key() {
	printf 'AAAAA%05dAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' "$1"
}

# conf FROM TO IPS: the sections of peers with all there is, each with so many allowed IPs.
conf() {
	perl -e '
		my ($from, $to, $ips) = @ARGV;
		for my $i ($from .. $to) {
			printf "[Peer]\nPublicKey = AAAAA%05d%s=\nPresharedKey = BBBBB%05d%s=\n",
				$i, "A" x 33, $i, "A" x 33;
			printf "AllowedIPs = fd%02x:%x:%x::/48\n", $_ >> 8, $_ & 255, $i for 0 .. $ips - 1;
			printf "Endpoint = 192.0.2.%d:%d\nPersistentKeepalive = %d\n", $i & 255, $i, $i;
		}' "$@"
}

# fails TEXT COMMAND...: it ends with status 1 and says just that.
fails() {
	local said status=0
	said=$("${@:2}" 2>&1) || status=$?
	[[ $status -eq 1 && $said == "$1" ]] || {
		printf 'status %d, not 1:%s\nsaid      %q\nexpected  %q\n' "$status" "$(printf ' %q' "${@:2}")" "$said" "$1"
		return 1
	}
}

# same ARGUMENTS...: both programs print and say the same, and end alike.
same() {
	local a=0 b=0
	"$theirs" "$@" >theirs.out 2>theirs.err || a=$?
	"$ours" "$@" >ours.out 2>ours.err || b=$?
	[[ $a -eq $b ]] && cmp theirs.out ours.out && cmp theirs.err ours.err || {
		printf 'status %d, ours %d:%s\n' "$a" "$b" "$(printf ' %q' "$@")"
		diff theirs.out ours.out | head -n 10
		diff theirs.err ours.err | head -n 10
		return 1
	}
}

# both COMMAND ARGUMENTS...: ours does it to wgk0, the original to wgk1: they end alike, and so do
# the devices. The links are down, so that both can have one port.
both() {
	local a=0 b=0
	"$theirs" "$1" wgk1 "${@:2}" 2>theirs.err || a=$?
	"$ours" "$1" wgk0 "${@:2}" 2>ours.err || b=$?
	"$theirs" showconf wgk1 >theirs.out
	"$theirs" showconf wgk0 >ours.out
	[[ $a -eq $b ]] && cmp theirs.out ours.out && cmp theirs.err ours.err || {
		printf 'status %d, ours %d:%s\n' "$a" "$b" "$(printf ' %q' "$@")"
		diff theirs.out ours.out | head -n 10
		diff theirs.err ours.err | head -n 10
		return 1
	}
}

# tunnel: makes wgk0 and wgk1 peers of each other; wgk1 goes to the namespace "far", its socket
# stays. There are a handshake and some traffic when it returns.
tunnel() {
	"$ours" genkey >key0
	"$ours" genkey >key1
	ip netns add far
	ip link set wgk1 netns far
	"$ours" set wgk0 private-key key0 listen-port 51820 peer "$("$ours" pubkey <key1)" \
		allowed-ips 10.9.0.2/32 endpoint 127.0.0.1:51821 persistent-keepalive 25
	ip netns exec far "$ours" set wgk1 private-key key1 listen-port 51821 \
		peer "$("$ours" pubkey <key0)" allowed-ips 10.9.0.1/32
	ip addr add 10.9.0.1/24 dev wgk0
	ip link set wgk0 up
	ip -n far addr add 10.9.0.2/24 dev wgk1
	ip -n far link set wgk1 up
	ping -q -c 2 -i 0.2 -W 10 10.9.0.2 >/dev/null
}
