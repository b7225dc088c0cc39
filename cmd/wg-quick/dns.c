/*
 * Choosing whom to tell about name servers, and telling. Each way has a function that sets and one
 * that takes back. What was chosen is not recorded: a file that was exchanged can be told from its
 * own records, systemd-resolved forgets a link's servers with the link, and resolvconf does not
 * mind to be told about what it does not know. Stateless.
 */
#include "cmd/wg-quick/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/dns_file.h"
#include "cmd/wg-quick/netns.h"
#include "cmd/wg-quick/process.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define FAILURE_VARIABLE "WG_QUICK_DNS_FAILURE"
#define RESOLVED_SOCKET "/run/systemd/resolve/io.systemd.Resolve"
#define ORDER_FILE "/etc/resolvconf/interface-order"
#define RECORDS_DIR "/etc/resolvconf/run/interface"

enum {
	STATUS_FAILED = 1,
	STATUS_NOBODY = 127, /* as of a program that is missing */
};

enum way {
	WAY_RESOLVCONF,
	WAY_RESOLVED,
	WAY_FILE,
};

/* ---- who is there ---------------------------------------------------------------------------- */

static bool has_resolvconf(void)
{
	char path[PATH_MAX];

	return process_find(path, "resolvconf");
}

static bool resolved_answers(void)
{
	AUTO(auto_close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *const argv[] = { "resolvectl", "status", NULL };
	char path[PATH_MAX];

	if (!process_find(path, "resolvectl"))
		return false;
	return !access(RESOLVED_SOCKET, F_OK) ||
	       !process_run_with(argv, (int[]){ null, null, null }, NULL);
}

static bool wants_split(const struct dns *dns)
{
	for (size_t i = 0; i < dns->search->n; i++)
		if (dns->search->items[i][0] == '~')
			return true;
	return false;
}

static enum way choose(const struct dns *dns, const char **why)
{
	*why = NULL;
	if (netns_is_elsewhere()) {
		*why = "DNS is set for the network namespace, in a file that ip netns exec uses";
		return WAY_FILE;
	}
	if (has_resolvconf()) {
		if (!wants_split(dns) || !resolved_answers())
			return WAY_RESOLVCONF;
		*why = "a domain has servers of its own (~): DNS is set in systemd-resolved";
		return WAY_RESOLVED;
	}
	if (resolved_answers()) {
		*why = "no resolvconf: DNS is set in systemd-resolved";
		return WAY_RESOLVED;
	}
	*why = "no resolvconf, no systemd-resolved: DNS is set in /etc/resolv.conf";
	return WAY_FILE;
}

/* ---- running programs ------------------------------------------------------------------------ */

/* Tells a line on stderr; if all is only to be foreseen, adds it to the list instead. */
static void __attribute__((format(printf, 2, 3)))
say(const struct dns *dns, const char *format, ...)
{
	AUTO(strbuf_fini) struct strbuf line = { 0 };
	va_list args;

	va_start(args, format);
	strbuf_addv(&line, format, args);
	va_end(args);
	if (dns->foreseen)
		strlist_add(dns->foreseen, strbuf_text(&line));
	else
		cli_say("%s", strbuf_text(&line));
}

/* Returns the exit status. `input` is a descriptor, or -1 for our own standard input. */
static int run(const struct dns *dns, char *const argv[], int input, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf text = { 0 };
	int status;

	for (size_t i = 0; argv[i]; i++)
		strbuf_addf(&text, " %s", argv[i]);
	say(dns, "[#]%s", strbuf_text(&text));
	if (dns->foreseen)
		return 0;
	status = process_run_with(argv, (int[]){ input, -1, -1 }, err);
	if (status > 0)
		err_set(err, -ECHILD, "`%s %s' failed with exit status %d", argv[0], argv[1],
			status);
	return status < 0 ? STATUS_NOBODY : status;
}

/* ---- resolvconf ------------------------------------------------------------------------------ */

void dns_add_prefix(struct strbuf *out, const char *order_path, const char *resolvconf_path)
{
	AUTO(auto_fclose) FILE *file = NULL;
	AUTO(auto_free) char *line = NULL;
	size_t cap = 0;
	struct stat st;

	if (stat(order_path, &st) || !S_ISREG(st.st_mode) ||
	    (!lstat(resolvconf_path, &st) && S_ISLNK(st.st_mode)))
		return;
	file = fopen(order_path, "re");
	while (file && getline(&line, &cap, file) >= 0) {
		const char *word = line + strspn(line, " \t");
		size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789-");
		const char *rest = word + len;

		if (!len || *rest++ != '*')
			continue;
		rest += strspn(rest, " \t");
		if (*rest != '\n')
			continue;
		strbuf_addf(out, "%.*s.", (int)len, word);
		return;
	}
}

/* The interface's name as resolvconf is to hear it. */
static void add_record_name(struct strbuf *out, const struct dns *dns)
{
	char path[PATH_MAX] = "";

	process_find(path, "resolvconf");
	dns_add_prefix(out, ORDER_FILE, path);
	strbuf_add(out, dns->interface);
}

/* The lines of a resolv.conf; with is_split_left_out, without domains that only have servers. */
static void add_lines(struct strbuf *out, const struct dns *dns, bool is_split_left_out)
{
	const char *separator = "search ";

	for (size_t i = 0; i < dns->servers->n; i++)
		strbuf_addf(out, "nameserver %s\n", dns->servers->items[i]);
	for (size_t i = 0; i < dns->search->n; i++) {
		if (is_split_left_out && dns->search->items[i][0] == '~')
			continue;
		strbuf_addf(out, "%s%s", separator, dns->search->items[i]);
		separator = " ";
	}
	if (separator[1] == '\0')
		strbuf_add_char(out, '\n');
}

static int set_resolvconf(const struct dns *dns, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 }, lines = { 0 };
	AUTO(auto_close) int input = -1;
	char *argv[] = { "resolvconf", "-a", NULL, "-m", "0", "-x", NULL };

	add_record_name(&name, dns);
	argv[2] = name.text;
	add_lines(&lines, dns, false);
	input = process_open_text(strbuf_text(&lines), lines.len, false);
	if (input < 0) {
		err_set(err, input, "cannot hand anything to resolvconf: %s", strerror(-input));
		return STATUS_FAILED;
	}
	return run(dns, argv, input, err);
}

