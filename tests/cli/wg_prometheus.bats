#!/usr/bin/env bats
# wg show --prometheus, read by a reader of its own.

load lib

A=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33
B=58402e695ba1772b1cc9309755f043251ea77fdcf10fbe63989ceb7e19321376
C=662e14fd594556f522604703340351258903b64f35553763f19426ab2a515c58
PRIVATE=e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a
A64=uFmW/sycfx/G0lcqdu2hHVm80gvo5UOxXOS9hajnWjM=
B64=WEAuaVuhdyscyTCXVfBDJR6nf9zxD75jmJzrfhkyE3Y=

setup_file() {
	lab_start
	((EUID)) && return
	fake wg0
	fake wg1
	lab mount -t tmpfs tmpfs /etc/wireguard
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	lab sh -c 'rm -f /etc/wireguard/*'
	fake_describe wg0 "private_key=$PRIVATE\nlisten_port=12912\n\
public_key=$A\npreshared_key=$C\nendpoint=[fe80::33%%lo]:51820\n\
last_handshake_time_sec=1700000000\ntx_bytes=1536\nrx_bytes=18446744073709551615\n\
allowed_ip=192.168.4.4/32\nallowed_ip=fd00::/8\npublic_key=$B\n"
	fake_describe wg1 "public_key=$A\nrx_bytes=7\n"
}

# samples [INTERFACE]: as the reader understands them.
samples() {
	ours show "$@" --prometheus | "$BATS_TEST_DIRNAME/prometheus-check"
}

@test "the names and labels of MindFlavor's exporter, and ours" {
	before=$(date +%s)
	samples >"$LAB/samples"
	after=$(date +%s)
	delay=$(sed -n 's/^wireguard_latest_handshake_delay_seconds\t.*\t//p' "$LAB/samples")
	((delay >= before - 1700000000 && delay <= after - 1700000000))
	a="allowed_ips=192.168.4.4/32,fd00::/8"
	expected="wireguard_sent_bytes_total	$a	interface=wg0	public_key=$A64	1536
wireguard_sent_bytes_total	allowed_ips=(none)	interface=wg0	public_key=$B64	0
wireguard_sent_bytes_total	allowed_ips=(none)	interface=wg1	public_key=$A64	0
wireguard_received_bytes_total	$a	interface=wg0	public_key=$A64	18446744073709551615
wireguard_received_bytes_total	allowed_ips=(none)	interface=wg0	public_key=$B64	0
wireguard_received_bytes_total	allowed_ips=(none)	interface=wg1	public_key=$A64	7
wireguard_latest_handshake_seconds	$a	interface=wg0	public_key=$A64	1700000000
wireguard_latest_handshake_seconds	allowed_ips=(none)	interface=wg0	public_key=$B64	0
wireguard_latest_handshake_seconds	allowed_ips=(none)	interface=wg1	public_key=$A64	0
wireguard_latest_handshake_delay_seconds	$a	interface=wg0	public_key=$A64	$delay
wireguard_peer_info	$a	endpoint=[fe80::33%lo]:51820	interface=wg0	public_key=$A64	1
wireguard_peer_info	allowed_ips=(none)	interface=wg0	public_key=$B64	1
wireguard_peer_info	allowed_ips=(none)	interface=wg1	public_key=$A64	1
wireguard_peers	interface=wg0	2
wireguard_peers	interface=wg1	1
wireguard_up	interface=wg0	1
wireguard_up	interface=wg1	1"
	diff -u <(sort <<<"$expected") <(sort "$LAB/samples")
}

@test "a line as it stands" {
	ours show wg0 --prometheus >"$LAB/out"
	grep -qxF "wireguard_sent_bytes_total{interface=\"wg0\",public_key=\"$A64\",\
allowed_ips=\"192.168.4.4/32,fd00::/8\"} 1536" "$LAB/out"
	grep -qx '# TYPE wireguard_sent_bytes_total counter' "$LAB/out"
	grep -qx '# TYPE wireguard_latest_handshake_seconds gauge' "$LAB/out"
}

@test "friendly names, hostile ones, too" {
	for name in laptop 'a "b" \c' 'back\nslash' $'J\xc3\xbcrgen' '{a="b"} 1'; do
		printf '[Peer]\n# friendly_name = %s\nPublicKey = %s\n' "$name" $A64 >"$LAB/conf"
		lab sh -c 'cat >/etc/wireguard/wg0.conf' <"$LAB/conf"
		samples wg0 >"$LAB/samples"
		grep -qF "	friendly_name=$name	interface=wg0" "$LAB/samples"
		(($(grep -c friendly_name "$LAB/samples") == 5))
	done
	printf '[Peer]\n# friendly_name = J\xfcr\nPublicKey = %s\n' $A64 >"$LAB/conf"
	lab sh -c 'cat >/etc/wireguard/wg0.conf' <"$LAB/conf"
	samples wg0 | grep -qF $'friendly_name=J\xef\xbf\xbdr\t'
}

@test "no secret is in it, whatever WG_HIDE_KEYS says" {
	WG_HIDE_KEYS=never ours show --prometheus >"$LAB/out"
	run ! grep -F -e 6EtabScXwQA6E7QxVwNT26ypFGzxUMX4V1aA -e Zi4U/VlFVvUiYEcDNANRJYkDtk81 "$LAB/out"
}

@test "an interface that cannot be read is down, and no interfaces are none" {
	fake_get wg1 'errno=1\n\n'
	lab_record ours show --prometheus
	is ours.status 'exit status 0'
	grep -q '^Unable to access interface wg1: ' "$LAB/ours.err"
	"$BATS_TEST_DIRNAME/prometheus-check" <"$LAB/ours.out" >"$LAB/samples"
	[[ $(grep wg1 "$LAB/samples") == 'wireguard_up	interface=wg1	0' ]]
	lab_record ours show nonesuch --prometheus
	is ours.status 'exit status 1'
	[[ $("$BATS_TEST_DIRNAME/prometheus-check" <"$LAB/ours.out") == \
		'wireguard_up	interface=nonesuch	0' ]]
	lab mkdir /var/run/wireguard.away
	lab mount --bind /var/run/wireguard.away /var/run/wireguard
	[[ -z $(samples) ]]
	lab umount /var/run/wireguard
}
