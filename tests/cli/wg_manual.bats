#!/usr/bin/env bats
# man/wg.8 against what wg itself knows: its tables, by way of the completion script for fish, which
# has all their words, and the sources where there is no other way.

bats_require_minimum_version 1.5.0

setup() {
	ROOT=$BATS_TEST_DIRNAME/../..
	PAGE=$ROOT/man/wg.8
	KEYS=$BATS_TEST_TMPDIR/keys
	"$BUILD/wg" completion fish | grep '^complete' >"$BATS_TEST_TMPDIR/table"
	section 'THE LIVE VIEW' | sed -n '/^\.Bl/,/^\.El/p' >"$KEYS"
}

# words [SUBCOMMAND]: the words that may stand somewhere behind `wg`, or behind `wg SUBCOMMAND`.
words() {
	sed -nE "s/.*'_[a-z_]* \"?${1:+$1 }.* -a ([a-z][^ ]*).*/\1/p" "$BATS_TEST_TMPDIR/table" | sort -u
}

subcommands() {
	sed -nE "s/.*_at command' -a ([a-z]+).*/\1/p" "$BATS_TEST_TMPDIR/table" | sort -u
}

options() {
	sed -nE 's/.* -l ([a-z-]+).*/\1/p' "$BATS_TEST_TMPDIR/table" | sort -u
}

# variables: what the program asks the environment for.
variables() {
	grep -rhoE '"WG_[A-Z_]+"' "$ROOT"/cmd/wg "$ROOT"/cmd/*.c "$ROOT/lib" | tr -d '"' | sort -u
}

# keys SECTION: the keys of a configuration file's section, those of wg.
keys() {
	grep -oE "IN_$1\(\"[A-Za-z]+\"\), OF_WG" "$ROOT/lib/conf/keys.c" | cut -d '"' -f 2 | sort -u
}

# view_keys: the characters that the live view takes, each with what it does.
view_keys() {
	sed -nE "s/.*\{ '(.)', WATCH_KEY_([A-Z_]+) \}.*/\1 \2/p" "$ROOT/cmd/wg/watch_keys.c"
}

# section NAME: the lines of a section of the page.
section() {
	sed -n "/^\.Sh $1\$/,/^\.Sh /p" "$PAGE" | sed '$d'
}

# arguments MACRO [FILE]: all that the page has as arguments of a macro, one a line.
arguments() {
	awk -v macro="$1" '/^\./ {
		is_one = 0
		for (i = 1; i <= NF; i++) {
			word = $i
			sub(/^\./, "", word)
			sub(/^\\&/, "", word)
			if (word ~ /^[A-Z][a-z][a-z]?$/) is_one = word == macro
			else if (is_one && word !~ /^[][|,.:;()]$/) print word
		}
	}' "${2:-$PAGE}" | sort -u
}

# known ALL SOME: whether all lines of the second are lines of the first.
known() {
	local unknown
	unknown=$(comm -13 <(sort -u <<<"$1") <(sort -u <<<"$2"))
	[[ -z $unknown ]] || { echo "unknown: $unknown"; false; }
}

@test "the tables can be read" {
	(($(subcommands | wc -l) == 12))
	(($(options | wc -l) >= 9))
	(($(words show | wc -l) == 14))
	(($(words set | wc -l) == 10)) # and off
	(($(variables | wc -l) >= 3))
	(($(view_keys | wc -l) >= 10))
	[[ $(keys INTERFACE | paste -sd ' ') == 'FwMark ListenPort PrivateKey' ]]
	(($(keys PEER | wc -l) == 5))
}

@test "the manual has every subcommand, field and word" {
	known "$(arguments Cm)" "$(words)"
	# Subcommands and the words of set have a paragraph each.
	grep '^\.It' "$PAGE" >"$BATS_TEST_TMPDIR/items"
	known "$(arguments Cm "$BATS_TEST_TMPDIR/items")" "$(subcommands)"
	known "$(arguments Cm "$BATS_TEST_TMPDIR/items")" "$(words set | grep -v '^off$')"
}

@test "the manual has every option" {
	grep '^\.It' "$PAGE" >"$BATS_TEST_TMPDIR/items"
	for option in $(options | grep -vE '^(help|version)$'); do
		grep -qx -- "-$option" <(arguments Fl "$BATS_TEST_TMPDIR/items") || { echo "$option"; false; }
	done
	known "$(arguments Fl)" "$(options | sed 's/^/-/')"
}

@test "each option is described where its subcommand is" {
	for subcommand in show set setconf addconf syncconf genkey genpsk; do
		section=$(sed -n "/^\.Ss Options of.*\<$subcommand\>/,/^\.El/p" "$PAGE")
		options=$("$BUILD/wg" help "$subcommand" | sed -nE 's/^  --([a-z]+).*/\1/p' | sort)
		[[ $(sed -nE 's/^\.It Fl -([a-z]+).*/\1/p' <<<"$section" | sort) == "$options" ]]
	done
}

@test "the manual has no other words and options" {
	# Other than the tables': signs, values of the environment, one of wg-quick's, and keys.
	known "$(words; printf '%s\n' + - @ always never infinity strip; arguments Cm "$KEYS")" \
		"$(arguments Cm)"
	known "$(options | sed 's/^/-/'; printf '%s\n' h v -)" "$(arguments Fl | grep -vE '^(=|Ns)$')"
}

@test "the manual has the variables of the environment, and no others" {
	[[ $(variables) == "$(sed -n 's/^\.It Ev //p' "$PAGE" | sort -u)" ]]
	known "$(variables; echo TERM)" "$(arguments Ev)"
}

@test "the manual has a key for all that the live view does, and no others" {
	page=$(arguments Cm "$KEYS")
	known "$(view_keys | cut -c 1; printf '%s\n' Esc Ctrl-C space PgUp PgDn Home End)" "$page"
	for action in $(view_keys | cut -c 3- | grep -vE 'PAGE|HOME|END' | sort -u); do
		view_keys | sed -n "s/ $action\$//p" | grep -qxFf <(echo "$page") || { echo "$action"; false; }
	done
}

@test "the manual has the keys of configuration files, and no others" {
	for section in Interface Peer; do
		in_page=$(sed -n "/^The keys of/,/^\.El/p" "$PAGE" | sed -n "/^\.Ql \[$section\]/,/^\.El/p" |
			sed -n 's/^\.It Ic //p' | sort -u)
		[[ $in_page == "$(keys "${section^^}")" ]]
	done
	[[ $(sed -n 's/^\.It Ic //p' "$PAGE" | sort -u) == "$(keys '(INTERFACE|PEER)')" ]]
}

@test "the synopsis has every subcommand and every option" {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$PAGE" >"$BATS_TEST_TMPDIR/synopsis"
	known "$(arguments Cm "$BATS_TEST_TMPDIR/synopsis")" "$(subcommands)"
	known "$(arguments Fl "$BATS_TEST_TMPDIR/synopsis")" \
		"$(options | grep -vE '^(help|version)$' | sed 's/^/-/')"
}

@test "the manual is clean" {
	command -v mandoc || skip "no mandoc"
	run -0 mandoc -Tlint -Wwarning "$PAGE"
	[[ -z $output ]]
}
