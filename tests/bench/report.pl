# What tests/bench/datapath has found, as a page: tables in Markdown, charts in SVG, samples in JSON.
# Returns true.
use strict;
use warnings;
use File::Path ();
use JSON::PP ();
use POSIX ();

# The rows: the test, its figure, what it is called, and whether more is better.
my @rows = (
	['tcp1', 'gbit_s', 'TCP, 1 stream: Gbit/s', 1],
	['tcp4', 'gbit_s', 'TCP, 4 streams: Gbit/s', 1],
	['tcp4-both', 'gbit_s', 'TCP, 4 streams each way, together: Gbit/s', 1],
	['wire', 'gbit_s', 'TCP, 1 stream, over a link that carries single packets: Gbit/s', 1],
	['tcp1', 'daemons_s_per_gib', 'TCP, 1 stream: processor seconds of both daemons per GiB', 0],
	['tcp1', 'machine_s_per_gib', 'TCP, 1 stream: of the whole machine per GiB', 0],
	['tcp4', 'daemons_s_per_gib', 'TCP, 4 streams: of both daemons per GiB', 0],
	['tcp4', 'machine_s_per_gib', 'TCP, 4 streams: of the whole machine per GiB', 0],
	['udp64', 'kpps', 'UDP flood, 64 bytes: thousand packets/s received', 1],
	['udp64', 'lost_percent', 'UDP flood, 64 bytes: % lost', 0],
	['udp1380', 'gbit_s', 'UDP flood, 1380 bytes: Gbit/s received', 1],
	['udp1380', 'lost_percent', 'UDP flood, 1380 bytes: % lost', 0],
	['udp64-rate', 'kpps', 'UDP, 64 bytes, less than 1 % lost: thousand packets/s', 1],
	['udp1380-rate', 'gbit_s', 'UDP, 1380 bytes, less than 1 % lost: Gbit/s', 1],
	['ping', 'p50', 'ping, idle tunnel: median, µs', 0],
	['ping', 'p99', 'ping, idle tunnel: 99th percentile, µs', 0],
	['ping', 'p999', 'ping, idle tunnel: 99.9th percentile, µs', 0],
	['ping-load', 'p50', 'ping beside TCP, 1 stream: median, µs', 0],
	['ping-load', 'p99', 'ping beside TCP, 1 stream: 99th percentile, µs', 0],
	['ping-load', 'p999', 'ping beside TCP, 1 stream: 99.9th percentile, µs', 0],
	['ping-load', 'gbit_s', 'what that stream carried: Gbit/s', 1],
	['memory', 'mib', 'most memory of a daemon in all of these tests, MiB', 0],
	['start', 'mib', 'memory of a daemon without a configuration, MiB', 0],
	['start', 'ms', 'from start until its socket answers, ms', 0],
	['handshakes', 'per_s', 'handshakes answered each second', 1],
	['handshakes', 'cpu_us', 'processor time of the one who answers, µs each', 0],
	['peers', 'set_s', '%d peers: wg setconf, s', 0],
	['peers', 'get_s', '%d peers: wg show dump, s', 0],
	['peers', 'bytes_per_peer', '%d peers: memory of each with one allowed IP, bytes', 0],
);

