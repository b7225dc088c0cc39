#!/usr/bin/env bats
# The life of wg-datapath: how it starts and ends, what it leaves behind (nothing), what it says
# when it cannot start, and that nobody can talk it to death.

load lib

setup() {
	need_root
	bats_require_minimum_version 1.5.0
}

# on_datapath_host: the script on standard input, with $datapath, in a directory of its own.
on_datapath_host() {
	local script
	script=$(cat)
	on_host "$BUILD" "$BATS_TEST_DIRNAME" <<-SCRIPT
	datapath=\$1/wg-datapath
	. "\$2/datapath.bash"
	cd /run
	$script
	SCRIPT
}

@test "returns when the socket answers, and holds nobody up" {
	on_datapath_host <<-'SCRIPT'
	# A pipe as standard output, standard error and a descriptor that happens to be open: this
	# would wait for all of them to close.
	out=$({ timeout 10 "$datapath" wg0; wg show wg0 >/dev/null; echo "status $?"; } 2>&1 3>&1)
	same "status 0" "$out"
	SCRIPT
}

@test "until it is given a key it is small: libcrypto is not loaded" {
	! grep -aq '__asan_init\|__tsan_init\|__ubsan_handle' "$BUILD/wg-datapath" ||
		skip "built with sanitizers"
	! grep -aq 'OpenSSL [0-9]' "$BUILD/wg-datapath" || skip "libcrypto is linked in"
	on_datapath_host <<-'SCRIPT'
	"$datapath" -f wg0 &
	until [[ $(wg show wg0 listen-port 2>/dev/null) ]]; do sleep 0.01; done
	pid=$(daemon_pid wg0)
	# What a stranger sends does not change that.
	ip link set wg0 up
	wg set wg0 listen-port 1234
	printf '\1\0\0\0%0144d' 0 >/dev/udp/127.0.0.1/1234
	wg show wg0 >/dev/null
	same 0 "$(grep -c -e libcrypto -e IPSec /proc/$pid/maps)"
	rss=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status)
	((rss > 0 && rss <= 3072)) || { echo "VmHWM is $rss KiB"; exit 1; }
	# With a key it is there: the look above would have seen it.
	wg set wg0 private-key <(wg genkey)
	grep -q libcrypto /proc/$pid/maps
	kill "$pid"
	gone wg0 "$pid"
	SCRIPT
}

@test "without libcrypto keys are refused, and nothing is changed" {
	! grep -aq 'OpenSSL [0-9]' "$BUILD/wg-datapath" || skip "libcrypto is linked in"
	on_datapath_host <<-'SCRIPT'
	wg genkey >key
	for library in $(ldconfig -p | sed -n 's/.*libcrypto\.so\.3 .* => //p'); do
		mount --bind /dev/null "$library"
	done
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	wg set wg0 listen-port 1234
	contains "$(wg set wg0 listen-port 4321 private-key key 2>&1)" "Can not access a needed shared library"
	same 1234 "$(wg show wg0 listen-port)"
	same "(none)" "$(wg show wg0 private-key)"
	same "$pid" "$(daemon_pid wg0)"
	kill "$pid"
	gone wg0 "$pid"
	SCRIPT
}

@test "starts without standard streams" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0 <&- >&- 2>&-
	wg show wg0 >/dev/null
	pid=$(daemon_pid wg0)
	for i in 0 1 2; do
		same /dev/null "$(readlink /proc/$pid/fd/$i)"
	done
	kill "$pid"
	gone wg0 "$pid"
	SCRIPT
}

