/* What the command line programs share: see cli.h. */
#include "cmd/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cli_program = "wg";

const struct cli_command *cli_find(const struct cli_command *commands, const char *name)
{
	for (; commands->name; commands++)
		if (!strcmp(commands->name, name))
			return commands;
	return NULL;
}

void cli_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_print_err(const struct err *err, const char *file)
{
	cli_say("%s", err->text);
	if (!err->line && !err->expected)
		return;
	if (file && err->line && err->column)
		fprintf(stderr, "%s:%u:%u: ", file, err->line, err->column);
	else if (file && err->line)
		fprintf(stderr, "%s:%u: ", file, err->line);
	cli_say("%s%s", err->expected ? "expected " : "here", err->expected ? err->expected : "");
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
