/* The journal's text, to and fro, and what spoils it; and its file, by a descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/wg-quick/journal.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

static const struct journal_host here = { "0e1c5a5e-boot", 77 };

static struct cidr cidr(const char *text)
{
	struct cidr out;

	assert_int_equal(cidr_parse_address(&out, text, NULL), 0);
	return out;
}

/* A step of a kind with all that any step can have. */
static struct step full_step(enum step_kind kind)
{
	return (struct step){
		.kind = kind,
		.key = "PostDown",
		.text = (char *)"echo '100% = \t\n\x01\x7f\xc3\xa9' #x  ",
		.cidr = cidr("2001:db8::1/64"),
		.mtu_bytes = 1420,
		.table = UINT32_MAX,
		.mark = 51820,
		.family = AF_INET6,
		.rule = { .family = AF_INET,
			  .priority = 32764,
			  .table = 51820,
			  .is_inverted = true,
			  .mark = 51820,
			  .mark_mask = UINT32_MAX,
			  .suppress_prefixlen = -1 },
	};
}

static void assert_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void assert_step(const struct step *a, const struct step *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->id, b->id);
	assert_text(a->key, b->key);
	assert_text(a->text, b->text);
	assert_memory_equal(&a->cidr, &b->cidr, sizeof(a->cidr));
	assert_int_equal(a->mtu_bytes, b->mtu_bytes);
	assert_int_equal(a->table, b->table);
	assert_int_equal(a->mark, b->mark);
	assert_int_equal(a->family, b->family);
	assert_int_equal(a->rule.family, b->rule.family);
	assert_int_equal(a->rule.priority, b->rule.priority);
	assert_int_equal(a->rule.table, b->rule.table);
	assert_int_equal(a->rule.is_inverted, b->rule.is_inverted);
	assert_int_equal(a->rule.mark, b->rule.mark);
	assert_int_equal(a->rule.mark_mask, b->rule.mark_mask);
	assert_int_equal(a->rule.suppress_prefixlen, b->rule.suppress_prefixlen);
}

static void assert_plan(const struct plan *a, const struct plan *b)
{
	assert_string_equal(a->interface, b->interface);
	assert_int_equal(a->implementation, b->implementation);
	assert_int_equal(a->route_policy, b->route_policy);
	assert_int_equal(a->table, b->table);
	assert_text(a->table_name, b->table_name);
	assert_int_equal(a->n_steps, b->n_steps);
	for (size_t i = 0; i < a->n_steps; i++)
		assert_step(&a->steps[i], &b->steps[i]);
}

static void assert_list(const struct strlist *a, const struct strlist *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->items[i], b->items[i]);
}

static void assert_journal(const struct journal *a, const struct journal *b)
{
	assert_int_equal(a->phase, b->phase);
	assert_int_equal(a->has_made_dir, b->has_made_dir);
	assert_text(a->config_path, b->config_path);
	assert_text(a->netns, b->netns);
	assert_text(a->birth_netns, b->birth_netns);
	assert_int_equal(a->ifindex, b->ifindex);
	assert_list(&a->pre_up, &b->pre_up);
	assert_list(&a->post_up, &b->post_up);
	assert_list(&a->pre_down, &b->pre_down);
	assert_list(&a->post_down, &b->post_down);
	assert_list(&a->dns_servers, &b->dns_servers);
	assert_list(&a->dns_search, &b->dns_search);
	assert_int_equal(a->n_endpoints, b->n_endpoints);
	for (size_t i = 0; i < a->n_endpoints; i++) {
		assert_memory_equal(&a->endpoints[i].public_key, &b->endpoints[i].public_key,
				    WG_KEY_LEN);
		assert_string_equal(a->endpoints[i].text, b->endpoints[i].text);
	}
	assert_plan(&a->done, &b->done);
	assert_plan(&a->unsure, &b->unsure);
}

/* A journal without a file, of an `up` that has done nothing yet. */
static void start(struct journal *out)
{
	*out = (struct journal)JOURNAL_NONE;
	strcpy(out->done.interface, "wg0");
	strcpy(out->unsure.interface, "wg0");
	out->config_path = mem_strdup("/etc/wire guard/wg0.conf");
}

