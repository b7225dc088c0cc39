/*
 * The line rules, and the five traps of inih as Debian ships it: for each there is a test that
 * plain inih has it, so that the reason for all this stays visible, and one that it does no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf/lines.h"
#include "lib/util/cleanup.h"

/* ---- helpers --------------------------------------------------------------------------------- */

/* What plain inih says about a text: "[section]name=value|" for each call of its handler. */
static int hear_plain(void *user, const char *section, const char *name, const char *value)
{
	strbuf_addf(user, "[%s]%s=%s|", section, name, value);
	return 1;
}

struct hearing {
	const struct conf_lines *lines;
	struct strbuf said;
	unsigned int stop_at; /* the line that the handler refuses; 0: none */
};

static void add_span(struct strbuf *out, const struct conf_lines *lines, struct conf_span span)
{
	strbuf_add_mem(out, strbuf_text(&lines->text) + span.at, span.len);
}

/* The same of conf_lines_walk(), with the line's number, and with sections, labels and the rest. */
static int hear(void *user, const char *section, const char *name, const struct conf_line *line)
{
	struct hearing *hearing = user;
	struct strbuf *said = &hearing->said;

	strbuf_addf(said, "%u:[%s]", line->number, section);
	switch (line->kind) {
	case CONF_LINE_KEY:
		strbuf_addf(said, "%s=", name);
		add_span(said, hearing->lines, line->full_value);
		break;
	case CONF_LINE_COMMENT_KEY:
		strbuf_add(said, "wg:");
		add_span(said, hearing->lines, line->name);
		strbuf_add(said, "=");
		add_span(said, hearing->lines, line->value);
		break;
	case CONF_LINE_LABEL:
		strbuf_add(said, "#");
		add_span(said, hearing->lines, line->value);
		break;
	case CONF_LINE_OTHER:
		strbuf_add(said, "?");
		add_span(said, hearing->lines, line->body);
		break;
	case CONF_LINE_SECTION:
		break;
	case CONF_LINE_EMPTY:
		fail_msg("an empty line was heard");
	}
	if (line->kind != CONF_LINE_KEY)
		assert_string_equal(name, "");
	strbuf_add_char(said, '|');
	return line->number == hearing->stop_at ? -5 : 0;
}

static void assert_heard(const char *text, size_t len, const char *want)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	struct hearing hearing = { .lines = &lines };

	strbuf_add_mem(&lines.text, text, len);
	assert_int_equal(conf_lines_walk(&lines, hear, &hearing), 0);
	assert_string_equal(strbuf_text(&hearing.said), want);
	strbuf_fini(&hearing.said);
}

static void assert_plain(const char *text, const char *want)
{
	AUTO(strbuf_fini) struct strbuf said = { 0 };

	ini_parse_string(text, hear_plain, &said);
	assert_string_equal(strbuf_text(&said), want);
}

/* ---- the traps ------------------------------------------------------------------------------- */

/* A value of `len` bytes. */
static void add_long_line(struct strbuf *out, size_t len)
{
	strbuf_add(out, "[a]\nk=");
	for (size_t i = 0; i < len; i++)
		strbuf_add_char(out, (char)('a' + i % 26));
	strbuf_add(out, "\n");
}

static void test_trap_long_lines(void **state)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(strbuf_fini) struct strbuf said = { 0 };
	AUTO(strbuf_fini) struct strbuf want = { 0 };

	(void)state;
	add_long_line(&text, 5000);
	ini_parse_string(text.text, hear_plain, &said);
	assert_true(strcspn(said.text, "|") < 210);

	strbuf_add(&want, "1:[a]|2:[a]");
	strbuf_add_mem(&want, text.text + strlen("[a]\n"), text.len - strlen("[a]\n\n"));
	strbuf_add(&want, "|");
	assert_heard(text.text, text.len, want.text);
}

