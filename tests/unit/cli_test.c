/* Options among the words of a command line: which are taken, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "cmd/cli.h"
#include "lib/util/cleanup.h"

static const struct cli_option options[] = {
	{ .name = "json" },
	{ .name = "js" },
	{ .name = "out", .value = "FILE" },
	{ .name = "watch", .value = "SECONDS", .is_optional = true },
	{ .name = "refused" },
	{ .name = NULL },
};

static const struct cli_argument arguments[] = { { .name = "<a>", .times = CLI_OPTIONAL } };
static const struct cli_command command = {
	.name = "any", .options = options, .arguments = arguments, .n_arguments = 1
};

/* Notes "name" or "name=value" and a blank. */
static int note(void *ctx, const struct cli_option *option, const char *value, struct err *err)
{
	struct strbuf *taken = ctx;

	if (!strcmp(option->name, "refused"))
		return err_set(err, -EINVAL, "refused");
	strbuf_addf(taken, "%s%s%s ", option->name, value ? "=" : "", value ? value : "");
	return 0;
}

enum {
	MAX_WORDS = 16
};

/* Cuts `line` at its blanks; "''" is the empty word. argv[0] is the first. */
static int split(char **argv, char *line)
{
	int argc = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < MAX_WORDS);
		argv[argc++] = !strcmp(word, "''") ? word + 2 : word;
	}
	argv[argc] = NULL;
	return argc;
}

static void assert_takes_of(const struct cli_command *of, const char *line, const char *taken,
			    const char *left)
{
	AUTO(strbuf_fini) struct strbuf copy = { 0 }, notes = { 0 }, rest = { 0 };
	char *argv[MAX_WORDS + 1];
	struct err err;
	int argc;

	strbuf_add(&copy, line);
	argc = split(argv, copy.text);
	assert_int_equal(cli_take_options(&argc, argv, of, note, &notes, &err), 0);
	assert_null(argv[argc]);
	for (int i = 0; i < argc; i++)
		strbuf_addf(&rest, "%s%s", i ? " " : "", *argv[i] ? argv[i] : "''");
	assert_string_equal(notes.len ? notes.text : "", taken);
	assert_string_equal(rest.text, left);
}

static void assert_takes(const char *line, const char *taken, const char *left)
{
	assert_takes_of(&command, line, taken, left);
}

static void assert_refuses(const char *line, const char *message)
{
	AUTO(strbuf_fini) struct strbuf copy = { 0 }, notes = { 0 };
	char *argv[MAX_WORDS + 1];
	struct err err;
	int argc;

	strbuf_add(&copy, line);
	argc = split(argv, copy.text);
	assert_int_equal(cli_take_options(&argc, argv, &command, note, &notes, &err), -EINVAL);
	assert_string_equal(err.text, message);
}

static void options_stand_anywhere(void **state)
{
	(void)state;
	assert_takes("show", "", "show");
	assert_takes("show wg0 dump", "", "show wg0 dump");
	assert_takes("show --json", "json ", "show");
	assert_takes("show --json wg0 --js dump --json", "json js json ", "show wg0 dump");
	assert_takes("--json wg0", "", "--json wg0");
}

static void values_follow(void **state)
{
	(void)state;
	assert_takes("genkey --out a b", "out=a ", "genkey b");
	assert_takes("genkey b --out=a=c", "out=a=c ", "genkey b");
	assert_takes("genkey --out --json", "out=--json ", "genkey");
	assert_takes("genkey --out -- --json", "out=-- json ", "genkey");
	assert_takes("show --watch 5", "watch ", "show 5");
	assert_takes("show --watch=5 5", "watch=5 ", "show 5");
}

static void what_is_no_option_stays(void **state)
{
	(void)state;
	assert_takes("show -json - --jso --jsonx --help=1 '' ---json", "",
		     "show -json - --jso --jsonx --help=1 '' ---json");
}

static void two_dashes_end_options(void **state)
{
	(void)state;
	assert_takes("show --", "", "show");
	assert_takes("show --json -- --json wg0 --", "json ", "show --json wg0 --");
}

static void bad_values_are_refused(void **state)
{
	(void)state;
	assert_refuses("show --json=1", "--json takes no value");
	assert_refuses("show --json=", "--json takes no value");
	assert_refuses("genkey --out", "--out needs a value: FILE");
	assert_refuses("genkey --out=", "--out needs a value: FILE");
	assert_refuses("genkey --out ''", "--out needs a value: FILE");
	assert_refuses("show --watch=", "--watch needs a value: SECONDS");
	assert_refuses("show --refused --json=1", "refused");
}

static void no_options_take_nothing(void **state)
{
	char *argv[] = { (char[]){ "pubkey" }, (char[]){ "--json" }, NULL };
	const struct cli_command plain = { .name = "pubkey" };
	struct err err;
	int argc = 2;

	(void)state;
	assert_int_equal(cli_take_options(&argc, argv, &plain, note, NULL, &err), 0);
	assert_int_equal(argc, 2);
	assert_string_equal(argv[1], "--json");
}

/* What a script has in the place of a value is a value. */
static void values_of_words_are_no_options(void **state)
{
	static const struct cli_word words[] = { { .name = "port", .value = "N" },
						 { .name = "remove" },
						 { .name = NULL } };
	static const struct cli_argument series[] = { { .name = "<interface>" },
						      { .times = CLI_ANY_NUMBER, .words = words } };
	const struct cli_command set = {
		.name = "set", .options = options, .arguments = series, .n_arguments = 2
	};

	(void)state;
	assert_takes_of(&set, "set wg0 port --json", "", "set wg0 port --json");
	assert_takes_of(&set, "set wg0 port -- --json", "json ", "set wg0 port --");
	assert_takes_of(&set, "set wg0 port port --json port", "json ", "set wg0 port port port");
	assert_takes_of(&set, "set wg0 remove --json", "json ", "set wg0 remove");
	assert_takes_of(&set, "set --json port --js remove", "json js ", "set port remove");
	assert_takes_of(&set, "set wg0 --json port --js", "json ", "set wg0 port --js");
}

static void all_that_there_must_be_is_no_option(void **state)
{
	static const struct cli_argument both[] = { { .name = "<interface>" },
						    { .name = "<file>" } };
	const struct cli_command setconf = {
		.name = "setconf", .options = options, .arguments = both, .n_arguments = 2
	};

	(void)state;
	assert_takes_of(&setconf, "setconf wg0 --json", "", "setconf wg0 --json");
	assert_takes_of(&setconf, "setconf wg0 --", "", "setconf wg0 --");
	assert_takes_of(&setconf, "setconf --json wg0 file", "json ", "setconf wg0 file");
	assert_takes_of(&setconf, "setconf wg0 file --json", "json ", "setconf wg0 file");
	assert_takes_of(&setconf, "setconf wg0 -- --json", "", "setconf wg0 --json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(values_follow),
		cmocka_unit_test(what_is_no_option_stays),
		cmocka_unit_test(two_dashes_end_options),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(no_options_take_nothing),
		cmocka_unit_test(values_of_words_are_no_options),
		cmocka_unit_test(all_that_there_must_be_is_no_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
