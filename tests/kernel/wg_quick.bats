#!/usr/bin/env bats
# wg-quick with the kernel's own devices: up, save, down, a failure; the same as the original's.

setup() {
	load lib
	need_driver
	[[ -x $BUILD/wg-quick ]] || skip "wg-quick is not built"
}

# What the scripts have in common; goes in front of them.
prelude() {
	cat <<-'END'
	quick=$BUILD/wg-quick
	private=yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
	chmod 700 /etc/wireguard
	ip link del wgk0
	ip link del wgk1
	echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode # no addresses by chance
	ip link add near address 02:00:00:00:00:01 type dummy
	ip link set near mtu 1400 up
	ip addr add 192.0.2.1/24 dev near
	ip addr add 2001:db8::1/64 dev near nodad
	mkdir bin
	cat >bin/resolvconf <<-EOF
	#!/bin/sh
	{ echo "resolvconf \$*"; [ "\$1" != -a ] || tee $PWD/servers; } >>$PWD/heard
	[ "\$1" != -l ] || cat $PWD/servers
	[ "\$1" != -d ] || rm $PWD/servers
	EOF
	chmod +x bin/resolvconf
	export PATH=$PWD/bin:$PATH

	# conf NAME: the configuration on standard input is that of wgq0 from now on.
	conf_of() { (umask 077; cat >/etc/wireguard/wgq0.conf); }

	# All that is there.
	state() {
		printf 'link show\naddr show\nroute show table all\nrule show\n' | ip -4 -d -o -batch - | sed 's/^[0-9]*: //'
		printf 'addr show\nroute show table all\nrule show\n' | ip -6 -d -o -batch - | sed 's/^[0-9]*: //'
		nft list ruleset
		"$theirs" showconf wgq0 2>/dev/null || true
		cat heard 2>/dev/null || true
		cat /etc/wireguard/wgq0.conf
	}

	# steps QUICK: what becomes of the host, and what commands say, in three steps.
	steps() {
		local step status
		rm -f heard
		cp /etc/wireguard/wgq0.conf before.conf
		echo 0 >/proc/sys/net/ipv4/conf/all/src_valid_mark
		for step in up save down; do
			status=0
			"$1" $step wgq0 >said 2>err || status=$?
			echo "== $step: $status"
			cat said
			# The older original has other words, and another order of some.
			sed -nE 's/^(\[#\] wg )(set|add)conf .*/\1addconf/; s/^(\[#\] ip link add )dev /\1/
				s/^(\[#\] nft -f ).*/\1/; /^(\[[#!]\]|hook)/p' err | sort
			state
			[[ ! -e /proc/sys/net/ipv4/conf/wgq0 ]] || readlink /sys/class/net/wgq0/device/driver || true
		done
		cp before.conf /etc/wireguard/wgq0.conf
	}

	# as_original: both do the same.
	as_original() {
		[[ -x /usr/bin/wg-quick ]] || return 0
		steps /usr/bin/wg-quick >theirs.steps
		steps "$quick" >ours.steps
		grep -q '^== up: 0' ours.steps || { cat ours.steps err; return 1; }
		diff theirs.steps ours.steps
	}
	END
}

with_prelude() {
	{ prelude; cat; } | in_ns
}

@test "a client, peers with all there is, Table and hooks: up, save and down as the original's" {
	with_prelude <<'END'
	{
		printf '[Interface]\nPrivateKey = %s\nListenPort = 51900\nFwMark = 0x9\nMTU = 1390\n' "$private"
		printf 'Address = 10.77.0.1/24, fd77::1/64\nDNS = 10.77.0.53\n'
		conf 1 3 2
	} | conf_of
	as_original
	grep -q 'wireguard' ours.steps # the kernel's, not a daemon's
	conf_of <<-CONF
	[Interface]
	PrivateKey = $private
	ListenPort = 51900
	Address = 10.77.0.1/24
	Table = 1234
	PostUp = echo hook %i; ip -br addr show %i | wc -l; wg show %i listen-port
	PreDown = echo hook predown
	PostDown = echo hook postdown; ip link show %i 2>/dev/null || echo hook gone
	[Peer]
	PublicKey = $(key 1)
	Endpoint = [2001:db8::9]:7
	AllowedIPs = 10.0.0.0/8, 0.0.0.0/0, ::/0
	CONF
	as_original
	grep -q '^hook gone' ours.steps
END
}

@test "a full tunnel, IPv4 and IPv6, by nft: up, save and down as the original's" {
	with_prelude <<'END'
	conf_of <<-CONF
	[Interface]
	PrivateKey = $private
	ListenPort = 51900
	Address = 10.77.0.1/24, fd77::1/64
	[Peer]
	PublicKey = $(key 1)
	Endpoint = 192.0.2.9:7
	AllowedIPs = 0.0.0.0/0, ::/0
	CONF
	as_original
	grep -q 'table ip6 wg-quick-wgq0' ours.steps
	grep -q 'suppress_prefixlength 0' ours.steps
END
}

@test "a full tunnel at work: its own packets go out, all others go in" {
	with_prelude <<'END'
	ip netns add far
	ip link add out type veth peer name out netns far
	ip addr add 203.0.113.1/24 dev out
	ip link set out up
	ip route add default via 203.0.113.2
	ip -n far addr add 203.0.113.2/24 dev out
	ip -n far link set out up
	ip -n far link set lo up
	ip -n far addr add 198.51.100.7/32 dev lo
	"$ours" genkey >key1
	ip netns exec far ip link add wgk1 type wireguard
	ip netns exec far "$ours" set wgk1 private-key key1 listen-port 7 \
		peer "$(echo $private | "$ours" pubkey)" allowed-ips 10.77.0.1/32
	ip -n far addr add 10.77.0.2/24 dev wgk1
	ip -n far link set wgk1 up
	conf_of <<-CONF
	[Interface]
	PrivateKey = $private
	Address = 10.77.0.1/24
	[Peer]
	PublicKey = $("$ours" pubkey <key1)
	Endpoint = 203.0.113.2:7
	AllowedIPs = 0.0.0.0/0
	CONF
	state >before
	"$quick" up wgq0 2>/dev/null
	ping -q -c 2 -i 0.2 -W 10 198.51.100.7 >/dev/null
	# It has been through the tunnel.
	ip netns exec far "$ours" show wgk1 transfer | awk '$2 > 150 && $3 > 150 { n++ } END { exit n != 1 }'
	"$quick" down wgq0 2>/dev/null
	state | diff before -
END
}

@test "a failure at each place is undone" {
	with_prelude <<'END'
	tunnel_conf() {
		conf_of <<-CONF
		[Interface]
		PrivateKey = $private
		Address = 10.77.0.1/24, fd77::1/64
		$1
		[Peer]
		PublicKey = $(key 1)
		AllowedIPs = 0.0.0.0/0, ::/0, 10.5.0.0/16
		CONF
	}
	for line in 'PostUp = exit 7' 'PreUp = exit 7' 'Address = 10.77.0.1/24' 'ListenPort = 5300' 'FwMark = 99'; do
		case $line in
		ListenPort*) ip link add other type wireguard; "$ours" set other listen-port 5300; ip link set other up ;;
		FwMark*) ip route add unreachable default table 99 ;;
		esac
		tunnel_conf "$line"
		state >before
		status=0
		"$quick" up wgq0 >said 2>&1 || status=$?
		[[ $line != *exit* ]] || ((status == 7))
		((status != 0)) || { echo "$line"; cat said; false; }
		state | diff before -
	done
END
}
