#!/usr/bin/env bats
# wg show --watch: the live view, as it comes out of a terminal that `script` makes, and what it
# does to that terminal; then the blocks that are printed where there is none.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
B=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
KEY_OF_A=uFmW/sycfx

setup_file() {
	lab_start
	((EUID)) || fake wg0
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	T=$BATS_TEST_TMPDIR
	describe 0
}

teardown() {
	if [[ ${VIEW:-} ]]; then
		exec {KEYS}>&-
		kill "$VIEW" || true
	fi 2>/dev/null
	[[ ! ${SILENT:-} ]] || kill "$SILENT"
	lab rm -f /var/run/wireguard/wg1.sock
}

# describe RX: two peers, of which the first has received so much.
describe() {
	fake_describe wg0 "listen_port=12912\n\
public_key=$A\nendpoint=192.0.2.7:51820\nlast_handshake_time_sec=$(($(date +%s) - 10))\n\
rx_bytes=$1\ntx_bytes=0\nallowed_ip=10.0.0.2/32\npublic_key=$B\nallowed_ip=10.0.0.3/32\n" \
		2>/dev/null
}

# silent NAME: a daemon that listens and says nothing.
silent() {
	lab perl -MIO::Socket::UNIX -e '
		my $server = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die;
		my @clients;
		push @clients, $server->accept while 1;' "/var/run/wireguard/$1.sock" \
		</dev/null >/dev/null 2>&1 3>&- &
	SILENT=$!
	lab_wait_for lab test -S "/var/run/wireguard/$1.sock"
}

# terminal COMMAND: runs shell text on a terminal of 80 by 12; $W is wg.
terminal() {
	mkfifo "$T/keys"
	cat >"$T/inner" <<-END
		W=$BUILD/wg
		cd "$T"
		tty >tty
		echo \$PPID >script
		stty rows 12 cols 80
		stty -g >before
		$1
		stty -g >after
		touch done
	END
	TERM=${TERM_IS-xterm} LC_ALL=C.UTF-8 lab script -qfec "bash $T/inner" "$T/out" \
		<"$T/keys" >/dev/null 2>&1 3>&- &
	VIEW=$!
	exec {KEYS}<>"$T/keys"
}

# view ARGUMENTS: wg show, with its pid and exit status told.
view() {
	terminal "sh -c 'echo \$\$ >pid; exec \$0 show $* --watch=${EVERY:-0.2}' \$W; echo \$? >status"
}

# press KEYS: as printf writes them.
press() {
	# shellcheck disable=SC2059
	printf "$1" >&"$KEYS"
}

