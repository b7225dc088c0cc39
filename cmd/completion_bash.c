/*
 * The completion script for bash. It is written in two parts: functions that are the same for every
 * program, and one with a `case` for each subcommand, which the table fills.
 */
#include "cmd/completion.h"
#include "lib/util/cleanup.h"

static const char intro[] =
	"# bash completion for @p(8), made from its own table: @p completion bash\n"
	"\n"
	"# The words before the cursor, from the line itself: bash cuts its own at \"=\", \":\" "
	"and\n"
	"# \"@\", which keys, endpoints and names are full of. The last one is what is being "
	"typed,\n"
	"# perhaps empty.\n"
	"@f_split() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT}\n"
	"\n"
	"\t# Without -r: a blank after a backslash is part of a word.\n"
	"\t# shellcheck disable=SC2162\n"
	"\tread -a words <<<\"$line\"\n"
	"\t[[ $line != *[^\\\\][[:space:]] ]] || words+=('')\n"
	"\tcur=${words[-1]}\n"
	"\t# Bash puts the reply in the place of what stands after the last of these.\n"
	"\ttyped=''\n"
	"\t[[ $COMP_WORDBREAKS != *=* ]] || typed=${cur%\"${cur##*=}\"}\n"
	"\t[[ $COMP_WORDBREAKS != *:* || ${cur#\"$typed\"} != *:* ]] ||\n"
	"\t\ttyped=${cur%\"${cur##*:}\"}\n"
	"\t[[ $COMP_WORDBREAKS != *@* || ${cur#\"$typed\"} != *@* ]] || typed=${cur%@*}\n"
	"}\n"
	"\n"
	"# Offers those of the words that begin with what is typed. They are nothing but text: "
	"compgen\n"
	"# would expand them, and an interface may be called $(reboot).\n"
	"@f_reply() {\n"
	"\tlocal word\n"
	"\n"
	"\tfor word; do\n"
	"\t\t[[ $word == \"$cur\"* ]] || continue\n"
	"\t\tprintf -v word %q \"${word#\"$typed\"}\"\n"
	"\t\tCOMPREPLY+=(\"${word#\\'\\'}\")\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# Sorts the words between the subcommand and the cursor into arguments and options; "
	"`option`\n"
	"# is the one whose value is being typed. What was given is not offered again.\n"
	"@f_sort() {\n"
	"\tlocal word name\n"
	"\n"
	"\tfor word in \"${words[@]:2:${#words[@]}-3}\"; do\n"
	"\t\tname=${word%%=*}\n"
	"\t\tif [[ $option ]]; then # this was its value\n"
	"\t\t\toption=''\n"
	"\t\telif [[ $ended ]]; then\n"
	"\t\t\targuments+=(\"$word\")\n"
	"\t\telif [[ $word == -- ]]; then\n"
	"\t\t\tended=yes\n"
	"\t\telif [[ $known == *\" $name \"* ]]; then\n"
	"\t\t\toptions=${options/ $name / } options=${options/ $name= / }\n"
	"\t\t\t[[ $valued != *\" $word \"* ]] || option=$word\n"
	"\t\telse\n"
	"\t\t\targuments+=(\"$word\")\n"
	"\t\t\t[[ $last != *\" $word \"* ]] || closed=yes\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# Offers options, if one is being typed; what follows its \"=\" is a value.\n"
	"@f_options() {\n"
	"\tlocal -a all=()\n"
	"\n"
	"\t[[ $cur == -* && ! $option && ! $ended ]] || return\n"
	"\tif [[ $cur == *=* && $known == *\" ${cur%%=*} \"* ]]; then\n"
	"\t\toption=${cur%%=*} cur=${cur#*=}\n"
	"\t\treturn 1\n"
	"\tfi\n"
	"\tread -r -a all <<<\"$options\"\n"
	"\t@f_reply \"${all[@]}\"\n"
	"}\n";

static const char files[] =
	"\n"
	"# As where there is no completion for a command: readline knows how to quote.\n"
	"@f_files() {\n"
	"\tcompopt -o default\n"
	"}\n";

static const char interfaces[] = "\n"
				 "@f_interfaces() {\n"
				 "\tlocal -a names=()\n"
				 "\n"
				 "\tread -r -a names < <(wg show interfaces 2>/dev/null)\n"
				 "\t@f_reply \"${names[@]}\"\n"
				 "}\n";

static const char configurations[] =
	"\n"
	"# Names of configurations, or their files, if there is a slash.\n"
	"@f_configurations() {\n"
	"\tlocal name\n"
	"\n"
	"\tif [[ $cur == */* ]]; then\n"
	"\t\tcompopt -o filenames\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -X '!*.conf' -- \"$cur\"; compgen -d -- "
	"\"$cur\")\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$typed\"}\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tfor name; do\n"
	"\t\tname=${name##*/} name=${name%.conf}\n"
	"\t\t[[ ! $name =~ ^[a-zA-Z0-9_=+.-]{1,15}$ ]] || @f_reply \"$name\"\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# Of those that are up.\n"
	"@f_running() {\n"
	"\tlocal -a names=()\n"
	"\n"
	"\tread -r -a names < <(wg show interfaces 2>/dev/null)\n"
	"\t@f_configurations \"${names[@]}\"\n"
	"}\n";

