# Two hosts on this machine, daemons on them, and what a test costs. Returns true.
#
#   host a                                       host b, the network namespace b
#   bencha 10.77.0.1/24                          benchb 10.77.0.2/24
#    :  UDP port 51820                            :  UDP port 51821
#   eth0 192.168.241.1/30  ------- veth -------  eth0 192.168.241.2/30
#
# Both are in a mount and process namespace of their own, host a in its network namespace, so that
# the kernel takes all of it away when the script ends, however that is.
use strict;
use warnings;
use File::Basename ();
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep time);

my @outer = ('192.168.241.1', '192.168.241.2');
my @inner = ('10.77.0.1', '10.77.0.2');
my @port = (51820, 51821);
my @name = ('bencha', 'benchb');
my $sockets = '/var/run/wireguard';
my $everyone = '/run/proc'; # the process table of the whole machine
my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());
my %lab; # wg: our wg; dir: scratch files; ours: the process namespace

sub bench_log {
	print STDERR POSIX::strftime('%H:%M:%S ', localtime), @_, "\n";
}

# Starts this script again, in the namespaces, with --inside and these arguments. Does not return.
sub enter_lab {
	exec qw(unshare --mount --net --pid --fork --kill-child --propagation private),
		$^X, $0, '--inside', @_ or die "unshare: $!\n";
}

sub make_lab {
	($lab{wg}) = @_;
	run('mount', '-t', 'tmpfs', 'tmpfs', '/run');
	run('mount', '-t', 'tmpfs', 'tmpfs', '/var/run') if !-l '/var/run';
	mkdir $everyone and run('mount', '--bind', '/proc', $everyone);
	run('mount', '-t', 'proc', 'proc', '/proc');
	$lab{ours} = readlink '/proc/self/ns/pid';
	$lab{dir} = '/run/bench';
	mkdir $lab{dir}, 0700 or die "$lab{dir}: $!\n";
	run('sh', '-ec', <<"END");
ip netns add b
ip link add eth0 type veth peer name eth0 netns b
ip link set lo up
ip -n b link set lo up
ip addr add $outer[0]/30 dev eth0
ip -n b addr add $outer[1]/30 dev eth0
ip link set eth0 up
ip -n b link set eth0 up
END
}

# Whether large pieces cross the veth whole, as they do by default; else the sender's kernel cuts
# them into packets and the receiver's joins them, as with a network card.
sub pass_whole {
	my $on = $_[0] ? 'on' : 'off';
	for my $host (0, 1) {
		run(on($host, qw(ethtool -K eth0 tso), $on, 'gso', $on, 'tx-udp-segmentation', $on, qw(gro on)));
	}
}

# ---- programs --------------------------------------------------------------------------------

# A command, on host 0 or 1.
sub on {
	my ($host, @command) = @_;
	return $host ? ('nsenter', '--net=/run/netns/b', @command) : @command;
}

# Starts a program. Its output goes to a file, "$name.log".
sub start {
	my ($log, @command) = @_;
	my $pid = fork // die "fork: $!\n";
	return $pid if $pid;
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', "$lab{dir}/$log.log";
	open STDERR, '>&', \*STDOUT;
	exec @command or POSIX::_exit(127);
}

sub is_running { waitpid($_[0], POSIX::WNOHANG()) == 0 }

# Asks a program to end; kills it if it has not within three seconds.
sub stop {
	my ($pid) = @_;
	my $end = time + 3;
	kill 'TERM', $pid;
	while (is_running($pid)) {
		kill 'KILL', $pid if time > $end;
		sleep 0.005;
	}
}

# What a command prints; what it complains about is in the file "failed.log". Dies if it fails.
sub output_of {
	my ($seconds, @command) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!\n";
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDERR, '>', "$lab{dir}/failed.log";
		exec 'timeout', '-k', 5, $seconds, @command or POSIX::_exit(127);
	}
	my $text = do { local $/; <$out> } // '';
	close $out;
	return $text if !$? || $text =~ /^\{.*"error"/s; # iperf3 says it in JSON
	my $why = $? >> 8 == 124 ? "not done in $seconds s" : last_words('failed') || 'failed';
	die File::Basename::basename($command[0]), ": $why\n";
}

