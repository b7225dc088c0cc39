#compdef wg-quick

# zsh completion for wg-quick(8), made from its own table: wg-quick completion zsh

# Whether the first word is one of the others. Not an index in arithmetic, which would expand
# what is in the word.
_wg_quick_has() {
	local word=$1 one

	shift
	for one; do
		[[ $one != "$word" ]] || return 0
	done
	return 1
}

# Sorts the words between the subcommand and the cursor into arguments and options; `option`
# is the one whose value is being typed.
_wg_quick_sort() {
	local word name

	for word in "${(@Q)words[3,CURRENT-1]}"; do
		name=${word%%=*}
		if [[ -n $option ]]; then # this was its value
			option=''
		elif [[ -n $ended ]]; then
			arguments+=("$word")
		elif [[ $word == -- ]]; then
			ended=yes
		elif _wg_quick_has "$name" $known; then
			given+=($name)
			! _wg_quick_has "$word" $valued || option=$word
		else
			arguments+=("$word")
			! _wg_quick_has "$word" $last || closed=yes
		fi
	done
}

# Offers options, if one is being typed; what follows its "=" is a value.
_wg_quick_options() {
	local -a plain=() assigned=()
	local entry name=${PREFIX%%=*}

	[[ $PREFIX == -* && -z $option && -z $ended ]] || return 1
	if [[ $PREFIX == *=* ]] && _wg_quick_has "$name" $known; then
		option=$name
		return 1
	fi
	for entry in "${options[@]}"; do
		name=${entry%%[:=]*}
		! _wg_quick_has "$name" $given || continue
		if [[ $entry == --[^:]#=* ]]; then
			assigned+=("${entry/=/}")
		else
			plain+=("$entry")
		fi
	done
	_describe -o option plain -- assigned -qS =
	return 0
}

# Names of configurations, or their files, if there is a slash.
_wg_quick_configurations() {
	local -a names=("$@")
	local expl

	if [[ $PREFIX == */* ]]; then
		_files -g '*.conf'
		return
	fi
	names=(${(M)names:#[a-zA-Z0-9_=+.-](#c1,15)})
	_wanted configurations expl configuration compadd -a - names
}

# Of those that are up.
_wg_quick_running() {
	_wg_quick_configurations ${="$(wg show interfaces 2>/dev/null)"}
}

_wg_quick() {
	local -a arguments=() options=() known=() given=() valued=() last=()
	local -a described=()
	local option='' ended='' closed='' ret=1

	if (( CURRENT == 2 )); then
		options=(
			'--help:tell how it is used'
		)
		! _wg_quick_options || return 0
		described=(
			'up:creates the interface'
			'down:removes it'
			'reload:makes it what the file says now'
			'save:writes the running configuration to the file'
			'reresolve:looks up again the names of peers that do not answer'
			'status:tells whether it is up, and as the file says'
			'strip:prints the file for wg(8)'
			'completion:prints the completion script for a shell'
		)
		_describe -t commands command described
		return
	fi
	case $words[2] in
	(up)
		options=(
			'--replace:take it down first, if it is up'
			'--dry-run:only tell what would be done, and why'
			'--json:tell it as JSON'
		)
		known=( --replace --dry-run --json )
		valued=( )
		;;
	(down)
		options=(
			'--if-exists:it is no failure if there is nothing to take down'
			'--dry-run:only tell what would be done, and why'
			'--json:tell it as JSON'
		)
		known=( --if-exists --dry-run --json )
		valued=( )
		;;
	(reload)
		options=(
			'--dry-run:only tell what would be done, and why'
			'--json:tell it as JSON'
		)
		known=( --dry-run --json )
		valued=( )
		;;
	(status)
		options=(
			'--json:tell it as JSON'
		)
		known=( --json )
		valued=( )
		;;
	esac
	_wg_quick_sort
	! _wg_quick_options || return 0
	# What a function does to the prefix ends with it.
	[[ $PREFIX != --*=* || -z $option ]] || compset -P 1 '*='
	[[ -z $closed ]] || return 1
	case $words[2]:${option:-$#arguments} in
	(up:0)
		_wg_quick_configurations /etc/wireguard/*.conf(N:t:r) && ret=0
		;;
	(down:0)
		_wg_quick_running && ret=0
		;;
	(reload:0)
		_wg_quick_running && ret=0
		;;
	(save:0)
		_wg_quick_running && ret=0
		;;
	(reresolve:0)
		_wg_quick_running && ret=0
		;;
	(status:0)
		_wg_quick_configurations /etc/wireguard/*.conf(N:t:r) && ret=0
		;;
	(strip:0)
		_wg_quick_configurations /etc/wireguard/*.conf(N:t:r) && ret=0
		;;
	(completion:0)
		described=(
			'bash:for PREFIX/share/bash-completion/completions'
			'zsh:for a directory of fpath, such as site-functions'
			'fish:for PREFIX/share/fish/vendor_completions.d'
		)
		_describe -t words word described && ret=0
		;;
	esac
	return ret
}

if [[ $funcstack[1] == _wg-quick ]]; then
	_wg_quick "$@"
else
	compdef _wg_quick wg-quick
fi