/* Formats, parses and formats again: that is all the same. */
static void assert_round_trip(const struct journal *journal)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 }, again = { 0 };
	AUTO(journal_fini) struct journal read = JOURNAL_NONE;
	struct err err = { 0 };

	journal_format(&text, journal, &here);
	assert_int_equal(journal_parse(&read, strbuf_text(&text), text.len, &here, &err), 0);
	assert_journal(journal, &read);
	assert_int_equal(read.len, text.len);
	journal_format(&again, &read, &here);
	assert_string_equal(strbuf_text(&text), strbuf_text(&again));
}

static void test_steps(void **state)
{
	unsigned int n_kinds = 0;

	(void)state;
	for (unsigned int kind = 0; kind <= STEP_UNSET_DNS; kind++) {
		AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
		struct step step = full_step((enum step_kind)kind);
		uint32_t id;

		start(&journal);
		id = journal_begin_step(&journal, &step);
		assert_int_equal(journal.unsure.n_steps, 1);
		assert_round_trip(&journal);
		/* What it has learnt meanwhile is kept. */
		step.rule.priority = 1;
		step.mark = 0;
		journal_end_step(&journal, id, &step);
		assert_int_equal(journal.unsure.n_steps, 0);
		assert_int_equal(journal.done.steps[0].rule.priority, 1);
		assert_round_trip(&journal);
		n_kinds++;
	}
	assert_true(n_kinds > 17);
}

static void test_empty_step(void **state)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	struct step step = { .kind = STEP_ADD_DEVICE };

	(void)state;
	start(&journal);
	assert_round_trip(&journal);
	journal_end_step(&journal, journal_begin_step(&journal, &step), &step);
	assert_false(journal_due_hooks(&journal).post_down);
	step = (struct step){ .kind = STEP_RUN_HOOK, .key = "PreUp", .text = (char *)"" };
	journal_end_step(&journal, journal_begin_step(&journal, &step), &step);
	assert_round_trip(&journal);
	assert_true(journal_due_hooks(&journal).post_down);
	assert_false(journal_due_hooks(&journal).pre_down);
	step.key = "PostUp";
	journal_begin_step(&journal, &step);
	assert_true(journal_due_hooks(&journal).pre_down);
}

static void test_forget(void **state)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	uint32_t ids[4];

	(void)state;
	start(&journal);
	for (unsigned int i = 0; i < 4; i++) {
		struct step step = { .kind = STEP_SET_MARK, .mark = i };

		ids[i] = journal_begin_step(&journal, &step);
		if (i < 3)
			journal_end_step(&journal, ids[i], &step);
	}
	journal_forget_step(&journal, ids[1]);
	journal_forget_step(&journal, ids[3]);
	journal_forget_step(&journal, 4711);
	assert_int_equal(journal.unsure.n_steps, 0);
	assert_int_equal(journal.done.n_steps, 2);
	assert_int_equal(journal.done.steps[0].mark, 0);
	assert_int_equal(journal.done.steps[1].mark, 2);
	assert_round_trip(&journal);
}

