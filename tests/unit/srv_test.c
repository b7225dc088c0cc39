/* SRV records: messages as name servers send them and as nobody should, and the order of targets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/ipc/srv.h"
#include "lib/util/strbuf.h"

/* RFC 1035 section 4.1: an answer to one question, with n records. */
static void add_header(struct strbuf *out, unsigned int flags, int n_questions, int n_answers)
{
	const char header[] = { 1,
				2,
				(char)(flags >> 8),
				(char)flags,
				0,
				(char)n_questions,
				0,
				(char)n_answers,
				0,
				0,
				0,
				0 };

	strbuf_add_mem(out, header, sizeof(header));
	for (int i = 0; i < n_questions; i++)
		strbuf_add_mem(out, "\x0a_wireguard\4_udp\3vpn\0\0\x21\0\1", 25);
}

/* Its owner is the question's name, by a pointer. `name` is in the wire's form. */
static void add_record(struct strbuf *out, int type, int priority, int weight, int port,
		       const char *name, size_t len)
{
	const char head[] = { (char)0xc0,
			      12,
			      0,
			      (char)type,
			      0,
			      1,
			      0,
			      0,
			      0,
			      60,
			      (char)((len + 6) >> 8),
			      (char)(len + 6),
			      (char)(priority >> 8),
			      (char)priority,
			      (char)(weight >> 8),
			      (char)weight,
			      (char)(port >> 8),
			      (char)port };

	strbuf_add_mem(out, head, sizeof(head));
	strbuf_add_mem(out, name, len);
}

static int parse(struct srv_target out[SRV_TARGETS_MAX], const struct strbuf *message)
{
	return srv_parse(out, (const uint8_t *)message->text, message->len);
}

#define NAME(text) text, sizeof(text)

static void an_answer_is_read(void **state)
{
	struct srv_target targets[SRV_TARGETS_MAX];
	struct strbuf message = { 0 };

	(void)state;
	add_header(&message, 0x8180, 1, 3);
	add_record(&message, 33, 10, 20, 51820, NAME("\1a\7example"));
	add_record(&message, 5, 0, 0, 0, NAME("\1x")); /* an alias */
	add_record(&message, 33, 65535, 0, 1, "\1b\xc0\x1c", 4);
	assert_int_equal(parse(targets, &message), 2);
	assert_string_equal(targets[0].name, "a.example");
	assert_int_equal(targets[0].priority, 10);
	assert_int_equal(targets[0].weight, 20);
	assert_int_equal(targets[0].port, 51820);
	assert_string_equal(targets[1].name, "b.vpn");
	assert_int_equal(targets[1].priority, 65535);
	strbuf_fini(&message);
}

static void what_is_no_host_is_left_out(void **state)
{
	static const struct {
		const char *name;
		size_t len;
	} cases[] = { { NAME("") },        { NAME("\3a b") },   { NAME("\4a`b'") },
		      { "\3a\033[\0", 5 }, { "\3a.b\1c\0", 7 }, { "\1a\xc0\xff", 4 },
		      { "\3a\0b\0", 5 },   { "\x3f", 1 } };
	struct srv_target targets[SRV_TARGETS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strbuf message = { 0 };

		add_header(&message, 0x8180, 1, 2);
		add_record(&message, 33, 1, 1, 1, cases[i].name, cases[i].len);
		add_record(&message, 33, 1, 1, 1, NAME("\4good"));
		assert_int_equal(parse(targets, &message), 1);
		assert_string_equal(targets[0].name, "good");
		strbuf_fini(&message);
	}
}

static void no_more_are_read_than_there_is_room(void **state)
{
	struct srv_target targets[SRV_TARGETS_MAX];
	struct strbuf message = { 0 };

	(void)state;
	add_header(&message, 0x8180, 1, 100);
	for (int i = 0; i < 100; i++)
		add_record(&message, 33, i, 1, 1, NAME("\1a"));
	assert_int_equal(parse(targets, &message), SRV_TARGETS_MAX);
	assert_int_equal(targets[SRV_TARGETS_MAX - 1].priority, SRV_TARGETS_MAX - 1);
	strbuf_fini(&message);
}

