#!/usr/bin/env bats
# What the shells complete after `wg`, against what wg's own table says.

load lib
load completion

K=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
L=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=

setup() {
	shells_needed
	SCRIPTS=$BATS_TEST_DIRNAME/../../completions
	# A wg that always has two interfaces and two peers, one with a name.
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/empty"
	cat >"$BATS_TEST_TMPDIR/bin/wg" <<-END
		#!/bin/bash
		case \$* in
		'show interfaces') echo wg0 work ;;
		'show wg0 peers') printf '%s\n' $K $L ;;
		'show wg0 peers --names') printf '%s\n' @laptop $L ;;
		*) echo 'Usage: wg' >&2; exit 1 ;;
		esac
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/wg"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	cd "$BATS_TEST_TMPDIR/empty"
}

# section TITLE SUBCOMMAND: the words of a section of its help.
section() {
	"$BUILD/wg" help "$2" | sed -n "/^$1/,/^\$/s/^  \([a-z<-][^ ]*\).*/\1/p"
}

subcommands() {
	section Subcommands help | grep -v '^<'
}

options() {
	section Options "$1" | sed 's/\[.*//'
}

in_line() {
	paste -sd ' '
}

@test "the scripts are what the programs print" {
	for program in wg wg-quick; do
		for shell in bash zsh fish; do
			"$BUILD/$program" completion "$shell" |
				sed "s|${SYSCONFDIR:-/etc}/wireguard|/etc/wireguard|g" |
				diff -u "$SCRIPTS/$program.$shell" -
		done
	done
}

@test "the table can be read from the help" {
	(($(subcommands | wc -l) == 12))
	(($(section Fields show | wc -l) == 12))
	(($(section 'Of the interface' set | wc -l) == 3))
	(($(section 'Of each peer' set | wc -l) == 6))
	[[ $(options show | in_line) == '--json --ndjson --prometheus --names --watch' ]]
}

@test "all subcommands are offered" {
	offers 'wg ' "$(subcommands | in_line)"
	offers 'wg show' 'show showconf'
	offers 'wg --' '--help --version'
	offers 'wg x' ''
	offers 'wg help ' "$(subcommands | in_line)"
	offers 'wg completion ' 'bash zsh fish'
}

@test "all options are offered, each once, up to --" {
	for subcommand in $(subcommands); do
		offers "wg $subcommand --" "$(options "$subcommand" | in_line)"
	done
	offers 'wg show wg0 dump --' "$(options show | in_line)"
	offers 'wg show --json wg0 --' "$(options show | grep -vx -- --json | in_line)"
	offers 'wg show --watch=5 --' "$(options show | grep -vx -- --watch | in_line)"
	offers 'wg show --json ' 'all interfaces wg0 work'
	offers 'wg show --json wg0 --names pe' 'peers persistent-keepalive'
	offers 'wg show -- --' ''
	offers 'wg show wg0 -- --j' ''
	offers 'wg genkey --out=x --' ''
}

@test "interfaces and fields" {
	offers 'wg show ' 'all interfaces wg0 work'
	offers 'wg show w' 'wg0 work'
	offers 'wg show wg0 ' "$(section Fields show | in_line)"
	offers 'wg show all pe' 'peers persistent-keepalive'
	offers 'wg show interfaces ' ''
	offers 'wg show wg0 dump ' ''
	for subcommand in showconf set setconf addconf syncconf; do
		offers "wg $subcommand " 'wg0 work'
	done
	offers 'wg showconf wg0 ' ''
	for subcommand in genkey genpsk pubkey version; do
		offers "wg $subcommand " ''
	done
}

@test "set knows where it is" {
	peer=$(section 'Of each peer' set | grep -v remove | in_line)
	offers 'wg set wg0 ' "$(section 'Of the interface' set | in_line) peer"
	offers 'wg set wg0 --warn ' "$(section 'Of the interface' set | in_line) peer"
	offers 'wg set wg0 listen-port ' ''
	offers 'wg set wg0 listen-port 5 ' 'fwmark peer private-key'
	offers 'wg set wg0 listen-port 5 --warn ' 'fwmark peer private-key'
	offers 'wg set wg0 fwmark ' off
	offers 'wg set wg0 fwmark off p' 'peer private-key'
	offers "wg set wg0 peer $K " "$peer remove"
	offers "wg set wg0 peer $K remove " peer
	offers "wg set wg0 peer $K endpoint 1.2.3.4:5 " \
		'allowed-ips peer persistent-keepalive preshared-key'
	offers "wg set wg0 peer $K endpoint [::1]:5 allowed-ips 10.0.0.0/8 p" \
		'peer persistent-keepalive preshared-key'
	offers "wg set wg0 peer $K persistent-keepalive " off
	offers "wg set wg0 fwmark 1 peer $K remove peer $K " "$peer remove"
	offers "wg set wg0 peer peer " "$peer remove"
}

