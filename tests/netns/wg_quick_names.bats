#!/usr/bin/env bats
# Endpoints that are names: dead ones neither hold up nor bring down the others, and `reresolve`
# follows those that change. Each host has a name server of its own on the loopback interface, which
# knows what is in /run/records and keeps what it was asked in /run/asked.

load lib

setup() {
	need_root
}

# on_named_host: as on_host, with $quick, $fake (a daemon without a tunnel) and what is below.
on_named_host() {
	local script
	script=$(cat)
	on_host "$BUILD/wg-quick" "$BUILD/wg-datapath" "$BATS_TEST_DIRNAME/name-server" \
		"$BATS_TEST_DIRNAME/../cli/fake-uapi" \
		"$BATS_TEST_DIRNAME/../../systemd/wg-quick-reresolve@.service" <<-SCRIPT
	quick=\$1
	export WG_QUICK_USERSPACE_IMPLEMENTATION=\$2
	fake=\$4
	key=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
	own=HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=
	peer_a=xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
	peer_b=L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=
	peer_c=\$(wg genkey | wg pubkey)
	write_conf() { (umask 077; cat >/etc/wireguard/wq0.conf); }
	# No names but the name server's, and networks that addresses are chosen for.
	rm -f /etc/hosts
	echo 'hosts: files dns' >/etc/nsswitch.conf
	echo 'nameserver 127.0.0.53' >/etc/resolv.conf
	ip link add near type veth peer name far
	ip addr add 192.0.2.1/24 dev near
	ip addr add 2001:db8::1/64 dev near nodad
	ip link set near up
	: >records
	: >asked
	"\$3" 127.0.0.53 /run/records /run/asked &
	for _ in {1..100}; do
		! grep -q :0035 /proc/net/udp || break
		sleep 0.02
	done
	# fakes: a daemon of that name from now on; what it says of itself comes from a peer's lines.
	hex() { base64 -d <<<"\$1" | od -An -tx1 | tr -d ' \n'; }
	says() { # LINES...
		{
			printf 'private_key=%s\n' "\$(hex "\$key")"
			printf '%s\n' "\$@"
			printf 'errno=0\n\n'
		} >get
	}
	fakes() {
		mkdir -p /run/wireguard
		printf 'errno=0\n\n' >set
		says
		"\$fake" /var/run/wireguard/wq0.sock /run/get /run/set /run/heard &
		for _ in {1..100}; do
			[[ ! -S /run/wireguard/wq0.sock ]] || break
			sleep 0.02
		done
	}
	# What the daemon has been told about endpoints since it was last asked.
	heard() { sed -n '/^set=1/,\$p' heard | grep -E '^(endpoint|update_only)=' || true; : >heard; }
	# with_the_units_rights COMMAND...: as systemd runs it.
	capabilities=\$(sed -n 's/^CapabilityBoundingSet=//p' "\$5" | sed 's/CAP_/+/g; s/ /,/g')
	with_the_units_rights() {
		setpriv --no-new-privs --bounding-set "-all,\${capabilities,,}" --inh-caps -all "\$@"
	}
	ms() { echo \$((\$(date +%s%N) / 1000000)); }
	$script
	SCRIPT
}

