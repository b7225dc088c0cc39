#!/usr/bin/env bats
# wg's front door: usage, version, what is no subcommand. Against the original.

load lib

setup_file() {
	lab_start
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
}

@test "help goes to stdout" {
	for word in help -h --help; do
		same "$word"
	done
}

@test "version and options take no second word" {
	same -h -h
	same --help show
	same version x
	same --version --version
	same -v x
}

@test "an unknown subcommand is quoted, then usage on stderr" {
	same frobnicate
	same ''
	same Show
	same sho
	same --bogus
	same "a'b" c
}

@test "show has a help option" {
	for word in help -h --help; do
		same show "$word"
	done
}

@test "the wrong number of words is usage" {
	same show a b c
	same show interfaces x
	same show all dump x
	same show --help x y
	same showconf
	same showconf a b
	same setconf
	same setconf x
	same setconf x y z
	same setconf --help
	same addconf x
	same addconf --help
	same syncconf x
	same syncconf x y z
	same genkey x
	same genkey --help
	same genpsk x
	same pubkey x
	same pubkey --help
}

@test "the usage of set tells of + and -, which the original of 2021 does not know" {
	for words in 'set' 'set wg0' 'set --help'; do
		# shellcheck disable=SC2086
		lab_record original $words
		# shellcheck disable=SC2086
		lab_record ours $words
		sed -i 's/allowed-ips \[+|-\]\(<.*\)\[+|-\]/allowed-ips \1/' "$LAB/ours.err"
		lab_compare status err out
	done
}

@test "showconf --help looks for an interface of that name" {
	same showconf --help
}

@test "the version is what scripts look for" {
	for word in version -v --version; do
		run -0 ours "$word"
		[[ $output =~ ^wireguard-tools\ v1\.0\.[0-9]{8}\ -\ https://git\.zx2c4\.com/wireguard-tools/ ]]
		[[ $output == *"(wgsuite "*")" ]]
		((${#lines[@]} == 1))
	done
}

@test "usage names the program as it was called" {
	run -1 "$BUILD/wg" frobnicate
	[[ ${lines[1]} == "Usage: $BUILD/wg <cmd> [<args>]" ]]
	run -1 "$BUILD/wg" showconf
	[[ $output == "Usage: $BUILD/wg showconf <interface>" ]]
}

@test "with no interface there is nothing to show" {
	same
	same show
	same show all
	same show all dump
	same show all bogus
	same show interfaces
}

@test "an interface that is not there" {
	for words in 'show nosuch' 'show nosuch dump' 'show nosuch bogus' 'showconf nosuch' \
		'set nosuch fwmark 1' 'setconf nosuch /dev/null' 'addconf nosuch /dev/null' \
		'syncconf nosuch /dev/null' 'show a/b' 'show ../../etc/x' 'set a/b fwmark 1'; do
		# shellcheck disable=SC2086
		same $words
	done
	same show ''
	same set '' fwmark 1
}

@test "a name of 16 characters is refused, not cut" {
	ours_is 1 'Unable to access interface: File name too long' show 0123456789abcdef
	ours_is 1 'Unable to access interface: File name too long' showconf 0123456789abcdef
	ours_is 1 'Unable to modify interface: File name too long' set 0123456789abcdef fwmark 1
	for subcommand in setconf addconf syncconf; do
		ours_is 1 'Unable to modify interface: File name too long' \
			$subcommand 0123456789abcdef /dev/null
	done
}

@test "a full disk is an error" {
	for words in genkey version help; do
		run -1 bash -c '"$BUILD/wg" $0 >/dev/full' $words
		[[ $output == *": standard output: No space left on device" ]]
	done
}
