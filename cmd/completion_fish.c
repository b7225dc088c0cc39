/*
 * The completion script for fish. One function says where on the line the cursor is; the rest is
 * `complete` commands, one for each thing that can be offered, with the place as its condition.
 */
#include "cmd/completion.h"
#include "lib/util/cleanup.h"

static const char intro[] =
	"# fish completion for @p(8), made from its own table: @p completion fish\n"
	"\n"
	"# Where the cursor is, in lines: the place, which is \"command\" or SUBCOMMAND and the "
	"number\n"
	"# of an argument or what a value belongs to; the first argument; words that may come "
	"next.\n"
	"function _@f_place\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l arguments\n"
	"\tset -l option\n"
	"\tset -l ended\n"
	"\tset -l closed\n"
	"\tset -l known\n"
	"\tset -l valued\n"
	"\tset -l last\n"
	"\tset -l first 0\n"
	"\tset -l left\n"
	"\tset -l opens\n"
	"\tset -l within\n"
	"\tset -l alone\n"
	"\tset -l with_value\n"
	"\tif not set -q words[2]\n"
	"\t\techo command\n"
	"\t\treturn\n"
	"\tend\n"
	"\tset -l command $words[2]\n"
	"\tset -e words[1..2]\n"
	"\tswitch $command\n";

static const char sort[] = "\tend\n"
			   "\tfor word in $words\n"
			   "\t\tset -l name (string replace -r '(?s)=.*' '' -- $word)\n"
			   "\t\tif set -q option[1] # this was its value\n"
			   "\t\t\tset option\n"
			   "\t\telse if set -q ended[1]\n"
			   "\t\t\tset -a arguments $word\n"
			   "\t\telse if test \"$word\" = --\n"
			   "\t\t\tset ended yes\n"
			   "\t\telse if contains -- \"$name\" $known\n"
			   "\t\t\tcontains -- $word $valued\n"
			   "\t\t\tand set option $word\n"
			   "\t\telse\n"
			   "\t\t\tset -a arguments $word\n"
			   "\t\t\tcontains -- \"$word\" $last\n"
			   "\t\t\tand set closed yes\n"
			   "\t\tend\n"
			   "\tend\n"
			   "\tif set -q option[1]\n"
			   "\t\techo $command $option\n"
			   "\t\treturn\n"
			   "\telse if set -q closed[1]\n"
			   "\t\treturn\n"
			   "\tend\n";

static const char series[] =
	"\t# Words that follow each other, each with its value.\n"
	"\tif test (count $arguments) -lt $first\n"
	"\t\tset left\n"
	"\t\tset opens\n"
	"\tend\n"
	"\tset -l others $arguments\n"
	"\ttest $first -gt 0\n"
	"\tand set -e others[1..$first]\n"
	"\tfor word in $others\n"
	"\t\tif set -q option[1] # this was its value\n"
	"\t\t\tset option\n"
	"\t\t\tcontinue\n"
	"\t\tend\n"
	"\t\tcontains -- \"$word\" $with_value\n"
	"\t\tand set option $word\n"
	"\t\tif contains -- \"$word\" $opens\n"
	"\t\t\tset left $within\n"
	"\t\telse if contains -- \"$word\" $alone # whatever follows does not count\n"
	"\t\t\tset left\n"
	"\t\telse\n"
	"\t\t\tfor gone in $word $alone\n"
	"\t\t\t\tset -l at (contains -i -- $gone $left)\n"
	"\t\t\t\tand set -e left[$at]\n"
	"\t\t\tend\n"
	"\t\tend\n"
	"\tend\n"
	"\tset -a left $opens\n"
	"\tif set -q option[1]\n"
	"\t\tprintf '%s\\n' \"$command $option\" \"$arguments[1]\"\n"
	"\t\treturn\n"
	"\tend\n";

static const char functions[] =
	"\tprintf '%s\\n' \"$command \"(count $arguments) \"$arguments[1]\" $left\n"
	"end\n"
	"\n"
	"function _@f_at -a place\n"
	"\tset -l lines (_@f_place)\n"
	"\ttest \"$lines[1]\" = $place\n"
	"end\n"
	"\n"
	"# Whether an option of a subcommand is being typed, and was not given yet.\n"
	"function _@f_option -a command option\n"
	"\tset -l words (commandline -opc)\n"
	"\tstring match -q -- '-*' (commandline -ct)\n"
	"\tand test \"$words[2]\" = $command\n"
	"\tand not string match -q -r -- \"^$option(=|\\$)\" $words[3..]\n"
	"\tand not contains -- -- $words[3..]\n"
	"end\n"
	"\n"
	"function _@f_interfaces\n"
	"\tstring split -n ' ' -- (wg show interfaces 2>/dev/null)\n"
	"end\n";

