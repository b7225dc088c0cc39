/* Growable text: see strbuf.h. One owner, no locks. */
#include "lib/util/strbuf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/err.h"
#include "lib/util/mem.h"
#include "lib/util/num.h"

void strbuf_fini(struct strbuf *buf)
{
	mem_wipe(buf->text, buf->cap);
	free(buf->text);
	*buf = (struct strbuf){ 0 };
}

void strbuf_clear(struct strbuf *buf)
{
	mem_wipe(buf->text, buf->len);
	buf->len = 0;
}

const char *strbuf_text(const struct strbuf *buf)
{
	return buf->text ? buf->text : "";
}

char *strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t cap = buf->cap ? buf->cap : 64;
	char *text;

	assert(more < (size_t)1 << 62 && buf->len < (size_t)1 << 62);
	if (buf->len + more + 1 <= buf->cap)
		return buf->text + buf->len;
	while (cap < buf->len + more + 1)
		cap *= 2;
	/* Not realloc(): it could leave a copy of a key behind. */
	text = malloc(cap);
	assert(text);
	if (buf->len)
		memcpy(text, buf->text, buf->len);
	text[buf->len] = '\0';
	mem_wipe(buf->text, buf->len);
	free(buf->text);
	buf->text = text;
	buf->cap = cap;
	return text + buf->len;
}

void strbuf_drop(struct strbuf *buf, size_t len)
{
	assert(len <= buf->len);
	if (!len)
		return;
	memmove(buf->text, buf->text + len, buf->len - len);
	buf->len -= len;
	mem_wipe(buf->text + buf->len, len);
}

void strbuf_addv(struct strbuf *buf, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0);
	vsnprintf(strbuf_reserve(buf, (size_t)len), (size_t)len + 1, format, args);
	buf->len += (size_t)len;
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_addv(buf, format, args);
	va_end(args);
}

void strbuf_add_u64(struct strbuf *buf, unsigned long long value)
{
	char digits[NUM_TEXT_MAX];

	strbuf_add_mem(buf, digits, (size_t)(num_format(digits, value) - digits));
}

int strbuf_read_fd(struct strbuf *buf, int fd, struct err *err)
{
	ssize_t got;

	for (;;) {
		char *end;

		if (buf->cap - buf->len < 2)
			strbuf_reserve(buf, buf->len < 65536 ? 4096 : buf->len / 2);
		end = buf->text + buf->len;
		got = read(fd, end, buf->cap - buf->len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		end[got > 0 ? got : 0] = '\0';
		if (got <= 0)
			break;
		buf->len += (size_t)got;
	}
	return got < 0 ? err_set(err, -errno, "%s", strerror(errno)) : 0;
}
