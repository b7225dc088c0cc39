/*
 * cmd/wg/steal: who loses a prefix to whom. Examples, and random changes against a stupid twin that
 * asks for each prefix and each peer alone what the change says, statement by statement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg/steal.h"
#include "lib/util/cleanup.h"
#include "lib/util/strbuf.h"

enum {
	N_KEYS = 4,
	N_CIDRS = 5,
};

static const char *const cidrs[N_CIDRS] = { "10.0.0.1/32", "10.0.0.0/24", "10.0.0.0/25",
					    "0.0.0.0/0", "::/0" };

static struct cidr cidr_of(size_t i)
{
	struct cidr cidr;

	assert_int_equal(cidr_parse(&cidr, NULL, cidrs[i], NULL), 0);
	return cidr;
}

static struct wg_peer *add_peer(struct wg_device *device, char key, uint32_t flags)
{
	struct wg_peer *peer = wg_device_add_peer(device);

	memset(&peer->public_key, key, sizeof(peer->public_key));
	peer->flags = flags | WG_PEER_HAS_PUBLIC_KEY;
	return peer;
}

/*
 * Words: a letter is a peer, after it come "=" (replace), "x" (remove), "?" (update only), and
 * digits, the numbers of prefixes, with "-" before those it loses. "!" at the start: replace peers.
 */
static struct wg_device *device_of(const char *text)
{
	struct wg_device *device = wg_device_new();
	struct wg_peer *peer = NULL;
	bool remove = false;

	for (; *text; text++) {
		if (*text == '!')
			device->flags |= WG_DEVICE_REPLACE_PEERS;
		else if (*text == '=')
			peer->flags |= WG_PEER_REPLACE_ALLOWED_IPS;
		else if (*text == 'x')
			peer->flags |= WG_PEER_REMOVE;
		else if (*text == '?')
			peer->flags |= WG_PEER_UPDATE_ONLY;
		else if (*text >= 'A' && *text <= 'D')
			peer = add_peer(device, *text, 0);
		else if (*text >= '0' && *text <= '9')
			*wg_peer_add_allowed_ip(peer) = (struct wg_allowed_ip){
				.cidr = cidr_of((size_t)(*text - '0')),
				.remove = remove,
			};
		remove = *text == '-';
	}
	return device;
}

static void add_steal(struct strbuf *out, const struct steal *steal)
{
	size_t i = 0;
	struct cidr cidr;

	do
		cidr = cidr_of(i++);
	while (!cidr_equal(&cidr, &steal->cidr));
	strbuf_addf(out, "%s%zu:%c>%c", out->len ? " " : "", i - 1, steal->from.bytes[0],
		    steal->to.bytes[0]);
}

static void find(struct strbuf *out, const struct wg_device *running,
		 const struct wg_device *change)
{
	AUTO(steals_fini) struct steals steals = { 0 };

	steals_find(&steals, running, change);
	for (size_t i = 0; i < steals.n; i++)
		add_steal(out, &steals.items[i]);
}

static void expect(const char *running_text, const char *change_text, const char *expected)
{
	AUTO(wg_device_auto_free) struct wg_device *running = device_of(running_text);
	AUTO(wg_device_auto_free) struct wg_device *change = device_of(change_text);
	AUTO(strbuf_fini) struct strbuf got = { 0 };

	find(&got, running, change);
	if (strcmp(strbuf_text(&got), expected) != 0)
		print_message("# %s, then %s\n", running_text, change_text);
	assert_string_equal(strbuf_text(&got), expected);
}

