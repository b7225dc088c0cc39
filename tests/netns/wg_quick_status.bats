#!/usr/bin/env bats
# wg-quick status: whether an interface is up, and as its file says. It changes nothing.

load lib

setup() {
	need_root
}

# What the scripts share.
prelude() {
	cat <<-'SCRIPT'
	# json EXPRESSION: of Perl, in which $_ is what standard input has.
	json() {
		perl -MJSON::PP -0777 -e '$json = JSON::PP->new->canonical; $_ = $json->decode(<STDIN>);' -e "$1"
	}
	# problems STATUS EXPECTED...: the words for what is wrong, and the exit status; nothing is changed by asking.
	problems() {
		local before
		before=$(state; find /run/wireguard /etc/wireguard | sort)
		expect "$1" "$quick" status --json wq0 >out 2>err
		same "${*:2}" "$(json 'print join " ", map { $_->{what} } @{$_->{problems}}' <out)"
		expect "$1" "$quick" status wq0 >text 2>>err
		same "" "$(cat err)"
		same "$before" "$(state; find /run/wireguard /etc/wireguard | sort)"
	}
	touch out err text
	mkdir -p /run/wireguard
	ip link add near type veth peer name far
	ip link set far up
	ip link set near mtu 1400 up
	ip addr add 192.0.2.1/24 dev near
	ip route add default via 192.0.2.2
	full() {
		write_conf <<-CONF
		[Interface]
		PrivateKey = $key
		Address = 10.0.0.1/24, fd00::1/64
		ListenPort = 51999
		MTU = 1380
		[Peer]
		PublicKey = $peer_a
		PresharedKey = $peer_b
		AllowedIPs = 10.5.0.0/16, 0.0.0.0/0, ::/0
		Endpoint = 192.0.2.77:51820
		CONF
	}
	SCRIPT
}

@test "not up, up, and not up any more" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	problems 3
	same "wq0 is not up" "\$(cat text)"
	"\$quick" up wq0
	problems 0
	program=\$(basename "\$WG_QUICK_USERSPACE_IMPLEMENTATION")
	grep -E "^wq0 is up, by \$program \(process [0-9]+\), since [-0-9]+ [:0-9]+, as the file says$" text
	same "  from /etc/wireguard/wq0.conf" "\$(tail -n +2 text)"
	same "up userspace \$program" "\$(json 'print "\$_->{state} \$_->{driver} \$_->{program}"' <out)"
	same 1 "\$(json 'print \$_->{since} > time() - 100 && \$_->{since} <= time() ? 1 : 0' <out)"
	contains "\$(ps -o args= -p "\$(json 'print \$_->{pid}' <out)" 2>/dev/null ||
		tr '\0' ' ' <"/proc/\$(json 'print \$_->{pid}' <out)/cmdline")" "\$program"
	WG_COLOR_MODE=always "\$quick" status wq0 >text
	contains "\$(cat text)" \$'\e[32mwq0 is up\e[0m'
	"\$quick" down wq0
	problems 3
	SCRIPT
}

@test "each difference is told, with what does away with it" {
	on_each_host <<-SCRIPT
	$(prelude)
	while read -r words; do
		full
		"\$quick" up wq0
		problems 0
		eval "\${words#*: }"
		echo "\$words"
		expect 2 "\$quick" status --json wq0 >out
		contains " \$(json 'print map { "\$_->{what} " } @{\$_->{problems}}' <out)" " \${words%%:*} "
		expect 2 "\$quick" status wq0 >text
		grep -F 'remedy: wg-quick reload wq0' text
		"\$quick" reload wq0
		problems 0
		"\$quick" down wq0
	done <<-'CASES'
	extra-peer: wg set wq0 peer \$peer_b
	missing-peer: wg set wq0 peer \$peer_a remove
	different-peer: wg set wq0 peer \$peer_a preshared-key <(echo \$key)
	different-peer: wg set wq0 peer \$peer_a allowed-ips 10.5.0.0/16,0.0.0.0/0
	different-peer: wg set wq0 peer \$peer_a persistent-keepalive 5
	different-private-key: wg set wq0 private-key <(echo yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBnk=)
	different-port: wg set wq0 listen-port 51998
	missing-address: ip addr del fd00::1/64 dev wq0
	missing-route: ip route del 10.5.0.0/16 dev wq0
	different-mtu: ip link set mtu 1300 dev wq0
	missing-rule: ip rule del table 51820
	CASES
	SCRIPT
}

