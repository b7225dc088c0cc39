#!/usr/bin/env bats
# wg-quick reload killed in the middle of its work, at every point before and after whatever it does,
# on the way from one configuration to another: `down' leaves the host as it was before `up', and
# another reload ends what was begun.

load lib
load crash

setup() {
	need_crash_build
}

# on_reload_crash_host: as on_crash_host, with a second configuration in `second`, the first one in
# `first`, and use FILE.
on_reload_crash_host() {
	local script
	script=$(cat)
	on_crash_host <<-SCRIPT
	echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark
	before=\$(whole)
	cp -p /etc/wireguard/wq0.conf /etc/first
	sed -e 's|^Address.*|Address = 10.0.0.2/24, fd00::1/48, 10.3.0.1/24|; s|^DNS.*|DNS = 10.0.0.54|' \
		-e 's|^AllowedIPs.*|AllowedIPs = 10.9.0.0/16, 10.8.0.0/16|' \
		-e '/^DNS/iMTU = 1300' /etc/first >/etc/second
	use() { cat "/etc/\$1" >/etc/wireguard/wq0.conf; }
	# Peers and addresses have no order of their own; a firewall's table is made anew.
	settled() { whole | grep -v '^/run' | sort; wg showconf wq0 | grep -v '^ListenPort'; }
	before=\$(whole)
	$script
	SCRIPT
}

@test "reload, killed at every point: down takes all of it back" {
	on_reload_crash_host <<-'SCRIPT'
	for way in 'first second' 'second first'; do
		read -r from to <<<"$way"
		use $from
		"$quick" up wq0 2>/dev/null
		use $to
		n_points=$(points reload wq0)
		"$quick" down wq0 2>/dev/null
		n=whole
		check "$before" down
		echo "$n_points points"
		((n_points > 40))
		for ((n = 1; n <= n_points; n++)); do
			use $from
			"$quick" up wq0 2>/dev/null
			use $to
			crash $n reload wq0
			"$quick" down wq0 >/run/out 2>&1 || { echo "down fails after $n"; cat /run/out; exit 1; }
			check "$before" down
		done
	done
	SCRIPT
}

@test "reload, killed at every point: reload ends it" {
	on_reload_crash_host <<-'SCRIPT'
	use second
	"$quick" up wq0 2>/dev/null
	second=$(settled)
	"$quick" down wq0 2>/dev/null
	use first
	"$quick" up wq0 2>/dev/null
	first=$(settled)
	use second
	n_points=$(points reload wq0)
	# From one to the other and back, always killed on the way.
	for ((n = 1; n <= n_points; n++)); do
		for to in first second; do
			use $to
			# The way back may have fewer points.
			{ WG_QUICK_CRASH_AT=$n "$quick" reload wq0 >/run/out 2>&1 || true; } 2>/dev/null
			"$quick" reload wq0 >/run/out 2>&1 || { echo "reload fails after $n"; cat /run/out; exit 1; }
			same "${!to}" "$(settled)" || { echo "to $to, killed at $n"; cat /run/out; exit 1; }
		done
	done
	"$quick" down wq0 2>/dev/null
	n=whole
	check "$before" down
	SCRIPT
}
