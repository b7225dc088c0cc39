/* The trie of allowed IPs: tables of cases, and a list walked from end to end as its twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "datapath/engine/allowedips.h"
#include "lib/model/cidr.h"

static struct cidr cidr_of(const char *text)
{
	struct cidr cidr;
	bool had_host_bits;

	assert_int_equal(cidr_parse(&cidr, &had_host_bits, text, NULL), 0);
	assert_false(had_host_bits);
	return cidr;
}

static struct allowedips_owner *find(const struct allowedips *ips, const char *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, address, bytes) == 1)
		return allowedips_find_v4(ips, bytes);
	assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
	return allowedips_find_v6(ips, bytes);
}

/* Owners are called a to z. */
static struct allowedips_owner owners[26];

static void begin(void)
{
	memset(owners, 0, sizeof(owners));
}

static void add(struct allowedips *ips, char who, const char *text)
{
	struct cidr prefix = cidr_of(text);

	allowedips_add(ips, &owners[who - 'a'], &prefix);
}

static void take_away(struct allowedips *ips, char who, const char *text)
{
	struct cidr prefix = cidr_of(text);

	allowedips_remove(ips, &owners[who - 'a'], &prefix);
}

/* "-" is nobody. */
static void expect(const struct allowedips *ips, char who, const char *address)
{
	struct allowedips_owner *found = find(ips, address);
	char found_name = found ? (char)('a' + (found - owners)) : '-';

	if (found_name != who)
		fail_msg("%s belongs to %c, not to %c", address, found_name, who);
}

/* The list of an owner as text. */
static void expect_list(char who, const char *expected)
{
	char list[512] = "", text[CIDR_TEXT_MAX];
	const struct allowedips_owner *owner = &owners[who - 'a'];
	const struct allowedips_node *node = NULL;
	size_t n = 0;

	while ((node = allowedips_next(owner, node))) {
		struct cidr prefix = allowedips_prefix(node);

		cidr_format(text, &prefix);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", n ? " " : "",
			 text);
		n++;
	}
	assert_string_equal(list, expected);
	assert_int_equal(owner->n, n);
}

static void test_longest_v4(void **state)
{
	struct allowedips *ips = allowedips_new();

	(void)state;
	begin();
	expect(ips, '-', "10.0.0.1");
	add(ips, 'a', "192.168.4.0/24");
	add(ips, 'b', "192.168.4.4/32");
	add(ips, 'c', "192.168.0.0/16");
	add(ips, 'd', "192.95.5.64/27");
	add(ips, 'c', "192.95.5.96/27");
	add(ips, 'e', "0.0.0.0/0");
	add(ips, 'f', "64.15.112.0/20");
	add(ips, 'g', "64.15.123.211/32");
	add(ips, 'h', "10.0.0.0/25");
	add(ips, 'i', "10.0.0.128/25");
	add(ips, 'j', "10.1.0.0/30");
	add(ips, 'k', "128.0.0.0/1");
	expect(ips, 'a', "192.168.4.20");
	expect(ips, 'a', "192.168.4.0");
	expect(ips, 'b', "192.168.4.4");
	expect(ips, 'a', "192.168.4.5");
	expect(ips, 'a', "192.168.4.255");
	expect(ips, 'c', "192.168.5.0");
	expect(ips, 'c', "192.168.200.182");
	expect(ips, 'd', "192.95.5.68");
	expect(ips, 'c', "192.95.5.96");
	expect(ips, 'k', "192.95.5.63");
	expect(ips, 'k', "192.95.5.128");
	expect(ips, 'f', "64.15.116.26");
	expect(ips, 'f', "64.15.127.3");
	expect(ips, 'e', "64.15.128.0");
	expect(ips, 'g', "64.15.123.211");
	expect(ips, 'f', "64.15.123.210");
	expect(ips, 'h', "10.0.0.0");
	expect(ips, 'h', "10.0.0.127");
	expect(ips, 'i', "10.0.0.128");
	expect(ips, 'i', "10.0.0.255");
	expect(ips, 'e', "10.0.1.0");
	expect(ips, 'j', "10.1.0.3");
	expect(ips, 'e', "10.1.0.4");
	expect(ips, 'e', "127.255.255.255");
	expect(ips, 'k', "128.0.0.0");
	expect(ips, 'k', "255.255.255.255");
	expect(ips, '-', "::");
	allowedips_free(ips);
}

