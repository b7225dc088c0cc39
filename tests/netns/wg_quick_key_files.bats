#!/usr/bin/env bats
# Keys that are in files of their own, or in systemd's credentials.

load lib

setup() {
	need_root
}

@test "keys come from files, from where the configuration is, and from credentials" {
	on_each_host <<-'SCRIPT'
	psk=ajDqf8Xf2YVbHtXaTFGYrVLAWi7pnkSwx8Ph0LWjsyI=
	before=$(state)
	umask 077
	mkdir /etc/wireguard/keys /run/credentials
	echo "$key" >/etc/wireguard/keys/wq0.key
	printf %s "$psk" >/run/credentials/psk.a
	printf '%s\r\n\n' "$psk" >/run/b.psk
	write_conf <<-CONF
	[Interface]
	#wg: PrivateKeyFile = keys/wq0.key
	ListenPort = 5182
	[Peer]
	PublicKey = $peer_a
	#wg: PresharedKeyFile = credential:psk.a
	AllowedIPs = 10.1.0.0/16
	[Peer]
	PublicKey = $peer_b
	#wg: PresharedKeyFile = /run/b.psk
	AllowedIPs = 10.2.0.0/16
	CONF
	for dir in /run /; do # wherever it is called from
		cd "$dir"
		CREDENTIALS_DIRECTORY=/run/credentials "$quick" up wq0 2>/run/err
		same "$own" "$(wg show wq0 public-key)"
		same "$key" "$(wg show wq0 private-key)"
		for peer in "$peer_a" "$peer_b"; do
			contains "$(wg show wq0 preshared-keys)" "$peer	$psk"
		done
		contains "$(wg show wq0 allowed-ips)" "$peer_b	10.2.0.0/16"
		expect 1 grep -e "$key" -e "$psk" -e Warning /run/err
		"$quick" down wq0 2>>/run/err
	done
	cd /run
	same "$before" "$(state)"
	SCRIPT
}

@test "a file that is missing, or has no key in it, is found before anything is done" {
	on_each_host <<-'SCRIPT'
	before=$(state)
	cd /etc/wireguard
	echo 'x1x2x3=' >bad
	{ echo "$key"; echo "$key"; } >two
	head -c 10000000 /dev/zero >large
	: >empty
	mkdir dir
	unset CREDENTIALS_DIRECTORY
	expected="; expected one key in base64, as of \`wg genkey'"
	while IFS='|' read -r name words; do
		for section in "#wg: PrivateKeyFile = $name" "[Peer]\nPublicKey=$peer_a\n#wg: PresharedKeyFile = $name"; do
			printf '[Interface]\nPreUp = touch /run/touched\n%b' "$section" | write_conf
			expect 1 "$quick" up wq0 2>err
			same "wg-quick: $words" "$(cat err)"
			same "$before" "$(state)"
			[[ ! -e /run/touched ]]
			expect 1 grep -e x1x2 -e "$key" err
		done
	done <<-CASES
	none|/etc/wireguard/none: No such file or directory
	/run/none|/run/none: No such file or directory
	dir|/etc/wireguard/dir: Is a directory
	bad|\`/etc/wireguard/bad' has no key in it$expected
	two|\`/etc/wireguard/two' has no key in it$expected
	large|\`/etc/wireguard/large' has no key in it$expected
	empty|\`/etc/wireguard/empty' has no key in it$expected
	credential:a|\`credential:a': \$CREDENTIALS_DIRECTORY is not set: it takes a systemd unit with LoadCredential=a:FILE
	CASES
	# To take it down they are not needed.
	echo "$key" >good
	printf '[Interface]\n#wg: PrivateKeyFile = good' | write_conf
	"$quick" up wq0
	rm good
	"$quick" down wq0
	rm -r bad two large empty dir err
	same "$before" "$(state)"
	SCRIPT
}

@test "a key file that everybody may read is warned of, and used" {
	on_each_host <<-'SCRIPT'
	echo "$key" >/run/wq0.key
	chmod 644 /run/wq0.key
	printf '[Interface]\n#wg: PrivateKeyFile = /run/wq0.key' | write_conf
	"$quick" up wq0 2>err
	same "Warning: \`/run/wq0.key' is world accessible" "$(head -1 err)"
	same "$own" "$(wg show wq0 public-key)"
	"$quick" down wq0
	SCRIPT
}

@test "a key may come by a pipe, which can be read but once" {
	on_each_host <<-'SCRIPT'
	mkfifo /run/key
	printf '[Interface]\n#wg: PrivateKeyFile = /run/key' | write_conf
	echo "$key" >/run/key &
	"$quick" up wq0
	same "$own" "$(wg show wq0 public-key)"
	"$quick" down wq0
	SCRIPT
}

@test "saving leaves keys in their files" {
	on_each_host <<-'SCRIPT'
	psk=ajDqf8Xf2YVbHtXaTFGYrVLAWi7pnkSwx8Ph0LWjsyI=
	umask 077
	echo "$key" >/run/key
	echo "$psk" >/run/psk
	for keep in '' $'#wg: Save = keep\n'; do
		printf '[Interface]\n%s#wg: PrivateKeyFile = /run/key\nSaveConfig = true\n[Peer]\nPublicKey = %s\n#wg: PresharedKeyFile = /run/psk\n' "$keep" "$peer_a" | write_conf
		"$quick" up wq0
		wg set wq0 peer "$peer_a" allowed-ips 10.9.0.0/16
		"$quick" down wq0
		cat /etc/wireguard/wq0.conf
		expect 1 grep -e "$key" -e "$psk" /etc/wireguard/wq0.conf
		grep -qx 'AllowedIPs = 10.9.0.0/16' /etc/wireguard/wq0.conf
		"$quick" up wq0
		same "$own" "$(wg show wq0 public-key)"
		same "$peer_a	$psk" "$(wg show wq0 preshared-keys)"
		"$quick" down wq0
	done
	SCRIPT
}
