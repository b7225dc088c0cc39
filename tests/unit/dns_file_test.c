/* The exchange of resolv.conf, in a directory of the test's own. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/wg-quick/dns_file.h"
#include "lib/util/cleanup.h"

#define OURS(name, lines)                                                               \
	"# Written by wg-quick(8), for " name ". Do not edit: it goes when the tunnel " \
	"goes.\n" lines

static char dir[32], path[64], saved[64], state_dir[64];
static const struct dns_file file = { path, state_dir };

static void run(const char *format, const char *argument)
{
	char command[200];

	snprintf(command, sizeof(command), format, argument);
	assert_int_equal(system(command), 0);
}

static int prepare(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dns_file.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/resolv.conf", dir);
	snprintf(saved, sizeof(saved), "%s.wg-quick", path);
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	run("echo old >%s", path);
	return 0;
}

static int clean_up(void **state)
{
	(void)state;
	run("rm -r %s", dir);
	return 0;
}

static void assert_file(const char *name, const char *expected)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	AUTO(auto_close) int fd = open(name, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd < 0, !expected);
	if (fd >= 0)
		assert_int_equal(strbuf_read_fd(&text, fd, NULL), 0);
	if (expected)
		assert_string_equal(strbuf_text(&text), expected);
}

static void set(const char *interface, const char *lines)
{
	enum dns_file_outcome outcome;
	struct err err = { 0 };

	assert_int_equal(dns_file_set(&outcome, &file, interface, lines, &err), 0);
	assert_int_equal(outcome, DNS_FILE_EXCHANGED);
}

static void unset(const char *interface, enum dns_file_outcome expected)
{
	enum dns_file_outcome outcome;
	struct err err = { 0 };

	assert_int_equal(dns_file_unset(&outcome, &file, interface, &err), 0);
	assert_int_equal(outcome, expected);
}

static bool is_there(const char *interface)
{
	return interface[0] != 'x';
}

static size_t recover(void)
{
	AUTO(strlist_fini) struct strlist gone = { 0 };
	struct err err = { 0 };

	assert_int_equal(dns_file_recover(&gone, &file, is_there, &err), 0);
	return gone.n;
}

static void the_last_one_counts(void **state)
{
	AUTO(strbuf_fini) struct strbuf lines = { 0 };

	(void)state;
	assert_false(dns_file_get(NULL, &file, "a"));
	set("a", "1\n");
	set("ab", "2\n2\n");
	set("b", "");
	assert_file(path, OURS("b", ""));
	assert_file(saved, "old\n");
	assert_true(dns_file_get(&lines, &file, "ab"));
	assert_string_equal(strbuf_text(&lines), "2\n2\n");
	unset("a", DNS_FILE_UNCHANGED);
	unset("nosuch", DNS_FILE_UNCHANGED);
	unset("b", DNS_FILE_EXCHANGED);
	assert_file(path, OURS("ab", "2\n2\n"));
	set("c", "3\n");
	set("ab", "4\n"); /* once more: it is the last one now */
	assert_file(path, OURS("ab", "4\n"));
	unset("ab", DNS_FILE_EXCHANGED);
	assert_file(path, OURS("c", "3\n"));
	unset("c", DNS_FILE_RESTORED);
	assert_file(path, "old\n");
	assert_file(saved, NULL);
	assert_int_equal(rmdir(state_dir), 0);
}

/* As if the power had gone, or the program been killed, between two steps. */
static void each_moment_of_a_crash(void **state)
{
	(void)state;
	/* It wanted to set, but did not come to exchange the files. */
	set("x", "1\n");
	run("mv %1$s.wg-quick %1$s", path);
	assert_int_equal(recover(), 1);
	assert_file(path, "old\n");
	/* It had exchanged them, but the old one had not got its name yet. */
	set("a", "1\n");
	run("mv %1$s.wg-quick %1$s.wg-quick-new", path);
	unset("a", DNS_FILE_RESTORED);
	assert_file(path, "old\n");
	set("x", "1\n");
	run("mv %1$s.wg-quick %1$s.wg-quick-new", path);
	assert_int_equal(recover(), 1);
	assert_file(path, "old\n");
	assert_file(saved, NULL);
	/* It had restored, but not written that down. */
	set("a", "1\n");
	run("mv %1$s.wg-quick %1$s", path);
	unset("a", DNS_FILE_UNCHANGED);
	assert_file(path, "old\n");
	/* Somebody has deleted it. */
	set("a", "1\n");
	run("rm %s", path);
	unset("a", DNS_FILE_RESTORED);
	assert_file(path, "old\n");
	/* Left-overs are in nobody's way. */
	run("touch %1$s.wg-quick-new %1$s.wg-quick", path);
	set("a", "1\n");
	assert_file(saved, "old\n");
	unset("a", DNS_FILE_RESTORED);
	/* One of two is gone; then the machine has been started anew. */
	set("a", "1\n");
	set("x", "2\n");
	assert_int_equal(recover(), 1);
	assert_file(path, OURS("a", "1\n"));
	assert_int_equal(recover(), 0);
	run("rm -r %s", state_dir);
	assert_int_equal(recover(), 0);
	assert_file(path, "old\n");
	assert_file(saved, NULL);
}

