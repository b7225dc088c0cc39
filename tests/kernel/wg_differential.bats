#!/usr/bin/env bats
# Our wg and the original do the same to the kernel's devices, and say the same about them.

setup() {
	load lib
	need_driver
	[[ -x /usr/bin/wg ]] || skip "the original is not installed"
}

@test "a tunnel at work: every field, pretty output, dump and configuration" {
	in_ns <<'END'
	tunnel
	echo 'AAAAABBBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' >psk
	"$ours" set wgk0 fwmark 0xca6c \
		peer "$(key 1)" preshared-key psk endpoint '[2001:db8::1]:65535' allowed-ips 10.0.0.0/8,fd00::/8 \
		peer "$(key 2)" endpoint '[fe80::1%lo]:7' \
		peer "$(key 3)" persistent-keepalive 65535 allowed-ips 192.0.2.1/32,::/0,0.0.0.0/0
	for field in public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips \
		latest-handshakes transfer persistent-keepalive dump; do
		same show wgk0 $field
		# With "all" the original leaves out the name before endpoints.
		[[ $field == endpoints ]] || same show all $field
	done
	same show interfaces
	same showconf wgk0
	grep -q '^Endpoint = \[fe80::1%lo\]:7$' ours.out
	# The age of the handshake may change between the two.
	again() { "$@" || "$@" || "$@" || "$@"; }
	again same show wgk0
	again same show
	grep -q 'latest handshake: .* ago$' ours.out
	WG_COLOR_MODE=always WG_HIDE_KEYS=never again same show
	"$ours" show wgk0 transfer | awk '$2 > 0 && $3 > 0 { n++ } END { exit n != 1 }'
END
}

@test "set: forty lists of arguments, one after the other" {
	in_ns <<'END'
	echo 'QAAAABBBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEA=' >private
	echo 'AAAAABBBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' >psk
	own=$("$ours" pubkey <private)
	n=0
	set_both() {
		both set "$@"
		n=$((n + 1))
	}
	set_both listen-port 5000
	set_both fwmark 0xffffffff
	set_both fwmark 7 listen-port 0 private-key private
	set_both peer "$(key 1)"
	set_both peer "$(key 1)" allowed-ips 10.0.0.0/8,fd00::/8
	set_both peer "$(key 1)" allowed-ips 10.1.0.0/16
	set_both peer "$(key 2)" preshared-key psk endpoint 192.0.2.1:1 persistent-keepalive 25 allowed-ips ::/0
	set_both peer "$(key 3)" allowed-ips 10.1.0.0/16,0.0.0.0/0
	set_both peer "$(key 1)" allowed-ips ''
	set_both peer "$(key 1)" endpoint '[2001:db8::1]:443'
	set_both peer "$(key 2)" endpoint '[fe80::1%lo]:443'
	set_both peer "$(key 2)" endpoint 192.0.2.2:65535
	set_both peer "$(key 2)" preshared-key /dev/null
	set_both peer "$(key 2)" persistent-keepalive off
	set_both peer "$(key 2)" persistent-keepalive 65535
	set_both peer "$(key 2)" persistent-keepalive 0
	set_both peer "$(key 1)" allowed-ips 192.0.2.77/24
	set_both peer "$(key 1)" allowed-ips 192.0.2.77,2001:db8::1,192.0.2.77/32
	set_both peer "$(key 1)" allowed-ips '10.5.0.0/16, 10.6.0.0/16'
	set_both peer "$(key 9)" remove
	set_both peer "$(key 3)" remove
	set_both peer "$(key 3)" remove peer "$(key 4)" allowed-ips 10.1.0.0/16
	set_both peer "$(key 4)" peer "$(key 5)" peer "$(key 6)"
	set_both peer "$(key 5)" allowed-ips 10.7.0.0/16 peer "$(key 6)" allowed-ips 10.7.0.0/16
	set_both peer "$(key 5)" allowed-ips 10.8.0.0/16 peer "$(key 5)" allowed-ips 10.9.0.0/16
	set_both peer "$(key 6)" allowed-ips 10.8.0.0/16 allowed-ips 10.10.0.0/16
	set_both peer "$(key 6)" remove peer "$(key 6)"
	set_both peer "$(key 6)" peer "$(key 6)" remove
	set_both peer "$own" allowed-ips 10.11.0.0/16
	set_both private-key /dev/null peer "$own" allowed-ips 10.11.0.0/16
	set_both private-key private
	set_both fwmark off
	set_both fwmark 1 fwmark 2
	set_both fwmark 0
	set_both listen-port 65535 peer "$(key 8)" preshared-key psk
	set_both private-key /dev/null
	set_both peer "$(key 8)" preshared-key psk preshared-key /dev/null
	set_both peer "$(key 1)" endpoint 127.0.0.1:1 remove
	set_both peer "$(key 10)" allowed-ips "$(printf '10.%d.0.0/16,' {1..100})fd00::/128"
	set_both peer "$(key 11)" allowed-ips "$(printf '10.%d.0.0/16,' {50..150})::/0"
	# What cannot be read changes nothing.
	set_both fwmark 9 peer "$(key 1)" allowed-ips 10.0.0.0/33
	set_both fwmark 9 peer nobody
	set_both fwmark 9 peer "$(key 1)" endpoint 192.0.2.1
	set_both fwmark 9 private-key nowhere
	set_both fwmark 9 peer "$(key 1)" colour red
	[[ $n -eq 45 ]]
END
}