static void test_longest_v6(void **state)
{
	struct allowedips *ips = allowedips_new();

	(void)state;
	begin();
	expect(ips, '-', "::1");
	add(ips, 'd', "2607:5300:6000:6b00::c05f:543/128");
	add(ips, 'c', "2607:5300:6000:6b00::/64");
	add(ips, 'e', "::/0");
	add(ips, 'f', "::/128");
	add(ips, 'g', "2404:6800::/32");
	add(ips, 'h', "2404:6800:4004:800::/64");
	add(ips, 'a', "2404:6800:4004:800:dead:beef:dead:beef/128");
	add(ips, 'i', "2404:6800:4004:800:8000::/65");
	add(ips, 'j', "2404:6800:4004:802::/63");
	add(ips, 'k', "8000::/1");
	expect(ips, 'd', "2607:5300:6000:6b00::c05f:543");
	expect(ips, 'c', "2607:5300:6000:6b00::c02e:1ee");
	expect(ips, 'e', "2607:5300:6000:6b01::");
	expect(ips, 'g', "2404:6800:4004:806::1006");
	expect(ips, 'h', "2404:6800:4004:800:0:1234:0:5678");
	expect(ips, 'h', "2404:6800:4004:800:7fff:ffff:ffff:ffff");
	expect(ips, 'i', "2404:6800:4004:800:8000::");
	expect(ips, 'a', "2404:6800:4004:800:dead:beef:dead:beef");
	expect(ips, 'i', "2404:6800:4004:800:dead:beef:dead:beee");
	expect(ips, 'j', "2404:6800:4004:802::");
	expect(ips, 'j', "2404:6800:4004:803:ffff::");
	expect(ips, 'g', "2404:6800:4004:801::");
	expect(ips, 'f', "::");
	expect(ips, 'e', "::1");
	expect(ips, 'e', "7fff::");
	expect(ips, 'k', "8000::");
	expect(ips, 'k', "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	expect(ips, '-', "0.0.0.0");
	allowedips_free(ips);
}

static void test_move_and_remove(void **state)
{
	struct allowedips *ips = allowedips_new();

	(void)state;
	begin();
	add(ips, 'a', "1.0.0.0/32");
	add(ips, 'a', "64.0.0.0/32");
	add(ips, 'a', "128.0.0.0/32");
	add(ips, 'a', "192.0.0.0/32");
	add(ips, 'a', "255.0.0.0/32");
	expect_list('a', "1.0.0.0/32 64.0.0.0/32 128.0.0.0/32 192.0.0.0/32 255.0.0.0/32");
	allowedips_remove_all(ips, &owners[0]);
	expect_list('a', "");
	expect(ips, '-', "1.0.0.0");
	expect(ips, '-', "255.0.0.0");

	add(ips, 'a', "10.0.0.0/8");
	add(ips, 'a', "10.1.0.0/16");
	add(ips, 'a', "2001:db8::/32");
	add(ips, 'b', "10.1.0.0/16"); /* moves */
	expect(ips, 'b', "10.1.2.3");
	expect_list('a', "10.0.0.0/8 2001:db8::/32");
	expect_list('b', "10.1.0.0/16");
	add(ips, 'a', "10.0.0.0/8"); /* added anew: the last one now */
	expect_list('a', "2001:db8::/32 10.0.0.0/8");

	take_away(ips, 'a', "10.1.0.0/16"); /* it is another's */
	take_away(ips, 'b', "10.0.0.0/8");
	take_away(ips, 'a', "10.0.0.0/9"); /* not there */
	take_away(ips, 'a', "10.0.0.0/7");
	take_away(ips, 'a', "0.0.0.0/0");
	take_away(ips, 'a', "::/0");
	expect(ips, 'b', "10.1.2.3");
	expect(ips, 'a', "10.2.0.0");
	take_away(ips, 'b', "10.1.0.0/16");
	expect(ips, 'a', "10.1.2.3");
	take_away(ips, 'a', "10.0.0.0/8");
	expect(ips, '-', "10.1.2.3");
	expect(ips, 'a', "2001:db8::1");
	allowedips_remove_all(ips, &owners[0]);
	allowedips_remove_all(ips, &owners[0]);
	expect(ips, '-', "2001:db8::1");
	expect_list('a', "");
	allowedips_free(ips);
	allowedips_free(NULL);
}

/* A fork (10.0.0.0/15, say) is nobody's, cannot be taken away, and can become a prefix. */
static void test_forks(void **state)
{
	struct allowedips *ips = allowedips_new();

	(void)state;
	begin();
	add(ips, 'a', "10.0.0.0/16");
	add(ips, 'b', "10.1.0.0/16");
	take_away(ips, 'a', "10.0.0.0/15");
	take_away(ips, 'c', "10.0.0.0/15");
	expect(ips, 'a', "10.0.0.1");
	expect(ips, 'b', "10.1.0.1");
	add(ips, 'c', "10.0.0.0/15");
	take_away(ips, 'a', "10.0.0.0/16");
	expect(ips, 'c', "10.0.0.1");
	take_away(ips, 'c', "10.0.0.0/15");
	expect(ips, '-', "10.0.0.1");
	expect(ips, 'b', "10.1.0.1");
	add(ips, 'a', "10.0.0.0/16");
	take_away(ips, 'b', "10.1.0.0/16");
	expect(ips, '-', "10.1.0.1");
	expect(ips, 'a', "10.0.0.1");
	allowedips_remove_all(ips, &owners[0]);
	allowedips_free(ips);
}

/* Every length of prefix on one path, added from both ends. */
static void test_all_lengths(void **state)
{
	(void)state;
	for (int up = 0; up < 2; up++) {
		for (int family = 0; family < 2; family++) {
			static struct allowedips_owner each[129];
			struct allowedips *ips = allowedips_new();
			unsigned int max = family ? 128 : 32;

			memset(each, 0, sizeof(each));
			for (unsigned int i = 0; i <= max; i++) {
				struct cidr prefix = { .family = family ? AF_INET6 : AF_INET,
						       .bits = (uint8_t)(up ? i : max - i) };

				memset(prefix.addr.bytes, 0xff, 16);
				cidr_mask(&prefix);
				allowedips_add(ips, &each[prefix.bits], &prefix);
			}
			for (unsigned int i = 0; i <= max; i++) {
				uint8_t address[16];

				/* All ones, but for the bit behind the first i. */
				memset(address, 0xff, 16);
				if (i < max)
					address[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
				assert_ptr_equal(family ? allowedips_find_v6(ips, address)
							: allowedips_find_v4(ips, address),
						 &each[i]);
			}
			allowedips_free(ips);
		}
	}
}

/* ---- against the list ------------------------------------------------------------------------ */

enum {
	LIST_MAX = 4096,
	OPERATIONS = 100000,
	N_OWNERS = 26
};

static struct {
	struct cidr prefix;
	struct allowedips_owner *owner;
} list[LIST_MAX];
static size_t n_list;

static uint64_t seed = 0x853c49e6748fea9b;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20);
}