@test "the interface is like wireguard-go's, the socket is the owner's alone" {
	on_datapath_host <<-'SCRIPT'
	umask 0
	"$datapath" wg0
	wireguard-go wg1 >/dev/null 2>&1
	look() { ip link show "$1" | sed -E 's/^[0-9]+: [^:]+: //'; }
	same "$(look wg1)" "$(look wg0)"
	contains "$(look wg0)" "<POINTOPOINT,MULTICAST,NOARP> mtu 1420"
	contains "$(look wg0)" "qlen 500"
	same "socket 700" "$(stat -c '%F %a' /var/run/wireguard/wg0.sock)"
	same "directory 755" "$(stat -c '%F %a' /var/run/wireguard)"
	# It listens from the start, in both families.
	port=$(wg show wg0 listen-port)
	((port > 0))
	same 2 "$(grep -il ":$(printf %04X "$port") " /proc/net/udp /proc/net/udp6 | wc -l)"
	SCRIPT
}

@test "ends on SIGTERM and SIGINT, leaving nothing" {
	on_datapath_host <<-'SCRIPT'
	before=$(state)
	for signal in TERM INT HUP; do
		"$datapath" wg0
		ip link set wg0 up
		pid=$(daemon_pid wg0)
		kill -$signal "$pid"
		gone wg0 "$pid"
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "ends when the interface is deleted, leaving nothing" {
	on_datapath_host <<-'SCRIPT'
	for state in down up; do
		"$datapath" wg0
		pid=$(daemon_pid wg0)
		ip link set wg0 $state
		ip link del wg0
		gone wg0 "$pid"
	done
	SCRIPT
}

@test "ends when the socket's file or its directory is removed" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	# Other sockets are nothing to it.
	touch /var/run/wireguard/wg00.sock
	rm /var/run/wireguard/wg00.sock
	sleep 0.1
	fails no_process "$pid"
	rm /var/run/wireguard/wg0.sock
	gone wg0 "$pid"

	"$datapath" wg0
	pid=$(daemon_pid wg0)
	rm -r /var/run/wireguard
	gone wg0 "$pid"

	# Replaced: it ends, and leaves what is not its own.
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	touch /var/run/wireguard/other
	mv /var/run/wireguard/other /var/run/wireguard/wg0.sock
	eventually no_process "$pid"
	eventually no_link wg0
	[[ -f /var/run/wireguard/wg0.sock ]]
	SCRIPT
}

@test "a second instance fails and harms neither the first nor the interface" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	before=$(state)
	expect 1 "$datapath" wg0 2>err
	same 1 "$(wc -l <err)"
	contains "$(cat err)" "wg-datapath: /var/run/wireguard/wg0.sock: unix socket in use"
	expect 1 "$datapath" -f wg0 2>err
	contains "$(cat err)" "unix socket in use"
	rm err
	same "$before" "$(state)"
	same "$pid" "$(daemon_pid wg0)"
	wg show wg0 >/dev/null

	# Its socket elsewhere (another host's /run): the interface is what both want.
	expect 1 unshare -m bash -c 'mount -t tmpfs tmpfs /run && exec "$1" wg0' - "$datapath" 2>err
	contains "$(cat err)" "wg-datapath: wg0: already in use by another program"
	wg show wg0 >/dev/null
	SCRIPT
}

@test "of many that start at once one succeeds" {
	on_datapath_host <<-'SCRIPT'
	mkdir tries
	for i in {1..12}; do
		{ "$datapath" wg0 2>/dev/null && echo "$i" >tries/$i; } &
	done
	wait
	same 1 "$(ls tries | wc -l)"
	wg show wg0 >/dev/null
	left=$(strangers)
	same 1 "$(wc -l <<<"$left")"
	SCRIPT
}

@test "no other user can hold it up" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	# All may read the directory, and so may lock it.
	exec {held}</var/run/wireguard
	setpriv --reuid 65534 --regid 65534 --clear-groups flock -n $held
	timeout 10 "$datapath" wg1
	wg show wg1 >/dev/null
	kill "$pid"
	gone wg0 "$pid"
	# Nothing that they could lock instead, or that stays.
	same wg1.sock "$(ls -A /var/run/wireguard)"
	SCRIPT
}