static void test_trap_semicolons(void **state)
{
	static const char text[] = "[a]\nPostUp = b; c ; d\n";

	(void)state;
	assert_plain(text, "[a]PostUp=b; c|");
	assert_heard(text, strlen(text), "1:[a]|2:[a]PostUp=b; c ; d|");
}

static void test_trap_second_section(void **state)
{
	static const char text[] = "[Peer]\nx = 1\n[Peer]\nx = 2\n[Peer]\n";

	(void)state;
	assert_plain(text, "[Peer]x=1|[Peer]x=2|");
	assert_heard(text, strlen(text), "1:[Peer]|2:[Peer]x=1|3:[Peer]|4:[Peer]x=2|5:[Peer]|");
}

static void test_trap_indented_lines(void **state)
{
	static const char text[] = "[a]\nx = 1\n  y = 2\n\t[b]\n z = 3\n";

	(void)state;
	assert_plain(text, "[a]x=1|[a]x=y = 2|[a]x=[b]|[a]x=z = 3|");
	assert_heard(text, strlen(text), "1:[a]|2:[a]x=1|3:[a]y=2|4:[b]|5:[b]z=3|");
}

static int count_calls(void *user, const char *section, const char *name, const char *value)
{
	(void)section;
	(void)name;
	(void)value;
	++*(unsigned int *)user;
	return 1;
}

static void test_trap_line_numbers(void **state)
{
	static const char text[] = "# c\n\n[a]\n\n# c\nx = 1\n";
	unsigned int n_calls = 0;

	(void)state;
	/* All that a handler could do is to count its calls: this one is about line 6. */
	ini_parse_string(text, count_calls, &n_calls);
	assert_int_equal(n_calls, 1);
	assert_heard(text, strlen(text), "3:[a]|6:[a]x=1|");
}

/* More that inih does and the format does not. */
static void test_other_habits_of_inih(void **state)
{
	static const char colon[] = "[a]\nx: 1\ny:z = 2\n", semicolon[] = "[a]\n;x = 1\n",
			  section[] = "[a;b]\n[a ;b]\nx = 1\n";

	(void)state;
	assert_plain(colon, "[a]x=1|[a]y=z = 2|");
	assert_heard(colon, strlen(colon), "1:[a]|2:[a]?x: 1|3:[a]?=2|");
	assert_plain(semicolon, "");
	assert_heard(semicolon, strlen(semicolon), "1:[a]|2:[a]?=1|");
	assert_heard(section, strlen(section), "1:[?]|2:[?]|3:[?]x=1|");
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void test_names_are_plain(void **state)
{
	static const char text[] = "[ In ter face ]\nListen Port = 1\nM\xc3\xbcll = 2\n@other = 3\n"
				   "= 4\n"
				   "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd = 5\n"
				   "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddx = 6\n[]\n";

	(void)state;
	assert_heard(text, strlen(text),
		     "1:[Interface]|2:[Interface]ListenPort=1|3:[Interface]?=2|4:[Interface]?=3|"
		     "5:[Interface]?=4|"
		     "6:[Interface]aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd=5|"
		     "7:[Interface]?=6|8:[?]|");
}

static void test_walk_stops_when_told(void **state)
{
	static const char text[] = "[a]\nx = 1\n[b]\ny = 2\n";
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };

	(void)state;
	strbuf_add(&lines.text, text);
	for (unsigned int stop = 1; stop <= 4; stop++) {
		struct hearing hearing = { .lines = &lines, .stop_at = stop };
		char last[8];

		assert_int_equal(conf_lines_walk(&lines, hear, &hearing), -5);
		snprintf(last, sizeof(last), "%u:", stop);
		assert_non_null(strstr(hearing.said.text, last));
		snprintf(last, sizeof(last), "%u:", stop + 1);
		assert_null(strstr(hearing.said.text, last));
		strbuf_fini(&hearing.said);
	}
}

