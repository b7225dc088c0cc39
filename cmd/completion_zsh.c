/*
 * The completion script for zsh: functions that are the same for every program, and one with a
 * `case` for each subcommand, which the table fills. All that is offered from the table comes with
 * its description.
 */
#include "cmd/completion.h"
#include "lib/util/cleanup.h"

static const char intro[] =
	"#compdef @p\n"
	"\n"
	"# zsh completion for @p(8), made from its own table: @p completion zsh\n"
	"\n"
	"# Whether the first word is one of the others. Not an index in arithmetic, which would "
	"expand\n"
	"# what is in the word.\n"
	"@f_has() {\n"
	"\tlocal word=$1 one\n"
	"\n"
	"\tshift\n"
	"\tfor one; do\n"
	"\t\t[[ $one != \"$word\" ]] || return 0\n"
	"\tdone\n"
	"\treturn 1\n"
	"}\n"
	"\n"
	"# Sorts the words between the subcommand and the cursor into arguments and options; "
	"`option`\n"
	"# is the one whose value is being typed.\n"
	"@f_sort() {\n"
	"\tlocal word name\n"
	"\n"
	"\tfor word in \"${(@Q)words[3,CURRENT-1]}\"; do\n"
	"\t\tname=${word%%=*}\n"
	"\t\tif [[ -n $option ]]; then # this was its value\n"
	"\t\t\toption=''\n"
	"\t\telif [[ -n $ended ]]; then\n"
	"\t\t\targuments+=(\"$word\")\n"
	"\t\telif [[ $word == -- ]]; then\n"
	"\t\t\tended=yes\n"
	"\t\telif @f_has \"$name\" $known; then\n"
	"\t\t\tgiven+=($name)\n"
	"\t\t\t! @f_has \"$word\" $valued || option=$word\n"
	"\t\telse\n"
	"\t\t\targuments+=(\"$word\")\n"
	"\t\t\t! @f_has \"$word\" $last || closed=yes\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# Offers options, if one is being typed; what follows its \"=\" is a value.\n"
	"@f_options() {\n"
	"\tlocal -a plain=() assigned=()\n"
	"\tlocal entry name=${PREFIX%%=*}\n"
	"\n"
	"\t[[ $PREFIX == -* && -z $option && -z $ended ]] || return 1\n"
	"\tif [[ $PREFIX == *=* ]] && @f_has \"$name\" $known; then\n"
	"\t\toption=$name\n"
	"\t\treturn 1\n"
	"\tfi\n"
	"\tfor entry in \"${options[@]}\"; do\n"
	"\t\tname=${entry%%[:=]*}\n"
	"\t\t! @f_has \"$name\" $given || continue\n"
	"\t\tif [[ $entry == --[^:]#=* ]]; then\n"
	"\t\t\tassigned+=(\"${entry/=/}\")\n"
	"\t\telse\n"
	"\t\t\tplain+=(\"$entry\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t_describe -o option plain -- assigned -qS =\n"
	"\treturn 0\n"
	"}\n";

static const char interfaces[] = "\n"
				 "# Names are nothing but text: compadd quotes them.\n"
				 "@f_interfaces() {\n"
				 "\tlocal -a names=(${=\"$(wg show interfaces 2>/dev/null)\"})\n"
				 "\tlocal expl\n"
				 "\n"
				 "\t_wanted interfaces expl interface compadd -a - names\n"
				 "}\n";

static const char configurations[] =
	"\n"
	"# Names of configurations, or their files, if there is a slash.\n"
	"@f_configurations() {\n"
	"\tlocal -a names=(\"$@\")\n"
	"\tlocal expl\n"
	"\n"
	"\tif [[ $PREFIX == */* ]]; then\n"
	"\t\t_files -g '*.conf'\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tnames=(${(M)names:#[a-zA-Z0-9_=+.-](#c1,15)})\n"
	"\t_wanted configurations expl configuration compadd -a - names\n"
	"}\n"
	"\n"
	"# Of those that are up.\n"
	"@f_running() {\n"
	"\t@f_configurations ${=\"$(wg show interfaces 2>/dev/null)\"}\n"
	"}\n";

static const char keys[] =
	"\n"
	"# The peers of the interface that is the first argument: names come before keys.\n"
	"@f_keys() {\n"
	"\tlocal -a all=()\n"
	"\tlocal expl\n"
	"\n"
	"\tall=(${(M)${(f)\"$(wg show \"$arguments[1]\" peers --names 2>/dev/null)\"}:#@*}\n"
	"\t\t${(f)\"$(wg show \"$arguments[1]\" peers 2>/dev/null)\"})\n"
	"\t_wanted -V peers expl peer compadd -a - all\n"
	"}\n";

