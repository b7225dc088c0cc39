#!/usr/bin/perl
# Our wg against the original, case by case: what is printed, said, asked of the daemon, and the
# exit status. Speaks TAP, one line for each case.
#   wg_differential.t [PATTERN]    only the cases whose names match; BUILD says where ours is
#
# The cases are in tests/fixtures/differential/*.cases; its README tells how they are written.
# They run in namespaces of their own (mount, network, processes), and the daemons are this very
# process: it answers on the sockets while it waits for the program that asks. So a case costs
# little more than the start of two programs. What deviates on purpose names the item of
# DIFFERENCES in man/wg.8 that says so, and each item must be named by some case.
use strict;
use warnings;
use Cwd ();
use File::Basename ();
use File::Glob ':bsd_glob';
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();

my $root = Cwd::realpath(File::Basename::dirname(__FILE__) . '/../..');
my $sockets = '/var/run/wireguard';
my %programs = (original => '/usr/bin/wg', ours => Cwd::realpath($ENV{BUILD} || 'build') . '/wg');

# What $NAME stands for in a case. A hexadecimal key is the same as the one of its letter in base64.
my %names = (
	K => 'uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=',
	L => 'WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=',
	M => 'Zi4U/VlFVvUiYEcDNAM1EliJA7Y/NVU3Y/GUJqsqUVw=',
	P => 'GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=',
	Z => 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
	T => '/run/case',
	LONG => 'x' x 4_000_000,
	WORD => 'w' x 1000,
	IPS => join(', ', map { "10.1.$_.0/24" } 0 .. 255),
);
$names{'H' . $_} = unpack 'H*', decode_base64($names{$_}) for qw(K L M P Z);