static void what_is_cut_off_or_no_answer_is_refused(void **state)
{
	struct srv_target targets[SRV_TARGETS_MAX];
	struct strbuf message = { 0 };

	(void)state;
	add_header(&message, 0x8180, 1, 1);
	add_record(&message, 33, 1, 1, 1, NAME("\1a"));
	for (size_t len = 0; len < message.len; len++) {
		struct strbuf copy = { 0 }; /* so that a byte too far is noticed */

		strbuf_add_mem(&copy, message.text, len);
		assert_int_equal(parse(targets, &copy), -EBADMSG);
		strbuf_fini(&copy);
	}
	assert_int_equal(parse(targets, &message), 1);
	message.text[2] = 1; /* a question */
	assert_int_equal(parse(targets, &message), -EBADMSG);
	message.text[2] = (char)0x81;
	message.text[3] = (char)0x83; /* there is no such name */
	assert_int_equal(parse(targets, &message), -EBADMSG);
	strbuf_fini(&message);
}

static uint32_t draws[8];
static size_t n_draws;
static uint32_t asked_most[8];

static uint32_t draw(uint32_t most)
{
	asked_most[n_draws] = most;
	assert_true(draws[n_draws] <= most);
	return draws[n_draws++];
}

/* The order of targets "PRIORITY WEIGHT PORT", by port. */
static void assert_order(const uint16_t (*in)[3], size_t n, const char *expected)
{
	struct srv_target targets[SRV_TARGETS_MAX];
	char text[128] = "";

	n_draws = 0;
	for (size_t i = 0; i < n; i++)
		targets[i] = (struct srv_target){ "x", in[i][0], in[i][1], in[i][2] };
	srv_sort(targets, n, draw);
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %u", targets[i].port);
	assert_string_equal(text, expected);
}

static void priorities_go_before_weights(void **state)
{
	static const uint16_t in[][3] = { { 20, 9, 1 }, { 10, 0, 2 }, { 30, 9, 3 }, { 10, 5, 4 } };

	(void)state;
	memset(draws, 0, sizeof(draws));
	assert_order(in, 4, " 2 4 1 3");
	assert_int_equal(n_draws, 1);
	assert_int_equal(asked_most[0], 5);
	draws[0] = 1;
	assert_order(in, 4, " 4 2 1 3");
	assert_order(in, 1, " 1");
	assert_order(in, 0, "");
}

static void weights_share_out(void **state)
{
	static const uint16_t in[][3] = { { 1, 10, 1 }, { 1, 30, 2 }, { 1, 60, 3 } };

	(void)state;
	memset(draws, 0, sizeof(draws));
	draws[0] = 10;
	assert_order(in, 3, " 1 2 3");
	assert_int_equal(asked_most[0], 100);
	assert_int_equal(asked_most[1], 90);
	draws[0] = 11;
	assert_order(in, 3, " 2 1 3");
	draws[0] = 41;
	assert_order(in, 3, " 3 1 2");
	draws[0] = 100;
	draws[1] = 40;
	assert_order(in, 3, " 3 2 1");
}

static void a_question_has_room(void **state)
{
	char out[SRV_QUESTION_MAX], domain[300];
	struct err err;

	(void)state;
	assert_int_equal(srv_question(out, "example.com", &err), 0);
	assert_string_equal(out, "_wireguard._udp.example.com");
	memset(domain, 'a', sizeof(domain));
	domain[SRV_QUESTION_MAX - 17] = '\0';
	assert_int_equal(srv_question(out, domain, &err), 0);
	assert_int_equal(strlen(out), SRV_QUESTION_MAX - 1);
	domain[SRV_QUESTION_MAX - 17] = 'a';
	domain[SRV_QUESTION_MAX - 16] = '\0';
	assert_int_equal(srv_question(out, domain, &err), -EINVAL);
	assert_int_equal(srv_question(out, "", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read),
		cmocka_unit_test(what_is_no_host_is_left_out),
		cmocka_unit_test(no_more_are_read_than_there_is_room),
		cmocka_unit_test(what_is_cut_off_or_no_answer_is_refused),
		cmocka_unit_test(priorities_go_before_weights),
		cmocka_unit_test(weights_share_out),
		cmocka_unit_test(a_question_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
