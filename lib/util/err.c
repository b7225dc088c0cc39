/* Errors as values: see err.h. Nothing is allocated; any thread may call, each with its own err. */
#include "lib/util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A file's bytes must not be able to move the reader's cursor or forge a second line. */
static void make_visible(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static int set(struct err *err, int code, const char *expected, const char *format, va_list args)
{
	if (!err)
		return code;
	*err = (struct err){ .code = code, .expected = expected };
	vsnprintf(err->text, sizeof(err->text), format, args);
	make_visible(err->text);
	return code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, code, NULL, format, args);
	va_end(args);
	return code;
}

int err_expected(struct err *err, int code, const char *expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(err, code, expected, format, args);
	va_end(args);
	return code;
}

int err_prefix(struct err *err, const char *format, ...)
{
	char joined[sizeof(err->text)];
	va_list args;
	int len;

	if (!err)
		return -EINVAL;
	va_start(args, format);
	len = vsnprintf(joined, sizeof(joined), format, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(joined))
		snprintf(joined + len, sizeof(joined) - (size_t)len, ": %s", err->text);
	make_visible(joined);
	memcpy(err->text, joined, sizeof(err->text));
	return err->code;
}
