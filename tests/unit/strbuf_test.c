/* Growable text: it holds what was added, ends in a NUL, and leaves no secrets behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/err.h"
#include "lib/util/strbuf.h"

/* Where a secret is, and whether it was overwritten there. */
static const char *watched;
static size_t watched_len;
static bool was_wiped;

void explicit_bzero(void *memory, size_t len)
{
	volatile char *bytes = memory;

	if (watched && (char *)memory <= watched && watched + watched_len <= (char *)memory + len)
		was_wiped = true;
	for (size_t i = 0; i < len; i++)
		bytes[i] = 0;
}

static void watch(const struct strbuf *buf)
{
	watched = buf->text;
	watched_len = buf->len;
	was_wiped = false;
}

static void test_adding(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };

	(void)state;
	assert_string_equal(strbuf_text(&buf), "");
	strbuf_add(&buf, "");
	assert_string_equal(strbuf_text(&buf), "");
	strbuf_add(&buf, "one");
	strbuf_add_char(&buf, ' ');
	strbuf_add_mem(&buf, "two!", 3);
	strbuf_addf(&buf, " %d%s", 3, "!");
	strbuf_add_u64(&buf, 0);
	strbuf_add_u64(&buf, 18446744073709551615ULL);
	assert_string_equal(buf.text, "one two 3!018446744073709551615");
	assert_int_equal(buf.len, strlen(buf.text));
}

static void test_growing(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };

	(void)state;
	for (int i = 0; i < 5000; i++) {
		strbuf_addf(&buf, "%d,", i % 10);
		assert_true(buf.len < buf.cap);
		assert_int_equal(buf.text[buf.len], '\0');
	}
	assert_int_equal(buf.len, 10000);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(buf.text[2 * i], '0' + i % 10);
}

static void test_nul_bytes_count(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };

	(void)state;
	strbuf_add_mem(&buf, "a\0b", 3);
	strbuf_add_char(&buf, '\0');
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.text, "a\0b\0", 5);
}

static void test_drop(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };

	(void)state;
	strbuf_drop(&buf, 0);
	strbuf_add(&buf, "abcdef");
	strbuf_drop(&buf, 0);
	strbuf_drop(&buf, 4);
	assert_int_equal(buf.len, 2);
	assert_memory_equal(buf.text, "ef\0\0\0\0", 6);
	strbuf_drop(&buf, 2);
	assert_string_equal(buf.text, "");
}

static void test_secrets_are_wiped(void **state)
{
	struct strbuf buf = { 0 };

	(void)state;
	strbuf_add(&buf, "secret");
	watch(&buf);
	strbuf_reserve(&buf, 4096); /* outgrown */
	assert_true(was_wiped);
	watch(&buf);
	strbuf_clear(&buf);
	assert_true(was_wiped);
	assert_int_equal(buf.len, 0);
	strbuf_add(&buf, "secret");
	watch(&buf);
	strbuf_fini(&buf);
	assert_true(was_wiped);
	watched = NULL;
	assert_null(buf.text);
	strbuf_fini(&buf);
}

static void test_read(void **state)
{
	static char big[300000];
	AUTO(strbuf_fini) struct strbuf buf = { 0 };
	AUTO(auto_fclose) FILE *file = tmpfile();

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 >> 3);
	assert_int_equal(fwrite(big, 1, sizeof(big), file), sizeof(big));
	rewind(file);
	strbuf_add(&buf, "there before ");
	assert_int_equal(strbuf_read_fd(&buf, fileno(file), NULL), 0);
	assert_int_equal(buf.len, strlen("there before ") + sizeof(big));
	assert_memory_equal(buf.text + strlen("there before "), big, sizeof(big));
	assert_int_equal(buf.text[buf.len], '\0');
}

static void test_read_into_room_that_is_there(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };
	AUTO(auto_fclose) FILE *file = tmpfile();
	const char *text;

	(void)state;
	for (int i = 0; i < 1600; i++)
		fputs("0123456789", file);
	rewind(file);
	text = strbuf_reserve(&buf, 16000 + 1);
	assert_int_equal(strbuf_read_fd(&buf, fileno(file), NULL), 0);
	assert_int_equal(buf.len, 16000);
	assert_ptr_equal(buf.text, text);
}

static void test_read_that_fails(void **state)
{
	AUTO(strbuf_fini) struct strbuf buf = { 0 };
	AUTO(auto_close) int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err;

	(void)state;
	strbuf_add(&buf, "x");
	assert_int_equal(strbuf_read_fd(&buf, fd, &err), -EISDIR);
	assert_string_equal(err.text, "Is a directory");
	assert_string_equal(buf.text, "x");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_nul_bytes_count),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_secrets_are_wiped),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_into_room_that_is_there),
		cmocka_unit_test(test_read_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
