# datagrams.pl send|receive ADDRESS: datagrams of many sizes from one host to another, which print
# each as they send and receive it. Most are sent many at once (UDP_SEGMENT), so that the kernel
# hands them to the TUN in one piece.
use strict;
use warnings;
use IO::Socket::IP;
use Socket qw(IPPROTO_UDP SOCK_DGRAM);

use constant { PORT => 7001, UDP_SEGMENT => 103 };

my ($what, $address) = @ARGV;
# Each size, and how many; those above the MTU come in fragments.
my @runs = ([1, 3], [31, 40], [64, 64], [100, 1], [512, 20], [1200, 30], [1, 1], [1200, 7], [3000, 2]);

if ($what eq 'receive') {
	my $socket = IO::Socket::IP->new(LocalHost => $address, LocalPort => PORT, Type => SOCK_DGRAM)
		or die "bind: $@";
	open my $file, '>', 'listening' or die;
	close $file;
	my $n = 0;
	$n += $_->[1] for @runs;
	alarm 20;
	while ($n--) {
		defined $socket->recv(my $got, 65536) or die "recv: $!";
		print unpack('H*', $got), "\n";
	}
	exit;
}

my $socket = IO::Socket::IP->new(PeerHost => $address, PeerPort => PORT, Type => SOCK_DGRAM)
	or die "connect: $@";
my $number = 0;
for (@runs) {
	my ($size, $n) = @$_;
	my @datagrams = map { substr(pack('N', $number++) x (1 + $size / 4), -$size) } 1 .. $n;
	my $at_once = $size <= 1200;
	setsockopt $socket, IPPROTO_UDP, UDP_SEGMENT, $at_once ? $size : 0 or die "setsockopt: $!";
	print unpack('H*', $_), "\n" for @datagrams;
	defined $socket->send($_) or die "send: $!" for $at_once ? join('', @datagrams) : @datagrams;
	select undef, undef, undef, 0.002;
}