static int unset_resolvconf(const struct dns *dns, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 };
	char *argv[] = { "resolvconf", "-d", NULL, "-f", NULL };

	add_record_name(&name, dns);
	argv[2] = name.text;
	return run(dns, argv, -1, err);
}

/* ---- systemd-resolved ------------------------------------------------------------------------ */

/* Runs resolvectl VERB INTERFACE WORDS [LAST]. */
static int run_resolvectl(const struct dns *dns, char *verb, const struct strlist *words,
			  char *last, struct err *err)
{
	char *const start[] = { "resolvectl", verb, (char *)dns->interface };
	size_t n = sizeof(start) / sizeof(start[0]), n_words = words ? words->n : 0;
	AUTO(auto_free) char **argv = mem_alloc(n + n_words + 2, sizeof(*argv));

	memcpy(argv, start, sizeof(start));
	if (n_words)
		memcpy(argv + n, words->items, n_words * sizeof(*argv));
	argv[n + n_words] = last;
	return run(dns, argv, -1, err);
}

/* The domain "~." stands for all names: the tunnel's servers are then asked before other links'. */
static int set_resolved(const struct dns *dns, struct err *err)
{
	bool is_split = wants_split(dns);
	int status = run_resolvectl(dns, "dns", dns->servers, NULL, err);

	if (!status)
		status = run_resolvectl(dns, "domain", dns->search, is_split ? NULL : "~.", err);
	if (!status && is_split)
		status = run_resolvectl(dns, "default-route", NULL, "no", err);
	if (status)
		run_resolvectl(dns, "revert", NULL, NULL, NULL);
	return status;
}

/* ---- resolv.conf ----------------------------------------------------------------------------- */

static void say_file(const struct dns *dns, enum dns_file_outcome outcome)
{
	const char *path = dns_file_here()->path;

	switch (outcome) {
	case DNS_FILE_UNCHANGED:
		break;
	case DNS_FILE_EXCHANGED:
		say(dns, "[#] mv %s.wg-quick-new %s", path, path);
		break;
	case DNS_FILE_WRITTEN:
		say(dns, "[#] cat %s.wg-quick-new >%s", path, path);
		break;
	case DNS_FILE_RESTORED:
		say(dns, "[#] mv %s.wg-quick %s", path, path);
		break;
	case DNS_FILE_TAKEN:
		say(dns, "[!] %s is another program's by now, and stays as it is after `%s'", path,
		    dns->interface);
		break;
	}
}