@test "a start that is stopped leaves nothing" {
	on_datapath_host <<-'SCRIPT'
	before=$(state)
	mkdir /var/run/wireguard
	# The lock that all of them need: this one gets no further.
	exec {lock}>/var/run/wireguard/.lock
	flock $lock
	"$datapath" wg0 {lock}>&- &
	starter=$!
	eventually pgrep -P $starter
	child=$(pgrep -P $starter)
	kill -KILL $starter
	eventually no_process $starter
	exec {lock}>&-
	eventually no_process "$child"
	same "$before" "$(state)"
	SCRIPT
}

@test "a stale socket is replaced, also while somebody lists the interfaces" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	kill -KILL "$(daemon_pid wg0)"
	eventually no_link wg0
	[[ -S /var/run/wireguard/wg0.sock ]]
	# wg removes sockets that refuse it: never a new one.
	while :; do wg show interfaces >/dev/null; done &
	lister=$!
	for i in {1..20}; do
		"$datapath" wg0
		pid=$(daemon_pid wg0)
		wg show wg0 >/dev/null
		kill -KILL "$pid"
		eventually no_link wg0
	done
	kill $lister
	SCRIPT
}

@test "what is in the way is named, and left alone" {
	on_datapath_host <<-'SCRIPT'
	refused() { # MESSAGE ARGUMENT...
		local message=$1 before
		shift
		before=$(state)
		expect 1 "$@" 2>err
		same 1 "$(wc -l <err)"
		contains "$(cat err)" "$message"
		rm err
		same "$before" "$(state)"
	}
	ip link add ve0 type veth peer name ve1
	mkdir -p /var/run/wireguard
	for foreground in "" -f; do
		refused "wg-datapath: ve0: already exists, and is not a free TUN" "$datapath" $foreground ve0
		refused "longer than 15 characters" "$datapath" $foreground sixteen-letters-
		refused "not a valid interface name" "$datapath" $foreground a/b
		refused "not a valid interface name" "$datapath" $foreground ..
		refused "the interface name is empty" "$datapath" $foreground ""
		refused "WG_TUN_FD: descriptor 77: Bad file" env WG_TUN_FD=77 "$datapath" $foreground wg0
		refused "WG_TUN_FD: not a descriptor: \`x'" env WG_TUN_FD=x "$datapath" $foreground wg0
		refused "descriptor 0 is no TUN interface" env WG_TUN_FD=0 "$datapath" $foreground wg0
		refused "descriptor 0 is no listening socket" env WG_UAPI_FD=0 "$datapath" $foreground wg0
		refused "is there, and is no socket" bash -c 'touch /run/wireguard/wg9.sock
			"$@"; status=$?; rm /run/wireguard/wg9.sock; exit $status' - "$datapath" $foreground wg9
	done
	rmdir /var/run/wireguard
	chmod 755 /run
	refused "/var/run/wireguard: Permission denied: run as root" \
		setpriv --reuid 65534 --regid 65534 --clear-groups "$datapath" wg0
	mkdir /var/run/wireguard
	refused "no permission to create an interface: run as root or with CAP_NET_ADMIN" \
		setpriv --bounding-set -net_admin --inh-caps -net_admin "$datapath" wg0
	mount -t tmpfs tmpfs /dev/net
	refused "wg0: /dev/net/tun is missing: load the kernel module tun" "$datapath" wg0
	SCRIPT
}

