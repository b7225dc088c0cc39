# What scripts have at hand that test a datapath daemon on a test's host; see lib.bash. To be
# sourced with BUILD set.

# eventually COMMAND...: tries until it succeeds; fails after ten seconds.
eventually() {
	local end=$((SECONDS + 10))
	until "$@"; do
		((SECONDS < end)) || { echo "never came true: $*" >&2; return 1; }
		sleep 0.02
	done
}

# fails COMMAND...: to say that something must not succeed, in a script that stops at failures.
fails() {
	if "$@"; then
		echo "should fail: $*" >&2
		return 1
	fi
}

no_link() {
	! ip link show "$1" >/dev/null 2>&1
}

no_process() {
	! kill -0 "$1" 2>/dev/null || [[ $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) == Z ]]
}

# daemon_pid NAME: the process that serves the interface NAME.
daemon_pid() {
	local pid
	for pid in /proc/[0-9]*; do
		if [[ $(tr '\0' ' ' 2>/dev/null <"$pid/cmdline") =~ (wg-datapath|wireguard-go)\ (-f\ )?$1\ $ ]]; then
			echo "${pid#/proc/}"
			return
		fi
	done
	return 1
}

# gone NAME PID: neither interface nor socket nor process are left.
gone() {
	eventually no_process "$2" && eventually no_link "$1" && [[ ! -e /var/run/wireguard/$1.sock ]]
}

# uapi NAME: sends standard input to the daemon's socket and prints the answer.
uapi() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => shift) or die "connect: $!\n";
		local ($/, $SIG{PIPE}) = (undef, "IGNORE");
		print $s scalar <STDIN>;
		$s->shutdown(1);
		print <$s>;' "/var/run/wireguard/$1.sock"
}

# hex KEY: a base64 key as the UAPI writes it.
hex() {
	base64 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n'
}

# ---- two hosts and a tunnel ------------------------------------------------------------------
#
#   netns a                                     netns b
#   wga 10.2.0.1/24 fd02::1/64                  wgb 10.2.0.2/24 fd02::2/64
#    :  UDP port 5001                            :  UDP port 5002
#   eth0 10.1.0.1/24 fd01::1/64  --- veth ---   eth0 10.1.0.2/24 fd01::2/64

a() { nsenter --net=/run/netns/a "$@"; }
b() { nsenter --net=/run/netns/b "$@"; }

# two_hosts: the namespaces and the veth between them.
two_hosts() {
	local side n=0
	ip netns add a
	ip netns add b
	a ip link add eth0 type veth peer name eth0 netns b
	for side in a b; do
		((++n))
		# No time to wait for duplicate addresses that cannot be.
		$side sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0 \
			net.ipv4.ping_group_range='0 0'
		$side ip link set lo up
		$side ip link set eth0 up
		$side ip addr add 10.1.0.$n/24 dev eth0
		$side ip addr add fd01::$n/64 dev eth0
	done
	eventually a ping -c 1 -W 1 fd01::2 >/dev/null
}

# tunnel [DAEMON_A DAEMON_B]: both ends with key, port and addresses, up, without a peer. Sets
# key_a key_b pub_a pub_b psk.
tunnel() {
	local daemon_a=${1:-$datapath} daemon_b=${2:-$datapath} side n=0
	key_a=$(wg genkey) key_b=$(wg genkey) psk=$(wg genpsk)
	pub_a=$(wg pubkey <<<"$key_a") pub_b=$(wg pubkey <<<"$key_b")
	a "$daemon_a" wga >/dev/null 2>&1
	b "$daemon_b" wgb >/dev/null 2>&1
	wg set wga private-key <(echo "$key_a") listen-port 5001
	wg set wgb private-key <(echo "$key_b") listen-port 5002
	for side in a b; do
		((++n))
		$side ip addr add 10.2.0.$n/24 dev wg$side
		$side ip addr add fd02::$n/64 dev wg$side
		$side ip link set wg$side up
	done
}

# peers OUTER [PSK_A [PSK_B]]: makes them each other's peer; a knows where b is. OUTER is 4 or 6.
peers() {
	local endpoint=10.1.0.2:5002 psk_a=${2:-/dev/null} psk_b=${3:-${2:-/dev/null}}
	((${1:-4} == 4)) || endpoint=[fd01::2]:5002
	wg set wga peer "$pub_b" preshared-key "$psk_a" allowed-ips 10.2.0.2/32,fd02::2/128 \
		endpoint "$endpoint"
	wg set wgb peer "$pub_a" preshared-key "$psk_b" allowed-ips 10.2.0.1/32,fd02::1/128
}

# pings SIDE ADDRESS [OPTION...]: whether three pings come back, the first within a second.
pings() {
	local side=$1 address=$2
	shift 2
	$side ping -q -c 3 -i 0.01 -W 1 "$@" "$address" >/dev/null 2>&1
}

# through: whether a reaches b over IPv4 and IPv6.
through() {
	pings a 10.2.0.2 && pings a fd02::2
}

handshakes() {
	wg show "$1" latest-handshakes | cut -f 2
}

# transfer FROM TO ADDRESS MEGABYTES: sends random bytes over TCP from host FROM to host TO, which
# has ADDRESS, and compares the checksums.
transfer() {
	local got
	[[ -s sent && $(stat -c %s sent) == $(($4 << 20)) ]] || head -c "$4M" /dev/urandom >sent
	$2 perl -MIO::Socket::IP -e '
		my $l = IO::Socket::IP->new(LocalHost => shift, LocalPort => 7000, Listen => 1,
			ReuseAddr => 1) or die "listen: $@";
		open(my $f, ">", "listening"); close $f;
		my $s = $l->accept;
		print $buffer while sysread($s, $buffer, 65536);' "$3" | sha256sum >got &
	got=$!
	eventually test -e listening
	rm listening
	timeout 120 nsenter --net=/run/netns/$1 perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(PeerHost => shift, PeerPort => 7000) or die "connect: $@";
		print $s $buffer while sysread(STDIN, $buffer, 65536);
		close $s or die;' "$3" <sent
	wait $got
	same "$(sha256sum <sent)" "$(cat got)"
}
