# What scripts on a test's host have at hand; see lib.bash.

# expect STATUS COMMAND...: runs it; the script fails unless it exits so.
expect() {
	local expected=$1 status=0
	shift
	"$@" || status=$?
	((status == expected)) && return
	echo "exit status $status, not $expected: $*" >&2
	return 1
}

# same EXPECTED GOT: fails, showing the difference, unless they are equal.
same() {
	diff -u --label expected --label got <(printf '%s\n' "$1") <(printf '%s\n' "$2") >&2
}

# contains TEXT PART
contains() {
	[[ $1 == *"$2"* ]] && return
	printf 'not found: %s\nin:\n%s\n' "$2" "$1" >&2
	return 1
}

# Without the box that wireguard-go draws.
no_banner() {
	grep -v $'^\xe2\x94' || true
}

# Processes of this host other than the script's own.
strangers() {
	local pid
	local -a words
	for pid in /proc/[0-9]*; do
		pid=${pid#/proc/}
		[[ $pid != 1 && $pid != "$BASHPID" && -r /proc/$pid/stat ]] || continue
		mapfile -d '' -t words 2>/dev/null <"/proc/$pid/cmdline" || continue
		[[ -z ${words[*]} || ${words[0]} == bash* ]] || echo "${words[*]}"
	done 2>/dev/null
}

# All that wg-quick may change on the host, without what differs by chance. Made with few processes:
# it is asked for often.
state() {
	local socket link
	{
		ip -d -o link
		ip -o addr
		ip -d -4 route show table all
		ip -d -6 route show table all
		ip -4 rule
		ip -6 rule
	} | sed -E '/ inet6 fe80:/d; /^(broadcast|local|anycast|multicast) /d
		s/^[0-9]+: //; s/ link\/ether [^ ]+//; s/ tentative / /'
	for socket in /run/wireguard/*; do
		# A journal is there as long as its interface is.
		link=${socket%.*.journal}
		[[ ! -e $socket || $link != "$socket" && -e /sys/class/net/${link##*/} ]] || echo "$socket"
	done
	strangers
}

# without PROGRAM...: from now on PATH has not got these, which are in /usr/sbin.
without() {
	local dir=/run/sbin
	[[ -d $dir ]] || { mkdir "$dir" && ln -s /usr/sbin/* "$dir"; }
	(cd "$dir" && rm -f "$@")
	PATH=/usr/bin:$dir
}