static const char series_functions[] =
	"\n"
	"# Whether a word may come next.\n"
	"function _@f_left -a command word\n"
	"\tset -l lines (_@f_place)\n"
	"\tstring match -q -r -- \"^$command [0-9]+\\$\" \"$lines[1]\"\n"
	"\tand contains -- $word $lines[3..]\n"
	"end\n";

static const char configurations[] =
	"\n"
	"# Those that can be names of configurations.\n"
	"function _@f_names\n"
	"\tstring match -r '^[a-zA-Z0-9_=+.-]{1,15}$' -- $argv\n"
	"end\n"
	"\n"
	"function _@f_configurations\n"
	"\tset -l files @c/*.conf # unlike others, this command takes no match for an answer\n"
	"\t_@f_names (string replace -r '.*/(.*)\\.conf$' '$1' -- $files)\n"
	"end\n"
	"\n"
	"# Without a slash it is a name.\n"
	"function _@f_files\n"
	"\tstring match -q '*/*' -- (commandline -ct)\n"
	"\tand __fish_complete_suffix .conf\n"
	"end\n";

static const char keys[] =
	"\n"
	"# The peers of the interface that is the first argument: names come before keys.\n"
	"function _@f_keys\n"
	"\tset -l lines (_@f_place)\n"
	"\twg show \"$lines[2]\" peers --names 2>/dev/null | string match '@*'\n"
	"\twg show \"$lines[2]\" peers 2>/dev/null\n"
	"end\n";

/* "set name a b c", unless there are none. */
static void add_variable(struct strbuf *out, const char *name, const struct cli_argument *argument,
			 enum completion_words which)
{
	struct cli_word word;
	size_t i = 0;

	if (!completion_next(&word, &i, argument, which))
		return;
	strbuf_addf(out, "\t\tset %s %s", name, word.name);
	while (completion_next(&word, &i, argument, which))
		strbuf_addf(out, " %s", word.name);
	strbuf_add_char(out, '\n');
}

/* What is known about a subcommand's words. */
static void add_variables(struct strbuf *out, const struct cli_command *command)
{
	const struct cli_argument *words = completion_series(command);
	AUTO(strbuf_fini) struct strbuf body = { 0 };

	if (command->options) {
		strbuf_add(&body, "\t\tset known");
		for (const struct cli_option *option = command->options; option->name; option++)
			strbuf_addf(&body, " --%s", option->name);
		strbuf_add(&body, "\n\t\tset valued");
		for (const struct cli_option *option = command->options; option->name; option++)
			if (option->value && !option->is_optional)
				strbuf_addf(&body, " --%s", option->name);
		strbuf_add_char(&body, '\n');
	}
	for (size_t i = 0; i < command->n_arguments; i++)
		add_variable(&body, "last", &command->arguments[i], COMPLETION_LAST);
	if (words) {
		strbuf_addf(&body, "\t\tset first %zu\n", command->n_arguments - 1);
		add_variable(&body, "left", words, COMPLETION_BEFORE);
		add_variable(&body, "opens", words, COMPLETION_OPENS);
		add_variable(&body, "within", words, COMPLETION_WITHIN);
		add_variable(&body, "alone", words, COMPLETION_ALONE);
		add_variable(&body, "with_value", words, COMPLETION_VALUED);
	}
	if (body.len)
		strbuf_addf(out, "\tcase %s\n%s", command->name, body.text);
}

/* One `complete` with a condition: what follows "complete -c PROGRAM -n '_FUNCTION ". */
static void add_complete(struct strbuf *out, const struct cli_table *table, const char *condition,
			 const char *words, const char *description)
{
	completion_add_text(out, "complete -c @p -n '_@f_", table);
	strbuf_addf(out, "%s' ", condition);
	completion_add_text(out, words, table);
	if (description) {
		strbuf_add(out, " -d ");
		completion_add_quoted(out, description, "\\");
	}
	strbuf_add_char(out, '\n');
}

static void add_kind(struct strbuf *out, const struct cli_table *table, const char *condition,
		     enum cli_kind kind)
{
	switch (kind) {
	case CLI_INTERFACE:
		add_complete(out, table, condition, "-a '(_@f_interfaces)'", "interface");
		break;
	case CLI_CONFIG:
		add_complete(out, table, condition, "-a '(_@f_configurations)'", "configuration");
		break;
	case CLI_RUNNING:
		add_complete(out, table, condition, "-a '(_@f_names (_@f_interfaces))'",
			     "interface");
		break;
	case CLI_FILE:
		add_complete(out, table, condition, "-F", NULL);
		break;
	case CLI_KEY:
		add_complete(out, table, condition, "-k -a '(_@f_keys)'", "peer");
		break;
	case CLI_TEXT:
	case CLI_WORDS:
		break;
	}
	/* Their files can be given as well. */
	if (kind == CLI_CONFIG || kind == CLI_RUNNING)
		add_complete(out, table, condition, "-a '(_@f_files)'", NULL);
}