@test "one dead name among three is told, and the others have their endpoints" {
	on_named_host <<-'SCRIPT'
	printf '%s\n' 'a.example A 192.0.2.7' 'c.example AAAA 2001:db8::7' >records
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	Endpoint = a.example:1
	AllowedIPs = 10.1.0.0/16
	[Peer]
	PublicKey = $peer_b
	Endpoint = b.example:2
	AllowedIPs = 10.2.0.0/16
	PersistentKeepalive = 25
	[Peer]
	PublicKey = $peer_c
	Endpoint = c.example:3
	AllowedIPs = 10.3.0.0/16
	CONF
	start=$(ms)
	"$quick" up wq0 2>err
	took=$(($(ms) - start))
	cat err
	((took < 4000))
	same "[!] peer L+V9o0fN...: Name or service not known: \`b.example:2'; it has no endpoint until \`wg-quick reresolve wq0' finds one" \
		"$(grep 'peer' err)"
	same "$peer_a	192.0.2.7:1
	$peer_b	(none)
	$peer_c	[2001:db8::7]:3" "$(wg show wq0 endpoints)"
	same "$peer_b	25" "$(wg show wq0 persistent-keepalive | grep 25)"
	same 3 "$(ip route show dev wq0 | wc -l)"
	[[ $(grep systemctl err) == "" ]]

	# With a path, the remedy names it.
	"$quick" down wq0
	cp -a /etc/wireguard/wq0.conf /run/
	"$quick" up ./wq0.conf 2>err
	contains "$(cat err)" "until \`wg-quick reresolve /run/wq0.conf' finds one"
	SCRIPT
}

@test "a peer may have several sections, and its name in one of them" {
	on_named_host <<-'SCRIPT'
	echo 'a.example A 192.0.2.7' >records
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	AllowedIPs = 10.1.0.0/16
	[Peer]
	PublicKey = $peer_a
	Endpoint = a.example:1
	AllowedIPs = 10.2.0.0/16
	CONF
	"$quick" up wq0 2>err || { cat err; exit 1; }
	same "$peer_a	192.0.2.7:1" "$(wg show wq0 endpoints)"
	SCRIPT
}

@test "status tells of peers whose names are not found, and so does reload, which leaves them alone" {
	on_named_host <<-'SCRIPT'
	conf() { # ENDPOINTS...
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		[Peer]
		PublicKey = $peer_a
		Endpoint = $1
		[Peer]
		PublicKey = $peer_b
		Endpoint = $2
		CONF
	}
	conf b.example:2 192.0.2.9:9
	"$quick" up wq0 2>err
	expect 2 "$quick" status wq0 >out 2>err
	same '' "$(cat err)"
	same "  ! peer xTIBA5rb... has no endpoint: Name or service not known: \`b.example:2'
	    remedy: wg-quick reresolve wq0" "$(tail -n +3 out)"
	expect 2 "$quick" status --json wq0 >out
	grep -F '"what": "missing-endpoint"' out
	"$quick" reload wq0 2>err
	same "[!] peer xTIBA5rb...: Name or service not known: \`b.example:2'; it stays as it is" "$(cat err)"
	# Another one than it has is not found.
	conf b.example:2 c.example:3
	expect 2 "$quick" status wq0 >out
	contains "$(cat out)" "  ! peer L+V9o0fN... keeps the endpoint it had: Name or service not known: \`c.example:3'
	    remedy: wg-quick reload wq0"
	printf '%s\n' 'b.example A 192.0.2.7' 'c.example A 192.0.2.8' >records
	"$quick" reresolve wq0
	"$quick" reload wq0
	same "192.0.2.7:2 192.0.2.8:3" "$(wg show wq0 endpoints | cut -f 2 | paste -sd ' ')"
	"$quick" status wq0
	SCRIPT
}

@test "fifty dead names cost no more than one, whatever kills them" {
	on_named_host <<-'SCRIPT'
	echo 'a.example A 192.0.2.7' >records
	{
		printf '[Interface]\nPrivateKey = %s\n' "$key"
		for i in {1..50}; do
			case $((i % 3)) in
			0) echo "n$i.example MUTE" >>records ;;
			1) echo "n$i.example SERVFAIL" >>records ;;
			esac
			printf '[Peer]\nPublicKey = %s\nEndpoint = n%d.example:1\n' "$(wg genkey | wg pubkey)" "$i"
		done
		printf '[Peer]\nPublicKey = %s\nEndpoint = a.example:1\n' "$peer_a"
	} | write_conf
	before=$(strangers)
	start=$(ms)
	"$quick" up wq0 2>err
	took=$(($(ms) - start))
	echo "$took ms"
	((took < 8000))
	same 50 "$(grep -c '^\[!\] peer' err)"
	same 17 "$(grep -c "Temporary failure in name resolution: .n" err)"
	same 17 "$(grep -c "Name or service not known: .n" err)"
	same 16 "$(grep -c "No answer from any name server within 6 s: .n" err)"
	same 0 "$(grep -c 'Trying again' err || true)"
	same "$peer_a	192.0.2.7:1" "$(wg show wq0 endpoints | grep -v none)"
	"$quick" down wq0
	same "$before" "$(strangers)" # nobody is left asking
	SCRIPT
}