@test "peers that commands may have added are not to be removed by a reload" {
	on_each_host <<-SCRIPT
	$(prelude)
	printf '[Interface]\nPrivateKey = %s\nPostUp = wg set %%i peer %s\n' "\$key" "\$peer_a" | write_conf
	"\$quick" up wq0
	problems 2 extra-peer
	same "  ! peer xTIBA5rb... is not in the file
	    remedy: wg-quick up --replace wq0" "\$(tail -n +3 text)"
	SCRIPT
}

@test "a program that hangs does not hold it up" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	"\$quick" up wq0
	"\$quick" status --json wq0 >out
	pid=\$(json 'print \$_->{pid}' <out)
	kill -STOP "\$pid"
	expect 2 timeout 5 "\$quick" status wq0 >text
	same "  ! the program that provides it does not answer
	    remedy: kill -KILL \$pid; wg-quick up --replace wq0" "\$(tail -n +3 text)"
	kill -CONT "\$pid"
	problems 0
	kill -STOP "\$pid"
	kill -KILL "\$pid"; "\$quick" up --replace wq0
	problems 0
	SCRIPT
}

@test "what is up is told also when its file is gone" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	"\$quick" up wq0
	mv /etc/wireguard/wq0.conf /run
	problems 2 no-file
	contains "\$(cat text)" "
	  from /etc/wireguard/wq0.conf
	  ! its file does not exist any more
	    remedy: wg-quick down wq0"
	ip link delete wq0
	sleep 0.2
	problems 3 gone
	contains "\$(cat text)" "remedy: wg-quick down wq0"
	"\$quick" down wq0
	expect 1 "\$quick" status wq0 2>err
	same "wg-quick: \\\`/etc/wireguard/wq0.conf' does not exist" "\$(cat err)"
	SCRIPT
}

@test "secrets are not told" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	"\$quick" up wq0
	wg set wq0 private-key <(echo QAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=) peer \$peer_a preshared-key <(echo \$own)
	expect 2 "\$quick" status wq0 >out 2>&1
	expect 2 "\$quick" status --json wq0 >>out 2>&1
	for secret in "\$key" "\$peer_b" "\$own" QAnz5TF+; do
		[[ \$(cat out) != *"\${secret:0:8}"* ]]
	done
	SCRIPT
}

@test "the firewall was flushed, resolv.conf taken over" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	sed -i 's/^ListenPort.*/DNS = 10.0.0.2/' /etc/wireguard/wq0.conf
	echo 'nameserver 192.0.2.53' >/run/resolv.conf
	mount --bind /run/resolv.conf /etc/resolv.conf
	"\$quick" up wq0
	problems 0
	echo 'nameserver 192.0.2.54' >/run/resolv.conf
	problems 2 different-dns
	tables=\$(nft list tables | sort)
	nft flush ruleset
	expect 2 "\$quick" status wq0 >text
	same "  ! resolv.conf does not have its name servers any more
	  ! rules in the firewall are missing or others: IPv4
	  ! rules in the firewall are missing or others: IPv6
	    remedy: wg-quick reload wq0" "\$(tail -4 text)"
	"\$quick" reload wq0
	problems 0
	same 1 "\$(grep -c 10.0.0.2 /etc/resolv.conf)"
	same "\$tables" "\$(nft list tables | sort)"
	same "" "\$("\$quick" reload wq0 2>&1)"
	# Rules that were deleted by hand come back as well, in their order.
	rules() { { ip rule; ip -6 rule; } | sed 's/^[0-9]*://'; }
	before=\$(rules)
	for rule in "table main suppress_prefixlength 0" "not fwmark 51820 table 51820"; do
		ip rule delete \$rule
		ip -6 rule delete \$rule
		expect 2 "\$quick" status wq0 >text
		same 2 "\$(grep 'a routing rule is missing' text | grep -c "\$rule")"
		"\$quick" reload wq0
		problems 0
		same "\$before" "\$(rules)"
	done
	"\$quick" down wq0
	SCRIPT
}