# The charts: file, title, and the rows that are its panels, with a short name.
my @charts = (
	['tcp', 'TCP through a tunnel', ['tcp1', 'gbit_s', '1 stream, Gbit/s'],
		['tcp4', 'gbit_s', '4 streams, Gbit/s'],
		['tcp4-both', 'gbit_s', '4 streams each way, together, Gbit/s'],
		['wire', 'gbit_s', '1 stream, over a link that carries single packets, Gbit/s']],
	['cpu', 'What a GiB of TCP costs',
		['tcp1', 'daemons_s_per_gib', 'processor seconds of both daemons'],
		['tcp1', 'machine_s_per_gib', 'processor seconds of the whole machine']],
	['udp', 'UDP through a tunnel',
		['udp64-rate', 'kpps', '64 bytes, less than 1 % lost, thousand packets/s'],
		['udp1380-rate', 'gbit_s', '1380 bytes, less than 1 % lost, Gbit/s'],
		['udp64', 'kpps', '64 bytes, flood, thousand packets/s received'],
		['udp1380', 'gbit_s', '1380 bytes, flood, Gbit/s received']],
	['latency', 'Round trips through a tunnel', ['ping', 'p50', 'idle, median, µs'],
		['ping', 'p99', 'idle, 99th percentile, µs'],
		['ping-load', 'p50', 'beside a TCP stream at full speed, median, µs'],
		['ping-load', 'p99', 'beside a TCP stream at full speed, 99th percentile, µs']],
	['daemon', 'The daemon itself', ['memory', 'mib', 'most memory under load, MiB'],
		['start', 'mib', 'memory before it is configured, MiB'],
		['start', 'ms', 'from start until its socket answers, ms'],
		['handshakes', 'per_s', 'handshakes answered each second'],
		['peers', 'set_s', 'setting %d peers, s']],
);
my %more_is_better = map { ("$_->[0] $_->[1]" => $_->[3]) } @rows;

# ---- figures ---------------------------------------------------------------------------------

