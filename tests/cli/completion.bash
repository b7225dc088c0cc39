# Helpers for tests of completion scripts: `load completion` after `load lib`. $SCRIPTS is where the
# scripts are. What is offered is told by bash and fish themselves; zsh's own functions that would
# draw a menu are replaced by ones that print. completed() needs no such help: it is a terminal.

shells_needed() {
	local shell
	for shell in bash zsh fish; do
		command -v "$shell" >/dev/null || skip "needs $shell"
	done
}

# offers_in SHELL LINE: what is offered at its end, one a line, as it is offered.
offers_in() {
	local program=${2%% *}
	case $1 in
	bash)
		bash --norc -c '
			source "$1"
			compopt() { :; }
			COMP_LINE=$2 COMP_POINT=${#2}
			"_${3//-/_}"
			((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"
			' - "$SCRIPTS/$program.bash" "$2" "$program"
		;;
	zsh)
		zsh -f -c '
			setopt extended_glob
			compdef() { }
			offer() {
				local word
				for word; do [[ $word != ${(b)PREFIX}* ]] || print -r -- "$word"; done
			}
			_describe() { # [-o | -t tag] description array [-- array option...]
				[[ $1 != -t ]] || shift
				shift 2
				local entry name
				for name in $1 ${${2:#--}:+$2} ${3:-}; do
					[[ $name != -* ]] || break
					for entry in "${(@P)name}"; do offer "${entry%%:*}"; done
				done
			}
			_wanted() {
				local name=${@[-1]}
				if [[ ${@[-3]} == -a ]]; then offer "${(@P)name}"; else offer "$name"; fi
			}
			_files() { }
			_message() { }
			compset() { }
			source "$1"
			words=(${(z)2})
			[[ $2 != *\  ]] || words+=("")
			CURRENT=$#words PREFIX=${(Q)words[-1]}
			"_${3//-/_}"
			' - "$SCRIPTS/$program.zsh" "$2" "$program"
		;;
	fish)
		# One after the other, as if typed; behind the tab are descriptions.
		fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
			"$SCRIPTS/$program.fish" "$2" | cut -f 1
		;;
	esac
}

# offers LINE EXPECTED: whether all shells offer these words, in any order. "--name" and "--name=",
# which is how some shells offer a value that may be left out, are the same.
offers() {
	local shell offered
	for shell in bash zsh fish; do
		offered=$(offers_in "$shell" "$1" | sed -E 's/^(--.*)=$/\1/' | sort -u | paste -sd ' ')
		[[ $offered == "$(tr ' ' '\n' <<<"$2" | sed '/^$/d' | sort -u | paste -sd ' ')" ]] || {
			printf '%s: %s\noffered:  %s\nexpected: %s\n' "$shell" "$1" "$offered" "$2"
			return 1
		}
	done
}

# completed SHELL LINE: what a real shell on a terminal makes of it when the tab key is pressed at
# its end.
completed() {
	local shell=$1 program=${2%% *} dir=$BATS_TEST_TMPDIR/$1 out=$BATS_TEST_TMPDIR/line i command
	rm -rf "$out" "$dir"
	mkdir -p "$dir/functions"
	case $shell in
	bash)
		cat >"$dir/rc" <<-END
			source "$SCRIPTS/$program.bash"
			bind -x '"\C-t": printf "%s" "\$READLINE_LINE" >"$out.new"; mv "$out.new" "$out"; exit'
		END
		command="bash --noprofile --rcfile $dir/rc -i"
		;;
	zsh)
		cp "$SCRIPTS/$program.zsh" "$dir/functions/_$program"
		cat >"$dir/.zshrc" <<-END
			fpath=("$dir/functions" \$fpath)
			autoload -Uz compinit
			compinit -D -u
			answer() { print -rn -- "\$BUFFER" >"$out.new"; mv "$out.new" "$out"; exit }
			zle -N answer
			bindkey '^T' answer
		END
		command="env ZDOTDIR=$dir zsh -d -i"
		;;
	fish)
		cat >"$dir/rc.fish" <<-END
			source "$SCRIPTS/$program.fish"
			bind \ct 'commandline >"$out.new"; mv "$out.new" "$out"; exit'
		END
		command="env XDG_CONFIG_HOME=$dir XDG_DATA_HOME=$dir fish --no-config -i -C 'source $dir/rc.fish'"
		;;
	esac
	# The terminal's other end stays open until the answer is there.
	{
		printf '%s\t\024' "$2"
		lab_wait_for test -e "$out"
	} | TERM=dumb script -qec "$command" /dev/null >/dev/null
	cat "$out"
}

# completes LINE EXPECTED [SHELL...]: whether the shells, or all, complete it so. Whether a blank
# follows is the shell's affair.
completes() {
	local shell line
	for shell in ${3:-bash zsh fish}; do
		line=$(completed "$shell" "$1")
		[[ ${line% } == "${2% }" ]] || {
			printf '%s: %s\ncompleted: %s\nexpected:  %s\n' "$shell" "$1" "$line" "$2"
			return 1
		}
	done
}
