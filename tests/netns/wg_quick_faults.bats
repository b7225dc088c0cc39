#!/usr/bin/env bats
# When wg-quick cannot do what it should, it says so in one line and leaves the host as it was.

load lib

setup() {
	need_root
}

@test "a failure at any step undoes the steps before it" {
	on_each_host <<-'SCRIPT'
	ip link add near type veth peer name far
	ip link set near up
	ip addr add 192.0.2.1/24 dev near
	before=$(state)
	# expected exit status | what is told | configuration
	peer="[Peer]\nPublicKey = $peer_a\n"
	mkdir hooks
	i="[Interface]\nAddress = 10.0.0.1/24\nPostDown = touch /run/hooks/post\nPreDown = touch /run/hooks/pre\n"
	while IFS='|' read -r status words text; do
		printf '%b' "$text" | write_conf
		expect "$status" env WG_ENDPOINT_RESOLUTION_RETRIES=0 "$quick" up wq0 >out 2>&1
		cat out
		# A hook's shell tells what failed in it, or has had nothing to tell.
		contains "$(grep -v '^\[#\] touch' out | tail -2 | head -1)" "$words"
		same "[#] ip link delete dev wq0" "$(grep -v '^\[#\] touch' out | tail -1)"
		same "$before" "$(state)"
		# What PreUp and PostUp have done, if they were run, is taken back by these.
		hooks=$(ls /run/hooks)
		case $text in
		*PostUp*) same $'post\npre' "$hooks" ;;
		*PreUp*) same post "$hooks" ;;
		*) same "" "$hooks" ;;
		esac
		rm -f /run/hooks/*
	done <<-CASES
	7|wg-quick: a PreUp command failed with exit status 7|${i}PreUp = exit 7
	127|wg-quick: a PreUp command failed with exit status 127|${i}PreUp = nosuchcommand
	1|wg-quick: a PreUp command failed with exit status 1|${i}PreUp = false; true
	137|wg-quick: a PostUp command failed with exit status 137|${i}PostUp = kill -KILL \$\$
	2|wg-quick: cannot add the address 10.0.0.1/24 to \`wq0': File exists|${i}Address = 10.0.0.1/24
	2|wg-quick: cannot set the MTU of \`wq0' to 60: Invalid argument: mtu less than device minimum|${i}MTU = 60
	2|wg-quick: cannot route 192.0.2.0/24 to \`wq0': File exists: see \`ip route show 192.0.2.0/24 table main'|$i${peer}AllowedIPs = 10.5.0.0/16, 192.0.2.0/24
	9|wg-quick: a PostUp command failed with exit status 9|${i}PostUp = true\nPostUp = exit 9
	CASES
	SCRIPT
}

@test "a hook may delete the device itself" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<$'[Interface]\nPostUp = ip link delete %i; exit 3'
	expect 3 "$quick" up wq0 2>err
	# Perhaps its program has not got round to ending.
	[[ $(tail -1 err) == "[#] ip link delete dev wq0" || $(tail -1 err) == "[#] rm -f "* ]]
	sleep 0.2
	same "$before" "$(state)"

	write_conf <<<$'[Interface]\nPreUp = ip link delete %i; sleep 0.2'
	expect 1 "$quick" up wq0 2>err
	contains "$(cat err)" "wg-quick: Unable to modify interface: "
	same "$before" "$(state)"

	# What `down` was to bring about is done; PostDown has not been.
	write_conf <<<$'[Interface]\nPreDown = ip link delete %i; sleep 0.2\nPostDown = touch /run/post'
	"$quick" up wq0
	"$quick" down wq0
	rm /run/post
	same "$before" "$(state)"
	SCRIPT
}

@test "a device that a hook has renamed or moved is found and deleted all the same" {
	# wireguard-go may end all by itself when its interface gets another name.
	on_host "$BUILD/wg-quick" "$BUILD/wg-datapath" <<-'SCRIPT'
	export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
	quick=$1
	write_conf() { (umask 077; cat >/etc/wireguard/wq0.conf); }
	mkdir -p /run/netns
	ip netns add far
	before=$(state)
	for move in 'name elsewhere' 'netns far'; do
		printf '[Interface]\nPreUp = ip link set %%i %s\nAddress = 10.0.0.1/24' "$move" | write_conf
		expect 2 "$quick" up wq0 2>err
		contains "$(cat err)" "wg-quick: cannot add the address 10.0.0.1/24 to \`wq0': No such device"
		sleep 0.1
		same "$before" "$(state)"
		printf '[Interface]\nPostUp = ip link set %%i %s\nPostDown = touch /run/post' "$move" | write_conf
		"$quick" up wq0
		"$quick" down wq0 2>err
		same "[#] rm -f /var/run/wireguard/wq0.sock" "$(sed -n 2p err)"
		rm /run/post
		sleep 0.1
		same "$before" "$(state)"
		same lo "$(ip -n far -br link | cut -d ' ' -f 1)"
	done
	SCRIPT
}

@test "a wrong file is told by file, line and column, and nothing is done" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	n=0
	while IFS='|' read -r place text; do
		printf '[Interface]\nPreUp = touch /run/touched\n%b' "$text" | write_conf
		expect 1 "$quick" up wq0 2>err
		cat err
		same 1 "$(wc -l <err)"
		[[ $(cat err) == "wg-quick: /etc/wireguard/wq0.conf:$place: "* ]]
		same "$before" "$(state)"
		[[ ! -e /run/touched ]]
		n=$((n + 1))
	done <<-CASES
	3:14|PrivateKey = short\n
	3:11|Address = 10.0.0.1/33\n
	4:20|Address = 10.0.0.1\nAddress = 10.0.0.2,x\n
	3:7|MTU = -1\n
	3:14|ListenPort = 65536\n
	3:1|Foo = bar\n
	3:1|[Foo]\n
	3:14|SaveConfig = maybe\n
	4:1|[Peer]\nAddress = 10.0.0.1/24\n
	5:12|[Peer]\nPublicKey = $peer_a\nEndpoint = nocolon\n
	CASES
	((n == 10))
	SCRIPT
}

@test "no file, no interface's name, an interface that exists, a table that does not" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<''
	try() { expect 1 "$quick" "${@:2}" 2>err; same "$1" "$(cat err)"; same "$before" "$(state)"; }
	try "wg-quick: \`/etc/wireguard/wq1.conf' does not exist" up wq1
	try "wg-quick: The config file must be a valid interface name, followed by .conf" up /dev/null
	try "wg-quick: \`wq0' is not a WireGuard interface" down wq0
	touch /run/wireguard
	try "wg-quick: Unable to list interfaces: Not a directory" up wq0
	rm /run/wireguard
	mkdir /etc/wireguard/dir.conf
	try "wg-quick: /etc/wireguard/dir.conf: Is a directory" up dir
	export WG_ENDPOINT_RESOLUTION_RETRIES=x
	try "wg-quick: Unable to parse WG_ENDPOINT_RESOLUTION_RETRIES: \`x'; expected a number of retries, or infinity" up wq0
	unset WG_ENDPOINT_RESOLUTION_RETRIES
	printf '[Interface]\nTable = nosuch\n' | write_conf
	try "wg-quick: \`nosuch' is neither the number nor the name of a routing table" up wq0
	ip link add wq0 type veth
	before=$(state)
	try "wg-quick: \`wq0' already exists" up wq0
	try "wg-quick: \`wq0' is not a WireGuard interface" down wq0
	SCRIPT
}

@test "no userspace program, one that fails, one that does nothing" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<''
	while IFS='|' read -r program words; do
		expect 1 env WG_QUICK_USERSPACE_IMPLEMENTATION="$program" "$quick" up wq0 2>err
		same "wg-quick: $words" "$(tail -1 err)"
		same 4 "$(wc -l <err)"
		same "$before" "$(state)"
	done <<-CASES
	/nonexistent/x|cannot run \`/nonexistent/x': No such file or directory
	/etc/passwd|cannot run \`/etc/passwd': Permission denied
	false|\`false wq0' failed with exit status 1
	true|\`true wq0' made no interface
	CASES
	# One that comes with another name than was asked for is ended.
	printf '#!/bin/sh\n"$daemon" "$1" && ip link set "$1" name elsewhere && sleep 0.2\n' >/run/renames
	chmod +x /run/renames
	daemon=$WG_QUICK_USERSPACE_IMPLEMENTATION WG_QUICK_USERSPACE_IMPLEMENTATION=/run/renames \
		expect 1 "$quick" up wq0 2>err
	same "wg-quick: \`/run/renames wq0' made no interface" "$(tail -1 err)"
	same "$before" "$(state)"
	SCRIPT
}

@test "standard streams that are closed are no trap" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<$'[Interface]\nPostUp = echo out; echo err >&2; cat; ls -l /proc/$BASHPID/fd >/run/fds'
	"$quick" up wq0 <&- >&- 2>&-
	same 3 "$(grep -c ' [012] -> /dev/null' fds)"
	"$quick" down wq0 <&- >&- 2>&-
	same "$before" "$(state)"
	SCRIPT
}

@test "no /dev/net/tun" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<''
	mount -t tmpfs tmpfs /dev/net
	expect 1 "$quick" up wq0 2>err
	same "[#] ip link add dev wq0 type wireguard
	wg-quick: /dev/net/tun: No such file or directory: run \`modprobe tun', or start the container with --device /dev/net/tun" "$(cat err)"
	same "$before" "$(state)"
	SCRIPT
}

@test "no permission" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<''
	expect 1 setpriv --bounding-set -net_admin "$quick" up wq0 2>err
	same "wg-quick: cannot create \`wq0': that takes the capability CAP_NET_ADMIN, as of a container\
 started with --cap-add=NET_ADMIN" "$(cat err)"
	same "$before" "$(state)"
	"$quick" up wq0
	expect 1 setpriv --bounding-set -net_admin "$quick" down wq0 2>err
	same "wg-quick: cannot delete \`wq0': Operation not permitted" "$(tail -1 err)"
	SCRIPT
}

@test "a signal during up undoes it" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	for signal in INT TERM HUP; do
		for where in PreUp PostUp; do
			write_conf <<-CONF
			[Interface]
			Address = 10.0.0.1/24
			$where = touch /run/in-hook; sleep 0.25; echo end >>/run/hooks
			$where = echo never >>/run/hooks
			PostDown = echo post >>/run/hooks
			CONF
			rm -f /run/in-hook /run/hooks
			# A shell's background job ignores SIGINT: env takes that away.
			env --default-signal "$quick" up wq0 2>err &
			until [[ -e /run/in-hook ]]; do sleep 0.02; done
			kill -$signal $!
			sleep 0.05
			kill -$signal $! # being impatient does not help, nor harm
			expect 1 wait $!
			same "wg-quick: interrupted
	[#] ip link delete dev wq0
	[#] echo post >>/run/hooks" "$(tail -3 err)"
			same "end
	post" "$(cat /run/hooks)" # the hook itself was let finish
			same "$before" "$(state)"
		done
	done
	SCRIPT
}

@test "a signal while names are looked up ends that at once" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<-CONF
	[Peer]
	PublicKey = $peer_a
	Endpoint = nosuch.example:1
	CONF
	# Nobody answers: the resolver says "try again".
	echo 'nameserver 127.0.0.1' >/etc/resolv.conf
	WG_ENDPOINT_RESOLUTION_RETRIES=infinity env --default-signal "$quick" up wq0 2>err &
	until grep -q 'Trying again' err; do sleep 0.02; done
	started=$SECONDS
	kill -TERM $!
	expect 1 wait $!
	((SECONDS - started <= 2))
	same "wg-quick: interrupted
	[#] ip link delete dev wq0" "$(tail -2 err)"
	same "$before" "$(state)"
	SCRIPT
}

# interrupt SIGNAL: sends it to an `up` whose daemon has just been started.
interrupt_start='interrupt() {
	rm -f /run/started
	env --default-signal "$quick" up wq0 2>err &
	until [[ -e /run/started ]]; do sleep 0.02; done
	kill -$1 $!
	expect 1 wait $!
	contains "$(cat err)" "wg-quick: interrupted"
}'

@test "a signal while a daemon starts lets it finish, and then undoes that" {
	on_each_host <<-SCRIPT
	$interrupt_start
	$(
		cat <<-'REST'
		before=$(state)
		: | write_conf
		printf '#!/bin/sh\ntouch /run/started\nsleep 0.2\nexec "$daemon" "$@"\n' >/run/slow
		chmod +x /run/slow
		export daemon=$WG_QUICK_USERSPACE_IMPLEMENTATION WG_QUICK_USERSPACE_IMPLEMENTATION=/run/slow
		for signal in INT TERM QUIT; do
			interrupt $signal
			same "[#] ip link delete dev wq0" "$(tail -1 err)"
			same "$before" "$(state)"
		done
		REST
	)
	SCRIPT
}

@test "a signal ends a daemon that hangs while it starts" {
	on_host "$BUILD/wg-quick" <<-SCRIPT
	quick=\$1
	$interrupt_start
	$(
		cat <<-'REST'
		before=$(state)
		: >/etc/wireguard/wq0.conf
		printf '#!/bin/sh\ntouch /run/started\nsleep 1000 &\nwait\n' >/run/hangs
		chmod +x /run/hangs
		export WG_QUICK_USERSPACE_IMPLEMENTATION=/run/hangs
		interrupt INT
		same "$before" "$(state)"
		REST
	)
	SCRIPT
}

@test "a signal ends the wait for a daemon that does not answer" {
	on_host "$BUILD/wg-quick" "$BATS_TEST_DIRNAME/../cli/fake-uapi" <<-'SCRIPT'
	before=$(state)
	: >/etc/wireguard/wq0.conf
	# It takes what it is told, but a question makes it read a pipe that nobody writes to.
	printf 'errno=0\n\n' >set
	mkfifo get
	cat >daemon <<-'PROGRAM'
	#!/bin/sh
	ip tuntap add "$1" mode tun
	"$fake" "/run/wireguard/$1.sock" /run/get /run/set /run/log &
	until [ -S "/run/wireguard/$1.sock" ]; do sleep 0.02; done
	PROGRAM
	chmod +x daemon
	mkdir wireguard
	fake=$2 WG_QUICK_USERSPACE_IMPLEMENTATION=/run/daemon env --default-signal "$1" up wq0 2>err &
	until grep -q get=1 log; do sleep 0.02; done
	kill -INT $!
	until grep -q 'ip link delete' err; do sleep 0.02; done
	echo >get # let it go
	kill $(pgrep -f fake-uapi)
	expect 1 wait $!
	contains "$(cat err)" "wg-quick: interrupted"
	same "$before" "$(state)"
	SCRIPT
}

@test "Ctrl-C in a terminal does not reach the daemon of an interface that is up" {
	on_each_host <<-'SCRIPT'
	: | write_conf
	# What a terminal does: SIGINT to all of the foreground's process group.
	setsid --wait env --default-signal bash -c \
		'"$1" up wq0; trap "" INT; kill -INT 0' bash "$quick"
	sleep 0.2
	wg show wq0 >/dev/null
	"$quick" down wq0
	SCRIPT
}

@test "nobody reads what is told: the work goes on" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	# Hooks have SIGPIPE as ever.
	write_conf <<-'CONF'
	[Interface]
	Address = 10.0.0.1/24
	PostUp = set +e; yes | head -1 >/dev/null; echo ${PIPESTATUS[*]} >/run/post-up
	PostDown = touch /run/post-down
	CONF
	# wireguard-go itself would not survive telling who it is.
	printf '#!/bin/sh\nexec "$daemon" "$@" >/dev/null 2>&1\n' >/run/silent
	chmod +x /run/silent
	export daemon=$WG_QUICK_USERSPACE_IMPLEMENTATION WG_QUICK_USERSPACE_IMPLEMENTATION=/run/silent
	{ sleep 0.1; expect 0 "$quick" up wq0 2>&1 >/dev/null && touch /run/is-up; } | true
	[[ -e /run/is-up ]]
	same "141 0" "$(cat /run/post-up)"
	{ sleep 0.1; expect 0 "$quick" down wq0 2>&1 >/dev/null && touch /run/is-down; } | true
	[[ -e /run/is-down && -e /run/post-down ]]
	same "$before" "$(state)"
	SCRIPT
}

@test "a signal during down comes in time or too late, but not in between" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	for signal in INT TERM; do
		write_conf <<-CONF
		[Interface]
		PreDown = touch /run/in-hook; sleep 0.2; echo PreDown >>/run/hooks
		PreDown = echo never >>/run/hooks
		CONF
		"$quick" up wq0
		rm -f /run/in-hook /run/hooks
		env --default-signal "$quick" down wq0 2>err &
		until [[ -e /run/in-hook ]]; do sleep 0.02; done
		kill -$signal $!
		expect 1 wait $!
		same "wg-quick: interrupted" "$(tail -1 err)"
		same PreDown "$(cat /run/hooks)"
		wg show wq0

		write_conf <<-CONF
		[Interface]
		PostDown = touch /run/in-hook; sleep 0.2; echo PostDown >>/run/hooks
		PostDown = echo as well >>/run/hooks
		CONF
		rm -f /run/in-hook /run/hooks
		env --default-signal "$quick" down wq0 2>err &
		until [[ -e /run/in-hook ]]; do sleep 0.02; done
		kill -$signal $!
		expect 0 wait $!
		same "PostDown
	as well" "$(cat /run/hooks)"
		same "$before" "$(state)"
	done
	SCRIPT
}

@test "signals that are ignored stay ignored" {
	on_each_host <<-'SCRIPT'
	write_conf <<<$'[Interface]\nPostUp = touch /run/in-hook; sleep 0.3; touch /run/done'
	env --ignore-signal=HUP "$quick" up wq0 2>err &
	until [[ -e /run/in-hook ]]; do sleep 0.02; done
	kill -HUP $!
	expect 0 wait $!
	[[ -e /run/done ]]
	wg show wq0
	SCRIPT
}

@test "down stops at a failing hook" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<''
	"$quick" up wq0
	write_conf <<-CONF
	[Interface]
	PreDown = exit 6
	PreDown = touch /run/touched
	CONF
	expect 6 "$quick" down wq0
	ip link show wq0
	wg show wq0
	[[ ! -e /run/touched ]]
	write_conf <<-CONF
	[Interface]
	PostDown = exit 5
	PostDown = touch /run/touched
	CONF
	expect 5 "$quick" down wq0
	[[ ! -e /run/touched ]]
	same "$before" "$(state)"
	SCRIPT
}

@test "down does not look at what it does not need, however wrong it has become" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	peer="[Peer]\nPublicKey = $peer_a\n"
	i="[Interface]\nPreDown = touch /run/pre\nPostDown = touch /run/post\n"
	while read -r text; do
		echo "$text"
		printf "$i$peer" | write_conf
		"$quick" up wq0
		printf "$text" | write_conf
		WG_ENDPOINT_RESOLUTION_RETRIES=nonsense "$quick" down wq0
		rm /run/pre /run/post
		same "$before" "$(state)"
	done <<-CASES
	$i${peer}AllowedIP = 10.0.0.0/8
	$i${peer}AllowedIPs = 10.0.0.0/33
	$i${peer}AllowedIPs = 0.0.0.0/0
	$i[Peer]\nEndpoint = x
	${i}PrivateKey = short
	${i}MTU = abc
	${i}Address = 10.0.0.1/33
	${i}Table = nosuch
	${i}Foo = bar
	$i[Foo]
	nonsense\n$i
	CASES
	SCRIPT
}

@test "down after the device was deleted by hand, or its daemon killed" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	write_conf <<<$'[Interface]\nPreDown = touch /run/pre\nPostDown = touch /run/post'
	for _ in 1 2; do
		"$quick" up wq0
		if [[ ! -e /run/once ]]; then
			ip link delete wq0
		else
			kill -KILL $(pidof "$(basename "$WG_QUICK_USERSPACE_IMPLEMENTATION")")
		fi
		touch /run/once
		sleep 0.2
		"$quick" down wq0 2>err
		same "[!] \`wq0' has gone by other means: what it has left is taken back
	[#] ip link delete dev wq0
	[#] touch /run/post" "$(cat err)"
		rm /run/post
		[[ ! -e /run/pre ]]
		same "$before" "$(state)"
		expect 1 "$quick" down wq0 2>err
		same "wg-quick: \`wq0' is not a WireGuard interface" "$(cat err)"
	done
	"$quick" up wq0
	"$quick" down wq0
	rm /run/once /run/p*
	same "$before" "$(state)"
	SCRIPT
}

@test "up can follow down at once, and no process stays" {
	on_each_host <<-'SCRIPT'
	write_conf <<<$'[Interface]\nListenPort = 51999\nAddress = 10.0.0.1/24'
	for _ in {1..30}; do
		"$quick" up wq0 >out 2>&1 || { tail -2 out; exit 1; }
		"$quick" down wq0 >out 2>&1
	done
	for _ in {1..50}; do
		[[ $(strangers) ]] || break
		sleep 0.02 # a sanitizer takes its time
	done
	same "" "$(strangers)"
	SCRIPT
}

@test "down waits for the daemon's end, cleans up after one that is killed, and goes on without it" {
	on_host "$BUILD/wg-quick" <<-'SCRIPT'
	before=$(state)
	printf '[Interface]\nPostDown = touch /run/post-down' >/etc/wireguard/wq0.conf
	export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go
	"$1" up wq0
	pid=$(pidof wireguard-go)
	kill -STOP $pid # one that is stopped cannot end
	(sleep 0.3; kill -KILL $pid) &
	"$1" down wq0 2>err
	same "[#] ip link delete dev wq0
	[#] touch /run/post-down" "$(cat err)"
	rm /run/post-down
	same "$before" "$(state)"

	"$1" up wq0
	kill -STOP $(pidof wireguard-go)
	"$1" down wq0 2>err
	same "[#] ip link delete dev wq0
	[!] the program that provided \`wq0' has not ended within 5 s
	[#] touch /run/post-down" "$(cat err)"
	SCRIPT
}
