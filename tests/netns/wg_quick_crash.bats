#!/usr/bin/env bats
# wg-quick killed in the middle of its work, at every point before and after whatever it does: the
# next run leaves the host as it was before the first.

load lib
load crash

setup() {
	need_crash_build
}

@test "up, killed at every point: down takes all of it back" {
	on_crash_host <<-'SCRIPT'
	n_points=$(points up wq0)
	echo "$n_points points"
	((n_points > 60))
	"$quick" down wq0 2>/dev/null
	echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	n=whole
	check "$before" down
	for ((n = 1; n <= n_points; n++)); do
		crash $n up wq0
		# Before the first record, and after the last, there is nothing to recover.
		"$quick" down --if-exists wq0 >/run/out 2>&1 || { echo "down fails after $n"; cat /run/out; exit 1; }
		((n < n_points)) || echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
		check "$before" down
	done
	SCRIPT
}

@test "up, killed at every point: up comes up, and goes down" {
	on_crash_host <<-'SCRIPT'
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	n_points=$(points up wq0)
	n=whole
	up=$(whole)
	"$quick" down wq0 2>/dev/null
	down=$(whole)
	for ((n = 1; n < n_points; n++)); do
		crash $n up wq0
		"$quick" up wq0 >/run/out 2>&1 || { echo "up fails after $n"; cat /run/out; exit 1; }
		check "$up" up
		"$quick" down wq0 >/run/out 2>&1
		check "$down" down
	done
	SCRIPT
}

@test "down, killed at every point: down ends it, and so does up" {
	on_crash_host <<-'SCRIPT'
	"$quick" up wq0 2>/dev/null
	up=$(whole)
	n_points=$(points down wq0)
	down=$(whole)
	((n_points > 15))
	for ((n = 1; n <= n_points; n++)); do
		"$quick" up wq0 2>/dev/null
		crash $n down wq0
		"$quick" down --if-exists wq0 >/run/out 2>&1 || { echo "down fails after $n"; cat /run/out; exit 1; }
		check "$down" down
		"$quick" up wq0 2>/dev/null
		crash $n down wq0
		# Before anything was begun it is still up.
		if ((n > 1)); then
			"$quick" up wq0 >/run/out 2>&1 || { echo "up fails after $n"; cat /run/out; exit 1; }
			check "$up" up
		fi
		"$quick" down wq0 >/run/out 2>&1
		check "$down" down
	done
	SCRIPT
}

@test "recovery, killed at every point: it goes on" {
	on_crash_host <<-'SCRIPT'
	n_points=$(points up wq0)
	"$quick" down wq0 2>/dev/null
	last=$((n_points - 3))
	echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	crash $last up wq0
	n_undo=$(points down wq0)
	n=whole
	check "$before" down
	((n_undo > 15))
	for ((n = 1; n <= n_undo; n++)); do
		crash $last up wq0
		crash $n down wq0
		"$quick" down --if-exists wq0 >/run/out 2>&1 || { echo "down fails after $n"; cat /run/out; exit 1; }
		check "$before" down
	done
	SCRIPT
}

@test "ordinary builds have nothing of it" {
	on_host "$BUILD/wg-quick" "$BUILD/wg-datapath" <<-'SCRIPT'
	export WG_QUICK_USERSPACE_IMPLEMENTATION=$2
	echo '[Interface]' >/etc/wireguard/wq0.conf
	WG_QUICK_CRASH_AT=1 "$1" up wq0
	WG_QUICK_CRASH_AT=1 "$1" down wq0
	expect 1 grep -q WG_QUICK_CRASH "$1"
	SCRIPT
}