static void test_examples(void **state)
{
	(void)state;
	expect("", "", "");
	expect("A0 B1", "", "");
	expect("A0 B1", "B=0", "0:A>B");
	expect("A0 B1", "B0", "0:A>B");
	expect("A0", "C=0", "0:A>C");
	expect("A0", "A=0", "");
	expect("A0", "A0", "");
	expect("A0", "B1", "");
	/* Another prefix, be it wider or narrower, is another. */
	expect("A1 B3", "C=0 D=24", "");
	expect("A034", "B=430", "4:A>B 3:A>B 0:A>B");
	/* Who is taken away from anyway is no victim. */
	expect("A0", "Ax B=0", "");
	expect("A0", "B=0 Ax", "");
	expect("A0", "A=1 B=0", "");
	expect("A0", "B=0 A=1", "");
	expect("A0", "B=0 A=", "");
	expect("A0", "A-0 B0", "");
	expect("A0", "B0 A-0", "");
	expect("A0", "!B=0", "");
	expect("A0", "!A=0 B=0", "0:A>B");
	/* Removed and made anew. */
	expect("A0", "Ax A1 B0", "");
	expect("A0", "Ax A0 B0", "0:A>B");
	/* Given to nobody in the end. */
	expect("A0", "B0 Bx", "");
	expect("A0", "B0 B-0", "");
	expect("A0", "B0 B=1", "");
	expect("A0", "B-0", "");
	/* Who is not there is not made. */
	expect("A0", "B?=0", "");
	expect("A0 B1", "B?=0", "0:A>B");
	expect("A0 B1", "Bx B?=0", "");
	expect("A0", "B1 B?0", "0:A>B");
	/* Within the change, and in its order. */
	expect("", "A=0 B=0", "0:A>B");
	expect("A0", "A=0 B=0", "0:A>B");
	expect("A0", "B=0 A=0", "0:B>A");
	expect("A0", "B=0 C=0", "0:A>B 0:B>C");
	expect("A0", "B=1 C=10 D=1", "1:B>C 0:A>C 1:C>D");
	/* Said twice. */
	expect("A0", "B00", "0:A>B");
	expect("A0", "B=0 B=0", "0:A>B");
}

/* When peer `key` last came to have the prefix, were it alone; 0: it was so before; -1: it has not.
 */
static int when(const char *running, const char *change, char key, char prefix)
{
	bool exists = false, remove = false, mine = false;
	int has = -1, time = 0;

	if (change[0] != '!')
		for (const char *c = running; *c; c++) {
			if (*c >= 'A')
				mine = *c == key;
			exists |= mine;
			if (mine && *c == prefix)
				has = 0;
		}
	mine = false;
	for (const char *c = change; *c; c++) {
		time++;
		if (*c >= 'A' && *c <= 'D') {
			mine = *c == key && (exists || c[1] != '?');
			if (mine && c[1] != 'x')
				exists = true;
		} else if (mine && *c == 'x') {
			exists = mine = false; /* nothing else of it counts */
			has = -1;
		} else if (mine && *c == '=') {
			has = -1;
		} else if (mine && *c == prefix) {
			has = remove ? -1 : time;
		}
		remove = *c == '-';
	}
	return has;
}

/* As find(), in the order of when prefixes are gained. */
static void find_stupidly(struct strbuf *out, const char *running, const char *change)
{
	for (int time = 1; time <= (int)strlen(change); time++)
		for (char prefix = '0'; prefix < '0' + N_CIDRS; prefix++)
			for (char to = 'A'; to < 'A' + N_KEYS; to++) {
				char from = 0;
				int latest = -1;

				if (when(running, change, to, prefix) != time)
					continue;
				for (char key = 'A'; key < 'A' + N_KEYS; key++) {
					int then = when(running, change, key, prefix);

					if (then > latest && then < time) {
						latest = then;
						from = key;
					}
				}
				if (from)
					strbuf_addf(out, "%s%c:%c>%c", out->len ? " " : "", prefix,
						    from, to);
			}
}

static unsigned int seed = 1;

static int below(int n)
{
	return rand_r(&seed) % n;
}

static void add_random_prefixes(struct strbuf *out, bool with_removals)
{
	for (int n = below(4); n > 0; n--)
		strbuf_addf(out, "%s%d", with_removals && !below(3) ? "-" : "", below(N_CIDRS));
}

static void test_twin(void **state)
{
	static const char *const forms[] = { "", "", "=", "=", "?", "?=", "x" };
	int n_found = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		AUTO(strbuf_fini) struct strbuf running = { 0 };
		AUTO(strbuf_fini) struct strbuf change = { 0 };
		AUTO(strbuf_fini) struct strbuf twin = { 0 };

		/* One device has a prefix once. */
		for (int prefix = 0, first = below(N_KEYS); prefix < N_CIDRS; prefix++)
			if (below(3))
				strbuf_addf(&running, "%c%d", 'A' + (first + prefix) % N_KEYS,
					    prefix);
		if (!below(5))
			strbuf_add_char(&change, '!');
		for (int n = below(6); n > 0; n--) {
			strbuf_addf(&change, "%c%s", 'A' + below(N_KEYS), forms[below(7)]);
			add_random_prefixes(&change, below(2));
		}
		find_stupidly(&twin, strbuf_text(&running), strbuf_text(&change));
		n_found += twin.len > 0;
		expect(strbuf_text(&running), strbuf_text(&change), strbuf_text(&twin));
	}
	assert_in_range(n_found, 2000, 18000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