static const char keys[] =
	"\n"
	"# The peers of the interface that is the first argument: names come before keys.\n"
	"@f_keys() {\n"
	"\tlocal -a all=()\n"
	"\n"
	"\tcompopt -o nosort 2>/dev/null\n"
	"\tmapfile -t all < <(wg show \"${arguments[0]}\" peers --names 2>/dev/null | grep '^@'\n"
	"\t\twg show \"${arguments[0]}\" peers 2>/dev/null)\n"
	"\t@f_reply \"${all[@]}\"\n"
	"}\n";

static const char series[] =
	"\n"
	"# Goes through words that follow each other, each with its value: `left` are those that "
	"may\n"
	"# come next, `option` is the one whose value does.\n"
	"@f_series() {\n"
	"\tlocal word only\n"
	"\n"
	"\tfor word in \"${arguments[@]:first}\"; do\n"
	"\t\tif [[ $option ]]; then # this was its value\n"
	"\t\t\toption=''\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\t[[ $with_value != *\" $word \"* ]] || option=$word\n"
	"\t\tif [[ $opens == *\" $word \"* ]]; then\n"
	"\t\t\tleft=$within\n"
	"\t\telif [[ $alone == *\" $word \"* ]]; then # whatever follows does not count\n"
	"\t\t\tleft=' '\n"
	"\t\telse\n"
	"\t\t\tleft=${left/ \"$word\" / }\n"
	"\t\t\tfor only in $alone; do\n"
	"\t\t\t\tleft=${left/ $only / }\n"
	"\t\t\tdone\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tleft+=$opens\n"
	"}\n";

static const char main_begin[] = "\n"
				 "@f() {\n"
				 "\tlocal -a words=() arguments=()\n"
				 "\tlocal cur typed option='' ended='' closed=''\n"
				 "\tlocal options=' ' known=' ' valued=' ' last=' '\n";

static const char main_series[] =
	"\tlocal -i first=0\n"
	"\tlocal left=' ' opens=' ' within=' ' alone=' ' with_value=' '\n";

static const char main_sort[] = "\t@f_sort\n"
				"\t! @f_options || return\n"
				"\t[[ ! $closed ]] || return\n";

/* "name=' a b c '", unless there are none. */
static void add_variable(struct strbuf *out, const char *name, const struct cli_argument *argument,
			 enum completion_words which)
{
	struct cli_word word;
	size_t i = 0;

	if (!completion_next(&word, &i, argument, which))
		return;
	strbuf_addf(out, "\t\t%s=' ", name);
	do
		strbuf_addf(out, "%s ", word.name);
	while (completion_next(&word, &i, argument, which));
	strbuf_add(out, "'\n");
}

static void add_option_variables(struct strbuf *out, const struct cli_option *options)
{
	bool any_valued = false;

	if (!options)
		return;
	strbuf_add(out, "\t\toptions=' ");
	for (const struct cli_option *option = options; option->name; option++) {
		strbuf_addf(out, "--%s ", option->name);
		if (option->is_optional)
			strbuf_addf(out, "--%s= ", option->name);
		any_valued |= option->value && !option->is_optional;
	}
	strbuf_add(out, "'\n\t\tknown=' ");
	for (const struct cli_option *option = options; option->name; option++)
		strbuf_addf(out, "--%s ", option->name);
	strbuf_add(out, "'\n");
	if (!any_valued)
		return;
	strbuf_add(out, "\t\tvalued=' ");
	for (const struct cli_option *option = options; option->name; option++)
		if (option->value && !option->is_optional)
			strbuf_addf(out, "--%s ", option->name);
	strbuf_add(out, "'\n");
}

/* What is known about a subcommand's words. */
static void add_variables(struct strbuf *out, const struct cli_command *command)
{
	const struct cli_argument *words = completion_series(command);
	AUTO(strbuf_fini) struct strbuf body = { 0 };

	add_option_variables(&body, command->options);
	for (size_t i = 0; i < command->n_arguments; i++)
		add_variable(&body, "last", &command->arguments[i], COMPLETION_LAST);
	if (words) {
		strbuf_addf(&body, "\t\tfirst=%zu\n", command->n_arguments - 1);
		add_variable(&body, "left", words, COMPLETION_BEFORE);
		add_variable(&body, "opens", words, COMPLETION_OPENS);
		add_variable(&body, "within", words, COMPLETION_WITHIN);
		add_variable(&body, "alone", words, COMPLETION_ALONE);
		add_variable(&body, "with_value", words, COMPLETION_VALUED);
	}
	if (body.len)
		strbuf_addf(out, "\t%s)\n%s\t\t;;\n", command->name, body.text);
}