@test "setconf, addconf and syncconf, one after the other" {
	in_ns <<'END'
	conf 1 40 3 >forty
	conf 20 60 2 >more
	{ printf '[Interface]\nListenPort = 5\nFwMark = 0xff\nPrivateKey = %s\n' "$("$ours" genkey)"; conf 1 5 1; } >whole
	printf '[Interface]\nFwMark = 3\n' >mark
	# The original of Debian 12 is too old to take away keys and keepalives in syncconf.
	for change in 'setconf forty' 'addconf more' 'syncconf forty' 'setconf whole' 'syncconf more' \
		'addconf whole' 'setconf mark' 'syncconf whole' 'addconf mark' 'setconf /dev/null'; do
		both $change
	done
END
}

@test "errors of the kernel: text, status, and the device as it was" {
	in_ns <<'END'
	ip link add dmk0 type dummy
	ip link set wgk0 up
	ip link set wgk1 up
	"$ours" set wgk0 listen-port 5555
	{ printf '[Interface]\nFwMark = 1\nListenPort = 6000\n'; conf 1 300 10; } >conf
	"$ours" setconf wgk1 conf
	"$ours" showconf wgk1 >before
	fails 'Unable to access interface: No such device' "$ours" show wgk9
	fails 'Unable to access interface: Operation not supported' "$ours" show dmk0
	fails 'Unable to modify interface: No such device' "$ours" set wgk9 fwmark 1
	fails 'Unable to modify interface: Operation not supported' "$ours" set dmk0 fwmark 1
	fails 'Unable to modify interface: Operation not supported' "$ours" set dmk0 peer "$(key 1)" allowed-ips -10.0.0.0/8
	# The original has the kernel refuse a name too long, as an invalid argument.
	fails 'Unable to access interface: File name too long' "$ours" show wg0123456789abcd
	for link in wgk9 dmk0; do
		same show $link
		same show $link dump
		same showconf $link
		same set $link fwmark 1
		same setconf $link conf
		same addconf $link conf
		same syncconf $link conf
	done
	same set wgk1 listen-port 5555
	same set wgk1 listen-port 5555 peer "$(key 9)"
	# A port in use is the first thing to fail, before a mark, a key, or one of dozens of messages.
	fails 'Unable to modify interface: Address already in use' "$ours" set wgk1 fwmark 7 listen-port 5555
	sed 's/= 6000/= 5555/; s/FwMark = 1/FwMark = 2/; s/AllowedIPs = fd/AllowedIPs = fc/' conf >taken
	"$ours" genkey | sed 's/^/PrivateKey = /' | sed -i '1r /dev/stdin' taken
	for change in setconf addconf syncconf; do
		fails 'Unable to modify interface: Address already in use' "$ours" $change wgk1 taken
	done
	# Nor does a bad file do anything.
	{ cat taken; printf '[Peer]\nPublicKey = nobody\n'; } >bad
	sed -i 's/= 5555/= 6001/' bad
	for change in setconf addconf syncconf; do
		status=0
		"$ours" $change wgk1 bad 2>/dev/null || status=$?
		((status == 1))
		same $change wgk1 nowhere
	done
	"$ours" showconf wgk1 | cmp before
END
}

@test "without the right to: nobody, and a namespace whose creator is another" {
	in_ns <<'END'
	mkdir -m 755 bin
	install -m 755 "$ours" bin/ours
	chmod 755 . ..
	nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
	cp -r bin /run/ && chmod 755 /run
	fails 'Unable to access interface: Operation not permitted' "${nobody[@]}" /run/bin/ours show wgk0
	fails 'Unable to modify interface: Operation not permitted' "${nobody[@]}" /run/bin/ours set wgk0 fwmark 1
	[[ $("${nobody[@]}" /run/bin/ours show interfaces) == 'wgk0 wgk1' ]]
	# The link goes where its new user has all rights; the port and mark stay its creator's.
	unshare --user --map-root-user --net sleep 1000 >/dev/null 2>&1 3>&- &
	keeper=$!
	trap 'kill $keeper' EXIT
	for i in {1..100}; do
		[[ $(readlink /proc/$keeper/ns/net) == "$(readlink /proc/$$/ns/net)" || ! $(</proc/$keeper/uid_map) ]] || break
		sleep 0.1
	done
	ip link set wgk1 netns "$keeper"
	there=(nsenter -t "$keeper" --user --net --preserve-credentials)
	for setting in 'listen-port 7' 'fwmark 7' "fwmark 7 listen-port 7 peer $(key 1)"; do
		fails 'Unable to modify interface: Operation not permitted' "${there[@]}" "$theirs" set wgk1 $setting
		fails 'Unable to modify interface: Operation not permitted' "${there[@]}" "$ours" set wgk1 $setting
	done
	[[ -z $("${there[@]}" "$ours" show wgk1 peers) ]]
	"${there[@]}" "$ours" set wgk1 peer "$(key 1)" allowed-ips 10.0.0.0/8
	[[ $("${there[@]}" "$theirs" show wgk1 allowed-ips) == "$(key 1)"$'\t10.0.0.0/8' ]]
	[[ $("${there[@]}" "$ours" show interfaces) == wgk1 ]]
	fails 'Unable to access interface: No such device' "$ours" show wgk1
END
}
