# What the scripts that measure have in common. Returns true.
use strict;
use warnings;

sub run {
	system(@_) == 0 or die "bench: failed: @_\n";
}

# 32 bytes, different for each number (splitmix64). As a public key any will do.
sub key {
	my ($n) = @_;
	use integer;
	no warnings "portable"; # the numbers have 64 bits
	my @words;
	for my $i (0 .. 3) {
		my $z = ($n * 4 + $i) * -7046029254386353131 + 1234567;
		$z = ($z ^ (($z >> 30) & 0x3ffffffff)) * -4658895280553007687;
		$z = ($z ^ (($z >> 27) & 0x1fffffffff)) * -7723592293110705685;
		push @words, $z ^ (($z >> 31) & 0x1ffffffff);
	}
	return pack 'q4', @words;
}

sub base64 {
	my $text = pack 'u', $_[0]; # uuencode of 32 bytes: a length, 44 characters, a newline
	$text =~ tr{` -_}{AA-Za-z0-9+/};
	return substr($text, 1, 43) . '=';
}

sub v4 { sprintf '10.%d.%d.%d', $_[0] >> 16 & 255, $_[0] >> 8 & 255, $_[0] & 255 }
sub v6 { sprintf 'fd00:7:%x::%x', $_[0] >> 16 & 0xffff, $_[0] & 0xffff }

sub median {
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

1;