static const char series[] =
	"\n"
	"# Goes through words that follow each other, each with its value: `left` are those that "
	"may\n"
	"# come next, `option` is the one whose value does.\n"
	"@f_series() {\n"
	"\tlocal word\n"
	"\n"
	"\tfor word in \"${(@)arguments[first,-1]}\"; do\n"
	"\t\tif [[ -n $option ]]; then # this was its value\n"
	"\t\t\toption=''\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\t! @f_has \"$word\" $with_value || option=$word\n"
	"\t\tif @f_has \"$word\" $opens; then\n"
	"\t\t\tleft=($within)\n"
	"\t\telif @f_has \"$word\" $alone; then # whatever follows does not count\n"
	"\t\t\tleft=()\n"
	"\t\telse\n"
	"\t\t\tleft=(${${left:#${(b)word}}:|alone})\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tleft+=($opens)\n"
	"}\n"
	"\n"
	"# Of the words that are described, those that are left.\n"
	"@f_left() {\n"
	"\tlocal -a some=()\n"
	"\tlocal entry\n"
	"\n"
	"\tfor entry in \"$@\"; do\n"
	"\t\t! @f_has \"${entry%%:*}\" $left || some+=(\"$entry\")\n"
	"\tdone\n"
	"\t_describe -t words word some\n"
	"}\n";

static const char main_begin[] =
	"\n"
	"@f() {\n"
	"\tlocal -a arguments=() options=() known=() given=() valued=() last=()\n"
	"\tlocal -a described=()\n"
	"\tlocal option='' ended='' closed='' ret=1\n";

static const char main_series[] = "\tlocal -a left=() opens=() within=() alone=() with_value=()\n"
				  "\tlocal -i first=1\n";

static const char main_sort[] = "\t@f_sort\n"
				"\t! @f_options || return 0\n"
				"\t# What a function does to the prefix ends with it.\n"
				"\t[[ $PREFIX != --*=* || -z $option ]] || compset -P 1 '*='\n"
				"\t[[ -z $closed ]] || return 1\n";

/* Called by its file's name, or read into a shell that completes already. */
static const char outro[] = "\tesac\n"
			    "\treturn ret\n"
			    "}\n"
			    "\n"
			    "if [[ $funcstack[1] == _@p ]]; then\n"
			    "\t@f \"$@\"\n"
			    "else\n"
			    "\tcompdef @f @p\n"
			    "fi\n";

/* A line 'name:description' of a list; there are no colons in names. */
static void add_entry(struct strbuf *out, const char *indent, const char *name,
		      const char *description)
{
	AUTO(strbuf_fini) struct strbuf entry = { 0 };

	strbuf_addf(&entry, "%s:%s", name, description);
	strbuf_add(out, indent);
	completion_add_quoted(out, strbuf_text(&entry), "");
	strbuf_add_char(out, '\n');
}

/* "name=(a b c)", unless there are none. */
static void add_variable(struct strbuf *out, const char *name, const struct cli_argument *argument,
			 enum completion_words which)
{
	struct cli_word word;
	size_t i = 0;

	if (!completion_next(&word, &i, argument, which))
		return;
	strbuf_addf(out, "\t\t%s=( %s", name, word.name);
	while (completion_next(&word, &i, argument, which))
		strbuf_addf(out, " %s", word.name);
	strbuf_add(out, " )\n");
}

static void add_option_variables(struct strbuf *out, const struct cli_option *options)
{
	if (!options)
		return;
	strbuf_add(out, "\t\toptions=(\n");
	for (const struct cli_option *option = options; option->name; option++) {
		AUTO(strbuf_fini) struct strbuf name = { 0 };

		strbuf_addf(&name, option->is_optional ? "--%s=" : "--%s", option->name);
		add_entry(out, "\t\t\t", name.text, option->description);
	}
	strbuf_add(out, "\t\t)\n\t\tknown=(");
	for (const struct cli_option *option = options; option->name; option++)
		strbuf_addf(out, " --%s", option->name);
	strbuf_add(out, " )\n\t\tvalued=(");
	for (const struct cli_option *option = options; option->name; option++)
		if (option->value && !option->is_optional)
			strbuf_addf(out, " --%s", option->name);
	strbuf_add(out, " )\n");
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
		/* Arrays count from 1. */
		strbuf_addf(&body, "\t\tfirst=%zu\n", command->n_arguments);
		add_variable(&body, "left", words, COMPLETION_BEFORE);
		add_variable(&body, "opens", words, COMPLETION_OPENS);
		add_variable(&body, "within", words, COMPLETION_WITHIN);
		add_variable(&body, "alone", words, COMPLETION_ALONE);
		add_variable(&body, "with_value", words, COMPLETION_VALUED);
	}
	if (body.len)
		strbuf_addf(out, "\t(%s)\n%s\t\t;;\n", command->name, body.text);
}