/* Of a network namespace's file; whether that worked, writing the file will tell. */
static void make_dirs(void)
{
	AUTO(auto_free) char *path = mem_strdup(dns_file_here()->path);

	for (char *c = path + 1; (c = strchr(c, '/')); *c++ = '/') {
		*c = '\0';
		mkdir(path, 0755);
	}
}

/* Those that nothing else is in. */
static void remove_dirs(void)
{
	AUTO(auto_free) char *path = mem_strdup(dns_file_here()->path);
	int r = 0;

	for (char *slash; !r && (slash = strrchr(path, '/')) && slash > path;) {
		*slash = '\0';
		r = rmdir(path);
	}
}

static int set_file(const struct dns *dns, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf lines = { 0 };
	enum dns_file_outcome outcome = DNS_FILE_UNCHANGED;

	if (wants_split(dns))
		say(dns, "[!] servers for a domain alone (~) take systemd-resolved: they are asked "
			 "for all names");
	add_lines(&lines, dns, true);
	if (netns_name() && !dns->foreseen)
		make_dirs();
	if (dns->foreseen)
		outcome =
			dns_file_foresee_set(dns_file_here(), dns->interface, strbuf_text(&lines));
	else if (dns_file_set(&outcome, dns_file_here(), dns->interface, strbuf_text(&lines),
			      err)) {
		err_prefix(err, "cannot set DNS");
		return STATUS_NOBODY;
	}
	say_file(dns, outcome);
	return 0;
}

static int unset_file(const struct dns *dns, struct err *err)
{
	enum dns_file_outcome outcome;
	int r = 0;

	if (dns->foreseen)
		outcome = dns_file_foresee_unset(dns_file_here(), dns->interface);
	else
		r = dns_file_unset(&outcome, dns_file_here(), dns->interface, err);
	if (netns_name() && !dns->foreseen)
		remove_dirs();
	if (!r)
		say_file(dns, outcome);
	return r;
}

/* ---- the front door -------------------------------------------------------------------------- */

/* Whether a failure is to be told only; unchanged if nobody has said. Returns 0 or -EINVAL. */
static int read_policy(bool *is_warning, struct err *err)
{
	const char *text = getenv(FAILURE_VARIABLE);

	if (!text || !text[0])
		return 0;
	*is_warning = !strcmp(text, "warn");
	if (*is_warning || !strcmp(text, "abort"))
		return 0;
	return err_expected(err, -EINVAL, "abort or warn",
			    "Unable to parse " FAILURE_VARIABLE ": `%.200s'", text);
}

int dns_check_environment(struct err *err)
{
	bool is_warning;

	return read_policy(&is_warning, err);
}

int dns_set(const struct dns *dns, struct err *err)
{
	bool is_warning = dns->goes_on;
	const char *why;
	int status = 0;

	if (!dns->servers->n)
		return 0;
	switch (choose(dns, &why)) {
	case WAY_RESOLVCONF:
		status = set_resolvconf(dns, err);
		break;
	case WAY_RESOLVED:
		say(dns, "[!] %s", why);
		status = set_resolved(dns, err);
		break;
	case WAY_FILE:
		say(dns, "[!] %s", why);
		status = set_file(dns, err);
		break;
	}
	if (!status || read_policy(&is_warning, NULL) || !is_warning)
		return status;
	cli_say("[!] %s; `%s' goes on without its DNS", err->text, dns->interface);
	*err = (struct err){ 0 };
	if (dns->is_missing)
		*dns->is_missing = true;
	return 0;
}

void dns_unset(const struct dns *dns)
{
	struct err err = { 0 };
	const char *why;
	int r = 0;

	/* systemd-resolved forgets by itself, and without resolvconf there is nobody to ask. */
	if (dns_is_in_file(dns->interface))
		r = unset_file(dns, &err);
	else if (dns->servers->n && has_resolvconf() && choose(dns, &why) == WAY_RESOLVCONF)
		r = unset_resolvconf(dns, &err);
	if (r)
		cli_say("[!] cannot take DNS back: %s", err.text);
}