static void test_settings(void **state)
{
	static const char text[] = "[Interface]\n"
				   "DNS = 10.0.0.1, example.org, ::1, ~x\n"
				   "Table = 0x10\n"
				   "PreUp = a %i\nPreUp = b=%i%%\nPostUp = c\nPreDown =\n"
				   "PostDown = d\nPostDown = %i%i\n"
				   "[Peer]\n"
				   "PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
				   "Endpoint = a.example:51820\n"
				   "[Peer]\n"
				   "PublicKey = L+V9o0fNYkMVKNqsX7spBzD/9oSvxM/C7ZCZX1jLO3Q=\n"
				   "[Peer]\n"
				   "PublicKey = HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=\n"
				   "Endpoint = [2001:db8::1]:1\n";
	AUTO(conf_fini) struct conf conf = { 0 };
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;

	(void)state;
	assert_int_equal(conf_parse(&conf, text, sizeof(text) - 1, CONF_QUICK, NULL), 0);
	start(&journal);
	journal.has_made_dir = true;
	journal.done.route_policy = ROUTE_POLICY_TABLE;
	journal.done.table = 16;
	journal.done.table_name = mem_strdup("0x10");
	journal.done.implementation = DEVICE_IMPLEMENTATION_USERSPACE;
	strlist_copy(&journal.pre_up, &conf.quick.pre_up);
	strlist_copy(&journal.post_up, &conf.quick.post_up);
	strlist_copy(&journal.pre_down, &conf.quick.pre_down);
	strlist_copy(&journal.post_down, &conf.quick.post_down);
	journal_set_dns(&journal, &conf.quick.dns_servers, &conf.quick.dns_search);
	journal_set_endpoints(&journal, conf.device);
	journal_set_ifindex(&journal, 12);
	for (int phase = JOURNAL_UP; phase <= JOURNAL_DOWN; phase++) {
		journal_set_phase(&journal, (enum journal_phase)phase);
		assert_round_trip(&journal);
	}
	journal.netns = mem_strdup("/run/a b/ns");
	assert_round_trip(&journal);
	journal.birth_netns = mem_strdup("out");
	assert_round_trip(&journal);
	assert_int_equal(journal.pre_up.n, 2);
	assert_string_equal(journal.pre_up.items[1], "b=%i%%");
	assert_string_equal(journal.post_down.items[1], "%i%i");
	assert_int_equal(journal.dns_search.n, 2);
	assert_int_equal(journal.n_endpoints, 2);
	assert_string_equal(journal.endpoints[0].text, "a.example:51820");
	assert_string_equal(journal.endpoints[1].text, "[2001:db8::1]:1");
	/* Once more replaces what was. */
	journal_set_endpoints(&journal, conf.device);
	assert_round_trip(&journal);
	assert_int_equal(journal.post_down.n, 2);
	assert_int_equal(journal.n_endpoints, 2);
}

static void make_rich(struct journal *out)
{
	struct step step = full_step(STEP_ADD_RULE);

	start(out);
	journal_set_ifindex(out, 12);
	journal_end_step(out, journal_begin_step(out, &step), &step);
	step = full_step(STEP_RUN_HOOK);
	journal_begin_step(out, &step);
}

/* A write that was cut off: what is sound is there, and nothing else. */
static void test_torn(void **state)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	bool had_phase = false;

	(void)state;
	make_rich(&journal);
	journal_format(&text, &journal, &here);
	for (size_t len = 0; len <= text.len; len++) {
		AUTO(journal_fini) struct journal read = JOURNAL_NONE;
		AUTO(auto_free) char *copy = mem_strndup(text.text, len);
		int r = journal_parse(&read, copy, len, &here, NULL);

		assert_true(r == 0 || (r == -ENOENT && !had_phase));
		if (r)
			continue;
		had_phase = true;
		assert_true(read.len <= len && (!read.len || copy[read.len - 1] == '\n'));
		assert_true(memchr(copy + read.len, '\n', len - read.len) == NULL);
	}
	assert_true(had_phase);
}

/* Each byte of it counts. */
static void test_damaged(void **state)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE;
	AUTO(strbuf_fini) struct strbuf text = { 0 };

	(void)state;
	make_rich(&journal);
	journal_format(&text, &journal, &here);
	for (size_t at = 0; at + 1 < text.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			AUTO(journal_fini) struct journal read = JOURNAL_NONE;

			text.text[at] ^= (char)(1 << bit);
			assert_int_equal(journal_parse(&read, text.text, text.len, &here, NULL),
					 -EBADMSG);
			text.text[at] ^= (char)(1 << bit);
		}
}

static void assert_refused(const struct journal_host *host, int code, const char *words)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE, read = JOURNAL_NONE;
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	struct err err = { 0 };

	make_rich(&journal);
	journal_format(&text, &journal, host);
	assert_int_equal(journal_parse(&read, text.text, text.len, &here, &err), code);
	assert_string_equal(err.text, words);
	assert_null(read.config_path);
}

static void test_stale(void **state)
{
	struct journal_host other = here;

	(void)state;
	other.cookie++;
	assert_refused(&other, -ESTALE, "of another boot or network namespace");
	other = here;
	other.boot[0] = 'x';
	assert_refused(&other, -ESTALE, "of another boot or network namespace");
}

/* A line as the journal would have it, with its sum. */
static void add_line(struct strbuf *out, const char *line)
{
	uint32_t sum = 2166136261U;

	for (const char *c = line; *c; c++)
		sum = (sum ^ (unsigned char)*c) * 16777619U;
	strbuf_addf(out, "%s #%08x\n", line, sum);
}

