/* What the command line programs share: see cli.h. */
#include "cmd/cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/cleanup.h"

enum {
	WORTH_WRITING = 65536, /* bytes */
};

const char *cli_program = "wg";

const struct cli_command *cli_find(const struct cli_command *commands, const char *name)
{
	for (; commands->name; commands++)
		if (!strcmp(commands->name, name))
			return commands;
	return NULL;
}

bool cli_word(struct cli_word *out, const struct cli_argument *argument, size_t i)
{
	if (argument->word)
		return argument->word(out, i);
	if (!argument->words)
		return false;
	/* The end is never passed: it is the first that is refused. */
	*out = argument->words[i];
	return out->name;
}

/* The option that `word` ("--name" or "--name=VALUE") is; *value is what follows "=", or NULL. */
static const struct cli_option *find_option(const struct cli_option *options, const char *word,
					    const char **value)
{
	size_t len;

	if (!options || strncmp(word, "--", 2) != 0)
		return NULL;
	word += 2;
	len = strcspn(word, "=");
	for (; options->name; options++) {
		if (strlen(options->name) != len || strncmp(options->name, word, len) != 0)
			continue;
		*value = word[len] ? word + len + 1 : NULL;
		return options;
	}
	return NULL;
}

/* Whether these words are just what the command takes without options. */
static bool is_complete(const struct cli_command *command, int argc)
{
	for (size_t i = 0; i < command->n_arguments; i++)
		if (command->arguments[i].times != CLI_ONCE)
			return false;
	return (size_t)argc == 1 + command->n_arguments;
}

/* Whether a word that follows `kept` others, the command's name being the first, has a value. */
static bool has_value(const struct cli_command *command, int kept, const char *word)
{
	const struct cli_argument *last;
	struct cli_word known;

	if (!command->n_arguments || (size_t)kept < command->n_arguments)
		return false;
	last = &command->arguments[command->n_arguments - 1];
	if (last->times != CLI_ANY_NUMBER)
		return false;
	for (size_t i = 0; cli_word(&known, last, i); i++)
		if (!strcmp(known.name, word))
			return known.value;
	return false;
}

int cli_take_options(int *argc, char **argv, const struct cli_command *command,
		     int (*take)(void *ctx, const struct cli_option *option, const char *value,
				 struct err *err),
		     void *ctx, struct err *err)
{
	int kept = 1;
	int at = 1;

	if (is_complete(command, *argc))
		return 0;
	while (at < *argc && strcmp(argv[at], "--") != 0) {
		const struct cli_option *option;
		const char *value = NULL;
		char *word = argv[at++];
		int r;

		option = find_option(command->options, word, &value);
		if (!option) {
			bool valued = has_value(command, kept, word);

			argv[kept++] = word;
			if (valued && at < *argc)
				argv[kept++] = argv[at++];
			continue;
		}
		if (!option->value && value)
			return err_set(err, -EINVAL, "--%s takes no value", option->name);
		if (option->value && !option->is_optional && !value && at < *argc)
			value = argv[at++];
		if (option->value && (value ? !*value : !option->is_optional))
			return err_set(err, -EINVAL, "--%s needs a value: %s", option->name,
				       option->value);
		r = take(ctx, option, value, err);
		if (r)
			return r;
	}
	for (at++; at < *argc; at++)
		argv[kept++] = argv[at];
	/* There was room for a NULL at the end, and callers may count on it. */
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

void cli_add_place(struct strbuf *out, const struct err *err, const char *file)
{
	if (err->line)
		strbuf_addf(out, "%s:%u:%u: ", file, err->line, err->column ? err->column : 1);
}

void cli_say(const char *format, ...)
{
	AUTO(strbuf_fini) struct strbuf line = { 0 };
	va_list args;

	va_start(args, format);
	strbuf_addv(&line, format, args);
	va_end(args);
	strbuf_add_char(&line, '\n');
	/* In one piece: lines of several programs on one stderr do not mix. */
	fwrite(line.text, 1, line.len, stderr);
}

/* Stdout may be shared with someone who made it non-blocking: a terminal, a pipe of an event loop.
 */
static void wait_for_room(void)
{
	struct pollfd stdout_poll = { .fd = STDOUT_FILENO, .events = POLLOUT };

	poll(&stdout_poll, 1, -1);
}

int cli_write(struct strbuf *out)
{
	size_t written = 0;

	while (written < out->len) {
		ssize_t n = write(STDOUT_FILENO, out->text + written, out->len - written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			wait_for_room();
			continue;
		}
		/* Who reads has seen enough. Where SIGPIPE is not ignored, it ends us here. */
		if (n < 0 && errno == EPIPE)
			break;
		if (n < 0) {
			cli_say("%s: standard output: %s", cli_program, strerror(errno));
			strbuf_clear(out);
			return 1;
		}
		written += (size_t)n;
	}
	strbuf_clear(out);
	return 0;
}

int cli_write_some(struct strbuf *out)
{
	return out->len < WORTH_WRITING ? 0 : cli_write(out);
}

bool cli_colour(void)
{
	const char *mode = getenv("WG_COLOR_MODE");

	if (mode && !strcmp(mode, "always"))
		return true;
	if (mode && !strcmp(mode, "never"))
		return false;
	return isatty(STDOUT_FILENO);
}