@test "usage and version" {
	run -1 --separate-stderr "$BUILD/wg-datapath"
	[[ -z $output && $stderr == "Usage: wg-datapath [-f|--foreground] INTERFACE"* ]]
	run -1 "$BUILD/wg-datapath" wg0 wg1
	run -1 "$BUILD/wg-datapath" -f
	run -1 "$BUILD/wg-datapath" --what wg0
	run -0 --separate-stderr "$BUILD/wg-datapath" --help
	[[ -z $stderr && $output == "Usage: wg-datapath [-f|--foreground] INTERFACE"* ]]
	run -0 "$BUILD/wg-datapath" --version
	[[ ${lines[0]} =~ ^wg-datapath\ v[0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[1]} =~ ^crypto:\ .*libcrypto\ 3\.[0-9.]+$ ]]
	((${#lines[@]} == 2))
}

@test "the library for packets is chosen by WG_CRYPTO" {
	WG_CRYPTO=libcrypto run -0 "$BUILD/wg-datapath" --version
	[[ ${lines[1]} =~ ^crypto:\ libcrypto\ 3\.[0-9.]+$ ]]
	WG_CRYPTO=foo run -1 --separate-stderr "$BUILD/wg-datapath" --version
	[[ $stderr == "wg-datapath: WG_CRYPTO: neither auto nor libcrypto nor ipsec-mb: "* ]]
	WG_CRYPTO=foo run -1 "$BUILD/wg-datapath" wg0
	[[ $output == "wg-datapath: WG_CRYPTO: neither auto nor libcrypto nor ipsec-mb: "* ]]
}

# What is found instead of ipsec-mb: nothing, no library, a library with nothing in it, or one of
# another version. It is an error if it was asked for, and does no harm otherwise.
@test "ipsec-mb that is not usable is told of at the start" {
	WG_CRYPTO=ipsec-mb run "$BUILD/wg-datapath" --version
	((status == 0)) || skip "no ipsec-mb here, or built without it: ${lines[1]}"
	[[ ${lines[1]} =~ ^crypto:\ ipsec-mb\ 1\.3\.[0-9]+\ \([A-Z0-9]+\),\ libcrypto\ 3\. ]]

	local fake=$BATS_TEST_TMPDIR/libIPSec_MB.so.1
	export LD_LIBRARY_PATH=$BATS_TEST_TMPDIR
	echo "no library" >"$fake"
	refused_here "libIPSec_MB.so.1: "
	gcc -shared -x c -o "$fake" /dev/null
	refused_here "libIPSec_MB.so.1: has no imb_get_version()"
	gcc -shared -x c -o "$fake" - <<-'EOF'
		unsigned int imb_get_version(void) { return 0x10400; }
		void alloc_mb_mgr(void) {}
		void free_mb_mgr(void) {}
		void init_mb_mgr_auto(void) {}
	EOF
	refused_here "libIPSec_MB.so.1: version 1.4.0, and not 1.3"
}

# refused_here TEXT: the daemon and --version say TEXT, and libcrypto is used otherwise.
refused_here() {
	WG_CRYPTO=ipsec-mb run -1 "$BUILD/wg-datapath" wg0
	[[ $output == "wg-datapath: WG_CRYPTO: "*"$1"* ]]
	WG_CRYPTO=ipsec-mb run -1 "$BUILD/wg-datapath" --version
	run -0 "$BUILD/wg-datapath" --version
	[[ ${lines[1]} =~ ^crypto:\ libcrypto\ 3\.[0-9.]+$ ]]
}

@test "stays in the foreground when told to, and logs as told" {
	on_datapath_host <<-'SCRIPT'
	for start in "env LOG_LEVEL=debug $datapath -f" "env LOG_LEVEL=verbose $datapath --foreground" \
		"env LOG_LEVEL=debug WG_PROCESS_FOREGROUND=1 $datapath"; do
		$start wg0 >out 2>err &
		pid=$!
		eventually wg show wg0 >/dev/null 2>&1
		ip link set wg0 up
		wg set wg0 private-key <(wg genkey) listen-port 4321
		eventually grep -q 'wg0: interface is up' err
		kill -TERM $pid
		wait $pid
		same "" "$(cat out)"
		contains "$(cat err)" "wg0: started, listening on port"
		contains "$(cat err)" "wg0: listening on port 4321"
		contains "$(cat err)" "wg0: stopped"
	done
	for level in error silent nonsense; do
		LOG_LEVEL=$level "$datapath" -f wg0 2>err &
		pid=$!
		eventually wg show wg0 >/dev/null 2>&1
		rm /var/run/wireguard/wg0.sock
		wait $pid
		same "" "$(cat err)"
	done
	# In the background, too, the log stays if it was asked for.
	LOG_LEVEL=info "$datapath" wg0 2>err
	contains "$(cat err)" "wg0: started"
	SCRIPT
}

@test "keys are never logged" {
	on_datapath_host <<-'SCRIPT'
	key=$(wg genkey) psk=$(wg genpsk) peer=$(wg genkey | wg pubkey)
	LOG_LEVEL=verbose "$datapath" wg0 2>err
	ip link set wg0 up
	ip addr add 10.0.0.1/24 dev wg0
	wg set wg0 private-key <(echo "$key") peer "$peer" preshared-key <(echo "$psk") \
		endpoint 127.0.0.1:9 allowed-ips 10.0.0.0/24 persistent-keepalive 1
	ping -c 1 -W 1 10.0.0.2 >/dev/null || true
	printf 'set=1\nprivate_key=%s\nprivate_key=%sx\n\n' "$(hex "$key")" "$(hex "$key")" |
		uapi wg0 >/dev/null
	[[ -s err ]]
	for secret in "$key" "$psk" "$peer"; do
		fails grep -qF "$secret" err
		fails grep -qiF "$(hex "$secret")" err
	done
	SCRIPT
}

@test "takes descriptors that others have opened" {
	on_datapath_host <<-'SCRIPT'
	cat >start.pl <<-'PERL'
	use IO::Socket::UNIX;
	use Fcntl;
	$^F = 20; # these are to survive exec
	my ($datapath, $with_tun, $with_socket) = @ARGV;
	mkdir "/var/run/wireguard";
	if ($with_tun) {
		sysopen($tun, "/dev/net/tun", O_RDWR) or die "tun: $!";
		my $request = pack("a16 S x22", "wg7", 0x1001);
		ioctl($tun, 0x400454ca, $request) or die "TUNSETIFF: $!";
		$ENV{WG_TUN_FD} = fileno($tun);
	}
	if ($with_socket) {
		my $path = "/var/run/wireguard/wg7.sock";
		unlink $path;
		$socket = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die "socket: $!";
		$ENV{WG_UAPI_FD} = fileno($socket);
	}
	exec $datapath, $with_tun ? "whatever" : "wg7";
	PERL
	for given in "1 0" "0 1" "1 1"; do
		perl start.pl "$datapath" $given
		# The name is that of the interface that was handed in.
		same wg7 "$(wg show interfaces)"
		wg set wg7 listen-port 4321
		same 4321 "$(wg show wg7 listen-port)"
		pid=$(daemon_pid '(wg7|whatever)')
		case $given in
		*1) rm /var/run/wireguard/wg7.sock ;;
		*) ip link del wg7 ;;
		esac
		gone wg7 "$pid"
	done
	SCRIPT
}

@test "a TUN that was there before stays, with its MTU" {
	on_datapath_host <<-'SCRIPT'
	ip tuntap add wg0 mode tun
	ip link set wg0 mtu 1380
	"$datapath" wg0
	contains "$(ip link show wg0)" "mtu 1380"
	pid=$(daemon_pid wg0)
	kill -TERM "$pid"
	eventually no_process "$pid"
	[[ ! -e /var/run/wireguard/wg0.sock ]]
	ip link show wg0 >/dev/null
	SCRIPT
}

@test "a TUN whose last user did checksums and segmentation works without" {
	on_datapath_host <<-'SCRIPT'
	two_hosts
	a perl -e '
		open(my $tun, "+<", "/dev/net/tun") or die "tun: $!\n";
		# IFF_TUN | IFF_NO_PI | IFF_VNET_HDR; TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6
		my $request = pack("a16 S x22", "wga", 0x5001);
		ioctl($tun, 0x400454ca, $request) or die "TUNSETIFF: $!\n";
		ioctl($tun, 0x400454d0, 7) or die "TUNSETOFFLOAD: $!\n";
		ioctl($tun, 0x400454cb, 1) or die "TUNSETPERSIST: $!\n";'
	tunnel
	peers 4
	through
	transfer a b 10.2.0.2 1
	SCRIPT
}

@test "works on when the interface is moved to another network namespace" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	ip netns add inner
	ip link set wg0 netns inner
	ip -n inner link set wg0 up
	sleep 0.1
	fails no_process "$pid"
	wg set wg0 listen-port 4321
	same 4321 "$(wg show wg0 listen-port)"
	# Its sockets stay where they were.
	grep -q ':10E1 ' /proc/net/udp
	ip -n inner link del wg0
	gone wg0 "$pid"
	SCRIPT
}

