#!/usr/bin/env bats
# wg genkey, genpsk, pubkey, against the original.

load lib

setup_file() {
	lab_start
}

teardown_file() {
	lab_stop
}

setup() {
	lab_needed
	KEY=GIUVCT6VL18i6GXO8wEucvi18LWYrAMJ1drM47cPz1I=
	STDIN=$LAB/stdin
}

# stdin_is FORMAT [ARGUMENTS...]
stdin_is() {
	# shellcheck disable=SC2059
	printf "$@" >"$STDIN"
}

@test "pubkey: what comes out for a key" {
	for key in $KEY AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
		//////////////////////////////////////////8= \
		77+977+977+977+977+977+977+977+977+977+977= \
		AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
		CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; do
		stdin_is '%s\n' "$key"
		same pubkey
	done
	stdin_is '%s' $KEY
	same pubkey
}

@test "pubkey: fifty random keys" {
	for ((i = 0; i < 50; i++)); do
		"$BUILD/wg" genkey >"$STDIN"
		same pubkey
	done
}

@test "pubkey: white space and NUL bytes may follow" {
	stdin_is '%s \t\r\v\f\n\n' $KEY
	same pubkey
	stdin_is '%s\0\n\0' $KEY
	same pubkey
	{ printf %s $KEY; head -c 100000 /dev/zero | tr '\0' ' '; } >"$STDIN"
	same pubkey
}

@test "pubkey: anything else may not" {
	for tail in x '\nx' ' x' = "$KEY" '\n\001' '\n#c' '\n\240'; do
		stdin_is "$KEY$tail"
		same pubkey
	done
	{ printf %s $KEY; head -c 100000 /dev/zero | tr '\0' ' '; echo x; } >"$STDIN"
	same pubkey
}

@test "pubkey: what is no key" {
	stdin_is ''
	same pubkey
	for text in '\n' x "${KEY%=}" "${KEY%=}\n" "${KEY%I=}B=" "${KEY/S/-}" "${KEY/S/_}" \
		"${KEY/S/ }" "${KEY%=}A" "=${KEY%=}" "${KEY:0:42}==" '\0' ' '; do
		stdin_is "$text"
		same pubkey
	done
	stdin_is ' %s\n' $KEY
	same pubkey
	stdin_is '\n%s\n' $KEY
	same pubkey
}

@test "pubkey: stdin that cannot be read" {
	STDIN=/tmp
	same pubkey
}

@test "messages of pubkey name the program as it was called" {
	run -1 "$BUILD/wg" pubkey <<<x
	[[ $output == "$BUILD/wg: Key is not the correct length or format" ]]
}

@test "genkey: 44 characters, the bits of RFC 7748, never the same" {
	for ((i = 0; i < 20; i++)); do
		key=$("$BUILD/wg" genkey)
		[[ $key =~ ^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$ ]]
		hex=$(base64 -d <<<"$key" | od -An -v -tx1 | tr -d ' \n')
		(((0x${hex:0:2} & 7) == 0))
		(((0x${hex:62:2} & 0xc0) == 0x40))
		echo "$key"
	done | sort -u >"$LAB/keys"
	(($(wc -l <"$LAB/keys") == 20))
}

@test "genpsk: the same without fixed bits" {
	for ((i = 0; i < 64; i++)); do
		key=$("$BUILD/wg" genpsk)
		[[ $key =~ ^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$ ]]
		echo "$key"
	done | sort -u >"$LAB/keys"
	(($(wc -l <"$LAB/keys") == 64))
	# 64 random keys that all look clamped would be a wonder: 1 in 2^320.
	while read -r key; do
		hex=$(base64 -d <<<"$key" | od -An -v -tx1 | tr -d ' \n')
		(((0x${hex:0:2} & 7) == 0 && (0x${hex:62:2} & 0xc0) == 0x40)) || break
	done <"$LAB/keys"
	(((0x${hex:0:2} & 7) != 0 || (0x${hex:62:2} & 0xc0) != 0x40))
}

@test "both take our keys, and we take theirs" {
	"$BUILD/wg" genkey | /usr/bin/wg pubkey >"$LAB/public"
	(($(wc -c <"$LAB/public") == 45))
	/usr/bin/wg genkey | "$BUILD/wg" pubkey >"$LAB/public"
	(($(wc -c <"$LAB/public") == 45))
}

@test "a file that others may read or write is warned about" {
	for mode in 600 640 660 644 602 601 604 777 000; do
		for subcommand in genkey genpsk; do
			: >"$LAB/key"
			chmod $mode "$LAB/key"
			for program in original ours; do
				$program $subcommand >"$LAB/key" 2>"$LAB/$program.err"
			done
			diff "$LAB/original.err" "$LAB/ours.err"
			[[ $mode == 6?0 || $mode == 000 || -s $LAB/ours.err ]]
		done
	done
	# A pipe is nobody's file.
	[[ -z $("$BUILD/wg" genkey 2>&1 >/dev/null) ]]
}