static const char *function_for(enum cli_kind kind)
{
	switch (kind) {
	case CLI_INTERFACE:
		return "\t\t@f_interfaces\n";
	case CLI_CONFIG:
		return "\t\t@f_configurations @c/*.conf\n";
	case CLI_RUNNING:
		return "\t\t@f_running\n";
	case CLI_FILE:
		return "\t\t@f_files\n";
	case CLI_KEY:
		return "\t\t@f_keys\n";
	case CLI_TEXT:
	case CLI_WORDS:
		break;
	}
	return "";
}

/* The branches for what follows options, and for what follows words of a series. */
static void add_values(struct strbuf *out, const struct cli_table *table,
		       const struct cli_command *command)
{
	const struct cli_argument *words = completion_series(command);
	struct cli_word word;

	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (!o->value)
			continue;
		strbuf_addf(out, "\t%s:--%s)\n", command->name, o->name);
		completion_add_text(out, function_for(o->kind), table);
		strbuf_add(out, "\t\t;;\n");
	}
	for (size_t i = 0; words && completion_next(&word, &i, words, COMPLETION_VALUED);) {
		strbuf_addf(out, "\t%s:%s)\n", command->name, word.name);
		completion_add_text(out, function_for(word.kind), table);
		if (word.also) {
			completion_add_text(out, "\t\t@f_reply ", table);
			strbuf_addf(out, "%s\n", word.also);
		}
		strbuf_add(out, "\t\t;;\n");
	}
}

/* The branches for arguments; `closed` keeps away what follows a last word. */
static void add_arguments(struct strbuf *out, const struct cli_table *table,
			  const struct cli_command *command)
{
	for (size_t n = 0; n < command->n_arguments; n++) {
		const struct cli_argument *argument = &command->arguments[n];
		struct cli_word word;
		bool any = false;

		if (argument->times == CLI_ANY_NUMBER) {
			strbuf_addf(out, "\t%s:*)\n\t\tread -r -a words <<<\"$left\"\n",
				    command->name);
			completion_add_text(out, "\t\t@f_reply \"${words[@]}\"\n\t\t;;\n", table);
			return;
		}
		strbuf_addf(out, "\t%s:%zu)\n", command->name, n);
		completion_add_text(out, function_for(argument->kind), table);
		for (size_t i = 0; cli_word(&word, argument, i); i++) {
			if (!any)
				completion_add_text(out, "\t\t@f_reply", table);
			any = true;
			strbuf_addf(out, " %s", word.name);
		}
		strbuf_add(out, any ? "\n\t\t;;\n" : "\t\t;;\n");
	}
}

/* In the place of the subcommand. */
static void add_commands(struct strbuf *out, const struct cli_table *table)
{
	strbuf_add(out, "\tif ((${#words[@]} == 2)); then\n");
	completion_add_text(out, "\t\t@f_reply", table);
	for (const struct cli_command *command = table->commands; command->name; command++)
		strbuf_addf(out, " %s", command->name);
	strbuf_add_char(out, '\n');
	if (table->options) {
		completion_add_text(out, "\t\t[[ $cur != -* ]] || @f_reply", table);
		for (const struct cli_option *o = table->options; o->name; o++)
			strbuf_addf(out, " --%s", o->name);
		strbuf_add_char(out, '\n');
	}
	strbuf_add(out, "\t\treturn\n\tfi\n");
}

void completion_add_bash(struct strbuf *out, const struct cli_table *table)
{
	bool any_series = completion_any_series(table);
	AUTO(strbuf_fini) struct strbuf variables = { 0 };

	completion_add_text(out, intro, table);
	if (completion_uses(table, CLI_FILE))
		completion_add_text(out, files, table);
	if (completion_uses(table, CLI_INTERFACE))
		completion_add_text(out, interfaces, table);
	if (completion_uses(table, CLI_CONFIG) || completion_uses(table, CLI_RUNNING))
		completion_add_text(out, configurations, table);
	if (completion_uses(table, CLI_KEY))
		completion_add_text(out, keys, table);
	if (any_series)
		completion_add_text(out, series, table);

	completion_add_text(out, main_begin, table);
	if (any_series)
		strbuf_add(out, main_series);
	completion_add_text(out, "\n\tCOMPREPLY=()\n\t@f_split\n", table);
	add_commands(out, table);
	for (const struct cli_command *c = table->commands; c->name; c++)
		add_variables(&variables, c);
	if (variables.len)
		strbuf_addf(out, "\tcase ${words[1]} in\n%s\tesac\n", variables.text);
	completion_add_text(out, main_sort, table);
	if (any_series)
		completion_add_text(out, "\t[[ $option ]] || @f_series\n", table);
	strbuf_add(out, "\tcase ${words[1]}:${option:-${#arguments[@]}} in\n");
	for (const struct cli_command *c = table->commands; c->name; c++) {
		add_values(out, table, c);
		add_arguments(out, table, c);
	}
	completion_add_text(out, "\tesac\n} && complete -F @f @p\n", table);
}