@test "the namespace of a moved interface goes: the daemon ends" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	ip netns add inner
	ip link set wg0 netns inner
	ip netns del inner
	gone wg0 "$pid"
	SCRIPT
}

@test "Debian's wg sets and gets all there is" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	wg set wg0 private-key <(echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=) \
		listen-port 51820 fwmark 0xca6c \
		peer xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= \
		preshared-key <(echo FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=) \
		endpoint '[fe80::1%lo]:1' persistent-keepalive 65535 allowed-ips ::/0,10.0.0.0/8 \
		peer L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q= allowed-ips 10.1.2.3/16
	same "\
	[Interface]
	ListenPort = 51820
	FwMark = 0xca6c
	PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=

	[Peer]
	PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
	PresharedKey = FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=
	AllowedIPs = ::/0, 10.0.0.0/8
	Endpoint = [fe80::1%lo]:1
	PersistentKeepalive = 65535

	[Peer]
	PublicKey = L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
	AllowedIPs = 10.1.0.0/16" "$(wg showconf wg0)"
	# What was shown can be set again, and shows the same.
	wg showconf wg0 >first
	wg set wg0 fwmark 0 peer L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q= remove
	fails cmp -s first <(wg showconf wg0)
	wg setconf wg0 first
	same "$(cat first)" "$(wg showconf wg0)"
	# Nothing listed, nothing left.
	wg setconf wg0 /dev/null
	same "" "$(wg show wg0 peers)"
	same "(none)" "$(wg show wg0 private-key)"
	same off "$(wg show wg0 fwmark)"
	SCRIPT
}