/* Where it is still set after `to` has been set by another way, or not at all. */
static int unset_way(const struct dns *from, enum way way, struct err *err)
{
	switch (way) {
	case WAY_RESOLVCONF:
		return unset_resolvconf(from, err);
	case WAY_RESOLVED:
		return run_resolvectl(from, "revert", NULL, NULL, err);
	case WAY_FILE:
		break;
	}
	return 0;
}

int dns_change(const struct dns *from, const struct dns *to, struct err *err)
{
	struct err last = { 0 };
	enum way way = WAY_FILE;
	const char *why;
	int status = dns_set(to, err);

	if (status) {
		dns_set(from, &last); /* what failed may have been half of it */
		return status;
	}
	if (from->servers->n)
		way = choose(from, &why);
	if (way != WAY_FILE && (!to->servers->n || choose(to, &why) != way))
		status = unset_way(from, way, &last);
	else if (!to->servers->n && dns_is_in_file(from->interface))
		status = unset_file(from, &last);
	if (status)
		cli_say("[!] cannot take DNS back: %s", last.text);
	return 0;
}

bool dns_is_in_file(const char *interface)
{
	return dns_file_get(NULL, dns_file_here(), interface);
}

bool dns_is_in_place(const struct dns *dns)
{
	const char *why;

	return choose(dns, &why) != WAY_FILE ||
	       dns_file_is_in_place(dns_file_here(), dns->interface);
}

/* ---- what is set now ------------------------------------------------------------------------- */

/* Adds the servers and domains in the text of a resolv.conf. Of servers there is one in a line. */
static void add_from_lines(struct strlist *servers, struct strlist *search, char *text)
{
	char *rest = NULL, *word_rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *keyword = strtok_r(line, " \t", &word_rest);
		const char *word = keyword ? strtok_r(NULL, " \t", &word_rest) : NULL;

		if (word && !strcmp(keyword, "nameserver")) {
			if (!strtok_r(NULL, " \t", &word_rest))
				strlist_add(servers, word);
		} else if (word && !strcmp(keyword, "search")) {
			for (; word; word = strtok_r(NULL, " \t", &word_rest))
				strlist_add(search, word);
		}
	}
}

/* Asks resolvconf, or reads its record where it does not answer (Debian's does not know -l). */
static void ask_resolvconf(struct strbuf *out, const struct dns *dns)
{
	AUTO(strbuf_fini) struct strbuf name = { 0 }, path = { 0 };
	AUTO(auto_close) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO(auto_close) int answer = memfd_create("dns", MFD_CLOEXEC);
	AUTO(auto_close) int record = -1;
	char *argv[] = { "resolvconf", "-l", NULL, NULL };
	int status;

	add_record_name(&name, dns);
	argv[2] = name.text;
	status = process_run_with(argv, (int[]){ -1, answer, null }, NULL);
	if (answer >= 0 && !lseek(answer, 0, SEEK_SET))
		strbuf_read_fd(out, answer, NULL);
	if (!status)
		return;
	strbuf_addf(&path, RECORDS_DIR "/%s", strbuf_text(&name));
	record = open(strbuf_text(&path), O_RDONLY | O_CLOEXEC);
	if (record >= 0)
		strbuf_read_fd(out, record, NULL);
}

void dns_get(struct strlist *servers, struct strlist *search, const struct dns *dns)
{
	AUTO(strbuf_fini) struct strbuf lines = { 0 };
	const char *why;

	if (!dns_file_get(&lines, dns_file_here(), dns->interface)) {
		if (has_resolvconf() && choose(dns, &why) == WAY_RESOLVCONF)
			ask_resolvconf(&lines, dns);
		else
			add_lines(&lines, dns, false);
	}
	if (lines.len)
		add_from_lines(servers, search, lines.text);
}

/* ---- after a crash --------------------------------------------------------------------------- */

static bool has_link(const char *interface)
{
	return if_nametoindex(interface) != 0;
}

bool dns_foresee_recover(void)
{
	return dns_file_foresee_recover(dns_file_here(), has_link);
}

void dns_recover(void)
{
	AUTO(strlist_fini) struct strlist gone = { 0 };
	struct err err = { 0 };
	int r = dns_file_recover(&gone, dns_file_here(), has_link, &err);

	for (size_t i = 0; !r && i < gone.n; i++)
		cli_say("[!] `%s' went without taking its DNS back: done now", gone.items[i]);
	if (r)
		cli_say("[!] cannot take DNS back: %s", err.text);
}