static const char *function_for(enum cli_kind kind)
{
	switch (kind) {
	case CLI_INTERFACE:
		return "\t\t@f_interfaces && ret=0\n";
	case CLI_CONFIG:
		return "\t\t@f_configurations @c/*.conf(N:t:r) && ret=0\n";
	case CLI_RUNNING:
		return "\t\t@f_running && ret=0\n";
	case CLI_FILE:
		return "\t\t_files && ret=0\n";
	case CLI_KEY:
		return "\t\t@f_keys && ret=0\n";
	case CLI_TEXT:
	case CLI_WORDS:
		break;
	}
	return "";
}

/* What follows a word or an option; where nothing can be offered, what it is called is shown. */
static void add_value(struct strbuf *out, const struct cli_table *table, enum cli_kind kind,
		      const char *value, const char *also)
{
	completion_add_text(out, function_for(kind), table);
	if (also)
		strbuf_addf(out, "\t\t_wanted words expl %s compadd - %s && ret=0\n", also, also);
	if (kind == CLI_TEXT) {
		strbuf_add(out, "\t\t_message -r ");
		completion_add_quoted(out, value, "");
		strbuf_add_char(out, '\n');
	}
	strbuf_add(out, "\t\t;;\n");
}

static void add_values(struct strbuf *out, const struct cli_table *table,
		       const struct cli_command *command)
{
	const struct cli_argument *words = completion_series(command);
	struct cli_word word;

	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (!o->value)
			continue;
		strbuf_addf(out, "\t(%s:--%s)\n", command->name, o->name);
		add_value(out, table, o->kind, o->value, NULL);
	}
	for (size_t i = 0; words && completion_next(&word, &i, words, COMPLETION_VALUED);) {
		strbuf_addf(out, "\t(%s:%s)\n", command->name, word.name);
		add_value(out, table, word.kind, word.value, word.also);
	}
}

static void add_described(struct strbuf *out, const struct cli_argument *argument)
{
	struct cli_word word;

	strbuf_add(out, "\t\tdescribed=(\n");
	for (size_t i = 0; cli_word(&word, argument, i); i++)
		add_entry(out, "\t\t\t", word.name, word.description);
	strbuf_add(out, "\t\t)\n");
}

static void add_arguments(struct strbuf *out, const struct cli_table *table,
			  const struct cli_command *command)
{
	for (size_t n = 0; n < command->n_arguments; n++) {
		const struct cli_argument *argument = &command->arguments[n];
		struct cli_word word;

		if (argument->times == CLI_ANY_NUMBER) {
			strbuf_addf(out, "\t(%s:*)\n", command->name);
			add_described(out, argument);
			completion_add_text(out, "\t\t@f_left \"${described[@]}\" && ret=0\n",
					    table);
		} else {
			strbuf_addf(out, "\t(%s:%zu)\n", command->name, n);
			completion_add_text(out, function_for(argument->kind), table);
			if (cli_word(&word, argument, 0)) {
				add_described(out, argument);
				strbuf_add(out, "\t\t_describe -t words word described && ret=0\n");
			}
		}
		strbuf_add(out, "\t\t;;\n");
	}
}

/* In the place of the subcommand. */
static void add_commands(struct strbuf *out, const struct cli_table *table)
{
	strbuf_add(out, "\tif (( CURRENT == 2 )); then\n");
	if (table->options) {
		strbuf_add(out, "\t\toptions=(\n");
		for (const struct cli_option *option = table->options; option->name; option++) {
			AUTO(strbuf_fini) struct strbuf name = { 0 };

			strbuf_addf(&name, "--%s", option->name);
			add_entry(out, "\t\t\t", name.text, option->description);
		}
		completion_add_text(out, "\t\t)\n\t\t! @f_options || return 0\n", table);
	}
	strbuf_add(out, "\t\tdescribed=(\n");
	for (const struct cli_command *command = table->commands; command->name; command++)
		add_entry(out, "\t\t\t", command->name, command->description);
	strbuf_add(out, "\t\t)\n\t\t_describe -t commands command described\n\t\treturn\n\tfi\n");
}

void completion_add_zsh(struct strbuf *out, const struct cli_table *table)
{
	bool any_series = completion_any_series(table);
	AUTO(strbuf_fini) struct strbuf variables = { 0 };

	completion_add_text(out, intro, table);
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
	strbuf_add_char(out, '\n');
	add_commands(out, table);
	for (const struct cli_command *command = table->commands; command->name; command++)
		add_variables(&variables, command);
	if (variables.len)
		strbuf_addf(out, "\tcase $words[2] in\n%s\tesac\n", variables.text);
	completion_add_text(out, main_sort, table);
	if (any_series)
		completion_add_text(out, "\t[[ -n $option ]] || @f_series\n", table);
	strbuf_add(out, "\tcase $words[2]:${option:-$#arguments} in\n");
	for (const struct cli_command *command = table->commands; command->name; command++) {
		add_values(out, table, command);
		add_arguments(out, table, command);
	}
	completion_add_text(out, outro, table);
}
