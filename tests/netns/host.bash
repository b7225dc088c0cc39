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
	local pid name
	for pid in /proc/[0-9]*; do
		pid=${pid#/proc/}
		[[ $pid != 1 && $pid != "$BASHPID" && -r /proc/$pid/stat ]] || continue
		name=$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") || continue
		[[ -z $name || $name == bash* ]] || echo "$name"
	done
}

# All that wg-quick may change on the host, without what differs by chance.
state() {
	ip -d -o link | sed -E 's/^[0-9]+: //; s/ link\/ether [^ ]+//'
	ip -o addr | grep -v ' fe80:' | sed -E 's/^[0-9]+: //' || true
	ip -d -4 route show table all | grep -v '^broadcast\|^local' || true
	ip -d -6 route show table all | grep -v '^local\|^anycast\|^multicast' || true
	ip -4 rule
	ip -6 rule
	find /run/wireguard ! -type d 2>/dev/null || true
	strangers
}