static void assert_span(const struct conf_lines *lines, struct conf_span span, const char *want)
{
	assert_int_equal(span.len, strlen(want));
	assert_memory_equal(strbuf_text(&lines->text) + span.at, want, span.len);
}

static void test_spans(void **state)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	struct conf_line line = { 0 };

	(void)state;
	strbuf_add(&lines.text, "\xef\xbb\xbf [ A ]\t# c\r\n\n  k e y\t=  v 1 # v 2 \r\nlast");

	assert_true(conf_lines_next(&line, &lines));
	assert_int_equal(line.kind, CONF_LINE_SECTION);
	assert_int_equal(line.number, 1);
	assert_int_equal(line.section, 1);
	assert_int_equal(line.at, 0);
	assert_int_equal(line.len, 15);
	assert_span(&lines, line.body, "[ A ]");
	assert_span(&lines, line.name, "A");

	assert_true(conf_lines_next(&line, &lines));
	assert_int_equal(line.kind, CONF_LINE_EMPTY);
	assert_int_equal(line.len, 1);

	assert_true(conf_lines_next(&line, &lines));
	assert_int_equal(line.kind, CONF_LINE_KEY);
	assert_int_equal(line.number, 3);
	assert_int_equal(line.section, 1);
	assert_span(&lines, line.body, "k e y\t=  v 1");
	assert_span(&lines, line.name, "k e y");
	assert_span(&lines, line.value, "v 1");
	assert_span(&lines, line.full_value, "v 1 # v 2");

	assert_true(conf_lines_next(&line, &lines));
	assert_int_equal(line.kind, CONF_LINE_OTHER);
	assert_int_equal(line.number, 4);
	assert_int_equal(line.len, 4);
	assert_int_equal(line.at + line.len, lines.text.len);
	assert_false(conf_lines_next(&line, &lines));
	assert_false(conf_lines_next(&line, &lines));
}

static void test_nul_ends_a_lines_text(void **state)
{
	static const char text[] = "[a]\nx = 1\0 2\ny\0 = 3\n\0z = 4\nk = 5 # \0 6\n";

	(void)state;
	assert_heard(text, sizeof(text) - 1, "1:[a]|2:[a]x=1|3:[a]?y|5:[a]k=5 #|");
}

static void test_labels(void **state)
{
	static const char text[] = "# Name = a b \n##NAME=c # d\n#friendly_name = e\n#Name =\n"
				   "# Names = f\n# Name\nName = g\nx = 1 # Name = h\n";

	(void)state;
	assert_heard(text, strlen(text),
		     "1:[]#a b|2:[]#c # d|3:[]#e|7:[]Name=g|"
		     "8:[]x=1 # Name = h|");
}

static void test_no_text_at_all(void **state)
{
	struct conf_lines lines = { 0 };
	struct conf_line line = { 0 };

	(void)state;
	assert_false(conf_lines_next(&line, &lines));
	assert_heard("", 0, "");
	assert_heard("\n", 1, "");
	assert_heard("\xef\xbb\xbf", 3, "");
}

static void test_squeeze(void **state)
{
	AUTO(conf_lines_fini) struct conf_lines lines = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	(void)state;
	strbuf_add(&lines.text, "xx \t\v\f\ra b\r c\xa0 yy");
	strbuf_add(&out, ">");
	conf_lines_squeeze(&out, &lines, (struct conf_span){ 2, lines.text.len - 4 });
	assert_string_equal(out.text, ">abc\xa0");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trap_long_lines),
		cmocka_unit_test(test_trap_semicolons),
		cmocka_unit_test(test_trap_second_section),
		cmocka_unit_test(test_trap_indented_lines),
		cmocka_unit_test(test_trap_line_numbers),
		cmocka_unit_test(test_other_habits_of_inih),
		cmocka_unit_test(test_names_are_plain),
		cmocka_unit_test(test_walk_stops_when_told),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_nul_ends_a_lines_text),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_no_text_at_all),
		cmocka_unit_test(test_squeeze),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
