# bash completion for wg(8)

# The words before the cursor, from the line itself: bash cuts its own at "=" and ":", which keys
# and endpoints are full of. The last one is what is being typed, perhaps empty.
_wg_words() {
	local line=${COMP_LINE:0:COMP_POINT}

	# Without -r: a blank after a backslash is part of a file's name.
	# shellcheck disable=SC2162
	read -a words <<<"$line"
	[[ $line != *[^\\][[:space:]] ]] || words+=('')
}

# Offers those of the words in $1 that begin with what is typed. They are nothing but text: compgen
# would expand them, and an interface may be called $(reboot).
_wg_reply() {
	local -a all=()
	local word typed=''

	# Bash puts the reply in the place of what stands after the last "=".
	[[ $COMP_WORDBREAKS != *=* ]] || typed=${cur%"${cur##*=}"}
	read -r -d '' -a all <<<"$1"
	for word in "${all[@]}"; do
		[[ $word == "$cur"* ]] || continue
		printf -v word %q "${word#"$typed"}"
		COMPREPLY+=("${word#\'\'}")
	done
}

# As where there is no completion for a command: readline knows how to quote.
_wg_files() {
	compopt -o default
}

_wg_interfaces() {
	wg show interfaces 2>/dev/null
}

# What may come next in: wg set INTERFACE ...
_wg_set() {
	local device=' listen-port fwmark private-key '
	local of_peer=' remove preshared-key endpoint persistent-keepalive allowed-ips '
	local left=$device option='' word i

	for ((i = 3; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		if [[ $option ]]; then # this was its value
			option=''
			continue
		fi
		case $word in
		peer)
			left=$of_peer
			option=$word
			;;
		remove) left=' ' ;; # whatever follows about this peer does not count
		*)
			left=${left/ $word / }
			left=${left/ remove / }
			option=$word
			;;
		esac
	done
	case $option in
	'') _wg_reply "$left peer" ;;
	peer) _wg_reply "$(wg show "${words[2]}" peers 2>/dev/null)" ;;
	private-key | preshared-key) _wg_files ;;
	fwmark | persistent-keepalive) _wg_reply off ;;
	esac
}

_wg() {
	local -a words=()
	local cur

	COMPREPLY=()
	_wg_words
	cur=${words[-1]}
	if ((${#words[@]} == 2)); then
		_wg_reply 'show showconf set setconf addconf syncconf genkey genpsk pubkey help version'
		return
	fi
	case ${words[1]}:$((${#words[@]} - 1)) in
	show:2) _wg_reply "$(_wg_interfaces) all interfaces" ;;
	show:3)
		[[ ${words[2]} == interfaces ]] ||
			_wg_reply 'public-key private-key listen-port fwmark peers preshared-keys
				endpoints allowed-ips latest-handshakes transfer persistent-keepalive dump'
		;;
	showconf:2 | set:2 | setconf:2 | addconf:2 | syncconf:2) _wg_reply "$(_wg_interfaces)" ;;
	setconf:3 | addconf:3 | syncconf:3) _wg_files ;;
	set:*) _wg_set ;;
	esac
} && complete -F _wg wg
