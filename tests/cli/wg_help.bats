#!/usr/bin/env bats
# What wg tells about itself when it is asked for more than the original tells.

load lib

setup_file() {
	lab_start
}

teardown_file() {
	lab_stop
}

subcommands() {
	"$BUILD/wg" completion fish | sed -nE "s/.*_at command' -a ([a-z]+).*/\1/p"
}

@test "help tells all about each subcommand, on standard output" {
	(($(subcommands | wc -l) == 12))
	for subcommand in $(subcommands); do
		run -0 --separate-stderr "$BUILD/wg" help "$subcommand"
		[[ -z $stderr ]]
		[[ ${lines[0]} == "Usage: $BUILD/wg $subcommand"* ]]
		[[ ${lines[-1]} == 'wg(8) says more.' ]]
		# What the list says of it.
		description=$("$BUILD/wg" help | sed -n "s/^  $subcommand: //p")
		[[ $(tr '\n' ' ' <<<"$output") == *"$description."* ]]
	done
}

@test "help fits into 80 columns, and no line ends in a blank" {
	cd "$BUILD"
	for subcommand in $(subcommands); do
		run -0 ./wg help "$subcommand"
		[[ -z $(grep -E '.{81}| $' <<<"$output") ]]
	done
}

@test "help says what the usage says" {
	for subcommand in show showconf set setconf addconf syncconf genkey genpsk pubkey; do
		# Too many arguments for any; for set, too few.
		words=("$subcommand")
		[[ $subcommand == set ]] || words+=(a b c)
		run -1 "$BUILD/wg" "${words[@]}"
		usage=$output
		run -0 "$BUILD/wg" help "$subcommand"
		told=$(sed '/^$/,$d' <<<"$output" | tr -s '\n ' ' ')
		[[ ${told% } == "$usage" || ${told% } == "$usage [<option>]..." ]] || {
			printf '%s\n' "$told" "$usage"
			false
		}
	done
}

@test "what help says of set" {
	run -0 "$BUILD/wg" help set
	for line in 'Arguments:' 'Of the interface:' 'Of each peer:' 'Options:' \
		'  listen-port <port>         UDP port to listen on; 0 has one chosen' \
		'  allowed-ips [+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...' \
		'  --warn                     say when an allowed IP is taken from another peer'; do
		grep -qFx -- "$line" <<<"$output"
	done
}

@test "the list of subcommands is the original's" {
	lab_needed
	same help
	same -h
	same --help
	[[ $("$BUILD/wg" help) != *completion* ]]
}

@test "what help does not know is the original's error" {
	lab_needed
	for words in 'help show x' 'version x' '-h show'; do
		# shellcheck disable=SC2086
		same $words
	done
}

@test "help of what is no subcommand names that word" {
	for word in nosuch --help ''; do
		run -1 --separate-stderr "$BUILD/wg" help "$word"
		[[ ! $output && ${stderr_lines[0]} == "Invalid subcommand: \`$word'" ]]
		[[ ${stderr_lines[1]} == "Usage: $BUILD/wg <cmd> [<args>]" ]]
	done
}

@test "completion knows three shells" {
	for shell in bash zsh fish; do
		run -0 "$BUILD/wg" completion "$shell"
		((${#lines[@]} > 100))
	done
	for words in '' 'ksh' 'bash zsh' '--help'; do
		# shellcheck disable=SC2086
		run -1 "$BUILD/wg" completion $words
		[[ $output == "Usage: $BUILD/wg completion { bash | zsh | fish }" ]]
	done
}
