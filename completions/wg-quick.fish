# fish completion for wg-quick(8), made from its own table: wg-quick completion fish

# Where the cursor is, in lines: the place, which is "command" or SUBCOMMAND and the number
# of an argument or what a value belongs to; the first argument; words that may come next.
function __wg_quick_place
	set -l words (commandline -opc)
	set -l arguments
	set -l option
	set -l ended
	set -l closed
	set -l known
	set -l valued
	set -l last
	set -l first 0
	set -l left
	set -l opens
	set -l within
	set -l alone
	set -l with_value
	if not set -q words[2]
		echo command
		return
	end
	set -l command $words[2]
	set -e words[1..2]
	switch $command
	case up
		set known --replace --dry-run --json
		set valued
	case down
		set known --if-exists --dry-run --json
		set valued
	case reload
		set known --dry-run --json
		set valued
	case status
		set known --json
		set valued
	end
	for word in $words
		set -l name (string replace -r '(?s)=.*' '' -- $word)
		if set -q option[1] # this was its value
			set option
		else if set -q ended[1]
			set -a arguments $word
		else if test "$word" = --
			set ended yes
		else if contains -- "$name" $known
			contains -- $word $valued
			and set option $word
		else
			set -a arguments $word
			contains -- "$word" $last
			and set closed yes
		end
	end
	if set -q option[1]
		echo $command $option
		return
	else if set -q closed[1]
		return
	end
	printf '%s\n' "$command "(count $arguments) "$arguments[1]" $left
end

function __wg_quick_at -a place
	set -l lines (__wg_quick_place)
	test "$lines[1]" = $place
end

# Whether an option of a subcommand is being typed, and was not given yet.
function __wg_quick_option -a command option
	set -l words (commandline -opc)
	string match -q -- '-*' (commandline -ct)
	and test "$words[2]" = $command
	and not string match -q -r -- "^$option(=|\$)" $words[3..]
	and not contains -- -- $words[3..]
end

function __wg_quick_interfaces
	string split -n ' ' -- (wg show interfaces 2>/dev/null)
end

# Those that can be names of configurations.
function __wg_quick_names
	string match -r '^[a-zA-Z0-9_=+.-]{1,15}$' -- $argv
end

function __wg_quick_configurations
	set -l files /etc/wireguard/*.conf # unlike others, this command takes no match for an answer
	__wg_quick_names (string replace -r '.*/(.*)\.conf$' '$1' -- $files)
end

# Without a slash it is a name.
function __wg_quick_files
	string match -q '*/*' -- (commandline -ct)
	and __fish_complete_suffix .conf
end

complete -c wg-quick -f
complete -c wg-quick -n '__wg_quick_at command' -l help -d 'tell how it is used'
complete -c wg-quick -n '__wg_quick_at command' -a up -d 'creates the interface'
complete -c wg-quick -n '__wg_quick_at command' -a down -d 'removes it'
complete -c wg-quick -n '__wg_quick_at command' -a reload -d 'makes it what the file says now'
complete -c wg-quick -n '__wg_quick_at command' -a save -d 'writes the running configuration to the file'
complete -c wg-quick -n '__wg_quick_at command' -a reresolve -d 'looks up again the names of peers that do not answer'
complete -c wg-quick -n '__wg_quick_at command' -a status -d 'tells whether it is up, and as the file says'
complete -c wg-quick -n '__wg_quick_at command' -a strip -d 'prints the file for wg(8)'
complete -c wg-quick -n '__wg_quick_at command' -a completion -d 'prints the completion script for a shell'

complete -c wg-quick -n '__wg_quick_option up --replace' -l replace -d 'take it down first, if it is up'
complete -c wg-quick -n '__wg_quick_option up --dry-run' -l dry-run -d 'only tell what would be done, and why'
complete -c wg-quick -n '__wg_quick_option up --json' -l json -d 'tell it as JSON'
complete -c wg-quick -n '__wg_quick_at "up 0"' -a '(__wg_quick_configurations)' -d 'configuration'
complete -c wg-quick -n '__wg_quick_at "up 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_option down --if-exists' -l if-exists -d 'it is no failure if there is nothing to take down'
complete -c wg-quick -n '__wg_quick_option down --dry-run' -l dry-run -d 'only tell what would be done, and why'
complete -c wg-quick -n '__wg_quick_option down --json' -l json -d 'tell it as JSON'
complete -c wg-quick -n '__wg_quick_at "down 0"' -a '(__wg_quick_names (__wg_quick_interfaces))' -d 'interface'
complete -c wg-quick -n '__wg_quick_at "down 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_option reload --dry-run' -l dry-run -d 'only tell what would be done, and why'
complete -c wg-quick -n '__wg_quick_option reload --json' -l json -d 'tell it as JSON'
complete -c wg-quick -n '__wg_quick_at "reload 0"' -a '(__wg_quick_names (__wg_quick_interfaces))' -d 'interface'
complete -c wg-quick -n '__wg_quick_at "reload 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_at "save 0"' -a '(__wg_quick_names (__wg_quick_interfaces))' -d 'interface'
complete -c wg-quick -n '__wg_quick_at "save 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_at "reresolve 0"' -a '(__wg_quick_names (__wg_quick_interfaces))' -d 'interface'
complete -c wg-quick -n '__wg_quick_at "reresolve 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_option status --json' -l json -d 'tell it as JSON'
complete -c wg-quick -n '__wg_quick_at "status 0"' -a '(__wg_quick_configurations)' -d 'configuration'
complete -c wg-quick -n '__wg_quick_at "status 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_at "strip 0"' -a '(__wg_quick_configurations)' -d 'configuration'
complete -c wg-quick -n '__wg_quick_at "strip 0"' -a '(__wg_quick_files)'

complete -c wg-quick -n '__wg_quick_at "completion 0"' -a bash -d 'for PREFIX/share/bash-completion/completions'
complete -c wg-quick -n '__wg_quick_at "completion 0"' -a zsh -d 'for a directory of fpath, such as site-functions'
complete -c wg-quick -n '__wg_quick_at "completion 0"' -a fish -d 'for PREFIX/share/fish/vendor_completions.d'
