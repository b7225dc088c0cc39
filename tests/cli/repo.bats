# The repository itself: what README.md promises, and `make install`.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	scratch=$(mktemp -d)
}

teardown() {
	rm -rf "$scratch"
}

@test "every path that README.md names exists" {
	paths=$(grep -oE '`(lib|cmd|datapath|tests|man|completions|systemd|docs)/[A-Za-z0-9_./-]+`' README.md | tr -d '`')
	[ -n "$paths" ]
	for path in $paths; do
		[ -e "$path" ] || { echo "$path"; false; }
	done
}

@test "make install puts every program, its page and its completion in place" {
	make -s BUILD="$BUILD" SAN="$SAN" CC="${CC:-gcc}" WERROR="$WERROR" DESTDIR="$scratch" PREFIX=/opt/wg \
		SYSTEMDUNITDIR=/units SYSCONFDIR="${SYSCONFDIR:-/etc}" install
	for program in wg wg-quick wg-datapath; do
		[ -x "$scratch/opt/wg/bin/$program" ]
		[ -s "$scratch/opt/wg/share/man/man8/$program.8" ]
	done
	for program in wg wg-quick; do
		[ -s "$scratch/opt/wg/share/bash-completion/completions/$program" ]
		[ -s "$scratch/opt/wg/share/zsh/site-functions/_$program" ]
		[ -s "$scratch/opt/wg/share/fish/vendor_completions.d/$program.fish" ]
	done
	for unit in systemd/*; do
		[ -s "$scratch/units/$(basename "$unit")" ]
	done
	[ "$(grep -ho '^ExecStart=.* ' "$scratch"/units/*.service | sort)" = \
		"$(printf 'ExecStart=/opt/wg/bin/wg-quick %s \n' reresolve up)" ]
	[ "$(stat -c %a "$scratch/etc/wireguard")" = 700 ]
}

@test "make uninstall takes away what install put there, and leaves the keys" {
	make="make -s BUILD=$BUILD SAN=$SAN CC=${CC:-gcc} WERROR=$WERROR DESTDIR=$scratch"
	$make install
	touch "$scratch/etc/wireguard/wg0.conf"
	$make uninstall
	[ "$(find "$scratch" -type f -printf '%P\n')" = etc/wireguard/wg0.conf ]
}

@test "make setup is silent when all packages are there" {
	run make -s setup
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "manual pages are well-formed" {
	for page in man/*.8; do
		mandoc -Tlint -Wwarning "$page"
	done
}
