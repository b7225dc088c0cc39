#ifndef LIB_UTIL_STRBUF_H
#define LIB_UTIL_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/**
 * Growable bytes, always terminated by a NUL that len does not count. Start with `= { 0 }`.
 * Since keys pass through these, memory is wiped when it is outgrown and when it is given back.
 */
struct strbuf {
	char *text; /* NULL until the first byte is added: use strbuf_text() to print */
	size_t len;
	size_t cap;
};

/** Wipes and frees; the buffer is empty and usable again. */
void strbuf_fini(struct strbuf *buf);
/** Empties it (and wipes what was there) but keeps the memory. */
void strbuf_clear(struct strbuf *buf);
/** The text, "" when nothing was added. Valid until the next change. */
const char *strbuf_text(const struct strbuf *buf);
/** Makes room for `more` further bytes and returns where they go; add what was used to len. */
char *strbuf_reserve(struct strbuf *buf, size_t more);
/** Drops the first `len` bytes. */
void strbuf_drop(struct strbuf *buf, size_t len);

/* In the header, since a text of many megabytes is made of pieces of a few bytes. */
static inline void strbuf_add_mem(struct strbuf *buf, const void *bytes, size_t len)
{
	char *end = buf->cap - buf->len > len ? buf->text + buf->len : strbuf_reserve(buf, len);

	if (len)
		memcpy(end, bytes, len);
	end[len] = '\0';
	buf->len += len;
}

static inline void strbuf_add(struct strbuf *buf, const char *text)
{
	strbuf_add_mem(buf, text, strlen(text));
}

static inline void strbuf_add_char(struct strbuf *buf, char c)
{
	strbuf_add_mem(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_addv(struct strbuf *buf, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));
/** Decimal, without printf's cost. */
void strbuf_add_u64(struct strbuf *buf, unsigned long long value);

struct err;

/**
 * Reads a whole file, or whatever `fd` yields until its end, onto the end of buf; pipes are fine.
 * Returns 0 or a negative errno with err's text set to strerror's; buf then holds what was read.
 */
int strbuf_read_fd(struct strbuf *buf, int fd, struct err *err);

#endif
