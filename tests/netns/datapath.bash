# What scripts have at hand that test a datapath daemon on a test's host; see lib.bash. To be
# sourced with BUILD set.

# eventually COMMAND...: tries until it succeeds; fails after ten seconds.
eventually() {
	local end=$((SECONDS + 10))
	until "$@"; do
		((SECONDS < end)) || { echo "never came true: $*" >&2; return 1; }
		sleep 0.02
	done
}

# fails COMMAND...: to say that something must not succeed, in a script that stops at failures.
fails() {
	if "$@"; then
		echo "should fail: $*" >&2
		return 1
	fi
}

no_link() {
	! ip link show "$1" >/dev/null 2>&1
}

no_process() {
	! kill -0 "$1" 2>/dev/null || [[ $(cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null) == Z ]]
}

# daemon_pid NAME: the process that serves the interface NAME.
daemon_pid() {
	local pid
	for pid in /proc/[0-9]*; do
		if [[ $(tr '\0' ' ' 2>/dev/null <"$pid/cmdline") =~ (wg-datapath|wireguard-go)\ (-f\ )?$1\ $ ]]; then
			echo "${pid#/proc/}"
			return
		fi
	done
	return 1
}

# gone NAME PID: neither interface nor socket nor process are left.
gone() {
	eventually no_process "$2" && eventually no_link "$1" && [[ ! -e /var/run/wireguard/$1.sock ]]
}

# uapi NAME: sends standard input to the daemon's socket and prints the answer.
uapi() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => shift) or die "connect: $!\n";
		local ($/, $SIG{PIPE}) = (undef, "IGNORE");
		print $s scalar <STDIN>;
		$s->shutdown(1);
		print <$s>;' "/var/run/wireguard/$1.sock"
}

# hex KEY: a base64 key as the UAPI writes it.
hex() {
	base64 -d <<<"$1" | od -An -v -tx1 | tr -d ' \n'
}
