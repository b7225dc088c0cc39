#!/usr/bin/perl
# Our wg-quick against the original, case by case: what is said, what becomes of the host and of the
# files, which hooks run and what resolvconf is told, after each of strip, up, save and down. Speaks
# TAP, one line for each case.
#   wg_quick_differential.t [PATTERN]    only the cases whose names match; BUILD says where ours is
#
# The cases are in tests/fixtures/quick/*.cases; the README there tells how they are written. Each
# program goes through each case on a host of its own (a fresh network namespace, and its own files):
#
#   [ host: near --veth-- far ]   near 192.0.2.1/24, 2001:db8::1/64, mtu 1400
#                                 192.0.2.77 by a route with mtu 1300
#
# Workers, one more than there are processors since the kernel makes them wait at times, take cases
# from one list; this process compares. Both programs start the same daemon.
use strict;
use warnings;
use Cwd ();
use Fcntl qw(:flock);
use File::Basename ();
use File::Temp ();
use POSIX ();
use Storable ();

my $root = Cwd::realpath(File::Basename::dirname(__FILE__) . '/../..');
my $build = Cwd::realpath($ENV{BUILD} || 'build');
my %programs = (original => '/usr/bin/wg-quick', ours => "$build/wg-quick");
my $case_dir = '/run/case'; # where programs start
my $link = 'wq0';

# What <NAME> stands for in a case.
my %names = (
	KEY => 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=',
	OWN => 'HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=',
	A => 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=',
	B => 'L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=',
	C => 'uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=',
	DAEMON => "$build/wg-datapath",
);
$names{INTERFACE} = "[Interface]\nPrivateKey = $names{KEY}";
$names{"PEER_$_"} = "[Peer]\nPublicKey = $names{$_}" for qw(A B C);

# ---- reading the cases -----------------------------------------------------------------------

my %escapes = (n => "\n", t => "\t", r => "\r", 0 => "\0", '\\' => '\\', s => ' ');

sub expand {
	my ($text, @choices) = @_;
	$text =~ s{<([A-Z_]+|[1-9])>}{
		my $name = $1;
		($name =~ /\d/ ? $choices[$name - 1] : $names{$name}) // die "<$name>: no such name or choice\n"
	}ge;
	return $text;
}

sub unescape {
	my ($text) = @_;
	$text =~ s{\\x([0-9a-f]{2})|\\(.)}{
		defined $1 ? chr hex $1 : $escapes{$2} // die "\\$2: no such escape\n"
	}ge;
	return $text;
}

