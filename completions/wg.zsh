#compdef wg

# zsh completion for wg(8), made from its own table: wg completion zsh

# Whether the first word is one of the others. Not an index in arithmetic, which would expand
# what is in the word.
_wg_has() {
	local word=$1 one

	shift
	for one; do
		[[ $one != "$word" ]] || return 0
	done
	return 1
}

# Sorts the words between the subcommand and the cursor into arguments and options; `option`
# is the one whose value is being typed.
_wg_sort() {
	local word name

	for word in "${(@Q)words[3,CURRENT-1]}"; do
		name=${word%%=*}
		if [[ -n $option ]]; then # this was its value
			option=''
		elif [[ -n $ended ]]; then
			arguments+=("$word")
		elif [[ $word == -- ]]; then
			ended=yes
		elif _wg_has "$name" $known; then
			given+=($name)
			! _wg_has "$word" $valued || option=$word
		else
			arguments+=("$word")
			! _wg_has "$word" $last || closed=yes
		fi
	done
}

# Offers options, if one is being typed; what follows its "=" is a value.
_wg_options() {
	local -a plain=() assigned=()
	local entry name=${PREFIX%%=*}

	[[ $PREFIX == -* && -z $option && -z $ended ]] || return 1
	if [[ $PREFIX == *=* ]] && _wg_has "$name" $known; then
		option=$name
		return 1
	fi
	for entry in "${options[@]}"; do
		name=${entry%%[:=]*}
		! _wg_has "$name" $given || continue
		if [[ $entry == --[^:]#=* ]]; then
			assigned+=("${entry/=/}")
		else
			plain+=("$entry")
		fi
	done
	_describe -o option plain -- assigned -qS =
	return 0
}

# Names are nothing but text: compadd quotes them.
_wg_interfaces() {
	local -a names=(${="$(wg show interfaces 2>/dev/null)"})
	local expl

	_wanted interfaces expl interface compadd -a - names
}

# The peers of the interface that is the first argument: names come before keys.
_wg_keys() {
	local -a all=()
	local expl

	all=(${(M)${(f)"$(wg show "$arguments[1]" peers --names 2>/dev/null)"}:#@*}
		${(f)"$(wg show "$arguments[1]" peers 2>/dev/null)"})
	_wanted -V peers expl peer compadd -a - all
}

# Goes through words that follow each other, each with its value: `left` are those that may
# come next, `option` is the one whose value does.
_wg_series() {
	local word

	for word in "${(@)arguments[first,-1]}"; do
		if [[ -n $option ]]; then # this was its value
			option=''
			continue
		fi
		! _wg_has "$word" $with_value || option=$word
		if _wg_has "$word" $opens; then
			left=($within)
		elif _wg_has "$word" $alone; then # whatever follows does not count
			left=()
		else
			left=(${${left:#${(b)word}}:|alone})
		fi
	done
	left+=($opens)
}

# Of the words that are described, those that are left.
_wg_left() {
	local -a some=()
	local entry

	for entry in "$@"; do
		! _wg_has "${entry%%:*}" $left || some+=("$entry")
	done
	_describe -t words word some
}

_wg() {
	local -a arguments=() options=() known=() given=() valued=() last=()
	local -a described=()
	local option='' ended='' closed='' ret=1
	local -a left=() opens=() within=() alone=() with_value=()
	local -i first=1

	if (( CURRENT == 2 )); then
		options=(
			'--help:print the list of subcommands'
			'--version:print the version'
		)
		! _wg_options || return 0
		described=(
			'show:Shows the current configuration and device information'
			'showconf:Shows the current configuration of a given WireGuard interface, for use with `setconf'\'''
			'set:Change the current configuration, add peers, remove peers, or change peers'
			'setconf:Applies a configuration file to a WireGuard interface'
			'addconf:Appends a configuration file to a WireGuard interface'
			'syncconf:Synchronizes a configuration file to a WireGuard interface'
			'genkey:Generates a new private key and writes it to stdout'
			'genpsk:Generates a new preshared key and writes it to stdout'
			'pubkey:Reads a private key from stdin and writes a public key to stdout'
			'help:Prints the list of subcommands, or all about one of them'
			'version:Prints the release of wireguard-tools that this program matches, and its own version'
			'completion:Prints the completion script for a shell'
		)
		_describe -t commands command described
		return
	fi
	case $words[2] in
	(show)
		options=(
			'--json:print one JSON object of all interfaces'
			'--ndjson:print a line of JSON for each interface'
			'--prometheus:print metrics for Prometheus'
			'--names:call peers by the names in their configuration'
			'--watch=:show it again and again, every 2 seconds if not told'
		)
		known=( --json --ndjson --prometheus --names --watch )
		valued=( )
		last=( interfaces )
		;;
	(set)
		options=(
			'--warn:say when an allowed IP is taken from another peer'
		)
		known=( --warn )
		valued=( )
		first=2
		left=( listen-port fwmark private-key )
		opens=( peer )
		within=( remove preshared-key endpoint persistent-keepalive allowed-ips )
		alone=( remove )
		with_value=( listen-port fwmark private-key peer preshared-key endpoint persistent-keepalive allowed-ips )
		;;
	(setconf)
		options=(
			'--warn:say when an allowed IP is taken from another peer'
		)
		known=( --warn )
		valued=( )
		;;
	(addconf)
		options=(
			'--warn:say when an allowed IP is taken from another peer'
		)
		known=( --warn )
		valued=( )
		;;
	(syncconf)
		options=(
			'--warn:say when an allowed IP is taken from another peer'
		)
		known=( --warn )
		valued=( )
		;;
	(genkey)
		options=(
			'--out:write the key to a new file that only its owner can read'
		)
		known=( --out )
		valued=( --out )
		;;
	(genpsk)
		options=(
			'--out:write the key to a new file that only its owner can read'
		)
		known=( --out )
		valued=( --out )
		;;
	esac
	_wg_sort
	! _wg_options || return 0
	# What a function does to the prefix ends with it.
	[[ $PREFIX != --*=* || -z $option ]] || compset -P 1 '*='
	[[ -z $closed ]] || return 1
	[[ -n $option ]] || _wg_series
	case $words[2]:${option:-$#arguments} in
	(show:--watch)
		_message -r '<seconds>'
		;;
	(show:0)
		_wg_interfaces && ret=0
		described=(
			'all:all of them, as without an argument'
			'interfaces:nothing but the names of all, in one line'
		)
		_describe -t words word described && ret=0
		;;
	(show:1)
		described=(
			'public-key:the interface'\''s public key'
			'private-key:its private key'
			'listen-port:its UDP port'
			'fwmark:its mark of outgoing packets, or off'
			'peers:the peers'\'' public keys'
			'preshared-keys:the key that each peer shares, or (none)'
			'endpoints:address and port of each peer, or (none)'
			'allowed-ips:addresses of each peer, with blanks between them'
			'latest-handshakes:when each peer was last heard of: seconds since 1970, 0 is never'
			'transfer:bytes received from each peer and sent to it'
			'persistent-keepalive:seconds between what keeps each peer reachable, or off'
			'dump:all of it: a line for the interface, then one for each peer'
		)
		_describe -t words word described && ret=0
		;;
	(showconf:0)
		_wg_interfaces && ret=0
		;;
	(set:listen-port)
		_message -r '<port>'
		;;
	(set:fwmark)
		_wanted words expl off compadd - off && ret=0
		_message -r '<mark>'
		;;
	(set:private-key)
		_files && ret=0
		;;
	(set:peer)
		_wg_keys && ret=0
		;;
	(set:preshared-key)
		_files && ret=0
		;;
	(set:endpoint)
		_message -r '<ip>:<port>'
		;;
	(set:persistent-keepalive)
		_wanted words expl off compadd - off && ret=0
		_message -r '<interval seconds>'
		;;
	(set:allowed-ips)
		_message -r '[+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...'
		;;
	(set:0)
		_wg_interfaces && ret=0
		;;
	(set:*)
		described=(
			'listen-port:UDP port to listen on; 0 has one chosen'
			'fwmark:mark of outgoing packets: decimal, 0x and hexadecimal digits, or off'
			'private-key:file with the private key; an empty one takes the key away'
			'peer:what follows is about this peer; also @name, if it has one'
			'remove:remove the peer'
			'preshared-key:file with a key that both sides share; an empty one takes the key away'
			'endpoint:where the peer is reached: an address, an [IPv6 address] in brackets, or a name'
			'persistent-keepalive:send something every so often, 1 to 65535, or off'
			'allowed-ips:addresses that are the peer'\''s, in the place of those it had; with + or - they are added or removed; "" for none'
		)
		_wg_left "${described[@]}" && ret=0
		;;
	(setconf:0)
		_wg_interfaces && ret=0
		;;
	(setconf:1)
		_files && ret=0
		;;
	(addconf:0)
		_wg_interfaces && ret=0
		;;
	(addconf:1)
		_files && ret=0
		;;
	(syncconf:0)
		_wg_interfaces && ret=0
		;;
	(syncconf:1)
		_files && ret=0
		;;
	(genkey:--out)
		_files && ret=0
		;;
	(genpsk:--out)
		_files && ret=0
		;;
	(help:0)
		described=(
			'show:Shows the current configuration and device information'
			'showconf:Shows the current configuration of a given WireGuard interface, for use with `setconf'\'''
			'set:Change the current configuration, add peers, remove peers, or change peers'
			'setconf:Applies a configuration file to a WireGuard interface'
			'addconf:Appends a configuration file to a WireGuard interface'
			'syncconf:Synchronizes a configuration file to a WireGuard interface'
			'genkey:Generates a new private key and writes it to stdout'
			'genpsk:Generates a new preshared key and writes it to stdout'
			'pubkey:Reads a private key from stdin and writes a public key to stdout'
			'help:Prints the list of subcommands, or all about one of them'
			'version:Prints the release of wireguard-tools that this program matches, and its own version'
			'completion:Prints the completion script for a shell'
		)
		_describe -t words word described && ret=0
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

if [[ $funcstack[1] == _wg ]]; then
	_wg "$@"
else
	compdef _wg wg
fi