/* Few different bits, so that prefixes meet: bytes are 0, 0x80, 0xff or, seldom, anything. */
static struct cidr random_prefix(void)
{
	struct cidr prefix = { .family = next_random() % 2 ? AF_INET6 : AF_INET };

	for (size_t i = 0; i < cidr_max_bits(prefix.family) / 8; i++) {
		static const uint8_t few[] = { 0, 0, 0x80, 0xff };
		uint32_t r = next_random();

		prefix.addr.bytes[i] = r % 16 ? few[r / 16 % 4] : (uint8_t)(r >> 8);
	}
	/* Short ones cover everything, and would hide what is below: they are seldom. */
	prefix.bits = (uint8_t)(next_random() % (cidr_max_bits(prefix.family) + 1));
	if (prefix.bits < 12 && next_random() % 64)
		prefix.bits += 12;
	return prefix;
}

static void list_remove_at(size_t at)
{
	memmove(&list[at], &list[at + 1], (n_list - at - 1) * sizeof(list[0]));
	n_list--;
}

static void list_remove(struct allowedips_owner *owner, const struct cidr *prefix)
{
	for (size_t i = 0; i < n_list; i++) {
		if (cidr_equal(&list[i].prefix, prefix) && (!owner || list[i].owner == owner)) {
			list_remove_at(i);
			return;
		}
	}
}

static struct allowedips_owner *list_find(const struct cidr *address)
{
	struct allowedips_owner *owner = NULL;
	int bits = -1;

	for (size_t i = 0; i < n_list; i++) {
		if (list[i].prefix.bits > bits && cidr_contains(&list[i].prefix, address)) {
			bits = list[i].prefix.bits;
			owner = list[i].owner;
		}
	}
	return owner;
}

static void compare_lists(const struct allowedips_owner *owner)
{
	const struct allowedips_node *node = NULL;
	size_t n = 0;

	for (size_t i = 0; i < n_list; i++) {
		struct cidr prefix;

		if (list[i].owner != owner)
			continue;
		node = allowedips_next(owner, node);
		assert_non_null(node);
		prefix = allowedips_prefix(node);
		assert_true(cidr_equal(&prefix, &list[i].prefix));
		n++;
	}
	assert_null(n ? allowedips_next(owner, node) : owner->first);
	assert_int_equal(owner->n, n);
}

