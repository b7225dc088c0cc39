# `make demo`, and that nothing of it stays behind however it ends.
#
# It runs in a process namespace, in which every process it leaves behind can be seen.

load lib

setup() {
	need_root
}

# demo SCRIPT: runs it where "demo" is the demo's path and out its output; prints what is left.
demo() {
	unshare --mount --pid --fork --kill-child --mount-proc bash -c "
		demo=$BATS_TEST_DIRNAME/../demo out=$BATS_TEST_TMPDIR/out TMPDIR=$BATS_TEST_TMPDIR/tmp
		export TMPDIR
		mkdir \"\$TMPDIR\"
		$1
		ps -e -o pid=,args= | grep -v -e '^ *1 ' -e 'ps -e' -e 'grep -v'
		ls \"\$TMPDIR\""
}

@test "the demo runs, and leaves nothing behind" {
	run demo '"$demo" >"$out" 2>&1; echo "exit $?"'
	[ "$output" = "exit 0" ] || { echo "$output"; cat "$BATS_TEST_TMPDIR/out"; false; }
	[ "$(grep -c ' 0% packet loss' "$BATS_TEST_TMPDIR/out")" = 2 ]
	grep -q receiver "$BATS_TEST_TMPDIR/out"
	grep -q 'latest handshake' "$BATS_TEST_TMPDIR/out"
}

@test "the demo is interrupted, and leaves nothing behind" {
	# A shell's background jobs ignore SIGINT; env gives the demo the usual reaction back.
	run demo '
		env --default-signal=INT "$demo" >"$out" 2>&1 &
		for i in {1..200}; do
			grep -qs "wg-datapath wg0" "$out" && break
			sleep 0.05
		done
		kill -INT $!
		wait $!
		echo "exit $?"'
	[ "$output" = "exit 130" ] || { echo "$output"; cat "$BATS_TEST_TMPDIR/out"; false; }
}

@test "the demo fails, and leaves nothing behind" {
	run demo '
		mkdir "$TMPDIR/../bin"
		printf "#!/bin/sh\nexit 1\n" >"$TMPDIR/../bin/iperf3"
		chmod +x "$TMPDIR/../bin/iperf3"
		PATH=$TMPDIR/../bin:$PATH "$demo" >"$out" 2>&1
		echo "exit $?"'
	[ "$output" = "exit 1" ] || { echo "$output"; cat "$BATS_TEST_TMPDIR/out"; false; }
	grep -q "did not succeed" "$BATS_TEST_TMPDIR/out"
}
