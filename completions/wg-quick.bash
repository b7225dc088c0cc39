# bash completion for wg-quick(8)

_wg_quick() {
	local cur=${COMP_WORDS[COMP_CWORD]} name
	local -a names=()

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'up down save strip' -- "$cur")
		return
	fi
	((COMP_CWORD == 2)) || return

	if [[ $cur == */* ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -X '!*.conf' -- "$cur"; compgen -d -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	up | strip)
		for name in /etc/wireguard/*.conf; do
			name=${name##*/}
			names+=("${name%.conf}")
		done
		;;
	down | save) # only what is there can be
		read -r -a names < <(wg show interfaces 2>/dev/null)
		;;
	esac
	# Not compgen -W: it would run what a name like $(command) says.
	for name in "${names[@]}"; do
		[[ $name == "$cur"* && $name =~ ^[a-zA-Z0-9_=+.-]{1,15}$ ]] && COMPREPLY+=("$name")
	done
} && complete -F _wg_quick wg-quick
