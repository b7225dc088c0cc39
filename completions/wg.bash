# bash completion for wg(8), made from its own table: wg completion bash

# The words before the cursor, from the line itself: bash cuts its own at "=", ":" and
# "@", which keys, endpoints and names are full of. The last one is what is being typed,
# perhaps empty.
_wg_split() {
	local line=${COMP_LINE:0:COMP_POINT}

	# Without -r: a blank after a backslash is part of a word.
	# shellcheck disable=SC2162
	read -a words <<<"$line"
	[[ $line != *[^\\][[:space:]] ]] || words+=('')
	cur=${words[-1]}
	# Bash puts the reply in the place of what stands after the last of these.
	typed=''
	[[ $COMP_WORDBREAKS != *=* ]] || typed=${cur%"${cur##*=}"}
	[[ $COMP_WORDBREAKS != *:* || ${cur#"$typed"} != *:* ]] ||
		typed=${cur%"${cur##*:}"}
	[[ $COMP_WORDBREAKS != *@* || ${cur#"$typed"} != *@* ]] || typed=${cur%@*}
}

# Offers those of the words that begin with what is typed. They are nothing but text: compgen
# would expand them, and an interface may be called $(reboot).
_wg_reply() {
	local word

	for word; do
		[[ $word == "$cur"* ]] || continue
		printf -v word %q "${word#"$typed"}"
		COMPREPLY+=("${word#\'\'}")
	done
}

# Sorts the words between the subcommand and the cursor into arguments and options; `option`
# is the one whose value is being typed. What was given is not offered again.
_wg_sort() {
	local word name

	for word in "${words[@]:2:${#words[@]}-3}"; do
		name=${word%%=*}
		if [[ $option ]]; then # this was its value
			option=''
		elif [[ $ended ]]; then
			arguments+=("$word")
		elif [[ $word == -- ]]; then
			ended=yes
		elif [[ $known == *" $name "* ]]; then
			options=${options/ $name / } options=${options/ $name= / }
			[[ $valued != *" $word "* ]] || option=$word
		else
			arguments+=("$word")
			[[ $last != *" $word "* ]] || closed=yes
		fi
	done
}

# Offers options, if one is being typed; what follows its "=" is a value.
_wg_options() {
	local -a all=()

	[[ $cur == -* && ! $option && ! $ended ]] || return
	if [[ $cur == *=* && $known == *" ${cur%%=*} "* ]]; then
		option=${cur%%=*} cur=${cur#*=}
		return 1
	fi
	read -r -a all <<<"$options"
	_wg_reply "${all[@]}"
}

# As where there is no completion for a command: readline knows how to quote.
_wg_files() {
	compopt -o default
}

_wg_interfaces() {
	local -a names=()

	read -r -a names < <(wg show interfaces 2>/dev/null)
	_wg_reply "${names[@]}"
}

# The peers of the interface that is the first argument: names come before keys.
_wg_keys() {
	local -a all=()

	compopt -o nosort 2>/dev/null
	mapfile -t all < <(wg show "${arguments[0]}" peers --names 2>/dev/null | grep '^@'
		wg show "${arguments[0]}" peers 2>/dev/null)
	_wg_reply "${all[@]}"
}

# Goes through words that follow each other, each with its value: `left` are those that may
# come next, `option` is the one whose value does.
_wg_series() {
	local word only

	for word in "${arguments[@]:first}"; do
		if [[ $option ]]; then # this was its value
			option=''
			continue
		fi
		[[ $with_value != *" $word "* ]] || option=$word
		if [[ $opens == *" $word "* ]]; then
			left=$within
		elif [[ $alone == *" $word "* ]]; then # whatever follows does not count
			left=' '
		else
			left=${left/ "$word" / }
			for only in $alone; do
				left=${left/ $only / }
			done
		fi
	done
	left+=$opens
}

_wg() {
	local -a words=() arguments=()
	local cur typed option='' ended='' closed=''
	local options=' ' known=' ' valued=' ' last=' '
	local -i first=0
	local left=' ' opens=' ' within=' ' alone=' ' with_value=' '

	COMPREPLY=()
	_wg_split
	if ((${#words[@]} == 2)); then
		_wg_reply show showconf set setconf addconf syncconf genkey genpsk pubkey help version completion
		[[ $cur != -* ]] || _wg_reply --help --version
		return
	fi
	case ${words[1]} in
	show)
		options=' --json --ndjson --prometheus --names --watch --watch= '
		known=' --json --ndjson --prometheus --names --watch '
		last=' interfaces '
		;;
	set)
		options=' --warn '
		known=' --warn '
		first=1
		left=' listen-port fwmark private-key '
		opens=' peer '
		within=' remove preshared-key endpoint persistent-keepalive allowed-ips '
		alone=' remove '
		with_value=' listen-port fwmark private-key peer preshared-key endpoint persistent-keepalive allowed-ips '
		;;
	setconf)
		options=' --warn '
		known=' --warn '
		;;
	addconf)
		options=' --warn '
		known=' --warn '
		;;
	syncconf)
		options=' --warn '
		known=' --warn '
		;;
	genkey)
		options=' --out '
		known=' --out '
		valued=' --out '
		;;
	genpsk)
		options=' --out '
		known=' --out '
		valued=' --out '
		;;
	esac
	_wg_sort
	! _wg_options || return
	[[ ! $closed ]] || return
	[[ $option ]] || _wg_series
	case ${words[1]}:${option:-${#arguments[@]}} in
	show:--watch)
		;;
	show:0)
		_wg_interfaces
		_wg_reply all interfaces
		;;
	show:1)
		_wg_reply public-key private-key listen-port fwmark peers preshared-keys endpoints allowed-ips latest-handshakes transfer persistent-keepalive dump
		;;
	showconf:0)
		_wg_interfaces
		;;
	set:listen-port)
		;;
	set:fwmark)
		_wg_reply off
		;;
	set:private-key)
		_wg_files
		;;
	set:peer)
		_wg_keys
		;;
	set:preshared-key)
		_wg_files
		;;
	set:endpoint)
		;;
	set:persistent-keepalive)
		_wg_reply off
		;;
	set:allowed-ips)
		;;
	set:0)
		_wg_interfaces
		;;
	set:*)
		read -r -a words <<<"$left"
		_wg_reply "${words[@]}"
		;;
	setconf:0)
		_wg_interfaces
		;;
	setconf:1)
		_wg_files
		;;
	addconf:0)
		_wg_interfaces
		;;
	addconf:1)
		_wg_files
		;;
	syncconf:0)
		_wg_interfaces
		;;
	syncconf:1)
		_wg_files
		;;
	genkey:--out)
		_wg_files
		;;
	genpsk:--out)
		_wg_files
		;;
	help:0)
		_wg_reply show showconf set setconf addconf syncconf genkey genpsk pubkey help version completion
		;;
	completion:0)
		_wg_reply bash zsh fish
		;;
	esac
} && complete -F _wg wg