# "a{1|2}b" -> ["a1b", "1"], ["a2b", "2"]: every way to choose, with what was chosen.
sub choose {
	my ($line) = @_;
	my ($before, $inside, $after) = $line =~ /^([^{]*)\{([^}]*)\}(.*)$/s or return [$line];
	my @ways;
	for my $choice (split /\|/, $inside, -1) {
		push @ways, map { [$before . $choice . $_->[0], $choice, @$_[1 .. $#$_]] } choose($after);
	}
	return @ways;
}

# Settings that may be given several times; others are one value.
my %is_list = map { $_ => 1 } qw(before file diff told without env apart);
my %is_value = map { $_ => 1 } qw(do bytes daemon mode early differs newer local);

# The cases of a file: { name, conf, settings... }.
sub read_cases {
	my ($path) = @_;
	my ($section, @common, @cases, @now) = ('');
	my $target = 'conf'; # which configuration the lines are of
	open my $file, '<:raw', $path or die "$path: $!\n";
	my $add = sub {
		my ($case, $key, $text) = @_;
		$text = expand($text, @{$case->{choices}});
		if ($is_list{$key}) {
			push @{$case->{$key}}, $text;
		} elsif ($is_value{$key}) {
			$case->{$key} = $text;
		} else {
			die "$path:$.: $key: no such setting\n";
		}
	};
	while (my $line = <$file>) {
		chomp $line;
		next if $line =~ /^#|^$/;
		if ($line =~ /^== (.*)/) {
			($section, @common) = ($1);
		} elsif ($line =~ /^@(\S+): ?(.*)/) {
			push @common, [$1, $2];
		} elsif ($line =~ /^\t(.*)/) {
			$_->{$target} .= expand($1, @{$_->{choices}}) . "\n" for @now;
		} elsif ($line eq '  theirs:') {
			$target = 'theirs';
		} elsif ($line =~ /^  (\w+): ?(.*)/) {
			$add->($_, $1, $2) for @now;
		} elsif ($line =~ /^\S/) {
			$target = 'conf';
			@now = map {
				my ($name, @choices) = @$_;
				+{ name => File::Basename::basename($path, '.cases') . ":$. $section: $name",
					choices => \@choices, conf => '' }
			} choose($line);
			for my $case (@now) {
				$add->($case, @$_) for @common;
			}
			push @cases, @now;
		} else {
			die "$path:$.: not understood\n";
		}
	}
	return @cases;
}

# ---- a host ----------------------------------------------------------------------------------

sub slurp {
	my ($path) = @_;
	open my $file, '<:raw', $path or return '';
	local $/;
	return scalar <$file> // '';
}

sub spit {
	my ($path, $text, $mode) = @_;
	open my $file, '>:raw', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
	chmod $mode // 0600, $path;
}

sub run {
	system(@_) == 0 or die "failed: @_\n";
}

# Once for each worker: files of its own, with a resolvconf that writes down what it is told.
sub make_files {
	run('mount', '-t', 'tmpfs', 'tmpfs', '/run');
	run('mount', '-t', 'tmpfs', 'tmpfs', '/var/run') if !-l '/var/run';
	run('cp', '-a', '/etc', '/run/etc');
	run('mount', '-t', 'tmpfs', 'tmpfs', '/etc');
	run('sh', '-c', 'cp -a /run/etc/. /etc; rm -rf /run/etc /etc/wireguard /etc/resolvconf;
		mkdir -p /etc/iproute2; echo "4242 ours" >>/etc/iproute2/rt_tables;
		rm -f /etc/resolv.conf; echo "nameserver 192.0.2.53" >/etc/resolv.conf');
	mkdir $_ for '/run/bin', '/run/resolvconf';
	spit('/run/bin/resolvconf', <<'END', 0755);
#!/bin/sh
{
	echo "resolvconf $*"
	case $1 in
	-a) tee "/run/resolvconf/$2" ;;
	-d) rm -f "/run/resolvconf/$2" ;;
	esac
	[ -e "/proc/sys/net/ipv4/conf/${2##*.}" ] || echo "(no link)"
} >>/run/heard
[ "$1" != -l ] || cat "/run/resolvconf/$2"
[ "$1" != "$(cat /run/resolvconf.fails 2>/dev/null)" ] || exit 3
END
}

# Once for each case. CLONE_NEWNET; the number is that of x86_64, or of everything newer.
sub make_network {
	my ($machine) = (POSIX::uname())[4];
	syscall($machine eq 'x86_64' ? 272 : 97, 0x40000000) == 0 or die "unshare: $!\n";
	# Link-local addresses would be there by chance, and random.
	spit('/proc/sys/net/ipv6/conf/default/addr_gen_mode', "1\n");
	open my $ip, '|-', 'ip', '-batch', '-' or die "ip: $!\n";
	print $ip <<'END';
link set lo up
link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02
link set far up
link set near mtu 1400 up
addr add 192.0.2.1/24 dev near
addr add 2001:db8::1/64 dev near nodad
route add 192.0.2.77 dev near mtu 1300
END
	close $ip or die "cannot make the network\n";
}

# PATH without some programs, which are in /usr/sbin or our own.
sub search_path {
	my %without = map { $_ => 1 } @_;
	return '/run/bin:/usr/bin:/usr/sbin' if !%without;
	run('rm', '-rf', '/run/some');
	mkdir '/run/some';
	for my $path (glob('/usr/sbin/*'), '/run/bin/resolvconf') {
		my $name = File::Basename::basename($path);
		symlink $path, "/run/some/$name" if !$without{$name};
	}
	return '/usr/bin:/run/some';
}

# Processes other than the test's own.
sub strangers {
	my @found;
	for my $path (glob '/proc/[0-9]*') {
		my $pid = File::Basename::basename($path);
		next if $pid == 1 || $pid == $$;
		(my $command = slurp("$path/cmdline")) =~ tr/\0/ /;
		push @found, [$pid, $command] if $command ne '' && $command !~ /^\S*\b(?:perl|bash|sleep) /;
	}
	return @found;
}

sub is_up {
	return -e "/proc/sys/net/ipv4/conf/$link";
}

# The original does not wait for the daemon's end.
sub settle {
	for (1 .. 2000) {
		return if is_up() || !strangers();
		select undef, undef, undef, 0.002;
	}
}

sub ask {
	my ($input, @command) = @_;
	spit('/run/asked', $input);
	my $command = join ' ', @command;
	my $text = qx{$command </run/asked 2>&1};
	return $text;
}

sub chance_port {
	my ($text, $case) = @_;
	$text =~ s/^ListenPort = \d+/ListenPort = (chance)/mg if $case->{conf} !~ /ListenPort/i;
	return $text;
}

# Whether the firewall may change in more steps than up.
sub is_about_firewall {
	my ($case) = @_;
	return join("\n", $case->{conf}, @{$case->{before} // []}, @{$case->{file} // []}) =~ m{/0\b|nft|iptables};
}

# All that a program may have changed on the host, by topic.
sub snapshot {
	my ($case, $files, $action) = @_;
	my %topic;
	my $net = ask("link show\naddr show\nroute show table all\nrule show\n", 'ip -4 -d -o -batch -') .
		ask("addr show\nroute show table all\nrule show\n", 'ip -6 -d -o -batch -');
	# What the kernel adds by itself is told by the addresses.
	$net =~ s/^(?:broadcast|local|anycast|multicast) .*\n//mg;
	$net =~ s/^\d+: //mg;
	$net =~ s/ tentative / /g;
	$topic{net} = $net;
	$topic{firewall} = $action =~ /^up/ || is_about_firewall($case) ? ask('', '/usr/sbin/nft list ruleset') : '';
	if ($topic{firewall} =~ /^table ip6? (?:raw|mangle|nat|filter) /m) {
		$topic{firewall} = join '', grep { /^table .* wg-quick-/ } split /(?<=\n\}\n)/, $topic{firewall};
		$topic{firewall} .= ask('', "/usr/sbin/$_") =~ s/^[#:].*\n//mgr for qw(iptables-save ip6tables-save);
		# One without rules is not there as far as iptables-save of the other tool can tell.
		$topic{firewall} =~ s/^\*\w+\nCOMMIT\n//mg;
	}
	$topic{host} = "src_valid_mark " . slurp('/proc/sys/net/ipv4/conf/all/src_valid_mark') .
		"forwarding " . slurp('/proc/sys/net/ipv4/ip_forward') . slurp('/etc/resolv.conf');
	# Ours keeps a journal as long as the interface is there.
	$topic{host} .= "$_\n" for grep({ !/\.journal$/ || !is_up() } glob '/run/wireguard/*'),
		sort map { $_->[1] } strangers();
	$topic{device} = '';
	if (is_up()) {
		$topic{device} = chance_port(ask('', "/usr/bin/wg showconf $link"), $case);
	}
	$topic{dns} = slurp('/run/heard');
	unlink '/run/heard';
	$topic{files} = '';
	for my $path (sort +(glob('/etc/wireguard/* /etc/wireguard/.??*'), glob("$case_dir/*"))) {
		$topic{files} .= sprintf "%o %s%s\n", (lstat $path)[2], $path, -l $path ? ' -> ' . readlink $path : '';
		my $text = chance_port(slurp($path), $case);
		$topic{files} .= $text =~ s/^/\t/mgr if ($files->{$path} //= $text) ne $text;
	}
	return \%topic;
}

# ---- one case, by one program ----------------------------------------------------------------

sub lay_out_files {
	my ($case, $program) = @_;
	my $conf = $case->{$program eq 'original' && defined $case->{theirs} ? 'theirs' : 'conf'};
	$conf = unescape($case->{bytes}) if defined $case->{bytes};
	spit("/etc/wireguard/$link.conf", $conf, oct($case->{mode} // '600'));
	for (@{$case->{file}}) {
		my ($path, $text) = /^(\S+) ?(.*)/s;
		$path = "$case_dir/$path" if $path !~ m{^/};
		spit($path, unescape($text));
	}
}

# What the program does: { status, out, err }.
sub act {
	my ($case, $program, $action) = @_;
	my $is_shell = $action =~ s/^! *//;
	$action .= " $link" if $action =~ /^(?:up|down|save|strip)$/;
	$action =~ s/^-- (?:\(none\))?//;
	my @words = $action =~ /\G\s*('[^']*'|[^\s']+)/g;
	tr/'//d for @words;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/run/out';
		open STDERR, '>', '/run/err';
		alarm 30; # nothing takes that long: whoever does hangs
		my @command = $is_shell ? ('bash', '-c', $action) : ($programs{$program}, @words);
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return { status => $? & 127 ? "signal $?" : $? >> 8, out => slurp('/run/out'), err => slurp('/run/err') };
}

sub try_case {
	my ($case, $program) = @_;
	my (@stages, %files);
	my @actions = split /\s*\|\s*/, $case->{do} // 'strip | up | save | restore | down';
	my $is_quiet = !grep { !/^(?:strip\b|--)/ } @actions; # it only says something
	make_network() if !$is_quiet;
	run('rm', '-rf', $case_dir, '/etc/wireguard', '/etc/resolvconf', '/run/wireguard', '/run/heard',
		'/run/resolvconf.fails');
	mkdir $_, 0700 for '/etc/wireguard', $case_dir;
	chdir $case_dir;
	unlink glob '/run/resolvconf/*';
	umask 022;
	my $daemon = $case->{daemon} // 'wg-datapath';
	%ENV = (PATH => search_path(map { split } @{$case->{without} // []}), HOME => '/root', BUILD => $build,
		PROGRAM => $program, WG_QUICK_USERSPACE_IMPLEMENTATION => $daemon eq 'wg-datapath' ? "$build/$daemon" : $daemon,
		map { /^(\w+)=(.*)/s } @{$case->{env}});
	spit('/proc/sys/net/ipv6/conf/default/addr_gen_mode', "0\n") if $case->{local};
	lay_out_files($case, $program);
	run('bash', '-e', '-c', $_) for @{$case->{before}};
	snapshot($case, \%files, '') if !$is_quiet;
	for my $action (@actions) {
		if ($action eq 'restore') {
			lay_out_files($case, $program);
			next;
		}
		my $stage = act($case, $program, $action);
		settle();
		$stage->{name} = $action =~ s/ .*//r;
		%$stage = (%$stage, %{snapshot($case, \%files, $action)}) if $action !~ /^strip\b|^--/;
		push @stages, $stage;
	}
	kill 'KILL', map { $_->[0] } strangers();
	return \@stages;
}

# ---- the workers -----------------------------------------------------------------------------

# Takes jobs from the list, a line each, as long as there are any.
sub work {
	my ($dir, @cases) = @_;
	open my $list, '+<', "$dir/next" or die "$dir: $!\n";
	make_files();
	while (1) {
		flock $list, LOCK_EX;
		seek $list, 0, 0;
		my $n = int <$list>;
		seek $list, 0, 0;
		printf $list "%-9d", $n + 1;
		$list->flush;
		flock $list, LOCK_UN;
		last if $n >= 2 * @cases;
		my ($case, $program) = ($cases[$n / 2], $n % 2 ? 'ours' : 'original');
		# The network is that of a process of its own, and goes with it.
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			my $stages = eval { try_case($case, $program) };
			Storable::nstore($stages // \"$@", "$dir/$n");
			POSIX::_exit(0);
		}
		waitpid $pid, 0;
	}
}

# ---- comparing -------------------------------------------------------------------------------

# The lines by which two texts differ: "- only in the first", "+ only in the second".
sub differences {
	my @a = split /\n/, $_[0], -1;
	my @b = split /\n/, $_[1], -1;
	my (@length, @found);
	for my $i (reverse 0 .. $#a) {
		for my $j (reverse 0 .. $#b) {
			my ($down, $right) = ($length[$i + 1][$j] // 0, $length[$i][$j + 1] // 0);
			$length[$i][$j] = $a[$i] eq $b[$j] ? 1 + ($length[$i + 1][$j + 1] // 0)
				: $down > $right ? $down : $right;
		}
	}
	my ($i, $j) = (0, 0);
	while ($i < @a || $j < @b) {
		if ($i < @a && $j < @b && $a[$i] eq $b[$j]) {
			$i++, $j++;
		} elsif ($j >= @b || ($i < @a && ($length[$i + 1][$j] // 0) >= ($length[$i][$j + 1] // 0))) {
			push @found, "- $a[$i++]";
		} else {
			push @found, "+ $b[$j++]";
		}
	}
	return @found;
}

# What both say in the words of today's release: Debian 12 has an older one, whose first two steps
# have other words, that runs PreUp before it makes the link, and that adds a default route before
# its rules.
sub words_of_today {
	my ($err, $case) = @_;
	my $daemon = $case->{daemon} // $names{DAEMON};
	$err =~ s/^\[#\] ip link add (?!dev )/[#] ip link add dev /m;
	$err =~ s/^\[#\] wg setconf /[#] wg addconf /m;
	$err =~ s/^((?:Warning: .*\n)*+)((?:(?!\[#\] ip link add).*\n)+)(\[#\] ip link add .*\n(?:\[!\].*\n)?\[#\] \Q$daemon\E .*\n)/$1$3$2/;
	$err =~ s/^(\[#\] ip -[46] route add \S+\/0 dev \S+ table \d+\n)((?:\[#\] ip -[46] rule add .*\n){2})/$2$1/mg;
	return $err;
}

# Tools' own words are not compared: ours asks the kernel itself.
sub err_of {
	my ($stage, $case, $program) = @_;
	my $err = $stage->{err} =~ s/\0/(nul)/gr;
	$err =~ s{/dev/fd/\d+}{/dev/fd/N}g;
	$err =~ s/^(?:[^\s:]*wg-quick|environment): (?:eval: )?line \d+: /bash: /mg;
	$err =~ s/^(Usage: wg-quick \[ up)[^]\n]*(\].*\n)(?s:.*)/$1$2/m; # its words are our own
	$err =~ s/^\xe2\x94.*\n//mg; # the box that wireguard-go draws
	return $err if $stage->{name} =~ /^!/ || $program eq 'ours';
	$err =~ s/^(?!\[[#!]\] |Warning: `|Usage: |wg-quick: |bash: |hook).*\n//mg;
	return words_of_today($err, $case);
}

# Takes what is declared for a stage off the list of differences; returns what is wrong.
sub check_declared {
	my ($stage, $declared, @found) = @_;
	my $wrong = '';
	for my $text (map { /^\Q$stage\E (.*)/s ? $1 : () } @$declared) {
		my ($sign, $pattern) = $text =~ /^([-+])~ (.*)/s;
		my ($at) = grep {
			defined $sign ? $found[$_] =~ /^\Q$sign\E (?:$pattern)\z/ : $found[$_] eq $text
		} 0 .. $#found;
		if (defined $at) {
			splice @found, $at, 1;
		} else {
			$wrong .= "$stage should differ by: $text\n";
		}
	}
	return $wrong . join '', map { "$stage: $_\n" } @found;
}

# What is wrong, as text; nothing if all is well.
sub judge {
	my ($case, $original, $ours) = @_;
	for ($original, $ours) {
		return "failed: $$_" if ref $_ eq 'SCALAR';
	}
	my $wrong = '';
	my @told = @{$case->{told} // []};
	my %seen;
	for my $n (0 .. $#$ours) {
		my ($theirs, $our) = ($original->[$n], $ours->[$n]);
		my $name = $our->{name} . ($seen{$our->{name}}++ ? $seen{$our->{name}} : '');
		for my $stream (sort keys %$our) {
			next if $stream eq 'name' || grep { $_ eq "$name.$stream" } @{$case->{apart} // []};
			my ($a, $b) = ($theirs->{$stream}, $our->{$stream});
			if ($stream eq 'err') {
				($a, $b) = (err_of($theirs, $case, 'original'), err_of($our, $case, 'ours'));
				if ($name eq 'up' && defined $case->{early}) {
					$wrong .= "up.err should be: $case->{early}\nbut is: $b"
						if $b !~ /\Awg-quick: (?:$case->{early})\n\z/;
					next;
				}
				@told = grep {
					my $text = s/^~ //r;
					$text = quotemeta $text if $text eq $_;
					$b !~ s/^(?:$text)\n//m
				} @told;
			}
			$wrong .= check_declared("$name.$stream", $case->{diff}, $a eq $b ? () : differences($a, $b));
		}
	}
	$wrong .= "should be told: $_\n" for @told;
	my $is_other = $case->{diff} || $case->{apart} || grep({ /\$PROGRAM\b/ } @{$case->{before} // []}) || defined $case->{early} || defined $case->{theirs};
	my $has_reason = defined $case->{differs} || defined $case->{newer};
	$wrong .= "a case that differs says why\n" if $is_other && !$has_reason;
	$wrong .= "a case that says why it differs says how\n" if $has_reason && !$is_other;
	return $wrong;
}

# The items of DIFFERENCES in the manual, without markup.
sub items_of_manual {
	my ($text) = slurp("$root/man/wg-quick.8") =~ /^\.Sh DIFFERENCES\n(.*?)(?=^\.Sh|\z)/ms
		or die "man/wg-quick.8 has no DIFFERENCES\n";
	my @items = split /^\.It[^\n]*\n/m, $text =~ s/^\.El.*//msr;
	shift @items;
	for (@items) {
		s/^\.[A-Z][a-z]\s+//gm;
		s/\b(?:Op|Ar|Cm|Ns|Oc|Oo|Ql|Pa|Ic|Ev|Xr|Nm|Fl|Va)\s+//g;
		s/\s+/ /g;
	}
	return @items;
}

# ---- all of them -----------------------------------------------------------------------------

sub main {
	my ($pattern) = @_;
	my @items = items_of_manual();
	my @cases = grep { $_->{name} =~ /(?:$pattern)/ }
		map { read_cases($_) } sort glob "$root/tests/fixtures/quick/*.cases";
	my $dir = File::Temp->newdir;
	my ($n, $all_well) = (0, 1);
	spit("$dir/next", sprintf "%-9d", 0);
	chomp(my $workers = qx{nproc});
	my @pids;
	for (1 .. ($workers > 4 ? 4 : $workers + 1)) {
		my $pid = fork // die "fork: $!\n";
		if (!$pid) {
			exec qw(unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private),
				$^X, Cwd::realpath(__FILE__), '--work', $dir, $pattern or POSIX::_exit(127);
		}
		push @pids, $pid;
	}
	waitpid $_, 0 for @pids;
	for my $i (0 .. $#cases) {
		my $case = $cases[$i];
		my @stages = map { eval { Storable::retrieve("$dir/$_") } // \"no result\n" } 2 * $i, 2 * $i + 1;
		my $wrong = judge($case, @stages);
		if (defined $case->{differs}) {
			my $which = grep { index($_, $case->{differs}) >= 0 } @items;
			$wrong .= "\"$case->{differs}\" is in $which items of DIFFERENCES\n" if $which != 1;
		}
		(my $name = $case->{name}) =~ s/#/\\#/g;
		$all_well = 0 if $wrong;
		print $wrong ? 'not ok ' : 'ok ', ++$n, " - $name\n", $wrong =~ s/^(?=.)/# /gmr;
	}
	print "1..$n\n";
	exit !$all_well;
}

sub skip {
	print "ok 1 - wg_quick_differential # skip $_[0]\n1..1\n";
	exit;
}

if (($ARGV[0] // '') eq '--work') {
	my (undef, $dir, $pattern) = @ARGV;
	work($dir, grep { $_->{name} =~ /(?:$pattern)/ }
		map { read_cases($_) } sort glob "$root/tests/fixtures/quick/*.cases");
	exit;
}
skip('needs root') if $> != 0;
skip('needs /dev/net/tun') if !-c '/dev/net/tun';
skip('needs the original wg-quick') if !-x $programs{original} || slurp($programs{original}) !~ /\A#!.*bash/;
skip('needs a kernel without WireGuard, so that a daemon is started') if -e '/sys/module/wireguard';
-x $_ or die "$_: not there, or not to be run\n" for $programs{ours}, $names{DAEMON};
main($ARGV[0] // '');