@test "a busy port is refused, and the old one goes on" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	"$datapath" wg1
	wg set wg0 listen-port 4001
	wg set wg1 listen-port 4002
	before=$(wg show wg1 dump)
	expect 1 wg set wg1 listen-port 4001 fwmark 7 private-key <(wg genkey) 2>err
	contains "$(cat err)" "Address already in use"
	same "$before" "$(wg show wg1 dump)"
	grep -q ':0FA2 ' /proc/net/udp
	wg set wg1 listen-port 4003
	fails grep -q ':0FA2 ' /proc/net/udp
	SCRIPT
}

@test "many clients at once; one that stalls holds up nobody" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	stall() { # what it sends before it falls silent
		perl -MIO::Socket::UNIX -e '
			my $s = IO::Socket::UNIX->new(Peer => "/var/run/wireguard/wg0.sock") or die;
			print $s shift; sleep 100' "$1" &
	}
	stall ""
	stall $'set=1\n'
	stall $'set=1\nlisten_port=9\n'
	stall $'set=1\nlisten_'
	stall $'get=1\n'
	sleep 0.1
	for i in {1..10}; do
		for j in {1..3}; do
			timeout 10 wg set wg0 peer "$(wg genkey | wg pubkey)" allowed-ips 10.0.$i.$j/32
			timeout 10 wg show wg0 dump >/dev/null
		done &
		workers+=($!)
	done
	for worker in "${workers[@]}"; do wait $worker; done
	same 30 "$(wg show wg0 peers | wc -l)"
	SCRIPT
}

