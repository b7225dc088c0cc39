#!/usr/bin/env bats
# A session is replaced after two minutes while packets flow both ways: none may be lost. Between
# two wg-datapath, and with wireguard-go on either side, all at the same time. The hosts are drawn
# in tests/netns/datapath.bash.

load ../netns/lib

setup() {
	need_root
	command -v wireguard-go >/dev/null || skip "needs wireguard-go"
	BATS_TEST_DIRNAME=$(realpath "$BATS_TEST_DIRNAME/../netns")
}

# rekey DAEMON_A DAEMON_B
rekey() {
	on_host "$BATS_TEST_DIRNAME" "$@" <<-'SCRIPT'
	. "$1/datapath.bash"
	cd /run
	two_hosts
	tunnel "$2" "$3"
	peers 4
	through
	first_a=$(handshakes wga) first_b=$(handshakes wgb)
	b iperf3 -s -1 -D >/dev/null
	sleep 0.5
	a ping -q -i 0.05 -c 2600 -W 5 10.2.0.2 >a.log &
	jobs=($!)
	b ping -q -i 0.05 -c 2600 -W 5 fd02::1 >b.log &
	jobs+=($!)
	# In small portions: a burst overruns the socket buffer of wireguard-go.
	a iperf3 -c 10.2.0.2 -b 4M -l 1300 -t 128 >iperf.log &
	jobs+=($!)
	for job in "${jobs[@]}"; do wait $job; done
	tail -n 4 iperf.log
	tail -n 3 a.log b.log
	contains "$(cat a.log)" "2600 received, 0% packet loss"
	contains "$(cat b.log)" "2600 received, 0% packet loss"
	echo "handshakes after $(($(handshakes wga) - first_a)) and $(($(handshakes wgb) - first_b)) s"
	(($(handshakes wga) - first_a >= 115 && $(handshakes wga) - first_a <= 126))
	(($(handshakes wgb) - first_b >= 115 && $(handshakes wgb) - first_b <= 126))
	SCRIPT
}

@test "a rekey under traffic loses nothing, between ourselves and with wireguard-go" {
	pids=()
	rekey "$BUILD/wg-datapath" "$BUILD/wg-datapath" >"$BATS_TEST_TMPDIR/1" 2>&1 &
	pids+=($!)
	rekey "$BUILD/wg-datapath" wireguard-go >"$BATS_TEST_TMPDIR/2" 2>&1 &
	pids+=($!)
	rekey wireguard-go "$BUILD/wg-datapath" >"$BATS_TEST_TMPDIR/3" 2>&1 &
	pids+=($!)
	status=0
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	cat "$BATS_TEST_TMPDIR"/[123]
	((status == 0))
}