# The screen as it was drawn last, without colours.
screen() {
	tr -d '\r' <"$T/out" | perl -0777 -ne '
		my @screens = split /\e\[H/;
		s/\e\[[0-9;?]*[a-zA-Z]//g for @screens;
		# The last may not be there as a whole.
		pop @screens if $screens[-1] !~ /\? (help|less)$/;
		print $screens[-1]'
}

shows() {
	screen | grep -qE -- "$1"
}

# The same of any screen, ever: what is there for one period only could be missed.
showed() {
	tr -d '\r' <"$T/out" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | grep -aqE -- "$1"
}

# How often a sequence came.
count() {
	grep -aoF -- $'\e'"[$1" "$T/out" | wc -l
}

# Which of two sequences that change and restore the terminal came last.
last() {
	grep -aoE -- $'\e'"\\[\\?$1[hl]" "$T/out" | tail -c 2
}

is_restored() {
	cmp "$T/before" "$T/after" &&
		[[ $(last 1049) == l && $(last 25) == h && $(last 7) == h ]] &&
		(($(count '?1049h') == $(count '?1049l')))
}

# ended STATUS: it has ended so, and the terminal is what it was.
ended() {
	lab_wait_for test -e "$T/done"
	[[ $(<"$T/status") == "$1" ]]
	is_restored
}

@test "it shows peers and their rates, and q leaves everything as it was" {
	view wg0
	lab_wait_for shows '^wg0  port 12912  2 peers, 1 active .* [0-9]{2}:[0-9]{2}:[0-9]{2}$'
	lab_wait_for shows '^peer +endpoint +handshake +rx/s +tx/s +allowed ips$'
	lab_wait_for shows "^${KEY_OF_A}[^ ]* +192.0.2.7:51820 +1[0-9]s +0 B +0 B +10.0.0.2/32$"
	lab_wait_for shows '^WEAuaVuhdy[^ ]* +\(none\) +never +0 B +0 B +10.0.0.3/32$'
	# Some hundreds of KiB in a fifth of a second; then nothing.
	describe 300000
	lab_wait_for showed '  rx [0-9.]+ [KM]iB/s'
	lab_wait_for shows '  rx 0 B/s'
	# A daemon that started again.
	describe 7
	sleep 0.6
	run ! showed '[TPE]iB'
	press q
	ended 0
	# Never the whole screen: that would flicker.
	(($(count '2J') == 0))
}

@test "each screen is as many lines as the terminal has, and none is wider" {
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	(($(screen | wc -l) == 11))
	(($(screen | LC_ALL=C.UTF-8 wc -L) <= 80))
	press q
	ended 0
}

@test "escape, control-C and the end of the terminal's other side end it, too" {
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	press '\033'
	ended 0
	rm "$T/done" "$T/keys" "$T/out"
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	press '\003'
	ended 0
	rm "$T/done" "$T/keys" "$T/out" "$T/pid"
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	lab kill -0 "$(<"$T/pid")"
	lab kill -KILL "$(<"$T/script")"
	# Nobody in the lab waits for orphans: what has ended still has a number.
	lab_wait_for eval '[[ ! $(lab cat "/proc/$(<"$T/pid")/cmdline" | tr "\0" " ") ]]'
}

@test "signals that end it restore the terminal" {
	for signal in TERM HUP INT QUIT; do
		view wg0
		lab_wait_for shows "^$KEY_OF_A"
		lab kill "-$signal" "$(<"$T/pid")"
		ended 0
		rm "$T/done" "$T/keys" "$T/out" "$T/pid"
	done
}

@test "so do accidents" {
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	lab kill -ABRT "$(<"$T/pid")"
	ended 134
}

@test "it follows the terminal's size at once" {
	EVERY=60 view wg0
	lab_wait_for shows ' allowed ips$'
	lab stty -F "$(<"$T/tty")" rows 20 cols 132
	lab_wait_for shows 'received +sent +allowed ips$'
	(($(screen | wc -l) == 19))
	lab stty -F "$(<"$T/tty")" rows 6 cols 40
	lab_wait_for shows 'handshake +rx/s +tx/s$'
	(($(screen | wc -l) == 5))
	(($(screen | LC_ALL=C.UTF-8 wc -L) <= 40))
	press q
	ended 0
}

@test "keys: sort, reverse, help, pause" {
	view wg0
	lab_wait_for shows '^by handshake +q quit  \? help$'
	press s
	lab_wait_for shows '^by rate '
	press sr
	lab_wait_for shows '^by name, reversed '
	press '?'
	lab_wait_for shows '^q quit  s sort by'
	press '?p'
	lab_wait_for shows ' paused [0-9:]{8}$'
	describe 1000000000
	sleep 0.6
	run ! showed ' rx [1-9]'
	press ' '
	lab_wait_for shows ' [0-9:]{8}$'
	lab_wait_for showed "  rx [1-9]"
	press q
	ended 0
}

@test "keys: a long list scrolls" {
	{
		for ((i = 10; i < 60; i++)); do
			printf 'public_key=%s%d\nallowed_ip=10.0.0.%d/32\n' "${A:0:62}" $i $i
		done
		printf 'errno=0\n\n'
	} >"$LAB/wg0.get"
	view wg0
	lab_wait_for shows 'rows 1-9 of 50 '
	press 'j\033[B'
	lab_wait_for shows 'rows 3-11 of 50 '
	press '\033[6~'
	lab_wait_for shows 'rows 11-19 of 50 '
	press '\033[F'
	lab_wait_for shows 'rows 42-50 of 50 '
	press 'k\033[5~'
	lab_wait_for shows 'rows 33-41 of 50 '
	press g
	lab_wait_for shows 'rows 1-9 of 50 '
	press q
	ended 0
}

@test "stopped, the terminal is the shell's; continued, it goes on" {
	terminal 'set -m
		$W show wg0 --watch=0.2
		stty -g >stopped
		fg
		echo $? >status'
	lab_wait_for shows "^$KEY_OF_A"
	press '\032'
	lab_wait_for test -s "$T/stopped"
	cmp "$T/before" "$T/stopped"
	lab_wait_for eval '(($(count "?1049h") == 2))'
	lab_wait_for shows "^$KEY_OF_A"
	press q
	ended 0
	(($(count '?1049l') == 2))
}

@test "stopped without a chance to tidy up, it still gets the terminal back" {
	terminal 'set -m
		sh -c "echo \$\$ >pid; exec $W show wg0 --watch=0.2"
		stty "$(cat before)"
		touch stopped
		fg
		echo $? >status'
	lab_wait_for shows "^$KEY_OF_A"
	lab kill -STOP "$(<"$T/pid")"
	lab_wait_for test -e "$T/stopped"
	lab_wait_for eval '(($(count "?25l") == 2))'
	press q
	ended 0
}

@test "in the background it waits for the terminal, and can be ended" {
	cat >"$T/jobs" <<-'END'
		set -m
		"$1" show --watch &
		sleep 0.3
		kill %1
		sleep 0.3
		if kill -0 $!; then echo alive; else echo ended; fi >first
		kill -KILL %1
	END
	terminal "bash jobs \$W 2>/dev/null"
	lab_wait_for test -e "$T/done"
	[[ $(<"$T/first") == ended ]]
}

@test "a terminal that takes nothing any more keeps nobody from ending" {
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	lab stty -F "$(<"$T/tty")" rows 200 cols 200
	lab kill -STOP "$(<"$T/script")"
	sleep 2 # until it has taken what it can
	lab kill -TERM "$(<"$T/pid")"
	lab_wait_for test -e "$T/done"
	lab kill -CONT "$(<"$T/script")"
	pkill -CONT -P "$VIEW" # nsenter stops with what it runs
	[[ $(<"$T/status") == 0 ]]
	cmp "$T/before" "$T/after"
}

@test "names instead of keys, whatever is in them" {
	lab sh -c 'mount -t tmpfs tmpfs /etc && mkdir -p /etc/wireguard' # gone with the lab
	printf '%s %s\n' "$(ours show wg0 peers | head -n 1)" $'caf\xc3\xa9 \xff' |
		lab tee /etc/wireguard/peers.names >/dev/null
	view wg0
	lab_wait_for shows '^café \? +192'
	press n
	lab_wait_for shows "^$KEY_OF_A"
	press q
	ended 0
	lab umount /etc
}

@test "an interface that is gone comes back by itself" {
	fake wg1
	fake_describe wg1 "listen_port=1\npublic_key=$B\n"
	view all
	lab_wait_for shows '^wg1  port 1  1 peer, 0 active'
	lab rm /var/run/wireguard/wg1.sock
	lab_wait_for shows '^wg1  gone'
	lab_wait_for shows '^wg0  port 12912'
	fake wg1
	fake_describe wg1 "listen_port=2\n"
	lab_wait_for shows '^wg1  port 2  0 peers'
	fake_get wg1 'errno=13\n\n'
	lab_wait_for shows '^wg1  Permission denied'
	press q
	ended 0
}

@test "an interface that is not there is waited for" {
	view wg9
	lab_wait_for shows '^wg9  no such interface'
	press q
	ended 0
}

@test "a daemon that keeps silent holds up nobody" {
	silent wg1
	view all
	lab_wait_for shows '^wg0  port 12912'
	describe 5000000
	lab_wait_for showed '  rx [1-9]'
	lab_wait_for shows '^wg1  no answer for [3-9]s'
	press q
	ended 0
	rm "$T/done" "$T/keys" "$T/out"
	view wg1
	lab_wait_for shows '^wg1'
	press '\003'
	ended 0
}

@test "nor does one if the period is shorter than the wait for all answers" {
	silent wg1
	EVERY=0.1 view all
	lab_wait_for shows '^wg0  port 12912'
	press q
	ended 0
}

@test "without colours it is still a screen" {
	export WG_COLOR_MODE=never
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	(($(count '32m') == 0 && $(count '2m') == 0))
	press q
	ended 0
	rm "$T/done" "$T/keys" "$T/out"
	export WG_COLOR_MODE=always
	view wg0
	lab_wait_for shows "^$KEY_OF_A"
	(($(count '32m') > 0))
	press q
	ended 0
}

@test "on a terminal that can do nothing it prints blocks" {
	TERM_IS=dumb view wg0
	lab_wait_for eval '(($(grep -c "^interface: wg0" "$T/out") >= 3))'
	(($(grep -ac $'\e' "$T/out") == 0))
	press '\003'
	lab_wait_for test -e "$T/done"
	[[ $(<"$T/status") == 0 ]]
	cmp "$T/before" "$T/after"
}

@test "what is no terminal gets blocks, until nobody reads them" {
	lab timeout 20 "$BUILD/wg" show wg0 --watch=0.1 2>"$T/err" | head -n 25 >"$T/blocks"
	((PIPESTATUS[0] == 0))
	[[ ! -s $T/err ]]
	ours show wg0 | sed 's/: 1[0-9] seconds/: N seconds/' >"$T/block"
	sed 's/: 1[0-9] seconds/: N seconds/' "$T/blocks" | head -n "$(wc -l <"$T/block")" |
		diff "$T/block" -
	sed -n "$(($(wc -l <"$T/block") + 1)),+2p" "$T/blocks" >"$T/between"
	[[ $(<"$T/between") =~ ^$'\n'[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}$'\n'"interface: wg0"$ ]]
	run ! grep -q $'\e' "$T/blocks"
	WG_COLOR_MODE=always lab timeout 20 "$BUILD/wg" show wg0 --watch=0.1 | head -n 5 | grep -q $'\e'
}

@test "blocks: the time above a block is the block's" {
	lab timeout 20 "$BUILD/wg" show wg0 --watch=2.5 3>&- | head -n 20 >"$T/blocks"
	local after
	after=$(date +%s)
	# head goes when it has seen the second block, at once.
	((after - $(date -d "$(grep '^[0-9]\{4\}-' "$T/blocks")" +%s) <= 1))
}

@test "blocks: trouble is told, and does not end it" {
	fake wg1
	fake_describe wg1 'listen_port=1\n'
	lab sh -c 'echo $$ >"$0"; exec "$@"' "$T/pid" "$BUILD/wg" show wg1 --watch=0.1 \
		>"$T/blocks" 2>"$T/err" 3>&- &
	local reader=$!
	lab_wait_for grep -q '^interface: wg1' "$T/blocks"
	lab rm /var/run/wireguard/wg1.sock
	lab_wait_for eval '(($(grep -c "^Unable to access interface wg1: " "$T/err") >= 2))'
	kill -0 "$reader"
	lab kill -TERM "$(<"$T/pid")"
	wait "$reader"
}

@test "blocks: an interface that was never there is a mistake" {
	run -1 --separate-stderr lab timeout 10 "$BUILD/wg" show wg9 --watch=0.1
	[[ ! $output && $stderr == "Unable to access interface wg9: "* ]]
}

@test "blocks: signals end it in good order, also while a daemon keeps silent" {
	silent wg1
	for signal in INT TERM HUP; do
		# Whoever is started in the background by a shell without jobs ignores SIGINT.
		lab perl -e '$SIG{INT} = "DEFAULT"; open my $f, ">", shift; print $f $$; close $f;
			exec @ARGV' "$T/pid" "$BUILD/wg" show wg1 --watch=0.1 >"$T/blocks" 3>&- &
		local reader=$!
		lab_wait_for eval '[[ $(lab cat "/proc/$(<"$T/pid")/comm") == wg ]]'
		sleep 0.1
		lab kill "-$signal" "$(<"$T/pid")"
		wait "$reader"
	done
}