@test "100,000 peers in one request" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	{
		echo set=1
		for ((i = 1; i <= 100000; i++)); do
			printf 'public_key=%064x\nallowed_ip=10.%d.%d.%d/32\n' $i $((i >> 16)) $((i >> 8 & 255)) $((i & 255))
		done
		echo
	} >request
	same "errno=0" "$(uapi wg0 <request)"
	same 100000 "$(wg show wg0 peers | wc -l)"
	same 100000 "$(wg show wg0 allowed-ips | cut -f 2 | sort -u | wc -l)"
	# Gone as fast.
	printf 'set=1\nreplace_peers=true\n\n' | uapi wg0 >/dev/null
	same "" "$(wg show wg0 peers)"
	SCRIPT
}

@test "UAPI nonsense is refused and changes nothing" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	wg set wg0 listen-port 4321
	before=$(wg show wg0 dump)
	hex=0101010101010101010101010101010101010101010101010101010101010101
	while IFS='|' read -r answer lines; do
		same "$answer" "$(printf "$lines" | uapi wg0)"
		same "$before" "$(wg show wg0 dump)"
	done <<-END
	errno=-22|set=1\nlisten_port=9\nlisten_port=65536\n\n
	errno=-22|set=1\nfwmark=9\nfwmark=x\n\n
	errno=-22|set=1\nfwmark=9\nwhat=1\n\n
	errno=-22|set=1\npublic_key=$hex\nallowed_ip=10.0.0.0/33\n\n
	errno=-22|set=1\npublic_key=$hex\nendpoint=example.org:1\n\n
	errno=-22|set=1\npublic_key=${hex}0\n\n
	errno=-22|set=1\nprivate_key=$hex\npublic_key=\n\n
	errno=-71|set=1\nfwmark=9\nfwmark\n\n
	errno=-71|set=1\nfwmark=9\n
	errno=-71|set=1\n
	errno=22|get=1\nfwmark=9\n\n
	|get=2\n\n
	|foo\n\n
	|\n
	|set=1
	END
	head -c 3000000 /dev/urandom | uapi wg0 >/dev/null
	{ printf 'set=1\n'; head -c 3000000 /dev/zero; } | uapi wg0 >/dev/null
	{ printf 'set=1\n'; head -c 3000000 /dev/urandom; } | uapi wg0 >/dev/null
	{ printf 'set=1\nfwmark='; head -c 3000000 /dev/zero | tr '\0' 1; printf '\n\n'; } | uapi wg0 >answer
	same "errno=-22" "$(cat answer)"
	same "$before" "$(wg show wg0 dump)"
	same "$pid" "$(daemon_pid wg0)"
	SCRIPT
}

@test "datagrams of nonsense do not stop it" {
	on_datapath_host <<-'SCRIPT'
	"$datapath" wg0
	pid=$(daemon_pid wg0)
	ip link set wg0 up
	wg set wg0 listen-port 4321 private-key <(wg genkey) peer "$(wg genkey | wg pubkey)"
	perl -MIO::Socket::INET -e '
		srand(1);
		my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1:4321") or die;
		# Every length around the messages, with each type and as pure noise; then huge ones.
		for my $len (0 .. 300, 1400, 2047 .. 2050, 9000, 65507) {
			my $noise = join "", map { chr rand 256 } 1 .. $len;
			$s->send($noise);
			for my $type (0 .. 5) {
				$s->send(substr(pack("V", $type) . $noise, 0, $len));
			}
		}'
	sleep 0.1
	same "$pid" "$(daemon_pid wg0)"
	same 4321 "$(wg show wg0 listen-port)"
	same 0 "$(wg show wg0 latest-handshakes | cut -f 2)"
	SCRIPT
}