sub last_words {
	open my $file, '<', "$lab{dir}/$_[0].log" or return '';
	my @lines = grep { /\S/ } <$file>;
	my $line = @lines ? $lines[-1] : '';
	chomp $line;
	return $line;
}

sub spit {
	my ($path, $text) = @_;
	open my $file, '>', $path or die "$path: $!\n";
	print $file $text;
	close $file or die "$path: $!\n";
}

sub slurp {
	my ($path) = @_;
	local $/;
	open my $file, '<', $path or return undef;
	return <$file>;
}

# ---- daemons ---------------------------------------------------------------------------------

# Whether the socket answers a get.
sub socket_answers {
	my $socket = IO::Socket::UNIX->new(Peer => "$sockets/$_[0].sock") or return 0;
	local $SIG{PIPE} = 'IGNORE';
	print $socket "get=1\n\n" and $socket->flush or return 0;
	while (my $line = <$socket>) {
		return 1 if $line =~ /^errno=/;
	}
	return 0;
}

# Starts a daemon on a host and waits until it can be configured. Returns { pid, host, start_ms }.
sub start_daemon {
	my ($implementation, $host) = @_;
	my $name = $name[$host];
	my %environment = %{$implementation->{environment} // {}};
	local @ENV{keys %environment} = values %environment;
	my $start = time;
	my $pid = start($name, on($host, @{$implementation->{command}}, $name));
	while (!socket_answers($name)) {
		die "$implementation->{name} did not come up: ", last_words($name), "\n"
			if !is_running($pid) || time > $start + 10;
		sleep 0.0001;
	}
	return { pid => $pid, host => $host, start_ms => 1000 * (time - $start) };
}

sub stop_daemon {
	my ($daemon) = @_;
	my $end = time + 5;
	stop($daemon->{pid});
	# The interface goes with its last descriptor.
	my @look = on($daemon->{host}, 'sh', '-c', 'ip link show "$0" >/dev/null 2>&1', $name[$daemon->{host}]);
	sleep 0.01 while time < $end && !system @look;
	unlink "$sockets/$name[$daemon->{host}].sock";
}

sub configure {
	my ($daemon, $text, $seconds) = @_;
	my $path = "$lab{dir}/$name[$daemon->{host}].conf";
	spit($path, $text);
	output_of($seconds // 20, $lab{wg}, 'setconf', $name[$daemon->{host}], $path);
}

sub set_up {
	my ($daemon) = @_;
	my $host = $daemon->{host};
	run(on($host, qw(ip addr add), "$inner[$host]/24", 'dev', $name[$host]));
	run(on($host, qw(ip link set), $name[$host], qw(mtu 1420 up)));
}

# A private key and its public key, the same for the same number.
sub key_pair {
	my $private = base64(key($_[0]));
	spit("$lab{dir}/key", "$private\n");
	chomp(my $public = output_of(5, 'sh', '-c', 'exec "$0" pubkey <"$1"', $lab{wg}, "$lab{dir}/key"));
	return ($private, $public);
}

# A tunnel between the hosts; without a command, the bare veth. Returns { to, daemons }.
sub open_tunnel {
	my ($implementation) = @_;
	my $tunnel = { to => $outer[1], daemons => [] };
	if ($implementation->{command}) {
		my (@private, @public);
		for my $host (0, 1) {
			($private[$host], $public[$host]) = key_pair((1 << 31) + $host);
			push @{$tunnel->{daemons}}, start_daemon($implementation, $host);
		}
		for my $host (0, 1) {
			my $other = 1 - $host;
			configure($tunnel->{daemons}[$host], "[Interface]\nPrivateKey = $private[$host]\n"
				. "ListenPort = $port[$host]\n[Peer]\nPublicKey = $public[$other]\n"
				. "AllowedIPs = $inner[$other]/32\nEndpoint = $outer[$other]:$port[$other]\n");
			set_up($tunnel->{daemons}[$host]);
		}
		$tunnel->{to} = $inner[1];
	}
	output_of(15, qw(ping -n -q -c 1 -w 10), $tunnel->{to});
	return $tunnel;
}

sub close_tunnel {
	stop_daemon($_) for @{$_[0]{daemons}};
}

sub pids_of { map { $_->{pid} } @{$_[0]{daemons}} }

# ---- what it costs ---------------------------------------------------------------------------

# Seconds of processor time that these processes have had.
sub cpu_of {
	my $all = 0;
	for my $pid (@_) {
		my $stat = slurp("/proc/$pid/stat") // next;
		my @field = split ' ', $stat =~ s/.*\)//sr;
		$all += $field[11] + $field[12];
	}
	return $all / $tick;
}

# A field of a process's status, in MiB: VmRSS, VmHWM.
sub memory_of {
	my ($pid, $field) = @_;
	return (slurp("/proc/$pid/status") // '') =~ /^$field:\s+(\d+)/m ? $1 / 1024 : 0;
}

sub cores {
	my @lines = slurp("$everyone/stat") =~ /^cpu\d/mg;
	return scalar @lines;
}

# The machine's processor time: { busy, stolen, all } in seconds, for differences. The kernel knows
# exactly how long it was idle, but guesses at the rest.
sub machine_cpu {
	my @field = map { $_ / $tick } slurp("$everyone/stat") =~ /^cpu +(.*)/ ? split(' ', $1) : ();
	my $all = time * cores();
	return { busy => $all - $field[3] - $field[4] - $field[7], stolen => $field[7], all => $all };
}

# The processes of others: { pid => [start, own ticks, ticks of children that it waited for] }. Threads
# of the kernel work for everyone, and so for us.
sub others {
	my %others;
	for my $pid (map { m{/(\d+)$} } glob "$everyone/[0-9]*") {
		my $stat = slurp("$everyone/$pid/stat") // next;
		my @field = split ' ', $stat =~ s/.*\)//sr;
		next if $field[6] & 0x200000; # PF_KTHREAD
		next if (readlink("$everyone/$pid/ns/pid") // '') eq $lab{ours};
		$others{$pid} = [$field[19], $field[11] + $field[12], $field[13] + $field[14]];
	}
	return \%others;
}

# Seconds that the others used between two calls of others(). Who ends leaves its time to whom waits for
# it, so that the sum stays; if nobody waits it is lost, and those that live on are what is known.
sub used_by_others {
	my ($before, $after) = @_;
	my ($all, $living) = (0, 0);
	$all += $_->[1] + $_->[2] for values %$after;
	$all -= $_->[1] + $_->[2] for values %$before;
	for my $pid (keys %$after) {
		my ($was, $is) = ($before->{$pid} // next, $after->{$pid});
		$living += $is->[1] - $was->[1] if $is->[0] == $was->[0];
	}
	return ($all > $living ? $all : $living) / $tick;
}

# Waits until the machine has little else to do, but not for ever.
sub wait_for_quiet {
	my ($seconds) = @_;
	my $end = time + $seconds;
	while (1) {
		my $before = machine_cpu();
		sleep 0.5;
		my $after = machine_cpu();
		my $used = $after->{busy} - $before->{busy} + $after->{stolen} - $before->{stolen};
		return if $used < 0.1 * ($after->{all} - $before->{all}) || time > $end;
	}
}

# Runs a test when it is quiet, and again, up to twice, when others took more than 4 % of the
# processors meanwhile. Returns the least disturbed result, with `noise`, their share in percent.
sub undisturbed {
	my ($option, $what, $test) = @_;
	my $best;
	for (0 .. $option->{retries}) {
		wait_for_quiet($option->{patience});
		my ($others, $before) = (others(), machine_cpu());
		my $result = $test->();
		my $after = machine_cpu();
		my $lost = used_by_others($others, others()) + $after->{stolen} - $before->{stolen};
		$result->{noise} = 100 * $lost / ($after->{all} - $before->{all});
		$best = $result if !$best || $result->{noise} < $best->{noise};
		return $best if $best->{noise} <= 4;
		bench_log(sprintf '%s: others took %.1f %%', $what, $result->{noise});
	}
	return $best;
}

1;