sub decode_base64 {
	my ($text) = @_;
	$text =~ tr|A-Za-z0-9+/=| -_`|;
	return substr unpack('u', join '', map { chr(32 + 45) . $_ } $text =~ /(.{1,60})/g), 0, 32;
}

my $now; # unix time, for $NOW-60 and the like

# ---- reading the cases -----------------------------------------------------------------------

my %streams = map { $_ => 1 } qw(status out err asked);

# Text with $NAME, ${NAME}, and the escapes of C, of which \z (nothing) ends a name.
sub expand {
	my ($text, @choices) = @_;
	my %escapes = (n => "\n", t => "\t", r => "\r", v => "\x0b", f => "\f", e => "\e",
		0 => "\0", '\\' => '\\', '$' => '$', z => '', s => ' ', '{' => '{', '}' => '}');
	my $choice = sub { $choices[$_[0] - 1] // die "\$$_[0]: not so many choices\n" };
	$text =~ s{\\x(?<hex>[0-9a-f]{2})|\\(?<escape>.)
		|\$NOW(?<sign>[-+])(?:\$(?<chosen>\d)|(?<seconds>\d+))|\$\{?(?<name>\w+)\}?}{
		my %found = %+;
		defined $found{hex} ? chr hex $found{hex}
			: defined $found{escape} ? $escapes{$found{escape}} //
				die "\\$found{escape}: no such escape\n"
			: $found{sign} ? $now + "$found{sign}1" *
				($found{seconds} // $choice->($found{chosen}))
			: $found{name} =~ /^\d$/ ? $choice->($found{name})
			: $names{$found{name}} // die "\$$found{name}: no such name\n"
	}gex;
	return $text;
}

# "a{1|2}b" -> ["a1b", "1"], ["a2b", "2"]: every way to choose, with what was chosen.
sub choose {
	my ($line) = @_;
	my ($before, $inside, $after) = $line =~ /^((?:[^{\\]|\\.)*)\{((?:[^}\\]|\\.)*)\}(.*)$/s
		or return [$line];
	my @ways;
	for my $choice (split /\|/, $inside, -1) {
		push @ways, map { [$before . $choice . $_->[0], $choice, @$_[1 .. $#$_]] } choose($after);
	}
	return @ways;
}

# Words between blanks; within '...' a blank is a blank.
sub words {
	my ($line, @choices) = @_;
	my @words;
	while ($line =~ /\G\s*((?:'[^']*'|[^\s'])+)/g) {
		(my $word = $1) =~ tr/'//d;
		push @words, expand($word, @choices);
	}
	return @words;
}

# The cases of a file: { name, line, choices, settings... }.
sub read_cases {
	my ($path) = @_;
	my ($section, @settings, @cases, @last) = ('');
	my $name = File::Basename::basename($path, '.cases');
	open my $file, '<:raw', $path or die "$path: $!\n";
	while (my $line = <$file>) {
		chomp $line;
		next if $line =~ /^#|^\s*$/;
		if ($line =~ /^== (.*)/) {
			($section, @settings) = ($1);
		} elsif ($line =~ /^@(\S+) ?(.*)/) {
			push @settings, [$1, $2];
		} elsif ($line =~ /^\t([-\w~]+): ?(.*)/) {
			my ($key, $value) = ($1, $2);
			@last or die "$path:$.: no case above\n";
			push @{$_->{settings}}, [$key, $value] for @last;
		} elsif ($line =~ /^\S/) {
			$line = '' if $line eq '(none)';
			@last = map {
				my ($words, @choices) = @$_;
				my $note = $words =~ s|\s*// (.*)$|| ? " ($1)" : '';
				+{ name => "$name:$. $section: wg $words$note", line => $words,
					choices => [map { expand(s/'//gr) } @choices], settings => [@settings] }
			} choose($line);
			push @cases, @last;
		} else {
			die "$path:$.: not understood\n";
		}
	}
	return @cases;
}

# ---- the daemons -----------------------------------------------------------------------------

my (%listeners, %get, %set, %manner);

sub listen_as {
	my ($name) = @_;
	$listeners{$name} ||= IO::Socket::UNIX->new(Local => "$sockets/$name.sock", Listen => 16)
		or die "$name: $!\n";
}

sub answer {
	my ($client, $name, $request) = @_;
	syswrite $client, ($request =~ /^get=1\n/ ? $get{$name} : $set{$name}) // '';
}

# ---- running a program -----------------------------------------------------------------------

# A terminal of our own: both its ends.
sub open_terminal {
	sysopen my $master, '/dev/ptmx', POSIX::O_RDWR | POSIX::O_NOCTTY or die "/dev/ptmx: $!\n";
	my ($unlock, $number) = (pack('i', 0), pack('i', 0));
	ioctl $master, 0x40045431, $unlock or die "TIOCSPTLCK: $!\n";
	ioctl $master, 0x80045430, $number or die "TIOCGPTN: $!\n";
	my $path = '/dev/pts/' . unpack 'i', $number;
	sysopen my $slave, $path, POSIX::O_RDWR | POSIX::O_NOCTTY or die "$path: $!\n";
	return ($master, $slave);
}

# Where stdout goes: the handle for the program, and the one to read from, if any.
sub open_stdout {
	my ($kind) = @_;
	my ($in, $out);
	if ($kind eq 'tty') {
		($in, $out) = open_terminal();
	} elsif ($kind eq 'full') {
		open $out, '>', '/dev/full' or die "$!\n";
	} elsif ($kind =~ /^file ([0-7]+)$/) {
		open $out, '>', "$names{T}/stdout" or die "$!\n";
		chmod oct $1, "$names{T}/stdout";
	} else {
		pipe $in, $out or die "$!\n";
		# Nobody will ever read it.
		undef $in if $kind =~ /^unread/;
	}
	return ($in, $out);
}

sub become {
	my ($program, $case, $stdout, $stderr) = @_;
	my %environment = map { /^WG_/ ? () : ($_ => $ENV{$_}) } keys %ENV;
	$SIG{PIPE} = $case->{stdout} eq 'unread-ignored' ? 'IGNORE' : 'DEFAULT';
	open STDIN, '<', $case->{'stdin-from'} // "$names{T}/stdin" or die "$!\n";
	POSIX::dup2(fileno $stdout, 1);
	POSIX::dup2(fileno $stderr, 2);
	POSIX::close(1) if $case->{stdout} eq 'none';
	umask oct($case->{umask} // '077');
	%ENV = (%environment, LC_ALL => 'C', %{$case->{env}});
	alarm 30; # nothing takes that long: whoever does hangs
	exec {$programs{$program}} $case->{argv0} // 'wg', @{$case->{words}};
	die "$programs{$program}: $!\n";
}

# What the program does: { status, out, err, asked }.
sub run {
	my ($program, $case) = @_;
	my %result = (out => '', err => '', asked => '');
	my ($from_stdout, $stdout) = open_stdout($case->{stdout});
	pipe my $from_stderr, my $stderr or die "$!\n";
	defined(my $child = fork) or die "fork: $!\n";
	if (!$child) {
		eval { become($program, $case, $stdout, $stderr) };
		print STDERR $@;
		POSIX::_exit(127);
	}
	close $_ for $stdout, $stderr;
	my %stream_of = ($from_stderr => 'err', $from_stdout ? ($from_stdout => 'out') : ());
	my %name_of = map { $listeners{$_} => $_ } keys %listeners;
	my (%request, %client_of);
	my $waiting = IO::Select->new($from_stderr, $from_stdout // (), values %listeners);
	while (%stream_of) {
		for my $handle ($waiting->can_read) {
			if (my $name = $name_of{$handle}) {
				my $client = $handle->accept or next;
				$request{$client} = '';
				$client_of{$client} = $name;
				$waiting->add($client);
				next;
			}
			if (($manner{$client_of{$handle} // ''} // '') eq 'hangs-up') {
				# With what was sent still unread.
				$waiting->remove($handle);
				close $handle;
				next;
			}
			my $got = sysread $handle, my $bytes, 65536;
			if (my $stream = $stream_of{$handle}) {
				$result{$stream} .= $bytes if $got;
				next if $got;
				delete $stream_of{$handle};
			} else {
				$request{$handle} .= $bytes if $got;
				my $name = $client_of{$handle};
				next if $got && $request{$handle} !~ /\n\n\z/;
				$result{asked} .= $request{$handle};
				answer($handle, $name, $request{$handle}) if $got;
			}
			$waiting->remove($handle);
			close $handle;
		}
	}
	waitpid $child, 0;
	$result{status} = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	$result{out} = slurp("$names{T}/stdout") if $case->{stdout} =~ /^file/;
	$result{out} =~ s/$case->{mask}/****/g if defined $case->{mask};
	return \%result;
}

sub slurp {
	my ($path) = @_;
	open my $file, '<:raw', $path or die "$path: $!\n";
	local $/;
	return scalar <$file> // '';
}

sub spit {
	my ($path, $text) = @_;
	open my $file, '>:raw', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
}

# ---- one case --------------------------------------------------------------------------------

# What a setting does, before the programs run; by its name in the case file.
my %prepare = (
	# The daemon NAME describes itself by TEXT.
	get => sub { my ($case, $name, $text) = @_; listen_as($name); $get{$name} = "${text}errno=0\n\n" },
	# The same without the end that belongs to it.
	'get-raw' => sub { my ($case, $name, $text) = @_; listen_as($name); $get{$name} = $text },
	'set-raw' => sub { my ($case, $name, $text) = @_; listen_as($name); $set{$name} = $text },
	'hangs-up' => sub { my ($case, $name) = @_; listen_as($name); $manner{$name} = 'hangs-up' },
	# A socket that nobody listens on any more.
	stale => sub {
		my ($case, $name) = @_;
		IO::Socket::UNIX->new(Local => "$sockets/$name.sock", Listen => 1) or die "$name: $!\n";
	},
	file => sub { my ($case, $name, $text) = @_; spit("$names{T}/$name", $text) },
	directory => sub { my ($case, $name) = @_; mkdir $name or die "$name: $!\n" },
	env => sub { my ($case, $name, $text) = @_; $case->{env}{$name} = $text },
);
# Settings that are one value.
my %value_of = map { $_ => 1 } qw(stdin stdin-from stdout mask argv0 umask place differs newer);

sub set_up {
	my ($case) = @_;
	delete @$case{keys %value_of};
	%$case = (%$case, env => { WG_ENDPOINT_RESOLUTION_RETRIES => 0 }, expected => {},
		stdout => 'pipe', words => [words($case->{line}, @{$case->{choices}})]);
	(%get, %set, %manner) = ();
	close $_ for values %listeners;
	%listeners = ();
	-d $_ ? rmdir $_ : unlink $_ for glob("$names{T}/*"), glob("$sockets/*");
	for (@{$case->{settings}}) {
		my ($key, $text) = @$_;
		if (my $action = $prepare{$key}) {
			$text =~ s/^(\S+) ?//;
			$action->($case, expand($1), expand($text, @{$case->{choices}}));
		} elsif ($value_of{$key}) {
			$case->{$key} = $key eq 'mask' ? $text : expand($text, @{$case->{choices}});
		} elsif ($streams{$key}) {
			$case->{expected}{$key} = expand($text, @{$case->{choices}});
		} elsif ($streams{$key =~ s/~$//r}) {
			$case->{expected}{$key} = $text;
		} else {
			die "$key: no such setting\n";
		}
	}
	$set{$_} //= "errno=0\n\n" for keys %listeners;
	spit("$names{T}/stdin", $case->{stdin} // '');
}

sub show {
	my ($what, $text) = @_;
	$text = substr($text, 0, 2000) . '...' if length $text > 2000;
	$text =~ s/([^\n -~])/sprintf '\x%02x', ord $1/ge;
	return "$what:\n" . $text =~ s/^(?=.)/\t/gmr . ($text =~ /\n\z|^\z/ ? '' : "\\\n");
}

# What is wrong, as text; nothing if all is well.
sub judge {
	my ($case, $original, $ours) = @_;
	my ($wrong, $deviates, $expected) = ('', 0, $case->{expected});
	my $may_deviate = exists $case->{differs} || exists $case->{newer} || exists $case->{place};
	if (defined $case->{place}) {
		# The original's words, and one more line, which tells the place.
		my $more = $ours->{err};
		my $begin = substr $more, 0, length $original->{err}, '';
		$wrong .= show('stderr should begin with', $original->{err}) . show('but is', $ours->{err})
			if $begin ne $original->{err};
		$wrong .= show("should tell the place $case->{place}", $more)
			if $more !~ m{^\Q$names{T}\E/f:$case->{place}: expected [^\n]+\n\z};
	}
	for my $stream (qw(status out err asked)) {
		my $pattern = $expected->{"$stream~"};
		my $text = $expected->{$stream};
		next if $stream eq 'err' && defined $case->{place};
		if (defined $text ? $ours->{$stream} ne $text
			: defined $pattern && $ours->{$stream} !~ /\A(?:$pattern)\z/s) {
			$wrong .= show("$stream should be", $text // $pattern) .
				show("but is", $ours->{$stream});
		}
		next if $original->{$stream} eq $ours->{$stream};
		$deviates = 1;
		$wrong .= show("original's $stream", $original->{$stream}) .
			show("our $stream", $ours->{$stream})
			unless $may_deviate && (defined $text || defined $pattern);
	}
	$wrong .= "the original does the same: no deviation\n"
		if $may_deviate && !$deviates && !defined $case->{place};
	$wrong .= "a deviation says what is expected\n" if $may_deviate && !%$expected &&
		!defined $case->{place};
	return $wrong;
}

sub try_case {
	my ($case) = @_;
	my ($wrong, %result);
	for (1 .. 3) {
		$now = time;
		for my $program (qw(original ours)) {
			set_up($case);
			$result{$program} = run($program, $case);
		}
		$wrong = judge($case, @result{qw(original ours)});
		# A second may have ended between the two programs.
		last if !$wrong || "$result{original}{out}$result{ours}{out}" !~ / ago\b|: Now/;
	}
	return $wrong;
}

# ---- the manual ------------------------------------------------------------------------------

# The items of DIFFERENCES, without markup.
sub differences {
	my ($text) = slurp("$root/man/wg.8") =~ /^\.Sh DIFFERENCES\n(.*?)(?=^\.Sh|\z)/ms
		or die "man/wg.8 has no DIFFERENCES\n";
	my @items = split /^\.It[^\n]*\n/m, $text =~ s/^\.El.*//msr;
	shift @items;
	for (@items) {
		s/^\.Fl -$/--/gm;
		s/^\.[A-Z][a-z]\s+//gm;
		s/\b(?:Op|Ar|Cm|Ns|Oc|Oo|Ql|Pa|Ic|Ev|Xr|Nm|Fl)\s+//g;
		s/\s+/ /g;
		s/ ([.,;:])(?= |$)/$1/g;
	}
	return @items;
}

# ---- all of them -----------------------------------------------------------------------------

my $n = 0;
my $all_well = 1;

sub tap {
	my ($name, $wrong) = @_;
	$all_well = 0 if $wrong;
	print $wrong ? 'not ok ' : 'ok ', ++$n, " - $name\n", $wrong =~ s/^(?=.)/# /gmr;
}

sub main {
	my ($pattern) = @_;
	my @items = differences();
	my %shown;
	system('mount', '-t', 'tmpfs', 'tmpfs', Cwd::realpath('/var/run')) == 0 or exit 1;
	system('ip', 'link', 'set', 'lo', 'up') == 0 or exit 1;
	mkdir $_ or die "$_: $!\n" for $sockets, $names{T};
	$SIG{PIPE} = 'IGNORE';
	$SIG{CHLD} = 'DEFAULT';
	chdir '/';
	for my $case (map { read_cases($_) } sort glob "$root/tests/fixtures/differential/*.cases") {
		next if $case->{name} !~ /$pattern/;
		my $wrong = eval { try_case($case) } // "$@";
		if (defined $case->{differs}) {
			my @which = grep { index($items[$_], $case->{differs}) >= 0 } 0 .. $#items;
			$wrong .= "\"$case->{differs}\" is in " . @which . " items of DIFFERENCES\n"
				if @which != 1;
			$shown{$_} = 1 for @which;
		} elsif (defined $case->{place}) {
			$shown{$_} = 1 for grep { $items[$_] =~ /one more line that tells its place/ } 0 .. $#items;
		}
		(my $name = $case->{name}) =~ s/#/\\#/g;
		tap($name, $wrong);
	}
	if ($pattern eq '') {
		tap("man/wg.8: \"$items[$_]\" has a case", $shown{$_} ? '' : "no case says it differs\n")
			for 0 .. $#items;
	}
	print "1..$n\n";
	exit !$all_well;
}

-x $programs{$_} or die "$programs{$_}: not there, or not to be run\n" for sort keys %programs;
if ($> != 0) {
	print "ok 1 - wg_differential # skip needs root\n1..1\n";
} elsif (($ARGV[0] // '') eq '--in-the-lab') {
	$| = 1;
	main($ARGV[1]);
} else {
	$ENV{BUILD} = Cwd::realpath($ENV{BUILD} || 'build');
	exec qw(unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private),
		$^X, Cwd::realpath(__FILE__), '--in-the-lab', $ARGV[0] // '' or die "unshare: $!\n";
}
