/* The keys of the live view: characters, escape sequences, and the escape that is only a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg/watch_keys.h"

static void assert_parses(const char *bytes, bool is_all, size_t used, enum watch_key wanted)
{
	enum watch_key key = WATCH_KEY_HELP;

	assert_int_equal(watch_keys_parse(&key, bytes, strlen(bytes), is_all), used);
	assert_int_equal(key, wanted);
}

static void test_characters(void **state)
{
	(void)state;
	assert_parses("q", false, 1, WATCH_KEY_QUIT);
	assert_parses("\003", false, 1, WATCH_KEY_QUIT);
	assert_parses("jk", false, 1, WATCH_KEY_DOWN);
	assert_parses("k", false, 1, WATCH_KEY_UP);
	assert_parses(" ", false, 1, WATCH_KEY_PAUSE);
	assert_parses("p", false, 1, WATCH_KEY_PAUSE);
	assert_parses("s", false, 1, WATCH_KEY_SORT);
	assert_parses("r", false, 1, WATCH_KEY_REVERSE);
	assert_parses("n", false, 1, WATCH_KEY_NAMES);
	assert_parses("?", false, 1, WATCH_KEY_HELP);
	assert_parses("z", false, 1, WATCH_KEY_NONE);
	assert_parses("\xc3\xa9", false, 1, WATCH_KEY_NONE);
}

static void test_sequences(void **state)
{
	(void)state;
	assert_parses("\033[A", false, 3, WATCH_KEY_UP);
	assert_parses("\033OB", false, 3, WATCH_KEY_DOWN);
	assert_parses("\033[H", false, 3, WATCH_KEY_HOME);
	assert_parses("\033OF", false, 3, WATCH_KEY_END);
	assert_parses("\033[1~", false, 4, WATCH_KEY_HOME);
	assert_parses("\033[4~", false, 4, WATCH_KEY_END);
	assert_parses("\033[5~q", false, 4, WATCH_KEY_PAGE_UP);
	assert_parses("\033[6~", false, 4, WATCH_KEY_PAGE_DOWN);
	/* With Ctrl held down. */
	assert_parses("\033[1;5A", false, 6, WATCH_KEY_UP);
	/* An unknown one is one key, not the characters that it has. */
	assert_parses("\033[15~", false, 5, WATCH_KEY_NONE);
	assert_parses("\033[Zq", false, 3, WATCH_KEY_NONE);
	assert_parses("\033q", false, 2, WATCH_KEY_NONE);
}

static void test_escape(void **state)
{
	(void)state;
	assert_parses("\033", false, 0, WATCH_KEY_NONE);
	assert_parses("\033[", false, 0, WATCH_KEY_NONE);
	assert_parses("\033[1;", false, 0, WATCH_KEY_NONE);
	assert_parses("\033", true, 1, WATCH_KEY_QUIT);
	assert_parses("\033\033", false, 1, WATCH_KEY_QUIT);
	assert_parses("\033[1;", true, 4, WATCH_KEY_NONE);
}

static void test_mouse(void **state)
{
	(void)state;
	assert_parses("\033[M qq", false, 6, WATCH_KEY_NONE);
	assert_parses("\033[M qqq", false, 6, WATCH_KEY_NONE);
	assert_parses("\033[M q", false, 0, WATCH_KEY_NONE);
	assert_parses("\033[M q", true, 5, WATCH_KEY_NONE);
	assert_parses("\033[<0;1;1M", false, 9, WATCH_KEY_NONE);
}

/* Whatever comes is used up, byte by byte, and nothing is read beyond it. */
static void test_noise(void **state)
{
	const char alphabet[] = "\033\033[O0;5~ABMq\xff";

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t len = 1 + (size_t)rand() % 8, used;
		char *bytes = malloc(len);
		enum watch_key key;

		assert_non_null(bytes);
		for (size_t j = 0; j < len; j++)
			bytes[j] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		used = watch_keys_parse(&key, bytes, len, false);
		assert_true(used <= len);
		used = watch_keys_parse(&key, bytes, len, true);
		assert_in_range(used, 1, len);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters), cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_escape),     cmocka_unit_test(test_mouse),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
