/* Which line of a configuration each thing stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf/places.h"
#include "lib/util/cleanup.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static void find(struct conf_places *out, const char *text, enum conf_dialect dialect)
{
	AUTO(conf_fini) struct conf conf = { 0 };
	struct err err = { 0 };

	if (conf_parse(&conf, text, strlen(text), dialect, &err))
		fail_msg("line %u: %s", err.line, err.text);
	conf_places_find(out, &conf);
}

static const char text[] = "# a comment\n"
			   "[Interface]\n"
			   "Address = 10.0.0.1/24, fd00::1/64\n"
			   "MTU = 1400\n"
			   "PostUp = a # b\n"
			   "PostDown = x\n"
			   "mtu = 1300\n"
			   "Address = \n"
			   "Address = 10.0.0.2\n"
			   "PostUp = b\n"
			   "[Peer]\n"
			   "AllowedIPs = 10.1.0.1/16, +10.2.0.0/16\n"
			   "PublicKey = " KEY "\n"
			   "AllowedIPs = -10.2.0.0/16\n"
			   "[Interface]\n"
			   "SaveConfig = true\n"
			   "[Peer]\n"
			   "PublicKey = " KEY "\n"
			   "AllowedIPs = ::/0\n";

static void lists_have_a_line_for_each_item(void **state)
{
	AUTO(conf_places_fini) struct conf_places places = { 0 };
	static const unsigned int addresses[] = { 3, 3, 9, 0 };

	(void)state;
	find(&places, text, CONF_QUICK);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(conf_places_line(&places, "Address", i), addresses[i]);
	assert_int_equal(conf_places_line(&places, "PostUp", 0), 5);
	assert_int_equal(conf_places_line(&places, "PostUp", 1), 10);
	assert_int_equal(conf_places_line(&places, "PreUp", 0), 0);
	assert_int_equal(conf_places_last(&places, "MTU"), 7);
	assert_int_equal(conf_places_last(&places, "SaveConfig"), 16);
	assert_int_equal(conf_places_last(&places, "Table"), 0);
}

static void allowed_ips(void **state)
{
	AUTO(conf_places_fini) struct conf_places places = { 0 };
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	(void)state;
	find(&places, text, CONF_QUICK);
	for (size_t i = 0; i < places.n_ips; i++) {
		const struct conf_place_ip *ip = &places.ips[i];

		strbuf_addf(&out, "%u %u %s", ip->line, ip->peer, ip->remove ? "-" : "");
		cidr_add(&out, &ip->cidr);
		strbuf_add_char(&out, '\n');
	}
	assert_string_equal(strbuf_text(&out), "12 0 10.1.0.0/16\n12 0 10.2.0.0/16\n"
					       "14 0 -10.2.0.0/16\n19 1 ::/0\n");
}

static void the_last_of_equal_prefixes_counts(void **state)
{
	AUTO(conf_places_fini) struct conf_places places = { 0 };
	static const struct {
		const char *prefix;
		unsigned int line; /* 0: none */
	} cases[] = { { "10.1.0.0/16", 3 }, { "10.2.0.0/16", 7 }, { "::/0", 4 },
		      { "0.0.0.0/0", 0 },   { "10.2.0.0/15", 0 }, { "10.3.0.0/16", 0 } };

	(void)state;
	find(&places,
	     "[Peer]\nPublicKey = " KEY "\nAllowedIPs = 10.2.0.0/16, 10.1.0.1/16\n"
	     "AllowedIPs = ::/0\n[Peer]\nAllowedIPs = +10.2.0.1/16\nAllowedIPs = 10.2.0.9/16\n"
	     "AllowedIPs = -10.2.0.0/16, -10.3.0.0/16\nPublicKey = " KEY "\n",
	     CONF_QUICK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct conf_place_ip *ip;
		struct cidr prefix;

		assert_int_equal(cidr_parse(&prefix, NULL, cases[i].prefix, NULL), 0);
		ip = conf_places_ip(&places, &prefix);
		assert_int_equal(ip ? ip->line : 0, cases[i].line);
	}
}

static void what_down_passes_over_has_no_place(void **state)
{
	AUTO(conf_places_fini) struct conf_places places = { 0 };

	(void)state;
	find(&places,
	     "[Interface]\nMTU = x\nnonsense\nPreDown = a\nMTU = 1\n[Peer]\nEndpoint = 1\n",
	     CONF_DOWN);
	assert_int_equal(conf_places_line(&places, "PreDown", 0), 4);
	assert_int_equal(conf_places_line(&places, "MTU", 0), 5);
	assert_int_equal(places.n_items, 2);
	assert_int_equal(places.n_ips, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_have_a_line_for_each_item),
		cmocka_unit_test(allowed_ips),
		cmocka_unit_test(the_last_of_equal_prefixes_counts),
		cmocka_unit_test(what_down_passes_over_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