# The command line that changes to its first argument's directory: --out makes files there.
in_directory() {
	(cd "$1" && "$BUILD/wg" "${@:2}")
}

@test "genkey --out: two new files, and nothing on stdout" {
	out=$BATS_TEST_TMPDIR
	for umask in 022 077 000 027; do
		name=key$umask
		[[ -z $(umask $umask && in_directory "$out" genkey --out $name 2>&1) ]]
		[[ $(stat -c %a "$out/$name") == 600 ]]
		[[ $(stat -c %a "$out/$name.pub") == $(printf %o $((0644 & ~0$umask))) ]]
		/usr/bin/wg pubkey <"$out/$name" | diff - "$out/$name.pub"
		(($(wc -c <"$out/$name") == 45))
	done
	"$BUILD/wg" genkey "--out=$out/other"
	[ "$(<"$out/key077")" != "$(<"$out/other")" ]
	# A file is no standard output that is warned about.
	(umask 000 && "$BUILD/wg" genkey --out "$out/third" >"$out/world" 2>&1)
	[[ ! -s $out/world ]]
}

@test "genpsk --out: one new file" {
	"$BUILD/wg" genpsk --out "$BATS_TEST_TMPDIR/psk"
	[[ $(ls "$BATS_TEST_TMPDIR") == psk && $(stat -c %a "$BATS_TEST_TMPDIR/psk") == 600 ]]
	[[ $(<"$BATS_TEST_TMPDIR/psk") =~ ^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$ ]]
}

@test "--out: what is there stays, and then there is nothing new" {
	cd "$BATS_TEST_TMPDIR"
	refused() {
		run -1 --separate-stderr "$BUILD/wg" genkey --out "$1"
		[[ -z $output && $stderr == "$BUILD/wg: $2" ]]
	}
	there='is there already, and is left as it is'
	echo precious >key
	refused key "key: $there"
	[[ $(<key) == precious && ! -e key.pub ]]
	mv key key.pub
	refused key "key.pub: $there"
	[[ $(<key.pub) == precious && ! -e key ]]
	ln -s target link
	refused link "link: $there"
	[[ ! -e target && -L link ]]
	ln -s target2 link2.pub
	refused link2 "link2.pub: $there"
	[[ ! -e target2 && ! -e link2 && -L link2.pub ]]
	refused /dev/full "/dev/full: $there"
	refused none/key 'none/key: No such file or directory'
	refused . ".: $there" || refused . '.: Is a directory'
	run -1 --separate-stderr "$BUILD/wg" genkey --out "$BATS_TEST_TMPDIR/a" --out "$BATS_TEST_TMPDIR/b"
	[[ ! $output && $stderr == "$BUILD/wg: --out is given twice" ]]
	[[ ! -e $BATS_TEST_TMPDIR/a && ! -e $BATS_TEST_TMPDIR/b ]]
	run -1 --separate-stderr "$BUILD/wg" genkey --out
	[[ -z $output && $stderr == "$BUILD/wg: --out needs a value: "* ]]
	run -1 "$BUILD/wg" genkey --out x more
	[[ ! -e x ]]
}

@test "--out on a full disk leaves nothing behind" {
	lab mkdir "$LAB/full"
	lab mount -t tmpfs -o size=4k,nr_inodes=2 tmpfs "$LAB/full"
	lab_record ours genkey --out "$LAB/full/key"
	is ours.status 'exit status 1'
	is ours.err "wg: $LAB/full/key.pub: No space left on device"
	[[ -z $(lab ls "$LAB/full") ]]
	lab umount "$LAB/full"
	lab mount -t tmpfs -o size=4k tmpfs "$LAB/full"
	lab sh -c 'head -c 4096 /dev/zero >"$1/filler"' sh "$LAB/full"
	lab_record ours genkey --out "$LAB/full/key"
	is ours.err "wg: $LAB/full/key: No space left on device"
	[[ $(lab ls "$LAB/full") == filler ]]
}

@test "--out with a limit on the length of files leaves nothing behind" {
	cd "$BATS_TEST_TMPDIR"
	run sh -c '(ulimit -f 0 && exec "$BUILD/wg" genkey --out key) 2>&1 | cat'
	[[ $output == *"/wg: key: File too large" ]]
	[[ -z $(ls) ]]
}

@test "--out when interrupted makes both files or none" {
	cd "$BATS_TEST_TMPDIR"
	command -v strace >/dev/null || skip "needs strace"
	run strace -o log -e inject=fsync:signal=INT:when=1 "$BUILD/wg" genkey --out key
	grep SIGINT log
	[[ -s key && -s key.pub ]]
}
