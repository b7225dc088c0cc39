#!/usr/bin/env bats
# What takes many messages: splitting sets, joining dumps, and devices that change meanwhile.

setup() {
	load lib
	need_driver
}

@test "one peer with 65,536 allowed IPs among others" {
	in_ns <<'END'
	{ conf 1 2 1; conf 3 3 65536; conf 4 5 1; } >conf
	"$ours" setconf wgk0 conf
	"$ours" show wgk0 allowed-ips | awk '{ print NF - 1 }' | paste -sd ' ' | grep -qx '1 1 65536 1 1'
	[[ $("$ours" show wgk0 preshared-keys | grep -c 'BBBBB') -eq 5 ]]
	[[ ! -x $theirs ]] || "$theirs" show wgk0 dump | cmp - <("$ours" show wgk0 dump)
END
}

@test "no dump is torn while peers come and go" {
	in_ns <<'END'
	conf 1 200 60 >conf
	"$ours" setconf wgk0 conf
	(until [[ -e stop ]]; do
		"$ours" set wgk0 peer "$(key 20000)" allowed-ips 10.0.0.0/8 peer "$(key 7)" persistent-keepalive 1
		"$ours" set wgk0 peer "$(key 20000)" remove
		sleep 0.1
	done) 3>&- &
	changer=$!
	for i in {1..15}; do
		# Each line whole, each of the 200 there once, with all it has.
		"$ours" show wgk0 dump | awk -F '\t' '
			NR == 1 { bad += NF != 4; next }
			{ bad += NF != 8 || seen[$1]++ }
			$4 == "10.0.0.0/8" { next }
			{ n++; bad += split($4, ips, ",") != 60 || $2 !~ /^BBBBB/ }
			END { if (bad || n != 200) { print bad " bad, " n; exit 1 } }'
	done
	touch stop
	wait "$changer"
END
}

# The last one: Linux 6.1 takes minutes to remove such a device, and lets no other be made meanwhile.
@test "10,000 peers: set, shown and written within sane time, as the original does" {
	in_ns <<'END'
	conf 1 10000 1 >conf
	SECONDS=0
	"$ours" setconf wgk0 conf
	"$ours" show wgk0 dump >dump
	"$ours" show wgk0 >pretty
	"$ours" showconf wgk0 >again
	((SECONDS < 60))
	[[ $(wc -l <dump) -eq 10001 && $(grep -c '^peer: ' pretty) -eq 10000 ]]
	if [[ -x $theirs ]]; then
		"$theirs" show wgk0 dump | cmp dump
		"$theirs" show wgk0 | cmp pretty
		"$theirs" showconf wgk0 | cmp again
	fi
END
}
