/* Addresses as text, against the C library's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/ip_text.h"

static void check4(const char *text)
{
	uint8_t ours[4], theirs[4];
	const char *end = ip_text_parse4(ours, text);
	bool is_address = end && !*end;

	if (is_address != (inet_pton(AF_INET, text, theirs) == 1))
		fail_msg("`%s': %d", text, is_address);
	if (is_address)
		assert_memory_equal(ours, theirs, 4);
}

/* What has a dot in it is not for us. */
static void check6(const char *text)
{
	uint8_t ours[16], theirs[16];
	const char *end = ip_text_parse6(ours, text);
	bool is_address = end && !*end;

	if (is_address != (inet_pton(AF_INET6, text, theirs) == 1 && !strchr(text, '.')))
		fail_msg("`%s': %d", text, is_address);
	if (is_address)
		assert_memory_equal(ours, theirs, 16);
}

static void test_reading_made_up_text(void **state)
{
	static const char letters4[] = "0125.9 /", letters6[] = "::::0a1F9g.%";
	char text[48];

	(void)state;
	srand(3);
	for (int i = 0; i < 1000000; i++) {
		size_t len = (size_t)rand() % 18, j;

		for (j = 0; j < len; j++)
			text[j] = letters4[rand() % (int)(rand() % 8 ? 6 : 8)];
		text[len] = '\0';
		check4(text);
		len = (size_t)rand() % (rand() % 2 ? 12 : 42);
		for (j = 0; j < len; j++)
			text[j] = letters6[rand() % (int)(rand() % 32 ? 9 : 12)];
		text[len] = '\0';
		check6(text);
	}
}

static void test_reading_spoilt_addresses(void **state)
{
	char text[64];

	(void)state;
	srand(4);
	for (int i = 0; i < 500000; i++) {
		uint8_t bytes[16];
		size_t at;

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = rand() % 3 ? 0 : (uint8_t)rand();
		inet_ntop(AF_INET6, bytes, text, sizeof(text));
		check6(text);
		at = (size_t)rand() % strlen(text);
		text[at] = ":0f.g"[rand() % 5];
		check6(text);
		inet_ntop(AF_INET, bytes, text, sizeof(text));
		check4(text);
		at = (size_t)rand() % strlen(text);
		text[at] = ".09/"[rand() % 4];
		check4(text);
	}
}

static void test_reading_stops_at_what_is_not_its_own(void **state)
{
	static const char *const texts4[] = { "1.2.3.4/24", "1.2.3.4:5", "1.2.3.4, ", "1.2.3.4\n" };
	static const char *const texts6[] = { "fd00::/64", "::1]:5", "1:2:3:4:5:6:7:8, 9",
					      "::%lo" };
	static const size_t lens6[] = { 6, 3, 15, 2 };
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(ip_text_parse4(bytes, texts4[i]), texts4[i] + 7);
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(ip_text_parse6(bytes, texts6[i]), texts6[i] + lens6[i]);
}

static void test_writing(void **state)
{
	char ours[64], theirs[64];

	(void)state;
	srand(5);
	for (int i = 0; i < 1000000; i++) {
		uint8_t bytes[16];

		for (size_t j = 0; j < sizeof(bytes); j += 2) {
			bytes[j] = rand() % 2 ? 0 : (uint8_t)(rand() >> rand() % 9);
			bytes[j + 1] = rand() % 2 ? 0 : (uint8_t)(rand() >> rand() % 9);
		}
		if (i % 16 == 0)
			memset(bytes, 0, (size_t)(rand() % 17));
		if (i % 64 == 0)
			bytes[10] = bytes[11] = 0xff;
		inet_ntop(AF_INET6, bytes, theirs, sizeof(theirs));
		*ip_text_format6(ours, bytes) = '\0';
		assert_string_equal(ours, theirs);
		inet_ntop(AF_INET, bytes, theirs, sizeof(theirs));
		*ip_text_format4(ours, bytes) = '\0';
		assert_string_equal(ours, theirs);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_made_up_text),
		cmocka_unit_test(test_reading_spoilt_addresses),
		cmocka_unit_test(test_reading_stops_at_what_is_not_its_own),
		cmocka_unit_test(test_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