static void assert_nothing_left(void)
{
	AUTO(strbuf_fini) struct strbuf command = { 0 };

	strbuf_addf(&command,
		    "test -z \"$(cd %s && find . -mindepth 1 ! -name resolv.conf ! -name state)\"",
		    dir);
	assert_int_equal(system(strbuf_text(&command)), 0);
}

/* Killed while it wrote a file, which is then empty or half of one. */
static void a_crash_in_the_middle_of_a_file(void **state)
{
	(void)state;
	set("a", "1\n");
	run(": >%1$s.wg-quick-next", path);
	unset("a", DNS_FILE_RESTORED);
	assert_file(path, "old\n");
	assert_nothing_left();
	run(": >%1$s.wg-quick-new", path);
	assert_int_equal(recover(), 0);
	assert_file(path, "old\n");
	assert_nothing_left();
	/* Where its names begin with what this is to be called. */
	set("a", "1\n");
	run("cd %s && for file in dns-*; do : >$file.new; done", state_dir);
	unset("a", DNS_FILE_RESTORED);
	assert_nothing_left();
}

/* Likewise, where resolv.conf is written into. */
static void a_crash_in_the_middle_of_resolv_conf(void **state)
{
	(void)state;
	run("mkdir %1$s.wg-quick-new", path); /* so nothing can take its place */
	run("mkdir %1$s.wg-quick-next", path);
	for (int i = 0; i < 2; i++) {
		enum dns_file_outcome outcome;
		struct err err = { 0 };

		assert_int_equal(dns_file_set(&outcome, &file, "x", i ? "12345\n" : "1\n", &err),
				 0);
		assert_int_equal(outcome, DNS_FILE_WRITTEN);
		run("printf 'old\n\n\n\n' >%s", path);
		assert_int_equal(recover(), 1);
		assert_file(path, "old\n");
	}
	run("rmdir %1$s.wg-quick-new %1$s.wg-quick-next", path);
	assert_nothing_left();
}

static void what_others_write_stays(void **state)
{
	(void)state;
	set("a", "1\n");
	run("echo theirs >%s", path);
	assert_int_equal(recover(), 0);
	set("b", "2\n"); /* theirs is what comes back then */
	assert_file(path, OURS("b", "2\n"));
	unset("b", DNS_FILE_EXCHANGED);
	run("echo newer >%s", path);
	unset("a", DNS_FILE_TAKEN);
	assert_file(path, "newer\n");
	assert_file(saved, NULL);
}

static void a_failure_changes_nothing(void **state)
{
	enum dns_file_outcome outcome;
	struct err err = { 0 };

	(void)state;
	run("mkdir %s.wg-quick-new", path);
	run("rm %1$s && ln -s nowhere %1$s", path);
	assert_int_not_equal(dns_file_set(&outcome, &file, "a", "1\n", &err), 0);
	assert_non_null(strstr(err.text, path));
	assert_false(dns_file_get(NULL, &file, "a"));
	assert_file(path, NULL);
	/* Nowhere to remember anything. */
	run("rm -r %s", state_dir);
	run("touch %s", state_dir);
	assert_int_not_equal(dns_file_set(&outcome, &file, "a", "1\n", &err), 0);
	assert_file(path, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_one_counts, prepare, clean_up),
		cmocka_unit_test_setup_teardown(each_moment_of_a_crash, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_crash_in_the_middle_of_a_file, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_crash_in_the_middle_of_resolv_conf, prepare,
						clean_up),
		cmocka_unit_test_setup_teardown(what_others_write_stays, prepare, clean_up),
		cmocka_unit_test_setup_teardown(a_failure_changes_nothing, prepare, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
