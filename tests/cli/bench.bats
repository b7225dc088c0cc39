# What tests/bench/datapath makes of samples: numbers are known here, so that the page can be judged.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	out=$BATS_TEST_TMPDIR/out
	mkdir "$out"
	cat >"$out/samples.json" <<-'END'
	{
	 "date": "2026-01-02", "failures": ["slow & old, wire: iperf3: <no> answer"], "scale": "",
	 "implementations": [{"name": "no tunnel", "bare": 1},
	  {"name": "wg-datapath, a<b", "ours": 1, "version": "v9"}, {"name": "slow & old", "version": "v1"}],
	 "machine": {"processor": "A & B", "cores": 2, "memory_gib": "4", "virtual": 1, "system": "Debian",
	  "kernel": "6.1", "iperf3": "iperf 3"},
	 "method": {"rounds": 3, "seconds": 5, "starts": 5, "handshakes": 100, "nothing_ms": 0.5},
	 "samples": {
	  "no tunnel": {"tcp1": [{"gbit_s": 40, "noise": 0}]},
	  "wg-datapath, a<b": {"tcp1": [{"gbit_s": 6, "noise": 1}, {"gbit_s": 8, "noise": 0}, {"gbit_s": 5, "noise": 2},
	    {"gbit_s": 1, "noise": 30}], "peers": [{"peers": 1234, "set_s": 0.5, "noise": 0}]},
	  "slow & old": {"tcp1": [{"gbit_s": 1.5, "noise": 20}, {"gbit_s": 2.5, "noise": 9}]}
	 }
	}
	END
}

draw() {
	run --separate-stderr tests/bench/datapath --draw --out "$out" "$@"
	echo "$output" "$stderr" >&2
	[ "$status" -eq 0 ] && [ -z "$stderr" ]
}

@test "the bench's table has median, least and most of the samples that nobody disturbed" {
	draw
	grep -qxF '| TCP, 1 stream: Gbit/s ↑ | 40.0 | 6.00<br>(5.00–8.00) | 2.00\*<br>(1.50–2.50) | 3.00 | 1–3 |' "$out/README.md"
	grep -qxF '| 1234 peers: wg setconf, s ↓ |  | 0.50 |  |  | 1 |' "$out/README.md"
	grep -qxF -- '- slow & old, wire: iperf3: <no> answer' "$out/README.md"
	grep -qxF -- '- wg-datapath, a<b: `v9`' "$out/README.md"
	! grep -q 'UDP flood, 64' "$out/README.md"
}

@test "the bench's charts: bars from zero in proportion, lines from least to most, only where there are figures" {
	draw
	[ "$(cd "$out" && echo *.svg)" = "daemon.svg tcp.svg" ]
	[ "$(grep -o '!\[[^]]*](\([a-z]*\.svg\))' "$out/README.md" | wc -l)" -eq 2 ]
	perl -0777 -ne '
		my @bars = /<rect x="200" y="[\d.]+" width="([\d.]+)"/g;
		die "bars: @bars" if "@bars" ne "322.5 107.5"; # 6 and 2 of 8, which are 430 wide
		my ($from, $to) = /<line x1="([\d.]+)" y1="([\d.]+)" x2="(?!\1)([\d.]+)" y2="\2" stroke="#1e293b"/ ? ($1, $3) : ();
		die "line: $from $to" if "$from $to" ne "468.8 630.0"; # 5 and 8
		/>higher is better; without a tunnel: 40.0</ or die "what is better";
		/<rect width="800" height="\d+" fill="#ffffff"/ or die "no background";' "$out/tcp.svg"
	grep -q '>2.00\* (1.50–2.50)<' "$out/tcp.svg"
	grep -q '>lower is better<' "$out/daemon.svg"
}

@test "the bench's charts are well-formed XML" {
	draw
	perl -0777 -ne '
		my @open;
		while (/\G(?:<(\/?)(\w+)((?: [\w:-]+="[^"<&]*")*)(\/?)>|((?:[^<>&]|&(?:amp|lt|gt);)+))/gc) {
			next if defined $5 || $4;
			$1 ? (pop(@open) // "") eq $2 || die "</$2>" : push @open, $2;
		}
		die "at ", pos // 0, ": ", substr($_, pos // 0, 40) if (pos // 0) < length || @open;' "$out"/*.svg
}

@test "the bench knows its tests, and says so of others" {
	[ "$(tests/bench/datapath --list --only udp64,tcp1 | tr '\n' ' ')" = "tcp1 udp64 " ]
	run tests/bench/datapath --only tcp1,tcp2
	[ "$status" -ne 0 ]
	[ "$output" = 'bench: there is no test "tcp2"; --list tells which there are' ]
	run tests/bench/datapath surplus
	[ "$status" -ne 0 ]
	[[ "$output" == Usage:* ]]
}
