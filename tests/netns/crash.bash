# Helpers for tests that kill wg-quick in the middle of its work: see cmd/wg-quick/crash.h. Load with
# `load crash`, after lib.

need_crash_build() {
	need_root
	[[ -x /usr/sbin/nft ]] || skip "needs nft"
	[[ -x $BUILD/crash/wg-quick && -x $BUILD/wg-datapath ]] || skip "needs crash/wg-quick and wg-datapath"
}

# on_crash_host: the script, on a host with a configuration that has everything. It has $quick,
# whole() (all that may change), crash N COMMAND (kills it at its point N; whether there is one), and
# points COMMAND (how many there are).
on_crash_host() {
	local script
	script=$(cat)
	on_host "$BUILD/crash/wg-quick" "$BUILD/wg-datapath" <<-SCRIPT
	quick=\$1
	export WG_QUICK_USERSPACE_IMPLEMENTATION=\$2
	$(
		cat <<-'REST'
		# What is there before: a link to route by, and other people's rules and tables.
		ip link add near type veth peer name far
		ip link set near up
		ip addr add 192.0.2.1/24 dev near
		ip rule add fwmark 7 table 7
		ip rule add table main suppress_prefixlength 0
		nft add table ip theirs
		without resolvconf resolvectl
		mkdir /run/wg-quick
		echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
		cat >/etc/wireguard/wq0.conf <<-'CONF'
		[Interface]
		Address = 10.0.0.1/24, fd00::1/64
		DNS = 10.0.0.53, example.org
		PreUp = touch /run/made-by-pre-up
		PostUp = nft add table inet hooked
		PostUp = nft add chain inet hooked %i
		PreDown = nft delete table inet hooked 2>/dev/null || true
		PostDown = rm -f /run/made-by-pre-up
		[Peer]
		PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
		Endpoint = 192.0.2.2:51820
		AllowedIPs = 0.0.0.0/0, ::/0, 10.9.0.0/16
		CONF
		chmod 600 /etc/wireguard/wq0.conf
		whole() {
			state
			nft list ruleset | sed '/daddr fe80:/d'
			echo "src_valid_mark $(</proc/sys/net/ipv4/conf/all/src_valid_mark)"
			cat /etc/resolv.conf
			ls /etc
			find /run -path /run/out -o -path /run/count -o -print
		}
		crash() {
			local status=0
			{ WG_QUICK_CRASH_AT=$1 "$quick" "${@:2}" >/run/out 2>&1 || status=$?; } 2>/dev/null
			((status == 137)) || { echo "status $status at $1: ${*:2}"; cat /run/out; return 1; }
		}
		points() {
			WG_QUICK_CRASH_COUNT=/run/count "$quick" "$@" >/run/out 2>&1 || { cat /run/out; return 1; }
			cat /run/count
		}
		check() {
			local now
			now=$(whole)
			[[ $1 == "$now" ]] && return
			same "$1" "$now" || { echo "killed at $n: ${*:2}"; cat /run/out; return 1; }
		}
		before=$(whole)
		REST
	)
	$script
	SCRIPT
}