@test "what fails for the time being is asked again, as often as it is wished" {
	on_named_host <<-'SCRIPT'
	printf '%s\n' 'a.example A 192.0.2.7' 'b.example SERVFAIL' 'c.example SERVFAIL' >records
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	Endpoint = a.example:1
	[Peer]
	PublicKey = $peer_b
	Endpoint = b.example:2
	[Peer]
	PublicKey = $peer_c
	Endpoint = c.example:3
	CONF
	start=$(ms)
	WG_ENDPOINT_RESOLUTION_RETRIES=1 "$quick" up wq0 2>err
	took=$(($(ms) - start))
	cat err
	((took > 1000 && took < 4000))
	same "Temporary failure in name resolution: \`b.example:2'. Trying again in 1.00 seconds...
	Temporary failure in name resolution: \`c.example:3'. Trying again in 1.00 seconds..." "$(grep Trying err | sort)"
	same 2 "$(grep -c '^\[!\] peer' err)"
	same "$peer_a	192.0.2.7:1" "$(wg show wq0 endpoints | grep -v none)"
	"$quick" down wq0

	# A server that is down is asked until it is back, which is soon enough here.
	(sleep 1.5; echo 'b.example A 192.0.2.8' >records; echo 'c.example A 192.0.2.9' >>records
		echo 'a.example A 192.0.2.7' >>records) &
	"$quick" up wq0 2>err
	same 0 "$(grep -cE 'Trying|peer' err || true)"
	same "192.0.2.7:1 192.0.2.8:2 192.0.2.9:3" "$(wg show wq0 endpoints | cut -f 2 | paste -sd ' ')"
	SCRIPT
}

@test "what no network can make right is refused as before" {
	on_named_host <<-'SCRIPT'
	before=$(state)
	for endpoint in a.example:70000 a.example:nosuchservice; do
		printf '[Interface]\n[Peer]\nPublicKey = %s\nEndpoint = %s\n' "$peer_a" "$endpoint" | write_conf
		expect 1 "$quick" up wq0 2>err
		contains "$(cat err)" "\`$endpoint'"
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "a signal ends the wait at once, and all is undone" {
	on_named_host <<-'SCRIPT'
	echo 'a.example MUTE' >records
	printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\nEndpoint = a.example:1\n' "$key" "$peer_a" |
		write_conf
	before=$(state)
	for retries in '' infinity; do
		: >asked
		if [[ $retries ]]; then export WG_ENDPOINT_RESOLUTION_RETRIES=$retries; fi
		"$quick" up wq0 2>err &
		pid=$!
		for _ in {1..100}; do
			[[ ! -s asked ]] || break
			sleep 0.05
		done
		start=$(ms)
		kill -TERM $pid
		expect 1 wait $pid
		(($(ms) - start < 2000))
		same "wg-quick: interrupted
		[#] ip link delete dev wq0" "$(tail -2 err)"
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "reresolve: a name that comes to life" {
	on_named_host <<-'SCRIPT'
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	Endpoint = a.example:1
	[Peer]
	PublicKey = $peer_b
	Endpoint = 192.0.2.9:9
	CONF
	expect 1 "$quick" reresolve wq0 2>err
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	same '' "$(cat asked)"
	"$quick" up wq0 2>err
	expect 1 "$quick" reresolve wq0 2>err
	same "wg-quick: peer xTIBA5rb...: Name or service not known: \`a.example:1'" "$(cat err)"
	echo 'a.example A 192.0.2.7' >records
	chown 1 /etc/wireguard/wq0.conf # some let a program write it that is not root
	with_the_units_rights "$quick" reresolve wq0 2>err
	same "[#] wg set wq0 peer $peer_a endpoint 192.0.2.7:1" "$(cat err)"
	same "192.0.2.7:1 192.0.2.9:9" "$(wg show wq0 endpoints | cut -f 2 | paste -sd ' ')"
	"$quick" reresolve wq0 2>err
	same '' "$(cat err)"
	# It changes: there has never been a handshake.
	echo 'a.example A 192.0.2.8' >records
	"$quick" reresolve wq0
	same 192.0.2.8:1 "$(wg show wq0 endpoints | sed -n "s|^$peer_a	||p")"
	# It dies: the peer keeps what it has.
	: >records
	"$quick" reresolve wq0 2>err
	same '' "$(cat err)"
	# A peer that was removed stays so.
	wg set wq0 peer "$peer_a" remove
	: >asked
	"$quick" reresolve wq0
	same "$peer_b" "$(wg show wq0 peers)"
	same '' "$(cat asked)"
	SCRIPT
}

@test "reresolve: only what is silent is looked up, and what has roamed is left alone" {
	on_named_host <<-'SCRIPT'
	echo 'a.example A 192.0.2.7' >records
	printf '[Interface]\n[Peer]\nPublicKey = %s\nEndpoint = a.example:1\n' "$peer_a" | write_conf
	fakes
	a="public_key=$(hex "$peer_a")"
	now=$(date +%s)
	says "$a" endpoint=198.51.100.1:9 "last_handshake_time_sec=$((now - 100))" last_handshake_time_nsec=0
	"$quick" reresolve wq0 2>err
	same '' "$(cat err)$(cat asked)$(heard)"
	says "$a" endpoint=198.51.100.1:9 "last_handshake_time_sec=$((now - 140))" last_handshake_time_nsec=0
	"$quick" reresolve wq0 2>err
	same "[#] wg set wq0 peer $peer_a endpoint 192.0.2.7:1" "$(cat err)"
	same "update_only=true
	endpoint=192.0.2.7:1" "$(heard)"
	same 'a.example A
	a.example AAAA' "$(sort asked)"
	# There already.
	says "$a" endpoint=192.0.2.7:1 "last_handshake_time_sec=$((now - 1000))" last_handshake_time_nsec=0
	"$quick" reresolve wq0 2>err
	same '' "$(cat err)$(heard)"
	# The device refuses.
	says "$a"
	printf 'errno=-22\n\n' >set
	expect 1 "$quick" reresolve wq0 2>err
	same "wg-quick: Unable to modify interface: Invalid argument" "$(tail -1 err)"
	same 0 "$(ls /run/wireguard | grep -c lock || true)"
	SCRIPT
}

@test "reresolve: a peer that does not answer goes on to its next address, one with nothing to say does not" {
	on_named_host <<-'SCRIPT'
	printf 'a.example A 192.0.2.7\na.example A 192.0.2.8\n' >records
	printf '[Interface]\n[Peer]\nPublicKey = %s\nEndpoint = a.example:1\n' "$peer_a" | write_conf
	fakes
	a="public_key=$(hex "$peer_a")"
	at_first() { says "$a" endpoint=192.0.2.7:1 "$@"; "$quick" reresolve wq0; }
	# Never a handshake: nothing sent, one initiation, two.
	at_first
	same '' "$(heard)"
	at_first tx_bytes=148
	same '' "$(heard)"
	at_first tx_bytes=296
	contains "$(heard)" endpoint=192.0.2.8:1
	says "$a" endpoint=192.0.2.8:1 tx_bytes=296
	"$quick" reresolve wq0
	contains "$(heard)" endpoint=192.0.2.7:1
	# One long ago.
	old="last_handshake_time_sec=$(($(date +%s) - 1000))"
	at_first "$old" last_handshake_time_nsec=0 tx_bytes=100000
	same '' "$(heard)"
	at_first "$old" last_handshake_time_nsec=0 tx_bytes=100000 persistent_keepalive_interval=25
	contains "$(heard)" endpoint=192.0.2.8:1
	# Of both families.
	printf 'a.example A 192.0.2.7\na.example AAAA 2001:db8::7\n' >records
	at_first tx_bytes=296
	contains "$(heard)" 'endpoint=[2001:db8::7]:1'
	SCRIPT
}

@test "SRV records say where peers are, in the order of their priorities; an Endpoint is the fallback" {
	on_named_host <<-'SCRIPT'
	write_conf <<-CONF
	[Interface]
	PrivateKey = $key
	[Peer]
	PublicKey = $peer_a
	#wg: EndpointSRV = a.example
	[Peer]
	PublicKey = $peer_b
	Endpoint = 192.0.2.9:9
	#wg: EndpointSRV = b.example
	[Peer]
	PublicKey = $peer_c
	Endpoint = c.example:3
	#wg: EndpointSRV = b.example
	CONF
	cat >records <<-RECORDS
	_wireguard._udp.a.example SRV 20 0 52 two.example
	_wireguard._udp.a.example SRV 10 0 51 one.example
	one.example A 192.0.2.1
	two.example A 192.0.2.2
	c.example A 192.0.2.3
	RECORDS
	"$quick" up wq0 2>err
	cat err
	same "192.0.2.1:51 192.0.2.9:9 192.0.2.3:3" "$(wg show wq0 endpoints | cut -f 2 | paste -sd ' ')"
	same "[!] peer L+V9o0fN...: Name or service not known: \`_wireguard._udp.b.example'; its Endpoint counts instead" \
		"$(grep 'peer L' err)"
	same 2 "$(grep -c peer err)"
	same 1 "$(grep -c '_wireguard._udp.b.example SRV' asked)"
	# The first server's name is gone; then the records are.
	sed -i /^one/d records
	"$quick" reresolve wq0 2>err
	same "[#] wg set wq0 peer $peer_a endpoint 192.0.2.2:52" "$(cat err)"
	: >records
	"$quick" reresolve wq0 2>err
	same '' "$(cat err)"
	"$quick" down wq0
	"$quick" up wq0 2>err
	contains "$(cat err)" "[!] peer xTIBA5rb...: Name or service not known: \`_wireguard._udp.a.example'; it has no endpoint"
	# They come back, and for another peer as well.
	cat >records <<-RECORDS
	_wireguard._udp.a.example SRV 1 1 53 two.example
	_wireguard._udp.b.example SRV 1 1 54 two.example
	two.example A 192.0.2.2
	c.example A 192.0.2.3
	RECORDS
	"$quick" reresolve wq0
	same "192.0.2.2:53 192.0.2.2:54 192.0.2.2:54" "$(wg show wq0 endpoints | cut -f 2 | paste -sd ' ')"
	SCRIPT
}

@test "reresolve: without names there is nothing to do; the lock is taken for setting only" {
	on_named_host <<-'SCRIPT'
	printf '[Interface]\n[Peer]\nPublicKey = %s\nEndpoint = 192.0.2.9:9\n' "$peer_a" | write_conf
	"$quick" reresolve wq0 2>err # it need not even be there
	same '' "$(cat err)"
	printf '[Interface]\nFoo = bar\n' | write_conf
	expect 1 "$quick" reresolve wq0 2>err
	contains "$(cat err)" "wg-quick: /etc/wireguard/wq0.conf:2:1: "

	echo 'a.example LATE 1' >records
	echo 'a.example A 192.0.2.7' >>records
	printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\nEndpoint = 192.0.2.9:9\n' "$key" "$peer_a" |
		write_conf
	"$quick" up wq0
	sed -i 's/^Endpoint.*/Endpoint = a.example:1/' /etc/wireguard/wq0.conf
	"$quick" reresolve wq0 2>err &
	pid=$!
	for _ in {1..100}; do
		[[ ! -s asked ]] || break
		sleep 0.02
	done
	same 0 "$(ls /run/wireguard | grep -c lock || true)"
	"$quick" down wq0 2>down.err # does not wait
	same 0 "$(grep -c waiting down.err || true)"
	# What it was about to change is gone.
	expect 1 wait $pid
	same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	same 0 "$(ls /run/wireguard 2>/dev/null | grep -c lock || true)"
	SCRIPT
}

@test "saving does not lose a name that was not found" {
	on_named_host <<-'SCRIPT'
	echo 'b.example A 192.0.2.8' >records
	for keep in '' '#wg: Save = keep'; do
		write_conf <<-CONF
		[Interface]
		$keep
		SaveConfig = true
		PrivateKey = $key
		[Peer]
		PublicKey = $peer_a
		Endpoint = a.example:1
		AllowedIPs = 10.1.0.0/16
		[Peer]
		PublicKey = $peer_b
		Endpoint = b.example:2
		[Peer]
		PublicKey = $peer_c
		CONF
		"$quick" up wq0
		wg set wq0 peer "$peer_a" allowed-ips 10.2.0.0/16
		"$quick" down wq0
		cat /etc/wireguard/wq0.conf
		contains "$(sed -n "/$peer_a/,/^\\[/p" /etc/wireguard/wq0.conf)" 'AllowedIPs = 10.2.0.0/16'
		contains "$(sed -n "/$peer_a/,/^\\[/p" /etc/wireguard/wq0.conf)" 'Endpoint = a.example:1'
		same 2 "$(grep -c Endpoint /etc/wireguard/wq0.conf)"
	done
	# What is there wins, and a file that has mistakes by now is no reason to stay up.
	"$quick" up wq0
	sed -i "s/^#wg: Save = keep//; s/^Endpoint = a.example:1/Endpoint = nonsense/" /etc/wireguard/wq0.conf
	"$quick" down wq0
	same 1 "$(grep -c Endpoint /etc/wireguard/wq0.conf)"
	SCRIPT
}

@test "systemd, where it runs, goes on looking" {
	on_named_host <<-'SCRIPT'
	mkdir -p /run/bin
	printf '#!/bin/sh\necho "$*" >>/run/called\nexit $(cat /run/status)\n' >/run/bin/systemctl
	chmod +x /run/bin/systemctl
	echo 0 >status
	: >called
	PATH=/run/bin:$PATH
	printf '[Interface]\nPrivateKey = %s\n[Peer]\nPublicKey = %s\nEndpoint = a.example:1\n' "$key" "$peer_a" |
		write_conf
	again() { "$quick" "${@:-up}" wq0 2>err; "$quick" down wq0; }
	again
	same '' "$(cat called)" # it is installed, but does not run
	mkdir -p /run/systemd/system
	again
	same 'start --no-block wg-quick-reresolve@wq0.timer' "$(cat called)"
	same '[#] systemctl start --no-block wg-quick-reresolve@wq0.timer' "$(tail -1 err)"
	echo 5 >status
	again
	same "[!] \`systemctl start' failed with exit status 5: nobody looks for these names but \`wg-quick reresolve wq0'" \
		"$(tail -1 err)"
	: >called
	# Names that are found need nobody; and the unit cannot know a file elsewhere, or a namespace.
	cp -a /etc/wireguard/wq0.conf /run/wq1.conf
	"$quick" up ./wq1.conf
	"$quick" down ./wq1.conf
	mkdir -p /run/netns
	unshare --net bash -c 'ip link set lo up; "$0" up wq0; "$0" down wq0' "$quick"
	echo 'a.example A 192.0.2.7' >records
	again
	same '' "$(cat called)"
	SCRIPT
}
