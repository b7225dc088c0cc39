# Helpers for tests that run the programs as a user does. `load lib` in a .bats file.
#
# The lab is a set of namespaces (mount, network, processes) with an empty /run, so that sockets,
# interfaces and daemons of a test are nobody else's, and all end with it. It takes root.

bats_require_minimum_version 1.5.0

# For setup_file. Makes the lab, and in it "original" and "ours": two commands called wg.
lab_start() {
	((EUID == 0)) || return 0
	export LAB=$BATS_FILE_TMPDIR/lab
	mkdir -p "$LAB/original" "$LAB/ours"
	ln -s /usr/bin/wg "$LAB/original/wg"
	ln -s "$BUILD/wg" "$LAB/ours/wg"
	unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private sh -c '
		mount -t tmpfs tmpfs "$(realpath /var/run)" && mkdir /var/run/wireguard &&
			ip link set lo up && touch "$0/ready" && exec sleep 1000000
	' "$LAB" </dev/null >"$LAB/log" 2>&1 3>&- &
	export LAB_KEEPER=$!
	disown
	lab_wait_for test -e "$LAB/ready"
	LAB_PID=$(<"/proc/$LAB_KEEPER/task/$LAB_KEEPER/children")
	export LAB_PID=${LAB_PID%% *}
	mkfifo "$LAB/request" "$LAB/answer"
	lab "$BATS_TEST_DIRNAME/lab-runner" "$LAB" </dev/null >>"$LAB/log" 2>&1 3>&- &
	lab_wait_for test -e "$LAB/runs"
}

# For teardown_file.
lab_stop() {
	[[ -z ${LAB_KEEPER:-} ]] || kill -KILL "$LAB_KEEPER"
}

# For setup.
lab_needed() {
	((EUID == 0)) || skip "needs root"
}

# lab COMMAND...: runs it in the lab. The working directory is /.
lab() {
	nsenter -t "$LAB_PID" -m -n -p -- "$@"
}

# lab_wait_for COMMAND...: until it succeeds, at most 5 s.
lab_wait_for() {
	local i
	for ((i = 0; i < 250; i++)); do
		"$@" 2>/dev/null && return
		sleep 0.02
	done
	echo "in vain: $*" >&2
	return 1
}

original() {
	PATH=$LAB/original:$PATH lab wg "$@"
}

ours() {
	PATH=$LAB/ours:$PATH lab wg "$@"
}

# fake NAME: starts a fake daemon for an interface. What it answers: fake_get, fake_set.
fake() {
	lab "$BATS_TEST_DIRNAME/fake-uapi" "/var/run/wireguard/$1.sock" "$LAB/$1.get" \
		"$LAB/$1.set" "$LAB/asked" </dev/null >>"$LAB/log" 2>&1 3>&- &
	: >"$LAB/$1.get"
	printf 'errno=0\n\n' >"$LAB/$1.set"
	lab_wait_for lab test -S "/var/run/wireguard/$1.sock"
}

# fake_get NAME FORMAT [ARGUMENTS...]: what it answers to a get from now on, errno and all.
fake_get() {
	# shellcheck disable=SC2059
	printf "${@:2}" >"$LAB/$1.get"
}

fake_set() {
	# shellcheck disable=SC2059
	printf "${@:2}" >"$LAB/$1.set"
}

# fake_describe NAME FORMAT...: as fake_get, with errno=0 after it.
fake_describe() {
	fake_get "$@"
	printf 'errno=0\n\n' >>"$LAB/$1.get"
}

# lab_ask WORDS...: what the lab's runner answers to a request; good if that is nothing.
lab_ask() {
	local answer
	printf '%s\0' $# "$@" 1<>"$LAB/request"
	IFS= read -t 120 -r -d '' answer <>"$LAB/answer" || answer='no answer'
	[[ ! $answer ]] || { printf '%s' "$answer"; return 1; }
}

# lab_run COMMAND PROGRAM ARGUMENTS...: with the variables that wg reads; $STDIN is a file.
lab_run() {
	lab_ask "$1" "$2" "${STDIN:-/dev/null}" \
		${WG_COLOR_MODE+"WG_COLOR_MODE=$WG_COLOR_MODE"} \
		${WG_HIDE_KEYS+"WG_HIDE_KEYS=$WG_HIDE_KEYS"} \
		${WG_ENDPOINT_RESOLUTION_RETRIES+"WG_ENDPOINT_RESOLUTION_RETRIES=$WG_ENDPOINT_RESOLUTION_RETRIES"} \
		-- "${@:3}" || { printf 'arguments:'; printf ' %q' "${@:3}"; echo; return 1; }
}

# Runs one of original, ours; leaves PROGRAM.out, .err, .asked, .status in the lab.
lab_record() {
	lab_run record "$@"
}

# lab_compare STREAM...: whether original and ours left the same.
lab_compare() {
	lab_ask compare "$@"
}

# same ARGUMENTS...: both programs print the same, say the same, ask the daemon for the same, and
# end with the same status.
same() {
	lab_run same 'status err out asked' "$@"
}

# As same, but the lines of stdout may come in any order, for daemons that have no order; so may
# what is asked.
same_unordered() {
	lab_run same 'status err out/sorted' "$@"
}

# is FILE EXPECTED: whether a file of the lab has exactly these lines.
is() {
	diff -u --label expected --label "$1" <(printf '%s' "${2:+$2$'\n'}") "$LAB/$1"
}

# ours_is STATUS STDERR ARGUMENTS...: what our program says, where the original says otherwise.
ours_is() {
	lab_record ours "${@:3}"
	is ours.status "exit status $1" && is ours.err "$2" ||
		{ printf 'arguments:'; printf ' %q' "${@:3}"; echo; return 1; }
}
