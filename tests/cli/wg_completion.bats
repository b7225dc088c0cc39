#!/usr/bin/env bats
# What wg's own tables say must be in its manual and in its completion.

load lib

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=

setup() {
	ROOT=$BATS_TEST_DIRNAME/../..
	PAGE=$ROOT/man/wg.8
	# A wg that always has two interfaces and two peers; its usage is the real one's.
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/wg" <<-END
		#!/bin/bash
		case \$* in
		'show interfaces') echo wg0 work ;;
		'show wg0 peers') printf '%s\n' $K WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y= ;;
		*) exec "$BUILD/wg" "\$@" ;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/wg"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# offers LINE: what bash would offer at its end, sorted, in one line.
offers() {
	bash -c '
		source "$1"
		COMP_LINE=$2 COMP_POINT=${#2}
		_wg
		printf "%s\n" "${COMPREPLY[@]}"' - "$ROOT/completions/wg.bash" "$1" |
		sort | paste -sd ' '
}

# completed LINE: what a real bash on a terminal makes of it when the tab key is pressed at its end.
completed() {
	local line=$BATS_TEST_TMPDIR/line
	rm -f "$line"
	cat >"$BATS_TEST_TMPDIR/rc" <<-END
		source "$ROOT/completions/wg.bash"
		bind -x '"\C-t": printf "%s" "\$READLINE_LINE" >"$line.new"; mv "$line.new" "$line"; exit'
	END
	# The terminal's other end stays open until the answer is there.
	{
		printf '%s\t\024' "$1"
		lab_wait_for test -e "$line"
	} | TERM=dumb script -qec "bash --noprofile --rcfile $BATS_TEST_TMPDIR/rc -i" /dev/null >/dev/null
	cat "$line"
}

subcommands() {
	"$BUILD/wg" help | sed -n 's/^  \([a-z]*\): .*/\1/p'
}

fields() {
	"$BUILD/wg" show --help 2>&1 | sed 's/.*} \[//; s/\]$//; s/ | /\n/g'
}

options() {
	"$BUILD/wg" set 2>&1 | grep -oE '\[[a-z][a-z-]+[] ]' | tr -d '[] '
}

sorted() {
	sort | paste -sd ' '
}

@test "the tables can be read from the usage" {
	(($(subcommands | wc -l) == 9))
	(($(fields | wc -l) == 12))
	(($(options | wc -l) == 9))
}

@test "the manual names every subcommand, field and option" {
	for word in $(subcommands) $(fields) $(options); do
		grep -qE "^\.(It|Cm|Op|Nm|Oo).*\b$word\b" "$PAGE" || { echo "$word"; false; }
	done
	for word in WG_COLOR_MODE WG_HIDE_KEYS WG_ENDPOINT_RESOLUTION_RETRIES; do
		grep -q "^.It Ev $word" "$PAGE"
	done
}

@test "the manual is clean" {
	command -v mandoc || skip "no mandoc"
	run -0 mandoc -Tlint -Wwarning "$PAGE"
	[[ -z $output ]]
}

@test "completion: subcommands" {
	[[ $(offers 'wg ') == "$({ subcommands; echo help; echo version; } | sorted)" ]]
	[[ $(offers 'wg sh') == 'show showconf' ]]
	[[ $(offers 'wg x') == '' ]]
}

@test "completion: interfaces and fields" {
	[[ $(offers 'wg show ') == 'all interfaces wg0 work' ]]
	[[ $(offers 'wg show w') == 'wg0 work' ]]
	[[ $(offers 'wg show wg0 ') == "$(fields | sorted)" ]]
	[[ $(offers 'wg show all pe') == 'peers persistent-keepalive' ]]
	[[ $(offers 'wg show interfaces ') == '' ]]
	[[ $(offers 'wg show wg0 dump ') == '' ]]
	for subcommand in showconf set setconf addconf syncconf; do
		[[ $(offers "wg $subcommand ") == 'wg0 work' ]]
	done
	[[ $(offers 'wg showconf wg0 ') == '' ]]
	[[ $(offers 'wg genkey ') == '' ]]
}

@test "completion: set knows where it is" {
	[[ $(offers 'wg set wg0 ') == 'fwmark listen-port peer private-key' ]]
	[[ $(offers 'wg set wg0 listen-port ') == '' ]]
	[[ $(offers 'wg set wg0 listen-port 5 ') == 'fwmark peer private-key' ]]
	[[ $(offers 'wg set wg0 fwmark ') == off ]]
	[[ $(offers 'wg set wg0 fwmark off p') == 'peer private-key' ]]
	[[ $(offers 'wg set wg0 peer ') == "WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y= $K" ]]
	[[ $(offers 'wg set wg0 peer uF') == "$K" ]]
	[[ $(offers "wg set wg0 peer $K ") == \
		'allowed-ips endpoint peer persistent-keepalive preshared-key remove' ]]
	[[ $(offers "wg set wg0 peer $K remove ") == peer ]]
	[[ $(offers "wg set wg0 peer $K endpoint 1.2.3.4:5 ") == \
		'allowed-ips peer persistent-keepalive preshared-key' ]]
	[[ $(offers "wg set wg0 peer $K endpoint [::1]:5 allowed-ips 10.0.0.0/8 p") == \
		'peer persistent-keepalive preshared-key' ]]
	[[ $(offers "wg set wg0 peer $K persistent-keepalive ") == off ]]
	[[ $(offers "wg set wg0 fwmark 1 peer $K remove peer $K ") == \
		'allowed-ips endpoint peer persistent-keepalive preshared-key remove' ]]
}

@test "completion: every option of set is offered" {
	local all
	all=$(printf '%s %s' "$(offers 'wg set wg0 ')" "$(offers "wg set wg0 peer $K ")" |
		tr ' ' '\n' | sort -u | paste -sd ' ')
	[[ $all == "$(options | sort -u | paste -sd ' ')" ]]
}

@test "completion: files" {
	cd "$BATS_TEST_TMPDIR"
	mkdir files
	cd files
	touch one.key 'my file.conf'
	for start in 'wg setconf wg0' 'wg addconf wg0' 'wg syncconf wg0' 'wg set wg0 private-key' \
		"wg set wg0 peer $K preshared-key"; do
		[[ $(completed "$start o") == "$start one.key " ]]
	done
	[[ $(completed 'wg setconf wg0 m') == 'wg setconf wg0 my\ file.conf ' ]]
	[[ $(completed 'wg setconf wg0 my\ f') == 'wg setconf wg0 my\ file.conf ' ]]
	[[ $(completed 'wg setconf wg0 one.key m') == 'wg setconf wg0 one.key m' ]]
}

@test "completion: on a terminal" {
	[[ $(completed 'wg showc') == 'wg showconf ' ]]
	[[ $(completed 'wg set wg0 peer uF') == "wg set wg0 peer $K " ]]
	[[ $(completed "wg set wg0 peer ${K:0:20}") == "wg set wg0 peer $K " ]]
	# What ends in "=" is complete, and not the start of something new.
	[[ $(completed "wg set wg0 peer $K") == "wg set wg0 peer $K " ]]
	[[ $(completed "wg set wg0 peer $K end") == "wg set wg0 peer $K endpoint " ]]
	[[ $(completed "wg set wg0 peer $K endpoint [::1]:5 al") == \
		"wg set wg0 peer $K endpoint [::1]:5 allowed-ips " ]]
}

@test "completion: an interface's name is not a command" {
	cat >"$BATS_TEST_TMPDIR/bin/wg" <<-'END'
		#!/bin/bash
		echo '$(touch${IFS}owned) `touch${IFS}owned` a;touch${IFS}owned z$(touch${IFS}owned) *'
	END
	cd "$BATS_TEST_TMPDIR"
	(($(offers 'wg show ' | wc -w) == 7))
	[[ $(completed 'wg show z') == 'wg show z\$\(touch\$\{IFS\}owned\) ' ]]
	[[ $(completed 'wg show a;') == 'wg show a;' ]]
	[[ ! -e owned ]]
}