static void random_change(struct allowedips *ips)
{
	struct allowedips_owner *owner = &owners[next_random() % N_OWNERS];
	uint32_t dice = next_random() % 1000;
	struct cidr prefix = random_prefix();

	cidr_mask(&prefix);
	if (n_list && next_random() % 2) /* one that is there: moved, or taken away */
		prefix = list[next_random() % n_list].prefix;
	if (dice < 550 && n_list < LIST_MAX) {
		allowedips_add(ips, owner, &prefix);
		list_remove(NULL, &prefix);
		list[n_list].prefix = prefix;
		list[n_list++].owner = owner;
	} else if (dice < 990) {
		for (size_t i = 0; i < n_list && next_random() % 4; i++)
			if (cidr_equal(&list[i].prefix, &prefix))
				owner = list[i].owner;
		allowedips_remove(ips, owner, &prefix);
		list_remove(owner, &prefix);
	} else {
		allowedips_remove_all(ips, owner);
		for (size_t i = n_list; i-- > 0;)
			if (list[i].owner == owner)
				list_remove_at(i);
	}
}

static void test_against_list(void **state)
{
	struct allowedips *ips = allowedips_new();
	size_t most = 0, found = 0;

	(void)state;
	begin();
	for (int i = 0; i < OPERATIONS; i++) {
		struct cidr address = random_prefix();
		struct allowedips_owner *expected, *got;

		random_change(ips);
		most = n_list > most ? n_list : most;
		address.bits = (uint8_t)cidr_max_bits(address.family);
		expected = list_find(&address);
		got = address.family == AF_INET ? allowedips_find_v4(ips, address.addr.bytes)
						: allowedips_find_v6(ips, address.addr.bytes);
		assert_ptr_equal(got, expected);
		found += got != NULL;
		if (i % 500 == 0)
			for (size_t k = 0; k < N_OWNERS; k++)
				compare_lists(&owners[k]);
	}
	/* It was no idle walk. */
	assert_true(most > 200);
	assert_true(found > OPERATIONS / 10 && found < OPERATIONS);
	print_message("# at most %zu prefixes, %zu of %d look-ups found one\n", most, found,
		      OPERATIONS);
	allowedips_free(ips);
}

/* Whole addresses, many and alike: what goes must leave no gap before those that stay. */
static void test_hosts(void **state)
{
	enum {
		N = 4096
	};
	static struct allowedips_owner each[N];
	struct allowedips *ips = allowedips_new();
	struct allowedips_owner all = { 0 };
	static bool is_there[N];
	const struct cidr net = { .family = AF_INET6, .addr.bytes = { 0xfd }, .bits = 8 };

	(void)state;
	memset(each, 0, sizeof(each));
	allowedips_add(ips, &all, &net);
	for (int round = 0; round < 20 * N; round++) {
		uint32_t i = next_random() % N;
		struct cidr host = { .family = AF_INET6, .addr.bytes = { 0xfd }, .bits = 128 };
		uint32_t look = next_random() % N;

		host.addr.bytes[14] = (uint8_t)(i >> 8);
		host.addr.bytes[15] = (uint8_t)i;
		/* At first more and more of them, then fewer and fewer. */
		is_there[i] = next_random() % 8 < (round < 10 * N ? 6U : 1U);
		if (is_there[i])
			allowedips_add(ips, &each[i], &host);
		else if (i % 2)
			allowedips_remove(ips, &each[i], &host);
		else
			allowedips_remove_all(ips, &each[i]);
		assert_int_equal(each[i].n, is_there[i]);
		host.addr.bytes[14] = (uint8_t)(look >> 8);
		host.addr.bytes[15] = (uint8_t)look;
		assert_ptr_equal(allowedips_find_v6(ips, host.addr.bytes),
				 is_there[look] ? &each[look] : &all);
	}
	for (int i = 0; i < N; i++)
		allowedips_remove_all(ips, &each[i]);
	for (int i = 0; i < N; i++) {
		struct cidr host = net;

		host.addr.bytes[14] = (uint8_t)(i >> 8);
		host.addr.bytes[15] = (uint8_t)i;
		assert_ptr_equal(allowedips_find_v6(ips, host.addr.bytes), &all);
	}
	allowedips_remove_all(ips, &all);
	allowedips_free(ips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),        cmocka_unit_test(test_longest_v4),
		cmocka_unit_test(test_longest_v6),   cmocka_unit_test(test_move_and_remove),
		cmocka_unit_test(test_forks),        cmocka_unit_test(test_all_lengths),
		cmocka_unit_test(test_against_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
