# tests/bench/datapath works: each of its tests, once and briefly. What it finds is no matter.

bats_require_minimum_version 1.5.0

load lib

setup() {
	need_root
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	out=$BATS_TEST_TMPDIR/out
}

bench() {
	run --separate-stderr tests/bench/datapath --rounds 1 --seconds 1 --patience 0 --retries 0 --out "$out" "$@"
	echo "$output" "$stderr" >&2
	[ "$status" -eq 0 ]
}

# samples TEST FIGURE: how many there are of wg-datapath, with the library that it chooses by itself.
samples() {
	perl -MJSON::PP -e '
		my $results = do { local (@ARGV, $/) = shift; JSON::PP->new->decode(<>) };
		my ($name) = map { $_->{name} } grep { $_->{ours} } @{$results->{implementations}};
		my @samples = grep { $_->{$ARGV[1]} > 0 } @{$results->{samples}{$name}{$ARGV[0]}};
		print scalar @samples, "\n"' "$out/samples.json" "$@"
}

@test "a bench of all that goes through a tunnel" {
	bench --ours-only --only tcp1,tcp4-both,udp64,ping,ping-load
	for figure in "tcp1 gbit_s" "tcp1 daemons_s_per_gib" "tcp1 machine_s_per_gib" "tcp4-both gbit_s" \
		"udp64 kpps" "ping p50" "ping p999" "ping-load p99" "ping-load gbit_s" "memory mib"; do
		[ "$(samples $figure)" -eq 1 ] || { echo "no $figure" >&2; false; }
	done
	grep -qE '^\| TCP, 1 stream: Gbit/s ↑ \| [0-9.]+(\\\*)? \|' "$out/README.md"
	for chart in tcp udp cpu latency daemon; do
		[ -s "$out/$chart.svg" ]
	done
	! grep 'could not be measured' "$out/README.md"
}

@test "a bench of daemons; samples add up; one that does not work is said so" {
	bench --ours-only --peer 'broken=false --now' --only start,handshakes,peers --starts 2 --handshakes 50 \
		--peers 500
	bench --ours-only --only peers --peers 500 --keep
	[ "$(samples start ms)" -eq 2 ]
	[ "$(samples handshakes per_s)" -eq 1 ]
	[ "$(samples handshakes bad)" -eq 0 ]
	[ "$(samples peers set_s)" -eq 2 ]
	grep -q '^- broken, start: broken did not come up' "$out/README.md"
}
