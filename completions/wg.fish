# fish completion for wg(8), made from its own table: wg completion fish

# Where the cursor is, in lines: the place, which is "command" or SUBCOMMAND and the number
# of an argument or what a value belongs to; the first argument; words that may come next.
function __wg_place
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
	case show
		set known --json --ndjson --prometheus --names --watch
		set valued
		set last interfaces
	case set
		set known --warn
		set valued
		set first 1
		set left listen-port fwmark private-key
		set opens peer
		set within remove preshared-key endpoint persistent-keepalive allowed-ips
		set alone remove
		set with_value listen-port fwmark private-key peer preshared-key endpoint persistent-keepalive allowed-ips
	case setconf
		set known --warn
		set valued
	case addconf
		set known --warn
		set valued
	case syncconf
		set known --warn
		set valued
	case genkey
		set known --out
		set valued --out
	case genpsk
		set known --out
		set valued --out
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
	# Words that follow each other, each with its value.
	if test (count $arguments) -lt $first
		set left
		set opens
	end
	set -l others $arguments
	test $first -gt 0
	and set -e others[1..$first]
	for word in $others
		if set -q option[1] # this was its value
			set option
			continue
		end
		contains -- "$word" $with_value
		and set option $word
		if contains -- "$word" $opens
			set left $within
		else if contains -- "$word" $alone # whatever follows does not count
			set left
		else
			for gone in $word $alone
				set -l at (contains -i -- $gone $left)
				and set -e left[$at]
			end
		end
	end
	set -a left $opens
	if set -q option[1]
		printf '%s\n' "$command $option" "$arguments[1]"
		return
	end
	printf '%s\n' "$command "(count $arguments) "$arguments[1]" $left
end

function __wg_at -a place
	set -l lines (__wg_place)
	test "$lines[1]" = $place
end

# Whether an option of a subcommand is being typed, and was not given yet.
function __wg_option -a command option
	set -l words (commandline -opc)
	string match -q -- '-*' (commandline -ct)
	and test "$words[2]" = $command
	and not string match -q -r -- "^$option(=|\$)" $words[3..]
	and not contains -- -- $words[3..]
end

function __wg_interfaces
	string split -n ' ' -- (wg show interfaces 2>/dev/null)
end

# Whether a word may come next.
function __wg_left -a command word
	set -l lines (__wg_place)
	string match -q -r -- "^$command [0-9]+\$" "$lines[1]"
	and contains -- $word $lines[3..]
end

# The peers of the interface that is the first argument: names come before keys.
function __wg_keys
	set -l lines (__wg_place)
	wg show "$lines[2]" peers --names 2>/dev/null | string match '@*'
	wg show "$lines[2]" peers 2>/dev/null
end

