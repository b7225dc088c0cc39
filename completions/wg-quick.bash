# bash completion for wg-quick(8), made from its own table: wg-quick completion bash

# The words before the cursor, from the line itself: bash cuts its own at "=", ":" and
# "@", which keys, endpoints and names are full of. The last one is what is being typed,
# perhaps empty.
_wg_quick_split() {
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
_wg_quick_reply() {
	local word

	for word; do
		[[ $word == "$cur"* ]] || continue
		printf -v word %q "${word#"$typed"}"
		COMPREPLY+=("${word#\'\'}")
	done
}

# Sorts the words between the subcommand and the cursor into arguments and options; `option`
# is the one whose value is being typed. What was given is not offered again.
_wg_quick_sort() {
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
_wg_quick_options() {
	local -a all=()

	[[ $cur == -* && ! $option && ! $ended ]] || return
	if [[ $cur == *=* && $known == *" ${cur%%=*} "* ]]; then
		option=${cur%%=*} cur=${cur#*=}
		return 1
	fi
	read -r -a all <<<"$options"
	_wg_quick_reply "${all[@]}"
}

# Names of configurations, or their files, if there is a slash.
_wg_quick_configurations() {
	local name

	if [[ $cur == */* ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -X '!*.conf' -- "$cur"; compgen -d -- "$cur")
		COMPREPLY=("${COMPREPLY[@]#"$typed"}")
		return
	fi
	for name; do
		name=${name##*/} name=${name%.conf}
		[[ ! $name =~ ^[a-zA-Z0-9_=+.-]{1,15}$ ]] || _wg_quick_reply "$name"
	done
}

# Of those that are up.
_wg_quick_running() {
	local -a names=()

	read -r -a names < <(wg show interfaces 2>/dev/null)
	_wg_quick_configurations "${names[@]}"
}

_wg_quick() {
	local -a words=() arguments=()
	local cur typed option='' ended='' closed=''
	local options=' ' known=' ' valued=' ' last=' '

	COMPREPLY=()
	_wg_quick_split
	if ((${#words[@]} == 2)); then
		_wg_quick_reply up down reload save reresolve status strip completion
		[[ $cur != -* ]] || _wg_quick_reply --help
		return
	fi
	case ${words[1]} in
	up)
		options=' --replace --dry-run --json '
		known=' --replace --dry-run --json '
		;;
	down)
		options=' --if-exists --dry-run --json '
		known=' --if-exists --dry-run --json '
		;;
	reload)
		options=' --dry-run --json '
		known=' --dry-run --json '
		;;
	status)
		options=' --json '
		known=' --json '
		;;
	esac
	_wg_quick_sort
	! _wg_quick_options || return
	[[ ! $closed ]] || return
	case ${words[1]}:${option:-${#arguments[@]}} in
	up:0)
		_wg_quick_configurations /etc/wireguard/*.conf
		;;
	down:0)
		_wg_quick_running
		;;
	reload:0)
		_wg_quick_running
		;;
	save:0)
		_wg_quick_running
		;;
	reresolve:0)
		_wg_quick_running
		;;
	status:0)
		_wg_quick_configurations /etc/wireguard/*.conf
		;;
	strip:0)
		_wg_quick_configurations /etc/wireguard/*.conf
		;;
	completion:0)
		_wg_quick_reply bash zsh fish
		;;
	esac
} && complete -F _wg_quick wg-quick
