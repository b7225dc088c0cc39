/* The daemon's log: see log.h. One process, one log; set up once before threads start. */
#include "lib/util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level log_max = LOG_LEVEL_ERROR;
static char log_prefix[32];

void log_init(enum log_level level, const char *prefix)
{
	log_max = level;
	snprintf(log_prefix, sizeof(log_prefix), "%s", prefix);
}

int log_enabled(enum log_level level)
{
	return level <= log_max;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	int at;

	if (!log_enabled(level))
		return;
	at = snprintf(line, sizeof(line), "%s: ", log_prefix);
	va_start(args, format);
	at += vsnprintf(line + at, sizeof(line) - (size_t)at, format, args);
	va_end(args);
	if (at > (int)sizeof(line) - 2)
		at = (int)sizeof(line) - 2;
	line[at++] = '\n';
	/* One write() a line: lines of several processes on one stderr do not mix. */
	if (write(STDERR_FILENO, line, (size_t)at) < 0)
		return; /* nowhere left to complain */
}