complete -c wg -f
complete -c wg -n '__wg_at command' -l help -d 'print the list of subcommands'
complete -c wg -n '__wg_at command' -l version -d 'print the version'
complete -c wg -n '__wg_at command' -a show -d 'Shows the current configuration and device information'
complete -c wg -n '__wg_at command' -a showconf -d 'Shows the current configuration of a given WireGuard interface, for use with `setconf'\'''
complete -c wg -n '__wg_at command' -a set -d 'Change the current configuration, add peers, remove peers, or change peers'
complete -c wg -n '__wg_at command' -a setconf -d 'Applies a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at command' -a addconf -d 'Appends a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at command' -a syncconf -d 'Synchronizes a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at command' -a genkey -d 'Generates a new private key and writes it to stdout'
complete -c wg -n '__wg_at command' -a genpsk -d 'Generates a new preshared key and writes it to stdout'
complete -c wg -n '__wg_at command' -a pubkey -d 'Reads a private key from stdin and writes a public key to stdout'
complete -c wg -n '__wg_at command' -a help -d 'Prints the list of subcommands, or all about one of them'
complete -c wg -n '__wg_at command' -a version -d 'Prints the release of wireguard-tools that this program matches, and its own version'
complete -c wg -n '__wg_at command' -a completion -d 'Prints the completion script for a shell'

complete -c wg -n '__wg_option show --json' -l json -d 'print one JSON object of all interfaces'
complete -c wg -n '__wg_option show --ndjson' -l ndjson -d 'print a line of JSON for each interface'
complete -c wg -n '__wg_option show --prometheus' -l prometheus -d 'print metrics for Prometheus'
complete -c wg -n '__wg_option show --names' -l names -d 'call peers by the names in their configuration'
complete -c wg -n '__wg_option show --watch' -l watch -d 'show it again and again, every 2 seconds if not told'
complete -c wg -n '__wg_option show --watch' -a --watch= -d 'show it again and again, every 2 seconds if not told'
complete -c wg -n '__wg_at "show 0"' -a '(__wg_interfaces)' -d 'interface'
complete -c wg -n '__wg_at "show 0"' -a all -d 'all of them, as without an argument'
complete -c wg -n '__wg_at "show 0"' -a interfaces -d 'nothing but the names of all, in one line'
complete -c wg -n '__wg_at "show 1"' -a public-key -d 'the interface'\''s public key'
complete -c wg -n '__wg_at "show 1"' -a private-key -d 'its private key'
complete -c wg -n '__wg_at "show 1"' -a listen-port -d 'its UDP port'
complete -c wg -n '__wg_at "show 1"' -a fwmark -d 'its mark of outgoing packets, or off'
complete -c wg -n '__wg_at "show 1"' -a peers -d 'the peers'\'' public keys'
complete -c wg -n '__wg_at "show 1"' -a preshared-keys -d 'the key that each peer shares, or (none)'
complete -c wg -n '__wg_at "show 1"' -a endpoints -d 'address and port of each peer, or (none)'
complete -c wg -n '__wg_at "show 1"' -a allowed-ips -d 'addresses of each peer, with blanks between them'
complete -c wg -n '__wg_at "show 1"' -a latest-handshakes -d 'when each peer was last heard of: seconds since 1970, 0 is never'
complete -c wg -n '__wg_at "show 1"' -a transfer -d 'bytes received from each peer and sent to it'
complete -c wg -n '__wg_at "show 1"' -a persistent-keepalive -d 'seconds between what keeps each peer reachable, or off'
complete -c wg -n '__wg_at "show 1"' -a dump -d 'all of it: a line for the interface, then one for each peer'

complete -c wg -n '__wg_at "showconf 0"' -a '(__wg_interfaces)' -d 'interface'

complete -c wg -n '__wg_option set --warn' -l warn -d 'say when an allowed IP is taken from another peer'
complete -c wg -n '__wg_at "set 0"' -a '(__wg_interfaces)' -d 'interface'
complete -c wg -n '__wg_left set listen-port' -a listen-port -d 'UDP port to listen on; 0 has one chosen'
complete -c wg -n '__wg_left set fwmark' -a fwmark -d 'mark of outgoing packets: decimal, 0x and hexadecimal digits, or off'
complete -c wg -n '__wg_left set private-key' -a private-key -d 'file with the private key; an empty one takes the key away'
complete -c wg -n '__wg_left set peer' -a peer -d 'what follows is about this peer; also @name, if it has one'
complete -c wg -n '__wg_left set remove' -a remove -d 'remove the peer'
complete -c wg -n '__wg_left set preshared-key' -a preshared-key -d 'file with a key that both sides share; an empty one takes the key away'
complete -c wg -n '__wg_left set endpoint' -a endpoint -d 'where the peer is reached: an address, an [IPv6 address] in brackets, or a name'
complete -c wg -n '__wg_left set persistent-keepalive' -a persistent-keepalive -d 'send something every so often, 1 to 65535, or off'
complete -c wg -n '__wg_left set allowed-ips' -a allowed-ips -d 'addresses that are the peer'\''s, in the place of those it had; with + or - they are added or removed; "" for none'
complete -c wg -n '__wg_at "set fwmark"' -a off
complete -c wg -n '__wg_at "set private-key"' -F
complete -c wg -n '__wg_at "set peer"' -k -a '(__wg_keys)' -d 'peer'
complete -c wg -n '__wg_at "set preshared-key"' -F
complete -c wg -n '__wg_at "set persistent-keepalive"' -a off

complete -c wg -n '__wg_option setconf --warn' -l warn -d 'say when an allowed IP is taken from another peer'
complete -c wg -n '__wg_at "setconf 0"' -a '(__wg_interfaces)' -d 'interface'
complete -c wg -n '__wg_at "setconf 1"' -F

complete -c wg -n '__wg_option addconf --warn' -l warn -d 'say when an allowed IP is taken from another peer'
complete -c wg -n '__wg_at "addconf 0"' -a '(__wg_interfaces)' -d 'interface'
complete -c wg -n '__wg_at "addconf 1"' -F

complete -c wg -n '__wg_option syncconf --warn' -l warn -d 'say when an allowed IP is taken from another peer'
complete -c wg -n '__wg_at "syncconf 0"' -a '(__wg_interfaces)' -d 'interface'
complete -c wg -n '__wg_at "syncconf 1"' -F

complete -c wg -n '__wg_option genkey --out; or __wg_at "genkey --out"' -l out -r -F -d 'write the key to a new file that only its owner can read'

complete -c wg -n '__wg_option genpsk --out; or __wg_at "genpsk --out"' -l out -r -F -d 'write the key to a new file that only its owner can read'


complete -c wg -n '__wg_at "help 0"' -a show -d 'Shows the current configuration and device information'
complete -c wg -n '__wg_at "help 0"' -a showconf -d 'Shows the current configuration of a given WireGuard interface, for use with `setconf'\'''
complete -c wg -n '__wg_at "help 0"' -a set -d 'Change the current configuration, add peers, remove peers, or change peers'
complete -c wg -n '__wg_at "help 0"' -a setconf -d 'Applies a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at "help 0"' -a addconf -d 'Appends a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at "help 0"' -a syncconf -d 'Synchronizes a configuration file to a WireGuard interface'
complete -c wg -n '__wg_at "help 0"' -a genkey -d 'Generates a new private key and writes it to stdout'
complete -c wg -n '__wg_at "help 0"' -a genpsk -d 'Generates a new preshared key and writes it to stdout'
complete -c wg -n '__wg_at "help 0"' -a pubkey -d 'Reads a private key from stdin and writes a public key to stdout'
complete -c wg -n '__wg_at "help 0"' -a help -d 'Prints the list of subcommands, or all about one of them'
complete -c wg -n '__wg_at "help 0"' -a version -d 'Prints the release of wireguard-tools that this program matches, and its own version'
complete -c wg -n '__wg_at "help 0"' -a completion -d 'Prints the completion script for a shell'


complete -c wg -n '__wg_at "completion 0"' -a bash -d 'for PREFIX/share/bash-completion/completions'
complete -c wg -n '__wg_at "completion 0"' -a zsh -d 'for a directory of fpath, such as site-functions'
complete -c wg -n '__wg_at "completion 0"' -a fish -d 'for PREFIX/share/fish/vendor_completions.d'