@test "the kill switch: missing, left over" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	sed -i '1a #wg: KillSwitch = on' /etc/wireguard/wq0.conf
	"\$quick" up wq0
	problems 0
	sed -i '/KillSwitch/d' /etc/wireguard/wq0.conf
	problems 2 extra-kill-switch
	contains "\$(cat text)" "remedy: wg-quick up --replace wq0"
	"\$quick" up --replace wq0
	sed -i '1a #wg: KillSwitch = on' /etc/wireguard/wq0.conf
	problems 2 missing-kill-switch
	"\$quick" down wq0
	SCRIPT
}

@test "what is in the way, and what is wrong" {
	on_each_host <<-SCRIPT
	$(prelude)
	full
	ip link add wq0 type veth peer name other
	problems 3 other-link
	ip link delete wq0
	"\$quick" up wq0
	ip link set wq0 down
	ip link set wq0 name elsewhere
	problems 2 link-elsewhere
	contains "\$(cat text)" "remedy: wg-quick down wq0"
	"\$quick" down wq0
	echo nonsense >>/etc/wireguard/wq0.conf
	expect 1 "\$quick" status wq0 >out 2>err
	same "" "\$(cat out)"
	grep -F 'wq0.conf:11:1: Line unrecognized' err
	expect 1 "\$quick" status nosuch 2>err
	grep -F 'does not exist' err
	full
	cp /etc/wireguard/wq0.conf /run/wq0.conf
	"\$quick" up /run/wq0.conf
	expect 0 "\$quick" status /run/wq0.conf >text
	wg set wq0 peer \$peer_b
	expect 2 "\$quick" status /run/wq0.conf >text
	contains "\$(cat text)" "remedy: wg-quick reload /run/wq0.conf"
	SCRIPT
}

@test "the record of up: a file that has changed since, a run that was cut off, an interface that is gone" {
	on_each_host <<-SCRIPT
	$(prelude)
	write_conf <<<\$'[Interface]\nAddress = 10.0.0.1/24'
	"\$quick" up wq0
	problems 0
	same "up-done 0" "\$(json 'print "\$_->{journal} ", \$_->{fileChanged} ? 1 : 0' <out)"
	sleep 0.02
	echo '# a comment' >>/etc/wireguard/wq0.conf
	problems 0
	same "  from /etc/wireguard/wq0.conf, which has been written to since" "\$(tail -n +2 text)"
	same 1 "\$(json 'print \$_->{fileChanged} ? 1 : 0' <out)"
	# From another file of that name.
	sed 's/10.0.0.1/10.0.0.2/' /etc/wireguard/wq0.conf >/run/wq0.conf
	expect 2 "\$quick" status /run/wq0.conf >text
	grep -F 'from another file, /etc/wireguard/wq0.conf; compared with /run/wq0.conf' text
	# Deleted by other means.
	ip link delete wq0
	sleep 0.2
	problems 3 gone
	"\$quick" down wq0
	problems 3
	# Killed by its own hook, half-way up.
	write_conf <<<\$'[Interface]\nAddress = 10.0.0.1/24\nPostUp = kill -KILL \$PPID; sleep 0.1'
	"\$quick" up wq0 || true
	sleep 0.3
	problems 2 unfinished
	contains "\$(cat text)" "! \\\`up' did not come to its end, and has not been taken back"
	contains "\$(cat text)" "remedy: wg-quick down wq0"
	"\$quick" up --dry-run wq0 >text
	contains "\$(cat text)" "(takes back what an earlier run has left)"
	"\$quick" down --dry-run wq0 >text
	contains "\$(cat text)" "(takes back what an earlier run has left)"
	[[ \$(cat text) != *'ip link delete'* ]]
	"\$quick" down wq0
	problems 3
	# While a run is at work.
	write_conf <<<\$'[Interface]\nPreUp = "\$QUICK" status wq0 >/run/inner || echo \$? >>/run/inner'
	QUICK=\$quick "\$quick" up wq0
	contains "\$(cat /run/inner)" "a run of wg-quick is at work on it"
	same 2 "\$(tail -1 /run/inner)"
	"\$quick" down wq0
	SCRIPT
}