/* Lines whose sums are right, but that nobody would have written. */
static void test_nonsense(void **state)
{
	static const char *const lines[] = {
		"",
		"nonsense",
		"phase",
		"phase sideways",
		"phase up up",
		"made 0",
		"made -1",
		"made 99999999999",
		"begin 0 save",
		"begin 1",
		"begin 1 dance",
		"begin 1 save ",
		"begin 1 save x=1",
		"begin 1 save mark=x",
		"begin 1 save mark=4294967296",
		"begin 1 save family=3",
		"begin 1 save key=PreUp%",
		"begin 1 save text=%00",
		"begin 1 save text=%ZZ",
		"begin 1 run-hook",
		"begin 1 run-hook key=PreUp",
		"begin 1 run-hook key=Nothing text=x",
		"begin 1 add-rule",
		"begin 1 add-rule rule=2,1,1,2,1,1,-1",
		"begin 1 add-rule rule=3,1,1,1,1,1,-1",
		"begin 1 add-rule rule=2,1,1,1,1,1,-1x",
		"begin 1 add-address cidr=10.0.0.0/33",
		"end 1 save",
		"forget 1",
		"plan wg1 0 0 0 ",
		"config /x 0",
		"hooks PreUp",
		"hooks Nothing=x",
		"dns x=y",
		"endpoints short=x",
		"endpoints xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO(journal_fini) struct journal journal = JOURNAL_NONE, read = JOURNAL_NONE;
		AUTO(strbuf_fini) struct strbuf text = { 0 };

		start(&journal);
		journal_format(&text, &journal, &here);
		add_line(&text, lines[i]);
		assert_int_equal(journal_parse(&read, text.text, text.len, &here, NULL), -EBADMSG);
	}
}

static void test_other_versions(void **state)
{
	static const char *const firsts[] = { "wg-quick-journal 2", "wg-quick-journal",
					      "something else" };

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		AUTO(journal_fini) struct journal journal = JOURNAL_NONE, read = JOURNAL_NONE;
		AUTO(strbuf_fini) struct strbuf text = { 0 }, changed = { 0 };
		struct err err = { 0 };

		start(&journal);
		journal_format(&text, &journal, &here);
		add_line(&changed, firsts[i]);
		strbuf_add(&changed, strchr(text.text, '\n') + 1);
		assert_int_equal(journal_parse(&read, changed.text, changed.len, &here, &err),
				 -EBADMSG);
		assert_string_equal(err.text, "of another version");
	}
}

/* Records go behind what is sound, over what was cut off. */
static void test_going_on(void **state)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE, read = JOURNAL_NONE;
	AUTO(journal_fini) struct journal again = JOURNAL_NONE;
	AUTO(strbuf_fini) struct strbuf text = { 0 }, after = { 0 };
	const struct plan elsewhere = { .route_policy = ROUTE_POLICY_TABLE,
					.table = 77,
					.table_name = (char *)"7 7" };
	struct step step = { .kind = STEP_SAVE };
	int fd = memfd_create("journal", MFD_CLOEXEC);

	(void)state;
	make_rich(&journal);
	journal_format(&text, &journal, &here);
	strbuf_add(&text, "begin 9 run-hook key=PostUp text=a-long-text-that-was-cut-off");
	assert_int_equal(write(fd, text.text, text.len), (int)text.len);
	assert_int_equal(journal_parse(&read, text.text, text.len, &here, NULL), 0);
	read.fd = fd;
	journal_begin_step(&read, &step);
	journal_set_phase(&read, JOURNAL_DOWN);
	journal_set_routes(&read, &elsewhere);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(strbuf_read_fd(&after, fd, NULL), 0);
	assert_int_equal(journal_parse(&again, after.text, after.len, &here, NULL), 0);
	assert_journal(&read, &again);
	assert_int_equal(again.phase, JOURNAL_DOWN);
	assert_int_equal(again.done.table, 77);
	assert_string_equal(again.done.table_name, "7 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),          cmocka_unit_test(test_empty_step),
		cmocka_unit_test(test_forget),         cmocka_unit_test(test_settings),
		cmocka_unit_test(test_torn),           cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_stale),          cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_other_versions), cmocka_unit_test(test_going_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