@test "peers, by name and by key" {
	offers 'wg set wg0 peer ' "@laptop $K $L"
	offers 'wg set wg0 --warn peer ' "@laptop $K $L"
	offers 'wg set wg0 peer uF' "$K"
	offers 'wg set wg0 peer @' @laptop
	offers 'wg set work peer ' ''
	for shell in bash zsh fish; do # names come first
		[[ $(offers_in "$shell" 'wg set wg0 peer ' | in_line) == "@laptop $K $L" ]]
	done
}

@test "on a terminal" {
	completes 'wg showc' 'wg showconf'
	completes 'wg set wg0 peer uF' "wg set wg0 peer $K"
	completes "wg set wg0 peer ${K:0:20}" "wg set wg0 peer $K"
	# What ends in "=" is complete, and not the start of something new.
	completes "wg set wg0 peer $K" "wg set wg0 peer $K"
	completes "wg set wg0 peer $K end" "wg set wg0 peer $K endpoint"
	completes "wg set wg0 peer $K endpoint [::1]:5 al" \
		"wg set wg0 peer $K endpoint [::1]:5 allowed-ips"
	completes 'wg set wg0 peer @l' 'wg set wg0 peer @laptop'
	completes 'wg show --json wg0 --na' 'wg show --json wg0 --names'
	completes 'wg show --watch=5 du' 'wg show --watch=5 du'
	completes 'wg show --watch=5 wg0 du' 'wg show --watch=5 wg0 dump'
}

@test "files" {
	touch one.key 'my file.conf'
	for start in 'wg setconf wg0' 'wg set wg0 private-key' 'wg genkey --out'; do
		completes "$start o" "$start one.key"
	done
	for start in 'wg addconf wg0' 'wg syncconf --warn wg0' "wg set wg0 peer $K preshared-key" \
		'wg genpsk --out'; do
		completes "$start o" "$start one.key" bash
	done
	completes 'wg genkey --out=o' 'wg genkey --out=one.key'
	completes 'wg setconf wg0 m' 'wg setconf wg0 my\ file.conf'
	completes 'wg setconf wg0 my\ f' 'wg setconf wg0 my\ file.conf' bash
	completes 'wg setconf wg0 one.key m' 'wg setconf wg0 one.key m'
}

@test "what others have named is not a command" {
	cat >"$BATS_TEST_TMPDIR/bin/wg" <<-'END'
		#!/bin/bash
		case $* in
		*--names) echo '@a b$(>owned)`>owned`(echo>owned)' ;;
		*peers) ;;
		*) echo '$(>owned) `>owned` (echo>owned) a;touch${IFS}owned z$(>owned) *' ;;
		esac
	END
	touch x y
	for shell in bash zsh fish; do
		(($(offers_in "$shell" 'wg show ' | wc -l) == 8)) # "*" is one of them, not x and y
		# The interface of `set` is an argument of `wg show`, nothing more.
		for bad in '$(>owned)' '\$\(\>owned\)' '`>owned`' '\`\>owned\`' '(echo>owned)' '*'; do
			run offers_in "$shell" "wg set $bad peer "
			run offers_in "$shell" "wg set wg0 $bad "
			run offers_in "$shell" "wg show --$bad -- "
			[[ ! -e owned ]]
		done
	done
	completes 'wg show z' 'wg show z\$\(\>owned\)'
	completes 'wg show a;' 'wg show a;'
	# To fish, a backtick is a letter.
	completes 'wg set wg0 peer @a' 'wg set wg0 peer @a\ b\$\(\>owned\)\`\>owned\`\(echo\>owned\)' 'bash zsh'
	completes 'wg set wg0 peer @a' 'wg set wg0 peer @a\ b\$\(\>owned\)`\>owned`\(echo\>owned\)' fish
	[[ ! -e owned ]]
}