# { median, min, max, n } of a figure, of the undisturbed samples, or if there are none of the others,
# which `mark` shows; undef without any.
sub figure_of {
	my ($results, $name, $test, $figure) = @_;
	my @samples = grep { defined $_->{$figure} } @{$results->{samples}{$name}{$test} // []};
	my @calm = grep { $_->{noise} <= 4 } @samples;
	my @values = sort { $a <=> $b } map { $_->{$figure} } @calm ? @calm : @samples;
	return undef if !@values;
	return { median => median(@values), min => $values[0], max => $values[-1], n => scalar @values,
		mark => @calm ? '' : '*' };
}

# Three digits that count.
sub short {
	my ($value) = @_;
	return sprintf '%.0f', $value if $value >= 100;
	return sprintf $value >= 10 ? '%.1f' : '%.2f', $value;
}

sub range_of {
	my ($figure) = @_;
	my ($min, $max) = map { short($_) } @$figure{qw(min max)};
	return $min eq $max ? '' : "$min–$max";
}

# A label's %d is the number of peers that there were.
sub label_of {
	my ($results, $label) = @_;
	my ($peers) = map { map { $_->{peers} } @{$_->{peers} // []} } values %{$results->{samples}};
	return $label =~ s/%d/$peers \/\/ 0/er;
}

# ---- what was measured, and where ------------------------------------------------------------

# Milliseconds from the start of a program that does nothing to its end.
sub time_nothing {
	my $start = Time::HiRes::time();
	my $pid = start('nothing', 'true');
	waitpid $pid, 0;
	return 1000 * (Time::HiRes::time() - $start);
}

# Writes machine, date, method and implementations into the results. What was measured before stays.
sub describe_run {
	my ($results, $option, $implementations) = @_;
	my $cpu = slurp('/proc/cpuinfo') // '';
	my ($model) = $cpu =~ /^model name\s*:\s*(.+)/m;
	my ($memory) = (slurp('/proc/meminfo') // '') =~ /^MemTotal:\s+(\d+)/;
	my ($iperf3) = (eval { output_of(5, qw(iperf3 --version)) } // '') =~ /^(iperf \S+)/;
	my ($system) = (slurp('/etc/os-release') // '') =~ /^PRETTY_NAME="?([^"\n]+)/m;
	$results->{machine} = {
		processor => $model // (POSIX::uname())[4], cores => cores(),
		memory_gib => sprintf('%.0f', $memory / 2**20),
		virtual => $cpu =~ /^flags.*\bhypervisor\b/m ? 1 : 0, system => $system // 'unknown',
		kernel => (POSIX::uname())[2],
		iperf3 => $iperf3 // 'iperf3',
	};
	my $today = POSIX::strftime('%Y-%m-%d', gmtime);
	my ($first) = split / to /, $results->{date} // $today;
	$results->{date} = $first eq $today ? $today : "$first to $today";
	$results->{method} = { map({ $_ => $option->{$_} } qw(seconds starts handshakes)),
		rounds => $option->{rounds} + ($results->{method}{rounds} // 0),
		nothing_ms => median(map { time_nothing() } 1 .. 20) };
	my %here = map { $_->{name} => 1 } @$implementations;
	$results->{implementations} = [
		map({ my %this; @this{qw(name version ours bare)} = @$_{qw(name version ours bare)}; \%this }
			@$implementations),
		grep { !$here{$_->{name}} } @{$results->{implementations} // []},
	];
}

sub cores_of {
	my ($results) = @_;
	my $machine = $results->{machine};
	return "$machine->{cores} cores of a " . ($machine->{virtual} ? 'virtual machine' : 'machine');
}

# ---- Markdown --------------------------------------------------------------------------------

# Our default by the best of the others, or nothing.
sub ratio_of {
	my ($more, $implementations, $figures) = @_;
	my ($ours) = map { $figures->{$_->{name}} } grep { $_->{ours} } @$implementations;
	my @others = sort { $a <=> $b } map { $_->{median} } grep { $_ }
		map { $figures->{$_->{name}} } grep { !$_->{ours} && !$_->{bare} } @$implementations;
	my $best = $others[$more ? -1 : 0];
	return $ours && $best ? sprintf '%.2f', $ours->{median} / $best : '';
}

sub table_of {
	my ($results) = @_;
	my $implementations = $results->{implementations};
	my @names = map { $_->{name} } @$implementations;
	my $text = '| | ' . join(' | ', map { s/, /,<br>/r } @names) . " | ratio | samples |\n"
		. '| --- |' . ' ---: |' x (@names + 2) . "\n";
	for my $row (@rows) {
		my ($test, $what, $label, $more) = @$row;
		my (@cells, %figures);
		for my $name (@names) {
			my $figure = $figures{$name} = figure_of($results, $name, $test, $what);
			my $range = $figure ? range_of($figure) : '';
			push @cells, !$figure ? '' : short($figure->{median}) . ($figure->{mark} && '\\*')
				. ($range && "<br>($range)");
		}
		my @n = sort { $a <=> $b } map { $_->{n} } grep { $_ } values %figures or next;
		push @cells, ratio_of($more, $implementations, \%figures), $n[0] == $n[-1] ? $n[0] : "$n[0]–$n[-1]";
		$text .= '| ' . join(' | ', label_of($results, $label) . ($more ? ' ↑' : ' ↓'), @cells) . " |\n";
	}
	return $text;
}

sub page_of {
	my ($results) = @_;
	my ($machine, $method) = @$results{qw(machine method)};
	my $versions = join '', map { "- $_->{name}: `$_->{version}`\n" }
		grep { $_->{version} } @{$results->{implementations}};
	my $failures = join '', map { "- $_\n" } @{$results->{failures}};
	my $charts = join "\n\n", map { "![$_->[1]]($_->[0].svg)" } grep { has_panels($results, $_) } @charts;
	my $scale = $results->{scale} && <<"END";

## Very many peers: wg-datapath alone

`tests/bench/datapath-scale`:

$results->{scale}
END
	return <<"END" =~ s/\n{3,}/\n\n/gr;
# The speed of wg-datapath, beside others

Written by `make bench-datapath` on $results->{date}; every sample is in `samples.json`.

@{[ucfirst cores_of($results)]} ($machine->{processor}), $machine->{memory_gib} GiB;
Linux $machine->{kernel}, $machine->{system}, $machine->{iperf3}.
**Both ends of the tunnel, both ends of iperf3 and the kernel share these cores.** So a throughput says
what all of that costs together; between two machines, each of which has one end only, it is another one,
and a network card may be slower than any of this.

$versions
## The figures

The median of the samples, and the least and the most of them in brackets. ↑: more is better, ↓: less
is better. \\*: something else disturbed all of the samples. The ratio is that of wg-datapath, as it is by
default (the first of its columns), to the best of the others.

@{[table_of($results)]}
@{[$failures ? "What could not be measured:\n\n$failures" : '']}
$charts

## How it is measured

- Two network namespaces with a veth between them, a daemon in each, a tunnel with an MTU of 1420 over
  IPv4. Rounds: $method->{rounds}. In each, the implementations take turns, with fresh daemons. A test of
  throughput takes $method->{seconds} s.
- A test waits until the rest of the machine uses less than 10 % of it. If others, or the hypervisor, then
  took more than 4 % while it ran, it is done again, and such a sample counts only if there is no other.
- TCP and UDP are iperf3's. The veth hands on large pieces whole, up to 64 KiB, which suits who sends and
  receives in large pieces. "A link that carries single packets" is one whose sender's kernel cuts them
  into packets, and the receiver's joins them, as with a network card.
- A flood offers more than can be carried: what arrives says, too, how load is shed. The rate at which less
  than 1 % is lost is searched for in steps of 2 s, to 8 %; a rate fails when it fails twice.
- Pings leave every 2 ms.
- Processor time is what the kernel counts for the daemons, and for the machine what it was not idle.
- Starts are timed until the socket answers a `get`; $method->{starts} in each round. To start a program
  that does nothing, and see it end, takes @{[short($method->{nothing_ms})]} ms here.
- Handshakes: $method->{handshakes} initiators, each with a key and a socket of its own; at most 32 are unanswered.
  The initiations are made before, and the responses checked after. Who is asked has been idle for half a second or more since it was configured, which
  wg-datapath uses to compute what it needs of up to 8192 peers' static keys in advance. Who asks for
  cookies (`cookies` in the samples) has more packets to answer for each handshake.
- Peers are set and listed by our `wg`; they have no endpoint.
$scale
## Doing it again

    sudo make bench-datapath

measures what is in `PATH` of wireguard-go, boringtun-cli and gotatun; others are named, say
`BENCH_DATAPATH="--peer 'wireguard-go 2026=/some/where/wireguard-go -f'"`. `BENCH_DATAPATH=--help` lists
all options. A short one, which leaves this page alone:

    sudo make bench-datapath BENCH_DATAPATH='--rounds 1 --seconds 2 --only tcp1,udp64'
END
}

# ---- SVG -------------------------------------------------------------------------------------

my %colour = (ours => '#0f766e', peer => '#94a3b8', text => '#1e293b', faint => '#64748b', grid => '#e2e8f0');
my ($width, $left, $bar_width, $row_height) = (800, 200, 430, 26);

sub xml {
	return $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr;
}

sub svg_text {
	my ($x, $y, $text, %style) = @_;
	return sprintf '<text x="%.1f" y="%.1f" fill="%s" font-size="%d" text-anchor="%s"%s>%s</text>' . "\n",
		$x, $y, $style{fill} // $colour{text}, $style{size} // 13, $style{anchor} // 'start',
		$style{bold} ? ' font-weight="bold"' : '', xml($text);
}

sub svg_line {
	my ($x1, $y1, $x2, $y2, $stroke) = @_;
	return sprintf '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' . "\n", @_;
}

# The distance of an axis's marks: 1, 2 or 5 times a power of ten; four to nine of them.
sub step_of {
	my ($most) = @_;
	my $step = 10 ** POSIX::floor(log($most / 4) / log(10));
	return $most / (5 * $step) >= 4 ? 5 * $step : $most / (2 * $step) >= 4 ? 2 * $step : $step;
}

# The bars of a panel: [implementation, figure], without the bare link.
sub bars_of {
	my ($results, $panel) = @_;
	return grep { $_->[1] } map { [$_, figure_of($results, $_->{name}, @$panel[0, 1])] }
		grep { !$_->{bare} } @{$results->{implementations}};
}

sub has_panels {
	my ($results, $chart) = @_;
	return scalar grep { bars_of($results, $_) } @$chart[2 .. $#$chart];
}

# One bar: from zero to the median, a line from the least to the most, and the figures.
sub svg_bar {
	my ($y, $scale, $implementation, $figure) = @_;
	my $middle = $y + $row_height / 2;
	my ($from, $to) = map { $left + $figure->{$_} * $scale } qw(min max);
	my $range = range_of($figure);
	my ($ours, $name) = @$implementation{qw(ours name)};
	my $svg = svg_text($left - 8, $middle + 4.5, $name, anchor => 'end', bold => $ours)
		. sprintf '<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>' . "\n", $left, $y + 4,
			$figure->{median} * $scale, $row_height - 8, $colour{$ours ? 'ours' : 'peer'};
	if ($range) {
		$svg .= svg_line($from, $middle, $to, $middle, $colour{text});
		$svg .= svg_line($_, $middle - 4, $_, $middle + 4, $colour{text}) for $from, $to;
	}
	return $svg . svg_text($to + 8, $middle + 4.5, short($figure->{median}) . $figure->{mark}
		. ($range && " ($range)"));
}

# A panel at a height; returns it and where it ends.
sub svg_panel {
	my ($results, $panel, $y) = @_;
	my ($test, $what, $title) = @$panel;
	my @bars = bars_of($results, $panel) or return ('', $y);
	my ($bare) = map { figure_of($results, $_->{name}, $test, $what) }
		grep { $_->{bare} } @{$results->{implementations}};
	my ($most) = sort { $b <=> $a } map { $_->[1]{max} } @bars;
	$most = 1 if $most <= 0;
	my ($scale, $step) = ($bar_width / $most, step_of($most));
	my $better = ($more_is_better{"$test $what"} ? 'higher' : 'lower') . ' is better'
		. ($bare ? '; without a tunnel: ' . short($bare->{median}) : '');
	my $svg = svg_text(16, $y + 14, label_of($results, $title), bold => 1, size => 14)
		. svg_text($width - 16, $y + 14, $better, anchor => 'end', fill => $colour{faint}, size => 12);
	my ($top, $bottom) = ($y + 24, $y + 24 + @bars * $row_height);
	for (my $mark = 0; $mark <= $most * 1.0001; $mark += $step) {
		my $x = $left + $mark * $scale;
		$svg .= svg_line($x, $top, $x, $bottom, $mark ? $colour{grid} : $colour{faint});
		$svg .= svg_text($x, $bottom + 14, sprintf('%g', $mark), anchor => 'middle', fill => $colour{faint},
			size => 11);
	}
	for my $bar (@bars) {
		$svg .= svg_bar($top, $scale, @$bar);
		$top += $row_height;
	}
	return ($svg, $bottom + 38);
}

sub chart_of {
	my ($results, $chart) = @_;
	my (undef, $title, @panels) = @$chart;
	my $svg = svg_text(16, 30, $title, bold => 1, size => 18)
		. svg_text(16, 50, 'Both ends of the tunnel, the programs that measure and the kernel share '
			. cores_of($results) . '.', size => 12)
		. svg_text(16, 67, "$results->{machine}{processor}, Linux $results->{machine}{kernel}; $results->{date}. "
			. 'Bars: median; lines: least to most.', fill => $colour{faint}, size => 11)
		. svg_text(16, 82, '*: disturbed by something else. Versions, method and all figures: '
			. 'docs/bench/README.md', fill => $colour{faint}, size => 11);
	my $y = 106;
	for my $panel (@panels) {
		(my $more, $y) = svg_panel($results, $panel, $y);
		$svg .= $more;
	}
	return sprintf(<<'END', $width, $y - 10) . "$svg</svg>\n";
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %1$d %2$d" font-family="sans-serif">
<rect width="%1$d" height="%2$d" fill="#ffffff"/>
END
}

# ---- files -----------------------------------------------------------------------------------

sub write_report {
	my ($dir, $results) = @_;
	File::Path::make_path($dir);
	spit("$dir/samples.json", JSON::PP->new->canonical->pretty->indent_length(1)->encode($results));
	spit("$dir/README.md", page_of($results));
	for my $chart (@charts) {
		spit("$dir/$chart->[0].svg", chart_of($results, $chart)) if has_panels($results, $chart);
	}
}

1;