static void add_options(struct strbuf *out, const struct cli_table *table,
			const struct cli_command *command)
{
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		AUTO(strbuf_fini) struct strbuf condition = { 0 }, words = { 0 };

		strbuf_addf(&condition, "option %s --%s", command->name, o->name);
		if (o->value && !o->is_optional) {
			completion_add_text(&condition, "; or _@f_at", table);
			strbuf_addf(&condition, " \"%s --%s\"", command->name, o->name);
		}
		strbuf_addf(&words, "-l %s", o->name);
		if (o->value && !o->is_optional)
			strbuf_add(&words, o->kind == CLI_FILE ? " -r -F" : " -x");
		add_complete(out, table, condition.text, words.text, o->description);
		if (!o->is_optional)
			continue;
		strbuf_clear(&words);
		strbuf_addf(&words, "-a --%s=", o->name);
		add_complete(out, table, condition.text, words.text, o->description);
	}
}

static void add_values(struct strbuf *out, const struct cli_table *table,
		       const struct cli_command *command)
{
	const struct cli_argument *words = completion_series(command);
	struct cli_word word;

	for (size_t i = 0; words && completion_next(&word, &i, words, COMPLETION_VALUED);) {
		AUTO(strbuf_fini) struct strbuf condition = { 0 }, also = { 0 };

		strbuf_addf(&condition, "at \"%s %s\"", command->name, word.name);
		add_kind(out, table, condition.text, word.kind);
		if (!word.also)
			continue;
		strbuf_addf(&also, "-a %s", word.also);
		add_complete(out, table, condition.text, also.text, NULL);
	}
}

static void add_arguments(struct strbuf *out, const struct cli_table *table,
			  const struct cli_command *command)
{
	for (size_t n = 0; n < command->n_arguments; n++) {
		const struct cli_argument *argument = &command->arguments[n];
		AUTO(strbuf_fini) struct strbuf at = { 0 };
		struct cli_word word;

		strbuf_addf(&at, "at \"%s %zu\"", command->name, n);
		if (argument->times != CLI_ANY_NUMBER)
			add_kind(out, table, at.text, argument->kind);
		for (size_t i = 0; cli_word(&word, argument, i); i++) {
			AUTO(strbuf_fini) struct strbuf words = { 0 }, left = { 0 };

			strbuf_addf(&words, "-a %s", word.name);
			strbuf_addf(&left, "left %s %s", command->name, word.name);
			add_complete(out, table,
				     argument->times == CLI_ANY_NUMBER ? left.text : at.text,
				     words.text, word.description);
		}
	}
}

static void add_commands(struct strbuf *out, const struct cli_table *table)
{
	completion_add_text(out, "\ncomplete -c @p -f\n", table);
	for (const struct cli_option *o = table->options; o && o->name; o++) {
		AUTO(strbuf_fini) struct strbuf words = { 0 };

		strbuf_addf(&words, "-l %s", o->name);
		add_complete(out, table, "at command", words.text, o->description);
	}
	for (const struct cli_command *command = table->commands; command->name; command++) {
		AUTO(strbuf_fini) struct strbuf words = { 0 };

		strbuf_addf(&words, "-a %s", command->name);
		add_complete(out, table, "at command", words.text, command->description);
	}
}

void completion_add_fish(struct strbuf *out, const struct cli_table *table)
{
	bool any_series = completion_any_series(table);

	completion_add_text(out, intro, table);
	for (const struct cli_command *command = table->commands; command->name; command++)
		add_variables(out, command);
	strbuf_add(out, sort);
	if (any_series)
		strbuf_add(out, series);
	completion_add_text(out, functions, table);
	if (any_series)
		completion_add_text(out, series_functions, table);
	if (completion_uses(table, CLI_CONFIG) || completion_uses(table, CLI_RUNNING))
		completion_add_text(out, configurations, table);
	if (completion_uses(table, CLI_KEY))
		completion_add_text(out, keys, table);

	add_commands(out, table);
	for (const struct cli_command *command = table->commands; command->name; command++) {
		strbuf_add_char(out, '\n');
		add_options(out, table, command);
		add_arguments(out, table, command);
		add_values(out, table, command);
	}
}
