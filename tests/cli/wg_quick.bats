#!/usr/bin/env bats
# wg-quick's manual, completion and units: that they say what the program does.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
}

@test "the manual is well-formed" {
	# A manual that is not installed here is no fault of this one.
	run bash -c 'mandoc -Tlint man/wg-quick.8 2>/dev/null | grep -v "referenced manual not found"'
	echo "$output"
	[ -z "$output" ]
}

@test "the manual has every message" {
	# Of each format string the longest part that is always the same.
	messages=$(cat cmd/wg-quick/*.c lib/netlink/{link,addr,route,rtnl}.c |
		grep -Pzo '(err_set|err_prefix|cli_say|refuse)\((?!err, what|")[^";]*?("([^"\\]|\\.)*"\s*)+' |
		tr '\n\t\0' '  \n' | sed -E 's/^[^"]*"//; s/" *"//g; s/" *$//; s/" SYSCONFDIR "//
			s/" CONFIG_SUFFIX/.conf/' |
		sed -E 's/%[-.*0-9]*[a-z]+/\n/g' | sed 's/^[ :]*//; s/[ :]*$//' | grep -E '.{9}' | sort -u)
	[ "$(wc -l <<<"$messages")" -ge 20 ]
	while IFS= read -r message; do
		case $message in # wg-quick does not get there
		*'cannot be the name of an interface' | 'cannot list the addresses of'* | 'no default route')
			continue
			;;
		esac
		grep -qF -- "$message" man/wg-quick.8 || missing+="$message"$'\n'
	done <<<"$messages"
	echo "missing: $missing"
	[ -z "$missing" ]
}

@test "the manual has every command and key of the usage" {
	usage=$("$BUILD/wg-quick" --help 2>&1)
	for word in up down save strip; do
		grep -q "^  $word " <<<"$usage"
		grep -q "^\.It Cm $word" man/wg-quick.8
	done
	for word in Address DNS MTU Table PreUp PostUp PreDown PostDown SaveConfig; do
		grep -q "$word" <<<"$usage"
		grep -q "^\.It Ic .*$word" man/wg-quick.8
	done
}

# complete WORD...: what is offered for the last of them.
complete_words() {
	bash -c '. completions/wg-quick.bash
		compopt() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_wg_quick
		printf "%s\n" "${COMPREPLY[@]}"' complete "$@"
}

@test "completion offers commands, files by path, and running interfaces" {
	[ "$(complete_words wg-quick '' | xargs)" = "up down save strip" ]
	[ "$(complete_words wg-quick s | xargs)" = "save strip" ]
	dir=$(mktemp -d)
	touch "$dir/wg0.conf" "$dir/other.txt"
	mkdir "$dir/sub" "$dir/bin"
	offered=$(complete_words wg-quick up "$dir/" | sort | xargs)
	printf '%s\n' '#!/bin/sh' \
		"echo 'wga wgb wg\$(touch\${IFS}$dir/ran) a-name-too-long-'" >"$dir/bin/wg"
	chmod +x "$dir/bin/wg"
	running=$(PATH=$dir/bin:$PATH complete_words wg-quick down wgb | xargs)
	all=$(PATH=$dir/bin:$PATH complete_words wg-quick down '' | xargs)
	[ ! -e "$dir/ran" ]
	rm -r "$dir"
	[ "$offered" = "$dir/bin $dir/sub $dir/wg0.conf" ]
	[ "$running" = wgb ]
	[ "$all" = "wga wgb" ]
}

@test "the units are well-formed" {
	command -v systemd-analyze >/dev/null || skip "needs systemd-analyze"
	dir=$(mktemp -d)
	cp systemd/* "$dir/"
	# The programs need not be installed.
	sed -i 's|=wg-quick |=/bin/true |' "$dir/wg-quick@.service"
	run systemd-analyze verify --man=no "$dir/wg-quick@x.service" "$dir/wg-quick.target"
	rm -r "$dir"
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
}
