#!/usr/bin/env bats
# A million peers: they are set, got and taken away in a time that grows with their number alone,
# and cost what an idle peer may cost. tests/bench/datapath-scale says what it found in a table.

bats_require_minimum_version 1.5.0

load ../netns/lib

setup() {
	need_root
}

@test "a million peers" {
	run --separate-stderr "$BATS_TEST_DIRNAME/../bench/datapath-scale" 100000 1000000
	echo "$output" "$stderr" >&2
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 4 ]
	# Columns: the peers; seconds to set, get, rekey and remove; bytes, and bytes at most; KiB.
	perl -e '
		my @few = split /[^0-9.]+/, $ARGV[0];
		my @many = split /[^0-9.]+/, $ARGV[1];
		my %at = (set => 2, get => 4, rekey => 6, remove => 8);
		for (keys %at) {
			my ($few, $many) = ($few[$at{$_}], $many[$at{$_}]);
			print "$_: $few s, $many s\n";
			die "not in proportion" if $many > 30 * $few + 0.5;
		}
		die "too much memory" if $many[10] > 1024 || $many[11] > 1280 || $many[12] > 65536;
		' "${lines[2]}" "${lines[3]}" >&2
}
