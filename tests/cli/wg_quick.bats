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
	for word in up down reload save status strip reresolve; do
		grep -q "^  $word " <<<"$usage"
		grep -q "^\.It Cm $word" man/wg-quick.8
	done
	for word in Address DNS MTU Table PreUp PostUp PreDown PostDown SaveConfig; do
		grep -q "$word" <<<"$usage"
		grep -q "^\.It Ic .*$word" man/wg-quick.8
	done
}

@test "the usage fits a terminal, and what is wrong with a command line stands below it" {
	usage=$("$BUILD/wg-quick" --help 2>&1)
	[ -z "$(grep -E '.{81}' <<<"$usage")" ]
	for word in replace if-exists dry-run json; do
		grep -q "^  --$word " <<<"$usage"
	done
	while IFS=: read -r words mistake; do
		echo "$words"
		status=0
		# shellcheck disable=SC2086
		output=$("$BUILD/wg-quick" $words 2>&1) || status=$?
		[ "$status" = 1 ]
		[ "$output" = "$usage"$'\n'"wg-quick: $mistake" ]
	done <<-'CASES'
	restart wg0:there is no command `restart'
	--version:there is no command `--version'
	up:`up' takes one CONFIG_FILE or INTERFACE
	up wg0 wg1:`up' takes one CONFIG_FILE or INTERFACE
	up --dryrun wg0:`up' has no option `--dryrun'
	reresolve wg0 --json:`reresolve' has no option `--json'
	completion:`completion' takes one name of a shell
	CASES
	run "$BUILD/wg-quick"
	[ "$status" = 1 ]
	[ "$output" = "$usage" ]
}

@test "all shells complete commands, configurations, and files by path" {
	load lib
	load completion
	shells_needed
	SCRIPTS=$PWD/completions
	offers 'wg-quick ' 'up down reload save reresolve status strip completion'
	offers 'wg-quick s' 'save status strip'
	offers 'wg-quick completion ' 'bash zsh fish'
	dir=$BATS_TEST_TMPDIR
	mkdir "$dir/here" "$dir/here/sub" "$dir/bin" "$dir/scripts" "$dir/etc"
	printf '%s\n' '#!/bin/sh' "echo 'wga wgb wg\$(>$dir/ran) a-name-too-long-'" >"$dir/bin/wg"
	chmod +x "$dir/bin/wg"
	touch "$dir/here/wg0.conf" "$dir/here/other.txt" "$dir/etc/"{home,'a b',a-name-too-long-,'$(>ran)'}.conf
	# As if the configurations were elsewhere.
	for shell in bash zsh fish; do
		sed "s|/etc/wireguard|$dir/etc|" "completions/wg-quick.$shell" >"$dir/scripts/wg-quick.$shell"
	done
	SCRIPTS=$dir/scripts PATH=$dir/bin:$PATH
	cd "$dir"
	for command in up status strip; do
		offers "wg-quick $command " home
	done
	for command in down reload save; do
		offers "wg-quick $command " 'wga wgb'
		offers "wg-quick $command wgb" wgb
	done
	[ "$(offers_in bash "wg-quick up $dir/here/" | xargs)" = "$dir/here/wg0.conf $dir/here/sub" ]
	completes 'wg-quick up h' 'wg-quick up home'
	completes 'wg-quick up ./here/w' 'wg-quick up ./here/wg0.conf'
	[ ! -e "$dir/ran" ]
	[ ! -e ran ]
}

@test "the units are well-formed" {
	command -v systemd-analyze >/dev/null || skip "needs systemd-analyze"
	dir=$(mktemp -d)
	cp systemd/* "$dir/"
	# The programs need not be installed.
	sed -i 's|=wg-quick |=/bin/true |' "$dir"/*
	units=("$dir/wg-quick@x.service" "$dir/wg-quick.target" "$dir/wg-quick-reresolve@x.service"
		"$dir/wg-quick-reresolve@x.timer")
	run systemd-analyze verify --man=no "${units[@]}"
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
	# What only asks name servers and tells a device is shut in.
	run systemd-analyze security --offline=yes --threshold=30 "${units[2]}"
	rm -r "$dir"
	echo "$output" | tail -1
	[ "$status" = 0 ]
}

@test "the units call what there is, and need each other as the manual says" {
	usage=$("$BUILD/wg-quick" --help 2>&1)
	while read -r command; do
		grep -qE "^  $command " <<<"$usage"
	done < <(sed -nE 's/^Exec[A-Za-z]+=wg-quick ([a-z]+) %i$/\1/p' systemd/*)
	[ "$(grep -c '=wg-quick [a-z]* %i$' systemd/*.service | cut -d : -f 2 | paste -sd +)" = 1+3 ]
	# Started by hand, the timer must not bring the interface up.
	[ -z "$(grep -E '^(BindsTo|Requires|Requisite|Upholds|Wants)=' systemd/wg-quick-reresolve@.timer)" ]
	grep -qx 'PartOf=wg-quick@%i.service' systemd/wg-quick-reresolve@.timer
	grep -qx 'Wants=wg-quick-reresolve@%i.timer' systemd/wg-quick@.service
}

@test "the timer's service ends the timer when the interface is gone" {
	command=$(sed -n 's/^ExecStopPost=+//p' systemd/wg-quick-reresolve@.service)
	command=${command//'$$'/'$'} # as systemd sees it
	dir=$(mktemp -d)
	printf '#!/bin/sh\necho "$*"\n' >"$dir/systemctl"
	chmod +x "$dir/systemctl"
	there=$(PATH=$dir:$PATH bash -c "${command/%%i/lo}")
	gone=$(PATH=$dir:$PATH bash -c "${command/%%i/nosuch0}")
	rm -r "$dir"
	[ "$there" = "" ]
	[ "$gone" = "stop --no-block wg-quick-reresolve@nosuch0.timer" ]
}
